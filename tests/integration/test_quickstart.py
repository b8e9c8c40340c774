"""deploy/quickstart.sh, as a newcomer runs it. It makes the release build if it isn't there."""

import os
import pty
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


def rows(out, deed):
    """The lines of the table that come after what was said, without further titles."""
    return re.findall(r"(?m)^20\S+Z  .*$", out[out.index(deed):])


def row(lines, *patterns):
    """The number of the one line that has all of these, in their order."""
    found = [i for i, line in enumerate(lines) if re.search(" .*".join(patterns), line)]
    assert len(found) == 1, (patterns, lines)
    return found[0]


def test_it_ends_by_itself_and_tells_what_is_done_while_it_is_done(tmp_path):
    before, folder = leftovers(), tmp_path / "kept folder"
    process = start(folder)
    out, _ = process.communicate(timeout=800)
    assert process.returncode == 0, out
    assert re.search(r"(?m)^  [\d,]+ collections; [\d,]+ resources: [\d,]+ created; [\d,]+ requests in ", out), out

    lines = rows(out, "5/5")
    assert len(lines) == 8, out  # and nothing else
    group = r"updated +aws/111111111111 +eu-west-1 +aws\.ec2\.security_group +sg-\w+ +/ipPermissions/\S+ {}: .*\b22\b.* 0\.0\.0\.0/0"
    assert row(lines, group.format("added")) < row(lines, group.format("removed")), out
    policy = r"updated +aws/111111111111 +aws\.s3\.bucket_policy +shop-prod-invoices +shop-prod-invoices +/Statement/0/Principal/AWS {} → {}"
    role = r"arn:aws:iam::111111111111:role/deploy"
    assert row(lines, policy.format(role, r"\*$")) < row(lines, policy.format(r"\*", role)), out
    for id in re.search(r"makes two snapshots .*: (snap-\w+), (snap-\w+)", out).groups():
        row(lines, r"created +aws/222222222222 +us-east-1 +aws\.ec2\.snapshot", id)
    for id in re.search(r"deletes two others: (snap-\w+), (snap-\w+)", out).groups():
        row(lines, r"deleted +aws/222222222222 +us-east-1 +aws\.ec2\.snapshot", rf"{id} +rests on \S+, \S+$")
    assert row(rows(out, "opens port 22"), group.format("added")) == 0, "it is told while it goes on"
    assert out.index("opens port 22") < out.index(lines[0]) < out.index("closes port 22"), out
    assert re.search(r"(?m)^garner run, stopped: [\d,]+ collections", out), out

    assert processes(process.pid) == [] and leftovers() == before
    assert str(folder).replace(" ", r"\ ") in out and sorted(path.name for path in folder.iterdir()) == ["aws.yaml", "data", "garner.yaml", "run.log"]
    verified = subprocess.run([GARNER, "verify", folder / "data"], capture_output=True, text=True, timeout=60, check=False)
    assert verified.returncode == 0 and verified.stdout.endswith(": ok\n"), verified
    tried = re.search(r"(?m)^  (garner history .*?)  +#", out)[1]
    history = subprocess.run(["bash", "-c", tried.replace("garner", str(GARNER), 1)], capture_output=True, text=True, timeout=60, check=False)
    assert history.stdout.count(" updated ") == 2, history

    again = start(folder)
    out, _ = again.communicate(timeout=60)
    assert again.returncode == 1 and "not empty" in out


def expect_all_gone(process, before):
    deadline = time.monotonic() + 10
    while processes(process) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert processes(process) == [] and leftovers() == before


@pytest.mark.parametrize("name, code, moment", [("SIGINT", 130, "moto listens"), ("SIGINT", 130, "opens port 22"),
                                                ("SIGTERM", 143, "makes two snapshots")])
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
    expect_all_gone(process.pid, before)


def test_on_a_terminal_it_goes_on_until_ctrl_c_and_then_ends_well(tmp_path):
    before, folder = leftovers(), tmp_path / "kept"
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(SCRIPT, [str(SCRIPT), str(folder)], {**os.environ, **HOSTILE, "TERM": "xterm"})
    out = b""
    while b"opens port 22" not in out or b"removed" not in out or out.count(b"opens port 22") < 2:
        out += os.read(terminal, 65536)
    assert any("garner run" in command for command in processes(pid)), out
    os.write(terminal, b"\x03")
    try:
        while more := os.read(terminal, 65536):
            out += more
    except OSError:  # its last writer is gone
        pass
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0, out.decode()
    assert b"Ctrl-C ends all of it" in out and b"garner run, stopped: " in out and b"\r\nDone, " in out, out.decode()
    os.close(terminal)
    expect_all_gone(pid, before)
    verified = subprocess.run([GARNER, "verify", folder / "data"], capture_output=True, text=True, timeout=60, check=False)
    assert verified.returncode == 0, verified
