/* Pages into the store. Nothing is written until there is something to write: a listing without changes
 * reads only, and its receipt is gathered with others. */
#include "worker/harvest/listing_internal.h"

#include "common/check.h"
#include "common/limits.h"

struct taken {
    struct winnow_item item;
    bool readable;
};

static void fault(struct listing *l, const struct error *why)
{
    if (l->faults++ == 0) {
        l->fault = *why;
        l->fault_page = l->receipt.pages + 1;
    }
    listing_unsound(l, why->text);
}

/* Errors of one item, which spoil neither the page nor the transaction. */
static bool is_fault(int code)
{
    return code == ERR_LIMIT || code == ERR_ID;
}

static void read_items(struct listing *l, const struct value *const *items, uint64_t count,
                       struct taken *taken)
{
    for (uint64_t i = 0; i < count; i++) {
        struct error why;
        taken[i].readable = winnow_read(&l->winnow, &l->page, items[i], &taken[i].item, &why) == 0;
        if (!taken[i].readable) {
            error_set(&why, why.code, "item %llu: %s", (unsigned long long)i + 1, why.text);
            fault(l, &why);
        }
    }
}

/* The id of a new collection is 0: it has nothing yet. */
static int find_known(struct listing *l, struct bytes id, struct winnow_known *known, bool *found,
                      struct error *e)
{
    uint32_t row;
    struct document document;
    *found = false;
    if (l->record.id == 0)
        return 0;
    int code = store_row_find(l->store, l->record.id, id, &row, e);
    if (code == ERR_NOT_FOUND)
        return 0;
    if (!code)
        code = store_document(l->store, l->record.id, row, &document, e);
    if (code)
        return code;
    *known = (struct winnow_known){row, document.digest, document.packed};
    *found = true;
    return 0;
}

/* Which of the required pointers that this item lacks were there before: in the stored document of the same
 * id, or in an earlier page of this listing. */
static int lost_of(struct listing *l, const struct winnow_item *item, uint64_t lacks, uint64_t *lost,
                   struct error *e)
{
    struct winnow_known known;
    bool found;
    struct value before;
    *lost = lacks & l->had;
    int code = find_known(l, item->id, &known, &found, e);
    if (code || !found)
        return code;
    code = value_from_msgpack(&l->page, known.packed, &before, e);
    if (!code)
        *lost |= lacks & ~winnow_lacks(&l->winnow, &before);
    return code;
}

/* A page on which many items lack what earlier ones had is degraded: the provider answers, but not with all
 * it knows. To take it would be to report updates that never happened. */
static int check_required(struct listing *l, const struct taken *taken, uint64_t count, struct error *e)
{
    uint64_t lost_by[LIMIT_REQUIRE] = {0}, had = 0;
    for (uint64_t i = 0; i < count; i++) {
        if (!taken[i].readable)
            continue;
        uint64_t lacks = winnow_lacks(&l->winnow, &taken[i].item.document), lost = 0;
        had |= ~lacks;
        int code = lacks ? lost_of(l, &taken[i].item, lacks, &lost, e) : 0;
        if (code)
            return code;
        for (uint32_t bit = 0; lost; bit++, lost >>= 1)
            lost_by[bit] += lost & 1;
    }
    for (uint32_t bit = 0; bit < l->def->require_count; bit++)
        if (lost_by[bit] * 100 > count * LIMIT_DEGRADED_PERCENT)
            return error_set(
                e, ERR_DEGRADED,
                "%llu of %llu items lack '%.*s', which earlier ones had: the answer is degraded, and "
                "nothing of this page was taken",
                (unsigned long long)lost_by[bit], (unsigned long long)count,
                BYTES_ARG(l->def->require[bit].text));
    l->had |= had;
    return 0;
}

static int write_change(struct listing *l, const struct winnow_item *item, const struct winnow_result *result,
                        uint32_t row, int64_t wall_ms, struct error *e)
{
    int code = listing_ensure(l, e);
    if (code)
        return code;
    listing_adopt_rules(l);
    if (result->verdict == WINNOW_REDIGEST)
        return store_document_put(l->store, l->record.id, row, result->packed, &item->digest, e);
    bool created = result->verdict == WINNOW_CREATED;
    struct change change = listing_change(l, created ? CHANGE_CREATED : CHANGE_UPDATED, wall_ms);
    change.id = item->id;
    change.initial = created && l->initial;
    change.after = result->packed;
    change.patch = result->patch;
    change.definition = result->definition;
    code = store_apply(l->store, &l->record, &change, &item->digest, &row, e);
    if (!code && created) {
        winnow_mark(&l->winnow, row);
        l->created_rows++;
    }
    return code;
}

static int take_item(struct listing *l, const struct winnow_item *item, int64_t wall_ms, bool *again,
                     struct error *e)
{
    struct winnow_known known;
    struct winnow_result result;
    struct error clash;
    bool found;
    int code = find_known(l, item->id, &known, &found, e);
    if (!code)
        code = winnow_judge(&l->winnow, &l->page, item, found ? &known : NULL, &result, e);
    if (code)
        return code;
    *again = false;
    switch (result.verdict) {
    case WINNOW_SAME:
        l->receipt.unchanged++;
        return 0;
    case WINNOW_CLASH:
        error_set(&clash, ERR_ITEMS,
                  "two items have the id '%.*s' and different content: the first one is kept",
                  BYTES_ARG(item->id));
        fault(l, &clash);
        *again = true;
        return 0;
    case WINNOW_TWICE:
        *again = true;
        return 0;
    case WINNOW_CREATED:
        l->receipt.created++;
        break;
    case WINNOW_UPDATED:
        l->receipt.updated++;
        break;
    case WINNOW_REDIGEST:
        l->receipt.unchanged++;
        break;
    }
    return write_change(l, item, &result, known.row, wall_ms, e);
}

/* The id rule has changed: nothing that was stored under the old ids means anything now. Done only once an
 * answer came, so that a provider that is down costs nothing. */
static int start_anew(struct listing *l, int64_t wall_ms, struct error *e)
{
    struct collection_record *r = &l->record;
    l->void_first = false;
    int code = listing_ensure(l, e);
    if (!code)
        code = cascade_void(l->store, r->id, wall_ms, e);
    if (!code)
        code = store_collection_drop(l->store, r->id, true, e);
    if (code)
        return code;
    struct change change = listing_change(l, CHANGE_STATUS, wall_ms);
    change.status.kind = STATUS_DEFINITION;
    change.status.void_ = true;
    r->rows = 0;
    r->listed_since_ms = 0;
    r->sound_harvest = 0;
    r->held_since_ms = 0;
    r->held_rows = 0;
    r->confirmed_ms = 0;
    r->mixed = false;
    r->old_parse_count = r->old_ignore_count = r->old_unordered_count = 0;
    listing_adopt_definition(l);
    return store_status(l->store, r, &change, e);
}

static int take_items(struct listing *l, const struct value *const *items, uint64_t count, int64_t wall_ms,
                      struct page_seen *seen, struct error *e)
{
    struct taken *taken = arena_zalloc(&l->page, count * sizeof *taken);
    read_items(l, items, count, taken);
    int code = l->def->require_count ? check_required(l, taken, count, e) : 0;
    if (!code && l->void_first)
        code = start_anew(l, wall_ms, e);
    struct error why;
    seen->repeats = count > 0;
    for (uint64_t i = 0; !code && i < count; i++) {
        bool again = false;
        if (taken[i].readable)
            code = take_item(l, &taken[i].item, wall_ms, &again, &why);
        if (is_fault(code)) {
            fault(l, &why);
            code = 0;
        } else if (code) {
            error_set(e, code, "%s", why.text);
        }
        seen->repeats = seen->repeats && again;
    }
    if (count) {
        seen->last_item = items[count - 1];
        seen->last_id = taken[count - 1].readable ? taken[count - 1].item.id : BYTES("");
    }
    return code;
}

int listing_take(struct listing *l, const struct value *const *items, uint64_t count, bool single,
                 int64_t wall_ms, struct page_seen *seen, struct error *e)
{
    arena_reset(&l->page);
    l->winnow.single = single;
    *seen = (struct page_seen){.items = count};
    int code = store_read(l->store, e);
    if (code)
        return code;
    uint32_t before = store_gathered(l->store);
    code = take_items(l, items, count, wall_ms, seen, e);
    if (!code && store_writing(l->store) && store_gathered(l->store) != before)
        code = store_collection_put(l->store, &l->record, e);
    store_done(l->store);
    if (code)
        return code;
    l->receipt.pages++;
    l->receipt.items += count;
    return 0;
}
