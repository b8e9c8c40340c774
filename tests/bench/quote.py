#!/usr/bin/env python3
"""Quotes measured figures in the README and in docs/performance.md, between their marks; the feed's in the latter.

    tests/bench/run.sh --json figures.ndjson
    tests/bench/quote.py figures.ndjson "2 cores of …"
    tests/bench/feed.sh --json feed.ndjson
    tests/bench/quote.py feed.ndjson "2 cores of …"
"""

import json
import re
import sys
from pathlib import Path
from types import SimpleNamespace

from plan import table as plan_table
from report import GOALS

ROOT = Path(__file__).resolve().parents[2]
ROWS = [
    ("unchanged", "unchanged listing, share of the bare loop's speed"),
    ("changed", "one item in 1,000 modified, one inserted in front of each account"),
    ("tls", "unchanged listing over TLS, share of the bare loop over TLS"),
    ("xml", "unchanged listing of XML"),
    ("first", "first listing, synced: share of a bare LMDB program that writes the same"),
    ("empty", "empty listings, requests a second"),
    ("unmodified", "304 for each of 100,000 collections, requests a second"),
    ("memory", "memory (RssAnon) while listing 1,000,000 items: first / unchanged"),
    ("written", "written to the store by an unchanged listing of 1,000,000 items"),
    ("threads", "two threads: CPU time an item, as a multiple of one thread's"),
    ("latency", "a change to its line, 10,000 collections, beyond the period: p99 / median / longest"),
    ("idle", "memory an idle collection"),
    ("python", "beside them: Python's `json` with dictionaries, share of the bare loop's speed"),
]
FEED_ROWS = [   # what is quoted of each is its ratio or its value, as its goal is
    ("append", "appending to the log, synced: changes a second, as a multiple of JetStream's asynchronous publish to a file store"),
    ("append-created", "with the resources' ids and documents, as a listing writes them"),
    ("catch-up-redis", "catching up by FETCH, as a multiple of Redis's XREAD COUNT 1000"),
    ("catch-up-redis-shards", "of 8 shards"),
    ("catch-up-nats", "catching up by FETCH, as a multiple of JetStream's pulls of 1,000"),
    ("catch-up-nats-shards", "of 8 shards"),
    ("catch-up-bare", "catching up by FETCH, share of the bare loop's speed"),
    ("hint", "hint to a waiting follower's return, p99"),
    ("hint-median", "its median"),
    ("hint-max", "its longest"),
    ("ten", "ten followers at once, 11,000 changes a second offered: what the slowest had"),
    ("ten-lag", "hint to return meanwhile, p99"),
    ("hung", "nine followers, as fast as it goes, beside one that hangs: what the slowest had, as a multiple of nine alone"),
    ("http", "NDJSON over HTTP, to one client"),
]


class Quoted:
    def __init__(self, lines):
        self.figures = {one["name"]: one for one in map(json.loads, lines)}

    def value(self, name):
        return self.figures[name]["value"]

    def ratio(self, name):
        return self.figures[name]["ratio"]

    def reached(self, name):
        if name == "memory":
            return f"{self.value('memory-first'):.2g} / {self.value('memory-unchanged'):.2g} MB"
        if name == "written":
            return f"{self.value('written') / 1024:.0f} KiB"
        if name == "latency":
            return f"{self.value('latency'):.2f} / {self.value('latency-median'):.2f} / {self.value('latency-max'):.2f} s"
        if name == "idle":
            return f"{self.value('idle'):.0f} bytes"
        return f"{self.ratio(name):.{3 if name == 'python' else 2}f}"

    def verdict(self, name):
        return GOALS[name].verdict(SimpleNamespace(**self.figures[name])).replace("not met", "**not met**")

    def row(self, name, title):
        goal = GOALS[name]
        show = {"memory": "{} MB".format, "latency": "{:.0f} s".format, "idle": "{} bytes".format, "written": lambda value: f"{value / 1024:.0f} KiB"}.get(name, "{:.2f}".format)

        def bound(value):
            return "" if value is None else show(value) + (" at most" if goal.low else "")
        return f"| {title} | {self.reached(name)} | {bound(goal.least)} | {bound(goal.aim)} | {self.verdict(name)} |\n"

    def table(self):
        return "| figure | measured | at least | aim | |\n|---|---|---|---|---|\n" + "".join(self.row(*one) for one in ROWS)

    def beside(self):
        cpu = ", ".join(f"{title} {self.ratio(f'{name}-cpu'):.2f}" for name, title in (
            ("unchanged", "unchanged"), ("changed", "changed"), ("tls", "TLS"), ("xml", "XML"), ("empty", "empty"), ("first", "first")))
        return (f"Beside a loop whose sockets are as roomy as Garner's, `unchanged` is {self.ratio('unchanged-roomy'):.2f}: that loop receives "
                f"{self.value('bare-roomy') / 1000:.1f} GB/s, the plain one {self.value('bare') / 1000:.1f}. `first` in full batches: "
                f"{self.ratio('first-full'):.2f}. Of CPU time, the bare program's share in Garner's: {cpu}.\n")

    def feed_row(self, name, title):
        one, goal = self.figures[name], GOALS[name]
        show = "{:.2f}".format if one["ratio"] is not None else {"ms": "{:.2f} ms", "changes/s": "{:,.0f} changes/s"}[one["unit"]].format
        bound = "" if goal.least is None else show(goal.least) + (" at most" if goal.low else "")
        return f"| {title} | {show(one['value'] if one['ratio'] is None else one['ratio'])} | {bound} | {self.verdict(name)} |\n"

    def feed(self):
        speeds = ", ".join(f"{title} {self.figures[name][key]:,.0f}" for title, name, key in (
            ("Garner", "catch-up-redis", "value"), ("Redis", "catch-up-redis", "baseline"), ("JetStream", "catch-up-nats", "baseline"),
            ("the bare loop", "catch-up-bare", "baseline")))
        appended = ", ".join(f"{title} {self.figures[name][key]:,.0f}" for title, name, key in (
            ("Garner's log", "append", "value"), ("with ids and documents", "append-created", "value"), ("JetStream", "append", "baseline")))
        return ("| figure | measured | at least | |\n|---|---|---|---|\n" + "".join(self.feed_row(*one) for one in FEED_ROWS) +
                f"\nChanges a second, read: {speeds}; appended: {appended}.\n")


def put(path, name, text):
    marks = re.compile(f"(<!-- {name} -->\n).*?(<!-- end of {name} -->)", re.DOTALL)
    whole = path.read_text()
    if not marks.search(whole):
        sys.exit(f"quote: {path} has no marks for the {name}")
    path.write_text(marks.sub(lambda found: found[1] + text + found[2], whole))


def main():
    if len(sys.argv) != 3:
        sys.exit("usage: tests/bench/quote.py FIGURES MACHINE")
    quoted = Quoted(Path(sys.argv[1]).read_text().splitlines())
    pages = ROOT / "docs/performance.md"
    if "append" in quoted.figures:
        put(pages, "feed figures", f"Medians of 5 rounds in one run of `tests/bench/feed.sh`, {sys.argv[2]}.\n\n{quoted.feed()}")
        return
    head = f"Medians of 5 pairs in one run of `tests/bench/run.sh`, {sys.argv[2]}, one thread each unless said.\n\n"
    put(ROOT / "README.md", "figures", quoted.table())
    put(pages, "figures", f"{head}{quoted.table()}\n{quoted.beside()}")
    put(pages, "plan", plan_table({name: one["value"] for name, one in quoted.figures.items()}))


if __name__ == "__main__":
    main()
