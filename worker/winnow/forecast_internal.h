/* What the files of the forecast share. Not for others. */
#ifndef GARNER_FORECAST_INTERNAL_H
#define GARNER_FORECAST_INTERNAL_H

#include "worker/winnow/forecast.h"

/* --- forecast_window.c: the last listing, a page's worth of it at a time --- */

/* Null: at the end. Its items may not have been read. */
static inline const struct stretch *window_stretch(const struct forecast *f, struct forecast_at at)
{
    return at.stretch - f->first < f->count ? &f->window[at.stretch - f->first] : NULL;
}

/* Read its items if they weren't. False: at the end; or there is an f->error now. */
bool window_fill(struct forecast *f, struct forecast_at at);

/* Null as said of window_fill. */
static inline const struct stretch_item *window_item(struct forecast *f, struct forecast_at at)
{
    const struct stretch *stretch = window_stretch(f, at);
    if (!stretch || (stretch->is_brief && !window_fill(f, at)))
        return NULL;
    return &stretch->items[at.item];
}

/* The place so many items further on. */
struct forecast_at window_after(const struct forecast *f, struct forecast_at at, uint32_t items);

/* The next place, of one that is loaded. */
static inline struct forecast_at window_next(const struct forecast *f, struct forecast_at at)
{
    bool is_last = at.item + 1 == f->window[at.stretch - f->first].count;
    return is_last ? (struct forecast_at){at.stretch + 1, 0} : (struct forecast_at){at.stretch, at.item + 1};
}

/* Have so many bytes' worth of stretches behind the one at `at`, and one at least, as far as there are so
 * many. */
int window_load(struct forecast *f, struct forecast_at at, size_t bytes, struct error *e);

/* Forget what is before f->at. */
void window_trim(struct forecast *f);

/* Look for an item of these bytes among the `most` from `at` on, as far as they are loaded. */
bool window_search(struct forecast *f, struct forecast_at at, uint32_t bytes, const struct digest *digest,
                   uint32_t most, struct forecast_at *found);

/* Go on behind this row, wherever it stands behind `at` in the last listing; nothing if it doesn't. */
int window_seek(struct forecast *f, uint32_t row, struct error *e);

/* --- forecast_weave.c --- */

/* No stretch is worth anything any more. */
int weave_anew(struct forecast *f, struct error *e);

#endif
