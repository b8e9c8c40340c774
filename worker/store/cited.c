/* Which receipts are still to be kept. A receipt is pinned when a delete rests on it, or may come to rest on
 * it since it noted a row as missing. Once the log has lost all of these deletes, and no row is missing by it
 * any more, nobody will ask for it.
 *
 * So `cited` has, of each receipt that a change rests on, the last such change: written with the change, in
 * place after the first time, as many deletes rest on the same few. Nothing is looked up when changes leave
 * the log, and nothing must be counted back: a receipt may go once `oldest` is beyond that change, which is
 * seen whenever somebody looks, also after a crash. The other way, to look in the log for a later change that
 * rests on it, would read all of it.
 *
 * Versions before wrote no `cited`. `cited_from` is the head that a store of theirs had when it was first
 * opened for writing, plus one: what isn't in `cited` may be cited up to there. */
#include <string.h>

#include "worker/store/tables.h"

int receipts_cite(struct store *store, const struct change *change, struct error *e)
{
    char seq[8];
    int r = 0;
    be64_put(seq, change->seq);
    for (uint32_t i = 0; i < change->receipt_count && !r; i++) {
        struct key key = key_kept(change->receipts[i].collection, change->receipts[i].harvest);
        if (change->receipts[i].shard == store->shard)
            r = table_put(store, TABLE_CITED, key_bytes(&key), (struct bytes){seq, sizeof seq}, 0, e);
    }
    return r;
}

int receipt_last_cited(struct store *store, struct receipt_id id, uint64_t *seq, struct error *e)
{
    char text[RECEIPT_ID_TEXT_BYTES];
    struct key key = key_kept(id.collection, id.harvest);
    struct bytes value;
    *seq = store->cited_from ? store->cited_from - 1 : UINT64_MAX;
    if (store->lacks[TABLE_CITED])
        return 0;
    int r = table_get(store, TABLE_CITED, key_bytes(&key), &value, e);
    if (r == ERR_NOT_FOUND)
        return 0;
    if (!r && value.len != sizeof *seq)
        return error_set(e, ERR_CORRUPT, "what last rests on receipt %s has %zu bytes",
                         receipt_id_text(id, text), value.len);
    if (!r)
        *seq = be64_get(value.data);
    return r;
}

/* --- missing entries of one collection --- */

struct named {
    uint32_t collection;        /* 0: of none yet */
    roaring_bitmap_t *harvests; /* that its missing entries name, modulo 2^32: so one may be kept too long */
    struct error *e;
};

static int visit_missing(void *context, struct bytes key, struct bytes value)
{
    struct named *named = context;
    struct missing missing;
    (void)key;
    int r = missing_unpack(value, &missing, named->e);
    for (uint32_t i = 0; !r && i < missing.count; i++)
        roaring_bitmap_add(named->harvests, (uint32_t)missing.harvests[i]);
    return r;
}

/* Receipts come by collection, so its missing entries are read once. */
static int is_named(struct store *store, struct named *named, struct receipt_id id, bool *is, struct error *e)
{
    struct key prefix = key_collection(id.collection);
    int r = 0;
    if (named->collection != id.collection) {
        if (named->harvests)
            roaring_bitmap_free(named->harvests);
        named->harvests = roaring_bitmap_create();
        CHECK(named->harvests);
        named->collection = id.collection;
        named->e = e;
        r = table_each(store, TABLE_MISSING, key_bytes(&prefix), (struct bytes){0}, visit_missing, named, e);
    }
    *is = !r && roaring_bitmap_contains(named->harvests, (uint32_t)id.harvest);
    return r;
}

/* --- looking through those that are kept --- */

enum { LOOKED_ENOUGH = -1 };

struct looking {
    struct store *store;
    struct receipt_id *last, *found;
    uint32_t looked, most, count;
    struct named named;
    struct error *e;
};

static int look(void *context, struct bytes key, struct bytes value)
{
    struct looking *l = context;
    struct receipt_id id;
    uint64_t seq;
    bool is = false;
    if (receipt_place(l->store, key, value, &id) != RECEIPT_KEPT ||
        (id.collection == l->last->collection && id.harvest == l->last->harvest))
        return 0;
    if (l->looked++ >= l->most)
        return LOOKED_ENOUGH;
    *l->last = id;
    int r = receipt_last_cited(l->store, id, &seq, l->e);
    if (r || seq >= l->store->state.oldest)
        return r;
    r = is_named(l->store, &l->named, id, &is, l->e);
    if (!r && !is)
        l->found[l->count++] = id;
    return r;
}

int store_receipts_unneeded(struct store *store, struct receipt_id *last, uint32_t most,
                            struct receipt_id *found, uint32_t *count, bool *end, struct error *e)
{
    struct looking l = {.store = store, .last = last, .found = found, .most = most, .e = e};
    struct key from = key_kept(last->collection ? last->collection : 1, last->harvest);
    int r = table_each(store, TABLE_RECEIPTS, (struct bytes){0}, key_bytes(&from), look, &l, e);
    if (l.named.harvests)
        roaring_bitmap_free(l.named.harvests);
    *count = r && r != LOOKED_ENOUGH ? 0 : l.count;
    *end = r != LOOKED_ENOUGH;
    if (*end)
        *last = (struct receipt_id){0};
    return r == LOOKED_ENOUGH ? 0 : r;
}

/* --- letting one go --- */

static int has_collection(struct store *store, uint32_t collection, bool *has, struct error *e)
{
    struct arena arena = {0};
    struct collection_record record;
    int r = store_collection_by_id(store, collection, &arena, &record, e);
    arena_close(&arena);
    *has = !r;
    return r == ERR_NOT_FOUND ? 0 : r;
}

/* A slot that is empty, or has an earlier one. */
int receipt_has_room(struct store *store, struct receipt_id id, bool *has, struct error *e)
{
    struct key key = key_recent(id.collection, id.harvest);
    struct receipt_id there;
    struct bytes value;
    int r = table_get(store, TABLE_RECEIPTS, key_bytes(&key), &value, e);
    *has = r == ERR_NOT_FOUND;
    if (!r)
        *has = receipt_place(store, key_bytes(&key), value, &there) == RECEIPT_RECENT &&
               there.harvest < id.harvest;
    return r == ERR_NOT_FOUND ? 0 : r;
}

int store_receipt_unpin(struct store *store, struct receipt_id id, struct error *e)
{
    struct key kept = key_kept(id.collection, id.harvest), ring = key_recent(id.collection, id.harvest);
    struct buffer *copy = &store->packed;
    struct bytes value;
    bool stays;
    int r = store_gathering(store, e);
    if (!r)
        r = table_get(store, TABLE_RECEIPTS, key_bytes(&kept), &value, e);
    if (r)
        return r;
    buffer_reset(copy);
    buffer_add_bytes(copy, value);
    if (copy->len)
        copy->data[0] &= ~RECEIPT_PINNED;
    r = has_collection(store, id.collection, &stays, e);
    if (!r && stays)
        r = receipt_has_room(store, id, &stays, e);
    if (!r && stays)
        r = table_put(store, TABLE_RECEIPTS, key_bytes(&ring), buffer_bytes(copy), 0, e);
    if (!r)
        r = table_delete(store, TABLE_RECEIPTS, key_bytes(&kept), e);
    return r ? r : table_delete(store, TABLE_CITED, key_bytes(&kept), e);
}
