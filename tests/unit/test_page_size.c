/* Page sizes: how they fall, and how they come back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/limits.h"
#include "worker/provider/page_size.h"

#define HOUR INT64_C(3600000)
#define DAY  (24 * HOUR)

static struct page_def sized(uint64_t min, uint64_t max, uint64_t default_)
{
    return (struct page_def){
        .style = PAGE_TOKEN, .has_size = true, .size = {.min = min, .max = max, .default_ = default_}};
}

/* A listing begins with the definition's size, or with a smaller one that was found out, within what the
 * definition says today. */
static void a_listing_begins_with_what_is_known(void **state)
{
    (void)state;
    struct page_def def = sized(10, 1000, 400), plain = {.style = PAGE_TOKEN};
    struct page_size known = {.size = 200, .failed = 400};
    assert_int_equal(page_size_first(&def, NULL), 400);
    assert_int_equal(page_size_first(&def, &(struct page_size){0}), 400);
    assert_int_equal(page_size_first(&def, &known), 200);
    known.size = 5;
    assert_int_equal(page_size_first(&def, &known), 10);
    known.size = 500;
    assert_int_equal(page_size_first(&def, &known), 400);
    def.size.default_ = 0;
    assert_int_equal(page_size_first(&def, NULL), 1000);
    assert_int_equal(page_size_first(&plain, &known), 0);
}

/* Sizes are halved, down to the least one and not below. */
static void sizes_are_halved(void **state)
{
    (void)state;
    struct page_def def = sized(30, 100, 100), from_one = sized(1, 5, 5), plain = {.style = PAGE_TOKEN};
    assert_int_equal(page_size_smaller(&def, 100), 50);
    assert_int_equal(page_size_smaller(&def, 50), 30);
    assert_int_equal(page_size_smaller(&def, 30), 0);
    assert_int_equal(page_size_smaller(&from_one, 5), 2);
    assert_int_equal(page_size_smaller(&from_one, 2), 1);
    assert_int_equal(page_size_smaller(&from_one, 1), 0);
    assert_int_equal(page_size_smaller(&plain, 0), 0);
}

/* Which failures may come from the size: no answer, too much of one, or a server that broke over it. */
static void failures_are_told_apart(void **state)
{
    (void)state;
    assert_true(page_size_is_suspect(ERR_TRANSFER, false) && page_size_is_suspect(ERR_LIMIT, false));
    assert_true(page_size_is_suspect(ERR_SERVER, true));
    assert_false(page_size_is_suspect(ERR_CONNECT, false) || page_size_is_suspect(ERR_RESOLVE, false));
    assert_false(page_size_is_suspect(ERR_THROTTLED, true) || page_size_is_suspect(ERR_DENIED, true));
    assert_false(page_size_is_suspect(ERR_LIMIT, true)); /* too deep, say */
    struct page_def def = {.style = PAGE_LINK};
    assert_false(page_size_is_free(&def));
    def.style = PAGE_MARKER;
    assert_true(page_size_is_free(&def));
}

static void list(struct page_size *known, const struct page_def *def, int times, int64_t wall_ms)
{
    while (times--)
        page_size_listed(known, def, wall_ms);
}

/* Three complete listings double it; what failed is let alone for a day; at the definition's size all is
 * forgotten. */
static void sizes_come_back(void **state)
{
    (void)state;
    struct page_def def = sized(1, 1000, 800);
    struct page_size known = {0};
    page_size_failed(&known, 400, 100, 0);
    list(&known, &def, 2, HOUR);
    assert_int_equal(known.size, 100);
    list(&known, &def, 1, HOUR);
    assert_int_equal(known.size, 200);
    list(&known, &def, 20, DAY - 1);
    assert_int_equal(known.size, 200);
    list(&known, &def, 1, DAY);
    assert_int_equal(known.size, 400);
    assert_int_equal(known.failed, 400);
    list(&known, &def, 3, DAY);
    assert_true(known.size == 0 && known.failed == 0 && known.failed_ms == 0 && known.listed == 0);
    list(&known, &def, 3, DAY);
    assert_int_equal(known.size, 0);
}

/* A size that fails again is let alone for another day; the count begins anew. */
static void a_failure_begins_anew(void **state)
{
    (void)state;
    struct page_def def = sized(1, 800, 800);
    struct page_size known = {0};
    page_size_failed(&known, 800, 400, 0);
    list(&known, &def, 2, HOUR);
    page_size_failed(&known, 400, 200, HOUR);
    list(&known, &def, 2, DAY + HOUR);
    assert_int_equal(known.size, 200);
    list(&known, &def, 1, DAY + HOUR);
    assert_int_equal(known.size, 400);
}

/* A clock that was set back, and a definition that was edited, keep nothing small for ever. */
static void nothing_stays_small_for_ever(void **state)
{
    (void)state;
    struct page_def def = sized(1, 800, 800), edited = sized(1, 100, 100);
    struct page_size known = {0};
    page_size_failed(&known, 800, 400, 40 * DAY);
    list(&known, &def, 3, DAY);
    assert_int_equal(known.size, 0);
    page_size_failed(&known, 800, 400, DAY);
    list(&known, &edited, 1, DAY);
    assert_int_equal(known.size, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_listing_begins_with_what_is_known),
        cmocka_unit_test(sizes_are_halved),
        cmocka_unit_test(failures_are_told_apart),
        cmocka_unit_test(sizes_come_back),
        cmocka_unit_test(a_failure_begins_anew),
        cmocka_unit_test(nothing_stays_small_for_ever),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
