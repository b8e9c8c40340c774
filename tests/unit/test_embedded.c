/* JSON in texts: which texts are read, and what pointers lead to in what came of them. */
#include "common/limits.h"
#include "common/value/embedded.h"
#include "common/value/pointer.h"
#include "test_value_maker.h"

/* What a text holds as JSON; "" if it stays a text. */
static const char *held_in(struct arena *arena, struct bytes text, unsigned levels)
{
    struct json_notes notes = {0};
    struct value value = value_bool(true);
    struct buffer out = {0};
    if (embedded_read(arena, text, levels, &value, &notes))
        value_to_json(&value, &out);
    else
        assert_true(value.type == VALUE_BOOL && value.boolean && notes.duplicate_keys == 0);
    const char *json = arena_strdup(arena, buffer_bytes(&out));
    buffer_close(&out);
    return json;
}

static void assert_held(struct bytes text, const char *json)
{
    struct arena arena = {0};
    assert_string_equal(held_in(&arena, text, LIMIT_DEPTH), json);
    arena_close(&arena);
}

/* An array or object is read, with white space around it, as it is or percent-encoded as a whole. */
static void arrays_and_objects_are_read(void **state)
{
    static const char *const cases[][2] = {
        {"{}", "{}"},
        {"[]", "[]"},
        {" \t\r\n{\"a\": [1, 2.50, null]}\n ", "{\"a\":[1,2.50,null]}"},
        {"%7B%7D", "{}"},
        {"%7b%22a%22%3A%20%5B1%5d%7d", "{\"a\":[1]}"},
        {"%0A%20%5B%5D%20", "[]"},
        {" %5B1%5D\n", "[1]"},
        {"{%22a%22:1}", "{\"a\":1}"},     /* in part */
        {"[\"%41\"]", "[\"%41\"]"},       /* JSON as it is: nothing is decoded */
        {"[%22%2541%22]", "[\"%41\"]"},   /* once, not twice */
        {"%5B%22a+b%22%5D", "[\"a+b\"]"}, /* a plus is a plus */
        {"%5B%22%C3%BC%22%5D", "[\"\xc3\xbc\"]"},
        {"%5B%22%5Cu0000%22%5D", "[\"\\u0000\"]"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_held(bytes_of(cases[i][0]), cases[i][1]);
    (void)state;
}

/* Whatever else there is stays a text: scalars, words, half JSON, wrong escapes, wrong UTF-8, NUL. */
static void other_texts_stay_texts(void **state)
{
    static const char *const cases[] = {"",
                                        " ",
                                        "x",
                                        "12",
                                        "null",
                                        "\"{}\"",
                                        "{",
                                        "[1,]",
                                        "{} {}",
                                        "{}x",
                                        "{a:1}",
                                        "['a']",
                                        "[NaN]",
                                        "[1] // no",
                                        "\xef\xbb\xbf{}",
                                        "\f{}",
                                        "%",
                                        "%7",
                                        "%7B",
                                        "%7B%7D%",
                                        "%7B%7D%2",
                                        "%7B%7D%zz",
                                        "%7B%7D%2g",
                                        "%7B%7D%g2",
                                        "%zz",
                                        "%7B%7D%",
                                        "%%7B%7D",
                                        "%2525",
                                        "%22%7B%7D%22",
                                        "%2%37B%7D",
                                        "%-7",
                                        "x%7B%7D",
                                        "%7B%7Dx",
                                        "%EF%BB%BF%7B%7D",
                                        "%5B%22%FF%22%5D",
                                        "%5B%22%C3%22%5D",
                                        "%5B%22%00%22%5D",
                                        "%5B%5D%00",
                                        "%5B%22%ED%A0%80%22%5D",
                                        "[\"\xff\"]",
                                        "%7B%7D%0C",
                                        "100%",
                                        "a%20b"};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_held(bytes_of(cases[i]), "");
    assert_held((struct bytes){"[\"\0\"]", 5}, "");
    assert_held((struct bytes){"{}\0", 3}, "");
    assert_held((struct bytes){"%7B%7", 4}, ""); /* the span ends within the escape */
    (void)state;
}

static struct bytes nested(struct arena *arena, unsigned levels)
{
    char *text = arena_alloc(arena, levels * 2);
    memset(text, '[', levels);
    memset(text + levels, ']', levels);
    return (struct bytes){text, levels * 2};
}

/* A text that is deeper than there is room for, or has an endless number, stays the text it is. */
static void limits_leave_a_text(void **state)
{
    struct arena arena = {0};
    struct bytes deep = nested(&arena, 5);
    assert_string_equal(held_in(&arena, deep, 5), "[[[[[]]]]]");
    assert_string_equal(held_in(&arena, deep, 4), "");
    assert_string_equal(held_in(&arena, nested(&arena, LIMIT_DEPTH + 1), LIMIT_DEPTH), "");
    assert_string_equal(held_in(&arena, nested(&arena, 1000000), LIMIT_DEPTH), "");
    char *number = arena_alloc(&arena, LIMIT_NUMBER_BYTES + 3);
    memset(number, '1', LIMIT_NUMBER_BYTES + 3);
    number[0] = '[', number[LIMIT_NUMBER_BYTES + 2] = ']';
    assert_string_equal(held_in(&arena, (struct bytes){number, LIMIT_NUMBER_BYTES + 3}, 9), "");
    arena_close(&arena);
    (void)state;
}

/* A megabyte is read whole, encoded or not. */
static void a_large_text_is_read(void **state)
{
    struct arena arena = {0};
    struct buffer plain = {0}, encoded = {0};
    struct json_notes notes = {0};
    struct value a, b;
    buffer_add_char(&plain, '[');
    for (int i = 0; i < 100000; i++)
        buffer_printf(&plain, "%s\"%d\"", i ? "," : "", i);
    buffer_add_char(&plain, ']');
    for (size_t i = 0; i < plain.len; i++)
        buffer_printf(&encoded, "%%%02x", (unsigned char)plain.data[i]);
    assert_true(embedded_read(&arena, buffer_bytes(&plain), 1, &a, &notes));
    assert_true(embedded_read(&arena, buffer_bytes(&encoded), 1, &b, &notes));
    assert_true(a.count == 100000 && value_equal(&a, &b));
    buffer_close(&plain);
    buffer_close(&encoded);
    arena_close(&arena);
    (void)state;
}

/* Of a key that stands twice the last counts, and it is noted. */
static void keys_that_stand_twice_are_noted(void **state)
{
    struct arena arena = {0};
    struct json_notes notes = {.duplicate_keys = 3};
    struct value value;
    assert_true(embedded_read(&arena, BYTES("{\"a\":1,\"a\":2}"), 9, &value, &notes));
    assert_json(&value, "{\"a\":2}");
    assert_int_equal(notes.duplicate_keys, 4);
    arena_close(&arena);
    (void)state;
}

/* --- By pointers --- */

static struct value parsed(struct arena *arena, const struct value *root, const char *pointers, bool single)
{
    struct pointer list[8];
    struct json_notes notes = {0};
    size_t count = 0;
    for (struct bytes rest = bytes_of(pointers); rest.len; count++) {
        size_t len = strcspn(rest.data, " ");
        struct error e;
        assert_int_equal(pointer_parse(arena, (struct bytes){rest.data, len}, &list[count], &e), 0);
        list[count].walks_single = single;
        rest = bytes_from(rest, len + 1);
    }
    return pointer_parse_texts(arena, root, list, count, &notes);
}

struct parse_case {
    const char *root, *pointers, *then;
    bool single;
};

static const struct parse_case by_pointers[] = {
    {"{\"a\":\"{}\",\"b\":\"{}\"}", "/a", "{\"a\":{},\"b\":\"{}\"}", false},
    {"{\"a\":\"no\",\"b\":3,\"c\":null,\"d\":[\"{}\"]}", "/a /b /c /d /e",
     "{\"a\":\"no\",\"b\":3,\"c\":null,\"d\":[\"{}\"]}", false},
    {"{\"l\":[{\"p\":\"[1]\"},{\"p\":\"%5B2%5D\"},{\"q\":\"[3]\"},\"[4]\"]}", "/l/*/p",
     "{\"l\":[{\"p\":[1]},{\"p\":[2]},{\"q\":\"[3]\"},\"[4]\"]}", false},
    {"[\"[1]\",\"[2]\",\"[3]\"]", "/0 /2", "[[1],\"[2]\",[3]]", false},
    {"\"[1]\"", "", "\"[1]\"", false}, /* no pointer at all */
    /* Within what was parsed nothing is, unless a pointer leads there. */
    {"{\"a\":\"{\\\"b\\\":\\\"[1]\\\"}\"}", "/a", "{\"a\":{\"b\":\"[1]\"}}", false},
    {"{\"a\":\"{\\\"b\\\":\\\"[1]\\\"}\"}", "/a /a/b", "{\"a\":{\"b\":[1]}}", false},
    {"{\"a\":\"{\\\"b\\\":\\\"[1]\\\"}\"}", "/a/b", "{\"a\":\"{\\\"b\\\":\\\"[1]\\\"}\"}", false},
    {"{\"a\":\"[\\\"[1]\\\",\\\"x\\\"]\"}", "/a/* /a", "{\"a\":[[1],\"x\"]}", false},
    {"{\"a\":\"[[\\\"{}\\\"],[\\\"{}\\\"]]\"}", "/a /a/*/0", "{\"a\":[[{}],[{}]]}", false},
    /* `*` walks what stands alone, in XML only, and a list that a text turned out to be. */
    {"{\"a\":\"{}\"}", "/a/*", "{\"a\":\"{}\"}", false},
    {"{\"a\":\"{}\"}", "/a/*", "{\"a\":{}}", true},
    {"{\"a\":{\"b\":\"{}\"}}", "/a/*/b", "{\"a\":{\"b\":\"{}\"}}", false},
    {"{\"a\":{\"b\":\"{}\"}}", "/a/*/b", "{\"a\":{\"b\":{}}}", true},
    {"{\"a\":{\"b\":\"{}\"}}", "/a/*/*/b/*", "{\"a\":{\"b\":{}}}", true},
    {"{\"a\":\"[\\\"{}\\\"]\"}", "/a/*", "{\"a\":[{}]}", true},
    {"{\"a\":\"[{\\\"b\\\":\\\"{}\\\"}]\"}", "/a /a/*/b", "{\"a\":[{\"b\":{}}]}", true},
    {"{\"a\":\"{\\\"b\\\":\\\"{}\\\"}\"}", "/a /a/*/b", "{\"a\":{\"b\":{}}}", true},
};

static void pointers_name_the_texts(void **state)
{
    struct arena arena = {0};
    for (size_t i = 0; i < sizeof by_pointers / sizeof *by_pointers; i++) {
        const struct parse_case *c = &by_pointers[i];
        struct value root = value_of(&arena, c->root), then = parsed(&arena, &root, c->pointers, c->single);
        assert_json(&then, c->then);
        assert_json(&root, c->root); /* as it was */
    }
    arena_close(&arena);
    (void)state;
}

/* Once more is as once; and one pointer after the other, in any order, and then all: as all at once. */
static void again_or_one_by_one_is_the_same(void **state)
{
    struct arena arena = {0};
    for (size_t i = 0; i < sizeof by_pointers / sizeof *by_pointers; i++) {
        const struct parse_case *c = &by_pointers[i];
        struct value root = value_of(&arena, c->root), once = parsed(&arena, &root, c->pointers, c->single);
        for (struct bytes rest = bytes_of(c->pointers); rest.len;) {
            size_t len = strcspn(rest.data, " ");
            const char *one = arena_strdup(&arena, (struct bytes){rest.data, len});
            struct value then = parsed(&arena, &root, one, c->single);
            then = parsed(&arena, &then, c->pointers, c->single);
            assert_true(value_equal(&then, &once));
            rest = bytes_from(rest, len + 1);
        }
        struct value twice = parsed(&arena, &once, c->pointers, c->single);
        assert_true(value_equal(&twice, &once));
    }
    arena_close(&arena);
    (void)state;
}

/* The whole document may be such a text. What nothing leads to is shared. */
static void only_what_changes_is_copied(void **state)
{
    struct arena arena = {0};
    struct json_notes notes = {0};
    struct error e;
    struct pointer whole;
    assert_int_equal(pointer_parse(&arena, BYTES(""), &whole, &e), 0);
    struct value text = value_string(BYTES("[1]")), root = value_of(&arena, "{\"a\":\"{}\",\"b\":[3]}");
    struct value then = pointer_parse_texts(&arena, &text, &whole, 1, &notes);
    assert_json(&then, "[1]");
    then = parsed(&arena, &root, "/a /b /b/*", false);
    assert_ptr_equal(value_get_text(&then, "b")->items, value_get_text(&root, "b")->items);
    then = parsed(&arena, &root, "/b /b/* /c", false);
    assert_ptr_equal(then.members, root.members);
    arena_close(&arena);
    (void)state;
}

/* A document never gets deeper than LIMIT_DEPTH, wherever its text stands. */
static void a_document_keeps_its_depth(void **state)
{
    struct arena arena = {0};
    for (unsigned around = 1; around < LIMIT_DEPTH + 1; around += 17) {
        struct buffer path = {0};
        struct value fits = value_string(nested(&arena, LIMIT_DEPTH - around)),
                     exceeds = value_string(nested(&arena, LIMIT_DEPTH - around + 1));
        for (unsigned i = 0; i < around; i++) {
            struct value outer = value_array(&arena, 2);
            outer.items[0] = fits;
            outer.items[1] = i ? value_null() : exceeds;
            fits = outer;
            buffer_add_text(&path, "/*");
        }
        struct value then = parsed(&arena, &fits, buffer_text(&path), false);
        assert_false(value_is_deeper(&then, LIMIT_DEPTH));
        for (unsigned i = 0; i + 1 < around; i++)
            then = then.items[0];
        assert_int_equal(then.items[0].type, around < LIMIT_DEPTH ? VALUE_ARRAY : VALUE_STRING);
        assert_int_equal(then.items[1].type, VALUE_STRING);
        buffer_close(&path);
    }
    arena_close(&arena);
    (void)state;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arrays_and_objects_are_read),
        cmocka_unit_test(other_texts_stay_texts),
        cmocka_unit_test(limits_leave_a_text),
        cmocka_unit_test(a_large_text_is_read),
        cmocka_unit_test(keys_that_stand_twice_are_noted),
        cmocka_unit_test(pointers_name_the_texts),
        cmocka_unit_test(again_or_one_by_one_is_the_same),
        cmocka_unit_test(only_what_changes_is_copied),
        cmocka_unit_test(a_document_keeps_its_depth),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
