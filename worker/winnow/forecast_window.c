/* The window: the stretches of the last listing that the page at hand may be made of. They are copied out of
 * the store, so that it may be written to meanwhile. */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "common/check.h"
#include "worker/winnow/forecast_internal.h"

enum {
    SEARCH_ITEMS = 4096, /* that are looked through for one item's bytes */
    SEEK_PRICE = 64,     /* rows looked through in the store for each item that had to be parsed */
    TRIM_STRETCHES = 16,
};

const struct stretch *window_stretch(const struct forecast *f, struct forecast_at at)
{
    return at.stretch - f->first < f->count ? &f->window[at.stretch - f->first] : NULL;
}

const struct stretch_item *window_item(const struct forecast *f, struct forecast_at at)
{
    const struct stretch *stretch = window_stretch(f, at);
    return stretch ? &stretch->items[at.item] : NULL;
}

struct forecast_at window_after(const struct forecast *f, struct forecast_at at, uint32_t items)
{
    const struct stretch *stretch = window_stretch(f, at);
    while (stretch && items >= stretch->count - at.item) {
        items -= stretch->count - at.item;
        at = (struct forecast_at){at.stretch + 1, 0};
        stretch = window_stretch(f, at);
    }
    if (stretch)
        at.item += items;
    return at;
}

static void copy_stretch(struct stretch *to, const struct stretch *from)
{
    CHECK(from->count > 0 && from->count <= LIMIT_STRETCH_ITEMS);
    memcpy(to, from, offsetof(struct stretch, items) + from->count * sizeof *from->items);
}

static uint64_t bytes_of_stretch(const struct stretch *stretch)
{
    uint64_t bytes = stretch->bytes;
    for (uint32_t i = 0; bytes == 0 && i < stretch->count; i++)
        bytes += stretch->items[i].bytes;
    return bytes;
}

enum { ENOUGH = -1 };

struct loading {
    struct forecast *f;
    uint64_t bytes, wanted;
};

static int add_stretch(void *context, const struct stretch *stretch)
{
    struct loading *loading = context;
    struct forecast *f = loading->f;
    if (f->count == f->cap) {
        f->cap = f->cap ? f->cap * 2 : 4;
        f->window = mem_resize(f->window, f->cap * sizeof *f->window);
    }
    copy_stretch(&f->window[f->count++], stretch);
    f->load_from = stretch->place + 1;
    loading->bytes += bytes_of_stretch(stretch);
    return loading->bytes >= loading->wanted ? ENOUGH : 0;
}

int window_load(struct forecast *f, struct forecast_at at, size_t bytes, struct error *e)
{
    struct loading loading = {.f = f, .wanted = bytes};
    uint32_t next = at.stretch - f->first + 1; /* the one at `at` may be used up but for one item */
    if (f->is_loaded)
        return 0;
    for (uint32_t i = next; i < f->count && loading.bytes < bytes; i++)
        loading.bytes += bytes_of_stretch(&f->window[i]);
    while (f->count <= next || loading.bytes < bytes) {
        int code = f->store.each(f->store.context, f->load_from, add_stretch, &loading, e);
        if (code && code != ENOUGH)
            return code;
        if (code == 0) {
            f->is_loaded = true;
            break;
        }
    }
    return 0;
}

void window_trim(struct forecast *f)
{
    uint32_t past = f->at.stretch - f->first;
    CHECK(past <= f->count);
    if (past < TRIM_STRETCHES && past < f->count)
        return;
    if (past < f->count)
        memmove(f->window, f->window + past, (f->count - past) * sizeof *f->window);
    f->first += past;
    f->count -= past;
}

bool window_search(const struct forecast *f, struct forecast_at at, uint32_t bytes,
                   const struct digest *digest, uint32_t *looked, struct forecast_at *found)
{
    uint32_t left = SEARCH_ITEMS;
    for (const struct stretch *stretch; left && (stretch = window_stretch(f, at));
         at = (struct forecast_at){at.stretch + 1, 0})
        for (; left && at.item < stretch->count; at.item++, left--)
            if (stretch->items[at.item].bytes == bytes &&
                digest_equal(stretch->items[at.item].digest, *digest)) {
                *found = at;
                return true;
            }
    *looked += SEARCH_ITEMS - left;
    return false;
}

/* --- seeking --- */

struct seeking {
    uint32_t row;
    struct stretch found;
    uint32_t item;
};

static int is_it(void *context, const struct stretch *stretch)
{
    struct seeking *seeking = context;
    for (uint32_t i = 0; i < stretch->count; i++)
        if (stretch->items[i].row == seeking->row) {
            copy_stretch(&seeking->found, stretch);
            seeking->item = i;
            return ENOUGH;
        }
    return 0;
}

/* All stretches may have to be read, so it must have been worth it: a page that isn't what was expected costs
 * the parsing of a page, and so may the search. */
static bool may_seek(const struct forecast *f)
{
    return f->parsed * SEEK_PRICE >= f->rows;
}

int window_seek(struct forecast *f, uint32_t row, struct error *e)
{
    struct seeking seeking = {.row = row};
    const struct stretch *now = window_stretch(f, f->at);
    if (!now || !may_seek(f))
        return 0;
    f->parsed = 0;
    int code = f->store.each(f->store.context, now->place + 1, is_it, &seeking, e);
    if (code != ENOUGH)
        return code;
    f->first += f->count;
    f->count = 0;
    f->is_loaded = false;
    f->load_from = seeking.found.place;
    f->at = (struct forecast_at){f->first, 0};
    f->misses = 0;
    f->has_gap = true;
    code = window_load(f, f->at, 0, e);
    if (!code)
        f->at = window_after(f, f->at, seeking.item + 1);
    return code;
}
