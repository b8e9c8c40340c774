"""How answers travel: HTTP/2 from a real server over verified TLS, and compressed bodies."""

import gzip
import json
import socket
import subprocess
import time
import zlib

import pytest
from garner import collection
from server import Answer, make_certificate

LINK = {"style": "link", "from": "body:/next"}


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(port, process):
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        assert process.poll() is None, process.stdout.read()
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise AssertionError("nghttpd doesn't listen")


@pytest.fixture
def http2(tmp_path):
    """nghttpd, which speaks HTTP/2 only, with three pages; yields its URL, certificate and log."""
    pages = tmp_path / "pages"
    pages.mkdir()
    for n in range(3):
        items = [{"id": f"i{n}-{k}", "v": 1} for k in range(200)]
        (pages / f"p{n}.json").write_text(json.dumps({"items": items, "next": f"p{n + 1}.json" if n < 2 else None}))
    certificate, key = make_certificate(tmp_path)
    port, log = free_port(), tmp_path / "nghttpd.log"
    with log.open("w") as out:
        process = subprocess.Popen(["nghttpd", "-v", "-a", "127.0.0.1", "-d", str(pages), str(port), key, certificate],
                                   stdout=out, stderr=subprocess.STDOUT)
    try:
        wait_for(port, process)
        yield f"https://127.0.0.1:{port}", certificate, log
    finally:
        process.kill()
        process.wait()


def test_http2_over_verified_tls(lab, http2):
    url, certificate, log = http2
    lab.has(collection(page=LINK, format="json", request={"url": url + "/p0.json"}))
    lab.env["SSL_CERT_FILE"] = certificate
    assert len(lab.run().changes()) == 600
    assert lab.run().changes() == []
    assert "recv HEADERS frame" in log.read_text(), "it was HTTP/2"


def test_http2_with_an_unknown_certificate_is_refused(lab, http2):
    lab.has(collection(page=LINK, format="json", request={"url": http2[0] + "/p0.json"}))
    lab.run(expect=1).blames("certificate", page=1)
    assert lab.ids() == []


@pytest.mark.parametrize("encoding, pack", [("gzip", gzip.compress), ("deflate", zlib.compress)])
def test_compressed_answers(lab, server, encoding, pack):
    body = json.dumps({"items": [{"id": f"i{n}", "text": "x" * 1000} for n in range(300)]}).encode()
    server.on("/things", Answer(pack(body), encoding=encoding))
    lab.has(collection(request={"url": server.url + "/things"}))
    assert len(lab.run().changes()) == 300
    assert encoding in server.log[0].header("Accept-Encoding")
