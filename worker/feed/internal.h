/* What the files of deliver share. Not for others. */
#ifndef GARNER_FEED_INTERNAL_H
#define GARNER_FEED_INTERNAL_H

#include <stdatomic.h>

#include "worker/feed/deliver.h"
#include "worker/feed/roles.h"
#include "worker/feed/source.h"

/* Who asks: positions of subscribers are at the mark at most, those of followers at the head. */
enum deliver_whose { WHOSE_SUBSCRIBER, WHOSE_FOLLOWER, WHOSE_ALL };

struct deliver {
    struct folder *folder;
    struct roles *roles;
    struct feed_source source;
    uint64_t *said; /* by shard: what deliver_heads gave last */
    /* By shard, the farthest position of each that was found to be of its history. */
    struct position *sound[WHOSE_ALL];
    bool risen; /* a mark has, since that was asked last */
    _Atomic int64_t lease_ms;
    /* Of the answer that is made: */
    struct arena arena, scratch;
    struct refusal *refusals; /* in the arena; null: none yet */
};

/* ERR_USAGE: there is no such shard. */
int deliver_no_shard(uint32_t shard, uint32_t shards, struct error *e);

#endif
