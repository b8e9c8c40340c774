/* Paging by tokens, and what all styles share: `more`, limits, repeating pages. */
#include "test_paging_lab.h"

/* Without paging there is one page. */
static void none_is_one_page(void **state)
{
    struct lab lab;
    lab_open(&lab, PAGE_NONE, NULL, NULL);
    lab_play(&lab, PAGES({"{\"items\":[1,2],\"next\":\"x\"}"}),
             "1 GET https://api.test/things\n"
             "-> end\n");
    (void)state;
}

/* A token goes where `to` says, encoded, until it is absent, null or "". */
static void token_ends_when_it_is_gone(void **state)
{
    static const char *const lasts[] = {"{\"items\":[3]}", "{\"items\":[3],\"next\":null}",
                                        "{\"items\":[3],\"next\":\"\"}"};
    for (size_t i = 0; i < sizeof lasts / sizeof *lasts; i++) {
        struct lab lab;
        lab_open(&lab, PAGE_TOKEN, "body:/next", "query:page_token");
        lab_play(&lab, PAGES({"{\"items\":[1,2],\"next\":\"a+b/c=\"}"}, {lasts[i]}),
                 "1 GET https://api.test/things\n"
                 "2 GET https://api.test/things?page_token=a%2Bb%2Fc%3D\n"
                 "-> end\n");
    }
    (void)state;
}

/* An empty page with a token is an ordinary page, and so is a short one. */
static void empty_page_with_a_token_goes_on(void **state)
{
    struct lab lab;
    lab_open(&lab, PAGE_TOKEN, "body:/next", "query:t");
    lab_size(&lab, "query:limit", 0, 100);
    lab_play(&lab,
             PAGES({"{\"items\":[],\"next\":\"a\"}"}, {"{\"items\":[1],\"next\":\"b\"}"},
                   {"{\"items\":[],\"next\":\"c\"}"}, {"{\"items\":[]}"}),
             "1 GET https://api.test/things?limit=100\n"
             "2 GET https://api.test/things?t=a&limit=100\n"
             "3 GET https://api.test/things?t=b&limit=100\n"
             "4 GET https://api.test/things?t=c&limit=100\n"
             "-> end\n");
    (void)state;
}

/* Any JSON value is a token: as its text into a query, as it is into a body. */
static void token_is_any_value(void **state)
{
    static const struct {
        const char *token, *query, *body;
    } cases[] = {
        {"12345678901234567890", "t=12345678901234567890", "12345678901234567890"},
        {"1.50", "t=1.50", "1.50"},
        {"true", "t=true", "true"},
        {"0", "t=0", "0"},
        {"\"a b&c\"", "t=a%20b%26c", "\"a b&c\""},
        {"{\"id\":[1,null]}", NULL, "{\"id\":[1,null]}"},
        {"[1]", NULL, "[1]"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct lab lab;
        char page[128], expected[512];
        snprintf(page, sizeof page, "{\"items\":[1],\"next\":%s}", cases[i].token);
        lab_open(&lab, PAGE_TOKEN, "body:/next", "query:t");
        if (cases[i].query)
            snprintf(expected, sizeof expected,
                     "1 GET https://api.test/things\n2 GET https://api.test/things?%s\n", cases[i].query);
        else
            snprintf(expected, sizeof expected,
                     "1 GET https://api.test/things\n"
                     "-> paging: page 1: its token is an %s, which can only go into a body\n",
                     cases[i].token[0] == '[' ? "array" : "object");
        lab_play(&lab, PAGES({page}), expected);

        lab_open(&lab, PAGE_TOKEN, "body:/next", "body:/page/from");
        lab.def.request.method = "POST";
        lab.def.request.has_body = true;
        lab.def.request.body = value_of(&lab.arena, "{\"q\":\"all\"}");
        snprintf(expected, sizeof expected,
                 "1 POST https://api.test/things {\"q\":\"all\"}\n"
                 "2 POST https://api.test/things {\"q\":\"all\",\"page\":{\"from\":%s}}\n",
                 cases[i].body);
        lab_play(&lab, PAGES({page}), expected);
    }
    (void)state;
}

/* Tokens come from headers and last items too, and go into forms and headers. */
static void token_travels_any_way(void **state)
{
    struct lab lab;
    lab_open(&lab, PAGE_TOKEN, "header:X-Next", "header:X-Page");
    lab_play(&lab,
             PAGES({"{\"items\":[1]}", "x-next: one", "X-NEXT:  two "}, {"{\"items\":[2]}", "X-Next:  "}),
             "1 GET https://api.test/things\n"
             "2 GET https://api.test/things X-Page: two\n"
             "-> end\n");
    lab_open(&lab, PAGE_TOKEN, "item:/id", "form:After");
    lab_play(&lab, PAGES({"{\"items\":[{\"id\":7},{\"id\":9}]}"}, {"{\"items\":[]}"}),
             "1 GET https://api.test/things\n"
             "2 GET https://api.test/things After=9\n"
             "-> end\n");
    (void)state;
}

/* A part that isn't there while another is, is left out, and what the definition says there stays. */
static void parts_come_and_go(void **state)
{
    struct lab lab;
    lab_open(&lab, PAGE_TOKEN, NULL, NULL);
    const struct template *base[] = {TEMPLATE("0")};
    struct field fields[] = {{.name = "type", .values = base, .count = 1}};
    struct page_part parts[] = {
        {lab_source(&lab.arena, "body:/name"), lab_target(&lab.arena, "query:name")},
        {lab_source(&lab.arena, "body:/type"), lab_target(&lab.arena, "query:type")},
    };
    lab.def.page.parts = parts;
    lab.def.page.part_count = 2;
    lab.def.request.query = (struct fields){fields, 1};
    lab_play(&lab,
             PAGES({"{\"items\":[1],\"name\":\"a\",\"type\":\"x\"}"}, {"{\"items\":[2],\"name\":\"a\"}"},
                   {"{\"items\":[3],\"type\":\"x\"}"}, {"{\"items\":[4],\"name\":null,\"type\":\"\"}"}),
             "1 GET https://api.test/things?type=0\n"
             "2 GET https://api.test/things?type=x&name=a\n"
             "3 GET https://api.test/things?type=0&name=a\n"
             "4 GET https://api.test/things?type=x\n"
             "-> end\n");
    (void)state;
}

/* A token seen before is a loop, at once or later; of several parts one may stay the same. */
static void repeated_token_is_a_loop(void **state)
{
    struct lab lab;
    lab_open(&lab, PAGE_TOKEN, "body:/next", "query:t");
    lab_play(&lab, PAGES({"{\"items\":[1],\"next\":\"a\"}"}, {"{\"items\":[2],\"next\":\"a\"}"}),
             "1 GET https://api.test/things\n"
             "2 GET https://api.test/things?t=a\n"
             "-> loop: page 2 gives a token that an earlier page gave\n");
    lab_open(&lab, PAGE_TOKEN, "body:/next", "body:/t");
    lab_play(&lab,
             PAGES({"{\"items\":[1],\"next\":{\"a\":1,\"b\":2}}"}, {"{\"items\":[2],\"next\":\"b\"}"},
                   {"{\"items\":[3],\"next\":{\"b\":2,\"a\":1}}"}),
             "1 GET https://api.test/things\n"
             "2 GET https://api.test/things {\"t\":{\"a\":1,\"b\":2}}\n"
             "3 GET https://api.test/things {\"t\":\"b\"}\n"
             "-> loop: page 3 gives a token that an earlier page gave\n");
    (void)state;
}

/* A page of nothing new under a fresh token is a loop as well. */
static void repeated_page_is_a_loop(void **state)
{
    struct lab lab;
    lab_open(&lab, PAGE_TOKEN, "body:/next", "query:t");
    lab_play(&lab, PAGES({"{\"items\":[1,2],\"next\":\"a\"}"}, {"{\"items\":[2,1],\"next\":\"b\"}"}),
             "1 GET https://api.test/things\n"
             "2 GET https://api.test/things?t=a\n"
             "-> loop: page 2 repeats: all its 2 items came before\n");
    (void)state;
}

/* `more` decides: false ends though there is a token, true without one is an error. */
static void more_decides(void **state)
{
    static const struct {
        const char *page, *end;
    } cases[] = {
        {"{\"items\":[1],\"next\":\"a\",\"more\":false}", "-> end\n"},
        {"{\"items\":[1],\"next\":\"a\",\"more\":\"False\"}", "-> end\n"},
        {"{\"items\":[1],\"more\":true}",
         "-> paging: page 1: body:/more is true, and there is nothing to go on with\n"},
        {"{\"items\":[1],\"next\":\"\",\"more\":\"true\"}",
         "-> paging: page 1: body:/more is true, and there is nothing to go on with\n"},
        {"{\"items\":[1],\"more\":null}", "-> end\n"},
        {"{\"items\":[1]}", "-> end\n"},
        {"{\"items\":[1],\"next\":\"a\"}", "2 GET https://api.test/things?t=a\n"},
        {"{\"items\":[1],\"next\":\"a\",\"more\":1}",
         "-> paging: page 1: body:/more is neither true nor false\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct lab lab;
        char expected[256];
        lab_open(&lab, PAGE_TOKEN, "body:/next", "query:t");
        lab_more(&lab, "body:/more");
        snprintf(expected, sizeof expected, "1 GET https://api.test/things\n%s", cases[i].end);
        lab_play(&lab, PAGES({cases[i].page}), expected);
    }
    (void)state;
}

/* A listing has at most pages_max pages, and a token its limit. */
static void listings_are_bounded(void **state)
{
    struct lab lab;
    lab_open(&lab, PAGE_NUMBER, NULL, "query:page");
    lab.def.page.pages_max = 2;
    lab_play(&lab, PAGES({"{\"items\":[1]}"}, {"{\"items\":[2]}"}),
             "1 GET https://api.test/things?page=1\n"
             "2 GET https://api.test/things?page=2\n"
             "-> limit: the listing goes on after 2 pages, which is its limit (pages_max)\n");
    struct buffer page = {0};
    buffer_add_text(&page, "{\"next\":\"");
    for (int i = 0; i < 65536; i++)
        buffer_add_char(&page, 'x');
    buffer_add_text(&page, "\"}");
    lab_open(&lab, PAGE_TOKEN, "body:/next", "query:t");
    lab_play(&lab, PAGES({buffer_text(&page)}),
             "1 GET https://api.test/things\n"
             "-> limit: page 1: its token is longer than 65536 bytes\n");
    buffer_close(&page);
    (void)state;
}

/* Each of many tokens is told from all others, and the first is still known at the end. */
static void many_tokens_are_told_apart(void **state)
{
    enum { PAGES_MANY = 100000 };
    struct lab lab;
    lab_open(&lab, PAGE_TOKEN, "body:/next", "query:t");
    paging_open(&lab.paging, &lab.def, NULL);
    for (int i = 0; i <= PAGES_MANY; i++) {
        char page[64];
        snprintf(page, sizeof page, "{\"next\":\"token %d\"}", i % PAGES_MANY);
        bool more = lab_answer(&lab, "https://api.test/things", (script_page){page});
        assert_int_equal(more, i < PAGES_MANY);
        arena_reset(&lab.page);
    }
    assert_string_equal(buffer_text(&lab.diary),
                        "-> loop: page 100001 gives a token that an earlier page gave\n");
    lab_close(&lab);
    (void)state;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(none_is_one_page),
        cmocka_unit_test(token_ends_when_it_is_gone),
        cmocka_unit_test(empty_page_with_a_token_goes_on),
        cmocka_unit_test(token_is_any_value),
        cmocka_unit_test(token_travels_any_way),
        cmocka_unit_test(parts_come_and_go),
        cmocka_unit_test(repeated_token_is_a_loop),
        cmocka_unit_test(repeated_page_is_a_loop),
        cmocka_unit_test(more_decides),
        cmocka_unit_test(listings_are_bounded),
        cmocka_unit_test(many_tokens_are_told_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
