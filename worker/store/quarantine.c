/* Quarantine: items that couldn't be digested, by collection and digest. The table is empty most of the time,
 * and a collection's record counts its own, so nobody looks here who needn't. Each entry names the harvest
 * that met it last: so which ones are met no more is known without a list of those that are. */
#include <stdlib.h>
#include <string.h>

#include "worker/store/tables.h"

enum { KEY_BYTES = 4 + sizeof(struct digest) };

struct key key_quarantined(uint32_t collection, struct digest digest)
{
    struct key key = key_collection(collection);
    memcpy(key.bytes + key.len, digest.bytes, sizeof digest.bytes);
    key.len += sizeof digest.bytes;
    return key;
}

bool key_quarantined_read(struct bytes key, uint32_t *collection, struct digest *digest)
{
    if (key.len != KEY_BYTES)
        return false;
    *collection = be32_get(key.data);
    memcpy(digest->bytes, key.data + 4, sizeof digest->bytes);
    return true;
}

static int write_item(struct store *store, uint32_t collection, const struct quarantined *item,
                      struct error *e)
{
    struct key key = key_quarantined(collection, item->digest);
    buffer_reset(&store->packed);
    quarantined_pack(item, &store->packed);
    int r = table_put(store, TABLE_QUARANTINE, key_bytes(&key), buffer_bytes(&store->packed), 0, e);
    if (!r)
        store->gathered++;
    return r;
}

int store_quarantine_put(struct store *store, struct collection_record *record, struct quarantined *item,
                         bool *is_kept, struct error *e)
{
    struct key key = key_quarantined(record->id, item->digest);
    struct arena arena = {0};
    struct quarantined before;
    struct bytes value;
    *is_kept = true;
    int r = store_gathering(store, e);
    if (!r)
        r = table_get(store, TABLE_QUARANTINE, key_bytes(&key), &value, e);
    bool is_new = r == ERR_NOT_FOUND;
    if (is_new && record->quarantined >= LIMIT_QUARANTINE_ITEMS) {
        *is_kept = false;
        return 0;
    }
    if (!r)
        r = quarantined_unpack(&arena, value, &before, e);
    if (!r)
        item->first_ms = before.first_ms;
    arena_close(&arena);
    if (r && !is_new)
        return r;
    r = write_item(store, record->id, item, e);
    if (!r && is_new)
        record->quarantined++;
    return r;
}

struct each {
    struct arena arena;
    int (*visit)(void *context, const struct quarantined *item);
    void *context;
    struct error *e;
};

static int visit_item(void *context, struct bytes key, struct bytes value)
{
    struct each *each = context;
    struct quarantined item;
    struct digest digest;
    uint32_t collection;
    arena_reset(&each->arena);
    if (!key_quarantined_read(key, &collection, &digest))
        return error_set(each->e, ERR_CORRUPT, "a quarantined item's key has %zu bytes", key.len);
    int r = quarantined_unpack(&each->arena, value, &item, each->e);
    item.digest = digest;
    return r ? r : each->visit(each->context, &item);
}

int store_quarantine_each(struct store *store, uint32_t collection,
                          int (*visit)(void *context, const struct quarantined *item), void *context,
                          struct error *e)
{
    struct key prefix = key_collection(collection);
    struct each each = {.visit = visit, .context = context, .e = e};
    int r = table_each(store, TABLE_QUARANTINE, key_bytes(&prefix), (struct bytes){0}, visit_item, &each, e);
    arena_close(&each.arena);
    return r;
}

int store_quarantine_get(struct store *store, uint32_t collection, struct digest digest, struct arena *arena,
                         struct quarantined *out, struct error *e)
{
    struct key key = key_quarantined(collection, digest);
    struct bytes value;
    int r = table_get(store, TABLE_QUARANTINE, key_bytes(&key), &value, e);
    if (!r)
        r = quarantined_unpack(arena, value, out, e);
    if (!r)
        out->digest = digest;
    return r;
}

int store_quarantine_drop(struct store *store, struct collection_record *record, struct digest digest,
                          struct error *e)
{
    struct key key = key_quarantined(record->id, digest);
    struct bytes value;
    int r = store_gathering(store, e);
    if (!r)
        r = table_get(store, TABLE_QUARANTINE, key_bytes(&key), &value, e);
    if (!r && !record->quarantined)
        r = error_set(e, ERR_CORRUPT, "an item is in quarantine, and its collection counts none");
    if (!r)
        r = table_delete(store, TABLE_QUARANTINE, key_bytes(&key), e);
    if (!r)
        record->quarantined--;
    return r;
}

struct unmet {
    uint64_t harvest;
    struct digest *digests;
    size_t count, cap;
};

static int note_unmet(void *context, const struct quarantined *item)
{
    struct unmet *unmet = context;
    if (item->harvest == unmet->harvest)
        return 0;
    if (unmet->count == unmet->cap) {
        unmet->cap = unmet->cap ? 2 * unmet->cap : 16;
        unmet->digests = mem_resize(unmet->digests, unmet->cap * sizeof *unmet->digests);
    }
    unmet->digests[unmet->count++] = item->digest;
    return 0;
}

int store_quarantine_drop_unmet(struct store *store, struct collection_record *record, uint64_t harvest,
                                struct error *e)
{
    struct unmet unmet = {.harvest = harvest};
    int r = record->quarantined ? store_gathering(store, e) : 0;
    if (!r && record->quarantined)
        r = store_quarantine_each(store, record->id, note_unmet, &unmet, e);
    for (size_t i = 0; i < unmet.count && !r; i++)
        r = store_quarantine_drop(store, record, unmet.digests[i], e);
    free(unmet.digests);
    return r;
}
