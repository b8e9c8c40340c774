"""A cluster of real processes whose workers die, hang and are cut off: a subscriber hears of everything once, and in time."""

import signal
import threading
import time

import pytest
from cluster_net import NetCluster

LEASE_S = 10
FAILOVER_S = 13


@pytest.fixture
def cluster(tmp_path):
    with NetCluster(tmp_path) as made:
        made.wait_served()
        made.change()
        made.wait(made.told)
        yield made
        made.wait(made.told)
        made.check_feed()


def test_a_dead_workers_shards_are_served_by_their_followers(cluster):
    accounts = cluster.accounts_of("w1")
    assert accounts
    cluster.workers["w1"].kill()
    began = time.monotonic()
    cluster.change()
    cluster.wait(lambda: cluster.told(*accounts), within=FAILOVER_S)
    print(f"served after {time.monotonic() - began:.1f} s")
    assert not cluster.owned_by("w1")
    cluster.start_worker("w1")
    cluster.wait_served()


def test_a_worker_that_hangs_beyond_its_lease_takes_nothing_back(cluster):
    lost = cluster.owned_by("w2")
    cluster.workers["w2"].send(signal.SIGSTOP)
    cluster.change()
    cluster.wait(cluster.told, within=FAILOVER_S + 5)
    cluster.workers["w2"].send(signal.SIGCONT)
    cluster.change()
    cluster.wait(cluster.told)
    cluster.wait_served()
    assert all(one["epoch"] > 1 for one in cluster.shards() if one["shard"] in lost)


@pytest.mark.parametrize("cuts", [
    [("w1", "coordinator")], [("coordinator", "w1")], [("w1", "w2"), ("w1", "w3")], [("w2", "w1"), ("w3", "w1")],
    [("w1", "coordinator"), ("w1", "w2"), ("w1", "w3"), ("w1", "test"), ("w1", "api")]], ids=[
    "deaf coordinator", "deaf worker", "followers don't hear", "followers aren't heard", "alone"])
def test_a_partition_is_bridged(cluster, cuts):
    for sender, receiver in cuts:
        cluster.net.cut(sender, receiver)
    cluster.change()
    cluster.wait(cluster.told, within=60)
    cluster.net.heal()
    cluster.change()
    cluster.wait(cluster.told, within=60)
    cluster.wait_served()


def test_a_busy_shard_is_moved_over_long_lines(cluster):
    """Whoever follows it has news more often than the coordinator can answer."""
    cluster.net.lengthen("coordinator", 600)
    shard = cluster.ask("where", cluster.accounts[0])["shards"][0]["shard"]
    name = cluster.shards()[shard]["followers"][0]["worker"]
    to = cluster.workers[name]
    ended = threading.Event()

    def change():
        while not ended.wait(0.05):
            cluster.change()
    changing = threading.Thread(target=change)
    changing.start()
    try:
        cluster.ask("move", str(shard), "--to", name)
        cluster.wait(lambda: to.said("the shard is taken over", f"shard={shard}", "epoch=2"), within=LEASE_S)
        assert not any(worker.said("lease has ended") for worker in cluster.workers.values())
    finally:
        ended.set()
        changing.join()
    cluster.net.shorten("coordinator")
