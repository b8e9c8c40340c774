/* Rows of a collection: a set that takes no memory while it is empty, as most are. Null is the empty one. */
#ifndef GARNER_ROWS_H
#define GARNER_ROWS_H

#include <roaring/roaring.h>

#include "common/check.h"

static inline void rows_ensure(roaring_bitmap_t **rows)
{
    if (!*rows)
        *rows = roaring_bitmap_create();
    CHECK(*rows);
}

static inline void rows_add(roaring_bitmap_t **rows, uint32_t row)
{
    rows_ensure(rows);
    roaring_bitmap_add(*rows, row);
}

/* From `from` to before `to`. */
static inline void rows_add_range(roaring_bitmap_t **rows, uint64_t from, uint64_t to)
{
    if (from >= to)
        return;
    rows_ensure(rows);
    roaring_bitmap_add_range(*rows, from, to);
}

static inline bool rows_have(const roaring_bitmap_t *rows, uint32_t row)
{
    return rows && roaring_bitmap_contains(rows, row);
}

static inline bool rows_meet(const roaring_bitmap_t *a, const roaring_bitmap_t *b)
{
    return a && b && roaring_bitmap_intersect(a, b);
}

static inline bool rows_are_none(const roaring_bitmap_t *rows)
{
    return !rows || roaring_bitmap_is_empty(rows);
}

static inline uint64_t rows_count(const roaring_bitmap_t *rows)
{
    return rows ? roaring_bitmap_get_cardinality(rows) : 0;
}

/* Safe twice. */
static inline void rows_close(roaring_bitmap_t **rows)
{
    if (*rows)
        roaring_bitmap_free(*rows);
    *rows = NULL;
}

#endif
