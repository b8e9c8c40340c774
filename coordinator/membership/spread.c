/* Where shards should be: the records, as placement wants to have them, and what comes of its answer.
 *
 * By itself, a shard that is nobody's is given, one whose worker drains or that is pinned elsewhere is moved,
 * and a worker that came gets its share. What else would make loads even, operators decide: `rebalance`,
 * `apply`. Nothing is spread while it isn't known yet who is there. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/check.h"
#include "common/hash.h"
#include "coordinator/membership/cluster.h"
#include "coordinator/placement/placement.h"
#include "coordinator/placement/rendezvous.h"

_Static_assert((int)LIMIT_CAPACITY == (int)PLACEMENT_CAPACITY_MAX, "the one is the other");
_Static_assert(PLACEMENT_NOBODY == CLUSTER_NOBODY, "nobody is nobody");

enum { IDLE_LOAD = 100 }; /* milliseconds a minute */

struct spread {
    struct placement_worker *workers; /* as the cluster numbers them */
    struct placement_shard *shards;
    uint32_t shard_count;
    struct placement_loads *before, *after;
};

/* --- the problem --- */

static enum placement_worker_state state_of(const struct cluster_worker *worker)
{
    if (!worker->disk || worker->life == WORKER_DEAD)
        return PLACEMENT_GONE;
    if (worker->is_draining)
        return PLACEMENT_DRAINS;
    return worker->is_cordoned || worker->life != WORKER_ALIVE ? PLACEMENT_KEEPS : PLACEMENT_TAKES;
}

static void add_workers(const struct cluster *c, struct spread *spread)
{
    for (uint32_t i = 0; i < c->worker_count; i++)
        spread->workers[i] = (struct placement_worker){
            .key = hash64(bytes_of(c->workers[i].name)),
            .capacity = c->workers[i].capacity,
            .state = state_of(&c->workers[i]),
        };
}

/* 0: not known. */
static uint32_t load_of(const struct cluster *c, uint32_t shard)
{
    const struct shard_report *report = cluster_report(c, c->shards[shard].owner, shard);
    return report && report->role == ROLE_OWNER ? report->load : 0;
}

/* As measured; what isn't known is taken for as much as the others have on average. A shard costs something
 * also where hardly anything happens, and it would be noise that places those. */
static uint32_t weight_of(const struct cluster *c, uint32_t shard, uint32_t average)
{
    uint32_t measured = load_of(c, shard), load = measured ? measured : average;
    return load < PLACEMENT_WEIGHT_MAX - IDLE_LOAD ? IDLE_LOAD + load : PLACEMENT_WEIGHT_MAX;
}

static uint32_t average_of(const struct cluster *c)
{
    uint64_t sum = 0, count = 0;
    for (uint32_t i = 0; i < c->set.shards; i++) {
        uint32_t load = load_of(c, i);
        sum += load;
        count += load > 0;
    }
    return count ? (uint32_t)(sum / count) : 1;
}

static uint32_t ready_at(const struct cluster_shard *s)
{
    for (uint32_t i = 0; i < s->replica_count; i++)
        if (s->replicas[i].in_sync)
            return s->replicas[i].worker;
    return PLACEMENT_NOBODY;
}

/* One whose owner may still come back is left out: it has its place. */
static bool waits_for_owner(const struct cluster *c, const struct cluster_shard *s)
{
    return s->owner != CLUSTER_NOBODY && c->workers[s->owner].life == WORKER_DEAD;
}

static void add_shards(const struct cluster *c, struct spread *spread)
{
    uint32_t average = average_of(c);
    for (uint32_t i = 0; i < c->set.shards; i++) {
        const struct cluster_shard *s = &c->shards[i];
        if (s->is_foreign || waits_for_owner(c, s))
            continue;
        spread->shards[spread->shard_count++] = (struct placement_shard){
            .number = i,
            .weight = weight_of(c, i, average),
            .at = s->phase != MOVE_NONE ? s->to : s->owner,
            .pin = s->pin,
            .ready = ready_at(s),
        };
    }
}

static void load_before(struct spread *spread)
{
    for (uint32_t i = 0; i < spread->shard_count; i++)
        if (spread->shards[i].at != PLACEMENT_NOBODY)
            spread->before[spread->shards[i].at].load += spread->shards[i].weight;
}

static void solve(const struct cluster *c, struct spread *spread)
{
    *spread = (struct spread){0};
    spread->workers = mem_zalloc((c->worker_count + 1) * sizeof *spread->workers);
    spread->shards = mem_alloc(c->set.shards * sizeof *spread->shards);
    spread->before = mem_zalloc((c->worker_count + 1) * sizeof *spread->before);
    spread->after = mem_zalloc((c->worker_count + 1) * sizeof *spread->after);
    add_workers(c, spread);
    add_shards(c, spread);
    load_before(spread);
    placement_solve(spread->workers, c->worker_count, spread->shards, spread->shard_count, spread->after);
}

static void close_spread(struct spread *spread)
{
    free(spread->workers);
    free(spread->shards);
    free(spread->before);
    free(spread->after);
}

/* --- what comes of it by itself --- */

static bool has_any(const struct cluster *c)
{
    bool has = false;
    for (uint32_t i = 0; i < c->worker_count; i++)
        for (uint32_t j = 0; j < c->workers[i].report_count; j++)
            has = has || c->workers[i].reports[j].epoch;
    return has;
}

static bool is_any_foreign(const struct cluster *c)
{
    bool is = false;
    for (uint32_t i = 0; i < c->set.shards; i++)
        is = is || c->shards[i].is_foreign;
    return is;
}

/* What nobody has may be begun anew: unless somebody may have it who wasn't heard yet. Who has a copy that
 * the state knows nothing of is a sign of that, and whoever has any copy at all isn't the first worker ever.
 */
static bool may_begin_anew(const struct cluster *c, int64_t now_ms)
{
    return c->set.adopts ||
           (!c->waits_recover && !is_any_foreign(c) && (lease_is_settled(c, now_ms) || !has_any(c)));
}

static bool is_settled(const struct cluster *c, const struct cluster_shard *s, int64_t now_ms)
{
    return s->epoch > 0 || now_ms - c->joined_ms >= c->set.settle_ms;
}

static bool moves_by_itself(const struct cluster *c, const struct placement_shard *wish)
{
    return wish->why == PLACEMENT_LEAVES || wish->why == PLACEMENT_PINNED ||
           (c->fills && (wish->why == PLACEMENT_SHED || wish->why == PLACEMENT_FILLS));
}

/* Where it is moved to isn't where it should be any more: there is still time to say so. */
static bool is_redirected(const struct cluster_shard *s, const struct placement_shard *wish)
{
    return s->phase == MOVE_QUEUED && wish->to != PLACEMENT_NOBODY && wish->to != s->to;
}

static void act(struct cluster *c, const struct placement_shard *wish, bool begins_anew, int64_t now_ms)
{
    const uint32_t n = wish->number;
    const struct cluster_shard *s = &c->shards[n];
    if (wish->to == wish->at || wish->to == PLACEMENT_NOBODY)
        return;
    if (s->owner == CLUSTER_NOBODY) {
        if (begins_anew && is_settled(c, s, now_ms))
            cluster_give(c, n, wish->to, 0);
        else
            c->is_unspread = true;
        return;
    }
    if (is_redirected(s, wish) && moves_by_itself(c, wish))
        move_end(c, n, s->retry_ms);
    if (s->phase == MOVE_NONE && wish->to != s->owner && moves_by_itself(c, wish)) {
        if (now_ms >= s->retry_ms)
            move_queue(c, n, wish->to, now_ms);
        else
            c->is_unspread = true;
    }
}

/* --- followers --- */

/* Who follows the fewest shards; of those the one that rendezvous draws; one that has a copy comes first. */
static uint32_t new_follower(const struct cluster *c, uint32_t shard, const uint32_t *followed)
{
    const struct cluster_shard *s = &c->shards[shard];
    uint32_t best = CLUSTER_NOBODY;
    uint64_t best_rank = UINT64_MAX;
    for (uint32_t i = 0; i < c->worker_count; i++) {
        const struct shard_report *report = cluster_report(c, i, shard);
        bool has_copy = report && report->epoch;
        if (state_of(&c->workers[i]) != PLACEMENT_TAKES || i == s->owner ||
            cluster_replica((struct cluster_shard *)s, i))
            continue;
        uint64_t draw = rendezvous_draw(shard, hash64(bytes_of(c->workers[i].name))) >> 40;
        uint64_t rank = (has_copy ? 0 : UINT64_C(1) << 63) |
                        (uint64_t)followed[i] * 1024 / c->workers[i].capacity << 24 | draw;
        if (rank < best_rank) {
            best = i;
            best_rank = rank;
        }
    }
    return best;
}

static void add_followers(struct cluster *c, uint32_t shard, uint32_t *followed)
{
    struct cluster_shard *s = &c->shards[shard];
    if (s->owner == CLUSTER_NOBODY || s->is_foreign || !cluster_is_alive(c, s->owner))
        return;
    uint32_t staying = 0;
    for (uint32_t i = 0; i < s->replica_count; i++)
        staying += !c->workers[s->replicas[i].worker].is_draining &&
                   !(s->phase >= MOVE_COPYING && s->replicas[i].worker == s->to);
    for (; staying < c->set.followers && s->replica_count < CLUSTER_REPLICAS; staying++) {
        uint32_t worker = new_follower(c, shard, followed);
        if (worker == CLUSTER_NOBODY)
            return;
        cluster_add_replica(cluster_change(c, shard), worker);
        followed[worker]++;
    }
}

static void spread_followers(struct cluster *c)
{
    uint32_t *followed = mem_zalloc((c->worker_count + (size_t)1) * sizeof *followed);
    for (uint32_t i = 0; i < c->set.shards; i++)
        for (uint32_t j = 0; j < c->shards[i].replica_count; j++)
            followed[c->shards[i].replicas[j].worker]++;
    for (uint32_t i = 0; i < c->set.shards; i++)
        add_followers(c, i, followed);
    free(followed);
}

static bool is_anybody_unknown(const struct cluster *c)
{
    bool is = false;
    for (uint32_t i = 0; i < c->worker_count; i++)
        is = is || (c->workers[i].disk && c->workers[i].life == WORKER_UNKNOWN);
    return is;
}

void spread_tick(struct cluster *c, int64_t now_ms)
{
    struct spread spread;
    bool is_soon = c->spread_ms != INT64_MIN && now_ms - c->spread_ms < LIMIT_SPREAD_MS;
    if (!c->is_unspread || is_soon || is_anybody_unknown(c))
        return;
    c->is_unspread = false;
    c->spread_ms = now_ms;
    const bool begins_anew = may_begin_anew(c, now_ms);
    solve(c, &spread);
    for (uint32_t i = 0; i < spread.shard_count; i++)
        act(c, &spread.shards[i], begins_anew, now_ms);
    close_spread(&spread);
    spread_followers(c);
    c->fills = false;
}

/* --- plans --- */

static uint64_t hash_of_workers(const struct spread *spread, uint32_t count)
{
    uint64_t hash = 0;
    for (uint32_t i = 0; i < count; i++)
        if (spread->workers[i].state != PLACEMENT_GONE)
            hash = rendezvous_draw(spread->workers[i].state, hash ^ spread->workers[i].key);
    return hash;
}

/* The highest load, as a share of what would be that worker's own, of those that take shards. */
static double highest(const struct spread *spread, uint32_t count, const struct placement_loads *loads)
{
    uint64_t total = 0, capacities = 0;
    double highest = 0;
    for (uint32_t i = 0; i < count; i++) {
        total += loads[i].load;
        capacities += spread->workers[i].state == PLACEMENT_TAKES ? spread->workers[i].capacity : 0;
    }
    for (uint32_t i = 0; i < count && total && capacities; i++) {
        double own = (double)total * spread->workers[i].capacity / (double)capacities;
        if (spread->workers[i].state == PLACEMENT_TAKES && (double)loads[i].load / own > highest)
            highest = (double)loads[i].load / own;
    }
    return highest;
}

void cluster_plan(const struct cluster *c, struct cluster_plan *plan)
{
    struct spread spread;
    solve(c, &spread);
    *plan = (struct cluster_plan){.workers = hash_of_workers(&spread, c->worker_count),
                                  .before = highest(&spread, c->worker_count, spread.before),
                                  .after = highest(&spread, c->worker_count, spread.after)};
    plan->steps = mem_alloc((spread.shard_count + 1) * sizeof *plan->steps);
    for (uint32_t i = 0; i < spread.shard_count; i++) {
        const struct placement_shard *wish = &spread.shards[i];
        const struct cluster_shard *s = &c->shards[wish->number];
        const struct shard_report *report = cluster_report(c, s->owner, wish->number);
        if (wish->to == wish->at || wish->to == PLACEMENT_NOBODY || s->owner == CLUSTER_NOBODY)
            continue;
        plan->steps[plan->count++] = (struct cluster_step){.shard = wish->number,
                                                           .from = s->owner,
                                                           .to = wish->to,
                                                           .version = s->version,
                                                           .why = (uint8_t)wish->why,
                                                           .bytes = report ? report->bytes : 0};
        plan->bytes += report ? report->bytes : 0;
    }
    close_spread(&spread);
}

static int check_plan(const struct cluster *c, const struct cluster_plan *plan, struct error *e)
{
    struct spread spread = {.workers = mem_zalloc((c->worker_count + 1) * sizeof *spread.workers)};
    add_workers(c, &spread);
    uint64_t workers = hash_of_workers(&spread, c->worker_count);
    free(spread.workers);
    if (workers != plan->workers)
        return error_set(e, ERR_BUSY,
                         "the workers aren't those that the plan was made for: make another one with "
                         "`garner rebalance`");
    for (uint32_t i = 0; i < plan->count; i++)
        if (c->shards[plan->steps[i].shard].version != plan->steps[i].version)
            return error_set(e, ERR_BUSY,
                             "shard %" PRIu32
                             " isn't as it was when the plan was made: make another one with "
                             "`garner rebalance`",
                             plan->steps[i].shard);
    return 0;
}

int cluster_apply(struct cluster *c, const struct cluster_plan *plan, int64_t now_ms, struct error *e)
{
    int r = check_plan(c, plan, e);
    for (uint32_t i = 0; !r && i < plan->count; i++) {
        move_end(c, plan->steps[i].shard, INT64_MIN);
        if (plan->steps[i].to != c->shards[plan->steps[i].shard].owner)
            move_queue(c, plan->steps[i].shard, plan->steps[i].to, now_ms);
    }
    return r;
}
