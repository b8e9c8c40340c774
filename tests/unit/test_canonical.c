#include "common/value/canonical.h"

#include "test_value_maker.h"

static bool same_form(const struct value *a, const struct value *b, const struct pointer *unordered,
                      size_t count)
{
    struct buffer x = {0}, y = {0};
    canonical_form(a, unordered, count, &x);
    canonical_form(b, unordered, count, &y);
    bool same = bytes_equal(buffer_bytes(&x), buffer_bytes(&y));
    buffer_close(&x);
    buffer_close(&y);
    return same;
}

/* The same value with its members in another order, and zeros with another sign. */
static struct value disguised(struct random *r, struct arena *arena, const struct value *value)
{
    struct value other = *value;
    if (value->type == VALUE_NUMBER && bytes_is(value->text, "0"))
        other.text = BYTES("-0");
    if (value->type == VALUE_ARRAY) {
        other = value_array(arena, value->count);
        for (uint32_t i = 0; i < value->count; i++)
            other.items[i] = disguised(r, arena, &value->items[i]);
    }
    if (value->type != VALUE_OBJECT)
        return other;
    other = value_object(arena, value->count);
    for (uint32_t i = 0; i < value->count; i++)
        value_put(&other, value->members[i].key, disguised(r, arena, &value->members[i].value));
    for (uint32_t i = other.count; i > 1; i--) {
        uint32_t with = (uint32_t)random_below(r, i);
        struct member moved = other.members[i - 1];
        other.members[i - 1] = other.members[with];
        other.members[with] = moved;
    }
    return other;
}

/* Two values are equal exactly if their canonical forms are. */
static void equality_and_form_agree(void **state)
{
    struct arena arena = {0};
    struct random r;
    random_seed(&r, 7);
    unsigned equal = 0;
    for (int i = 0; i < 20000; i++) {
        struct value a = maker_value(&r, &arena, 3), b = disguised(&r, &arena, &a);
        assert_true(value_equal(&a, &b));
        assert_true(same_form(&a, &b, NULL, 0));
        maker_edit(&r, &arena, &b, 2);
        equal += value_equal(&a, &b);
        assert_int_equal(value_equal(&a, &b), value_equal(&b, &a));
        assert_int_equal(value_equal(&a, &b), same_form(&a, &b, NULL, 0));
        arena_reset(&arena);
    }
    assert_in_range(equal, 500, 10000);
    arena_close(&arena);
    (void)state;
}

/* Values that a careless form would confuse have different forms. */
static void forms_are_unambiguous(void **state)
{
    static const char *const values[] = {
        "null",
        "\"null\"",
        "\"n\"",
        "true",
        "\"t\"",
        "1",
        "\"1\"",
        "1.0",
        "[]",
        "{}",
        "\"\"",
        "[[]]",
        "[[],[]]",
        "[\"a\",\"b\"]",
        "[\"ab\"]",
        "[\"ab\",\"\"]",
        "{\"a\":\"b\"}",
        "[\"a\",[\"b\"]]",
        "[[\"a\"],\"b\"]",
        "{\"a\":[],\"b\":[]}",
        "{\"a\":{\"b\":[]}}",
        "{\"\":null}",
        "\"\\u0000\"",
        "\"\\u0000\\u0000\"",
        "[null]",
    };
    struct arena arena = {0};
    size_t count = sizeof values / sizeof *values;
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < count; j++) {
            struct value a = value_of(&arena, values[i]), b = value_of(&arena, values[j]);
            if (same_form(&a, &b, NULL, 0) != (i == j))
                fail_msg("%s and %s", values[i], values[j]);
        }
    arena_close(&arena);
    (void)state;
}

/* The order of an array means nothing only where a pointer says so. */
static void order_is_ignored_where_named(void **state)
{
    static const struct {
        const char *a, *b, *pointers[2];
        bool same, single;
    } cases[] = {
        {"{\"t\":[1,2,3]}", "{\"t\":[3,1,2]}", {"/t"}, true, false},
        {"{\"t\":[1,2,3]}", "{\"t\":[3,1,2]}", {"/u"}, false, false},
        {"{\"t\":[1,2,2]}", "{\"t\":[2,1,1]}", {"/t"}, false, false},
        {"{\"t\":[1,2]}", "{\"t\":[2,1,1]}", {"/t"}, false, false},
        {"[[1,2],[3,4]]", "[[2,1],[4,3]]", {"/*"}, true, false},
        {"[[1,2],[3,4]]", "[[4,3],[1,2]]", {"/*"}, false, false},
        {"[[1,2],[3,4]]", "[[4,3],[1,2]]", {"", "/*"}, true, false},
        {"[[1,2],[3,4]]", "[[2,1],[3,4]]", {"/0"}, true, false},
        {"[[1,2],[3,4]]", "[[1,2],[4,3]]", {"/0"}, false, false},
        {"{\"p\":[{\"i\":[1,2]},{\"i\":[3]}]}",
         "{\"p\":[{\"i\":[2,1]},{\"i\":[3]}]}",
         {"/p/*/i"},
         true,
         false},
        {"{\"p\":[{\"k\":1,\"v\":2},{\"k\":3}]}",
         "{\"p\":[{\"k\":3},{\"v\":2,\"k\":1}]}",
         {"/p"},
         true,
         false},
        {"{\"p\":[{\"i\":[{\"x\":[2,1]},0]}]}",
         "{\"p\":[{\"i\":[0,{\"x\":[1,2]}]}]}",
         {"/p/*/i", "/p/0/i/*/x"},
         true,
         false},
        {"{\"p\":{\"i\":[1,2]}}", "{\"p\":{\"i\":[2,1]}}", {"/p/*/i"}, true, true},
        {"{\"p\":{\"i\":[1,2]}}", "{\"p\":{\"i\":[2,1]}}", {"/p/*/i"}, false, false},
        {"[0,-0]", "[-0,0]", {""}, true, false},
        {"\"text\"", "\"text\"", {""}, true, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct arena arena = {0};
        struct pointer pointers[2];
        size_t count = 0;
        for (; count < 2 && cases[i].pointers[count]; count++) {
            struct error e;
            struct bytes text = bytes_of(cases[i].pointers[count]);
            assert_int_equal(pointer_parse(&arena, text, &pointers[count], &e), 0);
            pointers[count].walks_single = cases[i].single;
        }
        struct value a = value_of(&arena, cases[i].a), b = value_of(&arena, cases[i].b);
        if (same_form(&a, &b, pointers, count) != cases[i].same)
            fail_msg("%s and %s", cases[i].a, cases[i].b);
        arena_close(&arena);
    }
    (void)state;
}

/* A digest depends on the document and the secret, not on what the scratch held. */
static void digests_are_keyed(void **state)
{
    struct arena arena = {0};
    struct buffer scratch = {0};
    struct hash_secret one, two;
    memset(&one, 1, sizeof one);
    memset(&two, 2, sizeof two);
    struct value a = value_of(&arena, "{\"x\":1,\"y\":[2]}"), b = value_of(&arena, "{\"y\":[2],\"x\":1}");
    struct digest first = canonical_digest(&a, NULL, 0, &one, &scratch);
    assert_true(digest_equal(first, canonical_digest(&b, NULL, 0, &one, &scratch)));
    assert_false(digest_equal(first, canonical_digest(&b, NULL, 0, &two, &scratch)));
    buffer_close(&scratch);
    arena_close(&arena);
    (void)state;
}

/* An unordered array of 200,000 objects is put into canonical form in a moment. */
static void big_arrays_sort_fast(void **state)
{
    enum { COUNT = 200000 };
    struct arena arena = {0};
    struct value a = value_array(&arena, COUNT), b = value_array(&arena, COUNT);
    for (uint32_t i = 0; i < COUNT; i++) {
        a.items[i] = value_object(&arena, 1);
        value_put(&a.items[i], BYTES("n"), value_u64(&arena, i));
        b.items[(uint64_t)i * 7919 % COUNT] = a.items[i];
    }
    struct pointer whole;
    assert_int_equal(pointer_parse(&arena, BYTES(""), &whole, NULL), 0);
    assert_true(same_form(&a, &b, &whole, 1));
    assert_false(same_form(&a, &b, NULL, 0));
    arena_close(&arena);
    (void)state;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equality_and_form_agree),      cmocka_unit_test(forms_are_unambiguous),
        cmocka_unit_test(order_is_ignored_where_named), cmocka_unit_test(digests_are_keyed),
        cmocka_unit_test(big_arrays_sort_fast),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
