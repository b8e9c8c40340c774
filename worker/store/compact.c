/* Compacting: the change log loses its oldest changes, one after the other from the front, and `oldest` moves
 * on with them in the same transaction. So a crash leaves the log as it was before, or after.
 *
 * A change is asked for its time, which stands among its first fields, and for its check sum: who stands
 * right before the oldest one that is kept goes on there, if what stood there is what he means. How large the
 * log is LMDB knows at any moment, so it is cut neither too little nor too much. Pages that get free are used
 * again for what is written next, and the file doesn't shrink. */
#include <inttypes.h>

#include "proto/field.h"
#include "worker/store/tables.h"

enum { FIELD_TIME = 4 }; /* of a Change in garner.proto */

static int time_of(const struct store *store, uint64_t seq, struct bytes packed, int64_t *time_ms,
                   struct error *e)
{
    struct field field;
    while (field_next(&packed, &field) && field.number <= FIELD_TIME)
        if (field.number == FIELD_TIME && field.kind == FIELD_VARINT) {
            *time_ms = field_s64(&field);
            return 0;
        }
    return error_set(e, ERR_CORRUPT,
                     "shard %" PRIu32 ": change %" PRIu64
                     " can't be read, so the log isn't compacted: `garner verify`",
                     store->shard, seq);
}

uint64_t store_log_bytes(struct store *store)
{
    store_head(store); /* a reader takes a look */
    return store->state.log_bytes;
}

int store_oldest_ms(struct store *store, int64_t *time_ms, struct error *e)
{
    struct bytes packed;
    int r = store_change(store, store->state.oldest, &packed, e);
    return r ? r : time_of(store, store->state.oldest, packed, time_ms, e);
}

struct compaction {
    struct store *store;
    const struct store_compaction *what;
    uint32_t count;
    struct error *e;
};

static int goes(void *context, struct bytes key, struct bytes value)
{
    struct compaction *c = context;
    const struct store_compaction *what = c->what;
    struct store_state *state = &c->store->state;
    int64_t time_ms;
    if (state->oldest > what->up_to || state->oldest > state->head || c->count >= what->most)
        return 0;
    if (key.len != 8 || be64_get(key.data) != state->oldest)
        return -error_set(c->e, ERR_CORRUPT,
                          "shard %" PRIu32 ": change %" PRIu64
                          " isn't where it should be, so the log isn't compacted: `garner verify`",
                          c->store->shard, state->oldest);
    int r = time_of(c->store, state->oldest, value, &time_ms, c->e);
    if (r)
        return -r;
    if (time_ms >= what->before_ms && table_bytes(c->store, TABLE_CHANGES) <= what->bytes)
        return 0;
    state->cut_check = position_check(value);
    state->oldest++;
    c->count++;
    return 1;
}

int store_compact(struct store *store, const struct store_compaction *what, uint32_t *count, struct error *e)
{
    struct compaction c = {.store = store, .what = what, .e = e};
    int r = table_drop_first(store, TABLE_CHANGES, goes, &c, e);
    *count = c.count;
    return r;
}
