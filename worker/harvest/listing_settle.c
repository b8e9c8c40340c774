/* The end of a listing: who is missing, what may be deleted, and the receipt of it all. */
#include "worker/harvest/listing_internal.h"

#include "common/check.h"
#include "worker/provider/page_size.h"

static int judge_row(struct listing *l, const struct settle *settle, uint32_t row, int64_t wall_ms,
                     struct error *e)
{
    struct missing missing;
    int code = store_missing_get(l->store, l->record.id, row, &missing, e);
    if (code == ERR_NOT_FOUND)
        missing = (struct missing){0};
    else if (code)
        return code;
    settle_missed(&missing, l->receipt.id.harvest, wall_ms);
    switch (settle_row(settle, &missing)) {
    case SETTLE_DELETE:
        rows_add(&l->delete_, row);
        return 0;
    case SETTLE_ASK:
        rows_add(&l->ask, row);
        break;
    case SETTLE_WAIT:
        break;
    case SETTLE_HOLD:
        l->held++;
        break;
    }
    rows_add(&l->missed, row);
    return 0;
}

static int judge_missing(struct listing *l, int64_t wall_ms, struct error *e)
{
    struct collection_record *r = &l->record;
    roaring_bitmap_t *rows = roaring_bitmap_create();
    CHECK(rows);
    int code = store_rows(l->store, r->id, rows, e);
    if (l->winnow.seen)
        roaring_bitmap_andnot_inplace(rows, l->winnow.seen);
    struct settle settle = {
        .rule = &l->def->delete_,
        .rows = r->rows - l->created_rows,
        .candidates = roaring_bitmap_get_cardinality(rows),
        .now_ms = wall_ms,
        .confirmed_ms = r->confirmed_ms,
    };
    roaring_uint32_iterator_t *at = roaring_create_iterator(rows);
    CHECK(at);
    for (; !code && at->has_value; roaring_advance_uint32_iterator(at))
        code = judge_row(l, &settle, at->current_value, wall_ms, e);
    roaring_free_uint32_iterator(at);
    roaring_bitmap_free(rows);
    return code;
}

/* What this listing saw is not missing any more, whatever else came of it. */
static int forget_seen(struct listing *l, struct error *e)
{
    if (rows_are_none(l->winnow.seen))
        return 0;
    roaring_bitmap_t *missing = roaring_bitmap_create();
    CHECK(missing);
    int code = store_missing_rows(l->store, l->record.id, missing, e);
    if (!code && roaring_bitmap_intersect(missing, l->winnow.seen)) {
        code = listing_ensure(l, e);
        if (!code)
            code = store_missing_forget(l->store, l->record.id, l->winnow.seen, e);
    }
    roaring_bitmap_free(missing);
    return code;
}

/* Rows that this listing didn't see, for the receipt. */
static void count_missing(struct listing *l)
{
    uint64_t seen = rows_count(l->winnow.seen);
    CHECK(seen <= l->record.rows);
    l->receipt.missing = l->record.rows - seen;
}

int listing_settle(struct listing *l, int64_t wall_ms, struct error *e)
{
    int code = store_read(l->store, e);
    if (code)
        return code;
    count_missing(l);
    if (l->record.id)
        code = forget_seen(l, e);
    if (!code && !l->unsound[0] && l->receipt.missing)
        code = judge_missing(l, wall_ms, e);
    store_done(l->store);
    return code;
}

int listing_candidate(struct listing *l, uint32_t row, struct arena *arena, struct resource_view *view,
                      struct value *document, struct error *e)
{
    struct document stored;
    int code = store_read(l->store, e);
    if (code)
        return code;
    code = store_document(l->store, l->record.id, row, &stored, e);
    if (!code)
        code = value_from_msgpack(arena, arena_copy(arena, stored.packed), document, e);
    if (!code)
        *view = (struct resource_view){.id = arena_copy(arena, stored.id), .document = document};
    store_done(l->store);
    return code;
}

int listing_asked(struct listing *l, uint32_t row, bool gone, bool there, struct error *e)
{
    if (gone)
        rows_add(&l->gone, row);
    if (!there)
        return 0;
    roaring_bitmap_remove(l->missed, row);
    roaring_bitmap_t *one = roaring_bitmap_of(1, row);
    CHECK(one);
    int code = store_write(l->store, e);
    if (!code)
        code = store_missing_forget(l->store, l->record.id, one, e);
    roaring_bitmap_free(one);
    return code;
}

/* --- the end --- */

/* Only now: the receipt that these entries lead to is written with them, or neither is. A listing that asks
 * takes its time, and others' commits come in between. */
static int note_missed(struct listing *l, int64_t wall_ms, struct error *e)
{
    int code = 0;
    if (rows_are_none(l->missed))
        return 0;
    if (l->gone)
        roaring_bitmap_andnot_inplace(l->missed, l->gone);
    roaring_uint32_iterator_t *at = roaring_create_iterator(l->missed);
    CHECK(at);
    for (; !code && at->has_value; roaring_advance_uint32_iterator(at)) {
        struct missing missing = {0};
        code = store_missing_get(l->store, l->record.id, at->current_value, &missing, e);
        if (code && code != ERR_NOT_FOUND)
            break;
        settle_missed(&missing, l->receipt.id.harvest, wall_ms);
        code = store_missing_put(l->store, l->record.id, at->current_value, &missing, e);
    }
    roaring_free_uint32_iterator(at);
    return code;
}

/* What a delete rests on: the parent's listing, the listings that missed it before, and this one. */
static int receipts_of(struct listing *l, uint32_t row, struct receipt_id out[LIMIT_GUARD_LISTINGS + 2],
                       uint32_t *count, struct error *e)
{
    struct missing missing;
    int code = store_missing_get(l->store, l->record.id, row, &missing, e);
    if (code == ERR_NOT_FOUND)
        missing = (struct missing){0};
    else if (code)
        return code;
    *count = 0;
    if (l->receipt.rests_on_count)
        out[(*count)++] = l->rests_on;
    for (uint32_t i = 0; i < missing.count; i++)
        if (missing.harvests[i] != l->receipt.id.harvest)
            out[(*count)++] = (struct receipt_id){l->receipt.id.shard, l->record.id, missing.harvests[i]};
    for (uint32_t i = 0; i < *count; i++) {
        code = store_receipt_pin(l->store, out[i], e);
        if (code)
            return code;
    }
    out[(*count)++] = l->receipt.id;
    return 0;
}

static int delete_row(struct listing *l, uint32_t row, int64_t wall_ms, struct error *e)
{
    struct receipt_id receipts[LIMIT_GUARD_LISTINGS + 2];
    struct document stored;
    struct change change = listing_change(l, CHANGE_DELETED, wall_ms);
    int code = receipts_of(l, row, receipts, &change.receipt_count, e);
    if (!code)
        code = store_document(l->store, l->record.id, row, &stored, e);
    if (code)
        return code;
    arena_reset(&l->page);
    change.id = arena_copy(&l->page, stored.id);
    change.receipts = receipts;
    l->receipt.deleted++;
    return store_apply(l->store, &l->record, &change, NULL, &row, e);
}

static int delete_rows(struct listing *l, int64_t wall_ms, struct error *e)
{
    if (l->gone && l->delete_)
        roaring_bitmap_or_inplace(l->delete_, l->gone);
    const roaring_bitmap_t *rows = l->delete_ ? l->delete_ : l->gone;
    if (rows_are_none(rows))
        return 0;
    struct receipt_id receipts[2] = {l->receipt.id, l->rests_on};
    int code = listing_ensure(l, e);
    if (!code)
        code = cascade_delete(l->store, l->record.id, rows, receipts, 1 + l->receipt.rests_on_count, wall_ms,
                              &l->children_deleted, e);
    roaring_uint32_iterator_t *at = roaring_create_iterator(rows);
    CHECK(at);
    for (; !code && at->has_value; roaring_advance_uint32_iterator(at))
        code = delete_row(l, at->current_value, wall_ms, e);
    roaring_free_uint32_iterator(at);
    return code;
}

static int say(struct listing *l, enum status_kind kind, int64_t since_ms, int64_t wall_ms, struct error *e)
{
    struct change change = listing_change(l, CHANGE_STATUS, wall_ms);
    change.status.kind = kind;
    change.status.receipt = &l->receipt;
    change.status.since_ms = since_ms;
    change.status.held = kind == STATUS_HELD ? l->held : 0;
    return store_status(l->store, &l->record, &change, e);
}

/* Something is held back, or nothing is any more: said when that changes. */
static int say_held(struct listing *l, int64_t wall_ms, struct error *e)
{
    struct collection_record *r = &l->record;
    bool was = r->held_since_ms != 0;
    if (l->unsound[0])
        return 0;
    r->confirmed_ms = 0; /* a confirmation is for the next sound listing: this was it */
    r->held_rows = l->held;
    if ((l->held != 0) == was)
        return 0;
    r->held_since_ms = l->held ? wall_ms : 0;
    return say(l, STATUS_HELD, r->held_since_ms, wall_ms, e);
}

/* Once every live row was seen, and stored, under the current rules, the older ones are history. */
static void adopt_rules(struct listing *l)
{
    struct collection_record *r = &l->record;
    bool all = rows_count(l->winnow.seen) == r->rows && !l->leaves_old;
    if (!all)
        listing_adopt_rules(l);
    else if (l->definition_new || r->mixed) {
        r->mixed = false;
        r->old_parse_count = r->old_ignore_count = r->old_unordered_count = 0;
    }
}

static int say_statuses(struct listing *l, int64_t wall_ms, struct error *e)
{
    struct collection_record *r = &l->record;
    int code = 0;
    adopt_rules(l);
    if (l->definition_new) {
        listing_adopt_definition(l);
        code = say(l, STATUS_DEFINITION, 0, wall_ms, e);
    }
    if (!code && r->listed_since_ms == 0) {
        r->listed_since_ms = wall_ms;
        code = say(l, STATUS_LISTED, wall_ms, wall_ms, e);
    }
    if (!code && (r->unreachable_since_ms || r->unwatched_since_ms)) {
        int64_t since = r->unreachable_since_ms ? r->unreachable_since_ms : r->unwatched_since_ms;
        r->unreachable_since_ms = 0;
        r->unreachable_error = ERR_OK;
        r->unwatched_since_ms = 0;
        code = say(l, STATUS_RECOVERED, since, wall_ms, e);
    }
    return code ? code : say_held(l, wall_ms, e);
}

/* What this harvest found out about the size of pages. */
static void note_page_size(struct listing *l, int64_t wall_ms)
{
    struct page_size *known = &l->record.page_size;
    if (l->size_failed)
        page_size_failed(known, l->size_failed, l->size_smaller, wall_ms);
    else if (l->receipt.complete)
        page_size_listed(known, &l->def->page, wall_ms);
}

/* Receipts that a later delete may rest on are kept too: those that noted a row as missing. */
static int put_receipt(struct listing *l, int64_t wall_ms, struct error *e)
{
    note_page_size(l, wall_ms);
    bool pinned = l->receipt.deleted || (l->receipt.sound && l->receipt.missing);
    int code = store_receipt_put(l->store, &l->receipt, pinned, e);
    return code ? code : store_collection_put(l->store, &l->record, e);
}

int listing_finish(struct listing *l, int64_t wall_ms, struct error *e)
{
    struct receipt *receipt = &l->receipt;
    int code = listing_ensure(l, e);
    if (code)
        return code;
    receipt->ended_ms = wall_ms;
    receipt->complete = true;
    receipt->sound = !l->unsound[0];
    receipt->unsound = receipt->sound ? NULL : l->unsound;
    receipt->held = l->held;
    l->record.failures = 0;
    l->record.ended_harvest = receipt->id.harvest;
    if (receipt->sound)
        l->record.sound_harvest = receipt->id.harvest;
    code = listing_checkpoint_drop(l, e);
    if (code)
        return code;
    code = listing_weave_end(l, e);
    if (!code)
        code = listing_release(l, e);
    if (!code)
        code = note_missed(l, wall_ms, e);
    if (!code)
        code = delete_rows(l, wall_ms, e);
    if (!code)
        code = say_statuses(l, wall_ms, e);
    if (!code)
        listing_keep_validators(l);
    return code ? code : put_receipt(l, wall_ms, e);
}

/* Said once a transition: from reachable, or from unwatched, which it was in between. A harvest that was
 * stopped tells nothing of the provider. */
static int say_unreachable(struct listing *l, const struct error *cause, int64_t wall_ms, struct error *e)
{
    struct collection_record *r = &l->record;
    if (cause->code == ERR_STOPPED || (r->unreachable_since_ms && !r->unwatched_since_ms))
        return 0;
    if (!r->unreachable_since_ms) {
        r->unreachable_since_ms = wall_ms;
        r->unreachable_error = cause->code;
    }
    r->unwatched_since_ms = 0;
    return say(l, STATUS_UNREACHABLE, r->unreachable_since_ms, wall_ms, e);
}

int listing_fail(struct listing *l, const struct error *cause, int64_t wall_ms, struct error *e)
{
    int code = listing_ensure(l, e);
    if (!code)
        code = forget_seen(l, e);
    if (code)
        return code;
    count_missing(l);
    l->receipt.ended_ms = wall_ms;
    l->receipt.error = cause->code;
    l->receipt.cause = cause->text;
    l->receipt.unsound = NULL;
    l->record.failures += cause->code != ERR_STOPPED;
    l->record.ended_harvest = l->receipt.id.harvest;
    code = say_unreachable(l, cause, wall_ms, e);
    return code ? code : put_receipt(l, wall_ms, e);
}

struct receipt_id listing_parent_receipt(uint32_t shard, const struct collection_record *parent)
{
    if (!parent->sound_harvest || parent->sound_harvest != parent->ended_harvest)
        return (struct receipt_id){0};
    return (struct receipt_id){shard, parent->id, parent->sound_harvest};
}
