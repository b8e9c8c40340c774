/* The records, and what workers are told of them. All that is decided reads the records and the last
 * heartbeats, and ends in cluster_change: so what is to be kept is known in one place, and an order can't say
 * what isn't kept. */
#include "coordinator/membership/cluster.h"

#include <stdlib.h>
#include <string.h>

#include "common/check.h"

/* --- opening --- */

static const struct cluster_shard fresh = {.owner = CLUSTER_NOBODY,
                                           .pin = CLUSTER_NOBODY,
                                           .to = CLUSTER_NOBODY,
                                           .lost_ms = INT64_MIN,
                                           .retry_ms = INT64_MIN};

void cluster_open(struct cluster *c, const struct cluster_setting *setting)
{
    CHECK(setting->shards >= 1 && setting->shards <= LIMIT_SHARDS);
    CHECK(setting->followers <= LIMIT_FOLLOWERS);
    *c = (struct cluster){.set = *setting,
                          .begun_ms = INT64_MIN,
                          .ticked_ms = INT64_MIN,
                          .joined_ms = INT64_MIN,
                          .spread_ms = INT64_MIN};
    c->shards = mem_alloc(setting->shards * sizeof *c->shards);
    for (uint32_t i = 0; i < setting->shards; i++)
        c->shards[i] = fresh;
}

void cluster_close(struct cluster *c)
{
    for (uint32_t i = 0; i < c->worker_count; i++)
        free(c->workers[i].reports);
    free(c->workers);
    free(c->shards);
    *c = (struct cluster){0};
}

static void make_room(struct cluster *c, uint32_t count)
{
    if (count > c->worker_room) {
        c->worker_room = count < 8 ? 8 : 2 * count;
        c->workers = mem_resize(c->workers, c->worker_room * sizeof *c->workers);
    }
    for (; c->worker_count < count; c->worker_count++)
        c->workers[c->worker_count] = (struct cluster_worker){.life = WORKER_DEAD, .since_ms = INT64_MIN};
}

void cluster_put_worker(struct cluster *c, uint32_t number, const struct cluster_worker *kept)
{
    CHECK(number < LIMIT_WORKERS);
    make_room(c, number + 1);
    struct cluster_worker *worker = &c->workers[number];
    memcpy(worker->name, kept->name, sizeof worker->name);
    worker->disk = kept->disk;
    worker->is_cordoned = kept->is_cordoned;
    worker->is_draining = kept->is_draining;
    worker->capacity = 1;
}

void cluster_put_shard(struct cluster *c, uint32_t shard, const struct cluster_shard *kept)
{
    CHECK(shard < c->set.shards);
    c->shards[shard] = *kept;
    c->shards[shard].phase_ms = 0;
    c->shards[shard].phase_head = c->shards[shard].phase_bytes = c->shards[shard].known_head = 0;
    c->shards[shard].lost_ms = c->shards[shard].retry_ms = INT64_MIN;
    c->shards[shard].doubted = 0;
    c->shards[shard].is_changed = false;
}

void cluster_begin(struct cluster *c, int64_t now_ms)
{
    c->begun_ms = c->ticked_ms = now_ms;
    c->is_unspread = true;
    for (uint32_t i = 0; i < c->worker_count; i++)
        if (c->workers[i].disk) {
            c->workers[i].life = WORKER_UNKNOWN;
            c->workers[i].since_ms = now_ms;
            c->workers[i].until_ms = now_ms + c->set.lease_ms;
        }
    for (uint32_t i = 0; i < c->set.shards; i++)
        c->shards[i].phase_ms = now_ms;
}

/* --- records --- */

struct cluster_shard *cluster_change(struct cluster *c, uint32_t shard)
{
    struct cluster_shard *s = &c->shards[shard];
    s->version++;
    s->is_changed = true;
    return s;
}

struct cluster_worker *cluster_change_worker(struct cluster *c, uint32_t worker)
{
    CHECK(worker < c->worker_count);
    c->workers[worker].is_changed = true;
    c->is_unspread = true;
    return &c->workers[worker];
}

uint32_t cluster_add_worker(struct cluster *c, struct bytes name)
{
    uint32_t number = 0;
    while (number < c->worker_count && c->workers[number].disk)
        number++;
    CHECK(number < LIMIT_WORKERS && name.len <= LIMIT_WORKER_NAME_BYTES);
    make_room(c, number + 1);
    struct cluster_worker *worker = cluster_change_worker(c, number);
    free(worker->reports);
    *worker = (struct cluster_worker){.life = WORKER_DEAD, .is_changed = true, .capacity = 1};
    memcpy(worker->name, name.data, name.len);
    return number;
}

struct cluster_replica *cluster_replica(struct cluster_shard *shard, uint32_t worker)
{
    for (uint32_t i = 0; i < shard->replica_count; i++)
        if (shard->replicas[i].worker == worker)
            return &shard->replicas[i];
    return NULL;
}

void cluster_add_replica(struct cluster_shard *shard, uint32_t worker)
{
    CHECK(shard->replica_count < CLUSTER_REPLICAS && !cluster_replica(shard, worker));
    shard->replicas[shard->replica_count++] = (struct cluster_replica){.worker = worker};
}

void cluster_drop_replica(struct cluster_shard *shard, uint32_t worker)
{
    struct cluster_replica *replica = cluster_replica(shard, worker);
    if (!replica)
        return;
    struct cluster_replica *end = shard->replicas + shard->replica_count--;
    memmove(replica, replica + 1, (size_t)((char *)end - (char *)(replica + 1)));
}

void cluster_give(struct cluster *c, uint32_t shard, uint32_t worker, uint64_t base)
{
    struct cluster_shard *s = cluster_change(c, shard);
    const struct shard_report *report = cluster_report(c, worker, shard);
    cluster_drop_replica(s, worker);
    s->owner = worker;
    s->epoch++;
    s->base = base;
    s->disk = c->workers[worker].disk;
    s->incarnation = c->workers[worker].incarnation;
    s->doubted = 0;
    s->phase = MOVE_NONE;
    s->to = CLUSTER_NOBODY;
    s->known_head = base && report ? report->head : 0;
    s->lost_ms = INT64_MIN;
    c->is_unspread = true;
}

/* --- what was heard --- */

bool cluster_is_alive(const struct cluster *c, uint32_t worker)
{
    return worker < c->worker_count && c->workers[worker].life == WORKER_ALIVE;
}

const struct shard_report *cluster_report(const struct cluster *c, uint32_t worker, uint32_t shard)
{
    if (worker >= c->worker_count)
        return NULL;
    const struct cluster_worker *w = &c->workers[worker];
    uint32_t from = 0, to = w->report_count;
    while (from < to) {
        uint32_t middle = from + (to - from) / 2;
        if (w->reports[middle].shard < shard)
            from = middle + 1;
        else
            to = middle;
    }
    return from < w->report_count && w->reports[from].shard == shard ? &w->reports[from] : NULL;
}

bool cluster_find_foreign(const struct cluster *c, uint32_t shard, uint32_t *worker, uint64_t *epoch)
{
    uint64_t highest = c->shards[shard].epoch, head = 0;
    bool is_foreign = false;
    for (uint32_t i = 0; i < c->worker_count; i++) {
        const struct shard_report *report = cluster_report(c, i, shard);
        bool is_farther = report && (report->epoch > highest ||
                                     (is_foreign && report->epoch == highest && report->head > head));
        if (!is_farther)
            continue;
        is_foreign = true;
        highest = report->epoch;
        head = report->head;
        *worker = i;
    }
    *epoch = highest;
    return is_foreign;
}

/* --- orders --- */

static enum cluster_role role_of(const struct cluster *c, uint32_t worker, uint32_t shard)
{
    const struct cluster_shard *s = &c->shards[shard];
    const struct shard_report *own = cluster_report(c, worker, shard);
    if (s->is_foreign || (s->owner == worker && (s->lost_ms != INT64_MIN || failover_is_another(c, s))))
        return ROLE_NONE;
    if (s->owner == worker)
        return s->phase == MOVE_SEALING ? ROLE_SEALED : ROLE_OWNER;
    if (cluster_replica((struct cluster_shard *)s, worker))
        return ROLE_FOLLOWER;
    if (!own || !own->epoch || !cluster_is_alive(c, s->owner))
        return ROLE_NONE;
    const struct shard_report *owners = cluster_report(c, s->owner, shard);
    bool is_kept = owners && owners->role == ROLE_OWNER && owners->epoch == s->epoch;
    return is_kept && own->epoch <= s->epoch ? ROLE_DROP : ROLE_NONE;
}

bool cluster_order(const struct cluster *c, uint32_t worker, uint32_t shard, struct replica_order *room,
                   struct shard_order *order)
{
    const struct cluster_shard *s = &c->shards[shard];
    *order = (struct shard_order){
        .shard = shard, .role = role_of(c, worker, shard), .version = s->version, .owner = CLUSTER_NOBODY};
    if (order->role == ROLE_NONE)
        return cluster_report(c, worker, shard) != NULL;
    if (order->role == ROLE_FOLLOWER) {
        order->owner = cluster_is_alive(c, s->owner) ? s->owner : CLUSTER_NOBODY;
        order->hasten = s->to == worker;
    }
    if (order->role != ROLE_OWNER && order->role != ROLE_SEALED)
        return true;
    order->epoch = s->epoch;
    order->base = s->base;
    order->disk = s->disk;
    for (uint32_t i = 0; i < s->replica_count; i++)
        room[i] = (struct replica_order){s->replicas[i].worker, s->replicas[i].in_sync};
    order->replicas = room;
    order->replica_count = s->replica_count;
    return true;
}
