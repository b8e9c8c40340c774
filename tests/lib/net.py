"""A network of its own for processes that are to be cut off, slowed down and heard again: a namespace for each, on one switch.

    with Net("coordinator", "w1", "w2") as net:
        subprocess.Popen([*net.within("w1"), "garner-worker", "--listen", f"tcp://{net.address('w1')}:7801", …])
        net.cut("w1", "coordinator")       # what w1 sends there is lost; what it is sent arrives
        net.cut("coordinator", "w1")       # and now that doesn't either
        net.heal()
        net.slow("w2", "1mbit")
        net.lengthen("w2", 300)            # milliseconds, each way

The test itself is on the switch, too: as "test". Needs root, and iproute2. Nothing of it is reached from elsewhere, and all
of it is gone at the end.

What is lost is sent to a hardware address that nobody has: no end hears of it, as with a cable that was pulled.
"""

import os
import shutil
import subprocess
import sys
from itertools import count
from pathlib import Path

LONG_LINE = Path(__file__).with_name("long_line.py")
NOBODY = "02:00:00:00:00:01"
_nets = count()


def ip(*words):
    done = subprocess.run(["ip", *words], capture_output=True, text=True)
    assert done.returncode == 0, f"ip {' '.join(words)}: {done.stderr.strip()}"


class Net:
    def __init__(self, *names):
        assert os.geteuid() == 0, "network namespaces need root: run the tests as root"
        assert shutil.which("ip"), "no `ip` here: run deploy/setup.sh"
        self.key = f"g{os.getpid()}x{next(_nets)}"
        self.subnet = f"10.{77 + os.getpid() % 100}.{next(_nets) % 200}"
        self.names = ["test", *names]
        self.cuts = set()
        self.lines = {}  # by name: the process that is a long line

    def __enter__(self):
        try:
            self.open()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_):
        self.close()

    def space(self, name):
        return f"{self.key}-{name}"

    def open(self):
        ip("netns", "add", self.space("switch"))
        ip("-n", self.space("switch"), "link", "add", "switch", "type", "bridge")
        ip("-n", self.space("switch"), "link", "set", "switch", "up")
        for number, name in enumerate(self.names):
            self.plug(number, name)

    def plug(self, number, name):
        ours, theirs = f"{self.key}p{number}"[-15:], f"port{number}"
        ip("link", "add", ours, "type", "veth", "peer", "name", theirs, "netns", self.space("switch"))
        ip("-n", self.space("switch"), "link", "set", theirs, "master", "switch", "up")
        if name == "test":
            self.own = ours
            ip("addr", "add", f"{self.address(name)}/24", "dev", ours)
            ip("link", "set", ours, "up")
            return
        ip("netns", "add", self.space(name))
        ip("link", "set", ours, "netns", self.space(name), "name", "eth0")
        ip("-n", self.space(name), "addr", "add", f"{self.address(name)}/24", "dev", "eth0")
        ip("-n", self.space(name), "link", "set", "lo", "up")
        ip("-n", self.space(name), "link", "set", "eth0", "up")

    def close(self):
        for name in list(self.lines):
            self.shorten(name)
        made = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True).stdout.split()
        for space in made:
            if space.startswith(f"{self.key}-"):
                subprocess.run(["ip", "netns", "del", space], check=False)
        subprocess.run(["ip", "link", "del", getattr(self, "own", "none")], capture_output=True, check=False)

    def address(self, name):
        return f"{self.subnet}.{self.names.index(name) + 1}"

    def within(self, name):
        """What a command line begins with that runs there."""
        return [] if name == "test" else ["ip", "netns", "exec", self.space(name)]

    def _there(self, name):
        return ((), self.own) if name == "test" else (("-n", self.space(name)), "eth0")

    # --- what befalls it ---

    def cut(self, sender, receiver):
        """One way."""
        space, device = self._there(sender)
        ip(*space, "neigh", "replace", self.address(receiver), "lladdr", NOBODY, "dev", device, "nud", "permanent")
        self.cuts.add((sender, receiver))

    def part(self, one, *others):
        """Both ways, from each of these."""
        for other in others:
            self.cut(one, other)
            self.cut(other, one)

    def heal(self):
        for sender, receiver in self.cuts:
            space, device = self._there(sender)
            ip(*space, "neigh", "del", self.address(receiver), "dev", device)
        self.cuts.clear()

    def slow(self, name, rate):
        """What it sends."""
        subprocess.run([*self.within(name), "tc", "qdisc", "replace", "dev", "eth0", "root", "tbf", "rate", rate,
                        "burst", "16kbit", "latency", "2s"], check=True)

    def fast(self, name):
        subprocess.run([*self.within(name), "tc", "qdisc", "del", "dev", "eth0", "root"], check=True)

    def lengthen(self, name, delay_ms):
        """What it sends, and what it is sent, takes so long. For a moment nothing gets through."""
        assert name not in self.lines and name != "test"
        port, near, far = self._line(name)
        switch = self.space("switch")
        ip("-n", switch, "link", "set", port, "nomaster")
        ip("-n", switch, "link", "add", near, "type", "veth", "peer", "name", far)
        ip("-n", switch, "link", "set", near, "up")
        ip("-n", switch, "link", "set", far, "master", "switch", "up")
        line = self.lines[name] = subprocess.Popen(["ip", "netns", "exec", switch, sys.executable, LONG_LINE, port, near, str(delay_ms)],
                                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert line.stdout.readline() == "ready\n", f"the line to {name} can't be made longer"

    def shorten(self, name):
        line = self.lines.pop(name)
        line.stdin.close()
        assert line.wait(10) == 0, f"the long line to {name} broke: it ended with {line.returncode}"
        line.stdout.close()
        port, near, _ = self._line(name)
        ip("-n", self.space("switch"), "link", "del", near)
        ip("-n", self.space("switch"), "link", "set", port, "master", "switch")

    def _line(self, name):
        number = self.names.index(name)
        return f"port{number}", f"near{number}", f"far{number}"
