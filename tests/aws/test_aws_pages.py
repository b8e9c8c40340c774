"""Every collection of providers/aws.yaml is harvested from an AWS made of botocore's models, page by page.

The server checks each signature with botocore's signer, and fails the run if a request isn't one that the file means.
All tests look at one scenario: harvest, harvest again, change an item of each listing, take items away.
"""

import copy
import json
import random

import aws_file
import garner
import pytest
from model_server import ACCOUNT, KEYS, World, find_all
from server import Server

REGIONS = ["us-east-1", "eu-west-1"]
FILE = aws_file.load()
TYPES = [spec["type"] for spec in FILE["collections"]]
# A document of theirs is no more than its id; or all but the id is ignored.
NAMES_ONLY = {spec["type"] for spec in FILE["collections"] if spec["id"] == ""} | \
    {"aws.sns.topic_arn", "aws.iam.oidc_provider", "aws.sts.identity"}


# --- what should be ---

def key(listing, item):
    return (listing.c.type, listing.region if listing.c.is_regional else None, path_of(listing), listing.id_of(item))


def path_of(listing):
    """The parent as events name it: with a parent of its own, as a path of both."""
    above = path_of(listing.parent) if listing.parent else None
    if above is None:
        return listing.parent_id
    return "/".join(one.replace("%", "%25").replace("/", "%2F") for one in (above, listing.parent_id))


def settled(c, document):
    """A document as two of them are compared: without what is ignored, sets in some order."""
    document = copy.deepcopy(document)
    for pointer in c.spec.get("ignore", ()):
        for holder, name in reversed(find_all(document, pointer)):
            del holder[name]
    for pointer in sorted(c.spec.get("unordered", ()), key=len, reverse=True):  # what is within others first
        for holder, name in find_all(document, pointer):
            if isinstance(holder[name], list):
                holder[name] = sorted(holder[name], key=lambda one: json.dumps(one, sort_keys=True))
    return empty_as_text(document) if c.format == "xml" else document


def empty_as_text(value):
    """XML can't tell an element without children from an empty text."""
    if isinstance(value, dict):
        return {name: empty_as_text(one) for name, one in value.items()} or ""
    return [empty_as_text(one) for one in value] if isinstance(value, list) else value


def what_there_is(world):
    return {key(one, item): settled(one.c, item) for one in world.listings if one.c.type != "regions" for item in one.items}


def changes(result, op):
    found = [e for e in result.events() if e["op"] == op]
    made = {(e["type"], e["region"], e["parent"], e["id"]): e for e in found}
    assert len(made) == len(found)
    return made


# --- what happens ---

# What the children of an item ask with, and what an id's template has.
KEPT = {"aws.iam.user": {"/UserName"}, "aws.lambda.function": {"/FunctionName"}, "aws.s3.bucket": {"/BucketRegion"},
        "aws.route53.record_set": {"/Name", "/Type", "/SetIdentifier"}}


def leaves(c, value, at=""):
    """The places of an item's leaves that may change: no ids, nothing that is ignored."""
    kept = KEPT.get(c.type, set()) | ({c.id} if isinstance(c.id, str) else set(c.id)) | set(c.spec.get("ignore", ()))
    if at in kept:
        return
    if isinstance(value, dict):
        for name, one in value.items():
            yield from leaves(c, one, f"{at}/{name}")
    elif isinstance(value, list):
        for n, one in enumerate(value):
            if f"{at}/*" not in kept:
                yield from leaves(c, one, f"{at}/{n}")
    elif value != "":
        yield at


def change_one(listing):
    """Another value in the last item. Returns its place; None if it is nothing but its name."""
    item = listing.items[-1]
    place = next(leaves(listing.c, item), None) if isinstance(item, dict) else None
    if place:
        holder, name = find_all(item, place)[0]
        value = holder[name]
        holder[name] = not value if isinstance(value, bool) else "changed " + value if isinstance(value, str) else value + 1
    return place


def removable(world):
    """An item of every listing that may have fewer. Of parents it is one whose children are left as they are."""
    for one in [one for one in world.listings if one.c.type != "regions"]:
        if one in world.listings and one.items and (not one.c.has_own_document() or one.c.absent):
            yield one, one.items[0]


class Scenario:
    def __init__(self, folder, server):
        self.world = World(FILE, REGIONS)
        server.on("*", self.world.answer)
        self.server, self.lab = server, garner.Lab(folder, server.url)
        self.lab.env |= {"AWS_ACCESS_KEY_ID": KEYS.id, "AWS_SECRET_ACCESS_KEY": KEYS.secret}
        self.lab.has_provider(aws_file.PATH.read_text(), "aws")
        self.lab.has_config([{"id": ACCOUNT, "provider": "aws", "endpoint": server.url}], providers=["providers/aws.yaml"])

        self.wanted = what_there_is(self.world)
        self.opened = {type: {one: len(one.pages()) for one in self.world.lists(type)} for type in TYPES}
        self.first = self.run()
        self.asked = [(one, page) for one, page in self.world.seen]
        self.world.stirs = True
        self.second = self.run()
        self.world.stirs = False  # a patch between documents tells of sets in another order, too

        self.places = {}
        for one in self.world.listings:
            place = change_one(one) if one.c.type != "regions" and one.items else None
            if place is not None:
                self.places[key(one, one.items[-1])] = place
        self.changed = what_there_is(self.world)
        self.third = self.run()

        self.gone, dice = {}, random.Random(3)
        candidates = list(removable(self.world))
        dice.shuffle(candidates)
        for one, item in candidates:
            if one in self.world.listings and self.world_may_lose(one):
                self.gone.update((key(*each), each) for each in self.world.remove(one, item))
        self.world.stirs = True
        self.fourth = self.run()
        self.fifth = self.run()

    def world_may_lose(self, one):
        """Each collection loses in one place of each region only: what else there is stays as a witness."""
        return not any(gone[0].c.type == one.c.type and gone[0].region == one.region for gone in self.gone.values())

    def run(self):
        result = self.lab.run(expect=None, timeout=300)
        for trouble in self.server.trouble:
            raise trouble
        assert result.code == 0, str(result)
        return result


@pytest.fixture(scope="module")
def scenario(tmp_path_factory, binary):
    with Server() as server:
        made = Scenario(tmp_path_factory.mktemp("aws"), server)
        yield made
        made.lab.verify()


def of(type, by_key):
    return {at: one for at, one in by_key.items() if at[0] == type}


@pytest.mark.parametrize("type", TYPES)
def test_every_item_of_every_page_is_there_as_it_was_sent(scenario, type):
    c, wanted = aws_file.find(FILE, type), of(type, scenario.wanted)
    assert wanted
    assert {at: settled(c, e["after"]) for at, e in of(type, changes(scenario.first, "created")).items()} == wanted


@pytest.mark.parametrize("type", TYPES)
def test_each_page_is_asked_for_once(scenario, type):
    c = aws_file.find(FILE, type)
    asked = [(one, page) for one, page in scenario.asked if one.c.type == type]
    for one in scenario.opened[type]:
        assert [page for other, page in asked if other is one] == list(range(scenario.opened[type][one]))
    assert max(scenario.opened[type].values()) >= (2 if c.page else 1)


def test_a_second_harvest_is_silent(scenario):
    assert [e["op"] for e in scenario.second.events()] == ["bookmark"]


@pytest.mark.parametrize("type", TYPES)
def test_a_change_is_one_update_with_its_patch(scenario, type):
    c, places = aws_file.find(FILE, type), of(type, scenario.places)
    updated = of(type, changes(scenario.third, "updated"))
    assert set(updated) == set(places)
    assert places or type in NAMES_ONLY
    for at, event in updated.items():
        place, = event["patch"]
        assert (place["op"], place["path"]) == ("replace", places[at]), place
        assert settled(c, event["after"]) == scenario.changed[at]


def test_nothing_else_is_told_of_changes(scenario):
    assert {e["op"] for e in scenario.third.events()} == {"updated", "bookmark"}


@pytest.mark.parametrize("type", TYPES)
def test_what_is_taken_away_is_deleted_with_all_below_it(scenario, type):
    waits = aws_file.find(FILE, type).spec.get("delete", {}).get("confirm") == "relist"
    fourth, fifth = (set(of(type, changes(run, "deleted"))) for run in (scenario.fourth, scenario.fifth))
    gone = set(of(type, scenario.gone))
    assert (fourth, fifth) == ((set(), gone) if waits else (gone, set()))
    assert gone or type in ("aws.sts.identity", "aws.iam.account_summary")


def test_nothing_else_is_told_of_deletes(scenario):
    assert {e["op"] for e in scenario.fourth.events() + scenario.fifth.events()} == {"deleted", "bookmark"}


def test_regions_are_discovered(scenario):
    assert {at[1] for at in changes(scenario.first, "created")} == {None, *REGIONS}
