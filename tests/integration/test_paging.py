"""Paging: every style reads every item once, stops where it should, and tells a loop from an end."""

import json
from urllib.parse import quote

import pytest
from garner import THING, collection
from server import Answer, Listing, Server, error, redirect, sequence


def things(count):
    return [{"id": f"i{n:03}", "v": 1} for n in range(count)]


def ids(items):
    return sorted(item["id"] for item in items)


PAGES = {
    "token": {"style": "token", "from": "body:/next", "to": "query:token"},
    "link-header": {"style": "link"},
    "link-body": {"style": "link", "from": "body:/next"},
    "link-list": {"style": "link", "from": "body:/links"},
    "offset": {"style": "offset", "to": "query:offset"},
    "number": {"style": "number", "to": "query:page"},
    "marker": {"style": "marker", "to": "query:after"},
}
LOOP = "loop|before|earlier|repeats"  # in words; the receipt has the code
EVERY_STYLE = pytest.mark.parametrize("style", PAGES)


def harvest(lab, server, page, handler, expect=0, **over):
    """Sets `/things` up with that paging, and runs once."""
    server.on("/things", handler)
    lab.has(collection(page=page, **over))
    return lab.run(expect=expect)


# --- every style ---

@EVERY_STYLE
@pytest.mark.parametrize("count", [0, 1, 3, 6, 7])
def test_every_style_reads_every_item_once(lab, server, style, count):
    items = things(count)
    first = harvest(lab, server, PAGES[style], Listing(items, style, size=3))
    assert first.brief() == [f"created {id}" for id in ids(items)]
    assert lab.run().changes() == []
    assert lab.ids() == ids(items)


def test_none_is_one_page_whatever_it_says(lab, server):
    harvest(lab, server, {"style": "none"}, Listing(things(5), "token", size=3))
    assert len(server.asked("/things")) == 1 and len(lab.ids()) == 3


@EVERY_STYLE
def test_a_vanished_item_is_deleted_in_every_style(lab, server, style):
    items = things(9)
    harvest(lab, server, PAGES[style], Listing(items, style, size=2), order="stable")
    del items[4]
    assert lab.run().brief() == ["deleted i004"]


@EVERY_STYLE
def test_the_requests_own_query_is_sent_with_each_page_but_not_added_to_links(lab, server, style):
    request = {"url": "{account.endpoint}/things", "query": {"kind": "x y", "empty": None, "many": ["1", "2"]}}
    harvest(lab, server, PAGES[style], Listing(things(7), style, size=3), request=request)
    own = [("kind", "x y"), ("many", "1"), ("many", "2")]
    first, *others = server.asked("/things")
    assert sorted(q for q in first.query if q[0] not in ("offset", "page")) == own
    assert len(others) >= 2
    for request in others:
        had = sorted(q for q in request.query if q[0] in ("kind", "many", "empty"))
        assert had == ([] if style.startswith("link") else own)


@EVERY_STYLE
def test_a_failing_page_keeps_what_came_and_deletes_nothing(lab, server, style):
    items = things(7)
    listing = Listing(items, style, size=3)
    harvest(lab, server, PAGES[style], listing, order="stable")
    items[0] = {"id": "new", "v": 1}
    listing.faults[2] = error(403)
    run = lab.run(expect=1)
    assert run.brief() == ["created new"]
    run.blames("403", page=2)
    assert lab.ids() == ids(items + [{"id": "i000"}])


# --- tokens ---

@pytest.mark.parametrize("end", [None, "", "absent"])
def test_a_token_listing_ends_on_null_empty_and_absent(lab, server, end):
    harvest(lab, server, PAGES["token"], Listing(things(7), "token", end=end))
    assert len(lab.ids()) == 7
    assert [r.param("token") for r in server.asked("/things")] == [None, "t3", "t6"]


@pytest.mark.parametrize("token, text", [(17, "17"), (True, "true"), ("a b&c=ü/?", "a b&c=ü/?"), (12345678901234567890123, None)])
def test_a_token_of_any_scalar_goes_into_a_query_as_its_text(lab, server, token, text):
    def handler(request):
        if request.param("token") is None:
            return {"items": [{"id": "a"}], "next": token}
        return {"items": [{"id": "b"}]}
    harvest(lab, server, PAGES["token"], handler)
    assert server.asked("/things")[1].param("token") == (text or str(token))
    assert lab.ids() == ["a", "b"]


def test_an_object_as_token_goes_back_into_a_body_as_it_is(lab, server):
    key = '{"id": {"S": "x/ü"}, "n": [1, 2.50, null]}'

    def handler(request):
        asked = request.json()
        if "cursor" not in asked.get("page", {}):
            return Answer('{"items": [{"id": "a"}], "LastKey": %s}' % key)
        return {"items": [{"id": "b"}]}
    harvest(lab, server, {"style": "token", "from": "body:/LastKey", "to": "body:/page/cursor"}, handler,
            request={"method": "POST", "url": "{account.endpoint}/things", "body": {"page": {"size": 5}, "who": "{account.id}"}})
    first, second = server.asked("/things")
    assert first.json() == {"page": {"size": 5}, "who": "acct-1"}
    assert second.json() == {"page": {"size": 5, "cursor": json.loads(key)}, "who": "acct-1"}
    assert b"2.50" in second.body, "a token's numbers go back as they came"
    assert first.method == second.method == "POST" and first.header("Content-Type").startswith("application/json")
    assert lab.ids() == ["a", "b"]


def test_an_object_as_token_can_not_go_into_a_query(lab, server):
    run = harvest(lab, server, PAGES["token"], {"items": [{"id": "a"}], "next": {"x": 1}}, expect=1)
    run.blames("token|next|paging")
    assert lab.ids() == ["a"]


def test_a_token_from_a_header_to_a_header(lab, server):
    def handler(request):
        if request.header("X-Token") is None:
            return Answer({"items": [{"id": "a"}]}, headers={"x-next-TOKEN": "tt=="})
        return {"items": [{"id": "b"}]}
    harvest(lab, server, {"style": "token", "from": "header:X-Next-Token", "to": "header:X-Token"}, handler)
    assert [r.header("X-Token") for r in server.asked("/things")] == [None, "tt=="]
    assert lab.ids() == ["a", "b"]


def test_a_token_goes_into_a_form(lab, server):
    def handler(request):
        form = dict(request.form())
        return {"items": [{"id": form.get("Token", "first")}], "next": None if "Token" in form else "a b&"}
    harvest(lab, server, {"style": "token", "from": "body:/next", "to": "form:Token"}, handler,
            request={"method": "POST", "url": "{account.endpoint}/things", "form": {"Action": "List", "V": ["1", "2"], "N": None}})
    first, second = server.asked("/things")
    assert first.form() == [("Action", "List"), ("V", "1"), ("V", "2")]
    assert sorted(second.form()) == [("Action", "List"), ("Token", "a b&"), ("V", "1"), ("V", "2")]
    assert second.header("Content-Type") == "application/x-www-form-urlencoded"


def test_of_several_parts_those_that_came_go_on_and_the_end_is_when_none_did(lab, server):
    answers = sequence({"items": [{"id": "a"}], "name": "n1", "type": "A"},
                       {"items": [{"id": "b"}], "name": "n2", "type": None},
                       {"items": [{"id": "c"}], "name": "", "type": None})
    harvest(lab, server, {"style": "token", "parts": [{"from": "body:/name", "to": "query:StartName"},
                                                     {"from": "body:/type", "to": "query:StartType"}]}, answers)
    assert [sorted(r.query) for r in server.asked("/things")] == [
        [], [("StartName", "n1"), ("StartType", "A")], [("StartName", "n2")]]
    assert lab.ids() == ["a", "b", "c"]


def test_more_false_ends_a_listing_although_there_is_a_token(lab, server):
    harvest(lab, server, {**PAGES["token"], "more": "body:/more"},
            sequence({"items": [{"id": "a"}], "next": "x", "more": True}, {"items": [{"id": "b"}], "next": "y", "more": False}))
    assert len(server.asked("/things")) == 2 and lab.ids() == ["a", "b"]


def test_more_true_with_nothing_to_go_on_with_is_an_error(lab, server):
    run = harvest(lab, server, {**PAGES["token"], "more": "body:/more"}, {"items": [{"id": "a"}], "more": True}, expect=1)
    run.blames("more")
    assert lab.ids() == ["a"]


def test_an_empty_page_in_the_middle_is_an_ordinary_page(lab, server):
    harvest(lab, server, PAGES["token"],
            sequence({"items": [], "next": "x"}, {"items": [{"id": "a"}], "next": "y"}, {"items": [], "next": "z"},
                     {"items": [{"id": "b"}]}))
    assert lab.ids() == ["a", "b"]


def test_a_token_seen_before_is_a_loop(lab, server):
    items = things(6)
    listing = Listing(items, "token")
    harvest(lab, server, PAGES["token"], listing)
    listing.faults[2] = lambda request, right: Answer({"items": [{"id": "new"}], "next": "t3"})
    run = lab.run(expect=1)
    run.blames(LOOP, page=2)
    assert run.brief() == ["created new"]
    assert "loop" in [r["error"] for r in lab.receipts()]


def test_a_page_that_repeats_under_a_fresh_token_is_a_loop(lab, server):
    counter = iter(range(1, 1000))
    run = harvest(lab, server, PAGES["token"], lambda request: {"items": things(2), "next": f"t{next(counter)}"}, expect=1)
    run.blames(LOOP, page=2)
    assert len(server.asked("/things")) == 2 and len(lab.ids()) == 2


def test_no_more_pages_than_pages_max(lab, server):
    counter = iter(range(1, 1000))

    def handler(request):
        n = next(counter)
        return {"items": [{"id": f"i{n}"}], "next": f"t{n}"}
    run = harvest(lab, server, {**PAGES["token"], "pages_max": 7}, handler, expect=1)
    run.blames("pages_max|7 pages", page=None)
    assert len(server.asked("/things")) == 7 and len(lab.ids()) == 7


# --- page sizes ---

def test_the_first_request_asks_for_the_default_size_or_else_the_most(lab, server):
    page = {**PAGES["token"], "size": {"to": "query:limit", "max": 100, "min": 2, "default": 5}}
    harvest(lab, server, page, Listing(things(12), "token"))
    assert server.asked("/things")[0].param("limit") == "5" and len(lab.ids()) == 12
    server.forget()
    del page["size"]["default"]
    harvest(lab, server, page, Listing(things(12), "token"))
    assert server.asked("/things")[0].param("limit") == "100"


@pytest.mark.parametrize("style", ["token", "offset", "marker", "link-header"])
def test_a_server_that_clamps_the_size_is_read_to_its_end(lab, server, style):
    items = things(11)
    page = {**PAGES[style], "size": {"to": "query:limit", "max": 100}}
    harvest(lab, server, page, Listing(items, style, size=2, cap=2), order="stable")
    assert lab.ids() == ids(items)
    del items[5]
    assert lab.run().brief() == ["deleted i005"], "a clamped size doesn't make a listing unsound"


# --- links ---

def linked(first, second="/things/2"):
    """A first page whose next link is `first`; the second is at `second`, whatever its query."""
    def handler(request):
        if request.query or request.path != "/things":
            return {"items": [{"id": "b"}]}
        return Answer({"items": [{"id": "a"}]}, headers=[first] if isinstance(first, tuple) else [("Link", first)])
    return handler


@pytest.mark.parametrize("link, leads", [
    ('<?page=2>; rel="next"', "/things?page=2"),
    ('<things?page=2>; rel="next"', "/things?page=2"),
    ('</other/path?page=2&q=%2F%20>; rel="next"', "/other/path?page=2&q=%2F%20"),
    ('<./deep/../two>; rel="next"', "/two"),
    ('<../../two>; rel=next', "/two"),
    ('<{url}/two>; rel="next"', "/two"),
    ('<//{host}/two>; rel="next"', "/two"),
    ('</first>; rel="first", </two>; rel="next", </last>; rel="last"', "/two"),
    ('</two>; title="a, <b>; rel=x"; rel="next"', "/two"),
    ('</two>; rel="prev next"', "/two"),
    ('</two>;rel=NEXT', "/two"),
])
def test_a_link_is_followed_wherever_it_stands(lab, server, link, leads):
    link = link.format(url=server.url, host=server.url.split("//")[1])
    server.on("*", linked(link))
    harvest(lab, server, {"style": "link"}, linked(link))
    assert [r.target for r in server.asked()] == ["/things", leads]
    assert lab.ids() == ["a", "b"]


def test_the_next_one_of_several_link_headers_counts(lab, server):
    server.on("*", {"items": [{"id": "b"}]})
    harvest(lab, server, {"style": "link"}, Answer({"items": [{"id": "a"}]}, headers=[
        ("Link", '</one>; rel="prev"'), ("LINK", '</two>; rel="next"'), ("Link", '</last>; rel="last"')]))
    assert [r.path for r in server.asked()] == ["/things", "/two"]


@pytest.mark.parametrize("link", ["</two>", '</two>; rel="prev"', '</two>; rel="nextish"', '</two>; rev="next"'])
def test_other_links_end_a_listing(lab, server, link):
    harvest(lab, server, {"style": "link"}, linked(link))
    assert len(server.asked()) == 1 and lab.ids() == ["a"]


def test_a_link_keeps_method_headers_and_auth(lab, server):
    lab.env["TOKEN"] = "s3cret"
    server.on("/things", Listing(things(5), "link-header"))
    lab.has(collection(page={"style": "link"}, request={
        "method": "POST", "url": "{account.endpoint}/things", "headers": {"X-Api": "v7"}, "body": {"q": 1}}),
        auth={"kind": "bearer", "token": "{credentials.token}"},
        accounts=[lab.account(credentials={"token": {"env": "TOKEN"}})])
    lab.run()
    assert len(server.asked()) == 2
    for request in server.asked():
        assert (request.method, request.header("X-Api"), request.json()) == ("POST", "v7", {"q": 1})
        assert request.header("Authorization") == "Bearer s3cret"


def test_a_link_to_itself_is_a_loop(lab, server):
    run = harvest(lab, server, {"style": "link"}, Answer({"items": [{"id": "a"}]}, headers={"Link": '</things>; rel="next"'}),
                  expect=1)
    run.blames(LOOP)
    assert len(server.asked()) <= 2 and lab.ids() == ["a"]


@pytest.mark.parametrize("link", ["http://[bad/x", "ftp://127.0.0.1/x", "javascript:1", "http:///x"])
def test_a_link_that_is_no_http_url_is_an_error(lab, server, link):
    run = harvest(lab, server, {"style": "link", "from": "body:/next"}, {"items": [{"id": "a"}], "next": link}, expect=1)
    run.blames("link|url|scheme|origin|host")
    assert lab.ids() == ["a"]


@pytest.fixture
def other():
    """Another origin: the same host, another port."""
    with Server() as made:
        made.on("*", {"items": [{"id": "b"}]})
        yield made


def test_a_link_to_another_origin_is_an_error_and_nobody_there_is_asked(lab, server, other):
    run = harvest(lab, server, PAGES["link-body"], {"items": [{"id": "a"}], "next": other.url + "/two"}, expect=1)
    run.blames("origin")
    assert other.log == [] and other.connections == 0 and lab.ids() == ["a"]


def test_allow_origins_lets_a_link_lead_there(lab, server, other):
    server.on("/things", {"items": [{"id": "a"}], "next": other.url + "/two?x=1"})
    lab.has(collection(page=PAGES["link-body"]), allow_origins=[other.url])
    lab.run()
    assert [r.target for r in other.asked()] == ["/two?x=1"] and lab.ids() == ["a", "b"]


def test_rewrite_origin_keeps_the_origin_and_takes_path_and_query(lab, server, other):
    server.on("/things", {"items": [{"id": "a"}], "next": "http://internal.invalid:8080/two?x=%2F"})
    server.on("/two", {"items": [{"id": "b"}]})
    lab.has(collection(page=PAGES["link-body"]), rewrite_origin=True)
    lab.run()
    assert [r.target for r in server.asked()] == ["/things", "/two?x=%2F"] and lab.ids() == ["a", "b"]


# --- redirects ---

@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_within_the_origin_is_followed(lab, server, status):
    server.on("/elsewhere", {"items": [{"id": "a"}]})
    harvest(lab, server, {"style": "none"}, redirect("/elsewhere?x=1", status))
    assert [r.target for r in server.asked()] == ["/things", "/elsewhere?x=1"] and lab.ids() == ["a"]


def test_a_redirect_to_another_origin_is_an_error_and_leaks_nothing(lab, server, other):
    run = harvest(lab, server, {"style": "none"}, redirect(other.url + "/two"), expect=1)
    run.blames("redirect|origin")
    assert other.connections == 0


def test_allow_origins_lets_a_redirect_lead_there(lab, server, other):
    server.on("/things", redirect(other.url + "/two"))
    lab.has(collection(), allow_origins=[other.url])
    lab.run()
    assert lab.ids() == ["b"]


def test_redirects_without_end_are_an_error(lab, server):
    run = harvest(lab, server, {"style": "none"}, redirect("/things"), expect=1)
    run.blames("redirect")
    assert len(server.asked()) <= 50


# --- offset and number ---

def test_an_offset_grows_by_the_items_that_came(lab, server):
    sizes = {0: 3, 3: 1, 4: 2, 6: 0}

    def handler(request):
        at = int(request.param("offset", 0))
        return {"items": [{"id": f"i{n}"} for n in range(at, at + sizes[at])]}
    harvest(lab, server, PAGES["offset"], handler)
    assert [int(r.param("offset", 0)) for r in server.asked()] == [0, 3, 4, 6] and len(lab.ids()) == 6


def test_end_short_spares_the_empty_page(lab, server):
    page = {**PAGES["offset"], "end": "short", "size": {"to": "query:limit", "max": 3}}
    harvest(lab, server, page, Listing(things(7), "offset"))
    assert len(server.asked()) == 3 and len(lab.ids()) == 7


def test_a_total_never_ends_a_listing_and_a_lying_one_spoils_it(lab, server):
    items = things(7)
    listing = Listing(items, "offset", extra={"total": 7})
    harvest(lab, server, {**PAGES["offset"], "total": "body:/total"}, listing, order="stable")
    assert len(lab.ids()) == 7
    del items[2]
    listing.extra["total"] = 3
    run = lab.garner("run", "-c", lab.config, "--once", "--print-feed", expect=None)
    assert run.changes() == [], "not sound, so nothing is deleted"
    assert [r["sound"] for r in lab.receipts()].count(False) == 1
    assert len(lab.ids()) == 7
    listing.extra["total"] = 6
    assert lab.run().brief() == ["deleted i002"]


@pytest.mark.parametrize("style", ["offset", "number"])
def test_a_short_page_seen_before_ends_an_offset_or_number_listing_unsound(lab, server, style):
    items = things(5)
    page = {**PAGES[style], "size": {"to": "query:limit", "max": 3}}
    listing = Listing(items, style)
    harvest(lab, server, page, listing, order="stable")
    assert len(lab.ids()) == 5
    del items[1]
    items.append({"id": "new", "v": 1})

    def last_page_again(request):
        answer = listing(request)
        answer.body["items"] = answer.body["items"] or items[3:]
        return answer
    server.on("/things", last_page_again)
    run = lab.garner("run", "-c", lab.config, "--once", "--print-feed", expect=None)
    assert run.brief() == ["created new"]
    assert len(server.asked()) <= 6 and len(lab.ids()) == 6


@pytest.mark.parametrize("style", ["offset", "number"])
def test_a_full_page_seen_before_is_a_loop(lab, server, style):
    page = {**PAGES[style], "size": {"to": "query:limit", "max": 2}}
    run = harvest(lab, server, page, {"items": things(2)}, expect=1)
    run.blames(LOOP, page=2)
    assert lab.ids() == ["i000", "i001"]


@pytest.mark.parametrize("first", [None, 0, 5])
def test_numbers_start_where_the_file_says(lab, server, first):
    page = {**PAGES["number"], **({} if first is None else {"first": first})}
    start = 1 if first is None else first
    harvest(lab, server, page, Listing(things(5), "number", first=start))
    assert len(lab.ids()) == 5
    assert [r.param("page", str(start)) for r in server.asked()] == [str(start), str(start + 1), str(start + 2)]


def test_last_spares_the_empty_page(lab, server):
    harvest(lab, server, {**PAGES["number"], "last": "body:/pages"}, Listing(things(6), "number", extra={"pages": 2}))
    assert len(server.asked()) == 2 and len(lab.ids()) == 6


# --- markers ---

def test_a_marker_is_the_last_id_encoded(lab, server):
    items = [{"id": id} for id in ("a b", "c&d=e", "f/g?h#i", "j+k%20", "lü☃")]
    harvest(lab, server, PAGES["marker"], Listing(items, "marker", size=1))
    asked = server.asked()
    assert [r.param("after") for r in asked] == [None] + [item["id"] for item in items]
    assert asked[3].raw_query == "after=" + quote("f/g?h#i", safe="")
    assert lab.ids() == ids(items)


def test_a_marker_from_a_part_of_the_item(lab, server):
    items = [{"id": f"x{n}", "meta": {"key": n}} for n in (1, 2, 3)]
    after = {None: items[:2], "2": items[2:], "3": []}
    harvest(lab, server, {"style": "marker", "from": "item:/meta/key", "to": "query:after"},
            lambda request: {"items": after[request.param("after")]})
    assert lab.ids() == ["x1", "x2", "x3"]


def test_a_marker_listing_with_end_short(lab, server):
    page = {**PAGES["marker"], "end": "short", "size": {"to": "query:limit", "max": 3}}
    harvest(lab, server, page, Listing(things(5), "marker"))
    assert len(server.asked()) == 2 and len(lab.ids()) == 5


def test_a_server_that_does_not_heed_the_marker_is_a_loop(lab, server):
    run = harvest(lab, server, PAGES["marker"], {"items": things(3)}, expect=1)
    run.blames(LOOP, page=2)
    assert len(server.asked()) == 2 and len(lab.ids()) == 3


def test_two_collections_page_side_by_side(lab, server):
    server.on("/things", Listing(things(10), "token", size=1))
    server.on("/others", Listing(things(10), "offset", size=1))
    lab.has(collection(page=PAGES["token"]), collection("p.other", "/others", page=PAGES["offset"]))
    assert len(lab.run().changes()) == 20
    assert len(lab.ids(THING)) == len(lab.ids("p.other")) == 10
