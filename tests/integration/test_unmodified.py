"""Tier 0 over real HTTP: who has the ETag, or the time, is told that nothing has changed."""

import json
import os
import pwd
import shutil
import socket
import subprocess
import time

import pytest
from garner import THING, collection
from process import stop
from server import Answer, Listing

CHILD = "p.part"


class Tagged:
    """A listing of one page with an ETag that grows with each change."""

    def __init__(self, *ids):
        self.ids, self.version = list(ids), 1

    def has(self, *ids):
        self.ids, self.version = list(ids), self.version + 1

    def __call__(self, request):
        tag = f'"v{self.version}"'
        if request.header("If-None-Match") == tag:
            return Answer(b"", 304, {"ETag": tag})
        return Answer({"items": [{"id": name} for name in self.ids]}, headers={"ETag": tag})


def changes(run):
    return sorted((e["op"], e["type"], e["id"]) for e in run.changes())


def test_a_304_costs_no_listing_and_changes_nothing(lab, server):
    things = server.on("/things", Tagged("a", "b"))
    lab.has(collection())
    lab.run()
    for _ in range(3):
        run = lab.run()
        assert run.changes() == []
        assert "2 resources: 2 unchanged" in run.err
    assert [r.header("If-None-Match") for r in server.asked("/things")] == [None, '"v1"', '"v1"', '"v1"']
    receipts = lab.receipts()
    assert len(receipts) == 1
    assert (receipts[0]["unmodified"], receipts[0]["sound"]) == (3, True) and receipts[0]["last_unmodified"]
    things.has("a")
    assert changes(lab.run()) == [("deleted", THING, "b")]
    assert changes(lab.run()) == []
    assert lab.receipts()[-1]["unmodified"] == 1


def test_children_of_an_unmodified_parent_are_harvested_and_rest_on_its_receipt(lab, server):
    server.on("/things", Tagged("a", "b"))
    parts = server.on("/things/a/parts", Tagged("x", "y"))
    server.on("/things/b/parts", Tagged("z"))
    lab.has(collection(), collection(type=CHILD, scope={"parent": THING}, request={"url": "{account.endpoint}/things/{parent.id}/parts"}))
    lab.run()
    assert lab.run().changes() == []
    parts.has("x")
    run = lab.run()
    assert changes(run) == [("deleted", CHILD, "y")]
    parent = [r for r in lab.receipts() if r["type"] == THING]
    assert len(parent) == 1 and parent[0]["unmodified"] == 2
    assert parent[0]["id"] in run.changes()[0]["receipt"]


def test_an_unasked_304_is_an_error_that_says_so(lab, server):
    server.on("/things", lambda request: Answer(b"", 304))
    lab.has(collection())
    run = lab.run(expect=1)
    assert "HTTP 304: check the request in the provider file" in run.err


@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_a_body_beside_a_304_spoils_nothing(lab, server, framing):
    body = json.dumps({"items": []})

    def handle(request):
        if request.header("If-None-Match"):
            return Answer(body, 304, framing=framing)
        return Answer({"items": [{"id": "a"}]}, headers={"ETag": "W/\"1\""})
    server.on("/things", handle)
    server.on("/others", Listing([{"id": "o"}], "none"))
    lab.has(collection(), collection(type="p.other", request={"url": "{account.endpoint}/others"}))
    lab.run()
    run = lab.run()
    assert run.changes() == [] and "2 resources: 2 unchanged" in run.err


# --- a real server's files ---

NGINX = """\
daemon off;
worker_processes 1;
{user}
pid {folder}/pid;
error_log {folder}/error.log warn;
events {{ worker_connections 64; }}
http {{
    access_log {folder}/access.log;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    types {{ application/json json; }}
    server {{
        listen 127.0.0.1:{port};
        root {folder}/files;
        location /by-time/ {{ etag off; }}
    }}
}}
"""


@pytest.fixture
def nginx(tmp_path):
    """nginx with a folder of files; gives the folder, and where it is asked."""
    program = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
    if not program:
        pytest.skip("nginx isn't installed: run deploy/setup.sh")
    folder = tmp_path / "nginx"
    (folder / "files/by-time").mkdir(parents=True)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    user = f"user {pwd.getpwuid(0).pw_name};" if os.getuid() == 0 else ""
    (folder / "nginx.conf").write_text(NGINX.format(folder=folder, port=port, user=user))
    process = subprocess.Popen([program, "-p", folder, "-e", folder / "error.log", "-c", folder / "nginx.conf"])
    deadline = time.monotonic() + 10
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            break
        except OSError:
            assert time.monotonic() < deadline and process.poll() is None, (folder / "error.log").read_text()
            time.sleep(0.02)
    yield folder, f"http://127.0.0.1:{port}"
    stop(process)


def statuses(folder):
    return [line.split()[8] for line in (folder / "access.log").read_text().splitlines()]


@pytest.mark.parametrize("path", ["things.json", "by-time/things.json"])
def test_nginx_is_asked_with_what_it_gave(lab, nginx, path):
    folder, url = nginx
    file = folder / "files" / path
    file.write_text(json.dumps({"items": [{"id": "a"}, {"id": "b"}]}))
    os.utime(file, (time.time() - 3600,) * 2)
    lab.has(collection(request={"url": f"{url}/{path}"}))
    lab.run()
    assert lab.run().changes() == []
    file.write_text(json.dumps({"items": [{"id": "a"}]}))
    assert changes(lab.run()) == [("deleted", THING, "b")]
    assert statuses(folder) == ["200", "304", "200"]
