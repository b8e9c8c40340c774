/* Checkpoints: one of a collection at most.
 *
 * The rows are a Roaring bitmap. CRoaring reads foreign bytes without going beyond them, but believes what
 * they say: arrays that aren't sorted, counts that don't fit. To walk such a set by iterator may run beyond
 * its memory; roaring_iterate doesn't. So each row is seen once, in order, and put into a set of our own. */
#include <inttypes.h>

#include "worker/store/tables.h"

struct checking {
    roaring_bitmap_t *rows;
    uint64_t next;  /* the least that the next row may be */
    uint64_t limit; /* rows are below */
};

static bool check_row(uint32_t row, void *context)
{
    struct checking *checking = context;
    if (row < checking->next || row >= checking->limit)
        return false;
    checking->next = (uint64_t)row + 1;
    roaring_bitmap_add(checking->rows, row);
    return true;
}

static int read_rows(struct bytes packed, uint32_t next_row, roaring_bitmap_t **out, struct error *e)
{
    roaring_bitmap_t *foreign =
        NULL; /* asked for its size first, as it writes to stderr when there is none */
    if (packed.len && roaring_bitmap_portable_deserialize_size(packed.data, packed.len) == packed.len)
        foreign = roaring_bitmap_portable_deserialize_safe(packed.data, packed.len);
    if (!foreign)
        return error_set(e, ERR_CORRUPT, "its checkpoint's %zu bytes of rows are none", packed.len);
    struct checking checking = {.rows = roaring_bitmap_create(), .limit = next_row};
    CHECK(checking.rows);
    bool is = roaring_iterate(foreign, check_row, &checking);
    roaring_bitmap_free(foreign);
    *out = checking.rows;
    if (is)
        return 0;
    roaring_bitmap_free(checking.rows);
    *out = NULL;
    return error_set(e, ERR_CORRUPT, "its checkpoint's rows are not in order, or were not given out yet");
}

int checkpoint_read(struct bytes value, uint32_t next_row, struct arena *arena, struct checkpoint *out,
                    roaring_bitmap_t **seen, struct error *e)
{
    *seen = NULL;
    int r = checkpoint_unpack(arena, value, out, e);
    return r || !out->seen.data ? r : read_rows(out->seen, next_row, seen, e);
}

/* As bytes that are the caller's to close; none when there are too many. */
static void write_rows(roaring_bitmap_t *seen, struct buffer *out)
{
    roaring_bitmap_run_optimize(seen);
    size_t bytes = roaring_bitmap_portable_size_in_bytes(seen);
    if (bytes > LIMIT_CHECKPOINT_SEEN_BYTES)
        return;
    buffer_reserve(out, bytes);
    out->len = roaring_bitmap_portable_serialize(seen, out->data);
}

int store_checkpoint_put(struct store *store, uint32_t collection, const struct checkpoint *checkpoint,
                         roaring_bitmap_t *seen, struct error *e)
{
    struct key key = key_collection(collection);
    struct checkpoint with = *checkpoint;
    struct buffer rows = {0}, packed = {0};
    if (seen)
        write_rows(seen, &rows);
    with.seen = rows.len ? buffer_bytes(&rows) : (struct bytes){0};
    checkpoint_pack(&with, &packed);
    int r = table_put(store, TABLE_CHECKPOINTS, key_bytes(&key), buffer_bytes(&packed), 0, e);
    buffer_close(&rows);
    buffer_close(&packed);
    return r;
}

int store_checkpoint_get(struct store *store, uint32_t collection, uint32_t next_row, struct arena *arena,
                         struct checkpoint *out, roaring_bitmap_t **seen, struct error *e)
{
    struct key key = key_collection(collection);
    struct bytes value;
    *seen = NULL;
    if (store->lacks[TABLE_CHECKPOINTS])
        return ERR_NOT_FOUND;
    int r = table_get(store, TABLE_CHECKPOINTS, key_bytes(&key), &value, e);
    return r ? r : checkpoint_read(value, next_row, arena, out, seen, e);
}

int store_checkpoint_drop(struct store *store, uint32_t collection, struct error *e)
{
    struct key key = key_collection(collection);
    return table_delete(store, TABLE_CHECKPOINTS, key_bytes(&key), e);
}
