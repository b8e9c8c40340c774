"""How long after a change at the provider its line comes out of `garner run --print-feed`.

    live = Live(accounts=100, regions=100, period_s=10, writes=12000, gap_s=0.005)
    found = measure(garner, live, folder, origin)      # origin + "/live/…" serves folder's files

Each collection is a file of nginx's, of a few items, that is replaced now and then as a whole. Which one is next is
shuffled, and nobody's turn comes again until all had theirs: else a change would be overtaken by the next one before it
was found. nginx makes an ETag of a file's time in seconds and its length, so each file that is written gets a
second of its own.
"""

import json
import os
import queue
import random
import re
import signal
import subprocess
import threading
import time
from dataclasses import dataclass, replace

from harvest import fresh
from measure import Trouble, environment, rss_anon_kb
from nginx import free_ports

ITEMS = 20
FIRST_SECOND = 10**9     # of the files' times
READY_S = 120            # for the first listing of all
LATE_S = 20              # beyond the period: a line that isn't there by then doesn't come
SEED = 5
IDLE_S = 5               # until all is read that is to be watched
IDLE_PERIOD_S = 86400


@dataclass(frozen=True)
class Live:
    accounts: int = 100
    regions: int = 100
    period_s: int = 10
    writes: int = 12000      # changes that are made …
    gap_s: float = 0.005     # … so long after each other

    @property
    def collections(self):
        return self.accounts * self.regions

    def files(self):
        return [f"a{a:03}/r{r:03}.json" for a in range(1, self.accounts + 1) for r in range(1, self.regions + 1)]


@dataclass(frozen=True)
class Found:
    lags_s: list          # of each change, from the moment that it was made to its line
    cpu: float            # of one core, by Garner while changes were made
    idle_bytes: float     # of memory (RssAnon) a collection, while none is due


class Files:
    """What nginx serves. The first item of a file says which write it was."""

    def __init__(self, folder, live):
        self.folder, self.count = folder, 0
        for name in live.files():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            self.write(name)

    def write(self, name):
        """Returns the number of this write, and when it was there."""
        self.count += 1
        items = [{"id": f"i{n:02}", "state": "running", "write": self.count if n == 0 else 0} for n in range(ITEMS)]
        made = self.folder / "next"
        made.write_text(json.dumps({"items": items}))
        os.utime(made, (FIRST_SECOND + self.count,) * 2)
        at = time.monotonic()
        os.replace(made, self.folder / name)
        return self.count, at


class Feed:
    """The lines of a running Garner, and when each came."""

    def __init__(self, argv, folder):
        self.said = folder / "live.stderr.txt"
        with open(self.said, "wb") as err:
            self.process = subprocess.Popen([str(word) for word in argv], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=err,
                                            cwd=folder, env=environment(folder))
        self.lines = queue.SimpleQueue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            self.lines.put((time.monotonic(), line))
        self.lines.put((time.monotonic(), None))

    def writes(self, deadline):
        """The number of each write that a line tells of, and when it came; until so late, or the end."""
        while (left := deadline - time.monotonic()) > 0:
            try:
                at, line = self.lines.get(timeout=left)
            except queue.Empty:
                return
            if line is None:
                raise Trouble(f"garner run ended by itself:\n{self.said.read_text()[-2000:]}")
            change = json.loads(line)
            if change["op"] in ("created", "updated") and change["after"]["id"] == "i00":
                yield change["after"]["write"], at

    def cpu_s(self):
        return sum(map(int, re.sub(r".*\) ", "", self._stat()).split()[11:13])) / os.sysconf("SC_CLK_TCK")

    def _stat(self):
        with open(f"/proc/{self.process.pid}/stat", encoding="utf-8") as file:
            return file.read()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise Trouble("garner run doesn't stop") from None


def configure(folder, live, origin):
    provider = {"provider": "live", "auth": {"kind": "none"}, "limits": {"concurrency": 2, "key": "{account.id}"}, "collections": [
        {"type": "live.thing", "scope": "region", "every": f"{live.period_s}s", "items": "/items/*", "id": "/id",
         "request": {"url": "{account.endpoint}/{region}.json"}}]}
    regions = [f"r{n:03}" for n in range(1, live.regions + 1)]
    (folder / "live.provider.yaml").write_text(json.dumps(provider))
    config = folder / "live.garner.yaml"
    config.write_text(json.dumps({
        "listen": f"tcp://127.0.0.1:{free_ports(1)[0]}", "providers": ["live.provider.yaml"],
        "accounts": [{"id": f"a{n:03}", "provider": "live", "endpoint": f"{origin}/live/a{n:03}", "regions": regions}
                     for n in range(1, live.accounts + 1)]}))
    return config


def wait_for(feed, wanted, deadline, what):
    """When the line of each of some writes came."""
    came = {}
    for number, at in feed.writes(deadline):
        if number in wanted:
            came.setdefault(number, at)
        if len(came) == len(wanted):
            return came
    raise Trouble(f"{what}: {len(wanted) - len(came)} of {len(wanted)} lines didn't come")


def change(files, live):
    """Makes the changes. Returns when each was made."""
    names, made = live.files(), {}
    random.Random(SEED).shuffle(names)
    began = time.monotonic()
    for turn in range(live.writes):
        time.sleep(max(0.0, began + turn * live.gap_s - time.monotonic()))
        number, at = files.write(names[turn % len(names)])
        made[number] = at
    return made


def idle_bytes(argv, folder, live, origin):
    """A collection's memory in a Garner that was just started, and watches all of them, of which none is due for long."""
    configure(folder, replace(live, period_s=IDLE_PERIOD_S), origin)
    feed = Feed(argv, folder)
    try:
        time.sleep(IDLE_S)
        return rss_anon_kb(feed.process.pid) * 1024 / live.collections
    finally:
        feed.stop()


def measure(program, live, folder, served, origin):
    files = Files(served, live)
    data = fresh(folder / "data/live")
    argv = [program, "run", "-c", configure(folder, live, origin), "--data", data, "--threads", 1, "--print-feed"]
    feed = Feed(argv, folder)
    try:
        wait_for(feed, set(range(1, live.collections + 1)), time.monotonic() + READY_S, "the first listing")
        time.sleep(live.period_s)   # from then on they are due at times of their own
        began, cpu = time.monotonic(), feed.cpu_s()
        made = change(files, live)
        share = (feed.cpu_s() - cpu) / (time.monotonic() - began)
        came = wait_for(feed, made, time.monotonic() + live.period_s + LATE_S, "changes")
    finally:
        feed.stop()
    return Found(sorted(came[number] - at for number, at in made.items()), share, idle_bytes(argv, folder, live, origin))

