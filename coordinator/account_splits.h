/* Account splits: which `splits` accounts have that the coordinator keeps no document of: those of its file,
 * and those that were removed. What is stored of an account is where its `splits` put it, and must be found
 * there again: the same under another number would be harvested and told of a second time. */
#ifndef GARNER_COORDINATOR_ACCOUNT_SPLITS_H
#define GARNER_COORDINATOR_ACCOUNT_SPLITS_H

#include "common/arena.h"
#include "common/bytes.h"

struct account_split {
    char *name; /* "provider/id" */
    uint32_t splits;
    uint64_t revision; /* as it is kept */
};

struct account_splits {
    struct account_split *all; /* by name */
    uint32_t count, room;
};

void account_splits_close(struct account_splits *splits); /* zero is fine */

void account_splits_put(struct account_splits *splits, struct bytes name, uint32_t number, uint64_t revision);
void account_splits_drop(struct account_splits *splits, struct bytes name); /* if it is there */

/* Valid until something changes. Null: it isn't there. */
const struct account_split *account_splits_find(const struct account_splits *splits, struct bytes name);

/* As it is kept, in the arena: "splits 4". */
struct bytes account_splits_pack(struct arena *arena, uint32_t number);
bool account_splits_unpack(struct bytes packed, uint32_t *number); /* false: it is something else */

#endif
