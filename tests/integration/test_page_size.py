"""Pages that a server breaks over are asked for in smaller pieces."""

import json

from garner import collection
from server import Answer


def test_pages_too_large_for_the_server_come_in_smaller_pieces(lab, server):
    """It breaks off answers of more than four items; the next run begins with what it can do."""
    items = [{"id": f"i{n}"} for n in range(10)]

    def handle(request):
        size, at = int(request.param("n")), int(request.param("from", "0"))
        body = json.dumps({"items": items[at:at + size], "next": str(at + size) if at + size < len(items) else None})
        return Answer(body, cut=20 if size > 4 else None)
    server.on("/things", handle)
    lab.has(collection(page={"style": "token", "from": "body:/next", "to": "query:from", "size": {"to": "query:n", "max": 16}}))
    run = lab.run(expect=1)
    assert "the listing is not sound: its page size had to change: pages of 16 items kept failing" in run.err
    assert len(lab.ids()) == 10
    server.forget()
    assert lab.run().changes() == []
    assert [r.query for r in server.asked("/things")] == [[("n", "4")], [("from", "4"), ("n", "4")], [("from", "8"), ("n", "4")]]
