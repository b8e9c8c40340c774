/* Stretches: what the last listing of a collection saw, in its order.
 *
 * A stretch is a few items that stood side by side on one page. All stretches of a collection, by place, are its
 * last listing. They say of which row an item's bytes are without looking into them (worker/winnow/forecast.h).
 * Digests are keyed with the shard's secret. */
#ifndef GARNER_PROTO_STRETCH_H
#define GARNER_PROTO_STRETCH_H

#include "common/hash.h"
#include "common/limits.h"

struct stretch_item {
    uint32_t row;
    uint32_t bytes;
    struct digest digest; /* of its bytes */
};

struct stretch {
    uint64_t place; /* among the collection's; from 1 on */
    uint32_t bytes; /* from the first item's first byte to behind the last one's; 0: they don't stand so */
    struct digest digest; /* of these bytes, when `bytes` isn't 0 */
    uint32_t count;       /* 1 to LIMIT_STRETCH_ITEMS */
    struct stretch_item items[LIMIT_STRETCH_ITEMS];
};

#endif
