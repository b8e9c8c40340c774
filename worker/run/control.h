/* Control: what is asked of a run from outside while it goes on.
 *
 * Any thread may call but the run's own. Each call waits until the threads that it concerns have done it,
 * which is between two turns of their loops: milliseconds, or one commit. ERR_STOPPED once the run ends. */
#ifndef GARNER_CONTROL_H
#define GARNER_CONTROL_H

#include "common/error.h"
#include "proto/record.h"

struct crew;
struct run;

/* Which collections; a null `data` stands for any. */
struct control_which {
    struct bytes provider, account, region, type;
};

/* Do something on each thread of the run, one after the other: `act` may use all that belongs to `run`, and
 * must not block. Stops at the first error and gives it back. */
int control_each(struct crew *crew, int (*act)(struct run *run, void *context, struct error *e),
                 void *context, struct error *e);

/* The same on the one thread that owns a shard. */
int control_on_shard(struct crew *crew, uint32_t shard,
                     int (*act)(struct run *run, void *context, struct error *e), void *context,
                     struct error *e);

/* Harvest now what is meant, whatever its period and back-off say; what is under way is harvested once more
 * afterwards. Where an account's breaker is open one of them is its probe, and all others go once that went
 * well. `*count`: so many collections. */
int control_harvest(struct crew *crew, const struct control_which *which, uint64_t *count, struct error *e);

/* Let the next sound listing of collections of a shard delete what the guard holds back of them: noted and
 * committed on the shard's thread. */
int control_confirm(struct crew *crew, uint32_t shard, const uint32_t *collections, uint32_t count,
                    int64_t now_ms, struct error *e);

/* An item in quarantine, of a shard that the folder has. */
struct control_item {
    uint32_t shard, collection;
    struct digest digest;
};

/* What became of it, in the arena: its `id` by which it can be read now; or, null else, why it stays. */
struct control_retried {
    struct bytes id;
    const char *cause;
};

/* Read an item in quarantine again, by the provider file that the run has for its account now. When that can
 * be done it leaves quarantine, which is committed; the next listing that meets it stores it. ERR_NOT_FOUND:
 * it isn't in quarantine. */
int control_retry(struct crew *crew, const struct control_item *item, struct arena *arena,
                  struct control_retried *retried, struct error *e);

#endif
