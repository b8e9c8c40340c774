/* The high-water mark, rule by rule. test_mark_worlds.c sees that the rules together hold. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "worker/feed/mark.h"

static struct mark mark;

static int begin(void **state)
{
    (void)state;
    mark_open(&mark, 0);
    return 0;
}

static int end(void **state)
{
    (void)state;
    mark_close(&mark);
    return 0;
}

static void order(uint64_t version, struct replica_order first, int64_t now_ms)
{
    mark_order(&mark, version, &first, 1, now_ms);
}

static uint32_t held(void)
{
    uint32_t held, behind;
    mark_report(&mark, 0, &held, &behind);
    return held;
}

static uint32_t behind_at(int64_t now_ms)
{
    uint32_t held, behind;
    mark_report(&mark, now_ms, &held, &behind);
    return behind;
}

/* Two followers, of which the first is held. */
static void hold_first_of_two(void)
{
    const struct replica_order two[] = {{.worker = 7}, {.worker = 8}};
    mark_order(&mark, 1, two, 2, 0);
    mark_committed(&mark, 10, 0);
    mark_acked(&mark, 7, 10, 0);
    assert_int_equal(held(), 1);
}

/* --- who counts --- */

static void without_followers_all_is_served(void **state)
{
    (void)state;
    mark_committed(&mark, 10, 0);
    assert_int_equal(mark_served(&mark), 10);
    mark_committed(&mark, 9, 0);
    assert_int_equal(mark_served(&mark), 10);
    order(1, (struct replica_order){.worker = 7}, 0);
    mark_committed(&mark, 11, 0);
    assert_int_equal(mark_served(&mark), 11); /* it only learns */
}

static void a_follower_that_has_all_is_held_and_waited_for(void **state)
{
    (void)state;
    hold_first_of_two();
    mark_committed(&mark, 20, 0);
    assert_int_equal(mark_served(&mark), 10);
    mark_acked(&mark, 7, 15, 0);
    assert_int_equal(mark_served(&mark), 15);
    mark_acked(&mark, 7, 20, 0);
    assert_int_equal(mark_served(&mark), 20);
}

static void the_slowest_of_those_held_counts(void **state)
{
    (void)state;
    hold_first_of_two();
    mark_acked(&mark, 8, 10, 0);
    assert_int_equal(held(), 3);
    mark_committed(&mark, 20, 0);
    mark_acked(&mark, 7, 20, 0);
    assert_int_equal(mark_served(&mark), 10);
    mark_acked(&mark, 8, 12, 0);
    assert_int_equal(mark_served(&mark), 12);
}

static void strangers_say_nothing(void **state)
{
    (void)state;
    hold_first_of_two();
    mark_committed(&mark, 20, 0);
    mark_acked(&mark, 9, 20, 0);
    assert_int_equal(mark_served(&mark), 10);
    assert_false(mark_follows(&mark, 9));
    assert_true(mark_follows(&mark, 8));
}

static void a_follower_knows_of_a_commit_before_it_is_told_here(void **state)
{
    (void)state;
    hold_first_of_two();
    mark_acked(&mark, 7, 12, 0);
    assert_int_equal(mark_served(&mark), 12);
}

static void one_that_lost_its_copy_is_waited_for_and_nothing_is_taken_back(void **state)
{
    (void)state;
    hold_first_of_two();
    mark_committed(&mark, 20, 0);
    mark_acked(&mark, 7, 0, 0);
    assert_int_equal(mark_served(&mark), 10);
    mark_acked(&mark, 7, 9, 0);
    assert_int_equal(mark_served(&mark), 10);
    mark_acked(&mark, 7, 11, 0);
    assert_int_equal(mark_served(&mark), 11);
}

/* --- orders --- */

static void one_in_sync_of_whom_nothing_is_known_stops_all(void **state)
{
    (void)state;
    order(5, (struct replica_order){.worker = 7, .in_sync = true}, 0);
    mark_committed(&mark, 10, 0);
    assert_int_equal(mark_served(&mark), 0);
    assert_int_equal(held(), 1);
    mark_acked(&mark, 7, 8, 0);
    assert_int_equal(mark_served(&mark), 8);
}

static void after_a_start_who_learns_must_have_all_that_was_served_before_it(void **state)
{
    const struct replica_order two[] = {{.worker = 7, .in_sync = true}, {.worker = 8}};
    (void)state;
    mark_close(&mark);
    mark_open(&mark, 10);
    mark_order(&mark, 5, two, 2, 0);
    mark_acked(&mark, 8, 9, 0);
    assert_int_equal(held(), 1);
    mark_acked(&mark, 8, 10, 0);
    assert_int_equal(held(), 3);
}

static void an_older_order_changes_nothing(void **state)
{
    (void)state;
    order(5, (struct replica_order){.worker = 7, .in_sync = true}, 0);
    order(4, (struct replica_order){.worker = 8}, 0);
    order(5, (struct replica_order){.worker = 7}, 0);
    assert_true(mark_follows(&mark, 7));
    assert_int_equal(held(), 1);
}

static void one_that_was_struck_is_let_go_and_held_again_by_its_next_word(void **state)
{
    (void)state;
    order(5, (struct replica_order){.worker = 7, .in_sync = true}, 0);
    mark_acked(&mark, 7, 10, 0);
    mark_committed(&mark, 20, 0);
    order(6, (struct replica_order){.worker = 7}, 0);
    assert_int_equal(mark_served(&mark), 20);
    assert_int_equal(held(), 0);
    mark_acked(&mark, 7, 20, 0);
    assert_int_equal(held(), 1);
}

static void one_that_is_gone_from_the_order_is_let_go(void **state)
{
    (void)state;
    order(5, (struct replica_order){.worker = 7, .in_sync = true}, 0);
    mark_committed(&mark, 20, 0);
    mark_order(&mark, 6, NULL, 0, 0);
    assert_int_equal(mark_served(&mark), 20);
    assert_int_equal(held(), 0);
}

static void one_held_stays_so_while_orders_dont_know_of_it_yet(void **state)
{
    (void)state;
    hold_first_of_two();
    mark_committed(&mark, 20, 0);
    order(2, (struct replica_order){.worker = 7}, LIMIT_BEHIND_MS - 1);
    assert_int_equal(mark_served(&mark), 10);
    assert_int_equal(held(), 1);
    order(3, (struct replica_order){.worker = 7, .in_sync = true}, LIMIT_BEHIND_MS);
    assert_int_equal(mark_served(&mark), 10);
}

static void one_held_that_is_behind_is_let_go_by_the_next_order(void **state)
{
    (void)state;
    hold_first_of_two();
    mark_committed(&mark, 20, 0);
    assert_int_equal(behind_at(LIMIT_BEHIND_MS), 1);
    assert_int_equal(mark_served(&mark), 10);
    order(2, (struct replica_order){.worker = 7}, LIMIT_BEHIND_MS);
    assert_int_equal(mark_served(&mark), 20);
    assert_int_equal(behind_at(LIMIT_BEHIND_MS), 0);
}

static void bits_are_of_the_orders_replicas_in_its_order(void **state)
{
    const struct replica_order other_way[] = {{.worker = 8}, {.worker = 9}, {.worker = 7}};
    uint32_t held, behind;
    (void)state;
    hold_first_of_two();
    mark_order(&mark, 2, other_way, 3, 0);
    assert_int_equal(mark_report(&mark, 0, &held, &behind), 2);
    assert_int_equal(held, 4);
}

/* --- who is behind --- */

static void who_has_all_is_never_behind(void **state)
{
    (void)state;
    hold_first_of_two();
    assert_int_equal(behind_at(100 * LIMIT_BEHIND_MS), 0);
    mark_committed(&mark, 11, 100 * LIMIT_BEHIND_MS);
    assert_int_equal(behind_at(101 * LIMIT_BEHIND_MS - 1), 0);
    assert_int_equal(behind_at(101 * LIMIT_BEHIND_MS), 1);
}

static void who_gets_on_isnt_behind(void **state)
{
    (void)state;
    hold_first_of_two();
    mark_committed(&mark, 20, 0);
    mark_acked(&mark, 7, 11, LIMIT_BEHIND_MS - 1);
    assert_int_equal(behind_at(LIMIT_BEHIND_MS), 0);
    mark_acked(&mark, 7, 11, LIMIT_BEHIND_MS); /* that is no news */
    assert_int_equal(behind_at(2 * LIMIT_BEHIND_MS), 1);
}

static void one_that_never_says_anything_is_behind_unless_there_is_nothing(void **state)
{
    (void)state;
    order(5, (struct replica_order){.worker = 7, .in_sync = true}, 0);
    assert_int_equal(behind_at(LIMIT_BEHIND_MS), 0);
    mark_committed(&mark, 1, LIMIT_BEHIND_MS);
    assert_int_equal(behind_at(LIMIT_BEHIND_MS), 0);
    assert_int_equal(behind_at(2 * LIMIT_BEHIND_MS), 1);
}

/* --- catching up with a shard that never rests --- */

static void one_that_is_nearly_there_is_waited_for(void **state)
{
    (void)state;
    order(1, (struct replica_order){.worker = 7}, 0);
    mark_committed(&mark, 1000, 0);
    mark_acked(&mark, 7, 900, 0);
    mark_committed(&mark, 1100, 1);
    assert_int_equal(mark_served(&mark), 1000);
    mark_acked(&mark, 7, 1000, 2);
    assert_int_equal(held(), 1);
    mark_committed(&mark, 1200, 3);
    assert_int_equal(mark_served(&mark), 1000);
    mark_acked(&mark, 7, 1100, 4);
    assert_int_equal(mark_served(&mark), 1100);
}

static void it_isnt_waited_for_too_long_nor_too_often(void **state)
{
    (void)state;
    order(1, (struct replica_order){.worker = 7}, 0);
    mark_committed(&mark, 1000, 0);
    mark_acked(&mark, 7, 900, 0);
    mark_committed(&mark, 1100, LIMIT_CATCH_UP_MS - 1);
    assert_int_equal(mark_served(&mark), 1000);
    mark_tick(&mark, LIMIT_CATCH_UP_MS);
    assert_int_equal(mark_served(&mark), 1100);
    mark_acked(&mark, 7, 1000, LIMIT_CATCH_UP_MS + 1);
    mark_committed(&mark, 1200, LIMIT_CATCH_UP_MS + 2);
    assert_int_equal(mark_served(&mark), 1200);
    mark_acked(&mark, 7, 1100, LIMIT_CATCH_UP_MS + LIMIT_CATCH_UP_REST_MS);
    mark_committed(&mark, 1300, LIMIT_CATCH_UP_MS + LIMIT_CATCH_UP_REST_MS);
    assert_int_equal(mark_served(&mark), 1200);
}

static void one_that_is_far_off_isnt_waited_for(void **state)
{
    (void)state;
    order(1, (struct replica_order){.worker = 7}, 0);
    mark_committed(&mark, LIMIT_CATCH_UP_CHANGES + 1, 0);
    mark_acked(&mark, 7, 0, 0);
    mark_committed(&mark, LIMIT_CATCH_UP_CHANGES + 2, 0);
    assert_int_equal(mark_served(&mark), LIMIT_CATCH_UP_CHANGES + 2);
}

static void who_is_waited_for_and_gone_isnt_any_more(void **state)
{
    (void)state;
    order(1, (struct replica_order){.worker = 7}, 0);
    mark_committed(&mark, 1000, 0);
    mark_acked(&mark, 7, 900, 0);
    mark_committed(&mark, 1100, 0);
    mark_order(&mark, 2, NULL, 0, 0);
    assert_int_equal(mark_served(&mark), 1100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(without_followers_all_is_served, begin, end),
        cmocka_unit_test_setup_teardown(a_follower_that_has_all_is_held_and_waited_for, begin, end),
        cmocka_unit_test_setup_teardown(the_slowest_of_those_held_counts, begin, end),
        cmocka_unit_test_setup_teardown(strangers_say_nothing, begin, end),
        cmocka_unit_test_setup_teardown(a_follower_knows_of_a_commit_before_it_is_told_here, begin, end),
        cmocka_unit_test_setup_teardown(one_that_lost_its_copy_is_waited_for_and_nothing_is_taken_back, begin,
                                        end),
        cmocka_unit_test_setup_teardown(one_in_sync_of_whom_nothing_is_known_stops_all, begin, end),
        cmocka_unit_test_setup_teardown(after_a_start_who_learns_must_have_all_that_was_served_before_it,
                                        begin, end),
        cmocka_unit_test_setup_teardown(an_older_order_changes_nothing, begin, end),
        cmocka_unit_test_setup_teardown(one_that_was_struck_is_let_go_and_held_again_by_its_next_word, begin,
                                        end),
        cmocka_unit_test_setup_teardown(one_that_is_gone_from_the_order_is_let_go, begin, end),
        cmocka_unit_test_setup_teardown(one_held_stays_so_while_orders_dont_know_of_it_yet, begin, end),
        cmocka_unit_test_setup_teardown(one_held_that_is_behind_is_let_go_by_the_next_order, begin, end),
        cmocka_unit_test_setup_teardown(bits_are_of_the_orders_replicas_in_its_order, begin, end),
        cmocka_unit_test_setup_teardown(who_has_all_is_never_behind, begin, end),
        cmocka_unit_test_setup_teardown(who_gets_on_isnt_behind, begin, end),
        cmocka_unit_test_setup_teardown(one_that_never_says_anything_is_behind_unless_there_is_nothing, begin,
                                        end),
        cmocka_unit_test_setup_teardown(one_that_is_nearly_there_is_waited_for, begin, end),
        cmocka_unit_test_setup_teardown(it_isnt_waited_for_too_long_nor_too_often, begin, end),
        cmocka_unit_test_setup_teardown(one_that_is_far_off_isnt_waited_for, begin, end),
        cmocka_unit_test_setup_teardown(who_is_waited_for_and_gone_isnt_any_more, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
