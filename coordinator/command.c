/* What operators ask for, verb by verb. */
#include <inttypes.h>
#include <stdlib.h>

#include "common/check.h"
#include "common/clock.h"
#include "common/nearest.h"
#include "common/sharding.h"
#include "coordinator/accounts.h"
#include "coordinator/internal.h"

typedef int verb(struct coordinator *co, const struct cluster_ask *ask, int64_t now_ms, struct arena *arena,
                 struct value *out, struct error *e);

/* A name that isn't there may be another one's, mistyped. */
static int say_nearest(const struct cluster *c, struct bytes name, struct error *e)
{
    const char **names = mem_alloc((c->worker_count + (size_t)1) * sizeof *names);
    size_t count = 0;
    for (uint32_t i = 0; i < c->worker_count; i++)
        if (c->workers[i].disk)
            names[count++] = c->workers[i].name;
    const char *nearest = nearest_word(name, names, count);
    free(names);
    if (nearest)
        error_set(e, ERR_NOT_FOUND,
                  "there is no worker '%.*s': did you mean '%s'? `garner workers` lists those there are",
                  BYTES_ARG(name), nearest);
    return ERR_NOT_FOUND;
}

static int find_workers(const struct cluster *c, const struct cluster_ask *ask, struct arena *arena,
                        uint32_t **workers, struct error *e)
{
    int r = 0;
    *workers = arena_alloc(arena, (ask->worker_count + (size_t)1) * sizeof **workers);
    for (uint32_t i = 0; i < ask->worker_count && !r; i++)
        if ((r = cluster_find_worker(c, ask->workers[i], &(*workers)[i], e)))
            r = say_nearest(c, ask->workers[i], e);
    return r;
}

/* --- what there is --- */

static int status(struct coordinator *co, const struct cluster_ask *ask, int64_t now_ms, struct arena *arena,
                  struct value *out, struct error *e)
{
    (void)ask, (void)e;
    *out = view_status(&co->cluster, co->set.cluster, accounts_count(co->accounts), now_ms, arena);
    return 0;
}

static int workers(struct coordinator *co, const struct cluster_ask *ask, int64_t now_ms, struct arena *arena,
                   struct value *out, struct error *e)
{
    (void)ask, (void)e;
    *out = view_workers(&co->cluster, now_ms, arena);
    return 0;
}

static int shards(struct coordinator *co, const struct cluster_ask *ask, int64_t now_ms, struct arena *arena,
                  struct value *out, struct error *e)
{
    uint32_t *named;
    int r = find_workers(&co->cluster, ask, arena, &named, e);
    if (!r)
        *out = view_shards(&co->cluster, named, ask->worker_count, now_ms, arena);
    return r;
}

static int check_shard(const struct coordinator *co, uint32_t shard, struct error *e)
{
    if (shard < co->set.shards)
        return 0;
    return error_set(e, ERR_USAGE, "there is no shard %" PRIu32 ": there are %" PRIu32 ", from 0 on", shard,
                     co->set.shards);
}

static int explain(struct coordinator *co, const struct cluster_ask *ask, int64_t now_ms, struct arena *arena,
                   struct value *out, struct error *e)
{
    int r = check_shard(co, ask->shard, e);
    if (!r)
        *out = view_explained(&co->cluster, ask->shard, now_ms, arena);
    return r;
}

/* The shards of an account: one for each of its splits, some of which may be the same. */
static int where(struct coordinator *co, const struct cluster_ask *ask, int64_t now_ms, struct arena *arena,
                 struct value *out, struct error *e)
{
    struct account_place place;
    int r = accounts_find(co->accounts, ask->account, &place, e);
    if (r)
        return r;
    bool *is_in = arena_zalloc(arena, co->set.shards);
    struct value all = value_array(arena, place.splits);
    all.count = 0;
    for (uint32_t i = 0; i < place.splits; i++) {
        uint32_t shard = sharding_of_split(place.provider, place.id, i, co->set.shards);
        if (!is_in[shard])
            all.items[all.count++] = view_explained(&co->cluster, shard, now_ms, arena);
        is_in[shard] = true;
    }
    *out = value_object(arena, 2);
    view_put_text(out, "account",
                  arena_printf(arena, "%.*s/%.*s", BYTES_ARG(place.provider), BYTES_ARG(place.id)));
    value_put(out, BYTES("shards"), all);
    return 0;
}

/* --- plans --- */

static int rebalance(struct coordinator *co, const struct cluster_ask *ask, int64_t now_ms,
                     struct arena *arena, struct value *out, struct error *e)
{
    uint64_t number = ++co->plan_count;
    struct cluster_plan *plan = &co->plans[number % COORDINATOR_PLANS];
    (void)ask, (void)now_ms, (void)e;
    free(plan->steps);
    cluster_plan(&co->cluster, plan);
    *out = view_plan(&co->cluster, plan, number, arena);
    return 0;
}

static int apply(struct coordinator *co, const struct cluster_ask *ask, int64_t now_ms, struct arena *arena,
                 struct value *out, struct error *e)
{
    bool is_there = ask->plan && ask->plan <= co->plan_count &&
                    co->plan_count - ask->plan < COORDINATOR_PLANS &&
                    co->plans[ask->plan % COORDINATOR_PLANS].steps;
    if (!is_there)
        return error_set(e, ERR_NOT_FOUND,
                         "there is no plan %" PRIu64
                         " (any more): `garner rebalance` makes one, and prints its "
                         "number",
                         ask->plan);
    const struct cluster_plan *plan = &co->plans[ask->plan % COORDINATOR_PLANS];
    int r = cluster_apply(&co->cluster, plan, now_ms, e);
    if (!r)
        *out = view_plan(&co->cluster, plan, ask->plan, arena);
    return r;
}

/* --- shards --- */

static int move(struct coordinator *co, const struct cluster_ask *ask, int64_t now_ms, struct arena *arena,
                struct value *out, struct error *e)
{
    uint32_t *to;
    int r = check_shard(co, ask->shard, e);
    if (!r)
        r = find_workers(&co->cluster, ask, arena, &to, e);
    if (!r)
        r = cluster_move(&co->cluster, ask->shard, *to, now_ms, e);
    if (!r)
        *out = view_explained(&co->cluster, ask->shard, now_ms, arena);
    return r;
}

static int pin(struct coordinator *co, const struct cluster_ask *ask, int64_t now_ms, struct arena *arena,
               struct value *out, struct error *e)
{
    uint32_t *to, nobody = CLUSTER_NOBODY;
    int r = check_shard(co, ask->shard, e);
    if (!r)
        r = find_workers(&co->cluster, ask, arena, &to, e);
    if (!r)
        r = cluster_pin(&co->cluster, ask->shard, ask->verb == CLUSTER_PIN ? *to : nobody, e);
    if (!r)
        *out = view_explained(&co->cluster, ask->shard, now_ms, arena);
    return r;
}

/* One move, or all. */
static int cancel(struct coordinator *co, const struct cluster_ask *ask, int64_t now_ms, struct arena *arena,
                  struct value *out, struct error *e)
{
    uint64_t count = 1;
    int r = 0;
    if (ask->has_shard)
        r = cluster_cancel(&co->cluster, ask->shard, now_ms, e);
    else
        count = cluster_cancel_all(&co->cluster, now_ms);
    view_put_u64(out, "cancelled", count, arena);
    return r;
}

static int pause_or_resume(struct coordinator *co, const struct cluster_ask *ask, int64_t now_ms,
                           struct arena *arena, struct value *out, struct error *e)
{
    (void)now_ms, (void)arena;
    const bool pauses = ask->verb == CLUSTER_PAUSE;
    view_put_bool(out, "paused", pauses);
    return co->cluster.is_paused == pauses ? 0 : cluster_pause(&co->cluster, pauses, e);
}

static int recover(struct coordinator *co, const struct cluster_ask *ask, int64_t now_ms, struct arena *arena,
                   struct value *out, struct error *e)
{
    uint32_t count;
    (void)ask;
    int r = cluster_recover(&co->cluster, now_ms, (uint64_t)clock_wall_ms() / 1000, &count, e);
    view_put_u64(out, "shards", count, arena);
    return r;
}

/* --- workers --- */

/* What is so already is left so: of several that are named some may be. */
static int each_worker(struct coordinator *co, const struct cluster_ask *ask, uint32_t worker,
                       struct error *e)
{
    const struct cluster_worker *w = &co->cluster.workers[worker];
    const bool cordons = ask->verb == CLUSTER_CORDON;
    if (ask->verb == CLUSTER_UNDRAIN)
        return w->is_draining ? cluster_undrain(&co->cluster, worker, e) : 0;
    if (ask->verb == CLUSTER_FORGET)
        return cluster_forget(&co->cluster, worker, e);
    return w->is_cordoned == cordons ? 0 : cluster_cordon(&co->cluster, worker, cordons, e);
}

static int to_workers(struct coordinator *co, const struct cluster_ask *ask, int64_t now_ms,
                      struct arena *arena, struct value *out, struct error *e)
{
    uint32_t *named;
    int r = find_workers(&co->cluster, ask, arena, &named, e);
    if (!r && ask->verb == CLUSTER_DRAIN)
        r = cluster_drain(&co->cluster, named, ask->worker_count, ask->force, e);
    for (uint32_t i = 0; !r && ask->verb != CLUSTER_DRAIN && i < ask->worker_count; i++)
        r = each_worker(co, ask, named[i], e);
    *out = view_workers(&co->cluster, now_ms, arena);
    return r;
}

/* --- accounts --- */

static int check_new(struct coordinator *co, const struct value *document, struct arena *arena,
                     const struct account_edit *others, uint32_t count, struct account_edit *edit,
                     struct error *e)
{
    int r = accounts_check_new(co->accounts, document, arena, edit, e);
    for (uint32_t i = 0; !r && i < count; i++)
        if (bytes_equal(others[i].name, edit->name))
            r = error_set(e, ERR_USAGE, "account %.*s stands twice", BYTES_ARG(edit->name));
    return r;
}

/* Each is judged by itself, and those that can be are kept together, so that workers fetch the list once. */
static int add_each(struct coordinator *co, const struct value *documents, struct arena *arena,
                    struct value *results, struct error *e)
{
    struct account_edit *edits = arena_alloc(arena, (documents->count + (size_t)1) * sizeof *edits);
    uint32_t count = 0;
    *results = value_array(arena, documents->count);
    for (uint32_t i = 0; i < documents->count; i++) {
        struct value *result = &results->items[i];
        struct error why;
        int r = check_new(co, &documents->items[i], arena, edits, count, &edits[count], &why);
        *result = value_object(arena, 2);
        view_put_text(result, "account", r ? NULL : arena_strdup(arena, edits[count].name));
        view_put_text(result, "error", r ? arena_strdup(arena, bytes_of(why.text)) : NULL);
        count += !r;
    }
    return coordinator_keep_accounts(co, edits, count, e);
}

static int add_accounts(struct coordinator *co, const struct cluster_ask *ask, int64_t now_ms,
                        struct arena *arena, struct value *out, struct error *e)
{
    struct value document, results;
    (void)now_ms;
    int r = value_from_msgpack(arena, ask->document, &document, e);
    if (!r && document.type != VALUE_ARRAY)
        r = error_set(e, ERR_BODY, "the accounts that are to be added aren't a list");
    if (!r)
        r = add_each(co, &document, arena, &results, e);
    if (!r)
        value_put(out, BYTES("accounts"), results);
    return r;
}

static int remove_account(struct coordinator *co, const struct cluster_ask *ask, int64_t now_ms,
                          struct arena *arena, struct value *out, struct error *e)
{
    struct account_edit edit;
    (void)now_ms;
    int r = accounts_check_removal(co->accounts, ask->account, arena, &edit, e);
    if (!r)
        r = coordinator_keep_accounts(co, &edit, 1, e);
    if (!r)
        view_put_text(out, "account", arena_strdup(arena, edit.name));
    return r;
}

static int list_accounts(struct coordinator *co, const struct cluster_ask *ask, int64_t now_ms,
                         struct arena *arena, struct value *out, struct error *e)
{
    (void)ask, (void)now_ms, (void)e;
    *out = accounts_view(co->accounts, arena);
    return 0;
}

static int fetch_accounts(struct coordinator *co, const struct cluster_ask *ask, int64_t now_ms,
                          struct arena *arena, struct value *out, struct error *e)
{
    (void)now_ms;
    /* Whoever begins gets the list as it is now: that there is a later one, the next heartbeat tells. */
    if (ask->from && ask->version && ask->version != accounts_version(co->accounts))
        return error_set(e, ERR_BUSY, "the accounts have changed meanwhile: begin anew");
    *out = accounts_part(co->accounts, ask->from, arena);
    return 0;
}

static verb *const verbs[CLUSTER_VERB_END] = {
    [CLUSTER_STATUS] = status,
    [CLUSTER_WORKERS] = workers,
    [CLUSTER_SHARDS] = shards,
    [CLUSTER_WHERE] = where,
    [CLUSTER_EXPLAIN] = explain,
    [CLUSTER_REBALANCE] = rebalance,
    [CLUSTER_APPLY] = apply,
    [CLUSTER_MOVE] = move,
    [CLUSTER_PIN] = pin,
    [CLUSTER_UNPIN] = pin,
    [CLUSTER_CORDON] = to_workers,
    [CLUSTER_UNCORDON] = to_workers,
    [CLUSTER_DRAIN] = to_workers,
    [CLUSTER_UNDRAIN] = to_workers,
    [CLUSTER_CANCEL] = cancel,
    [CLUSTER_PAUSE] = pause_or_resume,
    [CLUSTER_RESUME] = pause_or_resume,
    [CLUSTER_FORGET] = to_workers,
    [CLUSTER_RECOVER] = recover,
    [CLUSTER_ACCOUNTS_ADD] = add_accounts,
    [CLUSTER_ACCOUNTS_REMOVE] = remove_account,
    [CLUSTER_ACCOUNTS_LIST] = list_accounts,
    [CLUSTER_ACCOUNTS_FETCH] = fetch_accounts,
};

int coordinator_command(struct coordinator *co, const struct cluster_ask *ask, int64_t now_ms,
                        struct arena *arena, struct value *out, struct error *e)
{
    *out = value_object(arena, 4);
    return verbs[ask->verb](co, ask, now_ms, arena, out, e);
}
