"""The command line, as a newcomer meets it: what it prints, what it refuses, and what it says then."""

import json
import re
import signal
import time

import pytest
from garner import ACCOUNT, CHANGES, THING, collection
from server import Answer, Listing, Server

VERBS = ("run", "validate", "feed", "list", "get", "history", "receipts", "confirm", "verify")


# --- help, versions and slips ---

@pytest.mark.parametrize("args", [["--help"], ["-h"], ["help"]])
def test_help_names_every_command(lab, args):
    out = lab.garner(*args).text
    for verb in VERBS:
        assert re.search(rf"\b{verb}\b", out), f"{verb} isn't in\n{out}"


def test_version(lab):
    assert re.search(r"\d+\.\d+\.\d+", lab.garner("--version").text)


@pytest.mark.parametrize("verb", VERBS)
def test_each_command_has_its_help(lab, verb):
    out = lab.garner(verb, "--help").text
    assert verb in out and len(out) > 80


def test_nothing_at_all_is_a_usage_error_that_helps(lab):
    result = lab.garner(expect=2)
    assert "run" in result.err and "--help" in result.err and result.text == ""


@pytest.mark.parametrize("args, patterns", [
    (["rum"], ["rum", r"\brun\b"]), (["reciepts"], ["reciepts", r"\breceipts\b"]), (["xyzzy"], ["xyzzy"]),
    (["run", "-c", "garner.yaml", "--onse"], ["--onse", "--once"]), (["feed", "--data", "data", "--formt", "table"], ["--formt", "--format"]),
    (["feed", "--data"], ["--data"]), (["run"], ["-c"]), (["get", THING, "--data", "data"], ["ID"]), (["list", "--data", "data"], ["TYPE"]),
    (["feed", "--data", "data", "--format", "tabel"], ["tabel", "table"]), (["feed", "--data", "data", "--limit", "x"], ["limit", "x"]),
    (["feed", "--data", "data", "--op", "creatd"], ["creatd", "created"]), (["feed", "--data", "data", "--from", "nwo"], ["nwo"]),
    (["feed", "--data", "data", "--touches", "no-pointer"], ["no-pointer"]), (["verify"], ["DATA"]),
    (["list", THING, "extra", "--data", "data"], ["extra"]), (["run", "-c", "garner.yaml", "--once", "--log-level", "lod"], ["lod"])])
def test_a_slip_is_named_with_what_was_meant(lab, server, args, patterns):
    server.on("/things", Listing([{"id": "a"}]))
    lab.has(collection())
    lab.run()
    server.forget()
    lab.garner(*args, expect=2).said(*patterns)
    assert server.asked() == []


def test_a_configuration_that_is_not_there(lab):
    lab.garner("run", "-c", "nowhere.yaml", "--once", expect=2).said("nowhere.yaml")
    lab.garner("validate", "-c", lab.folder, expect=2).said(".")


@pytest.mark.parametrize("verb", [["list", THING], ["get", THING, "a"], ["history", THING, "a"], ["receipts"], ["feed", "--no-follow"],
                                  ["confirm", ACCOUNT, THING]])
def test_a_data_folder_that_is_not_there(lab, verb):
    result = lab.garner(*verb, "--data", lab.folder / "nowhere", expect=2)
    result.said("nowhere", "run")
    assert not (lab.folder / "nowhere").exists(), "asking makes nothing"


def test_verify_of_what_is_no_data_folder(lab):
    lab.garner("verify", lab.folder / "nowhere", expect=2).said("nowhere")
    (lab.folder / "empty").mkdir()
    assert lab.garner("verify", lab.folder / "empty", expect=None).code != 0


def test_without_data_and_without_a_coordinator_it_says_what_to_do(lab):
    lab.env["GARNER_AT"] = "tcp://127.0.0.1:1"
    result = lab.garner("list", THING, expect=None)
    assert result.code in (2, 3)
    result.said("--data")


# --- validate ---

PROVIDER = """\
provider: p
auth: {kind: none}
collections:
  - type: p.thing
    request:
      url: "{account.endpoint}/things"
      query: {kind: x}
    items: /items/*
    id: /id
    page: {style: token, from: "body:/next", to: "query:token"}
    every: 5m
"""


def test_a_good_configuration_is_called_good(lab):
    lab.has_provider(PROVIDER)
    lab.has_config()
    result = lab.garner("validate", "-c", lab.config)
    assert "ok" in (result.text + result.err).lower() or "1 account" in result.text + result.err


@pytest.mark.parametrize("old, new, line, patterns", [
    ("items: /items/*", "itmes: /items/*", 8, ["itmes", r"\bitems\b"]),
    ("style: token", "style: tokn", 10, ["tokn", "token"]),
    ("kind: none", "kind: nnoe", 2, ["nnoe", "none"]),
    ("{account.endpoint}", "{acount.endpoint}", 6, ["acount", "account"]),
    ("{account.endpoint}", "{account.endpont}", None, ["endpont", ACCOUNT]),
    ("/things", "/things/{region}", 6, ["region"]),
    ("/things", "/things/{parent.id}", 6, ["parent"]),
    ("/things", "/things/{id}", 6, [r"\bid\b"]),
    ("/things", "/things/{vars.nope}", 6, ["nope"]),
    ("/things", "/things/{unclosed", 6, ["{|brace|unclosed"]),
    ("/items/*", "items/*", 8, ["items/", "pointer|/"]),
    ("/items/*", "/it~2ems/*", 8, ["~"]),
    ("body:/next", "bdoy:/next", 10, ["bdoy", "body"]),
    ("body:/next", "body:next", 10, ["next", "pointer|/"]),
    ("query:token", "quarry:token", 10, ["quarry", "query"]),
    ("every: 5m", "every: 5 minutes", 11, ["5 minutes"]),
    ("every: 5m", "every: 5", 11, ["5"]),
    ("every: 5m", "every: {a: 1}", 11, ["duration|every"]),
    ("every: 5m", "scope: {parent: p.thng}", 11, ["p.thng"]),
    ("every: 5m", "scope: {parent: p.thing}", 11, ["p.thing|circular|itself"]),
    ("every: 5m", "scope: regoin", 11, ["regoin", "region"]),
    ("every: 5m", "delete: {confirm: gte}", 11, ["gte", "get"]),
    ("every: 5m", "delete: {confirm: get}", 11, ["get"]),
    ("every: 5m", "delete: {guard: 150%}", 11, ["150"]),
    ("every: 5m", "priority: hihg", 11, ["hihg", "high"]),
    ("every: 5m", "items_optional: yess", 11, ["yess|true"]),
    ("every: 5m", "format: jsno", 11, ["jsno", "json"]),
    ("every: 5m", "items: /other/*", 11, ["items"]),
    ("every: 5m", "require: x", 11, ["require|pointer"]),
    ("every: 5m", "limits: {rate: -1}", 11, ["rate|-1"]),
    ("query: {kind: x}", "query: [kind]", 7, ["map|query"]),
    ("query: {kind: x}", "quarry: {kind: x}", 7, ["quarry", "query"]),
    ("collections:", "colections:", 3, ["colections", "collections"]),
    ("provider: p", "provider: [p]", 1, ["provider"]),
    ("style: token, ", "", 10, ["style"]),
    ('      url: "{account.endpoint}/things"\n', "", None, ["url"]),
    ("    items: /items/*\n", "", None, ["items"]),
    ("    id: /id\n", "", None, [r"\bid\b"]),
    ("auth: {kind: none}", "auth: {kind: none", None, ["."]),
    ("auth: {kind: none}", "auth: {kind: basic, user: me}", 2, ["password"]),
    ("    id: /id", "\tid: /id", 9, ["."]),
])
def test_a_mistake_in_a_provider_file_is_shown_where_it_stands(lab, server, old, new, line, patterns):
    assert PROVIDER.count(old) == 1
    lab.has_provider(PROVIDER.replace(old, new))
    lab.has_config()
    place = r"(p|garner)\.yaml:\d+:\d+:" if line is None else rf"p\.yaml:{line}:\d+:"
    lab.garner("validate", "-c", lab.config, expect=2).said(place, *patterns)
    lab.garner("run", "-c", lab.config, "--once", expect=2).said(place, *patterns)
    assert server.asked() == [] and not lab.data.exists()


CONFIG = """\
data: ./data
providers: [providers/p.yaml]
accounts:
  - id: acct-1
    provider: p
    endpoint: http://127.0.0.1:1
shards: 4
retention: {age: 7d, bytes: 10GB}
"""


@pytest.mark.parametrize("old, new, line, patterns", [
    ("accounts:", "acounts:", 3, ["acounts", "accounts"]),
    ("provider: p\n", "provider: q\n", 5, [r"\bq\b"]),
    ("provider: p\n", "providr: p\n", None, ["provider"]),
    ("id: acct-1\n    ", "", None, [r"\bid\b"]),
    ("shards: 4", "shards: 0", 7, ["0", "16384|16,384|range"]),
    ("shards: 4", "shards: 1000000", 7, ["16384|16,384"]),
    ("shards: 4", "shards: four", 7, ["four"]),
    ("7d", "7x", 8, ["7x"]),
    ("10GB", "10GBB", 8, ["10GBB"]),
    ("p.yaml", "q.yaml", 2, ["q.yaml"]),
    ("    endpoint", "    splits: 0\n    endpoint", 6, ["0", "256|range|splits"]),
    ("    endpoint", "    regions: r1\n    endpoint", 6, ["regions|list"]),
    ("    endpoint", "    credentials: {t: {evn: X}}\n    endpoint", 6, ["evn", "env"]),
    ("shards: 4", "  - {id: acct-1, provider: p, endpoint: http://x}\nshards: 4", 7, ["acct-1"]),
])
def test_a_mistake_in_the_configuration_is_shown_where_it_stands(lab, old, new, line, patterns):
    assert CONFIG.count(old) == 1
    lab.has_provider(PROVIDER)
    lab.config.write_text(CONFIG.replace(old, new))
    place = r"garner\.yaml:\d+:\d+:" if line is None else rf"garner\.yaml:{line}:\d+:"
    lab.garner("validate", "-c", lab.config, expect=2).said(place, *patterns)


def test_all_mistakes_are_shown_at_once(lab):
    lab.has_provider(PROVIDER.replace("items:", "itmes:").replace("every: 5m", "evry: 5m"))
    lab.has_config()
    result = lab.garner("validate", "-c", lab.config, expect=2)
    result.said("itmes"), result.said("evry")


def test_relative_paths_are_relative_to_the_configuration(lab, server):
    server.on("/things", Listing([{"id": "a"}]))
    lab.has(collection())
    (lab.folder / "else").mkdir()
    lab.garner("run", "-c", "../garner.yaml", "--once", cwd=lab.folder / "else")
    assert lab.ids() == ["a"]


# --- the store ---

@pytest.fixture
def filled(lab, server):
    """Two accounts with the things a, b, c, d; then a is changed, d deleted, e created, b changed."""
    items = [{"id": id, "state": "on", "tags": {"k": 1}} for id in "abcd"]
    server.on("/things", Listing(items, "token"))
    server.on("/others", {"items": [{"id": "o"}]})
    lab.has(collection(page={"style": "token", "from": "body:/next", "to": "query:token"}), collection("p.other", "/others"),
            accounts=[lab.account(), lab.account(id="acct-2")])
    lab.first = lab.run()
    items[0] = {**items[0], "state": "off"}
    items[1] = {**items[1], "tags": {"k": 2}}
    items[3] = {"id": "e", "state": "on"}
    lab.second = lab.run()
    return lab


def test_list_get_and_history_show_the_store(filled):
    lab = filled
    table = lab.on_data("list", THING).text
    assert all(re.search(rf"\b{id}\b", table) for id in "abce") and ACCOUNT in table
    rows = lab.on_data("list", THING, "--account", ACCOUNT, "--json").ndjson()
    assert [row["id"] for row in rows] == ["a", "b", "c", "e"] and {row["account"] for row in rows} == {ACCOUNT}
    assert lab.document(THING, "a", "--account", "p/acct-2") == {"id": "a", "state": "off", "tags": {"k": 1}}
    assert '"off"' in lab.on_data("get", THING, "a", "--account", ACCOUNT).text
    history = lab.on_data("history", THING, "a", "--account", ACCOUNT, "--json").ndjson()
    assert sorted(e["op"] for e in history) == ["created", "updated"]
    gone = lab.on_data("history", THING, "d", "--account", ACCOUNT, "--json").ndjson()
    assert sorted(e["op"] for e in gone) == ["created", "deleted"], "a deleted resource has a history, too"
    assert "updated" in lab.on_data("history", THING, "a", "--account", ACCOUNT).text


@pytest.mark.parametrize("verb", ["get", "history"])
def test_an_ambiguous_id_is_refused_with_the_choices(filled, verb):
    result = filled.on_data(verb, THING, "a", expect=2)
    assert "acct-1" in result.err and "acct-2" in result.err and "--account" in result.err
    assert result.text == ""


def test_what_is_not_there_is_said(filled):
    filled.on_data("get", THING, "nope", expect=None).said("nope")
    assert filled.on_data("get", THING, "nope", expect=None).code in (1, 2)
    filled.on_data("list", "p.thign", expect=None).said("p.thign", "p.thing")
    filled.on_data("list", THING, "--account", "acct-9", expect=None).said("acct-9")
    assert filled.on_data("get", THING, "d", "--account", ACCOUNT, expect=None).code in (1, 2), "deleted"


def test_receipts_are_shown(filled):
    rows = filled.receipts("--account", ACCOUNT, "--type", THING)
    assert len(rows) == 2
    for row in rows:
        assert row["complete"] and row["sound"] and row["pages"] == 2 and row["items"] == 4 and row["error"] is None
    assert {row["created"] for row in rows} == {4, 1} and {row["deleted"] for row in rows} == {0, 1}
    assert len(filled.receipts()) == 8
    table = filled.on_data("receipts").text
    assert all(row["id"] in table for row in rows) and THING in table


# --- the feed ---

KEYS = {"shard", "epoch", "seq", "time", "op", "initial", "provider", "account", "region", "type", "id", "parent", "before", "after",
        "patch", "receipt", "cause", "status"}


def test_a_change_has_all_its_keys_and_a_bookmark_its_three(filled):
    for event in filled.feed("--from", "oldest").events():
        if event["op"] == "bookmark":
            assert set(event) == {"op", "cursor", "time"}
        else:
            assert KEYS <= set(event), event
            assert (event["before"] is None) == (event["op"] in ("created", "status"))
            assert (event["after"] is None) == (event["op"] in ("deleted", "status"))
            assert (event["patch"] is not None) == (event["op"] == "updated")
            assert (event["status"] is not None) == (event["op"] == "status")
            assert bool(event["receipt"]) == (event["op"] == "deleted")
            if event["op"] == "status":
                assert event["id"] is None
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", event["time"])


def test_the_feed_says_what_the_runs_said(filled):
    stored = [e for e in filled.feed("--from", "oldest").events() if e["op"] != "bookmark"]
    printed = [e for run in (filled.first, filled.second) for e in run.events() if e["op"] != "bookmark"]
    by_place = {(e["shard"], e["seq"]): e for e in stored}
    assert by_place == {(e["shard"], e["seq"]): e for e in printed} and len(by_place) == len(stored)
    assert all(e["initial"] for e in filled.first.changes()) and not any(e["initial"] for e in filled.second.changes())
    assert len(filled.first.statuses("listed")) == 4 and filled.second.statuses("listed") == []


def test_print_feed_ends_with_a_bookmark_from_where_the_feed_goes_on(filled):
    lab = filled
    later = lab.feed("--from", lab.first.cursor).changes()
    assert sorted((e["shard"], e["seq"]) for e in later) == sorted((e["shard"], e["seq"]) for e in lab.second.changes())
    assert lab.feed("--from", lab.second.cursor).events()[0]["op"] == "bookmark"
    assert lab.feed("--from", lab.feed("--from", "now").cursor).changes() == []


def test_a_feed_read_in_small_parts_is_the_same_feed(filled):
    whole, parts, cursor = filled.feed("--from", "oldest").changes(), [], "oldest"
    for _ in range(100):
        result = filled.feed("--from", cursor, "--limit", "3")
        events = [e for e in result.events() if e["op"] != "bookmark"]
        if not events:
            break
        assert len(events) <= 3
        parts += [e for e in events if e["op"] in CHANGES]
        cursor = result.cursor
    assert sorted((e["shard"], e["seq"]) for e in parts) == sorted((e["shard"], e["seq"]) for e in whole)


@pytest.mark.parametrize("filters, wanted", [
    (["--type", THING, "--op", "created", "--account", ACCOUNT], ["created a", "created b", "created c", "created d", "created e"]),
    (["--op", "deleted"], ["deleted d", "deleted d"]),
    (["--op", "deleted,updated", "--account", "acct-2"], ["deleted d", "updated a", "updated b"]),
    (["--type", "p.other"], ["created o", "created o"]),
    (["--no-initial", "--account", "p/acct-1"], ["created e", "deleted d", "updated a", "updated b"]),
    (["--op", "updated", "--touches", "/tags", "--account", ACCOUNT], ["updated b"]),
    (["--op", "updated", "--touches", "/tags/k", "--account", ACCOUNT], ["updated b"]),
    (["--op", "updated", "--touches", "/stat", "--account", ACCOUNT], []),
    (["--op", "updated", "--touches", "/state", "--account", ACCOUNT], ["updated a"]),
    (["--op", "status"], [])])
def test_filters_leave_out_and_the_bookmark_still_comes(filled, filters, wanted):
    result = filled.feed("--from", "oldest", *filters)
    assert result.brief() == wanted
    assert filled.feed("--from", result.cursor).changes() == [], "a bookmark covers what was filtered out, too"


def test_a_filter_for_what_is_not_there_is_empty_not_an_error_and_not_everything(filled):
    assert filled.feed("--from", "oldest", "--type", "p.nothing", expect=None).changes() == []


def test_a_table_is_for_people(filled):
    out = filled.on_data("feed", "--from", filled.first.cursor, "--no-follow", "--format", "table").text
    for word in ("created", "updated", "deleted", THING, "a", "d", "e"):
        assert re.search(rf"(?m)(^|\s){re.escape(word)}(\s|$)", out), f"{word} isn't in\n{out}"
    assert "{" not in out.splitlines()[0]


@pytest.mark.parametrize("spoil", [lambda c: c[:-3], lambda c: c[:5] + ("A" if c[5] != "A" else "B") + c[6:], lambda c: c + "AAAA", lambda c: "!"])
def test_a_spoilt_cursor_is_refused(filled, spoil):
    filled.feed("--from", spoil(filled.first.cursor), expect=2).said("cursor|from")


def test_a_cursor_of_another_data_folder_is_refused(filled):
    filled.garner("run", "-c", filled.config, "--once", "--data", filled.folder / "data2")
    result = filled.garner("feed", "--no-follow", "--from", filled.first.cursor, "--data", filled.folder / "data2", expect=2)
    result.said("cursor|feed")


def test_nothing_but_data_is_on_stdout(filled):
    for line in filled.first.lines() + filled.feed("--from", "oldest").lines():
        assert isinstance(json.loads(line), dict)
    assert filled.garner("run", "-c", filled.config, "--once").text == ""


def test_a_following_feed_tells_what_comes(filled, server):
    """`feed --data` follows a folder that another process writes."""
    process = filled.start("feed", "--data", str(filled.data), "--from", filled.second.cursor, "--format", "ndjson")
    try:
        server.on("/others", {"items": [{"id": "o"}, {"id": "o2"}]})
        filled.run()
        deadline, seen = time.monotonic() + 20, []
        while time.monotonic() < deadline and len(seen) < 2:
            event = json.loads(process.stdout.readline())
            seen += [event["id"]] if event["op"] == "created" else []
        assert seen == ["o2", "o2"]
        process.send_signal(signal.SIGINT)
        process.wait(timeout=20)
    finally:
        process.kill()
        process.communicate()


# --- one writer ---

@pytest.fixture
def running(filled, server):
    """A run that waits for its server."""
    server.on("/others", Answer({"items": [{"id": "o"}]}, delay=60))
    server.forget()
    process = filled.start("run", "-c", str(filled.config), "--once")
    deadline = time.monotonic() + 30
    while not server.asked("/others") and time.monotonic() < deadline:
        time.sleep(0.02)
    assert server.asked("/others"), process.poll()
    filled.running = process
    yield filled
    process.kill()
    process.communicate()


def test_a_second_writer_is_refused_and_readers_are_not(running):
    lab = running
    second = lab.garner("run", "-c", lab.config, "--once", expect=None)
    assert second.code in (1, 2)
    second.said(str(lab.running.pid))
    confirm = lab.on_data("confirm", ACCOUNT, THING, expect=None)
    assert confirm.code != 0
    confirm.said(str(lab.running.pid))
    assert len(lab.ids()) == 8 and len(lab.feed("--from", "oldest").changes()) > 0
    lab.verify()


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_a_signal_ends_a_run_soon_and_leaves_a_good_store(running, name):
    running.running.send_signal(getattr(signal, name))
    assert running.running.wait(timeout=20) != 0
    assert len(running.ids()) == 8


def test_another_shard_count_for_the_same_folder_is_refused(filled):
    filled.has_config(shards=8)
    filled.run(expect=2).said("shard")
    filled.has_config()
    filled.run()


def test_one_account_that_fails_costs_the_other_nothing(filled):
    with Server() as other:
        other.on("*", {"items": [{"id": "z"}]})
        filled.has_config([filled.account(endpoint="http://127.0.0.1:1"), filled.account(id="acct-3", endpoint=other.url)])
        run = filled.run(expect=1)
    assert [(e["account"], e["op"]) for e in run.changes()] == [("acct-3", "created")] * 2
    run.blames("refused|connect", account="acct-1")
    assert "acct-3" not in "".join(line for line in run.err.splitlines() if "refused" in line.lower())
