/* A harvest: what it creates, updates and deletes, and what it leaves alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/scenario/lab.h"

#define LISTED                                                                                               \
    "provider: lab\n"                                                                                        \
    "auth: {kind: none}\n"                                                                                   \
    "collections:\n"                                                                                         \
    "  - type: item\n"                                                                                       \
    "    request: {url: 'http://lab/items'}\n"                                                               \
    "    items: /items/*\n"                                                                                  \
    "    id: /id\n"                                                                                          \
    "    page: {style: token, from: 'body:/next', to: 'query:from'}\n"

static const char plain[] = LISTED;

static struct lab *lab_with_four(const char *yaml)
{
    struct lab *lab = lab_open(yaml);
    lab_page(lab, "a b", "2");
    lab_page(lab, "c d", NULL);
    lab_harvest(lab, "item");
    lab_forget(lab);
    return lab;
}

/* The first listing creates everything as initial, and says once that the collection is listed. */
static void first_listing_is_initial(void **state)
{
    (void)state;
    struct lab *lab = lab_open(plain);
    lab_page(lab, "a b", "2");
    lab_page(lab, "c", NULL);
    lab_harvest(lab, "item");
    lab_expect(lab, "[    0] asks /items\n"
                    "[    0] asks /items?from=2\n"
                    "[    0] initially created a\n"
                    "[    0] initially created b\n"
                    "[    0] initially created c\n"
                    "[    0] status listed\n"
                    "[    0] complete, sound: 3 items on 2 pages\n");
    lab_expect_store(lab, "item", "a=1 b=1 c=1");
    lab_close(lab);
}

/* A listing that finds what is known says nothing. */
static void unchanged_listing_is_silent(void **state)
{
    (void)state;
    struct lab *lab = lab_with_four(plain);
    lab_reopen(lab);
    lab_page(lab, "b a c d", NULL);
    lab_harvest(lab, "item");
    lab_expect(lab, "[    0] asks /items\n"
                    "[    0] complete, sound: 4 items on 1 pages\n");
    lab_close(lab);
}

/* A change comes with the patch that makes it; a new resource after the first listing isn't initial. */
static void changes_are_told(void **state)
{
    (void)state;
    struct lab *lab = lab_with_four(plain);
    lab_page(lab, "new a=2 b c d", NULL);
    lab_harvest(lab, "item");
    lab_expect(lab, "[    0] asks /items\n"
                    "[    0] created new\n"
                    "[    0] updated a [{\"op\":\"replace\",\"path\":\"/v\",\"value\":2}]\n"
                    "[    0] complete, sound: 5 items on 1 pages\n");
    lab_expect_store(lab, "item", "a=2 b=1 c=1 d=1 new=1");
    lab_close(lab);
}

/* A sound listing deletes what it misses, and the delete names its receipt. */
static void sound_listing_deletes(void **state)
{
    (void)state;
    struct lab *lab = lab_with_four(plain);
    lab_page(lab, "a b", "2");
    lab_page(lab, "d", NULL);
    lab_harvest(lab, "item");
    lab_expect(lab, "[    0] asks /items\n"
                    "[    0] asks /items?from=2\n"
                    "[    0] deleted c\n"
                    "        by 3-1-2\n"
                    "[    0] complete, sound: 3 items on 2 pages\n");
    lab_expect_store(lab, "item", "a=1 b=1 d=1");
    lab_close(lab);
}

/* A harvest that fails half-way keeps what it saw, deletes nothing, and says once that it can't be read. */
static void failure_keeps_and_deletes_nothing(void **state)
{
    (void)state;
    struct lab *lab = lab_with_four(plain);
    lab_page(lab, "a=5 e", "2");
    lab_answers(lab, 403, NULL, "no");
    lab_harvest(lab, "item");
    lab_expect(
        lab,
        "[    0] asks /items\n"
        "[    0] asks /items?from=2\n"
        "[    0] updated a [{\"op\":\"replace\",\"path\":\"/v\",\"value\":5}]\n"
        "[    0] created e\n"
        "[    0] status unreachable\n"
        "[    0] failed on page 2: denied: HTTP 403 ('no'): allow the account's credentials to read this\n");
    lab_pass(lab, 1000);
    lab_answers(lab, 403, NULL, "no");
    lab_harvest(lab, "item");
    lab_expect(
        lab,
        "[ 1000] asks /items?from=2\n"
        "[ 1000] failed on page 2: denied: HTTP 403 ('no'): allow the account's credentials to read this\n");
    lab_expires(lab);
    lab_page(lab, "a=5 b c d e", NULL);
    lab_harvest(lab, "item");
    lab_expect(lab, "[ 1000] asks /items?from=2\n"
                    "[ 1000] asks /items\n"
                    "[ 1000] status recovered\n"
                    "[ 1000] complete, sound: 5 items on 1 pages\n");
    lab_expect_store(lab, "item", "a=5 b=1 c=1 d=1 e=1");
    lab_close(lab);
}

/* A page that repeats under a fresh token ends the listing as a loop, and deletes nothing. */
static void repeated_page_is_a_loop(void **state)
{
    (void)state;
    struct lab *lab = lab_with_four(plain);
    lab_page(lab, "a b", "x");
    lab_page(lab, "a b", "y");
    lab_harvest(lab, "item");
    assert_int_equal(lab_outcome(lab)->error.code, ERR_LOOP);
    assert_int_equal(lab_outcome(lab)->page, 2);
    lab_expect_store(lab, "item", "a=1 b=1 c=1 d=1");
    lab_close(lab);
}

/* A token seen before ends the listing as a loop. */
static void repeated_token_is_a_loop(void **state)
{
    (void)state;
    struct lab *lab = lab_with_four(plain);
    lab_page(lab, "a b", "2");
    lab_page(lab, "c", "2");
    lab_harvest(lab, "item");
    assert_int_equal(lab_outcome(lab)->error.code, ERR_LOOP);
    lab_expect_store(lab, "item", "a=1 b=1 c=1 d=1");
    lab_close(lab);
}

/* Two items with one id and different content: the first is kept, nothing is deleted, and it is said. */
static void one_id_twice_is_not_sound(void **state)
{
    (void)state;
    struct lab *lab = lab_with_four(plain);
    lab_page(lab, "a b=7", "2");
    lab_page(lab, "c b=8", NULL);
    lab_harvest(lab, "item");
    lab_expect(
        lab,
        "[    0] asks /items\n"
        "[    0] asks /items?from=2\n"
        "[    0] updated b [{\"op\":\"replace\",\"path\":\"/v\",\"value\":7}]\n"
        "[    0] complete, two items have the id 'b' and different content: the first one is kept: 4 items "
        "on 2 pages\n");
    lab_expect_store(lab, "item", "a=1 b=7 c=1 d=1");
    lab_close(lab);
}

/* The same item on two pages (a page border moved) does no harm. */
static void one_item_twice_is_sound(void **state)
{
    (void)state;
    struct lab *lab = lab_with_four(plain);
    lab_page(lab, "a b c", "2");
    lab_page(lab, "c d", NULL);
    lab_harvest(lab, "item");
    assert_true(lab_outcome(lab)->sound);
    lab_expect_store(lab, "item", "a=1 b=1 c=1 d=1");
    lab_close(lab);
}

/* An item without an id is told, the others are taken, and nothing is deleted. */
static void item_without_id_is_not_sound(void **state)
{
    (void)state;
    struct lab *lab = lab_with_four(plain);
    lab_answers(lab, 200, NULL, "{\"items\":[{\"id\":\"a\",\"v\":3},{\"v\":1},{\"id\":\"\"}],\"next\":null}");
    lab_harvest(lab, "item");
    assert_true(lab_outcome(lab)->complete);
    assert_false(lab_outcome(lab)->sound);
    assert_int_equal(lab_outcome(lab)->faults, 2);
    assert_string_equal(lab_outcome(lab)->fault.text, "item 2: an item has no id at '/id'");
    lab_expect_store(lab, "item", "a=3 b=1 c=1 d=1");
    lab_close(lab);
}

/* Throttled: it waits as long as it was told to (and some jitter), then goes on with the same page. */
static void retry_after_is_honoured(void **state)
{
    (void)state;
    struct lab *lab = lab_open(plain);
    lab_answers(lab, 429, "Retry-After: 7", "slow down");
    lab_page(lab, "a", NULL);
    lab_harvest(lab, "item");
    lab_expect(lab, "[    0] asks /items\n"
                    "[ 7352] asks /items\n"
                    "[ 7352] initially created a\n"
                    "[ 7352] status listed\n"
                    "[ 7352] complete, sound: 1 items on 1 pages\n");
    lab_close(lab);
}

/* What `absent` names is a complete and empty collection. */
static void absent_is_complete_and_empty(void **state)
{
    (void)state;
    struct lab *lab = lab_with_four(LISTED "    absent: [{status: 404}]\n"
                                           "    delete: {guard: none}\n");
    lab_answers(lab, 404, NULL, "gone");
    lab_harvest(lab, "item");
    assert_true(lab_outcome(lab)->sound);
    lab_expect_store(lab, "item", "");
    lab_close(lab);
}

/* Many items that lack what they had before: a degraded answer, of which nothing is taken. */
static void degraded_page_is_refused(void **state)
{
    (void)state;
    struct lab *lab = lab_with_four(LISTED "    require: [/v]\n");
    lab_answers(lab, 200, NULL, "{\"items\":[{\"id\":\"a\"},{\"id\":\"b\"},{\"id\":\"c\"},{\"id\":\"d\"}]}");
    lab_harvest(lab, "item");
    assert_int_equal(lab_outcome(lab)->error.code, ERR_DEGRADED);
    lab_expect_store(lab, "item", "a=1 b=1 c=1 d=1");
    lab_close(lab);
}

/* What is required may stand in lists: one place that has it is enough, and an empty list lacks nothing. */
static void required_parts_may_stand_in_lists(void **state)
{
    (void)state;
    struct lab *lab = lab_open(LISTED "    require: [/tags/*/key]\n");
    lab_answers(
        lab, 200, NULL,
        "{\"items\":[{\"id\":\"a\",\"tags\":[{\"key\":1},{}]},{\"id\":\"b\",\"tags\":[{\"key\":2}]}]}");
    lab_harvest(lab, "item");
    lab_answers(lab, 200, NULL,
                "{\"items\":[{\"id\":\"a\",\"tags\":[]},{\"id\":\"b\",\"tags\":[{\"key\":2}]}]}");
    lab_harvest(lab, "item");
    assert_true(lab_outcome(lab)->sound);
    lab_answers(lab, 200, NULL,
                "{\"items\":[{\"id\":\"a\",\"tags\":[]},{\"id\":\"b\",\"tags\":[{\"key\":null}]}]}");
    lab_harvest(lab, "item");
    assert_int_equal(lab_outcome(lab)->error.code, ERR_DEGRADED);
    lab_close(lab);
}

/* An item too large to keep is told, and costs neither the others nor itself: it stays as it was, and was
 * seen. */
static void oversized_item_is_a_fault(void **state)
{
    (void)state;
    struct lab *lab = lab_with_four(plain);
    struct buffer body = {0};
    buffer_add_text(&body, "{\"items\":[{\"id\":\"a\",\"v\":2},{\"id\":\"b\",\"v\":\"");
    for (int i = 0; i < LIMIT_DOCUMENT_BYTES / 64 + 1; i++)
        buffer_add_text(&body, "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef");
    buffer_add_text(&body, "\"},{\"id\":\"c\",\"v\":3}]}");
    lab_answers_bytes(lab, 200, buffer_bytes(&body));
    lab_harvest(lab, "item");
    assert_true(lab_outcome(lab)->complete);
    assert_true(lab_outcome(lab)->sound);
    assert_int_equal(lab_outcome(lab)->faults, 1);
    assert_int_equal(lab_outcome(lab)->fault.code, ERR_LIMIT);
    lab_expect_store(lab, "item", "a=2 b=1 c=3");
    buffer_close(&body);
    lab_close(lab);
}

/* A body cut at any byte of either page is an error, never a shorter listing. */
static void cut_body_is_never_a_last_page(void **state)
{
    (void)state;
    static const char *const pages[] = {
        "{\"items\":[{\"id\":\"a\",\"v\":1},{\"id\":\"b\",\"v\":1}],\"next\":\"2\"}",
        "{\"items\":[{\"id\":\"c\",\"v\":1},{\"id\":\"d\",\"v\":1}],\"next\":null}",
    };
    struct lab *lab = lab_with_four(plain);
    lab_expires(lab);
    for (int page = 0; page < 2; page++)
        for (size_t cut = 0; cut < bytes_of(pages[page]).len; cut++) {
            if (page == 1)
                lab_answers(lab, 200, NULL, pages[0]);
            for (int i = 0; i < LIMIT_TRIES; i++)
                lab_answers_bytes(lab, 200, (struct bytes){pages[page], cut});
            lab_harvest(lab, "item");
            assert_false(lab_outcome(lab)->complete);
            assert_int_equal(lab_outcome(lab)->error.code, ERR_BODY);
            assert_int_equal(lab_outcome(lab)->page, page + 1);
        }
    lab_expect_store(lab, "item", "a=1 b=1 c=1 d=1");
    lab_close(lab);
}

/* A broken transfer is tried again, and the listing goes on where it was. */
static void broken_transfer_is_tried_again(void **state)
{
    (void)state;
    struct lab *lab = lab_open(plain);
    lab_page(lab, "a b", "2");
    lab_breaks(lab, ERR_TRANSFER, "the connection broke");
    lab_answers(lab, 500, NULL, "oops");
    lab_page(lab, "c d", NULL);
    lab_harvest(lab, "item");
    assert_true(lab_outcome(lab)->sound);
    lab_expect_store(lab, "item", "a=1 b=1 c=1 d=1");
    lab_close(lab);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_listing_is_initial),
        cmocka_unit_test(unchanged_listing_is_silent),
        cmocka_unit_test(changes_are_told),
        cmocka_unit_test(sound_listing_deletes),
        cmocka_unit_test(failure_keeps_and_deletes_nothing),
        cmocka_unit_test(repeated_page_is_a_loop),
        cmocka_unit_test(repeated_token_is_a_loop),
        cmocka_unit_test(one_id_twice_is_not_sound),
        cmocka_unit_test(one_item_twice_is_sound),
        cmocka_unit_test(item_without_id_is_not_sound),
        cmocka_unit_test(retry_after_is_honoured),
        cmocka_unit_test(absent_is_complete_and_empty),
        cmocka_unit_test(degraded_page_is_refused),
        cmocka_unit_test(required_parts_may_stand_in_lists),
        cmocka_unit_test(oversized_item_is_a_fault),
        cmocka_unit_test(cut_body_is_never_a_last_page),
        cmocka_unit_test(broken_transfer_is_tried_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
