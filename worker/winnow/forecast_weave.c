/* Weaving: what this listing saw becomes the stretches of the next one's forecast.
 *
 * A stretch whose items all came again, in their order and with nothing between them, stays as it is: so an
 * unchanged listing writes nothing, and a change writes the stretch that it is in. All else gathers as loose
 * items and is written in new stretches, over the older one that they take the place of; where there are more
 * of these, they are dropped. That is at a page's end at the latest, since what a page's documents were
 * before must not outlive its transaction. But the beginning of a stretch that goes on on the next page may
 * wait.
 *
 * Places are numbers with room between them. What comes behind all others takes wide steps, and so does
 * what comes before all others: listings tend to grow at their ends. When there is no more room somewhere,
 * all is dropped, and the next listing learns anew. A place is taken again where that can be, since a record
 * that is written over stays on its page of the store, and one with another key often comes to the next. */
#include <stdlib.h>
#include <string.h>

#include "common/check.h"
#include "worker/winnow/forecast_internal.h"

#define PLACE_FIRST ((uint64_t)1 << 48)
#define PLACE_WIDE  ((uint64_t)1 << 32)
#define PLACE_FRONT ((uint64_t)1 << 24)
#define PLACE_STEP  ((uint64_t)1 << 16)

enum {
    LOOSE_MOST = 2 * LIMIT_STRETCH_ITEMS,
    SEEK_MISSES = 16, /* so many unexpected items, and it may go on elsewhere */
};
_Static_assert((int)LOOSE_MOST >= (int)STRETCH_ITEMS_MAX, "a whole stretch has room among the loose items");

int weave_anew(struct forecast *f, struct error *e)
{
    f->first += f->count;
    f->count = 0;
    f->is_loaded = true;
    f->at = (struct forecast_at){f->first, 0};
    f->misses = f->loose_count = 0;
    f->place = f->spare = 0;
    f->has_gap = f->is_whole = f->is_unsettled = false;
    return f->store.drop(f->store.context, 1, UINT64_MAX, e);
}

/* The place of the first stretch that is still to come, and not begun; 0: there is none. */
static int place_ahead(struct forecast *f, uint64_t *place, struct error *e)
{
    int code = window_load(f, f->at, 0, e);
    struct forecast_at at = f->at;
    if (at.item)
        at = (struct forecast_at){at.stretch + 1, 0};
    const struct stretch *stretch = window_stretch(f, at);
    *place = stretch ? stretch->place : 0;
    return code;
}

/* One between two others (high 0: behind all); 0: there is no room. */
static uint64_t place_between(uint64_t low, uint64_t high)
{
    if (!high)
        return !low ? PLACE_FIRST : low < UINT64_MAX - 2 * PLACE_WIDE ? low + PLACE_WIDE : 0;
    uint64_t room = high - low;
    if (!low && room > 2 * PLACE_FRONT)
        return high - PLACE_FRONT;
    return room < 2 ? 0 : low + (room / 2 < PLACE_STEP ? room / 2 : PLACE_STEP);
}

/* The spare place goes to the first of some stretches; or to the last one, where there is more room before
 * it than behind. */
static uint64_t next_place(const struct forecast *f, uint64_t ahead, bool is_last)
{
    if (f->spare <= f->place)
        return place_between(f->place, ahead);
    uint64_t room = f->spare - f->place, step = f->place ? PLACE_STEP : PLACE_FRONT;
    bool is_front = !f->place || (ahead && room > ahead - f->spare);
    if (is_last || !is_front || room < 2)
        return f->spare;
    return f->spare - (room / 2 < step ? room / 2 : step);
}

/* --- what isn't kept --- */

/* This stretch has been begun, or passed over. Its place is spare if it is the only one. */
static void pass_over(struct forecast *f, const struct stretch *stretch)
{
    if (!stretch || stretch->place <= f->place || stretch->place == f->spare)
        return;
    if (f->spare)
        f->has_gap = true;
    else
        f->spare = stretch->place;
}

/* Drop all that was passed over up to a stretch that stays; 0: to the end. */
static int drop_passed(struct forecast *f, uint64_t ahead, struct error *e)
{
    bool is_any = f->has_gap || f->spare;
    f->has_gap = false;
    f->spare = 0;
    return is_any ? f->store.drop(f->store.context, f->place + 1, ahead ? ahead - 1 : UINT64_MAX, e) : 0;
}

/* --- loose items --- */

/* The digest of some loose items' bytes, when they stand side by side on this page. */
static void digest_all(const struct forecast *f, uint32_t from, uint32_t count, struct stretch *out)
{
    const struct forecast_loose *first = &f->loose[from], *last = &first[count - 1];
    out->bytes = 0;
    for (uint32_t i = 0; i < count; i++)
        if (!first[i].to || (i && !first[i].is_joined))
            return;
    size_t bytes = last->to - first->from;
    if (bytes > UINT32_MAX)
        return;
    out->bytes = (uint32_t)bytes;
    out->digest = hash128((struct bytes){f->page.body.data + first->from, bytes}, f->secret);
}

static int put_stretch(struct forecast *f, uint32_t from, uint32_t count, uint64_t place, struct error *e)
{
    struct stretch stretch = {.place = place, .count = count};
    for (uint32_t i = 0; i < count; i++)
        stretch.items[i] = f->loose[from + i].item;
    stretch.row = stretch_row(&stretch);
    digest_all(f, from, count, &stretch);
    return f->store.put(f->store.context, &stretch, e);
}

/* Write the first `count` of the loose items, in stretches of about the same size. */
static int write_loose(struct forecast *f, uint32_t count, struct error *e)
{
    uint64_t ahead;
    uint32_t parts = (count + LIMIT_STRETCH_ITEMS - 1) / LIMIT_STRETCH_ITEMS;
    int code = place_ahead(f, &ahead, e);
    if (f->at.item)
        pass_over(f, window_stretch(f, f->at));
    if (!code && f->has_gap)
        code = drop_passed(f, ahead, e);
    for (uint32_t done = 0; !code && parts; parts--) {
        uint32_t size = (count - done + parts - 1) / parts;
        uint64_t place = next_place(f, ahead, parts == 1);
        if (!place) {
            f->is_mute = true;
            f->rules = 0;
            return weave_anew(f, e);
        }
        code = put_stretch(f, done, size, place, e);
        f->place = place;
        done += size;
    }
    f->spare = 0;
    f->loose_count -= count;
    memmove(f->loose, f->loose + count, f->loose_count * sizeof *f->loose);
    f->is_whole = false;
    return code;
}

/* All loose items are all of this stretch. It stays, but for a digest that it lacked, or that no longer
 * holds: other white space between items would have them read one by one for ever. */
static int keep_whole(struct forecast *f, const struct stretch *stretch, struct error *e)
{
    size_t span = f->loose[f->loose_count - 1].to - f->loose[0].from; /* if they are all of this page */
    int code = drop_passed(f, stretch->place, e);
    if (!code && stretch->bytes != span) {
        struct stretch better = {0};
        digest_all(f, 0, f->loose_count, &better);
        if (better.bytes)
            code = put_stretch(f, 0, f->loose_count, stretch->place, e);
    }
    f->place = stretch->place;
    f->is_whole = false;
    f->loose_count = 0;
    return code;
}

static void add_loose(struct forecast *f, const struct forecast_slot *slot, const struct stretch_item *item,
                      bool is_joined)
{
    CHECK(f->loose_count < LOOSE_MOST);
    if (!f->loose)
        f->loose = mem_alloc(LOOSE_MOST * sizeof *f->loose);
    f->loose[f->loose_count++] = (struct forecast_loose){*item, slot->from, slot->to, is_joined};
}

/* --- slots --- */

/* Where the cursor is behind this place, it has been passed. */
static bool is_ahead(const struct forecast *f, struct forecast_at at)
{
    return at.stretch > f->at.stretch || (at.stretch == f->at.stretch && at.item >= f->at.item);
}

/* The cursor leaves what lies before this place, and perhaps something that isn't kept. When it goes back,
 * what was taken for something behind that place is still to come. */
static void go_to(struct forecast *f, struct forecast_at at)
{
    bool is_back = !is_ahead(f, at);
    if (at.stretch != f->at.stretch || at.item != f->at.item)
        pass_over(f, window_stretch(f, f->at));
    f->has_gap = f->has_gap || is_back || at.stretch - f->at.stretch > 1;
    f->is_unsettled = f->is_unsettled || is_back;
    f->at = at;
}

static int take_stretch(struct forecast *f, const struct forecast_slot *slot, struct error *e)
{
    go_to(f, slot->at);
    int code = f->loose_count ? write_loose(f, f->loose_count, e) : 0;
    const struct stretch *stretch = window_stretch(f, slot->at);
    if (code || f->is_mute)
        return code;
    code = drop_passed(f, stretch->place, e);
    f->place = stretch->place;
    f->at = (struct forecast_at){slot->at.stretch + 1, 0};
    return code;
}

static int make_room(struct forecast *f, struct error *e)
{
    return f->loose_count < LOOSE_MOST ? 0 : write_loose(f, LIMIT_STRETCH_ITEMS, e);
}

/* An item of the last listing, in its turn or later. */
static int take_item(struct forecast *f, const struct forecast_slot *slot, bool is_joined, struct error *e)
{
    struct stretch_item item = *window_item(f, slot->at); /* it was read before */
    bool in_turn = f->at.stretch == slot->at.stretch && f->at.item == slot->at.item;
    go_to(f, slot->at);
    int code = make_room(f, e);
    if (code || f->is_mute)
        return code;
    f->is_whole = f->loose_count ? f->is_whole && in_turn : slot->at.item == 0;
    add_loose(f, slot, &item, is_joined);
    const struct stretch *stretch = window_stretch(f, slot->at);
    f->at = window_next(f, slot->at);
    if (f->is_whole && f->loose_count == stretch->count)
        return keep_whole(f, stretch, e);
    if (f->at.item == 0) /* it is used up, and not kept */
        pass_over(f, window_stretch(f, slot->at));
    return 0;
}

static int take_new(struct forecast *f, const struct forecast_slot *slot, bool is_joined, struct error *e)
{
    struct stretch_item item = {slot->row, (uint32_t)(slot->to - slot->from), slot->digest};
    int code = make_room(f, e);
    if (code || f->is_mute)
        return code;
    f->is_whole = false;
    add_loose(f, slot, &item, is_joined);
    return 0;
}

/* It was left to be parsed though it is as it was. */
static bool is_same(struct forecast *f, const struct forecast_slot *slot)
{
    const struct stretch_item *item = window_item(f, slot->at);
    return item && item->row == slot->row && item->bytes == slot->to - slot->from &&
           digest_equal(item->digest, slot->digest);
}

static int take_slot(struct forecast *f, const struct forecast_slot *slot, bool is_joined, struct error *e)
{
    switch (slot->kind) {
    case SLOT_STRETCH:
        return take_stretch(f, slot, e);
    case SLOT_ITEM:
        return take_item(f, slot, is_joined, e);
    case SLOT_NEW:
        break;
    }
    bool in_place = slot->is_known && is_ahead(f, slot->at) && forecast_expected(f, slot) == slot->row;
    if (in_place && is_same(f, slot))
        return take_item(f, slot, is_joined, e);
    if (in_place) /* what it was must go */
        go_to(f, window_after(f, slot->at, 1));
    return take_new(f, slot, is_joined, e);
}

/* --- pages --- */

/* Does the store have stretches of the last listing that this one hasn't come to? */
static bool has_more(const struct forecast *f)
{
    return f->has_gap || f->spare || f->at.item || !f->is_loaded || f->at.stretch - f->first < f->count;
}

/* What is known and has no part in stretches may be in an older one, too, wherever it was expected. */
static void note_parsed(struct forecast *f, const struct forecast_slot *slot)
{
    if (!slot->is_known)
        return;
    f->parsed++;
    if ((!slot->has_row || forecast_expected(f, slot) != slot->row) && has_more(f))
        f->is_unsettled = true;
}

static int take_mapped(struct forecast *f, struct error *e)
{
    const struct forecast_page *page = &f->page;
    bool is_joined = false;
    int code = 0;
    for (uint32_t i = 0; i < page->count; i++)
        if (page->slots[i].kind == SLOT_NEW)
            note_parsed(f, &page->slots[i]);
    for (uint32_t i = 0; !code && !f->is_mute && i < page->count; i++) {
        const struct forecast_slot *slot = &page->slots[i];
        bool is_sound = slot->kind != SLOT_NEW || slot->has_row;
        if (is_sound)
            code = take_slot(f, slot, is_joined && slot->is_joined, e);
        is_joined = is_sound;
    }
    f->misses = f->at.stretch == page->end.stretch && f->at.item == page->end.item ? page->misses : 0;
    return !code && f->error.code ? error_set(e, f->error.code, "%s", f->error.text) : code;
}

/* Of a page that ended in items that weren't expected, the last one that was known. */
static bool find_known(const struct forecast *f, uint32_t *row)
{
    const struct forecast_page *page = &f->page;
    if (f->misses < SEEK_MISSES)
        return false;
    for (uint32_t i = page->count, looked = 0; i-- > 0 && looked < SEEK_MISSES; looked++)
        if (page->slots[i].kind == SLOT_NEW && page->slots[i].has_row && page->slots[i].is_known) {
            *row = page->slots[i].row;
            return true;
        }
    return false;
}

static int take_page(struct forecast *f, uint64_t known, uint32_t last, struct error *e)
{
    if (f->page.mapped) {
        int code = take_mapped(f, e);
        if (code || f->is_mute || !find_known(f, &last))
            return code;
    } else {
        f->is_whole = false;
        f->parsed += known;
        f->is_unsettled = f->is_unsettled || (known && has_more(f));
        if (!known)
            return 0;
    }
    return window_seek(f, last, e);
}

/* What is loose at a page's end is written, unless it may still turn out to be a stretch that stays. */
static int end_page(struct forecast *f, struct error *e)
{
    if (!f->loose_count)
        return 0;
    for (uint32_t i = 0; i < f->loose_count; i++)
        f->loose[i].to = f->is_whole ? 0 : f->loose[i].to;
    return f->is_whole ? 0 : write_loose(f, f->loose_count, e);
}

int forecast_take(struct forecast *f, uint64_t known, uint32_t last, struct error *e)
{
    int code = 0;
    if (f->error.code)
        return error_set(e, f->error.code, "%s", f->error.text);
    if (f->learns_anew)
        code = weave_anew(f, e);
    f->learns_anew = false;
    if (code || !f->is_on || f->is_mute)
        return code;
    code = take_page(f, known, last, e);
    if (!code && !f->is_mute)
        code = end_page(f, e);
    if (!code)
        window_trim(f);
    return code;
}

int forecast_finish(struct forecast *f, struct error *e)
{
    int code = 0;
    if (!f->is_on || f->is_mute || f->learns_anew)
        return f->learns_anew ? weave_anew(f, e) : 0;
    if (f->loose_count) {
        f->is_whole = false;
        code = write_loose(f, f->loose_count, e);
    }
    if (!code)
        code = window_load(f, f->at, 0, e);
    if (!code && has_more(f))
        code = f->store.drop(f->store.context, f->place + 1, UINT64_MAX, e);
    f->is_unsettled = false;
    return code;
}
