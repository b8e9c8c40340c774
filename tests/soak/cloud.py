"""The share of the accounts that moto has: some collections of AWS, of which volumes and log groups come and go."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/lib"))

import moto_lab  # noqa: E402
from moto_cloud import role  # noqa: E402

VOLUME, LOGS = "aws.ec2.volume", "aws.logs.log_group"
FIRST, LEAST = 40, 25  # of each: so many that the guard has nothing to hold back
REGION = "us-east-1"


def roots(count):
    """So many types that are nobody's children, volumes and log groups among them."""
    found = [one["type"] for one in moto_lab.definition()["collections"]
             if not isinstance(one.get("scope"), dict) and one["type"] not in moto_lab.NOT_SERVED]
    return [VOLUME, LOGS, *(type for type in found if type not in (VOLUME, LOGS))][:count]


class Cloud:
    def __init__(self, moto, truth, random, accounts, collections):
        self.moto, self.truth, self.random, self.made = moto, truth, random, 0
        self.accounts = [f"{500000000000 + n}" for n in range(accounts)]
        self.types = roots(max(collections, 2))
        self.volumes, self.groups = {a: [] for a in self.accounts}, {a: [] for a in self.accounts}
        for account in self.accounts:
            for _ in range(FIRST):
                self.add(account, VOLUME)
                self.add(account, LOGS)

    def client(self, service, account):
        return self.moto.client(service, REGION, account)

    def add(self, account, type):
        if type == VOLUME:
            id = self.client("ec2", account).create_volume(AvailabilityZone=f"{REGION}a", Size=1)["VolumeId"]
            self.volumes[account].append(id)
        else:
            self.made += 1
            self.client("logs", account).create_log_group(logGroupName=f"g{self.made}")
            id = f"arn:aws:logs:{REGION}:{account}:log-group:g{self.made}:*"
            self.groups[account].append(id)
        # A name that only moto gives can't be noted before it is made: a line can't come before its own cause all the same.
        self.truth.created((account, type, id))

    def drop(self, account, type):
        ids = self.volumes[account] if type == VOLUME else self.groups[account]
        id = ids.pop(self.random.randrange(len(ids)))
        self.truth.deleted((account, type, id))
        if type == VOLUME:
            self.client("ec2", account).delete_volume(VolumeId=id)
        else:
            self.client("logs", account).delete_log_group(logGroupName=id.split(":")[6])

    def change(self):
        account, type = self.random.choice(self.accounts), self.random.choice((VOLUME, LOGS))
        ids = self.volumes[account] if type == VOLUME else self.groups[account]
        self.add(account, type) if self.random.random() < 0.5 or len(ids) < LEAST else self.drop(account, type)

    def definition(self, every):
        made = moto_lab.definition(self.types)
        for one in made["collections"]:
            one["every"] = every
        return made

    def configured(self):
        return [{"id": account, "provider": "aws", "regions": [REGION], "credentials": {"aws": {"role_arn": role(account)}}}
                for account in self.accounts]
