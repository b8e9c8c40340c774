/* Watch: what stores know, held against what the configuration says. Not for others than worker/run. */
#ifndef GARNER_RUN_WATCH_H
#define GARNER_RUN_WATCH_H

#include <roaring/roaring.h>

#include "worker/run/roster.h"
#include "worker/store/folder.h"

struct account;
struct crew;
struct shard;

int watch_check(struct crew *crew, struct error *e); /* before threads start: `splits` is what it was */
/* The same for the collections of a shard of the calling thread and the accounts of any roster. ERR_CONFIG:
 * `*wrong` is the roster's account of which it isn't; else that is left alone. */
int watch_check_shard(struct folder *folder, const struct roster *roster, uint32_t number,
                      const struct config_account **wrong, struct error *e);
int watch_mark(struct crew *crew, struct error *e); /* when all have ended: what isn't watched any more */
/* The last known ones of an account, of its thread's shards; in the arena. */
const char *const *watch_regions(struct account *a, struct arena *arena);
/* These collections of an open shard are not watched any more: write it, and say so. */
int watch_end(struct shard *shard, const roaring_bitmap_t *collections, struct error *e);

#endif
