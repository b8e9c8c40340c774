/* What an owner's next process may go on with; and what a state in the place of a lost one may do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/scenario/cluster/lab.h"

/* w1 has shard 0, and so has w2, in sync. */
static struct lab *lab_of_two(void)
{
    struct lab *lab = lab_open(1, 1);
    lab_starts(lab, "w1");
    lab_passes(lab, 200);
    lab_starts(lab, "w2");
    lab_passes(lab, 3000);
    return lab;
}

/* Nobody remembers how far the disk was, after the coordinator's restart: the follower in sync does, and
 * takes over. */
static void an_older_disk_is_found_out_by_who_is_in_sync(void **state)
{
    (void)state;
    struct lab *lab = lab_of_two();
    lab_commits(lab, "w1", 0, 5);
    lab_saves(lab, "w1");
    lab_commits(lab, "w1", 0, 5);
    lab_passes(lab, 300);
    lab_dies(lab, "w1");
    lab_coordinator_restarts(lab);
    lab_forget(lab);
    lab_starts_older(lab, "w1");
    lab_passes(lab, 12000);
    lab_expect(lab, "[ 3500] coordinator: w1 is alive\n"
                    "[ 3500] coordinator: w2 is alive\n"
                    "[13500] coordinator: shard 0 -> w2 (epoch 2)\n"
                    "[13500] w2: owns shard 0 in epoch 2\n"
                    "[13500] coordinator: w1 follows shard 0\n"
                    "[13600] w1: follows w2's shard 0\n"
                    "[13800] coordinator: w1 is in sync with shard 0\n");
    lab_close(lab);
}

/* Without one, its history parts from the one that was where the next epoch begins: no seq is used twice in
 * one. */
static void an_older_disk_goes_on_in_the_next_epoch(void **state)
{
    (void)state;
    struct lab *lab = lab_open(1, 0);
    lab_starts(lab, "w1");
    lab_passes(lab, 3000);
    lab_commits(lab, "w1", 0, 5);
    lab_saves(lab, "w1");
    lab_commits(lab, "w1", 0, 5);
    lab_passes(lab, 300);
    lab_dies(lab, "w1");
    lab_coordinator_restarts(lab);
    lab_forget(lab);
    lab_starts_older(lab, "w1");
    lab_passes(lab, 1000);
    lab_expect(lab, "[ 3300] coordinator: w1 is alive\n"
                    "[ 3300] coordinator: shard 0 stays at w1 (epoch 2)\n"
                    "[ 3300] w1: owns shard 0 in epoch 2\n");
    lab_close(lab);
}

/* A follower in sync that isn't heard may have more than the owner's next process: it is waited for. */
static void a_next_process_waits_for_who_is_in_sync(void **state)
{
    (void)state;
    struct lab *lab = lab_of_two();
    lab_parts(lab, "w2");
    lab_dies(lab, "w1");
    lab_forget(lab);
    lab_starts(lab, "w1");
    lab_passes(lab, 3000);
    lab_joins(lab, "w2");
    lab_passes(lab, 1000);
    lab_expect(lab, "[ 6300] coordinator: shard 0 stays at w1 (epoch 2)\n"
                    "[ 6400] w1: owns shard 0 in epoch 2\n");
    lab_close(lab);
}

/* … and for no longer than the grace time. */
static void a_next_process_waits_for_the_grace_time(void **state)
{
    (void)state;
    struct lab *lab = lab_of_two();
    lab_dies(lab, "w2");
    lab_dies(lab, "w1");
    lab_forget(lab);
    lab_starts(lab, "w1");
    lab_passes(lab, 65000);
    lab_expect(lab, "[13100] coordinator: w2 is dead\n"
                    "[63200] coordinator: shard 0 stays at w1 (epoch 2)\n"
                    "[63200] coordinator: w2 is not in sync with shard 0\n"
                    "[63200] w1: owns shard 0 in epoch 2\n");
    lab_close(lab);
}

/* One that said that it restarts, and doesn't come, isn't waited for twice. */
static void who_is_away_is_waited_for_once(void **state)
{
    (void)state;
    struct lab *lab = lab_open(1, 0);
    lab_starts(lab, "w1");
    lab_passes(lab, 3000);
    lab_starts(lab, "w2");
    lab_passes(lab, 3000);
    lab_forget(lab);
    lab_restarts(lab, "w1");
    lab_passes(lab, 65000);
    lab_expect(lab, "[ 6000] coordinator: w1 is away\n"
                    "[66000] coordinator: w1 is dead\n"
                    "[66000] coordinator: shard 0 -> w2 (epoch 2), anew\n"
                    "[66100] w2: owns shard 0 in epoch 2\n");
    lab_close(lab);
}

/* A state in the place of a lost one gives nothing away, also where nobody is heard who has a copy. */
static void a_state_in_the_place_of_a_lost_one_gives_nothing(void **state)
{
    (void)state;
    struct lab *lab = lab_open(1, 0);
    struct error e;
    uint32_t count;
    lab_starts(lab, "w1");
    lab_passes(lab, 3000);
    lab_dies(lab, "w1");
    lab_starts(lab, "w2");
    lab_coordinator_forgets(lab);
    lab_forget(lab);
    lab_passes(lab, 30000);
    lab_starts(lab, "w1");
    lab_passes(lab, 1000);
    lab_note(lab, "operator: recover, at 1800000000 s");
    assert_int_equal(cluster_recover(lab_cluster(lab), lab_now(lab), 1800000000, &count, &e), 0);
    assert_int_equal(count, 1);
    lab_passes(lab, 500);
    lab_expect(lab, "[ 3000] coordinator: w2 is alive\n"
                    "[33000] coordinator: w1 is alive\n"
                    "[34000] operator: recover, at 1800000000 s\n"
                    "[34000] coordinator: shard 0 -> w1 (epoch 1800000001)\n"
                    "[34000] w1: owns shard 0 in epoch 1800000001\n");
    lab_close(lab);
}

/* By an older state, w1 owns what w2 has owned since: when w2 is heard, w1 may have a lease. */
static void recover_waits_for_the_lease_of_an_older_owner(void **state)
{
    (void)state;
    struct lab *lab = lab_of_two();
    struct error e;
    uint32_t count;
    lab_coordinator_saves(lab);
    lab_dies(lab, "w1");
    lab_passes(lab, 12000);
    lab_dies(lab, "w2");
    lab_starts(lab, "w2");
    lab_passes(lab, 1000);
    lab_parts(lab, "w2");
    lab_coordinator_goes_back(lab);
    lab_starts(lab, "w1");
    lab_passes(lab, LAB_GRACE_MS + LAB_LEASE_MS);
    lab_forget(lab);
    lab_joins(lab, "w2");
    lab_passes(lab, 1000);
    assert_int_equal(cluster_recover(lab_cluster(lab), lab_now(lab), 1800000000, &count, &e), ERR_BUSY);
    lab_note(lab, "%s", e.text);
    lab_passes(lab, 9100);
    assert_int_equal(cluster_recover(lab_cluster(lab), lab_now(lab), 1800000000, &count, &e), 0);
    lab_passes(lab, 100);
    lab_expect(lab,
               "[86200] coordinator: w2 is alive\n"
               "[86200] w2: lets go of shard 0\n"
               "[86300] w1: lets go of shard 0\n"
               "[87200] shard 0: a worker has just come with a later copy than that of w1, which may have a "
               "lease: ask again in 9 s\n"
               "[96300] coordinator: shard 0 -> w2 (epoch 1800000001)\n"
               "[96300] w2: owns shard 0 in epoch 1800000001\n"
               "[96300] coordinator: w1 follows shard 0\n");
    lab_close(lab);
}

/* What nobody has a copy of begins anew, after `recover`, in an epoch that nobody can have had. */
static void what_nobody_has_begins_after_all_epochs(void **state)
{
    (void)state;
    struct lab *lab = lab_open(1, 0);
    struct error e;
    uint32_t count;
    lab_coordinator_forgets(lab);
    lab_starts(lab, "w2");
    lab_passes(lab, 11000);
    lab_forget(lab);
    assert_int_equal(cluster_recover(lab_cluster(lab), lab_now(lab), 1800000000, &count, &e), 0);
    assert_int_equal(count, 0);
    lab_passes(lab, 6000);
    lab_expect(lab, "[11000] coordinator: shard 0 stays at nobody (epoch 1800000000)\n"
                    "[11000] coordinator: shard 0 -> w2 (epoch 1800000001), anew\n"
                    "[11100] w2: owns shard 0 in epoch 1800000001\n");
    lab_close(lab);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_older_disk_is_found_out_by_who_is_in_sync),
        cmocka_unit_test(an_older_disk_goes_on_in_the_next_epoch),
        cmocka_unit_test(a_next_process_waits_for_who_is_in_sync),
        cmocka_unit_test(a_next_process_waits_for_the_grace_time),
        cmocka_unit_test(who_is_away_is_waited_for_once),
        cmocka_unit_test(recover_waits_for_the_lease_of_an_older_owner),
        cmocka_unit_test(a_state_in_the_place_of_a_lost_one_gives_nothing),
        cmocka_unit_test(what_nobody_has_begins_after_all_epochs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
