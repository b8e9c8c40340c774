/* Deliver: answers demands for changes and snapshots, many subscribers' from one set of readers.
 *
 * Nothing is kept of a subscriber: its demand says where it stands. One thread delivers; any may say that
 * there is more. */
#ifndef GARNER_FEED_DELIVER_H
#define GARNER_FEED_DELIVER_H

#include "proto/feed.h"
#include "worker/store/folder.h"

struct deliver;

/* What an answer has. */
enum delivered {
    DELIVERED_NOTHING,   /* nothing is behind the demand's positions: it may wait if it likes */
    DELIVERED_POSITIONS, /* nothing for it, but positions have moved: it may wait for a moment, for more */
    DELIVERED_CHANGES    /* changes or refusals, or there is more to be looked at already */
};

/* Of a folder that is open for writing, or for reading. Opens what shards it has. */
int deliver_open(struct folder *folder, struct deliver **out, struct error *e);
void deliver_close(struct deliver *deliver); /* before its folder; null is fine */

/* Changes up to `last` of a shard are committed. Any thread. */
void deliver_committed(struct deliver *deliver, uint32_t shard, uint64_t last);

/* Whether a shard is here; at first all are. Demands for one that isn't are refused: MOVED, also to those who
 * wait. Any thread. */
void deliver_place(struct deliver *deliver, uint32_t shard, bool here);
bool deliver_has(const struct deliver *deliver, uint32_t shard);

/* What is here, as a map of this one worker; in the arena. */
void deliver_map(const struct deliver *deliver, struct arena *arena, struct feed_map *out);

/* Append the answer to a demand (proto/feed.h's feed_changes): changes, or refusals. Looks at no more than
 * LIMIT_FETCH_CHANGES, and gives up to max_bytes of them and one more. Blocks for milliseconds. ERR_USAGE: a
 * demand that can't be meant; ERR_CORRUPT or ERR_STORE: a store can't be read. `out` may then have more in it
 * than before. */
int deliver_answer(struct deliver *deliver, struct feed_demand *demand, struct buffer *out,
                   enum delivered *delivered, struct error *e);

/* Append a part of a shard's snapshot, or why there is none (worker/feed/snapshot.h); `*part` as there. */
int deliver_snapshot(struct deliver *deliver, struct feed_snapshot *demand, struct buffer *out,
                     struct feed_part *part, struct error *e);

/* The heads of all shards that are here, or of those only whose head has moved since this was asked last; in
 * the arena. */
int deliver_heads(struct deliver *deliver, bool all, struct arena *arena, struct feed_hint *out,
                  struct error *e);

#endif
