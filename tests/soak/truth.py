"""What the providers truly had, when; and whether what Garner told of it is so."""

import threading
import time


class Truth:
    """Keys are (account, type, id). No id is used twice. Each change is noted before it is made."""

    def __init__(self):
        self.lock = threading.Lock()
        self.now, self.gone, self.written, self.changes = {}, set(), {}, 0
        self.watched = False   # from now on the time of each change is kept
        self.late_s = []       # from a change to its line in the feed

    def created(self, key, version=None):
        self._put(key, version)

    def updated(self, key, version):
        self._put(key, version)

    def _put(self, key, version):
        with self.lock:
            self.now[key] = version
            self._note(key, version)

    def deleted(self, key):
        with self.lock:
            del self.now[key]
            self.gone.add(key)
            self._note(key, "gone")

    def _note(self, key, version):
        if self.watched:
            self.changes += 1
            self.written[key, version] = time.monotonic()

    def told(self, key, version, at):
        """A line of the feed says that `key` now is at that version, or "gone"."""
        with self.lock:
            was = self.written.pop((key, version), None)
            if was is not None:
                self.late_s.append(at - was)

    def is_gone(self, key):
        with self.lock:
            return key in self.gone


def key_of(event):
    return event["account"], event["type"], event["id"]


def version_of(event):
    """Pages have a version in each item; of what moto has only its being there is held against the truth."""
    return "gone" if event["op"] == "deleted" else event["after"].get("v") if isinstance(event["after"], dict) else None


class Feed:
    """Checks a feed line by line, from its oldest change on."""

    def __init__(self, truth):
        self.truth, self.state, self.seqs, self.faults, self.ops = truth, {}, {}, [], {}

    def take(self, event):
        if event["op"] == "bookmark":
            return
        at = self.seqs.get(event["shard"], 0)
        if event["seq"] != at + 1:
            self.faults.append(f"shard {event['shard']}: seq {event['seq']} after {at}")
        self.seqs[event["shard"]] = event["seq"]
        self.ops[event["op"]] = self.ops.get(event["op"], 0) + 1
        if event["op"] == "status":
            return
        key = key_of(event)
        if (event["op"] == "created") == (key in self.state):
            self.faults.append(f"{event['op']} of {key}, which was {'there' if key in self.state else 'not there'}")
        if event["op"] == "deleted":
            self.state.pop(key, None)
            if not self.truth.is_gone(key):
                self.faults.append(f"false delete: {key}: {event}")
        else:
            self.state[key] = version_of(event)


def differences(name, found, truth, limit=5):
    """Sentences on where `found`, {key: version}, isn't what the truth has of those types."""
    lacks = [key for key in truth if key not in found]
    more = [key for key in found if key not in truth]
    other = [key for key in truth if key in found and found[key] != truth[key]]
    return [f"{name}: {len(keys)} {word}, e.g. {keys[:limit]}"
            for word, keys in (("lacking", lacks), ("too many", more), ("with another version", other)) if keys]
