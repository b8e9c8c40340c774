"""What AWS's operations look like on the wire, as botocore's own service models say.

An answer is told as the document that Garner makes of it: of XML the root falls away, lists are arrays.
`Node`s are made on demand, since shapes may hold themselves.

    node = wire.answer(wire.operation("ec2", "DescribeVolumes"))
    wire.lead(node, "/volumeSet/*/volumeId")       # the node there, or None
"""

from dataclasses import dataclass, field
from functools import cache

import botocore.exceptions
import botocore.regions
import botocore.session

XML = ("ec2", "query", "rest-xml")
SCALARS = {"string", "integer", "long", "boolean", "float", "double", "timestamp", "blob", "character"}


@cache
def session():
    return botocore.session.get_session()


@cache
def service(name):
    return session().get_service_model(name)


@cache
def paginators(name):
    try:
        return session().get_component("data_loader").load_service_model(name, "paginators-1")["pagination"]
    except botocore.exceptions.UnknownServiceError:
        return {}


@cache
def resolver():
    return botocore.regions.EndpointResolver(session().get_component("data_loader").load_data("endpoints"))


def operation(service_name, name):
    return service(service_name).operation_model(name)


def protocol_of(model):
    return model.metadata["protocol"]


# --- answers ---

class Node:
    """A place in an answer's document. `kind` is "object", "list", "map" (an object of any keys) or "text".

    Of a list in XML, `element` is the name of the elements in its container, or None where they stand
    without one ("flattened")."""

    def __init__(self, shape, protocol, only=None):
        self.shape, self.protocol, self._only = shape, protocol, only
        self.xml = protocol in XML
        self.kind = {"structure": "object", "list": "list", "map": "map"}.get(shape.type_name, "text")
        self.element = None
        self.is_required = False
        if self.xml and self.kind == "map":
            self.kind = "list"  # of entries, each with a key and a value
            self.element = None if shape.serialization.get("flattened") else "entry"
        elif self.xml and self.kind == "list" and not shape.serialization.get("flattened"):
            self.element = shape.member.serialization.get("name", "member")

    def members(self):
        """The members of an object by their names in the document."""
        if isinstance(self._only, dict):
            return self._only
        made = {}
        for name in self.shape.members if self._only is None else self._only:
            member = self.shape.members[name]
            node = made[wire_name(member, name, self.protocol)] = Node(member, self.protocol)
            node.is_required = name in self.shape.required_members
        return made

    def item(self):
        """What a list or map holds."""
        if self.shape.type_name == "list":
            return Node(self.shape.member, self.protocol)
        if not self.xml:
            return Node(self.shape.value, self.protocol)
        key, value = self.shape.key, self.shape.value
        return Node(self.shape, self.protocol, {
            key.serialization.get("name", "key"): Node(key, self.protocol),
            value.serialization.get("name", "value"): Node(value, self.protocol)}).as_object()

    def as_object(self):
        self.kind = "object"
        return self


def wire_name(shape, name, protocol):
    own = shape.serialization.get("name", name)
    if protocol not in XML:
        return own
    if shape.type_name == "list" and shape.serialization.get("flattened"):
        own = shape.member.serialization.get("name", own)
    if shape.serialization.get("xmlAttribute"):
        own = "@" + own.split(":")[-1]
    return own


class Wrapped(Node):
    """The document of a query answer: the result in its wrapper."""

    def __init__(self, inner, wrapper):
        super().__init__(inner.shape, inner.protocol, {wrapper: inner})


def answer(op):
    """The node of the document that an operation answers with; None if it answers without one."""
    shape, protocol = op.output_shape, protocol_of(op.service_model)
    if shape is None:
        return None
    payload = shape.serialization.get("payload")
    if payload:
        return Node(shape.members[payload], protocol)
    body = [name for name, member in shape.members.items() if "location" not in member.serialization]
    node = Node(shape, protocol, body)
    wrapper = shape.serialization.get("resultWrapper")
    return Wrapped(node, wrapper) if wrapper else node


def segments(pointer):
    assert pointer == "" or pointer.startswith("/"), f"no pointer: {pointer!r}"
    return [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]]


def lead(node, pointer):
    """The node that a pointer leads to, or None."""
    for part in segments(pointer):
        if node is None:
            return None
        if node.kind == "list":
            node = node.item() if part == "*" or part.isdigit() else None
        elif node.kind == "map" and part != "*":
            node = node.item()
        elif node.kind == "object" and part != "*":
            node = node.members().get(part)
        else:
            return None
    return node


def lists(node, depth, at=""):
    """The pointers of all lists below a node, through at most `depth` lists within each other."""
    if node.kind == "object":
        for name, member in node.members().items():
            yield from lists(member, depth, f"{at}/{name}")
    elif node.kind == "list" and depth > 0:
        yield at, node
        yield from lists(node.item(), depth - 1, at + "/*")


# --- questions ---

@dataclass
class Param:
    """A parameter's place in a request: where is "form", "body", "query", "header" or "uri"."""
    where: str
    name: str
    member: str
    shape: object = field(repr=False)
    many: bool = False  # NAME.1, NAME.2, …


def params(op):
    """Everything that a request of this operation may hold, at its top level."""
    shape, protocol = op.input_shape, protocol_of(op.service_model)
    places = {"querystring": "query", "header": "header", "uri": "uri"}
    found = []
    for name, member in (shape.members if shape else {}).items():
        own = member.serialization
        wire = own.get("name", name)
        many = member.type_name == "list"
        if protocol == "ec2":
            wire = own.get("queryName") or (wire[:1].upper() + wire[1:])
        if protocol == "query" and many:
            if own.get("flattened"):
                wire = member.member.serialization.get("name", wire)
            else:
                wire += "." + member.member.serialization.get("name", "member")
        where = "form" if protocol in ("ec2", "query") else places.get(own.get("location"), "body")
        found.append(Param(where, wire, name, member, many and where == "form"))
    return found


def param(op, where, name):
    """The parameter of this name on the wire, or None."""
    for one in params(op):
        prefix = name.rpartition(".")
        if one.where == where and (one.name == name and not one.many or
                                   one.many and prefix[0] == one.name and prefix[2].isdigit()):
            return one
    return None


def param_of(op, member):
    return next((one for one in params(op) if one.member == member), None)
