"""Where AWS credentials come from: as in AWS's own tools, read anew when they are renewed, never told to anybody."""

import sys

import aws_files as files
import pytest
from aws import MAIN, OTHER
from aws_lab import be, cloud, comes, one  # noqa: F401
from aws_local import Container, Metadata
from server import Answer, Server


# --- environment ---

def test_keys_of_the_environment(one):
    one.keys(one.alice)
    comes(one, one.alice)


def test_temporary_keys_of_the_environment(one):
    keys = one.aws.session()
    one.keys(keys)
    comes(one, keys)


def test_credentials_aws_alone_is_the_default_chain(one):
    one.keys(one.alice)
    be(one)
    comes(one, one.alice)


def test_half_of_a_pair_in_the_environment_is_an_error(one):
    one.lab.env["AWS_ACCESS_KEY_ID"] = one.alice.id
    run = one.run(expect=1)
    run.said(MAIN, "AWS_SECRET_ACCESS_KEY")
    assert one.aws.called() == []


def test_nothing_anywhere_is_one_clear_sentence(one):
    run = one.run(expect=1)
    run.said(MAIN, "credentials", "AWS_ACCESS_KEY_ID|environment", "profile")
    assert len([line for line in run.err.splitlines() if "AWS_ACCESS_KEY_ID" in line or "no AWS credentials" in line]) == 1
    assert one.aws.called() == [] and run.changes() == []


# --- profiles ---

def test_a_profile_of_the_configuration(one):
    work, other = one.aws.user("work"), one.aws.user("other")
    one.files(config={"profile work": work.profile(), "default": other.profile()})
    be(one, profile="work")
    comes(one, work)


def test_a_profile_of_the_configuration_comes_before_the_environments_keys(one):
    work = one.aws.user("work")
    one.keys(one.alice)
    one.files(credentials={"work": work.profile()})
    be(one, profile="work")
    comes(one, work)


def test_a_profile_by_AWS_PROFILE(one):
    work = one.aws.user("work")
    one.files(credentials={"default": one.alice.profile(), "work": work.profile()})
    one.lab.env["AWS_PROFILE"] = "work"
    comes(one, work)


def test_the_default_profile_with_a_session_token(one):
    keys = one.aws.session()
    one.files(credentials={"default": keys.profile()})
    comes(one, keys)


def test_of_both_files_the_credentials_file_wins(one):
    work, old = one.aws.user("work"), one.aws.user("old")
    one.files(config={"profile work": old.profile() + "region = eu-west-1\n"}, credentials={"work": work.profile()})
    be(one, profile="work")
    comes(one, work)


def test_files_elsewhere(one):
    work = one.aws.user("work")
    one.lab.write("else/creds", f"[work]\n{work.profile()}")
    one.lab.write("else/conf", "[profile work]\nregion = eu-west-1\n")
    one.lab.env |= {"AWS_SHARED_CREDENTIALS_FILE": str(one.lab.folder / "else/creds"), "AWS_CONFIG_FILE": str(one.lab.folder / "else/conf"),
                    "AWS_PROFILE": "work"}
    comes(one, work)


def test_each_account_has_its_own_profile(one):
    keys = {id: one.aws.user(f"of-{id}", account=id) for id in (MAIN, OTHER)}
    one.files(credentials={f"a{id}": user.profile() for id, user in keys.items()})
    one.snapshots(2, account=OTHER, prefix="other")
    one.lab.has_config([one.account(id, {"profile": f"a{id}"}) for id in keys])
    run = one.run()
    assert sorted((e["account"], e["id"]) for e in run.changes()) == [(MAIN, f"snap-00{n}") for n in range(3)] + [
        (OTHER, f"other-00{n}") for n in range(2)]


# --- roles ---

def test_a_role_with_source_profile_and_external_id(one):
    base = one.aws.user("base")
    role = one.aws.role("reader", trusts=[base], external_id="ext+/=1")
    one.files(config={"profile audit": f"role_arn = {role.arn}\nsource_profile = base\nexternal_id = ext+/=1\nrole_session_name = me@home\n"},
              credentials={"base": base.profile()})
    be(one, profile="audit")
    comes(one, role=role)
    call, = one.aws.called("AssumeRole")
    assert (call.keys, call.params["ExternalId"], call.params["RoleSessionName"]) == (base, "ext+/=1", "me@home")


def test_a_chain_of_three_roles(one):
    base = one.aws.user("base", account=OTHER)
    first = one.aws.role("first", account=OTHER, trusts=[base])
    second = one.aws.role("second", account=OTHER, trusts=[first], external_id="x2")
    third = one.aws.role("third", trusts=[second])
    one.files(config={"profile first": f"role_arn = {first.arn}\nsource_profile = base\n",
                      "profile second": f"role_arn = {second.arn}\nsource_profile = first\nexternal_id = x2\n",
                      "profile third": f"role_arn = {third.arn}\nsource_profile = second\n"},
              credentials={"base": base.profile()})
    be(one, profile="third")
    comes(one, role=third)
    assert [call.params["RoleArn"] for call in one.aws.called("AssumeRole")] == [first.arn, second.arn, third.arn]


def test_a_role_of_the_account_with_external_id(one):
    one.keys(one.alice)
    role = one.aws.role("reader", trusts=[one.alice], external_id="e-1")
    be(one, role_arn=role.arn, external_id="e-1")
    comes(one, role=role)


def test_a_role_of_the_account_on_top_of_a_profile_with_a_role(one):
    base = one.aws.user("base", account=OTHER)
    hub = one.aws.role("hub", account=OTHER, trusts=[base])
    reader = one.aws.role("reader", trusts=[hub])
    one.files(config={"profile hub": f"role_arn = {hub.arn}\nsource_profile = base\n"}, credentials={"base": base.profile()})
    be(one, profile="hub", role_arn=reader.arn)
    comes(one, role=reader)


def test_many_accounts_by_one_role_each(one):
    one.keys(one.alice)
    roles = {f"{n:012}": one.aws.role("reader", account=f"{n:012}", trusts=[one.alice]) for n in range(1, 9)}
    for id in roles:
        one.snapshots(1, account=id, prefix=f"of-{id}")
    one.lab.has_config([one.account(id, {"role_arn": role.arn}) for id, role in roles.items()])
    run = one.run()
    assert {e["account"]: e["id"] for e in run.changes()} == {id: f"of-{id}-000" for id in roles}
    assert len(one.aws.called("AssumeRole")) == len(roles)


def test_a_role_whose_source_is_the_environment(one):
    one.keys(one.alice)
    role = one.aws.role("reader", trusts=[one.alice])
    one.files(config={"profile audit": f"role_arn = {role.arn}\ncredential_source = Environment\n"})
    be(one, profile="audit")
    comes(one, role=role)


def test_a_role_whose_source_is_the_container(one):
    task = one.aws.role("task")
    role = one.aws.role("reader", trusts=[task])
    with Container(lambda: one.aws.assume(task, "task-1")) as container:
        one.lab.env["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = container.uri
        one.files(config={"profile audit": f"role_arn = {role.arn}\ncredential_source = EcsContainer\n"})
        be(one, profile="audit")
        comes(one, role=role)


def test_a_role_whose_source_is_the_machine(one):
    machine = one.aws.role("machine")
    role = one.aws.role("reader", trusts=[machine])
    with Metadata(lambda: one.aws.assume(machine, "i-1")) as metadata:
        one.lab.env |= {"AWS_EC2_METADATA_SERVICE_ENDPOINT": metadata.url, "AWS_EC2_METADATA_DISABLED": "false"}
        one.files(config={"profile audit": f"role_arn = {role.arn}\ncredential_source = Ec2InstanceMetadata\n"})
        be(one, profile="audit")
        comes(one, role=role)


# --- web identity ---

def pod(cloud, **more):  # noqa: F811
    role = cloud.aws.role("pod", trusts=[], **more)
    path = cloud.lab.write("token", cloud.aws.web_token(role) + "\n")
    return role, path


def test_web_identity_of_the_environment(one):
    role, path = pod(one)
    one.lab.env |= {"AWS_WEB_IDENTITY_TOKEN_FILE": str(path), "AWS_ROLE_ARN": role.arn, "AWS_ROLE_SESSION_NAME": "pod-1"}
    comes(one, role=role)
    call, = one.aws.called("AssumeRoleWithWebIdentity")
    assert call.request.header("Authorization") is None and call.params["RoleSessionName"] == "pod-1"


def test_web_identity_of_a_profile(one):
    role, path = pod(one)
    one.files(config={"profile pod": f"role_arn = {role.arn}\nweb_identity_token_file = {path}\n"})
    be(one, profile="pod")
    comes(one, role=role)


def test_a_token_file_that_rotates_between_runs_is_read_anew(one):
    role, path = pod(one)
    one.lab.env |= {"AWS_WEB_IDENTITY_TOKEN_FILE": str(path), "AWS_ROLE_ARN": role.arn}
    comes(one, role=role)
    one.aws.web_tokens.clear()
    path.write_text(one.aws.web_token(role))
    assert one.run().changes() == []


def test_a_token_file_that_rotates_in_mid_run_is_read_anew(one):
    one.snapshots(9, prefix="more")
    one.has(files.snapshots(size=2), regions=["us-east-1"])
    role, path = pod(one)
    one.lab.env |= {"AWS_WEB_IDENTITY_TOKEN_FILE": str(path), "AWS_ROLE_ARN": role.arn}

    def rotate(call):
        one.aws.web_tokens.clear()
        path.write_text(one.aws.web_token(role))
        call.keys.expires = one.aws.now()
        return "expired"
    one.aws.fails(rotate, times=1, operation="DescribeSnapshots")
    assert len(one.run().changes()) == 12
    assert [call.verdict for call in one.aws.called("AssumeRoleWithWebIdentity")] == ["ok", "ok"]


def test_a_role_of_the_account_on_top_of_web_identity(one):
    role, path = pod(one)
    reader = one.aws.role("reader", trusts=[role])
    one.lab.env |= {"AWS_WEB_IDENTITY_TOKEN_FILE": str(path), "AWS_ROLE_ARN": role.arn}
    be(one, role_arn=reader.arn)
    comes(one, role=reader)


# --- a command ---

PROCESS = """import json, sys, pathlib
count = pathlib.Path({count!r})
count.write_text(str(int(count.read_text() or 0) + 1) if count.exists() else "1")
print(json.dumps({document!r}))
"""


def process(cloud, document):  # noqa: F811
    count = cloud.lab.folder / "count"
    script = cloud.lab.write("a folder/give keys.py", PROCESS.format(count=str(count), document=document))
    cloud.files(config={"profile p": f'credential_process = "{sys.executable}" "{script}" --json\n'})
    be(cloud, profile="p")
    return count


def test_a_credential_process(one):
    keys = one.aws.session()
    process(one, {"Version": 1, "AccessKeyId": keys.id, "SecretAccessKey": keys.secret, "SessionToken": keys.token})
    comes(one, keys)


def test_a_credential_process_is_run_again_for_an_expired_token(one):
    keys = one.aws.session()
    count = process(one, {"Version": 1, "AccessKeyId": keys.id, "SecretAccessKey": keys.secret, "SessionToken": keys.token})
    one.aws.fails("expired", times=1, operation="DescribeSnapshots")
    assert len(one.run().changes()) == 3
    assert count.read_text() == "2"


@pytest.mark.parametrize("document, cause", [
    ({"Version": 2}, "version"), ({"Version": 1, "AccessKeyId": "AKIA1"}, "SecretAccessKey"), ([], "credential_process")])
def test_a_credential_process_that_gives_something_else_is_an_error(one, document, cause):
    process(one, document)
    one.run(expect=1).said(MAIN, "credential_process", cause)
    assert one.aws.called() == []


def test_a_credential_process_that_fails_is_an_error(one):
    one.files(config={"profile p": "credential_process = /bin/sh -c \"echo s3cr3t-0utput; exit 3\"\n"})
    one.aws.secret("s3cr3t-0utput")
    be(one, profile="p")
    one.run(expect=1).said(MAIN, "credential_process|/bin/sh", "3")


# --- endpoints ---

@pytest.fixture
def second(one):
    """A second server of the same AWS, for what is told to go there."""
    with Server() as made:
        made.on("*", one.aws.answer)
        yield made


def both(one):
    one.keys(one.alice)
    one.aws.account().buckets.append({"Name": "b1"})
    one.has(files.snapshots(), files.buckets(), regions=["us-east-1"])


def went(one, second):
    """Operations that the first and the second server were asked for."""
    one.run()
    hosts = {host: sorted(call.operation for call in one.aws.called() if call.request.header("Host") == host)
             for host in (one.server.url.split("//")[1], second.url.split("//")[1])}
    return tuple(hosts.values())


def test_AWS_ENDPOINT_URL_S3_is_for_S3_alone(one, second):
    both(one)
    one.lab.env["AWS_ENDPOINT_URL_S3"] = second.url
    assert went(one, second) == (["DescribeSnapshots"], ["ListBuckets"])


def test_the_services_section_of_a_profile(one, second):
    both(one)
    del one.lab.env["AWS_ENDPOINT_URL"]
    one.keys(None)
    one.files(config={"profile dev": f"services = local\nendpoint_url = {one.server.url}\n" + one.alice.profile(),
                      "services local": f"s3 =\n  endpoint_url = {second.url}\nroute_53 =\n  endpoint_url = http://127.0.0.1:1\n"})
    be(one, profile="dev")
    assert went(one, second) == (["DescribeSnapshots"], ["ListBuckets"])


def test_the_environments_endpoint_comes_before_the_profiles(one, second):
    both(one)
    one.files(config={"default": "endpoint_url = http://127.0.0.1:1\n"})
    assert went(one, second)[0] == ["DescribeSnapshots", "ListBuckets"]


def test_the_accounts_endpoint_comes_before_all_and_is_for_STS_too(one, second):
    both(one)
    role = one.aws.role("reader", trusts=[one.alice])
    one.lab.env |= {"AWS_ENDPOINT_URL": "http://127.0.0.1:1", "AWS_ENDPOINT_URL_S3": "http://127.0.0.1:1"}
    one.lab.has_config([one.account(aws={"role_arn": role.arn}, endpoint=second.url)])
    assert went(one, second) == ([], ["AssumeRole", "DescribeSnapshots", "ListBuckets"])


def test_AWS_ENDPOINT_URL_STS_is_where_roles_are_assumed(one, second):
    both(one)
    role = one.aws.role("reader", trusts=[one.alice])
    one.lab.env["AWS_ENDPOINT_URL_STS"] = second.url
    be(one, role_arn=role.arn)
    assert went(one, second) == (["DescribeSnapshots", "ListBuckets"], ["AssumeRole"])


def test_endpoints_of_files_and_environment_can_be_ignored(one):
    one.keys(one.alice)
    one.lab.env |= {"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true", "RES_OPTIONS": "timeout:1 attempts:1"}
    one.has(files.collection("p.snapshot", "ec2", files.query("ec2", "2016-11-15", "DescribeSnapshots", "http://ec2.invalid/"),
                             "/snapshotSet/*", "/snapshotId"), regions=["us-east-1"])
    one.run(expect=1).said(r"ec2\.invalid")
    assert one.aws.called() == []


def test_an_endpoints_path_goes_in_front(one, second):
    second.on("/aws/here/*", lambda request: Answer("<R><snapshotSet/></R>", type="text/xml"))
    one.keys(one.alice)
    one.lab.env["AWS_ENDPOINT_URL"] = second.url + "/aws/here/"
    one.run()
    assert [request.path for request in second.asked()] == ["/aws/here/"]


def test_an_endpoint_that_is_none_is_an_error(one):
    one.keys(one.alice)
    one.lab.env["AWS_ENDPOINT_URL"] = "localhost:4566"
    one.run(expect=1).said(MAIN, "AWS_ENDPOINT_URL|localhost:4566|http")


# --- what is never told ---

def test_verbose_logs_hold_no_secret_either(one):
    one.keys(one.aws.session())
    role = one.aws.role("reader", trusts=["*"])
    be(one, role_arn=role.arn)
    assert len(one.lab.run("--log-level", "debug").changes()) == 3
