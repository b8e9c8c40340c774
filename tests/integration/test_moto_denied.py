"""moto checks signatures and IAM policies: who may not, is told so by name; the rest goes on, and nothing is deleted."""

import json
import re

import actor
import pytest
from actor_iam import allow
from moto_cloud import ACCOUNT, Moto, role
from moto_lab import MotoLab, definition, served

# Where moto asks for another permission than AWS does.
OTHERWISE = {"s3:GetBucketPublicAccessBlock": "s3:ListBucket", "s3:GetEncryptionConfiguration": "s3:ListBucket",
             "s3:GetAccountPublicAccessBlock": "s3:GetPublicAccessBlock", "apigateway:GET": "apigateway:Get*"}


class Watched(MotoLab):
    """A lab whose Garner is the IAM user `garner`, with the policy that a test gives it."""

    def __init__(self, folder, moto):
        super().__init__(folder, moto)
        self.iam = moto.client("iam")  # a root user's, which moto knows no policy of: asked before it checks
        self.iam.create_user(UserName="garner")
        key = self.iam.create_access_key(UserName="garner")["AccessKey"]
        self.keys = {"aws_access_key_id": key["AccessKeyId"], "aws_secret_access_key": key["SecretAccessKey"]}
        self.env.update(moto.environment(keys=self.keys))

    def may(self, *actions, deny=()):
        self.moto.checks(False)
        self.iam.put_user_policy(UserName="garner", PolicyName="garner", PolicyDocument=allow(*actions, deny=deny))
        self.moto.checks()


@pytest.fixture(scope="module")
def moto(tmp_path_factory):
    with Moto(tmp_path_factory.mktemp("moto")) as made:
        yield made


@pytest.fixture
def lab(moto, tmp_path):
    moto.checks(False)
    moto.reset()
    made = Watched(tmp_path, moto)
    actor.make(served(), made.place(), "a")
    yield made
    made.verify()


def refused(run):
    """The lines that say what was refused, by type."""
    return {match[1]: line for line in run.err.splitlines() if (match := re.search(r"\b(aws\.[\w.]+) .*page 1: ", line))}



def user_id(lab):
    return lab.moto.client("iam", keys=lab.keys).get_user(UserName="garner")["User"]["UserId"]


def test_every_request_is_signed_as_botocore_signs_it(lab):
    """moto holds each against botocore's own signer: Query, EC2, S3, REST and JSON."""
    lab.may("*")
    run = lab.run()
    assert {event["type"] for event in run.changes()} == set(served())


def test_the_permissions_that_the_file_names_are_enough(lab):
    wanted = [action for one in definition(served())["collections"] for action in one["permissions"]]
    lab.may(*{OTHERWISE.get(action, action) for action in wanted})
    run = lab.run()
    assert {event["type"] for event in run.changes()} == set(served())


def test_a_denied_service_is_unreachable_and_comes_back_and_the_rest_goes_on(lab):
    lab.may("*")
    lab.run()
    before = {type: lab.ids(type) for type in served()}
    denied = {one["type"]: one["permissions"] for one in definition()["collections"] if one["type"].startswith("aws.rds.")}

    lab.may("*", deny=["rds:*"])
    run = lab.run(expect=1)
    assert set(refused(run)) == set(denied)
    for type, permissions in denied.items():
        run.said(rf"{ACCOUNT} us-east-1 {re.escape(type)} page 1: HTTP 403 AccessDenied: ",
                 rf"grant {permissions[0]}; \d+ kept, nothing deleted")
    assert {(event["type"], event["status"]["kind"]) for event in run.statuses()} == {(type, "unreachable") for type in denied}
    assert run.brief() == [f"updated {user_id(lab)}"], "the user's policy alone changed"
    assert {type: lab.ids(type) for type in served()} == before

    assert lab.run(expect=1).statuses() == [], "it is told once"

    lab.may("*")
    run = lab.run()
    assert {(event["type"], event["status"]["kind"]) for event in run.statuses()} == {(type, "recovered") for type in denied}
    assert run.brief() == [f"updated {user_id(lab)}"]
    assert {type: lab.ids(type) for type in served()} == before


def test_a_wrong_secret_is_told_of_each_collection_and_deletes_nothing(lab):
    lab.may("*")
    lab.run()
    before = {type: lab.ids(type) for type in served()}
    lab.env["AWS_SECRET_ACCESS_KEY"] = "not+the/secret"
    run = lab.run(expect=1)
    roots = {one["type"] for one in definition(served())["collections"] if not isinstance(one.get("scope"), dict)}
    told = refused(run)
    assert roots - set(told) == set()
    for type in roots:
        wanted = "HTTP 401 AuthFailure" if type.startswith("aws.ec2.") else "HTTP 403 SignatureDoesNotMatch"
        assert wanted in told[type] and "access key" in told[type] and "nothing deleted" in told[type], told[type]
    assert run.changes() == []
    assert {event["status"]["kind"] for event in run.statuses()} == {"unreachable"}
    assert {type: lab.ids(type) for type in served()} == before
    assert "not+the/secret" not in run.err + run.text
    lab.env["AWS_SECRET_ACCESS_KEY"] = lab.keys["aws_secret_access_key"]
    run = lab.run()
    assert run.changes() == []
    assert {event["status"]["kind"] for event in run.statuses()} == {"recovered"}


def test_an_unknown_key_is_told(lab):
    lab.may("*")
    lab.env.update(AWS_ACCESS_KEY_ID="AKIANOBODYNOBODYNOBO")
    run = lab.run(expect=1)
    run.said(r"aws\.ec2\.security_group page 1: HTTP 401 AuthFailure", "check the access key")
    run.said(r"aws\.iam\.user page 1: HTTP 403 InvalidClientTokenId", "check the access key")
    assert run.changes() == []


def test_a_role_is_had_with_the_agreed_external_id_only(lab):
    """The role's trust asks for it: another one is refused, and what was harvested stays."""
    lab.may("*")
    iam, agreed = lab.moto.client("iam", keys=lab.keys), "agreed/upon=1+"
    trust = {"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:user/garner"},
        "Condition": {"StringEquals": {"sts:ExternalId": agreed}}}]}
    iam.create_role(RoleName="harvest", AssumeRolePolicyDocument=json.dumps(trust))
    iam.put_role_policy(RoleName="harvest", PolicyName="all", PolicyDocument=allow("*"))

    def asks_with(external):
        credentials = {"aws": {"role_arn": role(ACCOUNT, "harvest"), "external_id": external}}
        lab.has_accounts([{"id": ACCOUNT, "regions": ["us-east-1"], "credentials": credentials}])
    asks_with(agreed)
    assert {event["type"] for event in lab.run().changes()} == set(served())
    before = {type: lab.ids(type) for type in served()}
    asks_with("another")
    run = lab.run(expect=1)
    run.said(ACCOUNT, re.escape(role(ACCOUNT, "harvest")), "HTTP 403", "nothing of this account was harvested")
    assert run.changes() == []
    assert {type: lab.ids(type) for type in served()} == before
    asks_with(agreed)
    assert lab.run().changes() == []
