/* Receipts of a copy: those that changes rest on are pinned, as the owner's are. Of the last harvests it has
 * those that the snapshot had and those in statuses, since harvests that change nothing write no change. */
#include <inttypes.h>
#include <stdlib.h>

#include "worker/store/copy_internal.h"

/* Harvests go on behind those that are known. */
static int count_harvest(struct copy *copy, struct receipt_id id, struct error *e)
{
    struct store *store = copy->store;
    int r = copy_go_to(copy, id.collection, e);
    if (r == ERR_NOT_FOUND && id.collection >= store->state.next_collection && id.collection < UINT32_MAX)
        store->state.next_collection = id.collection + 1;
    if (r || id.harvest < copy->at.next_harvest)
        return r == ERR_NOT_FOUND ? 0 : r;
    copy->at.next_harvest = id.harvest + 1;
    copy->at_changed = true;
    return 0;
}

struct last {
    struct copy *copy;
    uint64_t harvest;
};

static int look(void *context, struct bytes key, struct bytes value)
{
    struct last *last = context;
    struct receipt_id id;
    if (receipt_place(last->copy->store, key, value, &id) && id.harvest > last->harvest)
        last->harvest = id.harvest;
    return 0;
}

/* Some stay when their collection is dropped, and its number may come once more: from the log of what was
 * before, or as another one of an owner that never heard of it. */
int copy_last_harvest(struct copy *copy, uint32_t collection, uint64_t *harvest, struct error *e)
{
    struct last last = {.copy = copy};
    struct key prefix = key_collection(collection);
    struct bytes value;
    int r = table_each(copy->store, TABLE_RECEIPTS, key_bytes(&prefix), (struct bytes){0}, look, &last, e);
    for (uint64_t i = 0; i < LIMIT_RECEIPTS && !r; i++) {
        struct key key = key_recent(collection, i);
        r = table_get(copy->store, TABLE_RECEIPTS, key_bytes(&key), &value, e);
        r = r == ERR_NOT_FOUND ? 0 : r ? r : look(&last, key_bytes(&key), value);
    }
    *harvest = last.harvest;
    return r;
}

static int put(struct copy *copy, struct key key, const struct receipt *receipt, bool cited, struct error *e)
{
    struct buffer *value = &copy->store->packed;
    buffer_reset(value);
    buffer_add_char(value, cited ? RECEIPT_PINNED : 0);
    receipt_pack(receipt, value);
    return table_put(copy->store, TABLE_RECEIPTS, key_bytes(&key), buffer_bytes(value), 0, e);
}

/* Its place among the last ones, if it is there: a later one may have it. */
static int take_from_ring(struct copy *copy, struct receipt_id id, struct error *e)
{
    struct key key = key_recent(id.collection, id.harvest);
    struct receipt_id there;
    struct bytes value;
    int r = table_get(copy->store, TABLE_RECEIPTS, key_bytes(&key), &value, e);
    if (r)
        return r == ERR_NOT_FOUND ? 0 : r;
    bool is = receipt_place(copy->store, key_bytes(&key), value, &there) == RECEIPT_RECENT &&
              there.harvest == id.harvest;
    return is ? table_delete(copy->store, TABLE_RECEIPTS, key_bytes(&key), e) : 0;
}

int copy_note_receipt(struct copy *copy, const struct receipt *receipt, bool cited, struct error *e)
{
    struct receipt_id id = receipt->id;
    struct key kept = key_kept(id.collection, id.harvest);
    struct bytes value;
    bool fits = true;
    if (id.shard != copy->store->shard || !id.collection || !id.harvest || id.harvest == UINT64_MAX)
        return error_set(e, ERR_CORRUPT, "shard %" PRIu32 ": a receipt that can't be its own",
                         copy->store->shard);
    int r = count_harvest(copy, id, e);
    if (!r && cited)
        r = take_from_ring(copy, id, e);
    if (!r && cited)
        return put(copy, kept, receipt, true, e);
    if (!r)
        r = table_get(copy->store, TABLE_RECEIPTS, key_bytes(&kept), &value, e);
    if (r != ERR_NOT_FOUND)
        return r; /* it is pinned already */
    r = receipt_has_room(copy->store, id, &fits, e);
    return r || !fits ? r : put(copy, key_recent(id.collection, id.harvest), receipt, false, e);
}

int copy_take_receipt(struct copy *copy, struct bytes packed, bool cited, struct error *e)
{
    struct receipt receipt;
    arena_reset(&copy->scratch);
    int r = receipt_unpack(&copy->scratch, packed, &receipt, e);
    return r ? r : copy_note_receipt(copy, &receipt, cited, e);
}

int copy_put_receipt(struct copy *copy, struct bytes packed, struct error *e)
{
    int r = store_write(copy->store, e);
    return r ? r : copy_take_receipt(copy, packed, true, e);
}

/* --- letting go --- */

static int let_receipts_go(struct copy *copy, struct error *e)
{
    struct receipt_id *found = mem_alloc(LIMIT_COMPACT_RECEIPTS * sizeof *found);
    uint32_t count = 0;
    bool end;
    int r = store_write(copy->store, e);
    if (!r)
        r = store_receipts_unneeded(copy->store, &copy->looked, LIMIT_COMPACT_RECEIPTS, found, &count, &end,
                                    e);
    for (uint32_t i = 0; i < count && !r; i++)
        r = store_receipt_unpin(copy->store, found[i], e);
    free(found);
    if (!r && !count) {
        store_abort(copy->store);
        return 0;
    }
    return r ? r : store_commit(copy->store, e);
}

int copy_compact(struct copy *copy, uint64_t oldest, struct error *e)
{
    struct store *store = copy->store;
    uint64_t head = store->committed.head;
    struct store_compaction what = {
        .up_to = oldest > head ? head : oldest - 1, .before_ms = INT64_MAX, .most = LIMIT_COMPACT_ITEMS};
    uint32_t count;
    CHECK(!store->writing && oldest > 0);
    if (copy->mark.phase != COPY_WHOLE || oldest <= store->committed.oldest)
        return 0;
    int r = store_write(store, e);
    if (!r)
        r = store_compact(store, &what, &count, e);
    if (!r)
        r = store_commit(store, e);
    return r ? r : let_receipts_go(copy, e);
}
