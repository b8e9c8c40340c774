"""Run a program as a whole process, and say what it took: time, CPU, memory, bytes written."""

import json
import os
import re
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median  # noqa: F401  for those who measure

POLL_S = 0.02


class Trouble(Exception):
    """Something didn't work, so there is no figure."""


@dataclass
class Took:
    wall_s: float
    cpu_s: float        # user and system
    out: str
    err: str
    rss_kb: int = 0     # the most RssAnon that was seen; only when watched
    written: int = 0    # bytes of all its writes but those to stdout and stderr

    def json(self):
        return json.loads(self.out)


def environment(folder, **more):
    """Nothing of the developer's own but where programs are, and what sanitizers were told."""
    kept = {name: os.environ[name] for name in ("PATH", "ASAN_OPTIONS", "LSAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS") if name in os.environ}
    return {**kept, "HOME": str(folder), "LC_ALL": "C.UTF-8", "NO_COLOR": "1", "AWS_EC2_METADATA_DISABLED": "true", **more}


def machine_of():
    """Its processor, cores and kernel."""
    found = re.search(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return f"{found[1] if found else os.uname().machine}, {os.cpu_count()} cores; Linux {os.uname().release}"


def busy_s():
    """CPU time that all there is on the machine took so far: user, nice and system."""
    return sum(map(int, Path("/proc/stat").read_text().splitlines()[0].split()[1:4])) / os.sysconf("SC_CLK_TCK")


def rss_anon_kb(pid):
    try:
        found = re.search(r"^RssAnon:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    except OSError:
        return 0
    return int(found[1]) if found else 0


def wait(pid, watch):
    """Wait for its end, and leave it to be looked at. Returns the most RssAnon, if that is watched."""
    most = 0
    if watch:
        while os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            most = max(most, rss_anon_kb(pid))
            time.sleep(POLL_S)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    return most


def bytes_written(pid):
    return int(re.search(r"^wchar: (\d+)$", Path(f"/proc/{pid}/io").read_text(), re.MULTILINE)[1])


def run(argv, folder, stdin=None, watch=False, **env):
    """Run it in a folder, where what it says goes to files, so that nothing of it waits for us."""
    paths = folder / "stdout.txt", folder / "stderr.txt"
    with open(paths[0], "wb") as out, open(paths[1], "wb") as err, open(stdin or os.devnull, "rb") as source:
        began = time.monotonic()
        process = subprocess.Popen([str(word) for word in argv], stdin=source, stdout=out, stderr=err, cwd=folder,
                                   env=environment(folder, **env))
        most = wait(process.pid, watch)
        wall = time.monotonic() - began
    written = bytes_written(process.pid)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    out, err = (path.read_text(errors="replace") for path in paths)
    if process.returncode != 0:
        raise Trouble(f"{' '.join(map(str, argv))}: exit {process.returncode}\n{err[-2000:]}")
    written -= sum(path.stat().st_size for path in paths)
    return Took(wall, usage.ru_utime + usage.ru_stime, out, err, most, written)
