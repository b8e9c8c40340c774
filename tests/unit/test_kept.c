/* What is kept of a cluster comes back as it was, under keys that sort as their numbers do; and what can't be
 * is refused, by name. */
#include "coordinator/state/kept.h"

#include <stdio.h>
#include <string.h>

#include "proto/kept.pb-c.h"
#include "proto/wire.h"
#include "tests/unit/test_cluster_lab.h"

/* --- keys --- */

static void key_is(struct lab *lab, struct kept_key key, const char *text)
{
    struct kept_key again;
    buffer_reset(&lab->out);
    kept_key_add(&key, &lab->out);
    assert_string_equal(buffer_text(&lab->out), text);
    assert_int_equal(kept_key_read(buffer_bytes(&lab->out), &again, &lab->e), 0);
    assert_int_equal(again.kind, key.kind);
    assert_int_equal(again.number, key.number);
    assert_true(bytes_equal(again.account, key.account));
}

static void keys_come_back_as_they_were(void **state)
{
    struct lab *lab = *state;
    struct kept_key key;
    key_is(lab, (struct kept_key){.kind = KEPT_CLUSTER}, "cluster");
    key_is(lab, (struct kept_key){.kind = KEPT_SHARD, .number = 12}, "shard/00012");
    key_is(lab, (struct kept_key){.kind = KEPT_SHARD, .number = LIMIT_SHARDS - 1}, "shard/16383");
    key_is(lab, (struct kept_key){.kind = KEPT_WORKER, .number = 3}, "worker/00003");
    key_is(lab, (struct kept_key){.kind = KEPT_ACCOUNT, .account = BYTES("aws/1/2")}, "account/aws/1/2");
    assert_int_equal(kept_key_read(BYTES("plan/1"), &key, &lab->e), 0);
    assert_int_equal(key.kind, KEPT_UNKNOWN);
}

static void a_key_that_cannot_be_is_refused(void **state)
{
    struct lab *lab = *state;
    static const char *const texts[] = {"shard/",       "shard/12",     "shard/16384", "shard/0001x",
                                        "shard/000012", "worker/1024",  "account/",    "account/aws",
                                        "worker/01024", "account/aws/", "account//1",  "account/a/\xff"};
    struct kept_key key;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        assert_int_equal(kept_key_read(bytes_of(texts[i]), &key, &lab->e), ERR_CORRUPT);
        assert_non_null(strstr(lab->e.text, "which can't be"));
    }
}

/* --- values --- */

static struct cluster_shard some_shard(struct lab *lab)
{
    struct cluster_shard shard = {
        .version = any(lab) | 1,
        .epoch = any(lab),
        .base = any(lab),
        .disk = any(lab),
        .owner = below(lab, 2) ? CLUSTER_NOBODY : below(lab, 50),
        .pin = below(lab, 2) ? CLUSTER_NOBODY : below(lab, LIMIT_WORKERS),
        .replica_count = below(lab, CLUSTER_REPLICAS + 1),
        .phase = (enum move_phase)below(lab, MOVE_SEALING + 1),
        .to = below(lab, LIMIT_WORKERS),
        .incarnation = any(lab),
    };
    for (uint32_t i = 0; i < shard.replica_count; i++)
        shard.replicas[i] = (struct cluster_replica){50 * (i + 1) + below(lab, 50), below(lab, 2)};
    if (shard.phase >= MOVE_COPYING && !shard.replica_count)
        shard.phase = MOVE_QUEUED;
    if (shard.phase >= MOVE_COPYING)
        shard.to = shard.replicas[below(lab, shard.replica_count)].worker;
    if (shard.phase == MOVE_NONE && below(lab, 2))
        shard.to = CLUSTER_NOBODY;
    return shard;
}

static void shards_come_back_as_they_were(void **state)
{
    struct lab *lab = *state;
    for (int i = 0; i < ROUNDS; i++) {
        struct cluster_shard shard = some_shard(lab), again;
        buffer_reset(&lab->out);
        kept_shard_pack(&shard, &lab->out);
        if (kept_shard_unpack(buffer_bytes(&lab->out), 7, &again, &lab->e))
            fail_msg("%s", lab->e.text);
        assert_true(again.version == shard.version && again.epoch == shard.epoch &&
                    again.base == shard.base && again.disk == shard.disk && again.owner == shard.owner &&
                    again.pin == shard.pin && again.phase == shard.phase && again.to == shard.to &&
                    again.incarnation == shard.incarnation);
        assert_int_equal(again.replica_count, shard.replica_count);
        for (uint32_t k = 0; k < shard.replica_count; k++)
            assert_true(again.replicas[k].worker == shard.replicas[k].worker &&
                        again.replicas[k].in_sync == shard.replicas[k].in_sync);
    }
}

static void workers_and_the_cluster_come_back_as_they_were(void **state)
{
    struct lab *lab = *state;
    struct cluster_worker worker = {.name = "w-1", .disk = UINT64_MAX, .is_draining = true}, again;
    kept_worker_pack(&worker, &lab->out);
    assert_int_equal(kept_worker_unpack(buffer_bytes(&lab->out), 1, &again, &lab->e), 0);
    assert_string_equal(again.name, "w-1");
    assert_true(again.disk == UINT64_MAX && again.is_draining && !again.is_cordoned);
    worker = (struct cluster_worker){.is_cordoned = true}; /* forgotten */
    buffer_reset(&lab->out);
    kept_worker_pack(&worker, &lab->out);
    assert_int_equal(kept_worker_unpack(buffer_bytes(&lab->out), 1, &again, &lab->e), 0);
    assert_true(again.name[0] == 0 && again.disk == 0 && again.is_cordoned);
    struct kept_cluster cluster = {.name = "garner",
                                   .feed = {1, [15] = 2},
                                   .shards = 256,
                                   .waits_recover = true},
                        same;
    buffer_reset(&lab->out);
    kept_cluster_pack(&cluster, &lab->out);
    assert_int_equal(kept_cluster_unpack(buffer_bytes(&lab->out), &same, &lab->e), 0);
    assert_string_equal(same.name, "garner");
    assert_memory_equal(same.feed, cluster.feed, sizeof same.feed);
    assert_true(same.shards == 256 && same.waits_recover && !same.is_paused);
}

/* A shard that is sound, but for what `change` says. */
#define REFUSED_SHARD(change)                                                                                \
    do {                                                                                                     \
        struct cluster_shard s = {.version = 1,                                                              \
                                  .owner = 1,                                                                \
                                  .pin = CLUSTER_NOBODY,                                                     \
                                  .replicas = {{2, true}, {3, false}},                                       \
                                  .replica_count = 2,                                                        \
                                  .phase = MOVE_SEALING,                                                     \
                                  .to = 3},                                                                  \
                             again;                                                                          \
        buffer_reset(&lab->out);                                                                             \
        kept_shard_pack(&s, &lab->out);                                                                      \
        assert_int_equal(kept_shard_unpack(buffer_bytes(&lab->out), 7, &again, &lab->e), 0);                 \
        change;                                                                                              \
        buffer_reset(&lab->out);                                                                             \
        kept_shard_pack(&s, &lab->out);                                                                      \
        assert_int_equal(kept_shard_unpack(buffer_bytes(&lab->out), 7, &again, &lab->e), ERR_CORRUPT);       \
        assert_non_null(strstr(lab->e.text, "what is kept of shard 7 isn't as it was written"));             \
    } while (0)

static void a_shard_that_cannot_be_is_refused(void **state)
{
    struct lab *lab = *state;
    struct cluster_shard shard;
    REFUSED_SHARD(s.version = 0);
    REFUSED_SHARD(s.owner = LIMIT_WORKERS);
    REFUSED_SHARD(s.owner = 2); /* and a replica */
    REFUSED_SHARD(s.pin = LIMIT_WORKERS);
    REFUSED_SHARD(s.to = LIMIT_WORKERS);
    REFUSED_SHARD(s.to = 4); /* no replica */
    REFUSED_SHARD(s.to = CLUSTER_NOBODY; s.phase = MOVE_QUEUED);
    REFUSED_SHARD(s.phase = (enum move_phase)(MOVE_SEALING + 1));
    REFUSED_SHARD(s.replicas[1].worker = 2);
    REFUSED_SHARD(s.replicas[0].worker = LIMIT_WORKERS);
    assert_int_equal(kept_shard_unpack(BYTES(""), 7, &shard, &lab->e), ERR_CORRUPT);
    assert_int_equal(kept_shard_unpack(BYTES("junk"), 7, &shard, &lab->e), ERR_CORRUPT);
}

/* More replicas than there can be, as no version of this one writes them. */
static void too_many_replicas_are_refused(void **state)
{
    struct lab *lab = *state;
    uint32_t replicas[CLUSTER_REPLICAS + 1];
    struct cluster_shard shard;
    Garner__KeptShard kept;
    garner__kept_shard__init(&kept);
    kept.version = 1;
    kept.replicas = replicas;
    kept.n_replicas = CLUSTER_REPLICAS;
    for (uint32_t i = 0; i <= CLUSTER_REPLICAS; i++)
        replicas[i] = i << 1;
    wire_pack(&kept, &lab->out);
    assert_int_equal(kept_shard_unpack(buffer_bytes(&lab->out), 7, &shard, &lab->e), 0);
    kept.n_replicas++;
    buffer_reset(&lab->out);
    wire_pack(&kept, &lab->out);
    assert_int_equal(kept_shard_unpack(buffer_bytes(&lab->out), 7, &shard, &lab->e), ERR_CORRUPT);
}

static int read_worker(struct lab *lab, const char *name, uint64_t disk)
{
    struct cluster_worker worker = {.disk = disk};
    snprintf(worker.name, sizeof worker.name, "%s", name);
    buffer_reset(&lab->out);
    kept_worker_pack(&worker, &lab->out);
    return kept_worker_unpack(buffer_bytes(&lab->out), 3, &worker, &lab->e);
}

static int read_cluster(struct lab *lab, const Garner__KeptCluster *kept)
{
    struct kept_cluster cluster;
    buffer_reset(&lab->out);
    wire_pack(kept, &lab->out);
    return kept_cluster_unpack(buffer_bytes(&lab->out), &cluster, &lab->e);
}

static void a_worker_or_cluster_that_cannot_be_is_refused(void **state)
{
    struct lab *lab = *state;
    uint8_t feed[16] = {0};
    char name[] = "garner", unclean[] = "\n", longer[LIMIT_WORKER_NAME_BYTES + 1];
    Garner__KeptCluster kept;
    memset(longer, 'x', sizeof longer);
    assert_int_equal(read_worker(lab, "w", 1), 0);
    assert_int_equal(read_worker(lab, "", 1), ERR_CORRUPT);
    assert_int_equal(read_worker(lab, "\n", 0), ERR_CORRUPT);
    assert_non_null(strstr(lab->e.text, "worker 3"));
    garner__kept_cluster__init(&kept);
    kept.format = KEPT_FORMAT;
    kept.name = wire_bytes(bytes_of(name));
    kept.feed = wire_bytes((struct bytes){(const char *)feed, sizeof feed});
    kept.shards = LIMIT_SHARDS;
    assert_int_equal(read_cluster(lab, &kept), 0);
    kept.shards++;
    assert_int_equal(read_cluster(lab, &kept), ERR_CORRUPT);
    kept.shards = 0;
    assert_int_equal(read_cluster(lab, &kept), ERR_CORRUPT);
    kept.shards = 1;
    kept.feed.len--;
    assert_int_equal(read_cluster(lab, &kept), ERR_CORRUPT);
    kept.feed.len++;
    kept.name = wire_bytes(bytes_of(unclean));
    assert_int_equal(read_cluster(lab, &kept), ERR_CORRUPT);
    kept.name = wire_bytes((struct bytes){longer, sizeof longer});
    assert_int_equal(read_cluster(lab, &kept), ERR_CORRUPT);
    kept.format = KEPT_FORMAT + 1;
    assert_int_equal(read_cluster(lab, &kept), ERR_CORRUPT);
    assert_non_null(strstr(lab->e.text, "has format 2, this Garner knows format 1"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(keys_come_back_as_they_were, setup, teardown),
        cmocka_unit_test_setup_teardown(a_key_that_cannot_be_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(shards_come_back_as_they_were, setup, teardown),
        cmocka_unit_test_setup_teardown(workers_and_the_cluster_come_back_as_they_were, setup, teardown),
        cmocka_unit_test_setup_teardown(a_shard_that_cannot_be_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(too_many_replicas_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(a_worker_or_cluster_that_cannot_be_is_refused, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
