"""Moving shards, as operators do it: move, apply, drain and pin, waited for, left going on and called off; and nothing of the feed is lost by it."""

import signal

import pytest
from garner import collection, provider, replay
from server import Listing

SHARDS, ACCOUNTS = 8, 8
SOON = 60  # a move takes two or three heartbeats, and this machine may be slow


@pytest.fixture
def things(server):
    items = [{"id": "x", "v": 1}, {"id": "y", "v": 1}]
    server.on("/things/*", Listing(items, style="none"))
    return items


@pytest.fixture
def begun(cluster, lab, things):
    """A cluster of so many workers. Without accounts all shards cost the same, whatever else the machine does: plans are even."""
    def begin(*workers, lease="10s", accounts=ACCOUNTS, **config):
        lab.has_provider(provider(collection(path="/things/{account.id}", every="1s", delete={"confirm": "none"})))
        cluster.start(*workers, accounts=[lab.account(id=f"a{n}") for n in range(accounts)], shards=SHARDS, lease=lease,
                      **config)
        cluster.wait_settled(SOON)
        return cluster
    return begin


def told(cluster):
    """The feed from its beginning, in which no seq may be missing or told twice; and the resources that it comes to."""
    return replay(cluster.garner("feed", "--from", "oldest", "--no-follow", "--format", "ndjson").events())


def all_told(cluster, **what):
    world = told(cluster)
    return len(world) == 2 * ACCOUNTS and all(document["v"] == what["v"] for document in world.values())


# --- one shard ---

def test_a_shard_is_moved_and_goes_on_there(begun, things):
    cluster = begun("w1", "w2")
    cluster.wait(lambda: all_told(cluster, v=1))
    home = cluster.document("where", "a0")["shards"][0]
    to = "w2" if home["owner"] == "w1" else "w1"
    moved = cluster.garner("move", home["shard"], "--to", to, timeout=SOON)
    moved.said("Ctrl-C leaves it going on")
    moved.said(f"shard {home['shard']} is at {to} now")
    now = cluster.shard(home["shard"])
    assert now["owner"] == to and now["epoch"] == home["epoch"] + 1 and now["move"] is None
    for item in things:
        item["v"] = 2
    cluster.wait(lambda: all_told(cluster, v=2), SOON)
    cluster.garner("harvest", "a0")  # finds it where it is now


def test_a_pin_moves_its_shard(begun):
    cluster = begun("w1", "w2")
    shard = cluster.owned("w1")[0]
    cluster.garner("pin", shard, "--to", "w2")
    cluster.wait(lambda: cluster.shard(shard)["owner"] == "w2", SOON)
    assert cluster.shard(shard)["why"].startswith("It is pinned there.")


def test_ctrl_c_leaves_a_move_going_on(begun):
    cluster = begun("w1", "w2")
    cluster.garner("pause")
    shard = cluster.owned("w1")[0]
    move = cluster.begin("move", shard, "--to", "w2")
    move.wait(lambda: move.said("Ctrl-C leaves it going on"))
    move.stop(signal.SIGINT, code=1).said("the move goes on", f"garner cancel {shard}")
    cluster.garner("resume")
    cluster.wait(lambda: cluster.shard(shard)["owner"] == "w2", SOON)


def test_a_move_that_is_cancelled_says_so(begun):
    cluster = begun("w1", "w2")
    cluster.garner("pause")
    shard = cluster.owned("w1")[0]
    move = cluster.begin("move", shard, "--to", "w2")
    move.wait(lambda: move.said("Ctrl-C"))
    assert "1 move is stopped" in cluster.garner("cancel", shard).text
    move.ended(code=1).said("was given up or called off", "it is at w1")


# --- plans ---

def uneven(cluster):
    """All shards at w1, though w2 takes some."""
    cluster.garner("drain", "w2", timeout=SOON).said("w2 has nothing left: it can be stopped")
    cluster.garner("undrain", "w2")
    assert cluster.owned("w1") == list(range(SHARDS))


def test_a_plan_is_exactly_what_apply_runs(begun):
    cluster = begun("w1", "w2", accounts=0)
    uneven(cluster)
    plan = cluster.document("rebalance")
    assert plan["before"] == 2 and plan["after"] <= 1.05 and len(plan["moves"]) == SHARDS / 2
    assert all(move["from"] == "w1" and move["to"] == "w2" for move in plan["moves"])
    printed = cluster.garner("rebalance")
    assert len([line for line in printed.lines() if "w1 has too much" in line or "w2 has too little" in line]) == len(plan["moves"])
    printed.said("nothing was done", "garner apply")
    assert cluster.owned("w2") == [], "a plan alone moves nothing"
    cluster.garner("apply", plan["plan"], timeout=SOON).said(f"all {len(plan['moves'])} moves of plan {plan['plan']} are done")
    assert cluster.owned("w2") == sorted(move["shard"] for move in plan["moves"])
    cluster.garner("apply", plan["plan"], expect=1).said("isn't as it was when the plan was made", "garner rebalance")


def test_a_plan_whose_shards_have_changed_is_not_run_at_all(begun):
    cluster = begun("w1", "w2", accounts=0)
    uneven(cluster)
    plan = cluster.document("rebalance")
    shard = plan["moves"][0]["shard"]
    cluster.garner("move", shard, "--to", "w2", timeout=SOON)
    cluster.garner("apply", plan["plan"], expect=1).said(f"shard {shard} isn't as it was")
    assert cluster.owned("w2") == [shard]


def test_moves_of_a_plan_that_are_cancelled_are_named(begun):
    cluster = begun("w1", "w2", accounts=0)
    uneven(cluster)
    plan = cluster.document("rebalance")
    cluster.garner("pause")
    apply = cluster.begin("apply", plan["plan"])
    apply.wait(lambda: apply.said("moves have begun"))
    cluster.garner("cancel")
    result = apply.ended(code=1)
    result.said(f"{len(plan['moves'])} of {len(plan['moves'])} moves were given up")
    for move in plan["moves"]:
        result.said(rf"shard {move['shard']} \(to w2\)", "the last move was given up or cancelled")


def test_ctrl_c_leaves_a_plan_going_on(begun):
    cluster = begun("w1", "w2", accounts=0)
    uneven(cluster)
    plan = cluster.document("rebalance")
    cluster.garner("pause")
    apply = cluster.begin("apply", plan["plan"])
    apply.wait(lambda: apply.said("moves have begun"))
    apply.stop(signal.SIGINT, code=1).said("go on", "garner cancel")
    cluster.garner("resume")
    cluster.wait(lambda: len(cluster.owned("w2")) == len(plan["moves"]), SOON)


# --- drain ---

def test_a_drained_worker_has_nothing_left_and_nothing_is_lost(begun, things):
    cluster = begun("w1", "w2")
    cluster.wait(lambda: all_told(cluster, v=1))
    cluster.garner("drain", "w1", timeout=SOON).said("w1 has nothing left: it can be stopped")
    assert cluster.owned("w1") == [] and len(cluster.owned("w2")) == SHARDS
    for item in things:
        item["v"] = 2
    cluster.wait(lambda: all_told(cluster, v=2), SOON)
    cluster.stop("w1")
    cluster.wait(lambda: cluster.workers()["w1"]["state"] == "dead", SOON)
    cluster.garner("status")  # well
    cluster.garner("forget", "w1").said("w1 is forgotten")


def test_several_workers_are_drained_at_once_and_none_gets_from_the_other(begun):
    cluster = begun("w1", "w2", "w3")
    left = cluster.document("drain", "w1", "w2", timeout=SOON)["workers"]
    assert [(worker["worker"], worker["shards"]) for worker in left] == [("w1", 0), ("w2", 0)]
    assert len(cluster.owned("w3")) == SHARDS
    assert all(shard["epoch"] <= 2 for shard in cluster.shards()), "each was moved at most once"


def test_a_drain_takes_followers_copies_away_too(begun):
    cluster = begun("w1", "w2", "w3", followers=1)
    cluster.garner("drain", "w1", timeout=2 * SOON).said("w1 has nothing left")
    worker = cluster.workers()["w1"]
    assert worker["shards"] == worker["follows"] == 0
    cluster.wait_settled(SOON)


def test_a_drain_waits_for_a_coordinator_that_is_started_anew(begun):
    cluster = begun("w1", "w2")
    cluster.garner("pause")
    drain = cluster.begin("drain", "w1")
    drain.wait(lambda: drain.said("Ctrl-C"))
    cluster.coordinator.stop()
    drain.wait(lambda: drain.said("we wait for the coordinator to come back"))
    cluster.start_coordinator()
    cluster.wait_served(SOON)
    cluster.garner("resume")
    drain.wait(lambda: drain.process.poll() is not None or drain.said("nothing left"), SOON)
    drain.ended(code=0).said("w1 has nothing left")


# --- workers that die ---

def test_a_follower_in_sync_takes_over_at_once(begun, things):
    cluster = begun("w1", "w2", "w3", followers=1, grace="1h")
    cluster.wait(lambda: all_told(cluster, v=1))
    assert all(f["in_sync"] for shard in cluster.shards() for f in shard["followers"])
    assert "followers in sync" in cluster.garner("status").lines()[0]
    lost = cluster.owned("w1")
    cluster.kill("w1")
    cluster.wait(lambda: cluster.workers()["w1"]["state"] == "dead", SOON)
    cluster.wait_served(SOON)
    assert all(cluster.shard(shard)["epoch"] == 2 for shard in lost)
    for item in things:
        item["v"] = 2
    cluster.wait(lambda: all_told(cluster, v=2), SOON)
