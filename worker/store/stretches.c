/* Stretches: what the last listing of a collection saw, in its order; many items in one record.
 *
 * Four records fit into one of LMDB's pages. An earlier version's held twice as many items, the most that
 * LMDB still keeps within its pages; but each change has the items around it read one by one. What a listing
 * reads of each, when nothing has changed, stands in a short record of its own, its head: most listings read
 * nothing else, less than a twentieth of the bytes. By row, an item a record, reading the next one would be a
 * look-up each, which costs as much as hashing the item's bytes; and nothing would tell the order but a chain
 * through them.
 *
 * Nothing here knows which rows are there: who deletes a row has dropped the stretches that name it. */
#include <inttypes.h>
#include <string.h>

#include "worker/store/tables.h"

enum {
    STRETCH_BYTES_MAX = STRETCH_HEAD_BYTES + STRETCH_ITEMS_MAX * STRETCH_ITEM_BYTES,
    /* what LMDB still keeps in a page of 4,096 bytes: half of it, without the node's head and the key */
    INLINE_BYTES = (4096 - 16) / 2 - 2 - 8 - 12
};
_Static_assert((int)STRETCH_BYTES_MAX <= (int)INLINE_BYTES, "no pages beside the tree's");

int stretch_read(struct bytes value, uint64_t place, struct stretch *out, struct error *e)
{
    size_t count = value.len / STRETCH_ITEM_BYTES;
    if (value.len % STRETCH_ITEM_BYTES != STRETCH_HEAD_BYTES || count < 1 || count > STRETCH_ITEMS_MAX)
        return error_set(e, ERR_CORRUPT, "the stretch at place %" PRIu64 " has %zu bytes", place, value.len);
    out->place = place;
    out->bytes = be32_get(value.data);
    out->count = (uint32_t)count;
    memcpy(out->digest.bytes, value.data + 4, sizeof out->digest.bytes);
    const char *from = value.data + STRETCH_HEAD_BYTES;
    for (uint32_t i = 0; i < out->count; i++, from += STRETCH_ITEM_BYTES) {
        out->items[i].row = be32_get(from);
        out->items[i].bytes = be32_get(from + 4);
        memcpy(out->items[i].digest.bytes, from + 8, sizeof out->items[i].digest.bytes);
    }
    out->is_brief = false;
    out->row = stretch_row(out);
    return 0;
}

int stretch_read_head(struct bytes value, uint64_t place, struct stretch *out, struct error *e)
{
    if (value.len != HEAD_BYTES)
        return error_set(e, ERR_CORRUPT, "the head at place %" PRIu64 " has %zu bytes", place, value.len);
    out->place = place;
    out->bytes = be32_get(value.data);
    memcpy(out->digest.bytes, value.data + 4, sizeof out->digest.bytes);
    out->count = be32_get(value.data + 20);
    out->row = be32_get(value.data + 24);
    out->is_brief = true;
    if (out->count < 1 || out->count > STRETCH_ITEMS_MAX)
        return error_set(e, ERR_CORRUPT, "the head at place %" PRIu64 " has %" PRIu32 " items", place,
                         out->count);
    return 0;
}

struct each {
    struct store *store;
    uint32_t collection;
    int (*visit)(void *context, const struct stretch *stretch);
    void *context;
    struct error *e;
    int (*read)(struct bytes value, uint64_t place, struct stretch *out, struct error *e);
    struct stretch stretch;
};

static int visit_stretch(void *context, struct bytes key, struct bytes value)
{
    struct each *each = context;
    int r = ERR_CORRUPT;
    if (key.len == 12)
        r = each->read(value, be64_get(key.data + 4), &each->stretch, each->e);
    else
        error_set(each->e, r, "a stretch's key has %zu bytes", key.len);
    if (r)
        error_at(each->e, "shard %" PRIu32 ", collection %" PRIu32, each->store->shard, each->collection);
    return r ? r : each->visit(each->context, &each->stretch);
}

int store_stretches_each(struct store *store, uint32_t collection, uint64_t from,
                         int (*visit)(void *context, const struct stretch *stretch), void *context,
                         struct error *e)
{
    struct each each = {store, collection, visit, context, e, stretch_read, {0}};
    struct key prefix = key_collection(collection), first = key_place(collection, from);
    return table_each(store, TABLE_SPANS, key_bytes(&prefix), key_bytes(&first), visit_stretch, &each, e);
}

int store_stretches_brief(struct store *store, uint32_t collection, uint64_t from,
                          int (*visit)(void *context, const struct stretch *stretch), void *context,
                          struct error *e)
{
    struct each each = {store, collection, visit, context, e, stretch_read_head, {0}};
    struct key prefix = key_collection(collection), first = key_place(collection, from);
    return table_each(store, TABLE_HEADS, key_bytes(&prefix), key_bytes(&first), visit_stretch, &each, e);
}

int store_stretch(struct store *store, uint32_t collection, uint64_t place, struct stretch *out,
                  struct error *e)
{
    struct key key = key_place(collection, place);
    struct bytes value;
    int r = table_get(store, TABLE_SPANS, key_bytes(&key), &value, e);
    if (r == ERR_NOT_FOUND)
        r = error_set(e, ERR_CORRUPT, "the stretch at place %" PRIu64 " has a head and no items", place);
    else if (!r)
        r = stretch_read(value, place, out, e);
    if (r)
        error_at(e, "shard %" PRIu32 ", collection %" PRIu32, store->shard, collection);
    return r;
}

static int put_head(struct store *store, uint32_t collection, const struct stretch *stretch, struct error *e)
{
    char value[HEAD_BYTES];
    struct key key = key_place(collection, stretch->place);
    be32_put(value, stretch->bytes);
    memcpy(value + 4, stretch->digest.bytes, sizeof stretch->digest.bytes);
    be32_put(value + 20, stretch->count);
    be32_put(value + 24, stretch_row(stretch));
    return table_append(store, TABLE_HEADS, collection, key_bytes(&key), (struct bytes){value, sizeof value},
                        e);
}

int store_stretch_put(struct store *store, uint32_t collection, const struct stretch *stretch,
                      struct error *e)
{
    char value[STRETCH_BYTES_MAX], *to = value + STRETCH_HEAD_BYTES;
    struct key key = key_place(collection, stretch->place);
    CHECK(stretch->place > 0 && stretch->count > 0 && stretch->count <= STRETCH_ITEMS_MAX);
    be32_put(value, stretch->bytes);
    memcpy(value + 4, stretch->digest.bytes, sizeof stretch->digest.bytes);
    for (uint32_t i = 0; i < stretch->count; i++, to += STRETCH_ITEM_BYTES) {
        be32_put(to, stretch->items[i].row);
        be32_put(to + 4, stretch->items[i].bytes);
        memcpy(to + 8, stretch->items[i].digest.bytes, sizeof stretch->items[i].digest.bytes);
    }
    int r = put_head(store, collection, stretch, e);
    return r ? r
             : table_append(store, TABLE_SPANS, collection, key_bytes(&key),
                            (struct bytes){value, (size_t)(to - value)}, e);
}

int store_stretches_drop(struct store *store, uint32_t collection, uint64_t from, uint64_t to,
                         struct error *e)
{
    struct key first = key_place(collection, from), last = key_place(collection, to);
    int r = table_drop_range(store, TABLE_HEADS, key_bytes(&first), key_bytes(&last), e);
    return r ? r : table_drop_range(store, TABLE_SPANS, key_bytes(&first), key_bytes(&last), e);
}
