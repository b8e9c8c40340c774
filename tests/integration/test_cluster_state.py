"""What a cluster remembers, and what becomes of it when that is lost: the coordinator's state, a worker's restart, and who doesn't belong to it."""

import json
import re
import shutil
import time

import gateway
import pytest
from cluster import Node
from garner import collection, provider, replay
from server import Listing

ACCOUNTS = 8
NEW = "this coordinator's state is a new one"


@pytest.fixture
def things(server):
    items = [{"id": "x", "v": 1}, {"id": "y", "v": 1}]
    server.on("/things/*", Listing(items, style="none"))
    return items


@pytest.fixture
def two(cluster, lab, things):
    lab.has_provider(provider(collection(path="/things/{account.id}", every="1s", delete={"confirm": "none"})))
    cluster.start("w1", "w2", accounts=[lab.account(id=f"a{n}") for n in range(ACCOUNTS)])
    cluster.wait_served()
    return cluster


def told(cluster):
    events = cluster.garner("feed", "--from", "oldest", "--no-follow", "--format", "ndjson").events()
    return replay(events)


def feed_of(node):
    return re.search(r"^feed (\w+)$", (node.folder / "garner").read_text(), re.MULTILINE)[1]


def test_a_worker_that_is_restarted_keeps_its_shards(two, things):
    mine = two.owned("w1")
    two.stop("w1")
    assert two.workers()["w1"]["state"] == "away"
    assert all("w1 is away" in two.shard(shard)["why"] for shard in mine)
    two.start_worker("w1")
    two.wait_served()
    # Each begins the next epoch: nobody has to remember how far the disk was.
    assert two.owned("w1") == mine and all(shard["epoch"] == 1 + (shard["shard"] in mine) for shard in two.shards())
    for item in things:
        item["v"] = 2
    two.wait(lambda: [document["v"] for document in told(two).values()] == [2] * 2 * ACCOUNTS)


def test_a_lost_state_is_recovered_from_the_workers_copies(two, things):
    two.wait(lambda: len(told(two)) == 2 * ACCOUNTS)
    two.coordinator.stop()
    shutil.rmtree(two.coordinator.folder)
    feed = feed_of(two["w1"])

    # With a state of its own it takes nobody in, and says how to go on.
    two.start_coordinator()
    said = two["w1"].wait(lambda: two["w1"].said(NEW))
    assert f"--feed {feed}" in said[0] and two.workers() == {}
    two.coordinator.stop()
    shutil.rmtree(two.coordinator.folder)

    # With its workers' feed it waits for its operator.
    two.start_coordinator("--grace", "4s", "--feed", feed)
    two.wait(lambda: two.status()["shards"]["unknown"] == 8)
    result = two.garner("status", expect=1)
    assert "8 unknown" in result.text
    result.said("garner recover")
    assert all(shard["state"] == "unknown" and "garner recover" in shard["why"] for shard in two.shards("--stuck"))
    # Somebody may still have a lease of the coordinator that was, for a while.
    two.wait(lambda: "8 shards go on" in two.garner("recover", expect=None).text)
    two.wait_served()
    assert all(shard["epoch"] > time.time() - 600 for shard in two.shards())
    for item in things:
        item["v"] = 2
    two.wait(lambda: [document["v"] for document in told(two).values()] == [2] * 2 * ACCOUNTS)
    two.garner("recover", expect=2).said("there is nothing to recover")


def test_a_feed_is_given_to_a_new_state_only(two, lab):
    two.coordinator.stop()
    node = Node(lab, "coordinator", two.coordinator.folder)
    node.start("-c", lab.config, "--data", node.folder, "--listen", "tcp://127.0.0.1:0", "--feed", "0" * 32)
    node.ended(code=2).said("--feed is for a state that was lost")
    node.start("-c", lab.config, "--data", node.folder, "--feed", "12ab")
    node.ended(code=2).said("32 hex digits")
    two.start_coordinator("--grace", "4s", "--feed", feed_of(two["w1"]))  # its own: it may stay in a manifest
    two.wait_served()


def test_who_does_not_belong_to_the_cluster_is_told_why(two, lab):
    text = lab.config.read_text()
    lab.config.write_text(text + "cluster: another\n")
    stranger = two.start_worker("w3")
    stranger.wait(lambda: stranger.said("belongs to cluster 'another'"))
    stranger.stop()
    lab.config.write_text(text)
    namesake = Node(lab, "worker", lab.folder / "elsewhere")
    namesake.start("-c", lab.config, "--at", two.at, "--name", "w1", "--data", namesake.folder, "--listen", "tcp://127.0.0.1:0")
    namesake.wait(lambda: namesake.said("there is a worker w1 already"))
    namesake.stop()
    assert sorted(two.workers()) == ["w1", "w2"]
    two.wait_served()


def test_another_shard_count_is_refused(two, lab):
    made = (two["w1"].folder / "garner").read_text()
    shards = len(two.shards())
    other = Node(lab, "worker", lab.folder / "w3")
    other.folder.mkdir()
    (other.folder / "garner").write_text(made.replace(f"shards {shards}\n", f"shards {2 * shards}\n"))
    other.start("-c", lab.config, "--at", two.at, "--name", "w3", "--data", other.folder, "--listen", "tcp://127.0.0.1:0")
    other.ended(code=2).said(f"was made with {2 * shards} shards, and the cluster has {shards}", "give the worker an empty folder")
    two.coordinator.stop()
    text = lab.config.read_text()
    lab.config.write_text(re.sub(r"^shards:.*", f"shards: {2 * shards}", text, flags=re.MULTILINE))
    refused = Node(lab, "coordinator", two.coordinator.folder)
    refused.start("-c", lab.config, "--data", refused.folder, "--listen", "tcp://127.0.0.1:0")
    refused.ended(code=2).said(f"is the state of a cluster of {shards} shards", f"set shards: {shards}")
    lab.config.write_text(text)
    two.start_coordinator()
    two.wait_served()


@pytest.mark.parametrize("flags, says", [
    (["--listen", "tcp://0.0.0.0:0"], "tcp://0.0.0.0:0: others can't connect to that"),
    (["--listen", "tcp://0.0.0.0:0", "--reached-at", "tcp://[::]:7801"], "tcp://[::]:7801: others can't connect to that"),
    (["--reached-at", "w3:7801"], "w3:7801: an address looks like"),
    (["--listen", "7801"], "7801: an address looks like"),
])
def test_a_worker_that_others_cant_reach_is_refused_at_once(lab, flags, says):
    lab.has_provider(provider(collection()))
    lab.has_config([])
    node = Node(lab, "worker", lab.folder / "w3")
    node.start("-c", lab.config, "--at", "tcp://127.0.0.1:1", "--name", "w3", "--data", node.folder, *flags)
    node.ended(code=2).said(re.escape(says))


def test_a_worker_that_only_its_own_machine_reaches_is_warned(lab):
    lab.has_provider(provider(collection()))
    lab.has_config([])
    node = Node(lab, "worker", lab.folder / "w3")
    node.start("-c", lab.config, "--at", "tcp://192.0.2.1:7801", "--name", "w3", "--data", node.folder, "--listen", "tcp://127.0.0.1:0")
    node.wait(lambda: node.said("others on other machines can't reach this worker"))
    node.stop()


def test_a_folder_is_one_workers(two, lab):
    two.stop("w1")
    other = Node(lab, "worker", two["w1"].folder)
    other.start("-c", lab.config, "--at", two.at, "--name", "w9", "--data", other.folder, "--listen", "tcp://127.0.0.1:0")
    other.ended(code=2).said("is worker w1's, and this is worker w9")


def test_a_gateway_is_ready_while_the_coordinator_answers(two, lab):
    at = gateway.gateway(lab, "--at", two.at)
    try:
        gateway.awaited(lambda: gateway.get(at.port, "/readyz").status == 200)
        two.coordinator.stop()
        gateway.awaited(lambda: gateway.get(at.port, "/readyz").status == 503)
        two.start_coordinator()
        gateway.awaited(lambda: gateway.get(at.port, "/readyz").status == 200)
    finally:
        at.end()


def test_a_gateway_tells_the_status_of_all_workers(two, lab):
    at = gateway.gateway(lab, "--at", two.at)

    def status(query=""):
        answer = gateway.get(at.port, f"/v1/status{query}")
        return json.loads(answer.text) if answer.status == 200 else {}
    try:
        gateway.awaited(lambda: status().get("well") and status()["collections"] == ACCOUNTS)
        told = two.document("status", expect=None)
        assert {key: told[key] for key in ("collections", "resources", "states")} == {key: status()[key] for key in ("collections", "resources", "states")}
        assert status("?account=a1")["collections"] == 1 and status("?account=nobody")["collections"] == 0
        two.kill("w1")
        gateway.awaited(lambda: 0 < status().get("collections", 0) < ACCOUNTS and status()["well"] is False)
        two.kill("w2")
        gateway.awaited(lambda: gateway.get(at.port, "/v1/status").status == 503)
    finally:
        at.end()
