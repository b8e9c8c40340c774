/* Page: an answer's body decoded, and its items found. Pure.
 *
 * With a forecast, items that it recognises are left out before the body is decoded: `items` are then the
 * others only, in order, one for each SLOT_NEW of forecast->page. */
#ifndef GARNER_HARVEST_PAGE_H
#define GARNER_HARVEST_PAGE_H

#include "worker/decode/decode.h"
#include "worker/winnow/forecast.h"

struct page {
    const struct collection_def *def;
    struct forecast *forecast; /* null: none */
    /* Of the answer that was decoded last; in the arena that it was decoded in. */
    const struct value **items;
    uint64_t count;
    bool single; /* it is XML: `*` also walks a value that stands alone */
    uint32_t duplicate_keys;
    int code;           /* why its items can't be found: */
    struct error error; /* set if `code` is */
};

/* `forecast` null: none. Both must outlive it. */
void page_open(struct page *page, const struct collection_def *def, struct forecast *forecast);

/* Decode an answer (a `struct page` is the context of an answer_decoder), and find its items. Errors as
 * decode_body; that items can't be found comes with page_check. */
int page_decode(void *page, const struct answer *answer, struct arena *arena, struct decoded *out,
                struct error *e);

/* The same without a forecast. */
int page_decode_whole(struct page *page, const struct answer *answer, struct arena *arena,
                      struct decoded *out, struct error *e);

/* The answer is that there is nothing: no items. */
void page_none(struct page *page);

/* 0; ERR_ITEMS: there is nothing, or no array, where items should be; ERR_LIMIT: too many. */
int page_check(const struct page *page, struct error *e);

#endif
