"""Operators and followers at a `garner run` that goes on: what they ask, several at once, while it is stopped and started, and among
those who speak something else."""

import json
import os
import random
import signal
import socket
import threading
import time

import pytest
from continual import Continual, free_port
from garner import ACCOUNT, PROVIDER, Lab, collection, provider, replay
from server import Listing

NAMELESS = {"name": "odd"}
TOKEN = {"style": "token", "from": "body:/next", "to": "query:token"}


class Gate:
    """Answers as `handler` does, but for pages that are held until they are let go."""

    def __init__(self, handler):
        self.handler, self.holds, self.came, self.open = handler, False, threading.Event(), threading.Event()

    def __call__(self, request):
        if self.holds:
            self.came.set()
            assert self.open.wait(60), "nobody let it go"
        return self.handler(request)

    def hold(self):
        self.came.clear()
        self.open.clear()
        self.holds = True

    def let_go(self):
        self.holds = False
        self.open.set()


def rarely(**over):
    return collection(every="1h", **over)


def harvests(lab):
    return [receipt["sound"] for receipt in lab.receipts()]


# --- harvest, confirm ---

def test_harvest_asks_now_what_is_due_in_an_hour(lab, server):
    items = [{"id": "a"}]
    server.on("/things", Listing(items, style="none"))
    server.on("/others", Listing(items, style="none"))
    lab.has(rarely(), collection("p.other", "/others", every="1h"))
    with Continual(lab) as run:
        run.wait(lambda: len(run.changes()) == 2)
        items.append({"id": "b"})
        assert json.loads(run.at("harvest", ACCOUNT, "p.thing", "--json").text) == {"collections": 1}
        run.wait(lambda: run.brief("p.thing") == ["created a", "created b"])
        assert run.brief("p.other") == ["created a"]
        assert "2 collections" in run.at("harvest", f"{PROVIDER}/{ACCOUNT}").text
        run.wait(lambda: len(run.changes()) == 4)
        run.at("harvest", "acct-2", expect=2).said("acct-1")
        run.at("harvest", ACCOUNT, "p.thinf", expect=2).said("p.thing")


@pytest.mark.parametrize("under_way", [False, True])
def test_what_is_held_back_is_confirmed_also_while_it_is_listed(lab, server, under_way):
    items = [{"id": f"i{n}"} for n in range(200)]
    gate = Gate(Listing(items, style="none"))
    server.on("/things", gate)
    lab.has(rarely(delete={"confirm": "none"}))
    with Continual(lab) as run:
        run.wait(lambda: len(run.changes()) == 200)
        run.at("confirm", ACCOUNT, "p.thing", expect=2).said("nothing of p.thing is held back")
        del items[1:]
        run.at("harvest", ACCOUNT)
        run.wait(lambda: run.statuses("held"))
        if under_way:
            gate.hold()
            run.at("harvest", ACCOUNT)
            run.wait(gate.came.is_set)
        confirmed, = run.at("confirm", ACCOUNT, "p.thing", "--json").ndjson()
        assert (confirmed["held"], confirmed["rows"]) == (199, 200)
        if under_way:
            gate.let_go()
        else:
            run.at("harvest", ACCOUNT)
        run.wait(lambda: len(run.changes(op="deleted")) == 199)
    assert lab.ids() == ["i0"]


# --- quarantine ---

def quarantined(run, *args, **more):
    return run.at("quarantine", "list", "--json", *args, **more).ndjson()


def test_quarantine_is_listed_and_shown(lab, server):
    server.on("/things", {"items": [{"id": "a"}, NAMELESS]})
    server.on("/others", {"items": [{"id": "a"}]})
    lab.has(rarely(), collection("p.other", "/others", every="1h"))
    with Continual(lab) as run:
        run.wait(lambda: run.said("no id at"))
        row, = quarantined(run)
        assert [row] == lab.on_data("quarantine", "list", "--json").ndjson()
        assert quarantined(run, "-t", "p.other") == [] and quarantined(run, "-t", "p.thinf", expect=2) == []
        shown = json.loads(run.at("quarantine", "show", row["digest"][:5], "--json").text)
        assert shown == {**row, "item": NAMELESS, "beginning": None}
        assert '"name": "odd"' in run.at("quarantine", "show", row["digest"]).text
        run.at("quarantine", "show", "zzz", expect=2)
        assert "stays" in run.at("quarantine", "retry", expect=1).text
        lab.garner("quarantine", "retry", "-c", lab.config, expect=1).said("in use")
        lab.env["GARNER_AT"] = run.listen
        assert lab.garner("quarantine", "list", "--json").ndjson() == [row]


@pytest.mark.parametrize("under_way", [False, True])
def test_retry_reads_by_the_provider_files_of_the_run_also_while_it_is_listed(lab, server, under_way):
    gate = Gate(Listing([{"id": "a", "name": "a"}, {"id": "b", "name": "b"}, {"id": "c", "name": "c"}, NAMELESS], style="token", size=2))
    server.on("/things", gate)
    lab.has(rarely(page=TOKEN))
    with Continual(lab) as run:
        run.wait(lambda: run.said("no id at"))
        row, = quarantined(run)
        gate.hold()
        lab.has_provider(provider(rarely(page=TOKEN, id="/name")))
        run.reload()
        run.at("harvest", ACCOUNT)
        run.wait(gate.came.is_set)
        if not under_way:
            gate.let_go()
            run.wait(lambda: "created odd" in run.brief())
            assert quarantined(run) == [], "a complete listing met it no more"
            return
        told = json.loads(run.at("quarantine", "retry", row["digest"][:6], "--json").text)
        assert told["released"] and told["id"] == "odd" and quarantined(run) == []
        gate.let_go()
        run.wait(lambda: "created odd" in run.brief())
        assert "nothing is in quarantine" in run.at("quarantine", "retry").err
    assert lab.on_data("quarantine", "list", "--json").ndjson() == []


# --- the feed ---

def feed(run, *args, **more):
    return run.at("feed", "--format", "ndjson", *args, **more)


def test_the_feed_from_its_beginning_from_now_and_from_a_cursor(lab, server):
    items = [{"id": f"i{n}"} for n in range(5)]
    server.on("/things", Listing(items, style="none"))
    server.on("/others", Listing(items, style="none"))
    lab.has(rarely(), collection("p.other", "/others", every="1h"))
    with Continual(lab) as run:
        run.wait(lambda: len(run.changes()) == 10 and len(run.statuses("listed")) == 2)
        whole = feed(run, "--from", "oldest", "--no-follow")
        assert whole.events()[:-1] == lab.feed("--from", "oldest").events()[:-1]
        assert feed(run, "--from", "now", "--no-follow").changes() == []
        third = feed(run, "--from", "oldest", "--limit", 3)
        rest = feed(run, "--from", third.cursor, "--no-follow")
        assert [e for e in third.events() + rest.events() if e["op"] != "bookmark"] == whole.events()[:-1]
        assert {e["type"] for e in feed(run, "--from", "oldest", "--no-follow", "-t", "p.other").changes()} == {"p.other"}
        assert feed(run, "--from", "oldest", "--no-follow", "--op", "status").changes() == []
        assert feed(run, "--from", "oldest", "--no-follow", "--no-initial").changes() == []
        table = run.at("feed", "--from", "oldest", "--no-follow", "--format", "table", "--op", "created").lines()
        assert table[0].split()[:3] == ["TIME", "OP", "ACCOUNT"] and len(table) == 11
        run.at("feed", "--from", "AAAA", "--no-follow", expect=2)


def until(condition, within=30, told=()):
    end = time.monotonic() + within
    while not condition():
        assert time.monotonic() < end, f"not within {within} s: {list(told)}"
        time.sleep(0.01)


class Follower:
    def __init__(self, lab, *args):
        self.process = lab.start("feed", "--format", "ndjson", *args)
        self.events, self.lines = [], []
        self.readers = [threading.Thread(target=self.read, args=(self.process.stdout, self.events, json.loads)),
                        threading.Thread(target=self.read, args=(self.process.stderr, self.lines, bytes.decode))]
        for reader in self.readers:
            reader.start()

    @staticmethod
    def read(pipe, to, how):
        for line in pipe:
            to.append(how(line))

    def ids(self):
        return [e["id"] for e in list(self.events) if e["op"] == "created"]

    def stop(self):
        self.process.send_signal(signal.SIGINT)
        code = self.process.wait(30)
        for reader in self.readers:
            reader.join(10)
        for pipe in (self.process.stdout, self.process.stderr):
            pipe.close()
        return code


def test_followers_lose_nothing_and_get_nothing_twice_while_it_is_stopped_and_started(lab, server):
    items = [{"id": "i0"}]
    server.on("/things", Listing(items, style="none"))
    lab.has(collection(every="500ms"))
    run = Continual(lab)
    run.start()
    run.wait(lambda: run.changes())
    followers = [Follower(lab, "--from", "oldest", "--at", run.listen) for _ in range(4)]
    try:
        for follower in followers:  # one that has never met it is told that nobody is there
            until(follower.ids)
        for n, how in enumerate((run.stop, run.kill, run.stop)):
            items += [{"id": f"i{n}-{k}"} for k in range(20)]
            run.wait(lambda n=n: f"i{n}-19" in followers[n].ids())
            how()
            if n == 0:  # long enough for them to see
                for follower in followers:
                    until(lambda follower=follower: any("waiting for it to come back" in line for line in follower.lines),
                              told=follower.lines)
            items.append({"id": f"away{n}"})
            run.start()
        items.append({"id": "last"})
        for follower in followers:
            run.wait(lambda follower=follower: len(follower.ids()) >= len(items), within=60)
        run.stop()
    finally:
        codes = [follower.stop() for follower in followers]
    assert codes == [0] * 4
    truth = lab.feed("--from", "oldest").events()
    for follower in followers:
        told = [e for e in follower.events if e["op"] != "bookmark"]
        assert told == truth[:len(told)] and sorted(follower.ids()) == sorted(item["id"] for item in items)
        replay(follower.events)


# --- who else is there, or isn't ---

@pytest.mark.parametrize("verb", [("harvest", ACCOUNT), ("confirm", ACCOUNT, "p.thing"), ("quarantine", "list"),
                                  ("quarantine", "retry"), ("feed", "--no-follow")])
def test_nobody_there_is_exit_code_3(lab, verb):
    lab.garner(*verb, "--at", f"tcp://127.0.0.1:{free_port()}", expect=3).said("garner run")
    lab.garner(*verb, "--at", "nonsense", expect=2)


def hostile(port, data):
    with socket.create_connection(("127.0.0.1", port), timeout=10) as made:
        if data is None:
            return
        try:
            made.sendall(data)
            made.settimeout(0.2)
            made.recv(4096)
        except OSError:
            pass


def test_garbage_and_port_scans_do_not_stop_it(lab, server):
    server.on("/things", {"items": [{"id": "a"}]})
    lab.has(rarely())
    dice = random.Random(5)
    greeting = b"\0SP\0\0\x30\0\0"  # of NNG's REQ
    with Continual(lab) as run:
        run.wait(lambda: run.changes())
        port = int(run.listen.rsplit(":", 1)[1])
        for _ in range(20):
            hostile(port, None)
            hostile(port, dice.randbytes(dice.randrange(1, 4000)))
            hostile(port, greeting + (2**63).to_bytes(8, "big"))
            message = (0x80000001).to_bytes(4, "big") + dice.randbytes(dice.randrange(0, 200))
            hostile(port, greeting + len(message).to_bytes(8, "big") + message)
        hostile(port, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert "1 collection" in run.at("harvest", ACCOUNT).text
        assert feed(run, "--from", "oldest", "--no-follow").brief() == ["created a"]


def test_two_at_one_address(lab, server, tmp_path):
    server.on("/things", {"items": [{"id": "a"}]})
    lab.has(rarely())
    with Continual(lab) as run:
        run.wait(lambda: run.changes())
        other = Lab(tmp_path / "other", server.url)
        os.mkdir(other.folder)
        other.has(rarely(), config={"listen": run.listen})
        other.garner("run", "-c", other.config, expect=2).said("in use", "listen")
        again = lab.garner("run", "-c", lab.config, expect=1)
        again.said("in use")
        assert "1 collection" in run.at("harvest", ACCOUNT).text


def test_what_is_under_way_is_harvested_once_more(lab, server):
    gate = Gate(Listing([{"id": "a"}], style="none"))
    server.on("/things", gate)
    lab.has(rarely())
    gate.hold()
    with Continual(lab) as run:
        run.wait(gate.came.is_set)
        assert "1 collection" in run.at("harvest", ACCOUNT).text
        gate.let_go()
        run.wait(lambda: run.changes())
        run.wait(lambda: len(server.asked("/things")) == 2)
    assert harvests(lab) == [True, True]
