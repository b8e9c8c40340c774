"""The scripted server does what its script says: else a test that passes may have tested nothing."""

import gzip
import http.client
import json
import socket
import ssl
import urllib.error
import urllib.request

import pytest
from garner import patch_apply, replay
from server import Answer, Listing, Server, error, gzip_bomb, make_certificate, redirect, sequence


def get(server, path, **headers):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=5)
    connection.request("GET", path, headers=headers)
    answer = connection.getresponse()
    return answer, answer.read()


def raw(server, path="/x"):
    """All bytes until the server closes; and whether it closed with a reset."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as s:
        s.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        got = b""
        try:
            while part := s.recv(65536):
                got += part
        except ConnectionResetError:
            return got, True
        return got, False


def test_a_connection_serves_several_requests_and_the_log_has_them(server):
    server.on("/x", lambda request: {"q": request.query, "b": request.body.decode()})
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=5)
    for body in ("one", "two"):
        connection.request("POST", "/x?a=1&a=%262&c=", body)
        assert json.loads(connection.getresponse().read()) == {"q": [["a", "1"], ["a", "&2"], ["c", ""]], "b": body}
    assert server.connections == 1
    assert [r.method for r in server.asked("/x")] == ["POST", "POST"]
    assert server.asked("/x")[1].body == b"two"


def test_paths_match_exactly_or_by_star_and_the_rest_is_404(server):
    server.on("/a/*", "star")
    server.on("/a/b", "exact")
    assert get(server, "/a/b")[1] == b"exact"
    assert get(server, "/a/c%2Fd")[1] == b"star"
    assert server.asked("/a/c/d")[0].raw_path == "/a/c%2Fd"
    assert get(server, "/b")[0].status == 404


@pytest.mark.parametrize("framing", ["length", "chunked", "close"])
def test_a_body_is_cut_at_the_byte_that_was_asked_for(server, framing):
    for cut in (0, 1, 7, 10):
        server.on("/x", Answer(b"0123456789", framing=framing, cut=cut))
        got, reset = raw(server)
        body = got.split(b"\r\n\r\n", 1)[1]
        if framing == "chunked":
            body = body.split(b"\r\n")[1]
        assert body == b"0123456789"[:cut] and not reset


def test_a_content_length_lies_when_told_to(server):
    server.on("/x", Answer(b"0123456789", length=4))
    assert get(server, "/x")[1] == b"0123"
    server.on("/x", Answer(b"0123456789", length=40, cut=10))
    with pytest.raises(http.client.IncompleteRead):
        get(server, "/x")


def test_a_chunk_size_that_is_no_number(server):
    server.on("/x", Answer(b"0123", framing="chunked", bad_chunk=True))
    with pytest.raises((http.client.IncompleteRead, ValueError)):
        get(server, "/x")


def test_a_reset_is_a_reset(server):
    server.on("/x", Answer(b"0123456789", reset=True))
    assert raw(server) == (b"", True)


def test_delay_and_stall(server):
    server.on("/x", Answer(b"0123456789", cut=3, stall=0.3))
    assert raw(server)[0].endswith(b"012")
    server.on("/x", Answer(b"ok", delay=0.2))
    assert get(server, "/x")[1] == b"ok"
    first, second = server.asked("/x")
    assert second.when - first.when >= 0.3


def test_gzip_and_a_bomb(server):
    server.on("/x", Answer({"a": 1}, gzip=True))
    assert json.loads(gzip.decompress(get(server, "/x")[1])) == {"a": 1}
    bomb = gzip_bomb(8)
    assert len(bomb) < 20000 and len(gzip.decompress(bomb)) > 8 << 20
    assert json.loads(gzip.decompress(bomb)) == {"items": []}


def test_a_stream_has_no_end_until_the_client_goes(server):
    def forever():
        while True:
            yield b"x" * 1000
    server.on("/x", lambda request: Answer(forever(), framing="chunked"))
    answer, = [urllib.request.urlopen(server.url + "/x", timeout=5)]
    assert len(answer.read(1 << 20)) == 1 << 20
    answer.close()


def test_redirects_errors_and_sequences(server):
    server.on("/a", redirect("/b"))
    server.on("/b", sequence(error(500), Answer("fine")))
    with pytest.raises(urllib.error.HTTPError) as e:
        urllib.request.urlopen(server.url + "/a", timeout=5)
    assert e.value.code == 500
    assert urllib.request.urlopen(server.url + "/a", timeout=5).read() == b"fine"


def test_tls_with_a_certificate_of_its_own(tmp_path):
    certificate = make_certificate(tmp_path)
    with Server(tls=certificate) as server:
        server.on("/x", "secret")
        with pytest.raises(urllib.error.URLError):
            urllib.request.urlopen(server.url + "/x", timeout=5)
        context = ssl.create_default_context(cafile=certificate[0])
        assert urllib.request.urlopen(server.url + "/x", timeout=5, context=context).read() == b"secret"


@pytest.mark.parametrize("style", ["none", "token", "link-header", "link-body", "link-list", "offset", "number", "marker"])
@pytest.mark.parametrize("count", [0, 1, 3, 7])
def test_a_listing_gives_every_item_once_in_every_style(server, style, count):
    items = [{"id": f"i{n}"} for n in range(count)]
    server.on("/x", Listing(items, style, size=3))
    path, got, number = "/x", [], 1
    for _ in range(10):
        answer, body = get(server, path)
        page = json.loads(body)
        got += page["items"]
        if style == "token":
            path = page["next"] and f"/x?token={page['next']}"
        elif style == "link-header":
            link = answer.getheader("Link")
            path = link and link[1:link.index(">")]
        elif style == "link-body":
            path = page["next"]
        elif style == "link-list":
            path = next((link["href"] for link in page["links"] if link["rel"] == "next"), None)
        elif style == "none" or not page["items"]:
            path = None
        else:
            number += 1
            path = {"offset": f"/x?offset={len(got)}", "number": f"/x?page={number}",
                    "marker": f"/x?after={got[-1]['id']}"}[style]
        if not path:
            break
    assert got == items


def test_a_listing_clamps_sizes_and_fails_where_it_is_told_to(server):
    listing = server.on("/x", Listing([{"id": n} for n in range(9)], "offset", cap=2))
    assert len(json.loads(get(server, "/x?limit=100")[1])["items"]) == 2
    listing.faults[2] = error(500)
    assert get(server, "/x?limit=100&offset=2")[0].status == 500
    assert get(server, "/x?limit=100&offset=4")[0].status == 200


def test_the_suite_knows_how_to_apply_a_patch():
    before = {"a": [1, 2, 3], "b/c": {"~": None}}
    assert patch_apply(before, [{"op": "add", "path": "/a/-", "value": 4}, {"op": "remove", "path": "/a/0"},
                                {"op": "replace", "path": "/b~1c/~0", "value": []}]) == {"a": [2, 3, 4], "b/c": {"~": []}}
    for wrong in ({"op": "replace", "path": "/zz", "value": 1}, {"op": "remove", "path": "/zz"},
                  {"op": "add", "path": "/a/9", "value": 1}):
        with pytest.raises((AssertionError, KeyError, IndexError)):
            patch_apply(before, [wrong])


def test_a_replay_notices_holes_and_what_does_not_fit():
    made = {"shard": 1, "seq": 1, "op": "created", "provider": "p", "account": "a", "region": None, "type": "t",
            "parent": None, "id": "x", "before": None, "after": {"v": 1}, "patch": None, "receipt": None}
    gone = {**made, "seq": 2, "op": "deleted", "before": {"v": 1}, "after": None, "receipt": ["1-1-1"]}
    assert replay([made, gone]) == {}
    for wrong in ([made, {**gone, "seq": 3}], [made, {**made, "seq": 2}], [{**gone, "seq": 1}],
                  [made, {**gone, "receipt": None}], [made, {**gone, "before": {"v": 2}}]):
        with pytest.raises(AssertionError):
            replay(wrong)
