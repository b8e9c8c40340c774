/* When collections are harvested: order, phases, back-off; and that none is forgotten or twice under way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/check.h"
#include "worker/schedule/schedule.h"

enum { HIGH, NORMAL, LOW, MINUTE = 60000, HOUR = 60 * MINUTE };

static struct schedule_entry *next_at(struct schedule *s, int64_t now_ms)
{
    int64_t at_ms;
    return schedule_next(s, now_ms, &at_ms);
}

static void a_new_one_is_due_at_once(void **state)
{
    struct schedule s;
    struct schedule_entry a = {0};
    int64_t at_ms;
    (void)state;
    schedule_open(&s, 1);
    assert_null(schedule_next(&s, 0, &at_ms));
    assert_true(at_ms == INT64_MAX);
    schedule_add(&s, &a, MINUTE, NORMAL, INT64_MIN, 0, 1000);
    assert_ptr_equal(schedule_next(&s, 1000, &at_ms), &a);
    assert_null(schedule_next(&s, HOUR, &at_ms)); /* never twice at once */
    assert_true(at_ms == INT64_MAX && s.under_way == 1);
    schedule_close(&s);
}

/* It takes a phase first, and is then harvested once a period, or up to a tenth sooner. */
static void periods_are_kept(void **state)
{
    struct schedule s;
    struct schedule_entry a = {0};
    int64_t now_ms = 5, least = INT64_MAX, most = 0;
    (void)state;
    schedule_open(&s, 2);
    schedule_add(&s, &a, MINUTE, NORMAL, INT64_MIN, 0, now_ms);
    for (int i = 0; i < 1000; i++) {
        assert_ptr_equal(next_at(&s, now_ms), &a);
        schedule_ended(&s, &a, true, 0, now_ms + 200);
        int64_t wait_ms = schedule_due_ms(&a) - now_ms;
        assert_true(wait_ms >= 0 && wait_ms <= MINUTE);
        if (i) {
            least = wait_ms < least ? wait_ms : least;
            most = wait_ms > most ? wait_ms : most;
        }
        now_ms = schedule_due_ms(&a);
        assert_null(next_at(&s, now_ms - 1));
    }
    assert_true(least >= MINUTE - MINUTE / 10 && least < MINUTE - MINUTE / 11);
    assert_true(most > MINUTE - MINUTE / 100);
    schedule_close(&s);
}

/* What begins together is spread over the period. */
static void phases_are_spread(void **state)
{
    enum { COUNT = 10000, PARTS = 10 };
    struct schedule s;
    struct schedule_entry *entries = mem_zalloc(COUNT * sizeof *entries);
    int parts[PARTS] = {0};
    (void)state;
    schedule_open(&s, 3);
    for (int i = 0; i < COUNT; i++)
        schedule_add(&s, &entries[i], MINUTE, NORMAL, INT64_MIN, 0, 0);
    for (struct schedule_entry *entry; (entry = next_at(&s, 0));) {
        schedule_ended(&s, entry, true, 0, 0);
        if (schedule_due_ms(entry) == 0) /* its phase is this very moment */
            break;
    }
    for (int i = 0; i < COUNT; i++)
        parts[schedule_due_ms(&entries[i]) * PARTS / (MINUTE + 1)]++;
    for (int i = 1; i < PARTS; i++)
        assert_in_range(parts[i], COUNT / PARTS * 3 / 4, COUNT / PARTS * 5 / 4);
    schedule_close(&s);
    free(entries);
}

/* A restart keeps the phase: what was harvested before is due a period after that. */
static void a_restart_keeps_phases(void **state)
{
    struct schedule s;
    struct schedule_entry a = {0}, overdue = {0}, future = {0};
    (void)state;
    schedule_open(&s, 4);
    schedule_add(&s, &a, HOUR, NORMAL, -40 * MINUTE, 0, 0);
    assert_in_range(schedule_due_ms(&a), 14 * MINUTE, 20 * MINUTE);
    schedule_add(&s, &overdue, MINUTE, NORMAL, -40 * MINUTE, 0, 0);
    assert_ptr_equal(next_at(&s, 0), &overdue);
    schedule_add(&s, &future, HOUR, NORMAL, 5, 0, 0); /* a clock was set back */
    assert_ptr_equal(next_at(&s, 0), &future);
    schedule_close(&s);
}

static void failures_back_off(void **state)
{
    struct schedule s;
    struct schedule_entry a = {0}, daily = {0};
    const int64_t seconds[] = {30, 60, 120, 240, 480, 960, 1920, 3600, 3600};
    int64_t now_ms = 0;
    (void)state;
    schedule_open(&s, 5);
    schedule_add(&s, &a, 5 * MINUTE, NORMAL, INT64_MIN, 0, 0);
    for (size_t i = 0; i < sizeof seconds / sizeof *seconds; i++) {
        assert_ptr_equal(next_at(&s, now_ms), &a);
        now_ms += 700;
        schedule_ended(&s, &a, false, 0, now_ms);
        int64_t wait_ms = schedule_due_ms(&a) - now_ms;
        assert_in_range(wait_ms, seconds[i] * 900, seconds[i] * 1000);
        now_ms += wait_ms;
    }
    assert_ptr_equal(next_at(&s, now_ms), &a);
    schedule_ended(&s, &a, true, 0, now_ms); /* it is well again: its period counts */
    assert_true(schedule_due_ms(&a) <= now_ms + 5 * MINUTE && a.failures == 0);

    schedule_add(&s, &daily, 24 * (int64_t)HOUR, NORMAL, INT64_MIN, 20, now_ms);
    while (next_at(&s, now_ms) != &daily) {
    }
    schedule_ended(&s, &daily, false, 0, now_ms); /* never later than its period */
    assert_in_range(schedule_due_ms(&daily) - now_ms, 24 * (int64_t)HOUR * 9 / 10, 24 * (int64_t)HOUR);
    schedule_close(&s);
}

static void not_before_what_the_provider_said(void **state)
{
    struct schedule s;
    struct schedule_entry a = {0};
    (void)state;
    schedule_open(&s, 6);
    schedule_add(&s, &a, MINUTE, HIGH, INT64_MIN, 0, 0);
    next_at(&s, 0);
    schedule_ended(&s, &a, false, HOUR, 100);
    assert_true(schedule_due_ms(&a) == HOUR);
    schedule_close(&s);
}

static void an_overdue_high_one_goes_first(void **state)
{
    struct schedule s;
    struct schedule_entry low = {0}, normal = {0}, high = {0};
    (void)state;
    schedule_open(&s, 7);
    schedule_add(&s, &low, MINUTE, LOW, -10 * HOUR, 0, 0);
    schedule_add(&s, &normal, MINUTE, NORMAL, -5 * HOUR, 0, 0);
    schedule_add(&s, &high, MINUTE, HIGH, -2 * MINUTE, 0, 0);
    assert_ptr_equal(next_at(&s, 0), &high);
    assert_ptr_equal(next_at(&s, 0), &normal);
    assert_ptr_equal(next_at(&s, 0), &low);
    schedule_close(&s);
}

/* However many high ones are late, a low one has its turn. */
static void low_ones_are_not_forgotten(void **state)
{
    enum { HIGHS = 20 };
    struct schedule s;
    struct schedule_entry highs[HIGHS], low = {0};
    int64_t now_ms = 0;
    int lows = 0;
    (void)state;
    schedule_open(&s, 8);
    memset(highs, 0, sizeof highs);
    for (int i = 0; i < HIGHS; i++)
        schedule_add(&s, &highs[i], 10, HIGH, INT64_MIN, 0, 0);
    schedule_add(&s, &low, 1000, LOW, INT64_MIN, 0, 0);
    for (int i = 0; i < 10000; i++, now_ms += 10) { /* one at a time: half of what they'd need */
        struct schedule_entry *entry = next_at(&s, now_ms);
        assert_non_null(entry);
        lows += entry == &low;
        schedule_ended(&s, entry, true, 0, now_ms + 10);
    }
    assert_in_range(lows, 50, 110);
    schedule_close(&s);
}

static void now_means_now(void **state)
{
    struct schedule s;
    struct schedule_entry a = {0};
    (void)state;
    schedule_open(&s, 9);
    schedule_add(&s, &a, HOUR, NORMAL, -1, 0, 0);
    assert_null(next_at(&s, 0));
    schedule_now(&s, &a, 50);
    assert_ptr_equal(next_at(&s, 50), &a);
    schedule_now(&s, &a, 60); /* it is under way: once more */
    schedule_now(&s, &a, 70);
    assert_null(next_at(&s, 80));
    schedule_ended(&s, &a, true, 0, 90);
    assert_ptr_equal(next_at(&s, 90), &a);
    schedule_ended(&s, &a, true, 0, 95);
    assert_null(next_at(&s, 95));
    schedule_close(&s);
}

static void what_cannot_begin_is_put_back(void **state)
{
    struct schedule s;
    struct schedule_entry a = {0};
    (void)state;
    schedule_open(&s, 10);
    schedule_add(&s, &a, MINUTE, NORMAL, INT64_MIN, 3, 0);
    next_at(&s, 0);
    schedule_put_back(&s, &a, 777);
    assert_true(schedule_due_ms(&a) == 777 && a.failures == 3 && s.under_way == 0);
    schedule_close(&s);
}

static void they_can_go_at_any_time(void **state)
{
    struct schedule s;
    struct schedule_entry a = {0}, b = {0};
    int64_t at_ms;
    (void)state;
    schedule_open(&s, 11);
    schedule_remove(&s, &a);
    schedule_add(&s, &a, MINUTE, NORMAL, INT64_MIN, 0, 0);
    schedule_add(&s, &b, MINUTE, LOW, INT64_MIN, 0, 0);
    next_at(&s, 0);
    schedule_remove(&s, &a); /* under way */
    schedule_remove(&s, &b); /* waiting */
    assert_null(schedule_next(&s, HOUR, &at_ms));
    assert_true(at_ms == INT64_MAX && s.under_way == 0);
    schedule_add(&s, &a, MINUTE, NORMAL, INT64_MIN, 0, 5);
    assert_ptr_equal(next_at(&s, 5), &a);
    schedule_close(&s);
}

/* A model of a thread that has room for some at a time, over hours: each collection comes once a period, and
 * never later than what is before it takes. */
static void a_day_of_a_thousand(void **state)
{
    enum { COUNT = 1000, ROOM = 10, TAKES_MS = 100 };
    struct schedule s;
    struct schedule_entry *entries = mem_zalloc(COUNT * sizeof *entries);
    struct schedule_entry *under_way[ROOM] = {0};
    int64_t ends_ms[ROOM] = {0}, *last_ms = mem_zalloc(COUNT * sizeof *last_ms), worst_ms = 0;
    (void)state;
    schedule_open(&s, 12);
    for (int i = 0; i < COUNT; i++)
        schedule_add(&s, &entries[i], MINUTE, i % 3, INT64_MIN, 0, 0);
    for (int64_t now_ms = 0; now_ms < 2 * HOUR; now_ms += 10)
        for (int i = 0; i < ROOM; i++) {
            if (under_way[i] && ends_ms[i] <= now_ms) {
                schedule_ended(&s, under_way[i], true, 0, now_ms);
                under_way[i] = NULL;
            }
            if (under_way[i] || !(under_way[i] = next_at(&s, now_ms)))
                continue;
            ptrdiff_t which = under_way[i] - entries;
            if (now_ms > MINUTE && now_ms - last_ms[which] > worst_ms)
                worst_ms = now_ms - last_ms[which];
            last_ms[which] = now_ms;
            ends_ms[i] = now_ms + TAKES_MS;
        }
    assert_in_range(worst_ms, MINUTE - MINUTE / 10, MINUTE + 1000);
    schedule_close(&s);
    free(entries);
    free(last_ms);
}

/* docs/limits.md: a million collections in a schedule. */
static void it_is_small(void **state)
{
    (void)state;
    assert_true(sizeof(struct schedule_entry) + 2 * sizeof(struct heap_node *) <= 64);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_one_is_due_at_once),
        cmocka_unit_test(periods_are_kept),
        cmocka_unit_test(phases_are_spread),
        cmocka_unit_test(a_restart_keeps_phases),
        cmocka_unit_test(failures_back_off),
        cmocka_unit_test(not_before_what_the_provider_said),
        cmocka_unit_test(an_overdue_high_one_goes_first),
        cmocka_unit_test(low_ones_are_not_forgotten),
        cmocka_unit_test(now_means_now),
        cmocka_unit_test(what_cannot_begin_is_put_back),
        cmocka_unit_test(they_can_go_at_any_time),
        cmocka_unit_test(a_day_of_a_thousand),
        cmocka_unit_test(it_is_small),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
