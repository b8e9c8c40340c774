/* Quarantine: one item that can't be digested costs neither its page nor the others, and is kept with its
 * reason until a complete listing meets it no more. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/check.h"
#include "common/limits.h"
#include "tests/scenario/lab.h"

#define FILE_WITH(more)                                                                                      \
    "provider: lab\n"                                                                                        \
    "collections:\n"                                                                                         \
    "  - type: item\n"                                                                                       \
    "    request: {url: 'http://lab/items'}\n"                                                               \
    "    items: /items/*\n"                                                                                  \
    "    page: {style: token, from: 'body:/next', to: 'query:from'}\n" more

#define PLAIN    FILE_WITH("    id: /id\n")
#define NO_GUARD PLAIN "    delete: {guard: none}\n"
#define MINUTE   60000

/* What is in quarantine, a line each: id, reason, sentence, how long between its first and last time. */
static int add_line(void *context, const struct quarantined *item)
{
    struct buffer *out = context;
    buffer_printf(out, "%.*s|%s|%s|%lld|%s\n", BYTES_ARG(item->id.data ? item->id : BYTES("-")),
                  error_name(item->reason), item->cause, (long long)(item->last_ms - item->first_ms),
                  item->item.data ? "whole" : "cut");
    return 0;
}

static struct collection_record record_of(struct lab *lab, struct arena *arena)
{
    struct collection_key key = {BYTES("lab"), BYTES("1"), BYTES("item"), {0}, {0}};
    struct collection_record record;
    struct error e;
    CHECK(!store_read(lab_store(lab), &e));
    CHECK(!store_collection_find(lab_store(lab), &key, arena, &record, &e));
    store_done(lab_store(lab));
    return record;
}

static void expect_quarantine(struct lab *lab, const char *lines)
{
    struct arena arena = {0};
    struct buffer out = {0};
    struct error e;
    struct collection_record record = record_of(lab, &arena);
    uint64_t count = 0;
    CHECK(!store_read(lab_store(lab), &e));
    CHECK(!store_quarantine_each(lab_store(lab), record.id, add_line, &out, &e));
    store_done(lab_store(lab));
    assert_string_equal(buffer_text(&out), lines);
    for (const char *at = lines; *at; at++)
        count += *at == '\n';
    assert_int_equal(record.quarantined, count);
    buffer_close(&out);
    arena_close(&arena);
}

static void harvest(struct lab *lab, const char *items)
{
    struct buffer body = {0};
    buffer_printf(&body, "{\"items\":[%s],\"next\":null}", items);
    lab_answers(lab, 200, NULL, buffer_text(&body));
    lab_harvest(lab, "item");
    buffer_close(&body);
}

/* An item with an id, and a text that is too long to be stored. */
static char *huge(const char *id, char fill)
{
    size_t len = LIMIT_DOCUMENT_BYTES + 1, head;
    char *text = mem_alloc(len + 64);
    head = (size_t)sprintf(text, "{\"id\":\"%s\",\"v\":\"", id);
    memset(text + head, fill, len);
    strcpy(text + head + len, "\"}");
    return text;
}

/* Without its id it may be any of those that are missed: so nothing is deleted, until it is gone. */
static void unreadable_id_deletes_nothing(void **state)
{
    (void)state;
    struct lab *lab = lab_open(NO_GUARD);
    harvest(lab, "{\"id\":\"a\",\"v\":1},{\"id\":\"b\",\"v\":1}");
    lab_pass(lab, MINUTE);
    harvest(lab, "{\"id\":\"a\",\"v\":2},{\"v\":7}");
    assert_false(lab_outcome(lab)->sound);
    assert_int_equal(lab_receipt(lab)->quarantined, 1);
    expect_quarantine(lab, "-|id|an item has no id at '/id'|0|whole\n");
    lab_expect_store(lab, "item", "a=2 b=1");
    lab_pass(lab, MINUTE);
    harvest(lab, "{\"id\":\"a\",\"v\":2},{\"v\":7}");
    expect_quarantine(lab, "-|id|an item has no id at '/id'|60000|whole\n");
    lab_pass(lab, MINUTE);
    harvest(lab, "{\"id\":\"a\",\"v\":2}");
    assert_true(lab_outcome(lab)->sound);
    assert_int_equal(lab_receipt(lab)->quarantined, 0);
    expect_quarantine(lab, "");
    lab_expect_store(lab, "item", "a=2");
    lab_close(lab);
}

/* A document that can't be stored has an id all the same: its row is seen and stays as it was, what is really
 * gone is deleted, and what comes back to be small is taken. */
static void unstorable_document_is_seen(void **state)
{
    (void)state;
    struct lab *lab = lab_open(NO_GUARD);
    char *b = huge("b", 'x');
    harvest(lab, "{\"id\":\"a\",\"v\":1},{\"id\":\"b\",\"v\":1},{\"id\":\"c\",\"v\":1}");
    for (int i = 0; i < 3; i++) {
        struct buffer items = {0};
        lab_pass(lab, MINUTE);
        buffer_printf(&items, "{\"id\":\"a\",\"v\":1},%s", b);
        harvest(lab, buffer_text(&items));
        buffer_close(&items);
        assert_true(lab_outcome(lab)->sound);
        assert_int_equal(lab_outcome(lab)->faults, 1);
        assert_true(lab_outcome(lab)->is_shown);
        assert_int_equal(lab_receipt(lab)->quarantined, 1);
        assert_int_equal(lab_receipt(lab)->deleted, i == 0);
        assert_int_equal(lab_receipt(lab)->updated, 0);
        assert_int_equal(lab_receipt(lab)->missing, i == 0);
        lab_expect_store(lab, "item", "a=1 b=1");
    }
    expect_quarantine(lab, "b|limit|the document of 'b' is 16777249 bytes, more than 16777216|120000|cut\n");
    harvest(lab, "{\"id\":\"a\",\"v\":1},{\"id\":\"b\",\"v\":3}");
    expect_quarantine(lab, "");
    lab_expect_store(lab, "item", "a=1 b=3");
    free(b);
    lab_close(lab);
}

/* One that was never stored: the others are, the collection is listed, and it isn't there. */
static void new_unstorable_document_is_not_stored(void **state)
{
    (void)state;
    struct lab *lab = lab_open(PLAIN);
    char *b = huge("b", 'x');
    struct buffer items = {0};
    buffer_printf(&items, "%s,{\"id\":\"a\",\"v\":1}", b);
    harvest(lab, buffer_text(&items));
    assert_true(lab_outcome(lab)->sound);
    assert_int_equal(lab_receipt(lab)->created, 1);
    lab_expect_store(lab, "item", "a=1");
    buffer_close(&items);
    free(b);
    lab_close(lab);
}

/* Of two items with one id the second is kept apart, and the first one is stored. */
static void clash_is_kept_apart(void **state)
{
    (void)state;
    struct lab *lab = lab_open(NO_GUARD);
    harvest(lab, "{\"id\":\"a\",\"v\":1},{\"id\":\"b\",\"v\":1}");
    harvest(lab, "{\"id\":\"a\",\"v\":7},{\"id\":\"a\",\"v\":8}");
    assert_false(lab_outcome(lab)->sound);
    expect_quarantine(
        lab, "a|items|two items have the id 'a' and different content: the first one is kept|0|whole\n");
    lab_expect_store(lab, "item", "a=7 b=1");
    lab_close(lab);
}

/* Its bytes are never taken for those of a known row, neither alone nor within a page that is as it was. */
static void forecast_never_recognises_it(void **state)
{
    (void)state;
    struct lab *lab = lab_open(PLAIN);
    static const char *const page = "{\"id\":\"a\",\"v\":1},{\"v\":7},{\"id\":\"b\",\"v\":1},{\"id\":\"c\","
                                    "\"v\":1},{\"id\":\"b\",\"v\":2}";
    for (int i = 0; i < 4; i++) {
        lab_pass(lab, MINUTE);
        harvest(lab, page);
        assert_false(lab_outcome(lab)->sound);
        assert_int_equal(lab_receipt(lab)->quarantined, 2);
        assert_int_equal(lab_receipt(lab)->created, i ? 0 : 3);
        assert_int_equal(lab_receipt(lab)->updated, 0);
        lab_expect_store(lab, "item", "a=1 b=1 c=1");
    }
    lab_close(lab);
}

/* A listing that fails takes nothing out: it may have stopped before it came to the item. */
static void failed_listing_releases_nothing(void **state)
{
    (void)state;
    struct lab *lab = lab_open(PLAIN);
    harvest(lab, "{\"id\":\"a\",\"v\":1},{\"v\":7}");
    lab_page(lab, "a", "2");
    lab_answers(lab, 403, NULL, "no");
    lab_harvest(lab, "item");
    assert_false(lab_outcome(lab)->complete);
    expect_quarantine(lab, "-|id|an item has no id at '/id'|0|whole\n");
    lab_close(lab);
}

/* What one commit loses is as if it had never been: item, count and receipt go together. */
static void lost_commit_loses_all_of_it(void **state)
{
    (void)state;
    struct lab *lab = lab_open(PLAIN);
    harvest(lab, "{\"id\":\"a\",\"v\":1}");
    lab_loses(lab);
    harvest(lab, "{\"id\":\"a\",\"v\":1},{\"v\":7}");
    expect_quarantine(lab, "");
    harvest(lab, "{\"id\":\"a\",\"v\":1},{\"v\":7}");
    lab_reopen(lab);
    expect_quarantine(lab, "-|id|an item has no id at '/id'|0|whole\n");
    lab_expect_store(lab, "item", "a=1");
    lab_close(lab);
}

/* Only so many are kept; all are counted. */
static void quarantine_has_room_for_so_many(void **state)
{
    (void)state;
    struct lab *lab = lab_open(PLAIN);
    struct arena arena = {0};
    struct buffer items = {0};
    for (int i = 0; i < LIMIT_QUARANTINE_ITEMS + 9; i++)
        buffer_printf(&items, "%s{\"v\":%d}", i ? "," : "", i);
    for (int i = 0; i < 2; i++) {
        harvest(lab, buffer_text(&items));
        assert_int_equal(lab_receipt(lab)->quarantined, LIMIT_QUARANTINE_ITEMS + 9);
        assert_int_equal(lab_outcome(lab)->faults, LIMIT_QUARANTINE_ITEMS + 9);
        assert_int_equal(record_of(lab, &arena).quarantined, LIMIT_QUARANTINE_ITEMS);
    }
    lab_expect_store(lab, "item", "");
    buffer_close(&items);
    arena_close(&arena);
    lab_close(lab);
}

/* Rules were edited, and one row's item can't be stored under them: its document is still as the old ones
 * made it, and the store knows. */
static void unstorable_document_keeps_old_rules(void **state)
{
    (void)state;
    struct lab *lab = lab_open(PLAIN);
    struct arena arena = {0};
    char *b = huge("b", 'x');
    struct buffer items = {0};
    harvest(lab, "{\"id\":\"a\",\"v\":1,\"l\":[2,1]},{\"id\":\"b\",\"v\":1,\"l\":[2,1]}");
    lab_edit(lab, PLAIN "    unordered: [/l]\n");
    buffer_printf(&items, "{\"id\":\"a\",\"v\":1,\"l\":[1,2]},%s", b);
    harvest(lab, buffer_text(&items));
    assert_true(record_of(lab, &arena).mixed);
    lab_expect_store(lab, "item", "a=1 b=1");
    harvest(lab, "{\"id\":\"a\",\"v\":1,\"l\":[1,2]},{\"id\":\"b\",\"v\":1,\"l\":[1,2]}");
    assert_false(record_of(lab, &arena).mixed);
    assert_int_equal(lab_receipt(lab)->updated, 0);
    lab_expect_store(lab, "item", "a=1 b=1");
    buffer_close(&items);
    arena_close(&arena);
    free(b);
    lab_close(lab);
}

/* An `id` rule that was corrected starts the collection anew, and nothing of quarantine is left. */
static void corrected_id_rule_empties_it(void **state)
{
    (void)state;
    struct lab *lab = lab_open(PLAIN);
    harvest(lab, "{\"id\":\"a\",\"v\":1},{\"name\":\"b\",\"v\":7}");
    lab_edit(lab, FILE_WITH("    id: /name\n"));
    harvest(lab, "{\"name\":\"a\",\"v\":1},{\"name\":\"b\",\"v\":7}");
    assert_true(lab_outcome(lab)->sound);
    expect_quarantine(lab, "");
    lab_expect_store(lab, "item", "a=1 b=7");
    lab_close(lab);
}

/* What is too long is cut at the end of a character. */
static int is_cut(void *context, const struct quarantined *item)
{
    size_t *len = context;
    *len = item->beginning.len;
    assert_null(item->item.data);
    assert_true(bytes_is_utf8(item->beginning, NULL));
    assert_true(bytes_starts(item->beginning, "{\"v\":\"x\xe2\x82\xac"));
    assert_true(item->item_bytes > LIMIT_QUARANTINE_ITEM_BYTES);
    return 0;
}

static void long_item_is_cut(void **state)
{
    (void)state;
    struct lab *lab = lab_open(PLAIN);
    struct buffer item = {0};
    struct error e;
    size_t len = 0;
    buffer_add_text(&item, "{\"v\":\"x");
    while (item.len <= LIMIT_QUARANTINE_ITEM_BYTES)
        buffer_add_text(&item, "\xe2\x82\xac");
    buffer_add_text(&item, "\"}");
    harvest(lab, buffer_text(&item));
    CHECK(!store_read(lab_store(lab), &e));
    CHECK(!store_quarantine_each(lab_store(lab), 1, is_cut, &len, &e));
    store_done(lab_store(lab));
    assert_in_range(len, LIMIT_QUARANTINE_ITEM_BYTES - 2, LIMIT_QUARANTINE_ITEM_BYTES);
    lab_expect_store(lab, "item", "");
    buffer_close(&item);
    lab_close(lab);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unreadable_id_deletes_nothing),
        cmocka_unit_test(unstorable_document_is_seen),
        cmocka_unit_test(new_unstorable_document_is_not_stored),
        cmocka_unit_test(clash_is_kept_apart),
        cmocka_unit_test(forecast_never_recognises_it),
        cmocka_unit_test(failed_listing_releases_nothing),
        cmocka_unit_test(lost_commit_loses_all_of_it),
        cmocka_unit_test(quarantine_has_room_for_so_many),
        cmocka_unit_test(unstorable_document_keeps_old_rules),
        cmocka_unit_test(corrected_id_rule_empties_it),
        cmocka_unit_test(long_item_is_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
