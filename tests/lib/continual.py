"""A `garner run` that goes on, in the background: its feed and its lines as they come.

    with Continual(lab) as run:
        run.wait(lambda: run.changed("created a"))
        run.reload()                         # SIGHUP, until the log says that it was done
        run.stop()                           # SIGTERM: exit 0, and in time

Sanitizers' builds are slow, and so is a machine that does other things meanwhile: deadlines are generous,
and what must *not* happen is asserted on the server's log, whose times are the requests' own.
"""

import json
import signal
import socket
import threading
import time

import yaml
from garner import CHANGES, SANITIZER, TIMEOUT_S, Result

STOP_S = 5  # that a graceful stop may take


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as made:
        return made.getsockname()[1]


def concurrent(requests, lasted):
    """The most requests of one path that were under way at once, if each lasted so long."""
    most, ends = 0, []
    for request in sorted(requests, key=lambda r: r.when):
        ends = [end for end in ends if end > request.when] + [request.when + lasted]
        most = max(most, len(ends))
    return most


class Continual:
    def __init__(self, lab, *args, **environment):
        self.lab, self.args, self.events, self.lines, self.process = lab, args, [], [], None
        self.is_deaf = False  # set: the next line of the feed is the last that is read
        self.listen = f"tcp://127.0.0.1:{free_port()}"
        lab.env.update(environment)

    def __enter__(self):
        return self.start()

    def __exit__(self, kind, *_):
        if self.process.poll() is None:
            if kind:
                self.kill()
            else:
                self.stop()
        self._join()

    def start(self):
        self.write_listen()
        self.process = self.lab.start("run", "-c", self.lab.config, "--print-feed", *self.args)
        self._readers = [threading.Thread(target=target, daemon=True) for target in (self._read_feed, self._read_lines)]
        for reader in self._readers:
            reader.start()
        return self

    def write_listen(self):
        """The configuration gets this run's own address."""
        config = yaml.safe_load(self.lab.config.read_text())
        self.lab.config.write_text(yaml.safe_dump({**config, "listen": self.listen}, sort_keys=False))

    def _read_feed(self):
        for line in self.process.stdout:
            self.events.append(json.loads(line))
            if self.is_deaf:
                self.process.stdout.close()
                return

    def _read_lines(self):
        for line in self.process.stderr:
            self.lines.append(line.decode(errors="replace").rstrip("\n"))

    def _join(self):
        for reader in self._readers:
            reader.join(10)
        for pipe in (self.process.stdout, self.process.stderr):
            pipe.close()

    def __str__(self):
        feed = "\n".join(json.dumps(event) for event in self.events[-30:])
        return f"garner run: exit {self.process.poll()}\n--- stderr\n" + "\n".join(self.lines[-60:]) + f"\n--- feed\n{feed}"

    __repr__ = __str__

    # --- what came ---

    def wait(self, condition, within=30):
        """Until the condition holds; what it gave."""
        end = time.monotonic() + within
        while True:
            came = condition()
            if came:
                return came
            assert self.process.poll() is None, f"it ended\n{self}"
            assert time.monotonic() < end, f"not within {within} s\n{self}"
            time.sleep(0.01)

    def started(self):
        self.wait(lambda: self.said("listen="))
        return self

    def changes(self, type=None, **more):
        return [e for e in list(self.events) if e["op"] in CHANGES and type in (None, e["type"]) and
                all(e[key] == value for key, value in more.items())]

    def brief(self, type=None, **more):
        return sorted(f"{e['op']} {e['id']}" for e in self.changes(type, **more))

    def statuses(self, kind=None, **more):
        return [e for e in list(self.events) if e["op"] == "status" and kind in (None, e["status"]["kind"]) and
                all(e[key] == value for key, value in more.items())]

    def said(self, *patterns):
        """The lines on standard error that hold all of these."""
        return [line for line in list(self.lines) if all(pattern in line for pattern in patterns)]

    # --- what is done to it ---

    def send(self, number):
        self.process.send_signal(number)

    def reload(self, says="was read anew"):
        """SIGHUP; until a line more says that it was done (or what else it is to say)."""
        self.write_listen()
        before = len(self.said(says))
        self.send(signal.SIGHUP)
        self.wait(lambda: len(self.said(says)) > before)

    def at(self, verb, *args, **more):
        return self.lab.garner(verb, *args, "--at", self.listen, **more)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self, number=signal.SIGTERM, code=0, within=STOP_S):
        """Asks it to end, and asserts that it does."""
        began = time.monotonic()
        self.send(number)
        return self.ended(code, within - (time.monotonic() - began))

    def ended(self, code=0, within=STOP_S):
        began = time.monotonic()
        try:
            self.process.wait(TIMEOUT_S)
        except Exception:
            self.process.send_signal(signal.SIGABRT)
            raise AssertionError(f"it does not end\n{self}") from None
        took = time.monotonic() - began
        for reader in self._readers:
            reader.join(10)
        assert not SANITIZER.search("\n".join(self.lines)) and self.process.returncode != 99, str(self)
        assert code is None or self.process.returncode == code, f"exit {self.process.returncode}, not {code}\n{self}"
        assert took <= within, f"it took {took:.1f} s to end\n{self}"
        return Result(["run"], self.process.returncode, b"", "\n".join(self.lines))
