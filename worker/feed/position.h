/* Position: is there anything behind it, in this shard's history? Pure.
 *
 * A history is cut into epochs, one behind the other: an owner's begins with its first seq, and ends before
 * the next one's. Two histories of a shard that went different ways have epochs in common, or the beginning
 * of one. */
#ifndef GARNER_FEED_POSITION_H
#define GARNER_FEED_POSITION_H

#include "proto/feed.h"

struct history {
    const struct store_epoch *epochs; /* ascending, at least one */
    uint32_t epoch_count;
    uint64_t oldest, head; /* what is kept; oldest is head + 1 when nothing is */
    uint32_t cut_check;    /* of the change before the oldest; 0: unknown */
};

/* What follows a point of the shard can be given (`refusal->kind` 0), or why not. Whether the change that
 * stands there is the one that is meant is for the caller to look at, if it is kept: position_differs. */
void position_judge(const struct history *history, uint32_t shard, const struct point *at,
                    struct refusal *refusal);

/* The change at the point is kept, and is another one: fills in the refusal. */
bool position_differs(const struct point *at, struct bytes packed_change, struct refusal *refusal);

/* The position behind a seq, with the epoch that it belongs to, as far as the history tells: without its
 * check sum, unless it is the last one before what is kept. */
struct position position_behind(const struct history *history, uint32_t shard, uint64_t seq);

#endif
