/* Verify: receipts, and what is local to a store: stretches, missing rows, quarantine. */
#include <inttypes.h>

#include "worker/store/verify.h"

/* --- receipts --- */

/* Its place says which one it is, and of the last ones which slot it stands in. */
static void check_place(struct verify *v, enum receipt_place place, struct receipt_id id, bool pinned,
                        const struct receipt *receipt)
{
    char text[RECEIPT_ID_TEXT_BYTES];
    if (receipt->id.shard != id.shard || receipt->id.collection != id.collection ||
        receipt->id.harvest != id.harvest)
        verify_fault(v, "receipt %s stands under another id than its own",
                     receipt_id_text(receipt->id, text));
    else if (pinned && place != RECEIPT_KEPT)
        verify_fault(v, "receipt %s is to be kept, and stands where the next ones take its place",
                     receipt_id_text(id, text));
}

static int visit_receipt(void *context, struct bytes key, struct bytes value)
{
    struct verify *v = context;
    struct receipt receipt;
    struct error why;
    arena_reset(&v->brief);
    struct receipt_id id;
    enum receipt_place place = receipt_place(v->store, key, value, &id);
    if (!place || value.len < 1) {
        verify_fault(v, "a receipt has a key of %zu and a value of %zu bytes", key.len, value.len);
        return 0;
    }
    char text[RECEIPT_ID_TEXT_BYTES];
    receipt_id_text(id, text);
    if (receipt_unpack(&v->brief, bytes_from(value, 1), &receipt, &why)) {
        verify_fault(v, "receipt %s: %s", text, why.text);
        return 0;
    }
    check_place(v, place, id, value.data[0] & RECEIPT_PINNED, &receipt);
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

/* A row stands in one place of a listing, or the listing that replaces it is not through. */
static int check_items(struct verify *v, const struct known *known, struct bytes key,
                       const struct stretch *stretch)
{
    uint64_t bytes = 0;
    int r = 0;
    for (uint32_t i = 0; i < stretch->count && !r; i++) {
        uint32_t row = stretch->items[i].row;
        bytes += stretch->items[i].bytes;
        if (!roaring_bitmap_add_checked(v->stretched, row) && !known->forecast_unsettled)
            verify_fault(v, "%s: row %" PRIu32 " stands in two places of its stretches", known->name, row);
        r = check_row(v, "a stretch", key, row);
    }
    if (!r && stretch->bytes && stretch->bytes < bytes)
        verify_fault(v, "%s: the stretch at place %" PRIu64 " has fewer bytes than its items", known->name,
                     stretch->place);
    return r;
}

/* A stretch and its head say the same. */
static int check_head(struct verify *v, const struct known *known, struct bytes key,
                      const struct stretch *stretch)
{
    struct stretch head;
    struct bytes value;
    struct error why;
    if (v->store->lacks[TABLE_HEADS])
        return 0;
    int r = table_get(v->store, TABLE_HEADS, key, &value, v->e);
    if (r && r != ERR_NOT_FOUND)
        return r;
    if (r || stretch_read_head(value, stretch->place, &head, &why) || head.bytes != stretch->bytes ||
        head.count != stretch->count || head.row != stretch->row ||
        !digest_equal(head.digest, stretch->digest))
        verify_fault(v, "%s: the stretch at place %" PRIu64 " has another head than it should", known->name,
                     stretch->place);
    return 0;
}

static int visit_head(void *context, struct bytes key, struct bytes value)
{
    struct verify *v = context;
    struct bytes stretch;
    (void)value;
    arena_reset(&v->brief);
    int r = table_get(v->store, TABLE_SPANS, key, &stretch, v->e);
    if (r == ERR_NOT_FOUND && key.len == 12)
        verify_fault(v, "%s: the head at place %" PRIu64 " has no stretch",
                     verify_name(v, be32_get(key.data)), be64_get(key.data + 4));
    else if (r == ERR_NOT_FOUND)
        verify_fault(v, "a head's key has %zu bytes", key.len);
    return r == ERR_NOT_FOUND ? 0 : r;
}

static int visit_stretch(void *context, struct bytes key, struct bytes value)
{
    struct verify *v = context;
    struct stretch stretch;
    struct error why;
    arena_reset(&v->brief);
    if (key.len != 12) {
        verify_fault(v, "a stretch's key has %zu bytes", key.len);
        return 0;
    }
    const struct known *known = verify_known(v, be32_get(key.data));
    if (!known) {
        verify_fault(v, "a stretch belongs to %s", verify_name(v, be32_get(key.data)));
        return 0;
    }
    if (known->id != v->stretched_collection) {
        roaring_bitmap_clear(v->stretched);
        v->stretched_collection = known->id;
        if (!known->has_forecast)
            verify_fault(v, "%s: it has stretches, and its record says that there are none", known->name);
    }
    if (be64_get(key.data + 4) == 0)
        verify_fault(v, "%s: a stretch is at place 0", known->name);
    if (stretch_read(value, be64_get(key.data + 4), &stretch, &why)) {
        verify_fault(v, "%s: %s", known->name, why.text);
        return 0;
    }
    int r = check_items(v, known, key, &stretch);
    return r ? r : check_head(v, known, key, &stretch);
}

/* A delete may come to rest on them. */
static int check_missed_by(struct verify *v, struct bytes key, const struct missing *missing)
{
    uint32_t collection = be32_get(key.data);
    char text[RECEIPT_ID_TEXT_BYTES];
    struct receipt receipt;
    struct error why;
    for (uint32_t i = 0; i < missing->count; i++) {
        struct receipt_id id = {v->store->shard, collection, missing->harvests[i]};
        int r = store_receipt_get(v->store, id, &v->brief, &receipt, &why);
        if (r == ERR_STORE)
            return error_set(v->e, r, "%s", why.text);
        if (r == ERR_NOT_FOUND)
            verify_fault(v, "%s, row %" PRIu32 " is missed by receipt %s, which is not there",
                         verify_name(v, collection), be32_get(key.data + 4), receipt_id_text(id, text));
    }
    return 0;
}

static int visit_missing(void *context, struct bytes key, struct bytes value)
{
    struct verify *v = context;
    struct missing missing;
    struct error why;
    int r = 0;
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
    else
        r = check_missed_by(v, key, &missing);
    return r ? r : check_row(v, "a missing entry", key, be32_get(key.data + 4));
}

/* --- quarantine --- */

static void check_quarantined(struct verify *v, const struct known *known, struct digest digest,
                              const struct quarantined *item)
{
    char text[QUARANTINED_TEXT_BYTES];
    struct value value;
    struct error why;
    quarantined_text(digest, text);
    if (item->harvest >= known->next_harvest)
        verify_fault(v, "%s: quarantined item %s was met by a harvest that was not begun yet", known->name,
                     text);
    if (item->item.data && value_from_msgpack(&v->brief, item->item, &value, &why))
        verify_fault(v, "%s: quarantined item %s: %s", known->name, text, why.text);
}

static int visit_quarantined(void *context, struct bytes key, struct bytes value)
{
    struct verify *v = context;
    struct quarantined item;
    struct digest digest;
    struct error why;
    uint32_t collection;
    arena_reset(&v->brief);
    if (!key_quarantined_read(key, &collection, &digest)) {
        verify_fault(v, "a quarantined item has a key of %zu bytes", key.len);
        return 0;
    }
    struct known *known = verify_known(v, collection);
    if (!known) {
        verify_fault(v, "a quarantined item belongs to %s", verify_name(v, collection));
        return 0;
    }
    known->quarantined_found++;
    if (quarantined_unpack(&v->brief, value, &item, &why))
        verify_fault(v, "%s: %s", known->name, why.text);
    else
        check_quarantined(v, known, digest, &item);
    return 0;
}

static void count_quarantined(struct verify *v)
{
    for (size_t i = 0; i < v->known_count; i++) {
        const struct known *known = &v->known[i];
        if (known->quarantined != known->quarantined_found)
            verify_fault(v, "%s: its record counts %" PRIu64 " quarantined items, and there are %" PRIu64,
                         known->name, known->quarantined, known->quarantined_found);
    }
}

/* One for each record that says so, and no other. */
static int visit_checkpoint(void *context, struct bytes key, struct bytes value)
{
    struct verify *v = context;
    struct checkpoint checkpoint;
    struct error why;
    roaring_bitmap_t *seen = NULL;
    arena_reset(&v->brief);
    if (key.len != 4) {
        verify_fault(v, "a checkpoint has a key of %zu bytes", key.len);
        return 0;
    }
    const char *name = verify_name(v, be32_get(key.data));
    const struct known *known = verify_known(v, be32_get(key.data));
    if (!known) {
        verify_fault(v, "a checkpoint belongs to %s", name);
        return 0;
    }
    if (!known->has_checkpoint)
        verify_fault(v, "%s: it has a checkpoint, and its record says that there is none", name);
    v->checkpoints += known->has_checkpoint;
    if (checkpoint_read(value, known->next_row, &v->brief, &checkpoint, &seen, &why))
        verify_fault(v, "%s: %s", name, why.text);
    else if (checkpoint.harvest >= known->next_harvest)
        verify_fault(v, "%s: its checkpoint is of a harvest that was not begun yet", name);
    if (seen)
        roaring_bitmap_free(seen);
    return 0;
}

static void check_checkpoints(struct verify *v)
{
    uint64_t said = 0;
    for (size_t i = 0; i < v->known_count; i++)
        said += v->known[i].has_checkpoint;
    if (said != v->checkpoints)
        verify_fault(
            v, "%" PRIu64 " collections' records say that there is a checkpoint, and %" PRIu64 " have one",
            said, v->checkpoints);
}

/* What changes rest on: whatever is cited is there. */
static int visit_cited(void *context, struct bytes key, struct bytes value)
{
    struct verify *v = context;
    char text[RECEIPT_ID_TEXT_BYTES];
    struct receipt receipt;
    arena_reset(&v->brief);
    if (key.len != 12 || value.len != 8) {
        verify_fault(v, "what changes rest on has a key of %zu and a value of %zu bytes", key.len, value.len);
        return 0;
    }
    struct receipt_id id = {v->store->shard, be32_get(key.data), be64_get(key.data + 4)};
    receipt_id_text(id, text);
    if (be64_get(value.data) > v->store->state.head)
        verify_fault(v, "change %" PRIu64 " is said to rest on receipt %s, and is not there yet",
                     be64_get(value.data), text);
    int r = store_receipt_get(v->store, id, &v->brief, &receipt, v->e);
    if (r == ERR_NOT_FOUND)
        verify_fault(v, "receipt %s is said to be rested on, and is not there", text);
    return r == ERR_STORE ? r : 0; /* one that can't be read was told already */
}

int verify_local(struct verify *v)
{
    static const struct {
        enum table table;
        table_visit *visit;
    } parts[] = {
        {TABLE_SPANS, visit_stretch},          {TABLE_HEADS, visit_head},
        {TABLE_MISSING, visit_missing},        {TABLE_QUARANTINE, visit_quarantined},
        {TABLE_CHECKPOINTS, visit_checkpoint}, {TABLE_CITED, visit_cited},
    };
    int r = 0;
    v->stretched = roaring_bitmap_create();
    CHECK(v->stretched);
    for (size_t i = 0; i < sizeof parts / sizeof *parts && !r; i++)
        if (!v->store->lacks[parts[i].table])
            r = table_each(v->store, parts[i].table, (struct bytes){0}, (struct bytes){0}, parts[i].visit, v,
                           v->e);
    roaring_bitmap_free(v->stretched);
    if (!r)
        count_quarantined(v);
    if (!r)
        check_checkpoints(v);
    return r;
}
