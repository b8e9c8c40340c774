/* Stretches: what the last listing of a collection saw, in its order.
 *
 * A stretch is a few items that stood side by side on one page. All stretches of a collection, by place, are
 * its last listing. They say of which row an item's bytes are without looking into them
 * (worker/winnow/forecast.h). Digests are keyed with the shard's secret. */
#ifndef GARNER_PROTO_STRETCH_H
#define GARNER_PROTO_STRETCH_H

#include "common/hash.h"
#include "common/limits.h"

#define STRETCH_ROWS UINT32_MAX /* as a stretch's row: its items' rows don't follow each other */

enum { STRETCH_ITEMS_MAX = 80 }; /* so many an earlier version put together */
_Static_assert((int)STRETCH_ITEMS_MAX >= (int)LIMIT_STRETCH_ITEMS, "what is written is read");

struct stretch_item {
    uint32_t row;
    uint32_t bytes;
    struct digest digest; /* of its bytes */
};

struct stretch {
    uint64_t place; /* among the collection's; from 1 on */
    uint32_t bytes; /* from the first item's first byte to behind the last one's; 0: they don't stand so */
    struct digest digest; /* of these bytes, when `bytes` isn't 0 */
    uint32_t count;       /* 1 to STRETCH_ITEMS_MAX */
    uint32_t row;         /* the first item's, when each one's is the next; else STRETCH_ROWS */
    bool is_brief;        /* the items weren't read */
    struct stretch_item items[STRETCH_ITEMS_MAX];
};

/* What `row` should be, by the items. */
static inline uint32_t stretch_row(const struct stretch *stretch)
{
    for (uint32_t i = 1; i < stretch->count; i++)
        if (stretch->items[i].row != stretch->items[0].row + i)
            return STRETCH_ROWS;
    return stretch->items[0].row;
}

#endif
