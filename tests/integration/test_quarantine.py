"""Quarantine: one item that can't be digested is kept with its reason, said, shown, and tried again."""

import json
import re

import pytest
from garner import ACCOUNT, PROVIDER, collection, provider
from server import Answer

NAMELESS = {"name": "odd", "v": [1, {"deep": "\x1b[31mred"}]}


def serves(server, *items, path="/things"):
    server.on(path, Answer({"items": list(items)}))


def quarantined(lab, *args):
    return lab.on_data("quarantine", "list", "--json", *args).ndjson()


@pytest.fixture
def odd(lab, server):
    """Two things, and one without an id."""
    serves(server, {"id": "a", "name": "a"}, NAMELESS, {"id": "b", "name": "b"})
    lab.has(collection(delete={"guard": "none"}))
    lab.first = lab.run(expect=1)
    return lab


def retry(lab, *args, expect=0):
    return lab.garner("quarantine", "retry", "-c", lab.config, *args, expect=expect)


def test_the_run_names_it_and_says_how_to_see_it(odd):
    line = odd.first.blames("no id at '/id'")
    command = re.search(r"garner (quarantine show \w+ --data \S+)", line).group(1)
    shown = odd.garner(*command.split())
    assert '"name": "odd"' in shown.text and "no id at '/id'" in shown.text
    assert "\x1b" not in shown.text
    assert odd.ids() == ["a", "b"]
    assert odd.receipts()[-1]["quarantined"] == 1 and not odd.receipts()[-1]["sound"]


def test_list_and_show_say_what_and_why(odd):
    row, = quarantined(odd)
    assert (row["provider"], row["account"], row["region"], row["parent"], row["id"]) == (PROVIDER, ACCOUNT, None, None, None)
    assert row["reason"] == "id" and "no id at '/id'" in row["cause"] and row["page"] == 1 and row["since"] == row["last"]
    assert row["harvest"] == 1 and row["bytes"] > 10
    shown = json.loads(odd.on_data("quarantine", "show", row["digest"], "--json").text)
    assert shown == {**row, "item": NAMELESS, "beginning": None}
    table = odd.on_data("quarantine", "list").lines()
    assert len(table) == 2 and row["digest"][:12] in table[1] and "no id at '/id'" in table[1]
    assert quarantined(odd, "-t", "p.thing") == [row] == quarantined(odd, "-a", ACCOUNT)


def test_it_keeps_its_first_time_and_leaves_when_it_is_met_no_more(odd, server):
    before, = quarantined(odd)
    odd.run(expect=1)
    after, = quarantined(odd)
    assert after["since"] == before["since"] and after["last"] > before["last"] and after["harvest"] == 2
    serves(server, {"id": "a", "name": "a"})
    assert odd.run().brief() == ["deleted b"]
    assert quarantined(odd) == []
    odd.on_data("quarantine", "list").said("nothing is in quarantine")


def test_a_listing_that_fails_takes_nothing_out(odd, server):
    server.on("/things", Answer("", status=403))
    odd.run(expect=1)
    assert len(quarantined(odd)) == 1


def test_retry_lets_go_what_the_provider_file_can_read_now(odd, server):
    row, = quarantined(odd)
    stays = retry(odd, expect=1)
    assert "stays" in stays.text and "no id at '/id'" in stays.text
    odd.has_provider(provider(collection(id="/name", delete={"guard": "none"})))
    told = json.loads(retry(odd, row["digest"][:6], "--json").text)
    assert told["released"] and told["id"] == "odd" and told["cause"] is None
    assert quarantined(odd) == [] and odd.ids() == ["a", "b"], "it isn't stored: nobody knows whether it is still so"
    retry(odd).said("nothing is in quarantine")
    odd.run()
    assert odd.ids() == ["a", "b", "odd"]


def test_retry_knows_region_and_parent(lab, server):
    serves(server, {"id": "x", "tag": "t1"})
    serves(server, {"id": "c", "n": "one"}, {"n": "two"}, path="/x/parts")
    child = collection("p.part", scope={"parent": "p.thing"}, request={"url": "{account.endpoint}/{parent.id}/parts"})
    lab.has(collection(), child)
    lab.run(expect=1)
    row, = quarantined(lab)
    assert row["parent"] == "x" and row["type"] == "p.part"
    lab.has_provider(provider(collection(), {**child, "id": "{parent:/tag}-{account.id}-{item:/n}"}))
    assert json.loads(retry(lab, "-p", "x", "--json").text)["id"] == f"t1-{ACCOUNT}-two"


def test_what_clashed_stays_until_a_listing_tells(lab, server):
    serves(server, {"id": "a", "v": 1}, {"id": "a", "v": 2})
    lab.has(collection())
    lab.run(expect=1).blames("two items have the id 'a'")
    row, = quarantined(lab)
    assert row["id"] == "a" and row["reason"] == "items"
    assert "another resource" in retry(lab, expect=1).text
    lab.has_provider(provider(collection(id=["/id", "/v"])))
    assert "a/2" in retry(lab).text


def test_an_item_too_large_is_seen_and_shown_by_its_beginning(lab, server):
    serves(server, {"id": "a", "v": 1}, {"id": "big", "v": 1}, {"id": "gone", "v": 1})
    lab.has(collection(delete={"guard": "none"}))
    lab.run()
    serves(server, {"id": "a", "v": 1}, {"id": "big", "v": "x" * (17 << 20)})
    run = lab.run(expect=1)
    run.blames("'big' is .* more than")
    assert run.brief() == ["deleted gone"], "its id can be read, so the listing is sound"
    assert lab.document("p.thing", "big") == {"id": "big", "v": 1}
    row, = quarantined(lab)
    shown = lab.on_data("quarantine", "show", row["digest"])
    assert '{"id":"big","v":"xxx' in shown.text and len(shown.text) < 70000
    assert "beginning" in retry(lab, expect=1).text


# --- mistakes ---

@pytest.mark.parametrize("args, words", [
    (["lst"], "did you mean 'list'"), (["show"], "takes one item"), (["list", "abc"], "quarantine show abc"),
    (["show", "a", "b"], "takes one item"), (["show", "zzz"], "no item 'zzz'"), (["retry"], "-c FILE"),
    (["list", "-t", "p.thng"], "did you mean 'p.thing'"), ([], "is missing")])
def test_a_mistake_says_what_was_meant(odd, args, words):
    odd.on_data("quarantine", *args, expect=2).said(re.escape(words))


def test_a_mistyped_digest_names_the_nearest(odd):
    digest = quarantined(odd)[0]["digest"][:12]
    wrong = digest[:5] + ("0" if digest[5] != "0" else "1") + digest[6:]
    odd.on_data("quarantine", "show", wrong, expect=2).said(digest)
    retry(odd, wrong, expect=2).said(digest)


def test_an_ambiguous_digest_gets_the_choices(lab, server):
    serves(server, *({"v": n} for n in range(40)))
    lab.has(collection())
    lab.run(expect=1).blames("39 more")
    first = {}
    for row in quarantined(lab):
        first.setdefault(row["digest"][0], []).append(row["digest"])
    prefix, several = next((key, rows) for key, rows in first.items() if len(rows) > 1)
    result = lab.on_data("quarantine", "show", prefix, expect=2)
    for digest in several:
        result.said("garner quarantine show " + digest)
    assert len(retry(lab, prefix, expect=1).lines()) == len(several)


def test_retry_is_refused_while_a_run_holds_the_folder(odd, server):
    server.on("/things", Answer({"items": []}, delay=3))
    process = odd.start("run", "-c", odd.config, "--once")
    try:
        while not server.asked("/things")[1:]:
            assert process.poll() is None
        retry(odd, expect=1).said(str(process.pid))
        assert len(quarantined(odd)) == 1, "list reads all the same"
    finally:
        process.terminate()
        process.communicate()
