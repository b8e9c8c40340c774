"""The subscriber of client/python at a live `garner run`: the proof that docs/feed.md is enough to write one."""

import contextlib
import json
import os
import random
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time

import pytest
from continual import Continual, free_port
from garner import ACCOUNT, ROOT, collection, literal
from server import Listing, error

CLIENT = ROOT / "client/python"
pytestmark = pytest.mark.usefixtures("in_time")


def rarely(**over):
    return collection(every="1h", **over)


def feed_of(run, *args, **more):
    return run.at("feed", "--format", "ndjson", *args, **more)


def facts(result):
    """Lines but bookmarks, numbers as they stand there."""
    return [event for event in map(literal, result.lines()) if event["op"] != "bookmark"]


def take(feed, count, within=30):
    """The next so many changes, and then nothing that isn't asked for."""
    taken, end = [], time.monotonic() + within
    for batch in feed:
        taken += batch.changes
        if len(taken) >= count:
            assert len(taken) == count, taken
            return taken
        assert time.monotonic() < end, f"not within {within} s: {[c.to_json() for c in taken]}"


def as_facts(changes):
    return [literal(change.to_json()) for change in changes]


def brief(changes):
    return [f"{change.op} {change.id}" for change in changes]


class Things:
    """What a provider has; `harvest` has Garner see it now."""

    def __init__(self, lab, server, *collections):
        self.items, self.others = [], []
        server.on("/things", Listing(self.items, style="none"))
        server.on("/others", Listing(self.others, style="none"))
        lab.has(rarely(delete={"confirm": "none", "guard": "none"}), collection("p.other", "/others", every="1h"), *collections)

    @staticmethod
    def harvest(run):
        run.wait(lambda: run.at("harvest", ACCOUNT, expect=None).code == 0)


@pytest.fixture
def things(lab, server):
    return Things(lab, server)


# --- changes ---

def test_it_gets_what_garner_feed_prints(lab, things, garner_feed):
    odd = {"id": "i0", "a": [1, 1.5, -0.0, 1.10, 18446744073709551615, 10**25, True, None, "é\u0000\"\\"], "o": {"": {}}}
    things.items += [odd, {"id": "gone"}]
    things.others.append({"id": "o/1"})
    with Continual(lab) as run:
        run.wait(lambda: len(run.statuses("listed")) == 2)
        things.items[:] = [{**odd, "a": [], "new": 1e300}]
        things.harvest(run)
        run.wait(lambda: run.changes(op="deleted"))
        truth = facts(feed_of(run, "--from", "oldest", "--no-follow"))
        with garner_feed.Feed(run.listen, "oldest", wait=1) as feed:
            taken = take(feed, len(truth))
        assert as_facts(taken) == truth and {event["op"] for event in truth} == {"created", "updated", "deleted", "status"}
        changed = next(change for change in taken if change.op == "updated")
        assert changed.before["a"][5] == 10**25 and changed.after["new"] == 1e300 and changed.collection.type == "p.thing"


def test_it_goes_on_behind_its_cursor_while_garner_is_killed_and_started(lab, things, garner_feed):
    things.items.append({"id": "i0"})
    run = Continual(lab)
    run.start()
    run.wait(lambda: len(run.statuses("listed")) == 2)
    with garner_feed.Feed(run.listen, "oldest", wait=0.2) as feed:
        taken = take(feed, 3)
        for n, how in enumerate((run.stop, run.kill)):
            how()
            things.items.append({"id": f"away{n}"})
            threading.Timer(0.3, lambda: things.harvest(run.start())).start()
            taken += take(feed, 1)
        cursor = feed.cursor
    run.stop()
    things.items.append({"id": "later"})
    with run:
        things.harvest(run)
        with garner_feed.Feed(run.listen, cursor, wait=0.2) as feed:
            taken += take(feed, 1)
        assert as_facts(taken) == facts(feed_of(run, "--from", "oldest", "--no-follow"))
    assert brief(taken)[3:] == ["created away0", "created away1", "created later"]


def test_its_cursors_are_those_of_garner_feed(lab, things, garner_feed):
    things.items += [{"id": f"i{n}"} for n in range(6)]
    things.others += [{"id": f"o{n}"} for n in range(6)]
    with Continual(lab) as run:
        run.wait(lambda: len(run.statuses("listed")) == 2)
        truth = facts(feed_of(run, "--from", "oldest", "--no-follow"))
        with garner_feed.Feed(run.listen, "oldest", wait=0.2) as feed:
            for count in range(1, len(truth) + 1):
                feed_of(run, "--from", feed.cursor, "--limit", 0)
                if count == 1:
                    take(feed, len(truth))
                rest = feed_of(run, "--from", feed.cursor_within(count), "--no-follow")
                assert facts(rest) == truth[count:]
            assert rest.cursor == feed.cursor == feed.cursor_within(len(truth))
        for count in (1, 7):
            cursor = feed_of(run, "--from", "oldest", "--limit", count).cursor
            with garner_feed.Feed(run.listen, cursor, wait=0.2) as feed:
                assert feed.cursor == cursor and as_facts(take(feed, len(truth) - count)) == truth[count:]


def test_filters_are_garners(lab, things, garner_feed):
    things.items += [{"id": f"i{n}", "ports": [{"from": n}]} for n in range(3)]
    things.others.append({"id": "x1"})
    with Continual(lab) as run:
        run.wait(lambda: len(run.statuses("listed")) == 2)
        things.items[:2] = [{"id": "i0", "ports": [{"from": 22}]}, {"id": "i1", "ports": [{"from": 1}], "name": "n"}]
        things.harvest(run)
        run.wait(lambda: len(run.changes(op="updated")) == 2)
        everything = facts(feed_of(run, "--from", "oldest", "--no-follow"))

        def given(**filters):
            with garner_feed.Feed(run.listen, "oldest", wait=0, **filters) as feed:
                batch = next(iter(feed))
                assert facts(feed_of(run, "--from", feed.cursor, "--no-follow")) == [], "the cursor is behind what was left out, too"
                return batch.changes

        assert brief(given(types=["p.other"], ops=["created"])) == ["created x1"]
        assert sorted(brief(given(ops=["updated"]))) == ["updated i0", "updated i1"]
        assert brief(given(ops=["updated"], touches="/ports/*/from")) == ["updated i0"]
        assert {change.op for change in given(no_initial=True)} == {"updated", "status"}
        assert sorted(brief(given(id_prefix="i1"))) == ["created i1", "status None", "status None", "updated i1"]
        assert given(accounts=["p/acct-2"]) == given(regions=["r"]) == given(providers=["q"]) == []
        assert len(given(accounts=["p/acct-1"], regions=[""], providers=["q", "p"])) == len(everything)
        parts = [given(members=3, member=member) for member in range(3)]
        assert sorted(map(json.dumps, (change.to_dict() for part in parts for change in part))) == sorted(map(json.dumps, (
            json.loads(line) for line in feed_of(run, "--from", "oldest", "--no-follow").lines()[:-1])))
        for bad in ({"members": 3, "member": 3}, {"touches": "no pointer"}, {"ops": ["moved"]}, {"max_events": 0}):
            with pytest.raises(garner_feed.FeedError) as e:
                given(**bad)
            assert e.value.code == "USAGE", e.value


def test_hints_tell_when_to_ask(lab, things, garner_feed):
    things.items.append({"id": "i0"})
    with Continual(lab) as run:
        run.wait(lambda: len(run.statuses("listed")) == 2)
        with garner_feed.Feed(run.listen, "now", wait=20, hints=True) as feed:
            for n in range(3):
                threading.Timer(0.2, lambda n=n: (things.items.append({"id": f"n{n}"}), things.harvest(run))).start()
                began = time.monotonic()
                assert brief(take(feed, 1)) == [f"created n{n}"]
                assert time.monotonic() - began < 15, "a wait ended, and no hint came"


# --- snapshots ---

def inventory(path):
    """What is in it, by type and id; nothing while the example has only just begun."""
    with contextlib.closing(sqlite3.connect(path)) as db:
        try:
            rows = db.execute("SELECT place, id, document FROM resources").fetchall()
        except sqlite3.OperationalError:
            rows = []
    return sorted(((*json.loads(place), id, document) for place, id, document in rows), key=lambda row: (row[3], row[5]))


def truth_of(lab, *types):
    rows = [row for type in types for row in lab.on_data("list", type, "--json", expect=None).ndjson()]
    return sorted(((*(row[key] for key in ("provider", "account", "region", "type", "parent", "id")),
                    json.dumps(row["document"], separators=(",", ":"))) for row in rows), key=lambda row: (row[3], row[5]))


class Example:
    """client/python/example.py, while it runs."""

    def __init__(self, site, run, path):
        self.path = path
        self.process = subprocess.Popen([sys.executable, "-B", CLIENT / "example.py", run.listen, path], stderr=subprocess.PIPE,
                                        env={**os.environ, "PYTHONPATH": str(site)})

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.communicate()

    def has(self, run, *ids):
        run.wait(lambda: sorted(row[5] for row in inventory(self.path)) == sorted(ids))


def test_the_example_has_what_garner_has_however_often_it_is_killed(lab, things, site, tmp_path):
    things.items += [{"id": f"i{n}", "text": "x" * 2000} for n in range(1500)]
    things.others.append({"id": "x"})
    path, dice = tmp_path / "inventory.db", random.Random(6)
    with Continual(lab) as run:
        run.wait(lambda: len(run.statuses("listed")) == 2)
        for n in range(9):
            with Example(site, run, path) as subscriber:
                things.items[n * 10:n * 20 + 5] = [{"id": f"n{n}-{k}", "text": ""} for k in range(20)]
                things.harvest(run)
                if n == 8:
                    run.wait(lambda: inventory(path) == truth_of(lab, "p.thing", "p.other"))
                else:
                    time.sleep(dice.uniform(0.2, 0.8))
                assert subscriber.process.poll() is None, subscriber.process.stderr.read().decode()


def test_a_snapshot_has_filters_and_comes_in_parts(lab, things, garner_feed):
    things.items += [{"id": f"i{n}", "text": "x" * 10000} for n in range(250)]
    things.others.append({"id": "x"})
    with Continual(lab) as run:
        run.wait(lambda: len(run.statuses("listed")) == 2)
        for filters, count in (({}, 251), ({"types": ["p.thing"]}, 250), ({"id_prefix": "i24"}, 11), ({"accounts": ["none"]}, 0)):
            with garner_feed.Feed(run.listen, wait=0, **filters) as feed:
                rows, ended, parts = [], [], 0
                for batch in feed:
                    if isinstance(batch, garner_feed.Changes):
                        break
                    if isinstance(batch, garner_feed.End):
                        ended.append(batch.shard)
                    if isinstance(batch, garner_feed.Rows):
                        rows += batch.rows
                        parts += 1
                        assert batch.complete
                assert len(rows) == len({row.id for row in rows}) == count and not batch.changes
                assert parts > 2 or count < 250
                assert all(row.document["id"] == row.id for row in rows)
                assert facts(feed_of(run, "--from", feed.cursor, "--no-follow")) == []


# --- cursors that lead nowhere ---

def refused(garner_feed, code, *args, **more):
    with pytest.raises(garner_feed.FeedError) as e, garner_feed.Feed(*args, wait=0, **more) as feed:
        next(iter(feed))
    assert e.value.code == code, e.value
    return str(e.value)


def test_forged_cut_foreign_and_future_cursors_are_told(lab, server, things, garner_feed, tmp_path, caplog):
    things.items += [{"id": "a"}, {"id": "b"}]
    with Continual(lab) as run:
        run.wait(lambda: len(run.statuses("listed")) == 2)
        whole = feed_of(run, "--from", "oldest", "--no-follow").cursor
        for bad in (whole[:-3], whole[1:], whole[:9] + ("A" if whole[9] != "A" else "B") + whole[10:], "", "new", "ä" * 40):
            assert "no cursor" in refused(garner_feed, "USAGE", run.listen, bad)
        id, positions = garner_feed.wire.cursor_from_text(whole)
        far = max(positions)
        positions[far].seq += 1000
        future = garner_feed.wire.cursor_to_text(id, positions)
        assert f"FUTURE: the cursor is at change {positions[far].seq} of shard {far}" in refused(garner_feed, "FUTURE", run.listen, future)
        feed_of(run, "--from", future, "--no-follow", expect=2).said("FUTURE", str(positions[far].seq))
        positions[far].seq, positions[far].shard = 1, 99  # of four
        beyond = garner_feed.wire.cursor_to_text(id, {99: positions[far]})
        assert "shard 99" in refused(garner_feed, "FUTURE", run.listen, beyond)
        foreign = garner_feed.wire.cursor_to_text(bytes(16), {})
        assert "another feed" in refused(garner_feed, "FOREIGN", run.listen, foreign)
        # … and also when the other folder is there only after a while.
        with garner_feed.Feed(run.listen, whole, wait=0) as feed:
            next(iter(feed))
            run.stop()
            shutil.move(lab.data, tmp_path / "old")
            run.start()
            with pytest.raises(garner_feed.FeedError, match="another feed"):
                for _ in feed:
                    pass


def back_up(lab, run, to):
    run.stop()
    shutil.copytree(lab.data, to)


def restore(lab, path):
    shutil.rmtree(lab.data)
    shutil.copytree(path, lab.data)


def test_a_restored_backup_is_future_and_then_diverged_and_a_snapshot_heals(lab, things, garner_feed, site, tmp_path, caplog):
    things.items.append({"id": "a"})
    run, path = Continual(lab), tmp_path / "inventory.db"
    run.start()
    run.wait(lambda: len(run.statuses("listed")) == 2)
    back_up(lab, run, tmp_path / "backup")
    things.items.append({"id": "b"})
    things.harvest(run.start())
    with Example(site, run, path) as subscriber:
        subscriber.has(run, "a", "b")
    with garner_feed.Feed(run.listen, "oldest", wait=0) as feed:
        next(iter(feed))
        cursor = feed.cursor
    run.stop()
    restore(lab, tmp_path / "backup")
    things.items.pop()
    with Continual(lab) as run:
        run.started()
        refused(garner_feed, "FUTURE", run.listen, cursor)
        things.items += [{"id": "c"}, {"id": "d"}]  # the first of them gets the seq that b had
        things.harvest(run)
        run.wait(lambda: len(run.changes(op="created")) == 2)
        refused(garner_feed, "DIVERGED", run.listen, cursor, snapshots=False)
        with garner_feed.Feed(run.listen, cursor, wait=0) as feed:
            batches = []
            for batch in feed:
                batches.append(batch)
                if isinstance(batch, garner_feed.Changes):
                    break
        assert isinstance(batches[0], garner_feed.Begin) and batches[0].why == "diverged" and not batch.changes
        assert {row.id for batch in batches if isinstance(batch, garner_feed.Rows) for row in batch.rows} >= {"a", "c", "d"}
        assert any("DIVERGED" in line and "snapshot" in line for line in caplog.messages)
        with Example(site, run, path) as subscriber:
            subscriber.has(run, "a", "c", "d")


def test_what_another_history_has_not_listed_yet_is_kept_until_it_has(lab, server, things, site, tmp_path):
    things.items.append({"id": "a"})
    server.on("/others", error(500))
    with Continual(lab) as run:
        run.wait(lambda: run.statuses("listed") and run.statuses("unreachable"))
        back_up(lab, run, tmp_path / "backup")
    server.on("/others", Listing(things.others, style="none"))
    things.others.append({"id": "x"})
    path = tmp_path / "inventory.db"
    with Continual(lab) as run, Example(site, run, path) as subscriber:
        things.harvest(run)
        subscriber.has(run, "a", "x")
    restore(lab, tmp_path / "backup")
    server.on("/others", error(500))
    things.items += [{"id": f"n{n}"} for n in range(5)]
    with Continual(lab) as run:
        things.harvest(run)
        run.wait(lambda: len(run.changes(op="created")) == 5)
        with Example(site, run, path) as subscriber:
            subscriber.has(run, "a", "n0", "n1", "n2", "n3", "n4", "x")
            server.on("/others", Listing([{"id": "y"}], style="none"))
            things.harvest(run)
            subscriber.has(run, "a", "n0", "n1", "n2", "n3", "n4", "y")


def test_one_that_was_away_for_too_long_takes_a_snapshot(lab, things, garner_feed, site, tmp_path, caplog):
    things.items += [{"id": "a"}, {"id": "b"}]
    path = tmp_path / "inventory.db"
    with Continual(lab) as run, Example(site, run, path) as subscriber:
        subscriber.has(run, "a", "b")
        cursor = feed_of(run, "--from", "oldest", "--no-follow").cursor
    things.items[0] = {"id": "c"}
    lab.has_config(retention={"age": "1s", "bytes": "1MB"})
    with Continual(lab) as run:
        things.harvest(run)
        run.wait(lambda: run.changes(op="deleted"))
        run.wait(lambda: lab.feed("--from", cursor, expect=None).code == 2)
        assert "COMPACTED" in refused(garner_feed, "COMPACTED", run.listen, cursor, snapshots=False)
        with garner_feed.Feed(run.listen, cursor, wait=0) as feed:
            assert next(iter(feed)).why == "compacted"
        assert any("COMPACTED" in line and "snapshot" in line for line in caplog.messages)
        with Example(site, run, path) as subscriber:
            subscriber.has(run, "b", "c")


# --- the command ---

def command(site, *args, expect=0, **more):
    done = subprocess.run([sys.executable, "-B", "-m", "garner_feed", *args], capture_output=True, text=True, timeout=60, check=False,
                          env={**os.environ, "PYTHONPATH": str(site)}, **more)
    assert done.returncode == expect, (done.returncode, done.stderr)
    return done


def test_the_command_prints_what_garner_feed_does(lab, things, site):
    things.items.append({"id": "a", "n": 1.0})
    at = f"tcp://127.0.0.1:{free_port()}"
    assert "garner run" in command(site, "--at", at, expect=3).stderr
    with Continual(lab) as run:
        run.wait(lambda: len(run.statuses("listed")) == 2)
        lines = command(site, "--at", run.listen, "--from", "oldest", "--no-follow").stdout.splitlines()
        wanted = feed_of(run, "--from", "oldest", "--no-follow").lines()
        assert lines[:-1] == wanted[:-1] and json.loads(lines[-1])["cursor"] == json.loads(wanted[-1])["cursor"]
        state = [json.loads(line) for line in command(site, "--at", run.listen, "--no-follow", "--type", "p.thing").stdout.splitlines()]
        assert [event["id"] for event in state if event["op"] == "row"] == ["a"] and state[-1]["op"] == "bookmark"
        assert "no cursor" in command(site, "--at", run.listen, "--from", "AAAA", expect=2).stderr
        assert "is no address" in command(site, "--at", "nonsense", expect=2).stderr
        process = subprocess.Popen([sys.executable, "-B", "-m", "garner_feed", "--at", run.listen, "--from", "now"],
                                   env={**os.environ, "PYTHONPATH": str(site)}, stdout=subprocess.PIPE)
        assert json.loads(process.stdout.readline())["op"] == "bookmark"
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0
        process.stdout.close()


# --- what docs/feed.md says of the bytes ---

def documented_bytes():
    """The lines of docs/feed.md's example: [(who, bytes)], one for each run of lines of one side in one block."""
    said = []
    for block in re.findall(r"^```\w*\n(.*?)^```", (ROOT / "docs/feed.md").read_text(), re.MULTILINE | re.DOTALL):
        for who, text in re.findall(r"^([<>]) +((?:[0-9a-f]{2} {1,2})*[0-9a-f]{2})(?= {3}|$)", block, re.MULTILINE):
            if said and said[-1][0] == who and said[-1][2] is block:
                said[-1][1].extend(bytes.fromhex(text))
            else:
                said.append((who, bytearray(bytes.fromhex(text)), block))
    return [(who, bytes(data)) for who, data, _ in said]


def test_what_a_snapshot_was_read_of_stays_until_it_is_passed(garner_feed):
    wire = garner_feed.wire
    change = garner_feed.Change(wire.Reply.FromString(documented_bytes()[5][1][12:]).fetch.changes[0])
    before = wire.Position(shard=3, epoch=1, seq=0, until_epoch=1, until_seq=2, until_check=7)
    assert wire.position_behind(change, before).until_check == 7
    before.until_seq = 1
    assert wire.position_behind(change, before) == wire.position_behind(change)


def receive(connection, count):
    data = b""
    while len(data) < count:
        piece = connection.recv(count - len(data))
        assert piece, "it hung up"
        data += piece
    return data


def test_the_documented_bytes_are_what_goes_over(lab, things, garner_feed):
    wire = garner_feed.wire
    greeting, greeted, hello, hello_reply, fetch, fetch_reply, onwards = [data for _, data in documented_bytes()]
    for message in (hello, hello_reply, fetch, fetch_reply, onwards):
        assert int.from_bytes(message[:8], "big") == len(message) - 8 and message[8] == 0x80
    asked = [wire.Request.FromString(message[12:]) for message in (hello, fetch, onwards)]
    assert [request.ListFields()[2][0].name for request in asked] == ["hello", "fetch", "fetch"]
    feed = wire.Reply.FromString(hello_reply[12:]).hello.feed
    told = wire.Reply.FromString(fetch_reply[12:]).fetch
    change = garner_feed.Change(told.changes[0])
    assert (change.op, change.id, change.after) == ("created", "i0", {"id": "i0"}) and len(change.packed) == 49
    position = wire.position_behind(change)
    assert told.positions[0] == position == asked[2].fetch.positions[0] and position.check == 0x45ee42b8
    cursor = wire.cursor_to_text(feed, {3: position})
    assert f"`{cursor}`" in (ROOT / "docs/feed.md").read_text() and wire.cursor_from_text(cursor)[0] == feed

    things.items.append({"id": "i0"})
    with Continual(lab) as run:
        run.wait(lambda: len(run.statuses("listed")) == 2)
        with socket.create_connection(("127.0.0.1", int(run.listen.rsplit(":", 1)[1])), timeout=20) as connection:
            connection.sendall(greeting)
            assert receive(connection, 8) == greeted
            for request, id, kind in ((hello, 1, "hello"), (fetch, 2, "fetch")):
                connection.sendall(request)
                reply = receive(connection, int.from_bytes(receive(connection, 8), "big"))
                assert reply[:4] == request[8:12]
                answer = wire.Reply.FromString(reply[4:])
                assert answer.id == id and answer.HasField(kind) and not answer.HasField("failure")
            assert [garner_feed.Change(packed).id for packed in answer.fetch.changes if garner_feed.Change(packed).id] == ["i0"]
