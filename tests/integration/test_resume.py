"""A run that ends in the middle of a long listing, by SIGKILL or SIGTERM: the next one goes on where it stood, and asks
for no page a second time that came before its checkpoint."""

import signal
import threading
import time

import pytest

from garner import collection
from server import Listing, error

PAGES, SIZE = 140, 3
BEFORE = 60  # the page that the first run waits for: beyond the checkpoint that comes after 50 pages


class Stuck:
    """A listing that stands still on one page until it is let go."""

    def __init__(self, items, at):
        self.reached, self.free = threading.Event(), threading.Event()
        self.listing = Listing(items, "token", size=SIZE, faults={at: self.wait})

    def wait(self, request, answer):
        self.reached.set()
        self.free.wait(60)
        return answer

    def __call__(self, request):
        return self.listing(request)


def tokens(server):
    return [request.param("token") for request in server.asked("/things")]


def stop_in_the_middle(lab, server, items, signum, **rules):
    server.on("/things", Listing(items, "token", size=SIZE))
    token = {"style": "token", "from": "body:/next", "to": "query:token"}
    lab.has(collection(page=token, delete={"guard": "none"}, **rules))
    lab.run()
    server.forget()
    stuck = server.on("/things", Stuck(items, BEFORE))
    process = lab.start("run", "-c", lab.config, "--once")
    try:
        assert stuck.reached.wait(60)
        time.sleep(3)  # longer than a commit gathers
        process.send_signal(signum)
        out, err = process.communicate(timeout=30)
    finally:
        process.kill()
        stuck.free.set()
    server.forget()
    return process.returncode, err.decode()


@pytest.mark.parametrize("name", ["SIGKILL", "SIGTERM"])
@pytest.mark.parametrize("order", ["any", "stable"])
def test_next_run_goes_on(lab, server, name, order):
    items = [{"id": f"i{n:04}", "v": 1} for n in range(PAGES * SIZE)]
    code, err = stop_in_the_middle(lab, server, items, getattr(signal, name), order=order)
    assert code == (-9 if name == "SIGKILL" else 1), err
    lab.verify()
    page = 51 if name == "SIGKILL" else BEFORE
    gone = items[-5]["id"]
    del items[5], items[-5]  # one before the checkpoint (which moves no token: they are places), one behind it
    items.insert(5, {"id": "new", "v": 1})
    server.on("/things", Listing(items, "token", size=SIZE))
    run = lab.run(expect=0 if order == "stable" else 1)
    assert tokens(server) == [f"t{n * SIZE}" for n in range(page - 1, PAGES)]
    assert [what for what in run.brief() if "deleted" in what] == ([f"deleted {gone}"] if order == "stable" else [])
    receipt = lab.receipts()[-1]
    assert (receipt["complete"], receipt["sound"], receipt["resumed_page"]) == (True, order == "stable", page)
    lab.run()
    assert tokens(server)[PAGES - page + 1] is None
    assert sorted(lab.ids()) == sorted(item["id"] for item in items)
    assert lab.receipts()[-1]["sound"]


def test_expired_token_starts_anew(lab, server):
    items = [{"id": f"i{n:04}", "v": 1} for n in range(PAGES * SIZE)]
    stop_in_the_middle(lab, server, items, signal.SIGKILL)
    right = Listing(items, "token", size=SIZE)
    first = []

    def expired(request):
        if request.param("token") and not first:
            first.append(request.param("token"))
            return error(410, "ExpiredToken")
        return right(request)

    del items[7]
    server.on("/things", expired)
    lab.run()
    assert first == [f"t{50 * SIZE}"]
    assert tokens(server)[:3] == [first[0], None, f"t{SIZE}"]
    assert lab.ids() == [item["id"] for item in items]
    receipt = lab.receipts()[-1]
    assert (receipt["sound"], receipt["resumed_page"]) == (True, 0)
