/* Copy: a store that follows another worker's, to be promoted to it one day (docs/store.md, Copies).
 *
 *     NONE --the owner has its position--> WHOLE --changes--> WHOLE
 *       |                                    ^
 *       '--snapshot--> TAKING --its end--> LOG, the changes from the oldest on
 *
 * It has the owner's collections, documents, ids, changes, epochs, and the receipts that changes rest on.
 * Rows are numbered anew. Stretches, missing entries, quarantine, checkpoints and validators are the owner's
 * alone: the first listing of a promoted copy makes them.
 *
 * Its thread is the store's only writer while it is open. All calls work in the store's write transaction,
 * which they begin, until copy_commit. Errors as of store.h, and: ERR_CORRUPT also when what comes doesn't
 * follow from what is there. After any error copy_abort; after ERR_CORRUPT the copy is begun anew. */
#ifndef GARNER_STORE_COPY_H
#define GARNER_STORE_COPY_H

#include "proto/feed.h"
#include "worker/store/store.h"

enum copy_phase {
    COPY_NONE,   /* nothing is in it; or it was owned here, and may go on as a copy as it is */
    COPY_TAKING, /* a snapshot is half taken: nothing in it counts */
    COPY_LOG,    /* the snapshot is there, its changes aren't all */
    COPY_WHOLE   /* all that the owner had at a seq */
};

struct copy;

/* The store must outlive it. A store that was owned here goes on as a copy: what is local to it is dropped,
 * in a transaction of its own. */
int copy_open(struct store *store, struct copy **out, struct error *e);
void copy_close(struct copy *copy); /* aborts; null is fine */

/* As of the last commit, or ahead of it by what isn't committed. */
enum copy_phase copy_phase(const struct copy *copy);
/* What it has the changes up to; with what has to be passed yet until it is whole. */
int copy_position(struct copy *copy, struct position *out, struct error *e);

/* Take a part of a snapshot; with the first one, which has the epochs, the copy is begun anew. What the part
 * points to must live until the commit. After the last one its log is to be begun. */
int copy_take_part(struct copy *copy, const struct feed_part *part, bool first, struct error *e);

/* Its log begins behind `at`, where the owner's does: in COPY_LOG, as often as it may be. ERR_NOT_FOUND: the
 * changes behind the snapshot aren't kept any more, take another one. */
int copy_begin_log(struct copy *copy, const struct position *at, struct error *e);

/* The record of a collection that came with changes which are taken next. Must live until the commit. */
void copy_offer(struct copy *copy, const struct collection_record *record);
void copy_forget_offers(struct copy *copy); /* as a commit does */
/* The change behind the last one, as the owner has packed it. */
int copy_append(struct copy *copy, const struct change *change, struct bytes packed, struct error *e);
/* A receipt that these changes rest on; after them. */
int copy_put_receipt(struct copy *copy, struct bytes packed, struct error *e);

/* Synced to disk on return. Forgets what was offered. After an error all since the last one is undone. */
int copy_commit(struct copy *copy, struct error *e);
void copy_abort(struct copy *copy);

/* The owner keeps the changes from there on: forget earlier ones, and receipts that no change rests on any
 * more. In transactions of its own; a look at up to LIMIT_COMPACT_ITEMS of them. */
int copy_compact(struct copy *copy, uint64_t oldest, struct error *e);

/* Of any store, whoever wrote it. In a transaction of its own, or in the current one. */
struct copy_state {
    bool is_whole;  /* it is no copy that isn't whole yet; if not, the rest is 0 */
    uint64_t epoch; /* that it is in */
    uint64_t head;
    uint32_t check; /* position_check of the change at `head`; 0: there is none, or it isn't known */
};
int store_copy_state(struct store *store, struct copy_state *out, struct error *e);

#endif
