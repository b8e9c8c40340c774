/* Forecast: what the last listing says of this one: whose bytes these are, without looking into them. Tiers 1
 * and 2 of winnowing. Pure: no I/O, no clock; stretches come and go through `struct forecast_store`.
 *
 * A page goes through in two steps. forecast_read finds where its items stand and which of them the last
 * listing had, in its order; what is left of the body is to be decoded, and what it has besides these is new
 * or different. forecast_take, once the page's items are stored, lets the stretches say what this listing
 * saw. In between the listing may change its mind: a page can be read again, or be given up
 * (forecast_give_up).
 *
 * What always holds of the stretches in the store, so that bytes may stand for a document:
 * - An item of a stretch, with these bytes, is the stored document of its row, under the rules of the
 * collection's `forecast_rules`. So a document that is written anew takes the stretch that knew it with it,
 * in the same transaction.
 * - A row stands in one stretch at most. A row that is found, by its id, where it wasn't expected may still
 * be in a stretch that this listing comes to later, or, if it fails, never: that makes the forecast
 * `unsettled`. The next listing then does without, and so does one under other rules.
 * - A complete listing leaves only rows that it saw, so whatever it deletes is in no stretch.
 *
 * Not for two threads at once. Nothing blocks. */
#ifndef GARNER_FORECAST_H
#define GARNER_FORECAST_H

#include "proto/stretch.h"
#include "worker/decode/finder.h"
#include "worker/provider/template.h"

/* Where the collection's stretches are kept. */
struct forecast_store {
    void *context;
    /* Visit them by place, from `from` on; stops at a non-zero return and gives it back. */
    int (*each)(void *context, uint64_t from, int (*visit)(void *visitor, const struct stretch *stretch),
                void *visitor, struct error *e);
    /* Read one in full that `each` gave brief. */
    int (*read)(void *context, uint64_t place, struct stretch *out, struct error *e);
    int (*put)(void *context, const struct stretch *stretch, struct error *e);
    int (*drop)(void *context, uint64_t from, uint64_t to, struct error *e); /* both of them too */
};

enum forecast_slot_kind {
    SLOT_STRETCH, /* all items of a stretch: tier 1 */
    SLOT_ITEM,    /* one item of a stretch: tier 2 */
    SLOT_NEW,     /* none that was expected: it is in the rest */
};

/* A place in the last listing: which stretch of the window, counted from the listing's first one, and which
 * of its items. */
struct forecast_at {
    uint32_t stretch, item;
};

struct forecast_slot {
    enum forecast_slot_kind kind;
    struct forecast_at at; /* SLOT_NEW: which item was expected there, if any was */
    size_t from, to;       /* in the body */
    bool is_joined;        /* to the one before it: nothing of the envelope stands between them */
    struct digest digest;  /* SLOT_NEW: of its bytes */
    /* SLOT_NEW, to be set before forecast_take: */
    bool has_row;  /* it is a sound item, and `row` is its document's */
    bool is_known; /* its row was there before: `row`, also of one that isn't sound */
    uint32_t row;
};

struct forecast_page {
    bool mapped; /* the slots are all its items; else it has to be decoded as a whole */
    struct bytes body, rest;
    struct forecast_slot *slots;
    uint32_t count, cap;
    uint32_t unknown;      /* slots that are SLOT_NEW */
    uint64_t tier1, tier2; /* items in the others */
    struct forecast_at end;
    uint32_t misses; /* SLOT_NEWs behind the last of the others */
};

/* One that is seen by this listing and not yet part of a stretch. */
struct forecast_loose {
    struct stretch_item item;
    size_t from, to; /* in the page's body; to 0: it was on an earlier one */
    bool is_joined;  /* to the one before it */
};

struct forecast {
    const struct collection_def *def;
    const struct hash_secret *secret;
    struct forecast_store store;
    uint64_t rules;    /* as they are to be noted with the stretches */
    bool is_on;        /* false: this collection's pages aren't for a forecast … */
    bool is_on_xml;    /* … or those of XML aren't */
    bool leaves_last;  /* a page's last item is always decoded */
    bool learns_anew;  /* all older stretches go with the first page that is taken */
    bool is_learning;  /* this listing began without a forecast: every item of it is parsed */
    bool is_unsettled; /* see above; to be noted with the collection */
    bool is_mute;      /* there was no room between stretches: no more are written, and `rules` is 0 */

    /* The last listing, as far as it is needed. */
    struct stretch *window;
    uint32_t first; /* the number of window[0] */
    uint32_t count, cap;
    uint64_t load_from; /* the place to go on loading from */
    bool is_loaded;     /* there are no more */
    struct forecast_at at;
    uint32_t misses; /* items before `at` that weren't expected, since the last that was */
    uint64_t rows;   /* about so many it had */
    uint64_t parsed; /* known rows that were found by their ids since the last search for one */

    /* This listing. */
    uint64_t place; /* of its last stretch; 0: none yet */
    uint64_t spare; /* of a stretch behind that place that this listing passed over; 0: of none */
    bool has_gap;   /* there are more of these, or may be */
    struct forecast_loose *loose; /* room for two full stretches; null: none were needed yet */
    uint32_t loose_count;
    bool is_whole; /* `loose` is the beginning of the stretch at `at`, up to there */

    struct forecast_page page;
    struct buffer rest; /* what page.rest may point to */

    /* Of `each`, in forecast_read; reported by forecast_take. Last: its text is only begun with a NUL. */
    struct error error;
};

/* What was noted with the collection. */
struct forecast_noted {
    uint64_t rules;
    bool is_unsettled;
    uint64_t rows;
};

/* What documents and their ids hang on beside their bytes, as a hash; never 0. */
uint64_t forecast_rules_of(const struct collection_def *def, const struct placeholders *values);

/* `rests`: make no use of the stretches, learn anew. `values` are for the hash of the rules. All that is
 * pointed to must outlive it. */
void forecast_open(struct forecast *f, const struct collection_def *def, const struct placeholders *values,
                   const struct hash_secret *secret, const struct forecast_store *store,
                   const struct forecast_noted *noted, bool rests);
void forecast_close(struct forecast *f); /* safe twice, and on one that is all zero */

/* Read a page's body into f->page. `format` as decode_format says; `body` must live until forecast_take.
 * Changes nothing of the listing: the same page, or another in its place, may be read again. */
void forecast_read(struct forecast *f, enum format_kind format, struct bytes body);

/* The page is to be decoded as a whole: what was recognised of it was wrong, or may be. */
void forecast_give_up(struct forecast *f);

/* The rows of a slot that isn't SLOT_NEW: from `row` on, unless `items` tell them. */
struct forecast_rows {
    uint32_t row, count;
    const struct stretch_item *items; /* null: each row is the one before it and one */
};
struct forecast_rows forecast_rows(const struct forecast *f, const struct forecast_slot *slot);

/* The row that was expected at a SLOT_NEW; UINT32_MAX: none was. */
uint32_t forecast_expected(struct forecast *f, const struct forecast_slot *slot);

/* The page's items are stored. Of an unmapped page `known` were there before, and `last` is the row of the
 * last of these. Writes what changes of the stretches. Returns 0 or an error of the store. */
int forecast_take(struct forecast *f, uint64_t known, uint32_t last, struct error *e);

/* Every page came: forget what this listing passed over, or didn't come to. */
int forecast_finish(struct forecast *f, struct error *e);

#endif
