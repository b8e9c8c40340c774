/* Messages between workers, coordinator and operators, and what the coordinator keeps, the first byte saying
 * which: each is what it should be, or an error of its own. One that was read is written and read again. */
#include "coordinator/state/kept.h"
#include "proto/cluster_ask.h"
#include "tests/fuzz/fuzz.h"

static void try_heartbeat(struct arena *arena, struct bytes input, struct buffer *out)
{
    struct heartbeat heartbeat, again;
    struct error e;
    if (heartbeat_unpack(arena, input, &heartbeat, &e)) {
        CHECK(e.code == ERR_BODY);
        return;
    }
    for (uint32_t i = 0; i < heartbeat.report_count; i++) {
        CHECK(heartbeat.reports[i].shard < LIMIT_SHARDS);
        CHECK(i == 0 || heartbeat.reports[i - 1].shard < heartbeat.reports[i].shard);
        CHECK(cluster_role_name(heartbeat.reports[i].role));
    }
    heartbeat_pack(&heartbeat, out);
    CHECK(heartbeat_unpack(arena, buffer_bytes(out), &again, &e) == 0);
    CHECK(again.disk == heartbeat.disk && again.report_count == heartbeat.report_count &&
          bytes_equal(again.worker, heartbeat.worker));
}

static void try_orders(struct arena *arena, struct bytes input, struct buffer *out)
{
    struct orders orders, again;
    struct error e;
    if (orders_unpack(arena, input, &orders, &e)) {
        CHECK(e.code == ERR_BODY);
        return;
    }
    for (uint32_t i = 0; i < orders.order_count; i++) {
        CHECK(orders.orders[i].shard < orders.shards && orders.orders[i].replica_count <= CLUSTER_REPLICAS);
        CHECK(i == 0 || orders.orders[i - 1].shard < orders.orders[i].shard);
    }
    orders_pack(&orders, out);
    CHECK(orders_unpack(arena, buffer_bytes(out), &again, &e) == 0);
    CHECK(again.lease_ms == orders.lease_ms && again.order_count == orders.order_count &&
          again.peer_count == orders.peer_count);
}

static void try_ask(struct arena *arena, struct bytes input, struct buffer *out)
{
    struct cluster_ask ask, again;
    struct error e;
    if (cluster_ask_unpack(arena, input, &ask, &e)) {
        CHECK(e.code == ERR_BODY || e.code == ERR_USAGE);
        return;
    }
    CHECK(cluster_verb_name(ask.verb) && ask.shard < LIMIT_SHARDS && ask.worker_count <= LIMIT_WORKERS);
    cluster_ask_pack(&ask, out);
    CHECK(cluster_ask_unpack(arena, buffer_bytes(out), &again, &e) == 0);
    CHECK(again.verb == ask.verb && again.worker_count == ask.worker_count && again.plan == ask.plan);
}

static void try_kept_shard(struct bytes input, struct buffer *out)
{
    struct cluster_shard shard, again;
    struct error e;
    if (kept_shard_unpack(input, 1, &shard, &e)) {
        CHECK(e.code == ERR_CORRUPT);
        return;
    }
    CHECK(shard.replica_count <= CLUSTER_REPLICAS && shard.phase <= MOVE_SEALING);
    kept_shard_pack(&shard, out);
    CHECK(kept_shard_unpack(buffer_bytes(out), 1, &again, &e) == 0);
    CHECK(again.epoch == shard.epoch && again.owner == shard.owner && again.to == shard.to &&
          again.replica_count == shard.replica_count);
}

static void try_kept_worker(struct bytes input, struct buffer *out)
{
    struct cluster_worker worker, again;
    struct error e;
    if (kept_worker_unpack(input, 1, &worker, &e)) {
        CHECK(e.code == ERR_CORRUPT);
        return;
    }
    kept_worker_pack(&worker, out);
    CHECK(kept_worker_unpack(buffer_bytes(out), 1, &again, &e) == 0);
    CHECK(strcmp(again.name, worker.name) == 0 && again.disk == worker.disk);
}

static void try_kept_cluster(struct bytes input, struct buffer *out)
{
    struct kept_cluster cluster, again;
    struct error e;
    if (kept_cluster_unpack(input, &cluster, &e)) {
        CHECK(e.code == ERR_CORRUPT);
        return;
    }
    kept_cluster_pack(&cluster, out);
    CHECK(kept_cluster_unpack(buffer_bytes(out), &again, &e) == 0);
    CHECK(strcmp(again.name, cluster.name) == 0 && again.shards == cluster.shards);
}

static void try_kept_key(struct bytes input, struct buffer *out)
{
    struct kept_key key;
    struct error e;
    if (kept_key_read(input, &key, &e)) {
        CHECK(e.code == ERR_CORRUPT);
        return;
    }
    if (key.kind == KEPT_UNKNOWN)
        return;
    kept_key_add(&key, out);
    CHECK(bytes_equal(buffer_bytes(out), input));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct arena arena = {0};
    struct buffer out = {0};
    struct bytes input = {(const char *)data + 1, size - 1};
    switch (data[0]) {
    case 'h':
        try_heartbeat(&arena, input, &out);
        break;
    case 'o':
        try_orders(&arena, input, &out);
        break;
    case 'a':
        try_ask(&arena, input, &out);
        break;
    case 's':
        try_kept_shard(input, &out);
        break;
    case 'w':
        try_kept_worker(input, &out);
        break;
    case 'c':
        try_kept_cluster(input, &out);
        break;
    case 'k':
        try_kept_key(input, &out);
        break;
    default:
        break;
    }
    buffer_close(&out);
    arena_close(&arena);
    return 0;
}
