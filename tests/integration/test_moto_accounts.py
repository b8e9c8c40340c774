"""Three accounts by their roles, each with regions of its own: who has what is never mixed up, and every document says
what boto3 says."""

import json

import actor
import pytest
from actor import KIND, Listed, compare
from moto_cloud import ACCOUNT, Moto, role
from moto_lab import MotoLab, definition, served

PLACES = {"111111111111": ["us-east-1"], "222222222222": ["us-east-1", "eu-west-1"], "333333333333": ["ap-southeast-2"]}
EXTERNAL = "agreed/upon=1"

# What boto3 shows and the harvest doesn't: moto's own listings differ from each other.
DIFFERS = {
    "aws.iam.role": "GetAccountAuthorizationDetails has less of a role than ListRoles",
    "aws.iam.policy": "GetAccountAuthorizationDetails has less of a policy than ListPolicies",
}


@pytest.fixture(scope="module")
def moto(tmp_path_factory):
    with Moto(tmp_path_factory.mktemp("moto")) as made:
        yield made


class Accounts:
    def __init__(self, lab):
        self.lab = lab
        self.places = [lab.place(region, account) for account, regions in PLACES.items() for region in regions]
        for place in self.places:
            actor.make(served(), place, place.region)
        self.first, self.second = lab.run(), lab.run()


@pytest.fixture(scope="module")
def accounts(moto, tmp_path_factory):
    lab = MotoLab(tmp_path_factory.mktemp("accounts"), moto, [
        {"id": id, "regions": regions, "credentials": {"aws": {"role_arn": role(id), "external_id": EXTERNAL}}}
        for id, regions in PLACES.items()])
    yield Accounts(lab)
    lab.verify()


def leaves(value):
    """All texts and numbers in a document, as texts."""
    if isinstance(value, dict):
        return [leaf for one in value.values() for leaf in leaves(one)]
    if isinstance(value, list):
        return [leaf for one in value for leaf in leaves(one)]
    if isinstance(value, bool):
        return [str(value).lower()]
    if isinstance(value, str) and value.startswith("{"):
        return leaves(json.loads(value))  # a policy, which `parse` makes a part of the document
    return [str(value)] if isinstance(value, (str, int, float)) else []  # times are written in many ways


def without(document, pointers):
    """The document without what the file ignores (as boto3 writes names: EC2's begin large)."""
    document = json.loads(json.dumps(document, default=lambda _: None))
    for pointer in pointers:
        holders, parts = [document], pointer.split("/")[1:]
        for part in parts[:-1]:
            holders = [inner for one in holders if (found := one.get(part, one.get(part[0].upper() + part[1:])))
                       for inner in (found if isinstance(found, list) else [found])] if part != "*" else holders
        for one in holders:
            one.pop(parts[-1], one.pop(parts[-1][0].upper() + parts[-1][1:], None))
    return document


def test_each_account_has_what_boto3_lists_there(accounts):
    for place in accounts.places:
        for type in served():
            scope = ("--region", place.region) if KIND[type].regional else ()
            listed = accounts.lab.ids(type, "--account", place.account, *scope)
            assert listed == sorted(KIND[type].ids(place)), (type, place.account, place.region)
            assert listed, "one of each is everywhere"


def test_every_document_says_what_boto3_says(accounts):
    ignored = {one["type"]: one.get("ignore", []) for one in definition()["collections"]}
    held = {(event["account"], event["region"], event["type"], event["id"]): event["after"] for event in accounts.first.changes()}
    checked = set()
    for place in accounts.places:
        for type in set(served()) - set(DIFFERS):
            if isinstance(KIND[type], Listed) and KIND[type].operation:
                for id, document in KIND[type].documents(place).items():
                    ours = leaves(held[place.account, place.region if KIND[type].regional else None, type, id])
                    missing = [leaf for leaf in leaves(without(document, ignored[type])) if leaf not in ours]
                    assert not missing, f"{type} {id}: boto3 has {missing}"
                    checked.add(type)
    assert len(checked) > 40


def test_a_second_run_is_silent(accounts):
    assert [event["op"] for event in accounts.second.events()] == ["bookmark"]


def test_what_is_done_in_one_account_is_told_of_that_one(accounts):
    for place in accounts.places:
        claims = KIND["aws.ec2.security_group"].change(place, place.made["aws.ec2.security_group", place.region])
        run = accounts.lab.run()
        compare(claims, run.changes())
        assert {(event["account"], event["region"]) for event in run.changes()} == {(place.account, place.region)}


def test_regions_are_discovered(moto, tmp_path):
    """An account without regions is harvested in all that are enabled; each has a VPC and its security group from the start."""
    lab = MotoLab(tmp_path, moto, [{"id": ACCOUNT}], types=["aws.ec2.security_group"])
    regions = [one["RegionName"] for one in moto.client("ec2").describe_regions()["Regions"]]
    assert len(regions) > 20
    found = {event["region"]: event["id"] for event in lab.run().changes()}
    assert sorted(found) == sorted(regions)
    for region in regions[::7]:
        assert KIND["aws.ec2.security_group"].ids(lab.place(region)) == [found[region]]
    assert [event["op"] for event in lab.run().events()] == ["bookmark"]
