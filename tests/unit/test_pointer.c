#include "common/value/pointer.h"

#include "common/limits.h"
#include "test_value_maker.h"

static struct pointer pointer_of(struct arena *arena, const char *text)
{
    struct pointer pointer;
    struct error e;
    if (pointer_parse(arena, bytes_of(text), &pointer, &e))
        fail_msg("%s: %s", text, e.text);
    return pointer;
}

/* All examples of RFC 6901, section 5, lead where it says. */
static void rfc_examples_lead_there(void **state)
{
    static const char document[] =
        "{\"foo\":[\"bar\",\"baz\"],\"\":0,\"a/b\":1,\"c%d\":2,\"e^f\":3,\"g|h\":4,"
        "\"i\\\\j\":5,\"k\\\"l\":6,\" \":7,\"m~n\":8}";
    static const char *const cases[][2] = {
        {"", document},        {"/foo", "[\"bar\",\"baz\"]"},
        {"/foo/0", "\"bar\""}, {"/", "0"},
        {"/a~1b", "1"},        {"/c%d", "2"},
        {"/e^f", "3"},         {"/g|h", "4"},
        {"/i\\j", "5"},        {"/k\"l", "6"},
        {"/ ", "7"},           {"/m~0n", "8"},
    };
    struct arena arena = {0};
    struct value root = value_of(&arena, document);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct pointer pointer = pointer_of(&arena, cases[i][0]);
        const struct value *found = pointer_get(&pointer, &root);
        assert_non_null(found);
        assert_json(found, cases[i][1]);
    }
    arena_close(&arena);
    (void)state;
}

/* Where there is nothing, a pointer leads nowhere: no member, no such index, a scalar, "-", "01", "*". */
static void pointers_lead_nowhere(void **state)
{
    static const char *const cases[] = {
        "/b",    "/a/2", "/a/-", "/a/01", "/a/+1", "/a/-1", "/a/ 0",         "/a/",
        "/a/0x", "/s/0", "/n/x", "/a/*",  "/*",    "//",    "/a/4294967296", "/a/18446744073709551616"};
    struct arena arena = {0};
    struct value root = value_of(&arena, "{\"a\":[1,2],\"s\":\"text\",\"n\":null,\"*\":1}");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct pointer pointer = pointer_of(&arena, cases[i]);
        if (pointer_get(&pointer, &root))
            fail_msg("%s leads somewhere", cases[i]);
    }
    arena_close(&arena);
    (void)state;
}

/* "~01" is "~1", never "/": escapes are read once, from the left. */
static void escapes_are_read_once(void **state)
{
    struct arena arena = {0};
    struct pointer pointer = pointer_of(&arena, "/~01/~10/~0~1//*/~0*");
    static const char *const segments[] = {"~1", "/0", "~/", "", "*", "~*"};
    assert_int_equal(pointer.count, 6);
    for (uint32_t i = 0; i < pointer.count; i++) {
        assert_true(bytes_is(pointer.segments[i], segments[i]));
        assert_int_equal(pointer.walks[i], i == 4);
    }
    assert_true(pointer.has_walk);
    arena_close(&arena);
    (void)state;
}

/* What is no pointer is refused with a sentence that says how to write it. */
static void malformed_pointers_are_refused(void **state)
{
    static const char *const cases[][2] = {{"a", "begin with"}, {"#/a", "begin with"}, {"/~", "~0"},
                                           {"/a~2", "~0"},      {"/~/b", "~0"},        {"/a/~x", "~0"}};
    struct arena arena = {0};
    struct pointer pointer;
    struct error e;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(pointer_parse(&arena, bytes_of(cases[i][0]), &pointer, &e), ERR_CONFIG);
        assert_non_null(strstr(e.text, cases[i][1]));
    }
    struct buffer deep = {0};
    for (int i = 0; i <= LIMIT_DEPTH; i++)
        buffer_add_text(&deep, "/*");
    assert_int_equal(pointer_parse(&arena, buffer_bytes(&deep), &pointer, &e), ERR_CONFIG);
    buffer_close(&deep);
    arena_close(&arena);
    (void)state;
}

static int note(void *context, const struct value *found)
{
    value_to_json(found, context);
    buffer_add_char(context, ' ');
    return 0;
}

/* A walk visits in the document's order, goes on past what is missing, and counts it. */
static void walks_visit_in_order_and_count_misses(void **state)
{
    static const struct {
        const char *root, *pointer, *visits;
        bool single;
        unsigned missed;
    } cases[] = {
        {"{\"R\":[{\"I\":[1,2]},{\"I\":[]},{\"I\":[3]}]}", "/R/*/I/*", "1 2 3 ", false, 0},
        {"{\"R\":[{\"I\":[1]},{},{\"I\":null},{\"I\":4},{\"I\":[5]}]}", "/R/*/I/*", "1 5 ", false, 3},
        {"{\"R\":[{\"I\":[1]},{},{\"I\":null},{\"I\":4},{\"I\":[5]}]}", "/R/*/I/*", "1 4 5 ", true, 2},
        {"{}", "/R/*", "", false, 1},
        {"{\"R\":null}", "/R/*", "", true, 1},
        {"{\"R\":null}", "/R", "null ", false, 0},
        {"{\"R\":\"\"}", "/R/*", "", true, 0},
        {"{\"R\":\"\"}", "/R/*", "", false, 1},
        {"{\"R\":\"\\n \"}", "/R/*", "", true, 0},
        {"{\"R\":\"\"}", "/R/b/*", "", true, 0},
        {"{\"R\":\" \"}", "/R/b/c", "", true, 0},
        {"{\"R\":[\"\",{\"b\":1}]}", "/R/*/b", "1 ", true, 0},
        {"{\"R\":\"\"}", "/R/b/*", "", false, 1},
        {"{\"R\":\"x\"}", "/R/b/*", "", true, 1},
        {"{\"R\":\"\"}", "/S/*", "", true, 1},
        {"\"\"", "/R/*", "", true, 1},
        {"\"\"", "/*", "", true, 0},
        {"{\"R\":{\"x\":1}}", "/R/*/x", "1 ", true, 0},
        {"{\"R\":{\"x\":1}}", "/R/*/x", "", false, 1},
        {"[[1,2],[3]]", "/*/*", "1 2 3 ", false, 0},
        {"[[1,2],[3]]", "/*/1", "2 ", false, 1},
        {"7", "", "7 ", false, 0},
        {"[]", "/*", "", false, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct arena arena = {0};
        struct buffer visits = {0};
        struct pointer_missed missed = {99, 99};
        struct value root = value_of(&arena, cases[i].root);
        struct pointer pointer = pointer_of(&arena, cases[i].pointer);
        assert_int_equal(pointer_walk(&pointer, &root, cases[i].single, &missed, note, &visits), 0);
        assert_string_equal(buffer_text(&visits), cases[i].visits);
        assert_int_equal(missed.absent + missed.wrong, cases[i].missed);
        buffer_close(&visits);
        arena_close(&arena);
    }
    (void)state;
}

/* What isn't there, or null, is told apart from what is something else. */
static void misses_are_absent_or_wrong(void **state)
{
    static const struct {
        const char *root;
        uint64_t absent, wrong;
    } cases[] = {
        {"{}", 1, 0},         {"{\"a\":null}", 1, 0}, {"null", 1, 0},         {"{\"a\":[]}", 0, 0},
        {"{\"a\":{}}", 0, 1}, {"{\"a\":\"\"}", 0, 1}, {"{\"a\":true}", 0, 1}, {"\"a\"", 0, 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct arena arena = {0};
        struct buffer visits = {0};
        struct pointer_missed missed;
        struct value root = value_of(&arena, cases[i].root);
        struct pointer pointer = pointer_of(&arena, "/a/*");
        assert_int_equal(pointer_walk(&pointer, &root, false, &missed, note, &visits), 0);
        assert_int_equal(missed.absent, cases[i].absent);
        assert_int_equal(missed.wrong, cases[i].wrong);
        buffer_close(&visits);
        arena_close(&arena);
    }
    (void)state;
}

static int stop_at_third(void *context, const struct value *found)
{
    (void)found;
    return ++*(int *)context == 3 ? 42 : 0;
}

/* A visitor that returns something ends the walk, and its answer comes back. */
static void visitors_can_stop_a_walk(void **state)
{
    struct arena arena = {0};
    int visits = 0;
    struct value root = value_of(&arena, "[[1,2],[3,4],[5]]");
    struct pointer pointer = pointer_of(&arena, "/*/*");
    assert_int_equal(pointer_walk(&pointer, &root, false, NULL, stop_at_third, &visits), 42);
    assert_int_equal(visits, 3);
    arena_close(&arena);
    (void)state;
}

static struct value pruned(struct arena *arena, const char *root, const char *pointers, bool single)
{
    struct pointer list[4];
    size_t count = 0;
    for (struct bytes rest = bytes_of(pointers); rest.len; count++) {
        size_t len = strcspn(rest.data, " ");
        struct error e;
        assert_int_equal(pointer_parse(arena, (struct bytes){rest.data, len}, &list[count], &e), 0);
        list[count].walks_single = single;
        rest = bytes_from(rest, len + 1);
    }
    struct value value = value_of(arena, root);
    return pointer_prune(arena, &value, list, count);
}

/* Pruning leaves out members and items, through arrays too, and counts places as they were. */
static void pruning_leaves_out(void **state)
{
    static const struct {
        const char *root, *pointers, *left;
        bool single;
    } cases[] = {
        {"{\"a\":1,\"b\":{\"c\":2,\"d\":3}}", "/b/c", "{\"a\":1,\"b\":{\"d\":3}}", false},
        {"{\"a\":1,\"b\":2,\"c\":3}", "/a /c", "{\"b\":2}", false},
        {"{\"a\":[0,1,2,3]}", "/a/0 /a/2", "{\"a\":[1,3]}", false},
        {"{\"a\":[{\"x\":1,\"y\":2},{\"y\":3},4]}", "/a/*/y", "{\"a\":[{\"x\":1},{},4]}", false},
        {"{\"a\":[1,2]}", "/a/*", "{\"a\":[]}", false},
        {"{\"a\":[[1,2],[3,4]]}", "/a/*/0 /a/1", "{\"a\":[[2]]}", false},
        {"{\"a\":1}", "/b /a/c /a/*", "{\"a\":1}", false},
        {"{\"a\":{\"x\":1,\"y\":2}}", "/a/*/y", "{\"a\":{\"x\":1,\"y\":2}}", false},
        {"{\"a\":{\"x\":1,\"y\":2}}", "/a/*/y", "{\"a\":{\"x\":1}}", true},
        {"{\"*\":1,\"b\":2}", "/*", "{\"*\":1,\"b\":2}", false},
        {"{\"a\":1}", "/~1", "{\"a\":1}", false},
        {"[1]", "", "[1]", false},
    };
    struct arena arena = {0};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct value left = pruned(&arena, cases[i].root, cases[i].pointers, cases[i].single);
        assert_json(&left, cases[i].left);
    }
    struct value root = value_of(&arena, "{\"a\":[1,{\"b\":2}],\"c\":[3]}");
    struct pointer whole = pointer_of(&arena, ""), inner = pointer_of(&arena, "/a/1/b");
    struct value left = pointer_prune(&arena, &root, &whole, 1);
    assert_json(&left, "null");
    left = pointer_prune(&arena, &root, &inner, 1);
    assert_ptr_equal(value_get_text(&left, "c")->items, value_get_text(&root, "c")->items);
    assert_json(&root, "{\"a\":[1,{\"b\":2}],\"c\":[3]}"); /* as it was */
    arena_close(&arena);
    (void)state;
}

/* What pointers lead to becomes an array, if it is there; a blank text one of nothing. */
static void arrays_are_made_of_what_is_there(void **state)
{
    static const char *const cases[][3] = {
        {"{\"a\":\"\",\"b\":\" \\n\",\"c\":\"x\",\"d\":{\"e\":1},\"f\":[2],\"g\":null}",
         "/a /b /c /d /f /g /h",
         "{\"a\":[],\"b\":[],\"c\":[\"x\"],\"d\":[{\"e\":1}],\"f\":[2],\"g\":[null]}"},
        {"{\"a\":{\"b\":1}}", "/a/b/c /x/*", "{\"a\":{\"b\":1}}"},
        {"{\"a\":{\"b\":1}}", "/a/*/b", "{\"a\":{\"b\":[1]}}"},
        {"{\"a\":{\"b\":1}}", "/a /a/*/b", "{\"a\":[{\"b\":[1]}]}"},
        {"{\"a\":[{\"b\":1},{\"b\":[2]},{}]}", "/a/*/b", "{\"a\":[{\"b\":[1]},{\"b\":[2]},{}]}"},
        {"{\"a\":[1,2]}", "/a/1", "{\"a\":[1,[2]]}"},
        {"\"x\"", "", "[\"x\"]"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct arena arena = {0};
        struct pointer list[8];
        size_t count = 0;
        const char *text = cases[i][1];
        do {
            size_t len = strcspn(text, " ");
            list[count++] = pointer_of(&arena, arena_strdup(&arena, (struct bytes){text, len}));
            text += len;
        } while (*text++);
        struct value root = value_of(&arena, cases[i][0]);
        pointer_make_arrays(&arena, &root, pointers_walk_single(&arena, list, count), count);
        assert_json(&root, cases[i][2]);
        arena_close(&arena);
    }
    (void)state;
}

/* Setting makes the objects on the way, changes only its own copy, and refuses to go through scalars. */
static void setting_makes_the_way(void **state)
{
    static const char *const cases[][3] = {
        {"null", "/a/b", "{\"a\":{\"b\":7}}"},
        {"{}", "", "7"},
        {"{\"a\":1}", "/a", "{\"a\":7}"},
        {"{\"a\":null,\"z\":2}", "/a/b/c", "{\"a\":{\"b\":{\"c\":7}},\"z\":2}"},
        {"{\"a\":[1,{\"x\":2}]}", "/a/1/y", "{\"a\":[1,{\"x\":2,\"y\":7}]}"},
        {"{\"a\":[1]}", "/a/1", NULL},
        {"{\"a\":[1]}", "/a/-", NULL},
        {"{\"a\":1}", "/a/b", NULL},
        {"{\"a\":\"x\"}", "/b/*", NULL},
        {"[]", "/a", NULL},
    };
    struct arena arena = {0};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct value before = value_of(&arena, cases[i][0]), root = before;
        struct pointer pointer = pointer_of(&arena, cases[i][1]);
        struct error e;
        int rc = pointer_set(&arena, &root, &pointer, value_number(BYTES("7")), &e);
        assert_int_equal(rc, cases[i][2] ? 0 : ERR_CONFIG);
        assert_json(&root, cases[i][2] ? cases[i][2] : cases[i][0]);
        assert_json(&before, cases[i][0]);
    }
    arena_close(&arena);
    (void)state;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rfc_examples_lead_there),
        cmocka_unit_test(pointers_lead_nowhere),
        cmocka_unit_test(escapes_are_read_once),
        cmocka_unit_test(malformed_pointers_are_refused),
        cmocka_unit_test(walks_visit_in_order_and_count_misses),
        cmocka_unit_test(misses_are_absent_or_wrong),
        cmocka_unit_test(visitors_can_stop_a_walk),
        cmocka_unit_test(pruning_leaves_out),
        cmocka_unit_test(arrays_are_made_of_what_is_there),
        cmocka_unit_test(setting_makes_the_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
