/* How much of a change log goes, and what holds it back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "common/limits.h"
#include "worker/feed/holds.h"
#include "worker/feed/retention.h"

enum { AGE = 5000, BYTES = 100000, CAP = LIMIT_RETENTION_CAP_TIMES * BYTES, NOW = 10000000 };

static const struct retention retention = {AGE, BYTES};

static struct retention_log log_of(uint64_t bytes, int64_t oldest_ms)
{
    return (struct retention_log){.oldest = 11, .head = 20, .bytes = bytes, .oldest_ms = oldest_ms};
}

static bool goes(uint64_t bytes, int64_t age_ms, uint64_t held)
{
    struct retention_log log = log_of(bytes, NOW - age_ms);
    struct retention_step step;
    return retention_decide(&retention, &log, held, NOW, &step);
}

static void a_change_goes_once_it_is_older_than_age(void **state)
{
    struct retention_log log = log_of(0, NOW - AGE - 1);
    struct retention_step step;
    (void)state;
    assert_false(goes(0, AGE, RETENTION_HELD_NONE));
    assert_true(retention_decide(&retention, &log, RETENTION_HELD_NONE, NOW, &step));
    assert_true(step.up_to == 20 && step.before_ms == NOW - AGE && step.bytes == BYTES);
}

static void the_oldest_go_while_the_log_is_larger_than_bytes(void **state)
{
    (void)state;
    assert_false(goes(BYTES, 0, RETENTION_HELD_NONE));
    assert_true(goes(BYTES + 1, 0, RETENTION_HELD_NONE));
}

static void nothing_goes_of_an_empty_log(void **state)
{
    struct retention_log log = {.oldest = 21, .head = 20, .bytes = CAP + 1};
    struct retention_step step;
    (void)state;
    assert_false(retention_decide(&retention, &log, RETENTION_HELD_NONE, NOW, &step));
    assert_int_equal(retention_wait_ms(&(struct retention){30000, 1}, &log, RETENTION_HELD_NONE, NOW), 30001);
    assert_int_equal(retention_wait_ms(&(struct retention){30000, 1}, &log, 10, NOW), 30001);
    assert_int_equal(retention_wait_ms(&(struct retention){30000000, 1}, &log, RETENTION_HELD_NONE, NOW),
                     LIMIT_RETENTION_LOOK_MS);
}

/* The hold's own seq may go, and nothing behind it. */
static void what_is_behind_a_hold_stays(void **state)
{
    struct retention_log log = log_of(BYTES + 1, 0);
    struct retention_step step;
    (void)state;
    assert_true(retention_decide(&retention, &log, 11, NOW, &step));
    assert_true(step.up_to == 11 && step.bytes == BYTES);
    assert_true(retention_decide(&retention, &log, 19, NOW, &step));
    assert_int_equal(step.up_to, 19);
    assert_true(retention_decide(&retention, &log, 20, NOW, &step));
    assert_int_equal(step.up_to, 20);
    assert_true(retention_decide(&retention, &log, 500, NOW, &step));
    assert_int_equal(step.up_to, 20);
    assert_true(goes(BYTES + 1, 0, 11));
    assert_false(goes(BYTES + 1, 0, 10));
    assert_true(goes(0, AGE + 1, 11));
    assert_false(goes(0, AGE + 1, 10));
    assert_false(goes(BYTES + 1, AGE + 1, 0));
}

static void a_hold_ends_at_the_hard_cap(void **state)
{
    struct retention_log log = log_of(CAP + 1, NOW);
    struct retention_step step;
    (void)state;
    assert_false(goes(CAP, 0, 10));
    assert_true(retention_decide(&retention, &log, 10, NOW, &step));
    assert_true(step.up_to == 20 && step.bytes == CAP);
}

static void a_hold_ends_when_a_change_is_much_too_old(void **state)
{
    struct retention_log log = log_of(0, NOW - AGE - LIMIT_RETENTION_HELD_MS - 1);
    struct retention_step step;
    (void)state;
    assert_false(goes(0, AGE + LIMIT_RETENTION_HELD_MS, 10));
    assert_true(retention_decide(&retention, &log, 10, NOW, &step));
    assert_true(step.up_to == 20 && step.before_ms == NOW - AGE - LIMIT_RETENTION_HELD_MS);
}

static void a_change_of_a_time_to_come_stays(void **state)
{
    (void)state;
    assert_false(goes(BYTES, -1, RETENTION_HELD_NONE));
    assert_false(goes(BYTES, -NOW, RETENTION_HELD_NONE));
    assert_true(goes(BYTES + 1, -NOW, RETENTION_HELD_NONE));
}

/* Whatever a configuration and a store say. */
static void huge_settings_and_times_do_no_harm(void **state)
{
    struct retention_log log = log_of(UINT64_MAX, INT64_MIN);
    struct retention_step step;
    (void)state;
    assert_false(retention_decide(&(struct retention){INT64_MAX, UINT64_MAX}, &log, 10, -NOW, &step));
    assert_int_equal(step.bytes, UINT64_MAX);
    assert_true(step.before_ms == INT64_MIN);
    log.oldest_ms = INT64_MAX;
    assert_int_equal(retention_wait_ms(&(struct retention){INT64_MAX, 1}, &log, RETENTION_HELD_NONE, NOW),
                     LIMIT_RETENTION_LOOK_MS);
    assert_false(retention_is_urgent(&(struct retention){1, UINT64_MAX}, UINT64_MAX, false));
}

static int64_t wait_of(int64_t age_ms, int64_t setting_ms, uint64_t held)
{
    struct retention_log log = log_of(0, NOW - age_ms);
    return retention_wait_ms(&(struct retention){setting_ms, BYTES}, &log, held, NOW);
}

/* When it has waited so long, the oldest change goes. */
static void it_is_looked_at_again_when_the_oldest_change_is_too_old(void **state)
{
    (void)state;
    assert_int_equal(wait_of(1000, 31000, RETENTION_HELD_NONE), 30001);
    assert_true(goes(0, AGE + 1, RETENTION_HELD_NONE));
    assert_int_equal(wait_of(1000, 1000, RETENTION_HELD_NONE), LIMIT_RETENTION_MS);
    assert_int_equal(wait_of(1000, 1000 + LIMIT_RETENTION_MS, RETENTION_HELD_NONE), LIMIT_RETENTION_MS + 1);
    assert_int_equal(wait_of(0, 604800000, RETENTION_HELD_NONE), LIMIT_RETENTION_LOOK_MS);
    assert_int_equal(wait_of(0, 604800000, 10), LIMIT_RETENTION_MS);
    assert_int_equal(wait_of(0, 604800000, 11), LIMIT_RETENTION_LOOK_MS);
}

static void a_log_that_is_much_too_large_is_urgent(void **state)
{
    uint64_t slack = BYTES / 100 * LIMIT_RETENTION_SLACK_PERCENT;
    (void)state;
    assert_false(retention_is_urgent(&retention, BYTES + slack, false));
    assert_true(retention_is_urgent(&retention, BYTES + slack + 1, false));
    assert_false(retention_is_urgent(&retention, CAP, true));
    assert_true(retention_is_urgent(&retention, CAP + 1, true));
}

/* --- holds --- */

static int open_holds(void **state)
{
    *state = feed_holds_open();
    return 0;
}

static int close_holds(void **state)
{
    feed_holds_close(*state);
    return 0;
}

static void the_lowest_hold_of_a_shard_counts(void **state)
{
    struct feed_holds *holds = *state;
    assert_int_equal(feed_holds_seq(holds, 3, NOW), RETENTION_HELD_NONE);
    assert_true(feed_hold(holds, 3, 70, NOW));
    assert_true(feed_hold(holds, 3, 50, NOW));
    assert_true(feed_hold(holds, 3, 60, NOW));
    assert_true(feed_hold(holds, 4, 0, NOW));
    assert_int_equal(feed_holds_seq(holds, 3, NOW), 50);
    assert_int_equal(feed_holds_seq(holds, 4, NOW), 0);
    assert_int_equal(feed_holds_seq(holds, 5, NOW), RETENTION_HELD_NONE);
}

static void a_hold_that_is_not_refreshed_ends(void **state)
{
    struct feed_holds *holds = *state;
    int64_t end = NOW + LIMIT_FEED_HOLD_MS;
    assert_true(feed_hold(holds, 3, 50, NOW));
    assert_true(feed_hold(holds, 3, 60, NOW));
    assert_int_equal(feed_holds_seq(holds, 3, end - 1), 50);
    assert_true(feed_hold(holds, 3, 60, end - 1));
    assert_int_equal(feed_holds_seq(holds, 3, end), 60);
    assert_int_equal(feed_holds_seq(holds, 3, end - 1 + LIMIT_FEED_HOLD_MS), RETENTION_HELD_NONE);
}

static uint64_t stored_so_far(void *context, uint32_t shard)
{
    return shard == 3 ? *(const uint64_t *)context : RETENTION_HELD_NONE;
}

static void what_followers_have_not_stored_is_held(void **state)
{
    struct feed_holds *holds = *state;
    uint64_t stored = 40;
    feed_holds_mark(holds, stored_so_far, &stored);
    assert_int_equal(feed_holds_seq(holds, 3, NOW), 40);
    assert_int_equal(feed_holds_seq(holds, 4, NOW), RETENTION_HELD_NONE);
    assert_true(feed_hold(holds, 3, 50, NOW));
    assert_int_equal(feed_holds_seq(holds, 3, NOW), 40);
    stored = 60;
    assert_int_equal(feed_holds_seq(holds, 3, NOW), 50);
    feed_holds_mark(holds, NULL, NULL);
    assert_int_equal(feed_holds_seq(holds, 3, NOW), 50);
}

/* Those that are there can still be refreshed, and a place that gets free is given away. */
static void a_hold_too_many_is_refused(void **state)
{
    struct feed_holds *holds = *state;
    for (uint32_t i = 0; i < LIMIT_FEED_HOLDS; i++)
        assert_true(feed_hold(holds, i, 7, NOW + (i > 0)));
    assert_false(feed_hold(holds, 1, 8, NOW + 1));
    assert_int_equal(feed_holds_seq(holds, 1, NOW + 1), 7);
    assert_true(feed_hold(holds, 1, 7, NOW + 1));
    assert_true(feed_hold(holds, 1, 6, NOW + LIMIT_FEED_HOLD_MS));
    assert_int_equal(feed_holds_seq(holds, 1, NOW + LIMIT_FEED_HOLD_MS), 6);
    assert_false(feed_hold(holds, 1, 5, NOW + LIMIT_FEED_HOLD_MS));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_change_goes_once_it_is_older_than_age),
        cmocka_unit_test(the_oldest_go_while_the_log_is_larger_than_bytes),
        cmocka_unit_test(nothing_goes_of_an_empty_log),
        cmocka_unit_test(what_is_behind_a_hold_stays),
        cmocka_unit_test(a_hold_ends_at_the_hard_cap),
        cmocka_unit_test(a_hold_ends_when_a_change_is_much_too_old),
        cmocka_unit_test(a_change_of_a_time_to_come_stays),
        cmocka_unit_test(huge_settings_and_times_do_no_harm),
        cmocka_unit_test(it_is_looked_at_again_when_the_oldest_change_is_too_old),
        cmocka_unit_test(a_log_that_is_much_too_large_is_urgent),
        cmocka_unit_test_setup_teardown(the_lowest_hold_of_a_shard_counts, open_holds, close_holds),
        cmocka_unit_test_setup_teardown(what_followers_have_not_stored_is_held, open_holds, close_holds),
        cmocka_unit_test_setup_teardown(a_hold_that_is_not_refreshed_ends, open_holds, close_holds),
        cmocka_unit_test_setup_teardown(a_hold_too_many_is_refused, open_holds, close_holds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
