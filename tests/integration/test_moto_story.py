"""All that providers/aws.yaml harvests and moto serves, in two regions: somebody makes, changes and deletes one thing of each
kind, and each harvest tells exactly that."""

from collections import Counter
from urllib.parse import unquote

import actor
import pytest
from actor import KIND, compare
from moto_cloud import Moto
from moto_lab import NOT_SERVED, MotoLab, definition, relisted, served, types

REGIONS = {"us-east-1": "east", "eu-west-1": "west"}  # and what the things there are named
ONE_EACH = {"aws.iam.password_policy", "aws.s3control.public_access_block"}  # an account has one or none
NEVER_DELETED = {  # … while whoever owns them lives, or for longer than a test
    "aws.sts.identity", "aws.iam.account_summary", "aws.kms.key_id", "aws.kms.key", "aws.kms.key_policy",
    "aws.ec2.instance", "aws.ec2.nat_gateway", "aws.ec2.vpc_endpoint", "aws.ec2.vpc_peering_connection",
    "aws.ecs.cluster_arn", "aws.ecs.cluster", "aws.ecs.service_arn", "aws.ecs.service",
    "aws.ecs.task_definition_family", "aws.ecs.task_definition"}
NEVER_CHANGED = {  # nothing in their documents can be changed
    "aws.dynamodb.table_name", "aws.ecs.cluster_arn", "aws.ecs.service_arn", "aws.ecs.task_definition_family",
    "aws.eks.cluster_name", "aws.iam.oidc_provider", "aws.iam.saml_provider", "aws.kms.key_id", "aws.s3.bucket",
    "aws.sns.subscription", "aws.sns.topic_arn", "aws.sqs.queue_url", "aws.sts.identity"}


@pytest.fixture(scope="module")
def moto(tmp_path_factory):
    with Moto(tmp_path_factory.mktemp("moto")) as made:
        yield made


class Story:
    """One round after the other, each with what was claimed and the harvests that came after it."""

    def __init__(self, lab):
        self.lab, self.claims, self.runs = lab, {}, {}
        self.places = [lab.place(region) for region in REGIONS]
        self.round("filled", actor.make, "first")
        self.runs["silent"] = [lab.run()]
        self.round("made", actor.make, "second")
        self.round("more", actor.make, "third")  # so that a deleted one is one of three, and nothing is held back
        self.round("changed", actor.change, "second")
        self.round("deleted", actor.delete, "second", runs=2)
        self.runs["at last"] = [lab.run()]

    def round(self, name, act, thing, runs=1):
        self.claims[name] = [claim for place in self.places for claim in act(served(), place, f"{REGIONS[place.region]}-{thing}")]
        self.runs[name] = [self.lab.run() for _ in range(runs)]

    def told(self, name):
        return [event for run in self.runs[name] for event in run.changes()]


@pytest.fixture(scope="module")
def story(moto, tmp_path_factory):
    lab = MotoLab(tmp_path_factory.mktemp("story"), moto, [{"id": "123456789012", "regions": list(REGIONS)}])
    yield Story(lab)
    lab.verify()


def is_of_one_of(event, ids):
    """Whether the event's collection hangs on one of these: a parent is an id, or several in one."""
    return event["parent"] in ids or unquote(event["parent"].split("/")[-1]) in ids


def test_every_collection_is_known_here():
    assert set(KIND) == set(served()), "tests/lib/actor*.py has a kind for each type of aws.yaml, or moto_lab.NOT_SERVED names it"
    assert set(NOT_SERVED) <= set(types())


@pytest.mark.parametrize("type", sorted(NOT_SERVED))
def test_what_moto_is_said_not_to_serve_it_does_not(moto, tmp_path, type):
    """When this fails, moto serves it now: take it out of moto_lab.NOT_SERVED and give it a kind."""
    parent = next(one for one in definition()["collections"] if one["type"] == type)["scope"]["parent"]
    lab = MotoLab(tmp_path, moto, [{"id": "123456789012", "regions": ["ca-central-1"]}], types=[type])
    place = lab.place("ca-central-1")
    for needed in (*KIND[parent].after, parent):
        actor.make([needed], place, "unserved")
    lab.run(expect=1).said(type.replace(".", r"\."), NOT_SERVED[type])


def test_everything_is_harvested(story):
    found = Counter(event["type"] for event in story.told("filled"))
    assert [type for type in served() if not found[type]] == []
    assert all(event["op"] == "created" and event["initial"] for event in story.told("filled"))
    told = {(event["op"], event["type"], event["region"], event["id"]) for event in story.told("filled")}
    assert [claim.key for claim in actor.merge(story.claims["filled"]) if claim.op == "created" and claim.key not in told] == []


def test_a_second_run_is_silent(story):
    assert [event["op"] for event in story.runs["silent"][0].events()] == ["bookmark"]


@pytest.mark.parametrize("round", ["made", "more", "changed", "deleted"])
def test_what_was_done_is_told_and_nothing_else(story, round):
    compare(story.claims[round], story.told(round))
    # Only what hangs on something new is listed for the first time; and no collection has anything else to say.
    new = {event["id"] for event in story.told(round) if event["op"] == "created"}
    assert [event for event in story.told(round) if event["initial"] and not is_of_one_of(event, new)] == []
    statuses = [event for run in story.runs[round] for event in run.statuses()]
    assert [event for event in statuses if event["status"]["kind"] != "listed" or not is_of_one_of(event, new)] == []


def test_one_of_each_kind_was_made_changed_and_deleted(story):
    """… so that the test above proves something for each."""
    did = {op: {claim.type for claim in story.claims[round] if claim.op == op}
           for round, op in (("made", "created"), ("changed", "updated"), ("deleted", "deleted"))}
    assert set(served()) - did["created"] == ONE_EACH | {"aws.sts.identity", "aws.iam.account_summary"}
    assert set(served()) - did["updated"] == NEVER_CHANGED | ONE_EACH | {"aws.iam.account_summary"}
    assert set(served()) - did["deleted"] == NEVER_DELETED | ONE_EACH


def test_a_deletion_is_told_by_the_first_listing_that_misses_it_or_by_the_second_where_the_file_says_so(story):
    first, second = ({event["type"] for event in run.changes() if event["op"] == "deleted"} for run in story.runs["deleted"])
    assert second == {type for type in relisted() if type in first | second}
    assert first & second == set()


def test_port_22_is_seen_to_be_opened(story):
    opened = [event for event in story.told("changed") if event["type"] == "aws.ec2.security_group"]
    assert sorted(event["region"] for event in opened) == sorted(REGIONS)
    for event in opened:
        step, = event["patch"]
        assert (step["op"], step["path"].split("/")[1]) == ("add", "ipPermissions")
        rule, = step["value"] if isinstance(step["value"], list) else [step["value"]]
        assert (rule["fromPort"], rule["toPort"], rule["ipRanges"]) == ("22", "22", [{"cidrIp": "0.0.0.0/0"}])


def test_at_last_nothing_is_left_to_tell(story):
    assert [event["op"] for event in story.runs["at last"][0].events()] == ["bookmark"]


def test_the_store_has_what_boto3_lists(story):
    for place in story.places:
        for type in served():
            scope = ("--region", place.region) if KIND[type].regional else ()
            assert story.lab.ids(type, *scope) == sorted(KIND[type].ids(place)), (type, place.region)


def test_no_secret_is_anywhere(story):
    shown = story.lab.feed("--from", "oldest").text + "".join(run.err for runs in story.runs.values() for run in runs)
    assert "not to be seen" not in shown
    assert story.lab.env["AWS_SECRET_ACCESS_KEY"] not in shown


def test_the_feed_replays_to_the_store(story):
    world = story.lab.world()
    for type in served():
        assert sorted(key[-1] for key in world if key[3] == type) == story.lab.ids(type)
