"""deploy/quickstart.sh, as a newcomer runs it. It makes the release build if it isn't there."""

import os
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest
from garner import ROOT

SCRIPT, GARNER = ROOT / "deploy/quickstart.sh", ROOT / "build/release/bin/garner"
HOSTILE = {"AWS_PROFILE": "not-for-the-quickstart", "AWS_ENDPOINT_URL": "http://192.0.2.1", "HTTP_PROXY": "http://192.0.2.1:1",
           "http_proxy": "http://192.0.2.1:1", "AWS_SESSION_TOKEN": "somebody's"}


def start(*args):
    """Packages and Python are there when tests run, so that no proxy is needed for them."""
    return subprocess.Popen([SCRIPT, *map(str, args)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                            text=True, start_new_session=True, env={**os.environ, **HOSTILE})


def processes(session):
    """The command lines of that session's processes, but for its first."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, _, its_session = re.fullmatch(r"\d+ \(.*\) (.*)", path.read_text().strip())[1].split()[:4]
            command = (path.parent / "cmdline").read_text().replace("\0", " ")
        except (OSError, TypeError):
            continue
        if int(its_session) == session and state != "Z" and path.parent.name != str(session):
            found.append(command)
    return found


def leftovers():
    return set(Path("/tmp").glob("garner-quickstart*"))


def rounds(out):
    """What was printed in each round."""
    return re.split(r"(?m)^-- round \d\n", out.split("\nDone")[0])[1:]


def test_it_ends_by_itself_and_shows_what_was_done(tmp_path):
    before, folder = leftovers(), tmp_path / "kept folder"
    process = start(folder)
    out, _ = process.communicate(timeout=800)
    assert process.returncode == 0, out
    first, second, third, fourth, fifth = rounds(out)

    door = r"(?m)^\S+ +updated +aws/111111111111 +eu-west-1 +aws\.ec2\.security_group +sg-\w+ +/ipPermissions/\S+ {}: .*\b22\b.* 0\.0\.0\.0/0"
    assert re.search(door.format("added"), first) and re.search(door.format("removed"), fifth), out
    made = re.search(r"makes two snapshots .*: (snap-\w+), (snap-\w+)", first).groups()
    for id in made:
        assert re.search(rf"(?m)^\S+ +created +aws/222222222222 +us-east-1 +aws\.ec2\.snapshot +{id}\b", first), out
    assert re.search(r"(?m)^\S+ +updated +aws/111111111111 .*aws\.s3\.bucket_policy .*shop-prod-invoices +/Statement/0/Principal/AWS .* → \*$", second), out
    for id in re.search(r"deletes two others: (snap-\w+), (snap-\w+)", second).groups():
        assert re.search(rf"(?m)^\S+ +deleted +aws/222222222222 +us-east-1 +aws\.ec2\.snapshot .*\b{id} +rests on \S+, \S+$", third), out
    assert re.search(r"(?m)^\S+ +created +aws/333333333333 +aws\.iam\.user .*UserName: contractor", third), out
    assert re.search(r"(?m)^\S+ +created +aws/333333333333 .*aws\.iam\.access_key .*\bAKIA", third), out

    # Nothing else is told, and of a round without deeds nothing.
    assert [text.count("\n20") for text in (first, second, third, fourth, fifth)] == [3, 1, 5, 0, 1], out
    assert re.search(r"resources: [\d,]+ unchanged; [\d,]+ requests", fourth) and "nothing changed" in fourth, out
    assert int(re.search(r"(?m)^Done, (\d+) s after the server was started", out)[1]) < 60, out

    assert processes(process.pid) == [] and leftovers() == before
    assert str(folder).replace(" ", r"\ ") in out and sorted(path.name for path in folder.iterdir()) == ["data", "garner.yaml"]
    verified = subprocess.run([GARNER, "verify", folder / "data"], capture_output=True, text=True, timeout=60, check=False)
    assert verified.returncode == 0 and verified.stdout.endswith(": ok\n"), verified
    tried = re.search(r"(?m)^  (garner history .*?)  +#", out)[1]
    history = subprocess.run(["bash", "-c", tried.replace("garner", str(GARNER), 1)], capture_output=True, text=True, timeout=60, check=False)
    assert history.stdout.count(" updated ") == 2, history

    again = start(folder)
    out, _ = again.communicate(timeout=60)
    assert again.returncode == 1 and "not empty" in out


@pytest.mark.parametrize("name, code, moment", [("SIGINT", 130, "moto listens"), ("SIGINT", 130, "-- round 2"), ("SIGTERM", 143, "-- round 1")])
def test_a_signal_stops_all_that_it_started(tmp_path, name, code, moment):
    before = leftovers()
    process = start(tmp_path / "kept")
    out = ""
    for line in process.stdout:
        out += line
        if moment in line:
            break
    assert any("quickstart.py serve" in command for command in processes(process.pid)), out
    os.killpg(process.pid, getattr(signal, name))
    out += process.communicate(timeout=60)[0]
    assert process.returncode == code and "stopped before its end" in out, out
    deadline = time.monotonic() + 10
    while processes(process.pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert processes(process.pid) == [] and leftovers() == before
