/* Resources' ids -> rows. A key holds the id itself while LMDB's 511 bytes suffice, else its keyed digest,
 * and is then compared in full with the document's own id. */
#include <inttypes.h>
#include <string.h>

#include "worker/store/tables.h"

enum { ID_BYTES_SHORT = LIMIT_KEY_BYTES - 5 };

static int row_of(struct bytes value, uint32_t *row, struct error *e)
{
    if (value.len != 4)
        return error_set(e, ERR_CORRUPT, "an id's row has %zu bytes", value.len);
    *row = be32_get(value.data);
    return 0;
}

struct wanted {
    uint32_t collection;
    struct bytes id;
};

static int is_ids_row(struct store *store, void *context, struct bytes value, struct error *e)
{
    const struct wanted *wanted = context;
    struct document document;
    uint32_t row = 0;
    int r = row_of(value, &row, e);
    if (!r)
        r = store_document(store, wanted->collection, row, &document, e);
    if (r == ERR_NOT_FOUND)
        r = error_set(e, ERR_CORRUPT, "an id leads to row %u, which is not there", row);
    return r ? -r : bytes_equal(document.id, wanted->id);
}

/* False: the id is too long, and the key only begun. */
static bool short_key(uint32_t collection, struct bytes id, struct key *key)
{
    bool is_short = id.len <= ID_BYTES_SHORT;
    be32_put(key->bytes, collection);
    key->bytes[4] = is_short ? TAG_SHORT : TAG_LONG;
    key->len = 5;
    if (!is_short || id.len == 0)
        return is_short;
    memcpy(key->bytes + key->len, id.data, id.len);
    key->len += id.len;
    return true;
}

/* The id's key; for one that isn't there, the key to write it under. */
static int find(struct store *store, uint32_t collection, struct bytes id, struct key *key,
                struct bytes *value, struct error *e)
{
    struct wanted wanted = {collection, id};
    return short_key(collection, id, key)
               ? table_get(store, TABLE_IDS, key_bytes(key), value, e)
               : table_find_long(store, TABLE_IDS, key, id, is_ids_row, &wanted, value, e);
}

int ids_find(struct store *store, uint32_t collection, struct bytes id, uint32_t *row, struct error *e)
{
    struct key key;
    struct bytes value;
    int r = find(store, collection, id, &key, &value, e);
    return r ? r : row_of(value, row, e);
}

/* A long one's key depends on which are there already. */
static int add(struct store *store, uint32_t collection, struct bytes id, struct bytes *value, bool *is_new,
               struct error *e)
{
    struct key key;
    struct bytes there;
    int r = short_key(collection, id, &key) ? ERR_NOT_FOUND : find(store, collection, id, &key, &there, e);
    *is_new = r == ERR_NOT_FOUND;
    if (*is_new)
        return table_put_new(store, TABLE_IDS, key_bytes(&key), value, is_new, e);
    *value = there;
    return r;
}

int ids_add(struct store *store, uint32_t collection, struct bytes id, uint32_t row, struct error *e)
{
    char packed[4];
    struct bytes value = {packed, sizeof packed};
    bool is_new = false;
    be32_put(packed, row);
    int r = add(store, collection, id, &value, &is_new, e);
    if (!r && is_new)
        store->gathered_ids++;
    else if (!r)
        r = row_of(value, &row, e);
    if (r || is_new)
        return r;
    return error_set(e, ERR_STORE, "\"%.*s\" is there already, as row %" PRIu32, BYTES_ARG(id), row);
}

int ids_delete(struct store *store, uint32_t collection, struct bytes id, struct error *e)
{
    struct key key;
    struct bytes value;
    int r = find(store, collection, id, &key, &value, e);
    if (r)
        return r == ERR_NOT_FOUND ? 0 : r;
    return table_delete(store, TABLE_IDS, key_bytes(&key), e);
}
