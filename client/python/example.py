"""An inventory in SQLite that stays what Garner has, whatever is killed when:  python example.py ADDRESS FILE"""

import sqlite3
import sys

from garner_feed import Begin, Changes, End, Feed, Rows, to_json

db = sqlite3.connect(sys.argv[2], isolation_level=None)
db.execute("CREATE TABLE IF NOT EXISTS bookmark (one INTEGER PRIMARY KEY, cursor TEXT)")
# seq: of the latest change that is in the document; 0: not confirmed since a snapshot began.
db.execute("CREATE TABLE IF NOT EXISTS resources (place TEXT, id TEXT, shard INTEGER, seq INTEGER, document TEXT, PRIMARY KEY (place, id))")


def place_of(collection):
    return to_json([collection.provider, collection.account, collection.region, collection.type, collection.parent])


def put(place, id, shard, seq, document):
    db.execute("INSERT OR REPLACE INTO resources VALUES (?, ?, ?, ?, ?)", (place, id, shard, seq, to_json(document)))


def apply(change):
    place = place_of(change.collection)
    if change.op == "status":
        if change.status["void"]:  # its ids have another meaning from here on
            db.execute("DELETE FROM resources WHERE place = ? AND seq < ?", (place, change.seq))
        elif change.status["kind"] == "listed":  # all that there is was told by now
            db.execute("DELETE FROM resources WHERE place = ? AND seq = 0", (place,))
        return
    there = db.execute("SELECT seq FROM resources WHERE place = ? AND id = ?", (place, change.id)).fetchone()
    if there and change.seq <= there[0]:
        return  # a snapshot had it
    if change.op == "deleted":
        db.execute("DELETE FROM resources WHERE place = ? AND id = ?", (place, change.id))
    else:
        put(place, change.id, change.shard, change.seq, change.after)


complete, cursor = set(), db.execute("SELECT cursor FROM bookmark").fetchone()
with Feed(sys.argv[1], cursor and cursor[0]) as feed:
    for batch in feed:
        if not db.in_transaction:
            db.execute("BEGIN")
        if isinstance(batch, Begin):
            complete.clear()
            db.execute("UPDATE resources SET seq = 0 WHERE shard = ?", (batch.shard,))
        elif isinstance(batch, Rows):
            if batch.complete:
                complete.add(place_of(batch.collection))
            for row in batch.rows:
                put(place_of(batch.collection), row.id, batch.shard, row.last_seq, row.document)
        elif isinstance(batch, End):
            for place, in db.execute("SELECT DISTINCT place FROM resources WHERE shard = ? AND seq = 0", (batch.shard,)).fetchall():
                if batch.why != "diverged" or place in complete:
                    db.execute("DELETE FROM resources WHERE place = ? AND seq = 0", (place,))
        for change in batch.changes if isinstance(batch, Changes) else ():
            apply(change)
        if isinstance(batch, (Changes, End)):  # a shard's snapshot is taken in whole
            db.execute("INSERT OR REPLACE INTO bookmark VALUES (1, ?)", (feed.cursor,))
            db.execute("COMMIT")
