#!/usr/bin/env python3
"""What a large estate would need, by the figures that were measured: a table in Markdown.

    tests/bench/run.sh --json figures.ndjson
    tests/bench/plan.py figures.ndjson
"""

import json
import sys
from dataclasses import dataclass
from math import ceil
from pathlib import Path

ITEM_BYTES = 550        # as in the pages that were listed


@dataclass(frozen=True)
class Estate:
    accounts: int = 5000
    regions: int = 20
    types: int = 50
    period_s: int = 60
    worker_cores: int = 8
    load: float = 0.5       # of a worker's cores: the rest is for changes, restarts and bad days

    @property
    def collections(self):
        return self.accounts * self.regions * self.types

    @property
    def requests_s(self):
        return self.collections / self.period_s


@dataclass(frozen=True)
class Answers:
    title: str
    unmodified: float       # share of 304s; all others are one page on which nothing has changed
    items: float            # on such a page, on average


CASES = (
    Answers("all answer 304", 1.0, 0),
    Answers("half answer 304, the others pages of 10 items", 0.5, 10),
    Answers("pages of 10 items", 0.0, 10),
    Answers("pages of 100 items", 0.0, 100),
)


def core_seconds(values, answers):
    """Of one request, on average. A page costs what an empty one does, and its items."""
    page = 1 / values["empty"] + answers.items / values["unchanged"]
    return answers.unmodified / values["unmodified"] + (1 - answers.unmodified) * page


def row(values, estate, answers):
    cores = estate.requests_s * core_seconds(values, answers)
    workers = max(1, ceil(cores / (estate.worker_cores * estate.load)))
    memory = estate.collections * values["idle"]
    received = estate.requests_s * (1 - answers.unmodified) * answers.items * ITEM_BYTES
    return (f"| {answers.title} | {estate.requests_s:,.0f} | {cores:.1f} | {received / 1e6:,.0f} MB/s | {workers} | "
            f"{memory / workers / 1e9:.1f} GB |\n")


def table(values, estate=Estate()):
    """`values`: of each figure by its name, what was measured of Garner."""
    head = (f"{estate.accounts:,} accounts x {estate.regions} regions x {estate.types} types are {estate.collections:,} collections, each asked for every "
            f"{estate.period_s} s. A core does {values['unmodified']:,.0f} answers of 304 a second, {values['empty']:,.0f} empty pages, and "
            f"{values['unchanged'] / 1e6:.1f} million unchanged items; an idle collection holds {values['idle']:,.0f} bytes.\n\n")
    columns = f"| what comes back | requests/s | cores busy | received | workers of {estate.worker_cores} cores | memory each |\n|---|---|---|---|---|---|\n"
    return head + columns + "".join(row(values, estate, one) for one in CASES)


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: tests/bench/plan.py FIGURES")
    lines = map(json.loads, Path(sys.argv[1]).read_text().splitlines())
    print(table({one["name"]: one["value"] for one in lines}), end="")


if __name__ == "__main__":
    main()
