/* Who has what, as a subscriber knows it: of follow.h, with which it is one decider. */
#ifndef GARNER_CLIENT_FOLLOW_MAP_H
#define GARNER_CLIENT_FOLLOW_MAP_H

#include "client/follow.h"

/* A shard's worker; UINT32_MAX: nobody has it, as far as we know. */
uint32_t follow_owner(const struct follow *follow, uint32_t shard);

/* Who has what. What has arrived stays good. What is under way does where its worker has the same shards as
 * before (`was` says who that is); else it is lost, as by follow_lost, and its answer must not be handed on.
 * False: it is the map that there was. */
bool follow_map(struct follow *follow, const struct feed_map *map);

/* How many shards nobody has. Names some of them, as "shard 3" or "shards 3, 5 and 9 more", unless `names` is
 * null. */
uint32_t follow_lacking(const struct follow *follow, struct buffer *names);

void follow_free_workers(struct follow_worker *workers, uint32_t count); /* for follow_close */

#endif
