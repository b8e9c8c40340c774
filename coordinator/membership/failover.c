/* Whose shard it is, when its owner isn't there, or is there without its copy.
 *
 * A follower in sync has all that subscribers were served, and takes over at once. Where none is there, the
 * owner is waited for, for the grace time: then a copy that may lack something is better than none
 * (subscribers beyond it are told DIVERGED), and a new history better than no watch. */
#include "coordinator/membership/cluster.h"

/* Does it have what it is the owner of, or may it begin it? Another disk may have a copy too, from when it
 * followed. A copy that isn't as far as it was is of an older disk, brought back: what follows it would be
 * told twice, in two ways. Where one process has all, what it has is all there is, on whichever disk. */
static bool has_copy(const struct cluster *c, const struct cluster_shard *s, uint32_t shard)
{
    const struct shard_report *report = cluster_report(c, s->owner, shard);
    bool has_begun = report && report->epoch == s->epoch;
    if (c->workers[s->owner].disk != s->disk && !(c->set.adopts && s->base))
        return false;
    if (!s->base && !has_begun)
        return true;
    return report && report->is_whole && report->epoch >= s->base && report->epoch <= s->epoch &&
           report->head >= s->known_head;
}

/* It has begun the epoch: from now on its copy must be there. */
static void note_begun(struct cluster *c, uint32_t shard)
{
    const struct cluster_shard *s = &c->shards[shard];
    const struct shard_report *report = cluster_report(c, s->owner, shard);
    bool has_begun = report && report->is_whole && report->epoch == s->epoch &&
                     (report->role == ROLE_OWNER || report->role == ROLE_SEALED);
    if (has_begun && s->base != s->epoch)
        cluster_change(c, shard)->base = s->epoch;
}

/* --- another process of its owner --- */

bool failover_is_another(const struct cluster *c, const struct cluster_shard *s)
{
    const struct cluster_worker *owner = &c->workers[s->owner];
    return !c->set.adopts && (owner->disk != s->disk || owner->incarnation != s->incarnation);
}

static bool has_in_sync(const struct cluster_shard *s)
{
    bool has = false;
    for (uint32_t i = 0; i < s->replica_count; i++)
        has = has || s->replicas[i].in_sync;
    return has;
}

static bool is_whole_at(const struct cluster *c, uint32_t worker, uint32_t shard)
{
    const struct shard_report *report = cluster_report(c, worker, shard);
    return cluster_is_alive(c, worker) && report && report->is_whole && report->epoch;
}

static bool is_farther(const struct cluster *c, uint32_t shard, uint32_t worker, uint32_t than)
{
    if (than == CLUSTER_NOBODY)
        return true;
    const struct shard_report *a = cluster_report(c, worker, shard), *b = cluster_report(c, than, shard);
    return a->epoch > b->epoch || (a->epoch == b->epoch && a->head > b->head);
}

/* A disk may have gone back, and nobody remembers how far it was: but whoever is in sync has all that was
 * served. What it says counts once it has heard that the owner's process is another one: so it was said when
 * the one before served nobody any more. All of them are asked: one's own disk may have gone back, too. */
static bool is_witnessed(const struct cluster *c, uint32_t shard)
{
    const struct cluster_shard *s = &c->shards[shard];
    bool is = is_whole_at(c, s->owner, shard);
    for (uint32_t i = 0; i < s->replica_count && is; i++) {
        const uint32_t worker = s->replicas[i].worker;
        is = !s->replicas[i].in_sync ||
             (is_whole_at(c, worker, shard) && cluster_report(c, worker, shard)->known >= s->doubted &&
              !is_farther(c, shard, worker, s->owner));
    }
    return is;
}

static void doubt(struct cluster *c, uint32_t shard)
{
    struct cluster_shard *s = &c->shards[shard];
    if (!s->doubted && has_in_sync(s))
        s->doubted = cluster_change(c, shard)->version;
}

/* In the next epoch, with what it has: where its disk has gone back, its history parts there from the one
 * that was. */
static void go_on(struct cluster *c, uint32_t shard)
{
    struct cluster_shard *s = cluster_change(c, shard);
    const struct shard_report *report = cluster_report(c, s->owner, shard);
    if (report && report->is_whole && report->epoch == s->epoch)
        s->base = s->epoch;
    s->epoch++;
    s->incarnation = c->workers[s->owner].incarnation;
    s->doubted = 0;
    s->known_head = s->base && report ? report->head : 0;
}

/* Who has the farthest copy, of the replicas in sync. CLUSTER_NOBODY: none of them is there. */
static uint32_t farthest_in_sync(const struct cluster *c, uint32_t shard)
{
    const struct cluster_shard *s = &c->shards[shard];
    uint32_t best = CLUSTER_NOBODY;
    for (uint32_t i = 0; i < s->replica_count; i++) {
        const struct cluster_replica *replica = &s->replicas[i];
        if (replica->in_sync && is_whole_at(c, replica->worker, shard) &&
            is_farther(c, shard, replica->worker, best))
            best = replica->worker;
    }
    return best;
}

/* Of all, whether they follow or not: the owner may have an older one, and the one before it hasn't dropped
 * its own until this one began. */
static uint32_t farthest(const struct cluster *c, uint32_t shard)
{
    uint32_t best = CLUSTER_NOBODY;
    for (uint32_t i = 0; i < c->worker_count; i++)
        if (is_whole_at(c, i, shard) && is_farther(c, shard, i, best))
            best = i;
    return best;
}

/* The others may have come farther than the one that takes over: they begin as any follower does. */
static void promote(struct cluster *c, uint32_t shard, uint32_t worker)
{
    uint64_t base = cluster_report(c, worker, shard)->epoch;
    cluster_give(c, shard, worker, base);
    struct cluster_shard *s = &c->shards[shard];
    for (uint32_t i = 0; i < s->replica_count; i++)
        s->replicas[i].in_sync = false;
    c->is_unspread = true;
}

/* One that is in sync may still come back: it isn't known to be gone. As with an owner, that it hasn't its
 * copy is believed when it has said so for a lease. */
static bool may_come(const struct cluster *c, const struct cluster_shard *s, int64_t now_ms)
{
    bool may = false;
    for (uint32_t i = 0; i < s->replica_count; i++) {
        const struct cluster_worker *worker = &c->workers[s->replicas[i].worker];
        bool is_known = worker->life == WORKER_ALIVE && now_ms - worker->since_ms >= c->set.lease_ms;
        may = may || (s->replicas[i].in_sync && !is_known);
    }
    return may;
}

static void give_up(struct cluster *c, uint32_t shard)
{
    uint32_t worker = farthest(c, shard);
    if (worker != CLUSTER_NOBODY) {
        promote(c, shard, worker);
        return;
    }
    struct cluster_shard *s = cluster_change(c, shard);
    s->owner = s->to = CLUSTER_NOBODY;
    s->phase = MOVE_NONE;
    s->replica_count = 0;
    c->is_unspread = true;
}

/* It was given up, and somebody has come with a copy before it began anew. */
static void take_up(struct cluster *c, uint32_t shard, int64_t now_ms)
{
    uint32_t worker = c->shards[shard].epoch ? farthest(c, shard) : CLUSTER_NOBODY;
    if (worker != CLUSTER_NOBODY && lease_is_settled(c, now_ms))
        promote(c, shard, worker);
}

/* The owner has what it is to have; where its process is another one, it has gone on with that. */
static bool may_go_on(struct cluster *c, uint32_t shard)
{
    struct cluster_shard *s = &c->shards[shard];
    bool has = has_copy(c, s, shard);
    if (!failover_is_another(c, s)) {
        s->doubted = 0;
        return has;
    }
    if (!has || c->workers[s->owner].disk != s->disk)
        return false;
    doubt(c, shard);
    if (s->doubted && !is_witnessed(c, shard))
        return false;
    go_on(c, shard);
    return true;
}

/* An owner that says that it hasn't its copy is believed when it has said so for a lease: it may be what came
 * late, of a process before, and who has the copy goes on meanwhile. It is waited for as one that isn't
 * there; only with another disk it won't be back with the one that it had. Where one process has all, nothing
 * comes late. */
void failover_step(struct cluster *c, uint32_t shard, int64_t now_ms)
{
    struct cluster_shard *s = &c->shards[shard];
    if (s->is_foreign)
        return;
    if (s->owner == CLUSTER_NOBODY) {
        take_up(c, shard, now_ms);
        return;
    }
    const struct cluster_worker *owner = &c->workers[s->owner];
    bool is_lost = owner->life == WORKER_ALIVE && !may_go_on(c, shard);
    if (is_lost && s->lost_ms == INT64_MIN)
        s->lost_ms = now_ms;
    if (!is_lost)
        s->lost_ms = INT64_MIN;
    if (owner->life == WORKER_ALIVE && !is_lost)
        note_begun(c, shard);
    if ((owner->life != WORKER_DEAD && !is_lost) || !lease_is_settled(c, now_ms))
        return;
    uint32_t worker = farthest_in_sync(c, shard);
    int64_t waited_ms = now_ms - (is_lost ? s->lost_ms : owner->since_ms);
    bool is_sure = is_lost && (c->set.adopts || (owner->disk != s->disk && !may_come(c, s, now_ms)));
    if (is_lost && !c->set.adopts && waited_ms < c->set.lease_ms)
        return;
    if (worker != CLUSTER_NOBODY)
        promote(c, shard, worker);
    else if (waited_ms >= c->set.grace_ms || is_sure)
        give_up(c, shard);
}

void recover_shard(struct cluster *c, uint32_t shard, uint64_t least)
{
    struct cluster_shard *s = &c->shards[shard];
    uint32_t worker;
    uint64_t epoch;
    s->is_foreign = cluster_find_foreign(c, shard, &worker, &epoch);
    if (!s->is_foreign)
        return;
    if (epoch < least)
        s->epoch = least;
    else
        s->epoch = c->set.adopts ? epoch - 1 : epoch + RECOVERED_EPOCHS - 1;
    s->replica_count = 0;
    s->is_foreign = false;
    /* Orders that were given before are of versions that nobody knows any more: none is as high as these. */
    if (s->version < s->epoch << RECOVERED_SHIFT)
        s->version = s->epoch << RECOVERED_SHIFT;
    cluster_give(c, shard, worker, epoch);
}

/* A worker has an order of a version that isn't kept: the state is an older copy of what it was. Whether a
 * follower is in sync, and whether the epoch was sealed, may have changed since. */
void failover_note_later(struct cluster *c, uint32_t shard, const struct shard_report *report)
{
    struct cluster_shard *s = &c->shards[shard];
    if (report->known <= s->version)
        return;
    s->version = report->known;
    cluster_change(c, shard);
    for (uint32_t i = 0; i < s->replica_count; i++)
        s->replicas[i].in_sync = false;
    move_end(c, shard, INT64_MIN);
}
