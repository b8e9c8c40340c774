"""An edited provider file doesn't look like a change of the world."""

import pytest
from garner import THING, collection, replay
from server import Answer, Listing

ITEMS = [{"id": "a", "name": "na", "load": 1, "tags": ["x", "y"]}, {"id": "b", "name": "nb", "load": 1, "tags": ["y", "x"]}]


@pytest.fixture
def items(server):
    made = [dict(item) for item in ITEMS]
    server.on("/things", Listing(made, "none"))
    return made


def edit(lab, **over):
    lab.has(collection(**over))
    return lab.run()


def causes(run):
    return sorted((e["op"], e["id"], e["cause"]) for e in run.changes())


def test_a_pointer_more_to_ignore_is_an_update_by_definition(lab, items):
    edit(lab)
    run = edit(lab, ignore=["/load"])
    assert causes(run) == [("updated", "a", "definition"), ("updated", "b", "definition")]
    assert run.changes()[0]["patch"] == [{"op": "remove", "path": "/load"}]
    assert lab.run().changes() == []
    assert replay(lab.feed("--from", "oldest").events())


def test_a_pointer_less_to_ignore_too(lab, items):
    edit(lab, ignore=["/load"])
    run = edit(lab)
    assert causes(run) == [("updated", "a", "definition"), ("updated", "b", "definition")]
    assert run.changes()[0]["after"] == ITEMS[0]


def test_a_real_change_at_the_same_time_is_no_definition(lab, items):
    edit(lab)
    items[0]["name"] = "new"
    items.append({"id": "c", "load": 3})
    assert causes(edit(lab, ignore=["/load"])) == [("created", "c", None), ("updated", "a", None), ("updated", "b", "definition")]


def test_what_the_old_rules_ignored_may_have_changed_and_is_still_by_definition(lab, items):
    edit(lab, ignore=["/load"])
    items[0]["load"] = 99
    assert causes(edit(lab)) == [("updated", "a", "definition"), ("updated", "b", "definition")]


def test_an_array_that_becomes_unordered_is_no_event(lab, items):
    edit(lab)
    assert edit(lab, unordered=["/tags"]).changes() == []
    items[0]["tags"] = ["y", "x"]
    assert lab.run().changes() == []


def test_an_array_that_becomes_ordered_again_shows_its_order_by_definition(lab, items):
    edit(lab, unordered=["/tags"])
    items[0]["tags"] = ["y", "x"]
    assert lab.run().changes() == []
    assert causes(edit(lab)) == [("updated", "a", "definition")]


@pytest.mark.parametrize("over", [
    {"every": "17m"}, {"priority": "high"}, {"limits": {"rate": 1000, "burst": 1000}}, {"delete": {"guard": "none"}},
    {"full_every": "2h"}, {"request": {"url": "{account.endpoint}/things", "query": {"v": "2"}}}, {"ignore": ["/never"]}])
def test_an_edit_that_changes_no_document_is_no_event(lab, items, over):
    edit(lab)
    run = edit(lab, **over)
    assert run.changes() == [] and run.statuses("listed") == []
    assert not any(e["status"].get("void") for e in run.statuses())
    assert lab.run().events()[:-1] == []


def test_another_id_rule_starts_the_collection_anew(lab, items):
    edit(lab)
    run = edit(lab, id="/name")
    events = [e for e in run.events() if e["op"] != "bookmark"]
    void, = [e for e in run.statuses("definition") if e["status"]["void"] is True]
    assert void["type"] == THING
    created = run.changes()
    assert [(e["op"], e["id"], e["initial"]) for e in created] == [("created", "na", True), ("created", "nb", True)]
    assert events.index(void) < events.index(created[0]), "first it is void, then it is anew"
    assert lab.ids() == ["na", "nb"]
    assert {key[5] for key in lab.world()} == {"na", "nb"}
    assert lab.run().changes() == []


def test_another_id_rule_that_gives_the_same_ids_still_starts_anew(lab, items):
    edit(lab)
    run = edit(lab, id="{item:/id}")
    assert [e["status"]["void"] for e in run.statuses("definition")] == [True]
    assert [(e["op"], e["initial"]) for e in run.changes()] == [("created", True)] * 2


def test_the_same_file_written_otherwise_is_the_same_definition(lab, items):
    lab.has_config()
    lab.has_provider("""
provider: p
auth: {kind: none}
collections:
  - type: p.thing
    ignore: [/load]
    request: {url: "{account.endpoint}/things"}
    items: /items/*
    id: /id
""")
    lab.run()
    lab.has_provider("""
# Another order, another style, the same meaning.
auth:
  kind: "none"
provider: 'p'
collections:
- id: "/id"
  items: "/items/*"
  type: p.thing
  every: 1h
  request:
    method: GET
    url: '{account.endpoint}/things'
  ignore:
    - "/load"
""")
    assert lab.run().events()[:-1] == []


def test_an_edit_does_not_touch_other_collections(lab, server, items):
    server.on("/other", Listing([{"id": "o", "load": 1}], "none"))
    lab.has(collection(), collection("p.other", "/other"))
    lab.run()
    lab.has(collection(ignore=["/load"]), collection("p.other", "/other"))
    assert {e["type"] for e in lab.run().changes()} == {THING}


def test_children_of_a_collection_whose_ids_changed_are_not_lost(lab, server, items):
    server.on("/things/*", {"items": [{"id": "leaf"}]})
    child = collection("p.leaf", "/things/{parent.id}", scope={"parent": THING})
    lab.has(collection(), child)
    assert len(lab.run().changes("p.leaf")) == 2
    lab.has(collection(id="/name"), child)
    lab.run()
    assert {key[4:] for key in lab.world() if key[3] == "p.leaf"} == {("na", "leaf"), ("nb", "leaf")}


POLICY = [{"id": "a", "policy": '{"Allow": ["read"]}'}, {"id": "b", "policy": "%7B%22Allow%22%3A%5B%5D%7D"}, {"id": "c", "policy": "no JSON"}]


@pytest.fixture
def policies(server):
    made = [dict(item) for item in POLICY]
    server.on("/things", Listing(made, "none"))
    return made


def test_a_text_that_is_parsed_from_now_on_is_an_update_by_definition(lab, policies):
    edit(lab)
    run = edit(lab, parse=["/policy"])
    assert causes(run) == [("updated", "a", "definition"), ("updated", "b", "definition")]
    assert run.changes()[0]["patch"] == [{"op": "replace", "path": "/policy", "value": {"Allow": ["read"]}}]
    assert lab.run().events()[:-1] == []
    lab.verify()
    assert replay(lab.feed("--from", "oldest").events())


def test_a_text_that_is_parsed_no_more_too(lab, policies):
    edit(lab, parse=["/policy"])
    run = edit(lab)
    assert causes(run) == [("updated", "a", "definition"), ("updated", "b", "definition")]
    assert [e["after"] for e in run.changes()] == POLICY[:2]
    assert lab.run().events()[:-1] == []
    lab.verify()


def test_what_changes_in_a_text_while_it_becomes_parsed_is_a_change(lab, policies):
    edit(lab)
    policies[0]["policy"] = '{"Allow": ["read", "write"]}'
    policies[1]["policy"] = ' {"Allow": []}\n'
    policies[2]["policy"] = "[]"
    assert causes(edit(lab, parse=["/policy"])) == [("updated", "a", None), ("updated", "b", "definition"), ("updated", "c", None)]
    policies[0]["policy"] = '{"Allow": ["write", "read"]}'
    assert causes(edit(lab, parse=["/policy"], unordered=["/policy/Allow"])) == []
    policies[0]["policy"] = '{"Allow": ["read", "write"]}'
    assert causes(edit(lab)) == [("updated", "a", "definition"), ("updated", "b", "definition"), ("updated", "c", "definition")]
    lab.verify()


def test_parsing_on_and_off_while_a_resource_was_not_seen_is_all_by_definition(lab, server, policies):
    """Half a listing, so that the other half is as older rules made it: the record keeps them."""
    cut = [True]
    pages = collection(page={"style": "token", "from": "body:/next", "to": "query:page"})

    def answer(request):
        if not request.param("page"):
            return {"items": policies[:1], "next": "2"}
        return Answer("denied", 403) if cut[0] else {"items": policies[1:]}
    server.on("/things", answer)
    cut[0] = False
    lab.has(pages)
    lab.run()
    cut[0] = True
    lab.has({**pages, "parse": ["/policy"]})
    assert causes(lab.run(expect=1)) == [("updated", "a", "definition")]
    lab.verify()
    lab.has({**pages, "ignore": ["/never"]})
    assert causes(lab.run(expect=1)) == [("updated", "a", "definition")]
    cut[0] = False
    lab.has({**pages, "parse": ["/policy"]})
    assert causes(lab.run()) == [("updated", "a", "definition"), ("updated", "b", "definition")]
    assert lab.run().events()[:-1] == []
    lab.verify()
