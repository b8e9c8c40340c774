#!/usr/bin/env python3
"""What providers/aws.yaml asks of AWS: the read-only IAM policy that it needs, and the table of what it harvests.

    deploy/aws-policy.py [FILE]            prints the policy (JSON) of this provider file: providers/aws.yaml
    deploy/aws-policy.py --table [FILE]    prints the table of collections (Markdown)
    deploy/aws-policy.py --write           puts both, and what is ignored, into docs/aws.md, between their markers
"""

import json
import os
import re
import sys
import textwrap
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PROVIDER, PAGE = "providers/aws.yaml", "docs/aws.md"
COLUMNS = 120
PYTHON = ROOT / "build/venv/bin/python"

try:
    import yaml
except ImportError:
    if __name__ != "__main__" or Path(sys.executable) == PYTHON or not PYTHON.exists():
        sys.exit("aws-policy: this Python has no PyYAML: run deploy/venv.sh, then this again")
    os.execv(PYTHON, [PYTHON, "-B", *sys.argv])


def read(file):
    with open(file, encoding="utf-8") as text:
        return yaml.safe_load(text)


# --- the policy ---

def permissions(provider):
    """All that its requests need, sorted. A collection that doesn't say is an error: its 403 would be a riddle."""
    needed = set()
    regions = provider.get("regions")
    for one in [*provider["collections"], *([{"type": "regions", **regions}] if isinstance(regions, dict) else [])]:
        if not one.get("permissions"):
            raise ValueError(f"{one['type']} has no `permissions`")
        needed |= set(one["permissions"])
    return sorted(needed)


def statement(name, actions):
    """As few lines as it can be read in."""
    begin = f'{{"Sid": "{re.sub(r"[^A-Za-z0-9]", "", name)}", "Effect": "Allow", "Resource": "*", "Action": ['
    one, more = begin + ", ".join(map(json.dumps, actions)) + "]}", " " * 6
    if len(one) <= COLUMNS - 4:
        return "    " + one
    words = textwrap.wrap(", ".join(map(json.dumps, actions)), COLUMNS, initial_indent=more, subsequent_indent=more)
    return f"    {begin}\n" + "\n".join(words) + "]}"


def policy(provider):
    """One statement for each service, so that one can be taken out by hand."""
    services = {}
    for permission in permissions(provider):
        services.setdefault(permission.split(":")[0], []).append(permission)
    statements = ",\n".join(statement(name, actions) for name, actions in services.items())
    return f'{{\n  "Version": "2012-10-17",\n  "Statement": [\n{statements}\n  ]\n}}\n'


# --- the table ---

def operation(collection):
    """What is asked: an action's name, or method and path where AWS names none in the request."""
    request = collection["request"]
    headers = {name.lower(): value for name, value in request.get("headers", {}).items()}
    if action := request.get("form", {}).get("Action"):
        return action
    if target := headers.get("x-amz-target"):
        return target.rsplit(".", 1)[-1]
    path = re.sub(r"^https://[^/]*", "", request["url"])
    marks = [name for name, value in request.get("query", {}).items() if value == ""]
    return f"`{request.get('method', 'GET')} {path}{'?' + '&'.join(marks) if marks else ''}`"


def scope(collection):
    given = collection.get("scope", "account")
    return f"each `{given['parent']}`" if isinstance(given, dict) else given


def table(provider):
    rows = ["| type | once for | service | asks for | permissions | every | priority |", "|---|---|---|---|---|---|---|"]
    for one in provider["collections"]:
        service = one.get("auth", provider.get("auth", {}))["service"]
        cells = [f"`{one['type']}`", scope(one), service, operation(one), ", ".join(f"`{p}`" for p in one["permissions"]),
                 str(one.get("every", "5m")), one.get("priority", "normal")]
        rows.append("| " + " | ".join(cells) + " |")
    return "\n".join(rows) + "\n"


def ignored(provider):
    rows = ["| type | left out |", "|---|---|"]
    for one in provider["collections"]:
        if one.get("ignore"):
            rows.append(f"| `{one['type']}` | " + ", ".join(f"`{pointer}`" for pointer in one["ignore"]) + " |")
    return "\n".join(rows) + "\n"


# --- the page ---

def made(file):
    """What stands between the page's markers, by name."""
    provider = read(file)
    return {"policy": f"```json\n{policy(provider)}```\n", "table": table(provider), "ignored": ignored(provider)}


def between(name):
    """A pattern of what stands between the markers of that name: groups marker, text, marker."""
    return re.compile(rf"(<!-- {name}: [^\n]* -->\n)(.*?)(<!-- end of {name} -->\n)", re.DOTALL)


def write():
    page = ROOT / PAGE
    text = page.read_text(encoding="utf-8")
    for name, inner in made(ROOT / PROVIDER).items():
        if not between(name).search(text):
            sys.exit(f"aws-policy: {PAGE} has no markers for '{name}'")
        text = between(name).sub(lambda match, inner=inner: match[1] + inner + match[3], text)
    page.write_text(text, encoding="utf-8")


def main(args):
    match args:
        case ["--write"]:
            write()
        case ["--table", *file] if len(file) <= 1:
            print(table(read(*file or [ROOT / PROVIDER])), end="")
        case ["-h" | "--help", *_]:
            print(__doc__.strip())
        case [*file] if len(file) <= 1 and not "".join(file).startswith("-"):
            print(policy(read(*file or [ROOT / PROVIDER])), end="")
        case _:
            sys.exit(f"aws-policy: {' '.join(args)}: unknown\n{__doc__}")


if __name__ == "__main__":
    main(sys.argv[1:])
