"""The questions of docs/sql.md, asked of a real PostgreSQL that a real run filled, with AWS's documents from moto."""

import json
import re

import pytest
from continual import Continual
from garner import ROOT
from moto_cloud import ACCOUNT, Moto
from moto_lab import MotoLab
from postgres import Postgres

TYPES = ["aws.ec2.security_group", "aws.ec2.instance", "aws.ec2.volume", "aws.ec2.snapshot", "aws.ec2.public_snapshot", "aws.ec2.image",
         "aws.ec2.network_interface", "aws.ec2.address", "aws.s3.bucket", "aws.s3.public_access_block", "aws.iam.user",
         "aws.iam.access_key", "aws.rds.db_instance"]
WORLD, OFFICE = "0.0.0.0/0", "192.0.2.0/24"
CLOSED = {"BlockPublicAcls": True, "IgnorePublicAcls": True, "BlockPublicPolicy": True, "RestrictPublicBuckets": True}


def questions():
    """The page's SQL by its heading's number; 0 is the one behind the ten."""
    text = (ROOT / "docs/sql.md").read_text()
    found = {int(number): sql for number, sql in re.findall(r"^### (\d+)\. .*?^```sql\n(.*?)^```", text, re.MULTILINE | re.DOTALL)}
    last = re.search(r"^## And one to ask.*?^```sql\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    return {**found, 0: last[1]}


def rule(port=None, to=None, *, protocol="tcp", v4=(), v6=()):
    made = {"IpProtocol": protocol, "IpRanges": [{"CidrIp": one} for one in v4], "Ipv6Ranges": [{"CidrIpv6": one} for one in v6]}
    return {**made, **({"FromPort": port, "ToPort": to or port} if port is not None else {})}


class Account:
    """What stands in the account: of each question something that is its answer, and something that isn't."""

    def __init__(self, moto):
        self.ec2, self.s3, self.iam, self.rds = (moto.client(name) for name in ("ec2", "s3", "iam", "rds"))
        self.open = self.group("open", rule(22, v4=[WORLD, OFFICE]))
        self.range = self.group("range", rule(20, 25, v6=["::/0"]))
        self.all = self.group("all", rule(protocol="-1", v4=[WORLD]))
        self.web = self.group("web", rule(443, v4=[WORLD]), rule(22, v4=[OFFICE]), rule(22, protocol="udp", v4=[WORLD]))
        self.later = self.group("later", rule(22, v4=[OFFICE]))
        subnet = self.ec2.describe_subnets()["Subnets"][0]["SubnetId"]
        self.machine, self.quiet = (self.ec2.run_instances(
            ImageId="ami-12c6146b", MinCount=1, MaxCount=1, SubnetId=subnet, SecurityGroupIds=[group])["Instances"][0]["InstanceId"]
            for group in (self.open, self.later))
        self.clear, self.secret = (self.ec2.create_volume(AvailabilityZone="us-east-1a", Size=10, Encrypted=encrypted)["VolumeId"]
                                   for encrypted in (False, True))
        self.shared, self.own = (self.ec2.create_snapshot(VolumeId=self.secret)["SnapshotId"] for _ in range(2))
        self.ec2.modify_snapshot_attribute(SnapshotId=self.shared, Attribute="createVolumePermission", OperationType="add", GroupNames=["all"])
        self.address = self.ec2.allocate_address(Domain="vpc")["AllocationId"]
        used = self.ec2.allocate_address(Domain="vpc")["AllocationId"]
        self.ec2.associate_address(AllocationId=used, InstanceId=self.quiet)
        for name in ("bucket-open", "bucket-closed", "bucket-half"):
            self.s3.create_bucket(Bucket=name)
        self.s3.put_public_access_block(Bucket="bucket-closed", PublicAccessBlockConfiguration=CLOSED)
        self.s3.put_public_access_block(Bucket="bucket-half", PublicAccessBlockConfiguration={**CLOSED, "BlockPublicPolicy": False})
        self.iam.create_user(UserName="somebody")
        self.key = self.iam.create_access_key(UserName="somebody")["AccessKey"]["AccessKeyId"]
        for name, public in (("reached", True), ("inside", False)):
            self.rds.create_db_instance(DBInstanceIdentifier=name, DBInstanceClass="db.t3.micro", Engine="mysql", AllocatedStorage=10,
                                        MasterUsername="me", MasterUserPassword="not-to-be-seen", PubliclyAccessible=public,
                                        StorageEncrypted=not public)

    def group(self, name, *rules):
        made = self.ec2.create_security_group(GroupName=name, Description="of a test")["GroupId"]
        self.ec2.authorize_security_group_ingress(GroupId=made, IpPermissions=list(rules))
        return made


class Asked:
    def __init__(self, folder, moto, db):
        self.account, self.db, self.questions = Account(moto), db, questions()
        self.lab = MotoLab(folder, moto, types=TYPES)
        with Continual(self.lab) as run:
            run.wait(lambda: run.events and run.said("listen=") and len(run.statuses("listed")) >= len(TYPES), within=60)
            self.lab.env |= db.environment()
            run.at("sink", "postgres", "--no-follow")
            self.then = db.one("SELECT now()")
            self.account.ec2.authorize_security_group_ingress(GroupId=self.account.later, IpPermissions=[rule(22, v4=[WORLD])])
            run.at("harvest", ACCOUNT, "aws.ec2.security_group")
            run.wait(lambda: run.changes("aws.ec2.security_group", op="updated"))
            run.at("sink", "postgres", "--no-follow")

    def __call__(self, number, **variables):
        given = "".join(f"\\set {name} '{value}'\n" for name, value in variables.items())
        sql = self.questions[number].strip().rstrip(";")
        text = self.db.run(f"{given}SET search_path = garner;\nSELECT coalesce(json_agg(q), '[]') FROM (\n{sql}\n) q")
        return json.loads(text)


@pytest.fixture(scope="module")
def ask(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sql")
    with Moto(folder) as moto, Postgres() as db:
        made = Asked(folder / "lab", moto, db)
        yield made


def ids(rows):
    return [row["id"] for row in rows]


def test_there_are_ten_and_one(ask):
    assert sorted(ask.questions) == list(range(11))


def test_1_who_is_open_on_port_22(ask):
    account = ask.account
    found = sorted((row["id"], row["name"], row["open_to"]) for row in ask(1))
    assert found == sorted([(account.open, "open", WORLD), (account.range, "range", "::/0"), (account.all, "all", WORLD),
                            (account.later, "later", WORLD)])


def test_2_which_machines_are_behind_that(ask):
    found = {row["id"]: row for row in ask(2)}
    assert found.keys() == {ask.account.machine, ask.account.quiet}
    assert re.fullmatch(r"[\d.]+", found[ask.account.machine]["address"]) and found[ask.account.machine]["opened_by"] == "open"


def test_3_which_buckets_nobody_closed(ask):
    assert ids(ask(3)) == ["bucket-half", "bucket-open"]


def test_4_what_isnt_encrypted(ask):
    found = {row["type"]: row for row in ask(4)}
    assert found.keys() == {"aws.ec2.volume", "aws.rds.db_instance"}  # the snapshots are of an encrypted disk
    assert found["aws.ec2.volume"]["count"] == 3  # the machines' own, and one more
    assert found["aws.rds.db_instance"]["such_as"].endswith(":db:reached")


def test_5_whose_keys_are_old(ask):
    assert ask(5) == []
    aged = "UPDATE garner.resources SET document = document || '{\"CreateDate\": \"2024-02-29T00:00:00Z\"}' WHERE type = 'aws.iam.access_key'"
    ask.db.run(aged)
    row, = ask(5)
    assert (row["id"], row["who"]) == (ask.account.key, "somebody") and "days" in row["age"]


def test_6_what_anybody_may_restore_or_reach(ask):
    assert ids(ask(6)) == [ask.account.shared, f"arn:aws:rds:us-east-1:{ACCOUNT}:db:reached"]


def test_7_what_is_paid_for_and_not_used(ask):
    found = ask(7)
    assert sorted(ids(found)) == sorted([ask.account.address, ask.account.clear, ask.account.secret])
    assert {row["what"] for row in found if row["type"] == "aws.ec2.volume"} == {"10 GiB"}


def test_8_who_has_this_address(ask):
    address = {row["id"]: row for row in ask(2)}[ask.account.machine]["address"]
    found = ask(8, address=address)
    assert {row["type"] for row in found} == {"aws.ec2.instance", "aws.ec2.network_interface"} and ask.account.machine in ids(found)
    assert ask(8, address="203.0.113.77") == []


def test_9_which_doors_were_opened(ask):
    row, = ask(9)
    assert row["id"] == ask.account.later and row["op"] == "add" and WORLD in str(row["value"])


def test_10_how_it_looked_then(ask):
    then, = ask(10, id=ask.account.later, then=ask.then)
    now, = ask(10, id=ask.account.later, then="infinity")
    assert WORLD not in str(then["document"]["ipPermissions"]) and WORLD in str(now["document"]["ipPermissions"])
    assert ask(10, id="nothing", then=ask.then) == [{"document": None}]


def test_how_sure_all_of_this_is(ask):
    assert ask(0) == []
    ask.db.run("UPDATE garner.collections SET unreachable_since = '2026-11-22', complete = false WHERE type = 'aws.s3.bucket';"
               "UPDATE garner.feed SET caught_up_at = '2026-11-22'")
    assert [(row["type"], row["doubt"].split(" 2026")[0]) for row in ask(0)] == [
        ("aws.s3.bucket", "unreachable since"), ("everything", "the sink caught up last at")]
