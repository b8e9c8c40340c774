/* What operators are told of a shard: whether it is stuck, and why. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "coordinator/why.h"
#include "tests/scenario/cluster/lab.h"

static int setup(void **state)
{
    struct lab *lab = lab_open(1, 0);
    lab_starts(lab, "w1");
    lab_passes(lab, 5000);
    lab_starts(lab, "w2");
    lab_passes(lab, 5000);
    *state = lab;
    return 0;
}

static int teardown(void **state)
{
    lab_close(*state);
    return 0;
}

static uint32_t owner(struct lab *lab)
{
    return lab_cluster(lab)->shards[0].owner;
}

static uint32_t other(struct lab *lab)
{
    return owner(lab) == lab_worker(lab, "w1") ? lab_worker(lab, "w2") : lab_worker(lab, "w1");
}

static const char *name(struct lab *lab, uint32_t worker)
{
    return lab_cluster(lab)->workers[worker].name;
}

static void expect(struct lab *lab, bool is_stuck, const char *why)
{
    struct buffer text = {0};
    assert_int_equal(why_is_stuck(lab_cluster(lab), 0, lab_now(lab)), is_stuck);
    why_explain(lab_cluster(lab), 0, lab_now(lab), &text);
    if (!strstr(buffer_text(&text), why))
        fail_msg("'%s' isn't in: %s", why, buffer_text(&text));
    buffer_close(&text);
}

static void drain_owner(struct lab *lab)
{
    const uint32_t worker = owner(lab);
    assert_int_equal(cluster_drain(lab_cluster(lab), &worker, 1, true, NULL), 0);
}

/* A shard that is as it should be waits for nothing. */
static void well(void **state)
{
    expect(*state, false, "waits for nothing");
}

/* One whose owner died is stuck until the grace time is over. */
static void dead_owner(void **state)
{
    struct lab *lab = *state;
    lab_dies(lab, name(lab, owner(lab)));
    lab_passes(lab, LAB_LEASE_MS + 1000);
    expect(lab, true, "is dead since");
    lab_passes(lab, LAB_GRACE_MS);
    expect(lab, false, "waits for nothing");
}

/* One that a drain is about to move isn't stuck: it needs nobody's help. */
static void about_to_be_drained(void **state)
{
    struct lab *lab = *state;
    const uint32_t from = owner(lab);
    drain_owner(lab);
    expect(lab, false, "drains: it is moved in a moment");
    lab_passes(lab, 30000);
    assert_int_not_equal(owner(lab), from);
    expect(lab, false, "waits for nothing");
}

/* A move of a drain that was cancelled is tried again, and until then the shard is stuck. */
static void cancelled_while_draining(void **state)
{
    struct lab *lab = *state;
    drain_owner(lab);
    assert_int_equal(cluster_move(lab_cluster(lab), 0, other(lab), lab_now(lab), NULL), 0);
    assert_int_equal(cluster_cancel(lab_cluster(lab), 0, lab_now(lab), NULL), 0);
    expect(lab, true, "is tried again in 1 m");
}

/* A pin holds a shard where a drain would take it from: it says what to do. */
static void pinned_where_it_drains(void **state)
{
    struct lab *lab = *state;
    const uint32_t at = owner(lab);
    assert_int_equal(cluster_pin(lab_cluster(lab), 0, at, NULL), 0);
    expect(lab, false, "It is pinned there.");
    drain_owner(lab);
    lab_passes(lab, 30000);
    assert_int_equal(owner(lab), at);
    expect(lab, true, "`garner unpin 0`");
}

/* One that is pinned elsewhere isn't stuck if that one takes it, and is if it doesn't. */
static void pinned_elsewhere(void **state)
{
    struct lab *lab = *state;
    const uint32_t to = other(lab);
    assert_int_equal(cluster_cordon(lab_cluster(lab), to, true, NULL), 0);
    assert_int_equal(cluster_pin(lab_cluster(lab), 0, to, NULL), 0);
    expect(lab, true, "which is cordoned");
    assert_int_equal(cluster_cordon(lab_cluster(lab), to, false, NULL), 0);
    expect(lab, false, "it is moved in a moment");
}

/* A move that can't begin is stuck, one that waits for its turn isn't. */
static void paused(void **state)
{
    struct lab *lab = *state;
    assert_int_equal(cluster_move(lab_cluster(lab), 0, other(lab), lab_now(lab), NULL), 0);
    expect(lab, false, "it waits for a slot");
    assert_int_equal(cluster_pause(lab_cluster(lab), true, NULL), 0);
    expect(lab, true, "moves are paused");
}

/* Where nobody else takes it, a drain is stuck. */
static void nobody_takes(void **state)
{
    struct lab *lab = *state;
    assert_int_equal(cluster_cordon(lab_cluster(lab), other(lab), true, NULL), 0);
    drain_owner(lab);
    expect(lab, true, "nobody else takes it");
}

/* A shard says who doesn't follow it and why, and what is done about it; until then it is stuck. */
static void lacks_followers(void **state)
{
    (void)state;
    struct lab *lab = lab_open(1, 1);
    lab_starts(lab, "w1");
    lab_passes(lab, 5000);
    expect(lab, true, "where it is. Followers in sync: 0 of 1. Nobody else can follow it: add a worker");
    lab_starts(lab, "w2");
    lab_passes(lab, 5000);
    expect(lab, false, "waits for nothing");
    const uint32_t follower = other(lab);
    lab_dies(lab, name(lab, follower));
    lab_passes(lab, LAB_LEASE_MS + 1000);
    expect(lab, true, "w2 is dead; it is waited for, for 58 s more");
    lab_passes(lab, LAB_GRACE_MS);
    expect(lab, true, "Nobody else can follow it");
    lab_starts(lab, "w3");
    lab_passes(lab, 5000);
    expect(lab, false, "waits for nothing");
    lab_close(lab);
}

/* A follower that drains stays where there is nobody to follow in its place, and the drain is stuck with it;
 * until somebody comes. */
static void nobody_follows_instead(void **state)
{
    (void)state;
    struct lab *lab = lab_open(1, 1);
    lab_starts(lab, "w1");
    lab_passes(lab, 5000);
    lab_starts(lab, "w2");
    lab_passes(lab, 5000);
    const uint32_t follower = other(lab);
    assert_int_equal(cluster_drain(lab_cluster(lab), &follower, 1, false, NULL), 0);
    lab_passes(lab, 5000);
    expect(lab, true, "drains, and keeps its copy: nobody else can follow in its place");
    lab_starts(lab, "w3");
    lab_passes(lab, 10000);
    expect(lab, false, "waits for nothing");
    assert_null(cluster_replica(&lab_cluster(lab)->shards[0], follower));
    lab_close(lab);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(well, setup, teardown),
        cmocka_unit_test_setup_teardown(dead_owner, setup, teardown),
        cmocka_unit_test_setup_teardown(about_to_be_drained, setup, teardown),
        cmocka_unit_test_setup_teardown(cancelled_while_draining, setup, teardown),
        cmocka_unit_test_setup_teardown(pinned_where_it_drains, setup, teardown),
        cmocka_unit_test_setup_teardown(pinned_elsewhere, setup, teardown),
        cmocka_unit_test_setup_teardown(paused, setup, teardown),
        cmocka_unit_test_setup_teardown(nobody_takes, setup, teardown),
        cmocka_unit_test(lacks_followers),
        cmocka_unit_test(nobody_follows_instead),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
