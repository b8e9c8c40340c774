"""An add-on for mitmproxy that spoils one page of a listing. tests/lib/fault_proxy.py starts it; it runs in mitmproxy's own Python.

It reads the file `plan` (JSON, anew whenever it changes) and appends a line to the file `log` for each request of the
planned listing. A page is a request that differs: a retry asks for the same page. The plan:

    number   of the plan: the count of pages begins anew with each
    match    a regular expression: the requests of the listing, as "METHOD target body"
    fault    the method of Page that spoils it
    page     which page is spoiled, from 1
    times    how often, before it is answered as it should be
    throttle what a throttled client is told here: status, content type, body

Bytes go to the client's socket as they are: what is sent wrong here, no proxy would send by itself.
"""

import asyncio
import gzip
import json
import re
import socket
import struct
import time
from email.utils import formatdate
from pathlib import Path

from mitmproxy import ctx

RESET = struct.pack("ii", 1, 0)  # SO_LINGER of no time: closing sends RST
SLOW_PARTS, SLOW_S = 4, 0.15
ELSEWHERE = "http://localhost.localdomain:9/elsewhere"
HTML = b"<!DOCTYPE html><html><head><title>Sorry</title></head><body><h1>We'll be right back</h1></body></html>"
ITEMS = re.compile(rb"<(item|member|Bucket)>.*</\1>", re.DOTALL)
NEXT = re.compile(rb"<(nextToken|Marker|ContinuationToken)>[^<]*</\1>")


def head(status, headers, length=None):
    lines = [f"HTTP/1.1 {status} Planned", *(f"{name}: {value}" for name, value in headers)]
    if length is not None:
        lines.append(f"Content-Length: {length}")
    return "\r\n".join([*lines, "", ""]).encode()


def whole(status, headers, body):
    return head(status, [*headers, ("Connection", "close")], len(body)) + body


def chunked(*parts):
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts)


def emptied(body):
    """The same answer without items, and without a next page."""
    if body.lstrip().startswith(b"<"):
        return NEXT.sub(b"", ITEMS.sub(b"", body)).replace(b"<IsTruncated>true<", b"<IsTruncated>false<")
    return json.dumps({key: [] if isinstance(value, list) else value for key, value in json.loads(body).items()
                       if "oken" not in key}).encode()


class Page:
    """What the server answered, and what can be made of it. Each fault gives pieces: bytes to send, seconds to wait,
    and how the connection ends: "close" or "reset"."""

    def __init__(self, plan, status, headers, body, before):
        self.plan, self.status, self.body, self.before = plan, status, body, before
        self.headers = [(name, value) for name, value in headers
                        if name.lower() not in ("content-length", "transfer-encoding", "connection", "content-encoding")]
        self.half = body[: len(body) // 2]

    def error(self, status, *headers, type="text/plain", body=b"not now\n"):
        return [whole(status, [("Content-Type", type), *headers], body), "close"]

    def told(self, body, *headers):
        return [whole(self.status, [*self.headers, *headers], body), "close"]

    def reset(self):
        return ["reset"]

    def hang_up(self):
        return ["close"]

    def reset_in_body(self):
        return [head(self.status, self.headers, len(self.body)) + self.half, 0.02, "reset"]

    def cut(self):
        return [head(self.status, self.headers, len(self.body)) + self.half, "close"]

    def cut_with_its_length(self):
        return self.told(self.half)

    def cut_without_length(self):
        return [head(self.status, [*self.headers, ("Connection", "close")]) + self.half, "close"]

    def cut_in_chunks(self):
        return [head(self.status, [*self.headers, ("Transfer-Encoding", "chunked")]) + chunked(self.half), "close"]

    def cut_and_last_chunk(self):
        return [head(self.status, [*self.headers, ("Transfer-Encoding", "chunked")]) + chunked(self.half, b""), "close"]

    def bad_chunk(self):
        return [head(self.status, [*self.headers, ("Transfer-Encoding", "chunked")]) + chunked(self.half) + b"zz\r\n", "close"]

    def length_too_long(self):
        return [head(self.status, self.headers, len(self.body) + 7) + self.body, "close"]

    def cut_head(self):
        return [head(self.status, self.headers, len(self.body))[:40], "close"]

    def no_http(self):
        return [b"\x00\x01\x02 is no answer\r\n\r\n", "close"]

    def slow(self):
        size = len(self.body) // SLOW_PARTS + 1
        parts = [self.body[at: at + size] for at in range(0, len(self.body), size)]
        pieces = [head(self.status, self.headers, len(self.body))]
        for part in parts:
            pieces += [SLOW_S, part]
        return [*pieces, "close"]

    def too_many(self):
        return self.error(429)

    def too_many_seconds(self):
        return self.error(429, ("Retry-After", "1"))

    def too_many_date(self):
        return self.error(429, ("Retry-After", formatdate(time.time() + 1, usegmt=True)))

    def too_many_for_an_hour(self):
        return self.error(429, ("Retry-After", "3600"))

    def throttling_code(self):
        told = self.plan["throttle"]
        return self.error(told["status"], type=told["type"], body=told["body"].encode())

    def error_500(self):
        return self.error(500)

    def error_502(self):
        return self.error(502, type="text/html", body=HTML)

    def error_503(self):
        return self.error(503, ("Retry-After", "0"))

    def error_504(self):
        return self.error(504, type="text/html", body=HTML)

    def html_200(self):
        return self.error(200, type="text/html", body=HTML)

    def nothing_200(self):
        return self.told(b"")

    def unauthorized(self):
        return self.error(401, ("WWW-Authenticate", "Basic realm=\"planned\""))

    def forbidden(self):
        return self.error(403)

    def redirect(self):
        return self.error(302, ("Location", ELSEWHERE))

    def garbage_gzip(self):
        return self.told(bytes(range(256)), ("Content-Encoding", "gzip"))

    def cut_gzip(self):
        packed = gzip.compress(self.body)
        return self.told(packed[: len(packed) // 2], ("Content-Encoding", "gzip"))

    def empty_list(self):
        headers = [(name, value) for name, value in self.headers if name.lower() != "link"]
        return [whole(self.status, headers, emptied(self.body)), "close"]

    def page_again(self):
        return self.before or self.told(self.body)


def writer_of(client):
    """The stream to a client's socket."""
    server = ctx.master.addons.get("proxyserver")
    connections = getattr(server, "connections", None) or server._connections
    handler = next(one for one in connections.values() if getattr(one, "client", None) is client)
    return handler.transports[client].writer


async def send(writer, pieces):
    """Sends the pieces but for the ending, which it returns."""
    for piece in pieces[:-1]:
        if isinstance(piece, bytes):
            writer.write(piece)
            await writer.drain()
        else:
            await asyncio.sleep(piece)
    return pieces[-1]


class Spoiler:
    def __init__(self):
        self.plan, self.read_at = {"number": 0, "match": None}, None
        self.pages, self.given, self.last = {}, 0, None

    def load(self, loader):
        loader.add_option("plan", str, "", "the file with what is to go wrong")
        loader.add_option("log", str, "", "the file that says what was asked and what went wrong")

    def look(self):
        """The plan as it is now."""
        at = Path(ctx.options.plan).stat().st_mtime_ns
        if at != self.read_at:
            self.plan, self.read_at = json.loads(Path(ctx.options.plan).read_text()), at
            self.pages, self.given, self.last = {}, 0, None

    async def response(self, flow):
        self.look()
        asked = f"{flow.request.method} {flow.request.path} {flow.request.get_text()}"
        if not self.plan["match"] or not re.search(self.plan["match"], asked):
            return
        page = self.pages.setdefault(asked, len(self.pages) + 1)
        spoiled = page == self.plan["page"] and self.given < self.plan["times"]
        self.given += spoiled
        answer = Page(self.plan, flow.response.status_code, flow.response.headers.items(multi=True), flow.response.content, self.last)
        self.last = answer.told(answer.body)
        with open(ctx.options.log, "a") as log:
            print(json.dumps({"number": self.plan["number"], "page": page, "spoiled": spoiled, "asked": asked}), file=log)
        if spoiled:
            await self.spoil(flow, getattr(answer, self.plan["fault"])())

    async def spoil(self, flow, pieces):
        writer = writer_of(flow.client_conn)
        ending = await send(writer, pieces)
        if ending == "reset":
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            writer.transport.abort()
        else:
            writer.close()
        flow.kill()


addons = [Spoiler()]
