"""kill -9 of the PostgreSQL sink and of the worker at any moment, and PostgreSQL restarted meanwhile: at the end the tables
are the store, which is what the provider has; and every change is there once.

SINK_KILLS says how often (20), SINK_SEED where it begins; both are printed. 200 times, as `tests/soak.sh` is for harvests:

    SINK_KILLS=200 tests/python.sh -B -m pytest -q -s tests/integration/test_sink_kill.py
"""

import os
import random
import signal
import time

from continual import Continual
from garner import collection
from postgres import Postgres
from server import Listing
from sink import Sink

KILLS = max(1, int(os.environ.get("SINK_KILLS", "20")))
SEED = int(os.environ.get("SINK_SEED", random.SystemRandom().randrange(10**6)))
TOKEN = {"style": "token", "from": "body:/next", "to": "query:token"}
RULES = {"every": "100ms", "delete": {"guard": "none", "confirm": "none"}, "page": TOKEN}
TYPES = ("p.a", "p.b", "p.c")


class World:
    """Three collections that never stand still."""

    def __init__(self, lab, server, random):
        self.random, self.made = random, 0
        self.items = {type: [self.new() for _ in range(60)] for type in TYPES}
        for type, items in self.items.items():
            server.on(f"/{type}", Listing(items, size=25))
        lab.has(*[collection(type, f"/{type}", **RULES) for type in TYPES])

    def new(self):
        self.made += 1
        return {"id": f"i{self.made}", "v": 0, "text": "ü\0" * self.random.randrange(200)}

    def moves(self):
        for items in self.items.values():
            for _ in range(self.random.randrange(8)):
                at, roll = self.random.randrange(len(items)), self.random.random()
                if roll < 0.4:
                    items[at] = {**items[at], "v": items[at]["v"] + 1}
                elif roll < 0.7 or len(items) < 10:
                    items.insert(at, self.new())
                else:
                    del items[at]

    def state(self):
        return {("p", "acct-1", None, type, None, item["id"]): {**item, "text": item["text"].replace("\0", "\ufffd")}
                for type, items in self.items.items() for item in items}


def disturb(world, worker, sink, db):
    """One of what may happen, at some moment of what is going on."""
    roll = world.random.random()
    if roll < 0.45:
        sink.kill()
        sink.start()
    elif roll < 0.8:
        worker.kill()
        worker.start()
    elif roll < 0.9:
        sink.kill()
        worker.kill()
        worker.start().started()
        sink.start()
    else:
        db.restart(world.random.choice([signal.SIGINT, signal.SIGQUIT]))
    return roll


def test_the_tables_are_the_store_whatever_is_killed_when(lab, server):
    print(f"\nSINK_KILLS={KILLS} SINK_SEED={SEED}")
    world = World(lab, server, random.Random(SEED))
    with Postgres() as db, Continual(lab) as worker:
        worker.started()
        with Sink(worker, db) as sink:
            sink.wait(sink.resources)
            for _ in range(KILLS):
                world.moves()
                time.sleep(world.random.uniform(0, 0.8))
                if sink.process.poll() is None:
                    disturb(world, worker, sink, db)
                else:  # it found nobody: the worker, or PostgreSQL, was gone when it began
                    assert sink.process.returncode == 3, sink
                    sink.start()
            sink.goes_on()
            sink.equals(world.state(), within=60)
            sink.equals()
            sink.check_changes()
            sink.stop()
        worker.stop()
