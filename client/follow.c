#include "client/follow.h"

#include <inttypes.h>
#include <stdlib.h>

#include "client/follow_map.h"
#include "common/check.h"

void follow_open(struct follow *follow, const struct follow_setting *setting)
{
    *follow = (struct follow){.set = *setting, .needs_map = true};
    follow->all = mem_zalloc(setting->shards * sizeof *follow->all);
    for (uint32_t i = 0; i < setting->shards; i++)
        follow->all[i] = (struct follow_shard){.asked.shard = i, .given.shard = i, .worker = UINT32_MAX};
}

void follow_close(struct follow *follow)
{
    follow_free_workers(follow->workers, follow->worker_count);
    free(follow->all);
    *follow = (struct follow){0};
}

/* --- where to begin --- */

static void give_up(struct follow *follow)
{
    for (uint32_t i = 0; i < follow->worker_count; i++)
        follow->workers[i].asked = FOLLOW_IDLE, follow->workers[i].begun = false;
    for (uint32_t i = 0; i < follow->set.shards; i++) {
        follow->all[i].asked = follow->all[i].given;
        follow->all[i].why = follow->all[i].owed;
    }
}

static void rewind_all(struct follow *follow, enum follow_why why)
{
    for (uint32_t i = 0; i < follow->set.shards; i++) {
        follow->all[i].given = (struct position){.shard = i};
        follow->all[i].owed = why;
    }
    give_up(follow);
}

int follow_seek(struct follow *follow, const struct position *positions, uint32_t count, struct error *e)
{
    rewind_all(follow, 0);
    for (uint32_t i = 0; i < count; i++) {
        if (positions[i].shard >= follow->set.shards)
            return error_set(e, ERR_USAGE,
                             "FUTURE: the cursor names shard %" PRIu32 ", and there are %" PRIu32 " only",
                             positions[i].shard, follow->set.shards);
        follow->all[positions[i].shard].given = positions[i];
    }
    give_up(follow);
    return 0;
}

void follow_seek_state(struct follow *follow, enum follow_why why)
{
    rewind_all(follow, why);
}

/* --- asking --- */

/* The one that is begun, or the first. */
static bool find_snapshot(struct follow *follow, uint32_t worker, uint32_t *shard)
{
    *shard = follow->workers[worker].shard;
    if (follow->workers[worker].begun && follow_owner(follow, *shard) == worker && follow->all[*shard].why)
        return true;
    for (uint32_t i = 0; i < follow->set.shards; i++)
        if (follow_owner(follow, i) == worker && follow->all[i].why) {
            *shard = i;
            return true;
        }
    return false;
}

static void ask_snapshot(struct follow *follow, struct follow_worker *worker, uint32_t shard,
                         struct operator_request *request)
{
    if (!worker->begun || worker->shard != shard) {
        worker->begun = false;
        worker->shard = shard;
        worker->collection = worker->row = 0;
    }
    worker->asked = FOLLOW_SNAPSHOT;
    request->kind = OPERATOR_SNAPSHOT;
    request->snapshot = (struct feed_snapshot){.shard = shard,
                                               .has_begin = worker->begun,
                                               .begin = worker->begin,
                                               .collection = worker->collection,
                                               .row = worker->row,
                                               .max_bytes = follow->set.max_bytes,
                                               .feed = follow->set.feed,
                                               .filter = follow->set.filter};
}

/* Which shards a worker has; none are named if it has all. */
static uint32_t list_shards(const struct follow *follow, uint32_t worker, struct arena *arena,
                            struct feed_demand *demand)
{
    uint32_t *shards = arena_alloc(arena, follow->set.shards * sizeof *shards), count = 0;
    for (uint32_t i = 0; i < follow->set.shards; i++)
        if (follow_owner(follow, i) == worker)
            shards[count++] = i;
    demand->shards = shards;
    demand->shard_count = count < follow->set.shards ? count : 0;
    return count;
}

/* The positions of a worker's shards. */
static bool ask_changes(struct follow *follow, uint32_t worker, uint64_t wait_ms, struct arena *arena,
                        struct operator_request *request)
{
    struct position *positions = arena_alloc(arena, follow->set.shards * sizeof *positions);
    uint32_t count = 0;
    for (uint32_t i = 0; i < follow->set.shards; i++)
        if (follow_owner(follow, i) == worker && !position_is_none(&follow->all[i].asked))
            positions[count++] = follow->all[i].asked;
    request->kind = OPERATOR_FETCH;
    request->fetch = (struct feed_demand){.positions = positions,
                                          .count = count,
                                          .feed = follow->set.feed,
                                          .filter = follow->set.filter,
                                          .max_events = follow->set.max_events,
                                          .max_bytes = follow->set.max_bytes,
                                          .wait_ms = wait_ms};
    if (!list_shards(follow, worker, arena, &request->fetch))
        return false;
    follow->workers[worker].asked = FOLLOW_FETCH;
    return true;
}

bool follow_ask_ends(const struct follow *follow, uint32_t worker, bool now, struct arena *arena,
                     struct operator_request *request)
{
    *request = (struct operator_request){
        .kind = OPERATOR_FETCH, .fetch = {.now = now, .oldest = !now, .max_events = 1, .max_bytes = 1}};
    return list_shards(follow, worker, arena, &request->fetch) > 0;
}

int follow_take_ends(const struct follow *follow, uint32_t worker, const struct feed_changes *answer,
                     struct position *to, uint32_t *count, struct error *e)
{
    if (answer->refusal_count)
        return error_set(e, ERR_BUSY,
                         "shard %" PRIu32 " is on its way to another worker: try again in a moment",
                         answer->refusals[0].shard);
    for (uint32_t i = 0; i < answer->position_count; i++) {
        const struct position *position = &answer->positions[i];
        if (position->shard < follow->set.shards && follow_owner(follow, position->shard) == worker)
            to[(*count)++] = *position;
    }
    return 0;
}

bool follow_ask(struct follow *follow, uint32_t number, uint64_t wait_ms, struct arena *arena,
                struct operator_request *request)
{
    CHECK(number < follow->worker_count);
    struct follow_worker *worker = &follow->workers[number];
    uint32_t shard;
    if (worker->asked != FOLLOW_IDLE)
        return false;
    *request = (struct operator_request){0};
    if (!find_snapshot(follow, number, &shard))
        return ask_changes(follow, number, wait_ms, arena, request);
    ask_snapshot(follow, worker, shard, request);
    return true;
}

void follow_lost(struct follow *follow, uint32_t worker)
{
    follow->workers[worker].asked = FOLLOW_IDLE;
}

/* --- what arrives --- */

static int wrong(struct error *e, const char *what)
{
    return error_set(e, ERR_BODY, "an answer of the feed can't be right: %s", what);
}

/* What was asked for replaces all that was known; another history leaves less of it than a gap does. */
static void worsen(enum follow_why *why, enum follow_why with)
{
    if (!*why || (*why == FOLLOW_COMPACTED && with == FOLLOW_DIVERGED))
        *why = with;
}

static void need_snapshot(struct follow_shard *shard, enum follow_why why)
{
    worsen(&shard->why, why);
    worsen(&shard->owed, why);
}

/* ERR_USAGE unless it is to be answered by a snapshot, or by a map. */
static int take_refusal(struct follow *follow, const struct refusal *refusal, struct error *e)
{
    if (refusal->shard >= follow->set.shards)
        return wrong(e, "it refuses a shard that isn't there");
    struct follow_shard *shard = &follow->all[refusal->shard];
    bool snapshots = follow->set.snapshots;
    if (refusal->kind == REFUSAL_MOVED) {
        shard->has_moved = follow->needs_map = true;
    } else if (refusal->kind == REFUSAL_COMPACTED && snapshots)
        need_snapshot(shard, FOLLOW_COMPACTED);
    else if (refusal->kind == REFUSAL_DIVERGED && snapshots)
        need_snapshot(shard, FOLLOW_DIVERGED);
    else
        return refusal_explain(refusal, shard->asked.seq, e);
    return 0;
}

static int take_refusals(struct follow *follow, const struct refusal *refusals, uint32_t count,
                         enum refusal_kind *refused, struct error *e)
{
    int r = 0;
    for (uint32_t i = 0; i < count && !r; i++) {
        r = take_refusal(follow, &refusals[i], e);
        *refused = refusals[i].kind;
    }
    return r;
}

static int changes_arrived(struct follow *follow, const struct feed_changes *changes,
                           enum refusal_kind *refused, struct follow_arrival *arrival, struct error *e)
{
    follow->is_stale |= changes->is_stale;
    if (changes->refusal_count)
        return take_refusals(follow, changes->refusals, changes->refusal_count, refused, e);
    if (changes->count > follow->set.max_events)
        return wrong(e, "there are more changes than were asked for");
    for (uint32_t i = 0; i < changes->position_count; i++) {
        const struct position *position = &changes->positions[i];
        if (position->shard >= follow->set.shards || position->seq < follow->all[position->shard].asked.seq)
            return wrong(e, "a position goes back");
    }
    for (uint32_t i = 0; i < changes->position_count; i++)
        follow->all[changes->positions[i].shard].asked = changes->positions[i];
    *arrival = (struct follow_arrival){.kind = FOLLOW_FETCH, .events = changes->count};
    return 0;
}

static int part_arrived(struct follow *follow, struct follow_worker *worker, const struct feed_part *part,
                        enum refusal_kind *refused, struct follow_arrival *arrival, struct error *e)
{
    struct follow_shard *shard = &follow->all[worker->shard];
    bool first = !worker->begun;
    if (part->refusal.kind) { /* what was taken is of no use any more */
        worker->begun = false;
        if (!first && part->refusal.kind != REFUSAL_MOVED) {
            if (part->refusal.kind != REFUSAL_COMPACTED) /* it has gone another way since it began */
                need_snapshot(shard, FOLLOW_DIVERGED);
            return 0;
        }
        return take_refusals(follow, &part->refusal, 1, refused, e);
    }
    if (part->begin.shard != worker->shard)
        return wrong(e, "a snapshot is another shard's");
    if (!part->last && !first &&
        (part->collection < worker->collection ||
         (part->collection == worker->collection && part->row <= worker->row)))
        return wrong(e, "a snapshot doesn't go on");
    *arrival = (struct follow_arrival){
        .kind = FOLLOW_SNAPSHOT, .shard = worker->shard, .why = shard->why, .first = first};
    worker->begun = !part->last;
    worker->begin = part->begin;
    worker->collection = part->collection;
    worker->row = part->row;
    if (part->last) {
        shard->asked = part->begin;
        shard->why = 0;
    }
    return 0;
}

int follow_arrived(struct follow *follow, uint32_t number, const struct operator_reply *reply,
                   struct follow_arrival *arrival, enum refusal_kind *refused, struct error *e)
{
    struct follow_worker *worker = &follow->workers[number];
    enum follow_asked asked = worker->asked;
    *arrival = (struct follow_arrival){.kind = FOLLOW_IDLE};
    *refused = 0;
    CHECK(asked != FOLLOW_IDLE);
    worker->asked = FOLLOW_IDLE;
    if (asked == FOLLOW_FETCH)
        return changes_arrived(follow, &reply->fetch, refused, arrival, e);
    return part_arrived(follow, worker, &reply->snapshot, refused, arrival, e);
}

/* --- what is given --- */

void follow_given(struct follow *follow, const struct follow_arrival *arrival,
                  const struct operator_reply *reply)
{
    if (arrival->kind == FOLLOW_FETCH) {
        for (uint32_t i = 0; i < reply->fetch.position_count; i++)
            follow->all[reply->fetch.positions[i].shard].given = reply->fetch.positions[i];
    } else if (arrival->kind == FOLLOW_SNAPSHOT && reply->snapshot.last) {
        follow->all[arrival->shard].given = reply->snapshot.begin;
        follow->all[arrival->shard].owed = follow->all[arrival->shard].why;
    }
}

void follow_cursor(const struct follow *follow, struct arena *arena, struct cursor *out)
{
    memcpy(out->feed, follow->set.feed, sizeof out->feed);
    out->count = 0;
    out->positions = arena_alloc(arena, follow->set.shards * sizeof *out->positions);
    for (uint32_t i = 0; i < follow->set.shards; i++)
        if (!position_is_none(&follow->all[i].given))
            out->positions[out->count++] = follow->all[i].given;
}
