/* What comes late: orders that a worker hasn't heard yet, and what a process said that has died since. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/scenario/cluster/lab.h"

static const struct cluster_shard *shard(struct lab *lab)
{
    return &lab_cluster(lab)->shards[0];
}

static bool is_in_sync(struct lab *lab, const char *name)
{
    struct cluster_replica *replica = cluster_replica(&lab_cluster(lab)->shards[0], lab_worker(lab, name));
    return replica && replica->in_sync;
}

/* w1 has shard 0, and w2 follows, in sync. What w2 said before that is delayed. */
static struct lab *lab_of_two(void)
{
    struct lab *lab = lab_open(1, 1);
    lab_starts(lab, "w1");
    lab_passes(lab, 200);
    lab_delays(lab, "w2");
    lab_starts(lab, "w2");
    lab_passes(lab, 3000);
    assert_true(is_in_sync(lab, "w2"));
    return lab;
}

/* A follower that is told to stop and then to follow again, and has heard neither, may hear the first, and
 * drop its copy: it counts once it has heard the second. */
static void a_follower_counts_once_it_has_heard_that_it_is_one(void **state)
{
    (void)state;
    struct lab *lab = lab_of_two();
    struct cluster *c = lab_cluster(lab);
    lab_deafens(lab, "w2");
    cluster_drop_replica(cluster_change(c, 0), lab_worker(lab, "w2"));
    cluster_add_replica(cluster_change(c, 0), lab_worker(lab, "w2"));
    lab_commits(lab, "w1", 0, 3);
    lab_passes(lab, 2000);
    assert_false(is_in_sync(lab, "w2"));
    lab_joins(lab, "w2");
    lab_passes(lab, 500);
    assert_true(is_in_sync(lab, "w2"));
    lab_close(lab);
}

/* A process that is dead says nothing: what comes late is of before. */
static void what_a_dead_process_said_is_refused(void **state)
{
    (void)state;
    struct lab *lab = lab_of_two();
    lab_dies(lab, "w2");
    lab_passes(lab, LAB_LEASE_MS + 1000);
    lab_forget(lab);
    lab_delivers(lab, "w2");
    lab_expect(
        lab,
        "[14200] coordinator: refuses w2: worker w2: its heartbeat 1 is older than one that was heard: it "
        "isn't answered\n");
    lab_close(lab);
}

/* What an earlier process of that disk said may be an older disk that was brought back. That it hasn't the
 * copy isn't believed at once: with the owner's disk gone, who really is in sync is waited for. */
static void what_an_earlier_process_said_costs_nothing(void **state)
{
    (void)state;
    struct lab *lab = lab_of_two();
    lab_commits(lab, "w1", 0, 5);
    lab_passes(lab, 500);
    lab_dies(lab, "w2");
    lab_starts(lab, "w2");
    lab_passes(lab, 500);
    lab_dies(lab, "w2");
    lab_dies(lab, "w1");
    lab_passes(lab, LAB_LEASE_MS + 1000);
    lab_starts_empty(lab, "w1");
    lab_passes(lab, LAB_LEASE_MS / 2);
    lab_delivers(lab, "w2");
    lab_passes(lab, 2 * LAB_LEASE_MS);
    assert_int_equal(shard(lab)->epoch, 1);
    lab_starts(lab, "w2");
    lab_passes(lab, 500);
    assert_int_equal(shard(lab)->owner, lab_worker(lab, "w2"));
    assert_int_equal(shard(lab)->base, shard(lab)->epoch);
    lab_close(lab);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_follower_counts_once_it_has_heard_that_it_is_one),
        cmocka_unit_test(what_a_dead_process_said_is_refused),
        cmocka_unit_test(what_an_earlier_process_said_costs_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
