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
    lab->record.next_harvest = 5;
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

/* Of a collection the last receipts are kept, and those that something rests on. */
static void old_receipts_go_but_for_pinned_ones(void **state)
{
    struct lab *lab = *state;
    struct buffer list = {0};
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
    LAB_OK(lab, store_receipts_each(lab->store, 2, 41, list_receipt, &list, &lab->e));
    assert_string_equal(buffer_text(&list), " 3 7 25 26 27 28 29 30 31 32 33 34 35 36 37 38 39 40");
    buffer_reset(&list);
    LAB_OK(lab, store_receipts_each(lab->store, 1, 2, list_receipt, &list, &lab->e));
    assert_string_equal(buffer_text(&list), " 1");
    buffer_close(&list);
    assert_int_equal(
        store_receipt_get(lab->store, (struct receipt_id){12, 2, 8}, &lab->arena, &receipt, &lab->e),
        ERR_NOT_FOUND);
    assert_string_equal(lab->e.text, "there is no receipt 12-2-8");
    assert_int_equal(store_receipt_pin(lab->store, (struct receipt_id){12, 2, 8}, &lab->e), ERR_NOT_FOUND);
    assert_int_equal(store_receipt_pin(lab->store, (struct receipt_id){1, 2, 7}, &lab->e), ERR_NOT_FOUND);
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
    for (int i = 0; i < 30; i++)
        lab_receipt(lab, false);
    LAB_OK(lab, store_receipt_get(lab->store, (struct receipt_id){12, 1, 1}, &lab->arena, &receipt, &lab->e));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(seen_rows_are_missing_no_more, lab_setup, lab_teardown),
        cmocka_unit_test_setup_teardown(old_receipts_go_but_for_pinned_ones, lab_setup, lab_teardown),
        cmocka_unit_test_setup_teardown(a_pin_outlives_a_rewrite, lab_setup, lab_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
