/* The finder of JSON: it finds the items that decoding and walking would, or is lost, and what is left of a
 * body when items are cut out is that body without them. */
#include <stdio.h>

#include "test_value_maker.h"
#include "worker/decode/finder.h"

enum { ITEMS_MAX = 512 };

/* What the finder found in a body. */
struct found {
    struct finder finder;
    struct finder_cut spans[ITEMS_MAX];
    size_t count;
    enum finder_found end;
};

struct lab {
    struct arena arena;
    struct found found;
    struct pointer items;
    struct buffer out;
};

static int lab_open(void **state)
{
    *state = calloc(1, sizeof(struct lab));
    return 0;
}

static int lab_close(void **state)
{
    struct lab *lab = *state;
    arena_close(&lab->arena);
    buffer_close(&lab->out);
    free(lab);
    return 0;
}

static void open_at(struct lab *lab, const char *items, struct bytes body)
{
    struct error e;
    lab->found.count = 0;
    assert_int_equal(pointer_parse(&lab->arena, bytes_of(items), &lab->items, &e), 0);
    finder_open(&lab->found.finder, FORMAT_JSON, body, &lab->items, NULL);
}

/* Find all, each skipped by its measured length. */
static void find(struct lab *lab, const char *items, struct bytes body)
{
    struct found *found = &lab->found;
    open_at(lab, items, body);
    while ((found->end = finder_next(&found->finder)) == FINDER_ITEM) {
        size_t at = found->finder.at, len = finder_measure(&found->finder);
        assert_int_equal(found->finder.at, at);
        if (len == 0 || !finder_skip(&found->finder, len)) {
            found->end = FINDER_LOST;
            return;
        }
        assert_true(found->count < ITEMS_MAX && at + len <= body.len);
        found->spans[found->count++] = (struct finder_cut){at, at + len};
    }
}

/* What is found, as "item|item|" and how it ended: "." or "?" where it was lost. */
static const char *story(struct lab *lab, const char *items, const char *body)
{
    find(lab, items, bytes_of(body));
    buffer_reset(&lab->out);
    for (size_t i = 0; i < lab->found.count; i++)
        buffer_printf(&lab->out, "%.*s|", (int)(lab->found.spans[i].to - lab->found.spans[i].from),
                      body + lab->found.spans[i].from);
    buffer_add_char(&lab->out, lab->found.end == FINDER_END ? '.' : '?');
    return buffer_text(&lab->out);
}

struct tale {
    const char *items, *body, *story;
};

static void assert_tales(struct lab *lab, const struct tale *tales, size_t count)
{
    for (size_t i = 0; i < count; i++)
        assert_string_equal(story(lab, tales[i].items, tales[i].body), tales[i].story);
}

/* Items of any kind are found from their first byte to behind their last, whatever white space is between. */
static void items_are_found(void **state)
{
    static const struct tale tales[] = {
        {"/items/*", "{\"items\":[{\"a\":1},{\"b\":[2]}]}", "{\"a\":1}|{\"b\":[2]}|."},
        {"/items/*", "\xef\xbb\xbf \r\n{ \"n\" : 1 ,\t\"items\" : [ 1 , 2\n,\r3 ] , \"m\" : 2 }\n",
         "1|2|3|."},
        {"/*", "[null,true,false,-1.5e3,\"x\",[],{},[[]]]", "null|true|false|-1.5e3|\"x\"|[]|{}|[[]]|."},
        {"/*", "[]", "."},
        {"/*", " [ \n ] ", "."},
        {"/a/b/*", "{\"b\":[9],\"a\":{\"x\":{\"b\":[8]},\"b\":[1]}}", "1|."},
        {"/0/*", "{\"0\":[1]}", "1|."},
        {"//*", "{\"\":[1]}", "1|."},
        {"/é~1~0/*", "{\"é/~\":[1]}", "1|."},
    };
    assert_tales(*state, tales, sizeof tales / sizeof *tales);
}

/* Arrays within arrays, and lists within the elements of lists, are walked through; empty ones hold nothing.
 */
static void nested_lists_are_walked(void **state)
{
    static const struct tale tales[] = {
        {"/*/*", "[[1,2],[],[3]]", "1|2|3|."},
        {"/*/*", "[[],[ ]]", "."},
        {"/*/*/*", "[[[1],[]],[],[[],[2,3]]]", "1|2|3|."},
        {"/r/*/i/*",
         "{\"r\":[{\"x\":[7],\"i\":[1,2],\"y\":{\"i\":[8]}},{\"i\":[]},{\"i\":[3],\"z\":\"]}\"}]}",
         "1|2|3|."},
        {"/r/*/a/i/*", "{\"r\": [ {\"a\" : {\"i\" : [ 1 ] , \"q\":0 } , \"b\":0 } , {\"a\":{\"i\":[2]}} ] }",
         "1|2|."},
        {"/a/*/*/i/*", "{\"a\":[[{\"i\":[1]},{\"i\":[2]}],[],[{\"i\":[3]}]],\"b\":[]}", "1|2|3|."},
    };
    assert_tales(*state, tales, sizeof tales / sizeof *tales);
}

/* Brackets, quotes and commas in strings, behind any number of backslashes, end nothing. */
static void strings_hold_anything(void **state)
{
    struct lab *lab = *state;
    static const struct tale tales[] = {
        {"/*", "[\"]\",\"\\\"]\",\"\\\\\",\"\\\\\\\"],\"]", "\"]\"|\"\\\"]\"|\"\\\\\"|\"\\\\\\\"],\"|."},
        {"/*", "[{\"}\":\"{\\\"\"},[\"\\\\\",\"]\\u005d\"]]", "{\"}\":\"{\\\"\"}|[\"\\\\\",\"]\\u005d\"]|."},
        {"/i/*", "{\"x\":\"\\\"i\\\":[1]\",\"i\":[2]}", "2|."},
        {"/i/*", "{\"x\":{\"\\\\\":\"}\\\"\"},\"y\\\\\":1,\"i\":[2]}", "?"},
    };
    assert_tales(lab, tales, sizeof tales / sizeof *tales);

    /* At each place within the 64 bytes that are looked at together. */
    for (unsigned before = 0; before < 150; before++)
        for (unsigned slashes = 0; slashes < 6; slashes++) {
            char body[300];
            int len = snprintf(body, sizeof body, "[{\"%*s%.*s%s}]\":[\"\\\\\"]}", (int)before, "",
                               (int)slashes, "\\\\\\\\\\\\", slashes % 2 ? "\"" : "");
            int end = snprintf(body + len, sizeof body - (size_t)len, ",2]");
            find(lab, "/*", (struct bytes){body, (size_t)(len + end)});
            assert_int_equal(lab->found.count, 2);
            assert_int_equal(lab->found.spans[0].to, len);
            assert_int_equal(lab->found.end, FINDER_END);
        }
}

/* What isn't there, is null or of another type on the way to the items, is nothing that a finder knows. */
static void what_is_not_there_is_lost(void **state)
{
    static const struct tale tales[] = {
        {"/items/*", "{}", "?"},
        {"/items/*", "{\"item\":[1],\"itemss\":[2]}", "?"},
        {"/items/*", "{\"items\":null}", "?"},
        {"/items/*", "{\"items\":{}}", "?"},
        {"/items/*", "{\"items\":\"[1]\"}", "?"},
        {"/items/*", "[1]", "?"},
        {"/*", "{\"a\":1}", "?"},
        {"/*", "null", "?"},
        {"/*", "", "?"},
        {"/0/*", "[[1]]", "?"},
        {"/r/*/i/*", "{\"r\":[{\"i\":[1]},{}]}", "1|?"},
        {"/r/*/i/*", "{\"r\":[{\"i\":[1]},null]}", "1|?"},
        {"/r/*/i/*", "{\"r\":[{\"i\":[1]},{\"i\":null}]}", "1|?"},
        {"/*/*", "[[1],2]", "1|?"},
        {"/items/*", "{\"\\u0069tems\":[1]}", "?"},
        {"", "[1]", "?"},
        {"/a", "{\"a\":1}", "?"},
        {"/a/*/b", "{\"a\":[{\"b\":1}]}", "?"},
        {"/*/*/*/*/*/*/*/*/*/*/*/*/*/*/*/*/*", "[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]", "?"},
    };
    assert_tales(*state, tales, sizeof tales / sizeof *tales);
    struct lab *lab = *state;
    struct finder *f = &lab->found.finder;
    find(lab, "/*", BYTES("[1 2]"));
    assert_int_equal(finder_next(f), FINDER_LOST);
    assert_int_equal(finder_measure(f), 0);
    assert_false(finder_skip(f, 1));
    find(lab, "/*", BYTES("[]"));
    assert_int_equal(finder_next(f), FINDER_END);
    assert_false(finder_skip(f, 1));
    finder_open(f, FORMAT_JSONL, BYTES("[1]"), &lab->items, NULL);
    assert_int_equal(finder_next(f), FINDER_LOST);
}

/* Commas that are missing, or have no item on one side, and lists that break off, lead nowhere. */
static void broken_lists_are_lost(void **state)
{
    struct lab *lab = *state;
    static const struct tale tales[] = {
        {"/*", "[1 2]", "?"},
        {"/*", "[,1]", "?"},
        {"/*", "[1,]", "1|?"},
        {"/*", "[1,,2]", "1|?"},
        {"/*", "[1", "?"},
        {"/*", "[1,", "1|?"},
        {"/*", "[{\"a\":1", "?"},
        {"/*", "[\"a", "?"},
        {"/*", "[\"a\\\"]", "?"},
        {"/*", "[:1]", "?"},
        {"/*", "[1,\xef\xbb\xbf-0]", "1|?"},
        {"/*", "[1}", "?"},
        {"/*/*", "[[1}]", "?"},
        {"/a/*", "{\"a\" [1]}", "?"},
        {"/a/*", "{a:[1]}", "?"},
        {"/a/*", "{\"a", "?"},
        {"/*/a/*", "[{\"a\":[1],\"b\":2]", "1|?"},
    };
    assert_tales(lab, tales, sizeof tales / sizeof *tales);
    static const char whole[] = "{\"x\":\"}\",\"r\":[{\"i\":[{\"a\":\"\\\\\"},2]},{\"i\":[3]}],\"z\":1}";
    for (size_t len = 0; len < sizeof whole - 2; len++) {
        char *exact = malloc(len ? len : 1); /* so that a sanitizer sees who reads on */
        assert_non_null(exact);
        memcpy(exact, whole, len);
        find(lab, "/r/*/i/*", (struct bytes){exact, len});
        assert_true(lab->found.end == FINDER_LOST || lab->found.count == 3);
        free(exact);
    }
}

/* What is taken for an item must end where an item can, and be there; a stretch may end in a later list. */
static void skips_end_where_items_do(void **state)
{
    struct lab *lab = *state;
    struct finder *f = &lab->found.finder;
    open_at(lab, "/*", BYTES("[123, 4]"));
    assert_false(finder_skip(f, 1));
    assert_int_equal(finder_next(f), FINDER_ITEM);
    assert_false(finder_skip(f, 0));
    assert_false(finder_skip(f, 2));
    assert_false(finder_skip(f, 100));
    assert_false(finder_skip(f, SIZE_MAX));
    assert_int_equal(f->at, 1);
    assert_true(finder_skip(f, 3));
    assert_false(finder_skip(f, 1));
    assert_int_equal(finder_next(f), FINDER_ITEM);
    assert_int_equal(f->at, 6);
    assert_int_equal(finder_next(f), FINDER_END); /* behind an item that nobody skipped */

    struct bytes body = BYTES("{\"r\":[{\"i\":[1,2]},{\"i\":[3]},{\"i\":[4,5],\"y\":0}]}");
    open_at(lab, "/r/*/i/*", body);
    assert_int_equal(finder_next(f), FINDER_ITEM);
    assert_true(finder_skip(f, 1));
    assert_int_equal(finder_next(f), FINDER_ITEM);
    assert_true(finder_skip(f, strlen("2]},{\"i\":[3]},{\"i\":[4")));
    assert_int_equal(finder_next(f), FINDER_ITEM);
    assert_int_equal(body.data[f->at], '5');
    assert_true(finder_skip(f, 1));
    assert_int_equal(finder_next(f), FINDER_END);
}

/* Cut those of the found items whose bit is set. */
static const char *cut(struct lab *lab, const char *items, const char *body, unsigned which)
{
    struct finder_cut cuts[ITEMS_MAX];
    size_t count = 0;
    find(lab, items, bytes_of(body));
    for (size_t i = 0; i < lab->found.count; i++)
        if (which >> i & 1)
            cuts[count++] = lab->found.spans[i];
    buffer_reset(&lab->out);
    finder_cut(&lab->found.finder, cuts, count, &lab->out);
    return buffer_text(&lab->out);
}

/* With an item goes one comma, and white space that nobody needs; all around them stays. */
static void cuts_take_their_commas(void **state)
{
    struct lab *lab = *state;
    static const char list[] = "{\"i\": [1, 2 ,3], \"next\": \"x\"}";
    assert_string_equal(cut(lab, "/i/*", list, 0), list);
    assert_string_equal(cut(lab, "/i/*", list, 1), "{\"i\": [2 ,3], \"next\": \"x\"}");
    assert_string_equal(cut(lab, "/i/*", list, 2), "{\"i\": [1, 3], \"next\": \"x\"}");
    assert_string_equal(cut(lab, "/i/*", list, 4), "{\"i\": [1, 2 ], \"next\": \"x\"}");
    assert_string_equal(cut(lab, "/i/*", list, 5), "{\"i\": [2 ], \"next\": \"x\"}");
    assert_string_equal(cut(lab, "/i/*", list, 6), "{\"i\": [1], \"next\": \"x\"}");
    assert_string_equal(cut(lab, "/i/*", list, 7), "{\"i\": [], \"next\": \"x\"}");
    assert_string_equal(cut(lab, "/*/*", "[[1,2],[3]]", 7), "[[],[]]");
    assert_string_equal(cut(lab, "/*/*", "[[1,2],[3]]", 6), "[[1],[]]");

    struct finder_cut stretch = {4, 9};
    buffer_reset(&lab->out);
    buffer_add_text(&lab->out, "kept,");
    find(lab, "/*/*", BYTES("[[0,1],[2,3],4]"));
    finder_cut(&lab->found.finder, &stretch, 1, &lab->out);
    assert_string_equal(buffer_text(&lab->out), "kept,[[0,3],4]");
}

/* Where commas are wrong, they stay wrong. */
static void cuts_mend_nothing(void **state)
{
    struct lab *lab = *state;
    static const char *const bodies[] = {"[1,]", "[1,,2]", "[1,2,]", "[1,2,3",
                                         "[1,2", "[1]]",   "[1] x",  "[1,"};
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++)
        for (unsigned which = 0; which < 8; which++) {
            struct error e;
            struct value value;
            struct bytes left = bytes_of(cut(lab, "/*", bodies[i], which));
            assert_int_equal(value_from_json(&lab->arena, left, &value, NULL, &e), ERR_BODY);
        }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, lab_open, lab_close)
    const struct CMUnitTest tests[] = {
        TEST(items_are_found),           TEST(nested_lists_are_walked), TEST(strings_hold_anything),
        TEST(what_is_not_there_is_lost), TEST(broken_lists_are_lost),   TEST(skips_end_where_items_do),
        TEST(cuts_take_their_commas),    TEST(cuts_mend_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
