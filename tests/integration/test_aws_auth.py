"""Requests to AWS: every one is signed as AWS wants it, in each protocol, whatever the names are; keys are
renewed in time; clocks, regions and throttling are what AWS says they are."""

import json
import time

import aws_files as files
import pytest
from aws import MAIN, Refused
from aws_lab import cloud  # noqa: F401
from aws_services import HURTS, elsewhere
from server import Answer

NAMES = ["plain", "a+b", "a/b", "a=b", "50%", "a:b", "a b", "grün-日本-😀", "a%2Fb", "~-._*'()!$&,;@#?", "/lead", "a//b", "tail/"]
# A collection of each protocol, its operation, and where its items are.
PROTOCOLS = {
    "ec2": (files.snapshots, "DescribeSnapshots", lambda aws: aws.at().snapshots, "snapshotId"),
    "query": (files.users, "ListUsers", lambda aws: aws.account().users, "Arn"),
    "s3": (files.buckets, "ListBuckets", lambda aws: aws.account().buckets, "Name"),
    "rest-xml": (files.zones, "ListHostedZones", lambda aws: aws.account().zones, "Id"),
    "json": (lambda **more: files.things("kms", **more), "ListThings", lambda aws: aws.at().things["kms"], "id"),
    "rest-json": (files.functions, "ListFunctions", lambda aws: aws.at().functions, "FunctionArn"),
}


class Paged:
    """The listing of one protocol, of three pages."""

    def __init__(self, cloud, protocol):
        self.cloud, self.aws = cloud, cloud.aws
        made, self.operation, items, key = PROTOCOLS[protocol]
        definition = made(size=5)
        self.type, self.protocol = definition["type"], protocol
        self.items = items(self.aws)
        self.items += [{key: f"i{n:02}"} for n in range(12)]
        self.ids = [item[key] for item in self.items]
        cloud.has(definition, regions=["us-east-1"])

    def on_page(self, number, what, times=1):
        """Page `number` fails so many times: a token that is there tells it from the first."""
        def fault(call):
            at = [str(value) for value in call.params.values() if HURTS in str(value)]
            page = int(at[0].removesuffix("==").split(HURTS)[-1]) // 5 + 1 if at else 1
            return what if page == number else None
        self.aws.fails(fault, times, operation=self.operation)

    def called(self):
        return self.aws.called(self.operation)


@pytest.fixture(params=PROTOCOLS)
def paged(cloud, request):  # noqa: F811
    return Paged(cloud, request.param)


# --- what is signed ---

def test_a_listing_of_each_protocol_is_signed_page_by_page(paged):
    paged.cloud.run()
    assert paged.cloud.holds(paged.type) == paged.ids
    assert [call.verdict for call in paged.called()] == ["ok"] * 3
    assert paged.cloud.run().changes() == []


def test_temporary_keys_bring_their_token_signed(paged):
    paged.cloud.keys(paged.aws.session())
    paged.cloud.run()
    assert paged.cloud.holds(paged.type) == paged.ids
    assert all("x-amz-security-token" in call.signed for call in paged.called())


def test_names_that_hurt_are_signed_as_they_are_sent(cloud):  # noqa: F811
    aws = cloud.aws
    account, here = aws.account(), aws.at()
    account.buckets += [{"Name": name} for name in ("plain", "with.dots-1")]
    for name in NAMES:
        account.objects["plain"][name] = {"of": name}
        arn = f"arn:aws:lambda:us-east-1:{MAIN}:function:{name}"
        here.functions.append({"FunctionName": name, "FunctionArn": arn})
        here.policies[arn] = {"for": name}
    here.tables += sorted(NAMES)
    account.zones += [{"Id": f"/hostedzone/Z{n}", "Name": name} for n, name in enumerate(NAMES)]
    account.records |= {f"Z{n}": [{"Name": name, "Type": "A"}] for n, name in enumerate(NAMES)}
    cloud.has(files.buckets(), files.objects(), files.object_tags(), files.functions(), files.function_policies(),
              files.tables(), files.zones(), files.records(), regions=["us-east-1"])
    cloud.run()
    assert {call.verdict for call in aws.called()} == {"ok"}
    world = cloud.lab.world()
    tags = {key[4]: document["TagSet"]["Tag"]["Value"] for key, document in world.items() if key[3] == "p.tags"}
    assert len(tags) == len(NAMES) and set(tags.values()) == set(NAMES)
    policies = {key[5]: json.loads(document["Policy"])["for"] for key, document in world.items() if key[3] == "p.function_policy"}
    assert {id.split(":function:")[1]: name for id, name in policies.items()} == {name: name for name in NAMES}
    assert cloud.holds("p.table") == sorted(NAMES)
    assert cloud.holds("p.record") == sorted(NAMES)
    assert cloud.run().changes() == []


def test_what_a_parent_is_called_goes_into_forms_and_headers_signed(cloud):  # noqa: F811
    cloud.aws.account().users += [{"Arn": f"n{n}", "UserName": name} for n, name in enumerate(NAMES)]
    asked = []
    cloud.aws.fails(lambda call: asked.append(call) or Answer('<R><ListR><M>x</M></ListR></R>', type="text/xml"),
                    operation="ListTagsOfUser")
    request = files.query("iam", "2010-05-08", "ListTagsOfUser", "https://iam.amazonaws.com/", UserName="{parent:/UserName}")
    child = files.collection("p.child", "iam", {**request, "query": {"also": "{parent:/UserName}"}, "headers": {"X-Amz-Meta-Of": "{parent.id}"}},
                             "", "{parent.id}", {"region": "us-east-1"}, scope={"parent": "p.user"})
    cloud.has(files.users(), child)
    cloud.run()
    assert sorted(call.params["UserName"] for call in asked) == sorted(NAMES)
    assert all(dict(call.request.query)["also"] == call.params["UserName"] for call in asked)
    assert all("x-amz-meta-of" in call.signed for call in asked)


def test_a_global_service_is_signed_for_the_region_its_file_says(cloud):  # noqa: F811
    cloud.aws.account().users.append({"Arn": "arn:1"})
    definition = files.users()
    definition["auth"]["region"] = "{vars.home}"
    cloud.has(definition, vars={"home": "us-east-1"}, accounts=[cloud.account(regions=["eu-west-1"])])
    cloud.run()
    assert [call.region for call in cloud.aws.called("ListUsers")] == ["us-east-1"]


def test_discovered_regions_are_asked_with_signatures_too(cloud):  # noqa: F811
    cloud.snapshots(2, "us-east-1")
    cloud.snapshots(2, "eu-west-1", prefix="eu")
    discovery = {"request": {**files.query("ec2", "2016-11-15", "DescribeRegions", "https://ec2.us-east-1.amazonaws.com/")},
                 "auth": {"kind": "aws_sigv4", "service": "ec2", "region": "us-east-1"},
                 "items": "/regionInfo/*", "id": "/regionName"}
    cloud.has(files.snapshots(), regions=discovery)
    cloud.run()
    assert cloud.holds() == ["eu-000", "eu-001", "snap-000", "snap-001"]
    assert {call.verdict for call in cloud.aws.called()} == {"ok"}


# --- keys that end ---

def with_role(cloud, lives=3600):  # noqa: F811
    role = cloud.aws.role("reader", trusts=[cloud.alice], lives=lives)
    return role, cloud.account(aws={"role_arn": role.arn})


def test_an_expired_token_in_mid_listing_is_renewed_and_the_same_page_asked_again(paged):
    role, account = with_role(paged.cloud)
    paged.cloud.lab.has_config([account])
    paged.on_page(2, "expired")
    run = paged.cloud.run()
    assert paged.cloud.holds(paged.type) == paged.ids
    assert len(run.changes()) == 12
    assert [call.verdict for call in paged.called()] == ["ok", "expired", "ok", "ok"]
    assert len(paged.aws.called("AssumeRole")) == 2, "once, and once more"
    assert len({call.key_id for call in paged.called()}) == 2


def test_keys_are_renewed_before_they_expire_within_a_long_listing(cloud):  # noqa: F811
    cloud.snapshots(60)
    role, account = with_role(cloud, lives=4)
    cloud.has(files.snapshots(size=5), accounts=[account], regions=["us-east-1"])

    def slow(call):
        time.sleep(0.45)
    cloud.aws.fails(slow, operation="DescribeSnapshots")
    cloud.run()
    assert len(cloud.holds()) == 60
    assert {call.verdict for call in cloud.aws.called()} == {"ok"}, "never with old ones"
    assert 2 <= len(cloud.aws.called("AssumeRole")) <= 7


def test_a_renewal_that_brings_the_same_dead_keys_fails_once(paged):
    dead = paged.aws.session()
    paged.cloud.keys(dead)
    paged.cloud.run()
    paged.items.pop()
    paged.aws.forget()
    dead.expires = paged.aws.now() - 1
    run = paged.cloud.run(expect=1)
    assert run.changes() == []
    run.blames("expired: renew the account's credentials; .*nothing deleted", type=paged.type, account=MAIN)
    assert 1 <= len(paged.called()) <= 2, "no loop"
    assert paged.cloud.holds(paged.type) == paged.ids


def test_dead_keys_cost_many_collections_no_more_than_a_request_or_two_each(cloud):  # noqa: F811
    cloud.keys(cloud.aws.session(lives=-1))
    cloud.has(files.snapshots(), files.groups(), files.tables(), files.functions(), files.buckets(), files.users(), files.zones())
    run = cloud.run(expect=1)
    run.said("expire")
    assert run.changes() == []
    assert len(cloud.aws.called()) <= 2 * 11


# --- clocks ---

@pytest.mark.parametrize("ahead_s", [1200, -1200], ids=["behind", "ahead"])
def test_a_clock_that_is_off_is_corrected_with_one_warning(paged, ahead_s):
    paged.aws.ahead_s = ahead_s
    run = paged.cloud.run()
    assert paged.cloud.holds(paged.type) == paged.ids
    verdicts = [call.verdict for call in paged.called()]
    assert verdicts == ["skewed", "ok", "ok", "ok"]
    told = [line for line in run.err.splitlines() if "clock" in line]
    assert len(told) == 1, run
    assert run.said("clock", r"\b(20 ?m|1,?200 ?s|1,?19\d ?s|1,?20\d ?s)")
    assert ("behind" if ahead_s > 0 else "ahead") in told[0]


def test_ten_minutes_are_corrected_for_all_collections_with_one_warning(cloud):  # noqa: F811
    cloud.aws.ahead_s = 600
    cloud.snapshots(3)
    cloud.aws.at().tables += ["t1"]
    cloud.has(files.snapshots(), files.groups(), files.tables(), files.functions(), files.users(), files.zones(), regions=["us-east-1"])
    cloud.aws.at().groups.append({"groupId": "sg-1"})
    run = cloud.run()
    assert len(run.changes()) == 5
    assert len([line for line in run.err.splitlines() if "clock" in line]) == 1, run
    assert len(cloud.aws.called(verdict="skewed")) <= 6


@pytest.mark.parametrize("ahead_s", [600, -600], ids=["behind", "ahead"])
def test_a_clock_that_is_off_is_corrected_in_the_call_for_a_role(cloud, ahead_s):  # noqa: F811
    cloud.aws.ahead_s = ahead_s
    cloud.snapshots(3)
    role, account = with_role(cloud)
    cloud.has(files.snapshots(), accounts=[account], regions=["us-east-1"])
    run = cloud.run()
    assert len(run.changes()) == 3
    assert [call.verdict for call in cloud.aws.called("AssumeRole")] == ["skewed", "ok"]
    assert [call.verdict for call in cloud.aws.called("DescribeSnapshots")] == ["ok"], "what STS taught is known"
    assert len([line for line in run.err.splitlines() if "clock" in line]) == 1, run


def test_a_server_that_refuses_the_corrected_time_too_is_an_error_that_names_the_clock(paged):
    paged.cloud.run()
    paged.items.pop()
    paged.aws.forget()
    paged.aws.ahead_s = 1200
    paged.aws.fails(Refused("skewed", "Signature expired"), operation=paged.operation)
    run = paged.cloud.run(expect=1)
    run.blames("clock", type=paged.type, account=MAIN)
    assert run.changes() == [] and len(paged.called()) <= 4
    assert paged.cloud.holds(paged.type) == paged.ids


def test_a_date_that_is_like_ours_corrects_nothing(paged):
    paged.aws.fails(Refused("skewed", "Signature expired"), operation=paged.operation)
    run = paged.cloud.run(expect=1)
    run.blames("HTTP", type=paged.type, account=MAIN)
    assert "clock" not in run.err
    assert 1 <= len(paged.called()) <= 2


def test_a_date_that_lies_is_believed_once_and_then_an_error(cloud):  # noqa: F811
    cloud.aws.ahead_s, cloud.aws.date_ahead_s = 600, 86400
    cloud.aws.at().tables.append("t1")
    cloud.has(files.tables(), regions=["us-east-1"])
    run = cloud.run(expect=1)
    run.blames("InvalidSignatureException", type="p.table", account=MAIN, region="us-east-1")
    assert 1 <= len(cloud.aws.called()) <= 3


# --- throttling ---

def test_throttling_is_waited_out_whatever_its_status(paged):
    paged.on_page(2, "throttled", times=3)
    run = paged.cloud.run()
    assert paged.cloud.holds(paged.type) == paged.ids and len(run.changes()) == 12
    assert [call.verdict for call in paged.called()] == ["ok"] + ["throttled"] * 3 + ["ok"] * 2


def test_throttling_without_end_is_told_as_throttling(paged):
    paged.on_page(3, "throttled", times=-1)
    run = paged.cloud.run(expect=1)
    run.blames("Rate exceeded|RequestLimitExceeded|SlowDown", type=paged.type, account=MAIN, page=3)
    run.said("lower `limits`", "10 .*kept, nothing deleted")
    assert len([call for call in paged.called() if call.verdict == "throttled"]) == 5
    assert len(paged.cloud.holds(paged.type)) == 10


def test_a_broken_service_is_tried_again(paged):
    paged.on_page(2, "broken", times=2)
    paged.cloud.run()
    assert paged.cloud.holds(paged.type) == paged.ids


# --- buckets in other regions ---

def far_away(cloud, moved, **more):  # noqa: F811
    account = cloud.aws.account()
    account.buckets += [{"Name": "near"}, {"Name": "far"}]
    account.policies |= {"near": '{"Statement": ["near"]}', "far": '{"Statement": ["far"]}'}
    account.moved["far"] = moved
    cloud.has(files.buckets(), files.bucket_policies(**more))


@pytest.mark.parametrize("status", [301, 307, 400])
def test_a_bucket_elsewhere_is_asked_there(cloud, status):  # noqa: F811
    far_away(cloud, elsewhere("eu-west-1", status))
    cloud.run()
    documents = {key[4]: document for key, document in cloud.lab.world().items() if key[3] == "p.bucket_policy"}
    assert documents == {"near": {"Statement": ["near"]}, "far": {"Statement": ["far"]}}
    asked = [call for call in cloud.aws.called("GetBucketPolicy") if call.params["bucket"] == "far"]
    assert [(call.region, call.verdict) for call in asked] == [("us-east-1", "moved"), ("eu-west-1", "ok")]
    assert [call.request.header("X-Where") for call in asked] == ["us-east-1", "eu-west-1"], "the URL is of that region, too"
    assert cloud.run().changes() == []


@pytest.mark.parametrize("status", [301, 307, 400])
@pytest.mark.parametrize("says", ["us-east-1", "", "eu west 1", "evil.example/x?", "x" * 300, "ap-south-1"],
                         ids=["the same", "none", "blanks", "a host", "long", "a third"])
def test_a_bucket_that_is_nowhere_is_an_error(cloud, status, says):  # noqa: F811
    far_away(cloud, elsewhere("eu-west-1", status, says))
    run = cloud.run(expect=1)
    why = {"us-east-1": "asked in us-east-1, the region that it names", "": "",
           "ap-south-1": "asked in ap-south-1, the region that it names"}.get(says, "what it names is no region")
    run.blames(f"(PermanentRedirect|TemporaryRedirect|AuthorizationHeaderMalformed): .*{why}", type="p.bucket_policy",
               account=MAIN, parent="far")
    assert [c["parent"] for c in run.changes("p.bucket_policy")] == ["near"], "the rest is harvested"
    asked = [call for call in cloud.aws.called("GetBucketPolicy") if call.params["bucket"] == "far"]
    assert len(asked) <= 2, "no loop"


def test_a_bucket_whose_regions_point_at_each_other_is_an_error(cloud):  # noqa: F811
    def around(call):
        other = {"us-east-1": "eu-west-1"}.get(call.region, "us-east-1")
        raise Refused("moved", "go there", 301, "PermanentRedirect", {"x-amz-bucket-region": other})
    far_away(cloud, around)
    run = cloud.run(expect=1)
    run.blames("PermanentRedirect: .*asked in eu-west-1, a region that an earlier answer named", type="p.bucket_policy",
               account=MAIN, parent="far")
    assert len([call for call in cloud.aws.called("GetBucketPolicy") if call.params["bucket"] == "far"]) == 2


def test_a_bucket_that_moves_away_loses_nothing(cloud):  # noqa: F811
    far_away(cloud, elsewhere("us-east-1"))
    cloud.run()
    cloud.aws.account().moved["far"] = elsewhere("eu-west-1")
    assert cloud.run().changes() == []
    cloud.aws.account().moved["far"] = elsewhere("eu-west-1", says="")
    assert cloud.run(expect=1).changes() == []
    assert cloud.holds("p.bucket_policy") == ["far", "near"]
