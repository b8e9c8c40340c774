"""Subscribers of a run that is killed, and they with it, at moments from a seed: what each of them stored is held
against what was committed.

No loss, nothing twice behind a cursor, order per shard, nothing that was never committed; and what the changes come
to is what the store has. A subscriber is `garner feed`; who reads it stores what it says together with the bookmark
behind it, and forgets what came after the last one it stored when it dies, as a database would.

KILLS says how often the run is killed (8), SEED when.
"""

import json
import os
import random
import threading
import time

from continual import Continual
from garner import collection, replay
from server import Listing

KILLS = max(1, int(os.environ.get("KILLS", "8")))
SEED = int(os.environ.get("SEED", "1"))
TYPES = ("p.a", "p.b", "p.c")
ACCOUNTS = ("one", "two", "three")


class World:
    """Three types in three accounts that change all the time, until they rest."""

    def __init__(self, lab, server):
        self.random, self.made, self.items = random.Random(SEED), 0, {}
        for account in ACCOUNTS:
            for type in TYPES:
                self.items[account, type] = [self.new() for _ in range(12)]
                server.on(f"/{account}/{type}", Listing(self.items[account, type], style="none"))
        lab.has(*[collection(type, f"/{{account.id}}/{type}", every="300ms", delete={"guard": "none", "confirm": "none"})
                  for type in TYPES], accounts=[lab.account(id=account) for account in ACCOUNTS])
        self.rests = threading.Event()
        self.thread = threading.Thread(target=self.change)
        self.thread.start()

    def new(self, id=None):
        self.made += 1
        return {"id": id or f"{'xy'[self.made % 2]}{self.made}", "v": self.made}

    def change(self):
        while not self.rests.wait(0.02):
            items = self.items[self.random.choice(ACCOUNTS), self.random.choice(TYPES)]
            at, roll = self.random.randrange(len(items)), self.random.random()
            if roll < 0.5:
                items[at] = {**items[at], "v": items[at]["v"] + 1}
            elif roll < 0.75 or len(items) < 4:
                items.append(self.new())
            else:
                del items[at]

    def rest(self):
        """The last thing to happen in each collection: by it everyone sees that all is told."""
        self.rests.set()
        self.thread.join()
        for items in self.items.values():
            items.append(self.new("x-last"))


class Subscriber:
    """A program that reads `garner feed`, and stores; both are killed now and then."""

    def __init__(self, lab, address, number, begins, args, passes):
        self.lab, self.address, self.begins, self.args, self.passes = lab, address, begins, args, passes
        self.random = random.Random(f"{SEED} {number}")
        self.cursor, self.stored, self.waiting = None, [], []  # stored together; given since
        self.seen, self.lives, self.ends = [], 0, False
        self.thread = threading.Thread(target=self.live)
        self.thread.start()

    def live(self):
        while not self.ends:
            self.waiting = []
            self.process = self.lab.start("feed", "--at", self.address, "--format", "ndjson", "--from", self.cursor or self.begins,
                                          *self.args)
            self.lives += 1
            self.read(self.process.stdout)
            self.process.wait()
            said = self.process.stderr.read().decode()
            self.process.stdout.close()
            self.process.stderr.close()
            assert self.process.returncode in (-9, 3, 0), said  # 3: nobody is there
            time.sleep(0.05)

    def read(self, pipe):
        for line in pipe:
            if not line.endswith(b"\n"):
                return  # it was killed in the midst of it
            event = json.loads(line)
            if event["op"] != "bookmark":
                self.seen.append(event)
                self.waiting.append(event)
            elif self.random.random() < 0.7:
                self.stored, self.cursor, self.waiting = self.stored + self.waiting, event["cursor"], []

    def die(self):
        self.process.kill()

    def is_told(self):
        return {(e["account"], e["type"]) for e in self.stored if e["id"] == "x-last"}

    def end(self):
        self.ends = True
        self.process.kill()
        self.thread.join()


# --- the checker ---

def name(event):
    return event["shard"], event["seq"]


def check(subscriber, truth):
    """The changes that a subscriber stored are those that were committed: all, once, in order; and so is all it saw."""
    committed = {name(event): event for event in truth}
    for event in subscriber.seen:
        assert committed.get(name(event)) == event, f"never committed: {event}"
        assert subscriber.passes(event), f"it doesn't pass the filter: {event}"
    for shard in {event["shard"] for event in truth}:
        stored = [event["seq"] for event in subscriber.stored if event["shard"] == shard]
        assert stored == sorted(set(stored)), f"shard {shard}: twice, or out of order: {stored}"
        first = 0 if subscriber.begins == "oldest" else min(stored, default=0)
        wanted = [event["seq"] for event in truth if event["shard"] == shard and event["seq"] >= first and subscriber.passes(event)]
        assert not stored and subscriber.begins == "now" or stored == wanted, f"shard {shard}: lost {sorted(set(wanted) - set(stored))}"


def say(sentence, truth, spoil):
    """What the checker says of a subscriber to whom it was told otherwise."""
    class Told:
        begins, passes = "oldest", staticmethod(lambda event: True)
        seen = stored = spoil(list(truth))
    try:
        check(Told, truth)
    except AssertionError as said:
        assert sentence in str(said), str(said)
        return
    raise AssertionError(f"it doesn't say: {sentence}")


def check_the_checker(truth):
    at = len(truth) // 2
    same = [n for n in range(at) if truth[n]["shard"] == truth[at]["shard"]][-1]
    say("lost", truth, lambda events: events[:at] + events[at + 1:])
    say("twice", truth, lambda events: events[:at] + events[at - 1:])
    say("out of order", truth, lambda events: [events[same] if n == at else events[at] if n == same else e for n, e in enumerate(events)])
    say("never committed", truth, lambda events: [*events[:at], {**events[at], "seq": 10 ** 9}, *events[at:]])
    say("never committed", truth, lambda events: [*events[:at], {**events[at], "id": "another"}, *events[at + 1:]])


KINDS = [("oldest", [], lambda e: True), ("oldest", [], lambda e: True),
         ("oldest", ["--type", "p.b"], lambda e: e["type"] == "p.b"),
         ("oldest", ["--account", "p/two"], lambda e: e["account"] == "two"),
         ("oldest", ["--op", "created,deleted", "--no-initial"], lambda e: e["op"] in ("created", "deleted") and not e["initial"]),
         ("now", [], lambda e: True)]


def wait_for(subscribers, run):
    end = time.monotonic() + 60
    for subscriber in subscribers:
        wanted = {(account, type) for account in ACCOUNTS for type in TYPES
                  if subscriber.passes({"account": account, "type": type, "op": "created", "initial": False})}
        while subscriber.is_told() != wanted:
            assert time.monotonic() < end, f"it lacks {wanted - subscriber.is_told()} after {subscriber.lives} lives\n{run}"
            time.sleep(0.05)


def test_what_subscribers_stored_is_what_was_committed_whoever_was_killed_when(lab, server):
    world = World(lab, server)
    chance = random.Random(f"{SEED} kills")
    run = Continual(lab).start().started()
    run.wait(lambda: len({(e["account"], e["type"]) for e in run.statuses("listed")}) == len(ACCOUNTS) * len(TYPES))
    subscribers = [Subscriber(lab, run.listen, number, *kind) for number, kind in enumerate(KINDS)]
    try:
        for _ in range(KILLS):
            for _ in range(chance.randrange(1, 5)):
                time.sleep(chance.uniform(0, 0.5))
                chance.choice(subscribers).die()
            time.sleep(chance.uniform(0, 0.7))
            run.kill()
            run.start()
        world.rest()
        run.started()
        wait_for(subscribers, run)
        run.stop()
    finally:
        world.rests.set()
        if run.process.poll() is None:
            run.kill()
        for subscriber in subscribers:
            subscriber.end()
    truth = lab.feed("--from", "oldest").events()
    truth = [event for event in truth if event["op"] != "bookmark"]
    for subscriber in subscribers:
        check(subscriber, truth)
    assert sum(subscriber.lives for subscriber in subscribers) > len(subscribers) + KILLS, "hardly anybody was killed"
    assert replay(subscribers[0].stored) == replay(subscribers[1].stored) == lab.world()
    check_the_checker(truth)
