/* Receipts: a byte of flags, then the protobuf. Those of the last harvests stand in a ring of LIMIT_RECEIPTS
 * slots, a harvest's in slot harvest modulo LIMIT_RECEIPTS: so one that is written takes the place of the one
 * that leaves, and nothing need be looked up or deleted for it. Those that are pinned stand by collection.
 *
 * Collections that are listed together have about as many harvests behind them. So the receipts that a run
 * writes stand side by side in a slot, and it writes to few pages. All of them by collection, nearly every
 * receipt would have a page of its own to be written: 2 kB for 100 bytes.
 *
 * A harvest that was killed leaves none, and one whose receipt is pinned an empty slot: so what a slot holds
 * tells by itself of which harvest it is. Versions before the ring wrote a key for each harvest. Their
 * receipts are moved into it when such a store is opened for writing; a reader looks at both. */
#include <inttypes.h>
#include <string.h>

#include "worker/store/tables.h"

enum {
    RING_KEY_BYTES = 4 + 1 + 4,
    KEPT_KEY_BYTES = 4 + 8,
    OLD_KEY_BYTES = 4 + 8 + 4,
    REACH = 2 * LIMIT_RECEIPTS /* one before a gap stays so long */
};
_Static_assert(LIMIT_RECEIPTS < UINT8_MAX, "a slot's number fits a byte");

static uint8_t slot_of(uint64_t harvest)
{
    return (uint8_t)(1 + harvest % LIMIT_RECEIPTS);
}

/* Slots count from 1: in an older version's keys the harvest's high byte stands there, so they come before.
 */
struct key key_recent(uint32_t collection, uint64_t harvest)
{
    struct key key;
    be32_put(key.bytes, 0);
    key.bytes[4] = slot_of(harvest);
    be32_put(key.bytes + 5, collection);
    key.len = RING_KEY_BYTES;
    return key;
}

struct key key_old_recent(uint32_t collection, uint64_t harvest)
{
    struct key key;
    be32_put(key.bytes, 0);
    be64_put(key.bytes + 4, harvest);
    be32_put(key.bytes + 12, collection);
    key.len = OLD_KEY_BYTES;
    return key;
}

struct key key_kept(uint32_t collection, uint64_t harvest)
{
    struct key key;
    be32_put(key.bytes, collection);
    be64_put(key.bytes + 4, harvest);
    key.len = KEPT_KEY_BYTES;
    return key;
}

enum receipt_place receipt_place(const struct store *store, struct bytes key, struct bytes value,
                                 struct receipt_id *out)
{
    struct receipt_id own;
    bool of_none = key.len >= 4 && be32_get(key.data) == 0;
    if (key.len == RING_KEY_BYTES && of_none) {
        bool is = receipt_unpack_id(bytes_from(value, 1), &own) && key.data[4] == (char)slot_of(own.harvest);
        *out = (struct receipt_id){store->shard, be32_get(key.data + 5), is ? own.harvest : 0};
        return RECEIPT_RECENT;
    }
    if (key.len == OLD_KEY_BYTES && of_none) {
        *out = (struct receipt_id){store->shard, be32_get(key.data + 12), be64_get(key.data + 4)};
        return RECEIPT_OLD_RECENT;
    }
    if (key.len == KEPT_KEY_BYTES) {
        *out = (struct receipt_id){store->shard, be32_get(key.data), be64_get(key.data + 4)};
        return RECEIPT_KEPT;
    }
    return RECEIPT_NOWHERE;
}

static int unpack(const struct store *store, struct bytes key, struct bytes value, struct arena *arena,
                  struct receipt *out, struct error *e)
{
    char text[RECEIPT_ID_TEXT_BYTES];
    struct receipt_id id;
    if (!receipt_place(store, key, value, &id) || value.len < 1)
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

static int find_recent(struct store *store, struct receipt_id id, struct key *key, struct bytes *value,
                       struct error *e)
{
    char text[RECEIPT_ID_TEXT_BYTES];
    struct receipt_id there;
    *key = key_recent(id.collection, id.harvest);
    int r = table_get(store, TABLE_RECEIPTS, key_bytes(key), value, e);
    if (!r && !receipt_unpack_id(bytes_from(*value, 1), &there))
        return error_set(e, ERR_CORRUPT, "what stands where receipt %s should is none",
                         receipt_id_text(id, text));
    if (!r && there.harvest != id.harvest)
        r = ERR_NOT_FOUND;
    if (r != ERR_NOT_FOUND || !store->read_only)
        return r;
    *key = key_old_recent(id.collection, id.harvest);
    return table_get(store, TABLE_RECEIPTS, key_bytes(key), value, e);
}

/* Where a receipt stands. */
static int find(struct store *store, struct receipt_id id, struct key *key, struct bytes *value,
                struct error *e)
{
    int r = find_recent(store, id, key, value, e);
    if (r != ERR_NOT_FOUND)
        return r;
    *key = key_kept(id.collection, id.harvest);
    return table_get(store, TABLE_RECEIPTS, key_bytes(key), value, e);
}

/* One that is pinned leaves its slot empty: the one in it has left the last ones, or is the same, written
 * before. The other way round nothing is looked for: a receipt that was pinned stays where it is. */
int store_receipt_put(struct store *store, const struct receipt *receipt, bool pinned, struct error *e)
{
    struct receipt_id id = receipt->id;
    struct key ring = key_recent(id.collection, id.harvest), kept = key_kept(id.collection, id.harvest);
    struct buffer *value = &store->packed;
    int r = store_gathering(store, e);
    if (r)
        return r;
    CHECK(id.shard == store->shard && id.collection && id.harvest);
    buffer_reset(value);
    buffer_add_char(value, pinned ? RECEIPT_PINNED : 0);
    receipt_pack(receipt, value);
    r = table_put(store, TABLE_RECEIPTS, key_bytes(pinned ? &kept : &ring), buffer_bytes(value), 0, e);
    if (!r && pinned)
        r = table_delete(store, TABLE_RECEIPTS, key_bytes(&ring), e);
    return r;
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
    struct buffer *copy = &store->packed;
    buffer_reset(copy);
    buffer_add_bytes(copy, value);
    if (copy->len)
        copy->data[0] |= RECEIPT_PINNED;
    if (key.len != kept.len)
        r = table_delete(store, TABLE_RECEIPTS, key_bytes(&key), e);
    return r ? r : table_put(store, TABLE_RECEIPTS, key_bytes(&kept), buffer_bytes(copy), 0, e);
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

int store_receipt_unmodified(struct store *store, struct receipt_id id, int64_t wall_ms, struct error *e)
{
    char text[RECEIPT_ID_TEXT_BYTES];
    struct buffer *packed = &store->packed;
    struct key key;
    struct bytes value;
    int r = store_gathering(store, e);
    if (!r)
        r = id.shard == store->shard ? find(store, id, &key, &value, e) : ERR_NOT_FOUND;
    if (r == ERR_NOT_FOUND)
        error_set(e, r, "there is no receipt %s", receipt_id_text(id, text));
    if (r)
        return r;
    buffer_reset(packed);
    buffer_add_char(packed, value.len ? value.data[0] : 0);
    if (!receipt_confirm(bytes_from(value, 1), wall_ms, packed))
        return error_set(e, ERR_CORRUPT, "receipt %s can't be read", receipt_id_text(id, text));
    return table_put(store, TABLE_RECEIPTS, key_bytes(&key), buffer_bytes(packed), 0, e);
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
        struct receipt_id id = {each->store->shard, each->collection, each->recent};
        struct key key;
        struct bytes value;
        r = find_recent(each->store, id, &key, &value, each->e);
        r = r == ERR_NOT_FOUND ? 0 : r ? r : visit_receipt(each, key_bytes(&key), value);
    }
    return r;
}

static int visit_kept(void *context, struct bytes key, struct bytes value)
{
    struct each *each = context;
    struct receipt_id id = {0};
    int r = receipt_place(each->store, key, value, &id) ? visit_recent_before(each, id.harvest) : 0;
    if (each->recent <= id.harvest)
        each->recent = id.harvest + 1; /* it may stand among the last ones too */
    return r ? r : visit_receipt(each, key, value);
}

int store_receipts_each(struct store *store, uint32_t collection, uint64_t next_harvest,
                        int (*visit)(void *context, const struct receipt *receipt), void *context,
                        struct error *e)
{
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

/* --- older versions' --- */

enum { LOOKED = -1 };

struct first {
    bool is_old;
    struct key key;
    struct receipt_id id;
    struct buffer *value;
};

static int look_at_first(void *context, struct bytes key, struct bytes value)
{
    struct first *first = context;
    first->is_old = key.len == OLD_KEY_BYTES && be32_get(key.data) == 0;
    if (first->is_old) {
        first->id = (struct receipt_id){.collection = be32_get(key.data + 12),
                                        .harvest = be64_get(key.data + 4)};
        buffer_reset(first->value);
        buffer_add_bytes(first->value, value);
    }
    return LOOKED;
}

/* They stand before all others, by harvest: so of two that fall to one slot the later one stays. */
static int move_first(struct store *store, bool *any, struct error *e)
{
    struct first first = {.value = &store->packed};
    int r = table_each(store, TABLE_RECEIPTS, (struct bytes){0}, (struct bytes){0}, look_at_first, &first, e);
    *any = first.is_old;
    if (r == LOOKED)
        r = 0;
    if (r || !first.is_old)
        return r;
    struct key old = key_old_recent(first.id.collection, first.id.harvest);
    struct key key = key_recent(first.id.collection, first.id.harvest);
    r = table_put(store, TABLE_RECEIPTS, key_bytes(&key), buffer_bytes(first.value), 0, e);
    return r ? r : table_delete(store, TABLE_RECEIPTS, key_bytes(&old), e);
}

int receipts_move_old(struct store *store, struct error *e)
{
    bool any = true;
    int r = 0;
    while (any && !r) {
        r = store_write(store, e);
        for (uint32_t i = 0; any && !r && i < LIMIT_COMMIT_ITEMS; i++)
            r = move_first(store, &any, e);
        if (!r)
            r = store_commit(store, e);
    }
    return r;
}
