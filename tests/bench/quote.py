#!/usr/bin/env python3
"""Quotes measured figures in the README and in docs/performance.md, between their marks.

    tests/bench/run.sh --json figures.ndjson
    tests/bench/quote.py figures.ndjson "2 cores of …"
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
    head = f"Medians of 5 pairs in one run of `tests/bench/run.sh`, {sys.argv[2]}, one thread each unless said.\n\n"
    pages = ROOT / "docs/performance.md"
    put(ROOT / "README.md", "figures", quoted.table())
    put(pages, "figures", f"{head}{quoted.table()}\n{quoted.beside()}")
    put(pages, "plan", plan_table({name: one["value"] for name, one in quoted.figures.items()}))


if __name__ == "__main__":
    main()
