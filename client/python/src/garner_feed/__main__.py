"""The feed as lines of JSON: changes and bookmarks as `garner feed` prints them, and of snapshots these:

    {"op":"snapshot","shard":3,"why":"asked"}               what was known of the shard is replaced
    {"op":"row","shard":3,"seq":17,"complete":true, …}      as `garner list --json`; seq: of its last change
    {"op":"snapshot-end","shard":3}
"""

import argparse
import datetime
import logging
import os
import sys

from . import Begin, End, Feed, FeedError, Rows, to_json
from .change import OPS

EXIT_CODES = {"USAGE": 2, "FOREIGN": 2, "COMPACTED": 2, "DIVERGED": 2, "FUTURE": 2, "CONNECT": 3}


def options():
    parser = argparse.ArgumentParser("python -m garner_feed", description="Prints Garner's changes as lines of JSON, and follows them.")
    parser.add_argument("--at", default=os.environ.get("GARNER_AT", "tcp://127.0.0.1:7801"), metavar="ADDRESS")
    parser.add_argument("--from", dest="start", metavar="CURSOR",
                        help="a bookmark's cursor, `now` or `oldest`; without it the whole state comes first, as snapshots")
    parser.add_argument("--no-follow", action="store_true", help="end when all that is there was printed")
    parser.add_argument("--hints", action="store_true", help="wait for hints in place of long polls")
    for name in ("account", "provider", "region", "type"):
        parser.add_argument(f"--{name}", dest=f"{name}s", action="append", default=[])
    parser.add_argument("--op", type=lambda text: text.split(","), default=[], metavar="OP,…", help=", ".join(OPS.values()))
    parser.add_argument("--id-prefix")
    parser.add_argument("--touches", metavar="POINTER")
    parser.add_argument("--no-initial", action="store_true", default=None)
    parser.add_argument("--members", type=int)
    parser.add_argument("--member", type=int)
    return parser.parse_args()


def lines(batch):
    if isinstance(batch, Begin):
        yield to_json({"op": "snapshot", "shard": batch.shard, "why": batch.why})
    elif isinstance(batch, Rows):
        place = batch.collection
        for row in batch.rows:
            yield to_json({"op": "row", "shard": batch.shard, "seq": row.last_seq, "complete": batch.complete,
                           "provider": place.provider, "account": place.account, "region": place.region, "type": place.type,
                           "id": row.id, "parent": place.parent, "document": row.document})
    elif isinstance(batch, End):
        yield to_json({"op": "snapshot-end", "shard": batch.shard})
    else:
        yield from (change.to_json() for change in batch.changes)


def follow(given):
    filters = {name: value for name, value in vars(given).items()
               if name not in ("at", "start", "no_follow", "hints", "op")}
    with Feed(given.at, given.start, wait=0 if given.no_follow else 1, hints=given.hints, ops=given.op, **filters) as feed:
        for batch in feed:
            for line in lines(batch):
                print(line)
            if not isinstance(batch, (Begin, Rows)):
                now = datetime.datetime.now(datetime.UTC).replace(tzinfo=None).isoformat(timespec="milliseconds")
                print(to_json({"op": "bookmark", "cursor": feed.cursor, "time": now + "Z"}), flush=True)
            if given.no_follow and not feed.more:
                return


def main():
    logging.basicConfig(format="garner_feed: %(message)s")
    try:
        follow(options())
    except FeedError as e:
        print(f"garner_feed: {e}", file=sys.stderr)
        return EXIT_CODES.get(e.code, 1)
    except KeyboardInterrupt:
        return 0
    except BrokenPipeError:  # whoever read it went away
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


if __name__ == "__main__":
    sys.exit(main())
