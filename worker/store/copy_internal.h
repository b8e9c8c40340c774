/* What copy's .c files share. For them only. */
#ifndef GARNER_STORE_COPY_INTERNAL_H
#define GARNER_STORE_COPY_INTERNAL_H

#include "worker/store/tables.h"

/* A collection's rules, as documents are digested by them. */
struct copy_rules {
    bool known;
    struct pointer *ignore, *unordered, *single; /* single: `unordered` of documents of XML */
    uint32_t ignore_count, unordered_count;
    bool walks; /* one of `unordered` has a `*`: only then XML makes a difference */
};

/* Rows of a collection that were deleted: the collections below them go, too. */
struct copy_gone {
    uint32_t collection;
    roaring_bitmap_t *rows;
};

struct copy {
    struct store *store;
    struct copy_mark mark, committed;
    uint64_t committed_epoch, committed_cited_from;
    /* The collection that is written to; id 0: none is. Its record is written when another one's turn comes.
     */
    struct collection_record at;
    bool at_changed;
    struct arena at_arena; /* of it and its rules */
    struct copy_rules rules;
    const struct collection_record **offers; /* what came with changes, by collection once it is sorted */
    uint32_t offer_count, offer_cap;
    bool offers_sorted;
    uint64_t behind; /* the snapshot's beginning: so many changes are what is taken now, or was read */
    roaring_bitmap_t *taken;   /* collections whose offer was taken */
    roaring_bitmap_t *parents; /* collections that have others below them; null: nobody has looked yet */
    struct copy_gone *gone;
    uint32_t gone_count, gone_cap;
    struct receipt_id looked; /* the last of those that are pinned */
    struct arena scratch;     /* of one change or row */
    struct buffer canonical;
};

/* --- collections (copy_record.c) --- */

/* Make a collection the one that is written to. ERR_NOT_FOUND: it isn't there, and none is. */
int copy_go_to(struct copy *copy, uint32_t id, struct error *e);
/* Write the record of the one that is, and leave it. */
int copy_leave(struct copy *copy, struct error *e);
/* For a collection that isn't there: it is made of a record as the owner has it, and is the one that is
 * written to. ERR_NOT_FOUND: it was given up since, another one has its key. */
int copy_make(struct copy *copy, const struct collection_record *from, struct error *e);
/* The same of a change, where nobody has its record any more. */
int copy_make_unknown(struct copy *copy, const struct change *change, struct error *e);
/* What the owner's record says, and no change does, goes into the one that is written to. */
void copy_merge(struct copy *copy, const struct collection_record *from);
/* The same, and its definition and rule for ids, whatever was stored by those before. */
void copy_adopt(struct copy *copy, const struct collection_record *from);
const struct collection_record *copy_offered(struct copy *copy, uint32_t id); /* null: none was */

/* --- below collections (copy_children.c) --- */

/* The row of the resource that a collection is below of. ERR_NOT_FOUND: it isn't there. */
int copy_parent_row(struct copy *copy, const struct collection_record *record, uint32_t *row,
                    struct error *e);
/* The collection that has the resource which a key's parent names; 0: none has. */
int copy_find_parent(struct copy *copy, const struct collection_key *key, uint32_t *collection,
                     struct error *e);
void copy_note_parent(struct copy *copy, uint32_t collection);
/* Rows of the collection that is written to are deleted: from `row` on, so many. */
int copy_note_gone(struct copy *copy, uint32_t row, uint32_t count, struct error *e);
/* Drop what is below rows that are deleted. */
int copy_drop_below(struct copy *copy, struct error *e);
void copy_forget_gone(struct copy *copy);
/* Each collection below a resource is told its row, or is dropped if that isn't there. */
int copy_join_all(struct copy *copy, struct error *e);

/* --- documents (copy_rules.c) --- */

/* The digest of a document of the collection that is written to. */
int copy_digest(struct copy *copy, struct bytes packed, struct digest *out, struct error *e);

/* --- receipts (copy_receipt.c) --- */

/* `cited`: a change rests on it. Else it is one of the last ones, if it is. May leave the collection that is
 * written to. */
int copy_take_receipt(struct copy *copy, struct bytes packed, bool cited, struct error *e);
/* The last harvest of a collection that there is a receipt of; 0: none. */
int copy_last_harvest(struct copy *copy, uint32_t collection, uint64_t *harvest, struct error *e);
int copy_note_receipt(struct copy *copy, const struct receipt *receipt, bool cited, struct error *e);

/* --- changes (copy_apply.c) --- */

int copy_apply(struct copy *copy, const struct change *change, struct error *e);
int copy_put_row(struct copy *copy, const struct feed_row *row, struct error *e);

/* It doesn't follow from what is there: ERR_CORRUPT. */
int copy_misfit(const struct copy *copy, const struct change *change, const char *why, struct error *e);

#endif
