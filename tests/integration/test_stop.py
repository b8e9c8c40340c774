"""The end of a run that goes on, whatever is under way; its breaker; orders from outside."""

import json
import signal
import threading
import time

import pytest
from continual import STOP_S, Continual
from garner import collection
from server import Answer, Listing, error

TOKEN = {"style": "token", "from": "body:/next", "to": "query:token"}
ITEMS = [{"id": "a"}, {"id": "b"}]


def tells_nothing_wrong(run):
    assert not run.said("level=warn") and not run.said("level=error") and not run.statuses("unreachable"), run


# --- the end ---

def test_during_a_slow_page_what_came_before_is_kept(lab, server):
    lab.has(collection(page=TOKEN, every="1h"))
    server.on("/things", lambda r: Answer({"items": []}, delay=60) if r.param("token") else {"items": ITEMS, "next": "t2"})
    with Continual(lab) as run:
        run.wait(lambda: len(server.asked()) == 2)
        run.stop()
    tells_nothing_wrong(run)
    assert run.brief() == ["created a", "created b"] and lab.ids() == ["a", "b"]
    server.on("/things", {"items": ITEMS, "next": None})
    with Continual(lab) as run:
        run.wait(lambda: run.statuses("listed"))
    assert not run.changes()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
def test_during_a_long_listing(lab, server, number):
    lab.has(collection(page=TOKEN, every="1h"))

    def endless(request):
        page = int(request.param("token", "0"))
        return {"items": [{"id": f"i{page}-{n}"} for n in range(100)], "next": str(page + 1)}

    server.on("/things", endless)
    with Continual(lab) as run:
        run.wait(lambda: len(run.changes()) > 1000)
        run.stop(number)
    tells_nothing_wrong(run)
    assert len(lab.ids()) >= len(run.changes())


def test_during_retries(lab, server):
    lab.has(collection(every="1h"), config={"retry_first": "20s"})
    server.on("/things", error(503, "Busy"))
    with Continual(lab) as run:
        run.wait(lambda: server.asked())
        time.sleep(0.2)
        run.stop()
    tells_nothing_wrong(run)


def test_with_200_collections_under_way(lab, server):
    server.on("/parents", {"items": [{"id": f"p{n}"} for n in range(200)]})
    server.on("/parents/*", Answer({"items": []}, delay=60))
    lab.has(collection("p.parent", "/parents", every="1h"),
            collection("p.child", "/parents/{parent.id}/children", scope={"parent": "p.parent"}, every="1h"),
            limits={"concurrency": 256})
    with Continual(lab) as run:
        run.wait(lambda: len(server.asked("/parents/*")) >= 8)
        run.stop()
    tells_nothing_wrong(run)
    assert len(lab.ids("p.parent")) == 200


def test_parents_that_are_stopped_leave_no_other_listing_behind(lab, server):
    """To stop a parent's first listing has a commit made at once, and that ends others meanwhile."""
    def answer(request):
        if request.param("token"):
            return Answer({"items": []}, delay=60)
        return {"items": ITEMS, "next": None if request.path.startswith("/done") else "t2"}

    server.on("*", answer)
    made = []
    for n in range(2):
        made += [collection(f"p.parent{n}", f"/parents/{n}", page=TOKEN, every="1h"),
                 collection(f"p.done{n}", f"/done/{n}", page=TOKEN, every="1s"),
                 collection(f"p.slow{n}", f"/slow/{n}", page=TOKEN, every="1h"),
                 collection(f"p.child{n}", "/child/{parent.id}", scope={"parent": f"p.parent{n}"}, every="1h")]
    lab.has(*made)
    with Continual(lab) as run:
        run.wait(lambda: len([r for r in server.asked() if r.param("token")]) == 4)
        run.stop()
    tells_nothing_wrong(run)


def test_while_credentials_and_logins_are_awaited(lab, server):
    lab.has(collection(every="1h"), auth={"kind": "bearer", "token": "{credentials.token}"},
            accounts=[lab.account(credentials={"token": {"exec": ["sleep", "60"]}})])
    with Continual(lab) as run:
        run.started()
        time.sleep(0.3)
        run.stop()
    tells_nothing_wrong(run)


def test_before_it_has_begun(lab, server):
    lab.has(collection(every="1h"))
    server.on("/things", {"items": ITEMS})
    for wait in (0.05, 0.1, 0.15, 0.2, 0.3):
        run = Continual(lab).start()
        time.sleep(wait)
        run.process.terminate()
        run.process.wait(STOP_S)
        assert run.process.returncode in (0, -signal.SIGTERM), run  # as before it listens to signals
        run.join()


def test_the_second_signal_ends_it_at_once(lab, server):
    lab.has(collection(every="1h"))
    server.on("/things", Answer({"items": []}, delay=60))
    with Continual(lab) as run:
        run.wait(lambda: server.asked())
        run.process.send_signal(signal.SIGSTOP)  # so that both come before it has ended
        run.send(signal.SIGTERM)
        run.process.send_signal(signal.SIGCONT)
        for _ in range(200):
            run.send(signal.SIGTERM)
            if run.process.poll() is not None:
                break
            time.sleep(0.001)
        run.ended(code=None, within=2)
        assert run.process.returncode in (0, -signal.SIGTERM), run


def test_when_nobody_reads_its_feed_any_more(lab, server):
    items = [{"id": f"i{n}"} for n in range(10)]
    lab.has(collection(every="1s"))
    server.on("/things", Listing(items, style="none"))
    run = Continual(lab).start()
    run.wait(lambda: len(run.changes()) == 10)
    run.is_deaf = True
    items.append({"id": "late"})
    run.wait(lambda: "late" in lab.ids())
    items.append({"id": "later"})
    run.wait(lambda: "later" in lab.ids())
    run.stop(code=1)
    assert len(run.said("standard output")) == 1, run


# --- the breaker ---

def test_revoked_credentials_are_asked_little_and_told_once(lab, server):
    made = [collection(f"p.t{n}", f"/{{account.id}}/{n}", every="1s") for n in range(20)]
    lab.has(*made, accounts=[lab.account(id="bad"), lab.account(id="good")])
    server.on("*", {"items": ITEMS})
    with Continual(lab) as run:
        run.wait(lambda: len(run.changes()) == 80)
        server.on("/bad/*", error(401, "Revoked"))
        run.wait(lambda: len(run.statuses("unreachable", account="bad")) == 20)
        time.sleep(1)
        server.forget()
        time.sleep(5)
        assert len(server.asked("/bad/*")) <= 2, "its breaker is open"
        assert len(server.asked("/good/*")) >= 60, "another account isn't touched"
        assert len(run.statuses("unreachable")) == 20
        assert len(run.said("not asked")) == 1, run
        server.on("/bad/*", {"items": ITEMS})
        server.forget()
        run.at("harvest", "p/bad")
        run.wait(lambda: len(run.statuses("recovered", account="bad")) == 20, within=8)
        run.wait(lambda: len(server.asked("/bad/*")) >= 60)
        assert not run.statuses(account="good", kind="unreachable") and len(run.statuses("recovered")) == 20
    assert len(run.changes()) == 80


# --- orders ---

def test_harvest_now(lab, server):
    lab.has(collection(every="1h"), collection("p.other", "/other", every="1h"))
    server.on("*", {"items": ITEMS})
    with Continual(lab) as run:
        run.wait(lambda: len(run.changes()) == 4)
        server.forget()
        assert "1" in run.at("harvest", "p/acct-1", "p.thing").text
        run.wait(lambda: [r.path for r in server.asked()] == ["/things"], within=5)
        run.at("harvest", "acct-1")
        run.wait(lambda: sorted(r.path for r in server.asked()) == ["/other", "/things", "/things"], within=5)
        run.at("harvest", "nobody", expect=2)
        run.at("harvest", "acct-1", "p.nothing", expect=2)
        server.on("/things", lambda r: Answer({"items": ITEMS}, delay=1))
        server.forget()
        run.at("harvest", "p/acct-1", "p.thing")
        run.wait(lambda: server.asked("/things"))
        for _ in range(3):
            run.at("harvest", "p/acct-1", "p.thing")
        run.wait(lambda: len(server.asked("/things")) == 2)
        time.sleep(2)
        assert len(server.asked("/things")) == 2, "once more, however often it was asked for"
    lab.garner("harvest", "p/acct-1", "--at", run.listen, expect=3)


def test_a_confirmation_during_a_listing_is_not_lost(lab, server):
    many, hold = [{"id": f"i{n}"} for n in range(100)], threading.Event()
    lab.has(collection(page=TOKEN, every="2s"))

    def answer(request):
        if request.param("token"):
            if not many[1:]:
                hold.wait(60)
            return {"items": [], "next": None}
        return {"items": list(many), "next": "t2"}

    server.on("/things", answer)
    hold.set()
    with Continual(lab) as run:
        run.wait(lambda: run.statuses("listed"))
        del many[1:]
        run.wait(lambda: run.statuses("held"))
        hold.clear()
        before = len(server.asked())
        run.wait(lambda: len(server.asked()) >= before + 2 and server.asked()[-1].param("token"))
        run.at("confirm", "p/acct-1", "p.thing")
        hold.set()
        run.wait(lambda: len(run.changes(op="deleted")) == 99)
        assert len(run.said("guard holds back")) == 1
    assert lab.ids() == ["i0"]


def test_a_feed_at_a_running_garner_follows(lab, server):
    items = [{"id": "a"}]
    lab.has(collection(every="1s"))
    server.on("/things", Listing(items, style="none"))
    with Continual(lab) as run:
        run.wait(lambda: run.changes())
        feed = lab.start("feed", "--at", run.listen, "--from", "oldest", "--format", "ndjson")
        items.append({"id": "b"})
        seen = []
        while seen[-1:] != ["b"]:
            event = json.loads(feed.stdout.readline())
            seen += [event["id"]] if event["op"] == "created" else []
        feed.terminate()
        feed.communicate(timeout=20)
    assert seen == ["a", "b"]
