/* Guards: what keeps the cluster right, and can be broken on purpose (tally.h), to see that the checks find
 * it. */
#ifndef GARNER_SIM_CLUSTER_GUARD_H
#define GARNER_SIM_CLUSTER_GUARD_H

#include "tests/sim/cluster/world.h"

int guard_of_name(const char *name); /* -1: none */
const char *guard_name(enum guard guard);
const char *guard_broken(enum guard guard); /* what is so then */

/* The coordinator's. */
int64_t guard_lease(const struct world *w);
void guard_begun(struct world *w);
void guard_before_tick(struct world *w);
void guard_after_tick(struct world *w);
void guard_before_heard(struct world *w, struct said *said);
void guard_after_heard(struct world *w);
void guard_decided(struct world *w);
void guard_order(const struct world *w, uint32_t worker, struct shard_order *order);

/* A worker's. */
void guard_before_orders(struct world *w, struct tenure *tenure);
void guard_after_orders(struct world *w, struct tenure *tenure);
uint64_t guard_mark(const struct world *w, const struct serving *serving, uint64_t head, int64_t now_ms);

#endif
