#include "tests/sim/cluster/guard.h"

#include "tests/sim/program.h"

static const char *const names[GUARDS] = {
#define X(name, text, broken) [GUARD_##name] = text,
    SIM_CLUSTER_GUARDS(X)
#undef X
};

static const char *const broken[GUARDS] = {
#define X(name, text, broken) [GUARD_##name] = broken,
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

const char *guard_broken(enum guard guard)
{
    return broken[guard];
}

/* --- the coordinator's --- */

int64_t guard_lease(const struct world *w)
{
    return w->guard == GUARD_GRACE ? LEASE_MS / 2 : LEASE_MS;
}

void guard_begun(struct world *w)
{
    struct cluster *c = &w->coordinator.cluster;
    c->waits_recover = c->waits_recover && w->guard != GUARD_LOST_STATE;
    if (w->guard == GUARD_RASH_RESTART)
        c->begun_ms -= LEASE_MS;
    for (uint32_t i = 0; i < c->worker_count && w->guard == GUARD_RASH_RESTART; i++)
        c->workers[i].until_ms = coordinator_now(w);
}

/* Flags that are out of the way while shards are spread. */
static struct {
    bool is_cordoned, is_draining;
} saved[KEPT_WORKERS];

/* What was said of any version is taken for what is said of this one. */
static void renew_words(struct world *w, struct shard_report *reports, uint32_t count)
{
    for (uint32_t i = 0; i < count && w->guard == GUARD_OLD_WORD; i++) {
        uint64_t version = w->coordinator.cluster.shards[reports[i].shard].version;
        if (reports[i].version && reports[i].version < version)
            reports[i].version = version;
    }
}

static void renew_all_words(struct world *w)
{
    struct cluster *c = &w->coordinator.cluster;
    for (uint32_t i = 0; i < c->worker_count; i++)
        renew_words(w, c->workers[i].reports, c->workers[i].report_count);
}

void guard_before_tick(struct world *w)
{
    struct cluster *c = &w->coordinator.cluster;
    renew_all_words(w);
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

/* Who is in sync with shards whose owner's process is another one, while that is heard. */
static uint32_t saved_in_sync[SHARDS];

static void hide_witnesses(struct world *w, uint32_t shard)
{
    struct cluster_shard *s = &w->coordinator.cluster.shards[shard];
    for (uint32_t i = 0; i < s->replica_count; i++) {
        saved_in_sync[shard] |= (uint32_t)s->replicas[i].in_sync << s->replicas[i].worker;
        s->replicas[i].in_sync = false;
    }
}

void guard_after_heard(struct world *w)
{
    for (uint32_t i = 0; i < w->shards; i++) {
        struct cluster_shard *s = &w->coordinator.cluster.shards[i];
        for (uint32_t k = 0; k < s->replica_count; k++)
            s->replicas[k].in_sync |= saved_in_sync[i] >> s->replicas[k].worker & 1;
        saved_in_sync[i] = 0;
    }
}

/* The shards of the worker that is heard, where its process is another one. */
static void heard_anew(struct world *w, const struct heartbeat *heartbeat)
{
    struct cluster *c = &w->coordinator.cluster;
    for (uint32_t i = 0; i < w->shards; i++) {
        struct cluster_shard *s = &c->shards[i];
        bool is_owners = s->owner != CLUSTER_NOBODY && c->workers[s->owner].disk == heartbeat->disk;
        if (is_owners && w->guard == GUARD_ROLLBACK)
            s->incarnation = heartbeat->incarnation;
        else if (is_owners && w->guard == GUARD_OLD_WITNESS && s->incarnation != heartbeat->incarnation)
            s->doubted = 1;
        else if (is_owners && w->guard == GUARD_WITNESS && s->incarnation != heartbeat->incarnation)
            hide_witnesses(w, i);
    }
}

void guard_before_heard(struct world *w, struct said *said)
{
    heard_anew(w, &said->heartbeat);
    renew_words(w, said->reports, said->heartbeat.report_count);
    renew_all_words(w);
}

void guard_decided(struct world *w)
{
    for (uint32_t i = 0; i < w->shards; i++) {
        struct cluster_shard *s = &w->coordinator.cluster.shards[i];
        const struct cluster_shard *was = &w->coordinator.kept.shards[i];
        bool is_next = w->coordinator.kept.is_there[i] && was->epoch && s->epoch == was->epoch + 1;
        if (w->guard == GUARD_FOREIGN)
            s->is_foreign = false;
        else if (w->guard == GUARD_NO_EPOCH_BUMP && is_next && was->phase == MOVE_SEALING &&
                 s->owner == was->owner)
            s->epoch--;
        else if (w->guard == GUARD_SAME_EPOCH && is_next && s->owner != was->owner && s->base)
            s->epoch--;
    }
}

/* Of two guards the one hides the other: an owner's next process isn't told to own a shard before its copy
 * was looked at, so that it hardly ever begins one with too old a copy, whatever the worker's own look at
 * `base` is worth (one in tens of thousands of runs). Both are broken. */
static bool is_rash(const struct world *w, uint32_t worker, const struct cluster_shard *s)
{
    return w->guard == GUARD_BASE && s->owner == worker && !s->is_foreign && s->lost_ms == INT64_MIN &&
           failover_is_another(&w->coordinator.cluster, s);
}

void guard_order(const struct world *w, uint32_t worker, struct shard_order *order)
{
    const struct cluster *c = &w->coordinator.cluster;
    const struct shard_report *report = cluster_report(c, worker, order->shard);
    if (w->guard == GUARD_DROP_UNCHECKED && order->role == ROLE_NONE && report && report->epoch &&
        c->shards[order->shard].owner != CLUSTER_NOBODY && c->shards[order->shard].owner != worker)
        order->role = ROLE_DROP;
    if (order->role == ROLE_NONE && is_rash(w, worker, &c->shards[order->shard])) {
        order->role = ROLE_OWNER;
        order->epoch = c->shards[order->shard].epoch;
        order->base = c->shards[order->shard].base;
        order->disk = c->shards[order->shard].disk;
    }
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
