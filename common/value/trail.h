/* Trails: where several pointers stand while a document is walked once. Internal to values. */
#ifndef GARNER_COMMON_TRAIL_H
#define GARNER_COMMON_TRAIL_H

#include "common/value/pointer.h"

/* A pointer whose first `at` segments lead to where the walk is; `entered` of them without looking at what is
 * there. */
struct trail {
    const struct pointer *pointer;
    uint32_t entered, at;
};

/* All trails of the walk, from the root down; a level of it is a range. */
struct trails {
    struct trail *list;
    size_t count, cap;
};

struct level {
    size_t from, to;
};

/* The level of the root. `trails` is all zero before. */
struct level trails_open(struct trails *trails, const struct pointer *pointers, size_t count);
void trails_close(struct trails *trails);

/* To be called for each value that has trails, and again if it becomes another one. True if a pointer ends
 * at it. */
bool trails_arrive(struct trails *trails, struct level level, const struct value *value);

/* The level of a member's or an item's value; to be left before the next one is entered. */
struct level trails_enter_member(struct trails *trails, struct level level, struct bytes key);
struct level trails_enter_item(struct trails *trails, struct level level, uint32_t index);
void trails_leave(struct trails *trails, struct level level);

static inline bool trails_none(struct level level)
{
    return level.from == level.to;
}

/* A text of nothing but white space: what is left of an empty element of XML, however it was laid out. */
static inline bool trail_is_blank(const struct value *value)
{
    return value->type == VALUE_STRING && bytes_trim(value->text).len == 0;
}

/* A segment as an array's index: decimal digits without leading zeros. */
bool trail_index(struct bytes segment, uint64_t *index);

#endif
