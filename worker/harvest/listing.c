/* Pages into the store. Nothing is written until there is something to write: a listing without changes
 * reads only, and its receipt is gathered with others. */
#include "worker/harvest/listing_internal.h"

#include <inttypes.h>

#include "common/check.h"
#include "common/limits.h"

/* Errors of one item, which spoil neither the page nor the transaction. */
static bool is_fault(int code)
{
    return code == ERR_LIMIT || code == ERR_ID || code == ERR_ITEMS;
}

static const struct error *kept_error(struct listing *l, const struct error *e)
{
    struct error *copy = arena_alloc(&l->page, sizeof *copy);
    *copy = *e;
    return copy;
}

static void read_items(struct listing *l, const struct value *const *items, uint64_t count,
                       struct taken *taken)
{
    for (uint64_t i = 0; i < count; i++) {
        struct error why;
        uint32_t noted = l->winnow.notes.duplicate_keys;
        if (winnow_read(&l->winnow, &l->page, items[i], &taken[i].item, &why))
            taken[i].unreadable = kept_error(l, &why);
        taken[i].noted = l->winnow.notes.duplicate_keys != noted;
    }
}

/* By its id: one random look-up more than by its row. */
static int find_document(struct listing *l, struct bytes id, struct document *document, struct error *e)
{
    uint32_t row;
    int code = store_row_find(l->store, l->record.id, id, &row, e);
    if (!code && (code = store_document(l->store, l->record.id, row, document, e)) == ERR_NOT_FOUND)
        code = error_set(e, ERR_CORRUPT, "an id leads to row %" PRIu32 ", which is not there", row);
    return code;
}

/* The id of a new collection is 0: it has nothing yet. */
int listing_known(struct listing *l, const struct taken *taken, struct winnow_known *known, bool *found,
                  struct error *e)
{
    struct document document;
    struct bytes id = taken->item.id;
    int code = ERR_NOT_FOUND;
    *found = false;
    if (l->record.id == 0)
        return 0;
    if (taken->expected != UINT32_MAX)
        code = store_document(l->store, l->record.id, taken->expected, &document, e);
    if (code == ERR_NOT_FOUND || (!code && !bytes_equal(document.id, id)))
        code = find_document(l, id, &document, e);
    if (code)
        return code == ERR_NOT_FOUND ? 0 : code;
    *known = (struct winnow_known){document.row, document.digest, document.packed};
    *found = true;
    return 0;
}

static int write_change(struct listing *l, const struct winnow_item *item, const struct winnow_result *result,
                        uint32_t *row, int64_t wall_ms, struct error *e)
{
    int code = listing_ensure(l, e);
    if (code)
        return code;
    listing_adopt_rules(l);
    if (result->verdict == WINNOW_REDIGEST)
        return store_document_put(l->store, l->record.id, *row, result->packed, &item->digest, e);
    bool created = result->verdict == WINNOW_CREATED;
    struct change change = listing_change(l, created ? CHANGE_CREATED : CHANGE_UPDATED, wall_ms);
    change.id = item->id;
    change.initial = created && l->initial;
    change.after = result->packed;
    change.patch = result->patch;
    change.definition = result->definition;
    code = store_apply(l->store, &l->record, &change, &item->digest, row, e);
    if (!code && created) {
        winnow_mark(&l->winnow, *row);
        l->created_rows++;
    }
    return code;
}

static int clash(const struct winnow_item *item, struct error *e)
{
    return error_set(e, ERR_ITEMS,
                     "two items have the id '%.*s' and different content: the first one is kept",
                     BYTES_ARG(item->id));
}

static void count(struct listing *l, enum winnow_verdict verdict)
{
    l->receipt.created += verdict == WINNOW_CREATED;
    l->receipt.updated += verdict == WINNOW_UPDATED;
    l->receipt.unchanged += verdict == WINNOW_SAME || verdict == WINNOW_REDIGEST;
}

static int take_item(struct listing *l, struct taken *taken, int64_t wall_ms, struct error *e)
{
    const struct winnow_item *item = &taken->item;
    struct winnow_known known = {0};
    struct winnow_result result;
    bool found;
    int code = listing_known(l, taken, &known, &found, e);
    if (code)
        return code;
    taken->is_known = found;
    taken->row = known.row;
    code = winnow_judge(&l->winnow, &l->page, item, found ? &known : NULL, &result, e);
    if (code)
        return code;
    if (result.verdict == WINNOW_TWICE || result.verdict == WINNOW_CLASH) {
        taken->again = true;
        return result.verdict == WINNOW_CLASH ? clash(item, e) : 0;
    }
    if (result.verdict != WINNOW_SAME)
        code = write_change(l, item, &result, &taken->row, wall_ms, e);
    taken->has_row = !code;
    if (!code)
        count(l, result.verdict);
    return code;
}

/* The id rule has changed: nothing that was stored under the old ids means anything now. Done only once an
 * answer came, so that a provider that is down costs nothing. */
static int start_anew(struct listing *l, int64_t wall_ms, struct error *e)
{
    struct collection_record *r = &l->record;
    l->void_first = false;
    l->voided = true;
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
    r->rows = r->quarantined = 0;
    r->listed_since_ms = 0;
    r->sound_harvest = 0;
    r->held_since_ms = 0;
    r->held_rows = 0;
    r->confirmed_ms = 0;
    r->has_checkpoint = false;
    r->mixed = false;
    r->old_parse_count = r->old_ignore_count = r->old_unordered_count = 0;
    listing_adopt_definition(l);
    return store_status(l->store, r, &change, e);
}

/* What becomes of an item that can't be taken. One whose id can be read counts as seen: without it nobody
 * would be missed. */
static int refuse(struct listing *l, const struct value *item, const struct taken *taken,
                  const struct error *why, uint64_t number, int64_t wall_ms, struct error *e)
{
    struct error numbered = *why;
    bool unsound = why->code != ERR_LIMIT;
    if (taken->unreadable)
        error_set(&numbered, why->code, "item %llu: %s", (unsigned long long)number, why->text);
    l->leaves_old = l->leaves_old || (taken->is_known && !taken->again);
    return listing_quarantine(l, item, taken, why, &numbered, unsound, wall_ms, e);
}

static int take_each(struct listing *l, const struct page *page, struct taken *taken, int64_t wall_ms,
                     struct error *e)
{
    int code = 0;
    for (uint64_t i = 0; !code && i < page->count; i++) {
        struct error why;
        if (taken[i].unreadable)
            why = *taken[i].unreadable;
        else
            error_none(&why);
        code = taken[i].unreadable ? (int)why.code : take_item(l, &taken[i], wall_ms, &why);
        if (is_fault(code))
            code = refuse(l, page->items[i], &taken[i], &why, i + 1, wall_ms, e);
        else if (code)
            error_set(e, code, "%s", why.text);
    }
    return code;
}

static void fill_seen(const struct page *page, const struct taken *taken, uint64_t items,
                      struct page_seen *seen)
{
    uint64_t count = page->count;
    *seen = (struct page_seen){.items = items, .repeats = count > 0 && count == items};
    for (uint64_t i = 0; seen->repeats && i < count; i++)
        seen->repeats = taken[i].again;
    if (count) {
        seen->last_item = page->items[count - 1];
        seen->last_id = taken[count - 1].unreadable ? BYTES("") : taken[count - 1].item.id;
    }
}

static int take_page(struct listing *l, const struct page *page, int64_t wall_ms, struct page_seen *seen,
                     bool *reread, struct error *e)
{
    uint64_t count = page->count, items = count + l->forecast.page.tier1 + l->forecast.page.tier2;
    struct taken *taken = count ? arena_zalloc(&l->page, count * sizeof *taken) : NULL;
    read_items(l, page->items, count, taken);
    listing_expect(l, taken, count);
    int code = listing_collides(l, taken, count, reread, e);
    if (!code && *reread) /* they will be read again */
        return 0;
    if (!code && l->def->require_count)
        code = listing_check_required(l, taken, count, items, e);
    if (!code && l->void_first)
        code = start_anew(l, wall_ms, e);
    if (code)
        return code;
    listing_mark(l);
    code = take_each(l, page, taken, wall_ms, e);
    if (!code)
        code = listing_weave(l, taken, count, e);
    if (code)
        return code;
    fill_seen(page, taken, items, seen);
    l->receipt.items += items;
    l->receipt.pages++;
    return 0;
}

int listing_take(struct listing *l, const struct page *page, int64_t wall_ms, struct page_seen *seen,
                 bool *reread, struct error *e)
{
    arena_reset(&l->page);
    l->winnow.single = page->single;
    *reread = false;
    int code = store_read(l->store, e);
    if (code)
        return code;
    uint32_t before = store_gathered(l->store);
    code = take_page(l, page, wall_ms, seen, reread, e);
    if (!code && store_writing(l->store) && (l->woven || store_gathered(l->store) != before))
        code = store_collection_put(l->store, &l->record, e);
    l->woven = false;
    store_done(l->store);
    return code;
}
