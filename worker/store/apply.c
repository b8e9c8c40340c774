/* Changing resources: a change and what it changes, in one transaction.
 *
 * Everything that can be wrong with what the caller gave is found before the first write, or by it, so that
 * one document beyond a limit doesn't cost a whole transaction. The id of a new one is written first: that
 * tells whether it is there already. What is stored is copied before it is written over: LMDB's memory
 * doesn't outlive the next write. */
#include <inttypes.h>
#include <string.h>

#include "worker/store/tables.h"

/* --- before the first write --- */

static int place(const struct store *store, const struct collection_record *record, int r, struct error *e)
{
    struct buffer text = {0};
    collection_key_text(&record->key, &text);
    error_at(e, "shard %" PRIu32 ", %s", store->shard, buffer_text(&text));
    buffer_close(&text);
    return r;
}

static int check_document(struct bytes packed, struct error *e)
{
    if (packed.len > LIMIT_DOCUMENT_BYTES)
        return error_set(e, ERR_LIMIT, "a document of %zu bytes: %d are allowed", packed.len,
                         LIMIT_DOCUMENT_BYTES);
    return 0;
}

static int prepare_created(const struct collection_record *record, struct change *change,
                           struct document *document, struct error *e)
{
    size_t bad;
    CHECK(change->id.data && !change->patch.data);
    change->before = (struct bytes){0};
    change->previous = 0;
    if (change->id.len > LIMIT_ID_BYTES)
        return error_set(e, ERR_LIMIT, "an id of %zu bytes: %d are allowed", change->id.len, LIMIT_ID_BYTES);
    if (!bytes_is_utf8(change->id, &bad))
        return error_set(e, ERR_ID, "an id is no UTF-8 at its byte %zu", bad);
    if (record->next_row >= LIMIT_ROWS)
        return error_set(e, ERR_LIMIT, "it had %d resources since it began, and no more fit: start it anew",
                         LIMIT_ROWS);
    *document =
        (struct document){.row = record->next_row, .id = change->id, .first_seen_ms = change->time_ms};
    return 0;
}

static int prepare_known(struct store *store, const struct collection_record *record, struct change *change,
                         uint32_t row, struct document *document, struct error *e)
{
    int r = store_document(store, record->id, row, document, e);
    if (r == ERR_NOT_FOUND)
        return error_set(e, ERR_STORE, "row %" PRIu32 " is %s and not there", row,
                         change_op_name(change->op));
    if (r)
        return r;
    if (change->id.data && !bytes_equal(change->id, document->id))
        return error_set(e, ERR_STORE, "row %" PRIu32 " is \"%.*s\", not \"%.*s\"", row,
                         BYTES_ARG(document->id), BYTES_ARG(change->id));
    if (change->op == CHANGE_DELETED && record->rows == 0)
        return error_set(e, ERR_CORRUPT, "row %" PRIu32 " is there, and its collection counts none", row);
    buffer_reset(&store->id);
    buffer_add_bytes(&store->id, document->id);
    buffer_reset(&store->before);
    buffer_add_bytes(&store->before, document->packed);
    document->id = change->id = buffer_bytes(&store->id);
    change->before = buffer_bytes(&store->before);
    change->previous = document->last_seq;
    return 0;
}

static int prepare(struct store *store, const struct collection_record *record, struct change *change,
                   const uint32_t *row, struct document *document, struct error *e)
{
    CHECK(change->op == CHANGE_CREATED || change->op == CHANGE_UPDATED || change->op == CHANGE_DELETED);
    CHECK((change->op == CHANGE_DELETED) == !change->after.data);
    CHECK(change->op != CHANGE_DELETED || !change->patch.data);
    int r = check_document(change->after, e);
    if (r)
        return r;
    return change->op == CHANGE_CREATED ? prepare_created(record, change, document, e)
                                        : prepare_known(store, record, change, *row, document, e);
}

/* --- writing --- */

static int add_id(struct store *store, const struct collection_record *record,
                  const struct document *document, struct error *e)
{
    int r = ids_add(store, record->id, document->id, document->row, e);
    return r && !store->failed.code ? place(store, record, r, e) : r;
}

static int write_document(struct store *store, const struct collection_record *record,
                          const struct change *change, const struct digest *digest, struct document *document,
                          struct error *e)
{
    document->digest = *digest;
    document->packed = change->after;
    document->last_seq = change->seq;
    return document_write(store, record->id, document, change->op == CHANGE_CREATED, e);
}

/* The id first: a long one is compared with its document. */
int row_delete(struct store *store, uint32_t collection, const struct document *document, struct error *e)
{
    struct key key = key_row(collection, document->row);
    int r = ids_delete(store, collection, document->id, e);
    if (!r)
        r = table_delete(store, TABLE_DOCUMENTS, key_bytes(&key), e);
    return r ? r : table_delete(store, TABLE_MISSING, key_bytes(&key), e);
}

int store_apply(struct store *store, struct collection_record *record, struct change *change,
                const struct digest *digest, uint32_t *row, struct error *e)
{
    struct document document;
    struct error local;
    e = e ? e : &local;
    int r = store_gathering(store, e);
    if (r)
        return r;
    CHECK(record->id);
    r = prepare(store, record, change, row, &document, e);
    if (r)
        return place(store, record, r, e);
    change->shard = store->shard;
    change->epoch = store->state.epoch;
    change->seq = store->state.head + 1;
    change->collection = record->id;
    change->key = record->key;
    r = change_encode(store, change, e);
    if (!r && change->op == CHANGE_CREATED)
        r = add_id(store, record, &document, e);
    if (!r)
        r = change_append(store, e);
    if (r)
        return r;
    r = receipts_cite(store, change, e);
    if (r)
        return r;
    r = change->op == CHANGE_DELETED ? row_delete(store, record->id, &document, e)
                                     : write_document(store, record, change, digest, &document, e);
    if (r)
        return store_poison(store, r, e);
    if (change->op == CHANGE_CREATED) {
        *row = record->next_row++;
        record->rows++;
    } else if (change->op == CHANGE_DELETED) {
        record->rows--;
    }
    store->gathered++;
    return 0;
}

int store_document_put(struct store *store, uint32_t collection, uint32_t row, struct bytes packed,
                       const struct digest *digest, struct error *e)
{
    struct document document;
    int r = store_gathering(store, e);
    if (!r)
        r = check_document(packed, e);
    if (!r)
        r = store_document(store, collection, row, &document, e);
    if (r == ERR_NOT_FOUND)
        return error_set(e, ERR_STORE,
                         "shard %" PRIu32 ", collection %" PRIu32 ": row %" PRIu32 " is not there",
                         store->shard, collection, row);
    if (r)
        return r;
    buffer_reset(&store->id);
    buffer_add_bytes(&store->id, document.id);
    document.id = buffer_bytes(&store->id);
    document.digest = *digest;
    document.packed = packed;
    r = document_write(store, collection, &document, false, e);
    if (!r)
        store->gathered++;
    return r;
}
