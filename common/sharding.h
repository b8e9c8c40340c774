/* Sharding: which shard a collection is in. The same on every machine, and for ever. */
#ifndef GARNER_COMMON_SHARDING_H
#define GARNER_COMMON_SHARDING_H

#include <stdint.h>

#include "common/bytes.h"

/* XXH3-64 of (provider/account, XXH3-64(root scope) mod splits) mod shards. The root scope is the region, or
 * "" in account scope. */
uint32_t sharding_of(struct bytes provider, struct bytes account, struct bytes region, uint32_t splits,
                     uint32_t shards);

/* The same, of the root scopes whose XXH3-64 mod splits is `split`. */
uint32_t sharding_of_split(struct bytes provider, struct bytes account, uint32_t split, uint32_t shards);

#endif
