"""AWS credentials of what runs in a container or on an instance: asked on the spot, renewed in time."""

import threading
import time

import pytest
from aws import MAIN
from aws_lab import cloud, comes, one  # noqa: F401
from aws_local import PATH, TOKEN_HEADER, Container, Metadata
from server import Answer


@pytest.fixture
def container(one):
    with Container(one.aws.session, token=one.aws.secret("auth+t0k3n/of=pod")) as made:
        one.lab.env["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = made.uri
        yield made


@pytest.fixture
def metadata(one):
    with Metadata(one.aws.session) as made:
        one.lab.env |= {"AWS_EC2_METADATA_SERVICE_ENDPOINT": made.url + "/", "AWS_EC2_METADATA_DISABLED": "false"}
        yield made


def test_a_container_with_a_token(one, container):
    one.lab.env["AWS_CONTAINER_AUTHORIZATION_TOKEN"] = container.token
    assert len(one.run().changes()) == 3


def test_a_container_with_a_token_file_that_rotates(one, container):
    path = one.lab.write("pod-token", container.token)
    one.lab.env |= {"AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": str(path), "AWS_CONTAINER_AUTHORIZATION_TOKEN": "not this one"}
    assert len(one.run().changes()) == 3
    container.token = one.aws.secret("another/t0k3n")
    path.write_text(container.token)
    assert one.run().changes() == []


def test_a_containers_keys_are_renewed(one, container):
    one.lab.env["AWS_CONTAINER_AUTHORIZATION_TOKEN"] = container.token
    one.aws.fails("expired", times=1, operation="DescribeSnapshots")
    assert len(one.run().changes()) == 3
    assert len(container.server.asked()) == 2


def test_a_containers_keys_that_end_soon_are_renewed_in_time(one, container):
    one.lab.env["AWS_CONTAINER_AUTHORIZATION_TOKEN"] = container.token
    container.keys = lambda: one.aws.session(lives=3)
    one.snapshots(20, prefix="more")
    one.aws.fails(lambda call: time.sleep(0.7), operation="DescribeSnapshots")
    assert len(one.run().changes()) == 23
    assert {call.verdict for call in one.aws.called()} == {"ok"}
    assert len(container.server.asked()) >= 2


def test_a_container_that_turns_the_token_away_is_an_error(one, container):
    one.lab.env["AWS_CONTAINER_AUTHORIZATION_TOKEN"] = one.aws.secret("wr0ng-token")
    run = one.run(expect=1)
    run.said(MAIN, "AWS_CONTAINER_|container", "401")
    assert one.aws.called() == []


def test_a_containers_token_that_is_no_header_is_an_error(one, container):
    path = one.lab.write("pod-token", container.token + "\r\nX-Evil: 1")
    one.lab.env["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"] = str(path)
    one.run(expect=1).said(MAIN, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "line break")
    assert container.server.asked() == []


@pytest.mark.parametrize("uri", ["http://192.0.2.1/creds", "http://metadata.example/creds", "ftp://127.0.0.1/", "nonsense"])
def test_a_container_uri_that_is_no_place_for_secrets_is_refused(one, uri):
    one.lab.env |= {"AWS_CONTAINER_CREDENTIALS_FULL_URI": uri, "AWS_CONTAINER_AUTHORIZATION_TOKEN": one.aws.secret("t0k3n-x")}
    one.run(expect=1).said(MAIN, "AWS_CONTAINER_CREDENTIALS_FULL_URI")


def test_instance_metadata_of_version_2(one, metadata):
    assert len(one.run().changes()) == 3
    put, *gets = metadata.server.asked()
    assert put.method == "PUT" and put.path == "/latest/api/token"
    assert [get.path for get in gets] == [PATH, PATH + "machine"] and all(get.header(TOKEN_HEADER) for get in gets)


def test_a_machines_keys_are_renewed(one, metadata):
    one.aws.fails("expired", times=1, operation="DescribeSnapshots")
    assert len(one.run().changes()) == 3
    assert len({call.key_id for call in one.aws.called("DescribeSnapshots")}) == 2


def test_a_machine_that_hands_out_dead_keys_is_an_error_once(one, metadata):
    metadata.keys = lambda: one.aws.session(lives=-60)
    run = one.run(expect=1)
    run.said(MAIN, "expired")
    assert len(metadata.server.asked()) <= 6 and run.changes() == []


@pytest.mark.parametrize("broken", [Answer("", stall=30, cut=0), Answer("x", delay=30)], ids=["says half", "says nothing"])
def test_a_machine_that_does_not_answer_ends_the_chain_soon(one, metadata, broken):
    metadata.broken = broken
    began = time.monotonic()
    run = one.run(expect=1)
    assert time.monotonic() - began < 15
    lines = [line for line in run.err.splitlines() if MAIN in line]
    assert len(lines) == 1, run
    run.said(MAIN, "credentials", "metadata")


def test_metadata_that_is_switched_off_is_not_asked(one, metadata):
    one.lab.env["AWS_EC2_METADATA_DISABLED"] = "TRUE"
    one.run(expect=1).said(MAIN, "credentials")
    assert metadata.server.asked() == []


def test_a_machine_with_many_accounts_is_not_asked_for_all_at_once(one):
    lock, now, most = threading.Lock(), 0, 0

    def slow():
        nonlocal now, most
        with lock:
            now, most = now + 1, max(most, now + 1)
        time.sleep(0.05)
        with lock:
            now -= 1
        return one.aws.session()

    with Metadata(slow) as machine:
        one.lab.env |= {"AWS_EC2_METADATA_SERVICE_ENDPOINT": machine.url, "AWS_EC2_METADATA_DISABLED": "false"}
        one.lab.has_config([one.account(id=f"a-{n:02}", regions=["us-east-1"]) for n in range(40)])
        assert len(one.run().changes()) == 40 * 3
    assert 1 < most <= 8
