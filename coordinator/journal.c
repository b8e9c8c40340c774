/* What becomes of shards and workers, a line for each change. Where one process has all there is nothing to
 * tell: what it is given is always its own. */
#include <inttypes.h>
#include <stdio.h>

#include "common/log.h"
#include "coordinator/internal.h"

enum { NUMBER_BYTES = 24 };

static const char *name(const struct cluster *c, uint32_t worker)
{
    return worker == CLUSTER_NOBODY ? NULL : c->workers[worker].name;
}

static const char *what_happened(const struct cluster_shard *before, const struct cluster_shard *now)
{
    if (now->owner != before->owner && now->owner == CLUSTER_NOBODY)
        return "the shard's owner is given up";
    if (now->owner != before->owner && !now->base)
        return "the shard begins";
    if (now->owner != before->owner)
        return "the shard has another owner";
    if (now->epoch != before->epoch)
        return "the shard goes on in its next epoch";
    if (now->phase != before->phase && now->phase == MOVE_NONE)
        return "the move was given up";
    if (now->phase != before->phase)
        return "the shard moves";
    return NULL;
}

void journal_shard(const struct cluster *c, uint32_t shard, const struct cluster_shard *before)
{
    const struct cluster_shard *now = &c->shards[shard];
    const char *what = what_happened(before, now);
    char number[NUMBER_BYTES], epoch[NUMBER_BYTES];
    if (!what || c->set.adopts || !log_enabled(LOG_INFO))
        return;
    snprintf(number, sizeof number, "%" PRIu32, shard);
    snprintf(epoch, sizeof epoch, "%" PRIu64, now->epoch);
    log_line(LOG_INFO, what, "shard", number, "epoch", epoch, "owner", name(c, now->owner), "to",
             now->phase == MOVE_NONE ? NULL : name(c, now->to), "phase",
             now->phase == before->phase ? NULL : cluster_phase_name(now->phase), NULL);
}

void journal_life(const struct cluster *c, uint32_t worker, enum worker_life before)
{
    const struct cluster_worker *w = &c->workers[worker];
    if (w->life == before || !w->disk || c->set.adopts)
        return;
    log_line(w->life == WORKER_DEAD ? LOG_WARN : LOG_INFO, "a worker's state has changed", "worker", w->name,
             "state", cluster_life_name(w->life), "address", *w->address ? w->address : NULL, NULL);
}
