/* Verify of a store whose change log was compacted: what is left of it is held against the documents, and
 * what is wrong is found all the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/unit/test_verify_lab.h"

/* Left are: "a" updated (6), "b" deleted (7), "v" created (8), a status (9). */
static void fill_and_cut(struct lab *lab, uint64_t up_to)
{
    struct store_compaction what = {up_to, INT64_MAX, 0, UINT32_MAX};
    uint32_t count;
    verify_fill(lab);
    LAB_OK(lab, store_write(lab->store, &lab->e));
    LAB_OK(lab, store_compact(lab->store, &what, &count, &lab->e));
    assert_int_equal(count, up_to);
    lab_commit(lab);
}

static void wherever_it_is_cut_a_sound_store_has_no_faults(void **state)
{
    (void)state;
    for (uint64_t up_to = 0; up_to <= 9; up_to++) {
        void *lab;
        lab_setup(&lab);
        fill_and_cut(lab, up_to);
        assert_string_equal(lab_verify(lab), "");
        lab_reopen(lab);
        assert_string_equal(lab_verify(lab), "");
        lab_teardown(&lab);
    }
}

/* --- faults --- */

static void edit_change(struct lab *lab, uint64_t seq, uint64_t previous)
{
    struct bytes packed;
    struct change change;
    struct buffer out = {0};
    LAB_OK(lab, store_change(lab->store, seq, &packed, &lab->e));
    LAB_OK(lab, change_unpack(&lab->arena, packed, &change, &lab->e));
    change.previous = previous;
    change_pack(&change, &out);
    verify_put(lab, TABLE_CHANGES, key_u64(seq), out.data, out.len);
    buffer_close(&out);
}

static void edit_document(struct lab *lab, uint32_t row, uint64_t last_seq)
{
    struct document document;
    LAB_OK(lab, store_document(lab->store, 1, row, &document, &lab->e));
    document.id = arena_copy(&lab->arena, document.id);
    document.packed = arena_copy(&lab->arena, document.packed);
    document.last_seq = last_seq;
    LAB_OK(lab, document_write(lab->store, 1, &document, false, &lab->e));
}

static void lose(struct lab *lab, enum table table, struct key key)
{
    LAB_OK(lab, table_delete(lab->store, table, key_bytes(&key), &lab->e));
}

static void put_cited(struct lab *lab, uint64_t harvest, uint64_t seq)
{
    char value[8];
    be64_put(value, seq);
    verify_put(lab, TABLE_CITED, key_kept(1, harvest), value, sizeof value);
}

static void change_document(struct lab *lab)
{
    struct bytes packed = lab_packed(lab, "{\"x\":10}");
    struct digest digest = lab_digest(lab, packed, &lab->record);
    LAB_OK(lab, store_document_put(lab->store, 1, 0, packed, &digest, &lab->e));
}

static void lose_document(struct lab *lab)
{
    lose(lab, TABLE_DOCUMENTS, key_row(1, 0));
}

static void follow_none(struct lab *lab)
{
    edit_change(lab, 6, 0);
}

static void follow_another(struct lab *lab)
{
    edit_change(lab, 7, 6);
}

static void hole(struct lab *lab)
{
    lose(lab, TABLE_CHANGES, key_u64(7));
}

static void lose_oldest(struct lab *lab)
{
    lose(lab, TABLE_CHANGES, key_u64(6));
}

static void leave_one(struct lab *lab)
{
    verify_put(lab, TABLE_CHANGES, key_u64(2), "x", 1);
}

static void claim_more(struct lab *lab)
{
    lab->store->state.oldest = 5;
}

static void claim_all(struct lab *lab)
{
    lab->store->state.oldest = 1;
}

static void document_is_newer(struct lab *lab)
{
    edit_document(lab, 2, 9);
}

static void document_is_older(struct lab *lab)
{
    edit_document(lab, 0, 1);
}

static void lose_receipt(struct lab *lab)
{
    lose(lab, TABLE_RECEIPTS, key_recent(1, 2));
}

static void cited_too_early(struct lab *lab)
{
    put_cited(lab, 2, 6);
}

static void not_cited(struct lab *lab)
{
    lose(lab, TABLE_CITED, key_kept(1, 2));
}

static void cited_too_late(struct lab *lab)
{
    put_cited(lab, 2, 10);
}

static void cited_of_none(struct lab *lab)
{
    put_cited(lab, 9, 7);
}

static void cited_strange(struct lab *lab)
{
    verify_put(lab, TABLE_CITED, key_u64(1), "x", 1);
    verify_put(lab, TABLE_CITED, key_kept(1, 2), "x", 1);
}

/* All of the first collection is to be forgotten, and yet is there. */
static void forget(struct lab *lab)
{
    lab_status(lab, STATUS_DEFINITION, true);
}

static void forget_and_go_on(struct lab *lab)
{
    lab_status(lab, STATUS_DEFINITION, true);
    lab_update(lab, 2, "{\"x\":4}");
}

static const struct {
    void (*spoil)(struct lab *lab);
    const char *sentence;
} faults[] = {
    {change_document, "\"a\": its document is not what its last change, 6, says"},
    {lose_document, "\"a\" is left by change 6, and is not stored"},
    {follow_none, "change 6: a change of 106 bytes is none"},
    {follow_another, "change 7 follows 6, which is not of the same resource"},
    {hole, "change 8 comes where 7 should"},
    {lose_oldest, "change 7 comes where 6 should"},
    {leave_one, "change 2 comes where 6 should"},
    {claim_more, "change 6 comes where 5 should"},
    {claim_all, "change 6 comes where 1 should"},
    {claim_all, "\"c\" is stored, and the changes don't leave it"},
    {document_is_newer, "\"c\" is stored, and the changes don't leave it"},
    {document_is_older, "\"a\": its last change is 6, not 1"},
    {lose_receipt, "change 7 rests on receipt 12-1-2, which is not there"},
    {lose_receipt, "receipt 12-1-2 is said to be rested on, and is not there"},
    {cited_too_early, "change 7 rests on receipt 12-1-2, which isn't kept beyond change 6"},
    {not_cited, "change 7 rests on receipt 12-1-2, which isn't kept beyond change 0"},
    {cited_too_late, "change 10 is said to rest on receipt 12-1-2, and is not there yet"},
    {cited_of_none, "receipt 12-1-9 is said to be rested on, and is not there"},
    {cited_strange, "what changes rest on has a key of 8 and a value of 1 bytes"},
    {cited_strange, "what changes rest on has a key of 12 and a value of 1 bytes"},
    {forget, "\"c\" is stored, and the changes don't leave it"},
    {forget_and_go_on,
     "change 11 is about aws/123456789012 eu-west-1 aws.ec2.snapshot \"c\", which is not there"},
};

static void every_fault_is_found(void **state)
{
    struct lab *lab = *state;
    fill_and_cut(lab, 5);
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        LAB_OK(lab, store_write(lab->store, &lab->e));
        faults[i].spoil(lab);
        const char *found = lab_verify(lab);
        if (!strstr(found, faults[i].sentence))
            fail_msg("fault %zu, \"%s\": found only:\n%s", i, faults[i].sentence, found);
        store_abort(lab->store);
    }
    assert_string_equal(lab_verify(lab), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wherever_it_is_cut_a_sound_store_has_no_faults),
        cmocka_unit_test_setup_teardown(every_fault_is_found, lab_setup, lab_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
