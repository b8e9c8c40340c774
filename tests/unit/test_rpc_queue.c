/* The order in which requests are served. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdlib.h>

#include "common/check.h"
#include "common/rpc/rpc_queue.h"

enum { KEPT_MAX = 2 };

static int peer_a, peer_b;

static void add(struct rpc_queue *queue, void *peer, const char *name, int64_t now_ms)
{
    struct buffer message = {0};
    buffer_add_text(&message, name);
    rpc_queue_add(queue, peer, &message, 0, now_ms);
    assert_null(message.data);
}

static struct rpc_request *expect_next(struct rpc_queue *queue, int64_t now_ms, const char *name, bool over)
{
    bool is_over;
    struct rpc_request *request = rpc_queue_take(queue, now_ms, false, &is_over);
    assert_non_null(request);
    assert_string_equal(buffer_text(&request->message), name);
    assert_int_equal(is_over, over);
    return request;
}

static void keep(struct rpc_queue *queue, struct rpc_request *request, int64_t wait_ms)
{
    struct buffer left = {0};
    rpc_queue_keep(queue, request, wait_ms, &left);
}

static void expect_none(struct rpc_queue *queue, int64_t now_ms)
{
    bool over;
    assert_null(rpc_queue_take(queue, now_ms, false, &over));
}

static int setup(void **state)
{
    *state = mem_alloc(sizeof(struct rpc_queue));
    rpc_queue_open(*state, KEPT_MAX);
    return 0;
}

static int teardown(void **state)
{
    rpc_queue_close(*state);
    free(*state);
    return 0;
}

static void new_ones_in_their_order(void **state)
{
    struct rpc_queue *queue = *state;
    expect_none(queue, 0);
    add(queue, &peer_a, "1", 0);
    add(queue, &peer_b, "2", 0);
    struct rpc_request *first = expect_next(queue, 0, "1", false);
    rpc_queue_drop(queue, first);
    add(queue, &peer_a, "3", 1);
    rpc_queue_drop(queue, expect_next(queue, 1, "2", false));
    rpc_queue_drop(queue, expect_next(queue, 1, "3", false));
    expect_none(queue, 1);
    assert_int_equal(queue->count, 0);
}

/* A flood of new ones delays what was woken, and not what has waited long enough. */
static void what_is_due_goes_first_and_what_is_woken_last(void **state)
{
    struct rpc_queue *queue = *state;
    add(queue, &peer_a, "kept", 1000);
    keep(queue, expect_next(queue, 1000, "kept", false), 50);
    assert_int_equal(rpc_queue_next_ms(queue), 1050);
    expect_none(queue, 1010);
    queue->wakes++;
    add(queue, &peer_b, "new", 1010);
    struct rpc_request *new = expect_next(queue, 1010, "new", false);
    struct rpc_request *kept = expect_next(queue, 1010, "kept", false);
    expect_none(queue, 1010); /* both are being served */
    keep(queue, kept, 50);
    expect_none(queue, 1049);
    add(queue, &peer_b, "newer", 1050);
    rpc_queue_drop(queue, expect_next(queue, 1050, "kept", true));
    rpc_queue_drop(queue, expect_next(queue, 1050, "newer", false));
    rpc_queue_drop(queue, new);
    assert_int_equal(rpc_queue_next_ms(queue), INT64_MAX);
}

static void who_was_looked_at_longest_ago_is_woken_first(void **state)
{
    struct rpc_queue *queue = *state;
    add(queue, &peer_a, "a", 0);
    add(queue, &peer_b, "b", 0);
    keep(queue, expect_next(queue, 0, "a", false), 1000);
    keep(queue, expect_next(queue, 0, "b", false), 1000);
    queue->wakes++;
    keep(queue, expect_next(queue, 1, "a", false), 1000);
    queue->wakes++;
    keep(queue, expect_next(queue, 2, "b", false), 1000);
    keep(queue, expect_next(queue, 2, "a", false), 1000);
    expect_none(queue, 2);
}

static void one_too_many_is_served_once_more_at_once(void **state)
{
    struct rpc_queue *queue = *state;
    const char *const names[] = {"1", "2", "3"};
    for (int i = 0; i <= KEPT_MAX; i++) {
        add(queue, &peer_a, names[i], 0);
        keep(queue, expect_next(queue, 0, names[i], false), 1000);
    }
    rpc_queue_drop(queue, expect_next(queue, 0, "3", true));
    expect_none(queue, 0);
}

static void whose_peer_is_gone_is_dropped(void **state)
{
    struct rpc_queue *queue = *state;
    add(queue, &peer_a, "kept", 0);
    keep(queue, expect_next(queue, 0, "kept", false), 1000);
    add(queue, &peer_a, "served", 0);
    struct rpc_request *served = expect_next(queue, 0, "served", false);
    add(queue, &peer_b, "other", 0);
    add(queue, &peer_a, "queued", 0);
    assert_int_equal(rpc_queue_drop_of(queue, &peer_a), 2);
    assert_int_equal(queue->kept, 0);
    rpc_queue_drop(queue, served);
    add(queue, &peer_b, "last", 0);
    rpc_queue_drop(queue, expect_next(queue, 0, "other", false));
    rpc_queue_drop(queue, expect_next(queue, 0, "last", false));
    assert_int_equal(queue->count, 0);
}

/* While its peer has an answer to take; what it waits for is then over at once. */
static void what_is_held_is_passed_over(void **state)
{
    struct rpc_queue *queue = *state;
    add(queue, &peer_a, "kept", 0);
    keep(queue, expect_next(queue, 0, "kept", false), 10);
    add(queue, &peer_a, "held", 0);
    add(queue, &peer_b, "other", 0);
    rpc_queue_hold(queue, &peer_a, true);
    queue->wakes++;
    rpc_queue_drop(queue, expect_next(queue, 20, "other", false));
    expect_none(queue, 20);
    assert_int_equal(rpc_queue_next_ms(queue), INT64_MAX);
    rpc_queue_hold(queue, &peer_a, false);
    assert_int_equal(rpc_queue_next_ms(queue), 10);
    rpc_queue_drop(queue, expect_next(queue, 20, "kept", true));
    rpc_queue_drop(queue, expect_next(queue, 20, "held", false));
}

static void at_the_end_nobody_has_time(void **state)
{
    struct rpc_queue *queue = *state;
    bool over = false;
    add(queue, &peer_a, "kept", 0);
    keep(queue, expect_next(queue, 0, "kept", false), 1000);
    add(queue, &peer_a, "new", 0);
    rpc_queue_hold(queue, &peer_a, true);
    for (int i = 0; i < 2; i++) {
        struct rpc_request *request = rpc_queue_take(queue, 0, true, &over);
        assert_non_null(request);
        assert_true(over);
        rpc_queue_drop(queue, request);
    }
    assert_null(rpc_queue_take(queue, 0, true, &over));
}

/* What all have left is counted, whatever becomes of them. */
static void what_a_request_leaves_waits_with_it(void **state)
{
    struct rpc_queue *queue = *state;
    struct buffer left = {0};
    add(queue, &peer_a, "a", 0);
    add(queue, &peer_b, "b", 0);
    for (int i = 0; i < 2; i++) {
        struct rpc_request *request = expect_next(queue, 0, i ? "b" : "a", false);
        buffer_add_text(&left, "an answer");
        rpc_queue_keep(queue, request, 10, &left);
        assert_null(left.data);
    }
    assert_int_equal(queue->left, 2 * strlen("an answer"));
    struct rpc_request *first = expect_next(queue, 10, "a", true);
    left = rpc_queue_take_left(queue, first);
    assert_string_equal(buffer_text(&left), "an answer");
    assert_int_equal(queue->left, strlen("an answer"));
    rpc_queue_drop(queue, first);
    assert_int_equal(rpc_queue_drop_of(queue, &peer_b), 1);
    assert_int_equal(queue->left, 0);
    buffer_close(&left);
}

static void what_is_asked_last_may_take_the_place_of_what_is_kept(void **state)
{
    struct rpc_queue *queue = *state;
    add(queue, &peer_a, "first", 0);
    keep(queue, expect_next(queue, 0, "first", false), 1000);
    add(queue, &peer_b, "other", 0);
    keep(queue, expect_next(queue, 0, "other", false), 1000);
    add(queue, &peer_a, "last", 0);
    struct rpc_request *last = expect_next(queue, 0, "last", false);
    add(queue, &peer_a, "later", 0);
    assert_int_equal(rpc_queue_drop_before(queue, last), 1);
    keep(queue, last, 1000);
    assert_int_equal(queue->kept, 2);
    rpc_queue_drop(queue, expect_next(queue, 0, "later", false));
    rpc_queue_drop(queue, expect_next(queue, 1000, "other", true));
    rpc_queue_drop(queue, expect_next(queue, 1000, "last", true));
    assert_int_equal(queue->count, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(new_ones_in_their_order),
        TEST(what_is_due_goes_first_and_what_is_woken_last),
        TEST(who_was_looked_at_longest_ago_is_woken_first),
        TEST(one_too_many_is_served_once_more_at_once),
        TEST(whose_peer_is_gone_is_dropped),
        TEST(what_is_asked_last_may_take_the_place_of_what_is_kept),
        TEST(what_is_held_is_passed_over),
        TEST(at_the_end_nobody_has_time),
        TEST(what_a_request_leaves_waits_with_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
