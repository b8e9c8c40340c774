#include "common/value/patch.h"

#include "test_value_maker.h"

/* Applies, and asserts that the result or the cause is the expected one. */
static void assert_applied(const char *document, const char *patch, const char *expected, const char *cause)
{
    struct arena arena = {0};
    struct value before = value_of(&arena, document), operations = value_of(&arena, patch), after;
    struct error e = {0};
    int rc = patch_apply(&arena, &before, &operations, &after, &e);
    if (rc != (expected ? 0 : ERR_BODY) || (cause && !strstr(e.text, cause)))
        fail_msg("%s on %s: %d %s", patch, document, rc, e.text);
    if (expected) {
        struct value wanted = value_of(&arena, expected);
        if (!value_equal(&after, &wanted))
            assert_json(&after, expected);
    }
    struct value again = value_of(&arena, document);
    assert_true(value_equal(&before, &again)); /* the document is not changed */
    arena_close(&arena);
}

/* The examples of RFC 6902, appendix A, give what it says. */
static void rfc_examples_apply(void **state)
{
    static const char *const cases[][4] = {
        {"{\"foo\":\"bar\"}", "[{\"op\":\"add\",\"path\":\"/baz\",\"value\":\"qux\"}]",
         "{\"baz\":\"qux\",\"foo\":\"bar\"}"},
        {"{\"foo\":[\"bar\",\"baz\"]}", "[{\"op\":\"add\",\"path\":\"/foo/1\",\"value\":\"qux\"}]",
         "{\"foo\":[\"bar\",\"qux\",\"baz\"]}"},
        {"{\"baz\":\"qux\",\"foo\":\"bar\"}", "[{\"op\":\"remove\",\"path\":\"/baz\"}]", "{\"foo\":\"bar\"}"},
        {"{\"foo\":[\"bar\",\"qux\",\"baz\"]}", "[{\"op\":\"remove\",\"path\":\"/foo/1\"}]",
         "{\"foo\":[\"bar\",\"baz\"]}"},
        {"{\"baz\":\"qux\",\"foo\":\"bar\"}", "[{\"op\":\"replace\",\"path\":\"/baz\",\"value\":\"boo\"}]",
         "{\"baz\":\"boo\",\"foo\":\"bar\"}"},
        {"{\"foo\":{\"bar\":\"baz\",\"waldo\":\"fred\"},\"qux\":{\"corge\":\"grault\"}}",
         "[{\"op\":\"move\",\"from\":\"/foo/waldo\",\"path\":\"/qux/thud\"}]",
         "{\"foo\":{\"bar\":\"baz\"},\"qux\":{\"corge\":\"grault\",\"thud\":\"fred\"}}"},
        {"{\"foo\":[\"all\",\"grass\",\"cows\",\"eat\"]}",
         "[{\"op\":\"move\",\"from\":\"/foo/1\",\"path\":\"/foo/3\"}]",
         "{\"foo\":[\"all\",\"cows\",\"eat\",\"grass\"]}"},
        {"{\"baz\":\"qux\",\"foo\":[\"a\",2,\"c\"]}",
         "[{\"op\":\"test\",\"path\":\"/baz\",\"value\":\"qux\"},{\"op\":\"test\",\"path\":\"/foo/"
         "1\",\"value\":2}]",
         "{\"baz\":\"qux\",\"foo\":[\"a\",2,\"c\"]}"},
        {"{\"baz\":\"qux\"}", "[{\"op\":\"test\",\"path\":\"/baz\",\"value\":\"bar\"}]", NULL,
         "another value"},
        {"{\"foo\":\"bar\"}", "[{\"op\":\"add\",\"path\":\"/child\",\"value\":{\"grandchild\":{}}}]",
         "{\"foo\":\"bar\",\"child\":{\"grandchild\":{}}}"},
        {"{\"foo\":\"bar\"}", "[{\"op\":\"add\",\"path\":\"/baz\",\"value\":\"qux\",\"xyz\":123}]",
         "{\"foo\":\"bar\",\"baz\":\"qux\"}"},
        {"{\"foo\":\"bar\"}", "[{\"op\":\"add\",\"path\":\"/baz/bat\",\"value\":\"qux\"}]", NULL,
         "nothing to add"},
        {"{\"foo\":\"bar\"}", "[{\"op\":\"add\",\"path\":\"/baz\",\"value\":\"qux\",\"op\":\"remove\"}]",
         NULL, "nothing at"},
        {"{\"/\":9,\"~1\":10}", "[{\"op\":\"test\",\"path\":\"/~01\",\"value\":10}]", "{\"/\":9,\"~1\":10}"},
        {"{\"/\":9,\"~1\":10}", "[{\"op\":\"test\",\"path\":\"/~01\",\"value\":\"10\"}]", NULL,
         "another value"},
        {"{\"foo\":[\"bar\"]}", "[{\"op\":\"add\",\"path\":\"/foo/-\",\"value\":[\"abc\",\"def\"]}]",
         "{\"foo\":[\"bar\",[\"abc\",\"def\"]]}"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_applied(cases[i][0], cases[i][1], cases[i][2], cases[i][3]);
    (void)state;
}

#define OP(op, path, rest) "{\"op\":\"" op "\",\"path\":\"" path "\"" rest "}"

/* Corners that the RFC leaves to its reader: roots, ends of arrays, missing things, moves into oneself. */
static void corners_apply_or_say_why(void **state)
{
    static const char *const cases[][4] = {
        {"{\"a\":1}", "[]", "{\"a\":1}"},
        {"{\"a\":1}", "[" OP("add", "", ",\"value\":[1]") "]", "[1]"},
        {"{\"a\":1}", "[" OP("replace", "", ",\"value\":null") "]", "null"},
        {"{\"a\":1}", "[" OP("remove", "", "") "]", "null"},
        {"null", "[" OP("test", "", ",\"value\":null") "]", "null"},
        {"[1,2]", "[" OP("add", "/2", ",\"value\":3") "]", "[1,2,3]"},
        {"[1,2]", "[" OP("add", "/3", ",\"value\":3") "]", NULL, "no such place"},
        {"[1,2]", "[" OP("add", "/01", ",\"value\":3") "]", NULL, "no such place"},
        {"[1,2]", "[" OP("add", "/x", ",\"value\":3") "]", NULL, "no such place"},
        {"[1,2]", "[" OP("remove", "/2", "") "]", NULL, "nothing at"},
        {"[1,2]", "[" OP("remove", "/-", "") "]", NULL, "nothing at"},
        {"[1,2]", "[" OP("replace", "/0", ",\"value\":{}") "]", "[{},2]"},
        {"{\"a\":1}", "[" OP("add", "/a", ",\"value\":2") "]", "{\"a\":2}"},
        {"{\"a\":1}", "[" OP("replace", "/b", ",\"value\":2") "]", NULL, "nothing at"},
        {"{\"a\":1}", "[" OP("add", "/a/b", ",\"value\":2") "]", NULL, "nothing to add"},
        {"{\"a\":1}", "[" OP("add", "/b", "") "]", NULL, "\"value\" is missing"},
        {"{\"a\":1}", "[" OP("copy", "/b", "") "]", NULL, "\"from\""},
        {"{\"a\":1}", "[" OP("copy", "/b", ",\"from\":\"/c\"") "]", NULL, "nothing at \"from\""},
        {"{\"a\":{\"b\":1}}", "[" OP("move", "/a/b/c", ",\"from\":\"/a\"") "]", NULL, "into itself"},
        {"{\"a\":{\"b\":1}}", "[" OP("move", "/a", ",\"from\":\"/a\"") "]", "{\"a\":{\"b\":1}}"},
        {"{\"a\":{\"b\":1}}", "[" OP("move", "/a", ",\"from\":\"/a/b\"") "]", "{\"a\":1}"},
        {"{\"a\":[1]}", "[" OP("copy", "/a/-", ",\"from\":\"/a\"") "]", "{\"a\":[1,[1]]}"},
        {"{\"a\":[1]}", "[" OP("copy", "/b", ",\"from\":\"/a\"") "," OP("add", "/b/0", ",\"value\":0") "]",
         "{\"a\":[1],\"b\":[0,1]}"},
        {"{\"a\":1}", "[" OP("copy", "/b", ",\"from\":\"\"") "]", "{\"a\":1,\"b\":{\"a\":1}}"},
        {"{\"*\":1,\"-\":2,\"0\":3}", "[" OP("remove", "/*", "") "," OP("remove", "/-", "") "]", "{\"0\":3}"},
        {"{\"\":1}", "[" OP("replace", "/", ",\"value\":2") "]", "{\"\":2}"},
        {"{}", "[" OP("frobnicate", "/a", "") "]", NULL, "operation 0 (frobnicate \"/a\")"},
        {"{}", "[" OP("add", "a", ",\"value\":1") "]", NULL, "JSON Pointers"},
        {"{}", "[1]", NULL, "an operation is"},
        {"{}", "{}", NULL, "array of operations"},
        {"{\"a\":1}", "[" OP("remove", "/a", "") "," OP("remove", "/a", "") "]", NULL, "operation 1"},
        {"{\"a\":-0}", "[" OP("test", "/a", ",\"value\":0") "]", "{\"a\":0}"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_applied(cases[i][0], cases[i][1], cases[i][2], cases[i][3]);
    (void)state;
}

/* A patch that doubles the document again and again, or nests it ever deeper, is refused in time. */
static void greedy_patches_are_refused(void **state)
{
    struct buffer patch = {0};
    buffer_add_char(&patch, '[');
    for (int i = 0; i < 100; i++)
        buffer_printf(&patch, "%s" OP("copy", "/-", ",\"from\":\"\""), i ? "," : "");
    buffer_add_char(&patch, ']');
    assert_applied("[1]", buffer_text(&patch), NULL, "operation");
    buffer_reset(&patch);
    buffer_add_char(&patch, '[');
    for (int i = 0; i < 1000; i++)
        buffer_printf(&patch,
                      "%s" OP("add", "/b", ",\"value\":{}") "," OP("move", "/b/a", ",\"from\":\"/a\"") "," OP(
                          "move", "/a", ",\"from\":\"/b\""),
                      i ? "," : "");
    buffer_add_char(&patch, ']');
    assert_applied("{\"a\":[1]}", buffer_text(&patch), NULL, "too deep");
    buffer_close(&patch);
    (void)state;
}

static void assert_diff(const char *before, const char *after, const char *expected)
{
    struct arena arena = {0};
    struct value a = value_of(&arena, before), b = value_of(&arena, after);
    struct value patch = patch_diff(&arena, &a, &b);
    assert_json(&patch, expected);
    assert_applied(before, expected, after, NULL);
    arena_close(&arena);
}

/* A difference says what a person would say. */
static void differences_read_well(void **state)
{
    assert_diff("{\"a\":1,\"b\":-0}", "{\"b\":0,\"a\":1}", "[]");
    assert_diff("1", "{}", "[" OP("replace", "", ",\"value\":{}") "]");
    assert_diff("{\"a\":1,\"b\":2}", "{\"b\":3,\"c\":4}",
                "[" OP("remove", "/a", "") "," OP("replace", "/b",
                                                  ",\"value\":3") "," OP("add", "/c", ",\"value\":4") "]");
    assert_diff("{\"p\":[]}", "{\"p\":[{}]}", "[" OP("add", "/p/-", ",\"value\":{}") "]");
    assert_diff("[1,2,3]", "[0,1,2,3]", "[" OP("add", "/0", ",\"value\":0") "]");
    assert_diff("[1,2,3]", "[1,3]", "[" OP("remove", "/1", "") "]");
    assert_diff("[1,2,3]", "[1,5,3]", "[" OP("replace", "/1", ",\"value\":5") "]");
    assert_diff("[1,2,3,4]", "[2,3,4,1]", "[" OP("remove", "/0", "") "," OP("add", "/-", ",\"value\":1") "]");
    assert_diff("{\"a/b\":{\"m~n\":{\"\":[1]}}}", "{\"a/b\":{\"m~n\":{\"\":[2]}}}",
                "[" OP("replace", "/a~1b/m~0n//0", ",\"value\":2") "]");
    (void)state;
}

/* A changed item of a list is changed inside, also when others come and go beside it; another item in its
 * place replaces it. */
static void changed_items_are_changed_inside(void **state)
{
    assert_diff("[{\"id\":1,\"s\":\"on\"},{\"id\":2,\"s\":\"on\"}]",
                "[{\"id\":1,\"s\":\"off\"},{\"id\":2,\"s\":\"on\"}]",
                "[" OP("replace", "/0/s", ",\"value\":\"off\"") "]");
    assert_diff(
        "[{\"id\":1,\"s\":\"on\"},{\"id\":2,\"s\":\"on\"}]",
        "[{\"id\":0,\"s\":\"up\"},{\"id\":1,\"s\":\"off\"},{\"id\":2,\"s\":\"no\"}]",
        "[" OP("add", "/0", ",\"value\":{\"id\":0,\"s\":\"up\"}") "," OP(
            "replace", "/1/s", ",\"value\":\"off\"") "," OP("replace", "/2/s", ",\"value\":\"no\"") "]");
    assert_diff("[{\"id\":1,\"s\":\"on\"}]", "[{\"id\":2,\"s\":\"off\"}]",
                "[" OP("replace", "/0", ",\"value\":{\"id\":2,\"s\":\"off\"}") "]");
    assert_diff("[{\"id\":1,\"tags\":[\"a\",\"b\"]},7]", "[{\"id\":1,\"tags\":[\"a\",\"b\",\"c\"]},7]",
                "[" OP("add", "/0/tags/-", ",\"value\":\"c\"") "]");
    (void)state;
}

/* Whatever was changed, the difference turns before into after, also after a trip through JSON. */
static void differences_apply(void **state)
{
    struct arena arena = {0};
    struct buffer text = {0};
    struct random r;
    random_seed(&r, 8);
    for (int i = 0; i < 20000; i++) {
        struct value before = maker_value(&r, &arena, 4), after = before, result, patch;
        for (uint64_t edits = random_below(&r, 6); edits > 0; edits--)
            maker_edit(&r, &arena, &after, 3);
        struct value made = patch_diff(&arena, &before, &after);
        assert_int_equal(made.count == 0, value_equal(&before, &after));
        buffer_reset(&text);
        value_to_json(&made, &text);
        struct error e = {0};
        assert_int_equal(value_from_json(&arena, buffer_bytes(&text), &patch, NULL, &e), 0);
        if (patch_apply(&arena, &before, &patch, &result, &e) || !value_equal(&result, &after))
            fail_msg("pair %d: %s %s", i, e.text, buffer_text(&text));
        arena_reset(&arena);
    }
    buffer_close(&text);
    arena_close(&arena);
    (void)state;
}

static struct value numbers(struct arena *arena, uint32_t count, uint32_t first)
{
    struct value array = value_array(arena, count);
    for (uint32_t i = 0; i < count; i++)
        array.items[i] = value_u64(arena, first + i);
    return array;
}

/* Diffs, applies, and gives the number of operations. */
static uint32_t patched(struct arena *arena, const struct value *before, const struct value *after)
{
    struct value result, patch = patch_diff(arena, before, after);
    struct error e = {0};
    if (patch_apply(arena, before, &patch, &result, &e) || !value_equal(&result, after))
        fail_msg("%s", e.text);
    return patch.count;
}

/* In a list of 100,000, what comes, goes or changes costs an operation each, wherever it is. */
static void big_lists_have_small_differences(void **state)
{
    enum { COUNT = 100000 };
    struct arena arena = {0};
    struct value before = numbers(&arena, COUNT, 0), after = value_array(&arena, COUNT + 1);
    memcpy(after.items + 1, before.items, COUNT * sizeof *after.items);
    after.items[0] = value_null();
    assert_int_equal(patched(&arena, &before, &after), 1);
    assert_int_equal(patched(&arena, &after, &before), 1);
    after.items[COUNT] = value_null(); /* now at both ends: nothing can be trimmed */
    after.items[COUNT / 2] = value_null();
    assert_in_range(patched(&arena, &before, &after), 3, 4);
    for (uint32_t i = 0; i < COUNT; i += 1000) /* and all over */
        after.items[i] = value_bool(true);
    assert_in_range(patched(&arena, &before, &after), 100, 110);
    arena_close(&arena);
    (void)state;
}

/* Lists and objects that have nothing in common, or too much to move, are still patched in a moment. */
static void big_changes_stay_cheap(void **state)
{
    enum { COUNT = 100000 };
    struct arena arena = {0};
    struct value before = numbers(&arena, COUNT, 0), other = numbers(&arena, COUNT, 10 * COUNT);
    assert_int_equal(patched(&arena, &before, &other), COUNT);
    struct value reversed = value_array(&arena, COUNT), longer = value_array(&arena, 2 * COUNT);
    for (uint32_t i = 0; i < COUNT; i++) {
        reversed.items[i] = before.items[COUNT - 1 - i];
        longer.items[i] = before.items[i / 2];
        longer.items[COUNT + i] = before.items[COUNT / 2 + i / 2];
    }
    patched(&arena, &before, &reversed);
    assert_int_equal(patched(&arena, &before, &longer), 1);
    assert_int_equal(patched(&arena, &longer, &before), 1);

    struct value object = value_object(&arena, COUNT), changed = value_object(&arena, COUNT);
    struct value renamed = value_object(&arena, COUNT);
    for (uint32_t i = 0; i < COUNT; i++) {
        struct bytes key = bytes_of(arena_printf(&arena, "key-%u", i));
        value_put(&object, key, before.items[i]);
        value_put(&changed, bytes_of(arena_printf(&arena, "key-%u", COUNT - 1 - i)), other.items[i]);
        value_put(&renamed, bytes_of(arena_printf(&arena, "new-%u", i)), before.items[i]);
    }
    assert_int_equal(patched(&arena, &object, &changed), COUNT);
    assert_int_equal(patched(&arena, &object, &renamed), 1);
    arena_close(&arena);
    (void)state;
}

/* Lists with many edits, too long to compare all with all, and with items that repeat, are patched
 * rightly too. */
static void long_lists_apply(void **state)
{
    struct arena arena = {0};
    struct random r;
    random_seed(&r, 9);
    for (uint32_t round = 0; round < 60; round++) {
        uint32_t count = 1500 + (uint32_t)random_below(&r, 3000), len = 0;
        uint64_t kinds = round % 3 ? 1000000 : 500, edits = 2 + random_below(&r, 400);
        struct value before = value_array(&arena, count), after = value_array(&arena, 2 * count);
        for (uint32_t i = 0; i < count; i++)
            before.items[i] = value_u64(&arena, random_below(&r, kinds));
        for (uint32_t i = 0; i < count; i++) {
            uint64_t edit = random_below(&r, edits);
            if (edit < 2) /* another one, or one more */
                after.items[len++] = value_u64(&arena, random_below(&r, kinds));
            if (edit > 1 || edit == 0)
                after.items[len++] = before.items[edit == 2 ? random_below(&r, count) : i];
        }
        after.count = len;
        uint32_t operations = patched(&arena, &before, &after);
        assert_true(operations <= len + count);
        if (kinds > count && edits > 20)
            assert_true(operations < count / 2);
        arena_reset(&arena);
    }
    arena_close(&arena);
    (void)state;
}

/* A patch made at random is applied or refused; the document stays, and the result is sound enough to be
 * copied and printed. */
static void random_patches_do_no_harm(void **state)
{
    static const char *const ops[] = {"add", "remove", "replace", "move", "copy", "test", "what"};
    static const char *const paths[] = {"",   "/a", "/a/0", "/a/-", "/b",   "/b/a", "/a/1/b", "/",
                                        "/0", "/-", "/*",   "/b/b", "/a/a", "a",    "/~",     "/b/0"};
    struct arena arena = {0};
    struct random r;
    random_seed(&r, 10);
    unsigned applied = 0;
    for (int i = 0; i < 20000; i++) {
        struct value document = maker_value(&r, &arena, 4), result, patch;
        struct value was = value_copy(&arena, &document);
        patch = value_array(&arena, (uint32_t)random_below(&r, 6));
        for (uint32_t k = 0; k < patch.count; k++) {
            struct value *operation = &patch.items[k];
            *operation = value_object(&arena, 4);
            value_put(operation, BYTES("op"), value_string(bytes_of(ops[random_below(&r, k ? 7 : 1)])));
            value_put(operation, BYTES("path"), value_string(bytes_of(paths[random_below(&r, 16)])));
            value_put(operation, BYTES("from"), value_string(bytes_of(paths[random_below(&r, 16)])));
            if (random_below(&r, 10))
                value_put(operation, BYTES("value"), maker_value(&r, &arena, 2));
        }
        int rc = patch_apply(&arena, &document, &patch, &result, NULL);
        assert_true(rc == 0 || rc == ERR_BODY);
        assert_true(value_equal(&document, &was));
        if (rc == 0) {
            struct value copy = value_copy(&arena, &result);
            assert_true(value_equal(&copy, &result));
            applied++;
        }
        arena_reset(&arena);
    }
    assert_in_range(applied, 3000, 19000);
    arena_close(&arena);
    (void)state;
}

/* Long keys above many changes don't multiply: the whole is replaced before the paths outgrow it. */
static void long_paths_are_given_up(void **state)
{
    struct arena arena = {0};
    char *key = arena_alloc(&arena, 1 << 20);
    memset(key, '~', 1 << 20);
    struct value before = value_object(&arena, 1), after = value_object(&arena, 1);
    value_put(&before, (struct bytes){key, 1 << 20}, numbers(&arena, 20000, 0));
    value_put(&after, (struct bytes){key, 1 << 20}, numbers(&arena, 20000, 50000));
    assert_int_equal(patched(&arena, &before, &after), 1);
    arena_close(&arena);
    (void)state;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rfc_examples_apply),
        cmocka_unit_test(corners_apply_or_say_why),
        cmocka_unit_test(greedy_patches_are_refused),
        cmocka_unit_test(differences_read_well),
        cmocka_unit_test(changed_items_are_changed_inside),
        cmocka_unit_test(differences_apply),
        cmocka_unit_test(big_lists_have_small_differences),
        cmocka_unit_test(big_changes_stay_cheap),
        cmocka_unit_test(long_lists_apply),
        cmocka_unit_test(random_patches_do_no_harm),
        cmocka_unit_test(long_paths_are_given_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
