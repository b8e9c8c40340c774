/* Roster: which thread of a run owns which shard, and whose account is whose. Pure.
 *
 * The shards that the configuration's accounts can reach are dealt out in order of their numbers, so each
 * thread has as many of them as any other, or one less. Any shard else (of accounts that aren't
 * there any more) is the first thread's. Read-only once it is open, so that all threads may ask it. */
#ifndef GARNER_ROSTER_H
#define GARNER_ROSTER_H

#include "common/config/config.h"

struct roster {
    const struct config *config; /* must outlive it */
    uint32_t shards;
    uint32_t threads; /* no more than wanted, and no more than there are shards to own; at least 1 */
    uint8_t *owner;   /* by shard */
    bool *dealt;      /* by shard: somebody's because an account can reach it */
    uint32_t *sorted; /* the accounts of the configuration, by provider and id */
};

/* `threads`: as many as are wanted, 1 to LIMIT_THREADS; `all`: also those that have no shard yet. */
void roster_open(struct roster *roster, const struct config *config, uint32_t shards, uint32_t threads,
                 bool all);

/* Deal out the shards that another configuration's accounts can reach, and nobody's before: to whoever has
 * the fewest. The others stay where they are. Its accounts aren't found by roster_find. */
void roster_extend(struct roster *roster, const struct config *config);

/* For a worker, whose shards come and go: to whoever has the fewest, unless it is somebody's; gives back
 * whose it is. And it is nobody's any more. */
uint32_t roster_give(struct roster *roster, uint32_t shard);
void roster_take(struct roster *roster, uint32_t shard);
void roster_close(struct roster *roster); /* safe twice */

/* The thread that harvests an account's collections of a region, or of account scope (no data). */
uint32_t roster_thread(const struct roster *roster, const struct config_account *account,
                       struct bytes region);

/* Does this thread own any of the shards that the account can reach? */
bool roster_has(const struct roster *roster, uint32_t thread, const struct config_account *account);

/* The configuration's account of that name; null if it has none. */
const struct config_account *roster_find(const struct roster *roster, struct bytes provider, struct bytes id);

#endif
