/* A worker's process: it says what is true of it, hears what should be, and commits to the shards that are
 * its own, as long as its lease lasts. A lease is looked at right before a commit, as the real one does it: a
 * process that is suspended between the two is what no clock can fence. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/check.h"
#include "common/hash.h"
#include "tests/sim/cluster/guard.h"

bool node_is_up(const struct world *w, uint32_t node)
{
    return w->places[AT_NODES + node].is_up;
}

int64_t node_now(const struct world *w, uint32_t node)
{
    return place_now(w, AT_NODES + node);
}

/* --- its process --- */

static void later(struct world *w, uint32_t node, enum event_kind kind, int64_t after_ms)
{
    world_later(w, after_ms,
                (struct event){
                    .kind = kind, .place = AT_NODES + node, .process = w->places[AT_NODES + node].process});
}

void worker_start(struct world *w, uint32_t node)
{
    struct node *n = &w->all[node];
    if (!n->disk.number) {
        n->disk.number = ++w->disks;
        n->disk.is_made = false;
    }
    n->disk.incarnation += 1 + pick(w, UINT32_MAX); /* as worker/store/identity does */
    n->ends = false;
    n->number = n->known = n->said_hash = 0;
    n->self = CLUSTER_NOBODY;
    memset(n->sent_ms, 0, sizeof n->sent_ms);
    memset(n->acting, 0, sizeof n->acting);
    memset(n->following, 0, sizeof n->following);
    memset(n->serving, 0, sizeof n->serving);
    tenure_open(&n->tenure, w->shards, n->disk.number);
    for (uint32_t i = 0; i < w->shards; i++) {
        struct tenure_copy copy = copy_tenure(&n->disk.copies[i]);
        tenure_copy(&n->tenure, i, &copy);
    }
    TELL(w, AT_NODES + node, "starts as %s, disk %" PRIu64 ", incarnation %" PRIu64,
         place_name(w, AT_NODES + n->named), n->disk.number, n->disk.incarnation);
    later(w, node, EVENT_HEARTBEAT, pick(w, 20));
    later(w, node, EVENT_COMMIT, about(w, w->commit_ms));
}

void worker_stop(struct world *w, uint32_t node)
{
    struct node *n = &w->all[node];
    for (uint32_t i = 0; i < SHARDS; i++)
        if (n->serving[i].is_on)
            mark_close(&n->serving[i].mark);
    memset(n->serving, 0, sizeof n->serving);
    tenure_close(&n->tenure);
}

void worker_end(struct world *w, uint32_t node)
{
    struct node *n = &w->all[node];
    TELL(w, AT_NODES + node, "is told to stop, and will be back");
    n->ends = true;
    worker_heartbeat(w, node);
    later(w, node, EVENT_EXIT, between(w, 20, 800));
}

/* --- what it says --- */

static uint32_t list_reports(struct world *w, uint32_t node, struct shard_report *reports)
{
    const struct node *n = &w->all[node];
    uint32_t count = 0;
    for (uint32_t i = 0; i < w->shards; i++) {
        struct shard_report *report = &reports[count];
        if (!tenure_report(&n->tenure, i, report))
            continue;
        if (n->serving[i].is_on) {
            uint64_t version = mark_report(&n->serving[i].mark, node_now(w, node), &report->held,
                                           &report->behind);
            if (version != report->version)
                report->version = report->held = report->behind = 0;
        }
        report->bytes = report->head * 100;
        report->load = w->guard == GUARD_LOADS ? 1 : w->load[i];
        count++;
    }
    return count;
}

static uint64_t hash_reports(const struct node *n, const struct shard_report *reports, uint32_t count)
{
    uint64_t hash = 1;
    for (uint32_t i = 0; i < count; i++) {
        const struct shard_report *report = &reports[i];
        bool hastens = n->tenure.all[report->shard].hasten && report->role == ROLE_FOLLOWER;
        const uint64_t hashed[] = {hash,
                                   report->shard | (uint64_t)report->role << 32 |
                                       (uint64_t)report->is_whole << 48,
                                   report->version,
                                   report->epoch,
                                   report->held | (uint64_t)report->behind << 32,
                                   hastens ? report->head : 0};
        hash = hash64((struct bytes){(const char *)hashed, sizeof hashed});
    }
    return hash;
}

static void note_sealed(struct world *w, uint32_t node, const struct said *said)
{
    for (uint32_t i = 0; i < said->heartbeat.report_count; i++)
        if (said->reports[i].role == ROLE_SEALED && said->reports[i].version)
            check_sealed(w, said->reports[i].shard, w->all[node].tenure.all[said->reports[i].shard].epoch);
}

static void fill(struct world *w, uint32_t node, struct heartbeat *heartbeat)
{
    static const char feed[] = "the feed of this";
    static const char addresses[] = "n0n1n2n3n4n5";
    struct node *n = &w->all[node];
    *heartbeat = (struct heartbeat){.version = CLUSTER_VERSION,
                                    .cluster = BYTES("cluster"),
                                    .worker = bytes_of(place_name(w, AT_NODES + n->named)),
                                    .address = {addresses + 2 * node, 2},
                                    .program = BYTES("garner"),
                                    .shards = n->disk.is_made ? w->shards : 0,
                                    .feed = {n->disk.is_made ? feed : NULL, n->disk.is_made ? 16 : 0},
                                    .disk = n->disk.number,
                                    .incarnation = n->disk.incarnation,
                                    .number = ++n->number,
                                    .restarts = n->ends,
                                    .capacity = 1,
                                    .room = 1 << 30,
                                    .known = n->known};
}

static void say(struct world *w, uint32_t node)
{
    struct node *n = &w->all[node];
    struct message *message = message_new(w, MESSAGE_HEARTBEAT, AT_NODES + node, AT_COORDINATOR);
    if (!message)
        return;
    fill(w, node, &message->said.heartbeat);
    message->said.heartbeat.report_count = list_reports(w, node, message->said.reports);
    message->said.heartbeat.reports = message->said.reports;
    n->said_hash = hash_reports(n, message->said.reports, message->said.heartbeat.report_count);
    n->said_ms = w->now_ms;
    n->sent_ms[n->number % HEARTBEATS_KNOWN] = node_now(w, node);
    note_sealed(w, node, &message->said);
    network_send(w, message);
}

static void tick_marks(struct world *w, uint32_t node)
{
    struct node *n = &w->all[node];
    for (uint32_t i = 0; i < w->shards; i++)
        if (n->serving[i].is_on) {
            mark_tick(&n->serving[i].mark, node_now(w, node));
            serve_waiting(w, node, i);
        }
}

void worker_heartbeat(struct world *w, uint32_t node)
{
    struct node *n = &w->all[node];
    tick_marks(w, node);
    say(w, node);
    if (!n->ends)
        later(w, node, EVENT_HEARTBEAT, LEASE_MS / 10);
}

void worker_after(struct world *w, uint32_t node)
{
    struct node *n = &w->all[node];
    struct shard_report reports[SHARDS];
    if (!node_is_up(w, node) || n->ends)
        return;
    serve_sync(w, node);
    uint32_t count = list_reports(w, node, reports);
    if (hash_reports(n, reports, count) != n->said_hash)
        say(w, node);
}

/* --- what it hears --- */

static void order_marks(struct world *w, uint32_t node)
{
    struct node *n = &w->all[node];
    for (uint32_t i = 0; i < w->shards; i++) {
        const struct tenure_shard *s = &n->tenure.all[i];
        if (n->serving[i].is_on && (s->wanted == ROLE_OWNER || s->wanted == ROLE_SEALED)) {
            mark_order(&n->serving[i].mark, s->version, s->replicas, s->replica_count, node_now(w, node));
            serve_waiting(w, node, i);
        }
    }
}

void worker_told(struct world *w, uint32_t node, const struct message *message)
{
    struct node *n = &w->all[node];
    const struct orders *orders = &message->told.orders;
    bool is_known = orders->number + HEARTBEATS_KNOWN > n->number;
    if (n->ends || !is_known)
        return;
    guard_before_orders(w, &n->tenure);
    if (!tenure_orders(&n->tenure, orders, n->sent_ms[orders->number % HEARTBEATS_KNOWN]))
        return;
    guard_after_orders(w, &n->tenure);
    n->disk.is_made = true;
    n->known = orders->version;
    n->self = orders->worker;
    memcpy(n->peer_nodes, message->told.peer_nodes, sizeof n->peer_nodes);
    serve_sync(w, node);
    order_marks(w, node);
    act_plan(w, node);
    worker_after(w, node);
    if (node_is_up(w, node) && w->now_ms - n->said_ms >= LEASE_MS / 20)
        say(w, node);
}

/* --- commits --- */

bool worker_may_commit(const struct world *w, uint32_t node, uint32_t shard)
{
    const struct node *n = &w->all[node];
    if (!node_is_up(w, node) || n->ends || n->tenure.all[shard].role != ROLE_OWNER)
        return false;
    return w->guard == GUARD_LEASE_FENCE || node_now(w, node) < tenure_until(&n->tenure, shard);
}

static bool is_broken_open(const struct world *w, const struct node *n, uint32_t shard)
{
    return w->guard == GUARD_SEAL && serve_role(n, shard) == ROLE_SEALED && n->disk.copies[shard].is_whole;
}

/* What followers in sync haven't stored yet is held. */
static void compact(struct world *w, uint32_t node, uint32_t shard)
{
    const struct serving *serving = &w->all[node].serving[shard];
    struct copy *copy = &w->all[node].disk.copies[shard];
    const bool is_broken = w->guard == GUARD_HOLD;
    const uint64_t up_to = is_broken ? copy->head : serving->is_on ? serving->mark.served : 0;
    if (copy->head < 10 || !chance(w, is_broken ? 100 : 15) || up_to < copy->oldest)
        return;
    copy->oldest += 1 + pick(w, (uint32_t)(up_to + 1 - copy->oldest));
    w->tally->compactions++;
    TELL(w, AT_NODES + node, "shard %" PRIu32 ": keeps changes from %" PRIu64 " on", shard, copy->oldest);
}

static void commit(struct world *w, uint32_t node, uint32_t shard)
{
    struct node *n = &w->all[node];
    struct copy *copy = &n->disk.copies[shard];
    uint32_t count = 1 + pick(w, chance(w, 50) ? 20 : 2);
    if (crashes_at(w, AT_NODES + node, "before a commit"))
        return;
    for (uint32_t i = 0; i < count && !copy_is_full(copy) && check_is_fine(w); i++) {
        copy_add(copy, copy_epoch(copy), (uint32_t)random_u64(&w->random) | 1);
        check_commit(w, node, shard);
    }
    TELL(w, AT_NODES + node, "shard %" PRIu32 ": commits up to %" PRIu64 " (epoch %" PRIu64 ")", shard,
         copy->head, copy_epoch(copy));
    w->tally->commits++;
    compact(w, node, shard);
    if (crashes_at(w, AT_NODES + node, "after a commit"))
        return;
    struct tenure_copy now = copy_tenure(copy);
    tenure_copy(&n->tenure, shard, &now);
    if (n->serving[shard].is_on)
        mark_committed(&n->serving[shard].mark, copy->head, node_now(w, node));
    serve_waiting(w, node, shard);
    worker_after(w, node);
}

void worker_commit(struct world *w, uint32_t node)
{
    struct node *n = &w->all[node];
    uint32_t shard = pick(w, w->shards);
    bool is_quiet = w->is_calm && w->now_ms >= w->quiet_ms;
    later(w, node, EVENT_COMMIT, about(w, w->commit_ms));
    for (uint32_t i = 0; i < w->shards && n->tenure.all[shard].role != ROLE_OWNER; i++)
        shard = (shard + 1) % w->shards;
    bool may = worker_may_commit(w, node, shard) || is_broken_open(w, n, shard);
    w->tally->fenced += !may && n->tenure.all[shard].role == ROLE_OWNER;
    bool has_room = w->check.commit_count + 64 < COMMITS_KNOWN;
    if (may && has_room && !is_quiet && !n->is_full && !copy_is_full(&n->disk.copies[shard]))
        commit(w, node, shard);
}
