/* The store: missing rows and receipts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/unit/test_store_lab.h"

/* A row that is seen again is missing no more; the others still are. */
static void seen_rows_are_missing_no_more(void **state)
{
    struct lab *lab = *state;
    struct missing missing = {.since_ms = 5, .harvests = {1, 4}, .count = 2}, back;
    lab_collection(lab, "a");
    char id[8];
    for (uint32_t i = 0; i < 4; i++) {
        snprintf(id, sizeof id, "%" PRIu32, i);
        lab_create(lab, id, "{}");
        LAB_OK(lab, store_missing_put(lab->store, 1, i, &missing, &lab->e));
    }
    for (int i = 0; i < 4; i++)
        lab_receipt(lab, true);
    lab_put(lab);
    LAB_OK(lab, store_missing_get(lab->store, 1, 3, &back, &lab->e));
    assert_true(back.since_ms == 5 && back.count == 2 && back.harvests[1] == 4);
    roaring_bitmap_t *seen = roaring_bitmap_of(2, 1, 3), *rows = roaring_bitmap_create();
    LAB_OK(lab, store_missing_forget(lab->store, 1, seen, &lab->e));
    LAB_OK(lab, store_missing_rows(lab->store, 1, rows, &lab->e));
    roaring_bitmap_t *left = roaring_bitmap_of(2, 0, 2);
    assert_true(roaring_bitmap_equals(rows, left));
    assert_int_equal(store_missing_get(lab->store, 1, 3, &back, &lab->e), ERR_NOT_FOUND);
    LAB_OK(lab, store_missing_forget(lab->store, 1, NULL, &lab->e));
    assert_int_equal(store_missing_get(lab->store, 1, 0, &back, &lab->e), ERR_NOT_FOUND);
    roaring_bitmap_free(seen);
    roaring_bitmap_free(rows);
    roaring_bitmap_free(left);
    lab_commit(lab);
    assert_string_equal(lab_verify(lab), "");
}

static int list_receipt(void *context, const struct receipt *receipt)
{
    buffer_printf(context, " %" PRIu64, receipt->id.harvest);
    return 0;
}

static const char *listed(struct lab *lab, uint32_t collection, uint64_t next_harvest)
{
    struct buffer list = {0};
    LAB_OK(lab, store_receipts_each(lab->store, collection, next_harvest, list_receipt, &list, &lab->e));
    const char *text = arena_strdup(&lab->arena, buffer_bytes(&list));
    buffer_close(&list);
    return text;
}

/* Of a collection the last receipts are kept, and those that something rests on. */
static void old_receipts_go_but_for_pinned_ones(void **state)
{
    struct lab *lab = *state;
    struct receipt receipt;
    lab_collection(lab, "other");
    lab_receipt(lab, false);
    lab_put(lab);
    lab_collection(lab, "a");
    for (int i = 1; i <= 40; i++) {
        lab_receipt(lab, i == 3);
        if (i == 10)
            LAB_OK(lab, store_receipt_pin(lab->store, (struct receipt_id){12, 2, 7}, &lab->e));
    }
    lab_put(lab);
    assert_string_equal(listed(lab, 2, 41), " 3 7 25 26 27 28 29 30 31 32 33 34 35 36 37 38 39 40");
    assert_string_equal(listed(lab, 1, 2), " 1");
    assert_int_equal(
        store_receipt_get(lab->store, (struct receipt_id){12, 2, 8}, &lab->arena, &receipt, &lab->e),
        ERR_NOT_FOUND);
    assert_string_equal(lab->e.text, "there is no receipt 12-2-8");
    assert_int_equal(store_receipt_pin(lab->store, (struct receipt_id){12, 2, 8}, &lab->e), ERR_NOT_FOUND);
    assert_int_equal(store_receipt_pin(lab->store, (struct receipt_id){1, 2, 7}, &lab->e), ERR_NOT_FOUND);
    lab_commit(lab);
    assert_string_equal(lab_verify(lab), "");
}

/* A receipt counts how often nothing had changed since, and stays where it is, pinned or not. */
static void unmodified_is_counted(void **state)
{
    struct lab *lab = *state;
    struct receipt receipt;
    lab_collection(lab, "a");
    lab_receipt(lab, true);
    lab_receipt(lab, false);
    lab_put(lab);
    for (uint64_t harvest = 1; harvest <= 2; harvest++) {
        struct receipt_id id = {12, 1, harvest};
        for (int i = 1; i <= 3; i++)
            LAB_OK(lab, store_receipt_unmodified(lab->store, id, 1000 + i, &lab->e));
        LAB_OK(lab, store_receipt_get(lab->store, id, &lab->arena, &receipt, &lab->e));
        assert_true(receipt.unmodified == 3 && receipt.unmodified_ms == 1003 && receipt.pages == 1);
    }
    assert_int_equal(store_receipt_unmodified(lab->store, (struct receipt_id){12, 1, 3}, 1, &lab->e),
                     ERR_NOT_FOUND);
    assert_string_equal(lab->e.text, "there is no receipt 12-1-3");
    for (int i = 0; i < 40; i++)
        lab_receipt(lab, false);
    lab_put(lab);
    LAB_OK(lab, store_receipt_get(lab->store, (struct receipt_id){12, 1, 1}, &lab->arena, &receipt, &lab->e));
    assert_int_equal(receipt.unmodified, 3);
    lab_commit(lab);
    assert_string_equal(lab_verify(lab), "");
}

/* A receipt that was pinned stays so when it is written again. */
static void a_pin_outlives_a_rewrite(void **state)
{
    struct lab *lab = *state;
    struct receipt receipt;
    lab_collection(lab, "a");
    lab_receipt(lab, true);
    lab->record.next_harvest = 1;
    lab_receipt(lab, false);
    assert_string_equal(listed(lab, 1, 2), " 1");
    for (int i = 1; i < 30; i++)
        lab_receipt(lab, false);
    LAB_OK(lab, store_receipt_get(lab->store, (struct receipt_id){12, 1, 1}, &lab->arena, &receipt, &lab->e));
}

static int count_one(void *context, struct bytes key, struct bytes value)
{
    (void)key, (void)value;
    ++*(uint32_t *)context;
    return 0;
}

static uint32_t stored(struct lab *lab)
{
    uint32_t count = 0;
    LAB_OK(lab, table_each(lab->store, TABLE_RECEIPTS, (struct bytes){0}, (struct bytes){0}, count_one,
                           &count, &lab->e));
    return count;
}

/* Harvests that were killed leave no receipt. The one from a round before stays in the slot for it, and is
 * that harvest's and no other's. */
static void a_gap_keeps_what_stood_there(void **state)
{
    struct lab *lab = *state;
    struct receipt receipt;
    struct receipt_id killed = {12, 1, 20}, before = {12, 1, 4}, pinned = {12, 1, 5};
    lab_collection(lab, "a");
    for (int i = 1; i <= 22; i++)
        if (i == 20)
            lab->record.next_harvest++;
        else
            lab_receipt(lab, i == 21);
    assert_string_equal(listed(lab, 1, 23), " 4 7 8 9 10 11 12 13 14 15 16 17 18 19 21 22");
    assert_int_equal(stored(lab), 16);
    assert_int_equal(store_receipt_get(lab->store, killed, &lab->arena, &receipt, &lab->e), ERR_NOT_FOUND);
    assert_int_equal(store_receipt_pin(lab->store, killed, &lab->e), ERR_NOT_FOUND);
    LAB_OK(lab, store_receipt_get(lab->store, before, &lab->arena, &receipt, &lab->e));
    assert_int_equal(receipt.id.harvest, 4);
    assert_int_equal(store_receipt_get(lab->store, pinned, &lab->arena, &receipt, &lab->e), ERR_NOT_FOUND);
    lab_put(lab);
    assert_string_equal(lab_verify(lab), "");
}

/* --- stores of older versions --- */

/* Receipts where older versions put those of the last harvests. */
static void make_old(struct lab *lab, uint32_t collection, uint64_t first, uint64_t last)
{
    for (uint64_t harvest = first; harvest <= last; harvest++) {
        struct buffer value = {0};
        struct receipt receipt = {.id = {12, collection, harvest}, .complete = true, .pages = harvest};
        struct key key = key_old_recent(collection, harvest);
        buffer_add_char(&value, 0);
        receipt_pack(&receipt, &value);
        LAB_OK(lab, table_put(lab->store, TABLE_RECEIPTS, key_bytes(&key), buffer_bytes(&value), 0, &lab->e));
        buffer_close(&value);
    }
}

static void make_old_store(struct lab *lab)
{
    lab_collection(lab, "a");
    lab_receipt(lab, true);
    make_old(lab, 1, 3, 3);
    make_old(lab, 1, 8, 18);
    make_old(lab, 1, 20, 23);
    lab->record.next_harvest = 24;
    lab_put(lab);
    lab_collection(lab, "b");
    make_old(lab, 2, 23, 23);
    lab->record.next_harvest = 24;
    lab_put(lab);
    lab_commit(lab);
}

static void expect_old(struct lab *lab)
{
    struct receipt receipt;
    assert_string_equal(listed(lab, 1, 24), " 1 3 8 9 10 11 12 13 14 15 16 17 18 20 21 22 23");
    assert_string_equal(listed(lab, 2, 24), " 23");
    LAB_OK(lab,
           store_receipt_get(lab->store, (struct receipt_id){12, 1, 17}, &lab->arena, &receipt, &lab->e));
    assert_int_equal(receipt.pages, 17);
    assert_string_equal(lab_verify(lab), "");
}

/* A reader of a store that an older version wrote finds its receipts where they are. */
static void a_reader_finds_old_receipts(void **state)
{
    struct lab *lab = *state;
    struct store_options options = {.path = lab->path, .shard = 12, .read_only = true};
    make_old_store(lab);
    store_close(lab->store);
    LAB_OK(lab, store_open(&options, &lab->store, &lab->e));
    LAB_OK(lab, store_read(lab->store, &lab->e));
    expect_old(lab);
    assert_int_equal(stored(lab), 18);
}

/* A writer moves them, once; then new ones take their places. */
static void a_writer_moves_old_receipts(void **state)
{
    struct lab *lab = *state;
    make_old_store(lab);
    for (int i = 0; i < 2; i++) {
        lab_reopen(lab);
        LAB_OK(lab, store_read(lab->store, &lab->e));
        expect_old(lab);
        assert_int_equal(stored(lab), 18);
        struct key key = key_old_recent(2, 23);
        struct bytes value;
        assert_int_equal(table_get(lab->store, TABLE_RECEIPTS, key_bytes(&key), &value, &lab->e),
                         ERR_NOT_FOUND);
    }
    struct collection_record found;
    LAB_OK(lab, store_collection_by_id(lab->store, 1, &lab->arena, &found, &lab->e));
    LAB_OK(lab, store_write(lab->store, &lab->e));
    lab->record = found;
    for (int i = 0; i < 14; i++)
        lab_receipt(lab, false);
    lab_put(lab);
    assert_string_equal(listed(lab, 1, 38), " 1 22 23 24 25 26 27 28 29 30 31 32 33 34 35 36 37");
    LAB_OK(lab, store_receipt_pin(lab->store, (struct receipt_id){12, 1, 22}, &lab->e));
    lab_receipt(lab, false);
    lab_put(lab);
    assert_string_equal(listed(lab, 1, 39), " 1 22 23 24 25 26 27 28 29 30 31 32 33 34 35 36 37 38");
    lab_commit(lab);
    assert_string_equal(lab_verify(lab), "");
}

/* An older version may have run in between: of two that fall to one slot the later one stays. */
static void the_later_of_two_old_receipts_stays(void **state)
{
    struct lab *lab = *state;
    make_old_store(lab);
    lab_reopen(lab);
    LAB_OK(lab, store_write(lab->store, &lab->e));
    make_old(lab, 1, 24, 30);
    lab->record = lab_record("a");
    lab->record.id = 1;
    lab->record.next_harvest = 31;
    lab_put(lab);
    lab_commit(lab);
    lab_reopen(lab);
    LAB_OK(lab, store_read(lab->store, &lab->e));
    assert_string_equal(listed(lab, 1, 31), " 1 3 15 16 17 18 20 21 22 23 24 25 26 27 28 29 30");
    assert_string_equal(lab_verify(lab), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(seen_rows_are_missing_no_more, lab_setup, lab_teardown),
        cmocka_unit_test_setup_teardown(old_receipts_go_but_for_pinned_ones, lab_setup, lab_teardown),
        cmocka_unit_test_setup_teardown(unmodified_is_counted, lab_setup, lab_teardown),
        cmocka_unit_test_setup_teardown(a_pin_outlives_a_rewrite, lab_setup, lab_teardown),
        cmocka_unit_test_setup_teardown(a_gap_keeps_what_stood_there, lab_setup, lab_teardown),
        cmocka_unit_test_setup_teardown(a_reader_finds_old_receipts, lab_setup, lab_teardown),
        cmocka_unit_test_setup_teardown(a_writer_moves_old_receipts, lab_setup, lab_teardown),
        cmocka_unit_test_setup_teardown(the_later_of_two_old_receipts_stays, lab_setup, lab_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
