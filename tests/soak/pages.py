"""The static part of the world: accounts whose collections are pages in files, which nginx serves and `Pages` rewrites.

An item keeps its page for its life, so that what is added or taken away moves no other over a border. A file is replaced
by a rename. Its time goes up a second at each version: nginx makes its ETag of time and size, so no two versions share one.
"""

import json
import os
import pwd
import socket
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests/lib"), str(ROOT / "tests/bench")]

from nginx import find_program, free_ports  # noqa: E402
from process import stop  # noqa: E402

PROVIDER = "soak"
READY_S = 10
FIRST_S = 1_700_000_000   # a file's first time, long ago
ITEMS_MAX = 24         # of a page
CONFIG = """\
daemon off;
worker_processes 1;
{user}
pid {folder}/nginx.pid;
error_log {folder}/error.log warn;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    sendfile on;
    keepalive_requests 100000000;
    keepalive_timeout 600s;
    default_type application/json;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    map $arg_page $page {{ default $arg_page; "" 1; }}
    server {{
        listen 127.0.0.1:{port};
        location = /status {{ stub_status; }}
        location ~ ^/(?<account>[^/]+)/(?<type>[^/]+)$ {{ root {pages}; rewrite ^ /$account/$type.$page break; }}
    }}
}}
"""


class Pages:
    """What the accounts have, and when it changed. Keys of the truth are (account, type, id)."""

    def __init__(self, folder, truth, random, accounts, collections):
        self.folder, self.truth, self.random, self.made = Path(folder) / "pages", truth, random, 0
        self.accounts = [f"a{n:05}" for n in range(accounts)]
        self.types = [f"{PROVIDER}.c{n:02}" for n in range(collections)]
        self.pages, self.versions = {}, {}   # (account, type) -> [{id: v}]; (account, type, page) -> how often written
        for account in self.accounts:
            (self.folder / account).mkdir(parents=True)
            for type in self.types:
                self._first(account, type)

    def _first(self, account, type):
        count = self.random.choice((1, 1, 1, 2, 3))
        self.pages[account, type] = [{} for _ in range(count)]
        for page in range(count):
            for _ in range(self.random.randrange(2, ITEMS_MAX // 2)):
                self.pages[account, type][page][self._new(account, type)] = 0
            self._write(account, type, page)

    def _new(self, account, type):
        self.made += 1
        id = f"i{self.made:07}"
        self.truth.created((account, type, id), 0)
        return id

    def _write(self, account, type, page):
        pages = self.pages[account, type]
        body = {"items": [{"id": id, "v": v, "text": f"{id} of {account}, version {v}"} for id, v in pages[page].items()],
                "next": page + 2 if page + 1 < len(pages) else None}
        path = self.folder / account / f"{type}.{page + 1}"
        version = self.versions[path] = self.versions.get(path, 0) + 1
        new = path.with_suffix(".new")
        new.write_text(json.dumps(body, separators=(",", ":")))
        os.utime(new, (FIRST_S + version, FIRST_S + version))
        os.replace(new, path)

    def change(self):
        """One item somewhere comes, changes or goes. The truth hears of it first."""
        account, type = self.random.choice(self.accounts), self.random.choice(self.types)
        page = self.random.randrange(len(self.pages[account, type]))
        items, roll = self.pages[account, type][page], self.random.random()
        if roll < 0.3 and len(items) < ITEMS_MAX or not items:
            items[self._new(account, type)] = 0
        elif roll < 0.7:
            id = self.random.choice(list(items))
            items[id] += 1
            self.truth.updated((account, type, id), items[id])
        else:
            id = self.random.choice(list(items))
            del items[id]
            self.truth.deleted((account, type, id))
        self._write(account, type, page)

    def definition(self, every):
        return {"provider": PROVIDER, "auth": {"kind": "none"}, "limits": {"rate": 100000, "burst": 100000, "concurrency": 4},
                "collections": [{
                    "type": type, "request": {"url": "{account.endpoint}/{account.id}/" + type}, "items": "/items/*", "id": "/id",
                    "page": {"style": "token", "from": "body:/next", "to": "query:page"}, "every": every,
                    "delete": {"confirm": "none", "guard": "none"}} for type in self.types]}


class Nginx:
    """Debian's nginx over those pages, on a free loopback port."""

    def __init__(self, folder, pages):
        folder = Path(folder).resolve() / "nginx"
        folder.mkdir(parents=True)
        port, = free_ports(1)
        user = f"user {pwd.getpwuid(0).pw_name};" if os.getuid() == 0 else ""
        (folder / "nginx.conf").write_text(CONFIG.format(folder=folder, pages=Path(pages).resolve(), port=port, user=user))
        self.port, self.url = port, f"http://127.0.0.1:{port}"
        with open(folder / "said.txt", "wb") as said:
            self.process = subprocess.Popen([find_program(), "-p", folder, "-e", folder / "error.log", "-c", folder / "nginx.conf"],
                                            stdin=subprocess.DEVNULL, stdout=said, stderr=said)
        deadline = time.monotonic() + READY_S
        while not self._answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise SystemExit(f"soak: nginx didn't start:\n{(folder / 'error.log').read_text()}")
            time.sleep(0.02)

    def _answers(self):
        try:
            self.requests()
            return True
        except OSError:
            return False

    def requests(self):
        """How many it was asked so far."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as connection:
            connection.sendall(b"GET /status HTTP/1.0\r\n\r\n")
            answer = b"".join(iter(lambda: connection.recv(4096), b""))
        return int(answer.split(b"requests\n")[1].split()[2])

    def stop(self):
        stop(self.process)
