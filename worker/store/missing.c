/* Rows that sound listings missed. The table is empty most of the time: to forget what was seen again looks
 * at the entries there are, not at the rows that were seen. */
#include <stdlib.h>

#include "worker/store/tables.h"

int store_missing_get(struct store *store, uint32_t collection, uint32_t row, struct missing *out,
                      struct error *e)
{
    struct key key = key_row(collection, row);
    struct bytes value;
    int r = table_get(store, TABLE_MISSING, key_bytes(&key), &value, e);
    return r ? r : missing_unpack(value, out, e);
}

int store_missing_put(struct store *store, uint32_t collection, uint32_t row, const struct missing *missing,
                      struct error *e)
{
    struct key key = key_row(collection, row);
    struct buffer value = {0};
    missing_pack(missing, &value);
    int r = table_put(store, TABLE_MISSING, key_bytes(&key), buffer_bytes(&value), 0, e);
    buffer_close(&value);
    return r;
}

int store_missing_rows(struct store *store, uint32_t collection, roaring_bitmap_t *rows, struct error *e)
{
    return table_rows(store, TABLE_MISSING, collection, rows, e);
}

int store_missing_forget(struct store *store, uint32_t collection, const roaring_bitmap_t *seen,
                         struct error *e)
{
    struct key prefix = key_collection(collection);
    if (!seen)
        return table_drop_prefix(store, TABLE_MISSING, key_bytes(&prefix), e);
    int r = store_gathering(store, e);
    if (r)
        return r;
    roaring_bitmap_t *rows = roaring_bitmap_create();
    CHECK(rows);
    r = store_missing_rows(store, collection, rows, e);
    roaring_bitmap_and_inplace(rows, seen);
    uint64_t count = roaring_bitmap_get_cardinality(rows);
    uint32_t *forget = mem_alloc(count * sizeof *forget);
    roaring_bitmap_to_uint32_array(rows, forget);
    for (uint64_t i = 0; i < count && !r; i++) {
        struct key key = key_row(collection, forget[i]);
        r = table_delete(store, TABLE_MISSING, key_bytes(&key), e);
    }
    free(forget);
    roaring_bitmap_free(rows);
    return r;
}
