"""The world that deploy/quickstart.sh harvests: three AWS accounts on a local server, and somebody who works in them.

    quickstart.py serve            is the server: moto, until SIGTERM
    quickstart.py wait LOG PID     waits until the server listens, prints its URL
    quickstart.py config URL DIR   writes a configuration for Garner that names the three accounts; prints its `listen`
    quickstart.py fill URL         makes what the accounts hold
    quickstart.py act URL once     works in them, a deed or two every few seconds, and says what is done
    quickstart.py act URL forever  … until SIGTERM
    quickstart.py count            prints how many changes one round of all deeds makes

Needs boto3: runs with the Python of deploy/venv.sh.
"""

import io
import json
import os
import re
import signal
import socket
import sys
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests/lib"))
sys.dont_write_bytecode = True

import boto3  # noqa: E402
from moto_cloud import CONFIG, KEYS, role  # noqa: E402

ACCOUNTS = {"111111111111": "prod", "222222222222": "staging", "333333333333": "security"}
PROD, STAGING, SECURITY = ACCOUNTS
REGIONS = ["eu-west-1", "us-east-1"]
EXTERNAL_ID = "garner-quickstart"
SERVERS = {PROD: 6, STAGING: 3, SECURITY: 1}  # in each region

EVERY = "6s"    # instead of minutes, as AWS would like it: one is to see something
PAUSE_S = 5.0   # between deeds

CONFIGURATION = """\
# Made by deploy/quickstart.sh. A real account needs no `endpoint`: see docs/aws.md.
data: ./data
providers: [aws.yaml]  # that of Garner, with shorter periods
listen: {listen}       # where `garner feed` and other commands find `garner run`
shards: 4
accounts:
"""
ACCOUNT = """\
  - id: "{id}"  # {name}
    provider: aws
    regions: [{regions}]
    endpoint: "{url}"
    credentials: {{aws: {{role_arn: "{role}", external_id: {external_id}}}}}
"""


def serve():
    """moto lacks the list of a function's URLs. No function has one here."""
    import moto_server
    from moto.awslambda.urls import url_paths
    url_paths[r"{0}/(?P<api_version>[^/]+)/functions/(?P<function_name>[\w:%-]+)/urls/?$"] = (
        lambda request, url, headers: (200, {"Content-Type": "application/json"}, '{"FunctionUrlConfigs": []}'))
    moto_server.main()


def wait(log, pid):
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if found := re.search(r"listening on (http://[\d.:]+)\n", Path(log).read_text(errors="replace")):
            return found[1]
        try:
            os.kill(int(pid), 0)
        except ProcessLookupError:
            break
        time.sleep(0.02)
    sys.exit(f"quickstart: moto did not start; it said:\n{Path(log).read_text(errors='replace')[-2000:]}")


def free_address():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return f"tcp://127.0.0.1:{probe.getsockname()[1]}"


def config(url, folder):
    listen = free_address()
    text = CONFIGURATION.format(listen=listen)
    for id, name in ACCOUNTS.items():
        text += ACCOUNT.format(id=id, name=name, url=url, role=role(id), external_id=EXTERNAL_ID, regions=", ".join(REGIONS))
    (Path(folder) / "garner.yaml").write_text(text)
    provider = re.sub(r"(?m)^    every: .*\n", "", (ROOT / "providers/aws.yaml").read_text())
    (Path(folder) / "aws.yaml").write_text(re.sub(r"(?m)^(  - type: .*\n)", rf"\1    every: {EVERY}\n", provider))
    return listen


class Account:
    """An account by its assumed role, as one that may do all. Clients are made once: that takes longer than asking."""

    def __init__(self, url, id):
        self.url, self.id, self.clients = url, id, {}
        # A session each: sessions aren't for several threads.
        self.session = boto3.session.Session(**KEYS)
        keys = self.client("sts").assume_role(RoleArn=role(id, "admin"), RoleSessionName="quickstart")["Credentials"]
        self.clients = {}
        self.session = boto3.session.Session(aws_access_key_id=keys["AccessKeyId"], aws_session_token=keys["SessionToken"],
                                             aws_secret_access_key=keys["SecretAccessKey"])

    def client(self, service, region=REGIONS[0]):
        at = (service, region)
        if at not in self.clients:
            self.clients[at] = self.session.client(service, region_name=region, endpoint_url=self.url, config=CONFIG)
        return self.clients[at]


# --- what there is ---

def tags(name):
    return [{"Key": "Name", "Value": name}]


def tagged(kind, name):
    return [{"ResourceType": kind, "Tags": tags(name)}]


def rule(port, cidr):
    return {"IpProtocol": "tcp", "FromPort": port, "ToPort": port, "IpRanges": [{"CidrIp": cidr}]}


def statement(principal, action, resource=None):
    made = {"Effect": "Allow", "Principal": principal, "Action": action}
    return json.dumps({"Version": "2012-10-17", "Statement": [{**made, "Resource": resource} if resource else made]})


def package():
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as packed:
        packed.writestr("f.py", "def handler(event, context): return event\n")
    return out.getvalue()


def fill_network(ec2):
    """A VPC of two subnets; gives them and the ids of its security groups by name."""
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16", TagSpecifications=tagged("vpc", "shop"))["Vpc"]["VpcId"]
    subnets = [ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{n}.0/24", TagSpecifications=tagged("subnet", f"shop-{n}"))
               ["Subnet"]["SubnetId"] for n in (1, 2)]
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    groups = {}
    for name, rules in {"web": [rule(443, "0.0.0.0/0"), rule(80, "0.0.0.0/0")], "app": [rule(8080, "10.0.0.0/16")],
                        "db": [rule(5432, "10.0.0.0/16")], "admin": [rule(22, "10.9.0.0/24")]}.items():
        groups[name] = ec2.create_security_group(GroupName=name, Description=f"shop: {name}", VpcId=vpc)["GroupId"]
        ec2.authorize_security_group_ingress(GroupId=groups[name], IpPermissions=rules)
    return subnets, groups


def fill_machines(ec2, account, region):
    subnets, groups = fill_network(ec2)
    for kind in ("web", "app"):
        ec2.run_instances(ImageId="ami-12c6146b", InstanceType="t3.small", MinCount=SERVERS[account], MaxCount=SERVERS[account],
                          SubnetId=subnets[0], SecurityGroupIds=[groups[kind]], TagSpecifications=tagged("instance", kind))
    volume = ec2.create_volume(Size=100, AvailabilityZone=f"{region}a", TagSpecifications=tagged("volume", "orders"))["VolumeId"]
    for day in range(1, 2 + 2 * SERVERS[account]):
        ec2.create_snapshot(VolumeId=volume, Description=f"orders, day {day}")


def fill_services(at, arn):
    queues, topics, logs, tables = at("sqs"), at("sns"), at("logs"), at("dynamodb")
    for name in ("orders", "invoices", "mails"):
        queues.create_queue(QueueName=name)
        topics.create_topic(Name=name)
        logs.create_log_group(logGroupName=f"/shop/{name}")
        tables.create_table(TableName=name, KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}], BillingMode="PAY_PER_REQUEST",
                            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}])
        at("secretsmanager").create_secret(Name=f"shop/{name}", SecretString="never read")
    for name in ("pay", "ship"):
        at("lambda").create_function(FunctionName=name, Runtime="python3.12", Role=arn, Handler="f.handler", Code={"ZipFile": package()})
    at("kms").create_key(Description="shop")
    at("ecs").create_cluster(clusterName="shop")


def fill_account(account):
    """What has no region."""
    name, iam, s3 = ACCOUNTS[account.id], account.client("iam"), account.client("s3")
    service = statement({"Service": "lambda.amazonaws.com"}, "sts:AssumeRole")
    arn = iam.create_role(RoleName="functions", AssumeRolePolicyDocument=service)["Role"]["Arn"]
    iam.create_role(RoleName="deploy", AssumeRolePolicyDocument=statement({"AWS": f"arn:aws:iam::{SECURITY}:root"}, "sts:AssumeRole"))
    for user in ("ann", "bob", "cho"):
        iam.create_user(UserName=user)
        iam.create_access_key(UserName=user)
    for bucket in ("invoices", "assets", "logs"):
        bucket = f"shop-{name}-{bucket}"
        s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGIONS[0]})
        s3.put_bucket_policy(Bucket=bucket, Policy=bucket_policy(bucket, f"arn:aws:iam::{account.id}:role/deploy"))
    account.client("route53").create_hosted_zone(Name=f"{name}.shop.example.", CallerReference=name)
    return arn


def bucket_policy(bucket, who):
    return statement({"AWS": who}, "s3:GetObject", f"arn:aws:s3:::{bucket}/*")


def fill(url):
    def one(id):
        account = Account(url, id)
        arn = fill_account(account)
        for region in REGIONS:
            fill_machines(account.client("ec2", region), id, region)
            fill_services(lambda service, region=region: account.client(service, region), arn)
    with ThreadPoolExecutor(len(ACCOUNTS)) as pool:
        list(pool.map(one, ACCOUNTS))
    print(f"  {', '.join(f'{name} ({id})' for id, name in ACCOUNTS.items())}; regions {' and '.join(REGIONS)}")


# --- what is done ---

def says(account, *words):
    print(f"  {ACCOUNTS[account]}:", *words, flush=True)


def group_of(ec2, name):
    return ec2.describe_security_groups(Filters=[{"Name": "group-name", "Values": [name]}])["SecurityGroups"][0]["GroupId"]


def open_port(url):
    ec2 = Account(url, PROD).client("ec2", "eu-west-1")
    group = group_of(ec2, "web")
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[rule(22, "0.0.0.0/0")])
    says(PROD, f"opens port 22 of security group {group} (eu-west-1) to the world")


def make_snapshots(url):
    ec2 = Account(url, STAGING).client("ec2", "us-east-1")
    volume = ec2.describe_volumes(Filters=[{"Name": "tag:Name", "Values": ["orders"]}])["Volumes"][0]["VolumeId"]
    made = [ec2.create_snapshot(VolumeId=volume, Description=f"before the upgrade, {n}")["SnapshotId"] for n in (1, 2)]
    says(STAGING, f"makes two snapshots (us-east-1): {', '.join(made)}")


def delete_snapshots(url):
    ec2 = Account(url, STAGING).client("ec2", "us-east-1")
    found = sorted(ec2.describe_snapshots(OwnerIds=["self"])["Snapshots"], key=lambda one: (one["StartTime"], one["SnapshotId"]))
    gone = [one["SnapshotId"] for one in found[:2]]
    for id in gone:
        ec2.delete_snapshot(SnapshotId=id)
    says(STAGING, f"deletes two others: {', '.join(gone)} (told when a second listing misses them, too)")


def publish_bucket(url):
    Account(url, PROD).client("s3").put_bucket_policy(Bucket="shop-prod-invoices", Policy=bucket_policy("shop-prod-invoices", "*"))
    says(PROD, "changes the policy of bucket shop-prod-invoices: everybody may read it")


def close_bucket(url):
    policy = bucket_policy("shop-prod-invoices", f"arn:aws:iam::{PROD}:role/deploy")
    Account(url, PROD).client("s3").put_bucket_policy(Bucket="shop-prod-invoices", Policy=policy)
    says(PROD, "takes that back")


def close_port(url):
    ec2 = Account(url, PROD).client("ec2", "eu-west-1")
    ec2.revoke_security_group_ingress(GroupId=group_of(ec2, "web"), IpPermissions=[rule(22, "0.0.0.0/0")])
    says(PROD, "closes port 22 again")


# Each with the number of changes that it makes. What takes something back comes long after it, so that both are seen.
DEEDS = [(open_port, 1), (make_snapshots, 2), (publish_bucket, 1), (delete_snapshots, 2), (close_port, 1), (close_bucket, 1)]


def act(url, forever):
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    while True:
        for deed, _ in DEEDS:
            deed(url)
            time.sleep(PAUSE_S)
        if not forever:
            break


def main(args):
    match args:
        case ["serve"]:
            serve()
        case ["wait", log, pid]:
            print(wait(log, pid))
        case ["config", url, folder]:
            print(config(url, folder))
        case ["fill", url]:
            fill(url)
        case ["act", url, "once" | "forever" as how]:
            act(url, how == "forever")
        case ["count"]:
            print(sum(changes for _, changes in DEEDS))
        case _:
            sys.exit(__doc__)


main(sys.argv[1:])
