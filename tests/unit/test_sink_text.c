/* What a sink makes of text: what PostgreSQL can hold, keys, the COPY format. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/sink/sink_copy.h"
#include "cli/sink/sink_key.h"
#include "cli/sink/sink_text.h"
#include "common/value/value.h"

static void expect_json(const char *json, const char *wanted)
{
    struct buffer out = {0};
    sink_text_add_json(&out, bytes_of(json));
    assert_string_equal(buffer_text(&out), wanted);
    buffer_close(&out);
}

static void a_nul_becomes_a_replacement_character_in_values_and_keys(void **state)
{
    (void)state;
    expect_json("{\"a\\u0000b\":\"\\u0000\"}", "{\"a\xef\xbf\xbd"
                                               "b\":\"\xef\xbf\xbd\"}");
    expect_json("[\"\\\\u0000\",\"\\\\\\u0000\",\"\\\"\\u0000\"]",
                "[\"\\\\u0000\",\"\\\\\xef\xbf\xbd\",\"\\\"\xef\xbf\xbd\"]");
}

static void other_escapes_and_numbers_in_strings_stay(void **state)
{
    (void)state;
    expect_json("{\"1e999999\":\"\\u0001\\n\\\"1e99999\\\"\",\"x\":[true,false,null,-1.50,12e3,{}]}",
                "{\"1e999999\":\"\\u0001\\n\\\"1e99999\\\"\",\"x\":[true,false,null,-1.50,12e3,{}]}");
}

static void a_number_that_is_too_long_written_out_becomes_its_literal(void **state)
{
    (void)state;
    expect_json("[1e999,1e1001,-1E-1001,1e+99999999999999999999,0e5]",
                "[1e999,\"1e1001\",\"-1E-1001\",\"1e+99999999999999999999\",0e5]");
    char digits[SINK_DIGITS_MAX + 2], quoted[SINK_DIGITS_MAX + 4];
    memset(digits, '7', sizeof digits);
    digits[SINK_DIGITS_MAX] = 0;
    expect_json(digits, digits);
    digits[SINK_DIGITS_MAX] = '7';
    digits[SINK_DIGITS_MAX + 1] = 0;
    snprintf(quoted, sizeof quoted, "\"%s\"", digits);
    expect_json(digits, quoted);
}

static void a_document_is_read_from_its_messagepack(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct value value;
    struct buffer packed = {0}, out = {0}, scratch = {0};
    assert_int_equal(
        value_from_json(&arena, BYTES("{\"n\":18446744073709551616,\"s\":\"a\\u0000\"}"), &value, NULL, NULL),
        0);
    value_to_msgpack(&value, &packed);
    assert_int_equal(sink_text_add_document(&out, buffer_bytes(&packed), &scratch, NULL), 0);
    assert_string_equal(buffer_text(&out), "{\"n\":18446744073709551616,\"s\":\"a\xef\xbf\xbd\"}");
    packed.len--;
    assert_int_not_equal(sink_text_add_document(&out, buffer_bytes(&packed), &scratch, NULL), 0);
    buffer_close(&packed);
    buffer_close(&out);
    buffer_close(&scratch);
    arena_close(&arena);
}

#define TEXT(literal) ((struct garner_bytes){"" literal, sizeof(literal) - 1})

static void keys_tell_apart_what_differs_in_any_part(void **state)
{
    (void)state;
    const struct garner_collection collections[] = {
        {.provider = TEXT("p"), .account = TEXT("ab"), .type = TEXT("t")},
        {.provider = TEXT("pa"), .account = TEXT("b"), .type = TEXT("t")},
        {.provider = TEXT("p"), .account = TEXT("ab"), .region = TEXT(""), .type = TEXT("t")},
        {.provider = TEXT("p"), .account = TEXT("ab"), .type = TEXT("t"), .parent = TEXT("")},
    };
    enum { COUNT = sizeof collections / sizeof *collections };
    struct digest keys[COUNT];
    for (int i = 0; i < COUNT; i++) {
        keys[i] = sink_key_collection(&collections[i]);
        for (int j = 0; j < i; j++)
            assert_false(digest_equal(keys[i], keys[j]));
    }
    assert_false(digest_equal(sink_key_resource(keys[0], TEXT("a\0")),
                              sink_key_resource(keys[0], TEXT("a\xef\xbf\xbd"))));
    assert_true(digest_equal(sink_key_resource(keys[0], TEXT("a")), sink_key_resource(keys[0], TEXT("a"))));
}

/* Keys are stored: a program that made them differently would hold everything twice. */
static void keys_are_what_they_always_were(void **state)
{
    (void)state;
    const struct garner_collection collection = {
        .provider = TEXT("aws"), .account = TEXT("1"), .region = TEXT("r"), .type = TEXT("t")};
    struct digest key = sink_key_resource(sink_key_collection(&collection), TEXT("sg-1"));
    char text[33];
    for (int i = 0; i < 16; i++)
        snprintf(text + 2 * i, 3, "%02x", key.bytes[i]);
    assert_string_equal(text, "dfe239982cd7bd4bc145e352f5f753a0");
}

static void a_row_is_in_postgresqls_binary_format(void **state)
{
    (void)state;
    struct buffer out = {0};
    static const char wanted[] = "\0\4"
                                 "\0\0\0\4\0\0\0\7"
                                 "\0\0\0\10\177\377\377\377\377\377\377\377"
                                 "\377\377\377\377"
                                 "\0\0\0\5a\xef\xbf\xbd"
                                 "b";
    sink_copy_row(&out, 4);
    sink_copy_int(&out, 7);
    sink_copy_bigint(&out, UINT64_MAX);
    sink_copy_text(&out, (struct bytes){0});
    sink_copy_text(&out, (struct bytes){"a\0b", 3});
    assert_int_equal(out.len, sizeof wanted - 1);
    assert_memory_equal(out.data, wanted, out.len);
    buffer_close(&out);
}

static void times_are_microseconds_since_2000_and_stay_in_postgresqls_range(void **state)
{
    (void)state;
    static const struct {
        int64_t given_ms, wanted_us;
    } cases[] = {{946684800001, 1000},
                 {0, -INT64_C(946684800000000)},
                 {INT64_MAX, INT64_C(252455615999999000)},
                 {INT64_MIN, -INT64_C(63082281600000000)}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buffer out = {0};
        sink_copy_time(&out, cases[i].given_ms);
        assert_int_equal(out.len, 12);
        assert_int_equal((int64_t)be64_get(out.data + 4), cases[i].wanted_us);
        buffer_close(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_nul_becomes_a_replacement_character_in_values_and_keys),
        cmocka_unit_test(other_escapes_and_numbers_in_strings_stay),
        cmocka_unit_test(a_number_that_is_too_long_written_out_becomes_its_literal),
        cmocka_unit_test(a_document_is_read_from_its_messagepack),
        cmocka_unit_test(keys_tell_apart_what_differs_in_any_part),
        cmocka_unit_test(keys_are_what_they_always_were),
        cmocka_unit_test(a_row_is_in_postgresqls_binary_format),
        cmocka_unit_test(times_are_microseconds_since_2000_and_stay_in_postgresqls_range),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
