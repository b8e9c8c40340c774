/* Each view is made from the records and the last heartbeats in one go, so it is of one moment. */
#include "coordinator/view.h"

#include <stdlib.h>

#include "common/check.h"
#include "coordinator/placement/placement.h"
#include "coordinator/why.h"

enum { MEMBERS = 24 }; /* room in an object */

/* --- members --- */

void view_put_text(struct value *object, const char *key, const char *text)
{
    value_put(object, bytes_of(key), text ? value_string(bytes_of(text)) : value_null());
}

void view_put_u64(struct value *object, const char *key, uint64_t number, struct arena *arena)
{
    value_put(object, bytes_of(key), value_u64(arena, number));
}

void view_put_bool(struct value *object, const char *key, bool yes)
{
    value_put(object, bytes_of(key), value_bool(yes));
}

static void put_ratio(struct value *object, const char *key, double ratio, struct arena *arena)
{
    value_put(object, bytes_of(key), value_number(bytes_of(arena_printf(arena, "%.3f", ratio))));
}

static const char *name_of(const struct cluster *c, uint32_t worker)
{
    return worker == CLUSTER_NOBODY ? NULL : c->workers[worker].name;
}

/* --- a shard --- */

static const char *state_of(const struct cluster *c, uint32_t shard)
{
    const struct cluster_shard *s = &c->shards[shard];
    if (s->is_foreign)
        return "unknown";
    if (!why_is_served(c, shard))
        return "waiting";
    return s->phase != MOVE_NONE ? "moving" : "served";
}

static struct value followers_of(const struct cluster *c, const struct cluster_shard *s, struct arena *arena)
{
    struct value followers = value_array(arena, s->replica_count);
    for (uint32_t i = 0; i < s->replica_count; i++) {
        struct value follower = value_object(arena, 2);
        view_put_text(&follower, "worker", name_of(c, s->replicas[i].worker));
        view_put_bool(&follower, "in_sync", s->replicas[i].in_sync);
        followers.items[i] = follower;
    }
    return followers;
}

static struct value move_of(const struct cluster *c, const struct cluster_shard *s, struct arena *arena)
{
    if (s->phase == MOVE_NONE)
        return value_null();
    struct value move = value_object(arena, 2);
    view_put_text(&move, "to", name_of(c, s->to));
    view_put_text(&move, "phase", cluster_phase_name(s->phase));
    return move;
}

static void put_why(const struct cluster *c, uint32_t shard, int64_t now_ms, struct value *object,
                    struct arena *arena)
{
    struct buffer why = {0};
    why_explain(c, shard, now_ms, &why);
    view_put_text(object, "why", arena_strdup(arena, bytes_trim(buffer_bytes(&why))));
    buffer_close(&why);
}

static struct value begin_shard(const struct cluster *c, uint32_t shard, int64_t now_ms, struct arena *arena)
{
    const struct cluster_shard *s = &c->shards[shard];
    const struct shard_report *report = cluster_report(c, s->owner, shard);
    struct value object = value_object(arena, MEMBERS);
    view_put_u64(&object, "shard", shard, arena);
    view_put_text(&object, "state", state_of(c, shard));
    view_put_text(&object, "owner", name_of(c, s->owner));
    view_put_u64(&object, "epoch", s->epoch, arena);
    view_put_u64(&object, "head", report ? report->head : 0, arena);
    view_put_u64(&object, "bytes", report ? report->bytes : 0, arena);
    view_put_u64(&object, "load", report ? report->load : 0, arena);
    value_put(&object, BYTES("followers"), followers_of(c, s, arena));
    value_put(&object, BYTES("move"), move_of(c, s, arena));
    view_put_text(&object, "pin", name_of(c, s->pin));
    view_put_u64(&object, "version", s->version, arena);
    view_put_bool(&object, "stuck", why_is_stuck(c, shard, now_ms));
    return object;
}

static struct value view_shard(const struct cluster *c, uint32_t shard, int64_t now_ms, struct arena *arena)
{
    struct value object = begin_shard(c, shard, now_ms, arena);
    if (why_is_stuck(c, shard, now_ms))
        put_why(c, shard, now_ms, &object, arena);
    else
        view_put_text(&object, "why", NULL);
    return object;
}

struct value view_explained(const struct cluster *c, uint32_t shard, int64_t now_ms, struct arena *arena)
{
    struct value object = begin_shard(c, shard, now_ms, arena);
    put_why(c, shard, now_ms, &object, arena);
    return object;
}

/* Its owner, who follows it, or where it moves to. */
static bool is_at(const struct cluster *c, uint32_t shard, uint32_t worker)
{
    const struct cluster_shard *s = &c->shards[shard];
    return s->owner == worker || (s->phase != MOVE_NONE && s->to == worker) ||
           cluster_replica((struct cluster_shard *)s, worker);
}

static bool is_at_any(const struct cluster *c, uint32_t shard, const uint32_t *workers, uint32_t count)
{
    bool is = !count;
    for (uint32_t i = 0; i < count; i++)
        is = is || is_at(c, shard, workers[i]);
    return is;
}

struct value view_shards(const struct cluster *c, const uint32_t *workers, uint32_t count, int64_t now_ms,
                         struct arena *arena)
{
    struct value shards = value_array(arena, c->set.shards);
    shards.count = 0;
    for (uint32_t i = 0; i < c->set.shards; i++)
        if (is_at_any(c, i, workers, count))
            shards.items[shards.count++] = view_shard(c, i, now_ms, arena);
    struct value object = value_object(arena, 1);
    value_put(&object, BYTES("shards"), shards);
    return object;
}

/* --- workers --- */

struct counts {
    uint32_t shards, followed, coming, leaving;
    uint64_t load, bytes;
};

static void count_shard(const struct cluster *c, uint32_t shard, struct counts *counts)
{
    const struct cluster_shard *s = &c->shards[shard];
    if (s->owner == CLUSTER_NOBODY)
        return;
    const struct shard_report *report = cluster_report(c, s->owner, shard);
    struct counts *owner = &counts[s->owner];
    owner->shards++;
    owner->load += report ? report->load : 0;
    owner->bytes += report ? report->bytes : 0;
    owner->leaving += s->phase != MOVE_NONE;
    if (s->phase != MOVE_NONE)
        counts[s->to].coming++;
    for (uint32_t i = 0; i < s->replica_count; i++)
        counts[s->replicas[i].worker].followed++;
}

static struct counts *count_all(const struct cluster *c, struct arena *arena)
{
    struct counts *counts = arena_zalloc(arena, (c->worker_count + (size_t)1) * sizeof *counts);
    for (uint32_t i = 0; i < c->set.shards; i++)
        count_shard(c, i, counts);
    return counts;
}

static struct value view_worker(const struct cluster_worker *worker, const struct counts *counts,
                                int64_t now_ms, struct arena *arena)
{
    struct value object = value_object(arena, MEMBERS);
    view_put_text(&object, "worker", worker->name);
    view_put_text(&object, "state", cluster_life_name(worker->life));
    view_put_u64(&object, "since", worker->since_ms == INT64_MIN ? 0 : (uint64_t)(now_ms - worker->since_ms),
                 arena);
    view_put_text(&object, "address", *worker->address ? worker->address : NULL);
    view_put_text(&object, "program", *worker->program ? worker->program : NULL);
    view_put_bool(&object, "cordoned", worker->is_cordoned);
    view_put_bool(&object, "draining", worker->is_draining);
    view_put_u64(&object, "shards", counts->shards, arena);
    view_put_u64(&object, "follows", counts->followed, arena);
    view_put_u64(&object, "coming", counts->coming, arena);
    view_put_u64(&object, "leaving", counts->leaving, arena);
    view_put_u64(&object, "load", counts->load, arena);
    view_put_u64(&object, "bytes", counts->bytes, arena);
    view_put_u64(&object, "capacity", worker->capacity, arena);
    view_put_u64(&object, "room", worker->room, arena);
    return object;
}

static int compare_names(const void *a, const void *b)
{
    const struct value *x = value_get_text(a, "worker"), *y = value_get_text(b, "worker");
    return bytes_compare(x->text, y->text);
}

struct value view_workers(const struct cluster *c, int64_t now_ms, struct arena *arena)
{
    const struct counts *counts = count_all(c, arena);
    struct value workers = value_array(arena, c->worker_count);
    workers.count = 0;
    for (uint32_t i = 0; i < c->worker_count; i++)
        if (c->workers[i].disk)
            workers.items[workers.count++] = view_worker(&c->workers[i], &counts[i], now_ms, arena);
    if (workers.count)
        qsort(workers.items, workers.count, sizeof *workers.items, compare_names);
    struct value object = value_object(arena, 1);
    value_put(&object, BYTES("workers"), workers);
    return object;
}

/* --- the whole --- */

struct sums {
    uint32_t served, moving, waiting, unknown, in_sync, stuck;
    uint32_t lives[WORKER_DEAD + 1];
};

static struct sums sum(const struct cluster *c, int64_t now_ms)
{
    struct sums sums = {0};
    for (uint32_t i = 0; i < c->set.shards; i++) {
        const struct cluster_shard *s = &c->shards[i];
        sums.unknown += s->is_foreign;
        sums.waiting += !s->is_foreign && !why_is_served(c, i);
        sums.served += !s->is_foreign && why_is_served(c, i);
        sums.moving += s->phase != MOVE_NONE;
        sums.in_sync += !why_lacks_followers(c, i);
        sums.stuck += why_is_stuck(c, i, now_ms);
    }
    for (uint32_t i = 0; i < c->worker_count; i++)
        sums.lives[c->workers[i].life] += c->workers[i].disk != 0;
    return sums;
}

struct value view_status(const struct cluster *c, const char *name, uint32_t accounts, int64_t now_ms,
                         struct arena *arena)
{
    const struct sums sums = sum(c, now_ms);
    struct value object = value_object(arena, MEMBERS), shards = value_object(arena, MEMBERS),
                 workers = value_object(arena, MEMBERS);
    view_put_u64(&shards, "all", c->set.shards, arena);
    view_put_u64(&shards, "served", sums.served, arena);
    view_put_u64(&shards, "waiting", sums.waiting, arena);
    view_put_u64(&shards, "moving", sums.moving, arena);
    view_put_u64(&shards, "unknown", sums.unknown, arena);
    view_put_u64(&shards, "in_sync", sums.in_sync, arena);
    view_put_u64(&shards, "stuck", sums.stuck, arena);
    for (enum worker_life life = WORKER_UNKNOWN; life <= WORKER_DEAD; life++)
        view_put_u64(&workers, cluster_life_name(life), sums.lives[life], arena);
    view_put_text(&object, "cluster", name);
    value_put(&object, BYTES("shards"), shards);
    value_put(&object, BYTES("workers"), workers);
    view_put_u64(&object, "followers", c->set.followers, arena);
    view_put_u64(&object, "accounts", accounts, arena);
    view_put_bool(&object, "paused", c->is_paused);
    return object;
}

/* --- a plan --- */

static const char *const whys[] = {
    [PLACEMENT_STAYS] = "stays",       [PLACEMENT_HOMELESS] = "is nobody's",
    [PLACEMENT_LEAVES] = "drains",     [PLACEMENT_PINNED] = "is pinned there",
    [PLACEMENT_SHED] = "has too much", [PLACEMENT_FILLS] = "has too little",
};

struct value view_plan(const struct cluster *c, const struct cluster_plan *plan, uint64_t number,
                       struct arena *arena)
{
    struct value object = value_object(arena, MEMBERS), moves = value_array(arena, plan->count);
    for (uint32_t i = 0; i < plan->count; i++) {
        const struct cluster_step *step = &plan->steps[i];
        struct value move = value_object(arena, MEMBERS);
        view_put_u64(&move, "shard", step->shard, arena);
        view_put_text(&move, "from", name_of(c, step->from));
        view_put_text(&move, "to", name_of(c, step->to));
        view_put_text(&move, "why", whys[step->why]);
        view_put_u64(&move, "bytes", step->bytes, arena);
        moves.items[i] = move;
    }
    view_put_u64(&object, "plan", number, arena);
    put_ratio(&object, "before", plan->before, arena);
    put_ratio(&object, "after", plan->after, arena);
    view_put_u64(&object, "bytes", plan->bytes, arena);
    value_put(&object, BYTES("moves"), moves);
    return object;
}
