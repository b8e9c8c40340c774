"""What many clients, slow ones and silent ones do to others over HTTP: nothing."""

import os
import resource
import socket
import time

import pytest
from garner import collection
from gateway import Stream, awaited, get, lines, refused
from server import Listing

IDLE = 1500  # connections that ask nothing; of 5,000 and more by GARNER_TEST_IDLE, with as many files allowed
STREAMS_PER_TENANT, STREAMS = 64, 256  # of docs/limits.md
TOKENS = 'tokens: [{name: ops, plain: "0123456789abcdef", accounts: all}]'


@pytest.fixture
def has(start, server):
    """A run that lists these."""
    def begin(items, **config):
        server.on("/things", Listing(items, size=10000))
        return start(collection(every="300ms"), **config)
    return begin


def connect(port):
    return socket.create_connection(("127.0.0.1", port), timeout=30)


def ask(port, path):
    """A stream that isn't read."""
    made = connect(port)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 128 << 10)
    made.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer 0123456789abcdef\r\n\r\n".encode())
    return made


def test_connections_that_ask_nothing_keep_nobody_out(has, server):
    count = int(os.environ.get("GARNER_TEST_IDLE", IDLE))
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, count + 500)), hard))
    at = has([{"id": "a"}])
    with Stream(at.port, "/v1/changes?from=oldest") as stream:
        stream.wait(lambda: stream.brief() == ["created a"])
        idle, slowest = [], 0
        for number in range(count):
            idle.append(connect(at.port))
            if number % 3 == 0:
                idle[-1].sendall(b"GET /v1/cha")
            if number % 100 == 0:
                began = time.monotonic()
                assert get(at.port, "/healthz").status == 200
                slowest = max(slowest, time.monotonic() - began)
        server.on("/things", Listing([{"id": "a"}, {"id": "b"}]))
        stream.wait(lambda: "created b" in stream.brief())
        assert lines(at.port, "/v1/changes?from=oldest&follow=false")[-1]["op"] == "bookmark"
        assert slowest < 5, slowest
        for made in idle:
            made.close()
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_reader_that_stops_takes_no_memory_and_holds_up_no_other(has, start, server, lab):
    lab.env["ASAN_OPTIONS"] = "exitcode=99:quarantine_size_mb=1"
    pad = "x" * 2000
    has([{"id": f"a{n}", "v": 0, "pad": pad} for n in range(1000)])
    beside = start.beside()
    with Stream(beside.port, "/v1/changes?from=oldest") as stream:
        stream.wait(lambda: len(stream.events) > 1000)
        before = beside.resident_kib()
        stalled = [ask(beside.port, "/v1/changes?from=oldest") for _ in range(20)]
        for version in range(1, 6):  # each is 4 MB of before and after
            server.on("/things", Listing([{"id": f"a{n}", "v": version, "pad": pad} for n in range(1000)], size=10000))
            stream.wait(lambda: len(stream.brief()) >= 1000 * (version + 1))
        grown = beside.resident_kib() - before
        assert grown < 20 * 4096, grown  # a buffer each, and nothing of the 20 MB more that each was not told
        assert get(beside.port, "/healthz").status == 200
        rest = stalled[0]
        rest.settimeout(30)
        got = 0
        while got < 4 << 20:  # it reads on: what it missed is there
            piece = rest.recv(1 << 20)
            assert piece
            got += len(piece)
        for made in stalled:
            made.close()


def test_so_many_streams_and_no_more_are_for_one_token(has, lab):
    (lab.folder / "tokens.yaml").write_text(TOKENS)
    at = has([{"id": "a"}], tokens="tokens.yaml")
    made = [ask(at.port, "/v1/changes") for _ in range(STREAMS_PER_TENANT)]
    for connection in made:
        assert connection.recv(15) == b"HTTP/1.1 200 OK"
    status, word, sentence = refused(at.port, "/v1/changes", "0123456789abcdef")
    assert (status, word) == (429, "LIMIT") and str(STREAMS_PER_TENANT) in sentence
    assert int(get(at.port, "/v1/resources", "0123456789abcdef").headers["Retry-After"]) > 0
    assert get(at.port, "/v1/status", "0123456789abcdef").status == 200
    assert "garner_http_streams_refused_total 2" in get(at.port, "/metrics", "0123456789abcdef").text
    made.pop().close()
    awaited(lambda: get(at.port, "/v1/resources", "0123456789abcdef").status == 200)
    for connection in made:
        connection.close()


def test_so_many_streams_and_no_more_are_for_all(has):
    at = has([{"id": "a"}])
    made = [ask(at.port, "/v1/changes") for _ in range(STREAMS)]
    for connection in made:
        assert connection.recv(15) == b"HTTP/1.1 200 OK"
    assert refused(at.port, "/v1/changes")[:2] == (503, "LIMIT")
    assert get(at.port, "/healthz").status == 200 and get(at.port, "/v1/status").status == 200
    for connection in made:
        connection.close()
    awaited(lambda: get(at.port, "/v1/resources").status == 200)
