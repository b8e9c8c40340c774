"""`garner status` on a data folder: what is wrong, since when, why, and what to do; exit code 0 only if all is well."""

import json
import time

import pytest
from garner import ACCOUNT, THING, collection
from server import Listing, error

PART = "p.part"


def status(lab, *args, config=True, expect=0):
    return lab.garner("status", *(["-c", lab.config] if config else ["--data", lab.data]), *args, expect=expect)


def as_json(lab, *args, **more):
    return json.loads(status(lab, "--json", *args, **more).text)


def things(count):
    return [{"id": f"a{n:02}"} for n in range(count)]


def page(items):
    """A listing of one page."""
    return Listing(items, size=100)


def test_all_is_well(lab, server):
    server.on("/things", page(things(5)))
    lab.has(collection())
    lab.run()
    result = status(lab)
    assert "1 collection; 5 resources" in result.text and "normal" in result.text and not result.err
    made = as_json(lab)
    assert made["well"] is True and made["collections"] == 1 and made["resources"] == 5 and made["troubles"] == []
    assert made["started"] is None and made["states"] is None, "a folder has no schedule"
    assert made["harvests"]["sound"] == 1 and made["tiers"] == [0, 0, 0, 0, 5]
    assert 0 <= made["staleness"]["normal"]["oldest_seconds"] < 60
    lab.run()
    assert sum(as_json(lab)["tiers"][:3]) == 5, "the second listing was recognised by its bytes"


def test_unreachable_says_since_when_why_and_what_to_do(lab, server):
    listing = server.on("/things", page(things(5)))
    lab.has(collection())
    lab.run()
    server.on("/things", error(403, "Forbidden"))
    lab.run(expect=1)
    result = status(lab, expect=1)
    line, = [line for line in result.text.splitlines() if line.startswith(f"p/{ACCOUNT} ")]
    for part in (THING, "unreachable (denied)", "grant what the cause names", "403"):
        assert part in line, result
    made = as_json(lab, expect=1)
    trouble, = made["troubles"]
    assert (trouble["trouble"], trouble["error"], trouble["account"]) == ("unreachable", "denied", ACCOUNT)
    assert "403" in trouble["cause"] and trouble["since"] and trouble["advice"] and trouble["next"] is None
    assert made["troubled"]["unreachable"] == 1 and made["harvests"]["failed"] == {"denied": 1}
    assert made["staleness"]["normal"]["oldest_seconds"] >= 0 and made["staleness"]["normal"]["never"] == 0
    server.on("/things", listing)
    lab.run()
    assert as_json(lab)["well"] is True


def test_a_collection_that_never_was_listed(lab, server):
    server.on("/things", error(500))
    lab.has(collection())
    lab.run(expect=1)
    made = as_json(lab, expect=1)
    assert made["staleness"]["normal"] == {"collections": 1, "never": 1, "late": 0, "oldest_seconds": None,
                                           "oldest_period_seconds": None, "p99_seconds": None}


def test_held_back_names_the_command_that_confirms(lab, server):
    items = things(10)
    server.on("/things", page(items))
    lab.has(collection())
    lab.run()
    del items[2:]
    lab.run(expect=1)
    trouble, = as_json(lab, expect=1)["troubles"]
    assert (trouble["trouble"], trouble["count"]) == ("held", 8)
    command = trouble["advice"].split("if they are gone: garner ")[1].split()
    lab.garner(*command, "--data", lab.data)
    assert "held (8)" in status(lab, expect=1).text
    lab.run()
    status(lab)


def test_a_listing_that_is_not_sound_by_its_own_fault(lab, server):
    server.on("/things", page([{"id": "a", "n": 1}, {"id": "a", "n": 2}, {"id": "b"}]))
    lab.has(collection())
    lab.run(expect=1)
    failing, quarantined = as_json(lab, expect=1)["troubles"]
    assert failing["trouble"] == "failing" and failing["cause"] and failing["error"] is None
    assert (quarantined["trouble"], quarantined["count"]) == ("quarantined", 1) and "quarantine list" in quarantined["advice"]


def test_a_child_of_a_parent_that_failed_is_not_blamed_for_it(lab, server):
    server.on("/things", page([{"id": "a", "n": 1}, {"id": "a", "n": 2}]))
    server.on("/things/a/parts", page([{"id": "x"}]))
    lab.has(collection(), collection(PART, "/things/{parent.id}/parts", scope={"parent": THING}))
    lab.run(expect=1)
    assert {t["type"] for t in as_json(lab, expect=1)["troubles"]} == {THING}


def test_stale_is_more_than_three_periods_old(lab, server):
    server.on("/things", page(things(1)))
    lab.has(collection(every="1s"))
    lab.run()
    status(lab)
    time.sleep(4.2)
    made = as_json(lab, expect=1)
    assert [t["trouble"] for t in made["troubles"]] == ["stale"] and made["staleness"]["normal"]["late"] == 1
    assert made["staleness"]["normal"]["oldest_period_seconds"] == 1
    assert "is garner running" in status(lab, expect=1).text
    result = status(lab, config=False)  # without the configuration nobody knows
    result.said("period", "-c FILE")
    assert as_json(lab, config=False)["staleness"]["unknown"]["collections"] == 1


def test_priorities_stand_apart(lab, server):
    for name in ("things", "parts"):
        server.on(f"/{name}", page(things(1)))
    lab.has(collection(priority="high"), collection(PART, "/parts", priority="low"))
    lab.run()
    made = as_json(lab)["staleness"]
    assert {name: age["collections"] for name, age in made.items()} == {"high": 1, "normal": 0, "low": 1, "unknown": 0}


def test_what_is_not_watched_any_more_is_counted_apart(lab, server):
    server.on("/things", page(things(3)))
    server.on("/parts", page(things(2)))
    lab.has(collection(), collection(PART, "/parts"))
    lab.run()
    lab.has(collection())
    lab.run()
    made = as_json(lab)
    assert (made["collections"], made["unwatched"], made["resources"]) == (1, 1, 3)


def test_an_account_or_a_type_alone(lab, server):
    server.on("/things", page(things(3)))
    server.on("/parts", error(403))
    lab.has(collection(), collection(PART, "/parts"), accounts=[lab.account(), lab.account(id="acct-2")])
    lab.run(expect=1)
    assert as_json(lab, expect=1)["troubled"]["unreachable"] == 2
    assert as_json(lab, "-a", "acct-2", expect=1)["troubled"]["unreachable"] == 1
    assert as_json(lab, "-t", THING)["well"] is True
    status(lab, "-t", "p.thingg", expect=2).said("p.thingg", THING)
    status(lab, "-a", "acct-3", expect=2).said("acct-3", "acct-2")


def test_of_many_troubles_fifty_are_shown_and_json_has_all(lab, server):
    server.on("/*", error(403))
    lab.has(*[collection(f"p.t{n:02}", f"/t{n}") for n in range(60)])
    lab.run(expect=1)
    text = status(lab, expect=1).text
    assert sum(line.startswith(f"p/{ACCOUNT} ") for line in text.splitlines()) == 50
    assert text.endswith("and 10 more: --json\n")
    assert len(as_json(lab, expect=1)["troubles"]) == 60


def test_a_folder_in_which_nothing_was_harvested_yet(lab, server):
    lab.has(collection(), accounts=[])
    lab.run()
    status(lab, config=False).said("nothing was harvested yet", "garner run")
    assert as_json(lab)["collections"] == 0


@pytest.mark.parametrize("args, patterns", [
    (["--data", "nowhere"], ["nowhere", "run"]), (["--data", "data", "--at", "tcp://127.0.0.1:1"], ["--at", "--data"]), (["-c", "nowhere.yaml"], ["nowhere.yaml"]),
    (["--data", "data", "--jsn"], ["--json"]), (["--data", "data", "extra"], ["extra"]),
    (["--data", "data", "--region", "r"], ["--region"])])
def test_a_slip_is_named_with_what_to_do(lab, server, args, patterns):
    server.on("/things", page(things(1)))
    lab.has(collection())
    lab.run()
    lab.garner("status", *args, expect=2).said(*patterns)


def test_no_connection_exits_3(lab):
    lab.env["GARNER_AT"] = "tcp://127.0.0.1:1"
    lab.garner("status", expect=3).said("tcp://127.0.0.1:1")


def test_hostile_words_in_a_cause_stay_harmless(lab, server):
    server.on("/things", error(403, "\x1b[31mred\x07"))
    lab.has(collection(errors={"code_at": "/error/code"}))
    lab.run(expect=1)
    for result in (status(lab, expect=1), status(lab, "--json", expect=1)):
        assert "\x1b" not in result.text and "\x07" not in result.text
