"""A cluster in network namespaces that harvests moto, while somebody works there with boto3 and workers die, hang, are cut off, slowed down
and out of disk space: two subscribers are told just what boto3 did, once and in order."""

import signal

import pytest
from cluster_moto import MotoCluster
from disk import Disk

SLOW = "256kbit"  # a full packet takes 50 ms, and harvests alone fill half of it
LONG_MS = 150    # each way: what goes from one such process to another and back takes 0.6 s
SMALL = "w3"     # has a disk that can be filled up


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("cluster")


@pytest.fixture(scope="module")
def disk(folder):
    with Disk(folder / SMALL, "256m") as made:
        yield made


@pytest.fixture(scope="module")
def made(folder, disk):
    with MotoCluster(folder) as cluster:
        cluster.wait_served()
        for _ in range(2):
            cluster.work()
            cluster.wait_told()
        yield cluster


@pytest.fixture
def cluster(made):
    """All is well before, and again in the end."""
    yield made
    made.net.heal()
    made.wait_told()
    made.work()
    made.wait_told()
    made.wait_served()
    made.check()


@pytest.fixture
def victim(cluster):
    return cluster.owner_of(cluster.accounts[0])


def others(cluster, victim):
    """The accounts that aren't at this worker."""
    return set(cluster.accounts) - set(cluster.accounts_of(victim))


def test_a_worker_is_killed(cluster, victim):
    cluster.workers[victim].kill()
    cluster.work()
    print(f"told after {cluster.wait_told():.1f} s")
    assert not cluster.owned_by(victim)
    cluster.start_worker(victim)


def test_a_worker_hangs_beyond_its_lease(cluster, victim):
    cluster.workers[victim].send(signal.SIGSTOP)
    cluster.work()
    print(f"told after {cluster.wait_told():.1f} s")
    assert not cluster.owned_by(victim)
    cluster.workers[victim].send(signal.SIGCONT)


@pytest.mark.parametrize("cut", [lambda net, it: net.cut(it, "coordinator"), lambda net, it: net.cut("coordinator", it), lambda net, it: net.part(it, "coordinator", "api")],
                         ids=["it isn't heard", "it doesn't hear", "both ways, and from the provider"])
def test_a_worker_is_cut_off_from_the_coordinator(cluster, victim, cut):
    cut(cluster.net, victim)
    cluster.wait(lambda: not cluster.owned_by(victim))
    cluster.work()
    print(f"told after {cluster.wait_told():.1f} s")
    cluster.net.heal()


@pytest.mark.parametrize("whom", [["api"], ["test", "gateway"]], ids=["the provider", "subscribers"])
def test_a_worker_is_cut_off_from_others(cluster, victim, whom):
    """It goes on being the owner, and nobody else's accounts wait for it."""
    cluster.net.part(victim, *whom)
    cluster.work()
    print(f"others' told after {cluster.wait_told(others(cluster, victim)):.1f} s")
    assert cluster.untold() and cluster.owner_of(cluster.accounts[0]) == victim
    cluster.net.heal()


def test_links_are_slow(cluster, victim):
    """What the coordinator and an owner send goes at so many bits a second; and then another owner dies."""
    for name in ("coordinator", victim):
        cluster.net.slow(name, SLOW)
    cluster.work()
    print(f"told after {cluster.wait_told():.1f} s")
    assert cluster.owner_of(cluster.accounts[0]) == victim
    dead = next(name for name in cluster.names if name != victim)
    cluster.workers[dead].kill()
    cluster.work()
    print(f"after a kill {cluster.wait_told():.1f} s")
    for name in ("coordinator", victim):
        cluster.net.fast(name)
    cluster.start_worker(dead)


def test_lines_are_long(cluster, victim):
    """Whatever the coordinator, an owner and the gateway say or are told arrives late; and then another owner dies."""
    late = ("coordinator", victim, "gateway")
    for name in late:
        cluster.net.lengthen(name, LONG_MS)
    cluster.work()
    print(f"told after {cluster.wait_told():.1f} s")
    assert cluster.owner_of(cluster.accounts[0]) == victim
    dead = next(name for name in cluster.names if name != victim)
    cluster.workers[dead].kill()
    cluster.work()
    print(f"after a kill {cluster.wait_told():.1f} s")
    for name in late:
        cluster.net.shorten(name)
    cluster.start_worker(dead)


def test_a_disk_is_full(cluster, disk):
    """Its worker says so, and goes on by itself once there is room; all others' accounts are told of as ever, also those that it follows."""
    shard, = cluster.ask("where", cluster.accounts[0])["shards"]
    if shard["owner"] != SMALL:
        cluster.ask("move", str(shard["shard"]), "--to", SMALL)
    cluster.wait_served()
    disk.fill()
    try:
        for place in cluster.places:
            cluster.make_large(place, 20)
        print(f"others' told after {cluster.wait_told(others(cluster, SMALL)):.1f} s")
        node = cluster.workers[SMALL]
        node.wait(lambda: node.said("the disk of", "is full: free some space; what was committed is kept"))
        assert {account for keys in cluster.untold().values() for account, *_ in keys} == set(cluster.accounts_of(SMALL))
    finally:
        disk.clear()
