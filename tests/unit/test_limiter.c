/* Limiter: who may go when. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/limits.h"
#include "common/random.h"
#include "worker/fetch/limiter.h"

static int open_limiter(void **state)
{
    *state = limiter_open(1);
    return 0;
}

static int close_limiter(void **state)
{
    limiter_close(*state);
    return 0;
}

static struct limiter_ticket ticket_of(struct bucket *first, struct bucket *second)
{
    return (struct limiter_ticket){.first = first, .second = second};
}

/* How many of those that wait may go now; `*at_ms` as limiter_next gives it at last. */
static unsigned drain(struct limiter *limiter, int64_t now_ms, int64_t *at_ms)
{
    unsigned count = 0;
    while (limiter_next(limiter, now_ms, at_ms))
        count++;
    return count;
}

/* A bucket is made once, with the limits that it was first asked with. */
static void bucket_is_found_by_its_key(void **state)
{
    struct limiter *limiter = *state;
    struct bucket *buckets[1000];
    char key[32];
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 1000; i++) {
            int len = snprintf(key, sizeof key, "key %d", i);
            struct bucket *bucket = limiter_bucket(limiter, (struct bytes){key, (size_t)len}, round, 0, 0);
            if (round)
                assert_ptr_equal(bucket, buckets[i]);
            buckets[i] = bucket;
        }
    }
    assert_ptr_not_equal(limiter_bucket(limiter, BYTES(""), 0, 0, 0), buckets[0]);
}

/* Without a rate only concurrency counts: the default, until somebody is done. */
static void concurrency_bounds_what_is_under_way(void **state)
{
    struct limiter *limiter = *state;
    struct bucket *bucket = limiter_bucket(limiter, BYTES("k"), 0, 0, 0);
    struct limiter_ticket tickets[LIMIT_TRANSFERS_PER_KEY + 2];
    int64_t at_ms;
    for (size_t i = 0; i < LIMIT_TRANSFERS_PER_KEY + 2; i++) {
        tickets[i] = ticket_of(bucket, NULL);
        limiter_ask(limiter, &tickets[i]);
    }
    for (size_t i = 0; i < LIMIT_TRANSFERS_PER_KEY; i++)
        assert_ptr_equal(limiter_next(limiter, 0, &at_ms), &tickets[i]);
    assert_null(limiter_next(limiter, 1000000, &at_ms));
    assert_int_equal(at_ms, INT64_MAX);
    limiter_done(limiter, &tickets[3]);
    assert_ptr_equal(limiter_next(limiter, 0, &at_ms), &tickets[LIMIT_TRANSFERS_PER_KEY]);
    assert_null(limiter_next(limiter, 0, &at_ms));
}

/* A bucket lets its burst go at once, then one each 1/rate seconds, and says when. */
static void rate_spaces_requests(void **state)
{
    struct limiter *limiter = *state;
    struct bucket *bucket = limiter_bucket(limiter, BYTES("k"), 4, 3, 100);
    struct limiter_ticket tickets[20];
    int64_t at_ms;
    for (int i = 0; i < 20; i++) {
        tickets[i] = ticket_of(bucket, NULL);
        limiter_ask(limiter, &tickets[i]);
    }
    assert_int_equal(drain(limiter, 10000, &at_ms), 3);
    assert_int_equal(at_ms, 10250);
    assert_int_equal(drain(limiter, 10249, &at_ms), 0);
    assert_int_equal(at_ms, 10250);
    for (int64_t now_ms = 10250; now_ms <= 11000; now_ms += 250)
        assert_int_equal(drain(limiter, now_ms, &at_ms), 1);
    assert_int_equal(drain(limiter, 100000, &at_ms), 3); /* a long rest fills no more than the burst */
}

/* Tenths add up: over a minute at 0.3 a second, 18 go, however often one asks. */
static void rates_add_up(void **state)
{
    struct limiter *limiter = *state;
    struct bucket *bucket = limiter_bucket(limiter, BYTES("k"), 0.3, 1, 100);
    struct limiter_ticket tickets[40];
    int64_t at_ms, now_ms = 1;
    unsigned gone = 0;
    for (int i = 0; i < 40; i++) {
        tickets[i] = ticket_of(bucket, NULL);
        limiter_ask(limiter, &tickets[i]);
    }
    for (; now_ms <= 60001; now_ms++)
        gone += drain(limiter, now_ms, &at_ms);
    assert_int_equal(gone, 19); /* the burst, and 18 */
}

/* A rate that no whole milliseconds fit is kept all the same. */
static void high_rates_are_kept(void **state)
{
    struct limiter *limiter = *state;
    struct bucket *bucket = limiter_bucket(limiter, BYTES("k"), 700, 1, 10000);
    struct limiter_ticket *tickets = calloc(2000, sizeof *tickets);
    int64_t at_ms, now_ms = 1;
    unsigned gone = 0;
    for (int i = 0; i < 2000; i++) {
        tickets[i] = ticket_of(bucket, NULL);
        limiter_ask(limiter, &tickets[i]);
    }
    for (; now_ms <= 2001; now_ms = at_ms)
        gone += drain(limiter, now_ms, &at_ms);
    assert_in_range(gone, 1395, 1402);
    limiter_close(limiter);
    free(tickets);
    *state = limiter_open(1);
}

/* A request with two buckets waits for both, and meanwhile holds up nobody in either. */
static void waiting_elsewhere_holds_nobody_up(void **state)
{
    struct limiter *limiter = *state;
    struct bucket *wide = limiter_bucket(limiter, BYTES("provider"), 0, 0, 2);
    struct bucket *slow = limiter_bucket(limiter, BYTES("collection"), 1, 1, 10);
    struct limiter_ticket a = ticket_of(wide, slow), b = ticket_of(wide, slow), c = ticket_of(wide, NULL);
    int64_t at_ms;
    limiter_ask(limiter, &a);
    limiter_ask(limiter, &b);
    limiter_ask(limiter, &c);
    assert_non_null(limiter_next(limiter, 1000, &at_ms));
    assert_non_null(limiter_next(limiter, 1000, &at_ms));
    assert_false(a.waiting);
    assert_true(b.waiting);
    assert_false(c.waiting);
    assert_null(limiter_next(limiter, 2000, &at_ms)); /* slow lets b now, wide doesn't */
    limiter_done(limiter, &c);
    assert_ptr_equal(limiter_next(limiter, 2000, &at_ms), &b);
    limiter_done(limiter, &a);
    limiter_done(limiter, &b);
}

/* The other way round: a full provider of one account holds up no other account in a shared bucket. */
static void full_bucket_holds_up_only_its_own(void **state)
{
    struct limiter *limiter = *state;
    struct bucket *full = limiter_bucket(limiter, BYTES("account 1"), 0, 0, 1);
    struct bucket *free_one = limiter_bucket(limiter, BYTES("account 2"), 0, 0, 1);
    struct bucket *shared = limiter_bucket(limiter, BYTES("shared"), 0, 0, 2);
    struct limiter_ticket a = ticket_of(full, NULL), b = ticket_of(full, shared),
                          c = ticket_of(free_one, shared);
    int64_t at_ms;
    limiter_ask(limiter, &a);
    assert_ptr_equal(limiter_next(limiter, 0, &at_ms), &a);
    limiter_ask(limiter, &b);
    limiter_ask(limiter, &c);
    assert_ptr_equal(limiter_next(limiter, 0, &at_ms), &c);
    assert_null(limiter_next(limiter, 0, &at_ms));
    limiter_done(limiter, &a);
    assert_ptr_equal(limiter_next(limiter, 0, &at_ms), &b);
}

/* One whose two buckets are never open at the same moment goes all the same, before long. */
static void nobody_starves(void **state)
{
    struct limiter *limiter = *state;
    struct bucket *one = limiter_bucket(limiter, BYTES("one"), 0, 0, 1);
    struct bucket *two = limiter_bucket(limiter, BYTES("two"), 0, 0, 1);
    struct limiter_ticket crowd[2][2] = {{ticket_of(one, NULL), ticket_of(one, NULL)},
                                         {ticket_of(two, NULL), ticket_of(two, NULL)}};
    struct limiter_ticket poor[2] = {ticket_of(one, two), ticket_of(two, one)};
    int64_t at_ms;
    for (int side = 0; side < 2; side++) {
        limiter_ask(limiter, &crowd[side][0]);
        assert_ptr_equal(limiter_next(limiter, 0, &at_ms), &crowd[side][0]);
    }
    limiter_ask(limiter, &poor[0]);
    limiter_ask(limiter, &poor[1]);
    int running[2] = {0, 0}, rounds = 0;
    for (; rounds < 200 && (poor[0].waiting || poor[1].waiting); rounds++) {
        int side = rounds % 2; /* one request ends at a time, and the next of its kind waits already */
        if (running[side] < 0) {
            assert_null(limiter_next(limiter, 0, &at_ms));
            continue;
        }
        struct limiter_ticket *ends = &crowd[side][running[side]];
        if (!crowd[side][!running[side]].waiting)
            limiter_ask(limiter, &crowd[side][!running[side]]);
        limiter_done(limiter, ends);
        running[side] = -1;
        for (struct limiter_ticket *ticket; (ticket = limiter_next(limiter, 0, &at_ms));) {
            if (ticket == &poor[0] || ticket == &poor[1])
                limiter_done(limiter, ticket);
            else
                running[ticket >= crowd[1]] = (int)((ticket - crowd[0]) % 2);
        }
    }
    assert_in_range(rounds, LIMIT_LIMITER_PASSES / 2, 199);
}

/* A ticket that is taken back frees what it held; taking back one that doesn't wait is nothing. */
static void cancelled_tickets_leave_no_trace(void **state)
{
    struct limiter *limiter = *state;
    struct bucket *bucket = limiter_bucket(limiter, BYTES("k"), 1, 1, 1);
    struct limiter_ticket a = ticket_of(bucket, NULL), b = ticket_of(bucket, NULL),
                          c = ticket_of(bucket, NULL);
    int64_t at_ms;
    limiter_cancel(limiter, &a);
    limiter_ask(limiter, &a);
    limiter_ask(limiter, &b);
    limiter_cancel(limiter, &a);
    assert_ptr_equal(limiter_next(limiter, 0, &at_ms), &b);
    limiter_cancel(limiter, &b);
    limiter_ask(limiter, &c);
    limiter_done(limiter, &b);
    assert_null(limiter_next(limiter, 0, &at_ms));
    assert_int_equal(at_ms, 1000);
    limiter_cancel(limiter, &c);
    assert_null(limiter_next(limiter, 0, &at_ms));
    assert_int_equal(at_ms, INT64_MAX); /* nobody waits for that token */
}

/* A made-up load of many buckets and tickets, from a seed. */
struct load {
    struct limiter *limiter;
    struct random random;
    struct bucket *buckets[8];
    uint32_t concurrency[8], running[8];
    double rate[8], burst[8];
    uint64_t gone[8];
    struct limiter_ticket *tickets;
    bool *under_way;
    size_t count, ended;
};

static int index_of(const struct load *load, const struct bucket *bucket)
{
    for (int i = 0; i < 8; i++)
        if (bucket && load->buckets[i] == bucket)
            return i;
    return -1;
}

static void let_go(struct load *load, struct limiter_ticket *ticket, int64_t now_ms)
{
    int sides[2] = {index_of(load, ticket->first), index_of(load, ticket->second)};
    for (int i = 0; i < 2; i++) {
        int at = sides[i];
        if (at < 0 || (i == 1 && sides[0] == sides[1]))
            continue;
        assert_in_range(++load->running[at], 1, load->concurrency[at]);
        load->gone[at]++;
        if (load->rate[at] > 0)
            assert_true((double)load->gone[at] <=
                        load->burst[at] + (double)(now_ms + 1) * load->rate[at] / 1000 + 1e-6);
    }
    load->under_way[ticket - load->tickets] = true;
}

static void end_some(struct load *load)
{
    for (size_t i = 0; i < load->count; i++) {
        if (!load->under_way[i] || random_below(&load->random, 3))
            continue;
        struct limiter_ticket *ticket = &load->tickets[i];
        limiter_done(load->limiter, ticket);
        load->running[index_of(load, ticket->first)]--;
        if (ticket->second && ticket->second != ticket->first)
            load->running[index_of(load, ticket->second)]--;
        load->under_way[i] = false;
        load->ended++;
    }
}

static void run_load(uint64_t seed)
{
    struct load load = {.limiter = limiter_open(1), .count = 300};
    int64_t now_ms = 0, at_ms;
    random_seed(&load.random, seed);
    load.tickets = calloc(load.count, sizeof *load.tickets);
    load.under_way = calloc(load.count, sizeof *load.under_way);
    for (int i = 0; i < 8; i++) {
        char key[2] = {(char)('a' + i), 0};
        load.concurrency[i] = 1 + (uint32_t)random_below(&load.random, 4);
        load.rate[i] = (double)random_below(&load.random, 4) * 7.3;
        load.burst[i] = 1 + (double)random_below(&load.random, 3);
        load.buckets[i] = limiter_bucket(load.limiter, bytes_of(key), load.rate[i], load.burst[i],
                                         load.concurrency[i]);
    }
    for (size_t i = 0, asked = 0; load.ended < load.count; i++) {
        assert_in_range(i, 0, 100000);
        for (int n = 0; n < 5 && asked < load.count; n++, asked++) {
            uint64_t second = random_below(&load.random, 12);
            load.tickets[asked] = ticket_of(load.buckets[random_below(&load.random, 8)],
                                            second < 8 ? load.buckets[second] : NULL);
            limiter_ask(load.limiter, &load.tickets[asked]);
            if (random_below(&load.random, 10) == 0) {
                limiter_cancel(load.limiter, &load.tickets[asked]);
                load.ended++;
            }
        }
        for (struct limiter_ticket *ticket; (ticket = limiter_next(load.limiter, now_ms, &at_ms));)
            let_go(&load, ticket, now_ms);
        end_some(&load);
        now_ms += (int64_t)random_below(&load.random, 50);
    }
    for (int i = 0; i < 8; i++)
        assert_int_equal(load.running[i], 0);
    free(load.tickets);
    free(load.under_way);
    limiter_close(load.limiter);
}

/* Whatever the load: no bucket goes beyond its limits, and everybody goes in the end. */
static void limits_hold_under_any_load(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 200; seed++)
        run_load(seed);
}

/* Thousands that wait for hundreds of buckets cost next to nothing while those are shut. */
static void shut_buckets_cost_nothing(void **state)
{
    struct limiter *limiter = *state;
    enum { BUCKETS = 500, EACH = 100 };
    struct limiter_ticket *tickets = calloc(BUCKETS * EACH, sizeof *tickets);
    int64_t at_ms;
    char key[32];
    for (int i = 0; i < BUCKETS * EACH; i++) {
        int len = snprintf(key, sizeof key, "%d", i % BUCKETS);
        tickets[i] = ticket_of(limiter_bucket(limiter, (struct bytes){key, (size_t)len}, 0.001, 1, 1), NULL);
        limiter_ask(limiter, &tickets[i]);
    }
    assert_int_equal(drain(limiter, 1, &at_ms), BUCKETS);
    for (int64_t i = 0; i < 1000000; i++)
        assert_null(limiter_next(limiter, 1, &at_ms));
    limiter_close(limiter);
    free(tickets);
    *state = limiter_open(1);
}

/* Edited limits hold for whoever waits already. */
static void limits_can_be_edited(void **state)
{
    struct limiter *limiter = *state;
    struct limiter_ticket tickets[6];
    struct bucket *bucket = limiter_bucket(limiter, BYTES("k"), 0, 0, 1);
    int64_t at_ms;
    for (int i = 0; i < 6; i++) {
        tickets[i] = ticket_of(bucket, NULL);
        limiter_ask(limiter, &tickets[i]);
    }
    assert_int_equal(drain(limiter, 1, &at_ms), 1);
    limiter_bucket(limiter, BYTES("k"), 0, 0, 3); /* not edited: the first ones count */
    assert_int_equal(drain(limiter, 2, &at_ms), 0);
    limiter_renew(limiter);
    assert_ptr_equal(limiter_bucket(limiter, BYTES("k"), 0, 0, 3), bucket);
    assert_int_equal(drain(limiter, 3, &at_ms), 2);
    limiter_bucket(limiter, BYTES("k"), 0, 0, 6);
    assert_int_equal(drain(limiter, 4, &at_ms), 0);
    limiter_renew(limiter);
    limiter_bucket(limiter, BYTES("k"), 1, 1, 6); /* one a second now */
    assert_int_equal(drain(limiter, 5, &at_ms), 1);
    assert_int_equal(drain(limiter, 500, &at_ms), 0);
    assert_int_equal(drain(limiter, 1100, &at_ms), 1);
    for (int i = 0; i < 6; i++)
        limiter_cancel(limiter, &tickets[i]);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_limiter, close_limiter)
    const struct CMUnitTest tests[] = {
        TEST(bucket_is_found_by_its_key),
        TEST(concurrency_bounds_what_is_under_way),
        TEST(rate_spaces_requests),
        TEST(rates_add_up),
        TEST(waiting_elsewhere_holds_nobody_up),
        TEST(full_bucket_holds_up_only_its_own),
        TEST(nobody_starves),
        TEST(cancelled_tickets_leave_no_trace),
        TEST(high_rates_are_kept),
        TEST(limits_hold_under_any_load),
        TEST(shut_buckets_cost_nothing),
        TEST(limits_can_be_edited),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
