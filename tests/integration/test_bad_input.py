"""What bad input gets, always: an error that names account, collection, page and cause; exit 1; the other
collections done; what was fetched kept; nothing deleted; a store that opens and that `verify` is content with.

`bad.gets(…)` says all of that once. The collection p.bad has no guard, so nothing but its soundness is between
an item that its server doesn't show any more and a delete. (A full disk and a full map: test_full.py; kill -9 at any
moment: test_kill.py.)
"""

import errno
import gzip
import json
import signal
import socket
import time

import pytest
from garner import collection
from server import Answer, Listing, Server, error, gzip_bomb, make_certificate, sequence

TOKEN = {"style": "token", "from": "body:/next", "to": "query:token"}
MEBIBYTE = 1 << 20
BAD = "p.bad"


class Bad:
    """p.good, and p.bad with two pages of three: all listed once, then changed."""

    def __init__(self, lab, server):
        self.lab, self.server, self.times = lab, server, 0
        self.good = [{"id": f"g{n}", "v": 0} for n in range(4)]
        self.items = [{"id": f"b{n}", "v": 0} for n in range(6)]
        self.listing = Listing(self.items, "token", size=3)
        server.on("/good", Listing(self.good, "token", size=3))
        self.cured()
        self.at(server.url)
        assert len(lab.run().changes()) == 10
        self.known = {item["id"] for item in self.items}
        self.change()

    def cured(self):
        self.listing.cured()
        self.server.on("/bad", self.listing)

    def at(self, url):
        """Where p.bad is asked."""
        self.lab.has(collection("p.good", "/good", page=TOKEN),
                     collection(BAD, page=TOKEN, delete={"guard": "none"}, request={"url": "{account.bad}/bad"}),
                     accounts=[self.lab.account(bad=url)])

    def change(self):
        """The world moves on: a new item first, an old one gone, and p.good's g0 is another."""
        self.times += 1
        self.good[0] = {"id": "g0", "v": self.times}
        self.items[0] = {"id": f"new{self.times}", "v": 0}
        if len(self.items) == 6:
            del self.items[5]

    def page(self, number, answer):
        """Page 1 or 2 is this: an Answer, or a function (request, right answer) -> Answer."""
        self.listing.faults[number] = answer
        self.listing.expired = True  # it begins with page 1, wherever it was stopped before

    def gets(self, cause, page=1, fetched=None):
        """One run, and all that is promised. `fetched`: page 1's new item was (by default when page 2 is bad)."""
        run = self.lab.run(expect=1)
        run.blames(cause, type=BAD, page=page)
        new = f"new{self.times}"
        assert run.brief("p.good") == ["updated g0"], "the other collection is done"
        fetched = page == 2 if fetched is None else fetched
        assert run.brief(BAD) == ([f"created {new}"] if fetched else [])
        self.known |= {new} if fetched else set()
        assert set(self.lab.ids(BAD)) == self.known, "nothing is deleted"
        self.lab.verify()
        assert not any(r["sound"] and r["error"] for r in self.lab.receipts())
        return run

    def ends_well(self):
        """Cured, the next run makes the store the world's exact copy."""
        self.cured()
        self.at(self.server.url)
        self.lab.run()
        world = {key[5]: document for key, document in self.lab.world().items()}
        assert world == {item["id"]: item for item in self.good + self.items}
        assert self.lab.run().changes() == []


@pytest.fixture
def bad(lab, server):
    made = Bad(lab, server)
    yield made
    made.ends_well()


# --- connections ---

def no_route():
    """An address to which there is no way, and the system says so at once."""
    for address in ("224.0.0.1", "240.0.0.1", "255.255.255.254"):
        with socket.socket() as probe:
            probe.settimeout(1)
            try:
                probe.connect((address, 9))
            except OSError as e:
                if e.errno in (errno.ENETUNREACH, errno.EHOSTUNREACH):
                    return address
    return None


def test_no_route(bad):
    address = no_route()
    if not address:
        pytest.skip("this machine's network answers for every address")
    bad.at(f"http://{address}:9")
    bad.gets("unreachable|no route")


def test_refused(bad):
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    bad.at(f"http://127.0.0.1:{port}")
    bad.gets("refused|connect").said(rf"127\.0\.0\.1:{port}")


def test_unknown_name(bad):
    bad.lab.env["RES_OPTIONS"] = "timeout:1 attempts:1"
    bad.at("http://no-such-host.invalid")
    bad.gets(r"no-such-host\.invalid")


def test_a_port_out_of_range(bad):
    bad.at("http://127.0.0.1:99999")
    bad.gets("port|url|99999", page=None, fetched=False)


def test_an_endpoint_that_is_no_http(bad):
    bad.at("ftp://127.0.0.1")
    bad.gets("ftp|scheme|http", page=None, fetched=False)


def test_a_certificate_of_its_own_making(bad, tmp_path):
    with Server(bad.server.script, tls=make_certificate(tmp_path)) as tls:
        bad.at(tls.url)
        bad.gets("certificate|tls|ssl")
        assert tls.log == [], "nothing is asked of a server that can't be trusted"
        assert tls.connections <= 2, "nor is it tried again and again"


def test_a_certificate_of_another_host(bad, tmp_path):
    certificate = make_certificate(tmp_path, host="DNS:other.example")
    bad.lab.env["SSL_CERT_FILE"] = certificate[0]
    with Server(bad.server.script, tls=certificate) as tls:
        bad.at(tls.url)
        bad.gets("certificate|tls|ssl|name|host")
        assert tls.log == []


def test_tls_spoken_to_a_server_that_does_not(bad):
    bad.at(bad.server.url.replace("http:", "https:"))
    bad.gets("tls|ssl")


def test_a_certificate_that_is_trusted_is_good(lab, tmp_path):
    certificate = make_certificate(tmp_path)
    lab.env["SSL_CERT_FILE"] = certificate[0]
    with Server(tls=certificate) as tls:
        tls.on("/things", Listing([{"id": f"i{n}"} for n in range(7)]))
        lab.endpoint = tls.url
        lab.has(collection(page=TOKEN))
        assert len(lab.run().changes()) == 7


# --- statuses ---

@pytest.mark.parametrize("page", [1, 2])
@pytest.mark.parametrize("status, tries", [(400, 1), (401, 1), (403, 1), (404, 1), (410, 1), (418, 1), (429, 5), (500, 5), (503, 5), (599, 5)])
def test_a_status_that_is_no_answer(bad, status, tries, page):
    bad.page(page, error(status, "SomeCode"))
    bad.server.forget()
    bad.gets(str(status), page)
    asked = bad.server.asked("/bad")
    assert len(asked) == tries + page - 1, "429 and 5xx are tried again, a few times; others are not"
    assert len({r.target for r in asked[page - 1:]}) == 1, "and it is the same page that is asked again"


@pytest.mark.parametrize("status", [204, 304, 202])
def test_a_success_without_a_body_is_no_listing(bad, status):
    bad.page(2, Answer(b"", status))
    bad.gets(".", 2)


def test_a_provider_that_recovers_in_time_is_no_failure(bad):
    bad.page(2, sequence_of(error(500), Answer(reset=True), error(429), Answer({"items": bad.items[3:]})))
    run = bad.lab.run()
    assert f"created new{bad.times}" in run.brief(BAD)


def sequence_of(*answers):
    step = sequence(*answers)
    return lambda request, right: step(request)


def test_a_retry_after_is_waited_for(bad):
    bad.page(1, sequence_of(error(429, headers={"Retry-After": "1"}), Answer({"items": bad.items})))
    bad.server.forget()
    bad.lab.run()
    first, second = bad.server.asked("/bad")
    assert 1 <= second.when - first.when < 10


def test_a_retry_after_beyond_patience_ends_the_request(bad):
    bad.page(1, error(503, headers={"Retry-After": "600"}))
    bad.server.forget()
    bad.gets("503|600")
    assert len(bad.server.asked("/bad")) == 1


@pytest.mark.parametrize("value", ["soon", "-5", "99999999999999999999", "", "Fri, 99 Foo 2026 00:00:00 GMT", "Wed, 21 Oct 2015 07:28:00 GMT"])
def test_a_retry_after_that_makes_no_sense_is_no_trap(bad, value):
    bad.page(1, error(503, headers={"Retry-After": value}))
    began = time.monotonic()
    bad.gets("503")
    assert time.monotonic() - began < 60


# --- bodies that are no listing ---

@pytest.mark.parametrize("page", [1, 2])
@pytest.mark.parametrize("answer, cause", [
    (Answer("<!DOCTYPE html><html><body>Please log in", type="text/html"), "json|html|body|content"),
    (Answer("<!DOCTYPE html><html><body>Please log in"), "json|body"),
    (Answer(""), "empty|json|body"),
    (Answer("   \n"), "empty|json|body"),
    (Answer("null"), "items"),
    (Answer("[]"), "items"),
    (Answer('"items"'), "items"),
    (Answer({"items": "none"}), "items"),
    (Answer({"error": "try later"}), "items"),
    (Answer('{"items": []} {"items": []}'), "json|body"),
    (Answer('{"items": [{"id": "x"},]}'), "json|body"),
    (Answer('{"items": [{"id": NaN}]}'), "json|body"),
    (Answer(b'{"items": [{"id": "x", "t": "\xff"}]}'), "utf|json|body"),
    (Answer(b'{"items": [{"id": "\xed\xa0\x80"}]}'), "utf|json|body"),
    (Answer(b'{"items": [{"id": "x", "\xc3": 1}]}'), "utf|json|body"),
    (Answer('{"items": []}'.encode("utf-16")), "utf|json|body"),
    (Answer('{"items": [{"id": "x", "deep": ' + "[" * 257 + "]" * 257 + "}]}"), "deep|depth|nest|256"),
    (Answer('{"items": ' + "[" * 1000000), "deep|depth|nest|256|json|body"),
    (Answer('{"items": [{"id": "x", "deep": ' + '{"a":' * 100000 + "1" + "}" * 100000 + "}]}"), "deep|depth|nest|256"),
    (Answer('{"items": [], "n": ' + "9" * 5000 + "}"), "number|digit|4096|4,096|long"),
], ids=lambda value: None if isinstance(value, Answer) else "")
def test_a_body_that_is_no_listing(bad, page, answer, cause):
    bad.page(page, answer)
    bad.gets(cause, page)


def cuts(length, count):
    """`count` places spread over a body of that length, its ends among them."""
    return sorted({0, 1, length - 1, *(length * n // count for n in range(count))})


@pytest.mark.parametrize("framing", ["length", "chunked", "close"])
@pytest.mark.parametrize("page, count", [(1, 3), (2, 8)])
def test_a_body_cut_at_any_byte(bad, framing, page, count):
    length = len(json.dumps({"items": bad.items[3 * page - 3:3 * page], "next": "t3" if page == 1 else None}))
    for cut in cuts(length, count):
        def fault(request, right, cut=cut):
            right.framing, right.cut = framing, cut
            return right
        bad.page(page, fault)
        bad.gets("cut|transfer|json|body|closed|end|chunk|left|outstanding|partial", page)
        bad.change()


@pytest.mark.parametrize("cut", [0, 5, 16, 40, 60])
def test_an_answer_cut_within_its_head(bad, cut):
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 13\r\n\r\n"
    bad.page(2, Answer(raw=head[:cut]))
    bad.gets(".", 2)


@pytest.mark.parametrize("length", [0, 1, 20, 10**6, 10**12, -1, "1x"])
def test_a_content_length_that_lies(bad, length):
    def fault(request, right):
        right.length = length
        right.cut = MEBIBYTE  # never met: it only makes the server close behind the body
        return right
    bad.page(2, fault)
    bad.gets("transfer|json|body|length|bytes|limit|empty|http", 2)


@pytest.mark.parametrize("lengths", [["5", "{right}"], [str(2**63)], ["{right}", "{right}"]], ids=["two", "huge", "same"])
def test_lengths_that_may_be_read_either_way(bad, lengths):
    """The body itself is whole: taking it is right, and so is refusing it. Half of it would be wrong."""
    body = json.dumps({"items": bad.items[3:]}).encode()
    head = "".join(f"Content-Length: {length.format(right=len(body))}\r\n" for length in lengths)
    bad.page(2, Answer(raw=f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n{head}\r\n".encode() + body))
    run = bad.lab.run(expect=None)
    assert run.brief(BAD) == [f"created new{bad.times}"] + (["deleted b0", "deleted b5"] if run.code == 0 else [])


@pytest.mark.parametrize("how", [{"reset": True}, {"reset": True, "cut": 20}, {"framing": "chunked", "bad_chunk": True},
                                 {"framing": "chunked", "cut": 20, "bad_chunk": True}, {"raw": b"\x00" * 100}, {"raw": b"SSH-2.0-x\r\n"},
                                 {"raw": b"HTTP/1.1 abc\r\n\r\n"}, {"raw": b"HTTP/9.9 200 OK\r\n\r\n"}], ids=str)
def test_a_transfer_that_breaks(bad, how):
    def fault(request, right):
        for key, value in how.items():
            setattr(right, key, value)
        return right
    bad.page(2, fault)
    bad.gets(".", 2)


def test_json_lines_cut_at_a_line_without_a_length_delete_nothing(lab, server):
    """Nothing in the bytes tells such a cut from an end, so it must not count as one."""
    lines = [json.dumps({"id": f"i{n}"}) + "\n" for n in range(6)]
    server.on("/things", Answer("".join(lines), type="application/x-ndjson"))
    lab.has(collection(format="jsonl", items="/*", delete={"guard": "none"}))
    lab.run()
    server.on("/things", Answer("".join(lines), type="application/x-ndjson", framing="close", cut=sum(map(len, lines[:3]))))
    assert lab.garner("run", "-c", lab.config, "--once", "--print-feed", expect=None).changes() == []
    assert len(lab.ids()) == 6


# --- sizes ---

def test_a_gzip_bomb(bad):
    bomb = gzip_bomb(500)
    assert len(bomb) < MEBIBYTE
    bad.page(2, Answer(bomb, encoding="gzip"))
    run = bad.gets("limit|64 MiB|too large|bytes", 2)
    assert run.rss_kb < 1000 * 1024, f"{run.rss_kb} kB of memory"


def test_a_body_beyond_the_limit(bad):
    body = b'{"items": [' + b" " * (65 * MEBIBYTE) + b"]}"
    bad.page(2, Answer(body))
    bad.server.forget()
    bad.gets("limit|64 MiB|too large|bytes", 2)
    assert len(bad.server.asked("/bad")) == 2, "asking again wouldn't make it smaller"


def test_a_body_without_an_end(bad):
    def forever():
        yield b'{"items": [{"id": "x", "t": "'
        while True:
            yield b"y" * (256 << 10)
    bad.page(2, lambda request, right: Answer(forever(), framing="chunked"))
    bad.gets("limit|64 MiB|too large|bytes", 2)


def test_headers_without_an_end(bad):
    def forever():
        yield b"HTTP/1.1 200 OK\r\n"
        while True:
            yield b"X-More: " + b"y" * 1000 + b"\r\n"
    bad.page(2, lambda request, right: Answer(raw=forever()))
    bad.gets("header|limit", 2)


@pytest.mark.parametrize("answer", [
    Answer({"items": []}, encoding="gzip"), Answer({"items": []}, encoding="zzz"),
    Answer(gzip.compress(b'{"items": []}')[:12], encoding="gzip"),
    Answer(gzip.compress(b'{"items": []}')[:-8] + b"12345678", encoding="gzip")],
    ids=["plain", "unknown", "cut", "check-sum"])
def test_an_encoding_that_is_none(bad, answer):
    bad.page(2, answer)
    bad.gets(".", 2)


# --- items ---

@pytest.mark.parametrize("item", [{}, {"id": None}, {"id": {}}, {"id": []}, {"id": ["x"]}, {"id": ""}, {"id": "x" * 5000}, "text", 7, None, []],
                         ids=lambda item: json.dumps(item)[:20])
def test_an_item_without_a_readable_id(bad, item):
    bad.page(1, lambda request, right: Answer({"items": [bad.items[0], item, *bad.items[1:3]], "next": "t3"}))
    bad.gets(r"\bid\b|item", 1, fetched=True)


@pytest.mark.parametrize("page", [1, 2])
def test_two_items_with_one_id(bad, page):
    bad.page(page, lambda request, right: Answer({"items": [*right.body["items"], {"id": "b1", "v": "other"}], "next": right.body["next"]}))
    run = bad.lab.run(expect=1)
    run.blames("b1", type=BAD, page=None)
    assert run.brief("p.good") == ["updated g0"]
    assert f"created new{bad.times}" in run.brief(BAD)
    assert not [e for e in run.changes() if e["op"] == "deleted"]
    assert {"b0", "b5"} <= set(bad.lab.ids(BAD))
    bad.lab.verify()


# --- listings without an end ---

def test_a_token_seen_before(bad):
    bad.page(2, lambda request, right: Answer({"items": right.body["items"], "next": "t3"}))
    bad.gets("loop|before|earlier", 2)


def test_pages_without_an_end(lab, server):
    count = iter(range(10**9))
    server.on("/good", Listing([{"id": "g"}]))
    server.on("/bad", lambda request: (lambda n: {"items": [{"id": f"i{n}"}], "next": f"t{n}"})(next(count)))
    lab.has(collection("p.good", "/good"), collection(BAD, "/bad", page={**TOKEN, "pages_max": 50}))
    for n in (1, 2):
        run = lab.run(expect=1)
        run.blames("pages_max|50", type=BAD, page=None)
        assert len(run.changes(BAD)) == 50 and len(lab.ids(BAD)) == 50 * n
        assert all(e["op"] == "created" for e in run.changes())


def test_empty_pages_without_an_end(lab, server):
    count = iter(range(10**9))
    server.on("/bad", lambda request: {"items": [], "next": f"t{next(count)}"})
    lab.has(collection(BAD, "/bad", page={**TOKEN, "pages_max": 50}))
    lab.run(expect=1).blames("pages_max|50", type=BAD, page=None)


def test_a_reader_of_the_feed_that_goes_away_is_no_crash(lab, server):
    server.on("/things", Listing([{"id": f"i{n}", "t": "x" * 1000} for n in range(2000)], "none"))
    lab.has(collection())
    process = lab.start("run", "-c", str(lab.config), "--once", "--print-feed")
    process.stdout.close()
    process.stderr.read()
    assert process.wait(timeout=60) != -signal.SIGABRT
    process.stderr.close()
    lab.verify()
    lab.run()
    assert len(lab.ids()) == 2000
