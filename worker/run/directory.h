/* Directory: the accounts of a configuration, by the shards that they can reach. A worker opens them as it is
 * given shards. Read-only once it is open. Not for others than worker/run. */
#ifndef GARNER_RUN_DIRECTORY_H
#define GARNER_RUN_DIRECTORY_H

#include "worker/run/roster.h"

/* All zero is one without shards. */
struct directory {
    struct arena arena;
    struct config config; /* the accounts alone, copied */
    struct roster roster; /* who finds these by name */
    uint32_t *first;      /* by shard: where its accounts begin in: */
    uint32_t *accounts;   /* their indices; one may stand there more than once */
};

void directory_open(struct directory *directory, const struct config *config, uint32_t shards);
void directory_close(struct directory *directory); /* safe twice */
uint32_t directory_count(const struct directory *directory, uint32_t shard);
const struct config_account *directory_get(const struct directory *directory, uint32_t shard, uint32_t index);

#endif
