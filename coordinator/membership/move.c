/* A move, from one owner to the next. Its phase is in the shard's record, so a coordinator that begins anew
 * goes on with it; each phase has its own deadline, and what is done in it may be done twice.
 *
 *     QUEUED   a slot is waited for: CLUSTER_MOVES at a time, from or to a worker
 *     COPYING  the destination follows
 *     SEALING  the source commits nothing more in this epoch; the destination comes to have all
 *
 * The switch is one change of the record: owner, epoch + 1. Given up, a move leaves the shard where it was:
 * out of SEALING in its next epoch, since nobody may commit in one that was sealed. */
#include <stdlib.h>
#include <string.h>

#include "common/check.h"
#include "common/sm.h"
#include "coordinator/membership/cluster.h"

enum { SEAL_LAG = 1000 }; /* changes that the destination may lack when the source is sealed */

static const struct sm_state phases[] = {
    [MOVE_NONE] = {"none", SM_TO(MOVE_QUEUED)},
    [MOVE_QUEUED] = {"queued", SM_TO(MOVE_NONE) | SM_TO(MOVE_COPYING)},
    [MOVE_COPYING] = {"copying", SM_TO(MOVE_NONE) | SM_TO(MOVE_QUEUED) | SM_TO(MOVE_SEALING)},
    [MOVE_SEALING] = {"sealing", SM_TO(MOVE_NONE)},
};

const char *cluster_phase_name(enum move_phase phase)
{
    return phases[phase].name;
}

static struct cluster_shard *enter(struct cluster *c, uint32_t shard, enum move_phase phase, int64_t now_ms)
{
    struct cluster_shard *s = cluster_change(c, shard);
    int state = (int)s->phase;
    sm_move(phases, &state, (int)phase);
    s->phase = phase;
    s->phase_ms = now_ms;
    s->phase_head = s->phase_bytes = 0;
    return s;
}

void move_queue(struct cluster *c, uint32_t shard, uint32_t to, int64_t now_ms)
{
    enter(c, shard, MOVE_QUEUED, now_ms)->to = to;
}

void move_end(struct cluster *c, uint32_t shard, int64_t retry_ms)
{
    struct cluster_shard *s = &c->shards[shard];
    bool was_sealed = s->phase == MOVE_SEALING;
    if (s->phase == MOVE_NONE)
        return;
    s = enter(c, shard, MOVE_NONE, s->phase_ms);
    s->to = CLUSTER_NOBODY;
    s->retry_ms = retry_ms;
    if (was_sealed)
        s->epoch++;
    c->is_unspread = true;
}

/* --- each phase --- */

static const struct shard_report *report_of(const struct cluster *c, uint32_t worker, uint32_t shard)
{
    return cluster_is_alive(c, worker) ? cluster_report(c, worker, shard) : NULL;
}

static bool has_all_but(const struct shard_report *to, const struct shard_report *from, uint64_t lag)
{
    return to->is_whole && to->epoch && to->head <= from->head && from->head - to->head <= lag;
}

static void copying(struct cluster *c, uint32_t shard, int64_t now_ms)
{
    struct cluster_shard *s = &c->shards[shard];
    const struct shard_report *to = report_of(c, s->to, shard), *from = report_of(c, s->owner, shard);
    const struct cluster_replica *replica = cluster_replica(s, s->to);
    if (to && (to->head != s->phase_head || to->bytes != s->phase_bytes)) {
        s->phase_head = to->head;
        s->phase_bytes = to->bytes;
        s->phase_ms = now_ms;
    }
    if (to && from && replica->in_sync && from->role == ROLE_OWNER && from->epoch == s->epoch &&
        has_all_but(to, from, SEAL_LAG))
        enter(c, shard, MOVE_SEALING, now_ms);
    else if (now_ms - s->phase_ms >= LIMIT_COPYING_MS)
        move_end(c, shard, now_ms + LIMIT_MOVE_AGAIN_MS);
}

/* What the source has committed is all there ever will be in this epoch: the same position is the same
 * history. */
static void sealing(struct cluster *c, uint32_t shard, int64_t now_ms)
{
    const struct cluster_shard *s = &c->shards[shard];
    const struct shard_report *to = report_of(c, s->to, shard), *from = report_of(c, s->owner, shard);
    bool is_sealed = from && from->role == ROLE_SEALED && from->version == s->version;
    if (to && is_sealed && to->role == ROLE_FOLLOWER && has_all_but(to, from, 0) && to->check == from->check)
        cluster_give(c, shard, s->to, to->epoch);
    else if (now_ms - s->phase_ms >= LIMIT_SEALING_MS)
        move_end(c, shard, now_ms + LIMIT_MOVE_AGAIN_MS);
}

static bool is_there(const struct cluster *c, uint32_t worker)
{
    return worker < c->worker_count && c->workers[worker].disk && c->workers[worker].life != WORKER_DEAD;
}

void move_step(struct cluster *c, uint32_t shard, int64_t now_ms)
{
    const struct cluster_shard *s = &c->shards[shard];
    if (s->phase == MOVE_NONE || s->is_foreign)
        return;
    bool lacks = s->phase >= MOVE_COPYING && !cluster_replica((struct cluster_shard *)s, s->to);
    if (s->owner == CLUSTER_NOBODY || s->to == s->owner || !is_there(c, s->to) || lacks)
        move_end(c, shard, now_ms);
    else if (s->phase == MOVE_COPYING)
        copying(c, shard, now_ms);
    else if (s->phase == MOVE_SEALING)
        sealing(c, shard, now_ms);
}

/* --- slots --- */

static void begin(struct cluster *c, uint32_t shard, int64_t now_ms)
{
    struct cluster_shard *s = enter(c, shard, MOVE_COPYING, now_ms);
    if (!cluster_replica(s, s->to))
        cluster_add_replica(s, s->to);
}

static bool may_begin(const struct cluster *c, const struct cluster_shard *s, const uint32_t *moves)
{
    return s->phase == MOVE_QUEUED && !s->is_foreign && cluster_is_alive(c, s->owner) &&
           cluster_is_alive(c, s->to) && moves[s->owner] < CLUSTER_MOVES && moves[s->to] < CLUSTER_MOVES &&
           (s->replica_count < CLUSTER_REPLICAS || cluster_replica((struct cluster_shard *)s, s->to));
}

void move_start(struct cluster *c, int64_t now_ms)
{
    uint32_t *moves = mem_zalloc((c->worker_count + (size_t)1) * sizeof *moves);
    for (uint32_t i = 0; i < c->set.shards; i++)
        if (c->shards[i].phase >= MOVE_COPYING) {
            moves[c->shards[i].owner]++;
            moves[c->shards[i].to]++;
        }
    for (uint32_t i = 0; i < c->set.shards && !c->is_paused; i++) {
        const struct cluster_shard *s = &c->shards[i];
        if (!may_begin(c, s, moves))
            continue;
        moves[s->owner]++;
        moves[s->to]++;
        begin(c, i, now_ms);
    }
    free(moves);
}
