"""`retention`: the change log of a running Garner stays as old and as large as was said, and nothing breaks by it."""

import random
import subprocess
import time
import urllib.request

from continual import Continual, free_port
from garner import collection
from server import Listing

THINGS = [{"id": f"a{n:02}", "text": "x" * 200} for n in range(20)]
HUGE = {"age": "7d", "bytes": "10GB"}


def seqs(lab):
    """Those of the changes that are kept; the accounts of these tests are in one shard."""
    made = [event["seq"] for event in lab.feed("--from", "oldest").events() if event["op"] != "bookmark"]
    assert made == list(range(made[0], made[0] + len(made))) if made else True
    return made


def waited(condition, within=40):
    end = time.monotonic() + within
    while not condition():
        assert time.monotonic() < end, f"not within {within} s"
        time.sleep(0.2)


class Moving:
    """Things that all change with every listing, one of them by going and another one by coming."""

    def __init__(self, count=100, bytes=1500):
        self.count, self.text, self.round, self.random = count, bytes, 0, random.Random(3)

    def __call__(self, request):
        self.round += 1
        text = "".join(self.random.choices("0123456789abcdef", k=self.text))
        return {"items": [{"id": f"i{n}", "text": text, "round": self.round} for n in range(self.round, self.round + self.count)]}


def moving(lab, server, bytes="1MB", **config):
    lab.has(collection(every="1s", delete={"guard": "none", "confirm": "none"}), config={"retention": {"age": "7d", "bytes": bytes}, **config})
    made = Moving()
    server.on("/things", made)
    return made


def metric(port, name):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=20) as answer:
        lines = answer.read().decode().splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith(f"{name} "))


def size(lab):
    return sum(path.stat().st_size for path in (lab.data / "shards").glob("*.mdb"))


def test_what_is_too_old_goes_without_any_harvest(lab, server):
    lab.has(collection(every="1h"), config={"retention": HUGE})
    server.on("/things", Listing(THINGS[:10], size=100))
    lab.run()
    early = lab.feed("--from", "oldest").cursor
    server.on("/things", Listing(THINGS, size=100))
    lab.run()
    now, asked = lab.feed("--from", "oldest").cursor, len(server.asked())
    assert len(lab.feed("--from", early).changes()) == 10
    port = free_port()
    lab.has_config(retention={"age": "2s", "bytes": "1MB"}, http=f"127.0.0.1:{port}")
    with Continual(lab) as run:
        waited(lambda: not seqs(lab))
        assert metric(port, "garner_feed_changes_compacted_total") == 21 and metric(port, "garner_feed_log_bytes") == 0
        assert metric(port, "garner_commits_total") == 1, "nothing is committed where there is nothing to cut"
        assert not run.events and len(server.asked()) == asked
        lab.verify()
        assert lab.ids() == [thing["id"] for thing in THINGS]
        told = lab.on_data("history", "p.thing", "a07")
        told.said("its earlier changes are not kept any more")
        lab.feed("--from", early, expect=2).said("COMPACTED", "keeps 22 and later")
        assert lab.feed("--from", now).changes() == []
        run.at("feed", "--from", early, "--no-follow", expect=2).said("COMPACTED")
    assert seqs(lab) == []


def test_a_log_stays_as_large_as_was_said_while_all_changes(lab, server):
    """Each round is 300 kB of changes. The file doesn't grow for ever, nor do the receipts that deletes rested on."""
    port = free_port()
    moving(lab, server, http=f"127.0.0.1:{port}")

    with Continual(lab) as run:
        run.wait(lambda: len(server.asked("/things")) > 12, 60)
        assert metric(port, "garner_feed_changes_compacted_total") > 0
        first, early = seqs(lab)[0], size(lab)
        assert first > 1
        sizes = []
        for _ in range(5):
            sizes.append(metric(port, "garner_feed_log_bytes"))
            time.sleep(0.3)
        assert sorted(sizes)[2] < 1_050_000 + 500_000, sizes  # a commit more than may wait …
        assert max(sizes) < 2 * 1_050_000, sizes  # … and on a busy machine some more, now and then
        run.wait(lambda: len(server.asked("/things")) > 30, 60)
        lab.verify()
        waited(lambda: metric(port, "garner_feed_log_bytes") < 1_050_000)
        assert seqs(lab)[0] > first
        assert size(lab) < early * 1.5, f"{early} bytes became {size(lab)}"
        assert len(lab.receipts()) < 25, "16 of the last harvests, and those of which deletes are still in the log"


def test_a_kill_in_the_midst_leaves_a_sound_store(lab, server):
    """Every commit is followed by one that cuts the log."""
    moving(lab, server, bytes="50kB")
    chance, last = random.Random(5), 0
    for _ in range(12):
        with Continual(lab) as run:
            began = len(server.asked("/things"))
            run.wait(lambda: len(server.asked("/things")) > began)
            time.sleep(chance.random() * 0.5)
            run.kill()
        lab.verify()
        kept = seqs(lab)
        assert not kept or kept[-1] >= last
        last = kept[-1] if kept else last
    assert not kept or kept[0] > 100


def test_a_reload_applies_it(lab, server):
    lab.has(collection(every="1h"), config={"retention": HUGE})
    server.on("/things", Listing(THINGS, size=100))
    with Continual(lab) as run:
        run.wait(lambda: run.statuses("listed"))
        time.sleep(1.5)
        assert len(seqs(lab)) == 21
        lab.has_config(retention={**HUGE, "age": "1s"})
        run.reload()
        waited(lambda: not seqs(lab), within=8)


def test_with_once_the_log_is_cut_at_the_end(lab, server):
    lab.has(collection(), config={"retention": {"age": "1s", "bytes": "1MB"}})
    server.on("/things", Listing(THINGS, size=100))
    lab.run()
    assert seqs(lab) == list(range(1, 22))
    time.sleep(1.1)
    server.on("/things", Listing([*THINGS, {"id": "new"}], size=100))
    lab.run()
    assert seqs(lab) == [22]


def test_a_disk_that_is_full_holds_it_up_and_nothing_else(lab, server):
    lab.has(collection(every="1h"), config={"retention": {"age": "4s", "bytes": "1MB"}})
    server.on("/things", Listing(THINGS, size=100))

    lab.prefix = ["sh", "-c", "trap '' XFSZ; exec \"$@\"", "sh"]  # a signal that is ignored stays so

    def limit(run, bytes):
        subprocess.run(["prlimit", f"--fsize={bytes}:unlimited", "--pid", str(run.process.pid)], check=True)

    with Continual(lab) as run:
        run.wait(lambda: run.statuses("listed"))
        limit(run, 8192)  # less than the files have: no page of them can be written
        run.wait(lambda: run.said("may not grow"), 40)
        assert len(seqs(lab)) == 21
        limit(run, "unlimited")
        run.wait(lambda: run.said("well again"), 40)
        assert seqs(lab) == []
        assert len(run.said("may not grow")) == 1
