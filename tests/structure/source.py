"""What the C code of a tree must keep to: who may include whom, what deciders may touch, header guards.

Each check takes a tree's root and gives back its problems, one line each: "file:line: what is wrong". The
rules stand in the tables at the top; docs/architecture.md says why.
"""

import posixpath
import re
from dataclasses import dataclass

# Folder -> the folders whose headers it may include. tests/ and cli/ may include all.
MAY_INCLUDE = {
    "common": {"common"},
    "proto": {"common", "proto"},
    "client": {"common", "proto", "client"},
    "worker": {"common", "proto", "client", "worker"},
    "coordinator": {"common", "proto", "client", "coordinator"},
    "gateway": {"common", "proto", "client", "gateway"},
}
EVERYTHING = {"cli", "tests"}

# A library's header -> the only folder that knows it (tests and cli aside).
ONLY_IN = {
    "lmdb.h": ("worker/store", "coordinator/state"),
    "curl/": "worker/fetch",
    "openssl/": ("worker/provider", "gateway"),
    "yyjson.h": "common/value",
    "msgpack": "common/value",
    "libfyaml.h": "common/yaml",
    "libxml/": "worker/decode",
    "nng/": "common/rpc",
    "microhttpd.h": "common/http",
    "libpq-fe.h": "cli/sink",
}

# Deciding code: state + event + now -> actions. Folders end in "/"; the others are stems of a .h and a .c.
DECIDERS = (
    "worker/provider/", "worker/winnow/", "worker/schedule/", "worker/decode/", "worker/aws/",
    "coordinator/placement/", "coordinator/membership/", "worker/tenure/",
    "worker/fetch/limiter", "worker/fetch/redirect", "worker/fetch/retry",
    "worker/fetch/breaker", "worker/fetch/budget", "worker/fetch/pace", "worker/fetch/quota",
    "worker/harvest/answer", "worker/harvest/exchange", "worker/harvest/harvest", "worker/harvest/page",
    "worker/harvest/validators",
    "worker/status/status_metrics", "worker/status/tally", "worker/feed/retention", "worker/feed/position",
    "worker/feed/mark", "worker/follow/pursuit", "worker/follow/pursuit_answer", "client/follow", "client/follow_map",
)
# What a decider must not reach, by itself or through headers of ours.
NOT_FOR_DECIDERS = (
    "nng/", "lmdb.h", "curl/", "sys/socket.h", "sys/epoll.h", "netdb.h", "pthread.h",
    "common/clock.h", "worker/store/", "worker/run/", "worker/fetch/fetch.h", "worker/fetch/loop.h",
)
NOT_TO_CALL = ("time", "clock", "clock_gettime", "gettimeofday", "timespec_get", "clock_wall_ms", "clock_steady_ms",
               "rand", "rand_r", "srand", "random", "srandom", "drand48", "getrandom", "getentropy",
               "sleep", "usleep", "nanosleep")

LINES_MAX = 500
UNFINISHED = re.compile(r"\b(TO" r"DO|FIX" r"ME)\b")  # in two parts, or this file would hold them
LEFT_OUT = {"build", ".git", "__pycache__", ".pytest_cache"}

COMMENT_OR_TEXT = re.compile(r"/\*.*?\*/|//[^\n]*|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'", re.DOTALL)
INCLUDE = re.compile(r"^[ \t]*#[ \t]*include[ \t]*([<\"])([^>\"\n]+)[>\"]", re.MULTILINE)


def files(root, *suffixes):
    """The tree's files with these suffixes, as paths relative to its root, sorted."""
    for path in sorted(root.rglob("*")):
        inside = path.relative_to(root)
        if path.suffix in suffixes and path.is_file() and not LEFT_OUT & set(inside.parts[:-1]):
            yield inside.as_posix()


def without_comments(text, texts=True):
    """C without comments (and, unless `texts`, without string literals); its lines stay where they are."""
    def blank(match):
        piece = match.group()
        if piece[0] in "\"'" and texts:
            return piece
        return re.sub(r"[^\n]", " ", piece)
    return COMMENT_OR_TEXT.sub(blank, text)


@dataclass(frozen=True)
class Include:
    line: int
    name: str   # as written
    ours: str   # relative to the root; "" for a library's or the system's


def generated(path):
    return path.startswith("proto/") and path.endswith(".pb-c.h")


def includes(root, path):
    text = without_comments((root / path).read_text())
    found = []
    for match in INCLUDE.finditer(text):
        name = match.group(2)
        ours = ""
        beside = posixpath.normpath(posixpath.join(posixpath.dirname(path), name))
        for place in (posixpath.normpath(name), beside):
            if (root / place).is_file() or generated(place):
                ours = place
                break
        if not ours and match.group(1) == '"':
            ours = posixpath.normpath(name)  # reported by check_directions
        found.append(Include(text.count("\n", 0, match.start()) + 1, name, ours))
    return found


def check_directions(root):
    """Who may include whom, and who may know a library."""
    problems = []
    for path in files(root, ".c", ".h"):
        top = path.split("/")[0]
        for inc in includes(root, path):
            at = f"{path}:{inc.line}: "
            if inc.ours:
                if not (root / inc.ours).is_file() and not generated(inc.ours):
                    problems.append(f"{at}includes \"{inc.name}\", which is not in this tree")
                elif top not in EVERYTHING and top not in MAY_INCLUDE:
                    problems.append(f"{at}folder {top}/ has no line in MAY_INCLUDE (tests/structure/source.py)")
                elif top not in EVERYTHING and inc.ours.split("/")[0] not in MAY_INCLUDE[top]:
                    problems.append(f"{at}{top}/ must not include {inc.ours}")
                continue
            for header, folders in ONLY_IN.items():
                folders = (folders,) if isinstance(folders, str) else folders
                if inc.name.startswith(header) and top not in EVERYTHING and not path.startswith(tuple(f"{f}/" for f in folders)):
                    problems.append(f"{at}<{inc.name}> is for {'/ and '.join(folders)}/ alone")
    return problems


def is_decider(path):
    stem = path.rsplit(".", 1)[0]
    return any(path.startswith(d) if d.endswith("/") else stem == d for d in DECIDERS)


def reached(root, path):
    """Every header that a file reaches, with the way there: (header as named, [path, header, …])."""
    seen, open_ = set(), [(path, [path])]
    while open_:
        at, way = open_.pop()
        for inc in includes(root, at):
            name = inc.ours or inc.name
            if name in seen:
                continue
            seen.add(name)
            yield name, way + [name]
            if inc.ours and (root / inc.ours).is_file():
                open_.append((inc.ours, way + [name]))


def check_deciders(root):
    """Deciders do no I/O, ask no clock and roll no dice."""
    problems = []
    for stem in DECIDERS:
        folder = root / posixpath.dirname(stem)
        if not stem.endswith("/") and folder.is_dir() and not (root / f"{stem}.h").is_file():
            problems.append(f"{stem}.h: is named as a decider in tests/structure/source.py, and isn't there")
    call = re.compile(r"(?<![\w.>])(" + "|".join(NOT_TO_CALL) + r")\s*\(")
    for path in files(root, ".c", ".h"):
        if not is_decider(path):
            continue
        for name, way in reached(root, path):
            if any(name == no or no.endswith("/") and name.startswith(no) for no in NOT_FOR_DECIDERS):
                problems.append(f"{path}: a decider reaches {name}: {' -> '.join(way)}")
        text = without_comments((root / path).read_text(), texts=False)
        for match in call.finditer(text):
            line = text.count("\n", 0, match.start()) + 1
            problems.append(f"{path}:{line}: a decider calls {match.group(1)}(): time and randomness are arguments")
    return problems


def check_guards(root):
    """Each header has a guard of its own: GARNER_…_H around all of it."""
    problems, owners = [], {}
    for path in files(root, ".h"):
        text = without_comments((root / path).read_text()).strip()
        match = re.match(r"#ifndef (\w+)\n#define (\w+)\n", text)
        if not match or match.group(1) != match.group(2) or not text.endswith("#endif"):
            problems.append(f"{path}:1: no header guard around all of it")
            continue
        guard = match.group(1)
        if not re.fullmatch(r"GARNER_[A-Z0-9_]+_H", guard):
            problems.append(f"{path}:1: guard {guard} isn't GARNER_…_H")
        if guard in owners:
            problems.append(f"{path}:1: guard {guard} is {owners[guard]}'s, too")
        owners.setdefault(guard, path)
    return problems


def check_files(root):
    """No file is too long, and none is unfinished."""
    problems = []
    for path in files(root, ".c", ".h", ".py", ".sh", ".cmake", ".txt", ".proto", ".md", ".yaml", ".yml"):
        lines = (root / path).read_text(errors="replace").splitlines()
        if path.endswith((".c", ".h", ".py", ".sh")) and len(lines) > LINES_MAX:
            problems.append(f"{path}: {len(lines)} lines, and {LINES_MAX} is the most: part it")
        for number, line in enumerate(lines, 1):
            match = UNFINISHED.search(line)
            if match:
                problems.append(f"{path}:{number}: {match.group()}: finish it, or open an issue")
    return problems


CHECKS = (check_directions, check_deciders, check_guards, check_files)
