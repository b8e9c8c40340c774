/* What workers and the coordinator say to each other: what is packed is what is unpacked, whatever
 * it is; the largest there can be fits; and each thing that can't be is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "proto/cluster.h"
#include "proto/operator.h"
#include "tests/unit/test_cluster_lab.h"

/* --- random content --- */

static struct shard_report some_report(struct lab *lab, uint32_t shard)
{
    return (struct shard_report){
        .shard = shard,
        .role = (enum cluster_role)below(lab, ROLE_DROP),
        .version = any(lab),
        .known = any(lab),
        .is_whole = below(lab, 2),
        .epoch = any(lab),
        .head = any(lab),
        .check = (uint32_t)any(lab),
        .held = below(lab, 1 << CLUSTER_REPLICAS),
        .behind = below(lab, 2) ? below(lab, 1 << CLUSTER_REPLICAS) : 0,
        .bytes = any(lab),
        .load = below(lab, 3) ? (uint32_t)any(lab) : 0,
    };
}

static struct heartbeat some_heartbeat(struct lab *lab)
{
    uint32_t shards = below(lab, 3) ? 1 + below(lab, 300) : 0, count = 0;
    struct shard_report *reports = arena_alloc(&lab->arena, 300 * sizeof *reports);
    for (uint32_t shard = 0; shard < shards; shard++)
        if (below(lab, 2))
            reports[count++] = some_report(lab, shard);
    return (struct heartbeat){
        .version = CLUSTER_VERSION,
        .cluster = some_text(lab, LIMIT_WORKER_NAME_BYTES),
        .worker = some_text(lab, LIMIT_WORKER_NAME_BYTES),
        .address = some_text(lab, LIMIT_ADDRESS_BYTES),
        .program = some_text(lab, LIMIT_PROGRAM_BYTES),
        .shards = shards,
        .feed = shards ? some_feed(lab) : (struct bytes){0},
        .disk = any(lab) | 1,
        .incarnation = any(lab) | 1,
        .number = any(lab) | 1,
        .restarts = below(lab, 2),
        .capacity = 1 + below(lab, LIMIT_CAPACITY),
        .room = any(lab),
        .known = any(lab),
        .reports = reports,
        .report_count = count,
    };
}

static struct shard_order some_order(struct lab *lab, uint32_t shard)
{
    struct replica_order *replicas = arena_alloc(&lab->arena, CLUSTER_REPLICAS * sizeof *replicas);
    uint32_t count = below(lab, CLUSTER_REPLICAS + 1);
    for (uint32_t i = 0; i < count; i++)
        replicas[i] = (struct replica_order){i * (LIMIT_WORKERS / CLUSTER_REPLICAS) + below(lab, 60),
                                             below(lab, 2)};
    return (struct shard_order){
        .shard = shard,
        .role = (enum cluster_role)below(lab, ROLE_DROP + 1),
        .version = any(lab),
        .epoch = any(lab),
        .base = any(lab),
        .disk = any(lab),
        .owner = below(lab, 2) ? CLUSTER_NOBODY : below(lab, LIMIT_WORKERS),
        .hasten = below(lab, 2),
        .replicas = replicas,
        .replica_count = count,
    };
}

static struct orders some_orders(struct lab *lab)
{
    uint32_t shards = 1 + below(lab, 300), count = 0, peers = below(lab, 20);
    struct shard_order *orders = arena_alloc(&lab->arena, 300 * sizeof *orders);
    struct cluster_peer *peer = arena_alloc(&lab->arena, 20 * sizeof *peer);
    for (uint32_t shard = 0; shard < shards; shard++)
        if (below(lab, 2))
            orders[count++] = some_order(lab, shard);
    for (uint32_t i = 0; i < peers; i++)
        peer[i] = (struct cluster_peer){LIMIT_WORKERS - 1 - i, some_text(lab, LIMIT_WORKER_NAME_BYTES),
                                        below(lab, 3) ? some_text(lab, LIMIT_ADDRESS_BYTES) : BYTES("")};
    return (struct orders){
        .version = any(lab),
        .number = any(lab),
        .worker = below(lab, LIMIT_WORKERS),
        .lease_ms = 1 + below(lab, LIMIT_LEASE_MS),
        .shards = shards,
        .feed = some_feed(lab),
        .accounts = any(lab),
        .orders = orders,
        .order_count = count,
        .peers = peer,
        .peer_count = peers,
    };
}

/* --- there and back --- */

static void assert_same_report(const struct shard_report *a, const struct shard_report *b)
{
    assert_true(a->shard == b->shard && a->role == b->role && a->version == b->version &&
                a->known == b->known && a->is_whole == b->is_whole && a->epoch == b->epoch &&
                a->head == b->head && a->check == b->check && a->held == b->held && a->behind == b->behind &&
                a->bytes == b->bytes && a->load == b->load);
}

static void heartbeats_come_as_they_were_sent(void **state)
{
    struct lab *lab = *state;
    for (int i = 0; i < ROUNDS; i++) {
        struct heartbeat again, sent = some_heartbeat(lab);
        buffer_reset(&lab->out);
        heartbeat_pack(&sent, &lab->out);
        assert_int_equal(heartbeat_unpack(&lab->arena, buffer_bytes(&lab->out), &again, &lab->e), 0);
        assert_same_bytes(again.cluster, sent.cluster);
        assert_same_bytes(again.worker, sent.worker);
        assert_same_bytes(again.address, sent.address);
        assert_same_bytes(again.program, sent.program);
        assert_same_bytes(again.feed, sent.feed);
        assert_true(again.version == sent.version && again.shards == sent.shards && again.disk == sent.disk &&
                    again.incarnation == sent.incarnation && again.number == sent.number &&
                    again.restarts == sent.restarts && again.capacity == sent.capacity &&
                    again.room == sent.room && again.known == sent.known);
        assert_int_equal(again.report_count, sent.report_count);
        for (uint32_t k = 0; k < sent.report_count; k++)
            assert_same_report(&again.reports[k], &sent.reports[k]);
    }
}

static void assert_same_order(const struct shard_order *a, const struct shard_order *b)
{
    assert_true(a->shard == b->shard && a->role == b->role && a->version == b->version &&
                a->epoch == b->epoch && a->base == b->base && a->disk == b->disk && a->owner == b->owner &&
                a->hasten == b->hasten);
    assert_int_equal(a->replica_count, b->replica_count);
    for (uint32_t i = 0; i < b->replica_count; i++)
        assert_true(a->replicas[i].worker == b->replicas[i].worker &&
                    a->replicas[i].in_sync == b->replicas[i].in_sync);
}

static void orders_come_as_they_were_sent(void **state)
{
    struct lab *lab = *state;
    for (int i = 0; i < ROUNDS; i++) {
        struct orders again, sent = some_orders(lab);
        buffer_reset(&lab->out);
        orders_pack(&sent, &lab->out);
        assert_int_equal(orders_unpack(&lab->arena, buffer_bytes(&lab->out), &again, &lab->e), 0);
        assert_true(again.version == sent.version && again.number == sent.number &&
                    again.worker == sent.worker && again.lease_ms == sent.lease_ms &&
                    again.shards == sent.shards && again.accounts == sent.accounts);
        assert_same_bytes(again.feed, sent.feed);
        assert_int_equal(again.order_count, sent.order_count);
        for (uint32_t k = 0; k < sent.order_count; k++)
            assert_same_order(&again.orders[k], &sent.orders[k]);
        assert_int_equal(again.peer_count, sent.peer_count);
        for (uint32_t k = 0; k < sent.peer_count; k++) {
            assert_int_equal(again.peers[k].number, sent.peers[k].number);
            assert_same_bytes(again.peers[k].name, sent.peers[k].name);
            assert_same_bytes(again.peers[k].address, sent.peers[k].address);
        }
    }
}

/* --- as large as can be --- */

static void a_heartbeat_of_all_shards_fits(void **state)
{
    struct lab *lab = *state;
    struct shard_report *reports = arena_alloc(&lab->arena, LIMIT_SHARDS * sizeof *reports);
    for (uint32_t i = 0; i < LIMIT_SHARDS; i++)
        reports[i] = (struct shard_report){i,
                                           ROLE_FOLLOWER,
                                           UINT64_MAX - 1,
                                           UINT64_MAX,
                                           false,
                                           UINT64_MAX,
                                           UINT64_MAX,
                                           UINT32_MAX,
                                           (1 << CLUSTER_REPLICAS) - 1,
                                           (1 << CLUSTER_REPLICAS) - 1,
                                           UINT64_MAX,
                                           UINT32_MAX};
    struct heartbeat again, sent = some_heartbeat(lab);
    sent.shards = LIMIT_SHARDS;
    sent.feed = some_feed(lab);
    sent.reports = reports;
    sent.report_count = LIMIT_SHARDS;
    struct operator_request request = {.version = 1, .id = UINT64_MAX, .kind = OPERATOR_HEARTBEAT}, come;
    heartbeat_pack(&sent, &lab->out);
    request.heartbeat = arena_copy(&lab->arena, buffer_bytes(&lab->out));
    buffer_reset(&lab->out);
    operator_request_pack(&request, &lab->out);
    assert_true(lab->out.len > LIMIT_MESSAGE_BYTES && lab->out.len < LIMIT_HEARTBEAT_BYTES / 2);
    assert_int_equal(operator_request_unpack(&lab->arena, buffer_bytes(&lab->out), &come, &lab->e), 0);
    assert_int_equal(heartbeat_unpack(&lab->arena, come.heartbeat, &again, &lab->e), 0);
    assert_int_equal(again.report_count, LIMIT_SHARDS);
    assert_same_report(&again.reports[LIMIT_SHARDS - 1], &reports[LIMIT_SHARDS - 1]);
}

static void orders_of_all_shards_fit(void **state)
{
    struct lab *lab = *state;
    struct replica_order replicas[CLUSTER_REPLICAS];
    struct shard_order *orders = arena_alloc(&lab->arena, LIMIT_SHARDS * sizeof *orders);
    struct cluster_peer *peers = arena_alloc(&lab->arena, LIMIT_WORKERS * sizeof *peers);
    for (uint32_t i = 0; i < CLUSTER_REPLICAS; i++)
        replicas[i] = (struct replica_order){LIMIT_WORKERS - 1 - i, true};
    for (uint32_t i = 0; i < LIMIT_SHARDS; i++)
        orders[i] = (struct shard_order){i,          ROLE_DROP,       UINT64_MAX,        UINT64_MAX,
                                         UINT64_MAX, UINT64_MAX,      LIMIT_WORKERS - 1, true,
                                         replicas,   CLUSTER_REPLICAS};
    for (uint32_t i = 0; i < LIMIT_WORKERS; i++)
        peers[i] = (struct cluster_peer){i, long_text(lab, LIMIT_WORKER_NAME_BYTES),
                                         long_text(lab, LIMIT_ADDRESS_BYTES)};
    struct orders again, sent = some_orders(lab);
    sent.shards = LIMIT_SHARDS;
    sent.orders = orders;
    sent.order_count = LIMIT_SHARDS;
    sent.peers = peers;
    sent.peer_count = LIMIT_WORKERS;
    orders_pack(&sent, &lab->out);
    assert_true(lab->out.len < LIMIT_HEARTBEAT_BYTES / 4 * 3);
    assert_int_equal(orders_unpack(&lab->arena, buffer_bytes(&lab->out), &again, &lab->e), 0);
    assert_int_equal(again.order_count, LIMIT_SHARDS);
    assert_same_order(&again.orders[LIMIT_SHARDS - 1], &orders[LIMIT_SHARDS - 1]);
}

/* Only heartbeats may be so large. */
static void other_requests_stay_small(void **state)
{
    struct lab *lab = *state;
    struct operator_request request = {.version = 1, .id = 9, .kind = OPERATOR_CLUSTER}, again;
    request.cluster = long_text(lab, LIMIT_MESSAGE_BYTES + 1);
    operator_request_pack(&request, &lab->out);
    assert_int_equal(operator_request_unpack(&lab->arena, buffer_bytes(&lab->out), &again, &lab->e),
                     ERR_BODY);
    assert_int_equal(again.id, 9);
    request.cluster = long_text(lab, 1000);
    buffer_reset(&lab->out);
    operator_request_pack(&request, &lab->out);
    assert_int_equal(operator_request_unpack(&lab->arena, buffer_bytes(&lab->out), &again, &lab->e), 0);
    assert_same_bytes(again.cluster, request.cluster);
}

static void answers_of_the_coordinator_come_as_they_were_sent(void **state)
{
    struct lab *lab = *state;
    struct operator_reply reply = {.id = 3, .kind = OPERATOR_HEARTBEAT, .heartbeat = BYTES("a\0b")}, again;
    operator_reply_pack(&reply, &lab->out);
    assert_int_equal(operator_reply_unpack(&lab->arena, buffer_bytes(&lab->out), &again, &lab->e), 0);
    assert_same_bytes(again.heartbeat, reply.heartbeat);
    reply = (struct operator_reply){.id = 3, .kind = OPERATOR_CLUSTER, .cluster = BYTES("c")};
    buffer_reset(&lab->out);
    operator_reply_pack(&reply, &lab->out);
    assert_int_equal(operator_reply_unpack(&lab->arena, buffer_bytes(&lab->out), &again, &lab->e), 0);
    assert_same_bytes(again.cluster, reply.cluster);
}

/* --- what is refused --- */

/* A heartbeat that is sound, but for what `change` says. */
#define REFUSED_HEARTBEAT(change)                                                                            \
    do {                                                                                                     \
        struct shard_report reports[] = {some_report(lab, 3), some_report(lab, 5)};                          \
        struct heartbeat h = some_heartbeat(lab), again;                                                     \
        h.shards = 6;                                                                                        \
        h.feed = some_feed(lab);                                                                             \
        h.reports = reports;                                                                                 \
        h.report_count = 2;                                                                                  \
        buffer_reset(&lab->out);                                                                             \
        heartbeat_pack(&h, &lab->out);                                                                       \
        assert_int_equal(heartbeat_unpack(&lab->arena, buffer_bytes(&lab->out), &again, &lab->e), 0);        \
        change;                                                                                              \
        buffer_reset(&lab->out);                                                                             \
        heartbeat_pack(&h, &lab->out);                                                                       \
        assert_int_equal(heartbeat_unpack(&lab->arena, buffer_bytes(&lab->out), &again, &lab->e), ERR_BODY); \
    } while (0)

static void a_heartbeat_that_cannot_be_is_refused(void **state)
{
    struct lab *lab = *state;
    REFUSED_HEARTBEAT(h.version = 0);
    REFUSED_HEARTBEAT(h.cluster = BYTES(""));
    REFUSED_HEARTBEAT(h.cluster = long_text(lab, LIMIT_WORKER_NAME_BYTES + 1));
    REFUSED_HEARTBEAT(h.worker = BYTES("a\nb"));
    REFUSED_HEARTBEAT(h.worker = BYTES("a\0b"));
    REFUSED_HEARTBEAT(h.worker = BYTES("\xff"));
    REFUSED_HEARTBEAT(h.worker = BYTES("\xe2\x80\xae")); /* turns what follows */
    REFUSED_HEARTBEAT(h.worker = BYTES("\xc2\x85"));     /* a line's end */
    REFUSED_HEARTBEAT(h.address = BYTES(""));
    REFUSED_HEARTBEAT(h.address = long_text(lab, LIMIT_ADDRESS_BYTES + 1));
    REFUSED_HEARTBEAT(h.program = long_text(lab, LIMIT_PROGRAM_BYTES + 1));
    REFUSED_HEARTBEAT(h.shards = LIMIT_SHARDS + 1);
    REFUSED_HEARTBEAT(h.shards = 5); /* and a report of shard 5 */
    REFUSED_HEARTBEAT(h.feed = BYTES("short"));
    REFUSED_HEARTBEAT(h.feed = (struct bytes){0});
    REFUSED_HEARTBEAT(h.shards = 0); /* but a feed */
    REFUSED_HEARTBEAT(h.disk = 0);
    REFUSED_HEARTBEAT(h.incarnation = 0);
    REFUSED_HEARTBEAT(h.number = 0);
    REFUSED_HEARTBEAT(h.capacity = 0);
    REFUSED_HEARTBEAT(h.capacity = LIMIT_CAPACITY + 1);
    REFUSED_HEARTBEAT(reports[1].shard = 3);
    REFUSED_HEARTBEAT(reports[1].shard = 2);
    REFUSED_HEARTBEAT(reports[0].role = ROLE_DROP);
    REFUSED_HEARTBEAT(reports[0].role = (enum cluster_role)77);
    REFUSED_HEARTBEAT(reports[0].held = 1 << CLUSTER_REPLICAS);
    REFUSED_HEARTBEAT(reports[0].behind = 1 << CLUSTER_REPLICAS);
}

#define REFUSED_ORDERS(change)                                                                               \
    do {                                                                                                     \
        struct replica_order replicas[CLUSTER_REPLICAS + 1] = {{7, true}, {9, false}};                       \
        struct shard_order orders[] = {some_order(lab, 3), some_order(lab, 5)};                              \
        struct cluster_peer peers[] = {{1, BYTES("a"), BYTES("tcp://b:1")}, {0, BYTES("b"), BYTES("")}};     \
        struct orders o = some_orders(lab), again;                                                           \
        o.shards = 6;                                                                                        \
        o.orders = orders;                                                                                   \
        o.order_count = 2;                                                                                   \
        o.peers = peers;                                                                                     \
        o.peer_count = 2;                                                                                    \
        orders[1].replicas = replicas;                                                                       \
        orders[1].replica_count = 2;                                                                         \
        buffer_reset(&lab->out);                                                                             \
        orders_pack(&o, &lab->out);                                                                          \
        assert_int_equal(orders_unpack(&lab->arena, buffer_bytes(&lab->out), &again, &lab->e), 0);           \
        change;                                                                                              \
        buffer_reset(&lab->out);                                                                             \
        orders_pack(&o, &lab->out);                                                                          \
        assert_int_equal(orders_unpack(&lab->arena, buffer_bytes(&lab->out), &again, &lab->e), ERR_BODY);    \
    } while (0)

static void orders_that_cannot_be_are_refused(void **state)
{
    struct lab *lab = *state;
    REFUSED_ORDERS(o.worker = LIMIT_WORKERS);
    REFUSED_ORDERS(o.lease_ms = 0);
    REFUSED_ORDERS(o.lease_ms = -1);
    REFUSED_ORDERS(o.lease_ms = LIMIT_LEASE_MS + 1);
    REFUSED_ORDERS(o.shards = 0);
    REFUSED_ORDERS(o.shards = LIMIT_SHARDS + 1);
    REFUSED_ORDERS(o.shards = 5);
    REFUSED_ORDERS(o.feed = BYTES("fifteen bytes.."));
    REFUSED_ORDERS(orders[1].shard = 3);
    REFUSED_ORDERS(orders[1].shard = 0);
    REFUSED_ORDERS(orders[0].role = (enum cluster_role)(ROLE_DROP + 1));
    REFUSED_ORDERS(orders[0].owner = LIMIT_WORKERS);
    REFUSED_ORDERS(orders[1].replica_count = CLUSTER_REPLICAS + 1;
                   for (uint32_t i = 0; i <= CLUSTER_REPLICAS; i++) replicas[i].worker = i);
    REFUSED_ORDERS(replicas[1].worker = LIMIT_WORKERS);
    REFUSED_ORDERS(replicas[1].worker = 7);
    REFUSED_ORDERS(peers[1].number = 1);
    REFUSED_ORDERS(peers[1].number = LIMIT_WORKERS);
    REFUSED_ORDERS(peers[1].name = BYTES(""));
    REFUSED_ORDERS(peers[1].address = BYTES("\x1b"));
}

static void each_cut_of_a_message_is_refused_or_another_message(void **state)
{
    struct lab *lab = *state;
    struct heartbeat sent = some_heartbeat(lab), cut;
    struct orders orders = some_orders(lab), cut_orders;
    heartbeat_pack(&sent, &lab->out);
    for (size_t len = 0; len < lab->out.len; len++)
        if (heartbeat_unpack(&lab->arena, (struct bytes){lab->out.data, len}, &cut, &lab->e) == 0)
            assert_true(cut.report_count < sent.report_count);
    buffer_reset(&lab->out);
    orders_pack(&orders, &lab->out);
    for (size_t len = 0; len < lab->out.len; len++)
        if (orders_unpack(&lab->arena, (struct bytes){lab->out.data, len}, &cut_orders, &lab->e) == 0)
            assert_true(cut_orders.order_count + cut_orders.peer_count <
                        orders.order_count + orders.peer_count);
}

static void each_role_has_a_name(void **state)
{
    (void)state;
    assert_string_equal(cluster_role_name(ROLE_SEALED), "sealed");
    assert_string_equal(cluster_role_name(ROLE_DROP), "drop");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(heartbeats_come_as_they_were_sent, setup, teardown),
        cmocka_unit_test_setup_teardown(orders_come_as_they_were_sent, setup, teardown),
        cmocka_unit_test_setup_teardown(a_heartbeat_of_all_shards_fits, setup, teardown),
        cmocka_unit_test_setup_teardown(orders_of_all_shards_fit, setup, teardown),
        cmocka_unit_test_setup_teardown(other_requests_stay_small, setup, teardown),
        cmocka_unit_test_setup_teardown(answers_of_the_coordinator_come_as_they_were_sent, setup, teardown),
        cmocka_unit_test_setup_teardown(a_heartbeat_that_cannot_be_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(orders_that_cannot_be_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(each_cut_of_a_message_is_refused_or_another_message, setup, teardown),
        cmocka_unit_test(each_role_has_a_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
