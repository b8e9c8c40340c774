"""An AWS made of botocore's models: it answers every operation of aws.yaml, in pages, and checks every signature.

    world = World(file, ["us-east-1", "eu-west-1"])
    server.on("*", world.answer)
    world.lists("aws.ec2.volume", "eu-west-1")[0].items        # what there is; a test may change it

What is found where a request names it: each listing knows what the requests for it say, parents' parts expanded, and
a request that says nothing of the kind is a bug of the test, so a failure. What `ignore` names is different in each
answer, and with `stirs` what is `unordered` comes in another order and JSON in texts is laid out otherwise.
"""

import copy
import random
import re
from dataclasses import dataclass, field
from functools import cached_property
from urllib.parse import parse_qsl

import wire
from aws import AUTHORIZATION, Keys, check_form, signature_of
from aws_file import PLACEHOLDER, collections
from maker import Maker, as_text, written, written_error
from server import Answer

ACCOUNT = "123456789012"
KEYS = Keys("AKIAMODELSERVER", "m0del/s3cret+key", None, ACCOUNT, f"arn:aws:iam::{ACCOUNT}:user/garner")
PAGE, LIST, CHILDREN = 2, 5, 3  # items of a page, of a listing, of a listing below another

# Members whose values are names in hosts, or regions.
PLAIN = ("BucketRegion", "Account", "regionName")


def find_all(document, pointer):
    """The places that a pointer leads to, as pairs of a holder and its key."""
    parts = wire.segments(pointer)
    found = [([document], 0)]
    for part in parts:
        found = [place for holder, key in found for place in below(holder[key], part)]
    return found


def below(value, part):
    if part == "*" and isinstance(value, list):
        return [(value, n) for n in range(len(value))]
    if part.isdigit() and isinstance(value, list):
        return [(value, int(part))]
    if isinstance(value, dict) and part in value:
        return [(value, part)]
    return []


def at(document, pointer):
    holder, key = find_all(document, pointer)[0]
    return holder[key]


@dataclass(eq=False)
class Listing:
    """One listing that can be asked for: a collection in a region, below a parent's item."""
    c: object
    region: str
    parent: object = None        # the listing that the parent is an item of
    parent_item: object = None
    items: list = field(default_factory=list)
    next_seed: int = 0

    def __repr__(self):
        return f"<{self.c} {self.region} {self.parent_id}>"

    def value(self, name):
        """What a placeholder stands for; None if it has no value."""
        name = name.lstrip("+")
        if name.startswith("parent.parent"):
            return self.parent.value(name.partition(".")[2])
        if name == "parent.id":
            return self.parent.id_of(self.parent_item)
        if name.startswith("parent:"):
            found = find_all(self.parent_item, name.partition(":")[2])
            return found[0][0][found[0][1]] if found else None
        if name.startswith("vars."):
            return self.c.file["vars"][name.partition(".")[2]]
        return {"region": self.region, "account.id": ACCOUNT, "auth.region": self.signed_for if name == "auth.region" else None,
                "": ""}[name]

    def expand(self, text, item=None):
        def one(match):
            for name in match[1].split("|"):
                if name.startswith("item:"):
                    found = find_all(item, name.partition(":")[2])
                    value = found[0][0][found[0][1]] if found else None
                else:
                    value = self.value(name)
                if value is not None:
                    return str(value)
            raise KeyError(match[0])
        return PLACEHOLDER.sub(one, text) if isinstance(text, str) else text

    def expanded(self, value):
        if isinstance(value, dict):
            return {key: self.expanded(one) for key, one in value.items()}
        if isinstance(value, list):
            return [self.expanded(one) for one in value]
        return self.expand(value)

    def id_of(self, item):
        rule = self.c.id
        if isinstance(rule, list):
            return "/".join(str(at(item, one)).replace("%", "%25").replace("/", "%2F") for one in rule)
        return str(at(item, rule)) if rule == "" or rule.startswith("/") else self.expand(rule, item)

    @property
    def parent_id(self):
        return self.parent.id_of(self.parent_item) if self.parent else None

    @cached_property
    def signed_for(self):
        return self.expand(self.c.auth.get("region", "{region}"))

    @cached_property
    def path(self):
        return "/" + self.expand(self.c.request["url"].partition("://")[2].partition("/")[2])

    @cached_property
    def asked(self):
        """What a request for it holds, beside what belongs to its pages."""
        made = {key: self.expanded(self.c.request.get(key) or {}) for key in ("query", "form", "body")}
        made["headers"] = {name: self.expand(value) for name, value in (self.c.request.get("headers") or {}).items()}
        return made

    def make(self):
        """One more item."""
        seed, self.next_seed = self.next_seed, self.next_seed + 1
        name = re.sub(r"[^a-z0-9-]", "", f"{self.c.type.rpartition('.')[2]}-{self.region}-{self.below()}")
        item = Maker(self.c, PLAIN).item(name, seed)
        self.settle(item, seed)
        self.items.append(item)
        return item

    def below(self):
        return f"{self.parent.below()}{self.parent.items.index(self.parent_item)}-" if self.parent else ""

    def settle(self, item, seed):
        """What other requests depend on has values that make sense."""
        if self.c.type == "regions":
            item["regionName"] = self.region
        elif self.c.type == "aws.s3.bucket":
            item["BucketRegion"] = ("us-east-1", "eu-west-1")[seed % 2]
            if seed == 2:
                del item["BucketRegion"]
        elif self.c.type == "aws.sts.identity":
            item["Account"] = ACCOUNT
        elif self.c.type == "aws.route53.hosted_zone":
            item["Id"] = f"/hostedzone/Z{seed}"
        elif self.c.type == "aws.route53.record_set" and seed % 2:
            del item["SetIdentifier"]

    def pages(self):
        """The indexes at which pages begin."""
        return range(0, max(len(self.items), 1), PAGE) if self.c.page else [0]


class World:
    def __init__(self, file, regions):
        self.file, self.regions, self.dice = file, regions, random.Random(7)
        self.stirs = False      # sets come in another order each time
        self.collections = collections(file)
        self.listings = []
        self.seen = []          # of every request: the listing it was for, and the page
        for c in self.collections:
            self.fill(c)

    def lists(self, type, region=None):
        return [one for one in self.listings if one.c.type == type and region in (None, one.region)]

    def children(self, listing, item):
        return [one for one in self.listings if one.parent is listing and one.parent_item is item]

    # --- what there is ---

    def fill(self, c):
        if c.parent:
            for parent in self.lists(c.parent.type):
                for item in parent.items:
                    self.open(Listing(c, parent.region, parent, item), CHILDREN)
        elif c.type == "regions":
            one = Listing(c, self.file["vars"]["home"])
            self.listings.append(one)
            for region in self.regions:
                one.make()["regionName"] = region
        else:
            for region in self.regions if c.is_regional else [self.file["vars"]["home"]]:
                self.open(Listing(c, region), LIST)

    def open(self, listing, count):
        self.listings.append(listing)
        for _ in range(1 if listing.c.has_own_document() else count):
            listing.make()

    def remove(self, listing, item):
        """Takes an item away with all below it. Returns what is gone, as pairs of listing and item."""
        gone = [(listing, item)]
        for child in self.children(listing, item):
            for one in list(child.items):
                gone += self.remove(child, one)
            self.listings.remove(child)
        listing.items = [one for one in listing.items if one is not item]
        return gone

    # --- answering ---

    def answer(self, request):
        listing = self.find(request)
        self.check_signature(request, listing)
        op, protocol = listing.c.operation, listing.c.protocol
        if listing.c.has_own_document() and not listing.items:
            absent = listing.c.absent[0]
            kind = "s3" if listing.c.service_name == "s3" else protocol
            body, type, headers = written_error(kind, absent["status"], absent["code"], "There is none")
            return Answer(body, absent["status"], headers, type=type)
        document = self.page(listing, request)
        body, type = written(op, listing.c.answer, document)
        return Answer(body, type=type)

    def find(self, request):
        found = [one for one in self.listings if self.fits(one, request)]
        # The one that says the most: what asks for public snapshots also asks for the account's own.
        found.sort(key=lambda one: -len(one.asked["form"]))
        most = [one for one in found if len(one.asked["form"]) == len(found[0].asked["form"])]
        assert len(most) == 1, f"{request} {request.body[:300]} {request.headers} fits {most}"
        return most[0]

    @staticmethod
    def fits(listing, request):
        c, asked = listing.c, listing.asked
        scope = AUTHORIZATION.fullmatch(request.header("Authorization") or "")
        if request.method != c.request.get("method", "GET") or request.path != listing.path or not scope or \
                (scope[3], scope[4]) != (listing.signed_for, c.auth["service"]):
            return False
        if any(request.header(name) != value for name, value in asked["headers"].items()):
            return False
        query, form = dict(request.query), dict(parse_qsl(request.body.decode(), True)) if "form" in c.request else {}
        if any(query.get(name) != value for name, value in asked["query"].items()) or \
                any(form.get(name) != value for name, value in asked["form"].items()):
            return False
        marks = {name for name, value in query.items() if value == ""}
        if marks != {name for name, value in asked["query"].items() if value == ""}:
            return False
        body = request.json() if "body" in c.request else {}
        return all(body.get(name) == value for name, value in asked["body"].items())

    @staticmethod
    def check_signature(request, listing):
        parsed = AUTHORIZATION.fullmatch(request.header("Authorization"))

        class Call:
            service, region, signed = listing.c.auth["service"], listing.signed_for, tuple(parsed[5].split(";"))
        Call.request = request
        assert parsed[1] == KEYS.id, parsed[1]
        check_form(Call)
        assert signature_of(request, KEYS, Call) == parsed[6], f"the signature of {request} is wrong"

    def page(self, listing, request):
        c, start = listing.c, self.start(listing, request)
        size = PAGE if c.page else len(listing.items)
        self.seen.append((listing, start // max(size, 1)))
        items = [self.stirred(c, item) for item in listing.items[start:start + size]]
        document = envelope(c, items)
        more = bool(c.page) and start + size < len(listing.items)
        for n, part in enumerate(c.page.get("parts", [c.page]) if more else ()):
            put(document, part["from"].partition(":")[2], token(listing, start + size, n))
        if c.page and "more" in c.page:
            put(document, c.page["more"].partition(":")[2], ("true" if more else "false") if c.format == "xml" else more)
        return document

    def start(self, listing, request):
        page = listing.c.page
        if not page:
            return 0
        if "size" in page:
            assert given(request, page["size"]["to"]) == str(page["size"]["max"]), f"{request} asks for no page size"
        asked = [given(request, part["to"]) for part in page.get("parts", [page])]
        if asked == [None] * len(asked):
            return 0
        for start in range(PAGE, len(listing.items) + PAGE, PAGE):
            if asked == [token(listing, start, n) for n in range(len(asked))]:
                return start
        raise AssertionError(f"{listing} never gave the token {asked}")

    def stirred(self, c, item):
        """An item as it looks this time: noise where `ignore` says so, sets in another order, and JSON in texts."""
        item = copy.deepcopy(item)
        for pointer in c.spec.get("unordered", ()) if self.stirs else ():
            for holder, key in find_all(item, pointer):
                if isinstance(holder[key], list):  # where a policy has a text, or a list of them
                    self.dice.shuffle(holder[key])
        for pointer in c.spec.get("ignore", ()):
            for holder, key in find_all(item, pointer):
                self.noise(holder, key)
        for pointer in c.spec.get("parse", ()):
            for holder, key in find_all(item, pointer):
                holder[key] = as_text(c, holder[key], self.stirs)
        return item

    def noise(self, holder, key):
        value = holder[key]
        if isinstance(value, dict):
            for name in value:
                self.noise(value, name)
        elif isinstance(value, list):
            for n in range(len(value)):
                self.noise(value, n)
        else:
            number = self.dice.randrange(1 << 40)
            holder[key] = str(number) if isinstance(value, str) else number


def token(listing, start, n):
    """A token with all that is hard to carry; of several parts each its own."""
    return f"{n}/{listing.c.type}/+={start}&% ü=="


def given(request, place):
    where, _, name = place.partition(":")
    if where == "query":
        return request.param(name)
    if where == "form":
        return dict(parse_qsl(request.body.decode(), True)).get(name)
    value = request.json().get(name.lstrip("/"))
    return value if value is None else str(value)


def put(document, pointer, value):
    """Sets a value, making objects on the way."""
    *path, last = wire.segments(pointer)
    for part in path:
        document = document.setdefault(part, {})
    document[last] = value


def envelope(c, items):
    """An answer's document around its items; in `/A/*/B/*` two items go into each A."""
    if c.has_own_document():
        if c.items == "":
            return items[0]
        document = {}
        put(document, c.item_prefix, items[0])
        return document
    levels = c.items.split("/*")[:-1]
    for pointer in reversed(levels[1:]):
        groups = [items[n:n + 2] for n in range(0, len(items), 2)] or [[]]
        items = []
        for group in groups:
            items.append({})
            put(items[-1], pointer, group)
    document = {}
    put(document, levels[0], items)
    return document
