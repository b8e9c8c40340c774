"""Rate and concurrency: what a provider file allows is used, and never more."""

import threading
import time

import pytest
from garner import collection
from server import Answer

HOLD_S = 0.1


class Meter:
    """Answers after a while, and notes when requests came and how many were there at once."""

    def __init__(self):
        self.lock, self.now, self.peak, self.times = threading.Lock(), 0, 0, []

    def __call__(self, request):
        with self.lock:
            self.times.append(time.monotonic())
            self.now += 1
            self.peak = max(self.peak, self.now)
        time.sleep(HOLD_S)
        with self.lock:
            self.now -= 1
        return Answer({"items": [{"id": "a"}]})

    def span(self):
        return max(self.times) - min(self.times)


@pytest.fixture
def meter(server):
    made = Meter()
    server.on("/*", made)
    return made


def has(lab, count, limits, collection_limits=None, **more):
    over = {} if collection_limits is None else {"limits": collection_limits}
    lab.has(*[collection(f"p.t{n}", f"/t{n}", **over) for n in range(count)], limits=limits, **more)


@pytest.mark.parametrize("concurrency", [1, 3, 24])
def test_concurrency_is_reached_and_kept(lab, meter, concurrency):
    has(lab, 48, {"concurrency": concurrency})
    lab.run()
    assert len(meter.times) == 48
    assert concurrency * 0.7 <= meter.peak <= concurrency


@pytest.mark.parametrize("limits, least_s", [({"rate": 20, "burst": 1}, 0.95), ({"rate": 20, "burst": 10}, 0.5)])
def test_a_rate_spreads_what_the_burst_leaves(lab, meter, limits, least_s):
    has(lab, 20, limits)
    lab.run()
    assert least_s * 0.95 <= meter.span() <= least_s + 2


def test_a_collection_has_a_bucket_of_its_own_beside_its_providers(lab, server, meter):
    pages = [{"items": [{"id": f"i{n}"}], "next": str(n + 1) if n < 9 else None} for n in range(10)]
    server.on("/slow", lambda request: (meter(request), Answer(pages[int(request.param("token", "0"))]))[1])
    lab.has(collection("p.slow", "/slow", page={"style": "token", "from": "body:/next", "to": "query:token"},
                       limits={"rate": 20, "burst": 1}),
            *[collection(f"p.t{n}", f"/t{n}") for n in range(5)])
    lab.run()
    slow = [r.when for r in server.log if r.path == "/slow"]
    fast = [r.when for r in server.log if r.path != "/slow"]
    assert slow[-1] - slow[0] >= 9 * 0.05 * 0.95
    assert max(fast) <= slow[2], "nobody waits for the slow one's bucket"


def test_accounts_have_buckets_of_their_own(lab, meter):
    has(lab, 4, {"rate": 2, "burst": 1}, accounts=[lab.account(id=f"acct-{n}") for n in range(5)])
    lab.run()
    assert 1.4 <= meter.span() <= 4, "20 requests of one bucket would take 9.5 s"
