/* Deliver: answers demands for changes and snapshots, many subscribers' from one set of readers.
 *
 * Nothing is kept of a subscriber: its demand says where it stands. Of a shard's followers it is kept what
 * they have stored (mark.h), and subscribers are given no more than that. One thread delivers; any may say
 * that there is more. */
#ifndef GARNER_FEED_DELIVER_H
#define GARNER_FEED_DELIVER_H

#include "proto/cluster.h"
#include "proto/feed.h"
#include "worker/store/folder.h"

struct deliver;

/* What an answer has. */
enum delivered {
    DELIVERED_NOTHING,   /* nothing is behind the demand's positions: it may wait if it likes */
    DELIVERED_POSITIONS, /* nothing for it, but positions have moved: it may wait for a moment, for more */
    DELIVERED_CHANGES,   /* changes or refusals, or there is more to be looked at already */
    DELIVERED_LATER      /* where a shard ends isn't known before its followers have said what they have */
};

/* Of a folder that is open for writing, or for reading. `by_orders`: no shard is here until an order says so;
 * else all are. Opens those that are. */
int deliver_open(struct folder *folder, bool by_orders, struct deliver **out, struct error *e);
void deliver_close(struct deliver *deliver); /* before its folder; null is fine */

/* Changes up to `last` of a shard are committed. Any thread. */
void deliver_committed(struct deliver *deliver, uint32_t shard, uint64_t last);

/* As what this worker has a shard, by its newest order, and whom that speaks of. Where it is its owner's the
 * store is there already, as it will be served. Else demands are refused from now on: MOVED, also to those
 * who wait, and nothing here reads the store any more. On the thread that delivers, or while that one
 * doesn't. ERR_STORE, ERR_CORRUPT: the store can't be read, and the shard isn't here. */
int deliver_order(struct deliver *deliver, const struct shard_order *order, const struct cluster_peer *peers,
                  uint32_t peer_count, struct error *e);

/* Until when this worker surely has what it has, by clock_steady_ms; later its answers say that they are
 * stale. INT64_MAX, as it is at first: for ever. Any thread. */
void deliver_lease(struct deliver *deliver, int64_t until_ms);

/* For the heartbeat, a bit for each replica of the order of that version, which is returned; 0: it isn't
 * here. Any thread. `*risen`: who waits may be answered. */
uint64_t deliver_report(struct deliver *deliver, uint32_t shard, uint32_t *held, uint32_t *behind,
                        bool *risen);

/* Up to where a shard is served: all who may take over have that. Any thread. */
uint64_t deliver_mark(const struct deliver *deliver, uint32_t shard);

/* Whether demands for a shard are answered here. Any thread. */
bool deliver_has(const struct deliver *deliver, uint32_t shard);

/* What followers have said since this was asked last lets others be given more. */
bool deliver_has_risen(struct deliver *deliver);

/* What is here, as a map of this one worker; in the arena. */
void deliver_map(const struct deliver *deliver, struct arena *arena, struct feed_map *out);

/* Append the answer to a demand (proto/feed.h's feed_changes): changes, or refusals. Looks at no more than
 * LIMIT_FETCH_CHANGES, and gives up to max_bytes of them and one more. Blocks for milliseconds. ERR_USAGE: a
 * demand that can't be meant; ERR_CORRUPT or ERR_STORE: a store can't be read. `out` may then have more in it
 * than before. */
int deliver_answer(struct deliver *deliver, struct feed_demand *demand, struct buffer *out,
                   enum delivered *delivered, struct error *e);

/* What a part of a snapshot shows: changes up to `seq`. It may be given once they are served; not at all once
 * the shard has begun anew. */
struct deliver_shown {
    uint32_t shard;
    uint64_t seq, begun;
};
enum deliver_when { SHOWN_NOW, SHOWN_LATER, SHOWN_NEVER };
enum deliver_when deliver_when(const struct deliver *deliver, const struct deliver_shown *shown);

/* Append a part of a shard's snapshot, or why there is none (worker/feed/snapshot.h); `*part` as there. */
int deliver_snapshot(struct deliver *deliver, struct feed_snapshot *demand, struct buffer *out,
                     struct feed_part *part, struct deliver_shown *shown, struct error *e);

/* Where all shards that are here end, or those only where that has moved since this was asked last; in the
 * arena. */
int deliver_heads(struct deliver *deliver, bool all, struct arena *arena, struct feed_hint *out,
                  struct error *e);

#endif
