"""Garner's side: a configuration for each set of pages, runs of `garner run --once`, and what they must come to.

A configuration is written as JSON, which is YAML. All shapes of a run have the same accounts, types and provider
files, so that one data folder can be listed from `base`, then from `changed`, or over TLS.
"""

import json
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from measure import Trouble, run

SNAPSHOTS = {"request": {"url": "{account.endpoint}/snapshots"}, "scope": "account"}
JSON_FILE = {"provider": "bench", "auth": {"kind": "none"}, "collections": [
    {"type": "bench.snapshot", **SNAPSHOTS, "items": "/Snapshots/*", "id": "/SnapshotId",
     "page": {"style": "token", "from": "body:/NextToken", "to": "query:page"}}]}
XML_FILE = {"provider": "bench", "auth": {"kind": "none"}, "xml": {"list_elements": ["item"]}, "collections": [
    {"type": "bench.snapshot", **SNAPSHOTS, "items": "/snapshotSet/*", "id": "/snapshotId", "format": "xml",
     "page": {"style": "token", "from": "body:/nextToken", "to": "query:page"}}]}


def empty_file(parallel):
    return {"provider": "bench", "auth": {"kind": "none"}, "limits": {"concurrency": parallel, "key": "{account.id}"}, "collections": [
        {"type": "bench.thing", "scope": "region", "request": {"url": "{account.endpoint}/{region}/things"},
         "items": "/items/*", "id": "/id"}]}


@dataclass(frozen=True)
class Count:
    """What a run says at its end."""

    resources: int = 0
    created: int = 0
    updated: int = 0
    deleted: int = 0
    unchanged: int = 0
    requests: int = 0
    collections: int = 0


def count(text):
    """Read the line that ends a run."""
    line = text.strip().splitlines()[-1] if text.strip() else ""

    def number(pattern):
        found = re.search(rf"([\d,]+) {pattern}", line)
        return int(found[1].replace(",", "")) if found else 0
    return Count(number("resources?"), number("created"), number("updated"), number("deleted"), number("unchanged"),
                 number("requests?"), number("collections?"))


@dataclass(frozen=True)
class Target:
    """What is listed: a set of pages under the names of some accounts."""

    name: str
    origin: str
    accounts: int
    pages: int            # of each list
    file: object          # the provider file
    regions: int = 0      # of each account; 0: its lists have no regions
    parallel: int = 1     # lists at a time of each account
    ca: Path | None = None

    @property
    def account_names(self):
        return [f"a{n:02}" for n in range(1, self.accounts + 1)]

    @property
    def region_names(self):
        return [f"r{n:04}" for n in range(1, self.regions + 1)]

    @property
    def requests(self):
        return self.accounts * max(1, self.regions) * self.pages

    @property
    def connections(self):
        return self.accounts * self.parallel

    def lists(self):
        """The URL of each list's first page."""
        for account in self.account_names:
            base = f"{self.origin}/{self.name}/{account}"
            yield from [f"{base}/{region}/things" for region in self.region_names] if self.regions else [f"{base}/snapshots"]

    @property
    def env(self):
        return {"SSL_CERT_FILE": str(self.ca)} if self.ca else {}


class Garner:
    """The program, and a folder for configurations and data."""

    def __init__(self, program, folder):
        self.program, self.folder = program, folder

    def data(self, name):
        return self.folder / "data" / name

    def configure(self, target):
        """Writes the files of a target, and returns the configuration's path."""
        tls = "-tls" if target.ca else ""
        provider = self.folder / f"{target.name}.provider.yaml"
        provider.write_text(json.dumps(target.file))
        config = self.folder / f"{target.name}{tls}.garner.yaml"
        account = {"regions": target.region_names} if target.regions else {}
        config.write_text(json.dumps({"providers": [provider.name], "accounts": [
            {"id": name, "provider": "bench", "endpoint": f"{target.origin}/{target.name}/{name}", **account}
            for name in target.account_names]}))
        return config

    def run(self, target, data, expect, threads=1, watch=False):
        """One run on a data folder; Trouble unless it says what is expected."""
        took = run([self.program, "run", "--once", "-c", self.configure(target), "--data", data, "--threads", threads],
                   self.folder, watch=watch, **target.env)
        found = count(took.err)
        if found != expect:
            raise Trouble(f"a run on {target.name} says {found}, and should {expect}:\n{took.err[-2000:]}")
        return took


def fresh(folder):
    """An empty place for a folder that isn't there yet."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.parent.mkdir(parents=True, exist_ok=True)
    return folder
