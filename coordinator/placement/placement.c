/* Shards that stay are put down first; then those without a place, the heaviest first, each at the worker of
 * its highest score that has room; then who is over the cap sheds, and who has far too little is filled.
 *
 * To shed and to fill, a shard moves only if the worker that it comes to is less loaded then than the one
 * that it left was before: so the loads, sorted, only ever fall, no two plans undo each other, and it ends.
 *
 * Not taken: to rank all workers for every shard each time (a plan of a thousandth of the shards would cost
 * as much as the first one), and virtual nodes on a ring (a third above the share with 64 each). */
#include "coordinator/placement/placement.h"

#include <stdlib.h>

#include "common/check.h"
#include "coordinator/placement/rendezvous.h"

enum { NOBODY = -1 };

struct solver {
    const struct placement_worker *workers;
    uint32_t worker_count;
    struct placement_shard *shards;
    uint32_t shard_count;
    struct placement_loads *loads;
    uint32_t *order; /* of shards: the heaviest first */
    uint32_t *first; /* by worker: of those that it has and may give away, the heaviest first; … */
    uint32_t *next;  /* … by shard */
    bool *spent;     /* by worker: it has nothing for the one that is filled */
    uint32_t *open[2],
        open_count[2]; /* workers that take shards, and may have room to their share; their cap */
    bool only_rise;    /* loads do: who has no room for the lightest never will again */
};

static bool is_there(const struct solver *s, uint32_t worker)
{
    return worker != PLACEMENT_NOBODY && s->workers[worker].state != PLACEMENT_GONE;
}

static bool keeps(const struct solver *s, uint32_t worker)
{
    return s->workers[worker].state <= PLACEMENT_KEEPS;
}

static bool takes(const struct solver *s, uint32_t worker)
{
    return s->workers[worker].state == PLACEMENT_TAKES;
}

/* Is `load_a` of worker a more than `load_b` of worker b, in proportion to what they can do? */
static bool is_more(const struct solver *s, uint32_t a, uint64_t load_a, uint32_t b, uint64_t load_b)
{
    return load_a * s->workers[b].capacity > load_b * s->workers[a].capacity;
}

/* --- shares --- */

static void set_share(struct placement_loads *loads, uint64_t total, uint32_t capacity, uint64_t capacities)
{
    loads->share = capacities ? (uint64_t)((double)total * capacity / (double)capacities) : 0;
    loads->cap = loads->share + loads->share / PLACEMENT_SLACK;
}

/* Shards that are heavier than any cap have a worker each to themselves: the others share the rest. */
static void set_heavy_apart(const struct solver *s, uint64_t *total, uint64_t *capacities, uint32_t workers)
{
    uint64_t largest = 0;
    for (uint32_t j = 0; j < s->worker_count; j++)
        if (takes(s, j) && s->workers[j].capacity > largest)
            largest = s->workers[j].capacity;
    for (uint32_t i = 0; i < s->shard_count && workers > 1; i++, workers--) {
        const struct placement_shard *shard = &s->shards[s->order[i]];
        uint64_t share = *total * largest / *capacities;
        if (shard->weight <= share + share / PLACEMENT_SLACK || shard->weight > *total)
            return;
        *total -= shard->weight;
        *capacities -= *capacities / workers;
    }
}

/* Of all that is to be kept. One that is cordoned has no more than what it has: the others share the rest. */
static void set_shares(struct solver *s)
{
    uint64_t total = 0, capacities = 0, taking = 0;
    uint32_t takers = 0;
    for (uint32_t i = 0; i < s->shard_count; i++)
        total += s->shards[i].weight;
    for (uint32_t j = 0; j < s->worker_count; j++)
        capacities += keeps(s, j) ? s->workers[j].capacity : 0;
    for (uint32_t j = 0; j < s->worker_count; j++) {
        struct placement_loads *loads = &s->loads[j];
        set_share(loads, total, keeps(s, j) ? s->workers[j].capacity : 0, capacities);
        takers += takes(s, j);
        taking += takes(s, j) ? s->workers[j].capacity : 0;
    }
    for (uint32_t j = 0; j < s->worker_count; j++)
        if (keeps(s, j) && !takes(s, j))
            total -= s->loads[j].load < s->loads[j].share ? s->loads[j].load : s->loads[j].share;
    if (takers)
        set_heavy_apart(s, &total, &taking, takers);
    for (uint32_t j = 0; j < s->worker_count; j++)
        if (takes(s, j))
            set_share(&s->loads[j], total, s->workers[j].capacity, taking);
}

/* --- what stays --- */

/* One that had to go still has to when it is passed on from where it was put first. */
static void put(struct solver *s, struct placement_shard *shard, uint32_t worker, enum placement_why why)
{
    bool had_to = shard->why == PLACEMENT_HOMELESS || shard->why == PLACEMENT_LEAVES;
    if (shard->to != PLACEMENT_NOBODY)
        s->loads[shard->to].load -= shard->weight;
    s->loads[worker].load += shard->weight;
    shard->to = worker;
    if (!had_to)
        shard->why = worker == shard->at ? PLACEMENT_STAYS : why;
}

static enum placement_stuck pin_stuck(enum placement_worker_state state)
{
    static const enum placement_stuck stuck[] = {[PLACEMENT_TAKES] = PLACEMENT_FREE,
                                                 [PLACEMENT_KEEPS] = PLACEMENT_PIN_CORDONED,
                                                 [PLACEMENT_DRAINS] = PLACEMENT_PIN_DRAINS,
                                                 [PLACEMENT_GONE] = PLACEMENT_PIN_GONE};
    return stuck[state];
}

/* A pin holds a shard also where its worker drains; it brings one only to a worker that takes shards. */
static bool put_pinned(struct solver *s, struct placement_shard *shard)
{
    enum placement_worker_state state = s->workers[shard->pin].state;
    bool is_home = shard->at == shard->pin && state != PLACEMENT_GONE;
    if (!is_home || state == PLACEMENT_DRAINS)
        shard->stuck = pin_stuck(state);
    if (is_home || state == PLACEMENT_TAKES)
        put(s, shard, shard->pin, PLACEMENT_PINNED);
    return shard->to != PLACEMENT_NOBODY;
}

static void put_those_that_stay(struct solver *s)
{
    for (uint32_t i = 0; i < s->shard_count; i++) {
        struct placement_shard *shard = &s->shards[i];
        shard->to = PLACEMENT_NOBODY;
        shard->why = PLACEMENT_STAYS;
        shard->stuck = PLACEMENT_FREE;
        if (shard->pin != PLACEMENT_NOBODY && put_pinned(s, shard))
            continue;
        if (is_there(s, shard->at) && keeps(s, shard->at))
            put(s, shard, shard->at, PLACEMENT_STAYS);
    }
}

/* --- the worker for a shard --- */

static bool scores_more(const struct solver *s, uint64_t draw, uint32_t worker, uint64_t best_draw,
                        int64_t best)
{
    if (best == NOBODY)
        return true;
    struct rendezvous_score a = {draw, s->workers[worker].capacity},
                            b = {best_draw, s->workers[best].capacity};
    return rendezvous_beats(a, b);
}

/* Of those that take shards and are within their share with this one (or else, `to_cap`, within their cap):
 * the one that scores highest. */
static int64_t highest(struct solver *s, const struct placement_shard *shard, bool to_cap)
{
    const uint32_t lightest = s->shards[s->order[s->shard_count - 1]].weight;
    uint32_t *open = s->open[to_cap];
    int64_t best = NOBODY;
    uint64_t best_draw = 0;
    for (uint32_t i = 0; i < s->open_count[to_cap]; i++) {
        const uint32_t j = open[i];
        const uint64_t limit = to_cap ? s->loads[j].cap : s->loads[j].share;
        if (s->only_rise && s->loads[j].load + lightest > limit) {
            open[i--] = open[--s->open_count[to_cap]];
            continue;
        }
        if (s->loads[j].load + shard->weight > limit || j == shard->to)
            continue;
        uint64_t draw = rendezvous_draw(shard->number, s->workers[j].key);
        if (scores_more(s, draw, j, best_draw, best)) {
            best = j;
            best_draw = draw;
        }
    }
    return best;
}

/* Where a copy of it is already. */
static bool is_ready(const struct solver *s, const struct placement_shard *shard)
{
    return shard->ready != PLACEMENT_NOBODY && shard->ready != shard->to && takes(s, shard->ready) &&
           s->loads[shard->ready].load + shard->weight <= s->loads[shard->ready].cap;
}

static int64_t with_room(struct solver *s, const struct placement_shard *shard)
{
    if (is_ready(s, shard))
        return shard->ready;
    int64_t worker = highest(s, shard, false);
    return worker == NOBODY ? highest(s, shard, true) : worker;
}

static int64_t least_loaded(const struct solver *s, const struct placement_shard *shard)
{
    int64_t least = NOBODY;
    for (uint32_t j = 0; j < s->worker_count; j++)
        if (takes(s, j) && j != shard->to &&
            (least == NOBODY || is_more(s, (uint32_t)least, s->loads[least].load + shard->weight, j,
                                        s->loads[j].load + shard->weight)))
            least = j;
    return least;
}

/* --- those without a place --- */

static void open_all(struct solver *s, bool only_rise)
{
    s->only_rise = only_rise;
    s->open_count[0] = s->open_count[1] = 0;
    for (uint32_t j = 0; j < s->worker_count; j++)
        for (int i = 0; i < 2 && takes(s, j); i++)
            s->open[i][s->open_count[i]++] = j;
}

static void put_homeless(struct solver *s)
{
    open_all(s, true);
    for (uint32_t i = 0; i < s->shard_count; i++) {
        struct placement_shard *shard = &s->shards[s->order[i]];
        if (shard->to != PLACEMENT_NOBODY)
            continue;
        int64_t worker = with_room(s, shard);
        if (worker == NOBODY) {
            worker = least_loaded(s, shard);
            if (worker != NOBODY && s->loads[worker].load > s->loads[worker].share &&
                shard->stuck == PLACEMENT_FREE)
                shard->stuck = PLACEMENT_OVER_CAP;
        }
        if (worker != NOBODY)
            put(s, shard, (uint32_t)worker, is_there(s, shard->at) ? PLACEMENT_LEAVES : PLACEMENT_HOMELESS);
        else if (shard->stuck == PLACEMENT_FREE)
            shard->stuck = PLACEMENT_NO_WORKER;
        if (worker == NOBODY && is_there(s, shard->at))
            put(s, shard, shard->at, PLACEMENT_STAYS); /* it drains, and there is nobody else */
    }
}

/* --- shards that may move --- */

static void list_movable(struct solver *s)
{
    open_all(s, false);
    for (uint32_t j = 0; j < s->worker_count; j++)
        s->first[j] = PLACEMENT_NOBODY;
    for (uint32_t i = s->shard_count; i-- > 0;) {
        uint32_t n = s->order[i];
        const struct placement_shard *shard = &s->shards[n];
        if (shard->to == PLACEMENT_NOBODY || shard->to == shard->pin || !keeps(s, shard->to))
            continue;
        s->next[n] = s->first[shard->to];
        s->first[shard->to] = n;
    }
}

static void move(struct solver *s, uint32_t *link, uint32_t to, enum placement_why why)
{
    uint32_t n = *link;
    *link = s->next[n];
    put(s, &s->shards[n], to, why);
    for (link = &s->first[to]; *link != PLACEMENT_NOBODY && s->shards[*link].weight > s->shards[n].weight;)
        link = &s->next[*link];
    s->next[n] = *link;
    *link = n;
}

static bool relieves(const struct solver *s, const struct placement_shard *shard, uint32_t to)
{
    return is_more(s, shard->to, s->loads[shard->to].load, to, s->loads[to].load + shard->weight);
}

/* --- who is over the cap sheds --- */

/* Where a shard may go; first where there is room, then where it would at least be better. */
static int64_t refuge(struct solver *s, const struct placement_shard *shard, bool with_room_only)
{
    int64_t worker = with_room_only ? with_room(s, shard) : least_loaded(s, shard);
    return worker != NOBODY && relieves(s, shard, (uint32_t)worker) ? worker : NOBODY;
}

static bool shed_to_refuge(struct solver *s, uint32_t *link, bool with_room_only)
{
    int64_t to = refuge(s, &s->shards[*link], with_room_only);
    if (to != NOBODY)
        move(s, link, (uint32_t)to, PLACEMENT_SHED);
    return to != NOBODY;
}

/* What is shed should weigh what is too much, and hardly more: the lightest shard that is heavy enough, if it
 * comes near; else the heaviest that isn't, and what it leaves is shed next. Where no lighter one finds a
 * place, no heavier one does. */
static bool shed_one(struct solver *s, uint32_t worker, bool with_room_only)
{
    uint64_t excess = s->loads[worker].load - s->loads[worker].cap;
    uint32_t *enough = NULL, *link = &s->first[worker];
    for (; *link != PLACEMENT_NOBODY && s->shards[*link].weight >= excess; link = &s->next[*link])
        enough = link;
    bool is_near = enough && s->shards[*enough].weight <= excess + excess / PLACEMENT_SLACK;
    if (is_near && shed_to_refuge(s, enough, with_room_only))
        return true;
    for (; *link != PLACEMENT_NOBODY; link = &s->next[*link])
        if (shed_to_refuge(s, link, with_room_only))
            return true;
    return enough && !is_near && shed_to_refuge(s, enough, with_room_only);
}

static bool shed(struct solver *s)
{
    bool any = false;
    for (int pass = 0; pass < 2; pass++)
        for (uint32_t j = 0; j < s->worker_count; j++)
            while (keeps(s, j) && s->loads[j].load > s->loads[j].cap && shed_one(s, j, pass == 0))
                any = true;
    return any;
}

/* --- who has far too little is filled --- */

static int64_t most_loaded(const struct solver *s)
{
    int64_t most = NOBODY;
    for (uint32_t j = 0; j < s->worker_count; j++)
        if (!s->spent[j] &&
            (most == NOBODY || is_more(s, j, s->loads[j].load, (uint32_t)most, s->loads[most].load)))
            most = j;
    return most;
}

static uint64_t floor_of(const struct placement_loads *loads)
{
    return loads->share - loads->share / PLACEMENT_SLACK;
}

/* Gently: neither has too little or too much afterwards, so that nothing else has to move. */
static bool may_give(const struct solver *s, const struct placement_shard *shard, uint32_t worker,
                     bool gently)
{
    const struct placement_loads *to = &s->loads[worker], *from = &s->loads[shard->to];
    if (!relieves(s, shard, worker))
        return false;
    if (gently)
        return to->load + shard->weight <= to->share && from->load - shard->weight >= floor_of(from);
    return to->load + shard->weight <= to->cap || !to->load;
}

/* Of what the donor may give, that for which the worker scores highest. */
static uint32_t *gift(struct solver *s, uint32_t donor, uint32_t worker, bool gently)
{
    uint64_t best_draw = 0;
    uint32_t *best = NULL;
    for (uint32_t *link = &s->first[donor]; *link != PLACEMENT_NOBODY; link = &s->next[*link]) {
        const struct placement_shard *shard = &s->shards[*link];
        uint64_t draw = rendezvous_draw(shard->number, s->workers[worker].key);
        if ((!best || draw > best_draw) && may_give(s, shard, worker, gently)) {
            best = link;
            best_draw = draw;
        }
    }
    return best;
}

static bool fill(struct solver *s, uint32_t worker, bool gently)
{
    const struct placement_loads *loads = &s->loads[worker];
    uint32_t lightest = s->shards[s->order[s->shard_count - 1]].weight;
    bool any = false;
    for (uint32_t j = 0; j < s->worker_count; j++)
        s->spent[j] = j == worker || s->first[j] == PLACEMENT_NOBODY;
    while (loads->load < floor_of(loads)) {
        int64_t donor = most_loaded(s);
        if (donor == NOBODY ||
            !is_more(s, (uint32_t)donor, s->loads[donor].load, worker, loads->load + lightest))
            return any;
        uint32_t *link = gift(s, (uint32_t)donor, worker, gently);
        if (link)
            move(s, link, worker, PLACEMENT_FILLS);
        else
            s->spent[donor] = true;
        any |= link != NULL;
    }
    return any;
}

static bool fill_all(struct solver *s)
{
    bool any = false;
    for (uint32_t j = 0; j < s->worker_count; j++)
        if (takes(s, j) && s->loads[j].load < floor_of(&s->loads[j])) {
            any |= fill(s, j, true);
            any |= fill(s, j, false);
        }
    return any;
}

/* --- all together --- */

static int heavier_first(const void *a, const void *b, void *context)
{
    const struct placement_shard *shards = context;
    const struct placement_shard *x = &shards[*(const uint32_t *)a], *y = &shards[*(const uint32_t *)b];
    if (x->weight != y->weight)
        return x->weight > y->weight ? -1 : 1;
    return x->number < y->number ? -1 : x->number > y->number;
}

static void open_solver(struct solver *s)
{
    s->order = mem_alloc((s->shard_count + 1) * sizeof *s->order);
    s->next = mem_alloc((s->shard_count + 1) * sizeof *s->next);
    s->first = mem_alloc((s->worker_count + 1) * sizeof *s->first);
    s->spent = mem_alloc(s->worker_count + 1);
    for (int i = 0; i < 2; i++)
        s->open[i] = mem_alloc((s->worker_count + 1) * sizeof *s->open[i]);
    s->loads = mem_zalloc((s->worker_count + 1) * sizeof *s->loads);
    for (uint32_t i = 0; i < s->shard_count; i++)
        s->order[i] = i;
    qsort_r(s->order, s->shard_count, sizeof *s->order, heavier_first, s->shards);
}

static void close_solver(struct solver *s)
{
    free(s->order);
    free(s->next);
    free(s->first);
    free(s->spent);
    free(s->open[0]);
    free(s->open[1]);
    free(s->loads);
}

void placement_solve(const struct placement_worker *workers, uint32_t worker_count,
                     struct placement_shard *shards, uint32_t shard_count, struct placement_loads *loads)
{
    struct solver s = {
        .workers = workers, .worker_count = worker_count, .shards = shards, .shard_count = shard_count};
    open_solver(&s);
    put_those_that_stay(&s);
    set_shares(&s);
    put_homeless(&s);
    list_movable(&s);
    for (bool any = shard_count > 0; any;) {
        any = shed(&s);
        any |= fill_all(&s);
    }
    for (uint32_t j = 0; loads && j < worker_count; j++)
        loads[j] = s.loads[j];
    close_solver(&s);
}
