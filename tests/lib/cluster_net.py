"""A cluster of real processes on a network of its own (net.py): an API, a coordinator, workers, and a subscriber that writes down
all that it is told.

    with NetCluster(folder, workers=3, followers=1) as cluster:
        cluster.wait_served()
        cluster.change("a1")                        # the API has something new
        cluster.wait(lambda: cluster.told("a1"))    # and the subscriber hears of it
        cluster.workers["w1"].kill()

The API serves what files say; each account has one thing, whose value a test sets.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import yaml
from command import Command
from garner import SANITIZER, Lab, binary, replay
from net import Net

API = Path(__file__).with_name("file_api.py")
PORT = 7801
SHARDS = 16


class Program(Command):
    """One of Garner's programs, in a namespace."""

    ends_within_s = 20

    def __init__(self, lab, program, within, *args):
        super().__init__(lab)
        self.program, self.within, self.args = program, within, args
        self.out = []

    def start(self):
        path = binary().with_name(self.program)
        self.process = subprocess.Popen([*self.within, str(path), *map(str, self.args)], stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, env=self.lab.environment())
        self.read(self._read_out)
        return self

    def _read_out(self, process):
        for line in process.stdout:
            self.out.append(line)

    def assert_sane(self):
        assert not SANITIZER.search("\n".join(self.lines)) and self.process.returncode != 99, str(self)

    def __str__(self):
        return f"{self.program} {' '.join(map(str, self.args))}: exit {self.process.poll()}\n" + "\n".join(self.lines[-40:])


class NetCluster:
    spaces = ()  # further ones that are needed

    def __init__(self, folder, workers=3, followers=1, lease="10s", accounts=24, every="1s", grace="2m", **config):
        self.folder, self.lab = Path(folder), Lab(folder)
        self.names = [f"w{n + 1}" for n in range(workers)]
        self.accounts = [f"a{n}" for n in range(accounts)]
        self.followers, self.lease, self.every, self.grace, self.config = followers, lease, every, grace, config
        self.workers, self.values = {}, dict.fromkeys(self.accounts, 0)
        self.net = Net("api", "coordinator", *self.names, *self.spaces)

    # --- its processes ---

    def __enter__(self):
        self.net.__enter__()
        try:
            self.open()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, kind, *_):
        if kind:
            for program in self.programs():
                print(program, file=sys.stderr)
        self.close()

    def programs(self):
        return [one for one in (getattr(self, "coordinator", None), *self.workers.values(), getattr(self, "feed", None)) if one]

    def open(self):
        self.start_api()
        self.write()
        self.start_coordinator()
        for name in self.names:
            self.start_worker(name)
        self.feed = Program(self.lab, "garner", [], "feed", "--at", self.at, "--from", "oldest", "--format", "ndjson").start()

    def start_api(self):
        self.api = subprocess.Popen([*self.net.within("api"), sys.executable, str(API), self.net.address("api"), str(self.folder / "things")],
                                    stdout=subprocess.PIPE)
        self.api.stdout.readline()

    def close(self):
        for program in self.programs():
            if program.process.poll() is None:
                program.process.kill()
                program.process.wait()
            program.join()
        self.stop_api()
        self.net.close()
        for program in self.programs():
            program.assert_sane()

    def stop_api(self):
        if hasattr(self, "api"):
            self.api.kill()
            self.api.wait()
            self.api.stdout.close()

    def write(self):
        (self.folder / "things").mkdir()
        for account in self.accounts:
            self.put(account)
        provider = {"provider": "p", "auth": {"kind": "none"}, "collections": [{
            "type": "p.thing", "request": {"url": f"http://{self.net.address('api')}:8000/{{account.id}}"}, "items": "/items/*", "id": "/id",
            "every": self.every}]}
        self.configure(provider, [{"id": account} for account in self.accounts])

    def configure(self, provider, accounts):
        """One provider file, and its accounts."""
        name = provider["provider"]
        config = {"data": "data", "providers": [f"{name}.yaml"], "accounts": [{"provider": name, **account} for account in accounts],
                  "shards": SHARDS, "followers": self.followers, "lease": self.lease, "map_size": "64MiB", **self.config}
        (self.folder / f"{name}.yaml").write_text(yaml.safe_dump(provider))
        (self.folder / "garner.yaml").write_text(yaml.safe_dump(config))

    @property
    def at(self):
        return f"tcp://{self.net.address('coordinator')}:{PORT}"

    def start_coordinator(self):
        self.coordinator = Program(self.lab, "garner-coordinator", self.net.within("coordinator"), "-c", self.folder / "garner.yaml", "--data",
                                   self.folder / "coordinator", "--listen", self.at, "--grace", self.grace).start()
        self.coordinator.wait(lambda: self.coordinator.said("coordinating"))

    def start_worker(self, name, *args):
        before = self.workers.get(name)
        if before:
            before.join()
        self.workers[name] = Program(self.lab, "garner-worker", self.net.within(name), "-c", self.folder / "garner.yaml", "--at", self.at, "--name", name,
                                     "--data", self.folder / name, "--listen", f"tcp://{self.net.address(name)}:{PORT}", "--log-level", "debug", *args).start()
        return self.workers[name]

    # --- what is so ---

    def ask(self, *args):
        done = subprocess.run([str(binary()), *args, "--at", self.at, "--json"], capture_output=True, text=True, timeout=60,
                              env=self.lab.environment())
        assert done.returncode == 0, f"garner {' '.join(args)}: exit {done.returncode}\n{done.stderr}"
        return json.loads(done.stdout)

    def shards(self):
        return self.ask("shards")["shards"]

    def owned_by(self, name):
        return [one["shard"] for one in self.shards() if one["owner"] == name]

    def accounts_of(self, name):
        """The accounts whose shards it owns."""
        owned = set(self.owned_by(name))
        return [one for one in self.accounts if {s["shard"] for s in self.ask("where", one)["shards"]} <= owned]

    def owner_of(self, account):
        return self.ask("where", account)["shards"][0]["owner"]

    def wait(self, condition, within=60):
        end = time.monotonic() + within
        while not (came := condition()):
            assert time.monotonic() < end, f"not within {within} s\n" + "\n".join(map(str, self.programs()))
            time.sleep(0.05)
        return came

    def is_served(self):
        wanted = min(self.followers, sum(one.process.poll() is None for one in self.workers.values()) - 1)
        return all(one["state"] == "served" and sum(f["in_sync"] for f in one["followers"]) >= wanted for one in self.shards())

    def wait_served(self, within=60):
        self.wait(self.is_served, within)

    # --- what happens, and what is told of it ---

    def put(self, account):
        path = self.folder / "things" / account
        beside = path.with_suffix(".new")
        beside.write_text(json.dumps({"items": [{"id": "thing", "value": self.values[account]}]}))
        os.replace(beside, path)

    def change(self, *accounts):
        for account in accounts or self.accounts:
            self.values[account] += 1
            self.put(account)

    def events(self):
        return [json.loads(line) for line in list(self.feed.out)]

    def told(self, *accounts):
        """Whether the subscriber has heard of the newest values."""
        told = {event["account"]: event["after"]["value"] for event in self.events() if event.get("after")}
        return all(told.get(account) == self.values[account] for account in accounts or self.accounts)

    def check_feed(self):
        """Nobody was told anything twice, out of order, or that wasn't so; and it ends with what is so."""
        state = replay(self.events())
        assert {key[1]: document["value"] for key, document in state.items()} == self.values
        assert all(program.process.poll() is None for program in (self.coordinator, self.feed)), self.feed
