/* Paging by positions that we count or mark ourselves: offset, number, marker. */
#include "test_paging_lab.h"

/* An offset grows by what came, not by what was asked for, and ends on an empty page. */
static void offset_grows_by_what_came(void **state)
{
    struct lab lab;
    lab_open(&lab, PAGE_OFFSET, NULL, "query:skip");
    lab_size(&lab, "query:top", 3, 10);
    lab_play(&lab,
             PAGES({"{\"items\":[1,2]}"}, {"{\"items\":[3,4,5]}"}, {"{\"items\":[6]}"}, {"{\"items\":[]}"}),
             "1 GET https://api.test/things?skip=0&top=3\n"
             "2 GET https://api.test/things?skip=2&top=3\n"
             "3 GET https://api.test/things?skip=5&top=3\n"
             "4 GET https://api.test/things?skip=6&top=3\n"
             "-> end\n");
    (void)state;
}

/* With `end: short` a short page ends it too: shorter than asked for, or than the first page. */
static void short_page_ends_if_told_so(void **state)
{
    struct lab lab;
    lab_open(&lab, PAGE_OFFSET, NULL, "query:skip");
    lab_size(&lab, "query:top", 0, 2);
    lab.def.page.end_short = true;
    lab_play(&lab, PAGES({"{\"items\":[1,2]}"}, {"{\"items\":[3]}"}),
             "1 GET https://api.test/things?skip=0&top=2\n"
             "2 GET https://api.test/things?skip=2&top=2\n"
             "-> end\n");
    lab_open(&lab, PAGE_OFFSET, NULL, "query:skip");
    lab.def.page.end_short = true;
    lab_play(&lab, PAGES({"{\"items\":[1,2]}"}, {"{\"items\":[3,4]}"}, {"{\"items\":[5]}"}),
             "1 GET https://api.test/things?skip=0\n"
             "2 GET https://api.test/things?skip=2\n"
             "3 GET https://api.test/things?skip=4\n"
             "-> end\n");
    lab_open(&lab, PAGE_OFFSET, NULL, "query:skip");
    lab_size(&lab, "query:top", 0, 2);
    lab_more(&lab, "body:/more");
    lab.def.page.end_short = true;
    lab_play(&lab, PAGES({"{\"items\":[1],\"more\":true}"}, {"{\"items\":[],\"more\":true}"}),
             "1 GET https://api.test/things?skip=0&top=2\n"
             "2 GET https://api.test/things?skip=1&top=2\n"
             "-> paging: page 2: body:/more is true, and there is nothing to go on with\n");
    (void)state;
}

/* A total never ends a listing; one that differs, is missing or no number makes it unsound. */
static void total_only_judges(void **state)
{
    static const struct {
        const char *total, *end;
    } cases[] = {
        {",\"total\":2", "-> end\n"},
        {",\"total\":\"2\"", "-> end\n"},
        {",\"total\":1", "-> end, not sound: 2 items came, but the total (body:/total) is 1\n"},
        {",\"total\":1200", "-> end, not sound: 2 items came, but the total (body:/total) is 1,200\n"},
        {",\"total\":\"many\"", "-> end, not sound: the total (body:/total) is no number\n"},
        {",\"total\":null", "-> end, not sound: the total (body:/total) is on no page\n"},
        {"", "-> end, not sound: the total (body:/total) is on no page\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct lab lab;
        char page[128], expected[512];
        lab_open(&lab, PAGE_OFFSET, NULL, "query:skip");
        lab_total(&lab, "body:/total");
        snprintf(page, sizeof page, "{\"items\":[1,2]%s}", cases[i].total);
        snprintf(expected, sizeof expected,
                 "1 GET https://api.test/things?skip=0\n"
                 "2 GET https://api.test/things?skip=2\n%s",
                 cases[i].end);
        lab_play(&lab, PAGES({page}, {"{\"items\":[]}"}), expected);
    }
    (void)state;
}

/* A server that takes a position past the end for the last page: short and all known ends the listing,
 * unsound; a full page of known items is a loop. */
static void repeating_page_by_offset(void **state)
{
    struct lab lab;
    lab_open(&lab, PAGE_OFFSET, NULL, "query:skip");
    lab_size(&lab, "query:top", 0, 2);
    lab_play(&lab, PAGES({"{\"items\":[1,2]}"}, {"{\"items\":[3]}"}, {"{\"items\":[3]}"}),
             "1 GET https://api.test/things?skip=0&top=2\n"
             "2 GET https://api.test/things?skip=2&top=2\n"
             "3 GET https://api.test/things?skip=3&top=2\n"
             "-> end, not sound: page 3 is short and repeats: all its 1 items came before\n");
    lab_open(&lab, PAGE_OFFSET, NULL, "query:skip");
    lab_size(&lab, "query:top", 0, 2);
    lab_play(&lab, PAGES({"{\"items\":[1,2]}"}, {"{\"items\":[1,2]}"}),
             "1 GET https://api.test/things?skip=0&top=2\n"
             "2 GET https://api.test/things?skip=2&top=2\n"
             "-> loop: page 2 repeats: all its 2 items came before\n");
    lab_open(&lab, PAGE_NUMBER, NULL, "query:page");
    lab_play(&lab, PAGES({"{\"items\":[1,2]}"}, {"{\"items\":[2]}"}),
             "1 GET https://api.test/things?page=1\n"
             "2 GET https://api.test/things?page=2\n"
             "-> end, not sound: page 2 is short and repeats: all its 1 items came before\n");
    lab_open(&lab, PAGE_NUMBER, NULL, "query:page");
    lab_play(&lab, PAGES({"{\"items\":[1,2]}"}, {"{\"items\":[2,1]}"}),
             "1 GET https://api.test/things?page=1\n"
             "2 GET https://api.test/things?page=2\n"
             "-> loop: page 2 repeats: all its 2 items came before\n");
    (void)state;
}

/* Page numbers go from `first` to an empty page, or to `last`. */
static void number_ends_with_last(void **state)
{
    struct lab lab;
    lab_open(&lab, PAGE_NUMBER, NULL, "body:/page");
    lab.def.page.first = 0;
    lab_play(&lab, PAGES({"{\"items\":[1]}"}, {"{\"items\":[2]}"}, {"{\"items\":[]}"}),
             "1 GET https://api.test/things {\"page\":0}\n"
             "2 GET https://api.test/things {\"page\":1}\n"
             "3 GET https://api.test/things {\"page\":2}\n"
             "-> end\n");
    lab_open(&lab, PAGE_NUMBER, NULL, "query:page");
    lab_last(&lab, "body:/pages");
    lab_play(&lab, PAGES({"{\"items\":[1],\"pages\":2}"}, {"{\"items\":[2],\"pages\":\"2\"}"}),
             "1 GET https://api.test/things?page=1\n"
             "2 GET https://api.test/things?page=2\n"
             "-> end\n");
    (void)state;
}

/* An empty page before `last` ends the listing, but proves nothing; a last page that is none is an error. */
static void last_may_lie(void **state)
{
    struct lab lab;
    lab_open(&lab, PAGE_NUMBER, NULL, "query:page");
    lab_last(&lab, "body:/pages");
    lab_play(&lab, PAGES({"{\"items\":[1],\"pages\":5}"}, {"{\"items\":[],\"pages\":5}"}),
             "1 GET https://api.test/things?page=1\n"
             "2 GET https://api.test/things?page=2\n"
             "-> end, not sound: page number 2 is empty, but the last (body:/pages) is 5\n");
    lab_open(&lab, PAGE_NUMBER, NULL, "query:page");
    lab_last(&lab, "body:/pages");
    lab_play(&lab, PAGES({"{\"items\":[1],\"pages\":\"?\"}"}),
             "1 GET https://api.test/things?page=1\n"
             "-> paging: page 1: body:/pages, the last page, is no number\n");
    (void)state;
}

/* A marker is the last item's id or a member of it, and ends on an empty page. */
static void marker_follows_the_last_item(void **state)
{
    struct lab lab;
    lab_open(&lab, PAGE_MARKER, NULL, "query:marker");
    lab.def.page.marker_is_id = true;
    lab_play(&lab,
             PAGES({"{\"items\":[{\"id\":\"a\"},{\"id\":\"b/c\"}]}"}, {"{\"items\":[{\"id\":\"d\"}]}"},
                   {"{\"items\":[]}"}),
             "1 GET https://api.test/things\n"
             "2 GET https://api.test/things?marker=b%2Fc\n"
             "3 GET https://api.test/things?marker=d\n"
             "-> end\n");
    lab_open(&lab, PAGE_MARKER, "item:/n", "body:/after");
    lab.def.page.end_short = true;
    lab_size(&lab, "body:/limit", 0, 2);
    lab_play(&lab, PAGES({"{\"items\":[{\"n\":1},{\"n\":2}]}"}, {"{\"items\":[{\"n\":3}]}"}),
             "1 GET https://api.test/things {\"limit\":2}\n"
             "2 GET https://api.test/things {\"after\":2,\"limit\":2}\n"
             "-> end\n");
    (void)state;
}

/* The same marker again is a loop, a last item without one an error. */
static void marker_must_move(void **state)
{
    struct lab lab;
    lab_open(&lab, PAGE_MARKER, "item:/n", "query:after");
    lab_play(&lab, PAGES({"{\"items\":[{\"n\":1}]}"}, {"{\"items\":[{\"n\":1,\"new\":1}]}"}),
             "1 GET https://api.test/things\n"
             "2 GET https://api.test/things?after=1\n"
             "-> loop: page 2 ends with a marker that an earlier page ended with\n");
    lab_open(&lab, PAGE_MARKER, "item:/n", "query:after");
    lab_play(&lab, PAGES({"{\"items\":[{\"n\":1},{}]}"}),
             "1 GET https://api.test/things\n"
             "-> paging: page 1: its last item has no marker to go on with (item:/n)\n");
    (void)state;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(offset_grows_by_what_came),
        cmocka_unit_test(short_page_ends_if_told_so),
        cmocka_unit_test(total_only_judges),
        cmocka_unit_test(repeating_page_by_offset),
        cmocka_unit_test(number_ends_with_last),
        cmocka_unit_test(last_may_lie),
        cmocka_unit_test(marker_follows_the_last_item),
        cmocka_unit_test(marker_must_move),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
