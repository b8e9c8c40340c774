/* Lies: mistakes that the feed could make, made on purpose, to see that the checks find them. Those of
 * servers are told here; those of subscribers where they are made (subscriber.c). */
#include <stdlib.h>

#include "tests/sim/feed/world.h"
#include "tests/sim/program.h"

static const char *const names[LIES] = {
#define X(name, text) [LIE_##name] = text,
    SIM_FEED_LIES(X)
#undef X
};

int lie_of_name(const char *name)
{
    return program_find(name, names, LIES);
}

const char *lie_name(enum lie lie)
{
    return names[lie];
}

/* --- what a server takes a demand for --- */

static void forget_checks(struct feed_demand *demand)
{
    for (uint32_t i = 0; i < demand->count; i++)
        ((struct position *)(uintptr_t)&demand->positions[i])->check = 0;
}

static void forget_untils(struct operator_request *request)
{
    struct feed_demand *demand = &request->fetch;
    for (uint32_t i = 0; i < demand->count; i++)
        ((struct position *)(uintptr_t)&demand->positions[i])->until = (struct point){0};
    request->snapshot.begin.until = (struct point){0};
}

void lie_demand(struct world *w, struct operator_request *request)
{
    if (w->lie == LIE_FILTER)
        request->fetch.filter = (struct filter){0};
    if (w->lie == LIE_DIVERGED)
        forget_checks(&request->fetch);
    if (w->lie == LIE_UNTIL)
        forget_untils(request);
}

/* --- what it answers --- */

static void drop_change(struct feed_changes *changes, uint32_t at)
{
    changes->count--;
    for (uint32_t i = at; i < changes->count; i++)
        changes->changes[i] = changes->changes[i + 1];
}

static void add_change(struct feed_changes *changes, struct bytes packed, struct arena *arena)
{
    struct bytes *all = arena_alloc(arena, (changes->count + 1) * sizeof *all);
    if (changes->count)
        memcpy(all, changes->changes, changes->count * sizeof *all);
    all[changes->count++] = packed;
    changes->changes = all;
}

/* Two neighbours of a collection the other way round. */
static void swap_changes(struct feed_changes *changes, struct arena *arena)
{
    for (uint32_t i = 0; i + 1 < changes->count; i++) {
        struct bytes first = changes->changes[i];
        struct change a, b;
        struct error e;
        if (change_unpack(arena, first, &a, &e) || change_unpack(arena, changes->changes[i + 1], &b, &e) ||
            a.shard != b.shard || a.collection != b.collection)
            continue;
        changes->changes[i] = changes->changes[i + 1];
        changes->changes[i + 1] = first;
        return;
    }
}

static void add_aborted(struct world *w, struct feed_changes *changes, struct arena *arena)
{
    for (uint32_t i = 0; i < changes->position_count; i++) {
        struct position *position = (struct position *)(uintptr_t)&changes->positions[i];
        const struct buffer *aborted = &w->shards[position->shard].aborted;
        struct change change;
        struct error e;
        if (aborted->len && change_unpack(arena, buffer_bytes(aborted), &change, &e) == 0 &&
            change.seq == position->seq + 1) {
            add_change(changes, arena_copy(arena, buffer_bytes(aborted)), arena);
            position->seq++;
            position->check = position_check(buffer_bytes(aborted));
            return;
        }
    }
}

/* A change too many would be noticed by itself: `room` says whether one more may be there. */
static void lie_changes(struct world *w, struct feed_changes *changes, bool room, struct arena *arena)
{
    if (changes->refusal_count && w->lie == LIE_FUTURE)
        for (uint32_t i = 0; i < changes->refusal_count; i++) {
            struct refusal *refusal = (struct refusal *)(uintptr_t)&changes->refusals[i];
            if (refusal->kind == REFUSAL_FUTURE)
                refusal->kind = REFUSAL_DIVERGED;
        }
    if (!changes->count || !chance(w, 10))
        return;
    if (w->lie == LIE_SKIP)
        drop_change(changes, pick(w, changes->count));
    else if (w->lie == LIE_TWICE && room)
        add_change(changes, changes->changes[pick(w, changes->count)], arena);
    else if (w->lie == LIE_ORDER)
        swap_changes(changes, arena);
    else if (w->lie == LIE_UNCOMMITTED && room)
        add_aborted(w, changes, arena);
}

static void lie_part(struct world *w, struct feed_part *part)
{
    for (uint32_t i = 0; i < part->collection_count; i++) {
        struct feed_collection *collection = (struct feed_collection *)(uintptr_t)&part->collections[i];
        if (w->lie == LIE_ROW && collection->row_count && chance(w, 30))
            collection->row_count--;
        if (w->lie == LIE_COMPLETE)
            collection->complete = true;
    }
    const struct entry *head = NULL;
    if (w->lie == LIE_TAIL && part->last && !part->refusal.kind) {
        const struct fork *fork = truth_now(&w->check.truth, part->begin.shard);
        head = truth_entry(fork, fork->head);
    }
    if (head)
        part->begin = (struct position){.shard = part->begin.shard,
                                        .check = head->check,
                                        .epoch = head->change.epoch,
                                        .seq = head->change.seq};
}

void lie_reply(struct world *w, const struct operator_request *request, struct operator_reply *reply,
               struct arena *arena)
{
    if (request->kind == OPERATOR_FETCH)
        lie_changes(w, &reply->fetch, reply->fetch.count < request->fetch.max_events, arena);
    else
        lie_part(w, &reply->snapshot);
}
