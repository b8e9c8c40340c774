"""A scriptable HTTP server, for what no real server does on demand.

Raw sockets and a thread a connection, so that an answer can be wrong in any way: cut at a byte, with a
length that lies, chunked and broken off, without an end, stalled, reset, a bomb. A `Script` says what is
at which path; the `Server` keeps a log of what it was asked.

    script = Script()
    script.on("/things", Listing([{"id": "a"}], style="token"))
    with Server(script) as server:
        ...                                  # ask server.url + "/things"
        assert server.asked("/things")[0].query == [("token", "t3")]
"""

import fnmatch
import gzip
import json
import re
import socket
import ssl
import struct
import subprocess
import threading
import time
import zlib
from urllib.parse import parse_qsl, quote, unquote, urlsplit

REASONS = {200: "OK", 204: "No Content", 302: "Found", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found",
           429: "Too Many Requests", 500: "Internal Server Error", 503: "Service Unavailable"}

RESET = struct.pack("ii", 1, 0)  # SO_LINGER of no time: closing sends RST


class Request:
    """One request as it came. `query` is a list of decoded pairs in their order."""

    def __init__(self, method, target, headers, body, when):
        parts = urlsplit(target)
        self.method, self.target, self.headers, self.body, self.when = method, target, headers, body, when
        self.raw_path = parts.path
        self.path = unquote(parts.path)
        self.raw_query = parts.query
        self.query = parse_qsl(parts.query, keep_blank_values=True)

    def header(self, name):
        found = [value for key, value in self.headers if key.lower() == name.lower()]
        return found[-1] if found else None

    def param(self, name, default=None):
        found = [value for key, value in self.query if key == name]
        return found[-1] if found else default

    def form(self):
        return parse_qsl(self.body.decode(), keep_blank_values=True)

    def json(self):
        return json.loads(self.body) if self.body else None

    def __repr__(self):
        return f"{self.method} {self.target}"


class Answer:
    """What goes back, right or wrong.

    body      bytes, str, an iterator of bytes, or anything else as JSON
    gzip      compress the body and say so
    encoding  the Content-Encoding to claim, whatever the body is
    framing   "length", "chunked" or "close" (the connection's end is the body's)
    length    the Content-Length to claim, whatever the body is
    cut       send only so many bytes of the body, then close the connection
    bad_chunk chunked: break off with a chunk size that is no number instead of closing quietly
    reset     close with RST; without `cut` before a single byte
    delay     wait so many seconds first
    stall     hold the connection so long, in silence, after what was sent
    raw       send exactly these bytes (or iterator of them) instead of all that, and close
    """

    def __init__(self, body=b"", status=200, headers=(), type="application/json", gzip=False, encoding=None,
                 framing="length", length=None, cut=None, bad_chunk=False, reset=False, delay=0, stall=0, raw=None):
        self.body, self.status, self.type = body, status, type
        self.headers = list(headers.items()) if isinstance(headers, dict) else list(headers)
        self.gzip, self.encoding, self.framing, self.length, self.cut = gzip, encoding, framing, length, cut
        self.bad_chunk, self.reset, self.delay, self.stall, self.raw = bad_chunk, reset, delay, stall, raw

    def payload(self):
        body = self.body
        if hasattr(body, "__next__"):
            return body
        if isinstance(body, str):
            body = body.encode()
        elif not isinstance(body, (bytes, bytearray)):
            body = json.dumps(body).encode()
        return gzip.compress(bytes(body)) if self.gzip else bytes(body)


def redirect(location, status=302):
    return Answer(b"", status, {"Location": location})


def error(status, code="Failed", headers=()):
    return Answer({"error": {"code": code, "message": f"{status} on purpose"}}, status, headers)


def sequence(*handlers):
    """Each request gets the next answer; the last one stays."""
    lock, left = threading.Lock(), list(handlers)

    def handle(request):
        with lock:
            handler = left.pop(0) if len(left) > 1 else left[0]
        return answer_of(handler, request)
    return handle


def answer_of(handler, request):
    result = handler(request) if callable(handler) else handler
    return result if isinstance(result, Answer) else Answer(result)


def gzip_bomb(megabytes):
    """A small gzip stream of JSON that unpacks to so many megabytes of white space within an array."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    blank = b" " * (1 << 20)
    parts = [packer.compress(b'{"items": [')]
    parts += [packer.compress(blank) for _ in range(megabytes)]
    parts += [packer.compress(b"]}"), packer.flush()]
    return b"".join(parts)


class Script:
    """What is where. A path may hold `*`; of several that match the one added last counts."""

    def __init__(self):
        self._routes = []
        self._lock = threading.Lock()

    def on(self, path, handler):
        """`handler` is a function of the request, an Answer, or a document to send as JSON."""
        with self._lock:
            self._routes = [route for route in self._routes if route[0] != path]
            self._routes.insert(0, (path, handler))
        return handler

    def answer(self, request):
        with self._lock:
            routes = list(self._routes)
        for path, handler in routes:
            if path == request.path or ("*" in path and fnmatch.fnmatchcase(request.path, path)):
                return answer_of(handler, request)
        return error(404, "NoSuchPath")


class Server:
    def __init__(self, script=None, tls=None, host="127.0.0.1"):
        """`tls` is a pair of certificate and key file."""
        self.script = script or Script()
        self.log, self.trouble = [], []
        self._lock = threading.Lock()
        self._ends = threading.Event()
        self._connections = set()
        self._tls = None
        if tls:
            self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._tls.load_cert_chain(*tls)
        self._socket = socket.create_server((host, 0), backlog=128)
        self.port = self._socket.getsockname()[1]
        self.url = f"{'https' if tls else 'http'}://{host}:{self.port}"
        self.connections = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def on(self, path, handler):
        return self.script.on(path, handler)

    def asked(self, path="*"):
        with self._lock:
            return [r for r in self.log if r.path == path or ("*" in path and fnmatch.fnmatchcase(r.path, path))]

    def forget(self):
        with self._lock:
            self.log.clear()

    def close(self):
        self._ends.set()
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self._socket.close()
        with self._lock:
            connections = list(self._connections)
        for connection in connections:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def _accept(self):
        while not self._ends.is_set():
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        stream = None
        try:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._tls:
                connection = self._tls.wrap_socket(connection, server_side=True)
            with self._lock:
                self._connections.add(connection)
            stream = connection.makefile("rb")
            while not self._ends.is_set():
                request = self._read(connection, stream)
                if request is None:
                    break
                with self._lock:
                    self.log.append(request)
                if not self._send(connection, request, self._answer(request)):
                    break
        except (OSError, ssl.SSLError, ValueError):
            pass  # the client is free to go, and half of the tests make it
        finally:
            with self._lock:
                self._connections.discard(connection)
            if stream:
                stream.close()
            try:
                lingers = connection.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, 8) == RESET
                if not lingers:
                    connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            connection.close()

    def _answer(self, request):
        try:
            return self.script.answer(request)
        except Exception as trouble:  # a bug of the test: visible, not a hang
            self.trouble.append(trouble)
            return error(599, repr(trouble))

    @staticmethod
    def _read(connection, stream):
        if stream.peek(1)[:1] == b"\x16":  # a TLS hello, which has no line to wait for
            connection.sendall(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
            return None
        line = stream.readline(1 << 17)
        if not line.strip():
            return None
        method, target, _ = line.decode("latin-1").split(None, 2)
        headers = []
        while True:
            line = stream.readline(1 << 17).decode("latin-1").rstrip("\r\n")
            if not line:
                break
            name, _, value = line.partition(":")
            headers.append((name.strip(), value.strip()))
        names = {name.lower(): value for name, value in headers}
        if names.get("expect", "").lower() == "100-continue":
            connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        body = b""
        if names.get("transfer-encoding", "").lower() == "chunked":
            while size := int(stream.readline().split(b";")[0], 16):
                body += stream.read(size)
                stream.readline()
            stream.readline()
        elif "content-length" in names:
            body = stream.read(int(names["content-length"]))
        return Request(method, target, headers, body, time.monotonic())

    def _send(self, connection, request, answer):
        """True: the connection can be used again."""
        if answer.delay and self._ends.wait(answer.delay):
            return False
        if answer.raw is not None:
            for part in [answer.raw] if isinstance(answer.raw, bytes) else answer.raw:
                connection.sendall(part)
            return self._end(connection, answer)
        if answer.reset and answer.cut is None:
            return self._end(connection, answer)

        payload = answer.payload()
        stream = hasattr(payload, "__next__")
        head = [f"HTTP/1.1 {answer.status} {REASONS.get(answer.status, 'Some Status')}"]
        names = {name.lower() for name, _ in answer.headers}
        if answer.type and "content-type" not in names:
            head.append(f"Content-Type: {answer.type}")
        if answer.encoding or answer.gzip:
            head.append(f"Content-Encoding: {answer.encoding or 'gzip'}")
        head += [f"{name}: {value}" for name, value in answer.headers]
        if answer.framing == "length":
            length = answer.length if answer.length is not None else len(payload)
            head.append(f"Content-Length: {length}")
        elif answer.framing == "chunked":
            head.append("Transfer-Encoding: chunked")
        else:
            head.append("Connection: close")
        head = ("\r\n".join(head) + "\r\n\r\n").encode("latin-1")
        if request.method == "HEAD" or answer.status in (204, 304):
            connection.sendall(head)
            return not answer.stall or self._end(connection, answer)

        connection.sendall(head)
        left = answer.cut
        for part in payload if stream else [payload]:
            if self._ends.is_set():
                return False
            sent = part if left is None else part[:left]
            if answer.framing == "chunked" and part:
                connection.sendall(b"%x\r\n" % len(part) + sent)
                if len(sent) == len(part):
                    connection.sendall(b"\r\n")
            else:
                connection.sendall(sent)
            if left is not None:
                left -= len(sent)
                if left <= 0:
                    break
        if answer.cut is not None or answer.stall or answer.bad_chunk:
            if answer.bad_chunk:
                connection.sendall(b"\r\nno number\r\n")
            return self._end(connection, answer)
        if answer.framing == "chunked":
            connection.sendall(b"0\r\n\r\n")
        return answer.framing != "close" and (request.header("Connection") or "").lower() != "close"

    def _end(self, connection, answer):
        if answer.stall:
            self._ends.wait(answer.stall)
        if answer.reset:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        return False


class Listing:
    """A paged listing over `items` (a list that the test may change), as a handler.

    style  "none", "token", "link-header", "link-body", "link-list", "offset", "number" or "marker"
    size   items a page when the request doesn't ask for a size in `size_param`
    cap    what a size that is asked for is clamped to, without a word
    end    how the end is said where there is a next: None (null), "" or "absent"
    base   what a link starts with: "" gives "?token=…", else e.g. "/path" or "https://host/path"
    faults page number -> an Answer, or a function (request, right answer) -> Answer
    first  the first page's number
    """

    def __init__(self, items, style="token", size=3, cap=None, end=None, base=None, key="id", first=1, faults=None,
                 param=None, size_param="limit", envelope="items", extra=None):
        self.items, self.style, self.size, self.cap, self.end = items, style, size, cap, end
        self.base, self.key, self.first, self.faults = base, key, first, faults or {}
        self.size_param, self.envelope, self.extra = size_param, envelope, extra or {}
        self.expired = False
        self.param = param or {"offset": "offset", "number": "page", "marker": "after"}.get(style, "token")

    def cured(self):
        """No faults any more; and positions have expired: a listing that was stopped can't go on, and starts anew."""
        self.faults.clear()
        self.expired = True

    def start(self, request, size):
        """The index of the first item of the page that is asked for."""
        value = request.param(self.param)
        if value is None or self.style == "none":
            return 0
        if self.style == "offset":
            return int(value)
        if self.style == "number":
            return (int(value) - self.first) * size
        if self.style == "marker":
            keys = [str(item[self.key]) for item in self.items]
            return keys.index(value) + 1 if value in keys else sum(key <= value for key in keys)
        match = re.fullmatch(r"t(\d+)", value)
        if not match:
            raise ValueError(f"never gave the token {value!r}")
        return int(match[1])

    def __call__(self, request):
        size = int(request.param(self.size_param, self.size))
        size = min(size, self.cap) if self.cap else size
        if self.style == "none":
            size = max(len(self.items), 1)
        start = self.start(request, size)
        expired, self.expired = self.expired, False
        if expired and start:
            return error(410, "ExpiredToken")
        page = self.items[start:start + size]
        more = start + size < len(self.items)
        answer = Answer(None)
        document = {self.envelope: page, **self.extra}
        self._say_next(request, answer, document, start + size, more)
        answer.body = document
        fault = self.faults.get(start // size + 1)
        if fault is None:
            return answer
        return fault(request, answer) if callable(fault) else fault

    def _say_next(self, request, answer, document, at, more):
        token = f"t{at}"
        base = request.path if self.base is None else self.base
        link = f"{base}?{self.param}={quote(token)}"
        if self.style == "token":
            if more or self.end != "absent":
                document["next"] = token if more else self.end
        elif self.style == "link-header" and more:
            answer.headers.append(("Link", f'<{link}>; rel="next"'))
        elif self.style == "link-body" and (more or self.end != "absent"):
            document["next"] = link if more else self.end
        elif self.style == "link-list":
            document["links"] = [{"rel": "self", "href": request.target}] + \
                ([{"rel": "next", "href": link}] if more else [])


def make_certificate(folder, name="cert", host="IP:127.0.0.1,DNS:localhost"):
    """A self-signed certificate, made by openssl. Returns certificate and key file."""
    certificate, key = folder / f"{name}.pem", folder / f"{name}.key"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", "/CN=garner test", "-addext", f"subjectAltName={host}", "-keyout", str(key), "-out", str(certificate)],
        check=True, capture_output=True, timeout=30)
    return str(certificate), str(key)
