/* The store: the change log loses its oldest changes, and with them the receipts that nothing rests on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/unit/test_store_lab.h"

#define ALL UINT32_MAX

static const struct store_compaction everything = {UINT64_MAX, INT64_MAX, UINT64_MAX, ALL};

static uint32_t compact(struct lab *lab, struct store_compaction what)
{
    uint32_t count;
    LAB_OK(lab, store_write(lab->store, &lab->e));
    LAB_OK(lab, store_compact(lab->store, &what, &count, &lab->e));
    return count;
}

static void expect_log(struct lab *lab, uint64_t oldest, uint64_t head)
{
    struct bytes packed;
    assert_int_equal(store_oldest(lab->store), oldest);
    assert_int_equal(store_head(lab->store), head);
    LAB_OK(lab, store_read(lab->store, &lab->e));
    for (uint64_t seq = 1; seq <= head; seq++)
        assert_int_equal(store_change(lab->store, seq, &packed, &lab->e), seq < oldest ? ERR_NOT_FOUND : 0);
    store_done(lab->store);
}

/* Changes 1 to 10, a millisecond apart; returns when the first one came. */
static int64_t ten_changes(struct lab *lab, size_t bytes)
{
    int64_t first_ms = lab->now_ms;
    lab_collection(lab, "a");
    for (int i = 0; i < 10; i++) {
        char id[16];
        snprintf(id, sizeof id, "%d", i);
        lab_create(lab, id, lab_filler(lab, bytes));
    }
    lab_put(lab);
    lab_commit(lab);
    return first_ms;
}

static void changes_before_a_time_go(void **state)
{
    struct lab *lab = *state;
    int64_t first_ms = ten_changes(lab, 10), oldest_ms;
    assert_int_equal(compact(lab, (struct store_compaction){UINT64_MAX, first_ms, UINT64_MAX, ALL}), 0);
    assert_int_equal(compact(lab, (struct store_compaction){UINT64_MAX, first_ms + 3, UINT64_MAX, ALL}), 3);
    lab_commit(lab);
    expect_log(lab, 4, 10);
    LAB_OK(lab, store_read(lab->store, &lab->e));
    LAB_OK(lab, store_oldest_ms(lab->store, &oldest_ms, &lab->e));
    assert_int_equal(oldest_ms, first_ms + 3);
    lab_reopen(lab);
    expect_log(lab, 4, 10);
    assert_string_equal(lab_verify(lab), "");
}

static void no_more_go_than_was_said(void **state)
{
    struct lab *lab = *state;
    ten_changes(lab, 10);
    assert_int_equal(compact(lab, (struct store_compaction){6, INT64_MAX, 0, 4}), 4);
    assert_int_equal(compact(lab, (struct store_compaction){6, INT64_MAX, 0, 4}), 2);
    assert_int_equal(compact(lab, (struct store_compaction){6, INT64_MAX, 0, 4}), 0);
    lab_commit(lab);
    expect_log(lab, 7, 10);
}

/* The next change goes on with the seq behind the head. */
static void a_log_may_become_empty(void **state)
{
    struct lab *lab = *state;
    int64_t oldest_ms;
    ten_changes(lab, 3000);
    assert_true(store_log_bytes(lab->store) > 30000);
    assert_int_equal(compact(lab, everything), 10);
    assert_int_equal(store_oldest_ms(lab->store, &oldest_ms, &lab->e), ERR_NOT_FOUND);
    lab_commit(lab);
    expect_log(lab, 11, 10);
    assert_int_equal(store_log_bytes(lab->store), 0);
    lab_reopen(lab);
    expect_log(lab, 11, 10);
    assert_int_equal(store_log_bytes(lab->store), 0);
    assert_string_equal(lab_verify(lab), "");
    LAB_OK(lab, store_write(lab->store, &lab->e));
    lab_update(lab, 3, "{}");
    assert_string_equal(lab_change(lab, 11) + strlen("updated 3 {\"x\":\"") + 3000, "\"} -> {} after 4");
    lab_commit(lab);
    assert_string_equal(lab_verify(lab), "");
}

/* Down to as many bytes as there may be, and not by a change more; long documents count with their own pages.
 */
static void changes_go_while_the_log_is_too_large(void **state)
{
    struct lab *lab = *state;
    ten_changes(lab, 10000);
    uint64_t bytes = store_log_bytes(lab->store);
    assert_true(bytes > 100000 && bytes < 200000);
    assert_int_equal(compact(lab, (struct store_compaction){UINT64_MAX, 0, bytes, ALL}), 0);
    assert_int_equal(compact(lab, (struct store_compaction){UINT64_MAX, 0, bytes - 1, ALL}), 1);
    lab_commit(lab);
    assert_true(store_log_bytes(lab->store) < bytes - 9000);
    compact(lab, (struct store_compaction){UINT64_MAX, 0, bytes / 2, ALL});
    lab_commit(lab);
    assert_true(store_log_bytes(lab->store) <= bytes / 2 && store_log_bytes(lab->store) > bytes / 2 - 20000);
    assert_true(store_oldest(lab->store) > 4 && store_oldest(lab->store) < 8);
}

static void an_abort_takes_it_back(void **state)
{
    struct lab *lab = *state;
    ten_changes(lab, 10);
    uint64_t bytes = store_log_bytes(lab->store);
    assert_int_equal(compact(lab, everything), 10);
    store_abort(lab->store);
    expect_log(lab, 1, 10);
    assert_int_equal(store_log_bytes(lab->store), bytes);
}

/* A reader sees what was committed, and how large it is. */
static void a_reader_follows(void **state)
{
    struct lab *lab = *state;
    struct store *reader;
    ten_changes(lab, 10);
    store_reader_open(lab->store, &reader);
    assert_int_equal(store_oldest(reader), 1);
    assert_int_equal(store_log_bytes(reader), store_log_bytes(lab->store));
    compact(lab, everything);
    assert_int_equal(store_oldest(reader), 1);
    lab_commit(lab);
    assert_int_equal(store_oldest(reader), 11);
    assert_int_equal(store_log_bytes(reader), 0);
    store_close(reader);
}

/* What can't be read isn't passed over in silence, nor is a hole. */
static void a_damaged_log_is_not_compacted(void **state)
{
    struct lab *lab = *state;
    struct key third = key_u64(3), fifth = key_u64(5);
    uint32_t count;
    ten_changes(lab, 10);
    LAB_OK(lab, store_write(lab->store, &lab->e));
    LAB_OK(lab, table_put(lab->store, TABLE_CHANGES, key_bytes(&third), BYTES("\x08\x0c"), 0, &lab->e));
    LAB_OK(lab, table_delete(lab->store, TABLE_CHANGES, key_bytes(&fifth), &lab->e));
    assert_int_equal(store_compact(lab->store, &everything, &count, &lab->e), ERR_CORRUPT);
    assert_int_equal(count, 2);
    assert_string_equal(lab->e.text,
                        "shard 12: change 3 can't be read, so the log isn't compacted: `garner verify`");
    LAB_OK(lab, table_delete(lab->store, TABLE_CHANGES, key_bytes(&third), &lab->e));
    assert_int_equal(store_compact(lab->store, &everything, &count, &lab->e), ERR_CORRUPT);
    assert_string_equal(
        lab->e.text,
        "shard 12: change 3 isn't where it should be, so the log isn't compacted: `garner verify`");
}

/* Steady change within a bounded log doesn't make the file grow: what left it is written over. */
static void the_file_does_not_grow_for_ever(void **state)
{
    struct lab *lab = *state;
    struct stat early, late;
    char *json[2] = {lab_filler(lab, 2500), lab_filler(lab, 2400)};
    lab_collection(lab, "a");
    uint32_t row = lab_create(lab, "a", json[0]);
    lab_put(lab);
    for (int round = 0; round < 200; round++) {
        for (int i = 0; i < 20; i++)
            lab_update(lab, row, json[i % 2]);
        lab_commit(lab);
        compact(lab, (struct store_compaction){UINT64_MAX, 0, 200000, ALL});
        lab_commit(lab);
        LAB_OK(lab, store_write(lab->store, &lab->e));
        assert_true(store_log_bytes(lab->store) <= 200000);
        if (round == 40)
            assert_int_equal(stat(lab->path, &early), 0);
    }
    assert_int_equal(stat(lab->path, &late), 0);
    assert_true(late.st_size <= early.st_size + 100000);
    lab_commit(lab);
    assert_string_equal(lab_verify(lab), "");
}

/* --- receipts --- */

/* Those that nothing rests on, looked for in pieces of `most`; each is let go. */
static const char *let_go(struct lab *lab, uint32_t most)
{
    struct receipt_id last = {0}, found[8];
    struct buffer list = {0};
    uint32_t count;
    bool end = false;
    LAB_OK(lab, store_write(lab->store, &lab->e));
    while (!end) {
        LAB_OK(lab, store_receipts_unneeded(lab->store, &last, most, found, &count, &end, &lab->e));
        for (uint32_t i = 0; i < count; i++) {
            buffer_printf(&list, " %" PRIu32 "-%" PRIu64, found[i].collection, found[i].harvest);
            LAB_OK(lab, store_receipt_unpin(lab->store, found[i], &lab->e));
        }
    }
    lab_commit(lab);
    assert_true(last.collection == 0 && last.harvest == 0);
    assert_string_equal(lab_verify(lab), "");
    const char *text = arena_strdup(&lab->arena, buffer_bytes(&list));
    buffer_close(&list);
    return text;
}

static bool is_there(struct lab *lab, uint32_t collection, uint64_t harvest)
{
    struct receipt receipt;
    LAB_OK(lab, store_read(lab->store, &lab->e));
    int r = store_receipt_get(lab->store, (struct receipt_id){12, collection, harvest}, &lab->arena, &receipt,
                              &lab->e);
    assert_true(r == 0 || r == ERR_NOT_FOUND);
    store_done(lab->store);
    return r == 0;
}

/* Rows 0 to 3 are created by changes 1 to 4. Then harvest 1 deletes two of them, harvest 2 another one. */
static void two_deleting_harvests(struct lab *lab)
{
    lab_collection(lab, "a");
    for (int i = 0; i < 4; i++)
        lab_create(lab, (char[]){(char)('a' + i), 0}, "{}");
    lab_receipt(lab, true);
    lab_delete(lab, 0);
    lab_delete(lab, 1);
    lab_receipt(lab, true);
    lab_delete(lab, 2);
    lab_put(lab);
    lab_commit(lab);
}

static void a_receipt_stays_while_a_change_in_the_log_rests_on_it(void **state)
{
    struct lab *lab = *state;
    two_deleting_harvests(lab);
    assert_string_equal(let_go(lab, 8), "");
    compact(lab, (struct store_compaction){5, INT64_MAX, 0, ALL});
    assert_string_equal(let_go(lab, 8), "");
    compact(lab, (struct store_compaction){6, INT64_MAX, 0, ALL});
    assert_string_equal(let_go(lab, 8), " 1-1");
    assert_string_equal(let_go(lab, 8), "");
    lab_reopen(lab);
    compact(lab, everything);
    assert_string_equal(let_go(lab, 1), " 1-2");
    lab_reopen(lab);
    assert_string_equal(lab_verify(lab), "");
}

/* A later delete may rest on it. When the row is back, or gone with what rests on it, it goes. */
static void a_receipt_stays_while_a_row_is_missing_by_it(void **state)
{
    struct lab *lab = *state;
    struct missing missing = {.since_ms = 5, .harvests = {1, 2}, .count = 2};
    two_deleting_harvests(lab);
    LAB_OK(lab, store_write(lab->store, &lab->e));
    LAB_OK(lab, store_missing_put(lab->store, 1, 3, &missing, &lab->e));
    lab_receipt(lab, true); /* named by a row that is back */
    lab_put(lab);
    lab_commit(lab);
    compact(lab, everything);
    assert_string_equal(let_go(lab, 8), " 1-3");
    LAB_OK(lab, store_write(lab->store, &lab->e));
    LAB_OK(lab, store_missing_forget(lab->store, 1, NULL, &lab->e));
    assert_string_equal(let_go(lab, 1), " 1-1 1-2");
}

/* It is one of the last harvests' again, where none that came later stands; else it is gone. */
static void a_receipt_that_is_let_go_becomes_an_ordinary_one(void **state)
{
    struct lab *lab = *state;
    two_deleting_harvests(lab);
    compact(lab, everything);
    for (int i = 0; i < LIMIT_RECEIPTS - 1; i++)
        lab_receipt(lab, false);
    lab_put(lab);
    lab_commit(lab);
    assert_string_equal(let_go(lab, 8), " 1-1 1-2");
    assert_false(is_there(lab, 1, 1)); /* harvest 17 has its place */
    assert_true(is_there(lab, 1, 2));
    LAB_OK(lab, store_write(lab->store, &lab->e));
    lab_receipt(lab, false);
    lab_put(lab);
    lab_commit(lab);
    assert_false(is_there(lab, 1, 2));
    assert_string_equal(lab_verify(lab), "");
}

static void receipts_of_a_collection_that_is_gone_go_for_good(void **state)
{
    struct lab *lab = *state;
    two_deleting_harvests(lab);
    LAB_OK(lab, store_write(lab->store, &lab->e));
    lab_delete(lab, 3);
    LAB_OK(lab, store_collection_drop(lab->store, 1, false, &lab->e));
    lab_commit(lab);
    assert_string_equal(let_go(lab, 8), "");
    compact(lab, everything);
    assert_string_equal(let_go(lab, 8), " 1-1 1-2");
    assert_false(is_there(lab, 1, 1) || is_there(lab, 1, 2));
}

static void forget_citing(struct lab *lab)
{
    struct key collection = key_collection(1);
    LAB_OK(lab, store_write(lab->store, &lab->e));
    LAB_OK(lab, table_drop_prefix(lab->store, TABLE_CITED, key_bytes(&collection), &lab->e));
    LAB_OK(lab, table_delete(lab->store, TABLE_META, BYTES("cited_from"), &lab->e));
    lab_commit(lab);
    lab_reopen(lab);
}

/* An earlier version didn't note what rests on what: its receipts stay until all of its changes have gone. */
static void receipts_of_an_older_version_stay_as_long_as_its_changes(void **state)
{
    struct lab *lab = *state;
    two_deleting_harvests(lab);
    forget_citing(lab);
    assert_int_equal(lab->store->cited_from, 8);
    lab->record = lab_record("a");
    LAB_OK(lab, store_read(lab->store, &lab->e));
    LAB_OK(lab, store_collection_find(lab->store, &lab->record.key, &lab->arena, &lab->record, &lab->e));
    LAB_OK(lab, store_write(lab->store, &lab->e));
    lab_receipt(lab, true);
    lab_delete(lab, 3);
    lab_put(lab);
    lab_commit(lab);
    lab_reopen(lab);
    assert_int_equal(lab->store->cited_from, 8);
    compact(lab, (struct store_compaction){6, INT64_MAX, 0, ALL});
    assert_string_equal(let_go(lab, 8), "");
    compact(lab, (struct store_compaction){7, INT64_MAX, 0, ALL});
    assert_string_equal(let_go(lab, 8), " 1-1 1-2");
    compact(lab, everything);
    assert_string_equal(let_go(lab, 8), " 1-3");
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, lab_setup, lab_teardown)
    const struct CMUnitTest tests[] = {
        T(changes_before_a_time_go),
        T(no_more_go_than_was_said),
        T(a_log_may_become_empty),
        T(changes_go_while_the_log_is_too_large),
        T(an_abort_takes_it_back),
        T(a_reader_follows),
        T(a_damaged_log_is_not_compacted),
        T(the_file_does_not_grow_for_ever),
        T(a_receipt_stays_while_a_change_in_the_log_rests_on_it),
        T(a_receipt_stays_while_a_row_is_missing_by_it),
        T(a_receipt_that_is_let_go_becomes_an_ordinary_one),
        T(receipts_of_a_collection_that_is_gone_go_for_good),
        T(receipts_of_an_older_version_stay_as_long_as_its_changes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
