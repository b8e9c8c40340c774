"""What figures must reach, and how they are shown: a table for people, JSON lines for programs."""

import json
from dataclasses import dataclass


@dataclass(frozen=True)
class Goal:
    title: str
    of: str = ""               # "ratio" or "value"; "": there is none, it is told beside the others
    least: float | None = None
    aim: float | None = None
    low: bool = False          # the lower, the better

    def verdict(self, figure):
        reached = getattr(figure, self.of) if self.of else None
        if reached is None:
            return ""

        def meets(bound):
            return bound is not None and (reached <= bound if self.low else reached >= bound)
        if meets(self.aim):
            return "aim met"
        return "met" if meets(self.least) else "not met"


GOALS = {
    "first": Goal("first listing, synced; against bare LMDB", "ratio", 0.50, 0.70),
    "first-full": Goal("  against bare LMDB in full batches"),
    "unchanged": Goal("unchanged listing", "ratio", 0.80, 0.90),
    "bare": Goal("  what the bare loop receives"),
    "unchanged-roomy": Goal("  against a bare loop with as roomy sockets"),
    "bare-roomy": Goal("  what that loop receives"),
    "changed": Goal("one in 1,000 modified, one inserted in front", "ratio", 0.60, 0.75),
    "tls": Goal("unchanged listing over TLS", "ratio", 0.85, 0.95),
    "xml": Goal("unchanged listing of XML", "ratio", 0.70, 0.85),
    "empty": Goal("empty listings", "ratio", 0.80, 0.90),
    "unmodified": Goal("304 for each of 100,000 collections", "ratio", 0.80),
    "memory": Goal("RssAnon, 1,000,000 items", "value", 64, 32, low=True),
    "memory-first": Goal("  of it: first listing"),
    "memory-unchanged": Goal("  of it: unchanged listing"),
    "written": Goal("written to the store, 1,000,000 unchanged", "value", 64 << 10, low=True),
    "threads": Goal("two threads' CPU time, against one's", "ratio", 1.15, 1.05, low=True),
    "latency": Goal("change to its line, beyond the period; p99", "value", 1.0, low=True),
    "latency-median": Goal("  of it: median"),
    "latency-max": Goal("  of it: the longest"),
    "latency-load": Goal("  CPU meanwhile"),
    "idle": Goal("memory an idle collection", "value", 1024, low=True),
    "python": Goal("Python: json and dictionaries"),
    "append": Goal("append to the log, synced; against JetStream's async publish", "ratio", 1.0),
    "append-created": Goal("  with ids and documents, as a listing does"),
    "catch-up-redis": Goal("catch up by FETCH, against XREAD COUNT 1000", "ratio", 1.0),
    "catch-up-redis-shards": Goal("  of 8 shards"),
    "catch-up-nats": Goal("catch up by FETCH, against JetStream pulls of 1,000", "ratio", 3.0),
    "catch-up-nats-shards": Goal("  of 8 shards"),
    "catch-up-bare": Goal("catch up by FETCH, against a bare loop"),
    "hint": Goal("hint to the waiting follower's return; p99", "value", 5, low=True),
    "hint-median": Goal("  of it: median"),
    "hint-max": Goal("  of it: the longest"),
    "ten": Goal("ten followers, none of them lost a change", "value", 10_000),
    "ten-lag": Goal("  hint to return; p99"),
    "http": Goal("NDJSON over HTTP to one client", "value", 100_000),
    "hung": Goal("nine followers beside one that hangs, against nine alone", "ratio", 0.95),
}


def number(value):
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def bound(goal, value):
    if value is None:
        return ""
    return ("<= " if goal.low else ">= ") + (f"{value:,}" if goal.of == "value" else f"{value:.2f}")


HEAD = ("figure", "Garner", "baseline", "unit", "ratio", "CPU", "wanted", "aim", "")


def row(figure, judged):
    goal = GOALS[figure.name]
    return (goal.title, number(figure.value), number(figure.baseline), figure.unit,
            f"{figure.ratio:.3f}" if figure.ratio is not None else "", f"{figure.cpu_ratio:.3f}" if figure.cpu_ratio is not None else "",
            bound(goal, goal.least), bound(goal, goal.aim), goal.verdict(figure) if judged else "")


def table(figures, judged=True):
    """Figures as lines; numbers to the right. A run that is too small to measure anything isn't judged."""
    rows = [HEAD, *(row(one, judged) for one in figures)]
    widths = [max(len(one[i]) for one in rows) for i in range(len(HEAD))]
    left = {0, 3, len(HEAD) - 1}
    lines = ["  ".join(text.ljust(width) if i in left else text.rjust(width) for i, (text, width) in enumerate(zip(one, widths))).rstrip()
             for one in rows]
    return "\n".join([lines[0], "-" * max(map(len, lines)), *lines[1:]])


def json_lines(figures):
    """A line a figure; shares of CPU time are figures of their own."""
    def line(name, value, unit, baseline, ratio):
        return json.dumps({"name": name, "value": value, "unit": unit, "baseline": baseline, "ratio": ratio}) + "\n"
    made = []
    for one in figures:
        made.append(line(one.name, one.value, one.unit, one.baseline, one.ratio))
        if one.cpu_ratio is not None:
            made.append(line(f"{one.name}-cpu", one.cpu_ratio, "share", None, one.cpu_ratio))
    return "".join(made)
