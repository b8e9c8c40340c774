"""A worker whose store of a shard, or whose folder, can't be read, or to which an account can't belong as it is: it says what it is and what to do, and
nobody else is affected."""

import json
import re
import shutil
import struct

import pytest
from cluster import Node
from garner import collection, provider, replay
from server import Listing

ACCOUNTS = 8
SOON = 60


@pytest.fixture
def things(server):
    items = [{"id": "x", "v": 1}, {"id": "y", "v": 1}]
    server.on("/things/*", Listing(items, style="none"))
    return items


@pytest.fixture
def begun(cluster, lab, things):
    def begin(*workers, followers):
        lab.has_provider(provider(collection(path="/things/{account.id}", every="1s", delete={"confirm": "none"})))
        cluster.start(*workers, accounts=[lab.account(id=f"a{n}") for n in range(ACCOUNTS)], followers=followers, grace="6s")
        cluster.wait_settled(SOON)
        cluster.wait(lambda: all_told(cluster, 1), SOON)
        return cluster
    return begin


def all_told(cluster, v):
    world = replay(cluster.garner("feed", "--from", "oldest", "--no-follow", "--format", "ndjson").events())
    return len(world) == 2 * ACCOUNTS and all(document["v"] == v for document in world.values())


def owners(cluster):
    return {one["shard"]: one["owner"] for one in cluster.shards()}


def store_of(cluster, name, shard):
    return cluster[name].folder / f"shards/{shard:03}.mdb"


def garbage(text):
    return b"\xa5" * 8192 + text[8192:]


def newer(text):
    format_1 = b"format" + struct.pack(">I", 1)
    assert format_1 in text
    return text.replace(format_1, b"format" + struct.pack(">I", 2))


@pytest.fixture
def spoil(request):
    """Spoils a store, and gives what is said of it."""
    def do(path):
        kept = path.read_bytes()
        path.write_bytes(request.param(kept))
        said = ("no sound store", "restore it, or remove it") if request.param is garbage else ("has format 2", "use the one that wrote it")
        return (str(path), *said), lambda: path.write_bytes(kept) if request.param is newer else path.unlink()
    return do


BAD = pytest.mark.parametrize("spoil", [garbage, newer], indirect=True, ids=["garbage", "a newer format"])


def spoil_one(cluster, spoil):
    """A store of w1's is spoiled while w1 isn't there; gives its shard, and how to mend it."""
    shard = cluster.owned("w1")[0]
    cluster.stop("w1")
    said, mend = spoil(store_of(cluster, "w1", shard))
    node = cluster.start_worker("w1")
    node.wait(lambda: node.said_since_start("level=error", *said))
    return shard, mend


def goes_on(cluster, things):
    for item in things:
        item["v"] = 2
    cluster.wait_served(SOON)
    cluster.wait(lambda: all_told(cluster, 2), SOON)
    assert len(cluster["w1"].said_since_start("level=error")) == 1, cluster["w1"]


@BAD
def test_a_shard_whose_store_cant_be_read_goes_on_at_its_follower_and_no_other_is_touched(begun, things, spoil):
    cluster = begun("w1", "w2", "w3", followers=1)
    before = owners(cluster)
    shard, mend = spoil_one(cluster, spoil)
    cluster.wait(lambda: cluster.shard(shard)["owner"] not in (None, "w1"), SOON)
    goes_on(cluster, things)
    assert {**owners(cluster), shard: "w1"} == before
    cluster.stop("w1")
    mend()
    cluster.start_worker("w1")
    cluster.wait_settled(SOON)


@BAD
def test_a_shard_without_another_copy_begins_anew_and_what_cant_be_read_is_kept(begun, things, spoil):
    """Once the grace time is over; there is nobody else to begin it."""
    cluster = begun("w1", followers=0)
    shard, _ = spoil_one(cluster, spoil)
    spoiled = store_of(cluster, "w1", shard).read_bytes()
    cluster["w1"].wait(lambda: cluster["w1"].said_since_start("a shard begins anew", f"{shard:03}.mdb.unreadable-1"), SOON)
    goes_on(cluster, things)
    kept = store_of(cluster, "w1", shard).with_name(f"{shard:03}.mdb.unreadable-1")
    assert kept.read_bytes() == spoiled
    cluster.stop("w1")
    cluster.start_worker("w1")
    cluster.wait_settled(SOON)


@BAD
def test_a_copy_that_cant_be_read_is_told_of_and_its_owner_goes_on(begun, things, spoil):
    cluster = begun("w1", "w2", followers=1)
    shard = cluster.owned("w2")[0]
    cluster.stop("w1")
    said, mend = spoil(store_of(cluster, "w1", shard))
    node = cluster.start_worker("w1")
    node.wait(lambda: node.said_since_start(f"shard {shard}: its copy doesn't go on", *said))
    for item in things:
        item["v"] = 2
    cluster.wait(lambda: all_told(cluster, 2), SOON)
    assert cluster.shard(shard)["owner"] == "w2" and not any(one["in_sync"] for one in cluster.shard(shard)["followers"])
    cluster.stop("w1")
    mend()
    cluster.start_worker("w1")
    cluster.wait_settled(SOON)


def test_a_folder_of_a_newer_format_is_left_alone(begun):
    cluster = begun("w1", "w2", followers=0)
    cluster.stop("w1")
    folder = cluster["w1"].folder / "garner"
    text = folder.read_text()
    folder.write_text(text.replace("format 1\n", "format 2\n"))
    cluster["w1"].start("-c", cluster.lab.config, "--at", cluster.at, "--name", "w1", "--data", cluster["w1"].folder, "--listen", cluster["w1"].address)
    cluster["w1"].ended(code=1).said("has format 2", "use the one")
    folder.write_text(text)
    cluster.start_worker("w1")
    cluster.wait_settled(SOON)


# --- an account whose `splits` was edited ---

REGIONS = ["r1", "r2", "r3", "r4"]
ACCOUNT_IDS = [f"a{n}" for n in range(ACCOUNTS)]
ALL = 2 * len(REGIONS)


def test_an_account_with_other_splits_is_left_out_and_no_other_waits_for_it(cluster, lab, things):
    def configure(splits):
        lab.has_config([lab.account(id=f"a{n}", regions=REGIONS, splits=splits if n == 0 else 1) for n in range(ACCOUNTS)],
                       shards=8, lease="2s", listen="tcp://127.0.0.1:0")

    def told(account):
        """The newest value of each of its things."""
        run = cluster.garner("feed", "--from", "oldest", "--no-follow", "--format", "ndjson", "--account", account, expect=None)
        newest = {(event["region"], event["id"]): event["after"]["v"] for event in run.changes() if event["after"]}
        return sorted(newest.values())

    lab.has_provider(provider(collection(path="/things/{account.id}", scope="region", every="1s", delete={"confirm": "none"})))
    cluster.start("w1", "w2", accounts=[lab.account(id=f"a{n}", regions=REGIONS) for n in range(ACCOUNTS)])
    cluster.wait(lambda: all(told(account) == ALL * [1] for account in ACCOUNT_IDS), SOON)
    owner = cluster["w1" if cluster.document("where", "a0")["shards"][0]["owner"] == "w1" else "w2"]
    cluster.coordinator.stop()
    configure(4)
    refused = Node(lab, "coordinator", cluster.coordinator.folder)
    refused.start("-c", lab.config, "--data", refused.folder, "--listen", "tcp://127.0.0.1:0")
    refused.ended(code=2).said("account p/a0: its `splits` is 4 and was 1", "set it back")
    # One whose state was lost doesn't know: but who harvested it does.
    feed = re.search(r"^feed (\w+)$", (owner.folder / "garner").read_text(), re.MULTILINE)[1]
    shutil.rmtree(cluster.coordinator.folder)
    cluster.start_coordinator("--grace", "4s", "--feed", feed)
    cluster.wait(lambda: "go on" in cluster.garner("recover", expect=None).text, SOON)
    said = owner.wait(lambda: owner.said("an account is left out here", "account=a0", "set it back"))
    assert "was 1 when it was first harvested" in said[0]
    for item in things:
        item["v"] = 2
    cluster.wait(lambda: all(told(account) == ALL * [2] for account in ACCOUNT_IDS[1:]), SOON)
    name = owner.folder.name
    cluster.stop(name)
    cluster.start_worker(name)
    owner.wait(lambda: owner.said_since_start("an account is left out here", "account=a0", "was another number"))
    cluster.wait_served(SOON)
    cluster.coordinator.stop()
    shutil.rmtree(cluster.coordinator.folder)
    configure(1)
    cluster.start_coordinator()
    cluster.wait(lambda: "go on" in cluster.garner("recover", expect=None).text, SOON)
    for item in things:
        item["v"] = 3
    cluster.wait(lambda: all(told(account) == ALL * [3] for account in ACCOUNT_IDS), SOON)
