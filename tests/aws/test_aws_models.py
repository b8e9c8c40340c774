"""providers/aws.yaml says what botocore's own models of AWS's services say, and what would be wrong with it is told."""

import subprocess
from functools import cache

import pytest

import aws_file
import checks
import wire
from aws_file import collections, find

FILE = aws_file.load()
ALL = {c.type: c for c in collections(FILE)}


@pytest.mark.parametrize("check", checks.CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("type", ALL)
def test_it_agrees_with_the_model(type, check):
    assert list(check(ALL[type])) == []


@pytest.mark.parametrize("check", checks.WHOLE, ids=lambda check: check.__name__)
def test_the_whole_agrees(check):
    assert list(check(FILE)) == []


def test_every_protocol_is_there_and_plenty_of_collections():
    assert {c.protocol for c in ALL.values()} == {"ec2", "query", "rest-xml", "json", "rest-json"}
    assert {c.service.metadata.get("jsonVersion") for c in ALL.values() if c.protocol == "json"} == {"1.0", "1.1"}
    assert len(ALL) > 70


def test_no_operation_writes_or_tells_secrets():
    for c in ALL.values():
        name = c.operation.name
        assert name.startswith(("Describe", "List", "Get")), name
        assert name not in ("GetSecretValue", "GetParametersByPath", "GetPasswordData", "GetSessionToken"), name


def test_garner_accepts_it(tmp_path, binary):
    (tmp_path / "garner.yaml").write_text(
        f"data: ./data\nproviders: [{aws_file.PATH}]\naccounts:\n  - {{id: \"123456789012\", provider: aws}}\n")
    run = subprocess.run([binary, "validate", "-c", str(tmp_path / "garner.yaml")], capture_output=True, text=True)
    assert run.returncode == 0 and f"{len(ALL) - 1} collections" in run.stdout + run.stderr, run.stdout + run.stderr
    assert "warning" not in run.stderr, run.stderr


# --- mistakes, each of which must be told ---

def change(type, *path, to=...):
    """An edit of the file: what is at `path` of a collection (of the file, with type None) becomes `to`, or goes."""
    def edit(file):
        at = file if type is None else find(file, type).spec
        for key in path[:-1]:
            at = at[key]
        if to is ...:
            del at[path[-1]]
        else:
            at[path[-1]] = to
    return edit


SG, TABLE, RECORD = "aws.ec2.security_group", "aws.dynamodb.table_name", "aws.route53.record_set"
ASG, USER = "aws.autoscaling.group", "aws.iam.user"
MISTAKES = {
    "an action that isn't there": (change("aws.ec2.address", "request", "form", "Action", to="DescribeAddress"),
                                   "has no operation 'DescribeAddress'"),
    "a path that isn't there": (change("aws.lambda.url", "request", "url", to="https://lambda.{region}.{vars.suffix}/urls"),
                                "no operation at GET /urls"),
    "another service's version": (change(ASG, "request", "form", "Version", to="2016-11-15"), "the service's is '2011-01-01'"),
    "a target's wrong prefix": (change(TABLE, "request", "headers", "X-Amz-Target", to="DynamoDB_20111205.ListTables"),
                                "not 'DynamoDB_20120810.ListTables'"),
    "the other JSON": (change(TABLE, "request", "headers", "Content-Type", to="application/x-amz-json-1.1"),
                       "not 'application/x-amz-json-1.0'"),
    "JSON for XML": (change("aws.sts.identity", "format", to="json"), "the answer is xml"),
    "a wrong signing name": (change("aws.elbv2.listener", "auth", "service", to="elbv2"), "not 'elasticloadbalancing'"),
    "a wrong id": (change("aws.logs.log_group", "auth", "id"), "auth's id is LOGS, the service's is CLOUDWATCH_LOGS"),
    "a wrong host": (change(ASG, "request", "url", to="https://autoscale.{region}.{vars.suffix}/"),
                     "not https://autoscaling.eu-west-1.amazonaws.com"),
    "a suffix that China hasn't": (change(USER, "request", "url", to="https://iam.amazonaws.com/"),
                                   "not https://iam.cn-north-1.amazonaws.com.cn"),
    "the wrong region": (change(USER, "auth", "region", to="{vars.home}x"), "it is signed for us-east-1x, not us-east-1"),
    "a parameter that isn't there": (change("aws.ec2.snapshot", "request", "form", "Owners.1", to="self"),
                                     "no parameter form:Owners.1"),
    "a list given as one": (change(USER, "request", "form", "Filter", to="User"), "no parameter form:Filter"),
    "a value that isn't known": (change(USER, "request", "form", "Filter.member.1", to="Users"), "can't be 'Users'"),
    "a body's value that isn't known": (change("aws.ecs.cluster", "request", "body", "include", 0, to="TAG"), "can't be 'TAG'"),
    "a needed parameter left out": (change("aws.sns.topic", "request", "form", "TopicArn"), "needs the parameter TopicArn"),
    "items elsewhere": (change(SG, "items", to="/securityGroups/*"), "has no such list"),
    "an id elsewhere": (change(SG, "id", to="/GroupId"), "id '/GroupId'"),
    "an id in a template elsewhere": (change(RECORD, "id", to="{item:/name}"), "id '/name'"),
    "require elsewhere": (change(SG, "require", 0, to="/GroupName"), "require '/GroupName'"),
    "ignore elsewhere": (change("aws.ec2.subnet", "ignore", 0, to="/freeAddresses"), "ignore '/freeAddresses'"),
    "no list": (change(SG, "unordered", 0, to="/groupName"), "unordered '/groupName' is of kind text, not list"),
    "a walk over names": (change("aws.secretsmanager.secret", "unordered", 0, to="/SecretVersionsToStages/*"),
                          "unordered '/SecretVersionsToStages/*'"),
    "a text of JSON elsewhere": (change("aws.kms.key_policy", "parse", 0, to="/PolicyDocument"),
                                 "parse '/PolicyDocument': the answer of GetKeyPolicy has no such text"),
    "a text of JSON that isn't read": (change("aws.lambda.policy", "parse"), "/Policy may hold JSON, and `parse` doesn't name it"),
    "one of a map's texts that isn't read": (change("aws.sqs.queue", "parse", 0), "/Attributes/Policy may hold JSON"),
    "a list in no text": (change("aws.iam.role", "unordered", 5, to="/AssumeRolePolicy/Statement"),
                          "unordered '/AssumeRolePolicy/Statement': the answer"),
    "a name as JSON": (change("aws.elbv2.listener", "parse", to=["/SslPolicy"]), "parse '/SslPolicy' is a name, no JSON"),
    "a parent's part elsewhere": (change("aws.iam.access_key", "request", "form", "UserName", to="{parent:/Name}"),
                                  "the document of aws.iam.user has no such place"),
    "no paging": (change(SG, "page"), "there is no `page`"),
    "paging where there is none": (change("aws.ec2.address", "page", to={"style": "token", "from": "body:/a", "to": "form:b"}),
                                   "doesn't answer in pages"),
    "a token from elsewhere": (change(TABLE, "page", "from", to="body:/NextToken"), "not as `page` says"),
    "a token to elsewhere": (change(TABLE, "page", "to", to="body:/Start"), "not as `page` says"),
    "a part of a token left out": (change(RECORD, "page", "parts", 2), "has 2 parts"),
    "no more": (change(RECORD, "page", "more"), "`more` is None, not body:/IsTruncated"),
    "a size to elsewhere": (change(TABLE, "page", "size", "to", to="body:/limit"), "the page size goes to body:/limit"),
    "too large pages": (change(TABLE, "page", "size", "max", to=1000), "Limit is 100 at most"),
    "too small pages": (change(SG, "page", "size", "min", to=1), "MaxResults is 5 at least"),
    "no size": (change(TABLE, "page", "size"), "`size` is None"),
    "a list that isn't named": (lambda file: file["xml"]["arrays"].remove("/securityGroupInfo/*/tagSet"),
                                "xml.arrays lacks /securityGroupInfo/*/tagSet"),
    "a list's element that isn't named": (lambda file: file["xml"]["list_elements"].remove("DBInstance"),
                                          "lacks DBInstance"),
    "a service that isn't there": (change("aws.ec2.address", "auth", "id", to="ec3"), "no service of the id EC3"),
    "an element of no list": (lambda file: file["xml"]["list_elements"].append("Rule"), "as it has a child Rule"),
    "a list that no answer has": (lambda file: file["xml"]["arrays"].append("/groupSet"), "/groupSet, which no answer has"),
    "another permission": (change("aws.s3.bucket", "permissions", to=["s3:ListBuckets"]), "needs [s3:ListAllMyBuckets]"),
    "an absence of another kind": (change("aws.lambda.policy", "absent", 0, "code", to="NoSuchPolicy"),
                                   "doesn't answer 404 NoSuchPolicy"),
    "an absence of another status": (change("aws.kms.key", "absent", 0, "status", to=404), "doesn't answer 404 NotFound"),
    "any absence": (change("aws.iam.password_policy", "absent", 0, "code"), "would take any error for an empty list"),
    "throttling that isn't known": (lambda file: file["errors"]["throttled"].remove("SlowDown"), "lacks SlowDown"),
}


@cache
def told_of(mistake):
    file = aws_file.mutable()
    assert file == FILE
    MISTAKES[mistake][0](file)
    return list(checks.mistakes(file))


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_told(mistake):
    told = told_of(mistake)
    assert any(MISTAKES[mistake][1] in one for _, one in told), told
    assert len(told) < 10, told


def test_every_check_tells_a_mistake():
    told = {check for mistake in MISTAKES for check, _ in told_of(mistake)}
    assert told == set(checks.CHECKS + checks.WHOLE)


def test_wire_names_are_those_of_real_answers():
    """A few that people know by heart, so that the model of the wire isn't wrong together with the file."""
    for service, operation, pointer in [
            ("ec2", "DescribeInstances", "/reservationSet/*/instancesSet/*/instanceState/name"),
            ("rds", "DescribeDBInstances", "/DescribeDBInstancesResult/DBInstances/*/TagList/*/Key"),
            ("sns", "GetTopicAttributes", "/GetTopicAttributesResult/Attributes/*/key"),
            ("s3", "GetBucketAcl", "/AccessControlList/*/Grantee/@type"),
            ("s3", "GetBucketEncryption", "/Rule/*/ApplyServerSideEncryptionByDefault/SSEAlgorithm"),
            ("route53", "ListResourceRecordSets", "/ResourceRecordSets/*/ResourceRecords/*/Value"),
            ("dynamodb", "DescribeTable", "/Table/KeySchema/*/AttributeName"),
            ("apigateway", "GetRestApis", "/item/*/endpointConfiguration/types"),
            ("lambda", "ListFunctions", "/Functions/*/Environment/Variables/ANY")]:
        assert wire.lead(wire.answer(wire.operation(service, operation)), pointer), pointer
    instances = wire.lead(wire.answer(wire.operation("rds", "DescribeDBInstances")), "/DescribeDBInstancesResult/DBInstances")
    assert instances.element == "DBInstance"
