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

/* The state is an older one: of its history there may be two in one epoch, and who has the other one, and is
 * beyond this one's head, waits until that is further. */
static bool is_beyond_help(const struct world *w, uint32_t shard)
{
    return w->check.shards[shard].is_loose;
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

enum { IDLE_LOAD = 100, SLACK = 20 }; /* what each shard costs at least; a twentieth above the share */

/* As loads are when a plan was carried out. */
struct loads {
    uint64_t of[KEPT_WORKERS], total, cap;
};

static uint64_t weight_of(const struct world *w, uint32_t shard)
{
    return IDLE_LOAD + w->load[shard];
}

/* False: a load isn't known, or a worker keeps what it has and takes nothing, so that the others' shares are
 * less plain. */
static bool add_loads(const struct world *w, const struct cluster_plan *plan, struct loads *loads)
{
    const struct cluster *c = &w->coordinator.cluster;
    bool is_plain = takers(w, CLUSTER_NOBODY) > 0;
    *loads = (struct loads){0};
    for (uint32_t i = 0; i < c->worker_count; i++)
        is_plain = is_plain &&
                   (!c->workers[i].disk || c->workers[i].life == WORKER_DEAD ||
                    (cluster_is_alive(c, i) && !c->workers[i].is_draining && !c->workers[i].is_cordoned));
    for (uint32_t i = 0, next = 0; i < w->shards && is_plain; i++) {
        const struct cluster_shard *s = &c->shards[i];
        const struct shard_report *report = cluster_report(c, s->owner, i);
        bool is_planned = next < plan->count && plan->steps[next].shard == i;
        is_plain = !s->is_foreign && cluster_is_alive(c, s->owner) && report && report->role == ROLE_OWNER;
        if (is_plain)
            loads->of[is_planned ? plan->steps[next].to : s->phase ? s->to : s->owner] += weight_of(w, i);
        loads->total += weight_of(w, i);
        next += is_planned;
    }
    if (is_plain)
        loads->cap = loads->total / takers(w, CLUSTER_NOBODY) * (SLACK + 1) / SLACK;
    return is_plain;
}

/* Nobody is given more than his cap where somebody else has room for it. */
static void check_caps(struct world *w, const struct cluster_plan *plan)
{
    const struct cluster *c = &w->coordinator.cluster;
    struct loads loads;
    if (!add_loads(w, plan, &loads))
        return;
    w->tally->weighed++;
    for (uint32_t i = 0; i < plan->count; i++) {
        const struct cluster_step *step = &plan->steps[i];
        const uint64_t weight = weight_of(w, step->shard);
        if (loads.of[step->to] <= loads.cap || c->shards[step->shard].pin == step->to)
            continue;
        for (uint32_t k = 0; k < c->worker_count; k++)
            if (k != step->to && cluster_is_alive(c, k) && loads.of[k] + weight <= loads.cap)
                check_fails(w, "I5",
                            "a plan moves shard %" PRIu32 " (%" PRIu64 ") to %s, which comes to %" PRIu64
                            " of %" PRIu64 ", and %s with %" PRIu64 " has room for it",
                            step->shard, weight, c->workers[step->to].name, loads.of[step->to], loads.cap,
                            c->workers[k].name, loads.of[k]);
    }
}

/* Nobody is given a shard who doesn't take any, and none leaves its pin. */
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
    check_caps(w, plan);
}
