"""Deletes: only a sound listing deletes, only after the confirmation asked for, and within the guard."""

import time

import pytest
from garner import THING, collection
from server import Answer, Listing, error, sequence

TOKEN = {"style": "token", "from": "body:/next", "to": "query:token"}


class World:
    """Things a00, a01, … behind a paged listing, each also at /things/ID."""

    def __init__(self, lab, server, count=10, style="token", page=TOKEN, **over):
        self.lab, self.server = lab, server
        self.items = [{"id": f"a{n:02}", "n": n} for n in range(count)]
        self.all = list(self.items)
        self.listing = server.on("/things", Listing(self.items, style, size=4))
        self.rules = {"page": page, **over}
        lab.has(collection(**self.rules))
        assert len(lab.run().changes()) == count

    def loses(self, *numbers):
        self.items[:] = [item for item in self.items if item["n"] not in numbers]

    def regains(self, *numbers):
        self.items += [item for item in self.all if item["n"] in numbers and item not in self.items]

    def becomes(self, **over):
        self.lab.has(collection(**{**self.rules, **over}))


def ids(*numbers):
    return [f"deleted a{n:02}" for n in numbers]


# --- sound listings ---

def test_a_sound_listing_deletes_and_the_change_names_its_receipt(lab, server):
    world = World(lab, server)
    world.loses(3, 7)
    run = lab.run()
    assert run.brief() == ids(3, 7)
    for event in run.changes():
        assert event["after"] is None and event["before"]["id"] == event["id"] and len(event["receipt"]) == 1
        receipt, = [r for r in lab.receipts() if r["id"] == event["receipt"][0]]
        assert receipt["sound"] and receipt["complete"] and receipt["deleted"] == 2 and receipt["error"] is None
    assert len(lab.ids()) == 8
    world.regains(3)
    run = lab.run()
    assert run.brief() == ["created a03"] and run.changes()[0]["initial"] is False


@pytest.mark.parametrize("page", [1, 2, 3])
@pytest.mark.parametrize("fault", [error(500), error(403), error(404), Answer(b"", 200), Answer({"items": None})],
                         ids=["500", "403", "404", "empty", "null"])
def test_a_listing_that_fails_on_any_page_deletes_nothing(lab, server, page, fault):
    world = World(lab, server, count=11, delete={"guard": "none"})
    world.loses(0, 9)  # nine are left: three pages
    world.listing.faults[page] = fault
    run = lab.run(expect=1)
    assert run.changes() == []
    run.blames(".", page=page)
    assert len(lab.ids()) == 11
    world.listing.cured()
    assert lab.run().brief() == ids(0, 9)


def test_one_status_says_unreachable_and_one_recovered(lab, server):
    world = World(lab, server)
    assert len(lab.feed("--from", "oldest").statuses("listed")) == 1
    world.listing.faults[2] = error(403, "Denied")
    first = lab.run(expect=1)
    status, = first.statuses("unreachable")
    assert status["type"] == THING and status["id"] is None and status["before"] is status["after"] is status["patch"] is None
    assert "403" in str(status["status"]["receipt"])
    assert lab.run(expect=1).statuses() == [], "once is enough"
    world.listing.cured()
    assert [e["status"]["kind"] for e in lab.run().statuses()] == ["recovered"]
    assert lab.run().statuses() == []


def test_a_resource_that_comes_back_before_its_delete_is_not_an_event(lab, server):
    world = World(lab, server)
    world.loses(3)
    world.listing.faults[3] = error(403)
    lab.run(expect=1)
    world.listing.cured()
    world.regains(3)
    assert lab.run().changes() == []


# --- the guard ---

@pytest.mark.parametrize("count, gone, held", [
    (10, 5, False), (10, 6, True), (10, 10, True), (4, 2, False), (4, 3, True), (2, 2, False), (3, 3, True), (5, 3, True)])
def test_the_default_guard_holds_back_more_than_half_if_it_is_three_or_more(lab, server, count, gone, held):
    world = World(lab, server, count)
    world.loses(*range(gone))
    run = lab.run(expect=1 if held else 0)
    assert run.brief() == ([] if held else ids(*range(gone)))
    if held:
        run.blames("held|guard", page=None)
        status, = run.statuses("held")
        assert status["type"] == THING
        assert len(lab.ids()) == count
        assert lab.run(expect=1).statuses("held") == [], "a held status once"
        world.regains(*range(gone))
        assert lab.run().changes() == []


def test_an_empty_answer_where_there_was_plenty_deletes_nothing(lab, server):
    world = World(lab, server)
    del world.items[:]
    assert lab.run(expect=1).changes() == []
    assert len(lab.ids()) == 10


@pytest.mark.parametrize("guard, gone, held", [
    ("none", 10, False), ("20%", 2, False), ("20%", 3, True), ("100%", 10, False),
    ({"share": "20%", "min": 5, "listings": 3, "over": "1h"}, 4, False),
    ({"share": "20%", "min": 5, "listings": 3, "over": "1h"}, 5, True)])
def test_a_guard_of_ones_own(lab, server, guard, gone, held):
    world = World(lab, server, delete={"guard": guard})
    world.loses(*range(gone))
    assert lab.run(expect=1 if held else 0).brief() == ([] if held else ids(*range(gone)))


def test_creations_and_updates_go_on_while_deletes_are_held(lab, server):
    world = World(lab, server)
    world.loses(*range(8))
    world.items[0] = {**world.items[0], "v": 2}
    world.items.append({"id": "new", "n": 99})
    assert lab.run(expect=1).brief() == ["created new", "updated a08"]


def test_a_guard_gives_way_after_its_listings_over_its_time(lab, server):
    world = World(lab, server, delete={"guard": {"share": "50%", "min": 3, "listings": 3, "over": "1s"}})
    world.loses(*range(8))
    assert lab.run(expect=1).changes() == []
    time.sleep(1.1)
    world.regains(0)  # missed by the first only
    assert lab.run(expect=1).changes() == [], "two listings are too few"
    world.loses(0)
    run = lab.run(expect=None)
    assert run.brief() == ids(*range(1, 8)), "those that all of them missed go"
    assert all(len(e["receipt"]) >= 2 for e in run.changes())
    assert lab.ids() == ["a00", "a08", "a09"]


def test_listings_that_come_too_fast_do_not_outlast_the_guard(lab, server):
    world = World(lab, server, delete={"guard": {"share": "50%", "min": 3, "listings": 2, "over": "1h"}})
    world.loses(*range(8))
    for _ in range(4):
        assert lab.run(expect=1).changes() == []


def test_failed_listings_do_not_count_for_the_guard(lab, server):
    world = World(lab, server, delete={"guard": {"share": "50%", "min": 3, "listings": 2, "over": "1ms"}})
    world.loses(*range(8))
    lab.run(expect=1)
    time.sleep(0.01)
    world.listing.faults[1] = error(403)
    for _ in range(3):
        assert lab.run(expect=1).changes() == []
    world.listing.cured()
    assert lab.run().brief() == ids(*range(8))


@pytest.mark.parametrize("account", ["acct-1", "p/acct-1"])
def test_confirm_lets_the_next_sound_listing_delete_what_it_still_misses(lab, server, account):
    world = World(lab, server)
    world.loses(*range(8))
    lab.run(expect=1)
    assert len(lab.ids()) == 10
    lab.on_data("confirm", account, THING)
    world.regains(2)
    run = lab.run()
    assert run.brief() == ids(0, 1, *range(3, 8))
    world.items[:] = []
    assert lab.run(expect=1).changes() == [], "a confirmation is used once"


def test_confirm_covers_what_is_held_and_nothing_that_vanishes_later(lab, server):
    world = World(lab, server, count=20)
    world.loses(*range(11))
    lab.run(expect=1)
    lab.on_data("confirm", "acct-1", THING)
    world.loses(*range(19))
    gone = [e["id"] for e in lab.run(expect=None).changes()]
    assert set(gone) >= {f"a{n:02}" for n in range(11)}
    assert not set(gone) & {f"a{n:02}" for n in range(11, 19)}


def test_confirm_says_when_there_is_nothing_to_confirm(lab, server):
    World(lab, server)
    lab.on_data("confirm", "acct-1", THING, expect=None).said("nothing|no ")
    lab.on_data("confirm", "acct-9", THING, expect=2).said("acct-9")
    lab.on_data("confirm", "acct-1", "p.thinf", expect=2).said("p.thinf", "p.thing")


# --- relist ---

def test_relist_wants_two_sound_listings_in_a_row(lab, server):
    world = World(lab, server, delete={"confirm": "relist"})
    world.loses(3, 4)
    assert lab.run().changes() == [], "waiting is no failure"
    world.regains(4)
    run = lab.run()
    assert run.brief() == ids(3)
    assert len(set(run.changes()[0]["receipt"])) == 2, "it names both listings"
    assert set(run.changes()[0]["receipt"]) <= {r["id"] for r in lab.receipts()}
    world.loses(4)
    assert lab.run().changes() == [], "the first miss was forgotten when it was seen"
    assert lab.run().brief() == ids(4)


def test_a_failed_listing_is_neither_a_miss_nor_a_sight(lab, server):
    world = World(lab, server, delete={"confirm": "relist"})
    world.loses(3)
    lab.run()
    world.listing.faults[3] = error(403)
    assert lab.run(expect=1).changes() == []
    world.listing.cured()
    assert lab.run().brief() == ids(3)


def test_an_unsound_listing_that_sees_it_takes_it_off(lab, server):
    world = World(lab, server, delete={"confirm": "relist"})
    world.loses(0)
    lab.run()
    world.items.insert(0, world.all[0])
    world.listing.faults[3] = error(403)
    lab.run(expect=1)
    world.listing.cured()
    world.loses(0)
    assert lab.run().changes() == [], "it was seen in between"
    assert lab.run().brief() == ids(0)


@pytest.mark.parametrize("style, key", [("offset", "offset"), ("number", "page")])
def test_offset_and_number_relist_unless_their_order_is_stable(lab, server, style, key):
    world = World(lab, server, style=style, page={"style": style, "to": f"query:{key}"})
    lab.garner("validate", "-c", lab.config).said("relist|order|best effort")
    world.loses(3)
    assert lab.run().changes() == []
    assert lab.run().brief() == ids(3)
    world.becomes(order="stable")
    lab.run()
    world.loses(4)
    assert lab.run().brief() == ids(4)


# --- get ---

GET = {"get": {"url": "{account.endpoint}/things/{id}", "query": {"n": "{item:/n}"}}, "delete": {"confirm": "get"}}


def test_a_404_confirms_a_delete(lab, server):
    world = World(lab, server, **GET)
    world.loses(3, 4)
    server.on("/things/*", error(404))
    server.forget()
    assert lab.run().brief() == ids(3, 4)
    assert sorted((r.path, r.query) for r in server.asked("/things/*")) == [
        ("/things/a03", [("n", "3")]), ("/things/a04", [("n", "4")])]


def test_a_2xx_keeps_it_and_is_no_event(lab, server):
    world = World(lab, server, **GET)
    world.loses(3)
    server.on("/things/*", {"id": "a03", "n": "something else"})
    run = lab.run()
    assert run.changes() == [] and lab.document(THING, "a03")["n"] == 3
    server.on("/things/*", error(404))
    assert lab.run().brief() == ids(3)


@pytest.mark.parametrize("status", [400, 401, 403, 410, 429, 500])
def test_anything_else_deletes_nothing_and_is_an_error(lab, server, status):
    world = World(lab, server, **GET)
    world.loses(3, 4)
    server.on("/things/a03", error(status))
    server.on("/things/a04", error(404))
    run = lab.run(expect=1)
    assert "deleted a03" not in run.brief()
    run.blames(str(status), page=None)
    assert "a03" in lab.ids()


def test_get_encodes_its_id_and_absent_may_say_what_gone_looks_like(lab, server):
    items = [{"id": "x/y z"}, {"id": "b"}, {"id": "c"}]
    server.on("/things", lambda request: {"items": items})
    lab.has(collection(get={"url": "{account.endpoint}/one/{id}"}, delete={"confirm": "get"},
                       errors={"code_at": "/error/code"}, absent=[{"status": 400, "code": "Gone.Ok"}]))
    lab.run()
    del items[0]
    server.on("/one/*", error(400, "Other"))
    assert lab.run(expect=1).changes() == []
    server.on("/one/*", error(400, "Gone.Ok"))
    assert lab.run().brief() == ["deleted x/y z"]
    assert server.asked("/one/*")[0].raw_path == "/one/x%2Fy%20z"


def test_the_guard_counts_before_any_get(lab, server):
    world = World(lab, server, **GET)
    world.loses(*range(8))
    server.on("/things/*", error(404))
    assert lab.run(expect=1).changes() == []
    assert server.asked("/things/*") == []


def test_offset_with_a_get_asks_it_by_default(lab, server):
    world = World(lab, server, style="offset", page={"style": "offset", "to": "query:offset"}, get=GET["get"])
    world.loses(3)
    server.on("/things/*", error(404))
    assert lab.run().brief() == ids(3)
    assert len(server.asked("/things/*")) == 1


# --- absent ---

def test_absent_is_a_complete_and_empty_collection(lab, server):
    world = World(lab, server, count=2, absent=[{"status": 404}])
    server.on("/things", error(404))
    assert lab.run().brief() == ids(0, 1)
    assert world.lab.receipts()[-1] is not None


def test_absent_with_a_code_wants_that_code(lab, server):
    World(lab, server, count=2, absent=[{"status": 404, "code": "NoSuchThing"}, {"status": 400, "code": "Empty"}],
          errors={"code_at": "/error/code"})
    for wrong in (error(404, "NoSuchRoute"), error(404, 7), Answer("<html>", 404), error(403, "NoSuchThing")):
        server.on("/things", wrong)
        assert lab.run(expect=1).changes() == []
    server.on("/things", error(400, "Empty"))
    assert lab.run().brief() == ids(0, 1)


def test_the_guard_holds_back_an_absent_collection_too(lab, server):
    World(lab, server, absent=[{"status": 404}])
    server.on("/things", error(404))
    assert lab.run(expect=1).changes() == []


# --- errors ---

def test_a_throttling_code_is_tried_again_whatever_its_status(lab, server):
    world = World(lab, server, errors={"code_at": "/error/code", "throttled": ["SlowDown"]})
    server.on("/things", sequence(error(400, "SlowDown"), error(400, "SlowDown"), world.listing))
    assert lab.run().changes() == []
    server.on("/things", error(400, "SlowDown"))
    server.forget()
    lab.run(expect=1).blames("SlowDown|throttled")
    assert len(server.asked()) == 5


# --- require ---

def test_a_page_on_which_many_lack_what_earlier_ones_had_is_degraded(lab, server):
    world = World(lab, server, require=["/n"])
    del world.items[:]
    world.items += [{"id": f"a{n:02}"} for n in range(10)]
    run = lab.run(expect=1)
    run.blames("degraded|require|/n")
    assert run.changes() == [] or all(e["op"] != "deleted" for e in run.changes())
    assert lab.document(THING, "a00") == {"id": "a00", "n": 0}, "a degraded page changes nothing"


def test_a_few_that_lack_it_are_ordinary(lab, server):
    world = World(lab, server, count=40, require=["/n"])
    world.listing.size = 50
    world.items[0] = {"id": "a00"}
    world.items.append({"id": "b00", "n": 1})
    assert lab.run().brief() == ["created b00", "updated a00"]


# --- what narrows the view ---

def test_a_collection_or_account_taken_out_of_the_files_deletes_nothing(lab, server):
    server.on("*", Listing([{"id": "a"}, {"id": "b"}]))
    lab.has(collection(), collection("p.other", "/other"), accounts=[lab.account(), lab.account(id="acct-2")])
    assert len(lab.run().changes()) == 8
    lab.has(collection())
    assert lab.run().changes() == []
    assert len(lab.ids("p.other")) == 4 and len(lab.ids(THING)) == 4


def test_two_items_with_one_id_delete_nothing_and_the_same_item_twice_is_fine(lab, server):
    world = World(lab, server)
    world.loses(9)
    world.items.append(dict(world.items[0]))
    assert lab.run().brief() == ids(9), "the same twice says the same"
    world.loses(8)
    world.items += [{**world.all[1], "other": True}, {"id": "new"}]
    run = lab.run(expect=1)
    assert not [e for e in run.changes() if e["op"] == "deleted"]
    run.blames("a01|twice|two|same id", page=None)
