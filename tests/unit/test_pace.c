/* Pace: a bucket finds out how fast its provider lets it go. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <math.h>

#include "common/limits.h"
#include "worker/fetch/limiter.h"

static const struct heard well = {.verdict = VERDICT_WELL}, throttled = {.verdict = VERDICT_THROTTLED};

static struct heard told(enum verdict verdict, struct quota quota)
{
    return (struct heard){.verdict = verdict, .has_quota = true, .quota = quota};
}

/* `rate` requests a second go and go well, from `*now_ms` on. */
static void go_well(struct pace *pace, double rate, int64_t *now_ms, int64_t for_ms)
{
    struct random random = {{1, 2, 3, 4}};
    double due = 0;
    for (int64_t end_ms = *now_ms + for_ms; *now_ms < end_ms; ++*now_ms)
        for (due += rate / 1000; due >= 1; due--) {
            pace_went(pace, *now_ms);
            pace_heard(pace, &well, *now_ms, *now_ms + 1, &random);
        }
}

static void assert_about(double value, double expected)
{
    assert_true(value >= expected * 0.95 && value <= expected * 1.05);
}

/* A burst of refusals counts once: those that went before the cut, and those within a second. */
static void a_burst_of_refusals_counts_once(void **state)
{
    (void)state;
    struct random random = {{1, 2, 3, 4}};
    struct pace pace;
    int64_t now_ms = 1000;
    pace_open(&pace, 40, 10, 8);
    go_well(&pace, 40, &now_ms, 3000);
    assert_true(pace_heard(&pace, &throttled, now_ms - 50, now_ms, &random));
    assert_about(pace_rate(&pace, now_ms), 20);
    assert_int_equal(pace.concurrency, 4);
    for (int i = 0; i < 100; i++)
        assert_false(pace_heard(&pace, &throttled, now_ms - 40, now_ms + 5000, &random));
    assert_false(pace_heard(&pace, &throttled, now_ms + 1, now_ms + PACE_CUT_MS - 1, &random));
    assert_about(pace_rate(&pace, now_ms), 20);
    assert_true(pace_heard(&pace, &throttled, now_ms + 1, now_ms + PACE_CUT_MS, &random));
    assert_int_equal(pace.concurrency, 2);
}

/* However often it is refused, some requests go. */
static void there_is_a_floor(void **state)
{
    (void)state;
    struct random random = {{1, 2, 3, 4}};
    static const double rates[] = {0, 50, 0.02};
    for (int i = 0; i < 3; i++) {
        struct pace pace;
        pace_open(&pace, rates[i], 1, 8);
        for (int64_t now_ms = 0; now_ms < 100 * PACE_CUT_MS; now_ms += PACE_CUT_MS)
            pace_heard(&pace, &throttled, now_ms, now_ms, &random);
        double least = i == 2 ? 0.02 : PACE_RATE_MIN;
        assert_true(fabs(pace_rate(&pace, 100 * PACE_CUT_MS) - least) < 1e-9);
        assert_int_equal(pace.concurrency, 1);
        assert_true(pace_burst(&pace) >= 1);
    }
}

/* It comes back to the configured rate and concurrency, and never goes beyond. */
static void it_grows_back_to_what_is_configured(void **state)
{
    (void)state;
    struct random random = {{1, 2, 3, 4}};
    struct pace pace;
    int64_t now_ms = 1000;
    pace_open(&pace, 40, 10, 8);
    go_well(&pace, 40, &now_ms, 3000);
    pace_heard(&pace, &throttled, now_ms, now_ms, &random);
    go_well(&pace, 20, &now_ms, 6000);
    assert_in_range((uint64_t)pace_rate(&pace, now_ms), 35, 38);
    go_well(&pace, 36, &now_ms, 30000);
    assert_true(pace_rate(&pace, now_ms) < 40);
    go_well(&pace, 40, &now_ms, 300000);
    assert_true(fabs(pace_rate(&pace, now_ms) - 40) < 1e-9);
    assert_int_equal(pace.concurrency, 8);
    assert_false(pace.slowed);
}

/* Without a configured rate there is none; one is learnt from what went, and forgotten when it is outgrown.
 */
static void a_rate_is_learnt_and_forgotten(void **state)
{
    (void)state;
    struct random random = {{1, 2, 3, 4}};
    struct pace pace;
    int64_t now_ms = 1000;
    pace_open(&pace, 0, 1, 64);
    go_well(&pace, 100, &now_ms, 5000);
    assert_true(pace_rate(&pace, now_ms) <= 0);
    pace_heard(&pace, &throttled, now_ms, now_ms, &random);
    assert_about(pace_rate(&pace, now_ms), 50);
    go_well(&pace, 100, &now_ms, 300000);
    assert_true(pace_rate(&pace, now_ms) > 400);
    go_well(&pace, 100, &now_ms, PACE_FREE_MS);
    assert_true(pace_rate(&pace, now_ms) <= 0);
    go_well(&pace, 100, &now_ms, 2000000); /* at once more is tried seldom, and found in the end */
    assert_int_equal(pace.concurrency, 64);
}

/* A rate that was never used is no evidence: what went counts, but one refusal after a rest isn't all. */
static void what_was_used_is_cut(void **state)
{
    (void)state;
    struct random random = {{1, 2, 3, 4}};
    struct pace pace;
    int64_t now_ms = 1000;
    pace_open(&pace, 100, 1, 8);
    go_well(&pace, 60, &now_ms, 5000);
    pace_heard(&pace, &throttled, now_ms, now_ms, &random);
    assert_about(pace_rate(&pace, now_ms), 30);
    pace_open(&pace, 100, 1, 8);
    go_well(&pace, 1, &now_ms, 5000);
    pace_heard(&pace, &throttled, now_ms, now_ms, &random);
    assert_about(pace_rate(&pace, now_ms), 12.5);
}

/* Retry-After pauses, with a random time on top, and no longer than the limit. */
static void retry_after_pauses(void **state)
{
    (void)state;
    struct random random = {{1, 2, 3, 4}};
    int64_t least = INT64_MAX, most = 0;
    for (int i = 0; i < 1000; i++) {
        struct pace pace;
        struct heard heard = told(VERDICT_THROTTLED, (struct quota){-1, -1, -1, 60000});
        pace_open(&pace, 0, 1, 8);
        pace_heard(&pace, &heard, 0, 1000, &random);
        assert_true(pace_paused(&pace, 60999));
        least = pace.paused_ms < least ? pace.paused_ms : least;
        most = pace.paused_ms > most ? pace.paused_ms : most;
        assert_false(pace_paused(&pace, pace.paused_ms));
        heard.quota.after_ms = INT64_MAX;
        pace_heard(&pace, &heard, 0, 1000, &random);
        assert_in_range(pace.paused_ms, 1000 + LIMIT_PAUSE_MS,
                        1000 + LIMIT_PAUSE_MS * 11 / 10 + PACE_JITTER_MS);
    }
    assert_in_range(least, 61000, 61500);
    assert_in_range(most, 66500, 67050);
}

/* On an answer that went well it has another meaning. */
static void retry_after_of_an_accepted_request_is_none(void **state)
{
    (void)state;
    struct random random = {{1, 2, 3, 4}};
    struct heard heard = told(VERDICT_WELL, (struct quota){-1, -1, -1, 60000});
    struct pace pace;
    pace_open(&pace, 0, 1, 8);
    pace_heard(&pace, &heard, 0, 1000, &random);
    assert_false(pace_paused(&pace, 1000));
}

/* Nothing remaining pauses until the reset; little is spread; plenty is let go. */
static void what_remains_is_made_to_last(void **state)
{
    (void)state;
    struct random random = {{1, 2, 3, 4}};
    struct pace pace;
    struct heard none = told(VERDICT_WELL, (struct quota){100, 0, 20000, -1}),
                 little = told(VERDICT_WELL, (struct quota){100, 20, 40000, -1}),
                 plenty = told(VERDICT_WELL, (struct quota){100, 80, 40000, -1}),
                 unknown = told(VERDICT_WELL, (struct quota){100, 0, -1, -1});
    pace_open(&pace, 0, 1, 8);
    pace_heard(&pace, &plenty, 0, 0, &random);
    assert_true(pace_rate(&pace, 0) <= 0);
    pace_heard(&pace, &little, 0, 0, &random);
    assert_about(pace_rate(&pace, 0), 0.5);
    assert_true(pace_rate(&pace, 40000) <= 0);
    pace_heard(&pace, &plenty, 0, 0, &random);
    assert_true(pace_rate(&pace, 0) <= 0);
    pace_heard(&pace, &none, 0, 0, &random);
    assert_true(pace_paused(&pace, 19999));
    assert_false(pace_paused(&pace, 20000 + 2000 + PACE_JITTER_MS));
    assert_true(pace_heard(&pace, &unknown, 0, 0, &random)); /* as if it were throttled */
}

/* --- against a model of a server, with the limiter --- */

enum { CLIENTS = 200 };

/* A server with a bucket of its own, and some clients that want all they can get. */
struct model {
    struct limiter *limiter;
    struct bucket *bucket;
    struct random random;
    struct limiter_ticket tickets[CLIENTS];
    int64_t answer_ms[CLIENTS]; /* when it comes; 0: none is under way */
    bool refused[CLIENTS];
    double limit, burst, tokens; /* the server's */
    int64_t now_ms;
    uint64_t sent, served, throttled;
};

static void serve(struct model *m, struct limiter_ticket *ticket)
{
    size_t i = (size_t)(ticket - m->tickets);
    m->sent++;
    m->refused[i] = m->tokens < 1;
    m->tokens -= m->refused[i] ? 0 : 1;
    m->answer_ms[i] = m->now_ms + 20 + (int64_t)random_below(&m->random, 60);
}

static void take_answers(struct model *m)
{
    for (size_t i = 0; i < CLIENTS; i++) {
        if (!m->answer_ms[i] || m->answer_ms[i] > m->now_ms)
            continue;
        m->answer_ms[i] = 0;
        m->throttled += m->refused[i];
        m->served += !m->refused[i];
        limiter_heard(m->limiter, &m->tickets[i], m->refused[i] ? &throttled : &well, m->now_ms);
        limiter_done(m->limiter, &m->tickets[i]);
        limiter_ask(m->limiter, &m->tickets[i]);
    }
}

static void pass(struct model *m, int64_t for_ms)
{
    m->sent = m->served = m->throttled = 0;
    for (int64_t end_ms = m->now_ms + for_ms; m->now_ms < end_ms; m->now_ms += 5) {
        int64_t at_ms;
        m->tokens = fmin(m->tokens + m->limit * 5 / 1000, m->burst);
        take_answers(m);
        for (struct limiter_ticket *ticket; (ticket = limiter_next(m->limiter, m->now_ms, &at_ms));)
            serve(m, ticket);
    }
}

/* Settled: throttled in less than 2 of 100, and at least 0.8 of what is allowed is used. */
static void assert_settled(struct model *m, int64_t for_ms)
{
    pass(m, for_ms);
    assert_true((double)m->throttled < 0.02 * (double)m->sent);
    assert_true((double)m->served > 0.8 * m->limit * (double)for_ms / 1000);
}

static void run_model(uint64_t seed, double limit, double configured, uint32_t concurrency)
{
    struct model m = {.limiter = limiter_open(seed), .limit = limit, .burst = fmax(limit, 1), .now_ms = 1};
    random_seed(&m.random, seed);
    m.bucket = limiter_bucket(m.limiter, BYTES("k"), configured, fmax(1, configured / 10), concurrency);
    for (size_t i = 0; i < CLIENTS; i++) {
        m.tickets[i].first = m.bucket;
        limiter_ask(m.limiter, &m.tickets[i]);
    }
    pass(&m, 180000);
    assert_settled(&m, 600000);
    m.limit *= 2;
    m.burst *= 2;
    pass(&m, 300000);
    assert_settled(&m, 600000);
    m.limit /= 4;
    m.burst /= 4;
    pass(&m, 180000);
    assert_settled(&m, 600000);
    limiter_close(m.limiter);
}

/* A hidden limit is found and kept to, whatever it is, whether or not a (higher) rate is configured; it is
 * found again when it has doubled, and when it has fallen to a quarter. */
static void a_hidden_limit_is_found(void **state)
{
    (void)state;
    static const double limits[] = {2, 10, 50, 300};
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        run_model(i + 1, limits[i], 0, 64);
        run_model(i + 9, limits[i], limits[i] * 5, 64);
    }
}

/* Sees one bucket. */
static void note_view(void *context, const struct bucket_view *view)
{
    *(struct bucket_view *)context = *view;
}

/* A pause holds up the whole bucket and no other, and a bucket says how it is doing. */
static void a_pause_is_the_buckets(void **state)
{
    (void)state;
    struct limiter *limiter = limiter_open(1);
    struct bucket *one = limiter_bucket(limiter, BYTES("one"), 0, 0, 2);
    struct limiter_ticket a = {.first = one}, b = {.first = one};
    struct heard heard = told(VERDICT_THROTTLED, (struct quota){-1, -1, -1, 5000});
    struct bucket_view view = {.running = 7};
    int64_t at_ms;
    heard.again = true;
    limiter_ask(limiter, &a);
    assert_ptr_equal(limiter_next(limiter, 1000, &at_ms), &a);
    limiter_heard(limiter, &a, &heard, 1100);
    limiter_done(limiter, &a);
    limiter_ask(limiter, &a);
    limiter_ask(limiter, &b);
    assert_null(limiter_next(limiter, 1100, &at_ms));
    assert_in_range(at_ms, 6100, 6650);
    limiter_each(limiter, 1100, note_view, &view);
    assert_true(bytes_is(view.key, "one"));
    assert_int_equal(view.requests, 1);
    assert_int_equal(view.throttled, 1);
    assert_int_equal(view.again, 1);
    assert_int_equal(view.running, 0);
    assert_int_equal(view.waiting, 2);
    assert_int_equal(view.concurrency, 1);
    assert_int_equal(view.base_concurrency, 2);
    assert_true(view.rate > 0 && view.base_rate <= 0);
    assert_int_equal(view.paused_ms, at_ms);
    struct limiter_ticket c = {.first = limiter_bucket(limiter, BYTES("two"), 0, 0, 2)};
    limiter_ask(limiter, &c);
    assert_ptr_equal(limiter_next(limiter, 1100, &at_ms), &c);
    assert_null(limiter_next(limiter, at_ms - 1, &at_ms));
    assert_null(limiter_next(limiter, at_ms - 1, &at_ms));
    assert_non_null(limiter_next(limiter, at_ms + 2000, &at_ms));
    limiter_cancel(limiter, &a);
    limiter_cancel(limiter, &b);
    limiter_close(limiter);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_burst_of_refusals_counts_once),
        cmocka_unit_test(there_is_a_floor),
        cmocka_unit_test(it_grows_back_to_what_is_configured),
        cmocka_unit_test(a_rate_is_learnt_and_forgotten),
        cmocka_unit_test(what_was_used_is_cut),
        cmocka_unit_test(retry_after_pauses),
        cmocka_unit_test(retry_after_of_an_accepted_request_is_none),
        cmocka_unit_test(what_remains_is_made_to_last),
        cmocka_unit_test(a_hidden_limit_is_found),
        cmocka_unit_test(a_pause_is_the_buckets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
