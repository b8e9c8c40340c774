"""One subscriber among ten hangs: the others get everything meanwhile, the run's memory stays as it is, and what
hung gets everything once it goes on."""

import re
import signal
import time
from contextlib import contextmanager
from pathlib import Path

from continual import Continual
from garner import collection
from server import Listing

SUBSCRIBERS, ITEMS, TEXT = 10, 40, "t" * 16000
FLAT_KB = 24 << 10  # that memory may grow; the one that hangs is owed more than twice as much
OWED_BYTES = 2 * FLAT_KB << 10


def anonymous_kb(process):
    return int(re.search(r"RssAnon:\s+(\d+)", Path(f"/proc/{process.pid}/status").read_text())[1])


class Subscriber:
    """What it says goes to a file: a line for each change, short ones for people."""

    def __init__(self, lab, address, number):
        self.path = lab.folder / f"told-{number}"
        with open(self.path, "wb") as out, open(lab.folder / f"said-{number}", "wb") as said:
            self.process = lab.start("feed", "--at", address, "--from", "oldest", "--format", "table", stdout=out, stderr=said)

    def lines(self):
        """Their words: how wide the columns are depends on what came together."""
        return [line.split() for line in self.path.read_text().splitlines() if "p.thing" in line]

    def has(self, id):
        return any(id in line for line in self.lines()[-100:])

    def stop(self):
        self.process.send_signal(signal.SIGCONT)
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(30)


def wait(condition, within=60):
    end = time.monotonic() + within
    while not condition():
        assert time.monotonic() < end, f"not within {within} s"
        time.sleep(0.1)


@contextmanager
def running(lab):
    """A run that tells nobody but its subscribers."""
    run = Continual(lab, ASAN_OPTIONS="quarantine_size_mb=4")
    run.write_listen()
    with open(lab.folder / "run-said", "wb") as said:
        process = lab.start("run", "-c", lab.config, stdout=said, stderr=said)
    try:
        wait(lambda: "listen=" in (lab.folder / "run-said").read_text())
        yield run.listen, process
        process.terminate()
        assert process.wait(30) == 0, (lab.folder / "run-said").read_text()
    finally:
        process.kill()


def test_one_that_hangs_costs_nobody_anything(lab, server):
    items = [{"id": f"i{n}", "v": 0, "text": TEXT} for n in range(ITEMS)]
    asked = 0

    def page(request):
        nonlocal asked
        asked += 1
        for item in items:
            item["v"] += 1
        return Listing(items, style="none")(request)

    server.on("/things", page)
    lab.has(collection(every="200ms", delete={"guard": "none"}))
    with running(lab) as (address, process):
        subscribers = [Subscriber(lab, address, n) for n in range(SUBSCRIBERS)]
        hung, others = subscribers[0], subscribers[1:]
        try:
            wait(lambda: all(subscriber.has("i0") for subscriber in subscribers))
            hung.process.send_signal(signal.SIGSTOP)
            before = asked
            wait(lambda: asked > before + 10)  # all buffers there are have been used
            kb, before = anonymous_kb(process), asked
            wait(lambda: (asked - before) * ITEMS * 2 * len(TEXT) > OWED_BYTES)
            items.append({"id": "last", "v": 0, "text": ""})
            wait(lambda: all(subscriber.has("last") for subscriber in others))
            grown = anonymous_kb(process) - kb
            assert grown < FLAT_KB, f"{grown} kB more, from {kb}"
            assert not hung.has("last")
            hung.process.send_signal(signal.SIGCONT)
            wait(lambda: hung.has("last"))
        finally:
            codes = [subscriber.stop() for subscriber in subscribers]
    assert codes == [0] * SUBSCRIBERS
    told = [subscriber.lines() for subscriber in subscribers]
    upto = min(map(len, told))
    assert upto > OWED_BYTES / 2 / len(TEXT) and all(lines[:upto] == told[0][:upto] for lines in told)
