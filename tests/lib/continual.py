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

import yaml
from command import Command
from garner import CHANGES

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


class Continual(Command):
    ends_within_s = STOP_S

    def __init__(self, lab, *args, **environment):
        super().__init__(lab)
        self.args, self.events = args, []
        self.is_deaf = False  # set: the next line of the feed is the last that is read
        self.listen = f"tcp://127.0.0.1:{free_port()}"
        lab.env.update(environment)

    def start(self):
        self.write_listen()
        self.process = self.lab.start("run", "-c", self.lab.config, "--print-feed", *self.args)
        self.read(self._read_feed)
        return self

    def write_listen(self):
        """The configuration gets this run's own address."""
        config = yaml.safe_load(self.lab.config.read_text())
        self.lab.config.write_text(yaml.safe_dump({**config, "listen": self.listen}, sort_keys=False))

    def _read_feed(self, process):
        for line in process.stdout:
            self.events.append(json.loads(line))
            if self.is_deaf:
                process.stdout.close()
                return

    def __str__(self):
        feed = "\n".join(json.dumps(event) for event in self.events[-30:])
        return f"{super().__str__()}\n--- feed\n{feed}"

    # --- what came ---

    def started(self):
        self.wait(lambda: self.said_since_start("listen="))
        return self

    def changes(self, type=None, **more):
        return [e for e in list(self.events) if e["op"] in CHANGES and type in (None, e["type"]) and
                all(e[key] == value for key, value in more.items())]

    def brief(self, type=None, **more):
        return sorted(f"{e['op']} {e['id']}" for e in self.changes(type, **more))

    def statuses(self, kind=None, **more):
        return [e for e in list(self.events) if e["op"] == "status" and kind in (None, e["status"]["kind"]) and
                all(e[key] == value for key, value in more.items())]

    # --- what is done to it ---

    def reload(self, says="was read anew"):
        """SIGHUP; until a line more says that it was done (or what else it is to say)."""
        self.write_listen()
        before = len(self.said(says))
        self.send(signal.SIGHUP)
        self.wait(lambda: len(self.said(says)) > before)

    def at(self, verb, *args, **more):
        return self.lab.garner(verb, *args, "--at", self.listen, **more)
