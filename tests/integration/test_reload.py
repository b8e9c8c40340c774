"""SIGHUP: what was changed is taken over, what was not goes on undisturbed, a mistake changes nothing."""

import signal
import threading
import time

import pytest
from continual import Continual
from garner import collection, provider
from server import Answer, Listing, error

TOKEN = {"style": "token", "from": "body:/next", "to": "query:token"}
ITEMS = [{"id": "a"}, {"id": "b"}]


def things(**over):
    return collection(path="/{account.id}/things", **{"every": "1s", **over})


def regional(**over):
    return collection("p.regional", "/{account.id}/{region}/things", **{"scope": "region", "every": "1s", **over})


def accounts(lab, *ids, **keys):
    return [lab.account(id=id, **keys) for id in ids]


@pytest.fixture
def well(server):
    server.on("*", {"items": ITEMS})
    return server


def is_asked(server, path, times=3):
    """A condition: it is asked so often from now on."""
    before = len(server.asked(path))
    return lambda: len(server.asked(path)) >= before + times


def test_accounts_come_and_go_and_come_again(lab, well):
    lab.has(things(), accounts=accounts(lab, "one"))
    with Continual(lab) as run:
        run.wait(lambda: len(run.changes(account="one")) == 2)
        lab.has_config(accounts(lab, "one", "two"))
        run.reload("accounts_opened=1 accounts_removed=0")
        run.wait(lambda: len(run.changes(account="two")) == 2)
        lab.has_config(accounts(lab, "two"))
        run.reload("accounts_opened=0 accounts_removed=1")
        run.wait(lambda: run.statuses("unwatched", account="one"))
        time.sleep(0.1)
        well.forget()
        run.wait(is_asked(well, "/two/things"))
        assert not well.asked("/one/*"), "it is left alone"
        assert len(lab.ids()) == 4, "nothing is deleted"
        lab.has_config(accounts(lab, "one", "two"))
        run.reload("accounts_opened=1 accounts_removed=0")
        run.wait(lambda: run.statuses("recovered", account="one"))
        assert not run.changes(op="deleted") and len(run.changes()) == 4, run
    assert [e["status"]["kind"] for e in run.statuses(account="one")] == ["listed", "unwatched", "recovered"]
    assert [e["status"]["kind"] for e in run.statuses(account="two")] == ["listed"]


def test_unwatched_is_said_once_whatever_comes_between(lab, well):
    lab.has(regional(), regions=["r1", "r2"], accounts=accounts(lab, "one"))
    with Continual(lab) as run:
        run.wait(lambda: len(run.changes()) == 4)
        lab.has_config(accounts(lab, "one", regions=["r1"]))
        run.reload()
        run.wait(lambda: run.statuses("unwatched", region="r2"))
        lab.has_config(accounts(lab, "one", regions=["r1"], more="another key"))
        run.reload()
        run.wait(is_asked(well, "/one/r1/things"))
    with Continual(lab) as again:
        again.wait(is_asked(well, "/one/r1/things"))
        lab.has_config([])
        again.reload()
        lab.has_config(accounts(lab, "one", regions=["r1", "r2"]))
        again.reload()
        again.wait(lambda: again.statuses("recovered", region="r2") and again.statuses("recovered", region="r1"))
    kinds = [(e["region"], e["status"]["kind"]) for e in lab.feed("--from", "oldest").statuses() if e["status"]["kind"] != "listed"]
    assert sorted(kinds) == [("r1", "recovered"), ("r1", "unwatched"), ("r2", "recovered"), ("r2", "unwatched")], kinds
    assert len(lab.ids("p.regional")) == 4


def test_what_is_not_changed_is_not_disturbed(lab, well):
    """Listings under way of accounts that stay go on with their next page."""
    hold = threading.Event()

    def slow(request):
        if request.param("token"):
            hold.wait(60)
            return {"items": [{"id": "z"}], "next": None}
        return {"items": ITEMS, "next": "t2"}

    lab.has(things(page=TOKEN, every="1h"), accounts=accounts(lab, "slow", "other"))
    well.on("/slow/things", slow)
    with Continual(lab) as run:
        run.wait(lambda: len(well.asked("/slow/things")) == 2)
        for n in range(5):
            lab.has_config(accounts(lab, "slow", f"new-{n}"))
            run.reload()
        hold.set()
        run.wait(lambda: run.statuses("listed", account="slow"))
    assert len(well.asked("/slow/things")) == 2
    assert len(run.changes(account="slow")) == 3
    assert run.statuses("unwatched", account="new-0") and not run.statuses("unwatched", account="slow")


def test_an_account_that_is_changed_in_mid_listing_begins_anew(lab, well):
    hold = threading.Event()

    def slow(request):
        if request.param("token") and request.header("X-Key") == "old":
            hold.wait(60)
        return {"items": [{"id": "z"}] if request.param("token") else ITEMS, "next": None if request.param("token") else "t2"}

    made = things(page=TOKEN, every="1h")
    made["request"]["headers"] = {"X-Key": "{account.key}"}
    lab.has(made, accounts=accounts(lab, "one", key="old"))
    well.on("/one/things", slow)
    with Continual(lab) as run:
        run.wait(lambda: len(well.asked("/one/things")) == 2)
        lab.has_config(accounts(lab, "one", key="new"))
        run.reload("accounts_opened=1")
        run.wait(lambda: run.statuses("listed", account="one"))
        hold.set()
        assert not run.statuses("unreachable") and not run.said("stopped"), run
    assert {r.header("X-Key") for r in well.asked("/one/things")} == {"old", "new"}
    assert run.brief() == ["created a", "created b", "created z"]


def test_a_provider_file_is_changed(lab, well):
    lab.has(things(every="1h"), accounts=accounts(lab, "one"))
    with Continual(lab) as run:
        run.wait(lambda: len(run.changes()) == 2)
        lab.has_provider(provider(things(every="1s"), collection("p.more", "/{account.id}/more", every="1h")))
        run.reload("accounts_opened=1")
        run.wait(lambda: len(run.changes("p.more")) == 2)
        run.wait(is_asked(well, "/one/things"), within=8)
        lab.has_provider(provider(things(ignore=["/noise"])))
        run.reload("accounts_opened=1")
        run.wait(lambda: run.statuses("definition", type="p.thing"))
        run.wait(lambda: run.statuses("unwatched", type="p.more"))
        time.sleep(0.1)
        well.forget()
        run.wait(is_asked(well, "/one/things"))
        assert not well.asked("/one/more")
        assert len(lab.ids("p.more")) == 2 and not run.changes(op="deleted")


def test_another_id_rule_of_a_parent_while_its_children_are_under_way(lab, server):
    hold = threading.Event()
    parents = [{"id": "x", "name": "n-x"}, {"id": "y", "name": "n-y"}]

    def children(request):
        if request.path.startswith("/parents/x"):
            hold.wait(60)
        return {"items": [{"id": "of-" + request.path.split("/")[2]}]}

    def definition(id):
        return provider(collection("p.parent", "/parents", id=id, every="1s"),
                        collection("p.child", "/parents/{parent.id}/children", scope={"parent": "p.parent"}, every="1s"))

    lab.has_config()
    lab.has_provider(definition("/id"))
    server.on("/parents", Listing(parents, style="none"))
    server.on("/parents/*", children)
    with Continual(lab) as run:
        run.wait(lambda: server.asked("/parents/x/children") and run.changes("p.child", parent="y"))
        lab.has_provider(definition("/name"))
        run.reload("accounts_opened=1")
        run.wait(lambda: len(run.changes("p.child", op="created")) == 3)
        hold.set()
        run.wait(is_asked(server, "/parents/n-x/children"))
        server.forget()
        run.wait(is_asked(server, "/parents/n-x/children"))
        assert not server.asked("/parents/x/children") and not server.asked("/parents/y/children")
        assert len(run.said("level=warn")) == 0, run
    assert {(key[4], key[5]) for key in lab.world()} == {(None, "n-x"), (None, "n-y"), ("n-x", "of-n-x"), ("n-y", "of-n-y")}


def test_a_mistake_changes_nothing_and_is_told(lab, well):
    lab.has(things(), accounts=accounts(lab, "one"))
    with Continual(lab) as run:
        run.wait(lambda: len(run.changes()) == 2)
        right = lab.config.read_text()
        for wrong in (right + "nonsense: 1\n", right.replace("provider: p", "provider: q"), "accounts: ["):
            lab.config.write_text(wrong)
            before = len(run.said("is left as it was"))
            run.send(signal.SIGHUP)
            run.wait(lambda: len(run.said("is left as it was")) > before)
        lab.config.write_text(right)
        lab.has_provider("provider: [")
        run.reload("is left as it was")
        run.wait(is_asked(well, "/one/things"))
        lab.has_provider(provider(things()))
        run.reload("accounts_opened=0 accounts_removed=0")
        assert run.said("nonsense", "garner.yaml"), run
    assert run.brief() == ["created a", "created b"]
    assert not run.statuses("unwatched")


def test_splits_stay_what_they_were(lab, well):
    lab.has(regional(every="1s"), regions=["r1", "r2", "r3", "r4"], accounts=accounts(lab, "one", "two"))
    with Continual(lab) as run:
        run.wait(lambda: len(run.changes()) == 16)
        lab.has_config([*accounts(lab, "one", splits=2), *accounts(lab, "new")])
        run.reload("one: its `splits` is 2 and was 1")
        run.wait(is_asked(well, "/two/r1/things"))
        assert not well.asked("/new/*"), "nothing of it is taken over"
        lab.has_config(accounts(lab, "one"))
        run.reload("accounts_removed=1")
    with Continual(lab) as run:  # which never had account two
        run.wait(is_asked(well, "/one/r1/things"))
        lab.has_config([*accounts(lab, "one"), *accounts(lab, "two", splits=4)])
        run.reload("two: its `splits` was another number")
        lab.has_config(accounts(lab, "one", "two"))
        run.reload("accounts_opened=1")
        run.wait(lambda: len(run.statuses("recovered", account="two")) == 4)
        assert not run.changes()


@pytest.mark.parametrize("hup", [True, False], ids=["after SIGHUP", "by itself"])
def test_a_credential_that_appears_later(lab, well, hup):
    secret = lab.folder / "secret"
    lab.has(things(), collection("p.more", "/{account.id}/more", every="1s"),
            *[collection(f"p.more{n}", f"/{{account.id}}/more/{n}", every="1h") for n in range(10)],
            auth={"kind": "bearer", "token": "{credentials.token}"},
            accounts=[lab.account(id="late", credentials={"token": {"file": str(secret)}}), *accounts(lab, "well", credentials={"token": {"env": "HOME"}})])
    with Continual(lab) as run:
        run.wait(lambda: len(run.statuses("unreachable", account="late")) == 12 and len(run.changes(account="well")) == 24)
        assert not well.asked("/late/*")
        secret.write_text("it-is-there")
        if hup:
            run.reload("accounts_opened=1")
        run.wait(lambda: len(run.changes(account="late")) == 24, within=5 if hup else 45)
        run.wait(lambda: len(run.statuses("recovered", account="late")) == 12)
        assert not run.said("it is well again"), run
    assert len(run.said("nothing of this account was harvested")) == 1, run
    assert len(run.statuses("unreachable")) == 12


def test_many_in_a_row_and_one_with_a_term(lab, well):
    well.on("*", lambda r: Answer({"items": ITEMS}, delay=0.05))
    lab.has(things(), regional(), regions=["r1", "r2"], accounts=accounts(lab, *(f"a{n}" for n in range(10))))
    with Continual(lab) as run:
        run.started()
        for n in range(40):
            lab.has_config(accounts(lab, *(f"a{m}" for m in range(n % 7, 10))))
            run.write_listen()
            run.send(signal.SIGHUP)
            time.sleep(0.02)
        lab.has_config(accounts(lab, *(f"a{m}" for m in range(10))))
        run.reload()
        run.wait(lambda: len({(e["account"], e["region"], e["id"]) for e in run.changes()}) == 60)
        run.send(signal.SIGHUP)
        run.stop()
    assert len(run.changes()) == 60, "each once"


def test_a_signal_as_soon_as_it_starts_is_no_end(lab, well):
    lab.has(things(), accounts=accounts(lab, "one"))
    with Continual(lab) as run:
        run.wait(lambda: (lab.data / "shards").exists())
        run.send(signal.SIGHUP)
        run.wait(lambda: run.changes() and run.said("was read anew"))


def test_keys_that_are_fixed_are_named(lab, well):
    lab.has(things(), accounts=accounts(lab, "one"))
    with Continual(lab) as run:
        run.wait(lambda: run.changes())
        lab.has_config(accounts(lab, "one"), map_size="512MiB", threads=3)
        run.reload()
        assert run.said("can't change while garner runs", "map_size") and run.said("can't change", "threads"), run


def test_regions_that_could_not_be_found_at_first(lab, well):
    found = {"request": {"url": "{account.endpoint}/regions"}, "items": "/regions/*", "id": "/name"}
    lab.has(regional(), things(), regions=found, accounts=accounts(lab, "one"))
    well.on("/regions", error(403, "NotYet"))
    with Continual(lab) as run:
        run.wait(lambda: run.changes("p.thing") and run.said("finding its regions", "NotYet"))
        well.on("/regions", {"regions": [{"name": "r1"}, {"name": "r2"}]})
        run.wait(lambda: len(run.changes("p.regional")) == 4, within=50)
        assert len(run.said("finding its regions")) == 1 and not run.statuses("unwatched")
