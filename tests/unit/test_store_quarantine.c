/* Quarantine in the store: what is put in, met again, and taken out; its record counts it all the while. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/unit/test_store_lab.h"

static struct quarantined item_of(struct lab *lab, uint8_t digest, const char *json, uint64_t harvest)
{
    return (struct quarantined){
        .digest = {{digest, 0xab}},
        .reason = ERR_ID,
        .cause = "an item has no id at '/id'",
        .first_ms = lab->now_ms,
        .last_ms = lab->now_ms++,
        .harvest = harvest,
        .page = 3,
        .item = lab_packed(lab, json),
        .item_bytes = 9,
    };
}

static bool put(struct lab *lab, struct quarantined *item)
{
    bool is_kept = false;
    LAB_OK(lab, store_quarantine_put(lab->store, &lab->record, item, &is_kept, &lab->e));
    return is_kept;
}

static int count_one(void *context, const struct quarantined *item)
{
    (void)item;
    ++*(unsigned *)context;
    return 0;
}

static unsigned count(struct lab *lab, uint32_t collection)
{
    unsigned found = 0;
    LAB_OK(lab, store_quarantine_each(lab->store, collection, count_one, &found, &lab->e));
    return found;
}

static void begin(struct lab *lab)
{
    lab_collection(lab, "aws.ec2.snapshot");
    lab->record.next_harvest = 9;
}

/* What was put in comes back as it was, after a restart too. */
static void it_comes_back_as_it_was(void **state)
{
    struct lab *lab = *state;
    struct quarantined item = item_of(lab, 7, "{\"v\":[1,\"x\"]}", 1), found;
    struct buffer json = {0};
    begin(lab);
    item.id = BYTES("i-1");
    item.is_xml = true;
    assert_true(put(lab, &item));
    lab_put(lab);
    lab_commit(lab);
    lab_reopen(lab);
    LAB_OK(lab, store_read(lab->store, &lab->e));
    LAB_OK(lab, store_quarantine_get(lab->store, 1, item.digest, &lab->arena, &found, &lab->e));
    LAB_OK(lab, value_msgpack_to_json(found.item, &json, &lab->e));
    assert_string_equal(buffer_text(&json), "{\"v\":[1,\"x\"]}");
    assert_string_equal(found.cause, item.cause);
    assert_true(bytes_is(found.id, "i-1") && found.is_xml && found.reason == ERR_ID);
    assert_true(!found.beginning.data && found.harvest == 1 && found.page == 3 && found.item_bytes == 9);
    assert_true(digest_equal(found.digest, item.digest));
    assert_int_equal(store_quarantine_get(lab->store, 1, (struct digest){{8}}, &lab->arena, &found, &lab->e),
                     ERR_NOT_FOUND);
    buffer_reset(&json);
    found.first_ms = found.last_ms = INT64_C(1795341600123);
    quarantined_add_json(&found, &json);
    assert_string_equal(buffer_text(&json),
                        ",\"digest\":\"07ab0000000000000000000000000000\",\"id\":\"i-1\",\"reason\":\"id\","
                        "\"cause\":\"an item has no id at '/id'\",\"since\":\"2026-11-22T10:00:00.123Z\","
                        "\"last\":\"2026-11-22T10:00:00.123Z\",\"page\":3,\"harvest\":1,\"bytes\":9");
    assert_string_equal(lab_verify(lab), "");
    buffer_close(&json);
}

/* Met again it keeps its first time, and is one item. */
static void its_first_time_stays(void **state)
{
    struct lab *lab = *state;
    struct quarantined item = item_of(lab, 7, "1", 1), again = item_of(lab, 7, "1", 2), found;
    begin(lab);
    put(lab, &item);
    put(lab, &again);
    LAB_OK(lab, store_quarantine_get(lab->store, 1, item.digest, &lab->arena, &found, &lab->e));
    assert_int_equal(found.first_ms, item.first_ms);
    assert_int_equal(found.last_ms, again.last_ms);
    assert_int_equal(found.harvest, 2);
    assert_int_equal(lab->record.quarantined, 1);
    lab_put(lab);
    assert_string_equal(lab_verify(lab), "");
}

/* A harvest takes out what it didn't meet, and a drop one of them; other collections keep theirs. */
static void unmet_ones_are_taken_out(void **state)
{
    struct lab *lab = *state;
    struct quarantined old = item_of(lab, 1, "1", 1), met = item_of(lab, 2, "2", 2), third = old;
    lab_collection(lab, "aws.ec2.volume");
    lab->record.next_harvest = 9;
    put(lab, &old);
    lab_put(lab);
    begin(lab);
    third.digest.bytes[0] = 3;
    put(lab, &old);
    put(lab, &met);
    put(lab, &third);
    LAB_OK(lab, store_quarantine_drop_unmet(lab->store, &lab->record, 2, &lab->e));
    assert_int_equal(lab->record.quarantined, 1);
    assert_int_equal(count(lab, 2), 1);
    assert_int_equal(count(lab, 1), 1);
    LAB_OK(lab, store_quarantine_drop(lab->store, &lab->record, met.digest, &lab->e));
    assert_int_equal(lab->record.quarantined, 0);
    assert_int_equal(store_quarantine_drop(lab->store, &lab->record, met.digest, &lab->e), ERR_NOT_FOUND);
    lab_put(lab);
    lab_commit(lab);
    assert_string_equal(lab_verify(lab), "");
}

/* There is room for so many; one that is there already is noted all the same. */
static void there_is_room_for_so_many(void **state)
{
    struct lab *lab = *state;
    struct quarantined item = item_of(lab, 0, "1", 1);
    begin(lab);
    for (int i = 0; i < LIMIT_QUARANTINE_ITEMS; i++) {
        item.digest.bytes[2] = (uint8_t)i;
        assert_true(put(lab, &item));
    }
    item.digest.bytes[3] = 1;
    assert_false(put(lab, &item));
    item.digest.bytes[3] = 0;
    assert_true(put(lab, &item));
    assert_int_equal(count(lab, 1), LIMIT_QUARANTINE_ITEMS);
    lab_put(lab);
    assert_string_equal(lab_verify(lab), "");
}

/* A dropped collection's go with it, also when its record stays. */
static void dropping_a_collection_drops_them(void **state)
{
    struct lab *lab = *state;
    struct quarantined item = item_of(lab, 1, "1", 1);
    for (int keep = 0; keep < 2; keep++) {
        begin(lab);
        put(lab, &item);
        lab_put(lab);
        LAB_OK(lab, store_collection_drop(lab->store, lab->record.id, keep, &lab->e));
        assert_int_equal(count(lab, lab->record.id), 0);
        assert_string_equal(lab_verify(lab), "");
    }
}

/* Whole, or its beginning: never both, never neither, never longer than the limit. */
static void what_is_no_item_is_refused(void **state)
{
    struct lab *lab = *state;
    struct quarantined item = item_of(lab, 1, "1", 1), out;
    struct buffer packed = {0};
    char *text = arena_zalloc(&lab->arena, LIMIT_QUARANTINE_ITEM_BYTES + 1);
    memset(text, 'x', LIMIT_QUARANTINE_ITEM_BYTES + 1);
    item.item = (struct bytes){0};
    item.beginning = (struct bytes){text, LIMIT_QUARANTINE_ITEM_BYTES};
    quarantined_pack(&item, &packed);
    LAB_OK(lab, quarantined_unpack(&lab->arena, buffer_bytes(&packed), &out, &lab->e));
    assert_int_equal(out.beginning.len, LIMIT_QUARANTINE_ITEM_BYTES);
    buffer_reset(&packed);
    item.beginning.len++;
    quarantined_pack(&item, &packed);
    assert_int_equal(quarantined_unpack(&lab->arena, buffer_bytes(&packed), &out, &lab->e), ERR_CORRUPT);
    buffer_reset(&packed);
    item.beginning.len = 1;
    quarantined_pack(&item, &packed);
    buffer_add_text(&packed, "\x4a\x01\x07"); /* field 9, one byte: the item too */
    assert_int_equal(quarantined_unpack(&lab->arena, buffer_bytes(&packed), &out, &lab->e), ERR_CORRUPT);
    assert_int_equal(quarantined_unpack(&lab->arena, BYTES(""), &out, &lab->e), ERR_CORRUPT);
    buffer_close(&packed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(it_comes_back_as_it_was, lab_setup, lab_teardown),
        cmocka_unit_test_setup_teardown(its_first_time_stays, lab_setup, lab_teardown),
        cmocka_unit_test_setup_teardown(unmet_ones_are_taken_out, lab_setup, lab_teardown),
        cmocka_unit_test_setup_teardown(there_is_room_for_so_many, lab_setup, lab_teardown),
        cmocka_unit_test_setup_teardown(dropping_a_collection_drops_them, lab_setup, lab_teardown),
        cmocka_unit_test_setup_teardown(what_is_no_item_is_refused, lab_setup, lab_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
