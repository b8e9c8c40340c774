"""providers/aws.yaml, and which of AWS's operations each of its collections asks."""

import copy
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

import wire

PATH = Path(__file__).resolve().parents[2] / "providers" / "aws.yaml"
PLACEHOLDER = re.compile(r"\{([^{}]+)\}")

# What the table in the file's head says that other partitions need, and a region of each.
PARTITIONS = {
    "eu-west-1": {},
    "cn-north-1": {"suffix": "amazonaws.com.cn", "home": "cn-north-1", "iam": "iam.cn-north-1.amazonaws.com.cn",
                   "iam_region": "cn-north-1", "route53": "route53.amazonaws.com.cn",
                   "route53_region": "cn-northwest-1"},
    "us-gov-west-1": {"suffix": "amazonaws.com", "home": "us-gov-west-1", "iam": "iam.us-gov.amazonaws.com",
                      "iam_region": "us-gov-west-1", "route53": "route53.us-gov.amazonaws.com",
                      "route53_region": "us-gov-west-1"},
}

# botocore's names of services that aren't their ids without the separators.
NAMES = {"ELASTIC_LOAD_BALANCING_V2": "elbv2", "CLOUDWATCH_LOGS": "logs"}


class Mistake(Exception):
    """The file asks for something that isn't there."""


def plain_id(text):
    """A service's id as in AWS_ENDPOINT_URL_<ID>."""
    return re.sub(r"[^A-Z0-9]", "_", text.upper())


def expand(text, region, vars, more=None):
    """Placeholders that the region and vars are the values of; others stay. The last alternative counts last."""
    values = {"region": region, "auth.region": region, **{f"vars.{k}": v for k, v in vars.items()}, **(more or {})}

    def value(match):
        for name in match[1].split("|"):
            if name in values:
                return values[name]
        return match[0]
    return PLACEHOLDER.sub(value, text)


@dataclass
class Collection:
    """A collection of the file, or its discovery of regions; `file` is the whole file."""
    file: dict
    spec: dict
    type: str

    def __getattr__(self, key):
        return self.spec.get(key)

    def __str__(self):
        return self.type

    @property
    def parent(self):
        scope = self.spec.get("scope")
        return find(self.file, scope["parent"]) if isinstance(scope, dict) else None

    @property
    def is_regional(self):
        """Asked once for each region; or below something that is."""
        return self.parent.is_regional if self.parent else self.spec.get("scope") == "region"

    @property
    def service_id(self):
        return plain_id(self.auth.get("id", self.auth["service"]))

    @property
    def service_name(self):
        return NAMES.get(self.service_id, self.service_id.replace("_", "").lower())

    @property
    def service(self):
        if self.service_name not in services():
            raise Mistake(f"AWS has no service of the id {self.service_id}")
        return wire.service(self.service_name)

    @property
    def protocol(self):
        return wire.protocol_of(self.service)

    @property
    def operation(self):
        """What is asked, found by what the request says of it."""
        request, model = self.request, self.service
        if self.protocol in ("ec2", "query"):
            name = request.get("form", {}).get("Action")
        elif self.protocol == "json":
            name = request.get("headers", {}).get("X-Amz-Target", "").rpartition(".")[2]
        else:
            name = self._by_path(model)
        if name not in model.operation_names:
            raise Mistake(f"{model.service_name} has no operation {name!r}")
        return model.operation_model(name)

    @property
    def is_known(self):
        try:
            return bool(self.operation)
        except Mistake:
            return False

    def _by_path(self, model):
        request = self.request
        path = "/" + request["url"].partition("://")[2].partition("/")[2]
        path = path.replace("{+parent:/Id}", "/hostedzone/{Id}")  # as Route 53's ids are
        marks = {name for name, value in request.get("query", {}).items() if value == ""}
        for name in model.operation_names:
            http = model.operation_model(name).http
            own_path, _, own_query = http["requestUri"].partition("?")
            own_marks = {part.partition("=")[0] for part in own_query.split("&") if part}
            if (http["method"], alike(own_path), own_marks) == (request.get("method", "GET"), alike(path), marks):
                return name
        raise Mistake(f"{model.service_name} has no operation at {request.get('method', 'GET')} {path} {sorted(marks)}")

    @property
    def answer(self):
        """The node of the whole answer."""
        return wire.answer(self.operation)

    @property
    def item(self):
        """The node of one item."""
        return wire.lead(self.answer, self.item_prefix)

    @property
    def item_prefix(self):
        """Where an item is in its answer. In XML `*` also walks a single one, as if it stood in a list."""
        holder = wire.lead(self.answer, self.items[:-2]) if self.items else None
        single = holder is not None and holder.xml and holder.kind == "object"
        return self.items[:-2] if single else self.items

    def is_parsed(self, pointer):
        """It leads into what a text of JSON holds, which no model tells."""
        return any(pointer.startswith(text + "/") for text in self.spec.get("parse", ()))

    def has_own_document(self):
        """It isn't a list: there is one document, or none."""
        return self.item_prefix != self.items or self.items == ""


def alike(path):
    """A path whose parameters have lost their names."""
    return re.sub(r"\{[^{}]+\}", "{}", path).rstrip("/")


@cache
def services():
    return set(wire.session().get_available_services())


def load():
    return yaml.safe_load(PATH.read_text())


def mutable():
    """A copy whose parts aren't shared, as aliases are."""
    return copy.deepcopy(yaml.load(PATH.read_text(), Loader=Unshared))


class Unshared(yaml.SafeLoader):
    """Makes a value of its own for each alias."""

    def construct_object(self, node, deep=False):
        self.constructed_objects.pop(node, None)
        return super().construct_object(node, True)


def collections(file):
    """All that the file asks, regions first."""
    return [Collection(file, file["regions"], "regions")] + \
        [Collection(file, spec, spec["type"]) for spec in file["collections"]]


def find(file, type):
    return next(c for c in collections(file) if c.type == type)
