/* Broods: children, in a run of once. Not for others than worker/run. */
#ifndef GARNER_RUN_BROOD_H
#define GARNER_RUN_BROOD_H

#include "worker/run/lineage.h"

struct account;
struct place;
struct shard;
struct task;

/* The children to be harvested of one listed collection. */
struct brood {
    struct brood *next;
    const struct collection_def *parent_def;
    uint32_t def_index; /* of the next child collection_def to look at, in the provider */
    uint32_t next_row;  /* of the parent's rows, for that def */
    struct shard *shard;
    uint32_t collection; /* the parent's */
    struct receipt_id receipt;
    struct place *place; /* theirs, and the parent's */
    struct lineage *above;
};

bool brood_has(const struct collection_def *def); /* does any collection have it as parent? */
void brood_begin(struct task *task);
bool brood_start_next(struct account *a);
void brood_close_all(struct account *a);
/* The next collection that has `parent` as its parent, from `*index` on; null when there is none. */
const struct collection_def *brood_next_def(const struct collection_def *parent, uint32_t *index);

#endif
