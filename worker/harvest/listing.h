/* Listing: what a harvest's pages change in the store. Reads and writes the shard's store, in its open
 * transaction; decides nothing that winnow and settle don't. The caller commits.
 *
 * After a commit that failed, or an abort, every listing with writes in it is void: close it, report the
 * error (listing_abandon), and don't call anything else. */
#ifndef GARNER_LISTING_H
#define GARNER_LISTING_H

#include "worker/harvest/page.h"
#include "worker/provider/paging.h"
#include "worker/store/store.h"
#include "worker/winnow/settle.h"
#include "worker/winnow/winnow.h"

/* A child's parent, as its harvest needs it. */
struct listing_parent {
    uint32_t collection, row;
    struct receipt_id receipt; /* of the parent's listing; harvest 0: it wasn't sound */
};

struct listing {
    struct store *store;
    const struct collection_def *def;
    struct arena arena; /* as long as the listing */
    struct arena page;  /* as long as a page */
    struct collection_record record;
    struct receipt receipt;
    struct receipt_id rests_on; /* the parent's receipt */
    struct winnow winnow;
    const struct placeholders *values;
    struct validators known;            /* to ask with; request 0: none */
    struct validators fresh;            /* that the first page came with */
    uint64_t size_failed, size_smaller; /* as the harvest has them */
    bool begun;                         /* listing_begin was called */
    bool unmodified; /* nothing was listed: the receipt is the last sound one's, as far as it goes */
    bool woven;      /* stretches were written with this page */
    struct winnow_rules old_rules;
    bool void_first;     /* the id rule has changed: forget all before the first page is taken */
    bool voided;         /* it was done */
    bool definition_new; /* to be written with the first complete listing */
    bool rules_new;      /* the rules are to be written with the first page that changes anything */
    bool initial;
    bool inherited; /* unsound only because the parent's listing was */
    /* Where an earlier harvest was stopped; null: nowhere, or not any more once the first page came. */
    struct checkpoint *checkpoint;
    roaring_bitmap_t *seen_before; /* the rows that it saw; null: it doesn't say */
    int64_t began_ms;              /* this listing, with what came before its checkpoint */
    uint64_t created_rows;
    /* For `require`: bit i is set once an item of this listing had require[i]. */
    uint64_t had;
    uint64_t faults, fault_page; /* wrong items, and the page of the first one. Items go on being taken */
    bool is_shown;               /* the first one is in quarantine, as: */
    struct digest shown;
    bool leaves_old; /* a known row's item couldn't be stored: its document is still by older rules */
    /* Settling. */
    roaring_bitmap_t *ask, *gone; /* candidates to be asked for, and those that aren't there */
    roaring_bitmap_t *delete_;
    roaring_bitmap_t
        *missed; /* to be noted as missing, unless they are gone; each null while there are none */
    uint64_t held;
    uint64_t children_deleted; /* with their parents */

    /* Texts, here and at the end of `forecast`, are only begun with a NUL. */
    struct forecast forecast;
    struct error fault;           /* the first one */
    char unsound[ERROR_TEXT_MAX]; /* why; "" while it is sound */
};

/* `values` must outlive it; `parent` null in account and region scope. A collection that is new is
 * written with its first page or receipt, not here. */
int listing_open(struct listing *l, struct store *store, const struct collection_def *def,
                 const struct collection_key *key, const struct placeholders *values,
                 const struct listing_parent *parent, int64_t wall_ms, struct error *e);
/* Before the first page is decoded; again is fine. Not done by listing_open: a listing that is unmodified, or
 * comes to no page, needs none of it. */
void listing_begin(struct listing *l);
void listing_close(struct listing *l); /* safe twice, and on one that is all zero */

/* The first page came: `resumed_page` is its number when the listing goes on from l->checkpoint, else 0. To
 * be called before its listing_take. */
int listing_take_up(struct listing *l, uint64_t resumed_page, struct error *e);

/* Take a page's items, those that l->forecast recognised too: store what is new or different, with its
 * change. `seen` is for paging. `*reread`: nothing was taken; the page is to be decoded as a whole
 * (harvest_reread), and that to be taken. ERR_DEGRADED: many items lack what earlier ones had, nothing of the
 * page was taken. Store errors: the transaction must be aborted. */
int listing_take(struct listing *l, const struct page *page, int64_t wall_ms, struct page_seen *seen,
                 bool *reread, struct error *e);

void listing_unsound(struct listing *l, const char *why);

/* Note where the listing stands, so that the next harvest can go on from there (listing_checkpoint.c).
 * Written with the pages that were taken, in their transaction; replaces the one before. `request` is the
 * request_hash of its pages. */
int listing_checkpoint(struct listing *l, const struct checkpoint_position *position, uint64_t request,
                       struct error *e);
/* The listing went on from `l->checkpoint` and failed before its first page came: the next one may go on from
 * there as well, unless that has come to nothing too often. */
int listing_checkpoint_again(struct listing *l, const struct error *cause, struct error *e);
/* The next harvest begins with the first page. Writes only if there is a checkpoint. */
int listing_checkpoint_drop(struct listing *l, struct error *e);

/* Every page came. Judges what is missing; `l->ask` are the rows to be asked for: none unless the
 * collection says `confirm: get`. */
int listing_settle(struct listing *l, int64_t wall_ms, struct error *e);

/* The document of a row to be asked for, in `arena`. */
int listing_candidate(struct listing *l, uint32_t row, struct arena *arena, struct resource_view *view,
                      struct value *document, struct error *e);
/* What came of asking: the row is gone, or there (`there`), or else unknown: it stays, as missing. */
int listing_asked(struct listing *l, uint32_t row, bool gone, bool there, struct error *e);

/* Write deletes, statuses and the receipt of a complete listing. Its checkpoint goes. */
int listing_finish(struct listing *l, int64_t wall_ms, struct error *e);

/* Instead of all that: the provider says that nothing has changed since the last listing, which was sound.
 * Its receipt says so, and stands for this harvest, which has none of its own. */
int listing_unmodified(struct listing *l, int64_t wall_ms, struct error *e);

/* Write the receipt and status of a harvest that failed. What its pages brought stays, and so does the
 * checkpoint that there is. */
int listing_fail(struct listing *l, const struct error *cause, int64_t wall_ms, struct error *e);

/* The receipt that the children of a collection rest on: its last harvest's, if that was sound; else harvest
 * 0. What a provider said since to be unchanged (tier 0) leaves it as it is. */
struct receipt_id listing_parent_receipt(uint32_t shard, const struct collection_record *parent);

/* Delete a resource's children, and theirs, citing the receipts of the parent's change; drop their
 * collections. `rows` are rows of `parent`. (cascade.c) */
int cascade_delete(struct store *store, uint32_t parent, const roaring_bitmap_t *rows,
                   const struct receipt_id *receipts, uint32_t receipt_count, int64_t wall_ms,
                   uint64_t *deleted, struct error *e);

/* Start collections below `parent` anew: their parents' ids mean something else now. (cascade.c) */
int cascade_void(struct store *store, uint32_t parent, int64_t wall_ms, struct error *e);

#endif
