/* Tally: what is counted, how old things are, and that the worst is kept however much is wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/random.h"
#include "worker/status/tally.h"

enum { S = 1000, ONE_PRIORITY = 1000, MANY = 5000, MOST = 10 };
#define NOW INT64_C(1800000000000)

static struct tally tally;

static struct tally_entry entry_of(const char *type, int64_t age_ms)
{
    return (struct tally_entry){
        .key = {.provider = BYTES("p"), .account = BYTES("a"), .type = bytes_of(type)},
        .priority = 1,
        .period_ms = 60 * S,
        .good_ms = age_ms < 0 ? 0 : NOW - age_ms,
        .rows = 10,
    };
}

static void ages_are_those_of_the_last_good_harvest(void **state)
{
    (void)state;
    for (int i = 1; i <= ONE_PRIORITY; i++) { /* 1 s to 1,000 s, in no order */
        struct tally_entry entry = entry_of("t", (int64_t)(i * 7 % ONE_PRIORITY + 1) * S);
        tally_add(&tally, &entry);
    }
    struct tally_entry never = entry_of("t", -1);
    tally_add(&tally, &never);
    const struct status_age *age = &tally_end(&tally)->ages[1];
    assert_int_equal(age->collections, ONE_PRIORITY + 1);
    assert_int_equal(age->never, 1);
    assert_int_equal(age->oldest_ms, ONE_PRIORITY * S);
    assert_int_equal(age->oldest_period_ms, 60 * S);
    assert_in_range(age->p99_ms, 990 * S, 990 * S * 17 / 16);
    assert_int_equal(age->counts[0], 1); /* up to 1 s */
    assert_int_equal(age->counts[1], 4); /* up to 5 s */
    assert_int_equal(age->sum_ms, (int64_t)ONE_PRIORITY * (ONE_PRIORITY + 1) / 2 * S);
    assert_int_equal(age->late, ONE_PRIORITY - 3 * 60);
}

/* Whatever the ages are, the percentile is none that more than one in a hundred exceed, and at most a
 * sixteenth larger than need be. */
static void a_percentile_is_right_within_a_sixteenth(void **state)
{
    (void)state;
    struct random random;
    random_seed(&random, 11);
    for (int round = 0; round < 50; round++) {
        int64_t ages[200], p99;
        int above = 0, at_least = 0;
        tally_close(&tally);
        tally_begin(&tally, NOW, MOST);
        for (int i = 0; i < 200; i++) {
            ages[i] = (int64_t)(random_u64(&random) >> (24 + random_u64(&random) % 39));
            struct tally_entry entry = entry_of("t", ages[i]);
            tally_add(&tally, &entry);
        }
        p99 = tally_end(&tally)->ages[1].p99_ms;
        for (int i = 0; i < 200; i++) {
            above += ages[i] > p99;
            at_least += ages[i] >= p99 - p99 / 16;
        }
        assert_true(above <= 2);
        assert_true(at_least >= 2);
    }
}

static void a_collection_without_a_period_is_never_late(void **state)
{
    (void)state;
    struct tally_entry entry = entry_of("t", 1000000 * (int64_t)S);
    entry.period_ms = 0;
    entry.priority = TALLY_UNKNOWN;
    tally_add(&tally, &entry);
    assert_int_equal(tally_end(&tally)->ages[TALLY_UNKNOWN].late, 0);
    assert_true(status_is_well(&tally.status));
}

static void each_trouble_counts_and_being_late_only_by_itself(void **state)
{
    (void)state;
    struct tally_entry entry = entry_of("well", 180 * S), late = entry_of("late", 181 * S);
    tally_add(&tally, &entry);
    tally_add(&tally, &late);
    entry = entry_of("denied", 1000 * S);
    entry.is_unreachable = true;
    entry.unreachable_since_ms = 5;
    entry.error = ERR_DENIED;
    entry.cause = "HTTP 403";
    entry.held = 7;
    entry.quarantined = 2;
    entry.next_ms = NOW + S;
    tally_add(&tally, &entry);
    entry = entry_of("gone", 1);
    entry.is_unwatched = entry.is_unreachable = true;
    tally_add(&tally, &entry);
    const struct status *s = tally_end(&tally);
    assert_int_equal(s->collections, 3);
    assert_int_equal(s->unwatched, 1);
    assert_int_equal(s->resources, 30);
    assert_int_equal(s->trouble_count, 4);
    assert_int_equal(s->troubles[0].kind, TROUBLE_UNREACHABLE);
    assert_string_equal(s->troubles[0].cause, "HTTP 403");
    assert_int_equal(s->troubles[0].error, ERR_DENIED);
    assert_int_equal(s->troubles[0].next_ms, NOW + S);
    assert_int_equal(s->troubles[1].kind, TROUBLE_HELD);
    assert_int_equal(s->troubles[1].count, 7);
    assert_null(s->troubles[1].cause);
    assert_int_equal(s->troubles[2].kind, TROUBLE_QUARANTINED);
    assert_int_equal(s->troubles[3].kind, TROUBLE_STALE);
    assert_true(bytes_is(s->troubles[3].key.type, "late"));
    assert_false(status_is_well(s));
}

static void of_many_troubles_the_worst_are_kept_and_the_others_counted(void **state)
{
    (void)state;
    char type[16];
    for (int i = 0; i < MANY; i++) {
        snprintf(type, sizeof type, "t%04d", (i * 7) % MANY);
        struct tally_entry entry = entry_of(type, 0);
        entry.held = 1;
        if (i == MANY / 2)
            entry.is_unreachable = true;
        tally_add(&tally, &entry);
    }
    const struct status *s = tally_end(&tally);
    assert_int_equal(s->trouble_count, MOST);
    assert_int_equal(s->left_out, MANY + 1 - MOST);
    assert_int_equal(s->troubled[TROUBLE_HELD], MANY);
    assert_int_equal(s->troubles[0].kind, TROUBLE_UNREACHABLE);
    for (int i = 1; i < MOST; i++) {
        snprintf(type, sizeof type, "t%04d", i - 1);
        assert_true(bytes_is(s->troubles[i].key.type, type));
    }
    assert_true(tally.arena.total < 1 << 20);
}

static void what_harvests_came_to_adds_up(void **state)
{
    (void)state;
    const struct receipt sound = {.complete = true,
                                  .sound = true,
                                  .created = 1,
                                  .updated = 2,
                                  .unchanged = 10,
                                  .tier1 = 5,
                                  .tier2 = 3,
                                  .requests = 4,
                                  .bytes = 100,
                                  .ended_ms = 9},
                         failed = {.error = ERR_THROTTLED, .requests = 5, .ended_ms = 9},
                         unmodified = {.complete = true, .sound = true, .ended_ms = 9, .unmodified_ms = 10};
    tally_add_receipt(&tally, &sound, 13);
    tally_add_receipt(&tally, &failed, 13);
    tally_add_receipt(&tally, &unmodified, 7);
    const struct status_work *work = &tally.status.work;
    static const uint64_t tiers[STATUS_TIERS] = {7, 5, 3, 2, 3};
    assert_memory_equal(work->tiers, tiers, sizeof tiers);
    assert_int_equal(work->items, 20);
    assert_int_equal(work->requests, 9);
    assert_int_equal(work->sound, 1);
    assert_int_equal(work->unmodified, 1);
    assert_int_equal(work->failed_all, 1);
    assert_int_equal(work->failed[ERR_THROTTLED], 1);
}

static int begin(void **state)
{
    (void)state;
    tally_begin(&tally, NOW, MOST);
    return 0;
}

static int end(void **state)
{
    (void)state;
    tally_close(&tally);
    return 0;
}

#define TALLY_TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TALLY_TEST(ages_are_those_of_the_last_good_harvest),
        TALLY_TEST(a_percentile_is_right_within_a_sixteenth),
        TALLY_TEST(a_collection_without_a_period_is_never_late),
        TALLY_TEST(each_trouble_counts_and_being_late_only_by_itself),
        TALLY_TEST(of_many_troubles_the_worst_are_kept_and_the_others_counted),
        TALLY_TEST(what_harvests_came_to_adds_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
