"""A cluster of real processes that harvests moto with providers/aws.yaml: somebody works in all its accounts with boto3, and two subscribers
write down what they are told, one that asks the workers and one at a gateway.

    with MotoCluster(folder) as cluster:
        cluster.work()              # in each account a thing of each kind is made, one that was made before is changed, an older one is deleted
        cluster.wait_told()
        cluster.check()             # both were told just that, and end with what boto3 lists
"""

import time

import actor
import moto_lab
from actor import KIND, Place
from cluster_net import NetCluster, Program
from garner import CHANGES, replay
from gateway import Stream
from moto_cloud import Moto, role

SECURITY_GROUP, SNAPSHOT, LOGS = "aws.ec2.security_group", "aws.ec2.snapshot", "aws.logs.log_group"
TYPES = [SECURITY_GROUP, "aws.ec2.volume", SNAPSHOT, LOGS]
CHANGED = [SECURITY_GROUP, SNAPSHOT, LOGS]   # a group's port 22 is opened to everybody, a snapshot is tagged, …
DELETED = [SECURITY_GROUP, SNAPSHOT, LOGS]
REGION, HTTP = "us-east-1", 7800
STANDING = 5  # things of each kind that stay: so many that no guard holds back a deletion


class AtGateway:
    """Who follows a gateway's stream, and begins another one where it has ended: behind the last bookmark, as what came after it
    is told once more."""

    def __init__(self, host):
        self.host, self.before, self.stream = host, [], None

    def open(self):
        marks = [number for number, event in enumerate(self.before) if event["op"] == "bookmark"]
        self.before = self.before[:marks[-1] + 1] if marks else []
        begin = self.before[-1]["cursor"] if marks else "oldest"
        try:
            self.stream = Stream(HTTP, f"/v1/changes?from={begin}", host=self.host)
        except (OSError, AssertionError):  # nobody is there just now
            self.stream = None

    def events(self):
        if self.stream and self.stream.ended:
            self.close()
        if not self.stream:
            self.open()
        return self.before + list(self.stream.events if self.stream else [])

    def close(self):
        if self.stream:
            self.before += self.stream.events
            self.stream.__exit__()
        self.stream = None


class MotoCluster(NetCluster):
    spaces = ("gateway",)

    def __init__(self, folder, accounts=4, every="1s", lease="4s", **more):
        super().__init__(folder, accounts=0, every=every, lease=lease, **more)
        self.accounts = [f"{700000000000 + n}" for n in range(accounts)]
        self.rounds, self.done = 0, []  # accounts and claims, in the order in which boto3 did it

    # --- its processes ---

    def start_api(self):
        self.moto = Moto(self.folder, self.net.address("api"), self.net.within("api"))
        self.lab.env.update(self.moto.environment())
        self.places = [Place(self.moto, account, REGION) for account in self.accounts]
        for place in self.places:
            for number in range(STANDING):
                actor.make(TYPES, place, f"standing-{number}")

    def stop_api(self):
        if hasattr(self, "at_gateway"):
            self.at_gateway.close()
        if hasattr(self, "moto"):
            self.moto.stop()

    def programs(self):
        return [*super().programs(), *([self.gateway] if hasattr(self, "gateway") else [])]

    def write(self):
        made = moto_lab.definition(TYPES)
        for one in made["collections"]:
            one["every"] = self.every
        self.configure(made, [{"id": account, "regions": [REGION], "credentials": {"aws": {"role_arn": role(account)}}} for account in self.accounts])

    def open(self):
        super().open()
        self.start_gateway()
        self.at_gateway = AtGateway(self.net.address("gateway"))

    def start_gateway(self):
        self.gateway = Program(self.lab, "garner-gateway", self.net.within("gateway"), "--at", self.at, "--http",
                               f"{self.net.address('gateway')}:{HTTP}").start()
        self.gateway.wait(lambda: self.gateway.said("listening for HTTP"))

    # --- what boto3 does ---

    def work(self):
        """A thing is made in one round, changed in the next one, and deleted in the one after that."""
        self.rounds += 1
        for place in self.places:
            self.did(place, actor.delete(DELETED, place, f"round-{self.rounds - 2}"))
            self.did(place, actor.change(CHANGED, place, f"round-{self.rounds - 1}"))
            self.did(place, actor.make(TYPES, place, f"round-{self.rounds}"))

    def did(self, place, claims):
        self.done += [(place.account, claim) for claim in claims]

    def make_large(self, place, count):
        """Volumes whose tags take some ten kilobytes each."""
        tags = [{"Key": f"tag-{n}", "Value": 200 * "x"} for n in range(50)]
        for _ in range(count):
            id = place("ec2").create_volume(Size=8, AvailabilityZone=f"{REGION}a", TagSpecifications=[
                {"ResourceType": "volume", "Tags": tags}])["VolumeId"]
            self.did(place, [KIND["aws.ec2.volume"].created(place, id)])

    # --- what is told ---

    def records(self):
        """What each subscriber was told, by its name."""
        return {"garner feed": self.events(), "the gateway": self.at_gateway.events()}

    def untold(self, accounts=None):
        """What of all that was done in these accounts (None: in all) which subscriber wasn't told yet."""
        wanted = {(account, *claim.key) for account, claim in self.done if accounts is None or account in accounts}
        lacks = {name: wanted - {key_of(event) for event in events if event["op"] in CHANGES} for name, events in self.records().items()}
        return {name: keys for name, keys in lacks.items() if keys}

    def wait_told(self, accounts=None, within=60):
        """Gives how long it took."""
        began = time.monotonic()
        while untold := self.untold(accounts):
            assert time.monotonic() < began + within, f"not told within {within} s: {untold}\n" + "\n".join(map(str, self.programs()))
            time.sleep(0.1)
        return time.monotonic() - began

    def check(self):
        for name, events in self.records().items():
            self.check_record(name, events)
        assert all(program.process.poll() is None for program in (self.coordinator, self.feed, self.gateway)), self.gateway

    def check_record(self, name, events):
        """Of each thing just what boto3 did to it, in that order; what it did nothing to was there from the start, and is. In the end there is what boto3 lists."""
        state = replay(events)
        did, told = {}, {}
        for account, claim in self.done:
            did.setdefault((account, *claim.key[1:]), []).append(claim.op)
        for event in events:
            if event["op"] in CHANGES:
                account, op, *thing = key_of(event)
                told.setdefault((account, *thing), []).append(op)
        for key in {**did, **told}:
            assert told.get(key) == did.get(key, ["created"]), f"{name}: {key}: told {told.get(key)}, and boto3 did {did.get(key)}"
        for place in self.places:
            for type in TYPES:
                held = {key[5]: document for key, document in state.items() if (key[1], key[3]) == (place.account, type)}
                assert sorted(held) == sorted(KIND[type].ids(place)), (name, place.account, type)
                if type == SECURITY_GROUP:
                    assert {id: ports_of_document(held[id]) for id in held} == ports_at(place), (name, place.account)


def key_of(event):
    """As a claim's, with its account in front."""
    return event["account"], event["op"], event["type"], event["region"], event["id"]


def ports_of_document(group):
    return sorted((rule.get("fromPort"), one["cidrIp"]) for rule in group.get("ipPermissions") or [] for one in rule.get("ipRanges") or [])


def ports_at(place):
    """What boto3 says each group is open to."""
    return {group["GroupId"]: sorted((str(rule["FromPort"]), one["CidrIp"]) for rule in group["IpPermissions"] for one in rule["IpRanges"])
            for group in place.has("ec2", "describe_security_groups", "SecurityGroups")}
