/* The epochs of a shard's history: each begins behind the last change of the one before. An epoch in which
 * nothing happened begins where the next one does. */
#include <inttypes.h>
#include <string.h>

#include "worker/store/tables.h"

int epochs_put(struct store *store, uint64_t epoch, uint64_t first_seq, struct error *e)
{
    char first[8];
    struct key key = key_u64(epoch);
    be64_put(first, first_seq);
    return table_put(store, TABLE_EPOCHS, key_bytes(&key), (struct bytes){first, sizeof first}, 0, e);
}

int epochs_last(struct store *store, uint64_t *epoch, struct error *e)
{
    struct bytes key, value;
    int r = table_last(store, TABLE_EPOCHS, &key, &value, e);
    if (r == ERR_NOT_FOUND || (!r && (key.len != 8 || value.len != 8)))
        return meta_corrupt(store, "table of epochs", e);
    if (!r)
        *epoch = be64_get(key.data);
    return r;
}

int store_begin_epoch(struct store *store, uint64_t epoch, struct error *e)
{
    int r = store_write(store, e);
    if (!r && epoch <= store->state.epoch)
        return error_set(e, ERR_STORE,
                         "shard %" PRIu32 ": its history has come to epoch %" PRIu64
                         ", and can't go on in epoch %" PRIu64,
                         store->shard, store->state.epoch, epoch);
    if (!r)
        r = epochs_put(store, epoch, store->state.head + 1, e);
    if (!r)
        store->state.epoch = epoch;
    return r;
}

struct epochs {
    struct arena *arena;
    struct store_epoch *all;
    uint32_t count, cap;
};

static int visit_epoch(void *context, struct bytes key, struct bytes value)
{
    struct epochs *epochs = context;
    if (key.len != 8 || value.len != 8)
        return ERR_CORRUPT;
    if (epochs->count == epochs->cap) {
        epochs->cap = epochs->cap ? 2 * epochs->cap : 8;
        struct store_epoch *grown = arena_alloc(epochs->arena, epochs->cap * sizeof *grown);
        if (epochs->count)
            memcpy(grown, epochs->all, epochs->count * sizeof *grown);
        epochs->all = grown;
    }
    epochs->all[epochs->count++] = (struct store_epoch){be64_get(key.data), be64_get(value.data)};
    return 0;
}

int store_epochs(struct store *store, struct arena *arena, const struct store_epoch **epochs, uint32_t *count,
                 struct error *e)
{
    struct epochs found = {.arena = arena};
    int r = table_each(store, TABLE_EPOCHS, (struct bytes){0}, (struct bytes){0}, visit_epoch, &found, e);
    *epochs = found.all;
    *count = found.count;
    return r == ERR_CORRUPT || (!r && !found.count) ? meta_corrupt(store, "table of epochs", e) : r;
}
