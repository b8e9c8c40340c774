/* What a checkpoint keeps, and for how long: the guard, pages that stay bad, commits that fail, kills; and
 * what children of a listing that was stopped rest on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/scenario/test_resume_lab.h"

static const char any[] = FILE_WITH(""), stable[] = FILE_WITH("    order: stable\n");

/* What the first half created doesn't count for the guard: five of six would go, which is held back. */
static void guard_counts_the_whole_listing(void **state)
{
    (void)state;
    struct lab *lab = lab_with_six(FILE_WITH("    order: stable\n"));
    lab_edit(lab, "provider: lab\n"
                  "auth: {kind: none}\n"
                  "collections:\n"
                  "  - type: item\n"
                  "    request: {url: 'http://lab/items'}\n"
                  "    items: /items/*\n"
                  "    id: /id\n"
                  "    page: {style: token, from: 'body:/next', to: 'query:from'}\n"
                  "    order: stable\n"
                  "    delete: {guard: 50%}\n");
    stop_on_page_2(lab, "n1 n2 n3 n4 n5 n6 n7 n8 n9");
    lab_page(lab, "f", NULL);
    lab_harvest(lab, "item");
    assert_true(lab_outcome(lab)->sound);
    assert_int_equal(lab_outcome(lab)->held, 5);
    lab_close(lab);
}

/* A page that fails again and again doesn't keep those before it from being listed. */
static void bad_page_is_given_up(void **state)
{
    (void)state;
    struct lab *lab = lab_with_six(any);
    stop_on_page_2(lab, "a b");
    for (int i = 0; i < LIMIT_CHECKPOINT_TRIES; i++) {
        lab_answers(lab, 403, NULL, "no");
        lab_harvest(lab, "item");
        assert_int_equal(lab_receipt(lab)->resumed_page, 2);
        lab_breaks(lab, ERR_STOPPED, "told to stop"); /* that is not the page's fault */
        lab_harvest(lab, "item");
    }
    lab_forget(lab);
    lab_page(lab, "a=2 b", "2");
    lab_answers(lab, 403, NULL, "no");
    lab_harvest(lab, "item");
    assert_non_null(strstr(lab_diary(lab), "asks /items\n"));
    assert_non_null(strstr(lab_diary(lab), "updated a"));
    assert_true(lab_has_checkpoint(lab, "item"));
    lab_close(lab);
}

/* A checkpoint is of its transaction: when that fails, the one before it counts. */
static void failed_commit_takes_its_checkpoint_along(void **state)
{
    (void)state;
    struct lab *lab = lab_with_six(stable);
    stop_on_page_2(lab, "a b one");
    lab_page(lab, "c d two", "3");
    lab_answers(lab, 403, NULL, "no");
    lab_loses(lab);
    lab_harvest(lab, "item");
    lab_expect_store(lab, "item", "a=1 b=1 c=1 d=1 e=1 f=1 one=1");
    lab_forget(lab);
    lab_page(lab, "c d other", "3");
    lab_page(lab, "f", NULL);
    lab_harvest(lab, "item");
    assert_non_null(strstr(lab_diary(lab), "asks /items?from=2\n"));
    assert_true(lab_outcome(lab)->sound);
    lab_expect_store(lab, "item", "a=1 b=1 c=1 d=1 f=1 one=1 other=1");
    lab_close(lab);
}

/* Killed in the middle of a long listing, it goes on from the last of the checkpoints that it wrote on its
 * way: one in so many pages, or after so long. */
static void killed_listing_goes_on(void **state)
{
    (void)state;
    struct lab *lab = lab_open(stable);
    char words[16], next[16];
    for (int page = 1; page <= LIMIT_CHECKPOINT_PAGES + 9; page++) {
        snprintf(words, sizeof words, "i%02d", page);
        snprintf(next, sizeof next, "%d", page + 1);
        lab_page(lab, words, next);
    }
    lab_kills(lab);
    lab_harvest(lab, "item");
    lab_forget(lab);
    lab_page(lab, "i51", "52");
    lab_answers(lab, 503, "Retry-After: 15", "");
    lab_page(lab, "i52", "53");
    lab_page(lab, "i53", "54");
    lab_kills(lab);
    lab_harvest(lab, "item");
    assert_non_null(strstr(lab_diary(lab), "asks /items?from=51\n"));
    assert_null(strstr(lab_diary(lab), "asks /items?from=50\n"));
    lab_forget(lab);
    lab_page(lab, "i53", NULL);
    lab_harvest(lab, "item");
    assert_null(strstr(lab_diary(lab), "asks /items?from=52\n"));
    assert_non_null(strstr(lab_diary(lab), "asks /items?from=53\n"));
    assert_true(lab_outcome(lab)->sound);
    lab_close(lab);
}

/* Nothing at all on a later page is no end: what wasn't seen is not missing. */
static void absent_beyond_the_first_page_is_unsound(void **state)
{
    (void)state;
    struct lab *lab = lab_with_six(FILE_WITH("    absent: [{status: 404}]\n"));
    lab_page(lab, "a b", "2");
    lab_answers(lab, 404, NULL, "");
    lab_harvest(lab, "item");
    lab_expect(lab, "[ 1000] asks /items\n"
                    "[ 1000] asks /items?from=2\n"
                    "[ 1000] complete, a page beyond the first was answered as if there were nothing at all "
                    "(`absent`): 2 items on 2 pages\n");
    lab_expect_store(lab, "item", "a=1 b=1 c=1 d=1 e=1 f=1");
    lab_close(lab);
}

/* Children rest on what their parent's last harvest was: one that failed is none to rest on. */
static void children_of_a_stopped_listing_delete_nothing(void **state)
{
    (void)state;
    struct lab *lab = lab_open(FILE_WITH("  - type: child\n"
                                         "    scope: {parent: item}\n"
                                         "    request: {url: 'http://lab/items/{parent.id}'}\n"
                                         "    items: /items/*\n"
                                         "    id: /id\n"
                                         "    delete: {guard: none}\n"));
    lab_page(lab, "a b", NULL);
    lab_harvest(lab, "item");
    lab_page(lab, "x y", NULL);
    lab_harvest_child(lab, "child", "item", "a");
    stop_on_page_2(lab, "a b");
    lab_page(lab, "x", NULL);
    lab_harvest_child(lab, "child", "item", "a");
    assert_true(lab_outcome(lab)->complete);
    assert_false(lab_outcome(lab)->sound);
    lab_page(lab, "", NULL);
    lab_harvest(lab, "item"); /* goes on with page 2: not sound */
    lab_page(lab, "x", NULL);
    lab_harvest_child(lab, "child", "item", "a");
    assert_false(lab_outcome(lab)->sound);
    lab_page(lab, "a b", NULL);
    lab_harvest(lab, "item");
    lab_page(lab, "x", NULL);
    lab_forget(lab);
    lab_harvest_child(lab, "child", "item", "a");
    assert_true(lab_outcome(lab)->sound);
    assert_non_null(strstr(lab_diary(lab), "deleted y"));
    lab_close(lab);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(guard_counts_the_whole_listing),
        cmocka_unit_test(bad_page_is_given_up),
        cmocka_unit_test(failed_commit_takes_its_checkpoint_along),
        cmocka_unit_test(killed_listing_goes_on),
        cmocka_unit_test(absent_beyond_the_first_page_is_unsound),
        cmocka_unit_test(children_of_a_stopped_listing_delete_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
