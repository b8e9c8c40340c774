/* Roles: as what this worker has each shard, and up to where it serves whom.
 *
 *     owner, sealed      subscribers up to the mark (mark.h), its followers all there is
 *     all others         nobody: they are told MOVED
 *
 * Any thread may call; nothing blocks for long. */
#ifndef GARNER_FEED_ROLES_H
#define GARNER_FEED_ROLES_H

#include "proto/cluster.h"

struct roles;

/* `by_orders`: nothing is here until an order says so. Else all is, without followers, for ever. */
struct roles *roles_open(uint32_t shards, bool by_orders);
void roles_close(struct roles *roles); /* null is fine */

/* What an order makes of a shard isn't what there is: nothing that is known of it is true any more. */
bool roles_differs(struct roles *roles, const struct shard_order *order);

/* Do as it says, as docs/cluster.md has it. Where it differs from what there is the shard begins anew, with
 * all up to `head` committed; else `head` isn't looked at. `peers` are those that it speaks of. */
void roles_order(struct roles *roles, const struct shard_order *order, uint64_t head,
                 const struct cluster_peer *peers, uint32_t peer_count);

/* All up to `head` of a shard is committed. Of one that isn't here that is no matter. */
void roles_committed(struct roles *roles, uint32_t shard, uint64_t head);

bool roles_has(const struct roles *roles, uint32_t shard); /* subscribers are served here */
uint64_t roles_version(const struct roles *roles);         /* rises when a shard comes or goes */
uint64_t roles_begun(struct roles *roles, uint32_t shard); /* how often the shard has begun anew */
uint64_t roles_head(const struct roles *roles, uint32_t shard);
uint64_t roles_served(const struct roles *roles, uint32_t shard); /* the mark */

/* The shard is here, and the worker of that name is told to follow it: its number. */
bool roles_follows(struct roles *roles, uint32_t shard, struct bytes name, uint32_t *worker);
/* It has stored all up to `seq` of the shard's history. True: the mark has risen. */
bool roles_acked(struct roles *roles, uint32_t shard, uint32_t worker, uint64_t seq);

/* As mark_report; 0: it isn't here. `*risen`: the mark has risen, since time has passed. */
uint64_t roles_report(struct roles *roles, uint32_t shard, uint32_t *held, uint32_t *behind, bool *risen);

#endif
