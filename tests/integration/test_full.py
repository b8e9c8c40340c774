"""A full disk and a full map: named errors, nothing deleted, what was committed before is there, and with more
space the next run gives the exact state."""

import re
import subprocess
import urllib.error
import urllib.request
from contextlib import contextmanager

from continual import Continual
from garner import ACCOUNT, collection
from server import Listing

BAD = "p.bad"


def full(lab, server, big):
    server.on("/good", Listing([{"id": "g"}]))
    server.on("/bad", lambda request: {"items": big[0]})
    server.on("/bad/*", Listing([{"id": "x"}]))
    lab.has(collection("p.good", "/good"), collection(BAD, "/bad", delete={"guard": "none"}))


@contextmanager
def small_disk(lab, folder):
    """Data on a file system of 3 MiB where root may mount one, else under a limit on the size of files.
    Gives what makes it larger."""
    mount, limit = folder / "small", ["prlimit", "--fsize=3145728:unlimited"]
    mount.mkdir()
    root = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "garner-test", str(mount)], capture_output=True).returncode == 0
    lab.data = mount / "data"

    def shrink():
        if not root:
            lab.prefix = limit

    def grow(process=None):
        lab.prefix = []
        if root:
            subprocess.run(["mount", "-o", "remount,size=200m", str(mount)], check=True)
        elif process:
            subprocess.run(["prlimit", "--fsize=unlimited", "--pid", str(process.pid)], check=True)
    try:
        yield shrink, grow
    finally:
        if root:
            subprocess.run(["umount", "-l", str(mount)], check=True)


def test_a_full_disk(lab, server, tmp_path):
    with small_disk(lab, tmp_path) as (shrink, grow):
        big = [[{"id": f"i{n}", "t": "a" * 1000} for n in range(10)]]
        full(lab, server, big)
        lab.has_config(data=str(lab.data))
        lab.run()
        big[0] = [{"id": f"i{n}", "t": "b" * 100000} for n in range(5, 100)]
        shrink()
        run = lab.run(expect=1, restore_signals=not lab.prefix)  # without restoring them SIGXFSZ stays ignored
        run.said(ACCOUNT, BAD, "full|space|too large|file size")
        assert not [e for e in run.changes() if e["op"] == "deleted"]
        lab.verify()
        assert {f"i{n}" for n in range(10)} <= set(lab.ids(BAD)) and lab.ids("p.good") == ["g"]
        told = lab.world()
        grow()
        lab.run()
        assert {key[5] for key in lab.world() if key[3] == BAD} == {item["id"] for item in big[0]}
        assert all(key in lab.world() or int(key[5][1:]) < 5 for key in told if key[3] == BAD)


def health(run):
    """The code and the text of /healthz."""
    port = re.search(r'port="?(\d+)', run.said("listening for HTTP")[0])[1]
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=30) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_a_disk_that_is_full_for_a_while(lab, server, tmp_path):
    """A run that goes on says so, is unhealthy, and goes on by itself once there is space."""
    with small_disk(lab, tmp_path) as (shrink, grow):
        big = [[{"id": f"i{n}", "t": "a" * 1000} for n in range(10)]]
        server.on("/bad", lambda request: {"items": big[0]})
        lab.has(collection(BAD, "/bad", every="1s", delete={"guard": "none"}), config={"data": str(lab.data), "http": "127.0.0.1:0"})
        shrink()
        with Continual(lab) as run:
            run.wait(lambda: len(run.changes(BAD)) == 10)
            assert health(run) == (200, "ok\n")
            big[0] = [{"id": f"i{n}", "t": "b" * 100000} for n in range(5, 100)]
            code, text = run.wait(lambda: (now := health(run))[0] != 200 and now)
            assert code == 503 and "commit" in text, text
            server.forget()
            run.wait(lambda: len(server.asked("/bad")) >= 3, within=60)
            said = run.said("level=warn")
            assert re.search("full|space|too large|file size", said[0], re.IGNORECASE) and len(said) == 1, run
            grow(run.process)
            run.wait(lambda: run.brief(op="deleted") == [f"deleted i{n}" for n in range(5)], within=60)
            run.wait(lambda: health(run) == (200, "ok\n"))
            assert len(run.said("well again")) == 1, run
        lab.verify()
        assert {key[5] for key in lab.world()} == {item["id"] for item in big[0]}


def test_a_full_map(lab, server):
    big = [[{"id": f"i{n}", "t": "a" * 1000} for n in range(10)]]
    full(lab, server, big)
    accounts = [lab.account(id=f"acct-{n}") for n in (1, 2)]

    def two(request):
        return {"items": big[0] if small.get(request.header("X-Account")) is None else [{"id": "s", "v": small["acct-2"]}]}
    small = {"acct-2": 1}
    server.on("/bad", two)
    lab.has(collection(BAD, request={"url": "{account.endpoint}/bad", "headers": {"X-Account": "{account.id}"}}), accounts=accounts,
            config={"map_size": "1MiB", "shards": 64})
    shards = {e["account"]: e["shard"] for e in lab.run().changes()}
    assert len(set(shards.values())) == 2, "pick other account ids: the two must be in two shards"
    big[0], small["acct-2"] = [{"id": f"i{n}", "t": "b" * 20000} for n in range(100)], 2
    run = lab.run(expect=1)
    run.said("acct-1", BAD, "map|full")
    run.said("map_size")
    assert [(e["account"], e["id"]) for e in run.changes() if e["account"] != "acct-1"] == [("acct-2", "s")]
    lab.verify()
    assert {f"i{n}" for n in range(10)} <= set(lab.ids(BAD, "--account", "acct-1"))
    assert lab.world()
    lab.has_config(accounts, map_size="256MiB", shards=64)
    lab.run()
    assert {key[5] for key in lab.world()} == {item["id"] for item in big[0]} | {"s"}
