"""Feed: follow Garner's changes, fall behind, come back, and miss nothing.

Nothing is kept here between two runs of a program: where it stands is `cursor`, which it stores together with what it
made of the changes. So each change has its effect exactly once, whatever is killed when. docs/feed.md of Garner's source
tree says what the feed promises.
"""

import logging
import time
from dataclasses import dataclass, field

import pynng

from . import wire
from .change import OPS, Change, Collection, Row
from .wire import FeedError, Lost

log = logging.getLogger("garner_feed")

EVENTS, BYTES = 10000, 1 << 20  # what one demand asks for; Garner cuts more than its limits to them
WAIT_MS = 30000                 # the longest that a demand waits
AGAIN_S = (0.1, 2.0)            # between two tries to connect: at first, and at most
BUSY_S = 1.0                    # before the next demand, where Garner has too many that wait
WHY = {wire.Refusal.COMPACTED: "compacted", wire.Refusal.DIVERGED: "diverged"}


@dataclass
class Changes:
    """In the order of each collection; none where nothing came in time. The cursor may have moved all the same."""
    changes: list


@dataclass
class Begin:
    """A shard's snapshot: what was known of the shard is replaced by the rows that come. `why`: "asked"; "compacted": what
    isn't in the snapshot is gone; "diverged": what isn't there is gone only in collections that are complete."""
    shard: int
    why: str


@dataclass
class Rows:
    """Rows of a collection; more of it may follow. `complete`: it was listed, what isn't there isn't there."""
    shard: int
    collection: Collection
    complete: bool
    rows: list = field(default_factory=list)


@dataclass
class End:
    """All rows came. Changes follow, of which some may be in the rows already: those with seq <= last_seq."""
    shard: int
    why: str


class Feed:
    """for batch in Feed("tcp://127.0.0.1:7801", my_cursor): …

    start      a cursor; "now"; "oldest": all that is kept; None: the whole state first, as snapshots
    filters    lists `accounts`, `providers`, `regions` ("": account scope), `types`; `ops`, a list of names; `id_prefix`,
               `no_initial`, `touches` (a JSON Pointer, * for any segment), `members` and `member` (0 to members - 1)
    wait       seconds until a batch without changes is given
    hints      wait for hints in place of long polls: then Garner keeps no request for us
    snapshots  False: COMPACTED and DIVERGED are errors

    A feed is one thread's. A connection that breaks is made again, as often as it takes, and `logging` says so. After a
    FeedError make a new one."""

    def __init__(self, address, start=None, *, wait=30.0, hints=False, snapshots=True, max_events=EVENTS, ops=(), **filters):
        self.address, self.wait, self.snapshots, self.max_events = address, wait, snapshots, max_events
        self._filter = _filter(ops, filters)
        self._connection, self._hints, self.id = None, None, None
        self._positions, self._before, self._changes = {}, {}, []
        self._due = {}     # shard -> why its snapshot is to be taken
        self.more = True   # there is more already: the next batch won't be waited for
        try:
            self._connect()
            self._begin(start)
            if hints:
                self._hints = pynng.Sub0(dial=address, topics=b"", block_on_dial=False, recv_max_size=wire.MESSAGE_BYTES_MAX)
        except Exception as e:
            self.close()
            if isinstance(e, Lost):
                raise FeedError("CONNECT", f"{e}: is `garner run` there, with this `listen`?") from e
            raise

    def close(self):
        for made in (self._connection, self._hints):
            if made:
                made.close()
        self._connection = self._hints = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    # --- where it stands ---

    @property
    def cursor(self):
        """Behind the last batch that was given. In the midst of a snapshot: where its shard was before."""
        return wire.cursor_to_text(self.id, self._positions)

    def cursor_within(self, count):
        """Behind the first `count` changes of the last batch."""
        if count >= len(self._changes):
            return self.cursor
        positions = dict(self._before)
        for change in self._changes[:count]:
            positions[change.shard] = wire.position_behind(change, positions.get(change.shard))
        return wire.cursor_to_text(self.id, positions)

    def _begin(self, start):
        if start in ("now", "oldest", None):
            there = self._connection.ask(fetch=self._demand(0, **{start or "now": True})).fetch
            positions = {position.shard: position for position in there.positions}
            self._positions, self._due = (positions, {}) if start else ({}, dict.fromkeys(positions, "asked"))
            return
        feed, self._positions = wire.cursor_from_text(start)
        if feed != self.id:
            raise FeedError("FOREIGN", f"the cursor is of another feed than that of {self.address} (another data folder's): begin anew")

    # --- requests ---

    def _connect(self):
        self._connection = wire.Connection(self.address)
        feed = self._connection.hello.feed
        if self.id not in (None, feed):
            raise FeedError("FOREIGN", f"at {self.address} there is another feed now (another data folder's): begin anew")
        self.id = feed
        for worker in self._connection.ask(map={}).map.workers:
            if worker.address:
                raise FeedError("MOVED", f"some shards are at {worker.address.decode()}, and this program follows one address only")

    def _ask(self, wait_ms=0, **request):
        """The answer, from a new connection if need be."""
        pause, told = AGAIN_S[0], False
        while True:
            try:
                if not self._connection:
                    self._connect()
                    log.warning("connected to %s again", self.address)
                return self._connection.ask(wait_ms, **request)
            except Lost as e:
                if self._connection:
                    self._connection.close()
                self._connection = None
                if not told:
                    log.warning("%s: waiting for it to come back", e)
                told = True
                time.sleep(pause)
                pause = min(2 * pause, AGAIN_S[1])

    def _demand(self, wait_ms, **more):
        positions = [self._positions[shard] for shard in sorted(self._positions)]
        return {"positions": positions, "max_events": self.max_events, "max_bytes": BYTES, "wait_ms": wait_ms, "filter": self._filter, **more}

    # --- batches ---

    def __iter__(self):
        """Batches without end: Changes, and of snapshots Begin, Rows and End."""
        while True:
            if self._due:
                yield from self._snapshot(*next(iter(self._due.items())))
            else:
                yield from self._fetch()

    def _fetch(self):
        # With hints: what came meanwhile first, and only then wait for one.
        wait_ms = 0 if self._hints else min(int(self.wait * 1000), WAIT_MS)
        began = time.monotonic()
        reply = self._ask(wait_ms, fetch=self._demand(wait_ms)).fetch
        if reply.refusals:
            self.more = True
            for refusal in reply.refusals:
                self._refused(refusal)
            return
        self._before, self._changes = dict(self._positions), [Change(packed) for packed in reply.changes]
        self._positions.update((position.shard, position) for position in reply.positions)
        self.more = reply.more
        if not reply.positions and (time.monotonic() - began) * 1000 < wait_ms / 2:
            time.sleep(min(BUSY_S, wait_ms / 1000))
        if self._changes or self.more or not self._hints or not self._hinted():
            yield Changes(self._changes)

    def _refused(self, refusal):
        shard, kind = refusal.shard, wire.Refusal.Kind.Name(refusal.kind)
        at = self._positions[shard].seq if shard in self._positions else 0
        if refusal.kind in WHY and self.snapshots:
            log.warning("%s: our position in shard %d is change %d, and what follows it isn't there any more: taking a snapshot", kind, shard, at)
            self._due[shard] = WHY[refusal.kind]
            return
        raise FeedError(kind, {
            "COMPACTED": f"COMPACTED: the cursor is at change {at} of shard {shard}, which keeps {refusal.oldest} and later ones",
            "DIVERGED": f"DIVERGED: the cursor is at change {at} of shard {shard}, whose history is another one behind change {refusal.common}",
            "FUTURE": f"FUTURE: the cursor is at change {at} of shard {shard}, which ends at {refusal.head}: "
                      "was it restored from a backup? If it won't come back, begin anew",
            "MOVED": f"MOVED: shard {shard} is elsewhere now, and this program follows one address only"}[kind])

    def _snapshot(self, shard, why):
        yield Begin(shard, why)
        demand = {"shard": shard, "max_bytes": BYTES, "filter": self._filter}
        while True:
            part = self._ask(snapshot=demand).snapshot
            if part.HasField("refusal"):
                if part.refusal.kind == wire.Refusal.MOVED:
                    self._refused(part.refusal)
                log.warning("the snapshot of shard %d can't go on, and begins anew", shard)
                time.sleep(AGAIN_S[0])
                return
            demand["begin"] = part.begin
            for made in part.collections:
                yield Rows(shard, Collection.of(made.record, shard, made.record.id), made.complete,
                           [Row(row.id.decode(), row.last_seq, row.first_seen_ms, row.document) for row in made.rows])
            if not part.HasField("collection"):
                break
            demand |= {"collection": part.collection, "row": part.row}
        self._positions[shard] = demand["begin"]
        self._before, self._changes = {}, []
        del self._due[shard]
        yield End(shard, why)

    # --- hints ---

    def _hinted(self):
        """Until a hint says that a shard is beyond where we are, or the wait is over. True: ask."""
        end = time.monotonic() + self.wait
        while (left := end - time.monotonic()) > 0:
            try:
                self._hints.recv_timeout = max(int(left * 1000), 1)
                hint = wire.Hint.FromString(self._hints.recv())
            except pynng.Timeout:
                break
            if hint.feed == self.id and any(self._is_news(head) for head in hint.heads):
                return True
        return False

    def _is_news(self, head):
        at = self._positions.get(head.shard)
        return head.seq > 0 if at is None else head.epoch != at.epoch or head.seq > at.seq


def _filter(ops, filters):
    numbers = {name: number for number, name in OPS.items()}
    for op in ops:
        if op not in numbers:
            raise FeedError("USAGE", f"'{op}' is no op: there are {', '.join(numbers)}")
    made = wire.Filter(ops=sum(1 << numbers[op] for op in set(ops)) or None)
    for name, value in filters.items():
        if name not in made.DESCRIPTOR.fields_by_name:
            raise TypeError(f"Feed has no filter '{name}'")
        if isinstance(value, (list, tuple)):
            getattr(made, name).extend(text.encode() for text in value)
        elif value is not None:
            setattr(made, name, value.encode() if isinstance(value, str) else value)
    return made
