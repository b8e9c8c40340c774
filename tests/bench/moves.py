"""How long a planned move pauses the commits of its shard, and whether readers notice.

    tests/bench/moves.sh                   100 moves, release build
    tests/bench/moves.sh --moves 500 --json FILE

A coordinator, two workers with a follower for each shard, a gateway, and a provider whose every answer is a new one: so all shards are
committed to all the time. One after the other is moved to the other worker and back, as operators do it. Meanwhile resources are read through the gateway, one after the
other without a pause, and a subscriber reads the feed.

- A pause lasts from when the source begins to let go of a shard to when the destination may commit to it: both write it into their logs,
  by the clock that a machine's processes share.
- A reader's wait is told beside what it was while nothing was moved.

Exit code 0 if the pauses are at most 200 ms at p99, no read failed or took longer than that, and the feed has no hole; else 1.
"""

import argparse
import json
import re
import statistics
import sys
import tempfile
import threading
import time
from datetime import datetime
from itertools import count
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/lib"))

import gateway  # noqa: E402
from cluster import Cluster  # noqa: E402
from garner import Lab, collection, provider, replay  # noqa: E402
from measure import machine_of  # noqa: E402
from server import Server  # noqa: E402

PAUSE_MS = 200
SHARDS, ACCOUNTS, THINGS = 4, 16, 20
EVERY = "200ms"
SETTLE_S, CALM_S, MOVE_S = 60, 5, 60
LINE = re.compile(r'time=(\S+) .*msg="the shard is (let go of|taken over)" shard=(\d+)')


def options():
    parser = argparse.ArgumentParser(prog="tests/bench/moves.sh", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--moves", type=int, default=100)
    parser.add_argument("--json", help="a file for the figures")
    return parser.parse_args()


class Reader(threading.Thread):
    """Asks for the resources of one account after the other. `waits_ms` holds how long each answer took."""

    def __init__(self, port, accounts):
        super().__init__(daemon=True)
        self.port, self.accounts, self.waits_ms, self.faults, self.ended = port, accounts, [], [], threading.Event()

    def run(self):
        for number in count():
            if self.ended.is_set():
                return
            began = time.monotonic()
            account = self.accounts[number % len(self.accounts)]
            answer = gateway.get(self.port, f"/v1/resources?account=p/{account}")
            self.waits_ms.append(1000 * (time.monotonic() - began))
            if answer.status != 200 or answer.text.count('"op":"resource"') != THINGS:
                self.faults.append(f"{account}: {answer}")

    def stop(self):
        self.ended.set()
        self.join()
        return self


def pauses_ms(nodes):
    """From each line of a source to the next one of that shard's destination."""
    told = sorted((datetime.fromisoformat(found[1].replace("Z", "+00:00")), int(found[3]), found[2])
                  for node in nodes for line in node.lines if (found := LINE.search(line)))
    left, made = {}, []
    for at, shard, what in told:
        if what == "let go of":
            left[shard] = at
        elif shard in left:
            made.append((at - left.pop(shard)).total_seconds() * 1000)
    return made


def reads(port, accounts, meanwhile):
    reader = Reader(port, accounts)
    reader.start()
    meanwhile()
    return reader.stop()


def move_all(cluster, moves):
    for number in range(moves):
        shard = number % SHARDS
        to = "w2" if cluster.shard(shard)["owner"] == "w1" else "w1"
        cluster.garner("move", shard, "--to", to, timeout=MOVE_S)


def begin(cluster, lab, server):
    numbers = count()
    server.on("/things/*", lambda request: {"items": [{"id": f"t{n}", "v": next(numbers)} for n in range(THINGS)]})
    lab.has_provider(provider(collection(path="/things/{account.id}", every=EVERY)))
    cluster.start(accounts=[lab.account(id=f"a{n}") for n in range(ACCOUNTS)], shards=SHARDS, followers=1, lease="10s")
    for name in ("w1", "w2"):
        cluster.start_worker(name, "--log-level", "debug")
    cluster.wait_settled(SETTLE_S)


def measure(folder, moves):
    with Server() as server, Cluster(lab := Lab(folder, server.url)) as cluster:
        begin(cluster, lab, server)
        at = gateway.gateway(lab, "--at", cluster.at)
        accounts = [f"a{n}" for n in range(ACCOUNTS)]
        gateway.awaited(lambda: gateway.get(at.port, "/readyz").status == 200)
        gateway.awaited(lambda: not reads(at.port, accounts, lambda: time.sleep(1)).faults)
        calm = reads(at.port, accounts, lambda: time.sleep(CALM_S))
        told_before = len(pauses_ms(cluster.nodes.values()))
        moved = reads(at.port, accounts, lambda: move_all(cluster, moves))
        replay(cluster.garner("feed", "--from", "oldest", "--no-follow", "--format", "ndjson").events())
        pauses = pauses_ms(cluster.nodes.values())[told_before:]
        at.end()
    return {"machine": machine_of(), "moves": len(pauses), "pause_ms": figures(pauses), "reads": len(moved.waits_ms),
            "read_ms": figures(moved.waits_ms), "read_calm_ms": figures(calm.waits_ms), "faults": calm.faults + moved.faults}


def figures(values):
    values = sorted(values)
    return {"median": round(statistics.median(values), 1), "p99": round(values[min(int(len(values) * 0.99), len(values) - 1)], 1),
            "max": round(values[-1], 1)}


def judge(found, moves):
    """What isn't as it should be, as sentences."""
    wrong = [f"a read failed: {fault}" for fault in found["faults"][:5]]
    if found["moves"] < moves:
        wrong.append(f"only {found['moves']} of {moves} moves are in the logs")
    if found["pause_ms"]["p99"] > PAUSE_MS:
        wrong.append(f"commits paused for {found['pause_ms']['p99']} ms at p99, and {PAUSE_MS} ms are allowed")
    if found["read_ms"]["max"] > PAUSE_MS + found["read_calm_ms"]["max"]:
        wrong.append(f"a read took {found['read_ms']['max']} ms while shards moved, and at most {found['read_calm_ms']['max']} ms before")
    return wrong


def main():
    args = options()
    with tempfile.TemporaryDirectory(prefix="garner-moves-") as folder:
        found = measure(Path(folder), args.moves)
    wrong = judge(found, args.moves)
    print(f"{found['machine']}\n{found['moves']} moves")
    for name, title in (("pause_ms", "commits of the shard pause"), ("read_ms", f"{found['reads']} reads meanwhile take"), ("read_calm_ms", "reads before it took")):
        print(f"{title}: median {found[name]['median']} ms, p99 {found[name]['p99']} ms, at most {found[name]['max']} ms")
    for sentence in wrong:
        print(f"moves: {sentence}", file=sys.stderr)
    if args.json:
        Path(args.json).write_text(json.dumps(found, indent=1) + "\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
