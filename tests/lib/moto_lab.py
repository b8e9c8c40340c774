"""A lab that harvests moto with providers/aws.yaml as it is, but for the limits of its requests."""

import actor_ebs  # noqa: F401  (each has kinds)
import actor_ec2  # noqa: F401
import actor_iam  # noqa: F401
import actor_json  # noqa: F401
import actor_query  # noqa: F401
import actor_rest  # noqa: F401
import actor_s3  # noqa: F401
import yaml
from actor import Place
from garner import ROOT, Lab
from moto_cloud import ACCOUNT

# What moto doesn't serve: none of these can be tested with it.
NOT_SERVED = {"aws.lambda.url": "HTTP 404"}
FILE = ROOT / "providers/aws.yaml"


def definition(types=None):
    """providers/aws.yaml, as fast as it goes; only these types and what they are children of, if told so."""
    made = yaml.safe_load(FILE.read_text())
    made.pop("limits", None)
    collections = {one["type"]: one for one in made["collections"]}
    for one in collections.values():
        one.pop("limits", None)
    if types is not None:
        wanted = set()
        for type in types:
            while type:
                wanted.add(type)
                scope = collections[type].get("scope")
                type = scope["parent"] if isinstance(scope, dict) else None
        made["collections"] = [one for one in made["collections"] if one["type"] in wanted]
    return made


def types():
    return [one["type"] for one in definition()["collections"]]


def served():
    return [type for type in types() if type not in NOT_SERVED]


def relisted():
    """The types of which a deletion is told once two listings missed it."""
    return {one["type"] for one in definition()["collections"] if one.get("delete", {}).get("confirm") == "relist"}


class MotoLab(Lab):
    def __init__(self, folder, moto, accounts=None, types=None):
        super().__init__(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.moto = moto
        self.env.update(moto.environment())
        self.has_provider(definition(served() if types is None else types), "aws")
        self.has_accounts(accounts or [{"id": ACCOUNT, "regions": ["us-east-1"]}])

    def has_accounts(self, accounts, **keys):
        self.has_config([{"provider": "aws", **account} for account in accounts], providers=["providers/aws.yaml"], **keys)

    def place(self, region="us-east-1", account=ACCOUNT):
        return Place(self.moto, account, region)
