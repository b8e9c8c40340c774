/* Budget: how many failed requests may be tried again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/limits.h"
#include "worker/fetch/budget.h"

static unsigned take_all(struct budget *budget, int64_t now_ms)
{
    unsigned count = 0;
    while (budget_take(budget, now_ms))
        count++;
    return count;
}

/* It begins with its minimum, and gets that each minute, in steps. */
static void time_gives_a_minimum(void **state)
{
    (void)state;
    struct budget budget = {0};
    assert_int_equal(take_all(&budget, 5000), LIMIT_BUDGET_MIN);
    assert_int_equal(take_all(&budget, 5000 + 60000 / LIMIT_BUDGET_MIN - 1), 0);
    assert_int_equal(take_all(&budget, 5000 + 60000 / LIMIT_BUDGET_MIN), 1);
    assert_int_equal(take_all(&budget, 65000), LIMIT_BUDGET_MIN - 1);
}

/* Requests give a tenth of a retry each. */
static void requests_give_a_share(void **state)
{
    (void)state;
    struct budget budget = {0};
    take_all(&budget, 0);
    for (int i = 0; i < 99; i++)
        budget_asked(&budget, 0);
    assert_int_equal(take_all(&budget, 0), 99 * LIMIT_BUDGET_PERCENT / 100);
    budget_asked(&budget, 0);
    assert_int_equal(take_all(&budget, 0), 1);
}

/* No more can be saved up than the maximum, and a clock that jumps back gives nothing. */
static void savings_are_bounded(void **state)
{
    (void)state;
    struct budget budget = {0};
    for (int i = 0; i < 100000; i++)
        budget_asked(&budget, 1000);
    assert_int_equal(take_all(&budget, INT64_MAX / 2), LIMIT_BUDGET_MAX);
    assert_int_equal(take_all(&budget, 0), 0);
}

/* A provider that fails everything is asked by few more than by as many that go well. */
static void a_dead_provider_is_not_hammered(void **state)
{
    (void)state;
    struct budget budget = {0};
    unsigned asked = 0, again = 0;
    for (int64_t now_ms = 0; now_ms < 600000; now_ms += 100) {
        budget_asked(&budget, now_ms);
        asked++;
        for (int tries = 1; tries < LIMIT_TRIES && budget_take(&budget, now_ms); tries++)
            again++;
    }
    assert_in_range(again, asked / 10, asked / 10 + 11 * LIMIT_BUDGET_MIN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(time_gives_a_minimum),
        cmocka_unit_test(requests_give_a_share),
        cmocka_unit_test(savings_are_bounded),
        cmocka_unit_test(a_dead_provider_is_not_hammered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
