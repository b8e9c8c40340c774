/* Tier 0: the provider says that nothing has changed since the last listing. It is asked only where its word
 * can stand for a listing: one page, sound, with nothing left open. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/limits.h"
#include "tests/scenario/lab.h"

#define LISTED_AT(url)                                                                                       \
    "provider: lab\n"                                                                                        \
    "vars: {set: one}\n"                                                                                     \
    "collections:\n"                                                                                         \
    "  - type: item\n"                                                                                       \
    "    request: {url: '" url "'}\n"                                                                        \
    "    items: /items/*\n"                                                                                  \
    "    id: /id\n"                                                                                          \
    "    page: {style: token, from: 'body:/next', to: 'query:from'}\n"
#define LISTED LISTED_AT("http://lab/items")
#define CHILDREN                                                                                             \
    "  - type: child\n"                                                                                      \
    "    scope: {parent: item}\n"                                                                            \
    "    request: {url: 'http://lab/items/{parent.id}/children'}\n"                                          \
    "    items: /items/*\n"                                                                                  \
    "    id: /id\n"

#define MINUTE INT64_C(60000)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)

#define ITEM(id)   "{\"id\":\"" id "\",\"v\":1}"
#define BODY(list) "{\"items\":[" list "],\"next\":null}"
#define TWO        BODY(ITEM("a") "," ITEM("b"))
#define ONE        BODY(ITEM("a"))

static void harvest(struct lab *lab, int status, const char *headers, const char *body)
{
    lab_pass(lab, MINUTE);
    lab_answers(lab, status, headers, body);
    lab_harvest(lab, "item");
}

/* "a b", listed once with these headers. */
static struct lab *lab_with_two(const char *yaml, const char *headers)
{
    struct lab *lab = lab_open(yaml);
    harvest(lab, 200, headers, TWO);
    assert_true(lab_outcome(lab)->sound);
    lab_forget(lab);
    return lab;
}

/* The next listing asks without a condition, and is told everything. */
static void expect_full(struct lab *lab)
{
    lab_forget(lab);
    lab_pass(lab, MINUTE);
    lab_answers(lab, 200, NULL, TWO);
    lab_harvest(lab, "item");
    assert_null(strstr(lab_diary(lab), "asks /items,"));
    assert_non_null(strstr(lab_diary(lab), "asks /items\n"));
}

static struct receipt receipt_of(struct lab *lab, uint32_t collection, uint64_t harvest, struct arena *arena)
{
    struct receipt receipt;
    struct error e;
    assert_int_equal(store_read(lab_store(lab), &e), 0);
    struct receipt_id id = {store_shard(lab_store(lab)), collection, harvest};
    assert_int_equal(store_receipt_get(lab_store(lab), id, arena, &receipt, &e), 0);
    store_done(lab_store(lab));
    return receipt;
}

/* An ETag is sent back as it came, for as long as the answer is that nothing has changed; the last sound
 * receipt counts it, and no other is written. */
static void etag_is_asked_with(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct lab *lab = lab_with_two(LISTED, "ETag: \"v1\"");
    harvest(lab, 304, "ETag: \"v2\"", "");
    lab_reopen(lab);
    harvest(lab, 304, NULL, "");
    lab_expect(lab, "[120000] asks /items, unless \"v1\"\n"
                    "[120000] complete, unmodified: 2 resources as before\n"
                    "[180000] asks /items, unless \"v1\"\n"
                    "[180000] complete, unmodified: 2 resources as before\n");
    assert_true(lab_outcome(lab)->complete && lab_outcome(lab)->sound);
    assert_int_equal(lab_outcome(lab)->unchanged, 2);
    assert_int_equal(lab_outcome(lab)->kept, 2);
    struct receipt receipt = receipt_of(lab, 1, 1, &arena);
    assert_int_equal(receipt.unmodified, 2);
    assert_int_equal(receipt.unmodified_ms - receipt.ended_ms, 2 * MINUTE);
    assert_int_equal(receipt.created, 2);
    harvest(lab, 200, "ETag: \"v3\"", ONE);
    harvest(lab, 304, NULL, "");
    lab_expect(lab, "[240000] asks /items, unless \"v1\"\n"
                    "[240000] deleted b\n"
                    "        by 3-1-2\n"
                    "[240000] complete, sound: 1 items on 1 pages\n"
                    "[300000] asks /items, unless \"v3\"\n"
                    "[300000] complete, unmodified: 1 resources as before\n");
    assert_int_equal(receipt_of(lab, 1, 2, &arena).unmodified, 1);
    lab_expect_store(lab, "item", "a=1");
    arena_close(&arena);
    lab_close(lab);
}

/* A weak one is as good: what differs in bytes alone is no change. */
static void weak_etag_is_asked_with(void **state)
{
    (void)state;
    struct lab *lab = lab_with_two(LISTED, "ETag: W/\"v1\"\nLast-Modified: Tue, 14 Nov 2023 20:00:00 GMT");
    harvest(lab, 304, NULL, "");
    lab_expect(lab, "[120000] asks /items, unless W/\"v1\"\n"
                    "[120000] complete, unmodified: 2 resources as before\n");
    lab_close(lab);
}

/* A Last-Modified counts to the second: one that is young when it comes may be of before the last change. */
static void last_modified_counts_when_it_is_old(void **state)
{
    (void)state;
    static const struct {
        const char *headers;
        bool is_kept;
    } cases[] = {
        {"Last-Modified: Tue, 14 Nov 2023 22:00:00 GMT\nDate: Tue, 14 Nov 2023 22:01:00 GMT", true},
        {"Last-Modified: Tue, 14 Nov 2023 22:00:00 GMT\nDate: Tue, 14 Nov 2023 22:00:59 GMT", false},
        {"Last-Modified: Tue, 14 Nov 2023 22:00:00 GMT", false},
        {"Last-Modified: yesterday\nDate: Tue, 14 Nov 2023 22:01:00 GMT", false},
        {"ETag:\nLast-Modified: Tue, 14 Nov 2023 22:00:00 GMT", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct lab *lab = lab_with_two(LISTED, cases[i].headers);
        if (!cases[i].is_kept) {
            expect_full(lab);
        } else {
            harvest(lab, 304, NULL, "");
            lab_expect(lab, "[120000] asks /items, if since Tue, 14 Nov 2023 22:00:00 GMT\n"
                            "[120000] complete, unmodified: 2 resources as before\n");
        }
        lab_close(lab);
    }
}

/* Validators are those of one request: another one, be it by a variable, has none. */
static void another_request_has_none(void **state)
{
    (void)state;
    struct lab *lab = lab_open(LISTED_AT("http://lab/{vars.set}/items"));
    lab_var(lab, "set", "one");
    harvest(lab, 200, "ETag: \"v1\"", TWO);
    lab_var(lab, "set", "two");
    lab_forget(lab);
    harvest(lab, 200, "ETag: \"v1\"", TWO);
    harvest(lab, 304, NULL, "");
    lab_expect(lab, "[120000] asks /two/items\n"
                    "[120000] complete, sound: 2 items on 1 pages\n"
                    "[180000] asks /two/items, unless \"v1\"\n"
                    "[180000] complete, unmodified: 2 resources as before\n");
    lab_close(lab);
}

/* What makes other documents of the same answer asks for the answer. */
static void edited_definition_has_none(void **state)
{
    (void)state;
    struct lab *lab = lab_with_two(LISTED, "ETag: \"v1\"");
    lab_edit(lab, LISTED "    ignore: [/w]\n");
    harvest(lab, 200, "ETag: \"v1\"", TWO);
    harvest(lab, 304, NULL, "");
    lab_expect(lab, "[120000] asks /items\n"
                    "[120000] status definition\n"
                    "[120000] complete, sound: 2 items on 1 pages\n"
                    "[180000] asks /items, unless \"v1\"\n"
                    "[180000] complete, unmodified: 2 resources as before\n");
    lab_close(lab);
}

/* A server that says "unchanged" when it isn't so is found out by the listing that asks for all. */
static void lie_lasts_until_the_next_full_one(void **state)
{
    (void)state;
    struct lab *lab = lab_with_two(LISTED "    full_every: 3m\n", "ETag: \"v1\"");
    harvest(lab, 304, NULL, "");
    harvest(lab, 304, NULL, "");
    harvest(lab, 200, "ETag: \"v1\"", ONE);
    harvest(lab, 304, NULL, "");
    lab_expect(lab, "[120000] asks /items, unless \"v1\"\n"
                    "[120000] complete, unmodified: 2 resources as before\n"
                    "[180000] asks /items, unless \"v1\"\n"
                    "[180000] complete, unmodified: 2 resources as before\n"
                    "[240000] asks /items\n"
                    "[240000] deleted b\n"
                    "        by 3-1-2\n"
                    "[240000] complete, sound: 1 items on 1 pages\n"
                    "[300000] asks /items, unless \"v1\"\n"
                    "[300000] complete, unmodified: 1 resources as before\n");
    lab_close(lab);
}

/* Listings whose absent resources wait for a second look are to be seen in full. */
static void missing_ones_want_a_listing(void **state)
{
    (void)state;
    struct lab *lab = lab_with_two(LISTED "    delete: {confirm: relist}\n", "ETag: \"v1\"");
    harvest(lab, 200, "ETag: \"v2\"", ONE);
    lab_forget(lab);
    harvest(lab, 200, "ETag: \"v2\"", ONE);
    harvest(lab, 304, NULL, "");
    lab_expect(lab, "[180000] asks /items\n"
                    "[180000] deleted b\n"
                    "        by 3-1-2\n"
                    "        by 3-1-3\n"
                    "[180000] complete, sound: 1 items on 1 pages\n"
                    "[240000] asks /items, unless \"v2\"\n"
                    "[240000] complete, unmodified: 1 resources as before\n");
    lab_expect_store(lab, "item", "a=1");
    lab_close(lab);
}

/* So are those that the guard holds back. */
static void held_ones_want_a_listing(void **state)
{
    (void)state;
    struct lab *lab = lab_open(LISTED "    delete: {guard: {share: 50%, min: 1, listings: 2, over: 1m}}\n");
    harvest(lab, 200, "ETag: \"v1\"", TWO);
    harvest(lab, 200, "ETag: \"v2\"", BODY(""));
    assert_int_equal(lab_outcome(lab)->held, 2);
    expect_full(lab);
    assert_int_equal(lab_outcome(lab)->held, 0);
    lab_close(lab);
}

/* A failure leaves nothing to ask with. */
static void failure_has_none(void **state)
{
    (void)state;
    struct lab *lab = lab_with_two(LISTED, "ETag: \"v1\"");
    harvest(lab, 403, "ETag: \"v1\"", "{}");
    assert_false(lab_outcome(lab)->complete);
    expect_full(lab);
    lab_close(lab);
}

/* A lost commit is as if it hadn't been: what the store knows still holds. */
static void lost_harvest_changes_nothing(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct lab *lab = lab_with_two(LISTED, "ETag: \"v1\"");
    lab_loses(lab);
    harvest(lab, 200, "ETag: \"v2\"", ONE);
    lab_forget(lab);
    lab_loses(lab);
    harvest(lab, 304, NULL, "");
    harvest(lab, 304, NULL, "");
    lab_expect(lab, "[180000] asks /items, unless \"v1\"\n"
                    "[180000] complete, unmodified: 2 resources as before\n"
                    "[240000] asks /items, unless \"v1\"\n"
                    "[240000] complete, unmodified: 2 resources as before\n");
    assert_int_equal(receipt_of(lab, 1, 1, &arena).unmodified, 1);
    arena_close(&arena);
    lab_close(lab);
}

/* A connection that breaks is no answer: the same is asked again. */
static void retries_ask_the_same(void **state)
{
    (void)state;
    struct lab *lab = lab_with_two(LISTED, "ETag: \"v1\"");
    lab_pass(lab, MINUTE);
    lab_breaks(lab, ERR_TRANSFER, "the connection was cut");
    lab_answers(lab, 304, NULL, "");
    lab_harvest(lab, "item");
    assert_true(lab_outcome(lab)->unmodified);
    assert_non_null(strstr(lab_diary(lab), "asks /items, unless \"v1\"\n[120"));
    lab_close(lab);
}

/* A 304 is an answer to a condition: without one it is an error like others. Conditions of the provider file
 * are its own. */
static void unasked_304_is_an_error(void **state)
{
    (void)state;
    struct lab *lab = lab_with_two(LISTED, NULL);
    harvest(lab, 304, NULL, "");
    lab_expect(lab,
               "[120000] asks /items\n"
               "[120000] status unreachable\n"
               "[120000] failed on page 1: http status: HTTP 304: check the request in the provider file\n");
    lab_close(lab);
    lab = lab_with_two("provider: lab\n"
                       "collections:\n"
                       "  - type: item\n"
                       "    request: {url: 'http://lab/items', headers: {If-None-Match: '\"own\"'}}\n"
                       "    items: /items/*\n"
                       "    id: /id\n",
                       "ETag: \"v1\"");
    harvest(lab, 304, NULL, "");
    lab_expect(lab,
               "[120000] asks /items, unless \"own\"\n"
               "[120000] status unreachable\n"
               "[120000] failed on page 1: http status: HTTP 304: check the request in the provider file\n");
    lab_close(lab);
}

/* The status decides: a body beside it is not looked at. */
static void body_of_a_304_is_nothing(void **state)
{
    (void)state;
    struct lab *lab = lab_with_two(LISTED, "ETag: \"v1\"");
    harvest(lab, 304, "Content-Type: application/json", ONE);
    assert_true(lab_outcome(lab)->unmodified);
    lab_expect_store(lab, "item", "a=1 b=1");
    lab_close(lab);
}

/* The first page's validators say nothing of the second one. */
static void next_page_ends_it(void **state)
{
    (void)state;
    struct lab *lab = lab_open(LISTED);
    lab_answers(lab, 200, "ETag: \"v1\"", "{\"items\":[" ITEM("a") "],\"next\":\"2\"}");
    lab_answers(lab, 200, "ETag: \"v2\"", BODY(ITEM("b")));
    lab_harvest(lab, "item");
    assert_int_equal(lab_receipt(lab)->pages, 2);
    lab_forget(lab);
    harvest(lab, 200, "ETag: \"v1\"", TWO);
    lab_pass(lab, MINUTE);
    lab_answers(lab, 200, "ETag: \"v3\"", "{\"items\":[" ITEM("a") "],\"next\":\"2\"}");
    lab_answers(lab, 200, NULL, BODY(ITEM("b")));
    lab_harvest(lab, "item");
    lab_expect(lab, "[60000] asks /items\n"
                    "[60000] complete, sound: 2 items on 1 pages\n"
                    "[120000] asks /items, unless \"v1\"\n"
                    "[120000] asks /items?from=2\n"
                    "[120000] complete, sound: 2 items on 2 pages\n");
    expect_full(lab);
    lab_close(lab);
}

/* What wasn't sound is no ground for "as before". */
static void unsound_listing_has_none(void **state)
{
    (void)state;
    struct lab *lab = lab_open(LISTED);
    harvest(lab, 200, "ETag: \"v1\"", BODY(ITEM("a") ",{\"v\":1}"));
    assert_false(lab_outcome(lab)->sound);
    expect_full(lab);
    lab_close(lab);
    lab = lab_open(LISTED);
    harvest(lab, 200, "ETag: \"v1\"", BODY("{\"id\":\"a\",\"v\":0,\"v\":1}," ITEM("b")));
    assert_true(lab_outcome(lab)->sound);
    assert_int_equal(lab_receipt(lab)->duplicate_keys, 1);
    expect_full(lab);
    lab_close(lab);
}

/* Children are harvested all the same, and what they delete rests on the parent's last sound receipt. */
static void children_rest_on_the_last_sound_receipt(void **state)
{
    (void)state;
    struct lab *lab = lab_with_two(LISTED CHILDREN, "ETag: \"v1\"");
    lab_answers(lab, 200, "ETag: \"c1\"", TWO);
    lab_harvest_child(lab, "child", "item", "a");
    for (int i = 0; i < 2 * LIMIT_RECEIPTS; i++) {
        harvest(lab, 304, NULL, "");
        lab_answers(lab, 304, NULL, "");
        lab_harvest_child(lab, "child", "item", "a");
        assert_true(lab_outcome(lab)->unmodified);
    }
    lab_forget(lab);
    lab_answers(lab, 200, "ETag: \"c2\"", ONE);
    lab_harvest_child(lab, "child", "item", "a");
    lab_expect(lab, "[1980000] asks /items/a/children, unless \"c1\"\n"
                    "[1980000] deleted b\n"
                    "        by 3-1-1\n"
                    "        by 3-2-2\n"
                    "[1980000] complete, sound: 1 items on 1 pages\n");
    lab_expect_store(lab, "item", "a=1 b=1");
    lab_close(lab);
}

/* A child whose parent's listing wasn't sound is listed in full, and keeps nothing to ask with. */
static void child_of_an_unsound_parent_has_none(void **state)
{
    (void)state;
    struct lab *lab = lab_with_two(LISTED CHILDREN, NULL);
    lab_answers(lab, 200, "ETag: \"c1\"", TWO);
    lab_harvest_child(lab, "child", "item", "a");
    harvest(lab, 200, NULL, BODY(ITEM("a") "," ITEM("b") ",{\"v\":1}"));
    assert_false(lab_outcome(lab)->sound);
    for (int i = 0; i < 2; i++) {
        lab_answers(lab, 200, "ETag: \"c1\"", ONE);
        lab_harvest_child(lab, "child", "item", "a");
        assert_int_equal(lab_outcome(lab)->deleted, 0);
    }
    assert_null(strstr(lab_diary(lab), "unless"));
    lab_close(lab);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(etag_is_asked_with),
        cmocka_unit_test(weak_etag_is_asked_with),
        cmocka_unit_test(last_modified_counts_when_it_is_old),
        cmocka_unit_test(another_request_has_none),
        cmocka_unit_test(edited_definition_has_none),
        cmocka_unit_test(lie_lasts_until_the_next_full_one),
        cmocka_unit_test(missing_ones_want_a_listing),
        cmocka_unit_test(held_ones_want_a_listing),
        cmocka_unit_test(failure_has_none),
        cmocka_unit_test(lost_harvest_changes_nothing),
        cmocka_unit_test(retries_ask_the_same),
        cmocka_unit_test(unasked_304_is_an_error),
        cmocka_unit_test(body_of_a_304_is_nothing),
        cmocka_unit_test(next_page_ends_it),
        cmocka_unit_test(unsound_listing_has_none),
        cmocka_unit_test(children_rest_on_the_last_sound_receipt),
        cmocka_unit_test(child_of_an_unsound_parent_has_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
