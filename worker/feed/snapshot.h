/* Snapshot: what a shard holds, part by part, as somebody asks for them (docs/feed.md).
 *
 * Nothing is kept of who asks: a demand says where its part begins. Each part is read in a transaction of its
 * own, so a later part may know what an earlier one doesn't: the changes behind `begin` make them one. */
#ifndef GARNER_FEED_SNAPSHOT_H
#define GARNER_FEED_SNAPSHOT_H

#include "proto/feed.h"
#include "worker/store/store.h"

/* Append a part (proto/feed.h's feed_part) of the shard that `store` reads; null: nothing was ever in it.
 * `*part` says what is in it, without its collections and epochs. Blocks for milliseconds. ERR_USAGE: a
 * demand that can't be meant; ERR_CORRUPT or ERR_STORE. `out` may then have more in it than before. */
int snapshot_answer(struct store *store, struct feed_snapshot *demand, struct buffer *out,
                    struct feed_part *part, struct error *e);

#endif
