/* One lock around the deciders: what is decided takes microseconds, what is written milliseconds, and nobody
 * may hear of the one before the other. A thread tells the time, a few times a second. */
#include "coordinator/coordinator.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/check.h"
#include "common/clock.h"
#include "common/hash.h"
#include "common/log.h"
#include "common/signals.h"
#include "coordinator/accounts.h"
#include "coordinator/internal.h"

enum { TICK_MS = 50, SOLE_TICK_MS = 1000 /* where nothing is waited for */, MS_PER_S = 1000 };

static const int64_t plans_since_ms = 1735689600000; /* 2025-01-01 */

/* --- what is decided is kept --- */

/* What was decided stays so, and is kept next time; until then nobody hears of anything. */
static int keep(struct coordinator *co, struct error *e)
{
    int before = co->failed.code;
    int r = coordinator_keep(co, &co->failed);
    if (r && !before)
        log_line(LOG_ERROR, co->failed.text, "state", co->set.path, NULL);
    if (!r && before)
        log_line(LOG_INFO, "the state can be written again", "state", co->set.path, NULL);
    if (!r)
        error_none(&co->failed);
    else if (e)
        *e = co->failed;
    return r;
}

static void tell_lives(struct coordinator *co, const enum worker_life *before, uint32_t count)
{
    bool any = false;
    for (uint32_t i = 0; i < count; i++) {
        any = any || co->cluster.workers[i].life != before[i];
        journal_life(&co->cluster, i, before[i]);
    }
    if (any && co->set.changed)
        co->set.changed(co->set.context);
}

/* Before anybody has come there is nothing to decide, and nothing is to be taken for decided. */
static void tick(struct coordinator *co)
{
    uint32_t count = co->cluster.worker_count;
    if (!count)
        return;
    enum worker_life *before = mem_alloc((count + (size_t)1) * sizeof *before);
    for (uint32_t i = 0; i < count; i++)
        before[i] = co->cluster.workers[i].life;
    cluster_tick(&co->cluster, clock_steady_ms());
    keep(co, NULL);
    tell_lives(co, before, count);
    free(before);
}

static struct timespec next_tick(const struct coordinator *co)
{
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    at.tv_nsec += (co->set.sole ? SOLE_TICK_MS : TICK_MS) % 1000 * 1000000L;
    at.tv_sec += (co->set.sole ? SOLE_TICK_MS : TICK_MS) / 1000 + at.tv_nsec / 1000000000;
    at.tv_nsec %= 1000000000;
    return at;
}

static void *tell_time(void *context)
{
    struct coordinator *co = context;
    pthread_setname_np(pthread_self(), "coordinator");
    pthread_mutex_lock(&co->lock);
    while (!co->is_ending) {
        co->is_due = false;
        tick(co);
        struct timespec until = next_tick(co);
        while (!co->is_ending && !co->is_due && pthread_cond_timedwait(&co->wakes, &co->lock, &until) == 0)
            ;
    }
    pthread_mutex_unlock(&co->lock);
    return NULL;
}

/* --- opening and closing --- */

static void make_records(struct coordinator *co)
{
    const struct cluster_setting setting = {
        .shards = co->set.shards,
        .followers = co->set.followers,
        .lease_ms = co->set.lease_ms,
        .grace_ms = co->set.grace_ms,
        .settle_ms = co->set.settle_ms,
        .adopts = co->set.sole != NULL,
    };
    cluster_open(&co->cluster, &setting);
    co->shard_revisions = mem_zalloc(co->set.shards * sizeof *co->shard_revisions);
    co->worker_revisions = mem_zalloc(LIMIT_WORKERS * sizeof *co->worker_revisions);
    co->shards = mem_alloc(co->set.shards * sizeof *co->shards);
    memcpy(co->shards, co->cluster.shards, co->set.shards * sizeof *co->shards);
}

static int start_thread(struct coordinator *co, struct error *e)
{
    sigset_t before;
    signals_block(&before); /* signals are the main thread's */
    int number = pthread_create(&co->thread, NULL, tell_time, co);
    signals_restore(&before);
    if (number)
        return error_set(e, ERR_IO, "a thread can't be started: %s: raise the limit of processes",
                         strerrordesc_np(number));
    co->has_thread = true;
    return 0;
}

static void make_condition(pthread_cond_t *condition)
{
    pthread_condattr_t attributes;
    CHECK(pthread_condattr_init(&attributes) == 0);
    CHECK(pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0);
    CHECK(pthread_cond_init(condition, &attributes) == 0);
    pthread_condattr_destroy(&attributes);
}

/* Plans are remembered in memory only, and yet a number must never stand for another plan than the one that
 * somebody has read: so numbers rise over all lives of the coordinator, as fewer than one a second are made.
 */
static uint64_t first_plan(void)
{
    int64_t since_ms = clock_wall_ms() - plans_since_ms;
    return since_ms > 0 ? (uint64_t)(since_ms / MS_PER_S) : 0;
}

/* In this process there is nobody else: whoever was here before is gone, whatever its disk was. */
static void forget_lives(struct coordinator *co)
{
    for (uint32_t i = 0; i < co->cluster.worker_count; i++)
        co->cluster.workers[i].life = WORKER_DEAD;
}

int coordinator_open(const struct coordinator_setting *setting, struct coordinator **out, struct error *e)
{
    const struct state_setting state = {.kind = setting->kind, .path = setting->path};
    struct coordinator *co = mem_zalloc(sizeof *co);
    *out = NULL;
    co->set = *setting;
    CHECK(pthread_mutex_init(&co->lock, NULL) == 0);
    make_condition(&co->wakes);
    make_records(co);
    co->map_version = (uint64_t)clock_wall_ms();
    co->plan_count = first_plan();
    co->accounts = accounts_open(setting->config);
    int r = state_open(&state, &co->state, e);
    if (!r)
        r = coordinator_load(co, e);
    if (!r) {
        cluster_begin(&co->cluster, clock_steady_ms());
        if (setting->sole)
            forget_lives(co);
        r = start_thread(co, e);
    }
    if (r)
        coordinator_close(co);
    else
        *out = co;
    return r;
}

void coordinator_still(struct coordinator *co)
{
    if (!co || !co->has_thread)
        return;
    pthread_mutex_lock(&co->lock);
    co->is_ending = true;
    co->set.changed = NULL;
    pthread_cond_signal(&co->wakes);
    pthread_mutex_unlock(&co->lock);
    CHECK(pthread_join(co->thread, NULL) == 0);
    co->has_thread = false;
}

void coordinator_close(struct coordinator *co)
{
    if (!co)
        return;
    coordinator_still(co);
    for (uint32_t i = 0; i < COORDINATOR_PLANS; i++)
        free(co->plans[i].steps);
    state_close(co->state);
    accounts_close(co->accounts);
    cluster_close(&co->cluster);
    free(co->shard_revisions);
    free(co->worker_revisions);
    free(co->shards);
    arena_close(&co->scratch);
    pthread_cond_destroy(&co->wakes);
    pthread_mutex_destroy(&co->lock);
    free(co);
}

const uint8_t *coordinator_feed(const struct coordinator *co)
{
    return co->kept.feed;
}

/* --- heartbeats --- */

static void add_peer(const struct cluster *c, uint32_t worker, struct orders *orders,
                     struct cluster_peer *peers, bool *is_in)
{
    if (worker == CLUSTER_NOBODY || is_in[worker])
        return;
    const struct cluster_worker *w = &c->workers[worker];
    is_in[worker] = true;
    peers[orders->peer_count++] = (struct cluster_peer){
        worker, bytes_of(w->name), w->life == WORKER_ALIVE ? bytes_of(w->address) : BYTES("")};
}

static void add_peers(const struct cluster *c, struct arena *arena, struct orders *orders)
{
    struct cluster_peer *peers = arena_alloc(arena, (c->worker_count + (size_t)1) * sizeof *peers);
    bool *is_in = arena_zalloc(arena, c->worker_count + (size_t)1);
    for (uint32_t i = 0; i < orders->order_count; i++) {
        const struct shard_order *order = &orders->orders[i];
        add_peer(c, order->owner, orders, peers, is_in);
        for (uint32_t j = 0; j < order->replica_count; j++)
            add_peer(c, order->replicas[j].worker, orders, peers, is_in);
    }
    orders->peers = peers;
}

static void add_orders(const struct cluster *c, uint32_t worker, struct arena *arena, struct orders *orders)
{
    struct shard_order *all = arena_alloc(arena, c->set.shards * sizeof *all);
    struct replica_order room[CLUSTER_REPLICAS];
    for (uint32_t i = 0; i < c->set.shards; i++) {
        struct shard_order *order = &all[orders->order_count];
        if (!cluster_order(c, worker, i, room, order))
            continue;
        if (order->replica_count) {
            struct replica_order *copy = arena_alloc(arena, order->replica_count * sizeof *copy);
            memcpy(copy, order->replicas, order->replica_count * sizeof *copy);
            order->replicas = copy;
        }
        orders->order_count++;
    }
    orders->orders = all;
}

/* Its version is a hash of all that it says: nothing else need be remembered of who was told what. */
static void make_orders(struct coordinator *co, uint32_t worker, struct orders *orders)
{
    struct buffer packed = {0};
    *orders = (struct orders){
        .worker = worker,
        .lease_ms = co->set.lease_ms,
        .shards = co->set.shards,
        .feed = {(const char *)co->kept.feed, sizeof co->kept.feed},
        .accounts = accounts_version(co->accounts),
    };
    add_orders(&co->cluster, worker, &co->scratch, orders);
    add_peers(&co->cluster, &co->scratch, orders);
    orders_pack(orders, &packed);
    orders->version = hash64(buffer_bytes(&packed)) | 1; /* never 0 */
    buffer_close(&packed);
}

/* It was heard, and has waited since for something new. */
static bool has_waited(const struct coordinator *co, const struct heartbeat *h, uint32_t *worker)
{
    struct error unknown;
    if (cluster_find_worker(&co->cluster, h->worker, worker, &unknown))
        return false;
    const struct cluster_worker *w = &co->cluster.workers[*worker];
    return w->disk == h->disk && w->incarnation == h->incarnation && w->number == h->number;
}

static bool is_named(const struct cluster_shard *s, uint32_t worker)
{
    return s->owner == worker || s->to == worker || cluster_replica((struct cluster_shard *)s, worker);
}

/* Something was decided that can't be kept, and its orders would tell of it. Whoever has nothing to do with
 * it goes on: a full disk here must not end harvests everywhere. */
static bool hears_of_unkept(const struct coordinator *co, uint32_t worker)
{
    const struct cluster *c = &co->cluster;
    bool hears = c->workers[worker].is_changed;
    for (uint32_t i = 0; i < c->set.shards && !hears; i++)
        hears = c->shards[i].is_changed && (is_named(&c->shards[i], worker) ||
                                            is_named(&co->shards[i], worker) || cluster_report(c, worker, i));
    return hears;
}

static int answer(struct coordinator *co, const struct heartbeat *h, bool *waits, struct buffer *out,
                  struct error *e)
{
    struct orders orders;
    uint32_t worker;
    int r = has_waited(co, h, &worker)
                ? 0
                : cluster_heartbeat(&co->cluster, h, co->kept.feed, clock_steady_ms(), &worker, e);
    if (!r && (r = keep(co, e)) && !hears_of_unkept(co, worker))
        r = 0;
    if (r)
        return r;
    make_orders(co, worker, &orders);
    *waits = *waits && orders.version == h->known && !h->restarts;
    orders.number = h->number;
    if (!*waits)
        orders_pack(&orders, out);
    return 0;
}

static enum worker_life life_of(const struct coordinator *co, struct bytes name)
{
    uint32_t worker;
    struct error e;
    return cluster_find_worker(&co->cluster, name, &worker, &e) ? WORKER_DEAD
                                                                : co->cluster.workers[worker].life;
}

static int take_heartbeat(struct coordinator *co, const struct heartbeat *h, bool *waits, struct buffer *out,
                          struct error *e)
{
    enum worker_life before = life_of(co, h->worker);
    uint32_t worker;
    struct error unknown;
    int r = answer(co, h, waits, out, e);
    if (cluster_find_worker(&co->cluster, h->worker, &worker, &unknown) == 0 &&
        co->cluster.workers[worker].life != before) {
        journal_life(&co->cluster, worker, before);
        co->is_due = true; /* its shards needn't wait for the next tick */
        pthread_cond_signal(&co->wakes);
        if (co->set.changed)
            co->set.changed(co->set.context);
    }
    return r;
}

int coordinator_heartbeat(struct coordinator *co, struct bytes packed, bool *waits, struct buffer *answer,
                          struct error *e)
{
    struct arena arena = {0};
    struct heartbeat heartbeat;
    int r = heartbeat_unpack(&arena, packed, &heartbeat, e);
    if (!r)
        r = coordinator_admits(co, &heartbeat, e);
    if (!r) {
        pthread_mutex_lock(&co->lock);
        arena_reset(&co->scratch);
        r = take_heartbeat(co, &heartbeat, waits, answer, e);
        pthread_mutex_unlock(&co->lock);
    }
    arena_close(&arena);
    return r;
}

/* --- operators --- */

static int command(struct coordinator *co, const struct cluster_ask *ask, struct buffer *out, struct error *e)
{
    struct value value = value_object(&co->scratch, 1);
    int r = coordinator_command(co, ask, clock_steady_ms(), &co->scratch, &value, e);
    if (!r)
        r = keep(co, e);
    if (!r)
        value_to_msgpack(&value, out);
    return r;
}

int coordinator_ask(struct coordinator *co, struct bytes packed, struct buffer *answer, struct error *e)
{
    struct arena arena = {0};
    struct cluster_ask ask;
    int r = cluster_ask_unpack(&arena, packed, &ask, e);
    if (!r) {
        pthread_mutex_lock(&co->lock);
        arena_reset(&co->scratch);
        r = command(co, &ask, answer, e);
        pthread_mutex_unlock(&co->lock);
    }
    arena_close(&arena);
    return r;
}
