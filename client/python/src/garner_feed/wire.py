"""What goes over the wire: the messages of proto/*.proto, cursors as text, and one connection.

The messages' classes are made from a description of them (messages.desc, which setup.py has protoc make), not from
generated code: that must fit the version of protobuf which it meets, and takes names like `operator_pb2` for itself.
"""

import base64
from importlib import resources

import pynng
import xxhash
from google.protobuf import descriptor_pb2, descriptor_pool, message, message_factory

VERSION = 1  # of the protocol
CONNECT_MS, ANSWER_MS = 5000, 30000
MESSAGE_BYTES_MAX = 128 << 20  # a change has up to 64 MiB, and comes with others


def _messages(*names):
    pool = descriptor_pool.DescriptorPool()
    made = descriptor_pb2.FileDescriptorSet.FromString(resources.files(__package__).joinpath("messages.desc").read_bytes())
    for file in made.file:
        pool.Add(file)
    return [message_factory.GetMessageClass(pool.FindMessageTypeByName(f"garner.{name}")) for name in names]


Request, Reply, Refusal, Filter, Position, Cursor, Hint, Change, Status = _messages(
    "Request", "Reply", "Refusal", "Filter", "Position", "Cursor", "Hint", "Change", "Status")


def names_of(message_class, enum):
    """Number -> name, as Garner writes it: {1: "created", …}."""
    return {value.number: value.name.lower() for value in message_class.DESCRIPTOR.enum_types_by_name[enum].values}


class FeedError(Exception):
    """`code` is USAGE, CONNECT, FOREIGN, FUTURE, COMPACTED, DIVERGED, MOVED, PROTOCOL, or one of the other side's."""

    def __init__(self, code, sentence):
        super().__init__(sentence)
        self.code = code


class Lost(Exception):
    """A connection that is of no use any more: make another one, and ask again."""


# --- positions and cursors ---

def position_check(packed_change):
    """What tells a change from another one of the same seq in another history."""
    return xxhash.xxh3_64_intdigest(packed_change) & 0xffffffff or 1


def position_behind(change, before=None):
    """Behind a change. What a snapshot before it was read of besides stays until it is passed."""
    position = Position(shard=change.shard, epoch=change.epoch, seq=change.seq, check=position_check(change.packed))
    if before is not None and before.until_seq > change.seq:
        position.until_epoch, position.until_seq, position.until_check = before.until_epoch, before.until_seq, before.until_check
    return position


def cursor_to_text(feed, positions):
    cursor = Cursor(feed=feed, positions=[positions[shard] for shard in sorted(positions)]).SerializeToString()
    return base64.urlsafe_b64encode(cursor + xxhash.xxh3_64_digest(cursor)).rstrip(b"=").decode()


def cursor_from_text(text):
    """The feed's id, and positions by shard."""
    try:
        packed = base64.b64decode(text.strip() + "=" * (-len(text.strip()) % 4), b"-_", validate=True)
        cursor = Cursor.FromString(packed[:-8])
        if xxhash.xxh3_64_digest(packed[:-8]) == packed[-8:]:
            return cursor.feed, {position.shard: position for position in cursor.positions}
    except (ValueError, message.DecodeError):
        pass
    raise FeedError("USAGE", f"this is no cursor, or a part of one ({len(text)} characters): give the whole text")


# --- a connection ---

class Connection:
    """One connection, one request at a time. `hello` says who is there."""

    def __init__(self, address):
        if not address.startswith(("tcp://", "ipc://")):
            raise FeedError("USAGE", f"'{address}' is no address: give tcp://HOST:PORT or ipc://PATH")
        # NNG would send a request again by itself, and to whoever listens there by then.
        self._socket = pynng.Req0(resend_time=-1, send_timeout=CONNECT_MS, recv_max_size=MESSAGE_BYTES_MAX)
        self._pipe, self._requests = None, 0
        try:
            self._socket.dial(address, block=True)
            self.hello = self.ask(hello={"from": VERSION, "to": VERSION, "program": b"garner_feed 0.1.0"}).hello
        except (pynng.NNGException, Lost) as e:
            self.close()
            raise Lost(f"no connection to {address}: {e}") from e
        except FeedError:
            self.close()
            raise
        spoken = getattr(self.hello, "from"), self.hello.to
        if not spoken[0] <= VERSION <= spoken[1]:
            self.close()
            raise FeedError("CONNECT", f"{address} ({self.hello.program.decode()}) speaks versions {spoken[0]} to {spoken[1]} "
                                       f"of the protocol, this program version {VERSION}: update the older one")

    def close(self):
        self._socket.close()

    def ask(self, wait_ms=0, **request):
        """The answer to one request, which itself wants to wait for `wait_ms`. Lost, or FeedError."""
        self._requests += 1
        packed = Request(version=VERSION, id=self._requests, **request).SerializeToString()
        try:
            self._socket.recv_timeout = wait_ms + ANSWER_MS
            self._socket.send(packed)
            came = self._socket.recv_msg()
        except pynng.NNGException as e:
            raise Lost(f"the connection was lost ({e})") from e
        # NNG connects again by itself; who is there now may be another one, to whom nobody said hello.
        if self._pipe not in (None, came.pipe):
            raise Lost("the connection was lost")
        self._pipe = came.pipe
        try:
            reply = Reply.FromString(came.bytes)
        except message.DecodeError as e:
            raise FeedError("PROTOCOL", f"the answer is none of Garner's: {e}") from e
        if reply.HasField("failure"):
            raise FeedError(reply.failure.code.upper(), reply.failure.sentence.decode(errors="replace"))
        if reply.id != self._requests or not reply.HasField(next(iter(request))):
            raise FeedError("PROTOCOL", f"the answer doesn't fit the request for {next(iter(request))}")
        return reply
