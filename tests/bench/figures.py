"""The figures. Garner's command and its baseline take turns, each a whole process of one thread, and what counts is
the ratio of each pair: the median of these is told, beside the medians of both sides.

A share is how much of the bare program's speed is left: the bare program's time, divided by Garner's.
"""

import os
import shutil
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

import latency as live_feed
from harvest import JSON_FILE, XML_FILE, Count, Target, empty_file, fresh
from measure import Trouble, run
from nginx import ETAG, SAME_IDS
from pages import bytes_of

HERE = Path(__file__).resolve().parent
RECEIVE = 1 << 20   # LIMIT_RECEIVE_BYTES


@dataclass(frozen=True)
class Figure:
    name: str
    value: float                    # Garner's
    unit: str
    baseline: float | None = None   # what it is compared with, in the same unit
    ratio: float | None = None
    cpu_ratio: float | None = None  # the same of CPU time, user and system


class Bench:
    def __init__(self, garner, programs, nginx, pages, shape, runs):
        self.garner, self.programs, self.nginx, self.pages, self.shape, self.runs = garner, programs, nginx, pages, shape, runs
        self.folder = garner.folder
        self._known, self._warm, self._million = {}, set(), None
        plain = Target("base", nginx.http, shape.accounts, shape.pages, JSON_FILE)
        self.base = plain
        self.tls = replace(plain, origin=nginx.https, ca=nginx.ca)
        self.changed = replace(plain, name="changed", pages=-(-(shape.account_items + 1) // shape.items))
        self.xml = replace(plain, name="xml", file=XML_FILE)
        self.million = replace(plain, name="million", accounts=1, pages=shape.pages_million)
        self.empty = replace(plain, name="empty", pages=1, file=empty_file(shape.parallel), regions=shape.regions, parallel=shape.parallel)
        self.same = replace(self.empty, name="same", regions=shape.regions_same)
        self.small = (self.empty, self.same)   # whose answers nginx makes up itself

    # --- what runs must come to ---

    def items(self, target):
        if target is self.empty:
            return 0
        if target is self.same:
            return target.requests * len(SAME_IDS)
        return target.accounts * (self.shape.account_items + 1 if target is self.changed else target.pages * self.shape.items)

    def expect(self, target, created=0, updated=0):
        items = self.items(target)
        return Count(resources=items, created=created, updated=updated, unchanged=items - created - updated,
                     requests=target.requests, collections=target.accounts * max(1, target.regions))

    # --- the two sides ---

    def bare(self, target, *options):
        """The bare loop on the same URLs, over as many connections."""
        lists = self.folder / "lists.txt"
        lists.write_text("".join(f"{target.pages} {url}\n" for url in target.lists()))
        took = run([self.programs / "bare_curl", target.connections, *options], self.folder, stdin=lists, **target.env)
        came = took.json()
        wanted = None if target in self.small else target.accounts * bytes_of(self.pages / target.name)
        if came["requests"] != target.requests or wanted not in (None, came["bytes"]):
            raise Trouble(f"the bare loop on {target.name} says {came}, and not {target.requests} requests and {wanted} bytes")
        return took

    def first(self, target, data, watch=False):
        fresh(data)
        os.sync()
        return self.garner.run(target, data, self.expect(target, created=self.items(target)), watch=watch)

    def again(self, target, data, **how):
        return self.garner.run(target, data, self.expect(target), **how)

    def known(self, target):
        """A data folder that holds what this target's pages say."""
        if target.name not in self._known:
            data = self.garner.data(target.name)
            self.first(target, data)
            self._known[target.name] = data
        return self._known[target.name]

    def warm(self, target):
        """Once before the first pair: what nginx serves is in memory then."""
        if (target.name, target.origin) not in self._warm:
            self.bare(target)
            self._warm.add((target.name, target.origin))

    def share(self, name, target, ours, unit="items/s", amount=None, options=()):
        """Pairs of the bare loop and Garner's run. `ours()` does the latter. Returns the figure and the bare runs."""
        amount = amount or self.items(target)
        self.warm(target)
        pairs = [(self.bare(target, *options), ours()) for _ in range(self.runs)]
        return Figure(name, amount / median(us.wall_s for _, us in pairs), unit, amount / median(bare.wall_s for bare, _ in pairs),
                      median(bare.wall_s / us.wall_s for bare, us in pairs),
                      median(bare.cpu_s / us.cpu_s for bare, us in pairs)), [bare for bare, _ in pairs]

    # --- the figures, by name ---

    def unchanged(self):
        data, size = self.known(self.base), self.base.accounts * bytes_of(self.pages / "base") / 1e6

        def both(suffix, *options):
            figure, bare = self.share("unchanged" + suffix, self.base, lambda: self.again(self.base, data), options=options)
            return [figure, Figure("bare" + suffix, size / median(one.wall_s for one in bare), "MB/s")]
        return [*both(""), *both("-roomy", RECEIVE)]

    def of_changed(self):
        data, copy = self.known(self.base), self.garner.data("copy")
        expect = self.expect(self.changed, created=self.shape.accounts, updated=self.shape.accounts * self.shape.modified)

        def ours():
            shutil.copytree(data, fresh(copy))
            os.sync()
            return self.garner.run(self.changed, copy, expect)
        made = self.share("changed", self.changed, ours)[0]
        shutil.rmtree(copy)
        return [made]

    def over_tls(self):
        data = self.known(self.base)
        return [self.share("tls", self.tls, lambda: self.again(self.tls, data))[0]]

    def of_xml(self):
        data = self.known(self.xml)
        return [self.share("xml", self.xml, lambda: self.again(self.xml, data))[0]]

    def of_empty(self):
        data = self.known(self.empty)
        return [self.share("empty", self.empty, lambda: self.again(self.empty, data), "requests/s", self.empty.requests)[0]]

    def unmodified(self):
        """The bare loop asks with the same condition, and is told the same."""
        data, options = self.known(self.same), (0, f"If-None-Match: {ETAG}")
        self._warm.add((self.same.name, self.same.origin))   # there is nothing to be read
        return [self.share("unmodified", self.same, lambda: self.again(self.same, data), "requests/s", self.same.requests, options)[0]]

    def first_listing(self):
        """The bare program is given what Garner has just written, so it writes the same each time."""
        self.warm(self.base)
        data, target, amount, runs = self.garner.data("base"), self.garner.data("bare"), self.items(self.base), []
        self._known.pop("base", None)

        def bare(*options):
            fresh(target).mkdir()
            os.sync()
            wrote = run([self.programs / "bare_lmdb", *options, data / "shards", target], self.folder).json()
            if wrote["changes"] < amount:
                raise Trouble(f"the bare program found {wrote['changes']} changes, and {amount} items were created")
            return wrote

        for _ in range(self.runs):
            us = self.first(self.base, data)
            runs.append((us, bare(), bare("--full")))
        shutil.rmtree(target)
        self._known["base"] = data
        _, same, full = runs[-1]
        print(f"bench: first: Garner commits {same['source_commits']} times, the bare program {same['commits']} times, "
              f"in full batches {full['commits']} times", file=sys.stderr)

        def figure(name, which):
            return Figure(name, amount / median(run[0].wall_s for run in runs), "items/s",
                          amount / median(run[which]["seconds"] for run in runs),
                          median(run[which]["seconds"] / run[0].wall_s for run in runs),
                          median(run[which]["cpu_seconds"] / run[0].cpu_s for run in runs))
        return [figure("first", 1), figure("first-full", 2)]

    def of_million(self):
        """First listings and unchanged ones of a million items; measured once for all figures that need them."""
        if not self._million:
            data = self.garner.data("million")
            self._million = [(self.first(self.million, data, watch=True), self.again(self.million, data, watch=True))
                             for _ in range(self.runs)]
            shutil.rmtree(data)
        return self._million

    def memory(self):
        first, again = (median(took[i].rss_kb for took in self.of_million()) * 1024 / 1e6 for i in (0, 1))
        return [Figure("memory", max(first, again), "MB"), Figure("memory-first", first, "MB"), Figure("memory-unchanged", again, "MB")]

    def written(self):
        return [Figure("written", median(again.written for _, again in self.of_million()), "bytes")]

    def threads(self):
        data, amount = self.known(self.base), self.items(self.base)
        pairs = [[self.again(self.base, data, threads=count) for count in (1, 2)] for _ in range(self.runs)]
        one, two = (median(pair[i].cpu_s for pair in pairs) / amount * 1e9 for i in (0, 1))
        return [Figure("threads", two, "ns CPU/item", one, median(two.cpu_s / one.cpu_s for one, two in pairs))]

    def latency(self):
        """From a change to its line, less the period. Once: its changes are many."""
        live = self.shape.live
        found = live_feed.measure(self.garner.program, live, self.folder, self.nginx.live, self.nginx.http)

        def figure(name, share):
            lag = found.lags_s[min(len(found.lags_s) - 1, int(share * len(found.lags_s)))]
            return Figure(name, lag - live.period_s, "s")
        return [figure("latency", 0.99), figure("latency-median", 0.5), figure("latency-max", 1),
                Figure("latency-load", found.cpu, "cores"), Figure("idle", found.idle_bytes, "bytes")]

    def python(self):
        """The plain way, of one account's pages: parse them, and compare with the dictionary of last time."""
        url = next(iter(self.base.lists()))
        pairs = []
        for _ in range(self.runs):
            bare = self.items(self.base) / self.bare(self.base).wall_s
            took = run([sys.executable, HERE / "naive.py", url, self.base.pages], self.folder).json()
            if took["items"] != self.shape.account_items or took["changes"]:
                raise Trouble(f"Python finds {took}")
            pairs.append((bare, took["items"] / took["seconds"]))
        return [Figure("python", median(python for _, python in pairs), "items/s", median(bare for bare, _ in pairs),
                       median(python / bare for bare, python in pairs))]

    ALL = {"first": first_listing, "unchanged": unchanged, "changed": of_changed, "tls": over_tls, "xml": of_xml, "empty": of_empty, "unmodified": unmodified,
           "memory": memory, "written": written, "threads": threads, "latency": latency, "python": python}
