"""Measures the feed beside Redis Streams and JetStream. feed.sh builds and calls this.

All have the same changes, byte for byte. Server and client have a core each. Rounds: each side runs once, in turns, and
what counts is the ratio within a round: the median of these is told, beside the medians of both sides.

Exits 0 when everything worked, whether or not what is wanted was reached; 1 when something didn't.
"""

import os
import shutil
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

from feed_live import Live
from feed_live import measure as measure_live
from feed_servers import GarnerRun, Nats, Redis, on_core, version_of
from figures import Figure
from harvest import fresh
from measure import Trouble, busy_s, machine_of, run
from options import arguments
from report import json_lines, table

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = ("feed_append", "feed_garner", "feed_redis", "feed_nats", "feed_live", "bare_feed")
COUNT, COUNT_SMALL = 500_000, 3_000
DOCUMENT_BYTES = 600
SHARDS = 8              # of the second data folder
ONE = Live(changes=2_000, rate=400, batch=1, followers=1)
TEN = Live(changes=110_000, rate=11_000, batch=100, followers=10)   # somewhat faster than is wanted: who keeps up shows
NINE = Live(changes=110_000, rate=1_000_000, batch=100, followers=9)    # as fast as it goes
OTHERS_MAX = 0.15       # cores that others may keep busy
HERE = Path(__file__).resolve().parent
SMALL = 100             # of the changes of these in a small run, one of so many


@dataclass(frozen=True)
class Once:
    """What one side took."""

    wall_s: float
    cpu_s: float        # client and server
    others: float       # cores that somebody else kept busy meanwhile


class Feed:
    def __init__(self, garner, programs, folder, count, runs, cores):
        self.garner, self.programs, self.folder, self.count, self.runs = garner, programs, folder, count, runs
        self.server_core, self.client_core = cores

    def run(self, program, *words, server=None):
        """A program on the client's core; Trouble unless it took all there is."""
        before, busy = server.cpu_s() if server else 0, busy_s()
        argv = [sys.executable, HERE / program] if program.endswith(".py") else [self.programs / program]
        whole = run(on_core(self.client_core, [*argv, *words]), self.folder)
        busy, served, took = busy_s() - busy, server.cpu_s() - before if server else 0, whole.json()
        if took["changes"] != self.count or took["bytes"] not in (0, self.count * DOCUMENT_BYTES):
            raise Trouble(f"{program} says {took}, and there are {self.count} changes")
        return Once(took["seconds"], took["cpu_seconds"] + served, max(0, busy - whole.cpu_s - served) / whole.wall_s)

    def rounds(self, sides):
        """Each side once a round, and once before: what they read is in memory then. What each took, by side and round."""
        for side in sides.values():
            side()
        os.sync()
        taken = {name: [] for name in sides}
        for _ in range(self.runs):
            for name, side in sides.items():
                taken[name].append(side())
        for name, runs in taken.items():
            print(f"bench: {name}: seconds of each round {' '.join(f'{one.wall_s:.3f}' for one in runs)}", file=sys.stderr)
        others = median(one.others for runs in taken.values() for one in runs)
        if others > OTHERS_MAX:
            print(f"bench: something else kept {others:.1f} cores busy meanwhile: these figures say little", file=sys.stderr)
        return taken

    def figure(self, name, ours, others, cpu=True):
        return Figure(name, self.count / median(one.wall_s for one in ours), "changes/s", self.count / median(one.wall_s for one in others),
                      median(other.wall_s / one.wall_s for one, other in zip(ours, others)),
                      median(other.cpu_s / one.cpu_s for one, other in zip(ours, others)) if cpu else None)

    def store(self, name, shards=1):
        """A data folder that holds all changes."""
        data = self.folder / name
        self.run("feed_append", data, self.count, shards)
        return data

    # --- the figures ---

    def append(self):
        """Synced all 10,000 changes; JetStream syncs every two minutes."""
        data, target = self.store("source"), self.folder / "appended"

        def ours(*options):
            fresh(target)
            os.sync()
            return self.run("feed_append", *options, target, self.count, 1)

        def other():
            shutil.rmtree(target, ignore_errors=True)
            os.sync()
            return self.run("feed_nats", "append", nats.port, data, server=nats)
        with Nats(self.folder / "nats-append", self.server_core) as nats:
            taken = self.rounds({"log": lambda: ours("--log"), "nats": other, "created": ours})
        for path in (data, target, nats.folder):
            shutil.rmtree(path, ignore_errors=True)
        return [self.figure("append", taken["log"], taken["nats"]), self.figure("append-created", taken["created"], taken["nats"])]

    def catch_up(self):
        data, many = self.store("one"), self.store("many", SHARDS)
        with ExitStack() as stack:
            def start(server):
                return stack.enter_context(server)
            redis = start(Redis(self.folder / "redis", self.server_core))
            nats = start(Nats(self.folder / "nats", self.server_core))
            self.run("feed_redis", "load", redis.port, data)
            self.run("feed_nats", "append", nats.port, data)
            # These add that nobody watches what is in the folders.
            one = start(GarnerRun(self.garner, data, 1, self.folder / "garner-one", self.server_core))
            eight = start(GarnerRun(self.garner, many, SHARDS, self.folder / "garner-many", self.server_core))
            taken = self.rounds({
                "one": lambda: self.run("feed_garner", one.address, self.count, server=one),
                "redis": lambda: self.run("feed_redis", "read", redis.port, self.count, server=redis),
                "many": lambda: self.run("feed_garner", eight.address, self.count, server=eight),
                "nats": lambda: self.run("feed_nats", "read", nats.port, self.count, server=nats),
                "bare": lambda: self.run("bare_feed", data, self.count, self.server_core),
            })
        return [self.figure("catch-up-redis", taken["one"], taken["redis"]), self.figure("catch-up-redis-shards", taken["many"], taken["redis"]),
                self.figure("catch-up-nats", taken["one"], taken["nats"]), self.figure("catch-up-nats-shards", taken["many"], taken["nats"]),
                self.figure("catch-up-bare", taken["one"], taken["bare"], cpu=False)]

    def live_once(self, live):
        if self.count == COUNT_SMALL:
            live = replace(live, changes=live.changes // SMALL)
        return measure_live(self.programs, self.folder, live, (self.server_core, self.client_core))

    def live(self, live):
        return [self.live_once(live) for _ in range(self.runs)]

    def hint(self):
        runs = self.live(ONE)

        def figure(name, share):
            return Figure(name, median(found.lags_s[int(share * (len(found.lags_s) - 1))] for found in runs) * 1000, "ms")
        return [figure("hint", 0.99), figure("hint-median", 0.5), figure("hint-max", 1)]

    def ten(self):
        runs = self.live(TEN)
        return [Figure("ten", median(found.rate for found in runs), "changes/s"),
                Figure("ten-lag", median(found.lags_s[int(0.99 * (len(found.lags_s) - 1))] for found in runs) * 1000, "ms")]

    def hung(self):
        """Nine, and nine beside one that hangs, in turns."""
        pairs = [(self.live_once(replace(NINE, hung=1)).rate, self.live_once(NINE).rate) for _ in range(self.runs)]
        return [Figure("hung", median(beside for beside, _ in pairs), "changes/s", median(alone for _, alone in pairs),
                       median(beside / alone for beside, alone in pairs))]

    def http(self):
        """One stream of NDJSON, by the gateway of the run that serves the folder."""
        data = self.store("http")
        with GarnerRun(self.garner, data, 1, self.folder / "garner-http", self.server_core) as garner:
            taken = self.rounds({"http": lambda: self.run("feed_http.py", garner.http_port, server=garner)})
        return [Figure("http", self.count / median(one.wall_s for one in taken["http"]), "changes/s")]

    ALL = {"append": append, "catch-up": catch_up, "hint": hint, "ten": ten, "hung": hung, "http": http}


def programs(build):
    """Garner, and the folder of the others."""
    missing = [str(path) for path in (build / "bin/garner", *(build / "tests" / name for name in PROGRAMS)) if not path.is_file()]
    if missing:
        raise SystemExit(f"bench: not built: {', '.join(missing)}: use tests/bench/feed.sh")
    return build / "bin/garner", build / "tests"


def two_cores():
    """For server and client. On a machine with one they share it."""
    cores = sorted(os.sched_getaffinity(0))
    return cores[0], cores[min(1, len(cores) - 1)]


def measure(feed, names):
    """The figures that could be had, and what was wrong with the others."""
    figures, troubles = [], []
    for name in names:
        print(f"bench: {name}", file=sys.stderr, flush=True)
        try:
            figures += feed.ALL[name](feed)
        except Trouble as trouble:
            troubles.append(f"bench: {name}: {trouble}")
            print(troubles[-1], file=sys.stderr, flush=True)
    return figures, troubles


def main():
    args = arguments("tests/bench/feed.sh", "Measure the feed beside Redis Streams and JetStream (docs/performance.md).", Feed.ALL)
    garner, folder_of_programs = programs(args.build.resolve())
    (ROOT / "build/bench").mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="feed-", dir=ROOT / "build/bench"))
    count = COUNT_SMALL if args.small else COUNT
    try:
        figures, troubles = measure(Feed(garner, folder_of_programs, folder, count, args.runs, two_cores()),
                                    [name for name in Feed.ALL if name in args.only])
    finally:
        if args.keep:
            print(f"bench: kept {folder}", file=sys.stderr)
        else:
            shutil.rmtree(folder, ignore_errors=True)
    print(f"{machine_of()}; {version_of('redis-server')}, {version_of('nats-server')}\n"
          f"{count:,} changes with documents of {DOCUMENT_BYTES} bytes; medians of {args.runs}\n")
    print(table(figures, judged=not args.small))
    if args.json:
        args.json.write_text(json_lines(figures))
    return 1 if troubles else 0


sys.exit(main())
