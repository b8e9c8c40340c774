"""moto behind a proxy that spoils its answers: each fault at each page of EC2's volumes, IAM's users, S3's buckets and log groups.

One account and region, providers/aws.yaml with smaller pages; XML of three kinds and JSON.
"""

import json

import moto_lab
import pytest
from faults import FAULTS, RECOVERS, Listing, open_proxy, spoil_every_page
from moto_cloud import Moto
from moto_lab import MotoLab

SIZES = {"aws.ec2.volume": 5, "aws.iam.user": 3, "aws.s3.bucket": 3, "aws.logs.log_group": 3}
PAGES = 4
XML, JSON = "text/xml;charset=UTF-8", "application/x-amz-json-1.1"
EC2_ERROR = "<Response><Errors><Error><Code>RequestLimitExceeded</Code><Message>slowly</Message></Error></Errors><RequestID>r</RequestID></Response>"
IAM_ERROR = "<ErrorResponse><Error><Type>Sender</Type><Code>Throttling</Code><Message>slowly</Message></Error></ErrorResponse>"
S3_ERROR = "<?xml version=\"1.0\"?><Error><Code>SlowDown</Code><Message>slowly</Message></Error>"


class World:
    """What moto has, and how to change it with boto3; a lab for each type, that harvests it through the proxy."""

    def __init__(self, folder, moto, proxy):
        self.folder, self.moto, self.proxy, self.made = folder, moto, proxy, 0
        self.ec2, self.iam, self.s3, self.logs = (moto.client(name) for name in ("ec2", "iam", "s3", "logs"))
        self.have = {type: [] for type in SIZES}
        self.listings = {one.type: one for one in [
            self.listing("aws.ec2.volume", "Action=DescribeVolumes", 400, XML, EC2_ERROR),
            self.listing("aws.iam.user", "Action=GetAccountAuthorizationDetails", 400, XML, IAM_ERROR),
            self.listing("aws.s3.bucket", r"^GET /\?", 503, XML, S3_ERROR),
            self.listing("aws.logs.log_group", r"^POST / \{", 400, JSON, json.dumps({"__type": "ThrottlingException", "message": "slowly"}))]}
        self.labs = {type: self.lab(type) for type in SIZES}

    def listing(self, type, match, status, kind, body):
        for _ in range(SIZES[type] * (PAGES - 1) + 1):
            self.create(type)
        return Listing(type, match, PAGES, lambda: {(None, id) for id in self.have[type]}, lambda: self.create(type), lambda: self.delete(type),
                       {"status": status, "type": kind, "body": body},
                       otherwise={"unauthorized": RECOVERS})  # it is signed anew

    def lab(self, type):
        made = MotoLab(self.folder / type, self.moto, types=[type])
        made.env["AWS_ENDPOINT_URL"] = self.proxy.url
        definition = moto_lab.definition([type])
        one, = definition["collections"]
        one["page"]["size"] = {"to": one["page"]["size"]["to"], "max": SIZES[type]}
        # A last page that is empty and says that it is the last one looks like many deletions, fewer than the guard holds
        # back. Where that can happen, a second listing is to be asked, as EC2's collections do anyway.
        one["delete"] = {"confirm": "relist"}
        made.has_provider(definition, "aws")
        made.run()
        return made

    def create(self, type):
        self.made += 1
        name = f"made-{self.made:04}"
        if type == "aws.ec2.volume":
            id = self.ec2.create_volume(AvailabilityZone="us-east-1a", Size=1)["VolumeId"]
        elif type == "aws.iam.user":
            id = self.iam.create_user(UserName=name)["User"]["UserId"]
        elif type == "aws.s3.bucket":
            self.s3.create_bucket(Bucket=name)
            id = name
        else:
            self.logs.create_log_group(logGroupName=name)
            id = next(one["arn"] for one in self.logs.describe_log_groups(logGroupNamePrefix=name)["logGroups"])
        self.have[type].append(id)

    def delete(self, type):
        id = self.have[type].pop(len(self.have[type]) // 2)
        if type == "aws.ec2.volume":
            self.ec2.delete_volume(VolumeId=id)
        elif type == "aws.iam.user":
            self.iam.delete_user(UserName=next(one["UserName"] for one in self.iam.list_users()["Users"] if one["UserId"] == id))
        elif type == "aws.s3.bucket":
            self.s3.delete_bucket(Bucket=id)
        else:
            self.logs.delete_log_group(logGroupName=id.split(":")[6])


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    folder = tmp_path_factory.mktemp("faults")
    with Moto(folder) as moto, open_proxy(folder / "proxy", moto.url) as proxy:
        yield World(folder, moto, proxy)


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("type", SIZES)
def test_nothing_is_deleted_and_everything_comes_back(world, type, fault):
    spoil_every_page(world.labs[type], world.proxy, world.listings[type], fault)
