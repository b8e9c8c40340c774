#include "test_value_maker.h"

#include <math.h>

#include "common/limits.h"
#include "common/value/number.h"

static struct bytes pack(struct buffer *out, const struct value *value)
{
    buffer_reset(out);
    value_to_msgpack(value, out);
    return buffer_bytes(out);
}

/* Each literal comes back byte for byte, and is kept as the smallest thing that can bring it back. */
static void literals_come_back(void **state)
{
    enum { INT, DOUBLE, EXT };
    static const struct {
        const char *literal;
        int kept;
    } cases[] = {
        {"0", INT},
        {"-1", INT},
        {"127", INT},
        {"128", INT},
        {"-32", INT},
        {"-33", INT},
        {"-128", INT},
        {"-129", INT},
        {"255", INT},
        {"256", INT},
        {"65535", INT},
        {"65536", INT},
        {"-32769", INT},
        {"4294967295", INT},
        {"4294967296", INT},
        {"-2147483649", INT},
        {"9223372036854775807", INT},
        {"9223372036854775808", INT},
        {"18446744073709551615", INT},
        {"-9223372036854775808", INT},
        {"18446744073709551616", EXT},
        {"-9223372036854775809", EXT},
        {"-0", EXT},
        {"1000000000000000000000000000000", EXT},
        {"0.1", DOUBLE},
        {"1.0", DOUBLE},
        {"-0.0", DOUBLE},
        {"0.0", DOUBLE},
        {"1.5", DOUBLE},
        {"1.50", EXT},
        {"1e5", EXT},
        {"1E400", EXT},
        {"1e400", EXT},
        {"1e-400", EXT},
        {"1e-7", DOUBLE},
        {"1E-7", EXT},
        {"1e-07", EXT},
        {"0.000001", DOUBLE},
        {"0.0000001", EXT},
        {"1e+21", DOUBLE},
        {"1e21", EXT},
        {"100000000000000000000.0", DOUBLE},
        {"5e-324", DOUBLE},
        {"2.2250738585072014e-308", DOUBLE},
        {"1.7976931348623157e+308", DOUBLE},
        {"0.30000000000000004", DOUBLE},
        {"0.3", DOUBLE},
        {"0.30000000000000001", EXT},
        {"123456789012345678.0", EXT},
        {"123456789012345680.0", DOUBLE},
        {"3.141592653589793", DOUBLE},
        {"3.14159265358979323846", EXT},
        {"9007199254740993.0", EXT},
        {"1.7976931348623159e+308", EXT},
    };
    struct arena arena = {0};
    struct buffer packed = {0};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct value value = value_of(&arena, cases[i].literal), back;
        struct error e;
        unsigned char head = (unsigned char)pack(&packed, &value).data[0];
        bool is_ext = (head >= 0xd4 && head <= 0xd8) || (head >= 0xc7 && head <= 0xc9);
        int kept = head == 0xcb ? DOUBLE : is_ext ? EXT : INT;
        if (kept != cases[i].kept)
            fail_msg("%s is kept as %d", cases[i].literal, kept);
        assert_int_equal(value_from_msgpack(&arena, buffer_bytes(&packed), &back, &e), 0);
        assert_json(&back, cases[i].literal);
    }
    buffer_close(&packed);
    arena_close(&arena);
    (void)state;
}

/* Every finite double is printed as a literal that reads back as the same double, and as its own. */
static void doubles_read_back(void **state)
{
    struct random r;
    random_seed(&r, 3);
    for (int i = 0; i < 100000; i++) {
        uint64_t bits = random_u64(&r);
        if (i % 3 == 0)
            bits &= ~((uint64_t)0x7ff << 52) | (uint64_t)(1023 - 40 + random_below(&r, 80)) << 52;
        double number, back;
        memcpy(&number, &bits, sizeof number);
        if (!isfinite(number))
            continue;
        char text[NUMBER_TEXT_BYTES];
        struct bytes literal = {text, number_print_double(number, text)};
        assert_true(number_is_literal(literal));
        assert_true(number_to_double(literal, &back));
        assert_memory_equal(&number, &back, sizeof number);
    }
    (void)state;
}

/* JSON to a value to MessagePack and back to JSON is the same text, with a tree in between or without. */
static void generated_documents_come_back(void **state)
{
    struct arena arena = {0};
    struct random r;
    random_seed(&r, 4);
    struct buffer first = {0}, packed = {0}, direct = {0};
    for (int i = 0; i < 5000; i++) {
        struct value made = maker_value(&r, &arena, 5), parsed, back;
        struct error e;
        buffer_reset(&first);
        buffer_reset(&direct);
        value_to_json(&made, &first);
        assert_int_equal(value_from_json(&arena, buffer_bytes(&first), &parsed, NULL, &e), 0);
        pack(&packed, &parsed);
        assert_int_equal(value_from_msgpack(&arena, buffer_bytes(&packed), &back, &e), 0);
        assert_json(&back, buffer_text(&first));
        assert_int_equal(value_msgpack_to_json(buffer_bytes(&packed), &direct, &e), 0);
        assert_string_equal(buffer_text(&direct), buffer_text(&first));
        arena_reset(&arena);
    }
    buffer_close(&first);
    buffer_close(&packed);
    buffer_close(&direct);
    arena_close(&arena);
    (void)state;
}

/* Reads a record from memory of exactly its size, both ways, and gives back what both say. */
static int read_exact(struct bytes record, struct error *e)
{
    struct arena arena = {0};
    struct buffer out = {0};
    struct value value;
    char *exact = malloc(record.len + !record.len);
    memcpy(exact, record.data, record.len);
    int rc = value_from_msgpack(&arena, (struct bytes){exact, record.len}, &value, e);
    int printed = value_msgpack_to_json((struct bytes){exact, record.len}, &out, NULL);
    if (rc == 0) {
        assert_int_equal(printed, 0);
        assert_json(&value, buffer_text(&out));
    }
    assert_true(arena.total < 8192 + 128 * record.len);
    free(exact);
    buffer_close(&out);
    arena_close(&arena);
    return rc;
}

/* A record cut at any byte is corrupt, and nothing beyond it is read. */
static void cut_records_are_corrupt(void **state)
{
    struct arena arena = {0};
    struct buffer packed = {0};
    struct random r;
    random_seed(&r, 5);
    for (int i = 0; i < 100; i++) {
        struct value value = maker_value(&r, &arena, 4);
        struct bytes whole = pack(&packed, &value);
        struct error e;
        for (size_t len = 0; len < whole.len && len < 3000; len++)
            assert_int_equal(read_exact((struct bytes){whole.data, len}, &e), ERR_CORRUPT);
        assert_int_equal(read_exact(whole, &e), 0);
        arena_reset(&arena);
    }
    buffer_close(&packed);
    arena_close(&arena);
    (void)state;
}

/* A record with random bytes changed is either read or corrupt, and allocates no more than its length
 * can justify. */
static void changed_records_do_no_harm(void **state)
{
    struct arena arena = {0};
    struct buffer packed = {0};
    struct random r;
    random_seed(&r, 6);
    unsigned corrupt = 0;
    for (int i = 0; i < 20000; i++) {
        struct value value = maker_value(&r, &arena, 3);
        struct bytes record = pack(&packed, &value);
        for (uint64_t n = 1 + random_below(&r, 4); n > 0; n--)
            packed.data[random_below(&r, record.len)] = (char)random_u64(&r);
        struct error e;
        int rc = read_exact(record, &e);
        assert_true(rc == 0 || rc == ERR_CORRUPT);
        corrupt += rc != 0;
        arena_reset(&arena);
    }
    assert_in_range(corrupt, 2000, 19000);
    buffer_close(&packed);
    arena_close(&arena);
    (void)state;
}

/* What we never write, or what lies about what follows, is corrupt and says where. */
static void lies_are_corrupt(void **state)
{
    static const struct {
        struct bytes record;
        const char *says;
    } cases[] = {
        {BYTES(""), "at byte 0"},
        {BYTES("\xdd\xff\xff\xff\xff"), "more items"},
        {BYTES("\xdf\xff\xff\xff\xff"), "more items"},
        {BYTES("\xdb\xff\xff\xff\xff"), "longer"},
        {BYTES("\xc9\xff\xff\xff\xff\x01"), "longer"},
        {BYTES("\x92\xdc\x00\x02\x01\x01"), "more items"},
        {BYTES("\x81\x01\x01"), "key"},
        {BYTES("\x82\xa1\x61\x01\xa1\x61\x02"), "twice"},
        {BYTES("\xc1"), "header"},
        {BYTES("\xc4\x01\x61"), "header"},
        {BYTES("\xd4\x02\x31"), "extension"},
        {BYTES("\xd4\x01\x61"), "no number"},
        {BYTES("\xd5\x01-."), "no number"},
        {BYTES("\xc7\x00\x01"), "no number"},
        {BYTES("\xcb\x7f\xf8\x00\x00\x00\x00\x00\x00"), "JSON"},
        {BYTES("\xca\x7f\x80\x00\x00"), "JSON"},
        {BYTES("\xa1\xff"), "UTF-8"},
        {BYTES("\x01\x01"), "follows"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct error e = {0};
        if (read_exact(cases[i].record, &e) != ERR_CORRUPT || !strstr(e.text, cases[i].says))
            fail_msg("case %zu: \"%s\"", i, e.text);
    }
    (void)state;
}

/* Arrays in arrays are read up to the limit of depth, and a record can't make us recurse further. */
static void depth_is_limited(void **state)
{
    struct buffer record = {0};
    struct error e;
    for (int i = 0; i < LIMIT_DEPTH; i++)
        buffer_add_char(&record, (char)0x91);
    buffer_add_char(&record, 1);
    assert_int_equal(read_exact(buffer_bytes(&record), &e), 0);
    record.data[record.len - 1] = (char)0x91;
    buffer_add_char(&record, 1);
    assert_int_equal(read_exact(buffer_bytes(&record), &e), ERR_CORRUPT);
    assert_non_null(strstr(e.text, "256 deep"));
    buffer_reserve(&record, 1 << 20);
    memset(record.data, 0x91, 1 << 20);
    record.len = 1 << 20;
    assert_int_equal(read_exact(buffer_bytes(&record), &e), ERR_CORRUPT);
    buffer_close(&record);
    (void)state;
}

/* What other writers may write for the same value is read too: single floats and needlessly wide headers. */
static void wide_headers_are_read(void **state)
{
    static const struct {
        struct bytes record;
        const char *json;
    } cases[] = {
        {BYTES("\xca\x3f\x80\x00\x00"), "1.0"},
        {BYTES("\xd3\xff\xff\xff\xff\xff\xff\xff\xff"), "-1"},
        {BYTES("\xd1\x80\x00"), "-32768"},
        {BYTES("\xce\x00\x00\x00\x07"), "7"},
        {BYTES("\xdd\x00\x00\x00\x01\xdb\x00\x00\x00\x01q"), "[\"q\"]"},
        {BYTES("\xdf\x00\x00\x00\x01\xd9\x01k\xda\x00\x01v"), "{\"k\":\"v\"}"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buffer out = {0};
        struct error e;
        assert_int_equal(value_msgpack_to_json(cases[i].record, &out, &e), 0);
        assert_string_equal(buffer_text(&out), cases[i].json);
        assert_int_equal(read_exact(cases[i].record, &e), 0);
        buffer_close(&out);
    }
    (void)state;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(literals_come_back),
        cmocka_unit_test(doubles_read_back),
        cmocka_unit_test(generated_documents_come_back),
        cmocka_unit_test(cut_records_are_corrupt),
        cmocka_unit_test(changed_records_do_no_harm),
        cmocka_unit_test(lies_are_corrupt),
        cmocka_unit_test(depth_is_limited),
        cmocka_unit_test(wide_headers_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
