/* A stack of trails, so that a document is walked once for all pointers, and not at all below where none
 * of them leads. */
#include "common/value/trail.h"

#include <stdlib.h>

#include "common/check.h"

static void push(struct trails *trails, const struct pointer *pointer, uint32_t at)
{
    if (trails->count == trails->cap) {
        trails->cap = trails->cap ? trails->cap * 2 : 16;
        trails->list = mem_resize(trails->list, trails->cap * sizeof *trails->list);
    }
    trails->list[trails->count++] = (struct trail){pointer, at, at};
}

struct level trails_open(struct trails *trails, const struct pointer *pointers, size_t count)
{
    for (size_t i = 0; i < count; i++)
        push(trails, &pointers[i], 0);
    return (struct level){0, count};
}

void trails_close(struct trails *trails)
{
    free(trails->list);
    *trails = (struct trails){0};
}

bool trails_arrive(struct trails *trails, struct level level, const struct value *value)
{
    bool ends = false;
    for (size_t i = level.from; i < level.to; i++) {
        struct trail *trail = &trails->list[i];
        const struct pointer *pointer = trail->pointer;
        trail->at = trail->entered;
        bool alone = pointer->walks_single && value->type != VALUE_ARRAY && value->type != VALUE_NULL;
        while (alone && trail->at < pointer->count && pointer->walks[trail->at])
            trail->at++; /* into the array that isn't there */
        ends = ends || trail->at == pointer->count;
    }
    return ends;
}

struct level trails_enter_member(struct trails *trails, struct level level, struct bytes key)
{
    struct level next = {trails->count, trails->count};
    for (size_t i = level.from; i < level.to; i++) {
        struct trail trail = trails->list[i];
        if (trail.at == trail.pointer->count || trail.pointer->walks[trail.at])
            continue;
        if (bytes_equal(trail.pointer->segments[trail.at], key))
            push(trails, trail.pointer, trail.at + 1);
    }
    next.to = trails->count;
    return next;
}

struct level trails_enter_item(struct trails *trails, struct level level, uint32_t index)
{
    struct level next = {trails->count, trails->count};
    for (size_t i = level.from; i < level.to; i++) {
        struct trail trail = trails->list[i];
        if (trail.at == trail.pointer->count)
            continue;
        uint64_t wanted;
        if (trail.pointer->walks[trail.at] ||
            (trail_index(trail.pointer->segments[trail.at], &wanted) && wanted == index))
            push(trails, trail.pointer, trail.at + 1);
    }
    next.to = trails->count;
    return next;
}

void trails_leave(struct trails *trails, struct level level)
{
    CHECK(level.to == trails->count);
    trails->count = level.from;
}

bool trail_index(struct bytes segment, uint64_t *index)
{
    if (segment.len > 1 && segment.data[0] == '0')
        return false;
    return bytes_to_u64(segment, index);
}
