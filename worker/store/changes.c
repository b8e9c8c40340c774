/* The change log: appended to in order of seq, read in order of seq. A change is encoded once. */
#include <inttypes.h>

#include "worker/store/tables.h"

int change_encode(struct store *store, const struct change *change, struct error *e)
{
    CHECK(change->seq == store->state.head + 1);
    buffer_reset(&store->packed);
    change_pack(change, &store->packed);
    if (store->packed.len > LIMIT_RECORD_BYTES)
        return error_set(e, ERR_LIMIT, "shard %" PRIu32 ": a change of %zu bytes: %d are allowed",
                         store->shard, store->packed.len, LIMIT_RECORD_BYTES);
    return 0;
}

int change_append(struct store *store, struct error *e)
{
    struct key key = key_u64(store->state.head + 1);
    int r = table_put(store, TABLE_CHANGES, key_bytes(&key), buffer_bytes(&store->packed), MDB_APPEND, e);
    if (!r)
        store->state.head++;
    return r;
}

int store_status(struct store *store, const struct collection_record *record, struct change *change,
                 struct error *e)
{
    int r = store_gathering(store, e);
    if (r)
        return r;
    CHECK(record->id && !change->before.data && !change->after.data && !change->patch.data);
    change->op = CHANGE_STATUS;
    change->shard = store->shard;
    change->epoch = store->state.epoch;
    change->seq = store->state.head + 1;
    change->collection = record->id;
    change->key = record->key;
    change->id = (struct bytes){0};
    change->previous = 0;
    r = change_encode(store, change, e);
    if (!r)
        r = change_append(store, e);
    if (!r)
        store->gathered++;
    return r;
}

/* A reader's position is as old as its last transaction, so without one it takes a look. When that fails,
 * what it saw last still holds, and the call that wants more says why. */
static void look(struct store *store)
{
    CHECK_MAGIC(store, STORE_MAGIC);
    if (store->read_only && !store->txn && store_read(store, NULL) == 0)
        store_done(store);
}

uint64_t store_epoch(struct store *store)
{
    look(store);
    return store->state.epoch;
}

uint64_t store_head(struct store *store)
{
    look(store);
    return store->state.head;
}

uint64_t store_oldest(struct store *store)
{
    look(store);
    return store->state.oldest;
}

uint32_t store_cut_check(struct store *store)
{
    look(store);
    return store->state.cut_check;
}

/* Stands on the change that was read last, so that the next one is at hand: for as long as a read lasts. */
static int walk_to(struct store *store, uint64_t seq, struct bytes *packed)
{
    struct key key = key_u64(seq);
    MDB_val at = {key.len, key.bytes}, value;
    bool follows = store->walk && seq == store->walked + 1;
    int r = store->walk ? 0 : mdb_cursor_open(store->txn, store->tables[TABLE_CHANGES], &store->walk);
    if (!r)
        r = mdb_cursor_get(store->walk, &at, &value, follows ? MDB_NEXT : MDB_SET);
    if (!r && (at.mv_size != key.len || memcmp(at.mv_data, key.bytes, key.len) != 0))
        r = MDB_NOTFOUND;
    store->walked = r ? UINT64_MAX - 1 : seq;
    if (!r)
        *packed = (struct bytes){value.mv_data, value.mv_size};
    return r;
}

int store_change(struct store *store, uint64_t seq, struct bytes *packed, struct error *e)
{
    struct key key = key_u64(seq);
    int r = store_reading(store, e);
    if (!r && store->writing) {
        r = table_get(store, TABLE_CHANGES, key_bytes(&key), packed, e);
    } else if (!r) {
        int number = walk_to(store, seq, packed);
        r = number == MDB_NOTFOUND ? ERR_NOT_FOUND : number ? store_fault(store, number, "reading", e) : 0;
    }
    if (r == ERR_NOT_FOUND)
        error_set(e, r, "shard %" PRIu32 " has no change %" PRIu64 ": it keeps %" PRIu64 " to %" PRIu64,
                  store->shard, seq, store->state.oldest, store->state.head);
    return r;
}

struct each {
    int (*visit)(void *context, uint64_t seq, struct bytes packed);
    void *context;
    struct error *e;
};

static int visit_change(void *context, struct bytes key, struct bytes value)
{
    const struct each *each = context;
    if (key.len != 8)
        return error_set(each->e, ERR_CORRUPT, "a change's key has %zu bytes", key.len);
    return each->visit(each->context, be64_get(key.data), value);
}

int store_changes_each(struct store *store, uint64_t seq,
                       int (*visit)(void *context, uint64_t seq, struct bytes packed), void *context,
                       struct error *e)
{
    struct each each = {visit, context, e};
    struct key from = key_u64(seq);
    return table_each(store, TABLE_CHANGES, (struct bytes){0}, key_bytes(&from), visit_change, &each, e);
}
