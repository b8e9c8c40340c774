/* Several workers' statuses put together: what is counted adds up, what isn't is the worst of all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/random.h"
#include "proto/status.h"

enum { WORKERS = 5, TROUBLES = 200, MANY = 300 };

struct lab {
    struct arena arena;
    struct random random;
};

static int setup(void **state)
{
    static struct lab lab;
    lab = (struct lab){0};
    random_seed(&lab.random, 11);
    *state = &lab;
    return 0;
}

static int teardown(void **state)
{
    struct lab *lab = *state;
    arena_close(&lab->arena);
    return 0;
}

static uint64_t below(struct lab *lab, uint64_t bound)
{
    return random_below(&lab->random, bound);
}

/* Worst first, as every status has them. */
static const struct status_trouble *some_troubles(struct lab *lab, uint32_t count)
{
    struct status_trouble *troubles = arena_zalloc(&lab->arena, (count + (size_t)1) * sizeof *troubles);
    enum trouble kind = TROUBLE_UNREACHABLE;
    for (uint32_t i = 0; i < count; i++) {
        while (kind + 1 < TROUBLE_COUNT && below(lab, count) < TROUBLE_COUNT)
            kind++;
        troubles[i] = (struct status_trouble){
            .key = {.provider = BYTES("p"), .account = BYTES("a"), .type = BYTES("t")},
            .kind = kind,
            .since_ms = (int64_t)below(lab, 1000),
            .cause = below(lab, 2) ? "a cause" : NULL};
    }
    return troubles;
}

static struct status some_status(struct lab *lab)
{
    struct status s = {
        .time_ms = 1000 + (int64_t)below(lab, 1000),
        .started_ms = 1 + (int64_t)below(lab, 1000),
        .scheduled = true,
        .collections = below(lab, 100),
        .resources = below(lab, 1000),
        .states = {below(lab, 9), below(lab, 9), below(lab, 9)},
        .troubled = {[TROUBLE_HELD] = below(lab, 9)},
        .work = {.sound = below(lab, 99), .tiers = {below(lab, 99)}, .failed = {[ERR_DENIED] = 1}},
        .window_ms = 10000,
        .window_requests = below(lab, 999),
        .accounts = below(lab, 20),
        .accounts_failed = below(lab, 20),
        .breakers_open = below(lab, 3),
        .trouble_count = (uint32_t)below(lab, TROUBLES),
        .left_out = below(lab, 3)};
    s.ages[1] = (struct status_age){.collections = s.collections,
                                    .oldest_ms = (int64_t)below(lab, 9999),
                                    .p99_ms = (int64_t)below(lab, 9999),
                                    .counts = {below(lab, 9), below(lab, 9)}};
    s.ages[1].oldest_period_ms = 2 * s.ages[1].oldest_ms; /* so that it can be told whose it is */
    s.troubles = some_troubles(lab, s.trouble_count);
    return s;
}

static int64_t greater(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static void check_sums(const struct status *all, const struct status *each)
{
    struct status sum = {0};
    for (int i = 0; i < WORKERS; i++) {
        sum.collections += each[i].collections;
        sum.resources += each[i].resources;
        sum.states[2] += each[i].states[2];
        sum.troubled[TROUBLE_HELD] += each[i].troubled[TROUBLE_HELD];
        sum.work.sound += each[i].work.sound;
        sum.work.tiers[0] += each[i].work.tiers[0];
        sum.work.failed[ERR_DENIED] += each[i].work.failed[ERR_DENIED];
        sum.window_requests += each[i].window_requests;
        sum.breakers_open += each[i].breakers_open;
        sum.ages[1].counts[1] += each[i].ages[1].counts[1];
        sum.left_out += each[i].left_out + each[i].trouble_count;
        sum.accounts = (uint64_t)greater((int64_t)sum.accounts, (int64_t)each[i].accounts);
        sum.ages[1].oldest_ms = greater(sum.ages[1].oldest_ms, each[i].ages[1].oldest_ms);
        sum.ages[1].p99_ms = greater(sum.ages[1].p99_ms, each[i].ages[1].p99_ms);
        sum.time_ms = greater(sum.time_ms, each[i].time_ms);
        sum.started_ms = -greater(-each[i].started_ms, sum.started_ms ? -sum.started_ms : INT64_MIN + 1);
    }
    assert_int_equal(all->collections, sum.collections);
    assert_int_equal(all->resources, sum.resources);
    assert_int_equal(all->states[2], sum.states[2]);
    assert_int_equal(all->troubled[TROUBLE_HELD], sum.troubled[TROUBLE_HELD]);
    assert_int_equal(all->work.sound, sum.work.sound);
    assert_int_equal(all->work.tiers[0], sum.work.tiers[0]);
    assert_int_equal(all->work.failed[ERR_DENIED], sum.work.failed[ERR_DENIED]);
    assert_int_equal(all->window_requests, sum.window_requests);
    assert_int_equal(all->breakers_open, sum.breakers_open);
    assert_int_equal(all->ages[1].counts[1], sum.ages[1].counts[1]);
    assert_int_equal(all->left_out + all->trouble_count, sum.left_out);
    assert_int_equal(all->accounts, sum.accounts);
    assert_int_equal(all->ages[1].oldest_ms, sum.ages[1].oldest_ms);
    assert_int_equal(all->ages[1].oldest_period_ms, 2 * sum.ages[1].oldest_ms);
    assert_int_equal(all->ages[1].p99_ms, sum.ages[1].p99_ms);
    assert_int_equal(all->time_ms, sum.time_ms);
    assert_int_equal(all->started_ms, sum.started_ms);
    assert_true(all->scheduled);
}

/* Whatever workers say, counts are their sums, ages and times the worst, and troubles are worst first and not
 * too many. */
static void merged_is_sum_or_worst(void **state)
{
    struct lab *lab = *state;
    for (int round = 0; round < MANY; round++) {
        struct status all = {0}, each[WORKERS];
        for (int i = 0; i < WORKERS; i++) {
            each[i] = some_status(lab);
            status_merge(&lab->arena, &all, &each[i]);
        }
        check_sums(&all, each);
        assert_true(all.trouble_count <= LIMIT_STATUS_TROUBLES);
        for (uint32_t i = 1; i < all.trouble_count; i++)
            assert_true(all.troubles[i - 1].kind <= all.troubles[i].kind);
        arena_reset(&lab->arena);
    }
}

/* Rates of windows of different lengths add up. */
static void rates_add_up(void **state)
{
    struct lab *lab = *state;
    struct status all = {0};
    const struct status young = {.time_ms = 1, .window_ms = 1000, .window_requests = 5},
                        old = {.time_ms = 1, .window_ms = 10000, .window_requests = 100};
    status_merge(&lab->arena, &all, &young);
    status_merge(&lab->arena, &all, &old);
    assert_int_equal(all.window_ms, 10000);
    assert_int_equal(all.window_requests, 150); /* 5 and 10 a second */
}

/* Texts are kept when what they were read from is gone. */
static void texts_are_copied(void **state)
{
    struct lab *lab = *state;
    char account[] = "a1", cause[] = "why";
    struct status all = {0};
    const struct status_trouble trouble = {
        .key = {.provider = BYTES("p"), .account = bytes_of(account), .type = BYTES("t")}, .cause = cause};
    const struct status one = {.time_ms = 1, .troubles = &trouble, .trouble_count = 1};
    status_merge(&lab->arena, &all, &one);
    account[0] = cause[0] = '?';
    assert_true(bytes_is(all.troubles[0].key.account, "a1"));
    assert_null(all.troubles[0].key.region.data);
    assert_string_equal(all.troubles[0].cause, "why");
}

/* A cluster of which not all is harvested isn't well, whatever its workers say. */
static void what_lacks_parts_is_not_well(void **state)
{
    (void)state;
    struct status status = {.time_ms = 1};
    assert_true(status_is_well(&status));
    status.lacks_parts = true;
    assert_false(status_is_well(&status));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(merged_is_sum_or_worst, setup, teardown),
        cmocka_unit_test_setup_teardown(rates_add_up, setup, teardown),
        cmocka_unit_test_setup_teardown(texts_are_copied, setup, teardown),
        cmocka_unit_test(what_lacks_parts_is_not_well),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
