/* Reading a page: at each item, is a whole stretch there (tier 1)? Is the item there that came next the last
 * time (tier 2)? Else the item is measured, and its bytes are looked for a little further on, in case
 * something vanished; if they aren't there either, it is new or different, and is left to be parsed.
 *
 * Bytes that are as expected are digested and never looked into. What is tried first is what most often
 * holds: behind items that weren't expected it is either the one that they came in front of (something was
 * inserted) or the one behind those that they stand for (something was modified).
 *
 * Tiers are tried by stretch, not by page: a page's borders move with each insertion, and a stretch doesn't.
 * One that lies across a border is recognised item by item. */
#include <stdlib.h>
#include <string.h>

#include "common/check.h"
#include "worker/winnow/forecast_internal.h"

enum {
    EXPECTED_MOST = 4096, /* so far behind the cursor something is still expected */
    /* One that isn't there may have been modified, or was inserted; after some, more is likely to be gone. */
    FEW_MISSES = 4,
    SEARCHED_NEAR = 2 * LIMIT_STRETCH_ITEMS,
    SEARCHED_FAR = 4096,
    SEARCHED_MOST = 1 << 18, /* items looked through in vain, for a page's unexpected ones */
};

#define NOWHERE ((struct forecast_at){UINT32_MAX, 0})

struct reader {
    struct forecast *f;
    struct finder finder;
    struct forecast_at at;
    uint32_t misses;
    /* How many items will be loose behind the last stretch that stays as it is. A few of them are better
     * joined by the next stretch's, one by one, or there would be ever more and smaller stretches. */
    uint32_t loose;
    bool is_whole;
    bool no_stretch;
    uint32_t searched;
    /* As they were before the last SLOT_STRETCH. */
    struct finder finder_before;
    struct forecast_at at_before;
};

/* What is cut with a stretch must be of the list, or a token that stands between two items would be lost. */
static bool is_joined(const struct finder *finder, size_t from, size_t to)
{
    return finder_is_enclosed(finder) ||
           bytes_trim((struct bytes){finder->body.data + from, to - from}).len == 0;
}

static struct forecast_slot *add_slot(struct reader *r, enum forecast_slot_kind kind, size_t len)
{
    struct forecast_page *page = &r->f->page;
    if (page->count == page->cap) {
        page->cap = page->cap ? page->cap * 2 : 16;
        page->slots = mem_resize(page->slots, page->cap * sizeof *page->slots);
    }
    struct forecast_slot *slot = &page->slots[page->count++];
    bool is_first = page->count == 1;
    *slot = (struct forecast_slot){.kind = kind, .at = r->at, .from = r->finder.at, .to = r->finder.at + len};
    slot->is_joined = !is_first && is_joined(&r->finder, slot[-1].to, slot->from);
    return slot;
}

static bool is_here(const struct reader *r, uint32_t bytes, const struct digest *digest)
{
    const struct finder *finder = &r->finder;
    if (bytes > finder->body.len - finder->at)
        return false;
    struct bytes span = {finder->body.data + finder->at, bytes};
    return digest_equal(hash128(span, r->f->secret), *digest);
}

/* --- tier 1 --- */

static bool try_stretch(struct reader *r)
{
    const struct stretch *stretch = window_stretch(r->f, r->at);
    bool few = r->loose > 0 && r->loose < LIMIT_STRETCH_ITEMS / 2;
    if (!stretch || r->at.item || !stretch->bytes || few || r->no_stretch ||
        stretch->bytes > r->finder.body.len - r->finder.at)
        return false;
    if (r->misses) { /* there may be no need to digest it all */
        const struct stretch_item *first = window_item(r->f, r->at);
        if (!first || !is_here(r, first->bytes, &first->digest))
            return false;
    }
    if (stretch->row == STRETCH_ROWS && !window_fill(r->f, r->at))
        return false;
    if (!is_here(r, stretch->bytes, &stretch->digest))
        return false;
    r->finder_before = r->finder;
    struct forecast_slot *slot = add_slot(r, SLOT_STRETCH, stretch->bytes);
    if (!finder_skip(&r->finder, slot->to - slot->from)) {
        r->f->page.count--;
        return false;
    }
    r->at_before = r->at;
    r->at = (struct forecast_at){r->at.stretch + 1, 0};
    r->loose = r->misses = 0;
    r->f->page.tier1 += stretch->count;
    return true;
}

/* --- tier 2 --- */

/* Items that are all of a stretch leave it as it is. */
static void count_loose(struct reader *r, struct forecast_at at)
{
    bool in_turn = r->at.stretch == at.stretch && r->at.item == at.item;
    r->is_whole = r->loose ? r->is_whole && in_turn : at.item == 0;
    r->loose++;
    if (r->is_whole && r->loose == window_stretch(r->f, at)->count)
        r->loose = 0;
}

static bool try_item(struct reader *r, struct forecast_at at)
{
    const struct stretch_item *item = window_item(r->f, at);
    if (!item || !is_here(r, item->bytes, &item->digest))
        return false;
    struct forecast_slot *slot = add_slot(r, SLOT_ITEM, item->bytes);
    slot->at = at;
    if (!finder_skip(&r->finder, item->bytes)) {
        r->f->page.count--;
        return false;
    }
    count_loose(r, at);
    r->at = window_next(r->f, at);
    r->misses = 0;
    r->f->page.tier2++;
    return true;
}

/* --- what is left --- */

static struct forecast_at expected(const struct reader *r)
{
    return r->misses < EXPECTED_MOST ? window_after(r->f, r->at, r->misses) : NOWHERE;
}

static bool find_item(struct reader *r, uint32_t bytes, const struct digest *digest)
{
    struct forecast_at found;
    uint32_t most = r->misses < FEW_MISSES ? SEARCHED_NEAR : SEARCHED_FAR;
    if (r->searched >= SEARCHED_MOST)
        return false;
    if (window_search(r->f, r->at, bytes, digest, most, &found))
        return try_item(r, found);
    r->searched += most;
    return false;
}

static bool take_unexpected(struct reader *r)
{
    size_t len = finder_measure(&r->finder);
    if (!len || len > UINT32_MAX)
        return false;
    struct digest digest = hash128((struct bytes){r->finder.body.data + r->finder.at, len}, r->f->secret);
    if (find_item(r, (uint32_t)len, &digest))
        return true;
    struct forecast_slot *slot = add_slot(r, SLOT_NEW, len);
    slot->at = expected(r);
    r->misses++;
    slot->digest = digest;
    r->is_whole = false;
    r->loose++;
    return finder_skip(&r->finder, len);
}

static bool take_one(struct reader *r)
{
    struct forecast *f = r->f;
    if (!f->is_loaded && r->at.stretch - f->first + 1 >= f->count &&
        window_load(f, r->at, r->finder.body.len - r->finder.at, &f->error))
        return false;
    if (try_stretch(r) || try_item(r, r->at))
        return true;
    if (r->misses && try_item(r, expected(r)))
        return true;
    return take_unexpected(r);
}

/* --- the page's end --- */

/* The last item is to be parsed. True: it was part of a stretch, whose items are to be read one by one. */
static bool leave_last(struct reader *r)
{
    struct forecast_page *page = &r->f->page;
    struct forecast_slot *last = page->count ? &page->slots[page->count - 1] : NULL;
    if (!last || last->kind == SLOT_NEW)
        return false;
    if (last->kind == SLOT_STRETCH) {
        page->tier1 -= window_stretch(r->f, last->at)->count;
        page->count--;
        r->finder = r->finder_before;
        r->at = r->at_before;
        r->no_stretch = true;
        return true;
    }
    last->kind = SLOT_NEW;
    last->digest = window_item(r->f, last->at)->digest;
    r->at = last->at;
    r->misses = 1;
    page->tier2--;
    return false;
}

/* What was expected at an unexpected item is no longer so where something from before it came behind it. */
static void correct_expected(struct forecast_page *page)
{
    struct forecast_at next = NOWHERE;
    for (uint32_t i = page->count; i-- > 0;) {
        struct forecast_slot *slot = &page->slots[i];
        if (slot->kind != SLOT_NEW)
            next = slot->at;
        else if (slot->at.stretch > next.stretch ||
                 (slot->at.stretch == next.stretch && slot->at.item >= next.item))
            slot->at = NOWHERE;
    }
}

/* What is to be decoded: the body without what was recognised. */
static void cut(struct reader *r)
{
    struct forecast *f = r->f;
    struct forecast_page *page = &f->page;
    page->rest = page->body;
    page->unknown = 0;
    for (uint32_t i = 0; i < page->count; i++)
        page->unknown += page->slots[i].kind == SLOT_NEW;
    uint32_t count = page->count - page->unknown;
    if (!count)
        return;
    struct finder_cut *cuts = mem_alloc(count * sizeof *cuts);
    count = 0;
    for (uint32_t i = 0; i < page->count; i++)
        if (page->slots[i].kind != SLOT_NEW)
            cuts[count++] = (struct finder_cut){page->slots[i].from, page->slots[i].to};
    buffer_reset(&f->rest);
    finder_cut(&r->finder, cuts, count, &f->rest);
    page->rest = buffer_bytes(&f->rest);
    free(cuts);
}

static bool read_all(struct reader *r)
{
    struct forecast *f = r->f;
    bool leaves_last = f->leaves_last || r->finder.is_xml;
    for (;;) {
        switch (finder_next(&r->finder)) {
        case FINDER_LOST:
            return false;
        case FINDER_ITEM:
            if (f->page.tier1 + f->page.count >= LIMIT_ITEMS_PER_PAGE || !take_one(r))
                return false;
            break;
        case FINDER_END:
            if (!leaves_last || !leave_last(r))
                return true;
            if (!take_one(r)) /* it stands there again */
                return false;
            break;
        }
    }
}

void forecast_read(struct forecast *f, enum format_kind format, struct bytes body)
{
    f->page.body = body;
    forecast_give_up(f);
    bool is_xml = format == FORMAT_XML;
    if (!f->is_on || (is_xml && !f->is_on_xml) || (!is_xml && format != FORMAT_JSON) || f->error.code)
        return;
    struct reader r = {
        .f = f, .at = f->at, .misses = f->misses, .loose = f->loose_count, .is_whole = f->is_whole};
    finder_open(&r.finder, format, body, &f->def->items, &f->def->xml);
    if (!read_all(&r) || f->error.code) {
        forecast_give_up(f);
        return;
    }
    correct_expected(&f->page);
    f->page.mapped = true;
    f->page.end = r.at;
    f->page.misses = r.misses;
    cut(&r);
}
