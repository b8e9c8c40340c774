"""Run `garner` as a user does, and read what it says.

A `Lab` is a folder with a configuration, provider files and a data folder. The program is the one that
GARNER_BIN names, else build/dev/bin/garner. A crash, a sanitizer's report or a time-out fails a test at
once, whatever it was about.
"""

import copy
import json
import os
import re
import resource
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
ACCOUNT, PROVIDER, THING = "acct-1", "p", "p.thing"
TIMEOUT_S = float(os.environ.get("GARNER_TEST_TIMEOUT", "90"))
CHANGES = ("created", "updated", "deleted")
SANITIZER = re.compile(r"(Address|Leak|Thread|Memory|UndefinedBehavior)Sanitizer|runtime error: ")


def binary():
    path = Path(os.environ.get("GARNER_BIN", ROOT / "build/dev/bin/garner"))
    return path if path.is_absolute() else Path.cwd() / path


# --- JSON whose numbers stay what was written ---

@dataclass(frozen=True)
class Number:
    """A number's literal: 1, 1.0 and 1e0 are three different ones."""
    text: str


def literal(text):
    return json.loads(text, parse_int=Number, parse_float=Number, parse_constant=Number)


def pointer_parts(pointer):
    assert pointer == "" or pointer.startswith("/"), f"no JSON Pointer: {pointer!r}"
    return [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]]


def patch_apply(document, patch):
    """RFC 6902, strictly: a path that isn't there is an AssertionError."""
    def walk(root, parts):
        for part in parts:
            root = root[int(part)] if isinstance(root, list) else root[part]
        return root

    def take(root, parts):
        holder = walk(root, parts[:-1])
        return holder.pop(int(parts[-1]) if isinstance(holder, list) else parts[-1])

    def put(root, parts, value, new):
        if not parts:
            return value
        holder = walk(root, parts[:-1])
        if isinstance(holder, list):
            at = len(holder) if parts[-1] == "-" else int(parts[-1])
            assert at <= len(holder) and str(at) == parts[-1] or parts[-1] == "-", f"no place {parts}"
            holder.insert(at, value) if new else holder.__setitem__(at, value)
        else:
            assert new or parts[-1] in holder, f"replace of nothing at {parts}"
            holder[parts[-1]] = value
        return root

    document = copy.deepcopy(document)
    for step in patch:
        parts, op = pointer_parts(step["path"]), step["op"]
        if op in ("add", "replace"):
            document = put(document, parts, copy.deepcopy(step["value"]), op == "add")
        elif op == "remove":
            take(document, parts)
        elif op == "move":
            document = put(document, parts, take(document, pointer_parts(step["from"])), True)
        elif op == "copy":
            document = put(document, parts, copy.deepcopy(walk(document, pointer_parts(step["from"]))), True)
        elif op == "test":
            assert walk(document, parts) == step["value"]
        else:
            raise AssertionError(f"no operation: {op}")
    return document


# --- what a command came to ---

class Result:
    def __init__(self, args, code, out, err, rss_kb=0):
        self.args, self.code, self.out, self.err, self.rss_kb = args, code, out, err, rss_kb

    def __str__(self):
        out = self.out.decode(errors="replace")
        return (f"garner {' '.join(self.args)}: exit {self.code}\n--- stderr\n{self.err}--- stdout\n"
                f"{out[:4000]}{'…' if len(out) > 4000 else ''}")

    @property
    def text(self):
        return self.out.decode()

    def lines(self):
        return [line for line in self.text.split("\n") if line]

    def ndjson(self):
        return [json.loads(line) for line in self.lines()]

    def said(self, *patterns):
        """Asserts that one line on stderr holds all these patterns, and returns it."""
        for line in self.err.splitlines():
            if all(re.search(pattern, line, re.IGNORECASE) for pattern in patterns):
                return line
        raise AssertionError(f"no line on stderr has all of {patterns}\n{self}")

    def blames(self, cause, type=THING, account=ACCOUNT, page=1, region=None, parent=None):
        """Asserts an error line that names account, collection, page and cause."""
        wanted = [re.escape(account), re.escape(type) + r"(?![.\w])", cause]
        if page is not None:
            wanted.append(rf"\bpage[ =]\"?{page}\b")
        wanted += [re.escape(text) for text in (region, parent) if text]
        return self.said(*wanted)

    # of a feed
    def events(self):
        return self.ndjson()

    def changes(self, type=None):
        return [e for e in self.events() if e["op"] in CHANGES and type in (None, e["type"])]

    def statuses(self, kind=None):
        return [e for e in self.events() if e["op"] == "status" and kind in (None, e["status"]["kind"])]

    def brief(self, type=None):
        """["created a", …], sorted: for what changed, where the order isn't the point."""
        return sorted(f"{e['op']} {e['id']}" for e in self.changes(type))

    @property
    def cursor(self):
        last = self.events()[-1]
        assert last["op"] == "bookmark", f"the last line is no bookmark\n{self}"
        return last["cursor"]


def replay(events, state=None):
    """Applies a feed from `state` on, checking that each change fits what came before. Returns the
    documents by (provider, account, region, type, parent, id). An update's patch is applied, too."""
    state, seqs = dict(state or {}), {}
    for event in events:
        if event["op"] == "bookmark":
            continue
        at = seqs.get(event["shard"])
        assert at is None or event["seq"] == at + 1, f"shard {event['shard']}: seq {event['seq']} after {at}"
        seqs[event["shard"]] = event["seq"]
        scope = tuple(event[k] for k in ("provider", "account", "region", "type", "parent"))
        if event["op"] == "status":
            if event["status"]["kind"] == "definition" and event["status"].get("void"):
                state = {key: value for key, value in state.items() if key[:5] != scope}
            continue
        key = scope + (event["id"],)
        assert event["before"] == state.get(key), f"{key}: before is not what was\n{event}\n{state.get(key)}"
        if event["op"] == "deleted":
            assert key in state and event["after"] is None and event["receipt"], event
            del state[key]
            continue
        assert (event["op"] == "created") == (key not in state), event
        if event["op"] == "updated":
            assert patch_apply(event["before"], event["patch"]) == event["after"], f"the patch is wrong: {event}"
        state[key] = event["after"]
    return state


# --- provider files ---

def collection(type=THING, path="/things", **over):
    made = {"type": type, "request": {"url": "{account.endpoint}" + path}, "items": "/items/*", "id": "/id", **over}
    return {key: value for key, value in made.items() if value is not ...}


def provider(*collections, **over):
    return {"provider": PROVIDER, "auth": {"kind": "none"}, **over, "collections": list(collections)}


class Lab:
    def __init__(self, folder, endpoint=None):
        self.folder, self.endpoint = Path(folder), endpoint
        self.data, self.config = self.folder / "data", self.folder / "garner.yaml"
        self.env = {}
        self.prefix = []  # a command to run garner under

    # --- files ---

    def write(self, path, text):
        path = self.folder / path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def has(self, *collections, accounts=None, config=None, **top):
        """Writes a provider file `p` with these collections, and a configuration with one account (or those)."""
        self.has_provider(provider(*collections, **top))
        self.has_config(accounts, **(config or {}))

    def has_provider(self, definition, name=PROVIDER):
        text = definition if isinstance(definition, str) else yaml.safe_dump(definition, sort_keys=False)
        return self.write(f"providers/{name}.yaml", text)

    def account(self, **keys):
        return {"id": ACCOUNT, "provider": PROVIDER, "endpoint": self.endpoint, **keys}

    def has_config(self, accounts=None, **keys):
        made = {"data": "./data", "providers": [f"providers/{PROVIDER}.yaml"],
                "accounts": [self.account()] if accounts is None else accounts,
                "shards": 4, "map_size": "256MiB", "retry_first": "5ms", **keys}
        self.config.write_text(yaml.safe_dump(made, sort_keys=False))

    # --- commands ---

    def environment(self):
        """Nothing of the developer's own AWS: no AWS_…, no ~/.aws, no machine that hands out keys."""
        env = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")
               if not key.lower().endswith("_proxy") and key not in ("CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR", "GARNER_AT")}
        env |= {"HOME": str(self.folder), "AWS_EC2_METADATA_DISABLED": "true"}
        env.setdefault("ASAN_OPTIONS", "exitcode=99:detect_stack_use_after_return=1")
        env.setdefault("LSAN_OPTIONS", f"suppressions={ROOT}/tests/lsan.supp:print_suppressions=0")
        env.setdefault("UBSAN_OPTIONS", "halt_on_error=1:print_stacktrace=1:exitcode=99")
        env.setdefault("TSAN_OPTIONS", f"halt_on_error=1:exitcode=99:suppressions={ROOT}/tests/tsan.supp")
        return {**env, "NO_COLOR": "1", "LC_ALL": "C.UTF-8", **self.env}

    def start(self, *args, **popen):
        """Starts garner and doesn't wait."""
        popen = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "stdin": subprocess.DEVNULL, "cwd": self.folder, **popen}
        return subprocess.Popen([*self.prefix, str(binary()), *map(str, args)], env=self.environment(), **popen)

    def garner(self, *args, expect=0, timeout=TIMEOUT_S, **popen):
        """Runs garner and asserts its exit code (None: any)."""
        args = [str(arg) for arg in args]
        before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
        process = self.start(*args, **popen)
        try:
            out, err = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGABRT)
            try:
                out, err = process.communicate(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
                out, err = process.communicate()
            raise AssertionError(f"still running after {timeout} s\n{Result(args, None, out, err.decode(errors='replace'))}")
        after = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
        result = Result(args, process.returncode, out, err.decode(errors="replace"), after if after > before else 0)
        assert process.returncode >= 0, f"killed by signal {-process.returncode}\n{result}"
        assert not SANITIZER.search(result.err) and process.returncode != 99, str(result)
        if expect is not None:
            assert process.returncode == expect, f"exit {process.returncode}, not {expect}\n{result}"
        return result

    def run(self, *args, expect=0, **more):
        """One harvest of everything; its changes on stdout."""
        return self.garner("run", "-c", self.config, "--once", "--print-feed", *args, expect=expect, **more)

    def on_data(self, verb, *args, **more):
        return self.garner(verb, *args, "--data", self.data, **more)

    def feed(self, *args, **more):
        return self.on_data("feed", "--no-follow", "--format", "ndjson", *args, **more)

    def ids(self, type=THING, *args):
        """The ids that `list` prints."""
        return sorted(row["id"] for row in self.on_data("list", type, "--json", *args).ndjson())

    def document(self, type, id, *args):
        """The document that `get` prints."""
        made = json.loads(self.on_data("get", type, id, "--json", *args).text)
        return made["document"] if "document" in made and "type" in made else made

    def receipts(self, *args):
        return self.on_data("receipts", "--json", *args).ndjson()

    def verify(self):
        return self.garner("verify", self.data)

    def world(self):
        """The documents by key as the whole feed gives them, checked while it is replayed."""
        return replay(self.feed("--from", "oldest").events())
