"""Documents come out as they went in: through the feed, the store and the patch."""

import json
import random
from urllib.parse import quote

import pytest
from garner import Number, collection, literal, patch_apply
from server import Answer, Listing


def serves(server, *documents):
    """The page's items, as the texts they are."""
    server.on("/things", Answer('{"items": [' + ", ".join(documents) + "]}"))


def after(run):
    """The one change's document, its numbers as literals."""
    line, = [line for line in run.lines() if literal(line)["op"] in ("created", "updated")]
    return literal(line)["after"]


def comes_out(lab, server, text, expected=...):
    """`text` comes out of the feed, the stored feed and `get`, as what it went in."""
    serves(server, text)
    lab.has(collection())
    wanted = literal(text) if expected is ... else expected
    assert after(lab.run()) == wanted
    assert after(lab.feed("--from", "oldest")) == wanted
    got = literal(lab.on_data("get", "p.thing", wanted["id"] if isinstance(wanted["id"], str) else wanted["id"].text, "--json").text)
    assert (got["document"] if "document" in got and "type" in got else got) == wanted
    assert lab.run().changes() == [], "the same once more is no change"


# --- numbers ---

@pytest.mark.parametrize("number", [
    "0", "-0", "1", "-1", "9223372036854775807", "-9223372036854775808", "9223372036854775808", "18446744073709551615",
    "18446744073709551616", "-9223372036854775809", "123456789012345678901234567890",
    "1.0", "1.50", "0.1", "-0.0", "1e5", "1E5", "1e+5", "1.0e-7", "1e400", "-1e-400", "3.141592653589793238462643383279",
    "0.30000000000000004", "100000000000000000000.000000000000000000001"])
def test_a_number_keeps_its_literal(lab, server, number):
    comes_out(lab, server, '{"id": "a", "n": %s, "deep": [{"n": [%s]}]}' % (number, number))


@pytest.mark.parametrize("before, now, same", [
    ("1", "1.0", False), ("1.0", "1.00", False), ("1e2", "100", False), ("18446744073709551616", "18446744073709551617", False),
    ("0.1", "0.1", True), ("9007199254740993", "9007199254740992", False)])
def test_numbers_are_equal_if_their_literals_are(lab, server, before, now, same):
    serves(server, '{"id": "a", "n": %s}' % before)
    lab.has(collection())
    lab.run()
    serves(server, '{"id": "a", "n": %s}' % now)
    run = lab.run()
    assert run.brief() == ([] if same else ["updated a"])
    if not same:
        assert after(run)["n"] == Number(now)
        patch = literal(run.lines()[0])["patch"]
        assert patch == [{"op": "replace", "path": "/n", "value": Number(now)}]


# --- texts ---

@pytest.mark.parametrize("text", [
    '"plain"', '""', '"\\u0000"', '"a\\u0000b"', '"\\ud83d\\ude00"', '"😀 ü ☃ \u200d \uffff"', '"\\u001f\\b\\f\\n\\r\\t\\"\\\\\\/"',
    '"\u2028\u2029"', '"e\u0301 \u00e9"', '"\x7f\u0080"', '"' + "x" * 100000 + '"'])
def test_any_text_comes_out_as_it_went_in(lab, server, text):
    comes_out(lab, server, '{"id": "a", "t": %s, "list": [%s, {%s: %s}]}' % (text, text, text, text))


@pytest.mark.parametrize("id", ["a b", "ü☃😀", "a/b%c", "--from", "-", "line\nbreak", 'quo"te', "x" * 600, "\u0001"])
def test_any_text_can_be_an_id(lab, server, id):
    serves(server, json.dumps({"id": id}))
    lab.has(collection())
    assert [e["id"] for e in lab.run().changes()] == [id]
    assert lab.ids() == [id]
    assert lab.run().changes() == []


def test_an_id_with_a_nul_is_an_id_or_a_named_error(lab, server):
    serves(server, '{"id": "a\\u0000b"}', '{"id": "other"}')
    lab.has(collection())
    run = lab.run(expect=None)
    if run.code == 0:
        assert [e["id"] for e in run.changes()] == ["a\0b", "other"]
    else:
        run.blames("id")


def test_long_ids_that_differ_at_their_end_only_are_two(lab, server):
    ids = ["x" * 1000 + end for end in "abc"]
    serves(server, *[json.dumps({"id": id, "v": id[-1]}) for id in ids])
    lab.has(collection())
    lab.run()
    assert lab.ids() == ids
    for id in ids:
        assert lab.document("p.thing", id)["v"] == id[-1]


def test_a_lone_surrogate_is_kept_or_a_named_error(lab, server):
    serves(server, '{"id": "a", "t": "\\ud800"}')
    lab.has(collection())
    run = lab.run(expect=None)
    if run.code == 0:
        assert after(run)["t"] == "\ud800"
    else:
        run.blames("body|json|surrogate|unicode|utf-?8")
        assert run.changes() == []


# --- structure ---

@pytest.mark.parametrize("text", [
    '{"id": "a", "e": [{}, [], null, true, false, "", [[]], {"": {"": 0}}]}',
    '{"id": "a", "a/b": 1, "m~n": {"~1": 2}, "": 3, " ": 4, "/": 5}',
    '{"id": "a", "deep": ' + "[" * 200 + "]" * 200 + "}",
    '{"id": "a", "deep": ' + '{"k":' * 200 + "1" + "}" * 200 + "}",
    '{"id": "a", "wide": {%s}}' % ", ".join(f'"k{n}": {n}' for n in range(5000)),
    '{"id": 7}', '{"id": 123456789012345678901234567890}'])
def test_any_structure_comes_out_as_it_went_in(lab, server, text):
    comes_out(lab, server, text)


def test_of_duplicate_keys_the_last_counts_and_the_receipt_says_so(lab, server):
    comes_out(lab, server, '{"id": "x", "k": 1, "id": "a", "o": {"p": 1, "p": [2]}, "k": 2}',
              {"id": "a", "k": Number("2"), "o": {"p": [Number("2")]}})
    assert lab.receipts()[0]["duplicate_keys"] >= 1


def test_the_order_of_keys_means_nothing_and_that_of_arrays_does(lab, server):
    serves(server, '{"id": "a", "x": {"p": 1, "q": [1, 2]}, "y": 2}')
    lab.has(collection())
    lab.run()
    serves(server, '{"y": 2, "x": {"q": [1, 2], "p": 1}, "id": "a"}')
    assert lab.run().changes() == []
    serves(server, '{"id": "a", "x": {"p": 1, "q": [2, 1]}, "y": 2}')
    assert lab.run().brief() == ["updated a"]


# --- ignore and unordered ---

def test_what_ignore_names_is_in_no_document_and_changes_nothing(lab, server):
    def item(seen, load, kept=1):
        return json.dumps({"id": "a", "seen": seen, "disks": [{"load": load, "kept": kept}, {"kept": 2}], "a/b": seen})
    serves(server, item(1, 1))
    lab.has(collection(ignore=["/seen", "/disks/*/load", "/a~1b", "/not/there"]))
    assert after(lab.run()) == literal('{"id": "a", "disks": [{"kept": 1}, {"kept": 2}]}')
    serves(server, item(2, 2))
    assert lab.run().changes() == []
    serves(server, item(3, 3, kept=9))
    event, = lab.run().changes()
    assert event["patch"] == [{"op": "replace", "path": "/disks/0/kept", "value": 9}]


def test_an_unordered_array_is_compared_as_a_set_and_stored_as_it_came(lab, server):
    def item(tags, steps):
        return json.dumps({"id": "a", "groups": [{"tags": tags}], "steps": steps})
    x, y, z = {"k": "x", "n": 1}, {"n": 2, "k": "y"}, {"k": "z"}
    serves(server, item([x, y, z], [1, 2]))
    lab.has(collection(unordered=["/groups/*/tags"]))
    assert after(lab.run())["groups"][0]["tags"] == literal(json.dumps([x, y, z]))
    serves(server, item([z, x, dict(reversed(y.items()))], [1, 2]))
    assert lab.run().changes() == []
    serves(server, item([z, x], [1, 2]))
    assert lab.run().brief() == ["updated a"]
    serves(server, item([x, z], [2, 1]))
    assert lab.run().brief() == ["updated a"], "only what is named is without order"
    serves(server, item([x, x, z], [2, 1]))
    assert lab.run().brief() == ["updated a"], "twice is not once"


# --- parse ---

def policy(*statements, encode=False, **layout):
    text = json.dumps({"Version": "1", "Statement": list(statements)}, **layout)
    return json.dumps({"id": "a", "policies": [{"name": "p", "text": quote(text) if encode else text}]})


@pytest.mark.parametrize("encode", [False, True])
def test_a_statement_more_in_a_text_of_json_is_what_the_patch_says(lab, server, encode):
    read, write = {"Allow": ["read"], "On": "a+b%41 ü"}, {"Allow": "write", "On": "*"}
    serves(server, policy(read, encode=encode))
    lab.has(collection(parse=["/policies/*/text"], unordered=["/policies/*/text/Statement/*/Allow"],
                       ignore=["/policies/*/text/Version"], require=["/policies/*/text/Statement"]))
    assert after(lab.run()) == {"id": "a", "policies": [{"name": "p", "text": {"Statement": [read]}}]}
    serves(server, policy(read, encode=not encode, indent=2))
    assert lab.run().changes() == [], "however it is written"
    serves(server, policy(read, write, encode=encode))
    event, = lab.run().changes()
    assert event["patch"] == [{"op": "add", "path": "/policies/0/text/Statement/-", "value": write}]
    write["Allow"] = "all"
    serves(server, policy(read, write, encode=encode))
    event, = lab.run().changes()
    assert event["patch"] == [{"op": "replace", "path": "/policies/0/text/Statement/1/Allow", "value": "all"}]
    serves(server, policy({**read, "Allow": ["read", "list"]}, write, encode=encode))
    assert lab.run().brief() == ["updated a"]
    serves(server, policy({**read, "Allow": ["list", "read"]}, write, encode=encode))
    assert lab.run().changes() == [], "unordered holds within it"
    serves(server, json.dumps({"id": "a", "policies": [{"name": "p", "text": "{torn"}]}))
    lab.run(expect=1).blames("degraded")


def test_a_text_that_is_no_json_stays_a_text_and_nothing_is_wrong(lab, server):
    texts = ["%zz", "{", "12", '"{}"', "%7B%22a%22%3A%22%FF%22%7D", "[" * 300 + "]" * 300, "[1" + "0" * 100000 + "]", "\\u0000", ""]
    document = {"id": "a", "texts": texts + ["{}"], "one": '{"two": "{}", "three": "[]"}'}
    serves(server, json.dumps(document))
    lab.has(collection(parse=["/texts/*", "/one", "/one/two", "/id", "/nowhere"]))
    event, = lab.run().changes()
    assert event["after"] == {"id": "a", "texts": texts + [{}], "one": {"two": {}, "three": "[]"}}
    assert lab.run().changes() == []
    lab.verify()


def test_an_id_is_of_the_item_as_it_came(lab, server):
    serves(server, json.dumps({"id": "[1]"}))
    lab.has(collection(parse=["/id"]))
    event, = lab.run().changes()
    assert (event["id"], event["after"]) == ("[1]", {"id": [1]})


def test_keys_that_stand_twice_in_a_text_are_counted_in_the_receipt(lab, server):
    serves(server, json.dumps({"id": "a", "text": '{"k": 1, "k": 2}'}))
    lab.has(collection(parse=["/text"]))
    assert after(lab.run())["text"] == {"k": Number("2")}
    assert lab.receipts()[0]["duplicate_keys"] == 1


# --- ids ---

@pytest.mark.parametrize("rule, ids", [
    (["/zone", "/name"], ["z%2F1/n%25", "z/2"]), ("{item:/zone}:{item:/name}", ["z/1:n%", "z:2"]),
    ("fixed-{item:/name}", ["fixed-n%", "fixed-2"]), ("/name", ["n%", "2"])])
def test_composite_and_template_ids(lab, server, rule, ids):
    serves(server, '{"zone": "z/1", "name": "n%"}', '{"zone": "z", "name": 2}')
    lab.has(collection(id=rule))
    assert sorted(e["id"] for e in lab.run().changes()) == sorted(ids)
    assert lab.run().changes() == []
    for id in ids:
        lab.document("p.thing", id)


def test_items_that_are_their_own_ids(lab, server):
    server.on("/things", {"items": ["a", "b/c", 7]})
    lab.has(collection(id=""))
    assert [(e["id"], e["after"]) for e in lab.run().changes()] == [("a", "a"), ("b/c", "b/c"), ("7", 7)]
    assert lab.document("p.thing", "b/c") == "b/c"


# --- items ---

def test_items_below_several_arrays(lab, server):
    server.on("/things", {"Reservations": [{"Instances": [{"id": "a"}, {"id": "b"}]}, {"Instances": []}, {"Instances": [{"id": "c"}]}]})
    lab.has(collection(items="/Reservations/*/Instances/*"))
    assert [e["id"] for e in lab.run().changes()] == ["a", "b", "c"]


def test_a_top_level_array(lab, server):
    server.on("/things", [{"id": "a"}, {"id": "b"}])
    lab.has(collection(items="/*"))
    assert [e["id"] for e in lab.run().changes()] == ["a", "b"]


def test_the_whole_document_as_one_item(lab, server):
    server.on("/things", {"policy": [1, 2], "version": 3})
    lab.has(collection(items="", id="policy-of-{account.id}"))
    event, = lab.run().changes()
    assert (event["id"], event["after"]) == ("policy-of-acct-1", {"policy": [1, 2], "version": 3})


@pytest.mark.parametrize("document", [{}, {"items": None}])
def test_missing_items_are_an_empty_page_only_where_the_file_says_so(lab, server, document):
    server.on("/things", {"items": [{"id": "a"}]})
    lab.has(collection(delete={"guard": "none"}))
    lab.run()
    server.on("/things", document)
    run = lab.run(expect=1)
    run.blames("items")
    assert run.changes() == []
    lab.has(collection(items_optional=True, delete={"guard": "none"}))
    assert lab.run().brief() == ["deleted a"]


@pytest.mark.parametrize("items", [{"id": "a"}, "a", 7, True])
def test_items_that_are_no_array_are_an_error(lab, server, items):
    server.on("/things", {"items": items})
    lab.has(collection(items_optional=True))
    lab.run(expect=1).blames("items")


# --- formats ---

@pytest.mark.parametrize("type", ["application/json", "application/json; charset=utf-8", "application/vnd.x.v2+json", "Application/JSON"])
def test_json_by_its_content_type(lab, server, type):
    server.on("/things", Answer({"items": [{"id": "a"}]}, type=type))
    lab.has(collection())
    assert lab.run().brief() == ["created a"]


@pytest.mark.parametrize("type", ["text/html", "application/octet-stream", None])
def test_a_format_that_the_file_names_wins(lab, server, type):
    server.on("/things", Answer({"items": [{"id": "a"}]}, type=type))
    lab.has(collection(format="json"))
    assert lab.run().brief() == ["created a"]


@pytest.mark.parametrize("end", ["", "\n", "\r\n", "\n\n"])
def test_json_lines(lab, server, end):
    server.on("/things", Answer('{"id": "a", "n": 1.0}\n{"id": "b"}' + end, type="application/x-ndjson"))
    lab.has(collection(format="jsonl", items="/*"))
    assert lab.run().brief() == ["created a", "created b"]
    assert lab.run().changes() == []


@pytest.mark.parametrize("body", ["\ufeff", " \r\n\t"])
def test_what_may_stand_before_json(lab, server, body):
    """White space may; a byte order mark is taken or named, never a crash."""
    server.on("/things", Answer(body + '{"items": [{"id": "a"}]}  \n'))
    lab.has(collection())
    run = lab.run(expect=None)
    assert run.code == 0 or (body == "\ufeff" and run.blames("body|json|byte order"))


def test_compressed_answers(lab, server):
    server.on("/things", Answer({"items": [{"id": "a", "t": "x" * 10000}]}, gzip=True))
    lab.has(collection())
    assert lab.run().brief() == ["created a"]
    assert "gzip" in server.asked()[0].header("Accept-Encoding")


# --- patches ---

def mutate(random, value, depth=0):
    """Something like `value`, changed here and there."""
    roll = random.random()
    if roll < 0.15 or depth > 4:
        return random.choice([None, True, "", "ü/~", -1, 2**70, [], {}, ["x"], {"~/": 1}])
    if isinstance(value, dict):
        made = {key: mutate(random, part, depth + 1) if random.random() < 0.4 else part for key, part in value.items()
                if random.random() > 0.1}
        if random.random() < 0.4:
            made[random.choice(["a", "b/c", "~", "", "new", "é"])] = random.randrange(9)
        return made
    if isinstance(value, list):
        made = [mutate(random, part, depth + 1) if random.random() < 0.3 else part for part in value if random.random() > 0.15]
        for _ in range(random.randrange(3)):
            made.insert(random.randrange(len(made) + 1), random.choice([0, "s", {"k": [1]}, None]))
        if random.random() < 0.2:
            random.shuffle(made)
        return made
    return random.choice([value, 0, "s", [value]])


def test_patches_turn_before_into_after(lab, server):
    rng = random.Random(20261122)
    start = {"a": [1, 2, {"b/c": [3, 4, 5]}, [6, [7]]], "b/c": {"~": {"x": None}}, "": "", "t": [{"k": n} for n in range(6)]}
    items = [{"id": f"i{n}", "d": start} for n in range(120)]
    server.on("/things", Listing(items, "none"))
    lab.has(collection())
    lab.run()
    for _ in range(3):
        was = {item["id"]: dict(item) for item in items}
        for item in items:
            item["d"] = mutate(rng, item["d"])
        run = lab.run()
        changed = run.changes()
        assert len(changed) == sum(was[item["id"]] != item for item in items) > 60
        for event in changed:
            assert event["before"] == was[event["id"]]
            assert patch_apply(event["before"], event["patch"]) == event["after"]
    assert {key[5]: value for key, value in lab.world().items()} == {item["id"]: item for item in items}


def test_a_patch_is_small_where_the_change_is(lab, server):
    item = {"id": "a", "tags": [{"k": n, "v": "x" * 50} for n in range(100)], "state": "on"}
    server.on("/things", lambda request: {"items": [item]})
    lab.has(collection())
    lab.run()
    item["state"] = "off"
    item["tags"].append({"k": 100})
    event, = lab.run().changes()
    assert len(json.dumps(event["patch"])) < 300, event["patch"]
