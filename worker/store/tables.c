/* The few ways in which tables are read and written. Every failed write poisons the transaction here, in
 * one place: LMDB refuses to go on with some of them anyway, and half of a change must never be committed.
 *
 * A write transaction keeps a cursor for each table. What is looked up and then written, or written key
 * after key, is mostly found on the page where the cursor stands; mdb_get and mdb_put begin at the root each
 * time. Collections have two, since each harvest looks up a key and then an id. Before something is deleted
 * the table's cursors are closed, so that none stands where nothing is. */
#include <inttypes.h>
#include <string.h>

#include "worker/store/tables.h"

/* Only the bytes that count are written: to clear all of a key for each record would be felt. */
struct key key_u64(uint64_t number)
{
    struct key key;
    be64_put(key.bytes, number);
    key.len = 8;
    return key;
}

struct key key_collection(uint32_t collection)
{
    struct key key;
    be32_put(key.bytes, collection);
    key.len = 4;
    return key;
}

struct key key_row(uint32_t collection, uint32_t row)
{
    struct key key;
    be32_put(key.bytes, collection);
    be32_put(key.bytes + 4, row);
    key.len = 8;
    return key;
}

struct key key_place(uint32_t collection, uint64_t place)
{
    struct key key;
    be32_put(key.bytes, collection);
    be64_put(key.bytes + 4, place);
    key.len = 12;
    return key;
}

struct bytes key_bytes(const struct key *key)
{
    return (struct bytes){(const char *)key->bytes, key->len};
}

static MDB_val val_of(struct bytes span)
{
    return (MDB_val){.mv_size = span.len, .mv_data = (void *)(uintptr_t)span.data};
}

static struct bytes span_of(MDB_val val)
{
    return (struct bytes){val.mv_size ? val.mv_data : "", val.mv_size};
}

int store_reading(struct store *store, struct error *e)
{
    CHECK_MAGIC(store, STORE_MAGIC);
    CHECK(store->txn);
    return store->failed.code ? error_set(e, store->failed.code, "%s", store->failed.text) : 0;
}

int store_gathering(struct store *store, struct error *e)
{
    int r = store_reading(store, e);
    CHECK(store->writing);
    return r;
}

int store_poison(struct store *store, int r, struct error *e)
{
    if (r && !store->failed.code)
        error_set(&store->failed, r, "%s", e && e->code == (enum err)r ? e->text : error_name(r));
    return r;
}

static unsigned cursor_number(enum table table, const MDB_val *key, bool to_write)
{
    if (table != TABLE_COLLECTIONS || !key->mv_size)
        return table;
    return *(const char *)key->mv_data == COLLECTION_BY_KEY ? CURSOR_KEYS
           : to_write                                       ? CURSOR_RECORDS
                                                            : TABLE_COLLECTIONS;
}

static int cursor_of(struct store *store, enum table table, const MDB_val *key, bool to_write,
                     MDB_cursor **out)
{
    MDB_cursor **cursor = &store->cursors[cursor_number(table, key, to_write)];
    int lmdb = 0;
    if (!*cursor)
        lmdb = mdb_cursor_open(store->txn, store->tables[table], cursor);
    *out = *cursor;
    return lmdb;
}

static void close_cursor(struct store *store, unsigned number)
{
    if (store->cursors[number])
        mdb_cursor_close(store->cursors[number]);
    store->cursors[number] = NULL;
}

static void close_cursors(struct store *store, enum table table)
{
    close_cursor(store, table);
    for (unsigned i = CURSOR_KEYS; table == TABLE_COLLECTIONS && i < CURSOR_COUNT; i++)
        close_cursor(store, i);
}

static int get(struct store *store, enum table table, MDB_val *key, MDB_val *value)
{
    MDB_cursor *cursor;
    if (!store->writing)
        return mdb_get(store->txn, store->tables[table], key, value);
    int lmdb = cursor_of(store, table, key, false, &cursor);
    return lmdb ? lmdb : mdb_cursor_get(cursor, key, value, MDB_SET);
}

int table_get(struct store *store, enum table table, struct bytes key, struct bytes *value, struct error *e)
{
    int r = store_reading(store, e);
    if (r)
        return r;
    MDB_val k = val_of(key), v;
    r = get(store, table, &k, &v);
    if (r == MDB_NOTFOUND)
        return ERR_NOT_FOUND;
    if (r)
        return store_fault(store, r, "reading", e);
    *value = span_of(v);
    return 0;
}

static int put(struct store *store, enum table table, struct bytes key, struct bytes value, unsigned flags)
{
    MDB_cursor *cursor;
    MDB_val k = val_of(key), v = val_of(value);
    int lmdb = cursor_of(store, table, &k, true, &cursor);
    return lmdb ? lmdb : mdb_cursor_put(cursor, &k, &v, flags);
}

static int wrote(struct store *store, int lmdb, size_t bytes, struct error *e)
{
    store->gathered_bytes += bytes;
    return lmdb ? store_poison(store, store_fault(store, lmdb, "writing", e), e) : 0;
}

int table_put(struct store *store, enum table table, struct bytes key, struct bytes value, unsigned flags,
              struct error *e)
{
    struct error local;
    e = e ? e : &local;
    int r = store_gathering(store, e);
    return r ? r : wrote(store, put(store, table, key, value, flags), key.len + value.len, e);
}

int table_put_new(struct store *store, enum table table, struct bytes key, struct bytes *value, bool *is_new,
                  struct error *e)
{
    struct error local;
    MDB_cursor *cursor;
    MDB_val k = val_of(key), v = val_of(*value);
    e = e ? e : &local;
    int r = store_gathering(store, e);
    if (r)
        return r;
    int lmdb = cursor_of(store, table, &k, true, &cursor);
    if (!lmdb)
        lmdb = mdb_cursor_put(cursor, &k, &v, MDB_NOOVERWRITE);
    *is_new = lmdb != MDB_KEYEXIST;
    if (*is_new)
        return wrote(store, lmdb, key.len + value->len, e);
    *value = span_of(v);
    return 0;
}

/* What is appended to a table fills its pages; where it is put at a page's end, LMDB moves the last record to
 * the next page along with it, and leaves a gap that large. Appending is refused where a collection with a
 * higher id has records too; then it needn't be tried again for this one and those before it. */
int table_append(struct store *store, enum table table, uint32_t collection, struct bytes key,
                 struct bytes value, struct error *e)
{
    struct error local;
    e = e ? e : &local;
    int r = store_gathering(store, e), lmdb = MDB_KEYEXIST;
    if (r)
        return r;
    if (collection > store->inner[table])
        lmdb = put(store, table, key, value, MDB_APPEND);
    if (lmdb == MDB_KEYEXIST) {
        store->inner[table] = collection > store->inner[table] ? collection : store->inner[table];
        lmdb = put(store, table, key, value, 0);
    }
    return wrote(store, lmdb, key.len + value.len, e);
}

int table_delete(struct store *store, enum table table, struct bytes key, struct error *e)
{
    struct error local;
    e = e ? e : &local;
    int r = store_gathering(store, e);
    if (r)
        return r;
    MDB_val k = val_of(key);
    close_cursors(store, table);
    r = mdb_del(store->txn, store->tables[table], &k, NULL);
    if (r == MDB_NOTFOUND)
        return 0;
    return r ? store_poison(store, store_fault(store, r, "deleting", e), e) : 0;
}

/* Looks the next one up anew each time: slower than to step on, and free of LMDB's subtleties about
 * stepping from what was deleted. */
int table_drop_range(struct store *store, enum table table, struct bytes first, struct bytes last,
                     struct error *e)
{
    struct error local;
    MDB_cursor *cursor;
    e = e ? e : &local;
    int r = store_gathering(store, e);
    if (r)
        return r;
    close_cursors(store, table);
    int lmdb = mdb_cursor_open(store->txn, store->tables[table], &cursor);
    if (lmdb)
        return store_poison(store, store_fault(store, lmdb, "deleting", e), e);
    while (!lmdb) {
        MDB_val k = val_of(first), v;
        lmdb = mdb_cursor_get(cursor, &k, &v, MDB_SET_RANGE);
        if (lmdb || memcmp(k.mv_data, last.data, k.mv_size < last.len ? k.mv_size : last.len) > 0)
            break;
        lmdb = mdb_cursor_del(cursor, 0);
    }
    mdb_cursor_close(cursor);
    if (lmdb && lmdb != MDB_NOTFOUND)
        return store_poison(store, store_fault(store, lmdb, "deleting", e), e);
    return 0;
}

int table_drop_first(struct store *store, enum table table, table_goes *goes, void *context, struct error *e)
{
    struct error local;
    MDB_cursor *cursor;
    MDB_val k, v;
    int r = store_gathering(store, e = e ? e : &local);
    if (r)
        return r;
    close_cursors(store, table);
    int lmdb = mdb_cursor_open(store->txn, store->tables[table], &cursor);
    if (lmdb)
        return store_poison(store, store_fault(store, lmdb, "deleting", e), e);
    while (!lmdb && !(lmdb = mdb_cursor_get(cursor, &k, &v, MDB_FIRST))) {
        int is = goes(context, span_of(k), span_of(v));
        if (is <= 0) {
            r = -is;
            break;
        }
        lmdb = mdb_cursor_del(cursor, 0);
    }
    mdb_cursor_close(cursor);
    if (lmdb && lmdb != MDB_NOTFOUND)
        return store_poison(store, store_fault(store, lmdb, "deleting", e), e);
    return r;
}

uint64_t table_bytes(struct store *store, enum table table)
{
    MDB_stat stat = {0};
    mdb_stat(store->txn, store->tables[table], &stat); /* fails only without a transaction */
    return (uint64_t)stat.ms_psize * (stat.ms_branch_pages + stat.ms_leaf_pages + stat.ms_overflow_pages);
}

int table_drop_all(struct store *store, enum table table, struct error *e)
{
    struct error local;
    int r = store_gathering(store, e = e ? e : &local);
    if (r)
        return r;
    close_cursors(store, table);
    r = mdb_drop(store->txn, store->tables[table], 0);
    return r ? store_poison(store, store_fault(store, r, "deleting", e), e) : 0;
}

int table_drop_prefix(struct store *store, enum table table, struct bytes prefix, struct error *e)
{
    return table_drop_range(store, table, prefix, prefix, e);
}

int table_each(struct store *store, enum table table, struct bytes prefix, struct bytes from,
               table_visit *visit, void *context, struct error *e)
{
    MDB_cursor *cursor;
    int r = store_reading(store, e);
    if (r)
        return r;
    int lmdb = mdb_cursor_open(store->txn, store->tables[table], &cursor);
    if (lmdb)
        return store_fault(store, lmdb, "reading", e);
    MDB_val k = val_of(from.len ? from : prefix), v;
    lmdb = mdb_cursor_get(cursor, &k, &v, k.mv_size ? MDB_SET_RANGE : MDB_FIRST);
    while (!lmdb && !r && k.mv_size >= prefix.len &&
           (prefix.len == 0 || memcmp(k.mv_data, prefix.data, prefix.len) == 0)) {
        r = visit(context, span_of(k), span_of(v));
        if (!r)
            lmdb = mdb_cursor_get(cursor, &k, &v, MDB_NEXT);
    }
    mdb_cursor_close(cursor);
    if (lmdb && lmdb != MDB_NOTFOUND)
        return store_fault(store, lmdb, "reading", e);
    return r;
}

int table_last(struct store *store, enum table table, struct bytes *key, struct bytes *value, struct error *e)
{
    MDB_cursor *cursor;
    MDB_val k, v;
    int r = store_reading(store, e);
    if (r)
        return r;
    int lmdb = mdb_cursor_open(store->txn, store->tables[table], &cursor);
    if (lmdb)
        return store_fault(store, lmdb, "reading", e);
    lmdb = mdb_cursor_get(cursor, &k, &v, MDB_LAST);
    mdb_cursor_close(cursor);
    if (lmdb)
        return lmdb == MDB_NOTFOUND ? ERR_NOT_FOUND : store_fault(store, lmdb, "reading", e);
    *key = span_of(k);
    *value = span_of(v);
    return 0;
}

struct long_search {
    struct store *store;
    long_match *is_it;
    void *context;
    struct error *e;
    struct bytes value;
    uint8_t found;               /* counter of the one found */
    uint8_t used[UINT8_MAX + 1]; /* by counter */
};

static int visit_row(void *context, struct bytes key, struct bytes value)
{
    roaring_bitmap_t *rows = context;
    (void)value;
    if (key.len == 8)
        roaring_bitmap_add(rows, be32_get(key.data + 4));
    return 0;
}

int table_rows(struct store *store, enum table table, uint32_t collection, roaring_bitmap_t *rows,
               struct error *e)
{
    struct key prefix = key_collection(collection);
    return table_each(store, table, key_bytes(&prefix), (struct bytes){0}, visit_row, rows, e);
}

enum { LONG_FOUND = -1 };

static int visit_long(void *context, struct bytes key, struct bytes value)
{
    struct long_search *search = context;
    uint8_t counter = (uint8_t)key.data[key.len - 1];
    search->used[counter] = 1;
    search->value = value;
    search->found = counter;
    int is = search->is_it(search->store, search->context, value, search->e);
    return is > 0 ? LONG_FOUND : -is;
}

/* The counter only sets apart names whose keyed digests are the same, which nobody can make happen. A
 * name that goes leaves a hole among them, so all are looked at. */
int table_find_long(struct store *store, enum table table, struct key *key, struct bytes name,
                    long_match *is_it, void *context, struct bytes *value, struct error *e)
{
    struct digest digest = store->hash(name, &store->secret);
    struct long_search search = {.store = store, .is_it = is_it, .context = context, .e = e};
    CHECK(key->len + sizeof digest.bytes < sizeof key->bytes);
    memcpy(key->bytes + key->len, digest.bytes, sizeof digest.bytes);
    key->len += sizeof digest.bytes;
    int r = table_each(store, table, key_bytes(key), (struct bytes){0}, visit_long, &search, e);
    if (r && r != LONG_FOUND)
        return r;
    size_t counter = 0;
    while (!r && counter <= UINT8_MAX && search.used[counter])
        counter++;
    if (counter > UINT8_MAX)
        return error_set(e, ERR_STORE, "shard %" PRIu32 ": 256 long names with one digest", store->shard);
    key->bytes[key->len++] = r ? search.found : (uint8_t)counter;
    *value = search.value;
    return r ? 0 : ERR_NOT_FOUND;
}
