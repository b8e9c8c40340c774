/* Tiers 1 and 2 in a harvest: what is as it was is recognised by its bytes, the receipt says so, and nothing
 * else is any different. Most stories are told twice: with a forecast, and with every listing parsed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/limits.h"
#include "tests/scenario/lab.h"

#define LISTED                                                                                               \
    "provider: lab\n"                                                                                        \
    "collections:\n"                                                                                         \
    "  - type: item\n"                                                                                       \
    "    request: {url: 'http://lab/items'}\n"                                                               \
    "    items: /items/*\n"                                                                                  \
    "    id: /id\n"                                                                                          \
    "    page: {style: token, from: 'body:/next', to: 'query:from'}\n"
#define PARSED "    full_every: 1s\n"

#define MINUTE INT64_C(60000)
#define DAY    (INT64_C(24) * 60 * MINUTE)

/* A listing of two pages, "a b c" and "d e f" with what is new. */
static void harvest(struct lab *lab, const char *first, const char *second)
{
    lab_pass(lab, MINUTE);
    lab_page(lab, first, second ? "2" : NULL);
    if (second)
        lab_page(lab, second, NULL);
    lab_harvest(lab, "item");
}

static struct lab *lab_with_six(const char *yaml)
{
    struct lab *lab = lab_open(yaml);
    harvest(lab, "a b c", "d e f");
    lab_forget(lab);
    return lab;
}

static void expect_tiers(const struct lab *lab, uint64_t tier1, uint64_t tier2)
{
    assert_int_equal(lab_receipt(lab)->tier1, tier1);
    assert_int_equal(lab_receipt(lab)->tier2, tier2);
}

static int count_row(void *context, const struct stretch *stretch)
{
    *(uint32_t *)context += stretch->count;
    return 0;
}

/* How many rows stand in the stretches of the lab's only collection. */
static uint32_t stretched(struct lab *lab)
{
    uint32_t rows = 0;
    struct error e;
    assert_int_equal(store_read(lab_store(lab), &e), 0);
    assert_int_equal(store_stretches_each(lab_store(lab), 1, 0, count_row, &rows, &e), 0);
    store_done(lab_store(lab));
    return rows;
}

/* Tell a story with a forecast, and with every listing parsed: the same happens. */
static void tell_both(const char *yaml, void (*story)(struct lab *lab))
{
    char parsed[2048];
    struct lab *lab = lab_with_six(yaml);
    story(lab);
    lab_close(lab);
    snprintf(parsed, sizeof parsed, "%s" PARSED, yaml);
    lab = lab_with_six(parsed);
    story(lab);
    expect_tiers(lab, 0, 0);
    lab_close(lab);
}

/* An unchanged listing is recognised stretch by stretch, also after a restart, and changes nothing. */
static void unchanged_pages_are_recognised(void **state)
{
    (void)state;
    struct lab *lab = lab_with_six(LISTED);
    assert_int_equal(stretched(lab), 6);
    for (int times = 0; times < 2; times++) {
        harvest(lab, "a b c", "d e f");
        expect_tiers(lab, 6, 0);
        assert_int_equal(lab_receipt(lab)->unchanged, 6);
        lab_reopen(lab);
    }
    lab_expect(lab, "[120000] asks /items\n"
                    "[120000] asks /items?from=2\n"
                    "[120000] complete, sound: 6 items on 2 pages\n"
                    "[180000] asks /items\n"
                    "[180000] asks /items?from=2\n"
                    "[180000] complete, sound: 6 items on 2 pages\n");
    harvest(lab, "a b c=2", "d e f");
    expect_tiers(lab, 3, 2);
    harvest(lab, "a b", "c=2 d e f");
    expect_tiers(lab, 3, 3);
    lab_expect_store(lab, "item", "a=1 b=1 c=2 d=1 e=1 f=1");
    lab_close(lab);
}

/* An edited provider file has everything parsed once. */
static void edited_file_rests_once(void **state)
{
    (void)state;
    struct lab *lab = lab_with_six(LISTED);
    lab_edit(lab, LISTED "    ignore: [/seen]\n");
    harvest(lab, "a b c", "d e f");
    expect_tiers(lab, 0, 0);
    harvest(lab, "a b c", "d e f");
    expect_tiers(lab, 6, 0);
    lab_edit(lab, LISTED "    ignore: [/v]\n");
    lab_forget(lab);
    harvest(lab, "a=7 b c", "d e f");
    expect_tiers(lab, 0, 0);
    harvest(lab, "a=7 b c", "d e f");
    expect_tiers(lab, 6, 0);
    lab_edit(lab, LISTED);
    harvest(lab, "a=7 b c", "d e f");
    expect_tiers(lab, 0, 0);
    lab_expect_store(lab, "item", "a=7 b=1 c=1 d=1 e=1 f=1");
    lab_close(lab);
}

/* Every so often everything is parsed, whatever its bytes. */
static void all_is_parsed_in_time(void **state)
{
    (void)state;
    struct lab *lab = lab_with_six(LISTED);
    harvest(lab, "a b c", "d e f");
    expect_tiers(lab, 6, 0);
    lab_pass(lab, DAY);
    harvest(lab, "a b c", "d e f");
    expect_tiers(lab, 0, 0);
    harvest(lab, "a b c", "d e f");
    expect_tiers(lab, 6, 0);
    assert_int_equal(lab_receipt(lab)->created + lab_receipt(lab)->updated, 0);
    lab_close(lab);
}

#define FIRST_ITEMS "{\"items\":[{\"id\":\"a\",\"v\":1},{\"id\":\"b\",\"v\":1},{\"id\":\"c\",\"v\":1}]"

/* An error that stands beside items as they were is one. */
static void error_beside_known_items(struct lab *lab)
{
    lab_pass(lab, MINUTE);
    lab_answers(lab, 200, NULL, FIRST_ITEMS ",\"error\":{\"code\":\"Denied\"},\"next\":null}");
    lab_harvest(lab, "item");
    assert_false(lab_outcome(lab)->complete);
    assert_int_equal(lab_outcome(lab)->error.code, ERR_DENIED);
    lab_expect_store(lab, "item", "a=1 b=1 c=1 d=1 e=1 f=1");
}

static void errors_are_seen(void **state)
{
    (void)state;
    tell_both(LISTED "    errors: {code_at: 'body:/error/code', denied: [Denied]}\n",
              error_beside_known_items);
}

/* A page of known items, cut anywhere, is an error and no last page. */
static void cut_page(struct lab *lab)
{
    static const char page[] = FIRST_ITEMS ",\"next\":null}";
    for (size_t cut = 0; cut < sizeof page - 1; cut++) {
        for (int i = 0; i < LIMIT_TRIES; i++)
            lab_answers_bytes(lab, 200, (struct bytes){page, cut});
        lab_harvest(lab, "item");
        assert_false(lab_outcome(lab)->complete);
        assert_int_equal(lab_outcome(lab)->error.code, ERR_BODY);
    }
    lab_expect_store(lab, "item", "a=1 b=1 c=1 d=1 e=1 f=1");
    harvest(lab, "a b c", "d e f");
    assert_int_equal(lab_receipt(lab)->unchanged, 6);
}

static void cut_pages_are_errors(void **state)
{
    (void)state;
    tell_both(LISTED, cut_page);
}

/* A known item that is there again, as it was or not, on its page or another one, is what it is when parsed.
 */
static void duplicates(struct lab *lab)
{
    lab_forget(lab);
    harvest(lab, "a b c a", "d e f");
    assert_true(lab_outcome(lab)->sound);
    harvest(lab, "a b c", "d b e f");
    assert_true(lab_outcome(lab)->sound);
    harvest(lab, "a b=2 c b", "d e f");
    assert_false(lab_outcome(lab)->sound);
    assert_int_equal(lab_outcome(lab)->updated, 1);
    lab_expect_store(lab, "item", "a=1 b=2 c=1 d=1 e=1 f=1");
    harvest(lab, "a b=2 c", "d e f");
    harvest(lab, "b a b=2 c", "d e f"); /* the first one counts, and the second was expected */
    assert_false(lab_outcome(lab)->sound);
    assert_int_equal(lab_outcome(lab)->updated, 1);
    lab_expect_store(lab, "item", "a=1 b=1 c=1 d=1 e=1 f=1");
    harvest(lab, "a b c", "d e b=2 f");
    assert_false(lab_outcome(lab)->sound);
    lab_expect_store(lab, "item", "a=1 b=1 c=1 d=1 e=1 f=1");
    harvest(lab, "e=3 a b c", "d e f");
    assert_false(lab_outcome(lab)->sound);
    assert_int_equal(lab_outcome(lab)->faults, 1);
    lab_expect_store(lab, "item", "a=1 b=1 c=1 d=1 e=3 f=1");
    harvest(lab, "a b c", "d e f");
    assert_true(lab_outcome(lab)->sound);
    assert_int_equal(lab_outcome(lab)->updated, 1);
    lab_expect_store(lab, "item", "a=1 b=1 c=1 d=1 e=1 f=1");
}

static void duplicates_are_found(void **state)
{
    (void)state;
    tell_both(LISTED, duplicates);
}

/* An item that has a key twice is never recognised, so that every receipt says it. */
static void keys_twice(struct lab *lab)
{
    for (int times = 0; times < 3; times++) {
        lab_pass(lab, MINUTE);
        lab_answers(lab, 200, NULL, "{\"items\":[{\"id\":\"a\",\"v\":1},{\"id\":\"b\",\"v\":2,\"v\":1}]}");
        lab_harvest(lab, "item");
        assert_int_equal(lab_receipt(lab)->duplicate_keys, 1);
        assert_int_equal(lab_receipt(lab)->items, 2);
    }
}

static void keys_twice_are_noted(void **state)
{
    (void)state;
    tell_both(LISTED, keys_twice);
}

/* A deleted row is in no stretch: the store is verified. */
static void deletes(struct lab *lab)
{
    harvest(lab, "a b", "d e f");
    assert_int_equal(lab_outcome(lab)->deleted, 1);
    assert_int_equal(stretched(lab), 5);
    lab_expect_store(lab, "item", "a=1 b=1 d=1 e=1 f=1");
    harvest(lab, "b c", "d f");
    assert_int_equal(lab_outcome(lab)->created, 1);
    lab_expect_store(lab, "item", "b=1 c=1 d=1 f=1");
    assert_int_equal(stretched(lab), 4);
}

static void deleted_rows_are_in_no_stretch(void **state)
{
    (void)state;
    tell_both(LISTED, deletes);
}

/* A listing that fails on its second page keeps what its first one brought, and the next one is right, though
 * all that it brings was there before. */
static void failed_listing(struct lab *lab)
{
    static const char *const firsts[] = {"a b=2 c",   "b=2",          "c a=2", "n e=2 a b",
                                         "f d e b=2", "n n2 c=2 b a", "d=2 a"};
    for (size_t i = 0; i < sizeof firsts / sizeof *firsts; i++) {
        lab_pass(lab, MINUTE);
        lab_page(lab, firsts[i], "2");
        lab_answers(lab, 404, NULL, "");
        lab_harvest(lab, "item");
        assert_false(lab_outcome(lab)->complete);
        assert_int_equal(lab_outcome(lab)->updated, 1);
        harvest(lab, "a b c", "d e f");
        assert_true(lab_outcome(lab)->sound);
        assert_int_equal(lab_outcome(lab)->updated, 1);
        lab_expect_store(lab, "item", "a=1 b=1 c=1 d=1 e=1 f=1");
    }
}

static void failed_listings_leave_it_right(void **state)
{
    (void)state;
    tell_both(LISTED, failed_listing);
}

/* What a commit that failed had written is not what is recognised next. */
static void lost_commit(struct lab *lab)
{
    lab_loses(lab);
    harvest(lab, "b=2 a c", "f e=2 d");
    lab_expect_store(lab, "item", "a=1 b=1 c=1 d=1 e=1 f=1");
    harvest(lab, "b=2 a c", "f e=2 d");
    assert_int_equal(lab_outcome(lab)->updated, 2);
    lab_loses(lab);
    harvest(lab, "a b c", "d e f");
    harvest(lab, "b=2 a c", "f e=2 d");
    assert_int_equal(lab_outcome(lab)->updated, 0);
    lab_expect_store(lab, "item", "a=1 b=2 c=1 d=1 e=2 f=1");
}

static void lost_commits_leave_it_right(void **state)
{
    (void)state;
    tell_both(LISTED, lost_commit);
}

static void answer_with(struct lab *lab, const char *body)
{
    lab_pass(lab, MINUTE);
    lab_answers(lab, 200, NULL, body);
}

#define WITH_W "{\"items\":[{\"id\":\"x\",\"w\":1},{\"id\":\"y\",\"w\":1}],\"next\":\"2\"}"

/* New items that lack what those recognised on the page before have make a page degraded. */
static void degraded(struct lab *lab)
{
    answer_with(lab, WITH_W);
    lab_answers(lab, 200, NULL, "{\"items\":[{\"id\":\"z\",\"w\":1}]}");
    lab_harvest(lab, "item");
    assert_true(lab_outcome(lab)->sound);
    answer_with(lab, WITH_W);
    lab_answers(lab, 200, NULL,
                "{\"items\":[{\"id\":\"z\",\"w\":1},{\"id\":\"p\"},{\"id\":\"q\"},{\"id\":\"r\"}]}");
    lab_harvest(lab, "item");
    assert_int_equal(lab_outcome(lab)->error.code, ERR_DEGRADED);
    assert_int_equal(lab_outcome(lab)->page, 2);
}

static void degraded_pages_are_seen(void **state)
{
    (void)state;
    tell_both(LISTED "    require: [/w]\n", degraded);
}

#define PAGE_OF(b) "{\"items\":[{\"id\":\"a\",\"v\":1,\"t\":\"{}\"},{\"id\":\"b\",\"v\":1,\"t\":" b "}]"

#define NOTED "\"{\\\"x\\\":1,\\\"x\\\":2}\""

/* An item whose parsed text has a key twice is in no stretch: every receipt says it, and the stretch that had
 * it before must not bring back what it was. */
static void noted_text(struct lab *lab)
{
    for (int times = 0; times < 2; times++) {
        answer_with(lab, PAGE_OF("\"{}\"") "}");
        lab_harvest(lab, "item");
        assert_int_equal(lab_outcome(lab)->updated, times == 0 ? 2 : 1);
        answer_with(lab, PAGE_OF(NOTED) ",\"next\":\"2\"}");
        lab_answers(lab, 404, NULL, "");
        lab_harvest(lab, "item");
        assert_int_equal(lab_outcome(lab)->updated, 1);
        assert_int_equal(lab_receipt(lab)->duplicate_keys, 1);
    }
    for (int times = 0; times < 2; times++) {
        answer_with(lab, PAGE_OF(NOTED) "}");
        lab_harvest(lab, "item");
        assert_int_equal(lab_receipt(lab)->duplicate_keys, 1);
    }
}

static void noted_texts_are_in_no_stretch(void **state)
{
    (void)state;
    tell_both(LISTED "    parse: [/t]\n", noted_text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unchanged_pages_are_recognised), cmocka_unit_test(edited_file_rests_once),
        cmocka_unit_test(all_is_parsed_in_time),          cmocka_unit_test(errors_are_seen),
        cmocka_unit_test(cut_pages_are_errors),           cmocka_unit_test(duplicates_are_found),
        cmocka_unit_test(keys_twice_are_noted),           cmocka_unit_test(deleted_rows_are_in_no_stretch),
        cmocka_unit_test(failed_listings_leave_it_right), cmocka_unit_test(lost_commits_leave_it_right),
        cmocka_unit_test(degraded_pages_are_seen),        cmocka_unit_test(noted_texts_are_in_no_stretch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
