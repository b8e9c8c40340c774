"""`garner run` is a cluster of one: accounts come and go while it runs, and stay; its data folder is what it was, whatever
becomes of the cluster's state; and what is a real cluster's is left alone."""

import json
import shutil
import socket
import time
import urllib.error
import urllib.request

import pytest
from cluster import Node
from continual import Continual, free_port
from garner import TIMEOUT_S, collection

ITEMS = [{"id": "a"}, {"id": "b"}]
SHARD_COUNT = 4


def things(**over):
    return collection(path="/{account.id}/things", **{"every": "1s", **over})


class Run(Continual):
    """One that listens, once it is there."""

    def start(self):
        return super().start().started()


@pytest.fixture
def well(server):
    server.on("*", {"items": ITEMS})
    return server


@pytest.fixture
def one(lab, well):
    """A configuration with account `one`."""
    lab.has(things(), accounts=[lab.account(id="one")])
    return lab


def operate(run, *command, **more):
    return run.lab.garner(*command, "--at", run.listen, **more)


def add(run, lab, id, provider="p"):
    operate(run, "accounts", "add", f"{provider}/{id}", "--set", f"endpoint={lab.endpoint}").said(f"{provider}/{id} was added")


def listed(run):
    return {account["account"]: account["from"] for account in json.loads(operate(run, "accounts", "list", "--json").text)["accounts"]}


def shards(run):
    return json.loads(operate(run, "shards", "--json").text)["shards"]


def owners(run):
    """Of shards by number, who has them, in which epoch; None: not all are the run's yet."""
    now = {shard["shard"]: (shard.get("owner"), shard["epoch"]) for shard in shards(run)}
    return now if len(now) == SHARD_COUNT and all(owner == "run" for owner, _ in now.values()) else None


def history(lab):
    return [(e["shard"], e["epoch"], e["seq"]) for e in lab.feed("--from", "oldest").events() if e["op"] != "bookmark"]


def goes_on(lab, well):
    """A run over the data there is: it harvests, and finds nothing new."""
    before = history(lab)
    with Run(lab) as run:
        well.forget()
        run.wait(lambda: len(well.asked("/one/things")) >= 3)
        run.wait(lambda: owners(run))
        of_shards = owners(run)
    lab.verify()
    assert history(lab) == before and run.said("level=error") == [], run
    assert {epoch for _, epoch in of_shards.values()} == {1}, of_shards


# --- accounts ---

def test_an_account_is_added_stays_and_is_removed(one, well):
    with Run(one) as run:
        run.wait(lambda: len(run.changes(account="one")) == 2)
        add(run, one, "two")
        run.wait(lambda: len(run.changes(account="two")) == 2)
        assert listed(run) == {"p/one": "file", "p/two": "added"}
        assert run.said("accounts were taken over", "accounts_opened=1 accounts_removed=0")
    well.forget()
    with Run(one) as run:
        run.wait(lambda: well.asked("/two/things") and well.asked("/one/things"))
        assert not run.changes() and not run.statuses(), run
        operate(run, "accounts", "remove", "two")
        run.wait(lambda: run.statuses("unwatched", account="two"))
        well.forget()
        run.wait(lambda: len(well.asked("/one/things")) >= 3)
        assert not well.asked("/two/*")
        assert len(one.ids()) == 4, "nothing is deleted"
    well.forget()
    with Run(one) as run:
        run.wait(lambda: len(well.asked("/one/things")) >= 2)
        assert listed(run) == {"p/one": "file"} and not well.asked("/two/*")
    one.verify()


def test_without_any_account_one_may_be_added(lab, well):
    lab.has(things(), accounts=[])
    with Run(lab) as run:
        add(run, lab, "two")
        run.wait(lambda: len(run.changes(account="two")) == 2)
    assert run.said("there are no accounts")


def test_many_accounts_are_added_while_others_are_harvested(one, well):
    names = [f"n{n}" for n in range(60)]
    with Run(one) as run:
        for name in names:
            add(run, one, name)
        run.wait(lambda: all(len(run.changes(account=name)) == 2 for name in names))
        for name in names[::2]:
            operate(run, "accounts", "remove", f"p/{name}")
        run.wait(lambda: len(run.statuses("unwatched")) == 30)
        assert len(listed(run)) == 31
    assert len(run.changes()) == 2 * 61
    one.verify()


def test_sighup_leaves_added_accounts_alone(one, well):
    with Run(one) as run:
        add(run, one, "two")
        run.wait(lambda: len(run.changes(account="two")) == 2)
        one.has_config([one.account(id="one"), one.account(id="three")])
        run.reload("accounts_opened=1 accounts_removed=0")
        run.wait(lambda: len(run.changes(account="three")) == 2)
        assert listed(run) == {"p/one": "file", "p/three": "file", "p/two": "added"}
        one.has_config([one.account(id="three")])
        run.reload("accounts_opened=0 accounts_removed=1")
        well.forget()
        run.wait(lambda: len(well.asked("/two/things")) >= 2 and len(well.asked("/three/things")) >= 2)
        assert listed(run) == {"p/three": "file", "p/two": "added"}
    assert [e["account"] for e in run.statuses("unwatched")] == ["one"]


def test_an_account_of_the_file_counts_as_long_as_it_stands_there(one, well):
    with Run(one) as run:
        add(run, one, "two")
        run.wait(lambda: len(run.changes(account="two")) == 2)
        one.has_config([one.account(id="one"), one.account(id="two")])
        run.reload("accounts_opened=0 accounts_removed=0")  # it says the same
        assert listed(run) == {"p/one": "file", "p/two": "file"}
        operate(run, "accounts", "remove", "two", expect=2).said("stands in the coordinator's configuration.*SIGHUP")
        one.has_config([one.account(id="one")])
        run.reload("accounts_opened=0 accounts_removed=0")
        assert listed(run) == {"p/one": "file", "p/two": "added"}
        operate(run, "accounts", "remove", "two")
        run.wait(lambda: run.statuses("unwatched", account="two"))


def test_a_file_that_is_being_edited_is_not_read_because_an_account_is_added(one, well):
    with Run(one) as run:
        run.wait(lambda: len(run.changes(account="one")) == 2)
        one.config.write_text("accounts: [")
        add(run, one, "two")
        run.wait(lambda: len(run.changes(account="two")) == 2)
        assert not run.said("level=error") and not run.statuses("unwatched")


def test_an_account_that_no_provider_file_fits_keeps_nobody_from_it(one, well):
    with Run(one) as run:
        add(run, one, "lost", provider="nobody")
        add(run, one, "two")
        run.wait(lambda: len(run.changes(account="two")) == 2)
        assert run.said("can't be harvested by the provider files", "account=lost", "provider=nobody")
        operate(run, "accounts", "remove", "nobody/lost")
        assert listed(run) == {"p/one": "file", "p/two": "added"}


# --- the data folder ---

def test_a_folder_of_an_earlier_version_goes_on_in_its_epoch(one, well):
    one.run()
    assert not (one.data / "cluster.mdb").exists() and not (one.data / "worker").exists()
    goes_on(one, well)
    assert (one.data / "cluster.mdb").exists()
    one.run()  # and --once goes on with what it is then


@pytest.mark.parametrize("lost", [["cluster.mdb"], ["worker"], ["cluster.mdb", "worker"]], ids="+".join)
def test_what_a_cluster_knows_of_a_folder_may_be_lost(one, well, lost):
    with Run(one) as run:
        run.wait(lambda: len(run.changes(account="one")) == 2 and run.statuses("listed"))
        run.wait(lambda: owners(run))
    for name in lost:
        (one.data / name).unlink()
    goes_on(one, well) if lost != ["worker"] else goes_on_with_another_disk(one, well)


def goes_on_with_another_disk(lab, well):
    """Shards that nothing was ever in begin once more."""
    before = history(lab)
    with Run(lab) as run:
        well.forget()
        run.wait(lambda: len(well.asked("/one/things")) >= 3)
        add(run, lab, "two")
        run.wait(lambda: len(run.changes(account="two")) == 2)
    assert [change for change in history(lab) if change[0] in {change[0] for change in before}][:len(before)] == before
    lab.verify()


def test_an_empty_shard_has_no_store_and_begins_in_epoch_1_whenever_it_does(one, well):
    for _ in range(3):
        with Run(one) as run:
            run.wait(lambda: owners(run))
    assert len(list((one.data / "shards").glob("*.mdb"))) == 1
    with Run(one) as run:
        for n in range(12):
            add(run, one, f"n{n}")
        run.wait(lambda: len(run.changes()) == 24)
        assert {epoch for _, epoch in owners(run).values()} == {1}
    assert {e["epoch"] for e in run.changes()} == {1}


def store_of_one(lab):
    [store] = (lab.data / "shards").glob("*.mdb")
    return store


def test_a_shard_that_was_deleted_begins_anew_and_an_older_copy_that_comes_back_goes_on(one, well):
    with Run(one) as run:
        run.wait(lambda: len(run.changes(account="one")) == 2 and run.statuses("listed"))
    store, copy = store_of_one(one), one.folder / "copy.mdb"
    shutil.move(store, copy)
    with Run(one) as run:
        run.wait(lambda: len(run.changes(account="one")) == 2)
    assert {e["epoch"] for e in run.changes()} == {2}
    shutil.copy(copy, store)
    well.on("*", {"items": [*ITEMS, {"id": "c"}]})
    with Run(one) as run:
        run.wait(lambda: run.changes(account="one"))
    assert run.brief() == ["created c"] and {e["epoch"] for e in run.changes()} == {3}
    one.verify()


def test_a_copy_that_comes_back_where_a_shard_was_to_begin_goes_on(one, well):
    one.run()
    store, copy, before = store_of_one(one), one.folder / "copy.mdb", history(one)
    with Run(one) as run:
        run.wait(lambda: owners(run))
    shutil.move(store, copy)
    one.has_config([])
    with Run(one) as run:  # there is nothing to begin the shard anew with, yet
        run.wait(lambda: max(epoch for _, epoch in (owners(run) or {0: (None, 0)}).values()) == 2)
    shutil.move(copy, store)
    one.has_config([one.account(id="one")])
    well.on("*", {"items": [*ITEMS, {"id": "c"}]})
    with Run(one) as run:
        run.wait(lambda: run.changes())
        assert not run.said("level=error")
    assert run.brief() == ["created c"] and {e["epoch"] for e in run.changes()} == {2}
    assert history(one)[:len(before)] == before
    one.verify()


def test_a_run_that_can_not_begin_says_so_and_ends(one, well):
    with Run(one) as run:
        run.wait(lambda: owners(run))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        one.has_config([one.account(id="one")], http=f"127.0.0.1:{taken.getsockname()[1]}", listen=f"tcp://127.0.0.1:{free_port()}")
        for _ in range(5):
            assert "another program listens there" in one.garner("run", "-c", one.config, expect=1).err


def test_the_state_of_another_feed_is_refused(one, well, tmp_path):
    with Run(one):
        pass
    shutil.copy(one.data / "cluster.mdb", tmp_path / "other.mdb")
    shutil.rmtree(one.data)
    one.run()
    shutil.copy(tmp_path / "other.mdb", one.data / "cluster.mdb")
    refused = one.garner("run", "-c", one.config, expect=2)
    assert "is the state of another feed" in refused.err and "remove it" in refused.err


def test_a_cluster_workers_folder_is_left_alone_and_can_be_read(one, well):
    one.run()
    worker = one.data / "worker"
    worker.write_text("garner worker\nname w1\ndisk 0000000000000007\nincarnation 3\n")
    for more in ([], ["--once"]):
        refused = one.garner("run", "-c", one.config, *more, expect=2)
        assert "is worker w1's of a cluster" in refused.err
    refused = one.on_data("confirm", "p/one", "p.thing", expect=2)
    assert "is worker w1's of a cluster" in refused.err
    assert one.ids() == ["a", "b"] and history(one)
    one.verify()
    assert worker.read_text().endswith("incarnation 3\n") and not (one.data / "cluster.mdb").exists()


# --- what it is for others ---

def test_it_is_a_cluster_of_one_that_takes_no_workers(one, well):
    with Run(one) as run:
        run.wait(lambda: owners(run))
        assert owners(run) == dict.fromkeys(range(SHARD_COUNT), ("run", 1))
        assert [worker["worker"] for worker in json.loads(operate(run, "workers", "--json").text)["workers"]] == ["run"]
        stranger = Node(one, "worker", one.folder / "w1")
        stranger.start("-c", one.config, "--at", run.listen, "--name", "w1", "--data", stranger.folder, "--listen", "tcp://127.0.0.1:0")
        stranger.process.wait(TIMEOUT_S)
        assert stranger.process.returncode == 2 and stranger.said("is no coordinator, but a garner run"), stranger
        operate(run, "move", "1", "--to", "elsewhere", expect=2).said("elsewhere")
        operate(run, "drain", "run", expect=1).said("nobody would be left")


def test_it_is_ready_once_it_has_all_shards(lab, well):
    http = f"127.0.0.1:{free_port()}"
    lab.has(things(), accounts=[lab.account(id="one")], config={"http": http})

    def ready():
        try:
            return urllib.request.urlopen(f"http://{http}/readyz", timeout=5).status == 200
        except (urllib.error.URLError, ConnectionError):
            return False
    with Run(lab) as run:
        run.wait(ready)
        assert len(shards(run)) == SHARD_COUNT and all(shard.get("owner") == "run" for shard in shards(run))


def test_followers_are_left_out_and_that_is_said(lab, well):
    lab.has(things(), accounts=[lab.account(id="one")], config={"followers": 2})
    with Run(lab) as run:
        run.wait(lambda: owners(run) and len(run.changes()) == 2)
    assert run.said("level=warn", "`followers` need a cluster")


def test_it_ends_in_time_and_quietly_whenever_it_is_told_to(lab, well):
    lab.has(things(), accounts=[lab.account(id=f"n{n}") for n in range(40)], config={"shards": 64})
    for pause in (0.0, 0.01, 0.03, 0.1, 0.3):
        with Run(lab) as run:
                time.sleep(pause)
        assert not run.said("level=error") and not run.said("level=warn"), run
    lab.verify()
