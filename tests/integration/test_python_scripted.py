"""The subscriber of client/python, and `garner feed`, among those who answer what no `garner run` answers on demand: a Garner that is scripted."""

import contextlib
import decimal
import os
import sqlite3
import subprocess
import sys
import threading
import time

import msgpack
import pynng
import pytest
from garner import ROOT

pytestmark = pytest.mark.usefixtures("in_time")
FEED = bytes(range(16))
COMPACTED, FUTURE, DIVERGED, MOVED = range(1, 5)


class Scripted:
    """`script` takes a request and gives the reply's fields, or bytes. What it was asked is in `asked`."""

    def __init__(self, wire, script):
        self.wire, self.script, self.asked = wire, script, []
        self.socket = pynng.Rep0(listen="tcp://127.0.0.1:0")
        self.address = f"tcp://{self.socket.listeners[0].local_address}"
        self.thread = threading.Thread(target=self.serve, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.socket.close()
        self.thread.join(10)

    def serve(self):
        with contextlib.suppress(pynng.Closed):
            while True:
                request = self.wire.Request.FromString(self.socket.recv())
                self.asked.append(request)
                said = self.script(request)
                if said is None and request.HasField("hello"):
                    said = {"hello": {"from": 1, "to": 1, "program": b"garner 0.1.0", "role": b"run", "pid": 1, "feed": FEED, "shards": 4}}
                elif said is None and request.HasField("map"):
                    said = {"map": {"version": 1, "workers": [{"address": b"", "all": True}]}}
                self.socket.send(said if isinstance(said, bytes) else self.wire.Reply(**{"id": request.id, **said}).SerializeToString())


@pytest.fixture
def scripted(garner_feed):
    with contextlib.ExitStack() as stack:
        yield lambda script: stack.enter_context(Scripted(garner_feed.wire, script))


def at(seq, shard=2, epoch=1):
    return {"shard": shard, "epoch": epoch, "seq": seq}


def change(garner_feed, seq, id, document, op=2):
    made = garner_feed.wire.Change(shard=2, epoch=1, seq=seq, time_ms=1, op=op, initial=False, provider=b"p", account=b"a", type=b"p.thing",
                                   id=id.encode(), collection=0)
    if document is not None:
        made.after = msgpack.packb(document)
    return made.SerializeToString()


def part(begin, *rows, go_on=None, complete=True):
    record = {"id": 0, "provider": b"p", "account": b"a", "type": b"p.thing", "definition": b"", "id_rule": b"", "rows": 3, "next_row": 3,
              "next_harvest": 2}
    told = [{"row": row, "id": id.encode(), "last_seq": seq, "first_seen_ms": 1, "document": msgpack.packb(document)}
            for row, id, seq, document in rows]
    made = {"begin": at(begin), "collections": [{"record": record, "complete": complete, "rows": told}]}
    return {"snapshot": made | ({"collection": 0, "row": go_on} if go_on is not None else {})}


def test_a_shard_that_fell_behind_is_given_whole_and_begun_anew_where_it_must(garner_feed, scripted, caplog):
    parts = iter([part(50, (0, "a", 7, {}), go_on=1), {"snapshot": {"refusal": {"kind": COMPACTED, "shard": 2}}},
                  part(60, (0, "a", 7, {}), go_on=1), part(60, (1, "b", 8, {}), (2, "c", 61, {}))])

    def script(request):
        if request.HasField("snapshot"):
            return next(parts)
        if request.HasField("fetch"):
            if request.fetch.positions[0].seq == 5:
                return {"fetch": {"refusals": [{"kind": COMPACTED, "shard": 2, "oldest": 40}]}}
            return {"fetch": {"changes": [change(garner_feed, 61, "c", {})], "positions": [at(61)]}}

    server = scripted(script)
    cursor = garner_feed.wire.cursor_to_text(FEED, {2: garner_feed.wire.Position(**at(5))})
    with garner_feed.Feed(server.address, cursor, wait=0) as feed:
        cursors, seen = [], []
        for batch in feed:
            cursors.append(garner_feed.wire.cursor_from_text(feed.cursor)[1][2].seq)
            seen.append((type(batch).__name__, *(row.id for row in getattr(batch, "rows", ()))))
            if isinstance(batch, garner_feed.Changes):
                break
    assert seen == [("Begin",), ("Rows", "a"), ("Begin",), ("Rows", "a"), ("Rows", "b", "c"), ("End",), ("Changes",)]
    assert cursors == [5, 5, 5, 5, 5, 60, 61]
    demands = [request.snapshot for request in server.asked if request.HasField("snapshot")]
    assert [(demand.begin.seq, demand.row, demand.HasField("collection")) for demand in demands] == [
        (0, 0, False), (50, 1, True), (0, 0, False), (60, 1, True)]
    assert any("COMPACTED" in line for line in caplog.messages) and any("anew" in line for line in caplog.messages)
    with garner_feed.Feed(server.address, cursor, wait=0, snapshots=False) as feed, pytest.raises(garner_feed.FeedError) as e:
        next(iter(feed))
    assert e.value.code == "COMPACTED" and "keeps 40 and later" in str(e.value)


def test_the_example_skips_what_a_row_has_already_and_forgets_what_is_gone(garner_feed, scripted, site, tmp_path):
    snapshots = iter([part(5, (0, "a", 7, {"v": 7}), (1, "b", 3, {"v": 3})), part(20, (0, "a", 9, {"v": 9}))])
    answers = iter([{"changes": [change(garner_feed, 6, "a", {"v": 6})], "positions": [at(6)]},
                    {"changes": [change(garner_feed, 8, "b", {"v": 8})], "positions": [at(8)]},
                    {"refusals": [{"kind": COMPACTED, "shard": 2, "oldest": 12}]}])
    go_on = threading.Semaphore(0)

    def script(request):
        if request.HasField("snapshot"):
            return next(snapshots)
        if request.HasField("fetch") and request.fetch.now:
            return {"fetch": {"positions": [at(5)]}}
        if request.HasField("fetch"):
            go_on.acquire(timeout=30)
            return {"fetch": next(answers, {})}

    def has(*rows):
        end = time.monotonic() + 20
        while True:
            with contextlib.closing(sqlite3.connect(path)) as db, contextlib.suppress(sqlite3.OperationalError):
                found = db.execute("SELECT id, seq, document FROM resources ORDER BY id").fetchall()
                if found == list(rows):
                    return
            assert time.monotonic() < end, found
            time.sleep(0.01)

    def fetches():
        return sum(request.HasField("fetch") for request in server.asked)

    server, path = scripted(script), tmp_path / "inventory.db"
    process = subprocess.Popen([sys.executable, "-B", ROOT / "client/python/example.py", server.address, path],
                               env={**os.environ, "PYTHONPATH": str(site)})
    try:
        has(("a", 7, '{"v":7}'), ("b", 3, '{"v":3}'))
        for wanted in ([("a", 7, '{"v":7}'), ("b", 3, '{"v":3}')], [("a", 7, '{"v":7}'), ("b", 8, '{"v":8}')], [("a", 9, '{"v":9}')]):
            before = fetches()
            go_on.release()
            while fetches() == before:  # what was answered is done with when it asks again
                assert process.poll() is None
                time.sleep(0.01)
            has(*wanted)
    finally:
        process.kill()
        process.wait()
        go_on.release(100)


def test_who_is_sent_away_at_once_does_not_ask_all_the_time(garner_feed, scripted):
    server = scripted(lambda request: {"fetch": {}} if request.HasField("fetch") else None)
    with garner_feed.Feed(server.address, garner_feed.wire.cursor_to_text(FEED, {}), wait=0.3) as feed:
        batches = iter(feed)
        began = time.monotonic()
        assert [next(batches).changes for _ in range(3)] == [[], [], []] and time.monotonic() - began >= 0.9


def test_a_feed_that_ends_once_all_is_printed_waits_for_a_slow_garner(garner_feed, scripted, lab):
    def script(request):
        if not request.HasField("fetch"):
            return None
        if request.fetch.oldest or request.fetch.positions:
            return {"fetch": {}}
        time.sleep(2)
        made = garner_feed.wire.Change.FromString(change(garner_feed, 1, "i0", {}, op=1))
        made.collection = 1
        return {"fetch": {"changes": [made.SerializeToString()], "positions": [at(1)]}}
    told = lab.garner("feed", "--at", scripted(script).address, "--from", "oldest", "--no-follow", "--json")
    assert [change["id"] for change in told.changes()] == ["i0"]


def test_a_change_that_cant_be_read_isnt_behind_the_bookmark(garner_feed, scripted, lab):
    bad = {"fetch": {"changes": [b"no change"], "positions": [at(1)]}}
    start = garner_feed.wire.cursor_to_text(FEED, {})
    address = scripted(lambda request: bad if request.HasField("fetch") else None).address
    told = lab.garner("feed", "--at", address, "--from", start, "--no-follow", "--json", expect=None)
    assert told.said("can't be read") and start in told.out.decode().splitlines()[-1]


@pytest.mark.parametrize("to, said, code, sentence", [
    ("hello", {"hello": {"from": 2, "to": 3, "program": b"garner 9", "role": b"run", "pid": 1, "feed": FEED, "shards": 1}}, "CONNECT", "update"),
    ("hello", b"\xff\xff", "PROTOCOL", "none of Garner's"),
    ("hello", {"failure": {"code": "usage", "sentence": b"no"}}, "USAGE", "no"),
    ("map", {"map": {"version": 1, "workers": [{"address": b"tcp://10.0.0.7:7801", "shards": [1]}]}}, "MOVED", "10.0.0.7"),
    ("fetch", {"id": 99, "fetch": {}}, "PROTOCOL", "doesn't fit"),
    ("fetch", {"map": {"version": 1}}, "PROTOCOL", "doesn't fit"),
    ("fetch", {"fetch": {"refusals": [{"kind": MOVED, "shard": 2}]}}, "MOVED", "shard 2 is elsewhere"),
    ("fetch", {"fetch": {"refusals": [{"kind": FUTURE, "shard": 2, "head": 3}]}}, "FUTURE", "ends at 3"),
    ("fetch", {"failure": {"code": "store", "sentence": b"shard 2 can't be read"}}, "STORE", "shard 2"),
])
def test_answers_that_are_no_good_are_told(garner_feed, scripted, to, said, code, sentence):
    server = scripted(lambda request: said if request.HasField(to) else None)
    cursor = garner_feed.wire.cursor_to_text(FEED, {2: garner_feed.wire.Position(**at(5))})
    with pytest.raises(garner_feed.FeedError, match=sentence) as e, garner_feed.Feed(server.address, cursor, wait=0) as feed:
        next(iter(feed))
    assert e.value.code == code


@pytest.mark.parametrize("text, value", [
    ("10000000000000000000000000", "1e25"), ("1E999999999999999999999", "Infinity"), ("-1e1000000000000000000", "-Infinity"),
    ("1e-999999999999999999999", "0"), ("-0.00e99999999999999999999999", "-0"),
])
def test_a_number_keeps_its_literal_however_large_it_is(garner_feed, text, value):
    number = garner_feed.Number(text)
    assert number == decimal.Decimal(value) and number.is_signed() == value.startswith("-")
    assert garner_feed.to_json({"n": number}) == f'{{"n":{text}}}'
