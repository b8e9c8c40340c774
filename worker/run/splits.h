/* Splits: is each account's `splits` what it was when it was first harvested? With another one its
 * collections would be looked for in other shards. Not for others than worker/run. */
#ifndef GARNER_RUN_SPLITS_H
#define GARNER_RUN_SPLITS_H

#include "common/config/config.h"
#include "common/error.h"

struct crew;

/* Hold the accounts against what was harvested here. A worker of a cluster leaves those that are wrong out of
 * the configuration, whose list is the arena's then, and tells of each: nobody else's may wait for it.
 * Others: ERR_CONFIG. Or the stores' error. All threads are asked, so each has opened the shards that are its
 * own. */
int splits_keep(struct crew *crew, struct arena *arena, struct config *config, struct error *e);

/* The configuration goes on without `wrong`, one of its accounts, because of `why`. */
void splits_leave_out(struct arena *arena, struct config *config, const struct config_account *wrong,
                      const struct error *why);

#endif
