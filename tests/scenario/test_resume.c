/* Checkpoints: a listing that was stopped goes on where it stood, or starts anew when its position is no
 * good; without a wrong delete either way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/scenario/test_resume_lab.h"

static const char any[] = FILE_WITH(""), stable[] = FILE_WITH("    order: stable\n");

/* It goes on with the page that it was stopped on, and says so; that can't be sound, and deletes nothing. The
 * next one is whole, and deletes. */
static void goes_on_where_it_stood(void **state)
{
    (void)state;
    struct lab *lab = lab_with_six(any);
    stop_on_page_2(lab, "a b");
    lab_page(lab, "c new", "3");
    lab_page(lab, "f", NULL);
    lab_harvest(lab, "item");
    lab_expect(lab, "[ 2000] asks /items?from=2\n"
                    "[ 2000] asks /items?from=3\n"
                    "[ 2000] created new\n"
                    "[ 2000] status recovered\n"
                    "[ 2000] complete, it went on with page 2 of a listing that began at "
                    "2023-11-14T22:13:21.000Z: what came or went before that page since then was not seen: 3 "
                    "items on 2 pages\n");
    assert_int_equal(lab_receipt(lab)->resumed_page, 2);
    assert_false(lab_has_checkpoint(lab, "item"));
    lab_expect_store(lab, "item", "a=1 b=1 c=1 d=1 e=1 f=1 new=1");
    lab_page(lab, "a b", "2");
    lab_page(lab, "c f new", NULL);
    lab_harvest(lab, "item");
    assert_true(lab_outcome(lab)->sound);
    assert_int_equal(lab_receipt(lab)->resumed_page, 0);
    lab_expect_store(lab, "item", "a=1 b=1 c=1 f=1 new=1");
    lab_close(lab);
}

/* Whichever page fails, the pages before it aren't asked for again, and nothing that came is lost. */
static void goes_on_at_every_page(void **state)
{
    (void)state;
    enum { PAGES = 8 };
    for (int bad = 1; bad <= PAGES; bad++) {
        struct lab *lab = lab_open(any);
        char words[16], next[16], asked[64];
        for (int page = 1; page <= PAGES; page++) {
            if (page == bad) {
                lab_answers(lab, 403, NULL, "no");
                lab_harvest(lab, "item");
                assert_int_equal(lab_outcome(lab)->page, bad);
                lab_reopen(lab);
                lab_forget(lab);
            }
            snprintf(words, sizeof words, "i%d", page);
            snprintf(next, sizeof next, "%d", page + 1);
            lab_page(lab, words, page < PAGES ? next : NULL);
        }
        lab_harvest(lab, "item");
        snprintf(asked, sizeof asked, bad > 1 ? "[    0] asks /items?from=%d\n" : "[    0] asks /items\n",
                 bad);
        assert_memory_equal(lab_diary(lab), asked, strlen(asked));
        assert_true(lab_outcome(lab)->complete);
        assert_int_equal(lab_outcome(lab)->sound, bad == 1);
        assert_int_equal(lab_receipt(lab)->resumed_page, bad > 1 ? bad : 0);
        lab_expect_store(lab, "item", "i1=1 i2=1 i3=1 i4=1 i5=1 i6=1 i7=1 i8=1");
        lab_close(lab);
    }
}

/* With `order: stable` what the first half saw counts: the listing is sound, and deletes what neither half
 * has. */
static void stable_order_stays_sound(void **state)
{
    (void)state;
    struct lab *lab = lab_with_six(stable);
    stop_on_page_2(lab, "a new");
    lab_page(lab, "c d", "3");
    lab_page(lab, "f", NULL);
    lab_harvest(lab, "item");
    lab_expect(lab, "[ 2000] asks /items?from=2\n"
                    "[ 2000] asks /items?from=3\n"
                    "[ 2000] deleted b\n"
                    "        by 3-1-3\n"
                    "[ 2000] deleted e\n"
                    "        by 3-1-3\n"
                    "[ 2000] status recovered\n"
                    "[ 2000] complete, sound: 3 items on 2 pages\n");
    assert_int_equal(lab_receipt(lab)->resumed_page, 2);
    lab_expect_store(lab, "item", "a=1 c=1 d=1 f=1 new=1");
    lab_close(lab);
}

/* Stopped twice, it still knows what all parts saw. */
static void stable_order_stays_sound_over_several_stops(void **state)
{
    (void)state;
    struct lab *lab = lab_with_six(stable);
    stop_on_page_2(lab, "a b");
    lab_page(lab, "c", "3");
    lab_breaks(lab, ERR_STOPPED, "told to stop");
    lab_harvest(lab, "item");
    lab_reopen(lab);
    lab_page(lab, "e f", NULL);
    lab_harvest(lab, "item");
    assert_true(lab_outcome(lab)->sound);
    assert_int_equal(lab_receipt(lab)->resumed_page, 3);
    lab_expect_store(lab, "item", "a=1 b=1 c=1 e=1 f=1");
    lab_close(lab);
}

/* What is created or deleted between the halves is neither lost nor taken for something else. */
static void what_happens_between_the_halves(void **state)
{
    (void)state;
    static const char *const files[] = {any, stable};
    for (int i = 0; i < 2; i++) {
        struct lab *lab = lab_with_six(files[i]);
        stop_on_page_2(lab, "a b first");
        lab_page(lab, "c d second", "3"); /* meanwhile a went, and zero came before it */
        lab_page(lab, "e f", NULL);
        lab_harvest(lab, "item");
        lab_expect_store(lab, "item", "a=1 b=1 c=1 d=1 e=1 f=1 first=1 second=1");
        lab_page(lab, "zero b first", "2");
        lab_page(lab, "c d second e f", NULL);
        lab_harvest(lab, "item");
        assert_true(lab_outcome(lab)->sound);
        lab_expect_store(lab, "item", "b=1 c=1 d=1 e=1 f=1 first=1 second=1 zero=1");
        lab_close(lab);
    }
}

/* A position that the provider refuses is dropped: the same harvest starts anew, and is as good as any. */
static void refused_position_starts_anew(void **state)
{
    (void)state;
    static const int statuses[] = {400, 404, 410, 422};
    for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++) {
        struct lab *lab = lab_with_six(stable);
        stop_on_page_2(lab, "a b");
        lab_answers(lab, statuses[i], NULL, "that token has expired");
        lab_page(lab, "a c d", "4");
        lab_page(lab, "e f", NULL);
        lab_harvest(lab, "item");
        lab_expect(lab, "[ 2000] asks /items?from=2\n"
                        "[ 2000] asks /items\n"
                        "[ 2000] asks /items?from=4\n"
                        "[ 2000] deleted b\n"
                        "        by 3-1-3\n"
                        "[ 2000] status recovered\n"
                        "[ 2000] complete, sound: 5 items on 2 pages\n");
        assert_int_equal(lab_receipt(lab)->resumed_page, 0);
        assert_false(lab_has_checkpoint(lab, "item"));
        lab_close(lab);
    }
}

/* `absent` in answer to a position is a refusal as well, and no empty collection. */
static void absent_position_starts_anew(void **state)
{
    (void)state;
    struct lab *lab = lab_with_six(FILE_WITH("    absent: [{status: 404}]\n"));
    stop_on_page_2(lab, "a b");
    lab_answers(lab, 404, NULL, "");
    lab_page(lab, "a b c d e f", NULL);
    lab_harvest(lab, "item");
    assert_true(lab_outcome(lab)->sound);
    lab_expect_store(lab, "item", "a=1 b=1 c=1 d=1 e=1 f=1");
    lab_close(lab);
}

/* What has to do with credentials or time is no refusal: the position stays. */
static void other_errors_keep_the_position(void **state)
{
    (void)state;
    static const int statuses[] = {401, 403, 408};
    struct lab *lab = lab_with_six(any);
    for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++) {
        stop_on_page_2(lab, "a b");
        lab_answers(lab, statuses[i], NULL, "no");
        lab_harvest(lab, "item");
        assert_false(lab_outcome(lab)->complete);
        assert_int_equal(lab_outcome(lab)->page, 2);
        assert_int_equal(lab_receipt(lab)->resumed_page, 2);
        lab_forget(lab);
        lab_page(lab, "c d e f", NULL);
        lab_harvest(lab, "item");
        assert_memory_equal(lab_diary(lab), "[ ", 2);
        assert_non_null(strstr(lab_diary(lab), "asks /items?from=2\n"));
        assert_null(strstr(lab_diary(lab), "asks /items\n"));
    }
    lab_close(lab);
}

/* A refusal in the middle of a listing fails it and leaves no checkpoint: the next one starts anew. */
static void refusal_in_mid_listing_leaves_none(void **state)
{
    (void)state;
    struct lab *lab = lab_with_six(any);
    lab_page(lab, "a b", "2");
    lab_answers(lab, 400, NULL, "bad token");
    lab_harvest(lab, "item");
    assert_false(lab_outcome(lab)->complete);
    assert_int_equal(lab_outcome(lab)->page, 2);
    assert_false(lab_has_checkpoint(lab, "item"));
    lab_forget(lab);
    lab_page(lab, "a b c d e f", NULL);
    lab_harvest(lab, "item");
    assert_true(lab_outcome(lab)->sound);
    lab_close(lab);
}

/* Nothing to go on from: the first page failed, or the page repeats, or there may be no more of them. */
static void no_position_no_checkpoint(void **state)
{
    (void)state;
    struct lab *lab = lab_with_six(any);
    lab_answers(lab, 403, NULL, "no");
    lab_harvest(lab, "item");
    assert_false(lab_has_checkpoint(lab, "item"));
    lab_page(lab, "a", "2");
    lab_page(lab, "a", "3");
    lab_harvest(lab, "item");
    assert_int_equal(lab_outcome(lab)->error.code, ERR_LOOP);
    assert_false(lab_has_checkpoint(lab, "item"));
    lab_close(lab);
}

/* An edited definition, or another request, isn't gone on with. */
static void another_listing_starts_anew(void **state)
{
    (void)state;
    struct lab *lab = lab_with_six(stable);
    stop_on_page_2(lab, "a b");
    lab_edit(lab, FILE_WITH("    order: stable\n    ignore: [/w]\n"));
    lab_page(lab, "a b c d e f", NULL);
    lab_harvest(lab, "item");
    assert_true(lab_outcome(lab)->sound);
    assert_non_null(strstr(lab_diary(lab), "asks /items\n"));
    lab_close(lab);

    static const char by_var[] = "provider: lab\n"
                                 "vars: {zone: a}\n"
                                 "collections:\n"
                                 "  - type: item\n"
                                 "    request: {url: 'http://lab/items', query: {zone: '{vars.zone}'}}\n"
                                 "    items: /items/*\n"
                                 "    id: /id\n"
                                 "    page: {style: token, from: 'body:/next', to: 'query:from'}\n";
    lab = lab_open(by_var);
    lab_var(lab, "zone", "a");
    stop_on_page_2(lab, "a b");
    lab_var(lab, "zone", "b");
    lab_page(lab, "a b c", NULL);
    lab_harvest(lab, "item");
    assert_non_null(strstr(lab_diary(lab), "asks /items?zone=b\n"));
    assert_true(lab_outcome(lab)->sound);
    lab_close(lab);
}

/* The page size goes along. */
static void page_size_goes_along(void **state)
{
    (void)state;
    struct lab *lab = lab_open(
        "provider: lab\n"
        "collections:\n"
        "  - type: item\n"
        "    request: {url: 'http://lab/items'}\n"
        "    items: /items/*\n"
        "    id: /id\n"
        "    page: {style: offset, to: 'query:at', total: 'body:/total', size: {to: 'query:n', max: 2}}\n");
    static const char *const bodies[] = {
        "{\"total\":3,\"items\":[{\"id\":\"a\"},{\"id\":\"b\"}]}",
        "{\"total\":3,\"items\":[{\"id\":\"c\"}]}",
        "{\"total\":3,\"items\":[]}",
    };
    lab_answers(lab, 200, NULL, bodies[0]);
    lab_answers(lab, 403, NULL, "no");
    lab_harvest(lab, "item");
    lab_reopen(lab);
    lab_forget(lab);
    lab_answers(lab, 200, NULL, bodies[1]);
    lab_answers(lab, 200, NULL, bodies[2]);
    lab_harvest(lab, "item");
    assert_non_null(strstr(lab_diary(lab), "asks /items?at=2&n=2\n"));
    assert_non_null(strstr(lab_diary(lab), "asks /items?at=3&n=2\n"));
    assert_non_null(strstr(lab_diary(lab), "it went on with page 2")); /* and the total was right */
    lab_close(lab);
}

/* What made a listing unsound before it was stopped still does. */
static void unsound_stays_unsound(void **state)
{
    (void)state;
    struct lab *lab = lab_with_six(stable);
    stop_on_page_2(lab, "a a=2 b");
    lab_page(lab, "c d", NULL);
    lab_harvest(lab, "item");
    assert_true(lab_outcome(lab)->complete);
    assert_false(lab_outcome(lab)->sound);
    assert_non_null(strstr(lab_diary(lab), "two items have the id 'a'"));
    lab_expect_store(lab, "item", "a=1 b=1 c=1 d=1 e=1 f=1");
    lab_close(lab);
}

/* What earlier pages had is missed on later ones, also after a stop. */
static void degraded_pages_are_noticed_after_a_stop(void **state)
{
    (void)state;
    struct lab *lab = lab_open(FILE_WITH("    require: [/v]\n"));
    stop_on_page_2(lab, "a b");
    lab_answers(lab, 200, NULL, "{\"items\":[{\"id\":\"c\"},{\"id\":\"d\"}],\"next\":null}");
    lab_harvest(lab, "item");
    assert_int_equal(lab_outcome(lab)->error.code, ERR_DEGRADED);
    lab_expect_store(lab, "item", "a=1 b=1");
    lab_close(lab);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(goes_on_where_it_stood),
        cmocka_unit_test(goes_on_at_every_page),
        cmocka_unit_test(stable_order_stays_sound),
        cmocka_unit_test(stable_order_stays_sound_over_several_stops),
        cmocka_unit_test(what_happens_between_the_halves),
        cmocka_unit_test(refused_position_starts_anew),
        cmocka_unit_test(absent_position_starts_anew),
        cmocka_unit_test(other_errors_keep_the_position),
        cmocka_unit_test(refusal_in_mid_listing_leaves_none),
        cmocka_unit_test(no_position_no_checkpoint),
        cmocka_unit_test(another_listing_starts_anew),
        cmocka_unit_test(page_size_goes_along),
        cmocka_unit_test(unsound_stays_unsound),
        cmocka_unit_test(degraded_pages_are_noticed_after_a_stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
