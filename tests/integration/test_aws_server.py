"""The small AWS of the tests speaks AWS: boto3 is content with it, and hears of each error what AWS calls it."""

import json

import boto3
import pytest
from aws import ERRORS, MAIN, OTHER, Aws
from aws_local import TOKEN_HEADER, Container, Metadata
from aws_services import HURTS, elsewhere
from botocore.config import Config
from botocore.credentials import ContainerProvider, InstanceMetadataProvider
from botocore.exceptions import ClientError
from botocore.utils import ContainerMetadataFetcher, InstanceMetadataFetcher

NAMES = ["plain", "a+b", "a/b", "a=b", "50%", "a:b", "a b", "grün-日本-😀", "a%2Fb", "~-._*'()!$&,;@#?"]
ONCE = Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"})


@pytest.fixture
def aws(server, monkeypatch):
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    return Aws(server)


def client(aws, service, keys, region="us-east-1", config=ONCE):
    return boto3.client(service, region, aws_access_key_id=keys.id, aws_secret_access_key=keys.secret,
                        aws_session_token=keys.token, endpoint_url=aws.url, config=config)


def pages(made, operation, key, **params):
    return [item for page in made.get_paginator(operation).paginate(**params) for item in page.get(key, [])]


def code_of(call, *args, **params):
    with pytest.raises(ClientError) as failed:
        call(*args, **params)
    return failed.value.response["Error"]["Code"]


def test_listings_of_each_protocol_are_paged(aws):
    aws.world.default_size = 10
    keys, here = aws.session(), aws.at("us-east-1")
    here.snapshots += [{"snapshotId": f"snap-{n}", "tagSet": [{"key": "k", "value": "<&>"}]} for n in range(25)]
    here.groups += [{"groupId": f"sg-{n}"} for n in range(12)]
    here.tables += [f"table-{n:03}" for n in range(123)]
    here.functions += [{"FunctionName": f"f{n}"} for n in range(12)]
    here.things["kms"] += [{"KeyId": f"k{n}"} for n in range(3)]
    account = aws.account()
    account.users += [{"UserName": f"u{n}", "Arn": f"arn:aws:iam::{MAIN}:user/u{n}", "Path": "/"} for n in range(12)]
    account.buckets += [{"Name": f"b{n}"} for n in range(12)]
    account.zones += [{"Id": f"/hostedzone/Z{n}", "Name": f"n{n}."} for n in range(12)]
    assert [s["SnapshotId"] for s in pages(client(aws, "ec2", keys), "describe_snapshots", "Snapshots", MaxResults=10)] == [
        f"snap-{n}" for n in range(25)]
    assert len(pages(client(aws, "ec2", keys), "describe_security_groups", "SecurityGroups", MaxResults=5)) == 12
    assert [r["RegionName"] for r in client(aws, "ec2", keys).describe_regions()["Regions"]] == ["us-east-1", "eu-west-1"]
    assert pages(client(aws, "dynamodb", keys), "list_tables", "TableNames") == here.tables
    assert len(pages(client(aws, "lambda", keys), "list_functions", "Functions")) == 12
    assert len(pages(client(aws, "iam", keys), "list_users", "Users")) == 12
    assert [b["Name"] for b in pages(client(aws, "s3", keys), "list_buckets", "Buckets", MaxBuckets=5)] == [f"b{n}" for n in range(12)]
    assert len(pages(client(aws, "route53", keys), "list_hosted_zones", "HostedZones")) == 12
    assert client(aws, "sts", keys).get_caller_identity()["Arn"] == keys.arn
    assert all(call.verdict == "ok" for call in aws.called())
    assert any(HURTS in value for call in aws.called("ListBuckets") for _, value in call.request.query), "tokens hurt"


def test_names_that_hurt_are_understood_in_paths(aws):
    keys, account, here = aws.user(), aws.account(), aws.at()
    account.buckets.append({"Name": "bucket"})
    for name in NAMES:
        account.objects["bucket"][name] = {"name": name}
        here.policies[f"arn:aws:lambda:us-east-1:{MAIN}:function:{name}"] = {"for": name}
    s3, functions = client(aws, "s3", keys), client(aws, "lambda", keys)
    assert [o["Key"] for o in pages(s3, "list_objects_v2", "Contents", Bucket="bucket", MaxKeys=3)] == NAMES
    for name in NAMES:
        assert s3.get_object_tagging(Bucket="bucket", Key=name)["TagSet"] == [{"Key": "name", "Value": name}]
        policy = functions.get_policy(FunctionName=f"arn:aws:lambda:us-east-1:{MAIN}:function:{name}")["Policy"]
        assert json.loads(policy) == {"for": name}


@pytest.mark.parametrize("service, ask, protocol", [
    ("ec2", lambda c: c.describe_regions(), "ec2"), ("iam", lambda c: c.list_users(), "*"), ("s3", lambda c: c.list_buckets(), "s3"),
    ("dynamodb", lambda c: c.list_tables(), "json"), ("lambda", lambda c: c.list_functions(), "rest-json"),
    ("route53", lambda c: c.list_hosted_zones(), "*"), ("sts", lambda c: c.get_caller_identity(), "*")])
def test_each_error_is_named_as_the_protocol_does(aws, service, ask, protocol):
    def told(kind):
        return (ERRORS[kind].get(protocol) or ERRORS[kind]["*"])[1]
    alice, gone, wrong, nobody = aws.user(), aws.session(lives=-1), aws.user(), aws.user()
    wrong.secret += "x"
    made = client(aws, service, wrong)
    wrong.secret = wrong.secret[:-1]
    assert code_of(ask, made) == told("wrong secret")
    nobody_s = client(aws, service, nobody)
    del aws.keys[nobody.id]
    assert code_of(ask, nobody_s) == told("unknown key")
    assert code_of(ask, client(aws, service, gone)) == told("expired")
    for ahead_s in (1000, -1000):
        aws.ahead_s = ahead_s
        assert code_of(ask, client(aws, service, alice)) in (told("skewed"), "AuthFailure")
    aws.ahead_s = 0
    for kind in ("denied", "throttled", "switched off", "not subscribed", "broken"):
        aws.fails(kind, times=1)
        assert code_of(ask, client(aws, service, alice)) == told(kind)
    ask(client(aws, service, alice))


def test_roles_are_assumed_by_whom_they_trust(aws):
    alice, mallory = aws.user("alice"), aws.user("mallory")
    first = aws.role("first", trusts=[alice])
    second = aws.role("second", account=OTHER, trusts=[first], external_id="x+1")

    def assume(keys, role, **more):
        made = client(aws, "sts", keys).assume_role(RoleArn=role.arn, RoleSessionName="s1", **more)["Credentials"]
        return aws.keys[made["AccessKeyId"]]
    assert code_of(assume, mallory, first) == "AccessDenied"
    between = assume(alice, first)
    assert code_of(assume, between, second) == "AccessDenied"
    keys = assume(between, second, ExternalId="x+1")
    assert client(aws, "sts", keys).get_caller_identity()["Account"] == OTHER
    pod = aws.role("pod")
    token = aws.web_token(pod)
    sts = boto3.client("sts", "us-east-1", endpoint_url=aws.url, aws_access_key_id="x", aws_secret_access_key="y")
    made = sts.assume_role_with_web_identity(RoleArn=pod.arn, RoleSessionName="s1", WebIdentityToken=token)
    assert aws.keys[made["Credentials"]["AccessKeyId"]].role == pod.arn
    assert code_of(sts.assume_role_with_web_identity, RoleArn=pod.arn, RoleSessionName="s1",
                   WebIdentityToken="else") == "InvalidIdentityToken"


def test_containers_and_machines_hand_out_keys(aws):
    with Container(aws.session, token="let+me/in") as container, Metadata(aws.session) as metadata:
        found = ContainerProvider({"AWS_CONTAINER_CREDENTIALS_FULL_URI": container.uri, "AWS_CONTAINER_AUTHORIZATION_TOKEN": "let+me/in"},
                                  ContainerMetadataFetcher()).load()
        assert found.get_frozen_credentials().secret_key in aws.hidden
        fetcher = InstanceMetadataFetcher(base_url=metadata.url + "/", env={})
        found = InstanceMetadataProvider(fetcher).load()
        assert found.get_frozen_credentials().secret_key in aws.hidden
        assert all(request.header(TOKEN_HEADER) for request in metadata.server.asked("/latest/meta-data/*"))


@pytest.mark.parametrize("status", [301, 307, 400])
def test_a_bucket_elsewhere_is_found_by_boto3(aws, status):
    account, keys = aws.account(), aws.user()
    account.buckets.append({"Name": "far"})
    account.policies["far"] = '{"Statement": []}'
    account.moved["far"] = elsewhere("eu-west-1", status)
    s3 = client(aws, "s3", keys)
    assert s3.get_bucket_policy(Bucket="far")["Policy"] == '{"Statement": []}'
    assert [call.region for call in aws.called("GetBucketPolicy")][-1] == "eu-west-1"
