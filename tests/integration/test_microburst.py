"""moto behind microburst, which fails as AWS does: throttling in each service's own words and format, 5xx, resets, cut answers.

Some are over after a few tries, some last as long as the run, some come at a rate. Whatever it is: nothing that is there is
deleted, and a run without it has everything.
"""

import pytest
from burst import Burst
from moto_cloud import Moto
from moto_things import SIZES, Things

TYPE = {"ec2": "aws.ec2.volume", "iam": "aws.iam.user", "s3": "aws.s3.bucket", "logs": "aws.logs.log_group"}
THROTTLED = [("ec2", "RequestLimitExceeded"), ("ec2", "Throttling"), ("iam", "Throttling"), ("iam", "ThrottlingException"), ("s3", "SlowDown"),
             ("logs", "ThrottlingException"), ("logs", "ProvisionedThroughputExceededException"), ("logs", "TooManyRequestsException")]
BROKEN = {  # what happens to a request, and the kind of error that a receipt says when it happens each time
    "unavailable": ({"error": {"code": "ServiceUnavailable", "status": 503}}, "server error"),
    "internal": ({"error": {"code": "InternalFailure", "status": 500}}, "server error"),
    "reset": ({"reset": True}, "transfer"),
    "slow_and_gone": ({"timeout_ms": 100}, "server error"),
    "aborted": ({"response": {"abort_frac": 0.5}}, "transfer"),
}


class World:
    def __init__(self, folder, moto, burst):
        self.burst, self.things = burst, Things(moto, 4)
        self.lab = self.things.lab(folder / "lab", burst.url, list(SIZES))
        self.usual = len(self.things.truth("aws.ec2.volume"))

    def change(self):
        """Something of each comes; then something of each goes; and so on."""
        act = self.things.create if len(self.things.truth("aws.ec2.volume")) <= self.usual else self.things.delete
        for type in SIZES:
            act(type)

    def run(self, **more):
        run = self.lab.run(**more)
        wrong = [e["id"] for e in run.changes() if e["op"] == "deleted" and (None, e["id"]) in self.things.truth(e["type"])]
        assert not wrong, f"deleted, and still there: {wrong}\n{run}"
        return run

    def is_as_the_provider(self):
        """Without failures now: all that is there at once, and what is gone after a second listing."""
        self.burst.rules()
        self.run(expect=None)  # it may go on where another one failed
        for _ in range(2):
            self.run()
        for type in SIZES:
            assert self.lab.ids(type) == sorted(id for _, id in self.things.truth(type))
        self.lab.verify()

    def last_receipts(self):
        """By type."""
        return {one["type"]: one for one in sorted(self.lab.receipts(), key=lambda one: int(one["id"].split("-")[-1]))}


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    folder = tmp_path_factory.mktemp("microburst")
    with Moto(folder) as moto, Burst(folder, moto.url) as burst:
        yield World(folder, moto, burst)


def check_recovered(world, services, rule):
    """A rule for each service, as a sequence is of all requests that its rule is about."""
    world.change()
    world.burst.rules(*({"service": service, **rule, "sequence": {"fail": 2, "pass": 1}} for service in services))
    world.run()
    assert len(world.burst.fired()) >= 4, "each page of two was refused twice at least"
    assert all(one["sound"] and not one["error"] for one in world.last_receipts().values())
    world.is_as_the_provider()


def check_lost(world, rule, types, kind):
    """`types` fail with that kind of error, the others don't."""
    world.change()
    world.burst.rules(rule)
    run = world.run(expect=1)
    assert world.burst.fired()
    assert {e["type"] for e in run.statuses("unreachable")} == set(types)
    for type, receipt in world.last_receipts().items():
        assert receipt["error"] == (kind if type in types else None), receipt
        assert receipt["sound"] == (type not in types)
    for type in types:
        run.said(type.replace(".", r"\."), "nothing deleted")
    world.is_as_the_provider()


@pytest.mark.parametrize("service,code", THROTTLED)
def test_throttling_that_ends_is_waited_out(world, service, code):
    check_recovered(world, [service], {"error": {"code": code}})


@pytest.mark.parametrize("service,code", THROTTLED)
def test_throttling_without_end_is_one_unreachable_collection(world, service, code):
    check_lost(world, {"service": service, "error": {"code": code}}, {TYPE[service]}, "throttled")


@pytest.mark.parametrize("what", BROKEN)
def test_a_failure_that_ends_is_waited_out(world, what):
    check_recovered(world, TYPE, BROKEN[what][0])


@pytest.mark.parametrize("what", BROKEN)
def test_a_failure_without_end_deletes_nothing(world, what):
    check_lost(world, {"service": "*", **BROKEN[what][0]}, set(SIZES), BROKEN[what][1])


@pytest.mark.parametrize("share", [0.2, 0.5])
def test_all_of_it_at_a_rate(world, share):
    """Any run may fail or not: what it says is true either way."""
    world.burst.rules(*({"service": "*", "probability": share / len(BROKEN), **fault} for fault, _ in BROKEN.values()),
                      *({"service": service, "probability": share / 4, "error": {"code": code}} for service, code in THROTTLED))
    for _ in range(8):
        world.change()
        run = world.run(expect=None)
        receipts = world.last_receipts()
        assert run.code == (1 if any(not one["sound"] for one in receipts.values()) else 0), str(run)
        for type, receipt in receipts.items():
            if receipt["sound"]:
                assert receipt["items"] == len(world.things.truth(type)), f"{receipt}\n{run}"
    assert world.burst.fired()
    world.is_as_the_provider()
