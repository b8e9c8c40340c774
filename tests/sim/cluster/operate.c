/* Operators: they give commands at random, reasonable or not, and those who see that all is quiet put in
 * order what they have left behind. */
#include <inttypes.h>
#include <stdlib.h>

#include "tests/sim/cluster/world.h"

enum { WALL_S = 1700000000 }; /* since 1970, when the world begins */

static void tell(struct world *w, const char *command, uint32_t shard, uint32_t worker, int r,
                 struct error *e)
{
    w->tally->commands += r == 0;
    TELL(w, AT_COORDINATOR, "is told to %s (shard %" PRIu32 ", worker %" PRIu32 "): %s", command, shard,
         worker, r ? e->text : "yes");
}

static void recover(struct world *w)
{
    struct cluster *c = &w->coordinator.cluster;
    bool were[SHARDS], waited = c->waits_recover;
    uint32_t count;
    struct error e;
    for (uint32_t i = 0; i < w->shards; i++)
        were[i] = c->shards[i].is_foreign;
    const uint64_t wall_s = w->guard == GUARD_EPOCH_CLOCK ? 0 : WALL_S + (uint64_t)w->now_ms / 1000;
    int r = cluster_recover(c, coordinator_now(w), wall_s, &count, &e);
    tell(w, "recover", 0, 0, r, &e);
    for (uint32_t i = 0; i < w->shards && !r; i++)
        if (were[i] || waited)
            check_recovers(w, i);
}

static void rebalance(struct world *w)
{
    struct cluster *c = &w->coordinator.cluster;
    struct cluster_plan plan;
    struct error e;
    cluster_plan(c, &plan);
    check_plan(w, &plan);
    int r = cluster_apply(c, &plan, coordinator_now(w), &e);
    w->tally->plans += r == 0 && plan.count;
    tell(w, "apply", 0, plan.count, r, &e);
    free(plan.steps);
}

static void of_shard(struct world *w, uint32_t what, uint32_t shard, uint32_t worker)
{
    static const char *const names[] = {"move", "move", "cancel", "pin", "unpin"};
    struct cluster *c = &w->coordinator.cluster;
    struct error e;
    int r = 0;
    if (what <= 1)
        r = cluster_move(c, shard, worker, coordinator_now(w), &e);
    else if (what == 2)
        r = cluster_cancel(c, shard, coordinator_now(w), &e);
    else
        r = cluster_pin(c, shard, what == 3 ? worker : CLUSTER_NOBODY, &e);
    tell(w, names[what], shard, worker, r, &e);
}

static void of_worker(struct world *w, uint32_t what, uint32_t worker)
{
    static const char *const names[] = {"drain", "undrain", "cordon", "uncordon", "forget"};
    struct cluster *c = &w->coordinator.cluster;
    struct error e;
    int r = 0;
    if (what == 0)
        r = cluster_drain(c, &worker, 1, chance(w, 200), &e);
    else if (what == 1)
        r = cluster_undrain(c, worker, &e);
    else if (what <= 3)
        r = cluster_cordon(c, worker, what == 2, &e);
    else
        r = cluster_forget(c, worker, &e);
    tell(w, names[what], 0, worker, r, &e);
}

static bool is_a_worker(const struct world *w, uint32_t worker)
{
    const struct cluster *c = &w->coordinator.cluster;
    return worker < c->worker_count && c->workers[worker].disk;
}

static void command(struct world *w)
{
    struct cluster *c = &w->coordinator.cluster;
    const uint32_t what = pick(w, 16), shard = pick(w, w->shards), worker = pick(w, c->worker_count);
    struct error e;
    if (what < 5 && is_a_worker(w, worker))
        of_shard(w, what, shard, worker);
    else if (what < 10 && is_a_worker(w, worker))
        of_worker(w, what - 5, worker);
    else if (what < 12)
        tell(w, "pause", 0, 0, cluster_pause(c, what == 10 && chance(w, 300), &e), &e);
    else if (what < 14)
        rebalance(w);
    else if (what == 14)
        recover(w);
}

void operate(struct world *w)
{
    if (w->is_calm)
        return;
    world_later(w, about(w, w->operate_ms), (struct event){.kind = EVENT_OPERATE});
    if (!coordinator_is_up(w) || w->places[AT_COORDINATOR].stopped_ms > w->now_ms ||
        !w->coordinator.cluster.worker_count)
        return;
    w->check.is_operated = true;
    command(w);
    coordinator_settle(w);
    w->check.is_operated = false;
}

/* --- when all is quiet --- */

static bool is_any_foreign(const struct world *w)
{
    bool is = w->coordinator.cluster.waits_recover;
    for (uint32_t i = 0; i < w->shards; i++)
        is = is || w->coordinator.cluster.shards[i].is_foreign;
    return is;
}

static void open_workers(struct world *w)
{
    struct cluster *c = &w->coordinator.cluster;
    uint32_t takers = 0;
    struct error e;
    for (uint32_t i = 0; i < c->worker_count; i++) {
        if (c->workers[i].is_cordoned)
            cluster_cordon(c, i, false, &e);
        takers += cluster_is_alive(c, i) && !c->workers[i].is_draining;
    }
    for (uint32_t i = 0; i < c->worker_count && !takers; i++)
        if (c->workers[i].is_draining)
            takers += cluster_undrain(c, i, &e) == 0;
}

static void unpin_strays(struct world *w)
{
    struct cluster *c = &w->coordinator.cluster;
    struct error e;
    for (uint32_t i = 0; i < w->shards; i++)
        if (c->shards[i].pin != CLUSTER_NOBODY &&
            (!cluster_is_alive(c, c->shards[i].pin) || c->workers[c->shards[i].pin].is_draining))
            cluster_pin(c, i, CLUSTER_NOBODY, &e);
}

void operate_calm(struct world *w)
{
    struct error e;
    if (!coordinator_is_up(w))
        return;
    w->check.is_operated = true;
    if (w->coordinator.cluster.is_paused)
        cluster_pause(&w->coordinator.cluster, false, &e);
    if (w->now_ms - w->calm_ms > 2 * LEASE_MS) {
        open_workers(w);
        unpin_strays(w);
    }
    if (w->now_ms - w->calm_ms > 2 * LEASE_MS && is_any_foreign(w))
        recover(w);
    coordinator_settle(w);
    w->check.is_operated = false;
}
