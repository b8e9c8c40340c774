"""Thousands of snapshots and hundreds of other things, page after page: a handful is deleted, and that is told; the rest stays."""

import actor
import pytest
from actor import KIND, compare
from moto_cloud import Moto
from moto_lab import MotoLab

SNAPSHOTS = 3000
HUNDREDS = {  # how many of what, beside what an account has from its start
    "aws.ec2.security_group": 240, "aws.ec2.key_pair": 30, "aws.ec2.address": 120, "aws.ec2.network_acl": 120,
    "aws.iam.user": 200, "aws.iam.role": 200, "aws.logs.log_group": 200, "aws.secretsmanager.secret": 120,
    "aws.sns.topic": 60, "aws.sqs.queue": 60, "aws.dynamodb.table": 120, "aws.s3.bucket": 30}
DELETED = 5
SNAPSHOT = KIND["aws.ec2.snapshot"]


@pytest.fixture(scope="module")
def moto(tmp_path_factory):
    with Moto(tmp_path_factory.mktemp("moto")) as made:
        yield made


class Many:
    """A region with a lot in it, harvested; then a handful of each is deleted."""

    def __init__(self, lab):
        self.lab, self.place = lab, lab.place()
        self.made = SNAPSHOT.many(self.place, SNAPSHOTS)
        for type, count in HUNDREDS.items():
            for n in range(count):
                self.made += actor.make([type], self.place, f"n{n:03}")
        self.first, self.second = lab.run(), lab.run()
        self.before = {type: set(lab.ids(type)) for type in (SNAPSHOT.type, *HUNDREDS)}
        self.deleted = [claim for id in sorted(self.before[SNAPSHOT.type])[7::500] for claim in SNAPSHOT.delete(self.place, id)]
        for type, count in HUNDREDS.items():
            for n in range(3, count, max(count // DELETED, 1)):
                self.deleted += actor.delete([type], self.place, f"n{n:03}")
        self.third, self.fourth, self.fifth = lab.run(), lab.run(), lab.run()


@pytest.fixture(scope="module")
def many(moto, tmp_path_factory):
    lab = MotoLab(tmp_path_factory.mktemp("many"), moto)
    yield Many(lab)
    lab.verify()


def test_all_are_harvested_and_a_second_run_is_silent(many):
    told = {(event["type"], event["id"]) for event in many.first.changes()}
    assert {(claim.type, claim.id) for claim in many.made if claim.op == "created"} - told == set()
    assert [event["op"] for event in many.second.events()] == ["bookmark"]


def test_they_came_in_pages(many):
    pages = {one["type"]: one["pages"] for one in many.lab.receipts() if one["type"] in HUNDREDS or one["type"] == SNAPSHOT.type}
    assert pages[SNAPSHOT.type] >= SNAPSHOTS / 1000
    assert pages["aws.logs.log_group"] >= 200 / 50


def test_what_was_deleted_is_told_and_everything_else_stays(many):
    compare(many.deleted, many.third.changes() + many.fourth.changes())
    assert sum(event["type"] == SNAPSHOT.type for event in many.fourth.changes()) == SNAPSHOTS / 500
    gone = {(claim.type, claim.id) for claim in many.deleted if claim.op == "deleted"}
    for type, ids in many.before.items():
        assert set(many.lab.ids(type)) == {id for id in ids if (type, id) not in gone}
        assert many.lab.ids(type) == sorted(KIND[type].ids(many.place))
    assert [event["op"] for event in many.fifth.events()] == ["bookmark"]


def test_more_than_half_at_once_is_held_back_until_somebody_confirms(many):
    ids = sorted(many.lab.ids(SNAPSHOT.type))
    claims = [claim for id in ids[: len(ids) * 3 // 5] for claim in SNAPSHOT.delete(many.place, id)]
    many.lab.run(expect=None)
    run = many.lab.run(expect=1)
    run.said(r"aws\.ec2\.snapshot: the guard holds back ", "garner confirm aws/123456789012 aws.ec2.snapshot --region us-east-1")
    assert run.changes() == []
    assert sorted(many.lab.ids(SNAPSHOT.type)) == ids
    many.lab.on_data("confirm", "aws/123456789012", SNAPSHOT.type, "--region", "us-east-1")
    compare(claims, many.lab.run().changes())
