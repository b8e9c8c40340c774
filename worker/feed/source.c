/* A position is judged when there may be something behind it, and once: what is committed later is of the
 * same history. Its shard's head is looked at first, so that those where nothing happens cost nothing. */
#include "worker/feed/source.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/check.h"
#include "worker/feed/position.h"

void feed_source_open(struct feed_source *source, struct folder *folder)
{
    *source = (struct feed_source){.folder = folder};
    source->shards = mem_zalloc(folder->shards * sizeof *source->shards);
    source->heap = mem_alloc(folder->shards * sizeof *source->heap);
    feed_source_rewind(source);
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

/* The shard has gone since, and has perhaps come back as another one. */
static void give_back_stale(struct feed_source *source, struct feed_shard *shard)
{
    if (!shard->store || !store_reader_is_stale(shard->store))
        return;
    folder_reader_done(source->folder, shard->store);
    shard->store = NULL;
    shard->judged = false;
}

/* Open the shard's store when it has come into being. */
static int open_shard(struct feed_source *source, uint32_t number, struct error *e)
{
    struct feed_shard *shard = &source->shards[number];
    give_back_stale(source, shard);
    if (shard->store || !folder_has(source->folder, number))
        return 0;
    int r = folder_reader(source->folder, number, &shard->store, e);
    return r == ERR_NOT_FOUND ? 0 : r; /* just being made */
}

int feed_source_head(struct feed_source *source, uint32_t shard, uint64_t *head, struct error *e)
{
    int r = open_shard(source, shard, e);
    *head = !r && source->shards[shard].store ? store_head(source->shards[shard].store) : 0;
    return r;
}

int feed_source_epoch(struct feed_source *source, uint32_t shard, uint64_t *epoch, struct error *e)
{
    int r = open_shard(source, shard, e);
    *epoch = !r && source->shards[shard].store ? store_epoch(source->shards[shard].store) : 0;
    return r;
}

void feed_source_forget(struct feed_source *source, uint32_t shard)
{
    folder_reader_done(source->folder, source->shards[shard].store);
    source->shards[shard].store = NULL;
}

/* --- where to begin --- */

static void put_at(struct feed_shard *shard, const struct position *position)
{
    shard->at = *position;
    shard->judged = shard->is_new = shard->idle = false;
    shard->end = UINT64_MAX;
    shard->refusal = (struct refusal){0};
}

void feed_source_rewind(struct feed_source *source)
{
    for (uint32_t i = 0; i < source->folder->shards; i++)
        put_at(&source->shards[i], &(struct position){.shard = i});
}

void feed_source_seek(struct feed_source *source, const struct position *position)
{
    CHECK(position->shard < source->folder->shards);
    put_at(&source->shards[position->shard], position);
}

static int read_history(struct store *store, struct arena *arena, struct history *out, struct error *e)
{
    *out = (struct history){
        .oldest = store_oldest(store), .head = store_head(store), .cut_check = store_cut_check(store)};
    return store_epochs(store, arena, &out->epochs, &out->epoch_count, e);
}

int feed_position_behind(struct store *store, uint64_t seq, struct position *out, struct error *e)
{
    struct arena arena = {0};
    struct history history;
    struct bytes packed;
    int r = read_history(store, &arena, &history, e);
    if (!r)
        *out = position_behind(&history, store_shard(store), seq);
    if (!r && seq >= history.oldest && seq > 0 && !(r = store_change(store, seq, &packed, e)))
        out->check = position_check(packed);
    arena_close(&arena);
    return r;
}

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* A point of this history, as far as it is kept? */
static int judge_point(struct store *store, const struct history *history, const struct point *at,
                       struct refusal *refusal, struct error *e)
{
    struct bytes packed;
    position_judge(history, store_shard(store), at, refusal);
    if (refusal->kind || !at->check || at->seq < history->oldest || at->seq > history->head)
        return 0;
    int r = store_change(store, at->seq, &packed, e);
    if (!r)
        position_differs(at, packed, refusal);
    return r;
}

int feed_position_judge(struct store *store, const struct position *position, struct refusal *refusal,
                        struct error *e)
{
    const struct point at = {position->epoch, position->seq, position->check};
    struct arena arena = {0};
    struct history history;
    int r = read_history(store, &arena, &history, e);
    if (!r)
        r = judge_point(store, &history, &at, refusal, e);
    if (!r && !refusal->kind && position->until.seq)
        r = judge_point(store, &history, &position->until, refusal, e);
    arena_close(&arena);
    return r;
}

static int seek_shard(struct feed_source *source, uint32_t number, bool now, struct error *e)
{
    struct feed_shard *shard = &source->shards[number];
    struct position position = {.shard = number};
    int r = open_shard(source, number, e);
    if (!r && shard->store && !(r = store_read(shard->store, e)))
        r = feed_position_behind(
            shard->store, now ? least(store_head(shard->store), shard->end) : store_oldest(shard->store) - 1,
            &position, e);
    if (shard->store)
        store_done(shard->store);
    if (!r)
        put_at(shard, &position);
    return r;
}

static int seek_all(struct feed_source *source, bool now, struct error *e)
{
    int r = 0;
    for (uint32_t i = 0; i < source->folder->shards && !r; i++)
        if (!source->shards[i].idle)
            r = seek_shard(source, i, now, e);
    return r;
}

int feed_source_seek_now(struct feed_source *source, struct error *e)
{
    return seek_all(source, true, e);
}

int feed_source_seek_oldest(struct feed_source *source, struct error *e)
{
    return seek_all(source, false, e);
}

int feed_source_seek_cursor(struct feed_source *source, const struct cursor *cursor, struct error *e)
{
    if (memcmp(cursor->feed, source->folder->feed, sizeof cursor->feed) != 0)
        return error_set(
            e, ERR_USAGE,
            "this cursor belongs to another feed than that of %s: give one that came from it, or begin "
            "with --from oldest or now",
            source->folder->path);
    feed_source_rewind(source);
    for (uint32_t i = 0; i < cursor->count; i++) {
        const struct position *position = &cursor->positions[i];
        if (position->shard >= source->folder->shards)
            return error_set(e, ERR_USAGE,
                             "FUTURE: the cursor has shard %" PRIu32 ", the data folder %" PRIu32
                             " shards only",
                             position->shard, source->folder->shards);
        feed_source_seek(source, position);
    }
    return 0;
}

int feed_source_refused(const struct feed_source *source, struct error *e)
{
    for (uint32_t i = 0; source->refused && i < source->folder->shards; i++)
        if (source->shards[i].refusal.kind)
            return refusal_explain(&source->shards[i].refusal, source->shards[i].at.seq, e);
    return 0;
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
    if (shard->at.seq >= shard->head)
        return 0;
    arena_reset(&shard->arena);
    int r = store_change(shard->store, shard->at.seq + 1, &shard->packed, e);
    if (!r)
        r = change_unpack(&shard->arena, shard->packed, &shard->change, e);
    if (r)
        return r;
    heap_add(source, number);
    return 0;
}

/* Is `at` a point of this history? Also when it is judged already, what follows it may be gone meanwhile:
 * reading is slower than the retention allows. */
static int judge(struct feed_shard *shard, struct error *e)
{
    shard->refusal = (struct refusal){0};
    if (shard->judged && shard->at.seq + 1 >= store_oldest(shard->store))
        return 0;
    int r = feed_position_judge(shard->store, &shard->at, &shard->refusal, e);
    shard->judged = !r && !shard->refusal.kind;
    return r;
}

static int begin_shard(struct feed_source *source, uint32_t number, struct error *e)
{
    struct feed_shard *shard = &source->shards[number];
    int r = open_shard(source, number, e);
    if (r)
        return r;
    if (!shard->store) { /* nothing was ever in it */
        if (position_is_none(&shard->at))
            return 0;
        shard->refusal = (struct refusal){.kind = REFUSAL_FUTURE, .shard = number};
        source->refused++;
        return 0;
    }
    if ((r = store_read(shard->store, e)))
        return r;
    shard->head = least(store_head(shard->store), shard->end);
    if ((r = judge(shard, e)))
        return r;
    source->refused += shard->refusal.kind != 0;
    if (shard->refusal.kind || shard->at.seq >= shard->head)
        store_done(shard->store);
    return shard->refusal.kind ? 0 : load(source, number, e);
}

int feed_source_begin(struct feed_source *source, struct error *e)
{
    int r = 0;
    source->refused = 0;
    for (uint32_t i = 0; i < source->folder->shards && !r; i++)
        if (!source->shards[i].idle)
            r = begin_shard(source, i, e);
        else
            give_back_stale(source, &source->shards[i]);
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
    position_advance(&shard->at, shard->change.epoch, shard->at.seq + 1, 0);
    shard->given = shard->packed;
    shard->is_new = true;
    *change = &shard->change;
    if (packed)
        *packed = shard->packed;
    return 0;
}

void feed_source_end(struct feed_source *source)
{
    source->heap_count = 0;
    source->has_current = false;
    for (uint32_t i = 0; i < source->folder->shards; i++) {
        struct feed_shard *shard = &source->shards[i];
        if (shard->is_new)
            shard->at.check = position_check(shard->given);
        shard->is_new = false;
        if (shard->store)
            store_done(shard->store);
    }
}

void feed_source_cursor(const struct feed_source *source, struct arena *arena, struct cursor *out)
{
    uint32_t count = 0;
    memcpy(out->feed, source->folder->feed, sizeof out->feed);
    out->positions = arena_alloc(arena, source->folder->shards * sizeof *out->positions);
    for (uint32_t i = 0; i < source->folder->shards; i++)
        if (!position_is_none(&source->shards[i].at))
            out->positions[count++] = source->shards[i].at;
    out->count = count;
}
