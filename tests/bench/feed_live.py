"""How long after a commit those who wait for it have it, and whether many keep up.

    found = measure(programs, folder, Live(changes=2000, rate=400, batch=1, followers=1), cores)

`feed_live` says of each commit when the waiting were told, `feed_garner --follow` of each answer when it was there; both by
the clock that a machine's processes share. A follower ends itself when a change doesn't follow its last one, so who ends
well has missed none.
"""

import bisect
import signal
import subprocess
import time
from dataclasses import dataclass

from feed_servers import on_core
from harvest import fresh
from measure import Trouble, environment
from nginx import free_ports

READY_S = 0.3       # until all followers wait
LATE_S = 60


@dataclass(frozen=True)
class Live:
    changes: int
    rate: int           # a second
    batch: int          # changes a commit
    followers: int
    hung: int = 0       # followers more, that hang once they wait; nobody waits for them


@dataclass(frozen=True)
class Found:
    lags_s: list        # of each commit and follower, sorted: from the hint to the answer with its last change, decoded
    rate: float         # changes a second that the slowest follower had, from the first commit to its last change


def start(argv, core, folder, **pipes):
    return subprocess.Popen(on_core(core, argv), cwd=folder, env=environment(folder), text=True, **pipes)


def pairs(text):
    """The lines "SEQ NS"."""
    return [tuple(map(int, line.split())) for line in text.splitlines() if line[:1].isdigit()]


def follow(programs, address, live, core, folder):
    return [start([programs / "feed_garner", "--follow", address, live.changes], core, folder, stdin=subprocess.DEVNULL,
                  stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(live.followers + live.hung)]


def answers_of(follower):
    out, err = follower.communicate(timeout=LATE_S)
    if follower.returncode:
        raise Trouble(f"a follower: {err.strip()}")
    return pairs(out)


def measure(programs, folder, live, cores):
    data, address = fresh(folder / "live"), f"tcp://127.0.0.1:{free_ports(1)[0]}"
    grower = start([programs / "feed_live", address, data, live.changes, live.rate, live.batch], cores[0], folder,
                   stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    followers = []
    try:
        if grower.stdout.readline() != "ready\n":
            raise Trouble("feed_live doesn't listen")
        followers = follow(programs, address, live, cores[1], folder)
        time.sleep(READY_S)
        for one in followers[live.followers:]:
            one.send_signal(signal.SIGSTOP)
        grower.stdin.write("go\n")
        grower.stdin.flush()
        answers = [answers_of(one) for one in followers[:live.followers]]
        hints = pairs(grower.communicate(timeout=LATE_S)[0])
    finally:
        for one in (*followers, grower):
            if one.poll() is None:
                one.kill()
                one.wait()
    return evaluate(live, hints, answers)


def evaluate(live, hints, answers):
    lags, began = [], hints[0][1]
    for came in answers:
        seqs = [seq for seq, _ in came]
        lags += [(came[bisect.bisect_left(seqs, seq)][1] - ns) / 1e9 for seq, ns in hints]
    return Found(sorted(lags), live.changes / ((max(came[-1][1] for came in answers) - began) / 1e9))
