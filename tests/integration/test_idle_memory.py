"""What rests costs next to nothing: memory of collections that wait, and time while nothing is due."""

import os
import time
from pathlib import Path

from continual import Continual
from garner import collection
from server import Answer

IDLE_BYTES_MAX = 1024     # of a collection that waits
IDLE_SHARE_MAX = 0.01     # of one core, while nothing is due
FEW, MANY = 2000, 20000


def anonymous_bytes(run):
    status = Path(f"/proc/{run.process.pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("RssAnon:")) * 1024


def cpu_seconds(run):
    fields = Path(f"/proc/{run.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def at_rest(lab, server, count):
    """A start over so many collections, none of which is due: its memory, and its share of a core in ten seconds."""
    regions = [f"r{n}" for n in range(count // 10)]
    lab.data = lab.folder / f"data-{count}"
    lab.has(*[collection(f"p.t{n}", f"/{{region}}/{n}", scope="region", every="1000h") for n in range(10)],
            regions=regions, config={"data": str(lab.data), "shards": 1, "threads": 1}, limits={"concurrency": 64})
    server.on("*", Answer({"items": []}))
    with Continual(lab) as run:
        run.wait(lambda: len(server.asked()) >= count, within=300)
        time.sleep(3)  # the last commits
        before = cpu_seconds(run)
        time.sleep(10)
        used = cpu_seconds(run) - before
        return anonymous_bytes(run), used / 10


def test_collections_at_rest_cost_next_to_nothing(lab, server):
    few, _ = at_rest(lab, server, FEW)
    many, share = at_rest(lab, server, MANY)
    each = (many - few) / (MANY - FEW)
    print(f"{each:.0f} bytes a collection, {share:.2%} of a core")
    assert each <= IDLE_BYTES_MAX, f"{each:.0f} bytes for each collection at rest"
    assert share < IDLE_SHARE_MAX, f"{share:.1%} of a core with nothing due"
