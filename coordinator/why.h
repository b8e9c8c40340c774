/* Why: what of a shard isn't as it should be, and why, for operators. Pure.
 *
 * membership/explain.c says what its deciders wait for; here is what an operator would ask next: will it come
 * by itself, and if not, what to do. */
#ifndef GARNER_COORDINATOR_WHY_H
#define GARNER_COORDINATOR_WHY_H

#include "coordinator/membership/cluster.h"

/* Somebody is there who harvests it now, or has just sealed it. */
bool why_is_served(const struct cluster *c, uint32_t shard);

/* Fewer followers are in sync than there should be. */
bool why_lacks_followers(const struct cluster *c, uint32_t shard);

/* It isn't as it should be, and nothing is under way that would soon make it so. */
bool why_is_stuck(const struct cluster *c, uint32_t shard, int64_t now_ms);

/* Append why it is as it is: a sentence or two. */
void why_explain(const struct cluster *c, uint32_t shard, int64_t now_ms, struct buffer *out);

#endif
