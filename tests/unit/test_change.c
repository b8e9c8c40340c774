/* Changes: to protobuf and back, and as JSON. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "common/random.h"
#include "common/value/value.h"
#include "proto/change.h"
#include "proto/wire.h"

static struct bytes packed_of(struct arena *arena, const char *json)
{
    struct buffer out = {0};
    struct value value;
    assert_int_equal(value_from_json(arena, bytes_of(json), &value, NULL, NULL), 0);
    value_to_msgpack(&value, &out);
    struct bytes copy = arena_copy(arena, buffer_bytes(&out));
    buffer_close(&out);
    return copy;
}

static const struct receipt_id receipts[] = {{12, 4, 99}, {12, 5, 43}};
static const struct receipt status_receipt = {
    .id = {12, 5, 43}, .error = ERR_DENIED, .cause = "grant \"ec2:DescribeSnapshots\"", .pages = 7};

static struct change sample(struct arena *arena, enum change_op op)
{
    struct change change = {
        .shard = 12,
        .epoch = 3,
        .seq = 1234,
        .time_ms = INT64_C(1795341600123),
        .op = op,
        .collection = 5,
        .key = {.provider = BYTES("aws"),
                .account = BYTES("123456789012"),
                .region = BYTES("us-east-1"),
                .type = BYTES("aws.ec2.security_group")},
    };
    if (op == CHANGE_STATUS) {
        change.status.kind = STATUS_UNREACHABLE;
        change.status.receipt = &status_receipt;
        change.status.since_ms = 1000;
        return change;
    }
    change.id = BYTES("sg-\"1\"\n");
    change.initial = op == CHANGE_CREATED;
    change.previous = op == CHANGE_CREATED ? 0 : 1000;
    if (op != CHANGE_CREATED)
        change.before = packed_of(arena, "{\"a\":1}");
    if (op != CHANGE_DELETED)
        change.after = packed_of(arena, "{\"a\":1.5e999999,\"b\":123456789012345678901234567890}");
    if (op == CHANGE_UPDATED) {
        change.patch = packed_of(arena, "[{\"op\":\"replace\",\"path\":\"/a\",\"value\":0}]");
        change.definition = true;
    }
    if (op == CHANGE_DELETED) {
        change.receipts = receipts;
        change.receipt_count = 2;
    }
    return change;
}

/* --- protobuf --- */

static void a_change_comes_back(void **state)
{
    (void)state;
    for (enum change_op op = CHANGE_CREATED; op <= CHANGE_STATUS; op++) {
        struct arena arena = {0};
        struct buffer packed = {0}, again = {0}, json = {0}, json_again = {0};
        struct change change = sample(&arena, op), back;
        struct error e;
        change_pack(&change, &packed);
        assert_int_equal(change_unpack(&arena, buffer_bytes(&packed), &back, &e), 0);
        change_pack(&back, &again);
        assert_true(bytes_equal(buffer_bytes(&packed), buffer_bytes(&again)));
        assert_int_equal(change_to_json(&change, &json, &e), 0);
        assert_int_equal(change_to_json(&back, &json_again, &e), 0);
        assert_string_equal(buffer_text(&json), buffer_text(&json_again));
        assert_int_equal(back.collection, 5);
        buffer_close(&packed);
        buffer_close(&again);
        buffer_close(&json);
        buffer_close(&json_again);
        arena_close(&arena);
    }
}

/* What is written field by field is what protobuf-c writes, byte for byte. */
static void fields_are_those_of_protobuf(void **state)
{
    (void)state;
    for (enum change_op op = CHANGE_CREATED; op <= CHANGE_STATUS; op++) {
        struct arena arena = {0};
        struct buffer packed = {0}, again = {0};
        struct change change = sample(&arena, op);
        change.key.parent = BYTES("vpc-1");
        change.status.void_ = true;
        change.status.held = 400;
        change_pack(&change, &packed);
        struct bytes span = buffer_bytes(&packed);
        void *message = wire_unpack(&garner__change__descriptor, &arena, span, span.len);
        assert_non_null(message);
        wire_pack(message, &again);
        assert_true(bytes_equal(buffer_bytes(&again), span));
        buffer_close(&packed);
        buffer_close(&again);
        arena_close(&arena);
    }
}

static int take(const char *data, size_t len)
{
    struct arena arena = {0};
    struct buffer json = {0};
    struct change change;
    char *copy = malloc(len ? len : 1);
    memcpy(copy, data, len);
    int r = change_unpack(&arena, (struct bytes){copy, len}, &change, NULL);
    assert_true(r == 0 || r == ERR_CORRUPT);
    assert_true(arena.total < (64 << 20) + 8 * len);
    if (!r) {
        int printed = change_to_json(&change, &json, NULL);
        assert_true(printed == 0 || printed == ERR_CORRUPT);
        assert_true(printed == 0 || json.len == 0);
    }
    free(copy);
    buffer_close(&json);
    arena_close(&arena);
    return r;
}

static void damage_is_told(void **state)
{
    struct random random;
    (void)state;
    random_seed(&random, 3);
    for (enum change_op op = CHANGE_CREATED; op <= CHANGE_STATUS; op++) {
        struct arena arena = {0};
        struct buffer packed = {0};
        struct change change = sample(&arena, op);
        change_pack(&change, &packed);
        for (size_t len = 0; len < packed.len; len++)
            take(packed.data, len);
        for (size_t at = 0; at < packed.len; at++)
            for (int value = 0; value < 256; value++) {
                char old = packed.data[at];
                packed.data[at] = (char)value;
                take(packed.data, packed.len);
                packed.data[at] = old;
            }
        for (int i = 0; i < 20000; i++) {
            size_t at = (size_t)random_below(&random, packed.len),
                   too = (size_t)random_below(&random, packed.len);
            char old = packed.data[at], old_too = packed.data[too];
            packed.data[at] = (char)random_u64(&random);
            packed.data[too] = (char)random_u64(&random);
            take(packed.data, (size_t)random_below(&random, packed.len) + 1);
            packed.data[too] = old_too;
            packed.data[at] = old;
        }
        buffer_close(&packed);
        arena_close(&arena);
    }
}

/* What a change must hold by its op, and must not. */
static void what_does_not_fit_its_op_is_corrupt(void **state)
{
    struct arena arena = {0};
    (void)state;
    for (int i = 0; i < 14; i++) {
        struct buffer packed = {0};
        struct change c = sample(&arena, i < 3   ? CHANGE_CREATED
                                         : i < 6 ? CHANGE_UPDATED
                                         : i < 9 ? CHANGE_DELETED
                                                 : CHANGE_STATUS);
        struct bytes document = packed_of(&arena, "{}");
        switch (i) {
        case 0:
            c.before = document;
            break;
        case 1:
            c.after = (struct bytes){0};
            break;
        case 2:
            c.id = (struct bytes){0};
            break;
        case 3:
            c.before = (struct bytes){0};
            break;
        case 4:
            c.previous = 0;
            break;
        case 5:
            c.previous = c.seq;
            break;
        case 6:
            c.after = document;
            break;
        case 7:
            c.before = (struct bytes){0};
            break;
        case 8:
            c.id = BYTES("\xc3");
            break;
        case 9:
            c.id = BYTES("x");
            break;
        case 10:
            c.after = document;
            break;
        case 11:
            c.status.kind = (enum status_kind)7;
            break;
        case 12:
            c.status.since_ms = INT64_MIN;
            break;
        case 13:
            c.time_ms = INT64_MAX;
            break;
        }
        change_pack(&c, &packed);
        assert_int_equal(take(packed.data, packed.len), ERR_CORRUPT);
        buffer_close(&packed);
    }
    arena_close(&arena);
}

/* --- JSON --- */

static void expect_json(const struct change *change, const char *expected)
{
    struct buffer json = {0};
    struct error e = {0};
    assert_int_equal(change_to_json(change, &json, &e), 0);
    assert_string_equal(buffer_text(&json), expected);
    buffer_close(&json);
}

#define HEAD "{\"shard\":12,\"epoch\":3,\"seq\":1234,\"time\":\"2026-11-22T10:00:00.123Z\","
#define SCOPE                                                                                                \
    "\"provider\":\"aws\",\"account\":\"123456789012\",\"region\":\"us-east-1\","                            \
    "\"type\":\"aws.ec2.security_group\","

/* All keys, always, in the contract's order; numbers as the provider sent them. */
static void json_is_as_the_contract_says(void **state)
{
    struct arena arena = {0};
    struct change change = sample(&arena, CHANGE_CREATED);
    (void)state;
    expect_json(&change, HEAD
                "\"op\":\"created\",\"initial\":true," SCOPE "\"id\":\"sg-\\\"1\\\"\\n\",\"parent\":null,"
                "\"before\":null,\"after\":{\"a\":1.5e999999,\"b\":123456789012345678901234567890},"
                "\"patch\":null,\"receipt\":null,\"cause\":null,\"status\":null}");
    change = sample(&arena, CHANGE_UPDATED);
    change.key.parent = BYTES("vpc-1");
    change.key.region = (struct bytes){0};
    expect_json(&change,
                HEAD "\"op\":\"updated\",\"initial\":false,\"provider\":\"aws\",\"account\":\"123456789012\","
                     "\"region\":null,\"type\":\"aws.ec2.security_group\",\"id\":\"sg-\\\"1\\\"\\n\","
                     "\"parent\":\"vpc-1\",\"before\":{\"a\":1},"
                     "\"after\":{\"a\":1.5e999999,\"b\":123456789012345678901234567890},"
                     "\"patch\":[{\"op\":\"replace\",\"path\":\"/a\",\"value\":0}],\"receipt\":null,"
                     "\"cause\":\"definition\",\"status\":null}");
    change = sample(&arena, CHANGE_DELETED);
    expect_json(&change, HEAD "\"op\":\"deleted\",\"initial\":false," SCOPE
                              "\"id\":\"sg-\\\"1\\\"\\n\",\"parent\":null,"
                              "\"before\":{\"a\":1},\"after\":null,\"patch\":null,"
                              "\"receipt\":[\"12-4-99\",\"12-5-43\"],\"cause\":null,\"status\":null}");
    arena_close(&arena);
}

#define STATUS_HEAD                                                                                          \
    HEAD "\"op\":\"status\",\"initial\":false," SCOPE                                                        \
         "\"id\":null,\"parent\":null,\"before\":null,\"after\":null,\"patch\":null,\"receipt\":null,"       \
         "\"cause\":null,\"status\":"

static void status_json_is_as_the_contract_says(void **state)
{
    struct arena arena = {0};
    struct change change = sample(&arena, CHANGE_STATUS);
    (void)state;
    expect_json(
        &change, STATUS_HEAD
        "{\"kind\":\"unreachable\",\"since\":\"1970-01-01T00:00:01.000Z\",\"void\":false,\"held\":null,"
        "\"receipt\":{\"id\":\"12-5-43\",\"started\":null,\"ended\":null,\"complete\":false,\"sound\":false,"
        "\"unsound\":null,\"error\":\"denied\",\"cause\":\"grant \\\"ec2:DescribeSnapshots\\\"\","
        "\"pages\":7,\"items\":0,\"requests\":0,\"bytes\":0,\"created\":0,\"updated\":0,\"deleted\":0,"
        "\"unchanged\":0,\"tier1\":0,\"tier2\":0,\"missing\":0,\"held\":0,\"quarantined\":0,"
        "\"duplicate_keys\":0,\"resumed_page\":0,\"unmodified\":0,\"last_unmodified\":null,"
        "\"rests_on\":[]}}}");
    change.status.kind = STATUS_HELD;
    change.status.held = 400;
    change.status.receipt = NULL;
    expect_json(&change,
                STATUS_HEAD "{\"kind\":\"held\",\"since\":\"1970-01-01T00:00:01.000Z\",\"void\":false,"
                            "\"held\":400,\"receipt\":null}}");
    change.status.kind = STATUS_DEFINITION;
    change.status.since_ms = 0;
    change.status.void_ = true;
    expect_json(&change, STATUS_HEAD "{\"kind\":\"definition\",\"since\":null,\"void\":true,\"held\":null,"
                                     "\"receipt\":null}}");
    arena_close(&arena);
}

/* A document that is no MessagePack leaves no half line. */
static void a_bad_document_leaves_no_half_line(void **state)
{
    struct arena arena = {0};
    struct buffer json = {0};
    struct error e;
    struct change change = sample(&arena, CHANGE_UPDATED);
    (void)state;
    buffer_add_text(&json, "before ");
    change.after = BYTES("\x93\x01");
    assert_int_equal(change_to_json(&change, &json, &e), ERR_CORRUPT);
    assert_string_equal(buffer_text(&json), "before ");
    assert_true(bytes_starts(bytes_of(e.text), "shard 12, change 1234: after: "));
    buffer_close(&json);
    arena_close(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_change_comes_back),
        cmocka_unit_test(fields_are_those_of_protobuf),
        cmocka_unit_test(damage_is_told),
        cmocka_unit_test(what_does_not_fit_its_op_is_corrupt),
        cmocka_unit_test(json_is_as_the_contract_says),
        cmocka_unit_test(status_json_is_as_the_contract_says),
        cmocka_unit_test(a_bad_document_leaves_no_half_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
