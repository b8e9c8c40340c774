"""What the documents of a tree must keep to: limits as in the code, links that lead somewhere, real commands.

Each check takes a tree's root and gives back its problems, one line each.
"""

import ast
import importlib.util
import operator
import re
import subprocess
from pathlib import Path
from urllib.parse import unquote

from source import files, without_comments

LIMITS, LIMITS_PAGE = "common/limits.h", "docs/limits.md"

OPERATORS = {ast.LShift: operator.lshift, ast.Mult: operator.mul, ast.Add: operator.add, ast.Sub: operator.sub}
BYTES = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40,
         "kB": 10**3, "MB": 10**6, "GB": 10**9}
TIMES = {"ms": 1, "s": 1000, "min": 60000, "h": 3600000}


# --- limits ---

def evaluate(text, known):
    """A C constant expression of limits.h: literals, names, << * + -, casts."""
    text = re.sub(r"\(u?int\d+_t\)", "", text)
    text = re.sub(r"\b(0x[0-9a-fA-F]+|\d+)[uUlL]+\b", r"\1", text)

    def value(node):
        if isinstance(node, ast.Expression):
            return value(node.body)
        if isinstance(node, ast.Constant) and isinstance(node.value, int):
            return node.value
        if isinstance(node, ast.Name):
            return known[node.id]
        if isinstance(node, ast.BinOp) and type(node.op) in OPERATORS:
            return OPERATORS[type(node.op)](value(node.left), value(node.right))
        raise ValueError(f"can't evaluate: {text}")

    return value(ast.parse(text.strip(), mode="eval"))


def limits_in_code(root):
    text = without_comments((root / LIMITS).read_text())
    known = {}
    for match in re.finditer(r"^#define\s+(LIMIT_\w+)\s+([^\n]+)|\b(LIMIT_\w+)\s*=(?!=)\s*([^,}]+?)\s*[,}]",
                             text, re.MULTILINE):
        name, expression = (match.group(1), match.group(2)) if match.group(1) else (match.group(3), match.group(4))
        known[name] = evaluate(expression, known)
    return known


def documented_value(name, text):
    """"64 MiB", "10 s", "20 %", "1,000,000" as the number that the code has; None when it can't be read."""
    match = re.fullmatch(r"(\d{1,3}(?:,\d{3})*|\d+)(?: (\S+))?", text.strip())
    if not match:
        return None
    number, unit = int(match.group(1).replace(",", "")), match.group(2)
    if "_BYTES" in name:
        return number * BYTES[unit] if unit in BYTES else None
    if name.endswith("_MS"):
        return number * TIMES[unit] if unit in TIMES else None
    if name.endswith("_PERCENT"):
        return number if unit == "%" else None
    return number if unit is None else None


def check_limits(root):
    """docs/limits.md names every limit of common/limits.h with its value, and no other."""
    code = limits_in_code(root)
    if not code:
        return [f"{LIMITS}: no limit found"]
    problems, documented = [], {}
    for number, line in enumerate((root / LIMITS_PAGE).read_text().splitlines(), 1):
        match = re.match(r"\| `(LIMIT_\w+)` \| ([^|]+) \|", line)
        if not match:
            continue
        name, text = match.group(1), match.group(2).strip()
        at = f"{LIMITS_PAGE}:{number}: {name}"
        if name in documented:
            problems.append(f"{at} stands here twice")
        documented[name] = text
        if name not in code:
            problems.append(f"{at} isn't in {LIMITS}")
        elif documented_value(name, text) is None:
            problems.append(f"{at}: '{text}' is no value (write 64 MiB, 10 s, 20 % or 1,000)")
        elif documented_value(name, text) != code[name]:
            problems.append(f"{at} is said to be {text}, and {LIMITS} has {code[name]:,}")
    problems += [f"{LIMITS_PAGE}: {name} ({code[name]:,}) is missing" for name in code if name not in documented]
    return problems


def check_limits_hold(root):
    """Every limit is one that some code keeps to."""
    texts = [without_comments((root / path).read_text()) for path in files(root, ".c", ".h")
             if path != LIMITS and not path.startswith("tests/")]
    used = set(re.findall(r"\bLIMIT_\w+", "\n".join(texts)))
    return [f"{LIMITS}: {name} is used nowhere" for name in limits_in_code(root) if name not in used]


# --- AWS ---

AWS_FILE, AWS_PAGE = "providers/aws.yaml", "docs/aws.md"


def aws_policy():
    """deploy/aws-policy.py, as a module."""
    spec = importlib.util.spec_from_file_location("aws_policy", Path(__file__).resolve().parents[2] / "deploy/aws-policy.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def check_aws(root):
    """docs/aws.md has what deploy/aws-policy.py makes of providers/aws.yaml: policy and tables."""
    if not (root / AWS_FILE).is_file():
        return []
    made, text, problems = aws_policy(), (root / AWS_PAGE).read_text(), []
    for name, wanted in made.made(root / AWS_FILE).items():
        found = made.between(name).search(text)
        if not found:
            problems.append(f"{AWS_PAGE}: has no markers for '{name}'")
        elif found[2] != wanted:
            line = text.count("\n", 0, found.start(2)) + 1
            problems.append(f"{AWS_PAGE}:{line}: '{name}' isn't what {AWS_FILE} says: run deploy/aws-policy.py --write")
    return problems


# --- links ---

def prose(text):
    """Markdown without code, lines kept."""
    blank = lambda match: re.sub(r"[^\n]", " ", match.group())  # noqa: E731
    text = re.sub(r"^```.*?^```[^\n]*", blank, text, flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"`[^`\n]+`", blank, text)


def anchors(path):
    """The anchors of a page's headings, as the usual viewers make them."""
    made, text = set(), re.sub(r"^```.*?^```", "", path.read_text(), flags=re.MULTILINE | re.DOTALL)
    for heading in re.findall(r"^#{1,6} +(.+?) *#*$", text, re.MULTILINE):
        slug = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        plain, again = slug, 0
        while slug in made:
            again += 1
            slug = f"{plain}-{again}"
        made.add(slug)
    return made


def check_links(root):
    """Every link of a page leads to a file of this tree, and to a heading of it. The net is not asked."""
    problems = []
    for page in files(root, ".md"):
        text = prose((root / page).read_text())
        for match in re.finditer(r"\]\(<?([^)\s>]+)>?(?: \"[^\"]*\")?\)", text):
            target = match.group(1)
            if re.match(r"[a-z][a-z0-9+.-]*:", target):
                continue
            at = f"{page}:{text.count(chr(10), 0, match.start()) + 1}: link {target}"
            name, _, anchor = target.partition("#")
            place = ((root / page).parent / unquote(name)).resolve() if name else root / page
            if not place.exists() or root.resolve() not in (place, *place.resolve().parents):
                problems.append(f"{at} leads to no file of this tree")
            elif anchor and place.suffix == ".md" and anchor not in anchors(place):
                problems.append(f"{at}: that page has no heading '{anchor}'")
    return problems


# --- paths and commands that pages name ---

def check_paths(root):
    """A script or program file that a page tells its reader to run is there."""
    problems = []
    for page in files(root, ".md"):
        text = (root / page).read_text()
        for match in re.finditer(r"(?<![\w/.-])((?:deploy|tests|\.ci)/[\w./-]*\w\.(?:sh|py|yaml))(?![\w*])", text):
            if not (root / match.group(1)).is_file():
                problems.append(f"{page}:{text.count(chr(10), 0, match.start()) + 1}: {match.group(1)} isn't there")
    return problems


def verbs_named(text):
    """The verbs of `garner VERB` in a page's code."""
    code = re.findall(r"^```.*?^```", text, re.MULTILINE | re.DOTALL) + re.findall(r"`([^`\n]+)`", text)
    return {verb for piece in code for verb in re.findall(r"(?:^|[\s/(;&|])garner ([a-z][a-z-]*)\b", piece)}


def check_verbs(root, program, pages=("README.md",)):
    """Every command that a page names is one that the program knows."""
    problems = []
    for page in pages:
        for verb in sorted(verbs_named((root / page).read_text())):
            done = subprocess.run([program, verb, "--help"], capture_output=True, text=True, timeout=60, check=False)
            if done.returncode != 0:
                problems.append(f"{page}: names `garner {verb}`, and `garner {verb} --help` exits {done.returncode}")
    return problems


CHECKS = (check_limits, check_limits_hold, check_aws, check_links, check_paths)
