#include "cli/feed_source.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/select.h"
#include "common/check.h"

void feed_source_open(struct feed_source *source, struct folder *folder)
{
    *source = (struct feed_source){.folder = folder};
    source->shards = mem_zalloc(folder->shards * sizeof *source->shards);
    source->heap = mem_alloc(folder->shards * sizeof *source->heap);
}

void feed_source_close(struct feed_source *source)
{
    for (uint32_t i = 0; source->shards && i < source->folder->shards; i++)
        arena_close(&source->shards[i].arena);
    free(source->shards);
    free(source->heap);
}

/* Open the shard's store when it has come into being. */
static int open_shard(struct feed_source *source, uint32_t number, struct error *e)
{
    struct feed_shard *shard = &source->shards[number];
    if (shard->store)
        return 0;
    int r = select_store(source->folder, number, &shard->store, e);
    if (!r && shard->store)
        shard->epoch = store_epoch(shard->store);
    return r;
}

/* --- where to begin --- */

int feed_source_seek_now(struct feed_source *source, struct error *e)
{
    int r = 0;
    for (uint32_t i = 0; i < source->folder->shards && !r; i++) {
        struct feed_shard *shard = &source->shards[i];
        r = open_shard(source, i, e);
        if (!r && shard->store)
            shard->next = store_head(shard->store) + 1;
    }
    return r;
}

static int seek_shard(struct feed_shard *shard, const struct position *position, struct error *e)
{
    uint64_t head = shard->store ? store_head(shard->store) : 0;
    if (position->seq > head || position->epoch > shard->epoch)
        return error_set(e, ERR_USAGE,
                         "FUTURE: the cursor is at change %" PRIu64 " of shard %" PRIu32
                         ", which ends at %" PRIu64
                         ": the data folder is older than the cursor (restored from a "
                         "backup?); begin anew with --from oldest",
                         position->seq, position->shard, head);
    if (shard->store && position->seq + 1 < store_oldest(shard->store))
        return error_set(e, ERR_USAGE,
                         "COMPACTED: the cursor is at change %" PRIu64 " of shard %" PRIu32
                         ", which keeps %" PRIu64
                         " and later ones: take what there is from `garner list`, and begin "
                         "anew with --from oldest or now",
                         position->seq, position->shard, store_oldest(shard->store));
    shard->next = position->seq + 1;
    return 0;
}

int feed_source_seek(struct feed_source *source, const struct cursor *cursor, struct error *e)
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
        if (position->seq == 0)
            continue;
        if (position->shard >= source->folder->shards)
            return error_set(e, ERR_USAGE,
                             "FUTURE: the cursor has shard %" PRIu32 ", the data folder %" PRIu32
                             " shards only",
                             position->shard, source->folder->shards);
        r = open_shard(source, position->shard, e);
        if (!r)
            r = seek_shard(&source->shards[position->shard], position, e);
    }
    return r;
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
    struct bytes packed;
    if (shard->next > shard->head)
        return 0;
    arena_reset(&shard->arena);
    int r = store_change(shard->store, shard->next, &packed, e);
    if (!r)
        r = change_unpack(&shard->arena, packed, &shard->change, e);
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
    if (shard->next < oldest)
        return error_set(e, ERR_LIMIT,
                         "COMPACTED: shard %" PRIu32 " keeps change %" PRIu64
                         " and later ones, and we are at %" PRIu64
                         ": reading is slower than the retention allows",
                         number, oldest, shard->next);
    if (shard->next > shard->head)
        store_done(shard->store);
    return load(source, number, e);
}

int feed_source_begin(struct feed_source *source, struct error *e)
{
    int r = 0;
    for (uint32_t i = 0; i < source->folder->shards && !r; i++)
        r = begin_shard(source, i, e);
    return r;
}

/* The last one given is replaced only now: the caller has used it until here. */
int feed_source_next(struct feed_source *source, const struct change **change, struct error *e)
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
