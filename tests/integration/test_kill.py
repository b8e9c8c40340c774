"""kill -9 at any moment of a run: the store opens, `verify` is content, and a last run gives the exact state.

KILLS says how often (200), and so often it is, however fast the machine. In a file of its own, so that it can
run on the release build: there its moments are the ones that matter.
"""

import os
import random
import subprocess
import time

from garner import collection
from server import Listing

KILLS = max(1, int(os.environ.get("KILLS", "200")))
TYPES = ("p.token", "p.offset", "p.region", "p.parent", "p.child")


class World:
    """Collections of every scope that never stand still."""

    def __init__(self, lab, server):
        self.random = random.Random(9)
        self.made = 0
        self.token = [self.new() for _ in range(150)]
        self.offset = [self.new() for _ in range(60)]
        self.regions = {f"r{n}": [self.new() for _ in range(30)] for n in range(4)}
        self.parents = [self.new() for _ in range(8)]
        self.children = {}
        server.on("/token", Listing(self.token, "token", size=20))
        server.on("/offset", Listing(self.offset, "offset", size=20))
        server.on("/regional/*", lambda request: {"items": self.regions[request.path.split("/")[2]]})
        server.on("/parents", Listing(self.parents, "token", size=3))
        server.on("/parents/*", lambda request: {"items": self.children.setdefault(request.path.split("/")[2], [self.new()])})
        rules = {"delete": {"guard": "none", "confirm": "none"}}
        token = {"style": "token", "from": "body:/next", "to": "query:token"}
        lab.has(collection("p.token", "/token", page=token, **rules),
                collection("p.offset", "/offset", page={"style": "offset", "to": "query:offset"}, **rules),
                collection("p.region", "/regional/{region}", scope="region", **rules),
                collection("p.parent", "/parents", page=token, **rules),
                collection("p.child", "/parents/{parent.id}", scope={"parent": "p.parent"}, **rules), regions=list(self.regions))

    def new(self):
        self.made += 1
        return {"id": f"i{self.made}", "v": 0, "text": "x" * self.random.randrange(500)}

    def moves(self):
        for items in (self.token, self.offset, *self.regions.values(), self.parents, *self.children.values()):
            for _ in range(self.random.randrange(4)):
                at = self.random.randrange(len(items))
                roll = self.random.random()
                if roll < 0.4:
                    items[at] = {**items[at], "v": items[at]["v"] + 1}
                elif roll < 0.7 or len(items) < 4:
                    items.insert(at, self.new())
                else:
                    del items[at]

    def state(self):
        made = {}
        for type, region, parent, items in [
                ("p.token", None, None, self.token), ("p.offset", None, None, self.offset), ("p.parent", None, None, self.parents),
                *[("p.region", region, None, items) for region, items in self.regions.items()],
                *[("p.child", None, parent["id"], self.children[parent["id"]]) for parent in self.parents]]:
            made.update({("p", "acct-1", region, type, parent, item["id"]): item for item in items})
        return made


def run_until(lab, moment):
    """The seconds a run took, or None if it was killed after `moment` of them, before it had ended."""
    began = time.monotonic()
    process = lab.start("run", "-c", str(lab.config), "--once")
    try:
        _, err = process.communicate(timeout=moment)
    except subprocess.TimeoutExpired:
        process.kill()
        _, err = process.communicate()
    took = time.monotonic() - began
    assert process.returncode in (-9, 0), err.decode()
    return took if process.returncode == 0 else None


def test_kill_9_at_any_moment(lab, server):
    world = World(lab, server)
    takes, killed = run_until(lab, None), 0
    assert takes is not None
    for n in range(4 * KILLS):
        world.moves()
        ended = run_until(lab, world.random.uniform(0, takes))
        # How long a run takes changes with the machine: one that ended by itself says so, one that didn't may take longer.
        takes = ended if ended is not None else takes * 1.05
        killed += ended is None
        lab.verify()
        if n % 20 == 19:
            lab.world()
        if killed == KILLS:
            break
    assert killed == KILLS, f"only {killed} of {KILLS} were in time"
    lab.run()
    assert lab.world() == world.state()
    for type in TYPES:
        assert lab.ids(type) == sorted(key[5] for key in world.state() if key[3] == type)
    assert lab.run().changes() == []
