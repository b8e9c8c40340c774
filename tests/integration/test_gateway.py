"""The feed over HTTP: streams, filters, resuming, resources; and what isn't understood is told."""

import json
import time

import pytest
from garner import collection
from gateway import Stream, awaited, brief, get, lines, refused
from server import Listing


class Things(Listing):
    """Resources that a test changes: `has("a1", "b")` is a with the version 1, and b."""

    def __init__(self, *names):
        super().__init__([], size=1000)
        self.has(*names)

    def has(self, *names):
        self.items[:] = [{"id": name[0], "v": name[1:]} for name in names]


@pytest.fixture
def things(server):
    made = Things("a", "b")
    server.on("/things", made)
    return made


def test_a_stream_tells_what_was_and_then_what_happens_with_a_bookmark_behind(things, start):
    at = start()
    with Stream(at.port, "/v1/changes?from=oldest") as stream:
        stream.wait(lambda: "created b" in stream.brief())
        things.has("a1", "c")
        stream.wait(lambda: "deleted b" in stream.brief())
        assert sorted(stream.brief()) == ["created a", "created b", "created c", "deleted b", "updated a"]
        count = len(stream.events)
        stream.wait(lambda: len(stream.events) >= count + 2)  # every second, though nothing happens
        assert {e["op"] for e in stream.events[count:]} == {"bookmark"}
        assert sorted(stream.events[-1]) == ["cursor", "op", "time"]


def test_what_is_told_is_what_the_command_tells(things, start, lab):
    at = start()
    awaited(lambda: len(lines(at.port, "/v1/changes?from=oldest&follow=false")) >= 4)
    made = lines(at.port, "/v1/changes?from=oldest&follow=false")
    told = lab.garner("feed", "--at", at.listen, "--from", "oldest", "--no-follow", "--format", "ndjson").events()
    assert [e for e in made if e["op"] != "bookmark"] == [e for e in told if e["op"] != "bookmark"]


def test_a_new_change_comes_at_once_and_not_with_the_next_second(things, start):
    at = start(collection(every="100ms"))
    with Stream(at.port, "/v1/changes?from=oldest") as stream:
        stream.wait(lambda: "created b" in stream.brief())
        waits = []
        for version in "12345":
            things.has(f"a{version}", "b")
            count = stream.brief().count("updated a")
            stream.wait(lambda: stream.brief().count("updated a") > count)
            event = [e for e in stream.events if e["op"] == "updated"][-1]
            noticed = time.mktime(time.strptime(event["time"][:19], "%Y-%m-%dT%H:%M:%S")) - time.timezone
            waits.append(time.time() - noticed - int(event["time"][20:23]) / 1000)
        assert sorted(waits)[2] < 0.8, waits  # a commit gathers for half a second


def test_a_stream_goes_on_behind_any_cursor_and_repeats_nothing(things, start):
    at = start()
    with Stream(at.port, "/v1/changes?from=oldest") as stream:
        stream.wait(lambda: "created b" in stream.brief())
        stream.wait(lambda: stream.events[-1]["op"] == "bookmark")
        cursor = stream.cursor
    things.has("a", "b", "c")
    with Stream(at.port, f"/v1/changes?from={cursor}") as stream:
        stream.wait(lambda: stream.brief())
        assert stream.brief() == ["created c"]


def test_a_limit_ends_a_stream_with_a_bookmark_where_the_next_one_goes_on(things, start):
    things.has(*"abcdefg")
    at = start()
    awaited(lambda: len(brief(lines(at.port, "/v1/changes?from=oldest&follow=false"))) == 7)
    seen, cursor = [], "oldest"
    for count in (2, 2, 2, 1):
        made = lines(at.port, f"/v1/changes?from={cursor}&limit=2&op=created&follow=false")
        assert [e["op"] for e in made] == ["created"] * count + ["bookmark"]
        seen += brief(made)
        cursor = made[-1]["cursor"]
    assert sorted(seen) == [f"created {name}" for name in "abcdefg"]


def test_as_events_the_last_id_is_where_it_goes_on(things, start):
    at = start()
    events = {"Accept": "text/event-stream"}
    with Stream(at.port, "/v1/changes?from=oldest", **events) as stream:
        assert stream.answer.headers["Content-Type"] == "text/event-stream"
        stream.wait(lambda: "created b" in stream.brief())
        stream.wait(lambda: stream.ids)
        assert stream.ids[-1] == stream.cursor
        last = stream.ids[-1]
    things.has("a", "b", "c")
    with Stream(at.port, "/v1/changes?from=oldest", **events, Last_Event_ID=last) as stream:
        stream.wait(lambda: stream.brief())
        assert stream.brief() == ["created c"]
    raw = get(at.port, "/v1/changes?from=oldest&follow=0", **events).text
    assert all(block.split("\n")[0].startswith(("event: ", "id: ")) for block in raw.strip().split("\n\n"))


def test_filters_are_those_of_the_feed(server, start):
    server.on("/things", Things("a", "b"))
    server.on("/parts", Things("x"))
    at = start(collection(every="300ms"), collection("p.part", "/parts", every="300ms"))
    awaited(lambda: len(brief(lines(at.port, "/v1/changes?from=oldest&follow=false"))) == 3)

    def told(query):
        return sorted(brief(lines(at.port, f"/v1/changes?from=oldest&follow=false&{query}")))
    assert told("type=p.part") == ["created x"]
    assert told("type=p.part&type=p.thing") == ["created a", "created b", "created x"]
    assert told("id_prefix=a&op=created,deleted") == ["created a"]
    assert told("op=deleted") == [] and told("no_initial") == [] and told("region=&provider=p&type=p.part") == ["created x"]
    assert told("account=p/acct-1&id_prefix=b") == ["created b"] and told("account=other") == []
    assert told("touches=/v&type=p.part") == ["created x"]


def test_resources_are_followed_by_the_changes_after_them(things, start):
    at = start()
    awaited(lambda: len(lines(at.port, "/v1/resources")) == 3)
    made = lines(at.port, "/v1/resources")
    assert sorted((e["id"], e["document"]["v"]) for e in made[:-1]) == [("a", ""), ("b", "")]
    assert all(e["op"] == "resource" and e["type"] == "p.thing" and e["account"] == "acct-1" for e in made[:-1])
    things.has("a1", "b")
    with Stream(at.port, f"/v1/changes?from={made[-1]['cursor']}") as stream:
        stream.wait(lambda: stream.brief())
        assert stream.brief() == ["updated a"]
    assert [e["id"] for e in lines(at.port, "/v1/resources?id_prefix=b")[:-1]] == ["b"]
    assert lines(at.port, "/v1/resources?type=p.other")[0]["op"] == "bookmark"


def test_what_isnt_understood_is_told_with_what_is_meant_perhaps(things, start):
    at = start()
    assert refused(at.port, "/v1/changes?frm=now") == (400, "USAGE", "unknown parameter 'frm': did you mean 'from'?")
    assert refused(at.port, "/v1/resources?from=now")[:2] == (400, "USAGE")
    for query, said in [("from=xyz", "no cursor"), ("op=made", "created, updated"), ("limit=0", "from 1 on"),
                        ("limit=-1", "from 1 on"), ("limit=99999999999999999999", "from 1 on"),
                        ("follow=perhaps", "true or false"), ("touches=a", "pointer"), ("type=%ff", "UTF-8"),
                        ("id_prefix=%00", "NUL")]:
        status, word, sentence = refused(at.port, f"/v1/changes?{query}")
        assert (status, word) == (400, "USAGE") and said in sentence.replace("Pointer", "pointer"), sentence
    assert refused(at.port, "/v1/changes", Accept="image/png")[:2] == (406, "NOT_ACCEPTABLE")
    assert get(at.port, "/v1/other").status == 404 and get(at.port, "/v1/changes", method="POST").status == 405
    cursor = lines(at.port, "/v1/changes?from=oldest&follow=0")[-1]["cursor"]
    assert refused(at.port, f"/v1/changes?from={cursor[:-2]}")[:2] == (400, "USAGE")


def test_another_data_folders_cursor_is_answered_with_what_to_do(things, start, lab):
    at = start()
    cursor = awaited(lambda: [e for e in lines(at.port, "/v1/changes?from=oldest&follow=0")][-1])["cursor"]
    at.end()
    lab.data.rename(lab.folder / "old")
    at = start.again()
    status, word, sentence = refused(at.port, f"/v1/changes?from={cursor}")
    assert (status, word) == (410, "FOREIGN") and "/v1/resources" in sentence


def test_the_status_is_that_of_the_command(things, start, lab):
    at = start()
    made = json.loads(get(at.port, "/v1/status").text)
    told = json.loads(lab.garner("status", "--at", at.listen, "--json", expect=None).text)
    assert sorted(made) == sorted(told) and made["collections"] == told["collections"] == 1
    some = json.loads(get(at.port, "/v1/status?account=acct-1").text)
    assert some["collections"] == 1 and some["harvests"] is None and some["requests_per_second"] is None
    assert json.loads(get(at.port, "/v1/status?account=other").text)["collections"] == 0


def test_a_gateway_beside_it_survives_what_it_asks(things, start, lab):
    at = start()
    beside = start.beside()
    with Stream(beside.port, "/v1/changes?from=oldest") as stream:
        stream.wait(lambda: "created b" in stream.brief())
        at.end()
        count = len(stream.events)
        stream.wait(lambda: len(stream.events) >= count + 2)  # bookmarks go on
        assert refused(beside.port, "/v1/changes")[:2] == (503, "UNAVAILABLE")
        assert refused(beside.port, "/v1/status")[:2] == (503, "UNAVAILABLE")
        assert get(beside.port, "/v1/changes").headers["Retry-After"] == "1"
        assert get(beside.port, "/healthz").status == 200
        awaited(lambda: get(beside.port, "/readyz").status == 503)
        things.has("a", "b", "c")
        start.again()
        stream.wait(lambda: "created c" in stream.brief())
        assert stream.brief().count("created a") == 1
    metrics = get(beside.port, "/metrics").text
    assert "garner_http_streams_total" in metrics and "garner_collections" not in metrics


def test_it_ends_in_time_while_streams_are_open(things, start):
    at = start()
    with Stream(at.port, "/v1/changes?from=oldest") as one, Stream(at.port, "/v1/changes", Accept="text/event-stream") as two:
        one.wait(lambda: one.events)
        began = time.monotonic()
        at.end(10)
        assert time.monotonic() - began < 5
        awaited(lambda: one.ended and two.ended)
