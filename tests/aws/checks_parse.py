"""Checks of `parse` in aws.yaml: what is JSON in a text is read, and nothing else is called so."""

import re

import wire

DEPTH = 7  # of what lies within each other that is looked at
NAMES = re.compile(r"(policy|policydocument|document)$", re.IGNORECASE)

# What looks as if it were JSON and isn't, and why.
NO_JSON = {
    ("elbv2", "SslPolicy"): "a name",
    ("elbv2", "JwksEndpoint"): "an address",
    ("ecs", "attestationPolicy"): "base64, of a signed envelope",
    ("apigateway", "policy"): "its quotes are escaped once more",
}


def leaves(node, at="", depth=DEPTH):
    """The texts of a document, as pointer and node. Where a map's keys are known, each by itself."""
    if node.kind == "text":
        yield at, node
    elif depth and node.kind == "object":
        for name, member in node.members().items():
            yield from leaves(member, f"{at}/{name}", depth - 1)
    elif depth:
        names = getattr(node.shape.key, "enum", None) if node.kind == "map" else None
        for name in names or ["*"]:
            yield from leaves(node.item(), f"{at}/{name}", depth - 1)


def may_be_json(node, at):
    shape = node.shape
    if shape.type_name != "string" or getattr(shape, "enum", None):
        return False
    return NAMES.search(at.rpartition("/")[2]) or NAMES.search(shape.name) or "JSON" in (shape.documentation or "")


def is_left_out(c, at):
    return any(at == pointer or at.startswith(pointer + "/") for pointer in c.spec.get("ignore", ()))


def texts_of_json_are_parsed(c):
    if c.item.kind == "text":
        return  # S3's policy is the document itself
    for at, node in leaves(c.item):
        known = (c.service_name, at.rpartition("/")[2]) in NO_JSON
        if may_be_json(node, at) and not known and not is_left_out(c, at) and at not in c.spec.get("parse", ()):
            yield f"{at} may hold JSON, and `parse` doesn't name it"


def parse_names_texts(c):
    for pointer in c.spec.get("parse", ()):
        found = wire.lead(c.item, pointer)
        why = NO_JSON.get((c.service_name, pointer.rpartition("/")[2]))
        if why:
            yield f"parse {pointer!r} is {why}, no JSON"
        elif not c.is_parsed(pointer) and (found is None or found.shape.type_name != "string"):
            yield f"parse {pointer!r}: the answer of {c.operation.name} has no such text"
