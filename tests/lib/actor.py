"""Somebody who works in an AWS account, with boto3: makes, changes and deletes one thing of each kind, and says
what a harvest must tell of it.

    aws = Place(moto, "222222222222", "eu-west-1")
    claims = make(KINDS, aws, "a")          # one of each kind, named "a"
    claims = change(KINDS, aws, "a")        # then each of them changed …
    claims = delete(KINDS, aws, "a")        # … and deleted

A claim is an event that must come. A kind claims what else it touches, too: a VPC brings a security group with
it. What nobody claimed must not come.
"""

import re
from dataclasses import dataclass, replace

import jmespath


@dataclass(frozen=True)
class Claim:
    op: str
    type: str
    id: str
    region: str | None
    paths: tuple = ()      # of an update: regular expressions; each must match a path of the patch, each path one of them
    value: object = None   # … and the value of one of its steps is, or holds, this

    @property
    def key(self):
        return self.op, self.type, self.region, self.id

    def doubts(self, event):
        """What is wrong with the event that this claim is about; None if nothing is."""
        if self.op != "updated":
            return None
        found = [step["path"] for step in event["patch"]]
        for path in self.paths:
            if not any(re.match(path, one) for one in found):
                return f"{self.key}: the patch has nothing at {path}: {event['patch']}"
        for one in found:
            if not any(re.match(path, one) for path in self.paths):
                return f"{self.key}: the patch has {one}, which nobody touched: {event['patch']}"
        if self.value is not None and not any(holds(step.get("value"), self.value) for step in event["patch"]):
            return f"{self.key}: no value of the patch holds {self.value!r}: {event['patch']}"
        return None


def holds(value, wanted):
    """Whether `wanted` is this value, or is in it at any depth. A dict is in one that has its members."""
    if value == wanted:
        return True
    if isinstance(value, dict) and isinstance(wanted, dict) and all(k in value and holds(value[k], v) for k, v in wanted.items()):
        return True
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return any(holds(one, wanted) for one in inner)


class Place:
    """A region of an account, and a client of each service there. `made` holds the ids of what was made, by kind and name."""

    def __init__(self, moto, account, region):
        self.moto, self.account, self.region = moto, account, region
        self.made = {}

    def __call__(self, service):
        return self.moto.client(service, self.region, self.account)

    def has(self, service, operation, expression, **arguments):
        """All that an operation lists, page after page, by a JMESPath expression."""
        client = self(service)
        if client.can_paginate(operation):
            return [one for one in client.get_paginator(operation).paginate(**arguments).search(expression) if one is not None]
        return jmespath.search(expression, getattr(client, operation)(**arguments)) or []


class Kind:
    """A collection of providers/aws.yaml. Its methods return claims: the first is of the thing itself."""

    type = None
    regional = True
    after = ()        # kinds that must be made before this one, and deleted after it

    def make(self, aws, name):
        raise NotImplementedError

    def change(self, aws, id):
        return []

    def delete(self, aws, id):
        raise NotImplementedError

    def ids(self, aws):
        """The ids as boto3 lists them."""
        raise NotImplementedError

    # --- claims ---

    def claim(self, op, aws, id, type=None, paths=(), value=None):
        regional = self.regional if type is None else KIND[type].regional
        return Claim(op, type or self.type, id, aws.region if regional else None, tuple(paths), value)

    def created(self, aws, id, type=None):
        return self.claim("created", aws, id, type)

    def updated(self, aws, id, *paths, value=None, type=None):
        return self.claim("updated", aws, id, type, paths, value)

    def deleted(self, aws, id, type=None):
        return self.claim("deleted", aws, id, type)


class Listed(Kind):
    """A kind that one operation lists."""

    service, operation, expression, arguments = None, None, None, {}

    def ids(self, aws):
        return aws.has(self.service, self.operation, self.expression, **self.arguments)

    def documents(self, aws):
        """What boto3 makes of each, by id. The expression ends in the id's name, if it isn't the id itself."""
        items, _, key = self.expression.rpartition(".")
        if not items:
            return {one: one for one in self.ids(aws)}
        return {one[key]: one for one in aws.has(self.service, self.operation, items, **self.arguments)}


KIND = {}  # by type


def kind(made):
    """Takes a class among the kinds."""
    KIND[made.type] = made()
    return made


def in_order(types):
    """These types, each after those it needs."""
    done = []

    def visit(type):
        for other in KIND[type].after:
            if other in types:
                visit(other)
        if type not in done:
            done.append(type)
    for type in types:
        visit(type)
    return done


def make(types, aws, name):
    claims = []
    for type in in_order(types):
        made = KIND[type].make(aws, name)
        if made:
            aws.made[type, name] = made[0].id
        claims += made
    return claims


def change(types, aws, name):
    return [claim for type in in_order(types) if (type, name) in aws.made for claim in KIND[type].change(aws, aws.made[type, name])]


def delete(types, aws, name):
    return [claim for type in reversed(in_order(types)) if (type, name) in aws.made
            for claim in KIND[type].delete(aws, aws.made.pop((type, name)))]


def merge(claims):
    """What a harvest sees of all this: one event a thing. What was made and then touched is made; what was touched
    and then deleted is deleted; what was made and deleted was never there."""
    by_thing = {}
    for claim in claims:
        by_thing.setdefault(claim.key[1:], []).append(claim)
    for some in by_thing.values():
        ops = [claim.op for claim in some]
        if "created" in ops and "deleted" in ops:
            continue
        one = next((claim for claim in some if claim.op != "updated"), some[0])
        if one.op != "updated":
            yield one
            continue
        paths = tuple(dict.fromkeys(path for claim in some for path in claim.paths))
        value = next((claim.value for claim in some if claim.value is not None), None)
        yield replace(one, paths=paths, value=value)


def compare(claims, events):
    """Asserts that these events are the claimed ones, each once, and no others."""
    wanted, came = {claim.key: claim for claim in merge(claims)}, {}
    for event in events:
        key = (event["op"], event["type"], event["region"], event["id"])
        assert key not in came, f"told twice: {key}"
        came[key] = event
    missing, extra = sorted(set(wanted) - set(came), key=str), sorted(set(came) - set(wanted), key=str)
    problems = [f"not told: {key}" for key in missing] + [f"nobody did: {key} {came[key]['patch']}" for key in extra]
    problems += [doubt for key, claim in wanted.items() if key in came and (doubt := claim.doubts(came[key]))]
    assert not problems, "\n".join(problems)
