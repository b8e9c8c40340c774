/* Truth: what was committed, in each fork of each shard's log. Pure; everything is kept, compacted or not. */
#ifndef GARNER_SIM_FEED_TRUTH_H
#define GARNER_SIM_FEED_TRUTH_H

#include "tests/sim/feed/note.h"
#include "worker/store/store.h"

enum { TRUTH_EPOCHS = 64 };

/* A committed change. Forks have those in common that were there before they parted. */
struct entry {
    struct change change; /* texts are its own */
    struct bytes packed;
    uint32_t check;
    uint64_t collection, name, document; /* hashes: of the collection's key, that and the id, `after` */
};

struct fork {
    const struct entry **entries; /* by seq; 0 is null: before the first one */
    uint64_t head, oldest;
    struct store_epoch epochs[TRUTH_EPOCHS];
    uint32_t epoch_count;
};

struct truth_shard {
    struct fork *forks;
    uint32_t count; /* the last one is what there is */
};

struct truth {
    struct arena arena;
    struct truth_shard *shards;
    uint32_t count;
};

/* A row: of the truth, or of what a subscriber made of it. */
struct row {
    uint64_t collection, name, seq, document;
    bool is_doubtful; /* of a history that was lost, in a collection that wasn't complete */
    bool passes;      /* the filter that is asked about: truth_rows */
};

struct rows {
    struct row *all;
    uint32_t count, cap;
};

void truth_open(struct truth *truth, uint32_t shards);
void truth_close(struct truth *truth);
bool truth_note(struct truth *truth, const struct note *note); /* false: it can't be so */

struct fork *truth_fork(const struct truth *truth, uint32_t shard, uint32_t fork);
struct fork *truth_now(const struct truth *truth, uint32_t shard);
const struct entry *truth_entry(const struct fork *fork, uint64_t seq); /* null: none, or seq 0 */

/* What a point was behind: `*found` false: no change that was ever committed, or several. */
const struct entry *truth_behind(const struct truth *truth, uint32_t shard, const struct point *at,
                                 bool *found);

/* What the changes of a fork up to `seq` come to; `passes` says of each row if it passes the filter. */
void truth_rows(const struct fork *fork, uint64_t seq, const struct filter *filter, struct rows *out);

/* Is the collection listed at `seq` of a fork? */
bool truth_is_listed(const struct fork *fork, uint64_t seq, uint64_t collection);

uint64_t truth_collection_of(const struct collection_key *key);
uint64_t truth_name_of(const struct collection_key *key, struct bytes id);

struct row *rows_find(const struct rows *rows, uint64_t name);  /* null: none */
struct row *rows_put(struct rows *rows, const struct row *row); /* in the place of the one of its name */
void rows_remove(struct rows *rows, struct row *row);
void rows_copy(struct rows *to, const struct rows *from);
void rows_close(struct rows *rows);

/* Apply a change to rows by the contract's rules (client/garner.h). */
void rows_apply(struct rows *rows, const struct entry *entry);

#endif
