"""A run that goes on: periods, back-off, what is said once, children, restarts, the breaker, orders."""

import random
import threading
import time

from continual import Continual, concurrent
from garner import collection, provider
from server import Answer, Listing, error

TOKEN = {"style": "token", "from": "body:/next", "to": "query:token"}
PARENT, CHILD = "p.parent", "p.child"
ITEMS = [{"id": "a"}, {"id": "b"}]


def child(**over):
    return collection(CHILD, "/parents/{parent.id}/children", **{"scope": {"parent": PARENT}, "every": "1s", **over})


def gaps(requests):
    times = [r.when for r in requests]
    return [after - before for before, after in zip(times, times[1:])]


def test_periods_are_kept_with_jitter_and_never_twice_at_once(lab, server):
    lab.has(collection(every="1s"), collection("p.slow", "/slow", every="1s"), collection("p.rare", "/rare", every="1h"))
    server.on("/things", {"items": ITEMS})
    server.on("/slow", Answer({"items": ITEMS}, delay=1.5))
    server.on("/rare", {"items": ITEMS})
    with Continual(lab) as run:
        run.wait(lambda: len(server.asked("/things")) > 8)
        assert len(server.asked("/rare")) == 1
        between = gaps(server.asked("/things"))
        assert all(gap <= 1.5 for gap in between), between
        assert all(gap >= 0.85 for gap in between[1:]), between  # the first is a random part of the period
        assert len({round(gap, 3) for gap in between}) > 3, "no jitter"
        assert concurrent(server.asked("/slow"), 1.45) == 1
        assert all(gap < 2.5 for gap in gaps(server.asked("/slow"))), "it begins again as soon as it has ended"
        assert run.brief("p.thing") == ["created a", "created b"]
        lines = len(run.lines)
    assert lines == 1, run


def test_what_changes_is_told_while_it_goes_on(lab, server):
    items = [{"id": "a"}, {"id": "b"}, {"id": "c"}]
    lab.has(collection(every="1s"))
    server.on("/things", Listing(items, style="none"))
    with Continual(lab) as run:
        run.wait(lambda: len(run.changes()) == 3)
        items[1] = {"id": "b", "v": 2}
        run.wait(lambda: "updated b" in run.brief())
        del items[2]
        run.wait(lambda: "deleted c" in run.brief())
    assert lab.world().keys() == {("p", "acct-1", None, "p.thing", None, id) for id in "ab"}


def test_of_what_is_overdue_the_high_ones_go_first(lab, server):
    lab.has(*[collection(f"p.{name}{n}", f"/{name}/{n}", priority=name, every="1h") for n in range(20)
              for name in ("low", "normal", "high")], limits={"concurrency": 1})
    server.on("*", Answer({"items": []}, delay=0.01))
    with Continual(lab) as run:
        run.wait(lambda: len(server.asked()) == 60)
    order = [r.path.split("/")[1] for r in server.asked()]
    place = {name: sum(n for n, path in enumerate(order) if path == name) / 20 for name in ("high", "normal", "low")}
    assert place["high"] < place["normal"] < place["low"], order


def test_a_huge_listing_delays_no_other(lab, server):
    """On one thread: an account whose listing has no end, and one whose collection is due each second."""
    pages, size = 400, 1000

    def huge(request):
        at = int(request.param("token", "0"))
        return {"items": [{"id": f"i{at}-{n}", "text": "x" * 200} for n in range(size)], "next": str(at + 1) if at + 1 < pages else None}

    server.on("/huge", huge)
    server.on("/things", {"items": ITEMS})
    lab.has(collection(every="1s"), config={"providers": ["providers/p.yaml", "providers/q.yaml"]},
            accounts=[lab.account(), lab.account(id="huge", provider="q")])
    lab.has_provider({**provider(collection("q.thing", "/huge", page=TOKEN, every="1h")), "provider": "q"}, name="q")
    with Continual(lab, "--threads", "1") as run:
        run.wait(lambda: len(server.asked("/things")) >= 8, within=60)
        listed = server.asked("/huge")
        assert 8 < len(listed) < pages, f"the huge listing isn't under way: {len(listed)} pages"
        apart, page = gaps(server.asked("/things")), max(gaps(listed))
        assert all(gap <= 1.1 + page + 0.2 for gap in apart), f"{apart}, and a page took {page}"


def test_a_failure_is_told_once_and_backs_off_and_recovers(lab, server):
    lab.has(collection(every="1s"))
    well, fails = {"items": ITEMS}, error(403, "NotAllowed")
    server.on("/things", well)
    with Continual(lab) as run:
        run.wait(lambda: run.changes())
        server.on("/things", fails)
        run.wait(lambda: run.statuses("unreachable"))
        server.forget()
        run.wait(lambda: len(server.asked("/things")) >= 3)
        between = gaps(server.asked("/things"))
        assert between[0] >= 1.7 and between[1] >= 3.4, f"it backs off: {between}"
        assert len(run.statuses("unreachable")) == 1
        assert len(run.said("NotAllowed")) == 1, run
        server.on("/things", well)
        run.wait(lambda: run.statuses("recovered"))
        server.forget()
        run.wait(lambda: len(server.asked("/things")) >= 4)
        assert all(gap <= 1.5 for gap in gaps(server.asked("/things"))), "the period holds again"
        assert len(run.said("it is well again")) == 1, run
        assert len(run.statuses("recovered")) == 1 and len(run.lines) == 3, run
    assert [e["status"]["kind"] for e in run.statuses()] == ["listed", "unreachable", "recovered"]
    assert run.brief() == ["created a", "created b"]


def test_unsound_held_and_quarantined_are_told_once_each(lab, server):
    twice, missing = [{"id": "a"}, {"id": "a", "v": 2}], [{"id": "a"}, {"name": "no id"}]
    many = [{"id": f"i{n}"} for n in range(200)]
    lab.has(collection("p.unsound", "/unsound", every="1s"), collection("p.quarantined", "/quarantined", every="1s"),
            collection("p.held", "/held", every="1s"))
    server.on("/unsound", {"items": twice})
    server.on("/quarantined", {"items": missing})
    server.on("/held", Listing(many, style="none"))
    with Continual(lab) as run:
        run.wait(lambda: len(run.changes("p.held")) == 200)
        del many[1:]
        run.wait(lambda: run.statuses("held"))
        server.forget()
        run.wait(lambda: all(len(server.asked(path)) >= 3 for path in ("/unsound", "/quarantined", "/held")))
        for type in ("p.unsound", "p.quarantined", "p.held"):
            assert len(run.said(f" {type}")) == 1, run
        assert len(run.statuses("held")) == 1
        run.at("confirm", "p/acct-1", "p.held")
        run.wait(lambda: len(run.changes("p.held", op="deleted")) == 199)
        run.wait(lambda: len(run.statuses("held")) == 2)
    assert [e["status"]["held"] for e in run.statuses("held")] == [199, 0]


# --- children ---

def test_children_follow_their_parents(lab, server):
    parents = [{"id": "x"}, {"id": "y"}]
    lab.has(collection(PARENT, "/parents", every="1s"), child(every="1h"))
    server.on("/parents", Listing(parents, style="none"))
    server.on("/parents/*/children", lambda r: {"items": [{"id": "of-" + r.path.split("/")[2]}]})
    with Continual(lab) as run:
        run.wait(lambda: run.brief(CHILD) == ["created of-x", "created of-y"])
        parents.append({"id": "z"})
        found = run.wait(lambda: run.changes(PARENT, id="z"))[0]
        run.wait(lambda: "created of-z" in run.brief(CHILD), within=2)
        assert found["op"] == "created"
        assert len(server.asked("/parents/x/children")) == 1, "those that were there aren't harvested again"
        del parents[0]
        run.wait(lambda: "deleted of-x" in run.brief(CHILD))
    assert {key[5] for key in lab.world()} == {"y", "z", "of-y", "of-z"}


def test_a_child_under_way_ends_with_its_parent(lab, server):
    parents, held = [{"id": "x"}, {"id": "y"}], threading.Event()
    lab.has(collection(PARENT, "/parents", every="1s"), child(page=TOKEN))

    def children(request):
        if request.path == "/parents/x/children" and request.param("token"):
            held.wait(30)
        return {"items": [{"id": request.param("token", "first")}], "next": None if request.param("token") else "second"}

    server.on("/parents", Listing(parents, style="none"))
    server.on("/parents/*/children", children)
    with Continual(lab) as run:
        run.wait(lambda: "/parents/x/children" in [r.path for r in server.asked() if r.param("token")])
        run.wait(lambda: run.changes(CHILD, parent="x"))
        del parents[0]
        run.wait(lambda: "deleted x" in run.brief(PARENT))
        held.set()
        server.forget()
        run.wait(lambda: len(server.asked("/parents/y/children")) > 3)
        assert not server.asked("/parents/x/children"), "it is not asked for any more"
        assert not run.said(" x"), run
    assert {(key[4], key[5]) for key in lab.world()} == {(None, "y"), ("y", "first"), ("y", "second")}
    assert [e["op"] for e in run.changes(CHILD, parent="x")] == ["created", "deleted"]


def test_grandchildren_under_way_end_with_a_parent_two_levels_up(lab, server):
    roots, held = [{"id": "x"}, {"id": "y"}], threading.Event()
    lab.has(collection("p.root", "/roots", every="1s"),
            collection("p.middle", "/roots/{parent.id}/middles", scope={"parent": "p.root"}, every="1s"),
            collection("p.leaf", "/roots/{parent.parent.id}/middles/{parent.id}/leaves", scope={"parent": "p.middle"}, every="1s"))
    server.on("/roots", Listing(roots, style="none"))
    server.on("/roots/*/middles", {"items": [{"id": "m"}, {"id": "n"}]})

    def leaves(request):
        if request.path == "/roots/x/middles/m/leaves" and len(server.asked(request.path)) > 1:
            held.wait(30)
        return {"items": [{"id": "leaf"}]}

    server.on("/roots/*/middles/*/leaves", leaves)
    with Continual(lab) as run:
        run.wait(lambda: len(run.changes("p.leaf")) == 4 and len(server.asked("/roots/x/middles/m/leaves")) == 2)
        del roots[0]
        run.wait(lambda: run.brief("p.leaf", op="deleted") == ["deleted leaf", "deleted leaf"])
        held.set()
        server.forget()
        run.wait(lambda: len(server.asked("/roots/y/middles/m/leaves")) > 3)
        assert not server.asked("/roots/x/*")
        assert len(run.lines) == 1, run
    assert len(lab.world()) == 1 + 2 + 2


def test_a_child_that_takes_long_rests_on_a_receipt_that_is_kept(lab, server):
    """Its parent is listed many times meanwhile, more than receipts are kept."""
    kids, held = [{"id": "k"}, {"id": "l"}], threading.Event()
    lab.has(collection(PARENT, "/parents", every="1h"), child(every="1h"))
    server.on("/parents", {"items": [{"id": "x"}]})

    def children(request):
        if len(server.asked(request.path)) > 1:
            held.wait(30)
        return {"items": list(kids)}

    server.on("/parents/*/children", children)
    with Continual(lab) as run:
        run.wait(lambda: len(run.changes(CHILD)) == 2)
        run.at("harvest", "p/acct-1", CHILD)
        run.wait(lambda: len(server.asked("/parents/x/children")) == 2)
        for n in range(24):
            before = len(server.asked("/parents"))
            run.at("harvest", "p/acct-1", PARENT)
            run.wait(lambda: len(server.asked("/parents")) > before)
        del kids[0]
        held.set()
        run.wait(lambda: any(r["missing"] for r in lab.receipts("--type", CHILD)))
        for n in range(24):
            before = len(server.asked("/parents"))
            run.at("harvest", "p/acct-1", PARENT)
            run.wait(lambda: len(server.asked("/parents")) > before)
        run.at("harvest", "p/acct-1", CHILD)
        deleted = run.wait(lambda: run.changes(CHILD, op="deleted"))[0]
        assert len(deleted["receipt"]) > 1, "it rests on its own listing and its parent's"


# --- restarts ---

def test_a_restart_goes_on_where_the_last_run_was(lab, server):
    lab.has(collection(every="1h"), collection("p.soon", "/soon", every="2s"), collection(PARENT, "/parents", every="1h"), child(every="1h"))
    for path in ("/things", "/soon", "/parents", "/parents/*/children"):
        server.on(path, {"items": ITEMS})
    with Continual(lab) as run:
        run.wait(lambda: len(run.changes()) == 10)
    time.sleep(2)
    server.forget()
    with Continual(lab) as run:
        run.wait(lambda: len(server.asked("/soon")) >= 2)
        assert {r.path for r in server.asked()} == {"/soon"}, "the others are not due"
        assert not run.changes() and not run.statuses()


def test_children_that_a_crash_left_out_wait_for_credentials(lab, server):
    """Their parents are stored and they are not: they are harvested like all else, after the account's command."""
    lab.has(collection(PARENT, "/parents", every="1h"), child(every="1h"), auth={"kind": "bearer", "token": "{credentials.token}"},
            accounts=[lab.account(credentials={"token": {"exec": ["sh", "-c", "sleep 1; echo secret"]}})])
    server.on("/parents", {"items": ITEMS})
    stalled = threading.Event()
    server.on("/parents/*/children", lambda r: stalled.wait(20) and {"items": []})
    with Continual(lab) as run:
        run.wait(lambda: len(run.changes(PARENT)) == 2)
        run.kill()
    stalled.set()
    server.on("/parents/*/children", {"items": [{"id": "k"}]})
    server.forget()
    with Continual(lab) as run:
        run.wait(lambda: len(run.changes(CHILD)) == 2)
        assert {r.header("Authorization") for r in server.asked()} == {"Bearer secret"}
        assert len(run.lines) == 1, run


def test_kill_9_at_random_moments(lab, server):
    dice, parents = random.Random(5), [{"id": f"p{n}"} for n in range(4)]
    lab.has(collection(every="1s", page=TOKEN), collection(PARENT, "/parents", every="1s"), child())
    things = [{"id": f"t{n}"} for n in range(20)]
    server.on("/things", Listing(things, size=4))
    server.on("/parents", Listing(parents, style="none"))
    server.on("/parents/*/children", lambda r: {"items": [{"id": f"{r.path.split('/')[2]}-{n}"} for n in range(3)]})
    for n in range(15):
        run = Continual(lab).start()
        time.sleep(dice.uniform(0.02, 1.2))
        parents[n % 4] = {"id": f"p{n + 10}"}
        things[n] = {"id": f"t{n}", "v": n}
        time.sleep(dice.uniform(0, 0.6))
        run.kill()
        lab.verify()
    with Continual(lab) as run:
        run.started().wait(lambda: {key[5] for key in lab.world() if key[3] == CHILD} ==
                           {f"{parent['id']}-{n}" for parent in parents for n in range(3)})
    assert {key[5] for key in lab.world() if key[3] == "p.thing"} == {f"t{n}" for n in range(20)}
    assert not [e for e in lab.feed("--from", "oldest").changes("p.thing") if e["op"] == "deleted"]
