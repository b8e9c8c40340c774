"""Throttling: what a provider says of its limits is heard by all that share a limit key, and by nobody else."""

import threading
import time
from email.utils import formatdate

import pytest
from garner import collection
from server import Answer, Listing, error, sequence

PAGE = {"style": "token", "from": "body:/next", "to": "query:token"}
ERRORS = {"code_at": "/error/code", "throttled": ["SlowDown"], "expired": ["ExpiredToken"]}
GRACE_S = 0.3   # for what was under way already
TICK_S = 0.02   # what an ordinary answer takes


def items(count):
    return [{"id": f"i{n}"} for n in range(count)]


def slowly(answer):
    answer.delay = TICK_S
    return answer


class World:
    """Two accounts, each with a limit key of its own. Of the first one two collections: `once` has a page, `many`
    is listed for longer than any pause here. `says` (request -> Answer or None) may answer instead of all that."""

    def __init__(self, lab, server, says, pages=60):
        self.lab, self.server, self.lock = lab, server, threading.Lock()
        self.said_at = None
        many = Listing(items(pages), size=1)
        server.on("/one/*", lambda request: self.answer(request, says) or slowly(many(request)))
        server.on("/other/*", lambda request: slowly(many(request)))
        lab.has(collection("p.first", "/first", priority="high"), collection("p.many", "/many", page=PAGE),
                errors=ERRORS, accounts=[lab.account(id="acct-1", endpoint=f"{server.url}/one"),
                                         lab.account(id="acct-2", endpoint=f"{server.url}/other")])

    def answer(self, request, says):
        with self.lock:
            answer = says(request)
            if answer and self.said_at is None:
                self.said_at = time.monotonic()
            return answer

    def asked_between(self, account, first_s, last_s):
        return [r for r in self.server.asked(f"/{account}/*") if first_s < r.when - self.said_at < last_s]

    def assert_paused(self, for_s):
        """Nothing of that key meanwhile, and the other one went on."""
        assert not self.asked_between("one", GRACE_S, for_s - 0.05)
        assert len(self.asked_between("other", GRACE_S, for_s)) > 5
        assert self.asked_between("one", for_s - 0.05, 60), "and then it goes on"


def once(answer):
    """That answer to the first request for `first`, when `many` is under way."""
    state = {"many": 0, "said": False}

    def says(request):
        state["many"] += request.path.endswith("many")
        if request.path.endswith("first"):
            if not state["said"]:
                state["said"] = True
                return answer() if callable(answer) else answer
            return Answer({"items": items(1)})
        return None
    return says


def in_seconds(seconds):
    return {"Retry-After": str(seconds)}


def as_a_date(seconds):
    return {"Retry-After": formatdate(time.time() + seconds + 1, usegmt=True)}


@pytest.mark.parametrize("status, code, headers", [
    (429, "TooMany", in_seconds), (429, "TooMany", as_a_date), (503, "Down", as_a_date), (400, "SlowDown", in_seconds),
    (200, "SlowDown", in_seconds), (403, "Secondary", in_seconds)])
def test_a_retry_after_pauses_all_collections_of_its_key_and_no_other(lab, server, status, code, headers):
    world = World(lab, server, once(lambda: error(status, code, headers(1))))
    run = lab.run()
    assert len(run.changes("p.first")) == 2
    assert len(run.changes("p.many")) == 120
    world.assert_paused(1)


RESETS = [
    lambda: {"X-RateLimit-Limit": "60", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1"},
    lambda: {"x-ratelimit-limit": "60", "x-ratelimit-remaining": "0", "x-ratelimit-reset": f"{time.time() + 1:.3f}"},
    lambda: {"X-Rate-Limit-Remaining": "0", "X-Rate-Limit-Reset": str(int(time.time() * 1000) + 1000)},
    lambda: {"RateLimit-Limit": "60, 60;w=60", "RateLimit-Remaining": "0", "RateLimit-Reset": "1"},
    lambda: {"RateLimit": "limit=60, remaining=0, reset=1"},
    lambda: {"RateLimit": '"daily";r=900;t=80000, "burst";r=0;t=1', "RateLimit-Policy": '"daily";q=1000;w=86400, "burst";q=9;w=2'},
]


@pytest.mark.parametrize("headers", RESETS)
def test_nothing_remaining_pauses_until_the_reset(lab, server, headers):
    world = World(lab, server, once(lambda: Answer({"items": items(1)}, headers=headers())))
    lab.run()
    world.assert_paused(1)


def test_little_remaining_is_spread_until_the_reset(lab, server):
    """Ten remain for two seconds: one each 200 ms."""
    world = World(lab, server, once(Answer({"items": items(1)}, headers={
        "X-RateLimit-Limit": "100", "X-RateLimit-Remaining": "10", "X-RateLimit-Reset": "2"})))
    lab.run()
    assert 5 <= len(world.asked_between("one", GRACE_S, 2)) <= 10
    assert len(world.asked_between("one", 2.1, 3.1)) > 12, "and then it is forgotten"


def test_a_run_of_once_keeps_no_pause_beyond_its_patience(lab, server):
    world = World(lab, server, once(lambda: Answer({"items": items(1)}, headers={
        "X-RateLimit-Limit": "60", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "3600"})))
    began = time.monotonic()
    assert len(lab.run().changes("p.many")) == 120
    assert time.monotonic() - began < 60
    assert len(world.asked_between("one", 0, 60)) > 50


class Hidden:
    """A limit that nobody is told of: a token bucket, and a 429 for what is too much."""

    def __init__(self, rate, listing):
        self.rate, self.listing, self.lock = rate, listing, threading.Lock()
        self.tokens, self.when, self.refused, self.served = rate / 4, time.monotonic(), 0, 0

    def __call__(self, request):
        with self.lock:
            now = time.monotonic()
            self.tokens, self.when = min(self.rate / 4, self.tokens + (now - self.when) * self.rate), now
            if self.tokens < 1:
                self.refused += 1
                return error(429)
            self.tokens -= 1
            self.served += 1
        return self.listing(request)


def test_a_hidden_limit_is_found(lab, server):
    hidden = Hidden(40, Listing(items(40), size=1))
    server.on("/*", hidden)
    lab.has(*[collection(f"p.t{n}", f"/t{n}", page=PAGE) for n in range(10)],
            config={"retry_first": "300ms"})
    assert len(lab.run().changes()) == 400
    assert hidden.served == 400
    assert hidden.refused < 80


def test_a_throttled_collection_of_its_own_limits_slows_both_buckets(lab, server):
    """What is narrower and what is wider: the provider doesn't say which of them it means."""
    server.on("/slow", sequence(error(429, headers=in_seconds(1)), Answer({"items": items(1)})))
    listing = Listing(items(100), size=1)
    server.on("/many", lambda request: slowly(listing(request)))
    lab.has(collection("p.slow", "/slow", limits={"rate": 100}, priority="high"), collection("p.many", "/many", page=PAGE))
    lab.run()
    refused, _ = server.asked("/slow")
    assert not [r for r in server.asked("/many") if GRACE_S < r.when - refused.when < 0.95]


# --- credentials in mid-listing ---

LOGIN = {"kind": "login", "request": {"method": "POST", "url": "{account.endpoint}/login"},
         "token": "body:/token", "send": "header:Authorization"}


@pytest.mark.parametrize("page", range(1, 6))
@pytest.mark.parametrize("status, code", [(401, "Whatever"), (400, "ExpiredToken"), (200, "ExpiredToken"), (403, "ExpiredToken")])
def test_a_token_that_ends_at_any_page_is_renewed_once(lab, server, status, code, page):
    logins = [{"token": f"token-{n}"} for n in range(5)]
    server.on("/login", sequence(*logins))
    listing = Listing(items(5), size=1)

    def things(request):
        at = int((request.param("token") or "t0")[1:]) + 1
        stale = request.header("Authorization") == "token-0" and at >= page
        return error(status, code) if stale else listing(request)
    server.on("/things", things)
    lab.has(collection(page=PAGE), auth=LOGIN, errors=ERRORS)
    assert len(lab.run().changes()) == 5
    assert len(server.asked("/login")) == 2
    tokens = [None, "t1", "t2", "t3", "t4"]
    assert [r.param("token") for r in server.asked("/things")] == tokens[:page] + tokens[page - 1:]
