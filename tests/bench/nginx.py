"""nginx as the provider: Debian's, with a configuration, a prefix and ports of its own. One worker, on the loopback.

    with Nginx(folder, pages) as nginx:
        nginx.http + "/base/a01/snapshots?page=2"     # pages/base/2.json, whatever the account
        nginx.http + "/empty/a01/r0001/things"        # {"items":[]}
        nginx.http + "/same/a01/r0001/things"         # a few items with ETAG, or 304 for who has that
        nginx.http + "/live/a001/r001.json"           # nginx.live/a001/r001.json, as it is at the moment
    nginx.https + …, with the authority in nginx.ca
"""

import os
import pwd
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))

from process import stop  # noqa: E402

READY_S = 10
EMPTY = '{"items":[]}'
SAME_IDS = ("a", "b", "c", "d")
SAME = '{"items":[' + ",".join(f'{{"id":"{name}","state":"running"}}' for name in SAME_IDS) + "]}"
ETAG = '"v1"'
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
    tcp_nopush on;
    keepalive_requests 100000000;
    keepalive_timeout 600s;
    open_file_cache max=10000 inactive=600s;
    open_file_cache_valid 600s;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    types {{ application/json json; text/xml xml; }}
    default_type application/json;
    map $arg_page $page {{ default $arg_page; "" 1; }}
    server {{
        listen 127.0.0.1:{plain};
        listen 127.0.0.1:{tls} ssl;
        ssl_certificate {folder}/cert.pem;
        ssl_certificate_key {folder}/key.pem;
        location ~ ^/(?<set>base|changed|million)/[^/]+/snapshots$ {{ root {pages}; rewrite ^ /$set/$page.json break; }}
        location ~ ^/xml/[^/]+/snapshots$ {{ root {pages}; rewrite ^ /xml/$page.xml break; }}
        location /empty/ {{ return 200 '{empty}'; }}
        location /live/ {{ root {folder}; open_file_cache off; }}
        location /same/ {{
            if ($http_if_none_match = '{etag}') {{ return 304; }}
            add_header ETag '{etag}';
            return 200 '{same}';
        }}
        location / {{ return 404; }}
    }}
}}
"""


def find_program():
    return shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")


def free_ports(count):
    """Of the loopback, free a moment ago."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def make_certificate(folder):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30",
                    "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1",
                    "-keyout", folder / "key.pem", "-out", folder / "cert.pem"], check=True, capture_output=True)


class Nginx:
    def __init__(self, folder, pages):
        self.folder, self.pages = Path(folder).resolve(), Path(pages).resolve()
        self.ca = self.folder / "cert.pem"
        self.live = self.folder / "live"
        self.process = None

    def __enter__(self):
        program = find_program()
        if not program:
            raise SystemExit("bench: nginx isn't installed: run deploy/setup.sh")
        self.live.mkdir(parents=True)
        make_certificate(self.folder)
        plain, tls = free_ports(2)
        # As root its worker would be somebody who can't read these folders.
        user = f"user {pwd.getpwuid(0).pw_name};" if os.getuid() == 0 else ""
        (self.folder / "nginx.conf").write_text(CONFIG.format(
            folder=self.folder, pages=self.pages, plain=plain, tls=tls, user=user, empty=EMPTY, same=SAME, etag=ETAG))
        self.http, self.https = f"http://127.0.0.1:{plain}", f"https://127.0.0.1:{tls}"
        with open(self.folder / "said.txt", "wb") as said:
            self.process = subprocess.Popen([program, "-p", self.folder, "-e", self.folder / "error.log", "-c", self.folder / "nginx.conf"],
                                            stdin=subprocess.DEVNULL, stdout=said, stderr=said)
        self._wait(plain)
        return self

    def _wait(self, port):
        deadline = time.monotonic() + READY_S
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                return
            except OSError:
                time.sleep(0.02)
        self.__exit__()
        raise SystemExit(f"bench: nginx didn't start:\n{(self.folder / 'said.txt').read_text()}{(self.folder / 'error.log').read_text()}")

    def __exit__(self, *_):
        stop(self.process)
