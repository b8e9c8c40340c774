/* What a worker is to do. A shard's replicas are numbers, each with a bit for being in sync: thousands of
 * shards have them. */
#include "common/text.h"
#include "proto/cluster_wire.h"

/* --- packing --- */

static Garner__ShardOrder *order_to_wire(struct arena *arena, const struct shard_order *from)
{
    Garner__ShardOrder *to = arena_alloc(arena, sizeof *to);
    garner__shard_order__init(to);
    to->shard = from->shard;
    to->role = from->role;
    to->version = from->version;
    to->epoch = from->epoch;
    to->base_epoch = from->base;
    to->base_disk = from->disk;
    to->has_owner = from->owner != CLUSTER_NOBODY;
    to->owner = from->owner;
    to->has_hasten = to->hasten = from->hasten;
    to->replicas = arena_alloc(arena, (from->replica_count + (size_t)1) * sizeof *to->replicas);
    for (uint32_t i = 0; i < from->replica_count; i++)
        to->replicas[to->n_replicas++] = from->replicas[i].worker << 1 | from->replicas[i].in_sync;
    return to;
}

static Garner__ClusterPeer *peer_to_wire(struct arena *arena, const struct cluster_peer *from)
{
    Garner__ClusterPeer *to = arena_alloc(arena, sizeof *to);
    garner__cluster_peer__init(to);
    to->number = from->number;
    to->name = wire_bytes(from->name);
    to->address = wire_bytes(from->address);
    return to;
}

void orders_pack(const struct orders *orders, struct buffer *out)
{
    struct arena arena = {0};
    Garner__Orders to;
    garner__orders__init(&to);
    to.version = orders->version;
    to.number = orders->number;
    to.worker = orders->worker;
    to.lease_ms = (uint64_t)orders->lease_ms;
    to.shards = orders->shards;
    to.feed = wire_bytes(orders->feed);
    to.accounts = orders->accounts;
    to.orders = arena_alloc(&arena, (orders->order_count + (size_t)1) * sizeof *to.orders);
    for (uint32_t i = 0; i < orders->order_count; i++)
        to.orders[to.n_orders++] = order_to_wire(&arena, &orders->orders[i]);
    to.peers = arena_alloc(&arena, (orders->peer_count + (size_t)1) * sizeof *to.peers);
    for (uint32_t i = 0; i < orders->peer_count; i++)
        to.peers[to.n_peers++] = peer_to_wire(&arena, &orders->peers[i]);
    wire_pack(&to, out);
    arena_close(&arena);
}

/* --- unpacking --- */

/* Each of them another worker. */
static bool replicas_from_wire(struct arena *arena, const Garner__ShardOrder *from, struct shard_order *to)
{
    struct replica_order *replicas = arena_alloc(arena, (from->n_replicas + 1) * sizeof *replicas);
    if (from->n_replicas > CLUSTER_REPLICAS)
        return false;
    for (size_t i = 0; i < from->n_replicas; i++) {
        replicas[i] = (struct replica_order){from->replicas[i] >> 1, from->replicas[i] & 1};
        if (replicas[i].worker >= LIMIT_WORKERS)
            return false;
        for (size_t k = 0; k < i; k++)
            if (replicas[k].worker == replicas[i].worker)
                return false;
    }
    to->replicas = replicas;
    to->replica_count = (uint32_t)from->n_replicas;
    return true;
}

static bool order_from_wire(struct arena *arena, const Garner__ShardOrder *from, struct shard_order *to)
{
    *to = (struct shard_order){
        .shard = from->shard,
        .role = (enum cluster_role)from->role,
        .version = from->version,
        .epoch = from->epoch,
        .base = from->base_epoch,
        .disk = from->base_disk,
        .owner = from->has_owner ? from->owner : CLUSTER_NOBODY,
        .hasten = from->has_hasten && from->hasten,
    };
    return from->role <= ROLE_DROP && (!from->has_owner || from->owner < LIMIT_WORKERS) &&
           replicas_from_wire(arena, from, to);
}

static bool orders_of_shards(struct arena *arena, const Garner__Orders *from, struct orders *to)
{
    struct shard_order *orders = arena_alloc(arena, (from->n_orders + 1) * sizeof *orders);
    bool sound = true;
    for (size_t i = 0; i < from->n_orders && sound; i++)
        sound = order_from_wire(arena, from->orders[i], &orders[i]) && orders[i].shard < to->shards &&
                (i == 0 || orders[i - 1].shard < orders[i].shard);
    to->orders = orders;
    to->order_count = (uint32_t)from->n_orders;
    return sound;
}

static bool peer_from_wire(const Garner__ClusterPeer *from, struct cluster_peer *to)
{
    *to = (struct cluster_peer){from->number, wire_span(from->name), wire_span(from->address)};
    return to->number < LIMIT_WORKERS && text_is_name(to->name, LIMIT_WORKER_NAME_BYTES) &&
           (!to->address.len || text_is_name(to->address, LIMIT_ADDRESS_BYTES));
}

/* Each number once. */
static bool peers_from_wire(struct arena *arena, const Garner__Orders *from, struct orders *to)
{
    struct cluster_peer *peers = arena_alloc(arena, (from->n_peers + 1) * sizeof *peers);
    bool seen[LIMIT_WORKERS] = {0}, sound = true;
    for (size_t i = 0; i < from->n_peers && sound; i++) {
        sound = peer_from_wire(from->peers[i], &peers[i]) && !seen[peers[i].number];
        if (sound)
            seen[peers[i].number] = true;
    }
    to->peers = peers;
    to->peer_count = (uint32_t)from->n_peers;
    return sound;
}

static bool orders_from_wire(struct arena *arena, const Garner__Orders *from, struct orders *to)
{
    *to = (struct orders){
        .version = from->version,
        .number = from->number,
        .worker = from->worker,
        .lease_ms = (int64_t)from->lease_ms,
        .shards = from->shards,
        .feed = wire_span(from->feed),
        .accounts = from->accounts,
    };
    return to->worker < LIMIT_WORKERS && to->lease_ms > 0 && to->lease_ms <= LIMIT_LEASE_MS &&
           to->shards > 0 && to->shards <= LIMIT_SHARDS && cluster_is_feed(to->feed) &&
           orders_of_shards(arena, from, to) && peers_from_wire(arena, from, to);
}

int orders_unpack(struct arena *arena, struct bytes packed, struct orders *out, struct error *e)
{
    const Garner__Orders *from = wire_unpack(&garner__orders__descriptor, arena, packed,
                                             LIMIT_HEARTBEAT_BYTES);
    if (from && orders_from_wire(arena, from, out))
        return 0;
    *out = (struct orders){0};
    return error_set(
        e, ERR_BODY,
        "the coordinator's orders of %zu bytes are none: is the coordinator another version of garner?",
        packed.len);
}
