/* Verify: receipts, and what is local to a store: spans, pages, missing rows, quarantine. */
#include <inttypes.h>

#include "worker/store/verify.h"

/* --- receipts --- */

static int visit_receipt(void *context, struct bytes key, struct bytes value)
{
    struct verify *v = context;
    struct receipt receipt;
    struct error why;
    arena_reset(&v->brief);
    if (key.len != 12 || value.len < 1) {
        verify_fault(v, "a receipt has a key of %zu and a value of %zu bytes", key.len, value.len);
        return 0;
    }
    struct receipt_id id = {v->store->shard, be32_get(key.data), be64_get(key.data + 4)};
    char text[RECEIPT_ID_TEXT_BYTES];
    receipt_id_text(id, text);
    if (receipt_unpack(&v->brief, bytes_from(value, 1), &receipt, &why)) {
        verify_fault(v, "receipt %s: %s", text, why.text);
        return 0;
    }
    if (receipt.id.shard != id.shard || receipt.id.collection != id.collection ||
        receipt.id.harvest != id.harvest)
        verify_fault(v, "receipt %s stands under another id than its own", text);
    const struct known *known = verify_known(v, id.collection);
    if (known ? id.harvest >= known->next_harvest : id.collection >= v->store->state.next_collection)
        verify_fault(v, "receipt %s is of a harvest that was not begun yet", text);
    return 0;
}

int verify_receipts(struct verify *v)
{
    return table_each(v->store, TABLE_RECEIPTS, (struct bytes){0}, (struct bytes){0}, visit_receipt, v, v->e);
}

/* --- rows named by local tables --- */

/* Sets `*is` when the row has a document. */
static int is_live(struct verify *v, uint32_t collection, uint32_t row, bool *is)
{
    struct key key = key_row(collection, row);
    struct bytes value;
    int r = table_get(v->store, TABLE_DOCUMENTS, key_bytes(&key), &value, v->e);
    *is = !r;
    return r == ERR_NOT_FOUND ? 0 : r;
}

static int check_row(struct verify *v, const char *what, struct bytes key, uint32_t row)
{
    bool is;
    int r = is_live(v, be32_get(key.data), row, &is);
    if (!r && !is)
        verify_fault(v, "%s: %s names row %" PRIu32 ", which is not there",
                     verify_name(v, be32_get(key.data)), what, row);
    return r;
}

/* The row that follows may be gone by now: rows are never used again, so such a prediction only fails. */
static int visit_span(void *context, struct bytes key, struct bytes value)
{
    struct verify *v = context;
    arena_reset(&v->brief);
    if (key.len != 8 || value.len != SPAN_BYTES) {
        verify_fault(v, "a span has a key of %zu and a value of %zu bytes", key.len, value.len);
        return 0;
    }
    const struct known *known = verify_known(v, be32_get(key.data));
    uint32_t following = be32_get(value.data + 20);
    if (known && following != SPAN_LAST && following >= known->next_row)
        verify_fault(
            v, "%s: the span of row %" PRIu32 " is followed by row %" PRIu32 ", which was not given out yet",
            known->name, be32_get(key.data + 4), following);
    return check_row(v, "a span", key, be32_get(key.data + 4));
}

static int visit_page(void *context, struct bytes key, struct bytes value)
{
    struct verify *v = context;
    int r = 0;
    arena_reset(&v->brief);
    if (key.len != 8 || value.len < PAGE_HEAD_BYTES || (value.len - PAGE_HEAD_BYTES) % 4 != 0) {
        verify_fault(v, "a page has a key of %zu and a value of %zu bytes", key.len, value.len);
        return 0;
    }
    for (size_t at = PAGE_HEAD_BYTES; at < value.len && !r; at += 4)
        r = check_row(v, "a page", key, be32_get(value.data + at));
    return r;
}

static int visit_missing(void *context, struct bytes key, struct bytes value)
{
    struct verify *v = context;
    struct missing missing;
    struct error why;
    arena_reset(&v->brief);
    if (key.len != 8) {
        verify_fault(v, "a missing entry has a key of %zu bytes", key.len);
        return 0;
    }
    const struct known *known = verify_known(v, be32_get(key.data));
    const char *name = verify_name(v, be32_get(key.data));
    if (missing_unpack(value, &missing, &why))
        verify_fault(v, "%s, row %" PRIu32 ": %s", name, be32_get(key.data + 4), why.text);
    else if (known && missing.harvests[missing.count - 1] >= known->next_harvest)
        verify_fault(v, "%s, row %" PRIu32 " is missed by a harvest that was not begun yet", name,
                     be32_get(key.data + 4));
    return check_row(v, "a missing entry", key, be32_get(key.data + 4));
}

static int visit_quarantined(void *context, struct bytes key, struct bytes value)
{
    struct verify *v = context;
    (void)value;
    arena_reset(&v->brief);
    if (key.len != 4 + sizeof(struct digest))
        verify_fault(v, "a quarantined item has a key of %zu bytes", key.len);
    else if (!verify_known(v, be32_get(key.data)))
        verify_fault(v, "a quarantined item belongs to %s", verify_name(v, be32_get(key.data)));
    return 0;
}

int verify_local(struct verify *v)
{
    static const struct {
        enum table table;
        table_visit *visit;
    } parts[] = {
        {TABLE_SPANS, visit_span},
        {TABLE_PAGES, visit_page},
        {TABLE_MISSING, visit_missing},
        {TABLE_QUARANTINE, visit_quarantined},
    };
    int r = 0;
    for (size_t i = 0; i < sizeof parts / sizeof *parts && !r; i++)
        r = table_each(v->store, parts[i].table, (struct bytes){0}, (struct bytes){0}, parts[i].visit, v,
                       v->e);
    return r;
}
