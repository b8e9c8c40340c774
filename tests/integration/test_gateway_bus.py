"""The bus: simple NNG listeners hear all changes, or those whose topic begins as they say."""

import json
import socket
import struct

import pynng
import pytest
from continual import free_port
from garner import collection
from gateway import awaited, brief, get, lines, run
from server import Listing


@pytest.fixture
def bus(lab, server):
    address = f"tcp://127.0.0.1:{free_port()}"
    server.on("/things", Listing([{"id": "a"}]))
    server.on("/parts", Listing([{"id": "x y/é"}]))
    lab.has(collection(every="200ms"), collection("p.part", "/parts", every="200ms"),
            config={"http": "127.0.0.1:0", "listen": f"tcp://127.0.0.1:{free_port()}", "bus": address})
    made = run(lab)
    made.bus = address
    awaited(lambda: len(brief(lines(made.port, "/v1/changes?from=oldest&follow=false"))) == 2)
    yield made
    made.end()


def listen(address, *topics, **options):
    made = pynng.Sub0(recv_timeout=20000, **options)
    for topic in topics:
        made.subscribe(topic)
    made.dial(address, block=True)
    return made


def hear(listener):
    topic, text = listener.recv().split(b"\0", 1)
    return topic.decode(), json.loads(text)


def hear_change(listener):
    while True:
        topic, event = hear(listener)
        if topic != "bookmark":
            return topic, event


def test_a_listener_hears_what_is_in_the_feed_under_its_topic(bus, server):
    with listen(bus.bus, b"") as listener:
        topic, event = hear(listener)
        assert (topic, event["op"]) == ("bookmark", "bookmark")
        server.on("/parts", Listing([{"id": "x y/é", "v": 1}]))
        topic, event = hear_change(listener)
        assert topic == "p.part/p/acct-1//x y/é" and event["op"] == "updated"
        told = [e for e in lines(bus.port, "/v1/changes?from=oldest&follow=false") if e["op"] == "updated"]
        assert [event] == told


def test_a_listener_hears_only_the_topics_that_it_asks_for(bus, server):
    with listen(bus.bus, b"p.thing/p/acct-1/") as listener:
        server.on("/parts", Listing([{"id": "other"}]))
        awaited(lambda: "created other" in brief(lines(bus.port, "/v1/changes?from=oldest&follow=false")))
        server.on("/things", Listing([{"id": "a"}, {"id": "b"}]))
        topic, event = hear(listener)
        assert (topic, event["op"], event["id"]) == ("p.thing/p/acct-1//b", "created", "b")


class Raw:
    """A listener that reads when it is told to. (pynng's always does, and drops by itself what isn't taken.)"""

    def __init__(self, address):
        host, port = address[len("tcp://"):].split(":")
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.socket.settimeout(20)
        self.socket.connect((host, int(port)))
        self.socket.sendall(b"\0SP\0\0\x21\0\0")
        self.stream = self.socket.makefile("rb")
        assert self.stream.read(8) == b"\0SP\0\0\x20\0\0"

    def hear(self):
        length, = struct.unpack(">Q", self.stream.read(8))
        topic, text = self.stream.read(length).split(b"\0", 1)
        return topic.decode(), json.loads(text)


def test_a_slow_listener_misses_some_sees_that_and_disturbs_nobody(bus, server):
    def told(name):
        return sum(int(line.split()[-1]) for line in get(bus.port, "/metrics").text.splitlines()
                   if line.startswith(f'garner_bus_messages_total{{result="{name}"}}'))

    slow, heard, version, pad = Raw(bus.bus), [], 0, "x" * 4000
    with listen(bus.bus, b"", recv_buffer_size=8192) as quick:
        hear(quick)
        while not told("dropped"):
            version += 1
            assert version < 10  # its queue is of 4 MiB, and what the system keeps for a socket
            server.on("/things", Listing([{"id": f"t{n}", "v": version, "pad": pad} for n in range(1000)], size=5000))
            while sum(event["op"] in ("created", "updated") for event in heard) < 1000 * version:
                heard.append(hear(quick)[1])
    seqs = {}
    for event in heard:  # the other one heard all
        if event["op"] != "bookmark":
            assert event["seq"] == seqs.get(event["shard"], event["seq"] - 1) + 1
            seqs[event["shard"]] = event["seq"]
    last, gaps, ended = {}, 0, False
    server.on("/parts", Listing([{"id": "x y/é"}, *[{"id": f"end{n}"} for n in range(100)]], size=1000))
    while not ended:
        topic, event = slow.hear()
        if topic == "bookmark":
            ended = bool(gaps)  # and so it sees them
            continue
        gaps += event["seq"] != last.get(event["shard"], event["seq"] - 1) + 1
        last[event["shard"]] = event["seq"]
    slow.socket.close()


def test_who_says_something_to_the_bus_is_disconnected_and_others_hear_on(bus, server):
    with listen(bus.bus, b"p.thing") as listener:
        with pynng.Req0(recv_timeout=500, send_timeout=500) as stranger:
            stranger.dial(bus.bus, block=False)
            with pytest.raises(pynng.NNGException):
                stranger.send(b"what?")
                stranger.recv()
        server.on("/things", Listing([{"id": "a"}, {"id": "b"}]))
        assert hear(listener)[1]["id"] == "b"
