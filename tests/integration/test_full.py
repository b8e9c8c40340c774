"""A full disk and a full map: named errors, nothing deleted, what was committed before is there, and with more
space the next run gives the exact state."""

import subprocess

from garner import ACCOUNT, collection
from server import Listing

BAD = "p.bad"

def full(lab, server, big):
    server.on("/good", Listing([{"id": "g"}]))
    server.on("/bad", lambda request: {"items": big[0]})
    server.on("/bad/*", Listing([{"id": "x"}]))
    lab.has(collection("p.good", "/good"), collection(BAD, "/bad", delete={"guard": "none"}))


def test_a_full_disk(lab, server, tmp_path):
    """On a file system of 3 MiB where root may mount one, else under a limit on the size of files."""
    mount, root = tmp_path / "small", False
    mount.mkdir()
    root = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "garner-test", str(mount)], capture_output=True).returncode == 0
    try:
        lab.data = mount / "data"
        big = [[{"id": f"i{n}", "t": "a" * 1000} for n in range(10)]]
        full(lab, server, big)
        lab.has_config(data=str(lab.data))
        lab.run()
        big[0] = [{"id": f"i{n}", "t": "b" * 100000} for n in range(5, 100)]
        if not root:
            lab.prefix = ["prlimit", "--fsize=3145728"]
        run = lab.run(expect=1, restore_signals=root)  # without restoring them SIGXFSZ stays ignored
        run.said(ACCOUNT, BAD, "full|space|too large|file size")
        assert not [e for e in run.changes() if e["op"] == "deleted"]
        lab.verify()
        assert {f"i{n}" for n in range(10)} <= set(lab.ids(BAD)) and lab.ids("p.good") == ["g"]
        told = lab.world()
        lab.prefix = []
        if root:
            subprocess.run(["mount", "-o", "remount,size=200m", str(mount)], check=True)
        lab.run()
        assert {key[5] for key in lab.world() if key[3] == BAD} == {item["id"] for item in big[0]}
        assert all(key in lab.world() or int(key[5][1:]) < 5 for key in told if key[3] == BAD)
    finally:
        if root:
            subprocess.run(["umount", "-l", str(mount)], check=True)


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
