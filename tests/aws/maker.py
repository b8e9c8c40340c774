"""Documents out of models: plausible, all different, and as they go over the wire.

A value is made as Garner shows it (of XML, leaves are texts), and written as its protocol does."""

import itertools
import json
import random
from urllib.parse import quote
from xml.sax.saxutils import escape, quoteattr

import wire

SPICE = " +=%&<ü>\""  # what has to be encoded somewhere
DEPTH = 6
NUMBERS = itertools.count(1)


class Maker:
    """Makes the items of a collection. `plain` are members whose texts are names in hosts and the like."""

    def __init__(self, c, plain=()):
        self.c, self.plain = c, set(plain)
        self.arrays = set(c.file["xml"]["arrays"])
        self.prefix = c.item_prefix
        self.parse = set(c.spec.get("parse", ()))

    def item(self, name, seed):
        """`name` makes its texts unlike those of others, `seed` is which of the collection's items it is."""
        self.name, self.seed, self.dice = name, seed, random.Random(f"{self.c.type} {name} {seed}")
        if self.c.operation.name == "GetBucketPolicy":
            return self.policy()
        return self.value(self.c.item, "", 0)

    def policy(self):
        def text(of):
            return f"{of} {self.name} {self.seed}{SPICE}"
        return {"Version": "2012-10-17", "Id": text("Id"), "Statement": [
            {"Sid": text(sid), "Effect": "Allow", "Principal": {"AWS": [text("a"), text("b")]},
             "Action": ["s3:GetObject", "s3:PutObject"], "Resource": text("arn:aws:s3:::x")} for sid in "xy"]}

    def value(self, node, at, depth):
        if at in self.parse:
            return self.policy()
        if node.kind == "object":
            return {name: self.value(member, f"{at}/{name}", depth + 1)
                    for name, member in node.members().items() if depth < DEPTH or member.kind == "text"}
        if node.kind == "list":
            return [self.value(node.item(), f"{at}/*", depth + 1) for _ in range(self.count(node, at, depth))]
        if node.kind == "map":
            names = [name for name in getattr(node.shape.key, "enum", []) if name != "All"] or ["one", "two"]
            return {name: self.value(node.item(), f"{at}/{name}", depth + 1) for name in names}
        return self.leaf(node, at)

    def count(self, node, at, depth):
        """None, one or two; two where an empty one couldn't be told from a text."""
        if depth >= DEPTH:
            return 0 if not node.xml else 2 if node.item().kind == "text" else 1
        if node.xml and self.prefix + at not in self.arrays:
            return 2
        if not node.element and node.xml:
            return 1 + self.seed % 2  # without a container none is nothing at all
        return (self.seed + at.count("*") + 1) % 3

    def leaf(self, node, at):
        kind, name = node.shape.type_name, at.rpartition("/")[2].lstrip("@")
        made = self.scalar(kind, node, name)
        if node.xml and not isinstance(made, str):
            return str(made).lower()
        return made

    def scalar(self, kind, node, name):
        if kind == "boolean":
            return self.dice.random() < 0.5
        if kind in ("integer", "long"):
            return self.dice.randrange(1 << 31)
        if kind in ("float", "double"):
            return self.dice.randrange(1000) / 8
        if kind == "timestamp":
            return f"2026-11-{self.dice.randrange(10, 29)}T10:00:{self.dice.randrange(10, 59)}.000Z" if node.xml \
                else 1700000000 + self.dice.randrange(1 << 20)
        if getattr(node.shape, "enum", None):
            return self.dice.choice(node.shape.enum)
        number = self.dice.randrange(1 << 32)
        if name in self.plain:
            return f"{name.lower()}-{self.name}-{self.seed}"
        return f"{name} {self.name} {self.seed} {number:08x}{SPICE}"


# --- writing ---

def as_text(c, value, spacious):
    """What `parse` reads, as the text that it is on the wire: IAM's are percent-encoded."""
    text = json.dumps(value, ensure_ascii=False, indent=2 if spacious else None)
    return quote(text, safe="") if c.service_name == "iam" else f"\n{text}\n" if spacious else text


def to_xml(name, node, value, space=None):
    """An element. Attributes are members whose names begin with "@"."""
    if node.kind == "list":
        inner = node.element
        parts = [to_xml(inner or name, node.item(), one) for one in value]
        return f"<{name}>{''.join(parts)}</{name}>" if inner else "".join(parts)
    attributes = f" xmlns={quoteattr(space)}" if space else ""
    if node.kind != "object":
        return f"<{name}{attributes}>{escape(value)}</{name}>"
    members, text = node.members(), ""
    for key, below in value.items():
        if key.startswith("@"):
            attributes += f' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:{key[1:]}={quoteattr(below)}'
        else:
            text += to_xml(key, members[key], below)
    return f"<{name}{attributes}>{text}</{name}>"


def written(op, node, document):
    """The body of an answer, and its Content-Type."""
    protocol = wire.protocol_of(op.service_model)
    if protocol in ("json", "rest-json") or node.kind == "text":
        version = op.service_model.metadata.get("jsonVersion", "1.0")
        return json.dumps(document, ensure_ascii=False), \
            f"application/x-amz-json-{version}" if protocol == "json" else "application/json"
    text = to_xml(op.name, node, document, "http://aws.example/doc/")
    number = next(NUMBERS)  # no two answers are the same
    if protocol == "ec2":
        text = text.replace(">", f"><requestId>{number}</requestId>", 1)
    elif protocol == "query":
        text = text.replace(f"</{op.name}>", f"<ResponseMetadata><RequestId>{number}</RequestId></ResponseMetadata></{op.name}>")
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + text, "text/xml"


def written_error(protocol, status, code, message):
    """… of an error. S3's way is that of rest-xml without Errors around."""
    if protocol == "json":
        return json.dumps({"__type": f"com.amazon.coral#{code}", "message": message}), "application/x-amz-json-1.1", {}
    if protocol == "rest-json":
        return json.dumps({"message": message}), "application/json", {"x-amzn-ErrorType": f"{code}:http://aws.example/"}
    error = f"<Code>{code}</Code><Message>{escape(message)}</Message>"
    if protocol == "ec2":
        text = f"<Response><Errors><Error>{error}</Error></Errors><RequestID>x</RequestID></Response>"
    elif protocol == "s3":
        text = f"<Error>{error}<RequestId>x</RequestId></Error>"
    else:
        text = f'<ErrorResponse xmlns="http://aws.example/"><Error><Type>Sender</Type>{error}</Error></ErrorResponse>'
    return text, "text/xml", {}
