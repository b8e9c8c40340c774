"""Several threads: what comes of a run doesn't depend on how many there are, and limits hold for all together."""

import collections
import signal
import time
from pathlib import Path

import pytest
from continual import Continual
from garner import collection, provider, replay
from server import Answer, Listing, error
from test_limits import Meter

REGIONS = [f"r{n}" for n in range(6)]
DISCOVERY = {"request": {"url": "{account.endpoint}/{account.id}/regions"}, "items": "/regions/*", "id": "/name"}
TOKEN = {"style": "token", "from": "body:/next", "to": "query:token"}
FAILS = {"token": {"exec": ["false"]}}


def definitions(**over):
    """Collections of every scope; an account's id is in each path."""
    return provider(collection("p.thing", "/{account.id}/things", page=TOKEN),
                    collection("p.regional", "/{account.id}/{region}/things", scope="region"),
                    collection("p.child", "/{account.id}/{region}/{parent.id}/children", scope={"parent": "p.regional"}),
                    regions=DISCOVERY, **over)


class World:
    """What accounts have, a version of it after the other."""

    def __init__(self, server):
        self.version = 0
        server.on("*", self.answer)

    def answer(self, request):
        parts = request.path.strip("/").split("/")
        if parts[1] == "regions":
            return {"regions": [{"name": name} for name in REGIONS]}
        first = self.version  # that is gone by then
        if parts[1] == "things":
            return self.page([self.item(n) for n in range(first, 60 + self.version)], request)
        return {"items": [self.item(n) for n in range(first, 4 + self.version)]}

    def item(self, n):
        return {"id": f"i{n}", "text": "x" * 50, **({"changed": self.version} if n % 3 == 0 else {})}

    @staticmethod
    def page(items, request):
        at = int(request.param("token", "0"))
        return {"items": items[at:at + 25], "next": str(at + 25) if at + 25 < len(items) else None}


@pytest.fixture
def world(server):
    return World(server)


def accounts(lab, count=12):
    """Some of them on several shards, one without credentials."""
    made = [lab.account(id=f"acct-{n}", splits=4 if n % 4 == 0 else 1) for n in range(count)]
    return made + [lab.account(id="failing", splits=4, credentials=FAILS)]


def has(lab, count=12, shards=8, definition=None, **config):
    lab.has_provider(definition or definitions())
    lab.has_config(accounts(lab, count), shards=shards, **config)


def by_collection(events):
    """What happened in each collection, in its order."""
    made = collections.defaultdict(list)
    for e in events:
        if e["op"] != "bookmark":
            scope = tuple(e[k] for k in ("shard", "account", "region", "type", "parent"))
            made[scope].append((e["op"], e.get("id"), e.get("status") and e["status"]["kind"]))
    return made


def run_on(lab, data, threads, expect=1):
    """One run, checked by itself: the feed is whole lines, and in each shard in the order of its seqs."""
    run = lab.run("--threads", threads, "--data", data, expect=expect)
    assert run.events()[-1]["op"] == "bookmark"
    return run


def heads(events):
    """By shard, its last seq."""
    return {e["shard"]: e["seq"] for e in events if e["op"] != "bookmark"}


@pytest.mark.parametrize("threads", [2, 4])
def test_threads_make_the_store_and_feed_that_one_makes(lab, world, threads):
    has(lab)
    state = {1: {}, threads: {}}
    for world.version in range(3):
        told = {}
        for count in state:
            run = run_on(lab, f"data-{count}", count)
            assert len(run.said("failing").splitlines()) == 1 == sum("failing" in line for line in run.err.splitlines()), run
            run.said("1 account failed")
            state[count] = replay(run.events(), state[count])
            told[count] = (by_collection(run.events()), heads(run.events()), run.err.splitlines()[-1].split(" requests")[0])
        # Each thread with a part of a split account asks for its regions, so that requests may be more.
        alone, together = (told[count][2].rsplit("; ", 1)[0] for count in (1, threads))
        assert alone == together
        assert told[1][:2] == told[threads][:2]
        assert state[1] == state[threads]
    for count in state:
        feed = lab.garner("feed", "--no-follow", "--format", "ndjson", "--data", f"data-{count}").events()
        assert replay(feed) == state[count]
        lab.garner("verify", lab.folder / f"data-{count}")


def test_what_isnt_watched_any_more_is_told_once(lab, world):
    has(lab)
    run_on(lab, lab.data, 4)
    lab.has_config([a for a in accounts(lab) if a["id"] != "acct-4"], shards=8)
    gone = run_on(lab, lab.data, 4).statuses("unwatched")
    told = [(e["region"], e["type"], e["parent"]) for e in gone]
    assert len(told) == len(set(told)) == 1 + 6 + 6 * 4 and {e["account"] for e in gone} == {"acct-4"}
    assert run_on(lab, lab.data, 2).statuses() == []


def test_regions_that_cant_be_found_are_told_of_once_and_the_last_known_go_on(lab, world, server):
    lab.has_provider(definitions())
    lab.has_config([lab.account(id="acct-0", splits=8)], shards=8)
    run_on(lab, lab.data, 4, expect=0)
    server.on("/acct-0/regions", error(403))
    world.version = 1
    run = run_on(lab, lab.data, 4)
    assert sum("finding its regions" in line for line in run.err.splitlines()) == 1
    run.said(r"collections: 1 incomplete")
    assert {e["region"] for e in run.changes("p.regional")} == set(REGIONS)
    assert run.statuses("unwatched") == []


# --- how many there are ---

def names(process):
    """Of its threads that harvest, beside the first one."""
    tasks = (task / "comm" for task in Path(f"/proc/{process.pid}/task").iterdir())
    return sorted(name for name in (task.read_text().strip() for task in tasks) if name.startswith("harvest-"))


def wait_for(server, *paths, count=1):
    """Until so many of the paths were asked for: which come first, threads decide."""
    deadline = time.monotonic() + 60
    while sum(bool(server.asked(path)) for path in paths) < count and time.monotonic() < deadline:
        time.sleep(0.02)
    assert sum(bool(server.asked(path)) for path in paths) >= count


@pytest.mark.parametrize("key, option, expected", [(3, [], 3), (3, ["--threads", "2"], 2), (1, [], 1), (64, [], 8)])
def test_the_option_wins_over_the_key_and_none_is_idle(lab, world, server, key, option, expected):
    server.on("/acct-3/things", Answer({"items": []}, delay=60))
    has(lab, count=40, shards=8, threads=key)
    process = lab.start("run", "-c", lab.config, "--once", *option)
    try:
        wait_for(server, "/acct-3/things")
        seen = names(process)
        # Those that are done end before the run does.
        assert len(seen) < expected and set(seen) <= {f"harvest-{n}" for n in range(2, expected + 1)}
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)


@pytest.mark.parametrize("number", ["0", "65", "two", "-1", "1.5"])
def test_a_number_of_threads_is_from_1_to_64(lab, world, number):
    has(lab)
    lab.garner("run", "-c", lab.config, "--once", f"--threads={number}", expect=2).said("threads", "1 to 64")
    has(lab, threads=number)
    lab.garner("validate", "-c", lab.config, expect=2).said("garner.yaml:", "number|64")


# --- limits ---

def shared(lab, limits, count=24, **over):
    """Accounts on all threads that share one key."""
    lab.has_provider(provider(collection("p.thing", "/{account.id}/things"), limits={"key": "all", **limits}, **over))
    lab.has_config([lab.account(id=f"acct-{n}") for n in range(count)], shards=16)


@pytest.mark.parametrize("threads", [1, 4])
def test_a_rate_holds_for_all_threads_together(lab, server, threads):
    server.on("*", meter := Meter())
    shared(lab, {"rate": 20, "burst": 1, "concurrency": 50})
    lab.run("--threads", threads)
    assert len(meter.times) == 24
    assert 23 * 0.05 * 0.8 <= meter.span() <= 23 * 0.05 + 2


@pytest.mark.parametrize("concurrency", [1, 3])
def test_concurrency_holds_for_all_threads_together(lab, server, concurrency):
    server.on("*", meter := Meter())
    shared(lab, {"concurrency": concurrency})
    lab.run("--threads", 4)
    assert len(meter.times) == 24
    assert concurrency * 0.7 <= meter.peak <= concurrency


def test_a_thread_that_fails_gives_its_slots_back(lab, server):
    """A shard that is full ends its harvests, requests under way too; what has not begun goes on by the same key."""
    many = [{"id": f"i{n}", "text": "x" * 2000} for n in range(2000)]
    server.on("*", {"items": [{"id": "a"}]})
    server.on("/acct-0/slow*", Answer({"items": []}, delay=60))
    server.on("/acct-0/things", lambda request: (wait_for(server, "/acct-0/slow2"), Answer({"items": many}))[1])
    lab.has_provider(provider(collection("p.slow1", "/{account.id}/slow1", priority="high"),
                              collection("p.slow2", "/{account.id}/slow2", priority="high"),
                              collection("p.thing", "/{account.id}/things"), limits={"key": "all", "concurrency": 3}))
    lab.has_config([lab.account(id=f"acct-{n}") for n in range(8)], shards=64, map_size="1MiB")
    started = time.monotonic()
    run = lab.run("--threads", 4, expect=1)
    assert time.monotonic() - started < 40, "nobody waited for the slow ones"
    full = {line.split()[1] for line in run.err.splitlines() if "full: set map_size" in line}  # its shard may have another, too
    made = {e["account"] for e in run.changes()}
    assert "acct-0" in full and len(made) >= 4 and full | made == {f"acct-{n}" for n in range(8)} and "acct-0" not in made


# --- stopping ---

@pytest.mark.parametrize("limits", [{}, {"key": "all", "concurrency": 2}])
def test_a_signal_ends_all_threads_soon_and_what_was_fetched_is_kept(lab, server, limits):
    """Whether they wait for answers, or for a limit that another thread's requests hold."""
    held = {f"/acct-{n}/things" for n in range(20, 24)}
    server.on("*", lambda request: Answer({"items": [{"id": "a"}]}, delay=60 if request.path in held else 0))
    shared(lab, limits)
    process = lab.start("run", "-c", str(lab.config), "--once", "--threads", "4")
    try:
        wait_for(server, *held, count=2)
        time.sleep(1)
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=20)
    finally:
        process.kill()
    assert process.returncode == 1 and b"stopped before the end" in err and b"Sanitizer" not in err, err
    lab.verify()
    kept = {e["account"] for e in lab.feed("--from", "oldest").changes()}
    assert kept and not kept & {f"acct-{n}" for n in range(20, 24)}
    server.on("*", {"items": [{"id": "a"}]})
    lab.run("--threads", 4)
    assert len({e["account"] for e in lab.feed("--from", "oldest").changes()}) == 24


def test_a_reader_that_goes_away_stops_no_thread(lab, world):
    """Standard output is one for all of them, and so is what is said of it."""
    has(lab)
    process = lab.start("run", "-c", str(lab.config), "--once", "--print-feed", "--threads", "4")
    process.stdout.close()
    err = process.stderr.read().decode()
    assert process.wait(timeout=60) == 1
    assert err.count("can't write the feed") == 1, err
    assert {f"acct-{n}" for n in range(12)} == {e["account"] for e in lab.feed("--from", "oldest").changes()}


def test_listings_of_many_pages_are_their_threads_own(lab, server):
    """Pages of several accounts come in between each other; none gets into another's listing."""
    lists = {n: [{"id": f"{n}-{i}", "text": "y" * 100} for i in range(300)] for n in range(8)}
    for n, items in lists.items():
        server.on(f"/acct-{n}/things", Listing(items, style="token", size=20))
    lab.has_provider(provider(collection("p.thing", "/{account.id}/things", page=TOKEN)))
    lab.has_config([lab.account(id=f"acct-{n}") for n in range(8)], shards=8)
    run = lab.run("--threads", 4)
    for n in range(8):
        mine = [e["id"] for e in run.changes() if e["account"] == f"acct-{n}"]
        assert mine == [item["id"] for item in lists[n]]


def test_a_run_that_goes_on_while_all_is_asked_of_it(lab, world):
    """Harvests, orders, followers, status and new configurations at once, on four threads."""
    definition = definitions()
    for one in definition["collections"]:
        one["every"] = "1s"
    has(lab, 6, definition=definition, **{"http": "127.0.0.1:0"})
    with Continual(lab, "--threads", "4") as run:
        run.wait(lambda: len(run.changes("p.child", op="created")) == 6 * 6 * 4 * 4, within=120)
        for world.version in (1, 2):
            few = 2 * world.version
            lab.has_config(accounts(lab, few), shards=8)
            run.reload()
            for n in range(few):
                run.at("harvest", f"p/acct-{n}", expect=None)
                run.at("status", "--account", f"acct-{n}", "--json")
            lab.has_config(accounts(lab, 6), shards=8)
            run.reload()
            for n in range(6):
                run.wait(lambda: run.changes("p.thing", account=f"acct-{n}", id=f"i{59 + world.version}"), within=120)
                run.wait(lambda: run.changes("p.thing", account=f"acct-{n}", id=f"i{world.version - 1}", op="deleted"), within=120)
        followed = run.at("feed", "--from", "oldest", "--no-follow", "--format", "ndjson").events()
        replay(followed)
        assert heads(followed).keys() == heads(run.events).keys()
    lab.verify()
    assert replay(run.events) == lab.world()
