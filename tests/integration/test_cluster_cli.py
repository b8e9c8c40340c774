"""The commands of a cluster: what each does, says, and exits with."""

import json
import re
import signal

import pytest
from cluster import Cluster
from garner import THING, Lab, collection, provider
from server import Listing, Server

SHARDS = 8
VERBS = ("workers", "shards", "where p/a0", "explain 0", "status", "rebalance", "apply 1", "move 0 --to w1", "pin 0 --to w1", "unpin 0",
         "cordon w1", "uncordon w1", "drain w1", "undrain w1", "cancel", "pause", "resume", "forget w1", "recover", "accounts list")


def accounts(lab, count=8, **more):
    return [lab.account(id=f"a{n}", **more) for n in range(count)]


def has_things(server, lab):
    """Two resources in every account, listed every second; the test may change them."""
    items = [{"id": "x", "v": 1}, {"id": "y", "v": 1}]
    server.on("/things/*", Listing(items, style="none"))
    lab.has_provider(provider(collection(path="/things/{account.id}", every="1s", delete={"confirm": "none"})))
    return items


@pytest.fixture
def two(cluster, lab, server):
    """Two workers with eight shards of eight accounts."""
    has_things(server, lab)
    cluster.start("w1", "w2", accounts=accounts(lab), shards=SHARDS)
    cluster.wait_served()
    return cluster


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """The same, of all tests that change nothing."""
    with Server() as made:
        lab = Lab(tmp_path_factory.mktemp("shared"), made.url)
        has_things(made, lab)
        with Cluster(lab) as cluster:
            cluster.start("w1", "w2", accounts=accounts(lab), shards=SHARDS)
            cluster.wait_served()
            yield cluster


def rows(result):
    """A table as lists of words, without its titles."""
    return [line.split() for line in result.lines()[1:]]


# --- who is where ---

def test_workers_lists_who_is_there_and_what_they_have(two):
    table = two.garner("workers")
    assert [row[:2] for row in rows(table)] == [["w1", "alive"], ["w2", "alive"]]
    workers = two.workers()
    assert sum(worker["shards"] for worker in workers.values()) == SHARDS
    assert {worker["address"] for worker in workers.values()} == {two["w1"].address, two["w2"].address}
    two.kill("w1")
    two.wait(lambda: two.workers()["w1"]["state"] == "dead")
    assert "dead" in two.garner("workers").text


def test_shards_where_and_explain_agree(shared):
    shards = shared.shards()
    assert [shard["shard"] for shard in shards] == list(range(SHARDS))
    assert {shard["owner"] for shard in shards} == {"w1", "w2"} and not any(shard["stuck"] for shard in shards)
    assert len(rows(shared.garner("shards"))) == SHARDS
    mine = shared.shards("--worker", "w1")
    assert [shard["shard"] for shard in mine] == [shard["shard"] for shard in shards if shard["owner"] == "w1"]
    where = shared.wait(lambda: (found := shared.document("where", "a3"))["shards"][0]["head"] and found)
    assert where["account"] == "p/a3" and len(where["shards"]) == 1
    home = where["shards"][0]
    assert home["owner"] == shards[home["shard"]]["owner"] and home["head"] > 0
    told = shared.garner("explain", home["shard"]).text
    assert home["owner"] in told and "waits for nothing" in told
    assert shared.garner("shards", "--stuck").said("no shard is stuck")


def test_a_dead_workers_shards_are_stuck_and_say_why(two):
    two.kill("w1")
    two.wait(lambda: two.workers()["w1"]["state"] == "dead")
    assert two.document("status", expect=1)["well"] is False
    stuck = two.shards("--stuck")
    assert stuck and all(shard["owner"] == "w1" and "w1 is dead" in shard["why"] for shard in stuck)
    assert "it is waited for" in two.garner("explain", stuck[0]["shard"]).text
    result = two.garner("status", expect=1)
    assert f"{len(stuck)} waiting" in result.text and "1 dead" in result.text
    result.said("garner shards --stuck")
    result.said("worker w1 couldn't be asked")
    two.wait_served()  # the grace time is over: they begin anew
    two.garner("forget", "w1").said("w1 is forgotten")
    assert list(two.workers()) == ["w2"]


def test_status_is_of_the_cluster_and_of_all_its_workers_together(shared):
    shared.wait(lambda: shared.document("status", expect=None)["resources"] == 16)
    told = shared.garner("status")
    assert told.lines()[0] == f"cluster garner: {SHARDS} shards, {SHARDS} served; 2 workers alive; 8 accounts"
    assert told.lines()[1].startswith("harvests: 8 collections")
    document = shared.document("status")
    assert document["collections"] == 8 and document["unheard"] == [] and document["cluster"]["shards"]["served"] == SHARDS
    assert document["created"] == 16 and document["well"] is True
    one = shared.document("status", "--account", "a3")
    assert one["collections"] == 1 and one["resources"] == 2
    shared.garner("status", "--account", "nobody", expect=2).said("there is no account nobody")
    # A worker is asked as a run is.
    own = json.loads(shared.lab.garner("status", "--json", "--at", shared["w1"].address).text)
    assert 0 < own["collections"] < 8 and "cluster" not in own


# --- existing commands find the worker ---

def test_harvest_and_confirm_find_the_workers_that_have_an_account(cluster, lab, server):
    things = has_things(server, lab)
    lab.has_provider(provider(collection(path="/things/{account.id}", every="1h",
                                         delete={"confirm": "none", "guard": {"share": "10%", "min": 1}})))
    cluster.start("w1", "w2", accounts=accounts(lab))
    cluster.wait_served()

    def harvested(account):
        return cluster.document("status", "--account", account, expect=None)
    for n in range(8):
        cluster.wait(lambda n=n: harvested(f"a{n}")["resources"] == 2)
        assert cluster.document("harvest", f"a{n}") == {"collections": 1}
    del things[1]
    for n in range(8):
        cluster.garner("harvest", f"p/a{n}", THING)
        cluster.wait(lambda n=n: harvested(f"a{n}")["troubled"]["held"] == 1)
        assert "1 of 2 resources" in cluster.garner("confirm", f"a{n}", THING).text
        cluster.garner("harvest", f"a{n}")
        cluster.wait(lambda n=n: harvested(f"a{n}")["resources"] == 1)
        cluster.garner("confirm", f"a{n}", THING, expect=2).said("nothing of p.thing is held back")
    cluster.garner("harvest", "a9", expect=2).said("there is no account a9", "garner accounts list")
    cluster.garner("harvest", "a1", "p.thinf", expect=2).said("p.thing")


def test_an_account_of_which_a_worker_is_gone_is_said_to_be_incomplete(two):
    account = two.document("where", "a0")["shards"][0]
    two.kill(account["owner"])
    two.wait(lambda: two.workers()[account["owner"]]["state"] == "dead")
    result = two.garner("harvest", "a0", expect=1)
    result.said(f"shard {account['shard']} of p/a0", "isn't harvested by anybody now")


def test_quarantine_is_of_all_workers(cluster, lab, server):
    for n in range(8):
        server.on(f"/things/a{n}", {"items": [{"id": "x"}, {"name": f"nameless {n}"}]})
    lab.has_provider(provider(collection(path="/things/{account.id}", every="1h")))
    cluster.start("w1", "w2", accounts=accounts(lab))
    cluster.wait_served()
    items = cluster.wait(lambda: (found := cluster.garner("quarantine", "list", "--json").ndjson()) and len(found) == 8 and found)
    assert {item["account"] for item in items} == {f"a{n}" for n in range(8)}
    assert len(cluster.garner("quarantine", "list", "--account", "a3", "--json").ndjson()) == 1
    for item in items:
        shown = json.loads(cluster.garner("quarantine", "show", item["digest"], "--json").text)
        assert shown["item"]["name"] == f"nameless {item['account'][1:]}"
    assert cluster.garner("quarantine", "retry", expect=1).text.count("stays") == 8
    cluster.kill("w1")
    cluster.wait(lambda: cluster.workers()["w1"]["state"] == "dead")
    left = cluster.garner("quarantine", "list", "--json", expect=1)
    left.said("worker w1 couldn't be asked")
    assert 0 < len(left.ndjson()) < 8


# --- plans ---

def test_a_plan_is_printed_and_nothing_is_done(shared):
    before = shared.shards()
    plan = shared.document("rebalance")
    assert plan["plan"] > 0 and set(plan) == {"plan", "before", "after", "bytes", "moves"}
    assert shared.document("rebalance")["plan"] == plan["plan"] + 1
    assert [shard["version"] for shard in shared.shards()] == [shard["version"] for shard in before]
    assert re.search(r"^plan \d+: \d+ moves?, .* to copy; max/avg load", shared.garner("rebalance").text, re.MULTILINE)


def test_a_plan_that_is_not_there_is_not_run(two):
    two.garner("apply", 1, expect=2).said("there is no plan 1", "garner rebalance")
    number = two.document("rebalance")["plan"]
    two.garner("apply", number - 1, expect=2).said("there is no plan")
    two.garner("apply", "x", expect=2).said("'x' isn't a plan's number")
    two.coordinator.stop()
    two.start_coordinator()
    two.wait_served()
    two.garner("apply", number, expect=2).said("there is no plan")
    assert two.document("rebalance")["plan"] > number, "a number stands for two plans"


def test_a_plan_is_run_only_on_the_workers_it_was_made_for(two):
    number = two.document("rebalance")["plan"]
    two.garner("cordon", "w1")
    two.garner("apply", number, expect=1).said("the workers aren't those that the plan was made for")


# --- what workers are given ---

def test_a_cordoned_worker_keeps_its_shards_and_gets_none(two):
    mine = two.owned("w1")
    two.garner("cordon", "w1").said("w1 is cordoned")
    two.garner("cordon", "w1", "w1")  # as it is already
    assert two.workers()["w1"]["cordoned"] and "cordoned" in two.garner("workers").text
    two.kill("w2")
    two.wait(lambda: any("no worker that takes shards" in (shard["why"] or "") for shard in two.shards("--stuck")))
    assert two.owned("w1") == mine
    two.garner("uncordon", "w1").said("w1 is given shards again")
    two.wait_served()
    assert len(two.owned("w1")) == SHARDS


def test_pause_holds_and_survives_the_coordinator(two):
    assert "no move begins" in two.garner("pause").text
    two.garner("pause")
    two.coordinator.stop()
    two.start_coordinator()
    two.wait_served()
    two.garner("status").said("moves are paused", "garner resume")
    shard = two.owned("w1")[0]
    two.garner("move", shard, "--to", "w2", "--no-wait").said("garner cancel")
    assert "moves are paused" in two.shard(shard)["why"]
    assert [s["shard"] for s in two.shards("--stuck")] == [shard]
    assert two.document("cancel") == {"cancelled": 1}
    assert "nothing was being moved" in two.garner("cancel").text
    assert "moves begin again" in two.garner("resume").text


def test_a_pin_is_kept_and_explained(two):
    shard = two.owned("w1")[0]
    two.garner("pin", shard, "--to", "w1").said("garner unpin")
    assert two.shard(shard)["pin"] == "w1"
    two.garner("drain", "w1", "--no-wait")
    assert two.wait(lambda: [s["why"] for s in two.shards("--stuck") if s["shard"] == shard])[0].startswith("It is pinned to w1, and so stays there")
    two.garner("undrain", "w1")
    two.garner("unpin", shard)
    assert two.shard(shard)["pin"] is None
    two.garner("unpin", shard, expect=2).said("isn't pinned")


def test_only_dead_workers_are_forgotten(shared):
    shared.garner("forget", "w1", "w2", expect=1).said("w1 is alive: only a worker that is dead")


# --- drain, without being waited for ---

def test_the_last_worker_is_not_drained(two):
    two.garner("drain", "w1", "w2", expect=1).said("nobody would be left")
    assert not any(worker["draining"] for worker in two.workers().values())
    two.garner("cordon", "w2")
    two.garner("drain", "w1", expect=1).said("nobody would be left")
    two.garner("drain", "w1", "--force", "--no-wait")
    assert two.workers()["w1"]["draining"]


def test_ctrl_c_leaves_a_drain_going_on(two):
    two.garner("pause")  # it doesn't end before
    drain = two.begin("drain", "w1")
    drain.wait(lambda: drain.said("Ctrl-C leaves it going on"))
    left = drain.stop(signal.SIGINT, code=1)
    left.said("the drain goes on", "garner undrain w1")
    assert two.workers()["w1"]["draining"]
    two.garner("undrain", "w1").said("w1 takes shards again")
    assert not two.workers()["w1"]["draining"]


def test_a_drain_names_each_shard_that_is_left_and_why(two):
    two.garner("pause")
    mine = two.owned("w1")
    result = two.garner("drain", "w1", "--deadline", "5s", expect=1)
    result.said("the deadline is reached", f"with {len(mine)} shards")
    for shard in mine:
        result.said(f"shard {shard} is still at w1", "moves are paused")
    for line in result.err.splitlines()[1:]:
        assert line.startswith(("garner drain: ", "  shard "))
    assert two.workers()["w1"]["draining"], "the drain goes on"
    two.garner("undrain", "w1")


def test_a_drain_that_is_called_off_elsewhere_ends(two):
    two.garner("pause")
    drain = two.begin("drain", "w1")
    drain.wait(lambda: drain.said("Ctrl-C"))
    two.garner("undrain", "w1")
    drain.ended(code=1).said("called off")


# --- accounts ---

def test_an_account_is_added_to_a_running_cluster_and_harvested(two):
    def feed():
        return two.garner("feed", "--from", "oldest", "--no-follow", "--account", "p/new", "--format", "ndjson")
    two.garner("accounts", "add", "p/new", "--set", f"endpoint={two.lab.endpoint}").said("p/new was added")
    two.wait(lambda: two.document("status", "--account", "p/new", expect=None)["resources"] == 2)
    listed = {row["account"]: row for row in two.document("accounts", "list")["accounts"]}
    assert listed["p/new"]["from"] == "added" and listed["p/a1"]["from"] == "file"
    assert listed["p/new"]["as"] == {"id": "new", "provider": "p", "endpoint": two.lab.endpoint}
    two.garner("accounts", "add", "p/new", "--set", f"endpoint={two.lab.endpoint}").said("p/new is there already")
    two.garner("accounts", "add", "p/new", "--set", "endpoint=http://elsewhere", expect=1).said("is there already, as something else")

    # It is kept, and known after a restart of all.
    two.coordinator.stop()
    two.start_coordinator()
    two.wait_served()
    assert two.document("where", "new")["account"] == "p/new"

    two.garner("accounts", "remove", "new").said("p/new was removed", "unwatched")
    two.wait(lambda: feed().statuses("unwatched"))
    assert feed().brief() == ["created x", "created y"] and [e["status"]["kind"] for e in feed().statuses()] == ["listed", "unwatched"]
    two.wait(lambda: two.document("status", expect=None)["collections"] == 8)
    two.garner("accounts", "remove", "new", expect=2).said("there is no account new")


def test_an_account_that_comes_back_has_the_splits_it_had(two):
    def add(*splits, **more):
        return two.garner("accounts", "add", "p/s", "--set", "endpoint=http://127.0.0.1:1", *splits, **more)
    add("--splits", "2")
    two.garner("accounts", "remove", "p/s")
    add(expect=2).said("was harvested with splits: 2, which is fixed since")
    two.coordinator.stop()
    two.start_coordinator()
    add("--splits", "4", expect=2).said("was harvested with splits: 2")
    two.wait_served()
    assert "p/s" not in two.garner("accounts", "list").text
    add("--splits", "2")
    assert two.document("where", "s")["account"] == "p/s"


def test_accounts_of_the_coordinators_file_are_not_removed(shared):
    shared.garner("accounts", "remove", "a1", expect=2).said("stands in the coordinator's configuration")
    assert shared.document("accounts", "remove", "a1", expect=2) == {"removed": [], "failed": ["a1"]}


def test_accounts_of_a_file_are_imported_once(two):
    two.lab.write("more/accounts.yaml", f"""
- {{id: m1, provider: p, endpoint: "{two.lab.endpoint}", credentials: {{key: {{file: keys/m1}}}}}}
- {{id: m2, provider: p, endpoint: "{two.lab.endpoint}", regions: [r1, r2], splits: 2}}
""")
    made = two.document("accounts", "import", "more/accounts.yaml")
    assert made == {"added": ["p/m1", "p/m2"], "there": [], "differ": [], "failed": []}
    assert two.document("accounts", "add", "-f", "more/accounts.yaml")["there"] == ["p/m1", "p/m2"]
    listed = {row["account"]: row["as"] for row in two.document("accounts", "list")["accounts"]}
    assert listed["p/m1"]["credentials"] == {"key": {"file": str(two.lab.folder / "more/keys/m1")}}
    assert listed["p/m2"]["splits"] == 2 and len(two.document("where", "m2")["shards"]) in (1, 2)
    # A whole configuration will do, too: its accounts are there.
    again = two.document("accounts", "import", two.lab.config)
    assert len(again["there"]) == 8 and not again["added"]


@pytest.mark.parametrize(("text", "says"), [
    ("{id: a}", "a list of them is needed"),
    ("- {id: n1, provider: p}\n- {id: n2}", "the account's 'provider' is missing"),
    ("- {id: n1, provider: p, credentials: {token: SECRET}}", "is written out"),
    ("- {id: n1, provider: p", "error"),
])
def test_a_file_with_a_mistake_adds_nothing(shared, text, says):
    shared.lab.write("bad.yaml", text)
    result = shared.garner("accounts", "import", "bad.yaml", expect=2)
    result.said("bad.yaml", says)
    assert "SECRET" not in result.err
    assert len(shared.document("accounts", "list")["accounts"]) == 8


def test_secrets_are_never_shown(two):
    added = two.garner("accounts", "add", "p/s1", "--credential", "token=plain:SECRET", "--set", "endpoint=http://127.0.0.1:1")
    added.said("warning", "'token' is written out")
    two.lab.write("plain.yaml", "- {id: s2, provider: p, endpoint: 'http://127.0.0.1:1', credentials: {token: {plain: SECRET}}}")
    imported = two.garner("accounts", "import", "plain.yaml")
    imported.said("warning", "'token' is written out")
    shown = [added, imported, two.garner("accounts", "list"), two.garner("accounts", "list", "--json"), two.garner("where", "s1"),
             two.garner("accounts", "add", "p/s3", "--credential", "token=SECRET", expect=2),
             two.garner("accounts", "add", "p/s3", "--credential", "token=palin:SECRET", expect=2),
             two.garner("accounts", "add", "p/s3", "--credential", "=env:SECRET", expect=2),
             two.garner("status", expect=None)]
    assert not any("SECRET" in result.err or b"SECRET" in result.out for result in shown)
    assert "token=plain" in shown[2].text
    assert "SECRET" not in two.log()


@pytest.mark.parametrize(("args", "says"), [
    (["add"], "takes one new account"),
    (["add", "x"], "is named PROVIDER/ID"),
    (["add", "p/x", "--splits", "0"], "p/x: "),
    (["add", "p/x", "--set", "id=y"], "a meaning of its own"),
    (["add", "p/x", "--set", "k"], "needs a '='"),
    (["add", "p/x", "--set", "k=1", "--set", "k=2"], "given twice"),
    (["add", "p/x", "--credential", "k=env:A", "--credential", "k=env:B"], "given twice"),
    (["add", "p/x", "--credential", "aws.role_arn=nothing"], "a role's ARN looks like"),
    (["add", "p/x", "--credential", "aws.profle=x"], "did you mean 'profile'"),
    (["add", "p/x", "-f", "y"], "takes one new account"),
    (["ad", "p/x"], "did you mean 'add'"),
    (["list", "p/x"], "`list` takes no account"),
    (["remove"], "takes the accounts to be removed"),
    (["import", "gone.yaml"], "gone.yaml"),
    (["remove", "a1", "--set", "a=b"], "are for `add`"),
])
def test_mistakes_about_accounts_say_what_to_do(shared, args, says):
    shared.garner("accounts", *args, expect=2).said(re.escape(says))


# --- mistakes, and nobody there ---

@pytest.mark.parametrize(("command", "says"), [
    ("drain w9", "there is no worker 'w9': did you mean 'w"),
    ("drain longnamed", "there is no worker 'longnamed': `garner workers` lists"),
    ("drain", "WORKER is missing"),
    ("drain w1 --deadline 5", "a time is needed"),
    ("move 0", "--to is missing"),
    ("move 8 --to w1", "there is no shard 8: there are 8, from 0 on"),
    ("move 99999 --to w1", "there is no shard 99999"),
    ("move x --to w1", "'x' isn't a shard's number"),
    ("explain 8", "there is no shard 8"),
    ("explain", "SHARD is missing"),
    ("where nobody", "there is no account nobody"),
    ("shards --worker w9", "there is no worker 'w9'"),
    ("cancel 0", "shard 0 isn't being moved"),
    ("recover", "there is nothing to recover"),
    ("workers --jsn", "did you mean --json?"),
])
def test_mistakes_say_what_to_do(shared, command, says):
    shared.garner(*command.split(), expect=2).said(re.escape(says))


def test_a_move_to_where_a_shard_is_says_so(shared):
    shard = shared.owned("w1")[0]
    shared.garner("move", shard, "--to", "w1", expect=2).said(f"shard {shard} is at w1 already")


@pytest.mark.parametrize("command", VERBS)
def test_nobody_there_is_exit_code_3(lab, command):
    lab.garner(*command.split(), "--at", "tcp://127.0.0.1:1", expect=3).said("no Garner listens at tcp://127.0.0.1:1")


def test_a_worker_is_no_coordinator(shared):
    for command in VERBS:
        if command != "status":
            shared.lab.garner(*command.split(), "--at", shared["w1"].address, expect=2).said("is no coordinator", "give the coordinator's address")


def test_json_is_one_object(shared):
    for command in ("workers", "shards", "where a0", "explain 0", "status", "rebalance", "pin 0 --to w1", "unpin 0", "cordon w1", "uncordon w1",
                    "pause", "resume", "cancel", "undrain w1", "accounts list"):
        text = shared.garner(*command.split(), "--json").text
        assert text.count("\n") == 1 and isinstance(json.loads(text), dict), command


def test_help_has_an_example_of_each(lab):
    told = lab.garner("help").text
    assert "Of a cluster" in told
    for command in VERBS:
        verb = command.split()[0]
        assert re.search(rf"^  {verb} +\S", told, re.MULTILINE), verb
        assert f"garner {verb}" in lab.garner(verb, "--help").text.split("Example")[1]
