"""A cluster of real processes: a coordinator and workers, and what operators ask of it.

    with Cluster(lab) as cluster:                 # lab.has(...) wrote the provider file before
        cluster.start("w1", "w2", shards=8, accounts=[...])
        cluster.wait_served()
        cluster.garner("drain", "w1", expect=1).said("nobody would be left")
        cluster.kill("w1")
        cluster.wait(lambda: cluster.workers()["w1"]["state"] == "dead")

The coordinator has its state in `coordinator/` of the lab's folder, a worker its copies in a folder of its name. Each keeps
its address when it is started anew. `prefix` is a command that a node is run under (a network namespace, a tracer), `host` where
it listens.
"""

import json
import re
import signal
import subprocess
import time

from command import Command
from garner import SANITIZER, binary

ENDS_WITHIN_S = 15
PATIENCE_S = 30


class Node(Command):
    """garner-coordinator or garner-worker, as `verb` says."""

    pause_s, ends_within_s = 0.02, ENDS_WITHIN_S

    def __init__(self, lab, verb, folder, prefix=()):
        super().__init__(lab)
        self.verb, self.folder, self.prefix = verb, folder, list(prefix)
        self.address = self.http = None

    def start(self, *args):
        program = str(binary().with_name(f"garner-{self.verb}"))
        self.process = subprocess.Popen([*self.prefix, program, *map(str, args)], env=self.lab.environment(), cwd=self.lab.folder,
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.read()
        return self

    @property
    def is_up(self):
        return self.process is not None and self.process.poll() is None

    def logged(self, message, key):
        """A key of a line of the log since it was started last; None: there is no such line yet."""
        for line in self.said_since_start(f'msg="{message}"') + self.said_since_start(f"msg={message} "):
            if found := re.search(rf'\b{key}="?([^" ]+)', line):
                return found[1]
        return None

    def assert_sane(self):
        assert not SANITIZER.search("\n".join(self.lines)) and self.process.returncode != 99, str(self)


class Cluster:
    def __init__(self, lab, host="127.0.0.1", prefix=()):
        """`prefix` is for the commands that operators give."""
        self.lab, self.host, self.prefix = lab, host, list(prefix)
        self.coordinator, self.nodes, self._flags = None, {}, {}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()

    # --- its processes ---

    def start(self, *workers, accounts=None, grace="4s", shards=8, followers=0, lease="2s", prefix=(), **config):
        """Writes the configuration, and starts a coordinator and these workers. Returns once it serves operators."""
        self.lab.has_config(accounts, shards=shards, followers=followers, lease=lease, listen=f"tcp://{self.host}:0", **config)
        self.start_coordinator("--grace", grace, prefix=prefix)
        for name in workers:
            self.start_worker(name)
        return self

    def start_coordinator(self, *flags, prefix=None, host=None):
        """Flags, prefix and host are those of the last time where nothing is said."""
        node = self.coordinator = self.coordinator or Node(self.lab, "coordinator", self.lab.folder / "coordinator")
        node.prefix = node.prefix if prefix is None else list(prefix)
        self._flags[None] = flags = list(flags) or self._flags.get(None, [])
        listen = node.address or f"tcp://{host or self.host}:0"
        node.start("-c", self.lab.config, "--data", node.folder, "--listen", listen, "--http", f"{host or self.host}:{node.http or 0}", *flags)
        node.address = node.wait(lambda: node.logged("coordinating", "listen"))
        node.http = int(node.logged("coordinating", "port"))
        return node

    def start_worker(self, name, *flags, prefix=None, host=None, at=None):
        """Flags, prefix, host and the coordinator's address (`at`) are those of the last time where nothing is said."""
        node = self.nodes.setdefault(name, Node(self.lab, "worker", self.lab.folder / name))
        node.prefix = node.prefix if prefix is None else list(prefix)
        self._flags[name] = flags = list(flags) or self._flags.get(name, [])
        node.at = at or getattr(node, "at", None) or self.at
        listen = node.address or f"tcp://{host or self.host}:0"
        node.start("-c", self.lab.config, "--at", node.at, "--name", name, "--data", node.folder, "--listen", listen, *flags)
        node.address = node.wait(lambda: node.logged("working", "listen"))
        return node

    def __getitem__(self, name):
        return self.nodes[name]

    def kill(self, name):
        """As a machine that loses its power: nobody is told."""
        self.nodes[name].kill()

    def stop(self, name):
        """As a pod that is restarted: SIGTERM."""
        return self.nodes[name].stop()

    def freeze(self, name):
        self.nodes[name].send(signal.SIGSTOP)

    def thaw(self, name):
        self.nodes[name].send(signal.SIGCONT)

    def end(self):
        """Ends all that are up, the workers first; none may have crashed."""
        nodes = [*self.nodes.values(), *([self.coordinator] if self.coordinator else [])]
        for node in nodes:
            if node.is_up:
                node.send(signal.SIGCONT)
                node.send(signal.SIGTERM)
        for node in nodes:
            if node.process is None:
                continue
            try:
                node.process.wait(ENDS_WITHIN_S)
            except subprocess.TimeoutExpired:
                node.kill()
                raise AssertionError(f"it does not end\n{node}") from None
            node.join()
            node.assert_sane()

    def verify(self, *names):
        """What `garner verify` says of workers' folders, when they have ended."""
        for name in names or self.nodes:
            if (self.nodes[name].folder / "shards").exists():
                self.lab.garner("verify", self.nodes[name].folder)

    def log(self):
        """What all said, for a failed assertion."""
        return "\n".join(map(str, [self.coordinator, *self.nodes.values()]))

    # --- its operators ---

    @property
    def at(self):
        return self.coordinator.address

    def garner(self, verb, *args, **more):
        """A command of an operator; its exit code is asserted (`expect`, 0)."""
        self.lab.prefix, before = self.prefix or self.lab.prefix, self.lab.prefix
        try:
            return self.lab.garner(verb, *args, "--at", self.at, **more)
        finally:
            self.lab.prefix = before

    def begin(self, verb, *args):
        """The same, without waiting for its end."""
        return Operator(self, verb, *args).start()

    def document(self, verb, *args, **more):
        return json.loads(self.garner(verb, *args, "--json", **more).text)

    def workers(self):
        return {worker["worker"]: worker for worker in self.document("workers")["workers"]}

    def shards(self, *args):
        return self.document("shards", *args)["shards"]

    def shard(self, number):
        return self.document("explain", number)

    def owned(self, name):
        """The numbers of a worker's shards."""
        return [shard["shard"] for shard in self.shards() if shard["owner"] == name]

    def status(self):
        """What the coordinator says of the cluster itself; its workers' exit code isn't looked at."""
        return self.document("status", expect=None)["cluster"]

    def wait(self, condition, within=PATIENCE_S):
        """Until the condition holds; what it gave."""
        end = time.monotonic() + within
        while not (came := condition()):
            assert time.monotonic() < end, f"not within {within} s\n{self.log()}"
            time.sleep(0.05)
        return came

    def wait_served(self, within=PATIENCE_S):
        """Until every shard is harvested by somebody."""
        return self.wait(lambda: all(shard["state"] in ("served", "moving") for shard in self.shards()), within)

    def wait_settled(self, within=PATIENCE_S):
        """The same, and nothing moves, and every shard has all its followers in sync."""
        def settled():
            shards = self.status()["shards"]
            return shards["served"] == shards["in_sync"] == shards["all"] and not shards["moving"]
        return self.wait(settled, within)


class Operator(Command):
    """A command that goes on: what it says is in `lines`."""

    def __init__(self, cluster, verb, *args):
        super().__init__(cluster.lab)
        self.cluster, self.verb, self.args = cluster, verb, args

    def start(self):
        self.lab.prefix, before = self.cluster.prefix or self.lab.prefix, self.lab.prefix
        self.process = self.lab.start(self.verb, *self.args, "--at", self.cluster.at)
        self.lab.prefix = before
        self.read()
        return self
