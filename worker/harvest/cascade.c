/* What becomes of the collections below a resource that goes. Collections nest a few levels deep only
 * (LIMIT_PARENTS), so recursion is bounded by what was read from a checked provider file; stored records
 * are foreign, so the depth is counted all the same. */
#include "common/check.h"
#include "common/limits.h"
#include "worker/harvest/listing.h"

struct children {
    uint32_t parent;
    const roaring_bitmap_t *rows; /* null: all */
    roaring_bitmap_t *found;      /* collection ids */
};

static int find_child(void *context, const struct collection_record *record)
{
    struct children *children = context;
    if (record->parent_collection == children->parent &&
        (!children->rows || roaring_bitmap_contains(children->rows, record->parent_row)))
        roaring_bitmap_add(children->found, record->id);
    return 0;
}

typedef int child_act(struct store *store, struct collection_record *record, void *context, unsigned depth,
                      struct error *e);

static int each_child(struct store *store, uint32_t parent, const roaring_bitmap_t *rows, child_act *act,
                      void *context, unsigned depth, struct error *e)
{
    if (depth > LIMIT_PARENTS)
        return error_set(e, ERR_CORRUPT, "collections nest deeper than %d: run `garner verify`",
                         LIMIT_PARENTS);
    struct children children = {parent, rows, roaring_bitmap_create()};
    struct arena arena = {0};
    CHECK(children.found);
    int code = store_collections_each(store, find_child, &children, e);
    roaring_uint32_iterator_t *at = roaring_create_iterator(children.found);
    CHECK(at);
    for (; !code && at->has_value; roaring_advance_uint32_iterator(at)) {
        struct collection_record record;
        arena_reset(&arena);
        code = store_collection_by_id(store, at->current_value, &arena, &record, e);
        if (!code)
            code = act(store, &record, context, depth, e);
    }
    roaring_free_uint32_iterator(at);
    roaring_bitmap_free(children.found);
    arena_close(&arena);
    return code;
}

struct deletion {
    const struct receipt_id *receipts;
    uint32_t receipt_count;
    int64_t wall_ms;
    uint64_t *deleted;
};

static int delete_row(struct store *store, struct collection_record *record, uint32_t row,
                      const struct deletion *d, struct error *e)
{
    struct document stored;
    struct arena arena = {0};
    int code = store_document(store, record->id, row, &stored, e);
    if (!code) {
        struct change change = {
            .op = CHANGE_DELETED,
            .time_ms = d->wall_ms,
            .collection = record->id,
            .key = record->key,
            .id = arena_copy(&arena, stored.id),
            .receipts = d->receipts,
            .receipt_count = d->receipt_count,
        };
        code = store_apply(store, record, &change, NULL, &row, e);
        ++*d->deleted;
    }
    arena_close(&arena);
    return code;
}

static int delete_child(struct store *store, struct collection_record *record, void *context, unsigned depth,
                        struct error *e)
{
    roaring_bitmap_t *rows = roaring_bitmap_create();
    CHECK(rows);
    int code = each_child(store, record->id, NULL, delete_child, context, depth + 1, e);
    if (!code)
        code = store_rows(store, record->id, rows, e);
    roaring_uint32_iterator_t *at = roaring_create_iterator(rows);
    CHECK(at);
    for (; !code && at->has_value; roaring_advance_uint32_iterator(at))
        code = delete_row(store, record, at->current_value, context, e);
    roaring_free_uint32_iterator(at);
    roaring_bitmap_free(rows);
    return code ? code : store_collection_drop(store, record->id, false, e);
}

int cascade_delete(struct store *store, uint32_t parent, const roaring_bitmap_t *rows,
                   const struct receipt_id *receipts, uint32_t receipt_count, int64_t wall_ms,
                   uint64_t *deleted, struct error *e)
{
    struct deletion deletion = {receipts, receipt_count, wall_ms, deleted};
    return each_child(store, parent, rows, delete_child, &deletion, 1, e);
}

static int void_child(struct store *store, struct collection_record *record, void *context, unsigned depth,
                      struct error *e)
{
    const int64_t *wall_ms = context;
    struct change change = {
        .op = CHANGE_STATUS,
        .time_ms = *wall_ms,
        .collection = record->id,
        .key = record->key,
        .status = {.kind = STATUS_DEFINITION, .void_ = true},
    };
    int code = each_child(store, record->id, NULL, void_child, context, depth + 1, e);
    if (!code)
        code = store_status(store, record, &change, e);
    return code ? code : store_collection_drop(store, record->id, false, e);
}

int cascade_void(struct store *store, uint32_t parent, int64_t wall_ms, struct error *e)
{
    return each_child(store, parent, NULL, void_child, &wall_ms, 1, e);
}
