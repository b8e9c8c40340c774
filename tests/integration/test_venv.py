"""deploy/venv.sh: the environment that these tests run in."""

import fcntl
import os
import subprocess
import time

from garner import ROOT

SCRIPT = ROOT / "deploy/venv.sh"
NO_INDEX = {**{key: value for key, value in os.environ.items() if not key.startswith("PIP_")},
            "PIP_NO_INDEX": "1", "PIP_CONFIG_FILE": os.devnull}


def venv(*args, **more):
    return subprocess.run(["bash", str(SCRIPT), *map(str, args)], capture_output=True, text=True, timeout=60, **more)


def test_once_it_is_there_nothing_is_done():
    started = time.monotonic()
    made = venv()
    assert (made.returncode, made.stdout, made.stderr) == (0, "", "")
    assert time.monotonic() - started < 2


def test_without_an_index_it_says_what_to_look_at_and_begins_anew_the_next_time(tmp_path):
    for _ in range(2):
        made = venv(tmp_path / "v", env=NO_INDEX)
        assert made.returncode == 1 and made.stdout == f"venv: making {tmp_path}/v\n"
        assert "could not install " in made.stderr and "tests/requirements.txt" in made.stderr and "run deploy/venv.sh again" in made.stderr


def test_a_folder_of_somebody_else_is_left_alone(tmp_path):
    (tmp_path / "mine").write_text("kept")
    made = venv(tmp_path)
    assert made.returncode == 1 and "is not empty and not of this script" in made.stderr
    assert sorted(os.listdir(tmp_path)) == ["mine"]


def test_two_at_once_wait_for_each_other(tmp_path):
    with open(tmp_path / "v.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        second = subprocess.Popen(["bash", str(SCRIPT), str(tmp_path / "v")], env=NO_INDEX, stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE, text=True)
        assert second.stderr.readline() == f"venv: waiting for another one that makes {tmp_path}/v\n"
        assert not (tmp_path / "v").exists()
    out, _ = second.communicate(timeout=60)
    assert out == f"venv: making {tmp_path}/v\n"


def test_a_wrong_option_is_told():
    assert "'--now' is not an option" in venv("--now").stderr
