"""Cursors that lead nowhere, over HTTP: what follows isn't kept any more, the history is another one, or it ends before."""

import pytest
from garner import collection
from gateway import Stream, awaited, get, lines, refused
from server import Listing


@pytest.fixture
def has(start, server):
    """A run that lists these."""
    def begin(items, **config):
        server.on("/things", Listing(items, style="none"))
        return start(collection(every="200ms"), **config)
    return begin


def forge(wire, cursor, **over):
    """The same cursor with something else in its one position."""
    feed, positions = wire.cursor_from_text(cursor)
    (shard, position), = positions.items()
    for name, value in over.items():
        setattr(position, name, value(getattr(position, name)))
    return wire.cursor_to_text(feed, {shard: position})


def has_mark_behind(events, id):
    """A bookmark came behind what created the resource."""
    at = [n for n, event in enumerate(events) if event["op"] == "created" and event["id"] == id]
    return at and any(event["op"] == "bookmark" for event in events[at[0]:])


@pytest.mark.parametrize("over, status, word", [
    ({"seq": lambda seq: seq + 1000}, 409, "FUTURE"),
    ({"epoch": lambda epoch: epoch + 1}, 409, "FUTURE"),
    ({"check": lambda check: check ^ 1}, 410, "DIVERGED"),
])
def test_a_forged_cursor_is_told_what_is_wrong(has, garner_feed, over, status, word):
    at = has([{"id": "a"}, {"id": "b"}])
    with Stream(at.port, "/v1/changes?from=oldest") as stream:
        stream.wait(lambda: has_mark_behind(stream.events, "b"))
        cursor = stream.cursor
    assert refused(at.port, f"/v1/changes?from={forge(garner_feed.wire, cursor, **over)}")[:2] == (status, word)
    assert get(at.port, f"/v1/changes?from={cursor}&follow=false").status == 200


def test_what_is_not_kept_any_more_is_gone_and_resources_lead_on(has, garner_feed):
    items = [{"id": f"a{n}", "pad": "x" * 4000} for n in range(50)]
    at = has(items, retention={"age": "7d", "bytes": 1})
    kept = awaited(lambda: [one for one in lines(at.port, "/v1/resources") if one.get("op") == "bookmark"
                            and len(garner_feed.wire.cursor_from_text(one["cursor"])[1]) == 1])[-1]["cursor"]
    early = forge(garner_feed.wire, kept, seq=lambda seq: 1, check=lambda check: 0)
    awaited(lambda: get(at.port, f"/v1/changes?from={early}&follow=false").status == 410)
    status, word, sentence = refused(at.port, f"/v1/changes?from={early}")
    assert (status, word) == (410, "COMPACTED") and "/v1/resources" in sentence
    *there, mark = lines(at.port, "/v1/resources")
    assert sorted(one["id"] for one in there) == sorted(item["id"] for item in items)
    assert get(at.port, f"/v1/changes?from={mark['cursor']}&follow=false").status == 200
