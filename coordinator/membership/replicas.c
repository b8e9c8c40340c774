/* Who follows, and who is in sync. A replica is in sync from when its owner says that it holds subscribers
 * back for it, until the owner is told that it isn't any more: which it is told only after that was kept. So
 * whoever is in sync in the record has all that was ever served.
 *
 * It must have heard of the record, too: one that was told to drop its copy, and is to follow again before it
 * has heard that, would drop it while it counts. */
#include "coordinator/membership/cluster.h"

/* What the owner says of the replicas as they are in the record now; null: nothing. */
static const struct shard_report *owners_word(const struct cluster *c, uint32_t shard)
{
    const struct cluster_shard *s = &c->shards[shard];
    const struct shard_report *report = cluster_report(c, s->owner, shard);
    bool counts = report && cluster_is_alive(c, s->owner) && report->version == s->version &&
                  report->epoch == s->epoch && (report->role == ROLE_OWNER || report->role == ROLE_SEALED);
    return counts ? report : NULL;
}

/* Its copy isn't there, or it isn't: who waits for its acknowledgement waits for nothing. */
static bool is_lost(const struct cluster *c, uint32_t shard, uint32_t worker)
{
    const struct cluster_worker *w = &c->workers[worker];
    const struct shard_report *report = cluster_report(c, worker, shard);
    return w->life == WORKER_DEAD || w->life == WORKER_AWAY ||
           (w->life == WORKER_ALIVE && !(report && report->is_whole && report->epoch));
}

/* A bit for each replica that is in sync; and for each that should be, as things are now. */
static uint32_t noted(const struct cluster_shard *s)
{
    uint32_t bits = 0;
    for (uint32_t i = 0; i < s->replica_count; i++)
        bits |= (uint32_t)s->replicas[i].in_sync << i;
    return bits;
}

static uint32_t lost(const struct cluster *c, uint32_t shard)
{
    const struct cluster_shard *s = &c->shards[shard];
    uint32_t bits = 0;
    for (uint32_t i = 0; i < s->replica_count; i++)
        bits |= (uint32_t)is_lost(c, shard, s->replicas[i].worker) << i;
    return bits;
}

/* Who has heard of the record as it is now: no older order changes what they do any more. */
static uint32_t informed(const struct cluster *c, uint32_t shard)
{
    const struct cluster_shard *s = &c->shards[shard];
    uint32_t bits = 0;
    for (uint32_t i = 0; i < s->replica_count; i++) {
        const struct shard_report *report = cluster_report(c, s->replicas[i].worker, shard);
        bits |= (uint32_t)(report && report->known >= s->version) << i;
    }
    return bits;
}

/* Whoever is held for nothing is let go with the next version, also where the record has nothing new to say.
 * Who hasn't heard yet is waited for. */
static void note_in_sync(struct cluster *c, uint32_t shard)
{
    const struct shard_report *word = owners_word(c, shard);
    if (!word)
        return;
    const uint32_t was = noted(&c->shards[shard]), gone = lost(c, shard) | word->behind;
    const uint32_t held = word->held & (informed(c, shard) | gone), bits = (was | held) & ~gone;
    if (bits == was && !(held & gone))
        return;
    struct cluster_shard *s = cluster_change(c, shard);
    for (uint32_t i = 0; i < s->replica_count; i++)
        s->replicas[i].in_sync = bits >> i & 1;
}

/* --- who needn't follow any more --- */

static bool is_gone(const struct cluster *c, uint32_t worker, int64_t now_ms)
{
    const struct cluster_worker *w = &c->workers[worker];
    return !w->disk || (w->life == WORKER_DEAD && now_ms - w->since_ms >= c->set.grace_ms);
}

static bool is_to(const struct cluster_shard *s, uint32_t worker)
{
    return s->phase >= MOVE_COPYING && worker == s->to;
}

/* Of those that drain, or of the others: whom it wouldn't hurt to lose, not in sync, then the last that came.
 */
static uint32_t least_needed(const struct cluster *c, const struct cluster_shard *s, bool draining)
{
    const struct cluster_replica *least = NULL;
    for (uint32_t i = 0; i < s->replica_count; i++) {
        const struct cluster_replica *replica = &s->replicas[i];
        if (is_to(s, replica->worker) || c->workers[replica->worker].is_draining != draining)
            continue;
        if (!least || replica->in_sync <= least->in_sync)
            least = replica;
    }
    return least->worker;
}

/* A follower that drains stays until another one is in sync in its place. CLUSTER_NOBODY: none is too many.
 */
static uint32_t one_too_many(const struct cluster *c, const struct cluster_shard *s)
{
    uint32_t staying = 0, in_sync = 0, leaving = 0;
    for (uint32_t i = 0; i < s->replica_count; i++) {
        const struct cluster_replica *replica = &s->replicas[i];
        bool drains = c->workers[replica->worker].is_draining, counts = !is_to(s, replica->worker);
        leaving += drains && counts;
        staying += !drains && counts;
        in_sync += !drains && counts && replica->in_sync;
    }
    if (staying > c->set.followers)
        return least_needed(c, s, false);
    return leaving && in_sync + leaving > c->set.followers ? least_needed(c, s, true) : CLUSTER_NOBODY;
}

static void trim(struct cluster *c, uint32_t shard, int64_t now_ms)
{
    struct cluster_shard *s = &c->shards[shard];
    for (uint32_t i = s->replica_count; i-- > 0;)
        if (is_gone(c, s->replicas[i].worker, now_ms)) {
            cluster_drop_replica(cluster_change(c, shard), s->replicas[i].worker);
            c->is_unspread = true;
        }
    for (uint32_t worker; (worker = one_too_many(c, s)) != CLUSTER_NOBODY;)
        cluster_drop_replica(cluster_change(c, shard), worker);
}

void replicas_step(struct cluster *c, uint32_t shard, int64_t now_ms)
{
    const struct cluster_shard *s = &c->shards[shard];
    if (s->owner == CLUSTER_NOBODY || s->is_foreign || !s->replica_count)
        return;
    note_in_sync(c, shard);
    if (cluster_is_alive(c, s->owner))
        trim(c, shard, now_ms);
}
