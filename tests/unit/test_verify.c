/* Verify finds what is wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/unit/test_verify_lab.h"

/* Deleting a row took its missing entry. */
static void a_sound_store_has_no_faults(void **state)
{
    struct lab *lab = *state;
    struct bytes value;
    struct key gone = key_row(1, 1);
    verify_fill(lab);
    assert_string_equal(lab_verify(lab), "");
    LAB_OK(lab, store_read(lab->store, &lab->e));
    assert_int_equal(table_get(lab->store, TABLE_MISSING, key_bytes(&gone), &value, &lab->e), ERR_NOT_FOUND);
}

/* A listing that stopped half-way leaves stretches of its own and of the one before it. */
static void a_row_may_stand_twice_while_stretches_are_unsettled(void **state)
{
    struct lab *lab = *state;
    verify_fill(lab);
    LAB_OK(lab, store_write(lab->store, &lab->e));
    verify_put_stretch(lab, 8, 3, 0);
    lab->record.forecast_unsettled = true;
    lab_put(lab);
    assert_string_equal(lab_verify(lab), "");
}

/* --- each kind of fault --- */

static void delete (struct lab *lab, enum table table, struct key key)
{
    LAB_OK(lab, table_delete(lab->store, table, key_bytes(&key), &lab->e));
}

static struct key text_key(const char *text)
{
    struct key key = {.len = strlen(text)};
    memcpy(key.bytes, text, key.len);
    return key;
}

static struct key id_key(char c)
{
    struct key key = key_collection(1);
    key.bytes[key.len++] = TAG_SHORT;
    key.bytes[key.len++] = (uint8_t)c;
    return key;
}

/* Write change `seq` anew after `edit`. */
static void edit_change(struct lab *lab, uint64_t seq, void (*edit)(struct change *change))
{
    struct bytes packed;
    struct change change;
    struct buffer out = {0};
    LAB_OK(lab, store_change(lab->store, seq, &packed, &lab->e));
    LAB_OK(lab, change_unpack(&lab->arena, packed, &change, &lab->e));
    edit(&change);
    change_pack(&change, &out);
    verify_put(lab, TABLE_CHANGES, key_u64(seq), out.data, out.len);
    buffer_close(&out);
}

static void edit_record(struct lab *lab, void (*edit)(struct collection_record *record))
{
    struct collection_record record;
    LAB_OK(lab, store_collection_by_id(lab->store, 1, &lab->arena, &record, &lab->e));
    edit(&record);
    LAB_OK(lab, store_collection_put(lab->store, &record, &lab->e));
}

static void change_document(struct lab *lab)
{
    struct bytes packed = lab_packed(lab, "{\"x\":10}");
    struct digest digest = lab_digest(lab, packed, &lab->record);
    LAB_OK(lab, store_document_put(lab->store, 1, 0, packed, &digest, &lab->e));
}

static void change_digest(struct lab *lab)
{
    LAB_OK(lab, store_document_put(lab->store, 1, 2, lab_packed(lab, "{\"x\":10}"), &(struct digest){{1}},
                                   &lab->e));
}

static void lose_document(struct lab *lab)
{
    delete (lab, TABLE_DOCUMENTS, key_row(1, 4));
}

static void lose_id(struct lab *lab)
{
    delete (lab, TABLE_IDS, id_key('c'));
}

static void lead_astray(struct lab *lab)
{
    verify_put(lab, TABLE_IDS, id_key('c'), "\0\0\0\4", 4);
}

static void add_id(struct lab *lab)
{
    verify_put(lab, TABLE_IDS, id_key('z'), "\0\0\0\4", 4);
}

static void stretch_of_none(struct lab *lab)
{
    verify_put_stretch(lab, 7, 3, 1);
}

static void stretch_twice(struct lab *lab)
{
    verify_put_stretch(lab, 7, 3, 0);
}

static void stretch_nowhere(struct lab *lab)
{
    verify_put(lab, TABLE_SPANS, key_place(1, 0), "", 0);
}

static void stretch_of_nobody(struct lab *lab)
{
    verify_put(lab, TABLE_SPANS, key_place(77, 1), "", 0);
}

static void stretch_too_short(struct lab *lab)
{
    struct stretch stretch = {.place = 8, .bytes = 99, .count = 1, .items = {{0, 100, {{0}}}}};
    LAB_OK(lab, store_stretch_put(lab->store, 2, &stretch, &lab->e));
}

static void head_of_none(struct lab *lab)
{
    verify_put(lab, TABLE_HEADS, key_place(1, 99), "", 0);
    verify_put(lab, TABLE_HEADS, text_key("x"), "", 0);
}

static void head_astray(struct lab *lab)
{
    static const char head[HEAD_BYTES] = {0, 0, 0, 9};
    verify_put(lab, TABLE_HEADS, key_place(1, 7), head, sizeof head);
}

static void missing_none(struct lab *lab)
{
    verify_put_missing(lab, 1, 1);
}

static void missing_future(struct lab *lab)
{
    verify_put_missing(lab, 0, 3);
}

static void count_wrong(struct collection_record *record)
{
    record->rows--;
}

static void rows_wrong(struct lab *lab)
{
    edit_record(lab, count_wrong);
}

static void count_back(struct collection_record *record)
{
    record->next_row = 4;
}

static void row_of_future(struct lab *lab)
{
    edit_record(lab, count_back);
}

static void hole(struct lab *lab)
{
    delete (lab, TABLE_CHANGES, key_u64(3));
}

static void lose_last(struct lab *lab)
{
    delete (lab, TABLE_CHANGES, key_u64(9));
}

static void set_previous(struct change *change)
{
    change->previous = 2;
}

static void break_chain(struct lab *lab)
{
    edit_change(lab, 6, set_previous);
}

static void set_epoch(struct change *change)
{
    change->epoch = 2;
}

static void wrong_epoch(struct lab *lab)
{
    edit_change(lab, 3, set_epoch);
}

static void set_seq(struct change *change)
{
    change->seq = 4;
}

static void wrong_seq(struct lab *lab)
{
    edit_change(lab, 3, set_seq);
}

static void set_no_receipt(struct change *change)
{
    change->receipt_count = 0;
}

static void no_receipt(struct lab *lab)
{
    edit_change(lab, 7, set_no_receipt);
}

static void lose_receipt(struct lab *lab)
{
    delete (lab, TABLE_RECEIPTS, key_recent(1, 2));
}

/* The receipt of harvest 2, pinned or not, where `key` says. */
static void put_receipt(struct lab *lab, struct key key, char flags)
{
    struct buffer value = {0};
    struct receipt receipt = {.id = {12, 1, 2}, .complete = true};
    buffer_add_char(&value, flags);
    receipt_pack(&receipt, &value);
    verify_put(lab, TABLE_RECEIPTS, key, value.data, value.len);
    buffer_close(&value);
}

static void receipt_in_wrong_slot(struct lab *lab)
{
    put_receipt(lab, key_recent(1, 3), 0);
}

static void receipt_of_another(struct lab *lab)
{
    put_receipt(lab, key_recent(2, 2), 0);
}

static void pin_in_ring(struct lab *lab)
{
    put_receipt(lab, key_recent(1, 2), RECEIPT_PINNED);
}

static void set_id(struct change *change)
{
    change->id = BYTES("f");
}

static void create_another(struct lab *lab)
{
    edit_change(lab, 5, set_id);
}

static void set_type(struct change *change)
{
    change->key.type = BYTES("aws.ec2.other");
}

static void another_collection(struct lab *lab)
{
    edit_change(lab, 5, set_type);
}

static void bad_messagepack(struct change *change)
{
    change->after = BYTES("\xc1");
}

static void bad_after(struct lab *lab)
{
    edit_change(lab, 5, bad_messagepack);
}

static void lose_record(struct lab *lab)
{
    struct key key = {.bytes = {'i', 0, 0, 0, 2}, .len = 5};
    delete (lab, TABLE_COLLECTIONS, key);
}

static void strange_tables(struct lab *lab)
{
    verify_put(lab, TABLE_DOCUMENTS, text_key("x"), "", 0);
    verify_put(lab, TABLE_IDS, text_key("x"), "", 0);
    verify_put(lab, TABLE_CHANGES, text_key("x"), "", 0);
    verify_put(lab, TABLE_SPANS, text_key("x"), "", 0);
    verify_put(lab, TABLE_MISSING, text_key("x"), "", 0);
    verify_put(lab, TABLE_RECEIPTS, text_key("x"), "", 0);
    verify_put(lab, TABLE_QUARANTINE, text_key("x"), "", 0);
    verify_put(lab, TABLE_COLLECTIONS, text_key("x"), "", 0);
    verify_put(lab, TABLE_EPOCHS, text_key("x"), "", 0);
}

static void quarantine_of_none(struct lab *lab)
{
    verify_put(lab, TABLE_QUARANTINE, key_quarantined(77, (struct digest){{1}}), "", 0);
}

static void quarantine_unread(struct lab *lab)
{
    verify_put(lab, TABLE_QUARANTINE, key_quarantined(1, (struct digest){{9}}), "\1", 1);
}

static void quarantine_future(struct lab *lab)
{
    verify_put_quarantined(lab, 2, 7, "\xc1");
}

static void bad_pointer(struct collection_record *record)
{
    static const struct bytes pointer = {"no/pointer", 10};
    record->ignore = &pointer;
}

static void wrong_pointer(struct lab *lab)
{
    edit_record(lab, bad_pointer);
}

static void bad_validators(struct collection_record *record)
{
    record->validators = (struct validators){.request = 1, .etag = BYTES("\"v1\"")};
    record->sound_harvest = 0;
}

static void validators_of_none(struct lab *lab)
{
    edit_record(lab, bad_validators);
}

static void epochs_back(struct lab *lab)
{
    verify_put(lab, TABLE_EPOCHS, key_u64(2), "\0\0\0\0\0\0\0\0", 8);
}

static const struct {
    void (*spoil)(struct lab *lab);
    const char *sentence;
} faults[] = {
    {change_document,
     "shard 12: aws/123456789012 eu-west-1 aws.ec2.snapshot \"a\": its document is not what its "
     "last change, 6, says"},
    {change_digest, "\"c\": its digest is not its document's"},
    {lose_document, "an id leads to row 4, which is not there"},
    {lose_document, "\"e\" is left by change 5, and is not stored"},
    {lose_document, "its record counts 4 resources, there are 3"},
    {lose_id, "\"c\", row 2: its id does not lead to it"},
    {lead_astray, "the id \"e\" leads to row 4, which is another's"},
    {add_id, "the id \"e\" leads to row 4, which is another's"},
    {stretch_of_none, "a stretch names row 1, which is not there"},
    {stretch_twice, "row 0 stands in two places of its stretches"},
    {stretch_nowhere, "a stretch is at place 0"},
    {stretch_nowhere, "the stretch at place 0 has 0 bytes"},
    {stretch_of_nobody, "a stretch belongs to collection 77 (not there)"},
    {stretch_too_short, "the stretch at place 8 has fewer bytes than its items"},
    {stretch_too_short, "aws.ec2.volume: it has stretches, and its record says that there are none"},
    {head_of_none, "the head at place 99 has no stretch"},
    {head_of_none, "a head's key has 1 bytes"},
    {head_astray, "the stretch at place 7 has another head than it should"},
    {strange_tables, "a stretch's key has 1 bytes"},
    {missing_none, "a missing entry names row 1, which is not there"},
    {missing_future, "row 0 is missed by a harvest that was not begun yet"},
    {lose_receipt, "aws.ec2.snapshot, row 2 is missed by receipt 12-1-2, which is not there"},
    {rows_wrong, "its record counts 3 resources, there are 4"},
    {row_of_future, "row 4 was not given out yet"},
    {hole, "change 4 comes where 3 should"},
    {lose_last, "the changes end at 8, the head is 9"},
    {break_chain,
     "change 6 follows 2, the last one of aws/123456789012 eu-west-1 aws.ec2.snapshot \"a\" is 1"},
    {wrong_epoch, "change 3 is of epoch 2, its seq of epoch 1"},
    {wrong_seq, "change 3 says that it is 4 of shard 12"},
    {no_receipt, "change 7 deletes, and rests on no sound listing"},
    {lose_receipt, "change 7 rests on receipt 12-1-2, which is not there"},
    {receipt_in_wrong_slot, "receipt 12-1-2 stands under another id than its own"},
    {receipt_of_another, "receipt 12-1-2 stands under another id than its own"},
    {pin_in_ring, "receipt 12-1-2 is to be kept, and stands where the next ones take its place"},
    {strange_tables, "a receipt has a key of 1 and a value of 0 bytes"},
    {create_another, "\"e\" is stored, and the changes don't leave it"},
    {create_another, "\"f\" is left by change 5, and is not stored"},
    {another_collection,
     "change 5 names another collection than aws/123456789012 eu-west-1 aws.ec2.snapshot"},
    {bad_after, "change 5: its after: "},
    {lose_record, "a collection's key leads to no record"},
    {lose_record, "row 0 belongs to collection 2 (not there)"},
    {strange_tables, "a document's key has 1 bytes"},
    {strange_tables, "an id has a key of 1 and a value of 0 bytes"},
    {strange_tables, "a change's key has 1 bytes"},
    {strange_tables, "the table of collections has a strange key"},
    {quarantine_of_none, "a quarantined item belongs to collection 77 (not there)"},
    {quarantine_unread, "aws.ec2.snapshot: a quarantined item of 1 bytes is none"},
    {quarantine_unread, "its record counts 1 quarantined items, and there are 2"},
    {quarantine_future, "item 02000000000000000000000000000000 was met by a harvest that was not begun yet"},
    {quarantine_future, "quarantined item 02000000000000000000000000000000: "},
    {wrong_pointer, "its record's pointers: "},
    {validators_of_none, "it has validators, and no sound receipt 12-1-0 that they are of"},
    {epochs_back, "epoch 2 begins at 0, before the one before it"},
};

static void every_fault_is_found(void **state)
{
    struct lab *lab = *state;
    verify_fill(lab);
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

/* A change log that was cut at its beginning is held against the documents as far as it goes. */
static void a_cut_log_is_verified_from_its_oldest(void **state)
{
    struct lab *lab = *state;
    verify_fill(lab);
    LAB_OK(lab, store_write(lab->store, &lab->e));
    for (uint64_t seq = 1; seq <= 9; seq++) {
        delete (lab, TABLE_CHANGES, key_u64(seq));
        lab->store->state.oldest = seq + 1;
        assert_string_equal(lab_verify(lab), "");
    }
    assert_int_equal(store_oldest(lab->store), store_head(lab->store) + 1);
    lab_create(lab, "new", "{}");
    lab_update(lab, 2, "{\"x\":1}");
    lab_update(lab, 2, "{\"x\":2}");
    lab_put(lab);
    lab_commit(lab);
    lab_reopen(lab);
    assert_string_equal(lab_verify(lab), "");
}

/* New rules make an old change's parts invisible: the document is stored without them, and fits. */
static void a_change_is_compared_by_the_rules_of_now(void **state)
{
    struct lab *lab = *state;
    static const struct bytes ignore = {"/at", 3};
    lab_collection(lab, "a");
    lab_create(lab, "a", "{\"x\":1,\"at\":5}");
    struct bytes packed = lab_packed(lab, "{\"x\":1}");
    struct digest digest = lab_digest(lab, packed, &lab->record);
    lab->record.ignore = &ignore;
    lab->record.ignore_count = 1;
    LAB_OK(lab, store_document_put(lab->store, 1, 0, packed, &digest, &lab->e));
    lab_put(lab);
    assert_string_equal(lab_verify(lab), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_sound_store_has_no_faults, lab_setup, lab_teardown),
        cmocka_unit_test_setup_teardown(a_row_may_stand_twice_while_stretches_are_unsettled, lab_setup,
                                        lab_teardown),
        cmocka_unit_test_setup_teardown(every_fault_is_found, lab_setup, lab_teardown),
        cmocka_unit_test_setup_teardown(a_cut_log_is_verified_from_its_oldest, lab_setup, lab_teardown),
        cmocka_unit_test_setup_teardown(a_change_is_compared_by_the_rules_of_now, lab_setup, lab_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
