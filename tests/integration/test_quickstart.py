"""deploy/quickstart.sh, as a newcomer runs it. It makes the release build if it isn't there."""

import os
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest
from garner import ROOT

SCRIPT = ROOT / "deploy/quickstart.sh"


def start(*args):
    return subprocess.Popen([SCRIPT, *map(str, args)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                            text=True, start_new_session=True)


def registries(session):
    """Processes named docker-registry of that session."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            name, rest = re.fullmatch(r"\d+ \((.*)\) (.*)", path.read_text().strip()).groups()
        except (OSError, AttributeError):
            continue
        state, _, _, its_session = rest.split()[:4]
        if name.startswith("docker-registr") and int(its_session) == session and state != "Z":
            found.append(path.parent.name)
    return found


def leftovers():
    return set(Path("/tmp").glob("garner-quickstart-temp.*"))


def test_it_ends_by_itself_and_shows_the_three_changes(tmp_path):
    before = leftovers()
    process = start(tmp_path / "kept folder")
    out, _ = process.communicate(timeout=800)
    assert process.returncode == 0, out
    table = out.split("== 6/6")[1].split("Done.")[0]
    for op, name in [("created", r"2\.0"), ("updated", "stable"), ("deleted", r"1\.1")]:
        assert re.search(rf"(?m)^.*\b{op}\b.*{name}", table), out
    assert registries(process.pid) == [] and leftovers() == before
    assert (tmp_path / "kept folder/data").is_dir() and str(tmp_path / "kept folder") in out
    again = start(tmp_path / "kept folder")
    out, _ = again.communicate(timeout=60)
    assert again.returncode == 1 and "not empty" in out


@pytest.mark.parametrize("name, code", [("SIGINT", 130), ("SIGTERM", 143)])
def test_a_signal_stops_all_that_it_started(tmp_path, name, code):
    before = leftovers()
    process = start(tmp_path / "kept")
    deadline = time.monotonic() + 600
    while not registries(process.pid) and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    os.killpg(process.pid, getattr(signal, name))
    out, _ = process.communicate(timeout=60)
    assert process.returncode == code, out
    assert registries(process.pid) == [] and leftovers() == before
