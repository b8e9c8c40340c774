/* Breaker: when an account is not asked for a while. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/limits.h"
#include "worker/fetch/breaker.h"

struct lab {
    struct breaker breaker;
    struct random random;
    int64_t now_ms, until_ms;
};

static int open_lab(void **state)
{
    static struct lab lab;
    lab = (struct lab){.now_ms = 1000};
    random_seed(&lab.random, 5);
    *state = &lab;
    return 0;
}

static int close_lab(void **state)
{
    struct lab *lab = *state;
    breaker_close(&lab->breaker);
    breaker_close(&lab->breaker);
    return 0;
}

/* A harvest ends with this code; ERR_OK: well. True if the breaker opened or closed. */
static bool ends_as(struct lab *lab, int code, bool is_probe, bool rejected)
{
    struct error e;
    error_set(&e, code, "%s", error_name(code));
    struct breaker_end end = {
        .error = code ? &e : NULL, .is_probe = is_probe, .rejected = rejected, .collections = 20};
    return breaker_ended(&lab->breaker, &end, lab->now_ms, &lab->random);
}

static bool ends(struct lab *lab, int code)
{
    return ends_as(lab, code, false, false);
}

static enum breaker_answer may(struct lab *lab)
{
    return breaker_may(&lab->breaker, lab->now_ms, &lab->until_ms);
}

static void fail_until_open(struct lab *lab)
{
    for (int i = 1; i < LIMIT_BREAKER_FAILURES; i++)
        assert_false(ends(lab, ERR_CONNECT));
    assert_int_equal(may(lab), BREAKER_YES);
    assert_true(ends(lab, ERR_CONNECT));
}

/* So many in succession open it, and it says since when and why; it is closed until then. */
static void failures_in_succession_open_it(void **state)
{
    struct lab *lab = *state;
    struct error e;
    assert_true(breaker_open_since(&lab->breaker) == INT64_MIN);
    fail_until_open(lab);
    assert_int_equal(breaker_open_since(&lab->breaker), 1000);
    assert_int_equal(may(lab), BREAKER_NO);
    assert_in_range(lab->until_ms, 1000 + LIMIT_BREAKER_FIRST_MS, 1000 + LIMIT_BREAKER_FIRST_MS * 11 / 10);
    assert_int_equal(breaker_error(&lab->breaker, lab->now_ms + 5000, &e), ERR_CONNECT);
    assert_non_null(strstr(e.text, "5 s"));
    assert_non_null(strstr(e.text, "connection"));
}

/* Anything that was answered ends the succession; what says nothing doesn't. */
static void an_answer_ends_the_succession(void **state)
{
    static const int answered[] = {ERR_OK, ERR_HTTP, ERR_BODY, ERR_ITEMS, ERR_LOOP, ERR_DEGRADED, ERR_LIMIT};
    static const int nothing[] = {ERR_THROTTLED, ERR_STOPPED, ERR_STORE, ERR_FULL, ERR_PLACEHOLDER};
    struct lab *lab = *state;
    for (size_t n = 0; n < sizeof answered / sizeof *answered; n++) {
        for (int i = 1; i < LIMIT_BREAKER_FAILURES; i++)
            assert_false(ends(lab, ERR_SERVER));
        assert_false(ends(lab, answered[n]));
    }
    for (int i = 1; i < LIMIT_BREAKER_FAILURES; i++)
        assert_false(ends(lab, ERR_SERVER));
    for (size_t n = 0; n < sizeof nothing / sizeof *nothing; n++)
        assert_false(ends(lab, nothing[n]));
    assert_true(ends(lab, ERR_SERVER));
}

/* Each kind of failure that concerns the whole account counts. */
static void what_concerns_the_account_counts(void **state)
{
    static const int kinds[] = {ERR_LOGIN, ERR_CREDENTIALS, ERR_CONNECT, ERR_RESOLVE,
                                ERR_TLS,   ERR_TRANSFER,    ERR_SERVER};
    struct lab *lab = *state;
    for (size_t n = 0; n < sizeof kinds / sizeof *kinds; n++) {
        for (int i = 1; i <= LIMIT_BREAKER_FAILURES; i++)
            assert_int_equal(ends(lab, kinds[n]), i == LIMIT_BREAKER_FAILURES);
        assert_true(ends(lab, ERR_OK));
    }
    for (int i = 1; i <= LIMIT_BREAKER_FAILURES; i++)
        assert_int_equal(ends_as(lab, ERR_DENIED, false, true), i == LIMIT_BREAKER_FAILURES);
}

/* A 403 concerns its type: only when all collections have one it opens. */
static void denials_count_when_all_are_denied(void **state)
{
    struct lab *lab = *state;
    for (int round = 0; round < 5; round++) {
        for (int i = 1; i < 20; i++)
            assert_false(ends(lab, ERR_DENIED));
        assert_false(ends(lab, ERR_OK));
    }
    for (int i = 1; i < 20; i++)
        assert_false(ends(lab, ERR_DENIED));
    assert_true(ends(lab, ERR_DENIED));
    lab->now_ms += 40000;
    assert_int_equal(may(lab), BREAKER_PROBE);
    assert_false(ends_as(lab, ERR_DENIED, true, false));
    assert_int_equal(may(lab), BREAKER_NO);
}

/* After its time one probe goes, and nobody else meanwhile; if it goes well all go. */
static void one_probe_closes_it(void **state)
{
    struct lab *lab = *state;
    fail_until_open(lab);
    assert_int_equal(may(lab), BREAKER_NO);
    lab->now_ms = lab->until_ms;
    assert_int_equal(may(lab), BREAKER_PROBE);
    assert_int_equal(may(lab), BREAKER_NO);
    assert_true(lab->until_ms > lab->now_ms);
    assert_false(ends(lab, ERR_CONNECT)); /* one that began long before */
    assert_int_equal(may(lab), BREAKER_NO);
    assert_true(ends_as(lab, ERR_OK, true, false));
    assert_int_equal(may(lab), BREAKER_YES);
    assert_true(breaker_open_since(&lab->breaker) == INT64_MIN);
    fail_until_open(lab); /* it counts from the beginning */
}

/* A probe that is denied was answered: the provider is there again. */
static void a_denied_probe_closes_what_no_denials_opened(void **state)
{
    struct lab *lab = *state;
    fail_until_open(lab);
    may(lab);
    lab->now_ms = lab->until_ms;
    assert_int_equal(may(lab), BREAKER_PROBE);
    assert_true(ends_as(lab, ERR_DENIED, true, false));
    assert_int_equal(may(lab), BREAKER_YES);
}

/* Each probe that fails doubles the time, up to the maximum; since when stays. */
static void failed_probes_double_the_time(void **state)
{
    struct lab *lab = *state;
    fail_until_open(lab);
    int64_t wait_ms = LIMIT_BREAKER_FIRST_MS;
    for (int i = 0; i < 10; i++) {
        assert_int_equal(may(lab), BREAKER_NO);
        assert_in_range(lab->until_ms - lab->now_ms, wait_ms, wait_ms * 11 / 10);
        lab->now_ms = lab->until_ms;
        assert_int_equal(may(lab), BREAKER_PROBE);
        assert_false(ends_as(lab, ERR_LOGIN, true, false));
        wait_ms = wait_ms * 2 < LIMIT_BREAKER_MAX_MS ? wait_ms * 2 : LIMIT_BREAKER_MAX_MS;
    }
    assert_int_equal(breaker_open_since(&lab->breaker), 1000);
}

/* A probe that came to nothing lets the next one go at once. */
static void a_stopped_probe_is_replaced(void **state)
{
    struct lab *lab = *state;
    fail_until_open(lab);
    may(lab);
    lab->now_ms = lab->until_ms;
    assert_int_equal(may(lab), BREAKER_PROBE);
    assert_false(ends_as(lab, ERR_STOPPED, true, false));
    assert_int_equal(may(lab), BREAKER_PROBE);
}

/* What began before and goes well closes it: there is no need to wait. */
static void a_late_success_closes_it(void **state)
{
    struct lab *lab = *state;
    fail_until_open(lab);
    assert_true(ends(lab, ERR_OK));
    assert_int_equal(may(lab), BREAKER_YES);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_lab, close_lab)
    const struct CMUnitTest tests[] = {
        TEST(failures_in_succession_open_it),
        TEST(an_answer_ends_the_succession),
        TEST(what_concerns_the_account_counts),
        TEST(denials_count_when_all_are_denied),
        TEST(one_probe_closes_it),
        TEST(a_denied_probe_closes_what_no_denials_opened),
        TEST(failed_probes_double_the_time),
        TEST(a_stopped_probe_is_replaced),
        TEST(a_late_success_closes_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
