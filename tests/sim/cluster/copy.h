/* Copy: a worker's copy of a shard, as a model: its epochs and changes, without what they are about. Each
 * change knows a hash of all that came before it and itself: two histories are one up to where these are
 * equal. */
#ifndef GARNER_SIM_CLUSTER_COPY_H
#define GARNER_SIM_CLUSTER_COPY_H

#include "worker/feed/position.h"
#include "worker/tenure/tenure.h"

enum { COPY_CHANGES = 600, COPY_EPOCHS = 200 };

struct copy_change {
    uint64_t through; /* of all up to this one */
    uint32_t check;   /* of it alone: what it is about */
};

struct copy {
    struct store_epoch epochs[COPY_EPOCHS];
    uint32_t epoch_count; /* 0: there is no copy */
    bool is_whole;        /* it is no snapshot that is half taken */
    uint64_t oldest, head;
    struct copy_change
        changes[COPY_CHANGES + 1]; /* by seq; those before the oldest are what is known of them */
};

void copy_drop(struct copy *copy);
void copy_assign(struct copy *to, const struct copy *from); /* what there is of it */

/* An epoch is begun behind what there is. */
void copy_begin(struct copy *copy, uint64_t epoch);
bool copy_is_full(const struct copy *copy); /* no change and no epoch more */
void copy_add(struct copy *copy, uint64_t epoch, uint32_t check);
void copy_cut(struct copy *copy, uint64_t head); /* nothing is behind it any more */

uint64_t copy_epoch(const struct copy *copy); /* that it has come to; 0: there is none */
uint64_t copy_epoch_of(const struct copy *copy, uint64_t seq);
uint64_t copy_through(const struct copy *copy, uint64_t seq); /* 0 before the first */
bool copy_has(const struct copy *copy, uint64_t seq, uint64_t through);

struct tenure_copy copy_tenure(const struct copy *copy);
struct position copy_position(const struct copy *copy, uint32_t shard, uint64_t seq);
/* As an owner judges it; `refusal->kind` 0: what is behind it can be given. */
void copy_judge(const struct copy *copy, const struct position *at, struct refusal *refusal);

#endif
