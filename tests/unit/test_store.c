/* The store: resources and their changes, transactions, collections, receipts, missing rows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/unit/test_store_lab.h"

/* A resource's life is a chain of changes, and the store holds its last document. */
static void a_life_is_a_chain(void **state)
{
    struct lab *lab = *state;
    assert_int_equal(store_shard(lab->store), 12);
    lab_collection(lab, "aws.ec2.snapshot");
    uint32_t a = lab_create(lab, "snap-a", "{\"size\":1}");
    uint32_t b = lab_create(lab, "snap-b", "{\"size\":2}");
    assert_int_equal(a, 0);
    assert_int_equal(b, 1);
    lab_update(lab, a, "{\"size\":3}");
    lab_receipt(lab, true);
    lab_delete(lab, a);
    assert_int_equal(lab_create(lab, "snap-a", "{\"size\":4}"), 2);
    lab_put(lab);
    assert_int_equal(store_gathered(lab->store), 5);
    lab_commit(lab);

    lab_reopen(lab);
    LAB_OK(lab, store_read(lab->store, &lab->e));
    assert_string_equal(lab_document(lab, a), "gone");
    assert_string_equal(lab_document(lab, b), "{\"size\":2}");
    assert_string_equal(lab_document(lab, 2), "{\"size\":4}");
    assert_string_equal(lab_change(lab, 1), "created snap-a  -> {\"size\":1} after 0");
    assert_string_equal(lab_change(lab, 3), "updated snap-a {\"size\":1} -> {\"size\":3} after 1");
    assert_string_equal(lab_change(lab, 4), "deleted snap-a {\"size\":3} ->  after 3");
    assert_string_equal(lab_change(lab, 5), "created snap-a  -> {\"size\":4} after 0");
    assert_int_equal(store_head(lab->store), 5);
    assert_int_equal(store_oldest(lab->store), 1);
    uint32_t row;
    LAB_OK(lab, store_row_find(lab->store, lab->record.id, BYTES("snap-a"), &row, &lab->e));
    assert_int_equal(row, 2);
    store_done(lab->store);
    assert_string_equal(lab_verify(lab), "");
}

/* What is aborted never was: not a document, not a seq, not a collection's id. */
static void an_abort_leaves_nothing(void **state)
{
    struct lab *lab = *state;
    lab_collection(lab, "aws.ec2.snapshot");
    lab_create(lab, "a", "{}");
    lab_put(lab);
    lab_commit(lab);
    struct collection_record kept = lab->record;

    LAB_OK(lab, store_write(lab->store, &lab->e));
    lab_create(lab, "b", "{}");
    lab_update(lab, 0, "{\"x\":1}");
    lab_collection(lab, "aws.ec2.volume");
    assert_int_equal(lab->record.id, 2);
    assert_int_equal(store_head(lab->store), 3);
    store_abort(lab->store);
    assert_int_equal(store_head(lab->store), 1);
    assert_int_equal(store_gathered(lab->store), 0);
    assert_string_equal(lab_verify(lab), "");

    lab_collection(lab, "aws.ec2.vpc");
    assert_int_equal(lab->record.id, 2);
    lab->record = kept;
    assert_int_equal(lab_create(lab, "c", "{}"), 1);
    lab_put(lab);
    lab_commit(lab);
    assert_string_equal(lab_verify(lab), "");
}

/* What is wrong with one document is said before anything is written, and costs only that document. */
static void a_refusal_spoils_nothing(void **state)
{
    struct lab *lab = *state;
    struct digest digest = {{0}};
    uint32_t row = 0;
    lab_collection(lab, "aws.ec2.snapshot");
    lab_create(lab, "a", "{}");

    assert_int_equal(lab_try(lab, CHANGE_CREATED, BYTES("a"), "{}", &row), ERR_STORE);
    assert_non_null(strstr(lab->e.text, "\"a\" is there already"));
    assert_int_equal(lab_try(lab, CHANGE_CREATED, BYTES("\xff"), "{}", &row), ERR_ID);
    row = 7;
    assert_int_equal(lab_try(lab, CHANGE_UPDATED, (struct bytes){0}, "{}", &row), ERR_STORE);
    row = 0;
    assert_int_equal(lab_try(lab, CHANGE_UPDATED, BYTES("b"), "{}", &row), ERR_STORE);
    size_t len = LIMIT_DOCUMENT_BYTES + 1;
    char *big = mem_zalloc(len);
    struct change change = {.op = CHANGE_CREATED, .id = BYTES("big"), .after = {big, len}};
    assert_int_equal(store_apply(lab->store, &lab->record, &change, &digest, &row, &lab->e), ERR_LIMIT);
    assert_string_equal(lab->e.text, "shard 12, aws/123456789012 eu-west-1 aws.ec2.snapshot: a document of "
                                     "16777217 bytes: 16777216 are allowed");
    change.id = (struct bytes){big, LIMIT_ID_BYTES + 1};
    change.after = lab_packed(lab, "{}");
    assert_int_equal(store_apply(lab->store, &lab->record, &change, &digest, &row, &lab->e), ERR_LIMIT);
    free(big);

    lab_put(lab);
    lab_commit(lab);
    assert_int_equal(store_head(lab->store), 1);
    assert_string_equal(lab_verify(lab), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_life_is_a_chain, lab_setup, lab_teardown),
        cmocka_unit_test_setup_teardown(an_abort_leaves_nothing, lab_setup, lab_teardown),
        cmocka_unit_test_setup_teardown(a_refusal_spoils_nothing, lab_setup, lab_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
