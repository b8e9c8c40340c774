/* Checkpoint: where a listing stands that is under way or was stopped, so that the next harvest goes on from
 * there; and to and from protobuf.
 *
 * Unpacked texts live in the arena. Foreign bytes are validated as those of records are (proto/record.h), but
 * for what only others can judge: whether the position is one of the collection's paging (paging_restore),
 * and the rows (store_checkpoint_get). */
#ifndef GARNER_PROTO_CHECKPOINT_H
#define GARNER_PROTO_CHECKPOINT_H

#include "common/arena.h"
#include "common/error.h"
#include "common/hash.h"

/* Where paging stands. */
struct checkpoint_position {
    uint64_t page;               /* to be asked for next: from 2 on */
    uint64_t size;               /* of pages, as it was asked for; 0: not said */
    uint64_t items, first_items; /* that came so far, and on the first page */
    uint64_t total;              /* that a page said, if `has_total` */
    bool has_total, total_unreadable;
    /* One of these, by style. */
    uint64_t number;     /* offset or page number */
    struct bytes link;   /* empty: none */
    struct bytes tokens; /* a MessagePack array; data is null where there are none */
};

struct checkpoint {
    struct digest definition; /* that it was listed by */
    uint64_t request;         /* request_hash of its pages' request, never 0 */
    uint64_t harvest;         /* that wrote it */
    int64_t started_ms;       /* when the listing began, in an earlier harvest perhaps */
    struct checkpoint_position position;
    uint64_t created;    /* resources that it created so far */
    uint64_t had;        /* which of the required parts were there: a bit each */
    const char *unsound; /* why it can't be sound any more; null while it is */
    uint64_t tries;      /* harvests that went on from it and failed on that very page */
    struct bytes seen;   /* rows, as a Roaring bitmap in its portable form; data is null without */
};

void checkpoint_pack(const struct checkpoint *checkpoint, struct buffer *out);
/* 0 or ERR_CORRUPT. */
int checkpoint_unpack(struct arena *arena, struct bytes packed, struct checkpoint *out, struct error *e);

#endif
