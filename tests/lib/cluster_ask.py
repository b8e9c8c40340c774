"""What operators ask a coordinator, as it goes over the wire (proto/operator.proto, proto/cluster.proto).

    ask(run.listen, ACCOUNTS_ADD, document={"id": "1", "provider": "p"})
    ask(run.listen, SHARDS)["shards"]
"""

import msgpack
import pynng

STATUS, WORKERS, SHARDS, MOVE, DRAIN, ACCOUNTS_ADD, ACCOUNTS_REMOVE, ACCOUNTS_LIST = 1, 2, 3, 8, 13, 20, 21, 22  # enum cluster_verb
PATIENCE_MS = 30000

VERSION, ID, HEARTBEAT, CLUSTER, FAILURE = 1, 2, 18, 19, 2                 # of Request and Reply
VERB, WORKER, SHARD, ACCOUNT, DOCUMENT, SENTENCE = 1, 2, 3, 5, 6, 2       # of ClusterAsk; of Failure


class Refused(Exception):
    pass


def varint(number):
    made = b""
    while number > 127:
        made += bytes([number & 127 | 128])
        number >>= 7
    return made + bytes([number])


def field(number, value):
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def fields(packed):
    """Of a message: number -> its last value."""
    found, at = {}, 0

    def number():
        nonlocal at
        made, shift = 0, 0
        while True:
            byte = packed[at]
            at, made, shift = at + 1, made | (byte & 127) << shift, shift + 7
            if byte < 128:
                return made

    while at < len(packed):
        key = number()
        length = number()
        found[key >> 3] = length
        if key & 7 == 2:
            found[key >> 3] = packed[at:at + length]
            at += length
    return found


def send(address, number, message):
    """A request that holds a message at this field; the answer's."""
    with pynng.Req0(dial=address, block_on_dial=True, resend_time=-1, recv_timeout=PATIENCE_MS) as socket:
        socket.send(field(VERSION, 1) + field(ID, 1) + field(number, message))
        reply = fields(socket.recv())
    if FAILURE in reply:
        raise Refused(fields(reply[FAILURE])[SENTENCE].decode())
    return reply[number]


def ask(address, verb, *, worker=None, shard=None, account=None, document=None):
    packed = field(VERB, verb)
    packed += field(WORKER, worker.encode()) if worker else b""
    packed += field(SHARD, shard) if shard is not None else b""
    packed += field(ACCOUNT, account.encode()) if account else b""
    packed += field(DOCUMENT, msgpack.packb(document)) if document else b""
    return msgpack.unpackb(send(address, CLUSTER, packed))
