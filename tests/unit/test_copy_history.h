/* Random histories of a shard, as harvests write them: collections within each other, resources that come,
 * change and go, what rests on what, edited rules. Each is made of what the store has, so it goes on wherever
 * a copy was promoted. Include after cmocka. */
#ifndef GARNER_TESTS_COPY_HISTORY_H
#define GARNER_TESTS_COPY_HISTORY_H

#include "common/random.h"
#include "tests/unit/test_store_lab.h"
#include "worker/harvest/listing.h"

enum { HISTORY_SHARD = 1, HISTORY_SHARDS = 3, HISTORY_IDS = 9 };

struct history {
    struct random random;
    struct arena arena;
    struct error e;
    int64_t now_ms;
    uint64_t made;
    uint32_t shard; /* whose */
    unsigned rules; /* how often the provider file was edited */
};

#define HISTORY_OK(h, call)                                                                                  \
    do {                                                                                                     \
        int history_r = (call);                                                                              \
        if (history_r)                                                                                       \
            fail_msg("%s: %s (%s)", #call, error_name(history_r), (h)->e.text);                              \
    } while (0)

static inline uint32_t history_pick(struct history *h, uint32_t below)
{
    return (uint32_t)random_below(&h->random, below);
}

static inline bool history_chance(struct history *h, uint32_t percent)
{
    return history_pick(h, 100) < percent;
}

/* --- collections --- */

/* What `ignore` and `unordered` are, by how often the file was edited. */
static inline void history_set_rules(struct history *h, struct collection_record *record)
{
    static const struct bytes unordered[] = {{"/tags", 5}, {"/list/*/in", 10}};
    static const struct bytes ignore[] = {{"/noise", 6}};
    record->unordered = unordered;
    record->unordered_count = 2;
    record->ignore = ignore;
    record->ignore_count = h->rules % 2;
    memset(&record->definition, (int)h->rules + 1, sizeof record->definition);
}

static inline struct bytes history_path(struct history *h, const struct collection_record *above,
                                        struct bytes id)
{
    struct buffer path = {0};
    if (!above->key.parent.data)
        return arena_copy(&h->arena, id);
    if (above->parent_collection == 0)
        fail_msg("a nested collection without a parent");
    buffer_add_bytes(&path, above->key.parent);
    buffer_add_char(&path, '/');
    for (size_t i = 0; i < id.len; i++)
        buffer_printf(&path, id.data[i] == '/' ? "%%2F" : id.data[i] == '%' ? "%%25" : "%c", id.data[i]);
    struct bytes copy = arena_copy(&h->arena, buffer_bytes(&path));
    buffer_close(&path);
    return copy;
}

/* Two kinds at the root; those below are "net/port" and "net/port/rule". */
static inline const char *history_type_below(const struct collection_record *above)
{
    if (!above)
        return "net";
    if (bytes_is(above->key.type, "net"))
        return "net.port";
    return bytes_is(above->key.type, "net.port") ? "net.port.rule" : NULL;
}

static inline void history_find(struct history *h, struct store *store, const struct collection_key *key,
                                uint32_t parent, uint32_t row, struct collection_record *out)
{
    int r = store_collection_find(store, key, &h->arena, out, &h->e);
    if (r != ERR_NOT_FOUND) {
        HISTORY_OK(h, r);
        return;
    }
    *out = (struct collection_record){
        .key = *key, .parent_collection = parent, .parent_row = row, .next_harvest = 1};
    history_set_rules(h, out);
    HISTORY_OK(h, store_collection_put(store, out, &h->e));
}

struct history_row {
    struct history *h;
    uint32_t skip, row;
    struct bytes id;
    bool found;
};

static inline int history_see_row(void *context, const struct document *document)
{
    struct history_row *at = context;
    if (at->found && at->skip-- == 0)
        return 1;
    at->found = true;
    at->row = document->row;
    at->id = arena_copy(&at->h->arena, document->id);
    return 0;
}

static inline bool history_any_row(struct history *h, struct store *store, uint32_t collection,
                                   struct history_row *out)
{
    *out = (struct history_row){.h = h, .skip = history_pick(h, HISTORY_IDS)};
    store_documents_each(store, collection, 0, history_see_row, out, &h->e);
    return out->found;
}

static inline void history_choose(struct history *h, struct store *store, struct collection_record *out)
{
    struct collection_key key = {
        .provider = BYTES("p"), .account = BYTES("1"), .region = BYTES("eu"), .type = BYTES("net")};
    struct history_row row;
    if (history_chance(h, 20)) {
        key.type = BYTES("disk");
        key.region = (struct bytes){0};
    }
    history_find(h, store, &key, 0, 0, out);
    while (history_chance(h, 55) && history_type_below(out) && !bytes_is(out->key.type, "disk") &&
           history_any_row(h, store, out->id, &row)) {
        key.type = bytes_of(history_type_below(out));
        key.parent = history_path(h, out, row.id);
        history_find(h, store, &key, out->id, row.row, out);
    }
}

/* --- resources --- */

static inline struct bytes history_id(struct history *h)
{
    static const char *const ids[] = {"a", "b/c", "%2F", "d%/", "e", "f", "long", "g", "h"};
    uint32_t which = history_pick(h, HISTORY_IDS);
    return bytes_of(which == 6 ? arena_printf(&h->arena, "%600d", 7) : ids[which]);
}

/* Sometimes a value stands where a list is expected, as in XML, and what is to be ignored is there. */
static inline struct bytes history_document(struct history *h, struct store *store,
                                            const struct collection_record *record, struct digest *digest)
{
    struct pointer unordered[4];
    struct buffer packed = {0}, scratch = {0};
    struct value value;
    bool single = history_chance(h, 5), noise = history_chance(h, 30) && !record->ignore_count;
    const char *json = arena_printf(
        &h->arena, "{\"n\":%" PRIu64 ",\"tags\":[%u,1,2],\"list\":%s{\"in\":[3,%u,1]}%s%s,\"pad\":\"%0*u\"}",
        ++h->made, history_pick(h, 3), single ? "" : "[", history_pick(h, 3), single ? "" : "]",
        noise ? ",\"noise\":1" : "", (int)history_pick(h, history_chance(h, 5) ? 6000 : 60) + 1, 7u);
    for (uint32_t i = 0; i < record->unordered_count; i++)
        HISTORY_OK(h, pointer_parse(&h->arena, record->unordered[i], &unordered[i], &h->e));
    const struct pointer *rules = single ? pointers_walk_single(&h->arena, unordered, record->unordered_count)
                                         : unordered;
    HISTORY_OK(h, value_from_json(&h->arena, bytes_of(json), &value, NULL, &h->e));
    value_to_msgpack(&value, &packed);
    *digest = canonical_digest(&value, rules, record->unordered_count, store_secret(store), &scratch);
    struct bytes copy = arena_copy(&h->arena, buffer_bytes(&packed));
    buffer_close(&packed);
    buffer_close(&scratch);
    return copy;
}

struct harvest {
    struct history *h;
    struct store *store;
    struct collection_record record;
    struct receipt receipt;
};

static inline struct change history_change(struct harvest *v, enum change_op op)
{
    return (struct change){.op = op, .time_ms = v->h->now_ms++};
}

static inline void history_write(struct harvest *v)
{
    struct history *h = v->h;
    struct change change = history_change(v, CHANGE_CREATED);
    struct digest digest;
    uint32_t row = 0;
    change.id = history_id(h);
    change.after = history_document(h, v->store, &v->record, &digest);
    change.initial = v->record.listed_since_ms == 0;
    int r = store_row_find(v->store, v->record.id, change.id, &row, &h->e);
    if (r != ERR_NOT_FOUND) {
        HISTORY_OK(h, r);
        change.op = CHANGE_UPDATED;
        change.initial = false;
        change.patch = change.after; /* nobody reads it */
    }
    HISTORY_OK(h, store_apply(v->store, &v->record, &change, &digest, &row, &h->e));
}

static inline void history_delete(struct harvest *v)
{
    struct history *h = v->h;
    struct history_row at;
    uint64_t deleted = 0;
    if (!history_any_row(h, v->store, v->record.id, &at))
        return;
    roaring_bitmap_t *rows = roaring_bitmap_of(1, at.row);
    HISTORY_OK(h,
               cascade_delete(v->store, v->record.id, rows, &v->receipt.id, 1, h->now_ms, &deleted, &h->e));
    roaring_bitmap_free(rows);
    struct change change = history_change(v, CHANGE_DELETED);
    change.receipts = &v->receipt.id;
    change.receipt_count = 1;
    v->receipt.deleted++;
    HISTORY_OK(h, store_apply(v->store, &v->record, &change, NULL, &at.row, &h->e));
}

/* Another order of what has none is stored without a change. */
static inline void history_reorder(struct harvest *v)
{
    struct history *h = v->h;
    struct history_row at;
    struct document document;
    struct value value;
    struct buffer packed = {0};
    if (!history_any_row(h, v->store, v->record.id, &at))
        return;
    HISTORY_OK(h, store_document(v->store, v->record.id, at.row, &document, &h->e));
    struct digest digest = document.digest;
    HISTORY_OK(h, value_from_msgpack(&h->arena, arena_copy(&h->arena, document.packed), &value, &h->e));
    for (uint32_t i = 0; i < value.count; i++)
        if (bytes_is(value.members[i].key, "tags")) {
            struct value first = value.members[i].value.items[0];
            value.members[i].value.items[0] = value.members[i].value.items[2];
            value.members[i].value.items[2] = first;
        }
    value_to_msgpack(&value, &packed);
    HISTORY_OK(h, store_document_put(v->store, v->record.id, at.row, buffer_bytes(&packed), &digest, &h->e));
    buffer_close(&packed);
}

/* --- statuses --- */

static inline void history_say(struct harvest *v, enum status_kind kind, int64_t since_ms, bool is_void)
{
    struct change change = history_change(v, CHANGE_STATUS);
    change.status.kind = kind;
    change.status.since_ms = since_ms;
    change.status.void_ = is_void;
    change.status.held = kind == STATUS_HELD && since_ms ? 3 : 0;
    if (kind != STATUS_UNWATCHED && !is_void)
        change.status.receipt = &v->receipt;
    HISTORY_OK(v->h, store_status(v->store, &v->record, &change, &v->h->e));
}

static inline void history_void(struct harvest *v)
{
    struct collection_record *r = &v->record;
    HISTORY_OK(v->h, cascade_void(v->store, r->id, v->h->now_ms, &v->h->e));
    HISTORY_OK(v->h, store_collection_drop(v->store, r->id, true, &v->h->e));
    r->rows = 0;
    r->listed_since_ms = r->held_since_ms = r->confirmed_ms = 0;
    r->held_rows = 0;
    r->mixed = false;
    r->old_ignore_count = 0;
    memset(&r->id_rule, (int)history_pick(v->h, 200), sizeof r->id_rule);
    history_set_rules(v->h, r);
    history_say(v, STATUS_DEFINITION, 0, true);
}

/* The file was edited: until all was listed both rules count. */
static inline void history_edit(struct harvest *v)
{
    struct collection_record *r = &v->record;
    static const struct bytes ignore[] = {{"/noise", 6}};
    if (r->definition.bytes[0] == v->h->rules + 1)
        return;
    r->mixed = true;
    r->old_ignore = ignore;
    r->old_ignore_count = 1;
    history_set_rules(v->h, r);
    if (history_chance(v->h, 50))
        history_say(v, STATUS_DEFINITION, 0, false);
}

static inline void history_fail(struct harvest *v)
{
    struct collection_record *r = &v->record;
    v->receipt.complete = v->receipt.sound = false;
    v->receipt.error = ERR_CONNECT;
    v->receipt.cause = "nobody there";
    r->failures++;
    if (r->unreachable_since_ms && !r->unwatched_since_ms)
        return;
    if (!r->unreachable_since_ms) {
        r->unreachable_since_ms = v->h->now_ms;
        r->unreachable_error = ERR_CONNECT;
    }
    r->unwatched_since_ms = 0;
    history_say(v, STATUS_UNREACHABLE, r->unreachable_since_ms, false);
}

static inline void history_complete(struct harvest *v)
{
    struct collection_record *r = &v->record;
    if (!r->listed_since_ms) {
        r->listed_since_ms = v->h->now_ms;
        history_say(v, STATUS_LISTED, r->listed_since_ms, false);
    }
    if (r->unreachable_since_ms || r->unwatched_since_ms) {
        r->unreachable_since_ms = r->unwatched_since_ms = 0;
        r->unreachable_error = ERR_OK;
        history_say(v, STATUS_RECOVERED, 5, false);
    }
    if (history_chance(v->h, 15)) {
        r->held_since_ms = r->held_since_ms ? 0 : v->h->now_ms;
        r->held_rows = r->held_since_ms ? 3 : 0;
        history_say(v, STATUS_HELD, r->held_since_ms, false);
    }
}

static inline void history_unwatch(struct harvest *v)
{
    if (v->record.unwatched_since_ms)
        return;
    v->record.unwatched_since_ms = v->h->now_ms;
    history_say(v, STATUS_UNWATCHED, v->record.unwatched_since_ms, false);
}

/* --- harvests --- */

static inline void history_end_harvest(struct harvest *v)
{
    struct history *h = v->h;
    HISTORY_OK(h,
               store_receipt_put(v->store, &v->receipt, v->receipt.deleted || history_chance(h, 10), &h->e));
    HISTORY_OK(h, store_collection_put(v->store, &v->record, &h->e));
}

/* One, in the current transaction. */
static inline void history_harvest(struct history *h, struct store *store)
{
    struct harvest v = {.h = h, .store = store};
    arena_reset(&h->arena);
    h->rules += history_chance(h, 1);
    history_choose(h, store, &v.record);
    v.record.harvested_ms = h->now_ms;
    v.receipt = (struct receipt){.id = {h->shard, v.record.id, v.record.next_harvest++},
                                 .started_ms = h->now_ms,
                                 .ended_ms = h->now_ms,
                                 .complete = true,
                                 .sound = true};
    if (history_chance(h, 2))
        history_void(&v);
    history_edit(&v);
    for (uint32_t i = history_pick(h, 6); i > 0; i--) {
        uint32_t what = history_pick(h, 100);
        if (what < 65)
            history_write(&v);
        else if (what < 90)
            history_delete(&v);
        else
            history_reorder(&v);
    }
    if (!v.receipt.deleted && history_chance(h, 15))
        history_fail(&v);
    else if (history_chance(h, 60))
        history_complete(&v);
    else if (history_chance(h, 10))
        history_unwatch(&v);
    history_end_harvest(&v);
}

#endif
