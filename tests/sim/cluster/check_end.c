/* When nothing goes wrong any more, all must become well: soon enough, and so that it stays. */
#include <inttypes.h>

#include "tests/sim/cluster/world.h"

enum { PATIENCE_MS = 400000, STAYS_MS = 4000 };

static uint32_t takers(const struct world *w, uint32_t but)
{
    const struct cluster *c = &w->coordinator.cluster;
    uint32_t count = 0;
    for (uint32_t i = 0; i < c->worker_count; i++)
        count += i != but && cluster_is_alive(c, i) && !c->workers[i].is_draining &&
                 !c->workers[i].is_cordoned;
    return count;
}

/* Of its history there were two in one epoch, and nobody could know: who has the other one, and is beyond
 * this one's head, waits until that is further. */
static bool is_beyond_help(const struct world *w, uint32_t shard)
{
    return w->check.shards[shard].is_forked || w->check.shards[shard].is_loose;
}

/* Of a shard, what isn't as it should be; null: nothing. */
static const char *lacks_owner(const struct world *w, uint32_t shard, uint32_t *node)
{
    const struct cluster *c = &w->coordinator.cluster;
    const struct cluster_shard *s = &c->shards[shard];
    if (s->is_foreign)
        return "its epoch isn't known";
    if (s->owner == CLUSTER_NOBODY)
        return "it is nobody's";
    if (!cluster_is_alive(c, s->owner))
        return "its owner isn't there";
    *node = coordinator_node_of(w, s->owner);
    if (*node == NO_NODE || !node_is_up(w, *node))
        return "its owner's process isn't there";
    if (!worker_may_commit(w, *node, shard))
        return "its owner doesn't act as such";
    if (copy_epoch(&w->all[*node].disk.copies[shard]) != s->epoch)
        return "its owner acts in another epoch";
    if (is_beyond_help(w, shard))
        return NULL;
    if (s->phase != MOVE_NONE)
        return "it is being moved";
    if (c->workers[s->owner].is_draining && s->pin != s->owner)
        return "its owner drains";
    return s->pin != CLUSTER_NOBODY && s->pin != s->owner ? "it is pinned elsewhere" : NULL;
}

static const char *lacks_followers(const struct world *w, uint32_t shard, uint32_t node)
{
    const struct cluster_shard *s = &w->coordinator.cluster.shards[shard];
    const struct copy *copy = &w->all[node].disk.copies[shard];
    uint32_t wanted = takers(w, s->owner), in_sync = 0;
    if (wanted > w->followers)
        wanted = w->followers;
    for (uint32_t i = 0; i < s->replica_count; i++) {
        uint32_t follower = coordinator_node_of(w, s->replicas[i].worker);
        in_sync += s->replicas[i].in_sync;
        if (s->replicas[i].in_sync && follower != NO_NODE &&
            !copy_has(&w->all[follower].disk.copies[shard], copy->head, copy_through(copy, copy->head)))
            return "a follower in sync hasn't all";
    }
    if (in_sync < wanted)
        return "followers aren't in sync";
    return s->replica_count > w->followers ? "there are too many followers" : NULL;
}

static const char *lacks_copies(const struct world *w, uint32_t shard, uint32_t node)
{
    const struct cluster_shard *s = &w->coordinator.cluster.shards[shard];
    for (uint32_t i = 0; i < w->nodes; i++) {
        bool is_used = i == node;
        for (uint32_t j = 0; j < s->replica_count; j++)
            is_used = is_used || coordinator_node_of(w, s->replicas[j].worker) == i;
        if (!is_used && w->all[i].disk.copies[shard].epoch_count)
            return "a copy is left where nobody needs it";
    }
    return NULL;
}

static const char *lacks_subscribers(const struct world *w, uint32_t shard, uint32_t node)
{
    const struct copy *copy = &w->all[node].disk.copies[shard];
    for (uint32_t i = 0; i < SUBSCRIBERS; i++) {
        const struct given *given = &w->subscribers[i].shards[shard];
        if (given->needs_snapshot || given->at.seq < copy->head)
            return "a subscriber hasn't all";
        if (!copy_has(copy, given->at.seq, given->through))
            return "a subscriber has something else";
    }
    return NULL;
}

static const char *lacks(const struct world *w, uint32_t *shard)
{
    for (*shard = 0; *shard < w->shards; ++*shard) {
        uint32_t node = NO_NODE;
        const char *what = lacks_owner(w, *shard, &node);
        if (!what && is_beyond_help(w, *shard))
            continue;
        if (!what)
            what = lacks_followers(w, *shard, node);
        if (!what)
            what = lacks_copies(w, *shard, node);
        if (!what)
            what = lacks_subscribers(w, *shard, node);
        if (what)
            return what;
    }
    return NULL;
}

void check_end(struct world *w)
{
    uint32_t shard = 0;
    bool is_there = coordinator_is_up(w);
    const char *what = is_there ? lacks(w, &shard) : "the coordinator isn't there";
    if (what) {
        w->well_ms = 0;
        if (w->now_ms - w->calm_ms >= PATIENCE_MS) {
            struct buffer why = {0};
            if (is_there)
                cluster_explain(&w->coordinator.cluster, shard, coordinator_now(w), &why);
            check_fails(w, "LIVE", "shard %" PRIu32 " doesn't become well: %s. %s", shard, what,
                        buffer_text(&why));
            buffer_close(&why);
        }
        return;
    }
    if (!w->well_ms)
        w->well_ms = w->now_ms;
    if (w->now_ms - w->well_ms < STAYS_MS)
        return;
    w->is_over = true;
    w->tally->well++;
}

/* --- plans --- */

/* Nobody has more than his share, as near as shards can be split, unless he had it before. */
void check_plan(struct world *w, const struct cluster_plan *plan)
{
    const struct cluster *c = &w->coordinator.cluster;
    for (uint32_t i = 0; i < plan->count; i++) {
        const struct cluster_step *step = &plan->steps[i];
        const struct cluster_shard *s = &c->shards[step->shard];
        if (!cluster_is_alive(c, step->to) || c->workers[step->to].is_draining ||
            (c->workers[step->to].is_cordoned && s->owner != step->to))
            check_fails(w, "I5", "a plan moves shard %" PRIu32 " to %s, who doesn't take shards", step->shard,
                        c->workers[step->to].name);
        if (s->pin != CLUSTER_NOBODY && s->pin != step->to && takers(w, CLUSTER_NOBODY) &&
            cluster_is_alive(c, s->pin) && !c->workers[s->pin].is_draining && !c->workers[s->pin].is_cordoned)
            check_fails(w, "I5", "a plan moves shard %" PRIu32 " from its pin", step->shard);
    }
}
