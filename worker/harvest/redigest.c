/* An item goes through what a listing does with it: its id, its document, and whether that is small enough.
 */
#include "worker/harvest/redigest.h"

#include <inttypes.h>

#include "common/limits.h"
#include "worker/winnow/winnow.h"

/* The resource above a collection, and those above that one. Stored records are foreign: their depth is
 * counted. */
static int view_parents(struct store *store, const struct collection_record *record, unsigned depth,
                        struct arena *arena, const struct resource_view **out, struct error *e)
{
    struct collection_record above;
    struct document stored;
    *out = NULL;
    if (!record->parent_collection)
        return 0;
    struct resource_view *view = arena_zalloc(arena, sizeof *view);
    struct value *document = arena_zalloc(arena, sizeof *document);
    int code = depth > LIMIT_PARENTS ? ERR_NOT_FOUND : 0;
    if (!code)
        code = store_collection_by_id(store, record->parent_collection, arena, &above, e);
    if (!code)
        code = store_document(store, above.id, record->parent_row, &stored, e);
    if (code == ERR_NOT_FOUND)
        return error_set(e, ERR_CORRUPT, "its parent isn't there: run `garner verify`");
    if (!code)
        code = value_from_msgpack(arena, arena_copy(arena, stored.packed), document, e);
    if (code)
        return code;
    *view = (struct resource_view){.id = arena_copy(arena, stored.id), .document = document};
    *out = view;
    return view_parents(store, &above, depth + 1, arena, &view->parent, e);
}

/* What clashed did so with another item, which isn't here. */
static int check_clash(struct store *store, const struct collection_record *record,
                       const struct quarantined *item, const struct winnow_item *again, struct error *e)
{
    struct document stored;
    uint32_t row;
    if (item->reason != ERR_ITEMS || !bytes_equal(item->id, again->id))
        return 0;
    int code = store_row_find(store, record->id, again->id, &row, e);
    if (!code)
        code = store_document(store, record->id, row, &stored, e);
    if (code)
        return code == ERR_NOT_FOUND ? 0 : code;
    if (digest_equal(stored.digest, again->digest))
        return 0;
    return error_set(
        e, ERR_ITEMS,
        "another resource is stored under its id '%.*s': if `id` is right, only the next listing "
        "can tell which one there is",
        BYTES_ARG(again->id));
}

static int digest_again(struct winnow *w, struct store *store, const struct collection_record *record,
                        const struct quarantined *item, struct arena *arena, struct bytes *id,
                        struct error *e)
{
    struct winnow_item again;
    struct winnow_result result;
    struct value value;
    int code = value_from_msgpack(arena, item->item, &value, e);
    if (!code)
        code = winnow_read(w, arena, &value, &again, e);
    if (!code)
        code = winnow_judge(w, arena, &again, NULL, &result, e);
    if (!code)
        code = check_clash(store, record, item, &again, e);
    if (!code)
        *id = again.id;
    return code;
}

int redigest(struct store *store, const struct collection_record *record, const struct collection_def *def,
             const struct placeholders *account, const struct quarantined *item, struct arena *arena,
             struct bytes *id, struct error *why)
{
    struct placeholders values = *account;
    struct winnow winnow;
    if (!item->item.data)
        return error_set(why, ERR_LIMIT,
                         "it has %" PRIu64
                         " bytes, and only its beginning is kept (more than %d aren't): the "
                         "next listing reads it again",
                         item->item_bytes, LIMIT_QUARANTINE_ITEM_BYTES);
    values.region = record->key.region.data ? arena_strdup(arena, record->key.region) : NULL;
    int code = view_parents(store, record, 1, arena, &values.parent, why);
    if (code)
        return code;
    winnow_open(&winnow, def, &values, store_secret(store), arena, NULL);
    winnow.single = item->is_xml;
    code = digest_again(&winnow, store, record, item, arena, id, why);
    winnow_close(&winnow);
    return code;
}
