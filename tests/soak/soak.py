"""Garner for an hour against providers that change all the time, killed every minute of the first two thirds.

    tests/soak.sh [--minutes 60] [--accounts 1000] [--collections 20] [--moto 10] [--seed 1] [--json FILE]

Of the accounts `--moto` are moto's, the others are files behind nginx. Two thirds of the time somebody kills and starts
`garner run` again; the last third it is left alone, and its memory is looked at. The last minute nothing changes. Then:

- no delete in the feed was of something that was there (also looked at while it is printed);
- the whole feed has no hole in any shard's seqs, and replayed it is what the providers have; so is what `garner list` prints;
- `garner verify` is silent;
- RssAnon was flat over the last third, if that is long enough to tell (20 minutes of 60).

Exit code 0 if all that is so, 1 if not.
"""

import argparse
import json
import os
import random
import shutil
import statistics
import sys
import tempfile
import threading
import time
from contextlib import nullcontext
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/lib"))

import garner  # noqa: E402
import yaml  # noqa: E402
from cloud import Cloud  # noqa: E402
from continual import free_port  # noqa: E402
from moto_cloud import Moto  # noqa: E402
from pages import Nginx, Pages  # noqa: E402
from truth import Feed, Truth, differences, key_of  # noqa: E402
from watch import Watched  # noqa: E402

KILLED, QUIET_S = 2 / 3, 60
FLAT, FLAT_NEEDS_S = 1.05, 300   # the median of the last quarter may be so much above that of the first


def options():
    parser = argparse.ArgumentParser(prog="tests/soak.sh", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60, help="how long, without the first harvest and the checks")
    parser.add_argument("--accounts", type=int, default=1000)
    parser.add_argument("--collections", type=int, default=20, help="of each account")
    parser.add_argument("--moto", type=int, default=10, help="how many of the accounts are moto's")
    parser.add_argument("--every", default="60s", help="how often a collection is harvested")
    parser.add_argument("--kill-every", type=float, default=60, help="seconds")
    parser.add_argument("--changes", type=float, default=50, help="a second, at nginx; a fiftieth of that at moto")
    parser.add_argument("--quiet", type=float, default=3 * QUIET_S, help="seconds at the end without changes")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", help="a file for the figures")
    parser.add_argument("--folder", help="where everything is made (a new one of the system's for such)")
    return parser.parse_args()


def say(text):
    print(f"soak: {text}", flush=True)


class Mutator(threading.Thread):
    """Changes one world at a rate until it is told to stop."""

    def __init__(self, world, rate):
        super().__init__(daemon=True)
        self.world, self.rate, self.ended, self.trouble = world, rate, threading.Event(), None

    def run(self):
        try:
            while not self.ended.wait(1 / self.rate):
                self.world.change()
        except Exception as trouble:  # told by the main thread: a soak whose world stands still proves nothing
            self.trouble = trouble

    def stop(self):
        self.ended.set()
        self.join()
        if self.trouble:
            raise self.trouble


class Soak:
    def __init__(self, args, folder, moto):
        self.args, self.truth = args, Truth()
        chance = random.Random(args.seed)
        self.pages = Pages(folder, self.truth, chance, args.accounts - args.moto, args.collections)
        self.cloud = Cloud(moto, self.truth, random.Random(args.seed + 1), args.moto, args.collections) if moto else None
        self.nginx = Nginx(folder, self.pages.folder)
        self.lab = garner.Lab(folder, self.nginx.url)
        self.configure(moto)
        self.log = open(self.lab.folder / "garner.log", "ab")
        self.watched = Watched(self.lab, self.truth, self.log)
        self.mutators = [Mutator(self.pages, args.changes)] + ([Mutator(self.cloud, max(args.changes / 50, 0.2))] if moto else [])
        self.figures = {"settings": vars(args)}

    def configure(self, moto):
        accounts = [self.lab.account(id=id, provider="soak") for id in self.pages.accounts]
        self.lab.has_provider(self.pages.definition(self.args.every), "soak")
        files = ["providers/soak.yaml"]
        if moto:
            self.lab.has_provider(yaml.safe_dump(self.cloud.definition(self.args.every), sort_keys=False), "aws")
            self.lab.env.update(moto.environment())
            accounts += self.cloud.configured()
            files.append("providers/aws.yaml")
        self.lab.has_config(accounts, providers=files, shards=16, map_size="8GiB", listen=f"tcp://127.0.0.1:{free_port()}")

    # --- phases ---

    def first_harvest(self):
        began = time.monotonic()
        process = self.lab.start("run", "-c", self.lab.config, "--once", stdout=self.log, stderr=self.log)
        if process.wait() != 0:
            raise SystemExit(f"soak: the first harvest ended with {process.returncode}: see {self.log.name}")
        self.figures["first_harvest_s"] = round(time.monotonic() - began, 1)
        say(f"first harvest of {self.args.accounts * self.args.collections} collections: {self.figures['first_harvest_s']} s")

    def live(self):
        """Changes and kills, then changes only, then neither."""
        seconds = self.args.minutes * 60
        began, asked = time.monotonic(), self.nginx.requests()
        self.truth.watched = True
        self.watched.start()
        for mutator in self.mutators:
            mutator.start()
        while (left := began + seconds * KILLED - time.monotonic()) > self.args.kill_every:
            time.sleep(self.args.kill_every)
            self.watched.kill()
            self.watched.start()
            say(f"killed {self.watched.kills} times; {self.watched.lines} lines; {self.truth.changes} changes")
        time.sleep(max(left, 0))
        self.calm_from = time.monotonic()
        time.sleep(max(began + seconds - time.monotonic(), 0))
        self.watched.check_alive()
        self.calm_to = time.monotonic()
        self.figures["requests_per_s"] = round((self.nginx.requests() - asked) / (time.monotonic() - began), 1)
        for mutator in self.mutators:
            mutator.stop()
        time.sleep(self.args.quiet)
        self.watched.check_alive()
        self.figures["stop_s"] = round(self.watched.stop(), 2)

    # --- what must be so ---

    def check(self):
        """The faults, as sentences."""
        faults = [f"false delete: {event}" for event in self.watched.false_deletes[:5]] + self.watched.faults
        feed = Feed(self.truth)
        events = self.stream("feed", "--no-follow", "--format", "ndjson", "--from", "oldest", take=feed.take)
        faults += feed.faults[:20]
        types = set(self.pages.types) | ({"aws.ec2.volume", "aws.logs.log_group"} if self.cloud else set())
        faults += differences("the feed, replayed", {key: v for key, v in feed.state.items() if key[1] in types}, self.truth.now)
        listed = {}
        for type in sorted(types):
            self.stream("list", type, "--json",
                        take=lambda row: listed.__setitem__(key_of(row), row["document"].get("v") if isinstance(row["document"], dict) else None))
        faults += differences("the store", listed, self.truth.now)
        verified = self.lab.garner("verify", self.lab.data, expect=None, timeout=3600)
        if verified.code != 0:
            faults.append(f"garner verify: {verified}")
        status = json.loads(self.lab.on_data("status", "--json", expect=None).text)
        faults += [f"something is wrong to the end: {trouble}" for trouble in status["troubles"][:5]]
        self.figures |= {"feed_events": events, "feed_ops": feed.ops, "shards": len(feed.seqs)}
        return faults + self.check_memory() + self.count_harvests()

    def stream(self, verb, *args, take):
        """Hands each line of what garner prints to `take`; its output is too long to be kept."""
        process = self.lab.start(verb, *args, "--data", self.lab.data, stderr=self.log)
        count = 0
        for line in process.stdout:
            count += 1
            take(json.loads(line))
        if process.wait() != 0:
            raise SystemExit(f"soak: garner {verb} ended with {process.returncode}: see {self.log.name}")
        return count

    def check_memory(self):
        calm = [kb for at, kb in self.watched.samples if self.calm_from <= at <= self.calm_to]
        quarter = max(len(calm) // 4, 1)
        first, last = (statistics.median(part) if part else 0 for part in (calm[:quarter], calm[-quarter:]))
        judged = self.calm_to - self.calm_from >= FLAT_NEEDS_S
        self.figures["rss_anon_kb"] = {"first": first, "last": last, "most": max(calm, default=0), "samples": len(calm), "judged": judged}
        if judged and last > first * FLAT:
            return [f"RssAnon grew from {first} kB to {last} kB while nobody killed it"]
        return []

    def count_harvests(self):
        harvests = {}

        def take(receipt):
            key = tuple(receipt[name] or "" for name in ("account", "region", "type", "parent"))
            number = int(receipt["id"].split("-")[-1])
            harvests[key] = max(harvests.get(key, (0, 0)), (number, receipt["unmodified"]))
        self.stream("receipts", "--json", take=take)
        late = sorted(self.truth.late_s)
        self.figures |= {
            "collections": len(harvests), "harvests": sum(number for number, _ in harvests.values()),
            "unmodified_since_last": sum(unmodified for _, unmodified in harvests.values()),
            "changes": self.truth.changes, "kills": self.watched.kills, "lines_live": self.watched.lines,
            "latency_s": {"p50": at(late, 0.5), "p99": at(late, 0.99), "most": at(late, 1), "samples": len(late)}}
        return [] if late else ["no change came into the feed while it was watched"]

    def close(self):
        if self.watched.process and self.watched.process.poll() is None:
            self.watched.process.kill()
            self.watched.process.wait()
        self.nginx.stop()
        self.log.close()


def at(values, share):
    return round(values[min(int(len(values) * share), len(values) - 1)], 3) if values else None


def summary(figures, faults):
    memory, late = figures["rss_anon_kb"], figures["latency_s"]
    say(f"{figures['collections']} collections, {figures['harvests']} harvests with a receipt of their own, {figures['changes']} changes, "
        f"{figures['feed_events']} events, {figures['kills']} kills, {figures['requests_per_s']} requests/s at nginx")
    say(f"from a change to its line: p50 {late['p50']} s, p99 {late['p99']} s, at most {late['most']} s, of {late['samples']}")
    say(f"RssAnon {memory['first']} kB, then {memory['last']} kB, at most {memory['most']} kB"
        f"{'' if memory['judged'] else ' (too short to judge)'}; stopped in {figures['stop_s']} s")
    for fault in faults:
        say(f"FAULT: {fault}")
    say("failed" if faults else "all is well")


def soak(args, folder, moto):
    made = Soak(args, folder, moto)
    try:
        made.first_harvest()
        made.live()
        faults = made.check()
    finally:
        made.close()
    made.figures["faults"] = faults
    if args.json:
        Path(args.json).write_text(json.dumps(made.figures, indent=1) + "\n")
    summary(made.figures, faults)
    return 1 if faults else 0


def main():
    args = options()
    os.environ.setdefault("GARNER_BIN", str(ROOT / "build/release/bin/garner"))
    if not garner.binary().exists():
        raise SystemExit(f"soak: {garner.binary()} is not built: cmake --preset release && cmake --build --preset release")
    folder = Path(args.folder or tempfile.mkdtemp(prefix="garner-soak-"))
    folder.mkdir(parents=True, exist_ok=True)
    with Moto(folder) if args.moto else nullcontext() as moto:
        code = soak(args, folder, moto)
    if code:
        say(f"all of it is in {folder}")
    elif not args.folder:
        shutil.rmtree(folder)
    return code


if __name__ == "__main__":
    sys.exit(main())
