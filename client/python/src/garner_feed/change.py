"""Changes, collections and rows, as a subscriber wants them: plain values, and the JSON of `garner feed`."""

import datetime
import decimal
import json
from dataclasses import dataclass
from functools import cached_property

import msgpack

from . import wire

OPS = wire.names_of(wire.Change, "Op")
STATUSES = wire.names_of(wire.Status, "Kind")
NUMBER = 1  # MessagePack's extension type of a number that int64, uint64 and double don't hold
RECEIPT_COUNTS = ("pages", "items", "requests", "bytes", "created", "updated", "deleted", "unchanged", "tier1", "tier2", "missing", "held",
                  "quarantined", "duplicate_keys", "resumed_page", "unmodified")


class Number(decimal.Decimal):
    """A number whose literal counts: `text` is what the provider sent. Beyond what Decimal holds it is infinite, or zero."""

    def __new__(cls, text):
        try:
            made = super().__new__(cls, text)
        except decimal.InvalidOperation:
            digits, exponent = text.lower().split("e")
            small = exponent.startswith("-") or not digits.strip("-0.")
            made = super().__new__(cls, ("-" if text.startswith("-") else "") + ("0" if small else "Infinity"))
        made.text = text
        return made


def _extension(kind, data):
    if kind != NUMBER:
        raise wire.FeedError("PROTOCOL", f"a document has an extension of type {kind}")
    return Number(data.decode())


def document(packed):
    """A document, or a patch, from MessagePack."""
    return msgpack.unpackb(packed, ext_hook=_extension, strict_map_key=False)


def to_json(value):
    if isinstance(value, Number):
        return value.text
    if isinstance(value, dict):
        return "{" + ",".join(f"{to_json(key)}:{to_json(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(to_json, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def _time(ms):
    if not ms:
        return None
    at = datetime.datetime(1970, 1, 1) + datetime.timedelta(milliseconds=ms)
    return at.isoformat(timespec="milliseconds") + "Z"


def _text(message, field):
    """A text; None where there is none."""
    value = getattr(message, field) if message.HasField(field) else None
    return value.decode() if isinstance(value, bytes) else value


@dataclass(frozen=True)
class Collection:
    """The resources of one type in one place. `region` None: of account scope. Its shard and number name it, too."""
    provider: str
    account: str
    region: str | None
    type: str
    parent: str | None
    shard: int
    number: int

    @classmethod
    def of(cls, message, shard, number):
        return cls(*(_text(message, field) for field in ("provider", "account", "region", "type", "parent")), shard, number)


@dataclass
class Row:
    """A resource of a snapshot. Its document has all of its changes up to and with `last_seq` in it."""
    id: str
    last_seq: int
    first_seen_ms: int
    packed: bytes

    @cached_property
    def document(self):
        return document(self.packed)


class Change:
    """One change. `message` is the protobuf garner.Change, with all that there is; the rest is taken from it."""

    def __init__(self, packed):
        self.packed, self.message = packed, wire.Change.FromString(packed)
        self.shard, self.epoch, self.seq = self.message.shard, self.message.epoch, self.message.seq
        self.op = OPS[self.message.op]

    @property
    def id(self):
        return _text(self.message, "id")

    @cached_property
    def collection(self):
        return Collection.of(self.message, self.shard, self.message.collection)

    @cached_property
    def before(self):
        return self._document("before")

    @cached_property
    def after(self):
        return self._document("after")

    @cached_property
    def patch(self):
        return self._document("patch")

    def _document(self, field):
        return document(getattr(self.message, field)) if self.message.HasField(field) else None

    @property
    def status(self):
        """Of a status change: its kind, since, void, held and receipt."""
        if self.op != "status":
            return None
        status = self.message.status
        return {"kind": STATUSES[status.kind], "since": _time(status.since_ms), "void": status.void,
                "held": status.held if STATUSES[status.kind] == "held" else None,
                "receipt": receipt(status.receipt) if status.HasField("receipt") else None}

    def to_dict(self):
        """As `garner feed` prints it."""
        place = self.collection
        return {"shard": self.shard, "epoch": self.epoch, "seq": self.seq, "time": _time(self.message.time_ms), "op": self.op,
                "initial": self.message.initial, "provider": place.provider, "account": place.account, "region": place.region,
                "type": place.type, "id": self.id, "parent": place.parent, "before": self.before, "after": self.after, "patch": self.patch,
                "receipt": [receipt_id(id) for id in self.message.receipts] or None,
                "cause": "definition" if self.message.definition else None, "status": self.status}

    def to_json(self):
        return to_json(self.to_dict())


def receipt_id(id):
    return f"{id.shard}-{id.collection}-{id.harvest}"


def receipt(message):
    return {"id": receipt_id(message.id), "started": _time(message.started_ms), "ended": _time(message.ended_ms),
            "complete": message.complete, "sound": message.sound,
            **{field: _text(message, field) for field in ("unsound", "error", "cause")},
            **{field: getattr(message, field) for field in RECEIPT_COUNTS},
            "last_unmodified": _time(message.unmodified_ms), "rests_on": [receipt_id(id) for id in message.rests_on]}
