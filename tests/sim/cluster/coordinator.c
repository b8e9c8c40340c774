/* The coordinator's process: it decides, writes what of that is to be kept, and then answers: a heartbeat
 * waits until there is something new for its worker, or for a moment. It may die between any two of these. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/check.h"
#include "common/hash.h"
#include "tests/sim/cluster/guard.h"

static const uint8_t feed[16] = "the feed of this";

/* --- its process --- */

bool coordinator_is_up(const struct world *w)
{
    return w->places[AT_COORDINATOR].is_up;
}

int64_t coordinator_now(const struct world *w)
{
    return place_now(w, AT_COORDINATOR);
}

void coordinator_start(struct world *w)
{
    struct coordinator *c = &w->coordinator;
    const struct cluster_setting setting = {.shards = w->shards,
                                            .followers = w->followers,
                                            .lease_ms = guard_lease(w),
                                            .grace_ms = GRACE_MS,
                                            .settle_ms = SETTLE_MS};
    cluster_open(&c->cluster, &setting);
    for (uint32_t i = 0; i < c->kept.worker_count; i++)
        cluster_put_worker(&c->cluster, i, &c->kept.workers[i]);
    for (uint32_t i = 0; i < w->shards; i++)
        if (c->kept.is_there[i])
            cluster_put_shard(&c->cluster, i, &c->kept.shards[i]);
    c->cluster.is_paused = c->kept.is_paused;
    c->cluster.waits_recover = c->kept.waits_recover;
    cluster_begin(&c->cluster, coordinator_now(w));
    guard_begun(w);
    c->begun_ms = w->now_ms;
    memset(c->polls, 0, sizeof c->polls);
    memset(c->hash, 0, sizeof c->hash);
    for (uint32_t i = 0; i < KEPT_WORKERS; i++)
        c->version[i] = w->places[AT_COORDINATOR].process << 32;
    TELL(w, AT_COORDINATOR, "begins, with %" PRIu32 " workers", c->kept.worker_count);
    world_later(w, pick(w, TICK_MS),
                (struct event){.kind = EVENT_TICK, .place = AT_COORDINATOR, .process = w->processes});
}

void coordinator_stop(struct world *w)
{
    cluster_close(&w->coordinator.cluster);
}

uint32_t coordinator_node_of(const struct world *w, uint32_t worker)
{
    const struct cluster *c = &w->coordinator.cluster;
    if (worker >= c->worker_count || !*c->workers[worker].address)
        return NO_NODE;
    return (uint32_t)(c->workers[worker].address[1] - '0');
}

/* --- what it keeps --- */

static bool is_changed(const struct cluster *c)
{
    bool is = c->is_changed;
    for (uint32_t i = 0; i < c->worker_count; i++)
        is = is || c->workers[i].is_changed;
    for (uint32_t i = 0; i < c->set.shards; i++)
        is = is || c->shards[i].is_changed;
    return is;
}

static void keep(struct world *w)
{
    struct coordinator *c = &w->coordinator;
    struct kept *kept = &c->kept;
    static struct kept before;
    before = *kept;
    CHECK(c->cluster.worker_count <= KEPT_WORKERS);
    for (uint32_t i = 0; i < c->cluster.worker_count; i++)
        if (c->cluster.workers[i].is_changed) {
            kept->workers[i] = c->cluster.workers[i];
            c->cluster.workers[i].is_changed = false;
        }
    kept->worker_count = c->cluster.worker_count;
    for (uint32_t i = 0; i < w->shards; i++)
        if (c->cluster.shards[i].is_changed) {
            kept->shards[i] = c->cluster.shards[i];
            kept->is_there[i] = true;
            c->cluster.shards[i].is_changed = false;
        }
    kept->is_paused = c->cluster.is_paused;
    kept->waits_recover = c->cluster.waits_recover;
    c->cluster.is_changed = false;
    check_records(w, &before);
}

/* --- what it answers --- */

static void list_orders(struct world *w, uint32_t worker, struct told *told)
{
    const struct cluster *c = &w->coordinator.cluster;
    struct replica_order room[CLUSTER_REPLICAS];
    told->orders = (struct orders){.worker = worker, .lease_ms = LEASE_MS, .shards = w->shards};
    told->orders.orders = told->list;
    for (uint32_t i = 0; i < w->shards; i++) {
        const uint32_t n = told->orders.order_count;
        struct shard_order *order = &told->list[n];
        bool is_said = cluster_order(c, worker, i, room, order);
        guard_order(w, worker, order);
        if (!is_said && order->role == ROLE_NONE)
            continue;
        check_order(w, worker, order);
        CHECK(order->replica_count <= REPLICAS);
        memcpy(told->replicas[n], room, order->replica_count * sizeof *room);
        order->replicas = told->replicas[n];
        told->orders.order_count++;
    }
    for (uint32_t i = 0; i < NODES * 2; i++)
        told->peer_nodes[i] = cluster_is_alive(c, i) ? coordinator_node_of(w, i) : NO_NODE;
}

static uint64_t mix(uint64_t hash, uint64_t value)
{
    const uint64_t hashed[] = {hash, value};
    return hash64((struct bytes){(const char *)hashed, sizeof hashed});
}

static uint64_t hash_orders(const struct told *told)
{
    uint64_t hash = 1;
    for (uint32_t i = 0; i < told->orders.order_count; i++) {
        const struct shard_order *order = &told->list[i];
        hash = mix(hash, order->shard | (uint64_t)order->role << 32 | (uint64_t)order->hasten << 63);
        hash = mix(hash, order->version);
        hash = mix(hash, order->owner);
    }
    for (uint32_t i = 0; i < NODES * 2; i++)
        hash = mix(hash, told->peer_nodes[i]);
    return hash;
}

static void answer(struct world *w, uint32_t node, const struct poll *poll, const struct told *told)
{
    struct message *message = message_new(w, MESSAGE_ORDERS, AT_COORDINATOR, AT_NODES + node);
    if (!message)
        return;
    message->to_process = poll->process;
    message->told = *told;
    message->told.orders.orders = message->told.list;
    for (uint32_t i = 0; i < told->orders.order_count; i++)
        message->told.list[i].replicas = message->told.replicas[i];
    message->told.orders.version = w->coordinator.version[poll->worker];
    message->told.orders.number = poll->number;
    network_send(w, message);
}

/* Another process may have that worker's name meanwhile: its orders are for nobody else. */
static bool is_still(const struct world *w, const struct poll *poll)
{
    const struct cluster *c = &w->coordinator.cluster;
    return poll->worker < c->worker_count && c->workers[poll->worker].disk == poll->disk;
}

static void answer_if_due(struct world *w, uint32_t node)
{
    struct coordinator *c = &w->coordinator;
    struct poll *poll = &c->polls[node];
    struct told told;
    if (!is_still(w, poll)) {
        poll->is_held = false;
        return;
    }
    list_orders(w, poll->worker, &told);
    uint64_t hash = hash_orders(&told);
    if (hash != c->hash[poll->worker]) {
        c->hash[poll->worker] = hash;
        c->version[poll->worker]++;
    }
    if (poll->known == c->version[poll->worker] && w->now_ms < poll->until_ms)
        return;
    poll->is_held = false;
    answer(w, node, poll, &told);
}

static void answer_all(struct world *w)
{
    for (uint32_t i = 0; i < NODES; i++)
        if (w->coordinator.polls[i].is_held)
            answer_if_due(w, i);
}

static bool keep_if_changed(struct world *w)
{
    if (!is_changed(&w->coordinator.cluster))
        return true;
    if (crashes_at(w, AT_COORDINATOR, "it has decided, and not written")) {
        w->tally->unwritten++;
        check_unwritten(w);
        return false;
    }
    keep(w);
    if (crashes_at(w, AT_COORDINATOR, "it has written, and not answered")) {
        w->tally->unanswered++;
        return false;
    }
    return true;
}

void coordinator_settle(struct world *w)
{
    guard_decided(w);
    if (w->guard == GUARD_NO_PERSIST)
        answer_all(w);
    if (keep_if_changed(w))
        answer_all(w);
}

/* --- what happens --- */

void coordinator_tick(struct world *w)
{
    guard_before_tick(w);
    cluster_tick(&w->coordinator.cluster, coordinator_now(w));
    guard_after_tick(w);
    world_later(w, TICK_MS,
                (struct event){.kind = EVENT_TICK,
                               .place = AT_COORDINATOR,
                               .process = w->places[AT_COORDINATOR].process});
    coordinator_settle(w);
}

static void refuse(struct world *w, const struct message *message, const struct error *e)
{
    struct message *refusal = message_new(w, MESSAGE_REFUSED, AT_COORDINATOR, message->from);
    TELL(w, AT_COORDINATOR, "refuses %s: %s", place_name(w, message->from), e->text);
    w->tally->refused_heartbeats++;
    if (refusal)
        network_send(w, refusal);
}

static void note_heard(struct world *w, uint32_t worker, uint32_t node)
{
    for (uint32_t i = 0; i < w->shards; i++)
        if (w->coordinator.kept.is_there[i] && w->coordinator.kept.shards[i].owner == worker)
            w->check.shards[i].heard_ms = w->now_ms;
    check_named(w, worker, node);
}

void coordinator_heard(struct world *w, const struct message *message)
{
    const struct heartbeat *heartbeat = &message->said.heartbeat;
    const uint32_t node = message->from - AT_NODES;
    uint32_t worker;
    struct error e;
    w->tally->heartbeats++;
    guard_before_heard(w, (struct said *)(uintptr_t)&message->said);
    int r = cluster_heartbeat(&w->coordinator.cluster, heartbeat, feed, coordinator_now(w), &worker, &e);
    guard_after_heard(w);
    if (r) {
        refuse(w, message, &e);
        return;
    }
    note_heard(w, worker, node);
    struct poll *held = &w->coordinator.polls[node];
    struct poll poll = {.is_held = true,
                        .process = message->process,
                        .number = heartbeat->number,
                        .known = heartbeat->known,
                        .disk = heartbeat->disk,
                        .worker = worker,
                        .until_ms = w->now_ms + LEASE_MS / 20};
    if (held->is_held && held->process == poll.process && held->number > poll.number)
        return;
    *held = poll;
    coordinator_settle(w);
}

/* --- the map --- */

void coordinator_map(struct world *w, const struct message *asked)
{
    const struct cluster *c = &w->coordinator.cluster;
    struct message *message = message_new(w, MESSAGE_MAP, AT_COORDINATOR, asked->from);
    if (!message)
        return;
    for (uint32_t i = 0; i < w->shards; i++)
        message->map.nodes[i] = cluster_is_alive(c, c->shards[i].owner)
                                    ? coordinator_node_of(w, c->shards[i].owner)
                                    : NO_NODE;
    network_send(w, message);
}
