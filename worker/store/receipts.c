/* Receipts: a byte of flags, then the protobuf. Those of the last LIMIT_RECEIPTS harvests stand by harvest,
 * those that are pinned by collection.
 *
 * Collections that are listed together have about as many harvests behind them. So the receipts that a run
 * writes stand side by side, as do those that it drops, and it writes to few pages. All of them by
 * collection, nearly every receipt would have a page of its own to be written: 2 kB for 100 bytes.
 *
 * Receipts come in order of harvest, so the one that has left the last ones stands LIMIT_RECEIPTS before. A
 * harvest that was killed leaves none; then the one that it would have dropped goes now. */
#include <inttypes.h>
#include <string.h>

#include "worker/store/tables.h"

bool receipt_of_key(const struct store *store, struct bytes key, struct receipt_id *out)
{
    bool is_recent = key.len == 16 && be32_get(key.data) == 0;
    if (is_recent)
        *out = (struct receipt_id){store->shard, be32_get(key.data + 12), be64_get(key.data + 4)};
    else if (key.len == 12)
        *out = (struct receipt_id){store->shard, be32_get(key.data), be64_get(key.data + 4)};
    return is_recent || key.len == 12;
}

static int unpack(const struct store *store, struct bytes key, struct bytes value, struct arena *arena,
                  struct receipt *out, struct error *e)
{
    char text[RECEIPT_ID_TEXT_BYTES];
    struct receipt_id id;
    if (!receipt_of_key(store, key, &id) || value.len < 1)
        return error_set(e, ERR_CORRUPT, "a receipt has a key of %zu and a value of %zu bytes", key.len,
                         value.len);
    int r = receipt_unpack(arena, bytes_from(value, 1), out, e);
    if (!r &&
        (out->id.shard != id.shard || out->id.collection != id.collection || out->id.harvest != id.harvest))
        r = error_set(e, ERR_CORRUPT, "it stands under another id than its own");
    if (r)
        error_at(e, "receipt %s", receipt_id_text(id, text));
    return r;
}

static bool is_pinned(struct bytes value)
{
    return value.len && (value.data[0] & RECEIPT_PINNED);
}

/* Where a receipt stands. */
static int find(struct store *store, struct receipt_id id, struct key *key, struct bytes *value,
                struct error *e)
{
    *key = key_recent(id.collection, id.harvest);
    int r = table_get(store, TABLE_RECEIPTS, key_bytes(key), value, e);
    if (r != ERR_NOT_FOUND)
        return r;
    *key = key_kept(id.collection, id.harvest);
    return table_get(store, TABLE_RECEIPTS, key_bytes(key), value, e);
}

/* Drop the one that isn't among the last ones any more with the receipt of `id`, unless it is pinned. */
static int drop_leaver(struct store *store, struct receipt_id id, struct error *e)
{
    int r = ERR_NOT_FOUND;
    for (int gap = 0; r == ERR_NOT_FOUND && gap < LIMIT_RECEIPTS && id.harvest > LIMIT_RECEIPTS; gap++) {
        struct key key;
        struct bytes value;
        id.harvest -= LIMIT_RECEIPTS;
        r = find(store, id, &key, &value, e);
        if (!r && !is_pinned(value))
            r = table_delete(store, TABLE_RECEIPTS, key_bytes(&key), e);
    }
    return r == ERR_NOT_FOUND ? 0 : r;
}

static int put(struct store *store, const struct receipt *receipt, bool pinned, struct error *e)
{
    struct key kept = key_kept(receipt->id.collection, receipt->id.harvest);
    struct key recent = key_recent(receipt->id.collection, receipt->id.harvest);
    struct bytes old;
    struct buffer value = {0};
    int r = table_get(store, TABLE_RECEIPTS, key_bytes(&kept), &old, e);
    if (r && r != ERR_NOT_FOUND)
        return r;
    pinned = pinned || !r;
    buffer_add_char(&value, pinned ? RECEIPT_PINNED : 0);
    receipt_pack(receipt, &value);
    r = table_put(store, TABLE_RECEIPTS, key_bytes(pinned ? &kept : &recent), buffer_bytes(&value), 0, e);
    buffer_close(&value);
    return r || !pinned ? r : table_delete(store, TABLE_RECEIPTS, key_bytes(&recent), e);
}

int store_receipt_put(struct store *store, const struct receipt *receipt, bool pinned, struct error *e)
{
    int r = store_gathering(store, e);
    if (r)
        return r;
    CHECK(receipt->id.shard == store->shard && receipt->id.collection && receipt->id.harvest);
    r = put(store, receipt, pinned, e);
    if (!r)
        r = drop_leaver(store, receipt->id, e);
    return store_poison(store, r, e);
}

int store_receipt_pin(struct store *store, struct receipt_id id, struct error *e)
{
    char text[RECEIPT_ID_TEXT_BYTES];
    struct key key, kept = key_kept(id.collection, id.harvest);
    struct bytes value;
    int r = store_gathering(store, e);
    if (!r)
        r = id.shard == store->shard ? find(store, id, &key, &value, e) : ERR_NOT_FOUND;
    if (r == ERR_NOT_FOUND)
        return error_set(e, r, "receipt %s is not there to be kept", receipt_id_text(id, text));
    if (r || is_pinned(value))
        return r;
    struct buffer copy = {0};
    buffer_add_bytes(&copy, value);
    if (copy.len)
        copy.data[0] |= RECEIPT_PINNED;
    if (key.len != kept.len)
        r = table_delete(store, TABLE_RECEIPTS, key_bytes(&key), e);
    if (!r)
        r = table_put(store, TABLE_RECEIPTS, key_bytes(&kept), buffer_bytes(&copy), 0, e);
    buffer_close(&copy);
    return r;
}

int store_receipt_get(struct store *store, struct receipt_id id, struct arena *arena, struct receipt *out,
                      struct error *e)
{
    char text[RECEIPT_ID_TEXT_BYTES];
    struct key key;
    struct bytes value;
    int r = id.shard == store->shard ? find(store, id, &key, &value, e) : ERR_NOT_FOUND;
    if (r == ERR_NOT_FOUND)
        return error_set(e, r, "there is no receipt %s", receipt_id_text(id, text));
    return r ? r : unpack(store, key_bytes(&key), value, arena, out, e);
}

/* --- all of a collection --- */

struct each {
    struct store *store;
    int (*visit)(void *context, const struct receipt *receipt);
    void *context;
    struct arena arena;
    struct error *e;
    uint32_t collection;
    uint64_t recent, next; /* the next harvest to look for among the last ones, and where they end */
};

static int visit_receipt(struct each *each, struct bytes key, struct bytes value)
{
    struct receipt receipt;
    arena_reset(&each->arena);
    int r = unpack(each->store, key, value, &each->arena, &receipt, each->e);
    return r ? r : each->visit(each->context, &receipt);
}

static int visit_recent_before(struct each *each, uint64_t harvest)
{
    int r = 0;
    for (; !r && each->recent < harvest && each->recent < each->next; each->recent++) {
        struct key key = key_recent(each->collection, each->recent);
        struct bytes value;
        r = table_get(each->store, TABLE_RECEIPTS, key_bytes(&key), &value, each->e);
        r = r == ERR_NOT_FOUND ? 0 : r ? r : visit_receipt(each, key_bytes(&key), value);
    }
    return r;
}

static int visit_kept(void *context, struct bytes key, struct bytes value)
{
    struct each *each = context;
    struct receipt_id id;
    int r = receipt_of_key(each->store, key, &id) ? visit_recent_before(each, id.harvest) : 0;
    return r ? r : visit_receipt(each, key, value);
}

int store_receipts_each(struct store *store, uint32_t collection, uint64_t next_harvest,
                        int (*visit)(void *context, const struct receipt *receipt), void *context,
                        struct error *e)
{
    enum { REACH = 2 * LIMIT_RECEIPTS }; /* one before a gap stays so long */
    struct each each = {
        .store = store,
        .visit = visit,
        .context = context,
        .e = e,
        .collection = collection,
        .next = next_harvest,
        .recent = next_harvest > REACH ? next_harvest - REACH : 1,
    };
    struct key prefix = key_collection(collection);
    int r = table_each(store, TABLE_RECEIPTS, key_bytes(&prefix), (struct bytes){0}, visit_kept, &each, e);
    if (!r)
        r = visit_recent_before(&each, next_harvest);
    arena_close(&each.arena);
    return r;
}
