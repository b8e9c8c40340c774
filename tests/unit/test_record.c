/* Records: what is packed comes back; what was cut or changed is told, and never crashes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "common/random.h"
#include "proto/record.h"
#include "proto/wire.h"

static const struct receipt_id rests_on[] = {{12, 4, 99}, {12, 5, 42}};

static struct receipt sample_receipt(void)
{
    return (struct receipt){
        .id = {12, 5, 43},
        .started_ms = INT64_C(1795341600000),
        .ended_ms = INT64_C(1795341612345),
        .complete = true,
        .unsound = "page size changed",
        .pages = 7,
        .items = 6543,
        .requests = 9,
        .bytes = UINT64_MAX,
        .created = 1,
        .updated = 2,
        .deleted = 3,
        .unchanged = 4,
        .missing = 5,
        .held = 6,
        .duplicate_keys = 8,
        .quarantined = 11,
        .resumed_page = 12,
        .unmodified = 13,
        .unmodified_ms = 1795341612345,
        .tier1 = 9,
        .tier2 = 10,
        .rests_on = rests_on,
        .rests_on_count = 2,
    };
}

static void pack_receipt(struct buffer *out)
{
    struct receipt receipt = sample_receipt();
    receipt_pack(&receipt, out);
}

static const struct bytes pointers[] = {{"/tags", 5}, {"", 0}, {"/a/*/b", 6}};

static struct collection_record sample_collection(void)
{
    return (struct collection_record){
        .id = 5,
        .key = {.provider = BYTES("aws"),
                .account = BYTES("123456789012"),
                .type = BYTES("aws.ec2.snapshot"),
                .region = BYTES("eu-west-1"),
                .parent = BYTES("bucket/käse")},
        .parent_collection = 3,
        .parent_row = 0,
        .definition = {{1, 2, 3}},
        .id_rule = {{0, 0, 9}},
        .parse = pointers + 2,
        .ignore = pointers,
        .unordered = pointers + 1,
        .parse_count = 1,
        .ignore_count = 3,
        .unordered_count = 2,
        .mixed = true,
        .old_parse = pointers,
        .old_parse_count = 2,
        .rows = 10,
        .next_row = 20,
        .next_harvest = 44,
        .sound_harvest = 43,
        .listed_since_ms = 1,
        .unreachable_since_ms = 2,
        .unreachable_error = ERR_DENIED,
        .unwatched_since_ms = 3,
        .held_since_ms = 4,
        .held_rows = 5,
        .confirmed_ms = 6,
        .forecast_rules = UINT64_C(0x8123456789abcdef),
        .forecast_unsettled = true,
        .full_ms = 7,
        .harvested_ms = 8,
        .failures = 9,
        .ended_harvest = 43,
        .quarantined = 2,
        .validators = {1, BYTES("\"a\""), BYTES("Sun, 06 Nov 1994 08:49:37 GMT")},
        .page_size = {100, 200, 11, 3},
    };
}

static void pack_collection(struct buffer *out)
{
    struct collection_record record = sample_collection();
    collection_pack(&record, out);
}

static void pack_missing(struct buffer *out)
{
    struct missing missing = {.since_ms = 77, .harvests = {1, 5, 6}, .count = 3};
    missing_pack(&missing, out);
}

/* --- round trips --- */

static void a_receipt_comes_back(void **state)
{
    struct arena arena = {0};
    struct buffer packed = {0}, again = {0};
    struct receipt receipt;
    struct error e;
    (void)state;
    pack_receipt(&packed);
    assert_int_equal(receipt_unpack(&arena, buffer_bytes(&packed), &receipt, &e), 0);
    assert_true(receipt.id.shard == 12 && receipt.id.collection == 5 && receipt.id.harvest == 43);
    assert_true(receipt.complete && !receipt.sound && receipt.error == ERR_OK && !receipt.cause);
    assert_string_equal(receipt.unsound, "page size changed");
    assert_true(receipt.bytes == UINT64_MAX && receipt.rests_on_count == 2 &&
                receipt.rests_on[1].harvest == 42);
    struct receipt_id id;
    assert_true(receipt_unpack_id(buffer_bytes(&packed), &id));
    assert_true(id.shard == 12 && id.collection == 5 && id.harvest == 43);
    for (size_t len = 0; len < 8; len++) /* where its id ends */
        assert_false(receipt_unpack_id((struct bytes){packed.data, len}, &id));
    receipt_pack(&receipt, &again);
    assert_true(bytes_equal(buffer_bytes(&packed), buffer_bytes(&again)));
    buffer_close(&packed);
    buffer_close(&again);
    arena_close(&arena);
}

/* Confirmed, it is the same receipt but for its count and time; what is cut off is none. */
static void a_receipt_is_confirmed(void **state)
{
    struct buffer packed = {0}, once = {0}, twice = {0};
    struct receipt receipt = sample_receipt();
    (void)state;
    receipt.resumed_page = receipt.quarantined = 0; /* they stand behind the count */
    receipt_pack(&receipt, &packed);
    assert_true(receipt_confirm(buffer_bytes(&packed), 1001, &once));
    assert_true(receipt_confirm(buffer_bytes(&once), 1002, &twice));
    receipt.unmodified += 2;
    receipt.unmodified_ms = 1002;
    buffer_reset(&packed);
    receipt_pack(&receipt, &packed);
    assert_true(bytes_equal(buffer_bytes(&packed), buffer_bytes(&twice)));
    assert_false(receipt_confirm((struct bytes){packed.data, packed.len - 1}, 1, &once));
    assert_false(receipt_confirm(BYTES(""), 1, &once));
    buffer_close(&packed);
    buffer_close(&once);
    buffer_close(&twice);
}

/* Every error's name is one that a receipt can hold. */
static void every_error_comes_back(void **state)
{
    struct arena arena = {0};
    struct error e;
    (void)state;
    for (int code = ERR_OK; code < ERR_COUNT; code++) {
        struct buffer packed = {0};
        struct receipt receipt = {.id = {0, 1, 1}, .error = (enum err)code, .cause = "because"};
        receipt_pack(&receipt, &packed);
        assert_int_equal(receipt_unpack(&arena, buffer_bytes(&packed), &receipt, &e), 0);
        assert_int_equal(receipt.error, code);
        buffer_close(&packed);
    }
    arena_close(&arena);
}

/* A server's words in a cause need not be UTF-8; what is stored is. */
static void a_cause_becomes_text(void **state)
{
    struct arena arena = {0};
    struct buffer packed = {0}, json = {0};
    struct receipt receipt = {.id = {0, 1, 1}, .error = ERR_SERVER, .cause = "\xffno\xc3\x28\xe2\x82"};
    struct error e;
    (void)state;
    receipt_pack(&receipt, &packed);
    assert_int_equal(receipt_unpack(&arena, buffer_bytes(&packed), &receipt, &e), 0);
    assert_string_equal(receipt.cause, "?no?(??");
    receipt_to_json(&receipt, &json);
    assert_non_null(strstr(buffer_text(&json), "\"error\":\"server error\",\"cause\":\"?no?(??\""));
    buffer_close(&packed);
    buffer_close(&json);
    arena_close(&arena);
}

static void a_receipt_as_json(void **state)
{
    struct buffer json = {0};
    struct receipt receipt = sample_receipt();
    (void)state;
    receipt_to_json(&receipt, &json);
    assert_string_equal(
        buffer_text(&json),
        "{\"id\":\"12-5-43\",\"started\":\"2026-11-22T10:00:00.000Z\",\"ended\":\"2026-11-22T10:00:12.345Z\","
        "\"complete\":true,\"sound\":false,\"unsound\":\"page size changed\",\"error\":null,\"cause\":null,"
        "\"pages\":7,\"items\":6543,\"requests\":9,\"bytes\":18446744073709551615,\"created\":1,\"updated\":"
        "2,"
        "\"deleted\":3,\"unchanged\":4,\"tier1\":9,\"tier2\":10,\"missing\":5,\"held\":6,\"quarantined\":11,"
        "\"duplicate_keys\":"
        "8,\"resumed_page\":12,\"unmodified\":13,\"last_unmodified\":\"2026-11-22T10:00:12.345Z\","
        "\"rests_on\":[\"12-4-99\",\"12-5-42\"]}");
    buffer_close(&json);
}

static void a_collection_comes_back(void **state)
{
    struct arena arena = {0};
    struct buffer packed = {0}, again = {0}, text = {0};
    struct collection_record record;
    struct error e;
    (void)state;
    pack_collection(&packed);
    assert_int_equal(collection_unpack(&arena, buffer_bytes(&packed), &record, &e), 0);
    assert_true(bytes_is(record.key.parent, "bucket/käse") && record.unordered_count == 2);
    assert_true(record.parse_count == 1 && bytes_is(record.parse[0], "/a/*/b"));
    assert_true(record.mixed && record.old_parse_count == 2 && bytes_is(record.old_parse[0], "/tags"));
    assert_true(bytes_is(record.unordered[1], "/a/*/b") && record.unordered[0].len == 0);
    assert_int_equal(record.unreachable_error, ERR_DENIED);
    collection_pack(&record, &again);
    assert_true(bytes_equal(buffer_bytes(&packed), buffer_bytes(&again)));
    collection_key_text(&record.key, &text);
    assert_string_equal(buffer_text(&text), "aws/123456789012 eu-west-1 aws.ec2.snapshot of bucket/käse");
    buffer_close(&packed);
    buffer_close(&again);
    buffer_close(&text);
    arena_close(&arena);
}

/* No region is not the region "". */
static void absent_is_not_empty(void **state)
{
    struct arena arena = {0};
    struct error e;
    (void)state;
    for (int i = 0; i < 4; i++) {
        struct buffer packed = {0};
        struct collection_record record = sample_collection(), back;
        record.key.region = i & 1 ? BYTES("") : (struct bytes){0};
        record.key.parent = i & 2 ? BYTES("") : (struct bytes){0};
        collection_pack(&record, &packed);
        assert_int_equal(collection_unpack(&arena, buffer_bytes(&packed), &back, &e), 0);
        assert_int_equal(back.key.region.data != NULL, i & 1);
        assert_int_equal(back.key.parent.data != NULL, i >> 1);
        buffer_close(&packed);
    }
    arena_close(&arena);
}

static void missing_comes_back(void **state)
{
    struct buffer packed = {0};
    struct missing missing = {.since_ms = -5, .count = LIMIT_GUARD_LISTINGS}, back;
    struct error e;
    (void)state;
    for (uint32_t i = 0; i < missing.count; i++)
        missing.harvests[i] = UINT64_MAX - 100 + i;
    missing_pack(&missing, &packed);
    assert_int_equal(missing_unpack(buffer_bytes(&packed), &back, &e), 0);
    assert_memory_equal(&missing, &back, sizeof back);
    buffer_close(&packed);
}

static void a_receipts_id_as_text(void **state)
{
    char text[RECEIPT_ID_TEXT_BYTES];
    (void)state;
    assert_string_equal(receipt_id_text((struct receipt_id){12, 5, 43}, text), "12-5-43");
    receipt_id_text((struct receipt_id){UINT32_MAX, UINT32_MAX, UINT64_MAX}, text);
    assert_string_equal(text, "4294967295-4294967295-18446744073709551615");
}

/* --- what was cut or changed --- */

static int take_receipt(struct arena *arena, struct bytes packed)
{
    struct receipt receipt;
    struct buffer out = {0};
    int r = receipt_unpack(arena, packed, &receipt, NULL);
    if (!r) {
        receipt_to_json(&receipt, &out);
        receipt_pack(&receipt, &out);
    }
    buffer_close(&out);
    return r;
}

static void packs_as_protobuf_does(const ProtobufCMessageDescriptor *descriptor, struct bytes packed)
{
    struct arena arena = {0};
    struct buffer again = {0};
    void *message = wire_unpack(descriptor, &arena, packed, packed.len);
    assert_non_null(message);
    wire_pack(message, &again);
    assert_true(bytes_equal(buffer_bytes(&again), packed));
    buffer_close(&again);
    arena_close(&arena);
}

/* What is written field by field is what protobuf-c writes, byte for byte. */
static void fields_are_those_of_protobuf(void **state)
{
    struct buffer packed = {0};
    (void)state;
    pack_collection(&packed);
    packs_as_protobuf_does(&garner__collection_record__descriptor, buffer_bytes(&packed));
    buffer_reset(&packed);
    pack_receipt(&packed);
    packs_as_protobuf_does(&garner__receipt__descriptor, buffer_bytes(&packed));
    buffer_close(&packed);
}

static int take_collection(struct arena *arena, struct bytes packed)
{
    struct collection_record record;
    struct buffer out = {0};
    int r = collection_unpack(arena, packed, &record, NULL);
    if (!r) {
        collection_key_text(&record.key, &out);
        collection_pack(&record, &out);
    }
    buffer_close(&out);
    return r;
}

static int take_missing(struct arena *arena, struct bytes packed)
{
    struct missing missing;
    struct buffer out = {0};
    (void)arena;
    int r = missing_unpack(packed, &missing, NULL);
    if (!r)
        missing_pack(&missing, &out);
    buffer_close(&out);
    return r;
}

static const struct kind {
    void (*pack)(struct buffer *out);
    int (*take)(struct arena *arena, struct bytes packed);
} kinds[] = {{pack_receipt, take_receipt}, {pack_collection, take_collection}, {pack_missing, take_missing}};

/* A copy of its own for each, so that a byte read behind the end is seen. */
static void try_bytes(const struct kind *kind, const char *data, size_t len)
{
    struct arena arena = {0};
    char *copy = malloc(len ? len : 1);
    memcpy(copy, data, len);
    int r = kind->take(&arena, (struct bytes){copy, len});
    assert_true(r == 0 || r == ERR_CORRUPT);
    assert_true(arena.total < ((size_t)8 << 20) + 4 * len);
    free(copy);
    arena_close(&arena);
}

static void damage_is_told(void **state)
{
    struct random random;
    (void)state;
    random_seed(&random, 11);
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        struct buffer packed = {0};
        kinds[k].pack(&packed);
        for (size_t len = 0; len < packed.len; len++)
            try_bytes(&kinds[k], packed.data, len);
        for (size_t at = 0; at < packed.len; at++)
            for (int value = 0; value < 256; value++) {
                char old = packed.data[at];
                packed.data[at] = (char)value;
                try_bytes(&kinds[k], packed.data, packed.len);
                packed.data[at] = old;
            }
        for (int i = 0; i < 5000; i++) {
            char noise[64];
            size_t len = (size_t)random_below(&random, sizeof noise);
            for (size_t at = 0; at < len; at++)
                noise[at] = (char)random_u64(&random);
            try_bytes(&kinds[k], noise, len);
        }
        buffer_close(&packed);
    }
}

/* Few bytes can't ask for much memory, nor many for very much. */
static void memory_stays_in_proportion(void **state)
{
    static const char claims[] = "\x0a\xff\xff\xff\xff\x0f"; /* a field of 4 GiB */
    static const size_t counts[] = {1000, 100000, 400000, 5000000};
    (void)state;
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++)
        try_bytes(&kinds[k], claims, sizeof claims - 1);
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        for (int field = 1; field <= 23; field++) {
            char *many = malloc(counts[i] * 3);
            size_t len = 0;
            for (size_t n = 0; n < counts[i]; n++) { /* "field, 0 bytes", as often as it goes */
                if (field < 16) {
                    many[len++] = (char)(field << 3 | 2);
                } else {
                    many[len++] = (char)((field << 3 & 0x7f) | 0x80 | 2);
                    many[len++] = (char)(field >> 4);
                }
                many[len++] = 0;
            }
            if (counts[i] <= 1000 || field == 11 || field == 20)
                for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++)
                    try_bytes(&kinds[k], many, len);
            free(many);
        }
}

/* What a record says is checked, not only how. */
static void nonsense_is_corrupt(void **state)
{
    struct arena arena = {0};
    struct error e;
    (void)state;
    for (int i = 0; i < 9; i++) {
        struct buffer packed = {0};
        struct collection_record record = sample_collection(), back;
        struct receipt receipt = sample_receipt(), receipt_back;
        switch (i) {
        case 0:
            record.id = 0;
            break;
        case 1:
            record.key.account = BYTES("");
            break;
        case 2:
            record.key.type = BYTES("\xff");
            break;
        case 3:
            record.rows = 21;
            break;
        case 4:
            record.next_row = (uint32_t)LIMIT_ROWS + 1;
            break;
        case 5:
            record.sound_harvest = 44;
            break;
        case 6:
            record.listed_since_ms = INT64_MAX;
            break;
        case 7:
            receipt.sound = true;
            receipt.complete = false;
            break;
        case 8:
            receipt.id.shard = LIMIT_SHARDS;
            break;
        }
        collection_pack(&record, &packed);
        int r = collection_unpack(&arena, buffer_bytes(&packed), &back, &e);
        assert_int_equal(r, i < 7 ? ERR_CORRUPT : 0);
        buffer_reset(&packed);
        receipt_pack(&receipt, &packed);
        r = receipt_unpack(&arena, buffer_bytes(&packed), &receipt_back, &e);
        assert_int_equal(r, i < 7 ? 0 : ERR_CORRUPT);
        buffer_close(&packed);
    }
    arena_close(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_are_those_of_protobuf),
        cmocka_unit_test(a_receipt_comes_back),
        cmocka_unit_test(a_receipt_is_confirmed),
        cmocka_unit_test(every_error_comes_back),
        cmocka_unit_test(a_cause_becomes_text),
        cmocka_unit_test(a_receipt_as_json),
        cmocka_unit_test(a_collection_comes_back),
        cmocka_unit_test(absent_is_not_empty),
        cmocka_unit_test(missing_comes_back),
        cmocka_unit_test(a_receipts_id_as_text),
        cmocka_unit_test(damage_is_told),
        cmocka_unit_test(memory_stays_in_proportion),
        cmocka_unit_test(nonsense_is_corrupt),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
