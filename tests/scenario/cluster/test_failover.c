/* What becomes of shards when workers die, come back, and come back with another disk. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/scenario/cluster/lab.h"

/* A follower in sync takes over as soon as its owner's lease is over, and no earlier. */
static void a_follower_in_sync_takes_over(void **state)
{
    (void)state;
    struct lab *lab = lab_open(1, 1);
    lab_starts(lab, "w1");
    lab_passes(lab, 200);
    lab_starts(lab, "w2");
    lab_passes(lab, 3000);
    lab_forget(lab);
    lab_dies(lab, "w1");
    lab_passes(lab, 11000);
    lab_expect(lab, "[13100] coordinator: w1 is dead\n"
                    "[13100] coordinator: shard 0 -> w2 (epoch 2)\n"
                    "[13200] w2: owns shard 0 in epoch 2\n");
    lab_close(lab);
}

/* Without a follower, a dead owner is waited for, for the grace time; back in time with its disk, it goes on,
 * in the next epoch. */
static void a_dead_owner_is_waited_for(void **state)
{
    (void)state;
    struct lab *lab = lab_open(1, 0);
    lab_starts(lab, "w1");
    lab_starts(lab, "w2");
    lab_passes(lab, 3000);
    lab_forget(lab);
    lab_dies(lab, "w1");
    lab_dies(lab, "w2");
    lab_passes(lab, 30000);
    lab_starts(lab, "w1");
    lab_starts(lab, "w2");
    lab_passes(lab, 1000);
    lab_expect(lab, "[12900] coordinator: w1 is dead\n"
                    "[12900] coordinator: w2 is dead\n"
                    "[33000] coordinator: w1 is alive\n"
                    "[33000] coordinator: shard 0 stays at w1 (epoch 2)\n"
                    "[33000] w1: owns shard 0 in epoch 2\n"
                    "[33000] coordinator: w2 is alive\n");
    lab_close(lab);
}

/* … and gone for longer, its shard begins anew elsewhere; what it comes back with is dropped. */
static void a_shard_begins_anew_after_the_grace_time(void **state)
{
    (void)state;
    struct lab *lab = lab_open(1, 0);
    lab_starts(lab, "w1");
    lab_passes(lab, 1000);
    lab_starts(lab, "w2");
    lab_passes(lab, 3000);
    lab_forget(lab);
    lab_dies(lab, "w1");
    lab_passes(lab, 75000);
    lab_starts(lab, "w1");
    lab_passes(lab, 1000);
    lab_expect(lab, "[13900] coordinator: w1 is dead\n"
                    "[73900] coordinator: shard 0 -> w2 (epoch 2), anew\n"
                    "[74000] w2: owns shard 0 in epoch 2\n"
                    "[79000] coordinator: w1 is alive\n"
                    "[79000] w1: drops its copy of shard 0\n");
    lab_close(lab);
}

/* An owner that is cut off stops before its shard is given to another one, and lets go of it when it hears
 * so. */
static void an_owner_that_is_cut_off_stops_in_time(void **state)
{
    (void)state;
    struct lab *lab = lab_open(1, 1);
    lab_starts(lab, "w1");
    lab_passes(lab, 200);
    lab_starts(lab, "w2");
    lab_passes(lab, 3000);
    lab_forget(lab);
    lab_parts(lab, "w1");
    lab_passes(lab, 6000);
    lab_commits(lab, "w1", 0, 1);
    lab_passes(lab, 1500);
    lab_commits(lab, "w1", 0, 1);
    lab_passes(lab, 4000);
    lab_commits(lab, "w1", 0, 1);
    lab_joins(lab, "w1");
    lab_passes(lab, 2000);
    lab_expect(lab, "[ 9200] w1: commits to shard 0\n"
                    "[10700] w1: can't commit to shard 0\n"
                    "[13100] coordinator: w1 is dead\n"
                    "[13100] coordinator: shard 0 -> w2 (epoch 2)\n"
                    "[13200] w2: owns shard 0 in epoch 2\n"
                    "[14700] w1: can't commit to shard 0\n"
                    "[14700] coordinator: w1 is alive\n"
                    "[14700] w1: lets go of shard 0\n"
                    "[14700] w1: drops its copy of shard 0\n"
                    "[14700] coordinator: w1 follows shard 0\n"
                    "[14800] w1: follows w2's shard 0\n"
                    "[14900] coordinator: w1 is in sync with shard 0\n");
    lab_close(lab);
}

/* A worker that says that it restarts keeps its shards for the grace time; it goes on once a follower in sync
 * has said that it has all. */
static void a_restart_keeps_the_shards(void **state)
{
    (void)state;
    struct lab *lab = lab_open(1, 1);
    lab_starts(lab, "w1");
    lab_passes(lab, 200);
    lab_starts(lab, "w2");
    lab_passes(lab, 3000);
    lab_forget(lab);
    lab_restarts(lab, "w1");
    lab_passes(lab, 30000);
    lab_starts(lab, "w1");
    lab_passes(lab, 1000);
    lab_expect(lab, "[ 3200] coordinator: w1 is away\n"
                    "[ 3200] w2: follows nobody's shard 0\n"
                    "[33200] coordinator: w1 is alive\n"
                    "[33200] w2: follows w1's shard 0\n"
                    "[33300] coordinator: shard 0 stays at w1 (epoch 2)\n"
                    "[33400] w1: owns shard 0 in epoch 2\n");
    lab_close(lab);
}

/* Another process of a name is refused as long as the first one is there. */
static void a_second_worker_of_a_name_is_refused(void **state)
{
    (void)state;
    struct lab *lab = lab_open(1, 0);
    lab_starts(lab, "w1");
    lab_passes(lab, 3000);
    lab_forget(lab);
    lab_dies(lab, "w1"); /* its lease goes on */
    lab_starts_empty(lab, "w1");
    lab_passes(lab, 200);
    lab_expect(lab, "[ 3000] w1: is refused: there is a worker w1 already, with another data folder (w1): "
                    "give this one a name of its own, or stop that one and wait until its lease is over\n");
    lab_close(lab);
}

/* A coordinator that begins with an empty state beside workers that have copies gives nothing to anybody,
 * until an operator says `recover`. */
static void an_empty_coordinator_waits_for_recover(void **state)
{
    (void)state;
    struct lab *lab = lab_open(1, 0);
    struct error e;
    uint32_t count;
    lab_starts(lab, "w1");
    lab_passes(lab, 3000);
    lab_coordinator_forgets(lab);
    lab_forget(lab);
    lab_passes(lab, 30000);
    lab_note(lab, "operator: recover");
    assert_int_equal(cluster_recover(lab_cluster(lab), lab_now(lab), 0, &count, &e), 0);
    assert_int_equal(count, 1);
    lab_passes(lab, 500);
    lab_expect(lab, "[ 3000] coordinator: w1 is alive\n"
                    "[ 3000] w1: lets go of shard 0\n"
                    "[33000] operator: recover\n"
                    "[33000] coordinator: shard 0 -> w1 (epoch 1001)\n"
                    "[33000] w1: owns shard 0 in epoch 1001\n");
    lab_close(lab);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_follower_in_sync_takes_over),
        cmocka_unit_test(a_dead_owner_is_waited_for),
        cmocka_unit_test(a_shard_begins_anew_after_the_grace_time),
        cmocka_unit_test(an_owner_that_is_cut_off_stops_in_time),
        cmocka_unit_test(a_restart_keeps_the_shards),
        cmocka_unit_test(a_second_worker_of_a_name_is_refused),
        cmocka_unit_test(an_empty_coordinator_waits_for_recover),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
