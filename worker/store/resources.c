/* Reading resources, and how a document is laid out. */
#include <inttypes.h>
#include <string.h>

#include "worker/store/tables.h"

int document_read(struct bytes value, uint32_t row, struct document *out, struct error *e)
{
    *out = (struct document){.row = row};
    if (value.len < DOCUMENT_HEAD_BYTES)
        return error_set(e, ERR_CORRUPT, "the document of row %" PRIu32 " has %zu bytes only", row,
                         value.len);
    memcpy(out->digest.bytes, value.data, sizeof out->digest.bytes);
    out->first_seen_ms = (int64_t)be64_get(value.data + 16);
    out->last_seq = be64_get(value.data + 24);
    size_t id_len = be32_get(value.data + 32);
    struct bytes rest = bytes_from(value, DOCUMENT_HEAD_BYTES);
    if (id_len > LIMIT_ID_BYTES || id_len >= rest.len)
        return error_set(e, ERR_CORRUPT,
                         "the document of row %" PRIu32 " has an id of %zu bytes, and %zu bytes", row, id_len,
                         rest.len);
    out->id = (struct bytes){rest.data, id_len};
    out->packed = bytes_from(rest, id_len);
    if (!bytes_is_utf8(out->id, NULL))
        return error_set(e, ERR_CORRUPT, "the id in the document of row %" PRIu32 " is no UTF-8", row);
    return 0;
}

int document_write(struct store *store, uint32_t collection, const struct document *document, bool is_new,
                   struct error *e)
{
    char head[DOCUMENT_HEAD_BYTES];
    struct buffer *value = &store->packed;
    struct key key = key_row(collection, document->row);
    memcpy(head, document->digest.bytes, sizeof document->digest.bytes);
    be64_put(head + 16, (uint64_t)document->first_seen_ms);
    be64_put(head + 24, document->last_seq);
    be32_put(head + 32, (uint32_t)document->id.len);
    buffer_reset(value);
    buffer_reserve(value, sizeof head + document->id.len + document->packed.len);
    buffer_add(value, head, sizeof head);
    buffer_add_bytes(value, document->id);
    buffer_add_bytes(value, document->packed);
    return is_new ? table_append(store, TABLE_DOCUMENTS, collection, key_bytes(&key), buffer_bytes(value), e)
                  : table_put(store, TABLE_DOCUMENTS, key_bytes(&key), buffer_bytes(value), 0, e);
}

int store_row_find(struct store *store, uint32_t collection, struct bytes id, uint32_t *row, struct error *e)
{
    return ids_find(store, collection, id, row, e);
}

int store_document(struct store *store, uint32_t collection, uint32_t row, struct document *out,
                   struct error *e)
{
    struct key key = key_row(collection, row);
    struct bytes value;
    int r = table_get(store, TABLE_DOCUMENTS, key_bytes(&key), &value, e);
    if (r)
        return r;
    r = document_read(value, row, out, e);
    if (r)
        error_at(e, "shard %" PRIu32 ", collection %" PRIu32, store->shard, collection);
    return r;
}

struct each {
    struct store *store;
    uint32_t collection;
    int (*visit)(void *context, const struct document *document);
    void *context;
    struct error *e;
};

static int visit_document(void *context, struct bytes key, struct bytes value)
{
    const struct each *each = context;
    struct document document;
    int r = ERR_CORRUPT;
    if (key.len == 8)
        r = document_read(value, be32_get(key.data + 4), &document, each->e);
    else
        error_set(each->e, r, "a document's key has %zu bytes", key.len);
    if (r)
        error_at(each->e, "shard %" PRIu32 ", collection %" PRIu32, each->store->shard, each->collection);
    return r ? r : each->visit(each->context, &document);
}

int store_documents_each(struct store *store, uint32_t collection, uint32_t from,
                         int (*visit)(void *context, const struct document *document), void *context,
                         struct error *e)
{
    struct each each = {store, collection, visit, context, e};
    struct key prefix = key_collection(collection), first = key_row(collection, from);
    return table_each(store, TABLE_DOCUMENTS, key_bytes(&prefix), key_bytes(&first), visit_document, &each,
                      e);
}

int store_rows(struct store *store, uint32_t collection, roaring_bitmap_t *rows, struct error *e)
{
    return table_rows(store, TABLE_DOCUMENTS, collection, rows, e);
}
