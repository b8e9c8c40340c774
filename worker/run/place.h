/* Places: where collections stand, and what those that stand there share. Not for others than worker/run. */
#ifndef GARNER_RUN_PLACE_H
#define GARNER_RUN_PLACE_H

#include "worker/provider/provider.h"
#include "worker/store/store.h"

struct account;
struct shard;
struct task;

/* Where collections stand: a region of an account, or the account as a whole. What all of them there share.
 */
struct place {
    struct place *next;      /* of its account's, but for the whole */
    struct place *same_slot; /* of these by name */
    const char *region;      /* null: the account as a whole */
    uint32_t number;         /* of its shard */
    struct shard *shard;     /* null until it is asked for; as is: */
    struct bucket *bucket;   /* of the provider's limits */
    bool is_listed;          /* among the account's regions, as far as they are known, and this thread's */
};

struct place *account_place(struct account *a,
                            struct bytes region); /* made when it is new; of no region: the whole */
struct collection_key place_key(const struct account *a, const struct place *place,
                                const struct collection_def *def, struct bytes parent);
void place_forget(struct account *a, uint32_t number); /* what it has of that shard is of no use any more */
uint32_t place_number(const struct account *a,
                      struct bytes region); /* of its shard; of no region: the whole's */
int place_shard(struct account *a, struct place *place, struct shard **out, struct error *e); /* opens it */
/* The buckets of its next request. */
void place_limits(struct task *task);

#endif
