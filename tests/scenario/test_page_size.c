/* Pages that keep failing are asked for in smaller pieces, and the next listings remember it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/limits.h"
#include "tests/scenario/lab.h"

#define SIZED(page)                                                                                          \
    "provider: lab\n"                                                                                        \
    "collections:\n"                                                                                         \
    "  - type: item\n"                                                                                       \
    "    request: {url: 'http://lab/items'}\n"                                                               \
    "    items: /items/*\n"                                                                                  \
    "    id: /id\n"                                                                                          \
    "    page: {" page ", size: {to: 'query:n', min: 2, max: 8}}\n"
#define BY_TOKEN  SIZED("style: token, from: 'body:/next', to: 'query:from'")
#define BY_OFFSET SIZED("style: offset, to: 'query:at'")
#define BY_NUMBER SIZED("style: number, to: 'query:page', last: 'body:/last'")

#define MINUTE INT64_C(60000)
#define DAY    (INT64_C(24) * 60 * MINUTE)

/* The diary without its times: retries wait at random. */
static void expect_told(struct lab *lab, const char *expected)
{
    struct buffer told = {0};
    for (const char *line = lab_diary(lab), *end; *line; line = end) {
        const char *text = strchr(line, ']') + 2;
        end = strchr(line, '\n') + 1;
        buffer_add_bytes(&told, (struct bytes){text, (size_t)(end - text)});
    }
    assert_string_equal(buffer_text(&told), expected);
    buffer_close(&told);
    lab_forget(lab);
}

static void breaks(struct lab *lab, int times)
{
    while (times--)
        lab_breaks(lab, ERR_TRANSFER, "the connection was cut");
}

/* The first page fails with 8 and 4; 2 brings it. The listing goes on so, and deletes nothing. */
static void a_page_is_asked_for_in_smaller_pieces(void **state)
{
    (void)state;
    struct lab *lab = lab_open(BY_TOKEN);
    lab_page(lab, "a b c d", "t");
    lab_page(lab, "e f", NULL);
    lab_harvest(lab, "item");
    lab_forget(lab);
    lab_pass(lab, 10 * MINUTE);
    lab_page(lab, "a b c d", "t");
    breaks(lab, 3);
    lab_answers(lab, 503, NULL, "");
    lab_breaks(lab, ERR_LIMIT, "a body of more than 64 MiB");
    lab_page(lab, "e", NULL);
    lab_harvest(lab, "item");
    expect_told(lab, "asks /items?n=8\n"
                     "asks /items?from=t&n=8\n"
                     "asks /items?from=t&n=8\n"
                     "asks /items?from=t&n=8\n"
                     "asks /items?from=t&n=4\n"
                     "asks /items?from=t&n=4\n"
                     "asks /items?from=t&n=2\n"
                     "complete, its page size had to change: pages of 8 items kept failing (transfer): "
                     "5 items on 2 pages\n");
    lab_expect_store(lab, "item", "a=1 b=1 c=1 d=1 e=1 f=1");
    lab_close(lab);
}

static void lists_two(struct lab *lab)
{
    lab_pass(lab, MINUTE);
    lab_page(lab, "a b", NULL);
    lab_harvest(lab, "item");
}

/* The next listings begin with the size that worked; after three it doubles, but lets what failed alone for a
 * day. */
static void the_next_listings_remember(void **state)
{
    (void)state;
    struct lab *lab = lab_open(BY_TOKEN);
    breaks(lab, 2 * LIMIT_PAGE_SIZE_TRIES);
    lab_page(lab, "a b", NULL);
    lab_harvest(lab, "item");
    lab_forget(lab);
    lab_reopen(lab);
    for (int i = 0; i < 4; i++)
        lists_two(lab);
    assert_true(lab_outcome(lab)->sound);
    expect_told(lab, "asks /items?n=2\ncomplete, sound: 2 items on 1 pages\n"
                     "asks /items?n=2\ncomplete, sound: 2 items on 1 pages\n"
                     "asks /items?n=2\ncomplete, sound: 2 items on 1 pages\n"
                     "asks /items?n=2\ncomplete, sound: 2 items on 1 pages\n");
    lab_pass(lab, DAY);
    for (int i = 0; i < 6; i++)
        lists_two(lab);
    expect_told(lab, "asks /items?n=2\ncomplete, sound: 2 items on 1 pages\n"
                     "asks /items?n=4\ncomplete, sound: 2 items on 1 pages\n"
                     "asks /items?n=4\ncomplete, sound: 2 items on 1 pages\n"
                     "asks /items?n=4\ncomplete, sound: 2 items on 1 pages\n"
                     "asks /items?n=8\ncomplete, sound: 2 items on 1 pages\n"
                     "asks /items?n=8\ncomplete, sound: 2 items on 1 pages\n");
    lab_close(lab);
}

/* With offsets the same place goes on with another size. */
static void offsets_go_on_where_they_were(void **state)
{
    (void)state;
    struct lab *lab = lab_open(BY_OFFSET);
    lab_page(lab, "a b c d e f g h", NULL);
    breaks(lab, LIMIT_PAGE_SIZE_TRIES);
    lab_page(lab, "i j", NULL);
    lab_page(lab, "", NULL);
    lab_harvest(lab, "item");
    assert_true(lab_outcome(lab)->complete && !lab_outcome(lab)->sound);
    assert_non_null(strstr(lab_diary(lab), "asks /items?at=8&n=4\n"));
    assert_non_null(strstr(lab_diary(lab), "asks /items?at=10&n=4\n"));
    lab_close(lab);
}

/* What fails at every size says nothing of sizes: the least one has all its tries, and nothing is remembered.
 */
static void an_outage_is_no_matter_of_size(void **state)
{
    (void)state;
    struct lab *lab = lab_open(BY_TOKEN);
    breaks(lab, 2 * LIMIT_PAGE_SIZE_TRIES + LIMIT_TRIES);
    lab_harvest(lab, "item");
    assert_int_equal(lab_outcome(lab)->error.code, ERR_TRANSFER);
    lab_forget(lab);
    lists_two(lab);
    expect_told(lab, "asks /items?n=8\n"
                     "initially created a\n"
                     "initially created b\n"
                     "status listed\n"
                     "status recovered\n"
                     "complete, sound: 2 items on 1 pages\n");
    lab_close(lab);
}

/* Page numbers mean other items with another size: the harvest fails after all its tries, and the next one
 * begins with half. */
static void numbers_begin_again(void **state)
{
    (void)state;
    struct lab *lab = lab_open(BY_NUMBER);
    lab_answers(lab, 200, NULL, "{\"items\":[{\"id\":\"a\",\"v\":1}],\"last\":2}");
    breaks(lab, LIMIT_TRIES);
    lab_harvest(lab, "item");
    assert_false(lab_outcome(lab)->complete);
    assert_int_equal(lab_outcome(lab)->page, 2);
    lab_forget(lab);
    lab_pass(lab, MINUTE);
    lab_answers(lab, 200, NULL, "{\"items\":[{\"id\":\"a\",\"v\":1}],\"last\":1}");
    lab_harvest(lab, "item");
    assert_true(lab_outcome(lab)->sound);
    assert_non_null(strstr(lab_diary(lab), "asks /items?page=1&n=4\n"));
    lab_close(lab);
}

/* An answer that has nothing to do with size is no reason for a smaller one. */
static void other_errors_leave_the_size_alone(void **state)
{
    (void)state;
    struct lab *lab = lab_open(BY_TOKEN);
    for (int i = 0; i < LIMIT_TRIES - 1; i++)
        lab_answers(lab, 429, NULL, "");
    lab_page(lab, "a", NULL);
    lab_harvest(lab, "item");
    assert_true(lab_outcome(lab)->sound);
    assert_null(strstr(lab_diary(lab), "n=4"));
    lab_answers(lab, 403, NULL, "");
    lab_harvest(lab, "item");
    assert_int_equal(lab_outcome(lab)->error.code, ERR_DENIED);
    assert_null(strstr(lab_diary(lab), "n=4"));
    lab_close(lab);
}

/* Without `size` there is nothing to halve: all tries are made as ever. */
static void without_a_size_nothing_changes(void **state)
{
    (void)state;
    struct lab *lab = lab_open("provider: lab\n"
                               "collections:\n"
                               "  - type: item\n"
                               "    request: {url: 'http://lab/items'}\n"
                               "    items: /items/*\n"
                               "    id: /id\n");
    breaks(lab, LIMIT_TRIES - 1);
    lab_page(lab, "a", NULL);
    lab_harvest(lab, "item");
    assert_true(lab_outcome(lab)->sound);
    lab_close(lab);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_page_is_asked_for_in_smaller_pieces),
        cmocka_unit_test(the_next_listings_remember),
        cmocka_unit_test(offsets_go_on_where_they_were),
        cmocka_unit_test(an_outage_is_no_matter_of_size),
        cmocka_unit_test(numbers_begin_again),
        cmocka_unit_test(other_errors_leave_the_size_alone),
        cmocka_unit_test(without_a_size_nothing_changes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
