"""The servers that the feed is measured beside, and Garner's own: Debian's programs, each with a folder and a port of its
own on the loopback, on one core.

    with Redis(folder, core) as redis:      # nothing is written to disk
        redis.port, redis.cpu_s()
    with Nats(folder, core) as nats: …      # JetStream, with its file store in the folder
    with GarnerRun(program, data, shards, folder, core) as garner:
        garner.address, garner.http_port
"""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))

from measure import environment  # noqa: E402
from nginx import free_ports  # noqa: E402
from process import stop  # noqa: E402

READY_S = 30
TICKS_S = os.sysconf("SC_CLK_TCK")
# Whoever serves a data folder harvests, too; without accounts there is nothing to harvest.
PROVIDER = {"provider": "bench", "auth": {"kind": "none"}, "collections": [
    {"type": "bench.thing", "scope": "account", "request": {"url": "{account.endpoint}/things"}, "items": "/items/*", "id": "/id"}]}


def on_core(core, argv):
    return ["taskset", "-c", str(core), *map(str, argv)]


def find(name):
    path = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
    if not path:
        raise SystemExit(f"bench: {name} isn't installed: run deploy/setup.sh")
    return path


def version_of(name):
    said = subprocess.run([find(name), "--version"], capture_output=True, text=True, check=False).stdout
    return f"{name} {re.search(r'v=?([0-9.]+)', said)[1]}"


class Server:
    name = ""

    def __init__(self, folder, core):
        self.folder, self.core = Path(folder).resolve(), core
        self.port, = free_ports(1)
        self.process = None

    def argv(self):
        """Also writes what the program needs into the folder."""
        raise NotImplementedError

    def __enter__(self):
        self.folder.mkdir(parents=True)
        with open(self.folder / "said.txt", "wb") as said:
            self.process = subprocess.Popen(on_core(self.core, self.argv()), stdin=subprocess.DEVNULL, stdout=said, stderr=said,
                                            cwd=self.folder, env=environment(self.folder))
        deadline = time.monotonic() + READY_S
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return self
            except OSError:
                time.sleep(0.02)
        self.__exit__()
        raise SystemExit(f"bench: {self.name} didn't start:\n{(self.folder / 'said.txt').read_text()}")

    def __exit__(self, *_):
        stop(self.process)

    def cpu_s(self):
        """User and system, of all its threads, so far."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(") ", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICKS_S


class Redis(Server):
    name = "redis-server"

    def argv(self):
        return [find(self.name), "--bind", "127.0.0.1", "--port", self.port, "--dir", self.folder, "--daemonize", "no",
                "--save", "", "--appendonly", "no"]


class Nats(Server):
    name = "nats-server"

    def argv(self):
        config = self.folder / "nats.conf"
        config.write_text(f'listen: "127.0.0.1:{self.port}"\njetstream {{ store_dir: "{self.folder}/store", max_file_store: 64GB }}\n')
        return [find(self.name), "-c", config]


class GarnerRun(Server):
    name = "garner run"

    def __init__(self, program, data, shards, folder, core):
        super().__init__(folder, core)
        self.program, self.data, self.shards = program, data, shards
        self.address = f"tcp://127.0.0.1:{self.port}"
        self.http_port, = free_ports(1)

    def argv(self):
        (self.folder / "bench.provider.yaml").write_text(json.dumps(PROVIDER))
        config = self.folder / "garner.yaml"
        config.write_text(json.dumps({"shards": self.shards, "listen": self.address, "http": f"127.0.0.1:{self.http_port}",
                                      "providers": ["bench.provider.yaml"], "accounts": []}))
        return [self.program, "run", "-c", config, "--data", self.data, "--threads", 1]
