/* Where XML's items are found, and where a finder is lost. Whatever it finds is held against what the body is
 * decoded to (tests/fuzz/finder_xml_rules.h). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/fuzz/finder_xml_rules.h"

static const char *const list_elements[] = {"item", "member", NULL};

struct lab {
    struct arena arena;
    struct pointer items, array;
    struct xml_rules rules;
    struct finder finder;
    struct buffer found;
};

static int lab_open(void **state)
{
    struct lab *lab = calloc(1, sizeof *lab);
    lab->rules = (struct xml_rules){.list_elements = list_elements, .arrays = &lab->array};
    *state = lab;
    return 0;
}

static int lab_close(void **state)
{
    struct lab *lab = *state;
    arena_close(&lab->arena);
    buffer_close(&lab->found);
    free(lab);
    return 0;
}

static void lab_parse(struct lab *lab, const char *text, struct pointer *out)
{
    struct error e;
    assert_int_equal(pointer_parse(&lab->arena, bytes_of(text), out, &e), 0);
}

static void lab_begin(struct lab *lab, const char *items, const char *body)
{
    lab_parse(lab, items, &lab->items);
    finder_open(&lab->finder, FORMAT_XML, bytes_of(body), &lab->items, &lab->rules);
}

/* The items of this body, as they stand there, each in brackets; "lost" behind them if it gets lost. */
static void finds(struct lab *lab, const char *items, const char *body, const char *expected)
{
    enum finder_found last;
    int count = 0;
    buffer_reset(&lab->found);
    lab_begin(lab, items, body);
    while ((last = finder_next(&lab->finder)) == FINDER_ITEM) {
        size_t len = finder_measure(&lab->finder);
        buffer_printf(&lab->found, "[%.*s]", (int)len, body + lab->finder.at);
        if (len == 0 || !finder_skip(&lab->finder, len))
            break;
    }
    if (last != FINDER_END)
        buffer_add_text(&lab->found, "lost");
    if (strcmp(buffer_text(&lab->found), expected) != 0)
        fail_msg("%s of %s\n found %s\n and not %s", items, body, buffer_text(&lab->found), expected);
    for (uint64_t seed = 0; seed < 8; seed++) {
        const char *wrong = trial_run(bytes_of(body), &lab->items, &lab->rules, seed, &count);
        if (wrong)
            fail_msg("%s of %s, seed %d: %s", items, body, (int)seed, wrong);
    }
}

#define FINDS(list)                                                                                          \
    for (size_t i = 0; i < sizeof(list) / sizeof *(list); i++)                                               \
    finds(*state, (list)[i][0], (list)[i][1], (list)[i][2])

/* What AWS's services answer. */
static void what_services_answer_is_found(void **state)
{
    static const char *const cases[][3] = {
        {"/snapshotSet/*",
         "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<R xmlns=\"http://ec2.amazonaws.com/doc/\">\n"
         "    <requestId>1</requestId>\n    <snapshotSet>\n        <item>\n            <id>1</id>\n"
         "            <tagSet/>\n        </item>\n        <item><id>2</id></item>\n    </snapshotSet>\n"
         "    <nextToken>n</nextToken>\n</R>\n",
         "[<item>\n            <id>1</id>\n            <tagSet/>\n        </item>][<item><id>2</id></item>]"},
        {"/ListUsersResult/Users/*",
         "<ListUsersResponse><ListUsersResult><IsTruncated>false</IsTruncated><Users><member><Id>1</Id></"
         "member>"
         "<member><Id>2</Id></member></Users></ListUsersResult><Meta><RequestId>7</RequestId></Meta>"
         "</ListUsersResponse>",
         "[<member><Id>1</Id></member>][<member><Id>2</Id></member>]"},
        {"/Contents/*",
         "<R xmlns='s3'><Name>n</Name><Contents><Key>a</Key></Contents><Contents><Key>b</Key></Contents>"
         "<CommonPrefixes><Prefix>p</Prefix></CommonPrefixes><Contents><Key>c</Key></Contents></R>",
         "[<Contents><Key>a</Key></Contents>][<Contents><Key>b</Key></Contents>]"
         "[<Contents><Key>c</Key></Contents>]"},
        {"/GetAccountSummaryResult/*",
         "<R><GetAccountSummaryResult><M>1</M></GetAccountSummaryResult><I/></R>",
         "[<GetAccountSummaryResult><M>1</M></GetAccountSummaryResult>]"},
        {"/reservationSet/*/instancesSet/*",
         "<R><reservationSet><item><g><item>g</item></g><instancesSet><item>1</item><item>2</item></"
         "instancesSet>"
         "</item><item><instancesSet/></item><item><instancesSet>\n<item><i/></item></instancesSet><o>1</o>"
         "</item></reservationSet></R>",
         "[<item>1</item>][<item>2</item>][<item><i/></item>]"},
    };
    FINDS(cases);
}

/* An empty list has no items, on one line or on two. */
static void empty_lists_have_no_items(void **state)
{
    static const char *const cases[][3] = {
        {"/s/*", "<r><s/></r>", ""},
        {"/s/*", "<r><s></s><n>1</n></r>", ""},
        {"/s/*", "<r>\n <s>\r\n\t<!-- none --><?at all?> </s>\n</r>", ""},
        {"/a/s/*", "<r><a><s/></a></r>", ""},
        {"/s/*", "<r><s a='1'/></r>", "lost"},
        {"/s/*", "<r><s/><s/></r>", "lost"},
        {"/s/*", "<r><s/><s><item/></s></r>", "lost"},
        {"/s/*", "<r><s/><s>1</s></r>", "lost"},
        {"/s/*", "<r><s> &#32;</s></r>", "lost"},
        {"/s/*", "<r><s><![CDATA[ ]]></s></r>", "lost"},
        {"/a/*/s/*", "<r><a/></r>", ""},
        {"/a/*/s/*", "<r><a><item><s/></item><item><s></s></item></a></r>", ""},
        {"/*", "<r/>", "lost"},
    };
    FINDS(cases);
}

/* The first child element tells whether an element is a list; none may tell another tale later. */
static void kinds_are_not_mixed(void **state)
{
    static const char *const cases[][3] = {
        {"/s/*", "<r><s><item/></s></r>", "[<item/>]"},
        {"/s/*", "<r><s><x/></s></r>", "[<s><x/></s>]"},
        {"/s/*", "<r><s>1</s><t/><s>2</s></r>", "[<s>1</s>][<s>2</s>]"},
        {"/s/*", "<r><s><!-- <item/> --><x/></s></r>", "[<s><!-- <item/> --><x/></s>]"},
        {"/s/*", "<r><s>text<x/></s></r>", "[<s>text<x/></s>]"},
        {"/s/*", "<r><s><x/><item/></s></r>", "[<s><x/><item/></s>]"},
        {"/s/*", "<r><s><item/><member/><x/></s></r>", "[<item/>][<member/>]lost"},
        {"/s/*", "<r><s><item/></s><s><item/></s></r>", "[<item/>]lost"},
        {"/s/*", "<r><s><x/></s><s><item/></s></r>", "[<s><x/></s>]lost"},
        {"/s/*", "<r><s>text<item/></s></r>", "lost"},
        {"/s/*", "<r><s>1</s><s/></r>", "[<s>1</s>]lost"},
        {"/s/*", "<r><s>1</s><s>&#32;</s></r>", "[<s>1</s>]lost"},
        {"/a/s/*", "<r><a><s><item/></s></a><a/></r>", "[<item/>]lost"},
    };
    FINDS(cases);
}

/* The way to the items must be there, and once. */
static void a_way_that_is_not_there_is_lost(void **state)
{
    static const char *const cases[][3] = {
        {"/s/*", "<r/>", "lost"},
        {"/s/*", "<r></r>", "lost"},
        {"/s/*", "<r><t><s><item/></s></t></r>", "lost"},
        {"/a/s/*", "<r><a/></r>", "lost"},
        {"/a/s/*", "<r><a>1</a></r>", "lost"},
        {"/a/s/*", "<r><a><b/></a><a><s><item/></s></a></r>", "lost"},
        {"/a/*/s/*", "<r><a><item><s><item>1</item></s></item><item><t/></item></a></r>",
         "[<item>1</item>]lost"},
        {"/a/*/s/*", "<r><a><item/></a></r>", "lost"},
        {"/item/*", "<r><item><item/></item></r>", "lost"},
        {"/s/*/*", "<r><s><item><item/></item></s></r>", "lost"},
        {"/s/0/*", "<r><s><item><item/></item></s></r>", "lost"},
        {"/s/@x/*", "<r><s x='1'/></r>", "lost"},
        {"/s", "<r><s><item/></s></r>", "lost"},
        {"", "<r><s/></r>", "lost"},
    };
    FINDS(cases);
}

/* Lists below repeated elements are found; repeated elements below others are not. */
static void lists_within_lists(void **state)
{
    static const char *const cases[][3] = {
        {"/a/*/s/*", "<r><a><s><item>1</item></s></a><b/><a><t/><s/></a><a><s><item>2</item></s></a></r>",
         "[<item>1</item>][<item>2</item>]"},
        {"/a/*/b/s/*",
         "<r><a><item><b><s><item>1</item></s><c/></b></item><item><b><s><member/></s></b></item></a></r>",
         "[<item>1</item>][<member/>]"},
        {"/a/*/s/*", "<r><a><item><s>1</s></item></a></r>", "lost"},
        {"/a/*/s/*", "<r><a><item><s x='1'><item/></s></item></a></r>", "lost"},
        {"/a/*/s/*", "<r><a x='1'><item><s><item/></s></item></a></r>", "[<item/>]"},
        {"/a/*/s/*", "<r><a><item><s><item/></s><s/></item></a></r>", "[<item/>]lost"},
        {"/a/*/s/*", "<r><a><item><s><item/></s></item><member><s><item/></s></member></a></r>",
         "[<item/>]lost"},
        {"/a/*/s/*", "<r><a><x:item><s><item/></s></x:item></a></r>", "lost"},
        {"/a/*/s/*", "<r><a><item><x:s><item/></x:s></item></a></r>", "lost"},
        {"/a/*/s/*", "<r><x:a><item><s><x:item/></s></item></x:a></r>", "[<x:item/>]"},
        {"/*", "<r> <item>1</item> <member/></r>", "[<item>1</item>][<member/>]"},
        {"/*/s/*", "<r><item><s><item>1</item></s></item></r>", "[<item>1</item>]"},
        {"/*", "<r><x/></r>", "lost"},
    };
    FINDS(cases);
}

/* Whatever looks like a tag and isn't one, and what is in tags beside their names. */
static void tags_are_told_from_what_looks_like_them(void **state)
{
    static const char *const cases[][3] = {
        {"/s/*", "<r a='>' b=\"'/>\"><s\n>\n<item\tc = '/>' ><x d=\"/item>\"/></item ></s\r\n></r>",
         "[<item\tc = '/>' ><x d=\"/item>\"/></item >]"},
        {"/s/*", "<r><s><item a='/>'/><item a='/>' b='\"/>'>/></item><item>/>/></item></s></r>",
         "[<item a='/>'/>][<item a='/>' b='\"/>'>/></item>][<item>/>/></item>]"},
        {"/s/*", "<r><s><item><![CDATA[</item>]]]></item><item><!-- </item> <!- --></item></s></r>",
         "[<item><![CDATA[</item>]]]></item>][<item><!-- </item> <!- --></item>]"},
        {"/s/*", "<r><s><?p <item/>?><item><?p </item>?></item><!--<item/>--></s></r>",
         "[<item><?p </item>?></item>]"},
        {"/s/*", "<r><t a='/s>'/><s><item/></s></r>", "[<item/>]"},
        {"/s/*", "<r><t><s><item/></s></t><!--<s/>--><s><item>2</item></s></r>", "[<item>2</item>]"},
        {"/s/*", "<r><s><item>&lt;&#x3c;</item></s></r>", "[<item>&lt;&#x3c;</item>]"},
        {"/s/*", "\xef\xbb\xbf<r><s><item/></s></r><!-- e -->\n", "[<item/>]"},
        {"/s/*", "<r><s><item/>text</s></r>", "[<item/>]lost"},
        {"/s/*", "<r>]]<s>1</s>></r>", "lost"},
        {"/s/*", "<!DOCTYPE r><r><s><item/></s></r>", "lost"},
        {"/s/*", "<r><s><item><!DOCTYPE r></item></s></r>", "[]lost"},
    };
    FINDS(cases);
}

/* Prefixes fall away. */
static void prefixes_fall_away(void **state)
{
    static const char *const cases[][3] = {
        {"/s/*", "<x:r xmlns:x='u'><x:s><x:item>1</x:item><item/></x:s></x:r>",
         "[<x:item>1</x:item>][<item/>]"},
        {"/s/*", "<r><u:s>1</u:s><s>2</s></r>", "[<u:s>1</u:s>][<s>2</s>]"},
        {"/s/*", "<r><u:v:s>1</u:v:s></r>", "lost"},
        {"/s/*", "<r><s><u:s:item/></s></r>", "lost"},
    };
    FINDS(cases);
}

/* What breaks off leaves it lost, wherever that is, or at an end that nobody will decode. */
static void what_breaks_off_is_never_read_beyond(void **state)
{
    static const char body[] =
        "<?xml version='1.0'?><!-- c --><r a='1'><x b=\"2\"/><s><item c='/>'><y/></item>\n"
        "<item><![CDATA[1]]></item></s><n>1</n></r>";
    struct lab *lab = *state;
    lab_parse(lab, "/s/*", &lab->items);
    for (size_t len = 0; len < sizeof body; len++) {
        int count;
        assert_null(trial_run((struct bytes){body, len}, &lab->items, &lab->rules, len, &count));
        assert_int_equal(count, len < sizeof body - 1 ? -1 : 2);
    }
}

/* Elements end where they end, however far that is from where a block of bytes begins. */
static void elements_end_at_any_distance(void **state)
{
    static const char *const items[] = {"<item/>", "<item></item>", "<item a='/>'>/></item>",
                                        "<item><a><b/></a>text<a/>/></item>"};
    struct lab *lab = *state;
    struct buffer body = {0};
    lab_parse(lab, "/s/*", &lab->items);
    for (size_t before = 0; before < 200; before++) {
        int count;
        buffer_reset(&body);
        buffer_printf(&body, "<r><s><item>%*s<a/></item><!--%*s-->", (int)before, "", (int)before / 3, "");
        for (size_t i = 0; i < sizeof items / sizeof *items; i++)
            buffer_printf(&body, "%s%*s", items[i], (int)before, "");
        buffer_printf(&body, "<item a='%*s/>' b=''/></s></r>", (int)before, "");
        assert_null(trial_run(buffer_bytes(&body), &lab->items, &lab->rules, before, &count));
        assert_int_equal(count, 6);
    }
    buffer_close(&body);
}

/* Tags that all seem to end far away, or nowhere, are not each followed until there: that would take minutes.
 */
static void tags_without_an_end_take_no_time(void **state)
{
    static const char *const tags[] = {"<a '/>'", "<a \"/>' '", "<a/>'", "<!-- /> ", "<![CDATA[ ", "<? /> "};
    static const char *const ends[] = {"", ">", "x</s></r>"};
    struct lab *lab = *state;
    struct buffer body = {0};
    for (size_t i = 0; i < sizeof tags / sizeof *tags * 3; i++) {
        buffer_reset(&body);
        buffer_add_text(&body, "<r><s>");
        while (body.len < 1 << 20)
            buffer_add_text(&body, tags[i / 3]);
        buffer_add_text(&body, ends[i % 3]);
        lab_begin(lab, i % 2 ? "/s/*" : "/s/a/*", buffer_text(&body));
        while (finder_next(&lab->finder) == FINDER_ITEM)
            assert_true(lab->finder.at < body.len);
    }
    buffer_close(&body);
}

/* Several items with all between them are skipped at once, also from one list to another. */
static void stretches_are_skipped(void **state)
{
    static const char body[] =
        "<r><a><item><s><item>1</item><item>2</item></s><b/></item><item><c/><s/></item>"
        "<item><s><item>3</item><item>4</item></s></item></a></r>";
    struct lab *lab = *state;
    lab_begin(lab, "/a/*/s/*", body);
    assert_int_equal(finder_next(&lab->finder), FINDER_ITEM);
    size_t from = lab->finder.at, to = (size_t)(strstr(body, "3</item>") + 8 - body);
    assert_true(finder_skip(&lab->finder, to - from));
    assert_int_equal(finder_next(&lab->finder), FINDER_ITEM);
    assert_int_equal(lab->finder.at, to);
    assert_int_equal(finder_measure(&lab->finder), 14);
    buffer_reset(&lab->found);
    finder_cut(&lab->finder, &(struct finder_cut){from, to}, 1, &lab->found);
    assert_string_equal(buffer_text(&lab->found), "<r><a><item><s><item>4</item></s></item></a></r>");
    assert_int_equal(finder_next(&lab->finder), FINDER_END);
}

/* An item can end behind a `>` that is there, and nowhere else. */
static void an_item_ends_in_a_tag(void **state)
{
    struct lab *lab = *state;
    lab_begin(lab, "/s/*", "<r><s><item>1</item></s></r>");
    assert_false(finder_skip(&lab->finder, 14));
    assert_int_equal(finder_next(&lab->finder), FINDER_ITEM);
    assert_false(finder_skip(&lab->finder, 0));
    assert_false(finder_skip(&lab->finder, 13));
    assert_false(finder_skip(&lab->finder, 1000));
    assert_false(finder_skip(&lab->finder, SIZE_MAX));
    assert_int_equal(lab->finder.at, 6);
    assert_true(finder_skip(&lab->finder, 14));
    assert_int_equal(finder_next(&lab->finder), FINDER_END);
    assert_int_equal(finder_next(&lab->finder), FINDER_END);
}

/* Where a pointer of `arrays` would make another document of an item if it stood alone, or elsewhere, none is
 * found. */
static void arrays_that_look_at_places_are_lost(void **state)
{
    static const char *const cases[][2] = {
        {"/s", "[<s><a/></s>]"},
        {"/s/*/a", "[<s><a/></s>]"},
        {"/s/*/*/a", "[<s><a/></s>]"},
        {"/t/a", "[<s><a/></s>]"},
        {"/t/*", "[<s><a/></s>]"},
        {"/s/a", "lost"},
        {"/s/0/a", "lost"},
        {"/s/*", "lost"},
        {"/s/*/*", "lost"},
        {"", "lost"},
        {"/*", "lost"},
        {"/*/s", "lost"},
    };
    struct lab *lab = *state;
    lab->rules.array_count = 1;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        lab_parse(lab, cases[i][0], &lab->array);
        finds(lab, "/s/*", "<r><s><a/></s></r>", cases[i][1]);
    }
    lab_parse(lab, "/a", &lab->array);
    finds(lab, "/a/s/*", "<r><a><s><item/></s></a></r>", "lost");
    lab_parse(lab, "/a/*/s", &lab->array);
    finds(lab, "/a/*/s/*", "<r><a><item><s><item/></s></item></a></r>", "[<item/>]");
}

/* Without rules no element is a list. */
static void without_rules_elements_are_repeated(void **state)
{
    static const char body[] = "<r><item>1</item><item>2</item></r>";
    struct lab *lab = *state;
    lab_parse(lab, "/item/*", &lab->items);
    finder_open(&lab->finder, FORMAT_XML, bytes_of(body), &lab->items, NULL);
    assert_int_equal(finder_next(&lab->finder), FINDER_ITEM);
    assert_int_equal(finder_next(&lab->finder), FINDER_ITEM);
    assert_int_equal(lab->finder.at, 17);
    assert_int_equal(finder_next(&lab->finder), FINDER_END);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, lab_open, lab_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_services_answer_is_found),
        TEST(empty_lists_have_no_items),
        TEST(kinds_are_not_mixed),
        TEST(a_way_that_is_not_there_is_lost),
        TEST(lists_within_lists),
        TEST(tags_are_told_from_what_looks_like_them),
        TEST(prefixes_fall_away),
        TEST(what_breaks_off_is_never_read_beyond),
        TEST(elements_end_at_any_distance),
        TEST(tags_without_an_end_take_no_time),
        TEST(stretches_are_skipped),
        TEST(an_item_ends_in_a_tag),
        TEST(arrays_that_look_at_places_are_lost),
        TEST(without_rules_elements_are_repeated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
