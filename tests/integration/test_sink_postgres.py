"""`garner sink postgres`, beside a run that goes on: the tables are what the store has, whatever breaks."""

import json
import shutil
import signal
import time

import pytest
from continual import Continual
from garner import collection
from postgres import Postgres
from server import Answer, Listing
from sink import Sink

RULES = {"every": "200ms", "delete": {"guard": "none", "confirm": "none"}}


@pytest.fixture(scope="module")
def postgres():
    with Postgres() as made:
        yield made


@pytest.fixture
def db(postgres):
    """The module's PostgreSQL, with nothing in it."""
    if postgres.process.poll() is not None:
        postgres.start()
    postgres.run("DROP SCHEMA IF EXISTS garner CASCADE; DROP SCHEMA IF EXISTS \"other one\" CASCADE")
    return postgres


@pytest.fixture
def items(lab, server):
    """What the provider has; a test changes it at will."""
    made = [{"id": f"i{n}", "v": 0} for n in range(30)]
    server.on("/things", Listing(made, size=7))
    lab.has(collection(page={"style": "token", "from": "body:/next", "to": "query:token"}, **RULES))
    return made


def run(lab):
    return Continual(lab)


def test_the_tables_are_the_store_at_first_and_after_each_change(lab, db, items):
    with run(lab) as worker:
        worker.wait(lambda: worker.statuses("listed"))
        with Sink(worker, db) as sink:
            assert len(sink.equals()) == 30
            items[3]["v"] = 1
            del items[10]
            items.append({"id": "new", "v": [1, None, {"a": "ä"}]})
            worker.wait(lambda: len(worker.changes()) == 33)
            found = sink.equals()
            assert ("p", "acct-1", None, "p.thing", None, "new") in found and len(found) == 30
            told = db.rows("SELECT op, id, initial, before, patch FROM garner.changes WHERE op <> 'status' ORDER BY seq")
            assert {(row["op"], row["id"]) for row in told} >= {("updated", "i3"), ("deleted", "i10"), ("created", "new")}
            updated, = [row for row in told if row["op"] == "updated"]
            assert updated["before"]["v"] == 0 and updated["patch"] == [{"op": "replace", "path": "/v", "value": 1}]
            assert db.rows("SELECT type, complete, unreachable_since FROM garner.collections") == [
                {"type": "p.thing", "complete": True, "unreachable_since": None}]
            assert sink.stop().err.count("changes taken") == 1


def test_no_follow_takes_what_there_is_and_ends(lab, db, items):
    with run(lab) as worker:
        worker.wait(lambda: worker.statuses("listed"))
        lab.env |= db.environment()
        worker.at("sink", "postgres", "--no-follow")
        assert db.one("SELECT count(*) FROM garner.resources") == "30"
        items[0]["v"] = 7
        worker.wait(lambda: worker.changes(op="updated"))
        worker.at("sink", "postgres", "--no-follow")
        assert db.rows("SELECT document FROM garner.resources WHERE id = 'i0'") == [{"document": {"id": "i0", "v": 7}}]
        assert db.rows("SELECT op FROM garner.changes") == [{"op": "updated"}]
    worker.at("sink", "postgres", "--no-follow", expect=3).said("no Garner listens")


def test_a_part_of_the_feed_in_a_schema_of_its_own(lab, server, db):
    for name in ("a", "b"):
        server.on(f"/{name}", Listing([{"id": name}]))
    lab.has(collection("p.a", "/a", **RULES), collection("p.b", "/b", **RULES))
    with run(lab) as worker:
        worker.wait(lambda: len(worker.statuses("listed")) == 2)
        lab.env |= db.environment()
        args = ("sink", "postgres", "--no-follow", "--schema", "other one")
        worker.at(*args, "--account", "p/acct-1", "--type", "p.a", "--no-changes")
        assert db.rows('SELECT type, id FROM "other one".resources') == [{"type": "p.a", "id": "a"}]
        worker.at(*args, expect=2).said("holds everything of account p/acct-1 of type p.a, not everything:", "--resync")
        worker.at(*args, "--resync")
        assert db.one('SELECT string_agg(type, \' \' ORDER BY type) FROM "other one".resources') == "p.a p.b"


def test_the_odd_ones_are_held_as_the_docs_say(lab, server, db):
    long = "".join(chr(33 + n * 7919 % 90) for n in range(4000))
    rows = [{"id": "a\0b", "v": "\0\0"}, {"id": "a\ufffdb", "v": 1}, {"id": long + "1"}, {"id": long + "2"}]
    numbers = '{"id": "n", "v": [1e400, 1E999999, 123456789012345678901234567890, 0.1000, -0.0, 1e-400]}'
    server.on("/things", lambda request: f'{{"items": [{", ".join(map(json.dumps, rows))}, {numbers}]}}')
    lab.has(collection(**RULES))
    with run(lab) as worker:
        worker.wait(lambda: worker.statuses("listed"))
        with Sink(worker, db) as sink:
            wanted = sink.listed()
            sink.wait(lambda: len(sink.resources()) == 4)
            assert db.one("SELECT count(*) FROM garner.resources") == "5"
            found = sink.resources()  # the two whose ids differ in a NUL alone are one key here
            assert len(found) == 4 and found.keys() == wanted.keys()
            assert {key for key in found if found[key] != wanted[key]} <= {("p", "acct-1", None, "p.thing", None, "a\ufffdb")}
            assert db.one("SELECT document->'v'->>1 FROM garner.resources WHERE id = 'n'") == "1E999999"


def test_postgresql_goes_and_comes_back(lab, db, items):
    with run(lab) as worker, Sink(worker, db) as sink:
        sink.equals(within=60)
        for number in (signal.SIGINT, signal.SIGQUIT):
            db.stop(number)
            items[1]["v"] += 1
            items.append({"id": f"more{items[1]['v']}"})
            sink.wait(lambda: sink.said("PostgreSQL: "))
            time.sleep(0.5)
            db.start()
            sink.equals({("p", "acct-1", None, "p.thing", None, item["id"]): item for item in items})
        sink.check_changes()
        assert len(sink.said("takes what comes again")) == 2
        sink.stop()


def test_a_connection_that_ends_in_any_statement(lab, db, items):
    end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'garner sink'"
    with run(lab) as worker, Sink(worker, db) as sink:
        sink.wait(lambda: sink.said("schema 'garner' of database"))  # before that, nobody there is exit code 3
        for n in range(25):
            items[n]["v"] += 1
            time.sleep(0.05 + n % 5 * 0.02)
            db.run(end)
        sink.equals({("p", "acct-1", None, "p.thing", None, item["id"]): item for item in items})
        sink.check_changes()


def test_a_second_sink_ends_and_says_who_is_there(lab, db, items):
    with run(lab) as worker, Sink(worker, db) as sink:
        sink.equals(within=60)
        second = worker.at("sink", "postgres", expect=2)
        second.said("another sink writes to schema 'garner'", "garner sink", "role postgres")
        sink.stop()


def test_another_feed_is_not_mixed_in_unasked(lab, db, items):
    with run(lab) as worker:
        worker.wait(lambda: worker.statuses("listed"))
        lab.env |= db.environment()
        worker.at("sink", "postgres", "--no-follow")
    lab.data.rename(lab.folder / "old data")
    del items[:20]
    with run(lab) as worker:
        worker.wait(lambda: worker.statuses("listed"))
        worker.at("sink", "postgres", "--no-follow", expect=2).said("another feed|another data folder|of another", "--resync")
        assert db.one("SELECT count(*) FROM garner.resources") == "30"
        worker.at("sink", "postgres", "--no-follow", "--resync")
        assert db.one("SELECT count(*) FROM garner.resources") == "10"


def test_a_password_is_never_shown(lab, db, items):
    db.run("CREATE ROLE asker LOGIN PASSWORD 'right4sure'; GRANT CREATE ON DATABASE postgres TO asker")
    with run(lab) as worker:
        worker.wait(lambda: worker.statuses("listed"))
        place = f"127.0.0.1:{db.port}/postgres"
        for to, password, code in ((f"postgresql://asker:hunter22@{place}", None, 2), (f"postgresql://asker@{place}", "hunter22", 2),
                                   (f"postgresql//asker:hunter22@{place}", None, 2), (f"postgresql://asker:hunter22@{place}?sslmod=x", None, 2),
                                   ("postgresql://asker:hunter22@127.0.0.1:1/x", None, 3), (f"postgresql://asker:right4sure@{place}", None, 0)):
            lab.env.pop("PGPASSWORD", None)
            lab.env |= {"PGPASSWORD": password} if password else {}
            told = worker.at("sink", "postgres", "--no-follow", "--to", to, expect=code)
            assert "hunter22" not in told.err and "right4sure" not in told.err and told.out == b""
        assert db.one("SELECT count(*) FROM garner.resources") == "30"
    db.run("DROP SCHEMA garner CASCADE; DROP OWNED BY asker; DROP ROLE asker")


@pytest.mark.parametrize("args, says", [
    ([], "postgres.*missing"),
    (["postgresql"], "did you mean 'postgres'"),
    (["mysql"], "there is postgres"),
    (["postgres", "--shema", "x"], "did you mean --schema"),
    (["postgres", "--keep", "30"], "--keep '30'.*30d"),
    (["postgres", "--keep", "1d", "--no-changes"], "contradict"),
    (["postgres", "--to", "hst=x"], "did you mean 'host'"),
    (["postgres", "--schema", "pg_x"], "PostgreSQL's own"),
])
def test_what_is_mistyped_is_told(lab, args, says):
    lab.garner("sink", *args, expect=2).said(says)


def test_what_is_unreachable_before_the_sink_begins_is_known(lab, server, db, items):
    server.on("/denied", lambda request: Answer({}, status=403))
    lab.has(collection(page={"style": "token", "from": "body:/next", "to": "query:token"}, **RULES), collection("p.denied", "/denied", **RULES))
    with run(lab) as worker:
        worker.wait(lambda: worker.statuses("listed") and worker.statuses("unreachable"))
        lab.env |= db.environment()
        worker.at("sink", "postgres", "--no-follow")
        assert db.rows("SELECT type, complete, unreachable_since IS NOT NULL AS unreachable, listed_since IS NOT NULL AS listed"
                       " FROM garner.collections ORDER BY type") == [
            {"type": "p.denied", "complete": False, "unreachable": True, "listed": False},
            {"type": "p.thing", "complete": True, "unreachable": False, "listed": True}]


def test_a_sink_that_fell_behind_takes_the_state_whole(lab, db, items):
    with run(lab) as worker:
        worker.wait(lambda: worker.statuses("listed"))
        lab.env |= db.environment()
        worker.at("sink", "postgres", "--no-follow")
        del items[:5]
        items.append({"id": "new"})
        worker.wait(lambda: worker.changes(id="new") and worker.changes(op="deleted", id="i4"))
    lab.has_config(retention={"age": "1s", "bytes": "1MB"})
    with run(lab) as worker:
        worker.wait(lambda: not lab.feed("--from", "oldest").changes())
        with Sink(worker, db) as sink:
            sink.equals({("p", "acct-1", None, "p.thing", None, item["id"]): item for item in items})
            assert db.one("SELECT count(*) FROM garner.changes") == "0" and sink.said("we fell behind what it keeps"), sink
            sink.stop()


def with_a_history_that_ends(lab, db, items):
    """The sink has 20 changes that the run's data folder, put back from a backup, doesn't have."""
    with run(lab) as worker:
        worker.wait(lambda: worker.statuses("listed"))
    shutil.copytree(lab.data, lab.folder / "backup")
    items += [{"id": f"lost{n}"} for n in range(20)]
    with run(lab) as worker:
        worker.wait(lambda: len(worker.changes(op="created")) >= 20)
        lab.env |= db.environment()
        worker.at("sink", "postgres", "--no-follow")
        assert db.one("SELECT count(*) FROM garner.resources") == "50"
    del items[-20:]
    shutil.rmtree(lab.data)
    shutil.copytree(lab.folder / "backup", lab.data)


def test_a_run_restored_from_a_backup_is_not_followed_unasked(lab, db, items):
    with_a_history_that_ends(lab, db, items)
    with run(lab) as worker:
        worker.started()
        worker.at("sink", "postgres", "--no-follow", expect=2).said("schema 'garner' can't go on", "--resync")
        assert db.one("SELECT count(*) FROM garner.resources") == "50"
        worker.at("sink", "postgres", "--no-follow", "--resync")
        assert db.one("SELECT count(*) FROM garner.resources") == "30"


def test_a_history_that_went_on_otherwise_is_taken_whole(lab, db, items):
    with_a_history_that_ends(lab, db, items)
    items += [{"id": f"other{n}"} for n in range(40)]
    with run(lab) as worker:
        worker.wait(lambda: len(worker.changes(op="created")) >= 40)
        with Sink(worker, db) as sink:
            sink.equals({("p", "acct-1", None, "p.thing", None, item["id"]): item for item in items})
            items[0]["v"] = 5
            sink.equals({("p", "acct-1", None, "p.thing", None, item["id"]): item for item in items})
            assert db.one("SELECT count(*) FROM garner.resources WHERE stale") == "0"
            sink.stop()


def test_it_ends_while_postgresql_is_away(lab, db, items):
    with run(lab) as worker, Sink(worker, db) as sink:
        sink.equals(within=60)
        db.stop()
        items[0]["v"] = 1
        sink.wait(lambda: sink.said("PostgreSQL: "))
        sink.stop()


def test_nobody_there_is_no_connection(lab, db, items):
    with run(lab) as worker:
        worker.started()
        worker.at("sink", "postgres", "--to", "host=127.0.0.1 port=1", expect=3).said("PostgreSQL", "refused")
    lab.env |= db.environment()
    worker.at("sink", "postgres", expect=3).said("no Garner listens")
