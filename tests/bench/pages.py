"""The pages that are listed: snapshots as EC2 has them, in JSON and in XML, 550 bytes each in JSON.

    shape = Shape(accounts=16, pages=100, items=1000)
    make(folder, shape)     # folder/base/1.json, …; does nothing where they are already

base     the items
changed  one in a thousand modified, and one inserted at the front, which moves all borders of pages
xml      the items of base as EC2 writes them
million  ten times the pages, all of one account, all ids different

All accounts get the same bytes; their collections, ids of rows and digests are their own. Everything is made from
an item's number, so pages can be kept from run to run.
"""

import json
import shutil
from dataclasses import dataclass
from xml.sax.saxutils import escape

from latency import Live

ITEM_BYTES = 550
ONE_IN = 1000          # items of `changed` that are modified
FRONT = 10**9          # the number of the item that `changed` has in front
MADE_BY = 1            # to be raised when pages come out otherwise: kept ones are made anew then


@dataclass(frozen=True)
class Shape:
    accounts: int = 16
    pages: int = 100
    items: int = 1000          # of a page
    regions: int = 1000        # of each account, in `empty`
    regions_same: int = 6250   # of each account, in `unmodified`
    pages_million: int = 1000
    parallel: int = 4          # requests at a time of each account, in `empty` and `unmodified`
    live: Live = Live()        # of `latency`

    @property
    def account_items(self):
        return self.pages * self.items

    @property
    def all_items(self):
        return self.accounts * self.account_items

    @property
    def modified(self):
        """Items of an account that `changed` modifies."""
        return len([n for n in range(self.account_items) if is_modified(n)])

    def text(self):
        return f"{MADE_BY} {self.pages} {self.items} {self.pages_million}\n"


def is_modified(number):
    return number % ONE_IN == 7


def mixed(number, salt):
    """Bits that look random, and are the same every time."""
    n = (number * 2 + salt) * 0x9E3779B97F4A7C15 & (1 << 64) - 1
    n = (n ^ n >> 30) * 0xBF58476D1CE4E5B9 & (1 << 64) - 1
    return n ^ n >> 27


def snapshot(number, modified=False):
    bits, more = mixed(number, 0), mixed(number, 1)
    item = {
        "SnapshotId": f"snap-{bits:017x}"[:22],
        "VolumeId": f"vol-{more:017x}"[:21],
        "OwnerId": f"{100000000000 + number % 7}",
        "State": "completed",
        "Progress": "100%",
        "StartTime": f"2026-{1 + number % 12:02}-{1 + bits % 28:02}T{more % 24:02}:{bits % 60:02}:{more % 60:02}.{bits % 1000:03}Z",
        "VolumeSize": 8 << bits % 7,
        "Encrypted": bool(bits & 8),
        "StorageTier": "standard",
        "Tags": [{"Key": "Name", "Value": f"nightly-{number}"},
                 {"Key": "team", "Value": ("storage", "network", "billing")[number % 3]},
                 {"Key": "policy", "Value": {"keep": [7, 30, 365], "zones": ["eu-west-1a", "eu-west-1b"]}}][: 2 + number % 2],
        "Description": "",
    }
    bare = len(as_json(item)) + 1  # and a comma
    item["Description"] = (f"Created by CreateImage(i-{more:017x}) for ami-{bits:017x}, copied " + "from a volume of its own " * 16)[
        : max(0, ITEM_BYTES - bare + (bits % 81 - 40))]
    if modified:
        item["StorageTier"] = "archive"
    return item


def as_json(value):
    return json.dumps(value, separators=(",", ":"))


def as_xml(item):
    """An item of DescribeSnapshotsResponse."""
    def value(name, content, deep):
        tag = name[0].lower() + name[1:]
        pad = "    " * deep
        if isinstance(content, list):
            inner = "".join(value("item", one, deep + 1) for one in content)
            return f"{pad}<{tag}>\n{inner}{pad}</{tag}>\n"
        if isinstance(content, dict):
            inner = "".join(value(key, one, deep + 1) for key, one in content.items())
            return f"{pad}<{tag}>\n{inner}{pad}</{tag}>\n"
        text = str(content).lower() if isinstance(content, bool) else escape(str(content))
        return f"{pad}<{tag}>{text}</{tag}>\n"
    return value("item", {("TagSet" if key == "Tags" else key): one for key, one in item.items()}, 2)


def json_page(items, next_page):
    token = f'"{next_page}"' if next_page else "null"
    return f'{{"Snapshots":[{",".join(map(as_json, items))}],"NextToken":{token},"RequestId":"59dbff89-35bd-4eac-99ed-be587ed0c62c"}}'


def xml_page(items, next_page):
    token = f"    <nextToken>{next_page}</nextToken>\n" if next_page else ""
    return ('<?xml version="1.0" encoding="UTF-8"?>\n<DescribeSnapshotsResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/">\n'
            "    <requestId>59dbff89-35bd-4eac-99ed-be587ed0c62c</requestId>\n    <snapshotSet>\n"
            f'{"".join(map(as_xml, items))}    </snapshotSet>\n{token}</DescribeSnapshotsResponse>\n')


def write(folder, suffix, page_of, numbers, size, modify=False):
    folder.mkdir(parents=True)
    numbers = list(numbers)
    count = -(-len(numbers) // size)
    for page in range(1, count + 1):
        items = [snapshot(n, modify and is_modified(n)) for n in numbers[(page - 1) * size: page * size]]
        (folder / f"{page}.{suffix}").write_text(page_of(items, page + 1 if page < count else None))


def make(folder, shape):
    mark = folder / "made"
    if mark.is_file() and mark.read_text() == shape.text():
        return
    shutil.rmtree(folder, ignore_errors=True)
    one = range(shape.account_items)
    write(folder / "base", "json", json_page, one, shape.items)
    write(folder / "changed", "json", json_page, [FRONT, *one], shape.items, modify=True)
    write(folder / "xml", "xml", xml_page, one, shape.items)
    write(folder / "million", "json", json_page, range(shape.pages_million * shape.items), shape.items)
    mark.write_text(shape.text())


def bytes_of(folder):
    return sum(path.stat().st_size for path in folder.iterdir())
