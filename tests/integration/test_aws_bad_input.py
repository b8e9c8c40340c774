"""What goes wrong with real accounts: each a clear message, the rest harvested, nothing deleted.

`Twenty` is an account of twenty services, all listed once; then the world changes and something is wrong.
"""

import aws_files as files
import pytest
from aws import MAIN, OTHER
from aws_lab import cloud  # noqa: F401
from aws_local import PATH, Container, Metadata
from server import Answer

REAL = {"p.snapshot": "ec2", "p.user": "iam", "p.bucket": "s3", "p.zone": "route53", "p.table": "dynamodb", "p.function": "lambda"}
MADE_UP = ["kms", "ecs", "logs", "sqs", "secretsmanager", "cloudtrail", "athena", "glue", "sns", "events", "ssm", "kinesis",
           "codebuild", "acm"]
OPERATIONS = {"ec2": ("DescribeSnapshots", "ec2:DescribeSnapshots"), "iam": ("ListUsers", "iam:ListUsers"),
              "s3": ("ListBuckets", "s3:ListAllMyBuckets"), "dynamodb": ("ListTables", "dynamodb:ListTables"),
              "lambda": ("ListFunctions", "lambda:ListFunctions"), "kms": ("ListThings", "kms:ListThings")}
GUARD = {"delete": {"guard": "none"}}  # nothing but soundness is between an item that is gone and a delete


class Twenty:
    def __init__(self, cloud):  # noqa: F811
        self.cloud, self.aws = cloud, cloud.aws
        self.fill(MAIN)
        self.collections = [files.snapshots(**GUARD), files.users(**GUARD), files.buckets(**GUARD), files.zones(**GUARD),
                            files.tables(**GUARD), files.functions(**GUARD)] + [files.things(name, **GUARD) for name in MADE_UP]
        self.types = [made["type"] for made in self.collections]
        assert len(self.types) == 20
        self.be([cloud.account(regions=["us-east-1"])])
        assert len(cloud.run().changes()) == 40
        self.aws.forget()
        self.change()

    def be(self, accounts):
        self.cloud.has(*self.collections, accounts=accounts)

    def lists(self, account=MAIN, region="us-east-1"):
        here, all = self.aws.at(region, account), self.aws.account(account)
        return {"snapshotId": here.snapshots, "Arn": all.users, "Name": all.buckets, "Id": all.zones, "FunctionArn": here.functions,
                **{name: here.things[name] for name in MADE_UP}}, here.tables

    def fill(self, account, region="us-east-1", names=("gone", "kept")):
        lists, tables = self.lists(account, region)
        for key, items in lists.items():
            items[:] = [{key if key not in MADE_UP else "id": name} for name in names]
        tables[:] = sorted(names)

    def change(self):
        """One is gone and one is new, everywhere."""
        self.fill(MAIN, names=("kept", "new"))

    def gets(self, *patterns, failed, said=None):
        """One run: these collections fail and lose nothing, all others get their changes."""
        run = self.cloud.run(expect=1)
        run.said(MAIN, *patterns)
        for type in self.types:
            wanted = [] if type in failed else ["created new", "deleted gone"]
            assert run.brief(type) == wanted, f"{type}\n{run}"
        for type in failed:
            assert self.cloud.holds(type) == ["gone", "kept"], "nothing is deleted"
        return run

    def ends_well(self):
        self.aws.heals()
        self.cloud.run()
        assert {key[5] for key in self.cloud.lab.world()} == {"kept", "new"}
        assert self.cloud.run().changes() == []


@pytest.fixture
def twenty(cloud):  # noqa: F811
    return Twenty(cloud)


# --- keys ---

@pytest.mark.parametrize("spoil, said", [
    (lambda keys: keys.secret + "x", "secret access key|AuthFailure|not able to validate|signature")], ids=["wrong"])
def test_a_wrong_secret(twenty, spoil, said):
    right = twenty.cloud.alice.environment()
    twenty.cloud.lab.env["AWS_SECRET_ACCESS_KEY"] = twenty.aws.secret(spoil(twenty.cloud.alice))
    run = twenty.gets(said, failed=twenty.types)
    run.blames("AuthFailure", type="p.snapshot", account=MAIN, region="us-east-1")
    run.blames("SignatureDoesNotMatch: .*check the secret", type="p.user", account=MAIN)
    run.blames("InvalidSignatureException: .*check the secret", type="p.kms", account=MAIN)
    assert len(twenty.aws.called()) <= 40
    twenty.cloud.lab.env |= right
    twenty.ends_well()


def test_an_unknown_key_id(twenty):
    twenty.cloud.lab.env["AWS_ACCESS_KEY_ID"] = "AKIANOSUCHKEY"
    run = twenty.gets("InvalidClientTokenId|UnrecognizedClientException", failed=twenty.types)
    run.blames("InvalidClientTokenId: The security token included in the request is invalid.*key id", type="p.user", account=MAIN)
    run.blames("UnrecognizedClientException: .*key id", type="p.kms", account=MAIN)
    run.blames("InvalidAccessKeyId: .*key id", type="p.bucket", account=MAIN)
    twenty.cloud.keys(twenty.cloud.alice)
    twenty.ends_well()


def test_an_expired_session(twenty):
    twenty.cloud.keys(twenty.aws.session(lives=-5))
    run = twenty.gets("expired", failed=twenty.types)
    run.blames("RequestExpired", type="p.snapshot", account=MAIN)
    run.blames("ExpiredTokenException", type="p.kms", account=MAIN)
    twenty.cloud.keys(twenty.cloud.alice)
    twenty.ends_well()


def test_keys_of_one_account_cost_the_others_nothing(twenty):
    twenty.fill(OTHER)
    other = twenty.aws.user("bob", account=OTHER)
    twenty.cloud.files(credentials={"good": other.profile(), "bad": f"aws_access_key_id = {other.id}\naws_secret_access_key = wr0ng\n"})
    twenty.aws.secret("wr0ng")
    twenty.be([twenty.cloud.account(MAIN, {"profile": "bad"}, regions=["us-east-1"]),
               twenty.cloud.account(OTHER, {"profile": "good"}, regions=["us-east-1"])])
    run = twenty.cloud.run(expect=1)
    assert {e["account"] for e in run.changes()} == {OTHER} and len(run.changes()) == 40


# --- permissions ---

@pytest.mark.parametrize("service", OPERATIONS)
def test_denied_on_one_service_of_twenty(twenty, service):
    operation, permission = OPERATIONS[service]
    twenty.aws.fails("denied", service=service)
    type = {name: type for type, name in REAL.items()}.get(service, f"p.{service}")
    run = twenty.gets(rf"\b{type}\b", failed=[type])
    run.blames(f"HTTP 40[03] (UnauthorizedOperation|AccessDenied|AccessDeniedException): .*not authorized.*grant {permission}; .*nothing deleted",
               type=type, account=MAIN)
    assert len([line for line in run.err.splitlines() if "not authorized" in line]) == 1
    assert len(twenty.aws.called(service=service)) == 1, "a denial isn't tried again"
    twenty.ends_well()


def test_denied_without_a_reason_still_says_what_to_grant(twenty):
    twenty.aws.fails(lambda call: Answer("", 403, type="application/xml"), service="s3")
    run = twenty.gets("p.bucket", failed=["p.bucket"])
    run.blames("HTTP 403.*grant s3:ListAllMyBuckets", type="p.bucket", account=MAIN)


def test_regions_that_may_not_be_listed(cloud):  # noqa: F811
    cloud.snapshots(3)
    discovery = {"request": files.query("ec2", "2016-11-15", "DescribeRegions", "https://ec2.us-east-1.amazonaws.com/"),
                 "auth": {"kind": "aws_sigv4", "service": "ec2", "region": "us-east-1"}, "items": "/regionInfo/*",
                 "id": "/regionName", "permissions": ["ec2:DescribeRegions"]}
    cloud.has(files.snapshots(), regions=discovery)
    assert len(cloud.run().changes()) == 3
    cloud.aws.fails("denied", operation="DescribeRegions")
    cloud.aws.at().snapshots.append({"snapshotId": "snap-new"})
    run = cloud.run(expect=1)
    run.said(MAIN, "UnauthorizedOperation", "grant ec2:DescribeRegions")
    assert run.brief() == ["created snap-new"], "the last known regions go on"


# --- regions ---

@pytest.mark.parametrize("kind", ["switched off", "not subscribed"])
def test_a_region_that_is_switched_off_while_others_go_on(cloud, kind):  # noqa: F811
    for region in ("us-east-1", "eu-west-1"):
        cloud.snapshots(3, region, prefix=region)
        cloud.aws.at(region).tables += [f"{region}-t"]
        cloud.aws.at(region).functions += [{"FunctionArn": f"{region}-f"}]
    collections = [files.snapshots(**GUARD), files.tables(**GUARD), files.functions(**GUARD)]
    cloud.has(*collections)
    assert len(cloud.run().changes()) == 10
    cloud.aws.fails(kind, region="eu-west-1")
    cloud.aws.at("us-east-1").snapshots.pop()
    cloud.aws.at("eu-west-1").snapshots.pop()
    run = cloud.run(expect=1)
    assert run.brief() == ["deleted us-east-1-002"]
    for type in ("p.snapshot", "p.table", "p.function"):
        line = run.blames("AuthFailure|UnrecognizedClientException|OptInRequired", type=type, account=MAIN, region="eu-west-1")
        assert "nothing deleted" in line and "us-east-1" not in line
    assert not [line for line in run.err.splitlines() if "us-east-1 p." in line], run
    cloud.aws.heals()
    assert cloud.run().brief() == ["deleted eu-west-1-002"]


def test_regions_that_are_switched_off_cost_few_calls_for_a_role(cloud):  # noqa: F811
    regions = [f"off-{n}" for n in range(5)] + ["us-east-1"]
    cloud.snapshots(3)
    cloud.aws.off = set(regions[:5])
    role = cloud.aws.role("reader", trusts=[cloud.alice])
    collections = [{**files.snapshots(), "type": f"p.snapshot{n}"} for n in range(12)]
    cloud.has(*collections, regions=regions, accounts=[cloud.account(aws={"role_arn": role.arn})])
    run = cloud.run(expect=1)
    assert len(run.changes()) == 36
    assert len(cloud.aws.called(verdict="switched off")) <= 2 * 5 * 12
    assert len(cloud.aws.called("AssumeRole")) <= 3


def test_a_region_that_is_switched_off_while_STS_is_away_costs_the_others_nothing(cloud):  # noqa: F811
    cloud.snapshots(3)
    cloud.aws.off = {"off-1"}
    role = cloud.aws.role("reader", trusts=[cloud.alice])
    given = []

    def once(call):  # the first keys, and never again any
        given.append(call)
        return Answer("<html>away</html>", 503, type="text/html") if len(given) > 1 else None

    cloud.aws.fails(once, operation="AssumeRole")
    collections = [{**files.snapshots(), "type": f"p.snapshot{n}"} for n in range(12)]
    cloud.has(*collections, regions=["off-1", "us-east-1"], accounts=[cloud.account(aws={"role_arn": role.arn})])
    run = cloud.run(expect=1)
    assert len(run.changes()) == 36
    run.blames("AuthFailure.*no new ones: role .* can't be assumed .*HTTP 503", type="p.snapshot0", account=MAIN, region="off-1")
    assert not [line for line in run.err.splitlines() if "us-east-1 p." in line], run


# --- roles and profiles ---

def accounts_of_two(cloud, aws):  # noqa: F811
    """MAIN with that `aws`, and OTHER with keys that work: each with three snapshots."""
    cloud.snapshots(3)
    cloud.snapshots(3, account=OTHER, prefix="other")
    cloud.files(credentials={"good": cloud.aws.user("bob", account=OTHER).profile()})
    cloud.has(files.snapshots(), regions=["us-east-1"], accounts=[cloud.account(MAIN, aws), cloud.account(OTHER, {"profile": "good"})])


def fails_alone(cloud, *patterns):  # noqa: F811
    run = cloud.run(expect=1)
    assert {e["account"] for e in run.changes()} == {OTHER} and len(run.changes()) == 3, "other accounts go on"
    run.said(MAIN, *patterns)
    assert len([line for line in run.err.splitlines() if MAIN in line]) == 1, run
    return run


def test_a_role_that_does_not_trust_us(cloud):  # noqa: F811
    role = cloud.aws.role("reader", trusts=[])
    accounts_of_two(cloud, {"role_arn": role.arn})
    fails_alone(cloud, "AccessDenied", "sts:AssumeRole", role.arn)
    assert len(cloud.aws.called("AssumeRole")) == 1, "a denial isn't tried again"


def test_a_wrong_external_id(cloud):  # noqa: F811
    role = cloud.aws.role("reader", trusts=["*"], external_id="right")
    accounts_of_two(cloud, {"role_arn": role.arn, "external_id": "wrong"})
    fails_alone(cloud, "AccessDenied", role.arn)


def test_a_chain_names_the_role_that_breaks_it(cloud):  # noqa: F811
    first = cloud.aws.role("first", trusts=["*"])
    second = cloud.aws.role("second", trusts=[])
    accounts_of_two(cloud, {"profile": "two"})
    cloud.files(config={"profile one": f"role_arn = {first.arn}\nsource_profile = base\n",
                        "profile two": f"role_arn = {second.arn}\nsource_profile = one\n", "profile base": cloud.alice.profile()})
    fails_alone(cloud, "AccessDenied", second.arn)


def test_sts_that_is_broken_for_a_while_is_tried_again(cloud):  # noqa: F811
    role = cloud.aws.role("reader", trusts=["*"])
    accounts_of_two(cloud, {"role_arn": role.arn})
    cloud.aws.fails("broken", times=2, operation="AssumeRole")
    cloud.aws.fails("throttled", times=1, operation="AssumeRole")
    assert len(cloud.run().changes()) == 6
    assert len(cloud.aws.called("AssumeRole")) == 4


@pytest.mark.parametrize("answer", [
    Answer("no XML at all", type="text/xml"), Answer("<AssumeRoleResponse/>", type="text/xml"), Answer("", 500),
    Answer("<a><Credentials><AccessKeyId>x</AccessKeyId></Credentials></a>", type="text/xml"),
    Answer('<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>', type="text/xml")])
def test_sts_that_answers_garbage(cloud, answer):  # noqa: F811
    accounts_of_two(cloud, {"role_arn": cloud.aws.role("reader").arn})
    cloud.aws.fails(answer, operation="AssumeRole")
    run = fails_alone(cloud, "role|sts")
    assert "root:" not in run.err


def test_a_region_without_the_sts_of_a_role(cloud):  # noqa: F811
    accounts_of_two(cloud, {"role_arn": cloud.aws.role("reader").arn})
    cloud.aws.fails("switched off", operation="AssumeRole")
    fails_alone(cloud, "InvalidClientTokenId")


def test_an_unknown_profile_is_told_with_the_nearest(cloud):  # noqa: F811
    accounts_of_two(cloud, {"profile": "prodcution"})
    cloud.files(config={"profile production": cloud.alice.profile(), "profile dev": ""})
    fails_alone(cloud, "prodcution", "did you mean.*production")


def test_an_unknown_profile_of_the_environment(cloud):  # noqa: F811
    accounts_of_two(cloud, {})
    cloud.keys(None)
    cloud.lab.env["AWS_PROFILE"] = "goood"
    fails_alone(cloud, "goood", "AWS_PROFILE", "did you mean.*good")


@pytest.mark.parametrize("config, cause", [
    ({"profile a": "role_arn = R\nsource_profile = b", "profile b": "role_arn = R\nsource_profile = a"}, "circle|loop|itself"),
    ({"profile a": "role_arn = R\nsource_profile = nowhere"}, "nowhere"),
    ({"profile a": "role_arn = R"}, "source_profile"),
    ({"profile a": "role_arn = R\nsource_profile = b\ncredential_source = Environment", "profile b": ""}, "credential_source"),
    ({"profile a": "role_arn = R\ncredential_source = Somewhere"}, "Somewhere"),
    ({"profile a": "aws_access_key_id = AKIA1"}, "aws_secret_access_key"),
    ({"profile a": "role_arn = R\nsource_profile = b\nmfa_serial = arn:aws:iam::1:mfa/x", "profile b": "aws_access_key_id = A\naws_secret_access_key = B"},
     "mfa"),
    ({"profile a": "sso_session = x\nsso_account_id = 1\nsso_role_name = y"}, "sso"),
    ({"profile a": "region = us-east-1"}, "profile.*a"),
    ({"profile a": "web_identity_token_file = /nowhere/token\nrole_arn = R"}, "/nowhere/token"),
    ({f"profile {chr(97 + n)}": f"role_arn = R{n}\nsource_profile = {chr(98 + n)}" for n in range(20)}, "source_profile|roles|profile")])
def test_a_profile_that_leads_nowhere(cloud, config, cause):  # noqa: F811
    accounts_of_two(cloud, {"profile": "a"})
    cloud.files(config={head: body.replace("= R", "= arn:aws:iam::123456789012:role/r") for head, body in config.items()})
    fails_alone(cloud, cause)
    assert len(cloud.aws.called(operation="AssumeRole")) == 0


@pytest.mark.parametrize("text", ["[profile a\nx = 1\n", "garbage\n", "\x00\x01\x02", "[profile a]\n= 3\n", "[a]\nkey value\n", "x" * (2 << 20)],
                         ids=["open", "garbage", "binary", "no key", "no value", "huge"])
def test_ini_garbage_is_told_with_its_place(cloud, text):  # noqa: F811
    accounts_of_two(cloud, {})
    cloud.keys(None)
    cloud.lab.env["AWS_PROFILE"] = "a"
    cloud.files(config=text)
    run = cloud.run(expect=1)
    run.said(MAIN, r"\.aws/config")
    assert run.changes() == []


def test_secrets_in_ini_garbage_are_not_shown(cloud):  # noqa: F811
    accounts_of_two(cloud, {"profile": "a"})
    cloud.files(config=f"[profile a]\naws_access_key_id = AKIA1\n{cloud.alice.secret}\n")
    run = cloud.run(expect=1)
    run.said(MAIN, r"\.aws/config:3|line 3")


def test_a_file_that_may_not_be_read(cloud):  # noqa: F811
    accounts_of_two(cloud, {"profile": "a"})
    path = cloud.lab.folder / ".aws/config"
    path.mkdir()
    fails = cloud.run(expect=1)
    fails.said(MAIN, r"\.aws/config")


@pytest.mark.parametrize("make", [lambda path: path.mkdir(), lambda path: path.write_text(""), lambda path: path.write_bytes(b"a\x00b"),
                                  lambda path: path.write_text("x\ny"), lambda path: None], ids=["folder", "empty", "NUL", "two lines", "none"])
def test_a_token_file_that_is_no_token(cloud, make):  # noqa: F811
    accounts_of_two(cloud, {})
    cloud.keys(None)
    role = cloud.aws.role("pod")
    path = cloud.lab.folder / "token"
    make(path)
    cloud.lab.env |= {"AWS_WEB_IDENTITY_TOKEN_FILE": str(path), "AWS_ROLE_ARN": role.arn}
    fails_alone(cloud, "token", "AWS_WEB_IDENTITY_TOKEN_FILE|/token")


def test_a_pods_token_that_nobody_knows(cloud):  # noqa: F811
    accounts_of_two(cloud, {})
    cloud.keys(None)
    role = cloud.aws.role("pod")
    path = cloud.lab.write("token", cloud.aws.secret("eyJ.n0b0dy.kn0ws"))
    cloud.lab.env |= {"AWS_WEB_IDENTITY_TOKEN_FILE": str(path), "AWS_ROLE_ARN": role.arn}
    fails_alone(cloud, "InvalidIdentityToken", role.arn)


# --- metadata ---

GARBAGE = [Answer("<html>login</html>", type="text/html"), Answer('{"AccessKeyId": "AKIA1"}'), Answer("", 500), Answer("[]"),
           Answer('{"Code": "Failed", "Message": "no profile"}'), Answer('{"AccessKeyId": 1, "SecretAccessKey": [], "Token": {}, "Expiration": "x"}'),
           Answer('{"AccessKeyId": "A", "SecretAccessKey": "B", "Token": "C", "Expiration": "tomorrow"}'), Answer(b"\xff\xfe\x00"),
           Answer("x" * (4 << 20)), Answer("{", cut=1)]
GARBAGE_IDS = ["html", "half", "500", "list", "code", "types", "date", "binary", "huge", "cut"]


@pytest.mark.parametrize("garbage", GARBAGE, ids=GARBAGE_IDS)
def test_a_container_that_answers_garbage(cloud, garbage):  # noqa: F811
    accounts_of_two(cloud, {})
    cloud.keys(None)
    with Container(cloud.aws.session) as container:
        container.broken = garbage
        cloud.lab.env["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = container.uri
        fails_alone(cloud, "container|AWS_CONTAINER")


@pytest.mark.parametrize("garbage", GARBAGE, ids=GARBAGE_IDS)
def test_a_machine_that_answers_garbage(cloud, garbage):  # noqa: F811
    accounts_of_two(cloud, {})
    cloud.keys(None)
    with Metadata(cloud.aws.session) as metadata:
        metadata.broken = lambda request: garbage if request.path == PATH + "machine" else None
        cloud.lab.env |= {"AWS_EC2_METADATA_SERVICE_ENDPOINT": metadata.url, "AWS_EC2_METADATA_DISABLED": "false"}
        fails_alone(cloud, "metadata")


@pytest.mark.parametrize("name", ["", "a/../../b", "a\r\nX-Evil: 1", "<html>", "x" * 5000], ids=["none", "path", "header", "html", "long"])
def test_a_machine_whose_role_is_no_name(cloud, name):  # noqa: F811
    accounts_of_two(cloud, {})
    cloud.keys(None)
    with Metadata(cloud.aws.session) as metadata:
        metadata.broken = lambda request: Answer(name, type="text/plain") if request.path == PATH else None
        cloud.lab.env |= {"AWS_EC2_METADATA_SERVICE_ENDPOINT": metadata.url, "AWS_EC2_METADATA_DISABLED": "false"}
        fails_alone(cloud, "metadata")
        assert all(".." not in request.target for request in metadata.server.asked())


# --- answers ---

@pytest.mark.parametrize("service, type", [("ec2", "p.snapshot"), ("iam", "p.user"), ("s3", "p.bucket"), ("kms", "p.kms"), ("lambda", "p.function")])
def test_an_errors_code_and_message_are_in_the_sentence(twenty, service, type):
    from aws import Refused
    twenty.aws.fails(Refused("odd", "It is <broken> & odd", status=400, code="VeryOddException"), service=service)
    run = twenty.gets(type, failed=[type])
    run.blames("HTTP 400 VeryOddException: It is <broken> & odd", type=type, account=MAIN)
    twenty.ends_well()


@pytest.mark.parametrize("body", ["", "<html>", "<Response><Errors>", "{", "<?xml version='1.0'?><!DOCTYPE a [<!ENTITY a 'b'>]><a>&a;</a>", b"\xff\x00"])
@pytest.mark.parametrize("status", [400, 403, 503])
def test_an_error_that_can_not_be_read_is_told_by_its_status(twenty, status, body):
    twenty.aws.fails(Answer(body, status, type="text/xml"), service="ec2")
    run = twenty.gets("p.snapshot", failed=["p.snapshot"])
    run.blames(f"HTTP {status}", type="p.snapshot", account=MAIN)


@pytest.mark.parametrize("body", [
    "", "<html>", "<R><snapshotSet><item><snapshotId>kept</snapshotId>", "{}", "<R/>",
    "<R><snapshotSet><item><state>x</state></item></snapshotSet></R>"], ids=["empty", "html", "cut", "json", "nothing", "no id"])
def test_a_listing_that_can_not_be_read_deletes_nothing(twenty, body):
    definition = files.snapshots(items_optional=..., **GUARD)
    twenty.collections[0] = definition
    twenty.be([twenty.cloud.account(regions=["us-east-1"])])
    twenty.aws.fails(Answer(body, type="text/xml"), service="ec2")
    run = twenty.cloud.run(expect=1)
    assert run.brief("p.snapshot") == []
    assert twenty.cloud.holds("p.snapshot") == ["gone", "kept"]
    assert len(run.changes()) == 38
