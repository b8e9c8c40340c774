#include "tests/sim/cluster/guard.h"

#include "tests/sim/program.h"

static const char *const names[GUARDS] = {
#define X(name, text) [GUARD_##name] = text,
    SIM_CLUSTER_GUARDS(X)
#undef X
};

int guard_of_name(const char *name)
{
    return program_find(name, names, GUARDS);
}

const char *guard_name(enum guard guard)
{
    return names[guard];
}

/* --- the coordinator's --- */

int64_t guard_lease(const struct world *w)
{
    return w->guard == GUARD_GRACE ? LEASE_MS / 2 : LEASE_MS;
}

void guard_begun(struct world *w)
{
    struct cluster *c = &w->coordinator.cluster;
    if (w->guard == GUARD_RASH_RESTART)
        c->begun_ms -= LEASE_MS;
    for (uint32_t i = 0; i < c->worker_count && w->guard == GUARD_RASH_RESTART; i++)
        c->workers[i].until_ms = coordinator_now(w);
}

/* Flags that are out of the way while shards are spread. */
static struct {
    bool is_cordoned, is_draining;
} saved[KEPT_WORKERS];

void guard_before_tick(struct world *w)
{
    struct cluster *c = &w->coordinator.cluster;
    for (uint32_t i = 0; i < c->worker_count && w->guard == GUARD_CORDON; i++) {
        saved[i].is_cordoned = c->workers[i].is_cordoned;
        saved[i].is_draining = c->workers[i].is_draining;
        c->workers[i].is_cordoned = c->workers[i].is_draining = false;
    }
    for (uint32_t i = 0; i < w->shards && w->guard == GUARD_BEHIND_PROMOTION; i++) {
        struct cluster_shard *s = &c->shards[i];
        bool is_dead = s->owner != CLUSTER_NOBODY && c->workers[s->owner].life == WORKER_DEAD;
        for (uint32_t j = 0; j < s->replica_count && is_dead; j++)
            s->replicas[j].in_sync = true;
    }
}

void guard_after_tick(struct world *w)
{
    struct cluster *c = &w->coordinator.cluster;
    for (uint32_t i = 0; i < c->worker_count && w->guard == GUARD_CORDON; i++) {
        c->workers[i].is_cordoned = saved[i].is_cordoned;
        c->workers[i].is_draining = saved[i].is_draining;
    }
}

void guard_heard(struct world *w, struct said *said)
{
    for (uint32_t i = 0; i < said->heartbeat.report_count && w->guard == GUARD_OLD_WORD; i++) {
        struct shard_report *report = &said->reports[i];
        uint64_t version = w->coordinator.cluster.shards[report->shard].version;
        if (report->version && report->version < version)
            report->version = version;
    }
}

void guard_decided(struct world *w)
{
    for (uint32_t i = 0; i < w->shards; i++) {
        struct cluster_shard *s = &w->coordinator.cluster.shards[i];
        const struct cluster_shard *was = &w->coordinator.kept.shards[i];
        bool is_next = w->coordinator.kept.is_there[i] && was->epoch && s->epoch == was->epoch + 1;
        if (w->guard == GUARD_ROLLBACK)
            s->known_head = 0;
        else if (w->guard == GUARD_FOREIGN)
            s->is_foreign = false;
        else if (w->guard == GUARD_NO_EPOCH_BUMP && is_next && was->phase == MOVE_SEALING &&
                 s->owner == was->owner)
            s->epoch--;
        else if (w->guard == GUARD_SAME_EPOCH && is_next && s->owner != was->owner && s->base)
            s->epoch--;
    }
}

void guard_order(const struct world *w, uint32_t worker, struct shard_order *order)
{
    const struct cluster *c = &w->coordinator.cluster;
    const struct shard_report *report = cluster_report(c, worker, order->shard);
    if (w->guard == GUARD_DROP_UNCHECKED && order->role == ROLE_NONE && report && report->epoch &&
        c->shards[order->shard].owner != CLUSTER_NOBODY && c->shards[order->shard].owner != worker)
        order->role = ROLE_DROP;
}

/* --- a worker's --- */

void guard_before_orders(struct world *w, struct tenure *tenure)
{
    if (w->guard != GUARD_STALE_ORDERS)
        return;
    tenure->answered = 0;
    for (uint32_t i = 0; i < tenure->shards; i++)
        tenure->all[i].version = 0;
}

void guard_after_orders(struct world *w, struct tenure *tenure)
{
    for (uint32_t i = 0; i < tenure->shards; i++) {
        struct tenure_shard *s = &tenure->all[i];
        if (w->guard == GUARD_DROP_BY_OMISSION && s->wanted == ROLE_NONE)
            s->wanted = ROLE_DROP;
        if (w->guard == GUARD_BASE && s->wanted == ROLE_OWNER && s->base > s->copy.epoch) {
            s->base = s->copy.epoch;
            s->disk = s->base ? s->disk : tenure->disk;
        }
    }
}

/* Who is behind isn't waited for, though it may be promoted. */
static uint64_t mark_of_swift(const struct mark *mark, uint64_t head, int64_t now_ms)
{
    uint64_t least = head;
    uint32_t held, behind;
    mark_report(mark, now_ms, &held, &behind);
    for (uint32_t i = 0; i < mark->count; i++)
        if ((held & ~behind) >> i & 1 && mark->followers[i].acked < least)
            least = mark->followers[i].acked;
    return least;
}

uint64_t guard_mark(const struct world *w, const struct serving *serving, uint64_t head, int64_t now_ms)
{
    if (w->guard == GUARD_MARK)
        return head;
    return w->guard == GUARD_EARLY_RELEASE ? mark_of_swift(&serving->mark, head, now_ms)
                                           : mark_served(&serving->mark);
}
