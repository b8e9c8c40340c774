/* Whether there is anything behind a position is known without a look at the stores: `heads` are the last
 * committed seqs. So a thousand commits a second cost those who wait for other shards nothing but that look.
 */
#include "worker/feed/deliver.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "common/check.h"
#include "worker/feed/source.h"
#include "worker/store/census.h"

struct deliver {
    struct folder *folder;
    struct feed_source source;
    _Atomic uint64_t *heads; /* by shard */
};

int deliver_open(struct folder *folder, struct deliver **out, struct error *e)
{
    struct deliver *deliver = mem_zalloc(sizeof *deliver);
    int r = 0;
    *out = NULL;
    deliver->folder = folder;
    deliver->heads = mem_zalloc(folder->shards * sizeof *deliver->heads);
    feed_source_open(&deliver->source, folder);
    for (uint32_t i = 0; i < folder->shards && !r; i++) {
        uint64_t head = 0;
        r = feed_source_head(&deliver->source, i, &head, e);
        deliver_committed(deliver, i, head);
    }
    if (r)
        deliver_close(deliver);
    else
        *out = deliver;
    return r;
}

void deliver_close(struct deliver *deliver)
{
    if (!deliver)
        return;
    feed_source_close(&deliver->source);
    free(deliver->heads);
    free(deliver);
}

/* Its thread and the one that opened it may both say so of a shard: the later one counts. */
void deliver_committed(struct deliver *deliver, uint32_t shard, uint64_t last)
{
    uint64_t known = atomic_load(&deliver->heads[shard]);
    while (last > known && !atomic_compare_exchange_weak(&deliver->heads[shard], &known, last))
        ;
}

/* --- where the demand stands --- */

static int seek(struct deliver *deliver, const struct operator_fetch *demand, struct arena *arena,
                struct operator_changes *out, struct error *e)
{
    struct refusal *refusals = arena_alloc(arena, (demand->count + 1) * sizeof *refusals);
    int r = 0;
    feed_source_rewind(&deliver->source);
    for (uint32_t i = 0; i < demand->count && !r; i++) {
        r = feed_source_seek(&deliver->source, &demand->positions[i], &refusals[out->refusal_count], e);
        out->refusal_count += !r && refusals[out->refusal_count].kind != 0;
    }
    out->refusals = refusals;
    return r;
}

/* Leave the shards alone that have nothing behind the demand. False: none has. */
static bool choose_shards(struct deliver *deliver)
{
    bool any = false;
    for (uint32_t i = 0; i < deliver->folder->shards; i++) {
        struct feed_shard *shard = &deliver->source.shards[i];
        shard->idle = atomic_load(&deliver->heads[i]) < (shard->next ? shard->next : 1);
        any |= !shard->idle;
    }
    return any;
}

/* Positions that differ from the demand's, of all shards; those of a shard that it doesn't name are 0. */
static void add_positions(struct deliver *deliver, const struct operator_fetch *demand, struct arena *arena,
                          struct operator_changes *out)
{
    struct cursor cursor;
    struct position *positions;
    uint32_t at = 0;
    feed_source_cursor(&deliver->source, arena, &cursor);
    positions = cursor.positions;
    for (uint32_t i = 0; i < cursor.count; i++) {
        while (at < demand->count && demand->positions[at].shard < cursor.positions[i].shard)
            at++;
        bool same = at < demand->count && demand->positions[at].shard == cursor.positions[i].shard &&
                    demand->positions[at].seq == cursor.positions[i].seq;
        if (!same)
            positions[out->position_count++] = cursor.positions[i];
    }
    out->positions = positions;
}

/* --- changes --- */

static bool is_or_any(struct bytes wanted, struct bytes is)
{
    return !wanted.data || bytes_equal(wanted, is);
}

static bool passes(const struct operator_fetch *demand, const struct change *change)
{
    const struct operator_which *only = &demand->only;
    return census_account_is(only->account, &change->key) && is_or_any(only->type, change->key.type) &&
           (!demand->ops || (demand->ops & 1u << change->op)) && !(demand->no_initial && change->initial);
}

static uint64_t at_most(uint64_t wanted, uint64_t limit)
{
    return wanted < limit ? wanted : limit;
}

static int add_changes(struct deliver *deliver, const struct operator_fetch *demand, struct arena *arena,
                       struct operator_changes *out, struct error *e)
{
    uint64_t bytes = 0, bytes_max = at_most(demand->max_bytes, LIMIT_MESSAGE_BYTES);
    uint32_t events_max = (uint32_t)at_most(demand->max_events, LIMIT_FETCH_CHANGES), looked = 0;
    const struct change *change = NULL;
    int r = feed_source_begin(&deliver->source, e);
    out->changes = arena_alloc(arena, (events_max + 1) * sizeof *out->changes);
    out->more = true;
    while (!r && out->count < events_max && bytes < bytes_max && looked++ < LIMIT_FETCH_CHANGES) {
        struct bytes packed;
        r = feed_source_next(&deliver->source, &change, &packed, e);
        out->more = !r && change;
        if (!out->more)
            break;
        if (passes(demand, change)) {
            out->changes[out->count++] = arena_copy(arena, packed);
            bytes += packed.len;
        }
    }
    feed_source_end(&deliver->source);
    return r;
}

int deliver_answer(struct deliver *deliver, const struct operator_fetch *demand, struct arena *arena,
                   struct operator_changes *out, bool *empty, struct error *e)
{
    int r = 0;
    *out = (struct operator_changes){0};
    *empty = false;
    if (demand->now) {
        feed_source_rewind(&deliver->source);
        r = feed_source_seek_now(&deliver->source, e);
    } else {
        r = seek(deliver, demand, arena, out, e);
        if (r || out->refusal_count)
            return r;
        *empty = !choose_shards(deliver);
        if (!*empty)
            r = add_changes(deliver, demand, arena, out, e);
    }
    if (!r && !*empty)
        add_positions(deliver, demand, arena, out);
    return r;
}
