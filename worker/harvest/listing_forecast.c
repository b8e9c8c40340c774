/* The forecast and the store. What a forecast recognises is of rows that this listing has not seen yet, as
 * long as it finds all else where it is expected. Where it doesn't, or an item is there twice, the page is
 * read as a whole: rare, and then exact. */
#include "worker/harvest/listing_internal.h"

#include "common/check.h"

/* --- where stretches are kept --- */

static int each(void *context, uint64_t from, int (*visit)(void *visitor, const struct stretch *stretch),
                void *visitor, struct error *e)
{
    struct listing *l = context;
    int code = store_read(l->store, e);
    if (!code)
        code = store_stretches_brief(l->store, l->record.id, from, visit, visitor, e);
    store_done(l->store);
    return code;
}

static int read_one(void *context, uint64_t place, struct stretch *out, struct error *e)
{
    struct listing *l = context;
    int code = store_read(l->store, e);
    if (!code)
        code = store_stretch(l->store, l->record.id, place, out, e);
    store_done(l->store);
    return code;
}

static int put(void *context, const struct stretch *stretch, struct error *e)
{
    struct listing *l = context;
    l->woven = true;
    int code = listing_ensure(l, e);
    return code ? code : store_stretch_put(l->store, l->record.id, stretch, e);
}

static int drop(void *context, uint64_t from, uint64_t to, struct error *e)
{
    struct listing *l = context;
    l->woven = true;
    int code = listing_ensure(l, e);
    return code ? code : store_stretches_drop(l->store, l->record.id, from, to, e);
}

bool listing_rests(const struct listing *l)
{
    int64_t age_ms = l->receipt.started_ms - l->record.full_ms;
    return l->checkpoint || age_ms < 0 || age_ms >= l->def->full_every_ms;
}

void listing_forecast(struct listing *l)
{
    const struct collection_record *r = &l->record;
    struct forecast_store store = {.context = l, .each = each, .read = read_one, .put = put, .drop = drop};
    struct forecast_noted noted = {r->forecast_rules, r->forecast_unsettled, r->rows};
    forecast_open(&l->forecast, l->def, l->values, store_secret(l->store), &store, &noted, listing_rests(l));
}

/* --- pages --- */

/* Rows are added by the run: most follow each other, from slot to slot too. */
struct run {
    roaring_bitmap_t **rows;
    uint64_t from, to;
};

static void add_run(struct run *run, uint32_t row, uint32_t count)
{
    if (row != run->to) {
        rows_add_range(run->rows, run->from, run->to);
        run->from = row;
    }
    run->to = (uint64_t)row + count;
}

static void add_recognised(const struct forecast *f, roaring_bitmap_t **rows)
{
    struct run run = {.rows = rows};
    for (uint32_t i = 0; i < f->page.count; i++) {
        if (f->page.slots[i].kind == SLOT_NEW)
            continue;
        struct forecast_rows these = forecast_rows(f, &f->page.slots[i]);
        if (!these.items)
            add_run(&run, these.row, these.count);
        for (uint32_t k = 0; these.items && k < these.count; k++)
            add_run(&run, these.items[k].row, 1);
    }
    rows_add_range(rows, run.from, run.to);
}

void listing_expect(struct listing *l, struct taken *taken, uint64_t count)
{
    const struct forecast_page *page = &l->forecast.page;
    for (uint64_t i = 0; i < count; i++)
        taken[i].expected = UINT32_MAX;
    for (uint32_t slot = 0, i = 0; slot < page->count; slot++)
        if (page->slots[slot].kind == SLOT_NEW)
            taken[i++].expected = forecast_expected(&l->forecast, &page->slots[slot]);
}

/* Find the rows of what wasn't recognised. Those that are where they were expected were recognised nowhere
 * else: each stands in one place. */
static int find_rows(struct listing *l, struct taken *taken, uint64_t count, bool *are_elsewhere,
                     struct error *e)
{
    int code = 0;
    for (uint64_t i = 0; !code && i < count; i++) {
        struct winnow_known known;
        bool found;
        if (taken[i].unreadable)
            continue;
        code = listing_known(l, &taken[i], &known, &found, e);
        uint32_t row = !code && found ? known.row : UINT32_MAX;
        *are_elsewhere = *are_elsewhere || (row != UINT32_MAX && row != taken[i].expected);
        taken[i].expected = row;
    }
    return code;
}

int listing_collides(struct listing *l, struct taken *taken, uint64_t count, bool *reread, struct error *e)
{
    const struct forecast *f = &l->forecast;
    bool are_elsewhere = false;
    if (f->page.tier1 + f->page.tier2 == 0)
        return 0;
    int code = find_rows(l, taken, count, &are_elsewhere, e);
    if (code || (!are_elsewhere && !f->is_unsettled))
        return code;
    roaring_bitmap_t *rows = NULL;
    add_recognised(f, &rows);
    *reread = f->is_unsettled && rows_meet(rows, l->winnow.seen);
    for (uint64_t i = 0; !*reread && i < count; i++)
        *reread = !taken[i].unreadable && rows_have(rows, taken[i].expected);
    rows_close(&rows);
    return 0;
}

void listing_mark(struct listing *l)
{
    const struct forecast_page *page = &l->forecast.page;
    add_recognised(&l->forecast, &l->winnow.seen);
    l->receipt.unchanged += page->tier1 + page->tier2;
    l->receipt.tier1 += page->tier1;
    l->receipt.tier2 += page->tier2;
}

static void note_forecast(struct listing *l)
{
    if (l->woven)
        l->record.forecast_rules = l->forecast.rules;
    l->record.forecast_unsettled = l->forecast.is_unsettled;
}

int listing_weave(struct listing *l, const struct taken *taken, uint64_t count, struct error *e)
{
    struct forecast_page *page = &l->forecast.page;
    uint64_t known = 0;
    uint32_t last = 0;
    for (uint64_t i = 0; i < count; i++)
        if (taken[i].has_row && taken[i].is_known) {
            known++;
            last = taken[i].row;
        }
    for (uint32_t slot = 0, i = 0; slot < page->count; slot++) {
        if (page->slots[slot].kind != SLOT_NEW)
            continue;
        page->slots[slot].has_row = taken[i].has_row && !taken[i].noted;
        page->slots[slot].is_known = taken[i].is_known;
        page->slots[slot].row = taken[i].row;
        i++;
    }
    int code = forecast_take(&l->forecast, known, last, e);
    note_forecast(l);
    return code;
}

int listing_weave_end(struct listing *l, struct error *e)
{
    l->woven = false;
    int code = forecast_finish(&l->forecast, e);
    note_forecast(l);
    if (l->receipt.sound && l->forecast.is_learning && !l->receipt.resumed_page)
        l->record.full_ms = l->receipt.started_ms;
    return code;
}
