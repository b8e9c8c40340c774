/* How a shard comes from one worker to the next, and what becomes of a move that doesn't come to its end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/scenario/cluster/lab.h"

/* Shard 0 is w1's, with some changes; w2 has nothing. */
static struct lab *two_workers(void)
{
    struct lab *lab = lab_open(1, 0);
    lab_starts(lab, "w1");
    lab_passes(lab, 3000);
    lab_starts(lab, "w2");
    lab_passes(lab, 3000);
    lab_commits(lab, "w1", 0, 10);
    lab_forget(lab);
    return lab;
}

static void move(struct lab *lab, const char *to)
{
    struct error e;
    lab_note(lab, "operator: move shard 0 to %s", to);
    assert_int_equal(cluster_move(lab_cluster(lab), 0, lab_worker(lab, to), lab_now(lab), &e), 0);
}

/* The destination copies, the source is sealed, the destination goes on in the next epoch; only then the
 * source drops its copy. */
static void a_move_goes_through_its_phases(void **state)
{
    (void)state;
    struct lab *lab = two_workers();
    move(lab, "w2");
    lab_passes(lab, 2000);
    lab_commits(lab, "w2", 0, 1);
    lab_expect(lab, "[ 6000] operator: move shard 0 to w2\n"
                    "[ 6000] coordinator: shard 0 moves to w2: queued\n"
                    "[ 6000] coordinator: shard 0 moves to w2: copying\n"
                    "[ 6000] coordinator: w2 follows shard 0\n"
                    "[ 6100] w2: follows w1's shard 0\n"
                    "[ 6300] coordinator: shard 0 moves to w2: sealing\n"
                    "[ 6300] coordinator: w2 is in sync with shard 0\n"
                    "[ 6300] w1: lets go of shard 0\n"
                    "[ 6400] coordinator: shard 0 -> w2 (epoch 2)\n"
                    "[ 6400] w2: owns shard 0 in epoch 2\n"
                    "[ 6600] w1: drops its copy of shard 0\n"
                    "[ 8000] w2: commits to shard 0\n");
    lab_close(lab);
}

/* A destination that dies while it copies ends the move; the source has never stopped. */
static void a_destination_that_dies_ends_the_move(void **state)
{
    (void)state;
    struct lab *lab = two_workers();
    lab_dies(lab, "w2");
    move(lab, "w2");
    lab_passes(lab, 12000);
    lab_commits(lab, "w1", 0, 1);
    lab_expect(lab, "[ 6000] operator: move shard 0 to w2\n"
                    "[ 6000] coordinator: shard 0 moves to w2: queued\n"
                    "[ 6000] coordinator: shard 0 moves to w2: copying\n"
                    "[ 6000] coordinator: w2 follows shard 0\n"
                    "[15900] coordinator: w2 is dead\n"
                    "[15900] coordinator: shard 0 doesn't move any more\n"
                    "[18000] w1: commits to shard 0\n");
    lab_close(lab);
}

/* Cancelled while the shard is sealed, a move leaves it where it was, in the next epoch. */
static void a_sealed_shard_goes_on_in_the_next_epoch(void **state)
{
    (void)state;
    struct lab *lab = two_workers();
    struct error e;
    move(lab, "w2");
    while (lab_cluster(lab)->shards[0].phase != MOVE_SEALING)
        lab_passes(lab, LAB_BEAT_MS);
    lab_note(lab, "operator: cancel");
    assert_int_equal(cluster_cancel(lab_cluster(lab), 0, lab_now(lab), &e), 0);
    lab_passes(lab, 1000);
    lab_commits(lab, "w1", 0, 1);
    lab_expect(lab, "[ 6000] operator: move shard 0 to w2\n"
                    "[ 6000] coordinator: shard 0 moves to w2: queued\n"
                    "[ 6000] coordinator: shard 0 moves to w2: copying\n"
                    "[ 6000] coordinator: w2 follows shard 0\n"
                    "[ 6100] w2: follows w1's shard 0\n"
                    "[ 6300] coordinator: shard 0 moves to w2: sealing\n"
                    "[ 6300] coordinator: w2 is in sync with shard 0\n"
                    "[ 6300] w1: lets go of shard 0\n"
                    "[ 6400] operator: cancel\n"
                    "[ 6400] coordinator: shard 0 stays at w1 (epoch 2)\n"
                    "[ 6400] coordinator: shard 0 doesn't move any more\n"
                    "[ 6400] w1: owns shard 0 in epoch 2\n"
                    "[ 6500] w2: drops its copy of shard 0\n"
                    "[ 7400] w1: commits to shard 0\n");
    lab_close(lab);
}

/* A coordinator that begins anew goes on with a move where it was. */
static void a_restarted_coordinator_goes_on_with_a_move(void **state)
{
    (void)state;
    struct lab *lab = two_workers();
    move(lab, "w2");
    while (lab_cluster(lab)->shards[0].phase != MOVE_SEALING)
        lab_passes(lab, LAB_BEAT_MS);
    lab_note(lab, "coordinator: begins anew");
    lab_coordinator_restarts(lab);
    lab_passes(lab, 2000);
    lab_expect(lab, "[ 6000] operator: move shard 0 to w2\n"
                    "[ 6000] coordinator: shard 0 moves to w2: queued\n"
                    "[ 6000] coordinator: shard 0 moves to w2: copying\n"
                    "[ 6000] coordinator: w2 follows shard 0\n"
                    "[ 6100] w2: follows w1's shard 0\n"
                    "[ 6300] coordinator: shard 0 moves to w2: sealing\n"
                    "[ 6300] coordinator: w2 is in sync with shard 0\n"
                    "[ 6300] w1: lets go of shard 0\n"
                    "[ 6400] coordinator: begins anew\n"
                    "[ 6400] coordinator: w1 is alive\n"
                    "[ 6400] coordinator: w2 is alive\n"
                    "[ 6400] coordinator: shard 0 -> w2 (epoch 2)\n"
                    "[ 6400] w2: owns shard 0 in epoch 2\n"
                    "[ 6600] w1: drops its copy of shard 0\n");
    lab_close(lab);
}

/* No more than two shards at a time leave a worker that drains; in the end it has nothing. */
static void a_drain_moves_two_at_a_time(void **state)
{
    (void)state;
    struct lab *lab = lab_open(6, 0);
    struct error e;
    lab_starts(lab, "w1");
    lab_starts(lab, "w2");
    lab_passes(lab, 3000);
    lab_forget(lab);
    uint32_t w1 = lab_worker(lab, "w1");
    lab_note(lab, "operator: drain w1");
    assert_int_equal(cluster_drain(lab_cluster(lab), &w1, 1, false, &e), 0);
    lab_passes(lab, 6000);
    lab_expect(lab, "[ 3000] operator: drain w1\n"
                    "[ 3000] coordinator: shard 1 moves to w2: queued\n"
                    "[ 3000] coordinator: shard 3 moves to w2: queued\n"
                    "[ 3000] coordinator: shard 4 moves to w2: queued\n"
                    "[ 3100] coordinator: shard 1 moves to w2: copying\n"
                    "[ 3100] coordinator: w2 follows shard 1\n"
                    "[ 3100] coordinator: shard 3 moves to w2: copying\n"
                    "[ 3100] coordinator: w2 follows shard 3\n"
                    "[ 3200] w2: follows w1's shard 1\n"
                    "[ 3200] w2: follows w1's shard 3\n"
                    "[ 3400] coordinator: shard 1 moves to w2: sealing\n"
                    "[ 3400] coordinator: w2 is in sync with shard 1\n"
                    "[ 3400] coordinator: shard 3 moves to w2: sealing\n"
                    "[ 3400] coordinator: w2 is in sync with shard 3\n"
                    "[ 3400] w1: lets go of shard 1\n"
                    "[ 3400] w1: lets go of shard 3\n"
                    "[ 3500] coordinator: shard 1 -> w2 (epoch 2)\n"
                    "[ 3500] coordinator: shard 3 -> w2 (epoch 2)\n"
                    "[ 3500] w2: owns shard 1 in epoch 2\n"
                    "[ 3500] w2: owns shard 3 in epoch 2\n"
                    "[ 3500] coordinator: shard 4 moves to w2: copying\n"
                    "[ 3500] coordinator: w2 follows shard 4\n"
                    "[ 3600] w2: follows w1's shard 4\n"
                    "[ 3700] w1: drops its copy of shard 1\n"
                    "[ 3700] w1: drops its copy of shard 3\n"
                    "[ 3800] coordinator: shard 4 moves to w2: sealing\n"
                    "[ 3800] coordinator: w2 is in sync with shard 4\n"
                    "[ 3800] w1: lets go of shard 4\n"
                    "[ 3900] coordinator: shard 4 -> w2 (epoch 2)\n"
                    "[ 3900] w2: owns shard 4 in epoch 2\n"
                    "[ 4100] w1: drops its copy of shard 4\n");
    lab_close(lab);
}

/* How many of w1's four shards it keeps when w2 comes, which gets its share of them. */
static uint32_t keeps_of_four(struct lab *lab)
{
    lab_starts(lab, "w1");
    lab_passes(lab, 3000);
    lab_starts(lab, "w2");
    lab_passes(lab, 6000);
    uint32_t w1 = lab_worker(lab, "w1"), has = 0;
    for (uint32_t i = 0; i < 4; i++)
        has += lab_cluster(lab)->shards[i].owner == w1;
    return has;
}

/* A worker that comes is filled: it gets its share of what the others have. */
static void a_worker_that_comes_gets_its_share(void **state)
{
    (void)state;
    struct lab *lab = lab_open(4, 0);
    assert_int_equal(keeps_of_four(lab), 2);
    lab_close(lab);
}

/* A shard that costs as much as the others together has a worker to itself. */
static void shares_are_of_what_is_measured(void **state)
{
    (void)state;
    struct lab *lab = lab_open(4, 0);
    lab_costs(lab, 0, 30000);
    for (uint32_t i = 1; i < 4; i++)
        lab_costs(lab, i, 10000);
    uint32_t keeps = keeps_of_four(lab);
    assert_true(keeps == 1 || keeps == 3);
    lab_close(lab);
}

/* Of the others it isn't known: they may cost as much. */
static void a_load_that_isnt_known_is_taken_for_the_average(void **state)
{
    (void)state;
    struct lab *lab = lab_open(4, 0);
    lab_costs(lab, 0, 30000);
    assert_int_equal(keeps_of_four(lab), 2);
    lab_close(lab);
}

/* A pin brings a shard to its worker, and holds it there. */
static void a_pin_brings_a_shard_and_holds_it(void **state)
{
    (void)state;
    struct lab *lab = two_workers();
    struct error e;
    lab_note(lab, "operator: pin shard 0 to w2");
    assert_int_equal(cluster_pin(lab_cluster(lab), 0, lab_worker(lab, "w2"), &e), 0);
    lab_passes(lab, 3000);
    assert_int_equal(cluster_move(lab_cluster(lab), 0, lab_worker(lab, "w1"), lab_now(lab), &e), ERR_BUSY);
    lab_note(lab, "%s", e.text);
    lab_expect(lab, "[ 6000] operator: pin shard 0 to w2\n"
                    "[ 6000] coordinator: shard 0 moves to w2: queued\n"
                    "[ 6100] coordinator: shard 0 moves to w2: copying\n"
                    "[ 6100] coordinator: w2 follows shard 0\n"
                    "[ 6200] w2: follows w1's shard 0\n"
                    "[ 6400] coordinator: shard 0 moves to w2: sealing\n"
                    "[ 6400] coordinator: w2 is in sync with shard 0\n"
                    "[ 6400] w1: lets go of shard 0\n"
                    "[ 6500] coordinator: shard 0 -> w2 (epoch 2)\n"
                    "[ 6500] w2: owns shard 0 in epoch 2\n"
                    "[ 6700] w1: drops its copy of shard 0\n"
                    "[ 9000] shard 0 is pinned to w2: unpin it first\n");
    lab_close(lab);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_move_goes_through_its_phases),
        cmocka_unit_test(a_destination_that_dies_ends_the_move),
        cmocka_unit_test(a_sealed_shard_goes_on_in_the_next_epoch),
        cmocka_unit_test(a_restarted_coordinator_goes_on_with_a_move),
        cmocka_unit_test(a_drain_moves_two_at_a_time),
        cmocka_unit_test(a_worker_that_comes_gets_its_share),
        cmocka_unit_test(shares_are_of_what_is_measured),
        cmocka_unit_test(a_load_that_isnt_known_is_taken_for_the_average),
        cmocka_unit_test(a_pin_brings_a_shard_and_holds_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
