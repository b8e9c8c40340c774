"""mitmproxy in front of a real server, spoiling the page that a test names: see fault_addon.py for what can go wrong.

    with FaultProxy(folder, registry.url) as proxy:
        lab = …                                    # asks proxy.url
        proxy.spoil("cut", page=3, match="GET /v2/_catalog")
        lab.run(expect=None)
        proxy.asked()                              # [{"page": 1, "spoiled": false, …}, …] since the plan
        proxy.rest()                               # from now on nothing goes wrong
"""

import json
import os
import re
import shutil
import socket
import subprocess
import time
from pathlib import Path

from process import Server

ADDON = Path(__file__).with_name("fault_addon.py")
OWN = Path(__file__).parents[2] / "build/venv-mitmproxy/bin/mitmdump"
ALWAYS = 10**6
READY_S = 60


def find_program():
    """Debian's, or the one of an environment of its own where Debian has none (13)."""
    found = shutil.which("mitmdump") or shutil.which(OWN)
    if not found:
        raise RuntimeError("no mitmdump here: run deploy/setup.sh, or on Debian 13, which doesn't package it: "
                           "deploy/venv.sh build/venv-mitmproxy tests/requirements-mitmproxy.txt")
    return found


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as one:
        return one.getsockname()[1]


class FaultProxy(Server):
    """Started by its making, stopped at the end of the `with`. What it said is in `folder`/mitmdump.log."""

    def __init__(self, folder, upstream):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.plan, self.log = self.folder / "plan.json", self.folder / "asked.ndjson"
        self.number = 0
        self.log.write_text("")
        self.rest()
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        options = {"mode": f"reverse:{upstream}", "listen_host": "127.0.0.1", "listen_port": port, "keep_host_header": "true",
                   "connection_strategy": "lazy", "confdir": self.folder, "flow_detail": 0, "plan": self.plan, "log": self.log}
        sets = [part for name, value in options.items() for part in ("--set", f"{name}={value}")]
        # Its own Python is the system's: nothing of the tests' environment is to be seen there.
        env = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON") and not key.lower().endswith("_proxy")}
        with open(self.folder / "mitmdump.log", "wb") as out:
            self.process = subprocess.Popen([find_program(), "--scripts", ADDON, *sets], stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                                            cwd=self.folder, env={**env, "HOME": str(self.folder), "PYTHONDONTWRITEBYTECODE": "1"})
        self._wait(port)

    def _wait(self, port):
        deadline = time.monotonic() + READY_S
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                return
            except OSError:
                time.sleep(0.05)
        self.stop()
        raise RuntimeError(f"mitmdump did not start:\n{self.said()}")

    def said(self):
        return (self.folder / "mitmdump.log").read_text(errors="replace")

    def spoil(self, fault, page, match, times=ALWAYS, throttle=None):
        """From now on: that page of the requests that match, so many times."""
        self._write(fault=fault, page=page, match=match, times=times, throttle=throttle)

    def rest(self):
        self._write(match=None)

    def _write(self, **plan):
        self.number += 1
        new = self.plan.with_suffix(".new")
        new.write_text(json.dumps({"number": self.number, **plan}))
        os.replace(new, self.plan)

    def asked(self):
        """What was asked of the planned listing since the last plan, in order."""
        lines = [json.loads(line) for line in self.log.read_text().splitlines()]
        return [line for line in lines if line["number"] == self.number]

    def trouble(self):
        """What the add-on itself stumbled over."""
        return re.findall(r"^.*(?:Traceback|Addon error).*(?:\n.+)*", self.said(), re.MULTILINE)
