/* Holds: what the retention of the change log must wait for. Who takes a snapshot of a shard as of a seq
 * needs the changes behind it afterwards; until it has them, it holds them.
 *
 * A hold is only lent: it ends by itself LIMIT_FEED_HOLD_MS after it was last asked for. It is known by its
 * shard and seq alone, so who asks for the same again refreshes it, and several may share one. There are
 * LIMIT_FEED_HOLDS of them. Any thread may call; nothing blocks. Times are of the steady clock. */
#ifndef GARNER_FEED_HOLDS_H
#define GARNER_FEED_HOLDS_H

#include <stdbool.h>
#include <stdint.h>

struct feed_holds;

struct feed_holds *feed_holds_open(void);
void feed_holds_close(struct feed_holds *holds); /* null is fine */

/* What followers haven't stored yet is held, too: behind the seq up to which all of those that may take over
 * have a shard (mark.h). It is asked with a lock held, on any thread. Null: nobody follows (any more). */
void feed_holds_mark(struct feed_holds *holds, uint64_t (*mark)(void *context, uint32_t shard),
                     void *context);

/* Hold the changes of a shard that come behind `seq`, or go on to. False: too many are held already. Then
 * they aren't kept for this one; who asks has to see for himself whether they are still there. */
bool feed_hold(struct feed_holds *holds, uint32_t shard, uint64_t seq, int64_t now_ms);

/* The lowest seq of a shard behind which changes are held; RETENTION_HELD_NONE (retention.h): none are. */
uint64_t feed_holds_seq(struct feed_holds *holds, uint32_t shard, int64_t now_ms);

#endif
