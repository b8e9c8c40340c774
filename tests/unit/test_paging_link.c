/* Paging by links: where the next link is found, what it is relative to, and where it may not lead. */
#include "test_paging_lab.h"

#define FIRST "1 GET https://api.test/things\n"

/* How a Link header is read (RFC 8288, section 3 and appendix B). */
static void link_header_is_read(void **state)
{
    static const struct {
        const char *header, *next; /* null: the end */
    } cases[] = {
        {"<https://api.test/2>; rel=\"next\"", "https://api.test/2"},
        {"<https://api.test/2>;rel=next", "https://api.test/2"},
        {"<https://api.test/2> ; rel = next ; x", "https://api.test/2"},
        {"<https://api.test/2>; REL=\"NEXT\"", "https://api.test/2"},
        {"<https://api.test/1>; rel=\"prev\", <https://api.test/3>; rel=\"next\", "
         "<https://api.test/9>; rel=\"last\"",
         "https://api.test/3"},
        {"<https://api.test/2>; title=\"a, <b>; rel=next\"; rel=\"next\"", "https://api.test/2"},
        {"<https://api.test/9>; title=\"say \\\"rel=next\\\"\", </2>; rel=next", "https://api.test/2"},
        {"<https://api.test/9>; title=\"<x>; rel=\\\"next\\\"\"; rel=last", NULL},
        {"<https://api.test/a,b;c?d=e>; rel=next", "https://api.test/a,b;c?d=e"},
        {"<https://api.test/2>; rel=\"start http://example.net/relation/other next\"", "https://api.test/2"},
        {"<https://api.test/2>; rel=\"nextish\"", NULL},
        {"<https://api.test/2>; rel=prev; rel=next", NULL}, /* only the first counts */
        {"<https://api.test/2>; rev=next", NULL},
        {"<https://api.test/2>; title*=UTF-8'de'n%c3%a4chstes; rel=next", "https://api.test/2"},
        {", ,<https://api.test/2>; rel=next,,", "https://api.test/2"},
        {"<http://example.com/TheBook/chapter2>; rel=\"previous\"; title=\"previous chapter\"", NULL},
        {"</>; rel=\"http://example.net/foo\"", NULL},
        {"</terms>; rel=\"copyright\"; anchor=\"#foo\"", NULL},
        {"</TheBook/chapter2>; rel=\"previous\"; title*=UTF-8'de'letztes%20Kapitel, "
         "</TheBook/chapter4>; rel=\"next\"; title*=UTF-8'de'n%c3%a4chstes%20Kapitel",
         "https://api.test/TheBook/chapter4"},
        {"<?page=2>; rel=next", "https://api.test/things?page=2"},
        {"<>; rel=next", NULL},
        {"<https://api.test/2>", NULL},
        {"<https://api.test/2>;;rel=next", "https://api.test/2"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct lab lab;
        char header[512], expected[512];
        snprintf(header, sizeof header, "link: %s", cases[i].header);
        if (cases[i].next)
            snprintf(expected, sizeof expected, FIRST "2 GET %s\n", cases[i].next);
        else
            snprintf(expected, sizeof expected, FIRST "-> end\n");
        lab_open(&lab, PAGE_LINK, "header:Link", NULL);
        lab_play(&lab, PAGES({"{}", header}), expected);
    }
    (void)state;
}

/* The next link may stand in any of several Link headers. */
static void several_headers_are_one_list(void **state)
{
    struct lab lab;
    lab_open(&lab, PAGE_LINK, "header:Link", NULL);
    lab_play(&lab, PAGES({"{}", "Link: </1>; rel=first", "Date: <no>", "Link: </2>; rel=next"}, {"{}"}),
             FIRST "2 GET https://api.test/2\n"
                   "-> end\n");
    (void)state;
}

/* A header that can't be read isn't the end. */
static void unreadable_header_is_an_error(void **state)
{
    static const char *const cases[] = {"Link: https://api.test/2; rel=next",
                                        "Link: <https://api.test/2; rel=next",
                                        "Link: </2>; rel=\"next",
                                        "Link: </2>; rel=\"next\\",
                                        "Link: </2> rel=next",
                                        "Link: </2>; rel=\"next\" x"};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct lab lab;
        lab_open(&lab, PAGE_LINK, "header:Link", NULL);
        lab_play(&lab, PAGES({"{}", cases[i]}), FIRST "-> paging: page 1: its Link header can't be read\n");
    }
    (void)state;
}

/* Another header is the URL itself. */
static void own_header_is_the_url(void **state)
{
    struct lab lab;
    lab_open(&lab, PAGE_LINK, "header:X-Next-Page", NULL);
    lab_play(&lab,
             PAGES({"{}", "x-next-page: /things?p=2"}, {"{}", "X-Next-Page: </3>; rel=next"},
                   {"{}", "X-Next-Page:  "}),
             FIRST "2 GET https://api.test/things?p=2\n"
                   "3 GET https://api.test/3\n"
                   "-> end\n");
    (void)state;
}

/* A link in a body: a string, a link object, or a list of them. */
static void body_link_is_read(void **state)
{
    static const char error[] = "-> paging: page 1: body:/next is no link: a string, or a list of objects "
                                "with rel and href, is one\n";
    static const struct {
        const char *next, *expected;
    } cases[] = {
        {"\"https://api.test/2\"", "2 GET https://api.test/2\n"},
        {"\" /2 \"", "2 GET https://api.test/2\n"},
        {"\"?q=a b&c=\xc3\xa9\"", "2 GET https://api.test/things?q=a%20b&c=%C3%A9\n"},
        {"[{\"rel\":\"self\",\"href\":\"/1\"},{\"rel\":\"next\",\"href\":\"/2\"}]",
         "2 GET https://api.test/2\n"},
        {"[{\"rel\":[\"self\",\"Next\"],\"href\":\"/2\"}]", "2 GET https://api.test/2\n"},
        {"[{\"@rel\":\"next\",\"@href\":\"/2\"}]", "2 GET https://api.test/2\n"},
        {"{\"href\":\"/2\"}", "2 GET https://api.test/2\n"},
        {"{\"@rel\":\"next\",\"@href\":\"/2\"}", "2 GET https://api.test/2\n"},
        {"null", "-> end\n"},
        {"\"\"", "-> end\n"},
        {"\"  \"", "-> end\n"},
        {"[]", "-> end\n"},
        {"[{\"rel\":\"self\",\"href\":\"/1\"},{\"href\":\"/2\"}]", "-> end\n"},
        {"[{\"rel\":\"next\",\"href\":null}]", "-> end\n"},
        {"[{\"rel\":\"next\",\"href\":\"\"}]", "-> end\n"},
        {"{\"rel\":\"self\",\"href\":\"/1\"}", "-> end\n"},
        {"[{\"rel\":\"next\"}]", error},
        {"[{\"rel\":\"next\",\"href\":2}]", error},
        {"[\"/2\"]", error},
        {"{}", error},
        {"2", error},
        {"true", error},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct lab lab;
        char page[256], expected[512];
        snprintf(page, sizeof page, "{\"next\":%s}", cases[i].next);
        snprintf(expected, sizeof expected, FIRST "%s", cases[i].expected);
        lab_open(&lab, PAGE_LINK, "body:/next", NULL);
        lab_play(&lab, PAGES({page}), expected);
    }
    (void)state;
}

/* The link replaces URL and query; method, headers, body and a size outside the query stay. */
static void link_replaces_url_and_query(void **state)
{
    const struct template *all[] = {TEMPLATE("all")}, *json[] = {TEMPLATE("v1")};
    struct field query[] = {{.name = "filter", .values = all, .count = 1}};
    struct field headers[] = {{.name = "X-Api", .values = json, .count = 1}};
    struct lab lab;
    lab_open(&lab, PAGE_LINK, "body:/next", NULL);
    lab.def.request.method = "POST";
    lab.def.request.query = (struct fields){query, 1};
    lab.def.request.headers = (struct fields){headers, 1};
    lab.def.request.has_body = true;
    lab.def.request.body = value_of(&lab.arena, "{\"deep\":true}");
    lab_size(&lab, "query:limit", 50, 100);
    lab_play(&lab, PAGES({"{\"next\":\"?filter=all&limit=50&after=7\"}"}),
             "1 POST https://api.test/things?filter=all&limit=50 X-Api: v1 {\"deep\":true}\n"
             "2 POST https://api.test/things?filter=all&limit=50&after=7 X-Api: v1 {\"deep\":true}\n");
    lab_open(&lab, PAGE_LINK, "body:/next", NULL);
    lab_size(&lab, "header:Prefer", 50, 100);
    lab_play(&lab, PAGES({"{\"next\":\"/2\"}"}),
             "1 GET https://api.test/things Prefer: 50\n"
             "2 GET https://api.test/2 Prefer: 50\n");
    (void)state;
}

/* Relative links are relative to the page they stand on; an empty or short page with one goes on. */
static void links_are_relative_to_their_page(void **state)
{
    struct lab lab;
    lab_open(&lab, PAGE_LINK, "body:/next", NULL);
    lab_play(&lab,
             PAGES({"{\"items\":[1,2],\"next\":\"things/a/2\"}"}, {"{\"items\":[],\"next\":\"3#top\"}"},
                   {"{\"items\":[3],\"next\":\"../b/4?x\"}"}, {"{\"items\":[4]}"}),
             FIRST "2 GET https://api.test/things/a/2\n"
                   "3 GET https://api.test/things/a/3\n"
                   "4 GET https://api.test/things/b/4?x\n"
                   "-> end\n");
    (void)state;
}

/* A link to a page that was asked before is a loop: back to the first page, to itself, to any other. */
static void link_back_is_a_loop(void **state)
{
    struct lab lab;
    lab_open(&lab, PAGE_LINK, "body:/next", NULL);
    lab_play(&lab, PAGES({"{\"next\":\"/things\"}"}),
             FIRST "-> loop: page 1 links to a page that was asked before\n");
    lab_open(&lab, PAGE_LINK, "body:/next", NULL);
    lab_play(&lab, PAGES({"{\"next\":\"/2\"}"}, {"{\"next\":\"https://api.test/things#x\"}"}),
             FIRST "2 GET https://api.test/2\n"
                   "-> loop: page 2 links to a page that was asked before\n");
    lab_open(&lab, PAGE_LINK, "body:/next", NULL);
    lab_play(&lab, PAGES({"{\"next\":\"/2\"}"}, {"{\"next\":\"/3\"}"}, {"{\"next\":\"/a/../2\"}"}),
             FIRST "2 GET https://api.test/2\n"
                   "3 GET https://api.test/3\n"
                   "-> loop: page 3 links to a page that was asked before\n");
    (void)state;
}

/* Links to other origins aren't followed, unless allow_origins names them. */
static void other_origins_need_to_be_allowed(void **state)
{
    static const char *const origins[] = {"https://cdn.test", "http://old.test:8080/", NULL};
    static const struct {
        const char *link, *expected;
    } cases[] = {
        {"https://API.test:443/2", "2 GET https://API.test:443/2\n"},
        {"https://CDN.test/2", "2 GET https://CDN.test/2\n"},
        {"http://old.test:8080/2", "2 GET http://old.test:8080/2\n"},
        {"//cdn.test/2", "2 GET https://cdn.test/2\n"},
        {"https://evil.test/2",
         "-> redirect: page 1: its next link leads to https://evil.test, not to "
         "https://api.test: name it in allow_origins if it may have the credentials, or "
         "set rewrite_origin\n"},
        {"http://api.test/2", "-> redirect: page 1: its next link leads to http://api.test, not to "
                              "https://api.test: name it in allow_origins if it may have the credentials, or "
                              "set rewrite_origin\n"},
        {"http://cdn.test/2", "-> redirect: page 1: its next link leads to http://cdn.test, not to "
                              "https://api.test: name it in allow_origins if it may have the credentials, or "
                              "set rewrite_origin\n"},
        {"https://api.test:8443/2",
         "-> redirect: page 1: its next link leads to https://api.test:8443, not to "
         "https://api.test: name it in allow_origins if it may have the "
         "credentials, or set rewrite_origin\n"},
        {"https://api.test@evil.test/", "-> redirect: page 1: its next link has a user or password in it\n"},
        {"https://me@api.test/", "-> redirect: page 1: its next link has a user or password in it\n"},
        {"ftp://api.test/2",
         "-> paging: page 1: its next link can't be followed: the URL's scheme is neither "
         "https nor http\n"},
        {"https:///2", "-> paging: page 1: its next link can't be followed: the URL has no host\n"},
        {"https://evil.test\\\\@api.test/",
         "-> paging: page 1: its next link can't be followed: the URL has a "
         "backslash in its host\n"},
        {"/a\\nb",
         "-> paging: page 1: its next link can't be followed: the URL has a space or control character "
         "at byte 19\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct lab lab;
        char page[256], expected[512];
        snprintf(page, sizeof page, "{\"next\":\"%s\"}", cases[i].link);
        snprintf(expected, sizeof expected, FIRST "%s", cases[i].expected);
        lab_open(&lab, PAGE_LINK, "body:/next", NULL);
        lab.provider.allow_origins = origins;
        lab_play(&lab, PAGES({page}), expected);
    }
    (void)state;
}

/* From an allowed origin a relative link stays there, and one home is fine. */
static void allowed_origins_link_on(void **state)
{
    static const char *const origins[] = {"https://cdn.test", NULL};
    struct lab lab;
    lab_open(&lab, PAGE_LINK, "body:/next", NULL);
    lab.provider.allow_origins = origins;
    lab_play(&lab,
             PAGES({"{\"next\":\"https://cdn.test/2\"}"}, {"{\"next\":\"/3\"}"},
                   {"{\"next\":\"https://api.test/4\"}"}, {"{}"}),
             FIRST "2 GET https://cdn.test/2\n"
                   "3 GET https://cdn.test/3\n"
                   "4 GET https://api.test/4\n"
                   "-> end\n");
    (void)state;
}

/* With rewrite_origin only path and query of a link count. */
static void rewriting_keeps_the_asked_origin(void **state)
{
    struct lab lab;
    lab_open(&lab, PAGE_LINK, "body:/next", NULL);
    lab.provider.rewrite_origin = true;
    lab_play(&lab,
             PAGES({"{\"next\":\"http://internal:8080/v1/things?after=a%2Fb\"}"},
                   {"{\"next\":\"https://user:secret@other.test?x=1\"}"}, {"{\"next\":\"things/4\"}"},
                   {"{\"next\":\"http://internal:8080/things\"}"}),
             FIRST "2 GET https://api.test/v1/things?after=a%2Fb\n"
                   "3 GET https://api.test/?x=1\n"
                   "4 GET https://api.test/things/4\n"
                   "-> loop: page 4 links to a page that was asked before\n");
    (void)state;
}

/* A page that repeats is a loop though its link is new; a link has its limit; `more` decides. */
static void links_have_their_limits(void **state)
{
    struct lab lab;
    lab_open(&lab, PAGE_LINK, "body:/next", NULL);
    lab_play(&lab, PAGES({"{\"items\":[1],\"next\":\"/2\"}"}, {"{\"items\":[1],\"next\":\"/3\"}"}),
             FIRST "2 GET https://api.test/2\n"
                   "-> loop: page 2 repeats: all its 1 items came before\n");
    lab_open(&lab, PAGE_LINK, "body:/next", NULL);
    lab_more(&lab, "body:/more");
    lab_play(&lab, PAGES({"{\"next\":\"\",\"more\":true}"}),
             FIRST "-> paging: page 1: body:/more is true, and there is nothing to go on with\n");
    struct buffer page = {0};
    buffer_add_text(&page, "{\"next\":\"/");
    for (int i = 0; i < 65536; i++)
        buffer_add_char(&page, 'x');
    buffer_add_text(&page, "\"}");
    lab_open(&lab, PAGE_LINK, "body:/next", NULL);
    lab_play(&lab, PAGES({buffer_text(&page)}),
             FIRST "-> limit: page 1: its next link is longer than 65536 bytes\n");
    buffer_close(&page);
    (void)state;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(link_header_is_read),
        cmocka_unit_test(several_headers_are_one_list),
        cmocka_unit_test(unreadable_header_is_an_error),
        cmocka_unit_test(own_header_is_the_url),
        cmocka_unit_test(body_link_is_read),
        cmocka_unit_test(link_replaces_url_and_query),
        cmocka_unit_test(links_are_relative_to_their_page),
        cmocka_unit_test(link_back_is_a_loop),
        cmocka_unit_test(other_origins_need_to_be_allowed),
        cmocka_unit_test(allowed_origins_link_on),
        cmocka_unit_test(rewriting_keeps_the_asked_origin),
        cmocka_unit_test(links_have_their_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
