/* The window: the stretches of the last listing that the page at hand may be made of. They are copied out of
 * the store, so that it may be written to meanwhile. */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "common/check.h"
#include "worker/winnow/forecast_internal.h"

enum {
    SEEK_PRICE = 64, /* rows looked through in the store for each item that had to be parsed */
    TRIM_STRETCHES = 16,
};

bool window_fill(struct forecast *f, struct forecast_at at)
{
    if (at.stretch - f->first >= f->count || f->error.code)
        return false;
    struct stretch *stretch = &f->window[at.stretch - f->first];
    return !stretch->is_brief || !f->store.read(f->store.context, stretch->place, stretch, &f->error);
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
    CHECK(from->count > 0 && from->count <= STRETCH_ITEMS_MAX);
    memcpy(to, from,
           offsetof(struct stretch, items) + (from->is_brief ? 0 : from->count) * sizeof *from->items);
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
    loading->bytes += stretch->bytes;
    return loading->bytes >= loading->wanted ? ENOUGH : 0;
}

int window_load(struct forecast *f, struct forecast_at at, size_t bytes, struct error *e)
{
    struct loading loading = {.f = f, .wanted = bytes};
    uint32_t next = at.stretch - f->first + 1; /* the one at `at` may be used up but for one item */
    if (f->is_loaded)
        return 0;
    for (uint32_t i = next; i < f->count && loading.bytes < bytes; i++)
        loading.bytes += f->window[i].bytes;
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

bool window_search(struct forecast *f, struct forecast_at at, uint32_t bytes, const struct digest *digest,
                   uint32_t most, struct forecast_at *found)
{
    while (most && window_fill(f, at)) {
        const struct stretch *stretch = window_stretch(f, at);
        for (; most && at.item < stretch->count; at.item++, most--)
            if (stretch->items[at.item].bytes == bytes &&
                digest_equal(stretch->items[at.item].digest, *digest)) {
                *found = at;
                return true;
            }
        at = (struct forecast_at){at.stretch + 1, 0};
    }
    return false;
}

/* --- seeking --- */

struct seeking {
    uint32_t row;
    uint64_t place; /* of the one that has it, or may */
};

static int may_be_it(void *context, const struct stretch *stretch)
{
    struct seeking *seeking = context;
    if (stretch->row != STRETCH_ROWS && seeking->row - stretch->row >= stretch->count)
        return 0;
    seeking->place = stretch->place;
    return ENOUGH;
}

/* All stretches may have to be looked at, so it must have been worth it: a page that isn't what was expected
 * costs the parsing of a page, and so may the search. */
static bool may_seek(const struct forecast *f)
{
    return f->parsed * SEEK_PRICE >= f->rows;
}

/* Begin the window at this place, the cursor behind the row; false if it isn't in the stretch there. */
static bool begin_at(struct forecast *f, uint64_t place, uint32_t row, int *code, struct error *e)
{
    struct stretch stretch;
    *code = f->store.read(f->store.context, place, &stretch, e);
    uint32_t item = 0;
    while (!*code && item < stretch.count && stretch.items[item].row != row)
        item++;
    if (*code || item == stretch.count)
        return false;
    f->first += f->count;
    f->count = 0;
    f->is_loaded = false;
    f->load_from = place;
    f->at = (struct forecast_at){f->first, 0};
    f->misses = 0;
    f->has_gap = true;
    *code = window_load(f, f->at, 0, e);
    if (!*code) {
        copy_stretch(&f->window[0], &stretch); /* what is begun must be known in full: it may be dropped */
        f->at = window_after(f, f->at, item + 1);
    }
    return true;
}

int window_seek(struct forecast *f, uint32_t row, struct error *e)
{
    const struct stretch *now = window_stretch(f, f->at);
    if (!now || !may_seek(f))
        return 0;
    f->parsed = 0;
    struct seeking seeking = {row, now->place};
    int code = ENOUGH;
    bool found = false;
    while (code == ENOUGH && !found) {
        code = f->store.each(f->store.context, seeking.place + 1, may_be_it, &seeking, e);
        if (code == ENOUGH) {
            found = begin_at(f, seeking.place, row, &code, e);
            code = code || found ? code : ENOUGH;
        }
    }
    return code;
}
