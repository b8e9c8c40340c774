/* Retries: when a failed request is tried again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/limits.h"
#include "worker/fetch/retry.h"

/* What may pass by itself is retried; what won't, isn't. */
static void only_what_may_pass_is_retried(void **state)
{
    (void)state;
    static const int passing[] = {ERR_RESOLVE,   ERR_CONNECT, ERR_TRANSFER,
                                  ERR_THROTTLED, ERR_SERVER,  ERR_BODY};
    bool expected[ERR_COUNT] = {false};
    for (size_t i = 0; i < sizeof passing / sizeof *passing; i++)
        expected[passing[i]] = true;
    for (int code = 0; code < ERR_COUNT; code++) {
        struct retry retry = {0};
        int64_t at_ms;
        random_seed(&retry.random, 1);
        assert_int_equal(retry_makes_sense(code), expected[code]);
        assert_int_equal(retry_decide(code, 1, -1, 0, &retry, &at_ms), expected[code]);
    }
}

/* The wait is spread over a window that doubles with each try up to a maximum, and tries are few. */
static void check_windows(int code, int64_t first_ms)
{
    struct retry retry = {0};
    random_seed(&retry.random, 7);
    for (unsigned tries = 1; tries < LIMIT_TRIES; tries++) {
        int64_t window_ms = first_ms << (tries - 1), at_ms, least = INT64_MAX, most = 0;
        window_ms = window_ms < LIMIT_RETRY_MAX_MS ? window_ms : LIMIT_RETRY_MAX_MS;
        for (int i = 0; i < 2000; i++) {
            assert_true(retry_decide(code, tries, -1, 1000, &retry, &at_ms));
            least = at_ms < least ? at_ms : least;
            most = at_ms > most ? at_ms : most;
        }
        assert_in_range(least - 1000, 0, window_ms / 10);
        assert_in_range(most - 1000, window_ms * 9 / 10, window_ms);
    }
    int64_t at_ms;
    assert_false(retry_decide(code, LIMIT_TRIES, -1, 0, &retry, &at_ms));
}

static void window_doubles(void **state)
{
    (void)state;
    check_windows(ERR_SERVER, LIMIT_RETRY_FIRST_MS);
    check_windows(ERR_THROTTLED, LIMIT_RETRY_THROTTLED_TIMES * LIMIT_RETRY_FIRST_MS);
}

/* The same seed gives the same waits. */
static void seed_decides(void **state)
{
    (void)state;
    struct retry a = {0}, b = {0};
    random_seed(&a.random, 42);
    random_seed(&b.random, 42);
    for (unsigned i = 0; i < 100; i++) {
        int64_t at_a, at_b;
        assert_true(retry_decide(ERR_THROTTLED, 1 + i % (LIMIT_TRIES - 1), -1, i, &a, &at_a));
        assert_true(retry_decide(ERR_THROTTLED, 1 + i % (LIMIT_TRIES - 1), -1, i, &b, &at_b));
        assert_int_equal(at_a, at_b);
    }
}

/* A Retry-After is the least to wait, with jitter on top; one beyond our patience ends it. */
static void retry_after_is_the_least(void **state)
{
    (void)state;
    struct retry retry = {0};
    int64_t at_ms;
    random_seed(&retry.random, 3);
    for (int i = 0; i < 100; i++) {
        assert_true(retry_decide(ERR_THROTTLED, 1, 5000, 100, &retry, &at_ms));
        assert_in_range(at_ms, 5100, 5100 + LIMIT_RETRY_FIRST_MS);
    }
    assert_true(retry_decide(ERR_THROTTLED, 1, LIMIT_RETRY_AFTER_MS, 0, &retry, &at_ms));
    assert_false(retry_decide(ERR_THROTTLED, 1, LIMIT_RETRY_AFTER_MS + 1, 0, &retry, &at_ms));
}

/* Retry-After comes in seconds or as a date; what is neither counts as none. */
static void retry_after_has_two_forms(void **state)
{
    (void)state;
    const int64_t wall_ms = INT64_C(1792591800000); /* Wed, 21 Oct 2026 14:10:00 GMT */
    assert_int_equal(retry_after_read(BYTES(" 120 "), 0), 120000);
    assert_int_equal(retry_after_read(BYTES("0"), 0), 0);
    assert_int_equal(retry_after_read(BYTES("99999999999999999"), 0), INT64_MAX);
    assert_int_equal(retry_after_read(BYTES("Wed, 21 Oct 2026 14:10:30 GMT"), wall_ms), 30000);
    assert_int_equal(retry_after_read(BYTES("Wed, 21 Oct 2026 14:09:00 GMT"), wall_ms), 0);
    assert_int_equal(retry_after_read(BYTES("soon"), wall_ms), -1);
    assert_int_equal(retry_after_read(BYTES("-5"), wall_ms), -1);
    assert_int_equal(retry_after_read(BYTES("1.5"), wall_ms), -1);
    assert_int_equal(retry_after_read(BYTES(""), wall_ms), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_what_may_pass_is_retried),
        cmocka_unit_test(window_doubles),
        cmocka_unit_test(seed_decides),
        cmocka_unit_test(retry_after_is_the_least),
        cmocka_unit_test(retry_after_has_two_forms),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
