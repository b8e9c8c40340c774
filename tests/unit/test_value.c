#include "test_value_maker.h"

#include "common/value/members.h"

/* A key is found by all its bytes, and nowhere but in an object. */
static void members_are_found_by_key(void **state)
{
    struct arena arena = {0};
    struct value object = value_of(&arena, "{\"a\":1,\"a\\u0000b\":2,\"\":3}");
    assert_json(value_get(&object, (struct bytes){"a\0b", 3}), "2");
    assert_json(value_get_text(&object, ""), "3");
    assert_null(value_get_text(&object, "b"));
    assert_null(value_get_text(NULL, "a"));
    struct value array = value_of(&arena, "[1]");
    assert_null(value_get_text(&array, "0"));
    arena_close(&arena);
    (void)state;
}

/* Numbers are equal if their literals are, or if both are integers of the same value; nothing else is. */
static void equality_is_the_contracts(void **state)
{
    static const struct {
        const char *a, *b;
        bool equal;
    } cases[] = {
        {"1", "1", true},
        {"-0", "0", true},
        {"1", "1.0", false},
        {"1e2", "100", false},
        {"1e2", "1E2", false},
        {"0.0", "-0.0", false},
        {"0", "0.0", false},
        {"\"1\"", "1", false},
        {"null", "false", false},
        {"[1,2]", "[2,1]", false},
        {"[-0]", "[0]", true},
        {"[]", "{}", false},
        {"[1]", "[1,1]", false},
        {"{}", "{\"a\":null}", false},
        {"\"é\"", "\"\\u00e9\"", true},
        {"{\"a\":1,\"b\":2}", "{\"b\":2,\"a\":1}", true},
        {"{\"a\":1,\"b\":2}", "{\"a\":1,\"c\":2}", false},
        {"{\"a\":{\"x\":[-0]}}", "{\"a\":{\"x\":[0]}}", true},
        {"100000000000000000000000000001", "100000000000000000000000000001", true},
        {"100000000000000000000000000001", "100000000000000000000000000002", false},
    };
    struct arena arena = {0};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct value a = value_of(&arena, cases[i].a), b = value_of(&arena, cases[i].b);
        if (value_equal(&a, &b) != cases[i].equal || value_equal(&b, &a) != cases[i].equal)
            fail_msg("%s and %s", cases[i].a, cases[i].b);
    }
    arena_close(&arena);
    (void)state;
}

static struct value numbered_object(struct arena *arena, uint32_t count, uint32_t stride)
{
    struct value object = value_object(arena, count);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t number = (uint32_t)((uint64_t)i * stride % count);
        value_put(&object, bytes_of(arena_printf(arena, "key-%u", number)), value_u64(arena, number));
    }
    return object;
}

/* Objects of half a million members in different orders are compared in a moment. */
static void big_objects_compare_fast(void **state)
{
    struct arena arena = {0};
    struct value a = numbered_object(&arena, 500000, 1), b = numbered_object(&arena, 500000, 7919);
    assert_true(value_equal(&a, &b));
    b.members[77].value = value_null();
    assert_false(value_equal(&a, &b));
    arena_close(&arena);
    (void)state;
}

/* A copy is equal and shares no memory with what it was copied from. */
static void copies_share_nothing(void **state)
{
    struct arena first = {0}, second = {0};
    struct random r;
    random_seed(&r, 1);
    struct buffer before = {0}, after = {0};
    for (int i = 0; i < 300; i++) {
        struct value value = maker_value(&r, &first, 4);
        struct value moved = value_copy(&first, &value);
        value_to_json(&moved, &before);
        struct value copy = value_copy(&second, &moved);
        arena_close(&first); /* the sanitizer sees who still looks there */
        value_to_json(&copy, &after);
        assert_string_equal(buffer_text(&before), buffer_text(&after));
        buffer_reset(&before);
        buffer_reset(&after);
        arena_reset(&second);
    }
    buffer_close(&before);
    buffer_close(&after);
    arena_close(&second);
    (void)state;
}

/* Scalars have a text as it goes into a URL; null, arrays and objects have none. */
static void scalars_have_a_text(void **state)
{
    static const char *const cases[][2] = {{"\"a b\"", "a b"}, {"1.50", "1.50"}, {"true", "true"},
                                           {"false", "false"}, {"\"\"", ""},     {"null", NULL},
                                           {"[]", NULL},       {"{}", NULL}};
    struct arena arena = {0};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct value value = value_of(&arena, cases[i][0]);
        struct bytes text = {0};
        assert_int_equal(value_scalar_text(&value, &text), cases[i][1] != NULL);
        if (cases[i][1])
            assert_true(bytes_is(text, cases[i][1]));
    }
    arena_close(&arena);
    (void)state;
}

/* The last of each key's members counts and takes the first one's place, in objects of any size. */
static void duplicates_are_dropped_alike_in_all_sizes(void **state)
{
    struct arena arena = {0};
    struct random r;
    random_seed(&r, 2);
    for (uint32_t round = 0; round < 400; round++) {
        uint32_t count = (uint32_t)random_below(&r, round % 2 ? 40 : 2000), keys = count / 2 + 1;
        struct value object = value_object(&arena, count), expected = value_object(&arena, count);
        uint32_t *at = arena_zalloc(&arena, keys * sizeof *at);
        for (uint32_t i = 0; i < count; i++) {
            uint32_t key = (uint32_t)random_below(&r, keys);
            struct bytes text = bytes_of(arena_printf(&arena, "%u", key));
            struct value value = value_u64(&arena, i);
            value_put(&object, text, value);
            if (!at[key]) {
                value_put(&expected, text, value);
                at[key] = expected.count;
            }
            expected.members[at[key] - 1].value = value;
        }
        assert_int_equal(members_dedupe(&object), count - expected.count);
        assert_int_equal(object.count, expected.count);
        for (uint32_t i = 0; i < object.count; i++) {
            assert_true(bytes_equal(object.members[i].key, expected.members[i].key));
            assert_true(bytes_equal(object.members[i].value.text, expected.members[i].value.text));
        }
        arena_reset(&arena);
    }
    arena_close(&arena);
    (void)state;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(members_are_found_by_key),
        cmocka_unit_test(equality_is_the_contracts),
        cmocka_unit_test(big_objects_compare_fast),
        cmocka_unit_test(copies_share_nothing),
        cmocka_unit_test(scalars_have_a_text),
        cmocka_unit_test(duplicates_are_dropped_alike_in_all_sizes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
