"""moto behind a proxy that spoils its answers: each fault at each page of EC2's volumes, IAM's users, S3's buckets and log groups.

One account and region, providers/aws.yaml with smaller pages; XML of three kinds and JSON.
"""

import json

import pytest
from fault_proxy import FaultProxy
from faults import FAULTS, RECOVERS, Listing, spoil_every_page
from moto_cloud import Moto
from moto_things import SIZES, Things

PAGES = 4
XML, JSON = "text/xml;charset=UTF-8", "application/x-amz-json-1.1"
EC2_ERROR = "<Response><Errors><Error><Code>RequestLimitExceeded</Code><Message>slowly</Message></Error></Errors><RequestID>r</RequestID></Response>"
IAM_ERROR = "<ErrorResponse><Error><Type>Sender</Type><Code>Throttling</Code><Message>slowly</Message></Error></ErrorResponse>"
S3_ERROR = "<?xml version=\"1.0\"?><Error><Code>SlowDown</Code><Message>slowly</Message></Error>"


class World:
    """What moto has, and how to change it with boto3; a lab for each type, that harvests it through the proxy."""

    def __init__(self, folder, moto, proxy):
        self.things, self.proxy = Things(moto, PAGES), proxy
        self.listings = {one.type: one for one in [
            self.listing("aws.ec2.volume", "Action=DescribeVolumes", 400, XML, EC2_ERROR),
            self.listing("aws.iam.user", "Action=GetAccountAuthorizationDetails", 400, XML, IAM_ERROR),
            self.listing("aws.s3.bucket", r"^GET /\?", 503, XML, S3_ERROR),
            self.listing("aws.logs.log_group", r"^POST / \{", 400, JSON, json.dumps({"__type": "ThrottlingException", "message": "slowly"}))]}
        self.labs = {type: self.things.lab(folder / type, proxy.url, [type]) for type in SIZES}

    def listing(self, type, match, status, kind, body):
        things = self.things
        return Listing(type, match, PAGES, lambda: things.truth(type), lambda: things.create(type), lambda: things.delete(type),
                       {"status": status, "type": kind, "body": body},
                       otherwise={"unauthorized": RECOVERS})  # it is signed anew


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    folder = tmp_path_factory.mktemp("faults")
    with Moto(folder) as moto, FaultProxy(folder / "proxy", moto.url) as proxy:
        yield World(folder, moto, proxy)


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("type", SIZES)
def test_nothing_is_deleted_and_everything_comes_back(world, type, fault):
    spoil_every_page(world.labs[type], world.proxy, world.listings[type], fault)
