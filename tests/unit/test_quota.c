/* Quota: what headers say of a provider's limits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

#include "worker/fetch/quota.h"

static const int64_t wall_ms = INT64_C(1792591800000); /* Wed, 21 Oct 2026 14:10:00 GMT */

/* What an answer with these headers (name, value, …, null) says; all -1 if nothing. */
static struct quota read_headers(const char *const *texts)
{
    struct pair pairs[16];
    struct answer answer = {.status = 200, .headers = {pairs, 0, 16}};
    struct quota quota = {-2, -2, -2, -2};
    for (; *texts; texts += 2)
        pairs[answer.headers.count++] = (struct pair){bytes_of(texts[0]), bytes_of(texts[1])};
    if (!quota_read(&answer, wall_ms, &quota)) {
        assert_true(quota.limit == -2 || (quota.remaining == -1 && quota.after_ms == -1));
        quota = (struct quota){-1, -1, -1, -1};
    }
    return quota;
}
#define READ(...) read_headers((const char *const[]){__VA_ARGS__, NULL})

static void assert_quota(struct quota q, int64_t limit, int64_t remaining, int64_t reset_ms, int64_t after_ms)
{
    assert_int_equal(q.limit, limit);
    assert_int_equal(q.remaining, remaining);
    assert_int_equal(q.reset_ms, reset_ms);
    assert_int_equal(q.after_ms, after_ms);
}

/* Headers of other things tell nothing. */
static void other_headers_are_no_quota(void **state)
{
    (void)state;
    assert_quota(READ("Date", "Wed, 21 Oct 2026 14:10:00 GMT", "Content-Type", "application/json",
                      "Referrer-Policy", "none", "x-amzn-RequestId", "7", "X-Robots-Tag", "none", "R", "1",
                      "", ""),
                 -1, -1, -1, -1);
}

/* The families of three headers each are read in any case of letters. */
static void families_of_headers_are_read(void **state)
{
    (void)state;
    assert_quota(
        READ("X-RateLimit-Limit", "5000", "X-RateLimit-Remaining", "4999", "X-RateLimit-Reset", "60"), 5000,
        4999, 60000, -1);
    assert_quota(READ("x-rate-limit-limit", "15", "x-rate-limit-remaining", "0", "x-rate-limit-reset", "1.5"),
                 15, 0, 1500, -1);
    assert_quota(
        READ("RATELIMIT-LIMIT", "100, 100;w=60", "RateLimit-Remaining", " 7 ", "ratelimit-reset", "30"), 100,
        7, 30000, -1);
    assert_quota(READ("ratelimit-limit", "100;w=21600", "ratelimit-remaining", "76;w=21600"), 100, 76, -1,
                 -1);
}

/* A reset is told by its size: from now, since 1970 in seconds or milliseconds, or a date. */
static void resets_are_told_by_their_size(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t reset_ms;
    } cases[] = {
        {"0", 0},
        {"86400", 86400000},
        {"1792591830", 30000},
        {"1792591830.250", 30250},
        {"1792591830123", 30123},
        {"1792591799", 0},
        {"Wed, 21 Oct 2026 14:11:00 GMT", 60000},
        {"2026-10-21T14:10:05Z", 5000},
        {"99999999", -1},
        {"9999999999", -1},
        {"999999999999999", -1},
        {"9999999999999999", -1},
        {"soon", -1},
        {"-5", -1},
        {"1e3", -1},
        {"", -1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_quota(READ("X-RateLimit-Remaining", "3", "X-RateLimit-Reset", cases[i].text), -1, 3,
                     cases[i].reset_ms, -1);
}

/* The provider's own clock is what its times since 1970 are compared with. */
static void a_wrong_clock_does_not_matter(void **state)
{
    (void)state;
    assert_quota(READ("X-RateLimit-Remaining", "0", "X-RateLimit-Reset", "1792595430", "Date",
                      "Wed, 21 Oct 2026 15:10:00 GMT"),
                 -1, 0, 30000, -1);
}

/* Both kinds of the RateLimit field are read, and a limit or window from its policy. */
static void the_fields_of_drafts_are_read(void **state)
{
    (void)state;
    assert_quota(READ("RateLimit", "limit=100, remaining=50, reset=5"), 100, 50, 5000, -1);
    assert_quota(READ("RateLimit", "\"default\";r=50;t=30"), -1, 50, 30000, -1);
    assert_quota(READ("RateLimit", "\"a\";r=8;t=9", "RateLimit-Policy", "\"b\";q=1;w=2, \"a\";q=40;w=60"), 40,
                 8, 9000, -1);
    assert_quota(READ("RateLimit", "\"a\";r=0", "RateLimit-Policy", "\"a\";q=40;w=60"), 40, 0, 60000, -1);
    assert_quota(READ("RateLimit", "\"a,b;c\\\"\";r=2;t=1, \"z\";pk=:eA==:;r=1;t=1"), -1, 1, 1000, -1);
}

/* Of several quotas the tightest counts: used up and longest so, then what lasts least. */
static void the_tightest_quota_counts(void **state)
{
    (void)state;
    assert_quota(READ("RateLimit", "\"burst\";r=90;t=60, \"daily\";r=0;t=3600, \"hourly\";r=0;t=60"), -1, 0,
                 3600000, -1);
    assert_quota(READ("RateLimit", "\"burst\";r=2;t=1, \"daily\";r=9;t=3600"), -1, 9, 3600000, -1);
    assert_quota(READ("RateLimit", "\"burst\";r=5;t=1, \"daily\";r=900;t=80000", "RateLimit-Policy",
                      "\"burst\";q=100;w=1, \"daily\";q=1000;w=86400"),
                 100, 5, 1000, -1);
    assert_quota(READ("X-RateLimit-Limit", "10", "X-RateLimit-Remaining", "10", "X-RateLimit-Reset", "1",
                      "x-ms-ratelimit-remaining-subscription-reads", "0"),
                 -1, 0, -1, -1);
}

/* Azure says what remains of several, and not until when. */
static void azure_says_what_remains(void **state)
{
    (void)state;
    assert_quota(READ("x-ms-ratelimit-remaining-subscription-reads", "11999"), -1, 11999, -1, -1);
    assert_quota(READ("x-ms-ratelimit-remaining-resource",
                      "Microsoft.Compute/HighCostGet3Min;159,Microsoft.Compute/HighCostGet30Min;12"),
                 -1, 12, -1, -1);
}

/* Retry-After is read in both forms, and stands beside what remains. */
static void retry_after_stands_beside(void **state)
{
    (void)state;
    assert_quota(READ("Retry-After", "7"), -1, -1, -1, 7000);
    assert_quota(READ("retry-after", "Wed, 21 Oct 2026 14:10:30 GMT"), -1, -1, -1, 30000);
    assert_quota(READ("X-RateLimit-Remaining", "0", "Retry-After", "7", "X-RateLimit-Reset", "9"), -1, 0,
                 9000, 7000);
    assert_quota(READ("Retry-After", "tomorrow"), -1, -1, -1, -1);
}

/* What can't be meant is not believed: too many digits, no number, a limit of 0, a limit alone. */
static void nonsense_is_not_told(void **state)
{
    (void)state;
    assert_quota(READ("X-RateLimit-Remaining", "9999999999999999"), -1, -1, -1, -1);
    assert_quota(READ("X-RateLimit-Remaining", "-1"), -1, -1, -1, -1);
    assert_quota(READ("X-RateLimit-Remaining", ""), -1, -1, -1, -1);
    assert_quota(READ("X-RateLimit-Limit", "0", "X-RateLimit-Remaining", "0", "X-RateLimit-Reset", "9"), -1,
                 -1, -1, -1);
    assert_quota(READ("X-RateLimit-Limit", "10"), -1, -1, -1, -1);
    assert_quota(READ("RateLimit", "\"unclosed;r=0;t=9"), -1, -1, -1, -1);
    assert_quota(READ("RateLimit", ",,;;=,"), -1, -1, -1, -1);
}

/* What remains is spread over the time to the reset only when it is little. */
static void little_is_spread(void **state)
{
    (void)state;
    assert_true(isinf(quota_rate(&(struct quota){60, 13, 3600000, -1})));
    assert_true(isinf(quota_rate(&(struct quota){60, 12, -1, -1})));
    assert_true(isinf(quota_rate(&(struct quota){-1, 11, 1000, -1})));
    assert_true(isinf(quota_rate(&(struct quota){60, -1, 1000, -1})));
    assert_true(fabs(quota_rate(&(struct quota){60, 12, 3600000, -1}) * 300 - 1) < 1e-3);
    assert_true(fabs(quota_rate(&(struct quota){-1, 10, 1999, -1}) - 5) < 1e-9);
    assert_true(quota_rate(&(struct quota){60, 0, 1000, -1}) <= 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(other_headers_are_no_quota),    cmocka_unit_test(families_of_headers_are_read),
        cmocka_unit_test(resets_are_told_by_their_size), cmocka_unit_test(a_wrong_clock_does_not_matter),
        cmocka_unit_test(the_fields_of_drafts_are_read), cmocka_unit_test(the_tightest_quota_counts),
        cmocka_unit_test(azure_says_what_remains),       cmocka_unit_test(retry_after_stands_beside),
        cmocka_unit_test(nonsense_is_not_told),          cmocka_unit_test(little_is_spread),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
