"""The gateway as its users see it: requests, streams of lines or of events, and the programs that answer them.

    with Stream(port, "/v1/changes?from=oldest") as stream:
        stream.wait(lambda: "created a" in stream.brief())
        cursor = stream.cursor
"""

import http.client
import json
import re
import signal
import socket
import subprocess
import threading
import time
from collections import namedtuple

import yaml
from continual import free_port
from garner import CHANGES, SANITIZER, binary, collection

Answer = namedtuple("Answer", "status headers text")


def get(port, path, token=None, method="GET", timeout=30, **headers):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    connection.request(method, path, headers=_headers(token, headers))
    answer = connection.getresponse()
    made = Answer(answer.status, answer.headers, answer.read().decode())
    connection.close()
    return made


def lines(port, path, token=None):
    """All lines of a stream that ends."""
    answer = get(port, path, token)
    assert answer.status == 200, answer
    assert answer.headers["Content-Type"] == "application/x-ndjson"
    return [json.loads(line) for line in answer.text.splitlines()]


def refused(port, path, token=None, **headers):
    """(status, word, sentence) of an answer that is an error."""
    answer = get(port, path, token, **headers)
    assert answer.headers["Content-Type"] == "application/json", answer
    made = json.loads(answer.text)
    assert sorted(made) == ["error", "message"]
    return answer.status, made["error"], made["message"]


def brief(events):
    return [f"{e['op']} {e['id']}" for e in events if e["op"] in CHANGES]


def _headers(token, headers):
    made = {name.replace("_", "-"): value for name, value in headers.items()}
    return {**made, **({"Authorization": f"Bearer {token}"} if token else {})}


def awaited(look, seconds=30, alive=lambda: True):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        assert alive(), "what is waited for ended"
        found = look()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError(f"waited {seconds} s for nothing")


class Stream:
    """An answer that goes on, read on a thread of its own. `is_paused` set: it isn't read."""

    def __init__(self, port, path, token=None, host="127.0.0.1", **headers):
        self.connection = http.client.HTTPConnection(host, port, timeout=60)
        self.connection.request("GET", path, headers=_headers(token, headers))
        self.answer = self.connection.getresponse()
        assert self.answer.status == 200, self.answer.read()
        self.events, self.ids, self.ended, self._closing = [], [], False, False
        self._go = threading.Event()
        self._go.set()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self):
        try:
            while self._go.wait():
                line = self.answer.readline()
                if not line or self._closing:
                    break
                if line.startswith(b"id: "):
                    self.ids.append(line[4:].decode().strip())
                elif line.startswith(b"data: "):
                    self.events.append(json.loads(line[6:]))
                elif line.startswith(b"{"):
                    self.events.append(json.loads(line))
        except (OSError, http.client.HTTPException, ValueError, AttributeError):
            pass  # it was cut: by us, or by who answers
        self.ended = True

    def pause(self):
        self._go.clear()

    def go_on(self):
        self._go.set()

    def wait(self, look, seconds=30):
        awaited(lambda: look() or self.ended, seconds)
        assert look(), self.events[-3:]

    def brief(self):
        return brief(self.events)

    @property
    def cursor(self):
        return [e["cursor"] for e in self.events if e["op"] == "bookmark"][-1]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._closing = True
        self._go.set()
        try:
            self.connection.sock.shutdown(socket.SHUT_RDWR)
        except (OSError, AttributeError):
            pass
        self._thread.join(10)
        self.connection.close()


class Process:
    """A program whose log says where it answers HTTP."""

    def __init__(self, process, log):
        self.process, self.log = process, log
        found = awaited(lambda: re.search(r'listening for HTTP.* port="?(\d+)', log.read_text()), alive=self.is_alive)
        self.port = int(found[1])

    def is_alive(self):
        assert self.process.poll() is None, f"it ended: {self.log.read_text()}"
        return True

    def kill(self):
        self.process.kill()
        self.process.wait(30)

    def resident_kib(self):
        with open(f"/proc/{self.process.pid}/status") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("RssAnon"))

    def end(self, seconds=30):
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(seconds) == 0, self.log.read_text()
        assert not SANITIZER.search(self.log.read_text()), self.log.read_text()


def run(lab, name="run.log"):
    """`garner run` of the lab's configuration, which has `http`."""
    log = lab.folder / name
    with log.open("wb") as out:
        return Process(lab.start("run", "-c", lab.config, stdout=subprocess.DEVNULL, stderr=out), log)


def gateway(lab, *args, name="gateway.log"):
    """`garner-gateway`."""
    log = lab.folder / name
    program = str(binary().parent / "garner-gateway")
    with log.open("wb") as out:
        process = subprocess.Popen([program, "--http", "127.0.0.1:0", *map(str, args)], env=lab.environment(),
                                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=out, cwd=lab.folder)
    return Process(process, log)


class Starter:
    """`start(collection(), …, tokens=…)`: a run with `http` and `listen` that is ready; `beside()`: a gateway beside it. All are ended with the test."""

    def __init__(self, lab):
        self.lab, self.made = lab, []

    def __call__(self, *collections, accounts=None, **config):
        self.lab.has(*(collections or [collection(every="200ms")]), accounts=accounts,
                     config={"http": "127.0.0.1:0", "listen": f"tcp://127.0.0.1:{free_port()}", **config})
        return self.again()

    def again(self):
        return self._ready(run(self.lab, f"run{len(self.made)}.log"))

    def beside(self):
        return self._ready(gateway(self.lab, "--at", self._listen(), name=f"gateway{len(self.made)}.log"))

    def end(self):
        for process in reversed(self.made):
            if process.process.poll() is None:
                process.end()

    def _listen(self):
        return yaml.safe_load(self.lab.config.read_text())["listen"]

    def _ready(self, process):
        process.listen = self._listen()
        self.made.append(process)
        awaited(lambda: get(process.port, "/readyz").status == 200)
        return process
