#include "worker/feed/source.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/check.h"

void feed_source_open(struct feed_source *source, struct folder *folder)
{
    *source = (struct feed_source){.folder = folder};
    source->shards = mem_zalloc(folder->shards * sizeof *source->shards);
    source->heap = mem_alloc(folder->shards * sizeof *source->heap);
}

void feed_source_close(struct feed_source *source)
{
    for (uint32_t i = 0; source->shards && i < source->folder->shards; i++) {
        folder_reader_done(source->folder, source->shards[i].store);
        arena_close(&source->shards[i].arena);
    }
    free(source->shards);
    free(source->heap);
    *source = (struct feed_source){0};
}

/* Open the shard's store when it has come into being. */
static int open_shard(struct feed_source *source, uint32_t number, struct error *e)
{
    struct feed_shard *shard = &source->shards[number];
    if (shard->store || !folder_has(source->folder, number))
        return 0;
    int r = folder_reader(source->folder, number, &shard->store, e);
    if (!r)
        shard->epoch = store_epoch(shard->store);
    return r == ERR_NOT_FOUND ? 0 : r; /* just being made */
}

int feed_source_head(struct feed_source *source, uint32_t shard, uint64_t *head, struct error *e)
{
    int r = open_shard(source, shard, e);
    *head = !r && source->shards[shard].store ? store_head(source->shards[shard].store) : 0;
    return r;
}

/* --- where to begin --- */

void feed_source_rewind(struct feed_source *source)
{
    for (uint32_t i = 0; i < source->folder->shards; i++) {
        source->shards[i].next = 0;
        source->shards[i].idle = false;
    }
}

int feed_source_seek_now(struct feed_source *source, struct error *e)
{
    int r = 0;
    for (uint32_t i = 0; i < source->folder->shards && !r; i++) {
        uint64_t head;
        r = feed_source_head(source, i, &head, e);
        if (!r && source->shards[i].store)
            source->shards[i].next = head + 1;
    }
    return r;
}

int feed_source_seek(struct feed_source *source, const struct position *position, struct refusal *refusal,
                     struct error *e)
{
    struct feed_shard *shard;
    uint64_t head = 0, oldest = 0;
    *refusal = (struct refusal){.shard = position->shard};
    if (position->seq == 0)
        return 0;
    if (position->shard >= source->folder->shards) {
        refusal->kind = REFUSAL_FUTURE;
        return 0;
    }
    shard = &source->shards[position->shard];
    int r = feed_source_head(source, position->shard, &head, e);
    if (r)
        return r;
    if (shard->store)
        oldest = store_oldest(shard->store);
    if (position->seq > head || position->epoch > shard->epoch)
        refusal->kind = REFUSAL_FUTURE;
    else if (position->seq + 1 < oldest)
        refusal->kind = REFUSAL_COMPACTED;
    refusal->head = head;
    refusal->oldest = oldest;
    shard->next = position->seq + 1;
    return 0;
}

/* A cursor that doesn't name a shard was taken when nothing of it had been read, and nothing was compacted.
 */
static int check_unnamed(struct feed_source *source, const struct cursor *cursor, struct error *e)
{
    uint32_t at = 0;
    int r = 0;
    for (uint32_t i = 0; i < source->folder->shards && !r; i++) {
        struct refusal refusal = {.kind = REFUSAL_COMPACTED, .shard = i};
        while (at < cursor->count && (cursor->positions[at].shard < i || !cursor->positions[at].seq))
            at++;
        if (at < cursor->count && cursor->positions[at].shard == i)
            continue;
        r = feed_source_head(source, i, &refusal.head, e);
        if (r || !source->shards[i].store)
            continue;
        refusal.oldest = store_oldest(source->shards[i].store);
        if (refusal.oldest > 1)
            r = feed_refuse(&refusal, 0, e);
    }
    return r;
}

int feed_source_seek_cursor(struct feed_source *source, const struct cursor *cursor, struct error *e)
{
    int r = 0;
    if (memcmp(cursor->feed, source->folder->feed, sizeof cursor->feed) != 0)
        return error_set(
            e, ERR_USAGE,
            "this cursor belongs to another feed than that of %s: give one that came from it, or begin "
            "with --from oldest or now",
            source->folder->path);
    for (uint32_t i = 0; i < cursor->count && !r; i++) {
        const struct position *position = &cursor->positions[i];
        struct refusal refusal;
        if (position->seq && position->shard >= source->folder->shards)
            return error_set(e, ERR_USAGE,
                             "FUTURE: the cursor has shard %" PRIu32 ", the data folder %" PRIu32
                             " shards only",
                             position->shard, source->folder->shards);
        r = feed_source_seek(source, position, &refusal, e);
        if (!r && refusal.kind)
            r = feed_refuse(&refusal, position->seq, e);
    }
    return r ? r : check_unnamed(source, cursor, e);
}

int feed_refuse(const struct refusal *refusal, uint64_t seq, struct error *e)
{
    switch (refusal->kind) {
    case REFUSAL_COMPACTED:
        return error_set(e, ERR_USAGE,
                         "COMPACTED: the cursor is at change %" PRIu64 " of shard %" PRIu32
                         ", which keeps %" PRIu64
                         " and later ones: take what there is from `garner list`, and begin anew with --from "
                         "oldest or now",
                         seq, refusal->shard, refusal->oldest);
    case REFUSAL_FUTURE:
        return error_set(
            e, ERR_USAGE,
            "FUTURE: the cursor is at change %" PRIu64 " of shard %" PRIu32 ", which ends at %" PRIu64
            ": the data folder is older than the cursor (restored from a backup?); begin anew with "
            "--from oldest",
            seq, refusal->shard, refusal->head);
    case REFUSAL_DIVERGED:
        return error_set(
            e, ERR_USAGE,
            "DIVERGED: the cursor is at change %" PRIu64 " of shard %" PRIu32
            ", whose history is another one from change %" PRIu64
            " on: take what there is from `garner list`, and begin anew with --from oldest or now",
            seq, refusal->shard, refusal->head + 1);
    case REFUSAL_MOVED:
        break;
    }
    return error_set(e, ERR_USAGE, "MOVED: shard %" PRIu32 " is elsewhere now: ask there", refusal->shard);
}

/* --- the heap --- */

static bool comes_before(const struct feed_source *source, uint32_t a, uint32_t b)
{
    int64_t time_a = source->shards[a].change.time_ms, time_b = source->shards[b].change.time_ms;
    return time_a != time_b ? time_a < time_b : a < b;
}

static void heap_add(struct feed_source *source, uint32_t shard)
{
    uint32_t at = source->heap_count++;
    while (at > 0 && comes_before(source, shard, source->heap[(at - 1) / 2])) {
        source->heap[at] = source->heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    source->heap[at] = shard;
}

static uint32_t heap_take(struct feed_source *source)
{
    uint32_t first = source->heap[0], moved = source->heap[--source->heap_count], at = 0;
    for (uint32_t child; (child = 2 * at + 1) < source->heap_count; at = child) {
        if (child + 1 < source->heap_count &&
            comes_before(source, source->heap[child + 1], source->heap[child]))
            child++;
        if (!comes_before(source, source->heap[child], moved))
            break;
        source->heap[at] = source->heap[child];
    }
    source->heap[at] = moved;
    return first;
}

/* --- a round --- */

/* Put the shard's next change into the heap, if there is one. */
static int load(struct feed_source *source, uint32_t number, struct error *e)
{
    struct feed_shard *shard = &source->shards[number];
    if (shard->next > shard->head)
        return 0;
    arena_reset(&shard->arena);
    int r = store_change(shard->store, shard->next, &shard->packed, e);
    if (!r)
        r = change_unpack(&shard->arena, shard->packed, &shard->change, e);
    if (r)
        return r;
    heap_add(source, number);
    return 0;
}

static int begin_shard(struct feed_source *source, uint32_t number, struct error *e)
{
    struct feed_shard *shard = &source->shards[number];
    int r = open_shard(source, number, e);
    if (r || !shard->store)
        return r;
    if ((r = store_read(shard->store, e)))
        return r;
    uint64_t oldest = store_oldest(shard->store);
    shard->head = store_head(shard->store);
    if (!shard->next)
        shard->next = oldest;
    if (shard->next < oldest) /* reading is slower than the retention allows */
        return feed_refuse(&(struct refusal){REFUSAL_COMPACTED, number, oldest, shard->head}, shard->next - 1,
                           e);
    if (shard->next > shard->head)
        store_done(shard->store);
    return load(source, number, e);
}

int feed_source_begin(struct feed_source *source, struct error *e)
{
    int r = 0;
    for (uint32_t i = 0; i < source->folder->shards && !r; i++)
        if (!source->shards[i].idle)
            r = begin_shard(source, i, e);
    return r;
}

/* The last one given is replaced only now: the caller has used it until here. */
int feed_source_next(struct feed_source *source, const struct change **change, struct bytes *packed,
                     struct error *e)
{
    *change = NULL;
    if (source->has_current) {
        source->has_current = false;
        int r = load(source, source->current, e);
        if (r)
            return r;
    }
    if (!source->heap_count)
        return 0;
    source->current = heap_take(source);
    source->has_current = true;
    struct feed_shard *shard = &source->shards[source->current];
    shard->next++;
    *change = &shard->change;
    if (packed)
        *packed = shard->packed;
    return 0;
}

void feed_source_end(struct feed_source *source)
{
    source->heap_count = 0;
    source->has_current = false;
    for (uint32_t i = 0; i < source->folder->shards; i++)
        if (source->shards[i].store)
            store_done(source->shards[i].store);
}

void feed_source_cursor(const struct feed_source *source, struct arena *arena, struct cursor *out)
{
    uint32_t count = 0;
    memcpy(out->feed, source->folder->feed, sizeof out->feed);
    out->positions = arena_alloc(arena, source->folder->shards * sizeof *out->positions);
    for (uint32_t i = 0; i < source->folder->shards; i++)
        if (source->shards[i].next > 1)
            out->positions[count++] = (struct position){i, source->shards[i].epoch,
                                                        source->shards[i].next - 1};
    out->count = count;
}
