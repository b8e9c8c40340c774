/* Collections: 'i' and the id -> record; 'k', a tag and the key -> id. Keys that LMDB's 511 bytes don't
 * hold stand under their keyed digest, and are compared in full with the record. */
#include <inttypes.h>
#include <string.h>

#include "worker/store/tables.h"

enum { KEY_BYTES_SHORT = LIMIT_KEY_BYTES - 2 };

static char *put_part(char *to, struct bytes part)
{
    be32_put(to, part.data ? (uint32_t)part.len : UINT32_MAX);
    if (part.len)
        memcpy(to + 4, part.data, part.len);
    return to + 4 + part.len;
}

static size_t key_len(const struct collection_key *key)
{
    return 5 * 4 + key->provider.len + key->account.len + key->region.len + key->parent.len + key->type.len;
}

/* Lengths before texts, so that no two keys are the same bytes; account first, so that an account's
 * collections stand together. */
static void put_key(char *to, const struct collection_key *key)
{
    to = put_part(to, key->provider);
    to = put_part(to, key->account);
    to = put_part(to, key->region);
    to = put_part(to, key->parent);
    put_part(to, key->type);
}

void collection_key_bytes(const struct collection_key *key, struct buffer *out)
{
    size_t len = key_len(key);
    buffer_reserve(out, len);
    put_key(out->data + out->len, key);
    out->len += len;
    out->data[out->len] = 0;
}

/* The other way round, in place. */
static bool take_part(struct bytes *rest, struct bytes *out)
{
    if (rest->len < 4)
        return false;
    uint32_t len = be32_get(rest->data);
    bool is_there = len != UINT32_MAX;
    size_t taken = 4 + (is_there ? (size_t)len : 0);
    if (taken > rest->len)
        return false;
    *out = is_there ? (struct bytes){rest->data + 4, len} : (struct bytes){0};
    *rest = (struct bytes){rest->data + taken, rest->len - taken};
    return true;
}

static bool key_of_bytes(struct bytes packed, struct collection_key *out)
{
    return take_part(&packed, &out->provider) && take_part(&packed, &out->account) &&
           take_part(&packed, &out->region) && take_part(&packed, &out->parent) &&
           take_part(&packed, &out->type) && packed.len == 0;
}

static struct key id_key(uint32_t id)
{
    struct key key;
    key.bytes[0] = COLLECTION_BY_ID;
    be32_put(key.bytes + 1, id);
    key.len = 5;
    return key;
}

static int id_of(struct bytes value, uint32_t *id, struct error *e)
{
    if (value.len != 4)
        return error_set(e, ERR_CORRUPT, "a collection's id has %zu bytes", value.len);
    *id = be32_get(value.data);
    return 0;
}

static int is_collections_id(struct store *store, void *context, struct bytes value, struct error *e)
{
    const struct bytes *wanted = context;
    struct arena arena = {0};
    struct buffer key = {0};
    struct collection_record record;
    uint32_t id = 0;
    int r = id_of(value, &id, e);
    if (!r)
        r = store_collection_by_id(store, id, &arena, &record, e);
    if (r == ERR_NOT_FOUND)
        r = error_set(e, ERR_CORRUPT, "a key leads to collection %" PRIu32 ", which is not there", id);
    if (!r)
        collection_key_bytes(&record.key, &key);
    int is = r ? -r : bytes_equal(buffer_bytes(&key), *wanted);
    buffer_close(&key);
    arena_close(&arena);
    return is;
}

/* The lookup's key; for a collection that isn't there, the one to write it under. */
static int find_long(struct store *store, const struct collection_key *key, struct key *lookup,
                     struct bytes *value, struct error *e)
{
    struct buffer name = {0};
    collection_key_bytes(key, &name);
    struct bytes wanted = buffer_bytes(&name);
    lookup->bytes[1] = TAG_LONG;
    int r = table_find_long(store, TABLE_COLLECTIONS, lookup, wanted, is_collections_id, &wanted, value, e);
    buffer_close(&name);
    return r;
}

static int find(struct store *store, const struct collection_key *key, struct key *lookup, uint32_t *id,
                struct error *e)
{
    struct bytes value;
    size_t len = key_len(key);
    int r;
    lookup->bytes[0] = COLLECTION_BY_KEY;
    lookup->len = 2;
    if (len <= KEY_BYTES_SHORT) {
        lookup->bytes[1] = TAG_SHORT;
        put_key((char *)lookup->bytes + 2, key);
        lookup->len += len;
        r = table_get(store, TABLE_COLLECTIONS, key_bytes(lookup), &value, e);
    } else {
        r = find_long(store, key, lookup, &value, e);
    }
    return r ? r : id_of(value, id, e);
}

int collection_lookup(struct store *store, const struct collection_key *key, uint32_t *id, struct error *e)
{
    struct key lookup;
    return find(store, key, &lookup, id, e);
}

int store_collection_find(struct store *store, const struct collection_key *key, struct arena *arena,
                          struct collection_record *out, struct error *e)
{
    uint32_t id;
    int r = collection_lookup(store, key, &id, e);
    return r ? r : store_collection_by_id(store, id, arena, out, e);
}

static int unpack(const struct store *store, uint32_t id, struct bytes value, struct arena *arena,
                  struct collection_record *out, struct error *e)
{
    int r = collection_unpack(arena, value, out, e);
    if (!r && out->id != id)
        r = error_set(e, ERR_CORRUPT, "it stands under another id than its own, %" PRIu32, out->id);
    if (r)
        error_at(e, "shard %" PRIu32 ", collection %" PRIu32, store->shard, id);
    return r;
}

int store_collection_by_id(struct store *store, uint32_t id, struct arena *arena,
                           struct collection_record *out, struct error *e)
{
    struct key key = id_key(id);
    struct bytes value;
    int r = table_get(store, TABLE_COLLECTIONS, key_bytes(&key), &value, e);
    return r ? r : unpack(store, id, value, arena, out, e);
}

static int put_record(struct store *store, const struct collection_record *record, struct error *e)
{
    struct key key = id_key(record->id);
    struct buffer *packed = &store->packed;
    buffer_reset(packed);
    collection_pack(record, packed);
    if (packed->len > LIMIT_COLLECTION_BYTES)
        return error_set(
            e, ERR_LIMIT,
            "a collection's record of %zu bytes: %d are allowed; its provider file was edited too "
            "often since it was last listed completely",
            packed->len, LIMIT_COLLECTION_BYTES);
    return table_put(store, TABLE_COLLECTIONS, key_bytes(&key), buffer_bytes(packed), 0, e);
}

int store_collection_put(struct store *store, struct collection_record *record, struct error *e)
{
    struct key lookup;
    uint32_t id;
    char packed[4];
    int r = store_gathering(store, e);
    if (r || record->id)
        return r ? r : put_record(store, record, e);
    r = find(store, &record->key, &lookup, &id, e);
    if (!r)
        return error_set(e, ERR_STORE, "shard %" PRIu32 ": a new collection is there already, as %" PRIu32,
                         store->shard, id);
    if (r != ERR_NOT_FOUND)
        return r;
    if (store->state.next_collection == UINT32_MAX)
        return error_set(e, ERR_LIMIT, "shard %" PRIu32 " had 4 billion collections", store->shard);
    record->id = store->state.next_collection;
    be32_put(packed, record->id);
    r = table_put(store, TABLE_COLLECTIONS, key_bytes(&lookup), (struct bytes){packed, sizeof packed}, 0, e);
    if (!r)
        r = put_record(store, record, e);
    if (!r)
        store->state.next_collection++;
    else
        record->id = 0;
    return store_poison(store, r, e);
}

/* The collection of a lower id that has the same key. */
static int replace(struct store *store, uint32_t lower, bool anyhow, struct error *e)
{
    struct arena arena = {0};
    struct collection_record record;
    int r = anyhow ? 0 : store_collection_by_id(store, lower, &arena, &record, e);
    if (!r && !anyhow && record.rows)
        r = error_set(e, ERR_CORRUPT,
                      "shard %" PRIu32 ": collection %" PRIu32 " has resources, and another one has its key",
                      store->shard, lower);
    arena_close(&arena);
    return r ? r : store_collection_drop(store, lower, false, e);
}

int collection_put_as(struct store *store, const struct collection_record *record, bool anyhow,
                      struct error *e)
{
    struct key lookup;
    uint32_t id;
    char packed[4];
    int r = store_gathering(store, e);
    if (!r)
        r = find(store, &record->key, &lookup, &id, e);
    if (!r && id > record->id)
        return ERR_NOT_FOUND;
    if (!r && id < record->id)
        r = replace(store, id, anyhow, e);
    if (!r)
        r = find(store, &record->key, &lookup, &id, e); /* a long one's may be another now */
    if (!r)
        return error_set(e, ERR_CORRUPT, "shard %" PRIu32 ": a key leads to collection %" PRIu32 ", again",
                         store->shard, id);
    if (r != ERR_NOT_FOUND)
        return r;
    be32_put(packed, record->id);
    r = table_put(store, TABLE_COLLECTIONS, key_bytes(&lookup), (struct bytes){packed, sizeof packed}, 0, e);
    return r ? r : put_record(store, record, e);
}

/* The record and the lookup, or the record as one without rows and quarantined items. */
static int drop_record(struct store *store, struct collection_record *record, bool keep, struct error *e)
{
    struct key key = id_key(record->id), lookup;
    uint32_t id;
    record->rows = record->quarantined = 0;
    record->has_checkpoint = false;
    if (keep)
        return put_record(store, record, e);
    int r = find(store, &record->key, &lookup, &id, e);
    if (!r)
        r = table_delete(store, TABLE_COLLECTIONS, key_bytes(&lookup), e);
    if (!r || r == ERR_NOT_FOUND)
        r = table_delete(store, TABLE_COLLECTIONS, key_bytes(&key), e);
    return r;
}

int store_collection_drop(struct store *store, uint32_t id, bool keep_record, struct error *e)
{
    static const enum table tables[] = {TABLE_IDS,     TABLE_SPANS,      TABLE_HEADS,      TABLE_DOCUMENTS,
                                        TABLE_MISSING, TABLE_QUARANTINE, TABLE_CHECKPOINTS};
    struct arena arena = {0};
    struct collection_record record;
    struct key prefix = key_collection(id);
    int r = store_gathering(store, e);
    if (r)
        return r;
    r = store_collection_by_id(store, id, &arena, &record, e);
    if (!r)
        r = store_poison(store, drop_record(store, &record, keep_record, e), e);
    for (size_t i = 0; i < sizeof tables / sizeof *tables && !r; i++)
        r = table_drop_prefix(store, tables[i], key_bytes(&prefix), e);
    arena_close(&arena);
    return r;
}

struct each {
    struct store *store;
    int (*visit)(void *context, const struct collection_record *record);
    void *context;
    struct arena arena;
    struct error *e;
};

static int visit_record(void *context, struct bytes key, struct bytes value)
{
    struct each *each = context;
    struct collection_record record;
    if (key.len != 5)
        return error_set(each->e, ERR_CORRUPT, "shard %" PRIu32 ": a collection's key has %zu bytes",
                         each->store->shard, key.len);
    arena_reset(&each->arena);
    int r = unpack(each->store, be32_get(key.data + 1), value, &each->arena, &record, each->e);
    return r ? r : each->visit(each->context, &record);
}

int store_collections_each(struct store *store,
                           int (*visit)(void *context, const struct collection_record *record), void *context,
                           struct error *e)
{
    static const char prefix[] = {COLLECTION_BY_ID};
    struct each each = {.store = store, .visit = visit, .context = context, .e = e};
    int r = table_each(store, TABLE_COLLECTIONS, (struct bytes){prefix, 1}, (struct bytes){0}, visit_record,
                       &each, e);
    arena_close(&each.arena);
    return r;
}

struct first {
    struct store *store;
    struct arena *arena;
    struct collection_record *out;
    struct error *e;
};

enum { FIRST_FOUND = -1 }; /* no code of an error */

static int take_first(void *context, struct bytes key, struct bytes value)
{
    struct first *first = context;
    if (key.len != 5)
        return error_set(first->e, ERR_CORRUPT, "shard %" PRIu32 ": a collection's key has %zu bytes",
                         first->store->shard, key.len);
    int r = unpack(first->store, be32_get(key.data + 1), value, first->arena, first->out, first->e);
    return r ? r : FIRST_FOUND;
}

int store_collection_next(struct store *store, uint32_t id, struct arena *arena,
                          struct collection_record *out, struct error *e)
{
    static const char prefix[] = {COLLECTION_BY_ID};
    struct first first = {.store = store, .arena = arena, .out = out, .e = e};
    struct key from = id_key(id);
    int r = table_each(store, TABLE_COLLECTIONS, (struct bytes){prefix, 1}, key_bytes(&from), take_first,
                       &first, e);
    return r == FIRST_FOUND ? 0 : r ? r : ERR_NOT_FOUND;
}

struct each_key {
    struct store *store;
    int (*visit)(void *context, uint32_t id, const struct collection_key *key);
    void *context;
    struct arena arena;
    struct error *e;
};

static int visit_long_key(struct each_key *each, uint32_t id)
{
    struct collection_record record;
    arena_reset(&each->arena);
    int r = store_collection_by_id(each->store, id, &each->arena, &record, each->e);
    if (r == ERR_NOT_FOUND)
        return error_set(each->e, ERR_CORRUPT, "a key leads to collection %" PRIu32 ", which is not there",
                         id);
    return r ? r : each->visit(each->context, id, &record.key);
}

static int visit_key(void *context, struct bytes key, struct bytes value)
{
    struct each_key *each = context;
    struct collection_key parts;
    uint32_t id = 0;
    int r = id_of(value, &id, each->e);
    if (r)
        return r;
    if (key.len > 1 && key.data[1] == TAG_LONG)
        return visit_long_key(each, id);
    if (key.len > 1 && key_of_bytes(bytes_from(key, 2), &parts))
        return each->visit(each->context, id, &parts);
    return error_set(each->e, ERR_CORRUPT,
                     "shard %" PRIu32 ": the key of collection %" PRIu32 " can't be read", each->store->shard,
                     id);
}

int store_collection_keys_each(struct store *store,
                               int (*visit)(void *context, uint32_t id, const struct collection_key *key),
                               void *context, struct error *e)
{
    static const char prefix[] = {COLLECTION_BY_KEY};
    struct each_key each = {.store = store, .visit = visit, .context = context, .e = e};
    int r = table_each(store, TABLE_COLLECTIONS, (struct bytes){prefix, 1}, (struct bytes){0}, visit_key,
                       &each, e);
    arena_close(&each.arena);
    return r;
}
