/* What listing.c and listing_settle.c share. Not for others. */
#ifndef GARNER_LISTING_INTERNAL_H
#define GARNER_LISTING_INTERNAL_H

#include "worker/harvest/listing.h"

/* An item of a page, as it goes through the listing. */
struct taken {
    struct winnow_item item;
    const struct error *unreadable; /* why its id can't be read; null: it can */
    bool noted;                     /* something in it was noted, and will be again whenever it is read */
    bool again;                     /* one of its id was seen before in this listing */
    bool has_row;                   /* it is what its row's document is made of */
    bool is_known;                  /* its id was there before */
    uint32_t row;
    uint32_t expected; /* the row that it probably is; UINT32_MAX: there is none */
};

/* The page that is being taken, from 1. */
static inline uint64_t listing_page(const struct listing *l)
{
    return l->receipt.pages + (l->receipt.resumed_page ? l->receipt.resumed_page : 1);
}

/* What the store has under an item's id. */
int listing_known(struct listing *l, const struct taken *taken, struct winnow_known *known, bool *found,
                  struct error *e);

/* Begin to write; a new collection gets its record and id. */
int listing_ensure(struct listing *l, struct error *e);

/* A change of this collection, to be filled in. */
struct change listing_change(const struct listing *l, enum change_op op, int64_t wall_ms);

/* Let the record say by which definition its listings are made. */
void listing_adopt_definition(struct listing *l);

/* Let the record say that documents are made by the current rules, and some still by older ones. */
void listing_adopt_rules(struct listing *l);

/* ERR_DEGRADED if too many of a page's `items` lost what `require` names; `taken` are those that were read.
 * (listing_require.c) */
int listing_check_required(struct listing *l, const struct taken *taken, uint64_t count, uint64_t items,
                           struct error *e);

/* --- listing_unmodified.c --- */

/* Take what the record has to ask with into `known`, if it may be used. The record has none from then on,
 * until the listing's end says otherwise: what stops half-way leaves none. */
void listing_take_validators(struct listing *l);

/* A listing of one page that saw all there is leaves what its page came with. */
void listing_keep_validators(struct listing *l);

/* --- listing_quarantine.c --- */

/* An item of the page can't be digested, because of `why`: put it into quarantine, and count it as a fault,
 * which is told as `told`. `unsound`: it may be any of those that are missed. Store errors only. */
int listing_quarantine(struct listing *l, const struct value *item, const struct taken *taken,
                       const struct error *why, const struct error *told, bool unsound, int64_t wall_ms,
                       struct error *e);

/* Every page came: what this listing didn't meet leaves quarantine. Not for a listing that was resumed: it
 * read the last pages only. */
int listing_release(struct listing *l, struct error *e);

/* --- listing_forecast.c --- */

/* It is time to read all again, without the short cuts of tiers 0 to 2. */
bool listing_rests(const struct listing *l);

/* Begin with what was noted for this listing, unless it is to read all again. */
void listing_forecast(struct listing *l);

/* Read the checkpoint that the record tells of, if this listing may go on from it. (listing_checkpoint.c) */
int listing_read_checkpoint(struct listing *l, struct error *e);

/* Note what was expected where items weren't recognised. */
void listing_expect(struct listing *l, struct taken *taken, uint64_t count);

/* Is anything that was recognised there a second time, on this page or an earlier one? Then `*reread`: which
 * of the two counts, and whether they are the same, is seen only when both are read. */
int listing_collides(struct listing *l, struct taken *taken, uint64_t count, bool *reread, struct error *e);

/* What was recognised is seen. */
void listing_mark(struct listing *l);

/* The page is stored: see to the stretches. */
int listing_weave(struct listing *l, const struct taken *taken, uint64_t count, struct error *e);

/* Every page came. */
int listing_weave_end(struct listing *l, struct error *e);

#endif
