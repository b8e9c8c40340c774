#include "test_value_maker.h"

#include "common/limits.h"

/* What came goes out again byte for byte, except for white space and needless escapes. */
static void documents_come_back(void **state)
{
    static const char *const cases[][2] = {
        {"null", "null"},
        {" [ 1 , -0, 1.0,1e5,1E400 ,0.1,1000000000000000000000000000000] \r\n",
         "[1,-0,1.0,1e5,1E400,0.1,1000000000000000000000000000000]"},
        {"\xef\xbb\xbf {\"a\":true}", "{\"a\":true}"},
        {"\"\\u0000\\u001f\\u007f\\/\\\"\\\\\\b\\f\\n\\r\\t\"",
         "\"\\u0000\\u001f\x7f/\\\"\\\\\\b\\f\\n\\r\\t\""},
        {"\"\\u00e9\\ud834\\udd1e\"", "\"é𝄞\""},
        {"{\"\":{\"z\":[],\"a\":{}}}", "{\"\":{\"z\":[],\"a\":{}}}"},
    };
    struct arena arena = {0};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct value value = value_of(&arena, cases[i][0]);
        assert_json(&value, cases[i][1]);
    }
    arena_close(&arena);
    (void)state;
}

static void assert_refused(struct bytes body, int code, const char *says)
{
    struct arena arena = {0};
    struct value value;
    struct error e = {0};
    int rc = value_from_json(&arena, body, &value, NULL, &e);
    if (rc != code || !strstr(e.text, says))
        fail_msg("%.*s: code %d, \"%s\" instead of \"%s\"", (int)(body.len > 80 ? 80 : body.len), body.data,
                 rc, e.text, says);
    arena_close(&arena);
}

/* What RFC 8259 doesn't allow is refused, with the byte where it is and the cause. */
static void malformed_bodies_are_refused(void **state)
{
    static const struct {
        struct bytes body;
        const char *says;
    } cases[] = {
        {{"", 0}, "at byte 0: "},
        {{" \n ", 3}, "at byte 3: "},
        {{"\xef\xbb\xbf", 3}, "at byte 3: "},
        {BYTES("[1,2"), "at byte 4: "},
        {BYTES("[1,2}"), "at byte 4: "},
        {BYTES("\xef\xbb\xbf[1,2}"), "at byte 7: "},
        {BYTES("{} x"), "at byte 3: "},
        {BYTES("{}\0"), "at byte 2: "},
        {BYTES("[1,]"), "at byte"},
        {BYTES("{\"a\":1,}"), "at byte"},
        {BYTES("{a:1}"), "at byte 1: "},
        {BYTES("[1] // c"), "at byte 4: "},
        {BYTES("[/* c */1]"), "at byte 1: "},
        {BYTES("NaN"), "at byte 0: "},
        {BYTES("[-Infinity]"), "at byte"},
        {BYTES("[01]"), "at byte"},
        {BYTES("[1.]"), "at byte"},
        {BYTES("[.5]"), "at byte 1: "},
        {BYTES("[+1]"), "at byte 1: "},
        {BYTES("[1e]"), "at byte"},
        {BYTES("[-]"), "at byte"},
        {BYTES("tru"), "at byte"},
        {BYTES("'a'"), "at byte 0: "},
        {BYTES("\"\xff\""), "at byte 1: "},
        {BYTES("\"\xc0\x80\""), "at byte 1: "},
        {BYTES("\"\xed\xa0\x80\""), "at byte 1: "},
        {BYTES("\"\\ud834\""), "at byte"},
        {BYTES("\"\\udd1e\""), "at byte"},
        {BYTES("\"\\ud834\\u0041\""), "at byte"},
        {BYTES("\"\\x41\""), "at byte"},
        {BYTES("\"a\nb\""), "at byte 2: "},
        {BYTES("\"a"), "at byte 2: "},
        {BYTES("<html>"), "at byte 0: "},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_refused(cases[i].body, ERR_BODY, cases[i].says);
    (void)state;
}

/* A document cut anywhere is refused, and nothing beyond its end is read. */
static void cut_documents_are_refused(void **state)
{
    static const char whole[] = "{\"a\":[1.5e3,\"x\\u00e9\",{\"b\":null}],\"c\":\"é\"}";
    for (size_t len = 0; len < sizeof whole - 1; len++) {
        char *exact = malloc(len + !len);
        memcpy(exact, whole, len);
        assert_refused((struct bytes){exact, len}, ERR_BODY, "at byte");
        free(exact);
    }
    (void)state;
}

static struct bytes nested(struct buffer *out, unsigned depth, const char *open, const char *close)
{
    buffer_reset(out);
    for (unsigned i = 0; i < depth; i++)
        buffer_add_text(out, open);
    buffer_add_char(out, '1');
    for (unsigned i = 0; i < depth; i++)
        buffer_add_text(out, close);
    return buffer_bytes(out);
}

/* Depth, number length and size have limits, and each says its own. */
static void limits_are_named(void **state)
{
    struct buffer body = {0};
    struct arena arena = {0};
    struct value value;
    struct error e;
    assert_int_equal(value_from_json(&arena, nested(&body, LIMIT_DEPTH, "[", "]"), &value, NULL, &e), 0);
    assert_refused(nested(&body, LIMIT_DEPTH + 1, "[", "]"), ERR_LIMIT, "256 deep");
    assert_refused(nested(&body, LIMIT_DEPTH + 1, "{\"a\":", "}"), ERR_LIMIT, "256 deep");
    assert_refused(nested(&body, 1000000, "[", "]"), ERR_LIMIT, "256 deep");
    assert_refused(nested(&body, 1000000, "[", ""), ERR_BODY, "at byte");

    buffer_reset(&body);
    buffer_add_char(&body, '[');
    for (int i = 0; i < LIMIT_NUMBER_BYTES; i++)
        buffer_add_char(&body, '1');
    buffer_add_char(&body, ']');
    assert_int_equal(value_from_json(&arena, buffer_bytes(&body), &value, NULL, &e), 0);
    body.data[body.len - 1] = '1';
    buffer_add_char(&body, ']');
    assert_refused(buffer_bytes(&body), ERR_LIMIT, "at byte 1: a number of 4097");

    buffer_reset(&body);
    buffer_reserve(&body, LIMIT_BODY_BYTES + 1);
    memset(body.data, ' ', LIMIT_BODY_BYTES + 1);
    body.len = LIMIT_BODY_BYTES + 1;
    assert_refused(buffer_bytes(&body), ERR_LIMIT, "67108864");
    buffer_close(&body);
    arena_close(&arena);
    (void)state;
}

/* Of members with one key the last counts, in the place of the first, and each dropped one is noted. */
static void duplicate_keys_are_noted(void **state)
{
    struct arena arena = {0};
    struct json_notes notes;
    struct value value;
    struct error e;
    struct bytes body = BYTES("{\"a\":1,\"b\":{\"x\":1,\"x\":2},\"a\":{\"y\":3},\"\\u0061\":4}");
    assert_int_equal(value_from_json(&arena, body, &value, &notes, &e), 0);
    assert_int_equal(notes.duplicate_keys, 3);
    assert_json(&value, "{\"a\":4,\"b\":{\"x\":2}}");
    assert_int_equal(value_from_json(&arena, BYTES("{\"a\":1}"), &value, &notes, &e), 0);
    assert_int_equal(notes.duplicate_keys, 0);
    arena_close(&arena);
    (void)state;
}

/* An object of half a million members, with and without duplicates, is read in a moment. */
static void big_objects_are_read_fast(void **state)
{
    struct arena arena = {0};
    struct buffer body = {0};
    for (unsigned keys = 250000; keys <= 500000; keys *= 2) {
        buffer_reset(&body);
        for (unsigned i = 0; i < 500000; i++)
            buffer_printf(&body, "%c\"k%u\":%u", i ? ',' : '{', i % keys, i);
        buffer_add_char(&body, '}');
        struct json_notes notes;
        struct value value;
        struct error e;
        assert_int_equal(value_from_json(&arena, buffer_bytes(&body), &value, &notes, &e), 0);
        assert_int_equal(notes.duplicate_keys, 500000 - keys);
        assert_int_equal(value.count, keys);
        assert_json(&value.members[0].value, keys == 500000 ? "0" : "250000");
        arena_reset(&arena);
    }
    buffer_close(&body);
    arena_close(&arena);
    (void)state;
}

/* The body may go once it is parsed. */
static void trees_outlive_their_body(void **state)
{
    struct arena arena = {0};
    struct value value;
    struct error e;
    char *body = strdup("{\"key\":[\"text\",12.50]}");
    assert_int_equal(value_from_json(&arena, bytes_of(body), &value, NULL, &e), 0);
    free(body);
    assert_json(&value, "{\"key\":[\"text\",12.50]}");
    arena_close(&arena);
    (void)state;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(documents_come_back),       cmocka_unit_test(malformed_bodies_are_refused),
        cmocka_unit_test(cut_documents_are_refused), cmocka_unit_test(limits_are_named),
        cmocka_unit_test(duplicate_keys_are_noted),  cmocka_unit_test(big_objects_are_read_fast),
        cmocka_unit_test(trees_outlive_their_body),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
