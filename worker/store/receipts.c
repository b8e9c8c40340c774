/* Receipts: a byte of flags, then the protobuf. A new one pushes the oldest that isn't pinned out of the
 * last LIMIT_RECEIPTS; since they come in order of harvest, there is at most one of those, right behind
 * the last ones kept, and older ones are all pinned. */
#include <inttypes.h>
#include <string.h>

#include "worker/store/tables.h"

static int unpack(const struct store *store, struct bytes key, struct bytes value, struct arena *arena,
                  struct receipt *out, struct error *e)
{
    int r = ERR_CORRUPT;
    if (key.len != 12 || value.len < 1) {
        error_set(e, r, "it has a key of %zu and a value of %zu bytes", key.len, value.len);
    } else {
        r = receipt_unpack(arena, bytes_from(value, 1), out, e);
        if (!r && (out->id.shard != store->shard || out->id.collection != be32_get(key.data) ||
                   out->id.harvest != be64_get(key.data + 4)))
            r = error_set(e, ERR_CORRUPT, "it stands under another id than its own");
    }
    if (r && key.len == 12)
        error_at(e, "receipt %" PRIu32 "-%" PRIu32 "-%" PRIu64, store->shard, be32_get(key.data),
                 be64_get(key.data + 4));
    return r;
}

static bool is_pinned(struct bytes value)
{
    return value.len && (value.data[0] & RECEIPT_PINNED);
}

/* The key of the receipt that has left the last ones, if it is there and not pinned. */
static int find_leaver(struct store *store, uint32_t collection, struct key *leaver, bool *found,
                       struct error *e)
{
    MDB_cursor *cursor;
    struct key end = key_collection(collection + 1);
    MDB_val k = {end.len, end.bytes}, v;
    *found = false;
    int lmdb = mdb_cursor_open(store->txn, store->tables[TABLE_RECEIPTS], &cursor);
    if (lmdb)
        return store_fault(store, lmdb, "reading receipts", e);
    lmdb = mdb_cursor_get(cursor, &k, &v, MDB_SET_RANGE);
    lmdb = mdb_cursor_get(cursor, &k, &v, lmdb == MDB_NOTFOUND ? MDB_LAST : MDB_PREV);
    for (int i = 0; i < LIMIT_RECEIPTS && !lmdb; i++)
        lmdb = mdb_cursor_get(cursor, &k, &v, MDB_PREV);
    if (!lmdb && k.mv_size == 12 && be32_get(k.mv_data) == collection &&
        !is_pinned((struct bytes){v.mv_data, v.mv_size})) {
        *leaver = (struct key){.len = k.mv_size};
        memcpy(leaver->bytes, k.mv_data, k.mv_size);
        *found = true;
    }
    mdb_cursor_close(cursor);
    return lmdb && lmdb != MDB_NOTFOUND ? store_fault(store, lmdb, "reading receipts", e) : 0;
}

int store_receipt_put(struct store *store, const struct receipt *receipt, bool pinned, struct error *e)
{
    struct key key = key_harvest(receipt->id.collection, receipt->id.harvest), leaver;
    struct bytes old;
    struct buffer value = {0};
    bool found;
    int r = store_gathering(store, e);
    if (r)
        return r;
    CHECK(receipt->id.shard == store->shard && receipt->id.collection && receipt->id.harvest);
    r = table_get(store, TABLE_RECEIPTS, key_bytes(&key), &old, e);
    if (r && r != ERR_NOT_FOUND)
        return r;
    pinned = pinned || (!r && is_pinned(old));
    buffer_add_char(&value, pinned ? RECEIPT_PINNED : 0);
    receipt_pack(receipt, &value);
    r = table_put(store, TABLE_RECEIPTS, key_bytes(&key), buffer_bytes(&value), 0, e);
    buffer_close(&value);
    if (!r)
        r = find_leaver(store, receipt->id.collection, &leaver, &found, e);
    if (!r && found)
        r = table_delete(store, TABLE_RECEIPTS, key_bytes(&leaver), e);
    return store_poison(store, r, e);
}

int store_receipt_pin(struct store *store, struct receipt_id id, struct error *e)
{
    char text[RECEIPT_ID_TEXT_BYTES];
    struct key key = key_harvest(id.collection, id.harvest);
    struct bytes value;
    int r = store_gathering(store, e);
    if (!r)
        r = id.shard == store->shard ? table_get(store, TABLE_RECEIPTS, key_bytes(&key), &value, e)
                                     : ERR_NOT_FOUND;
    if (r == ERR_NOT_FOUND)
        return error_set(e, r, "receipt %s is not there to be kept", receipt_id_text(id, text));
    if (r || is_pinned(value))
        return r;
    struct buffer copy = {0};
    buffer_add_bytes(&copy, value);
    if (copy.len)
        copy.data[0] |= RECEIPT_PINNED;
    r = table_put(store, TABLE_RECEIPTS, key_bytes(&key), buffer_bytes(&copy), 0, e);
    buffer_close(&copy);
    return r;
}

int store_receipt_get(struct store *store, struct receipt_id id, struct arena *arena, struct receipt *out,
                      struct error *e)
{
    char text[RECEIPT_ID_TEXT_BYTES];
    struct key key = key_harvest(id.collection, id.harvest);
    struct bytes value;
    int r = id.shard == store->shard ? table_get(store, TABLE_RECEIPTS, key_bytes(&key), &value, e)
                                     : ERR_NOT_FOUND;
    if (r == ERR_NOT_FOUND)
        return error_set(e, r, "there is no receipt %s", receipt_id_text(id, text));
    return r ? r : unpack(store, key_bytes(&key), value, arena, out, e);
}

struct each {
    struct store *store;
    int (*visit)(void *context, const struct receipt *receipt);
    void *context;
    struct arena arena;
    struct error *e;
};

static int visit_receipt(void *context, struct bytes key, struct bytes value)
{
    struct each *each = context;
    struct receipt receipt;
    arena_reset(&each->arena);
    int r = unpack(each->store, key, value, &each->arena, &receipt, each->e);
    return r ? r : each->visit(each->context, &receipt);
}

int store_receipts_each(struct store *store, uint32_t collection,
                        int (*visit)(void *context, const struct receipt *receipt), void *context,
                        struct error *e)
{
    struct each each = {.store = store, .visit = visit, .context = context, .e = e};
    struct key prefix = key_collection(collection);
    int r = table_each(store, TABLE_RECEIPTS, collection ? key_bytes(&prefix) : (struct bytes){0},
                       (struct bytes){0}, visit_receipt, &each, e);
    arena_close(&each.arena);
    return r;
}
