"""Checks of what `xml` in aws.yaml makes a list: all lists of all answers, and nothing else."""

import wire
from aws_file import collections

DEPTH = 7  # of elements within each other that are looked at

# AWS leaves these out where they are empty, and they lie deep.
LEFT_OUT = ("/InstanceRequirements/",)


def deep_lists(c):
    """All lists down to two levels below an item."""
    levels = c.items.count("*") + 2
    for pointer, node in wire.lists(c.answer, levels if c.items.endswith("*") else 3):
        if not any(part in pointer for part in LEFT_OUT):
            yield pointer, node


def is_xml(c):
    return c.format == "xml"


def lists_are_named(c):
    if not is_xml(c):
        return
    xml = c.file["xml"]
    for pointer, node in deep_lists(c):
        if pointer not in xml["arrays"]:
            yield f"xml.arrays lacks {pointer}"
        if node.element and node.element not in xml["list_elements"]:
            yield f"xml.list_elements lacks {node.element}, of {pointer}"


def nothing_else_becomes_a_list(c):
    """No object can have only children of names that make their parent a list."""
    if not is_xml(c) or not c.answer.xml:
        return
    names, item = set(c.file["xml"]["list_elements"]), c.item

    def look(node, at, depth):
        if node.kind == "object":
            always = {name for name, member in node.members().items() if member.is_required}
            if node.shape is item.shape and "{" not in c.id:
                always.add("its id")
            for name, member in node.members().items():
                if name in names and always <= names:
                    yield f"{at or '/'} would be taken for a list, as it has a child {name}"
                if depth:
                    yield from look(member, f"{at}/{name}", depth - 1)
        elif node.kind == "list" and depth:
            yield from look(node.item(), at + "/*", depth - 1)
    yield from look(c.answer, "", DEPTH)


def unordered_lists_are_lists(c):
    """What is declared a set is one, however few are in it."""
    if not is_xml(c):
        return
    for pointer in c.spec.get("unordered", ()):
        if not c.is_parsed(pointer) and c.item_prefix + pointer not in c.file["xml"]["arrays"]:
            yield f"unordered {pointer} isn't in xml.arrays, as {c.item_prefix + pointer}"


# --- of the whole file ---

def lists_of(file):
    """Every list in every answer, as pointer and node."""
    for c in collections(file):
        if is_xml(c) and c.is_known:
            yield from wire.lists(c.answer, 5)


def arrays_are_used(file):
    known = {pointer for pointer, _ in lists_of(file)}
    for pointer in file["xml"]["arrays"]:
        if pointer not in known:
            yield f"xml.arrays has {pointer}, which no answer has"


def list_elements_are_used(file):
    known = {node.element for _, node in lists_of(file)}
    for name in file["xml"]["list_elements"]:
        if name not in known:
            yield f"xml.list_elements has {name}, which no list has"
