/* Own: a worker's shards come and go while its run goes on (run.h, `is_worker`).
 *
 * Any thread may call but the run's own, one at a time for a shard. Each call waits until the threads that it
 * concerns have done it (control.h). What nobody owns is never written to by the run. */
#ifndef GARNER_RUN_OWN_H
#define GARNER_RUN_OWN_H

#include <stdbool.h>
#include <stdint.h>

#include "common/error.h"

struct crew;

struct owned {
    uint32_t shard;
    uint64_t epoch; /* that the run extends its history in */
    bool is_new;    /* its store may be made here, empty; else there must be one */
};

/* A sole worker's new shards that no account reaches are set aside: they have no store, and cost nothing,
 * until control_reload brings an account that reaches them. Whoever follows a shard needs its store, so other
 * workers have one of each. */

/* From now on these are the run's: their collections are harvested, of the accounts that the configuration
 * has now. So the accounts must be there first (control_reload): those that aren't are unwatched. What is
 * the run's already stays so, and goes on in the epoch that it is given; nothing is to be done if that is its
 * own.
 *
 * All are tried; the first error is given back, and its shard is then not the run's unless it was before:
 * ERR_NOT_FOUND, no store; ERR_STORE, its history has come to a higher epoch; ERR_CONFIG, a changed `splits`;
 * ERR_STOPPED, no lease (lease.h), or the run is ending; or the store's error. */
int control_own(struct crew *crew, const struct owned *shards, uint32_t count, struct error *e);

/* These aren't the run's any more. What is under way there is stopped in good order, which keeps checkpoints,
 * and what is gathered is committed; without a lease it is given up. When it returns nothing of the run
 * writes to them, or has anything of them in mind. Those that it doesn't own are fine. The first error is
 * that of a commit, whose shard is released all the same. ERR_STOPPED: likewise, or the run is ending, and
 * writes no more anyway. */
int control_release(struct crew *crew, const uint32_t *shards, uint32_t count, struct error *e);

/* The epoch that a shard begins in which is set aside; 0: it isn't. Any thread, without waiting. */
uint64_t crew_set_aside(const struct crew *crew, uint32_t shard);

/* What a shard costs: milliseconds of its thread, a minute, as the mean of the last minutes; at least 1. 0:
 * it isn't known yet, as one slow commit would say too much, or isn't the run's. `now_ms` is clock_steady_ms.
 * Any thread, without waiting. */
enum { CREW_LOAD_SETTLES_MS = 60000 };
uint32_t crew_load(struct crew *crew, uint32_t shard, int64_t now_ms);

#endif
