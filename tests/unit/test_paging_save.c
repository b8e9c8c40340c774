/* A position that is kept between two harvests: what is asked next is the same, and what can't be one is
 * refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/limits.h"
#include "tests/unit/test_paging_lab.h"

/* The next request, once as it is and once after the position was saved and restored, must be the same. Goes
 * on with the restored one. */
static void move_house(struct lab *lab)
{
    struct arena arena = {0};
    struct checkpoint_position at;
    struct url origin;
    struct error e;
    uint64_t page = paging_page(&lab->paging);
    assert_true(paging_save(&lab->paging, &arena, &at));
    assert_int_equal(at.page, page);
    paging_close(&lab->paging);
    assert_int_equal(url_parse(bytes_of(lab->url.text), &origin, &e), 0);
    paging_open(&lab->paging, &lab->def, &origin);
    if (paging_restore(&lab->paging, &at, &e))
        fail_msg("%s", e.text);
    assert_int_equal(paging_page(&lab->paging), page);
    arena_close(&arena);
}

/* Play a script as lab_play does, and move after each page that isn't the last. */
static void play_moving(struct lab *lab, const script_page *pages, const char *expected)
{
    struct request request;
    struct error e;
    bool more = true;
    for (; more && **pages; pages++) {
        more = lab_ask(lab, &request, &e) && lab_answer(lab, request.url, *pages);
        if (more)
            move_house(lab);
        arena_reset(&lab->page);
    }
    assert_null(**pages);
    assert_string_equal(buffer_text(&lab->diary), expected);
    lab_close(lab);
}

static void tokens_go_along(void **state)
{
    struct lab lab;
    (void)state;
    lab_open(&lab, PAGE_TOKEN, "body:/next", "body:/from");
    play_moving(&lab,
                PAGES({"{\"items\":[1],\"next\":\"a b\"}"},
                      {"{\"items\":[2],\"next\":{\"id\":[1,1.50,null]}}"},
                      {"{\"items\":[3],\"next\":123456789012345678901234567890}"}, {"{\"items\":[4]}"}),
                "1 GET https://api.test/things\n"
                "2 GET https://api.test/things {\"from\":\"a b\"}\n"
                "3 GET https://api.test/things {\"from\":{\"id\":[1,1.50,null]}}\n"
                "4 GET https://api.test/things {\"from\":123456789012345678901234567890}\n"
                "-> end\n");
}

/* A part that a page lacks stays left out. */
static void parts_go_along(void **state)
{
    struct lab lab;
    (void)state;
    lab_open(&lab, PAGE_TOKEN, NULL, NULL);
    struct page_part parts[] = {
        {lab_source(&lab.arena, "body:/a"), lab_target(&lab.arena, "query:a")},
        {lab_source(&lab.arena, "header:X-B"), lab_target(&lab.arena, "header:X-From")},
    };
    lab.def.page.parts = parts;
    lab.def.page.part_count = 2;
    play_moving(&lab,
                PAGES({"{\"items\":[1],\"a\":\"1\"}", "X-B: 2"}, {"{\"items\":[2],\"a\":\"3\"}"},
                      {"{\"items\":[3]}"}),
                "1 GET https://api.test/things\n"
                "2 GET https://api.test/things?a=1 X-From: 2\n"
                "3 GET https://api.test/things?a=3\n"
                "-> end\n");
}

static void links_go_along(void **state)
{
    struct lab lab;
    (void)state;
    lab_open(&lab, PAGE_LINK, "body:/next", NULL);
    play_moving(&lab,
                PAGES({"{\"items\":[1],\"next\":\"?page=2\"}"},
                      {"{\"items\":[2],\"next\":\"/other?x=%20y\"}"}, {"{\"items\":[3]}"}),
                "1 GET https://api.test/things\n"
                "2 GET https://api.test/things?page=2\n"
                "3 GET https://api.test/other?x=%20y\n"
                "-> end\n");
}

/* With the size, what came so far, and the total. */
static void counts_go_along(void **state)
{
    struct lab lab;
    (void)state;
    lab_open(&lab, PAGE_OFFSET, NULL, "query:at");
    lab_size(&lab, "query:n", 2, 10);
    lab_total(&lab, "body:/total");
    play_moving(&lab, PAGES({"{\"items\":[1,2],\"total\":3}"}, {"{\"items\":[3]}"}, {"{\"items\":[]}"}),
                "1 GET https://api.test/things?at=0&n=2\n"
                "2 GET https://api.test/things?at=2&n=2\n"
                "3 GET https://api.test/things?at=3&n=2\n"
                "-> end\n");
    lab_open(&lab, PAGE_NUMBER, NULL, "query:page");
    play_moving(&lab, PAGES({"{\"items\":[1,2]}"}, {"{\"items\":[3]}"}, {"{\"items\":[]}"}),
                "1 GET https://api.test/things?page=1\n"
                "2 GET https://api.test/things?page=2\n"
                "3 GET https://api.test/things?page=3\n"
                "-> end\n");
    lab_open(&lab, PAGE_OFFSET, NULL, "query:at");
    lab.def.page.end_short = true; /* shorter than the first page */
    play_moving(&lab, PAGES({"{\"items\":[1,2]}"}, {"{\"items\":[3,4]}"}, {"{\"items\":[5]}"}),
                "1 GET https://api.test/things?at=0\n"
                "2 GET https://api.test/things?at=2\n"
                "3 GET https://api.test/things?at=4\n"
                "-> end\n");
}

static void markers_go_along(void **state)
{
    struct lab lab;
    (void)state;
    lab_open(&lab, PAGE_MARKER, NULL, "query:after");
    lab.def.page.marker_is_id = true;
    play_moving(
        &lab, PAGES({"{\"items\":[{\"id\":\"a/1\"}]}"}, {"{\"items\":[{\"id\":\"b\"}]}"}, {"{\"items\":[]}"}),
        "1 GET https://api.test/things\n"
        "2 GET https://api.test/things?after=a%2F1\n"
        "3 GET https://api.test/things?after=b\n"
        "-> end\n");
}

/* Pages go on being counted; loops are looked for anew, from the position on. */
static void pages_max_and_loops_after_a_move(void **state)
{
    struct lab lab;
    (void)state;
    lab_open(&lab, PAGE_TOKEN, "body:/next", "query:t");
    lab.def.page.pages_max = 2;
    play_moving(&lab, PAGES({"{\"items\":[1],\"next\":\"a\"}"}, {"{\"items\":[2],\"next\":\"b\"}"}),
                "1 GET https://api.test/things\n"
                "2 GET https://api.test/things?t=a\n"
                "-> limit: the listing goes on after 2 pages, which is its limit (pages_max)\n");
    lab_open(&lab, PAGE_TOKEN, "body:/next", "query:t");
    play_moving(&lab, PAGES({"{\"items\":[1],\"next\":\"a\"}"}, {"{\"items\":[2],\"next\":\"a\"}"}),
                "1 GET https://api.test/things\n"
                "2 GET https://api.test/things?t=a\n"
                "-> loop: page 2 gives a token that an earlier page gave\n");
}

/* Before the first page, and when it is over, there is nothing to go on from. */
static void no_position(void **state)
{
    struct lab lab;
    struct arena arena = {0};
    struct checkpoint_position at;
    struct request request;
    struct error e;
    (void)state;
    lab_open(&lab, PAGE_TOKEN, "body:/next", "query:t");
    assert_false(paging_save(&lab.paging, &arena, &at));
    assert_true(lab_ask(&lab, &request, &e));
    assert_false(paging_save(&lab.paging, &arena, &at));
    assert_false(lab_answer(&lab, request.url, (script_page){"{\"items\":[1]}"}));
    assert_false(paging_save(&lab.paging, &arena, &at));
    lab_close(&lab);
    arena_close(&arena);
}

static void refuses(enum page_style style, struct checkpoint_position at, int code)
{
    struct lab lab;
    struct url origin;
    struct error e;
    lab_open(&lab, style, "body:/next", style == PAGE_LINK ? NULL : "query:t");
    lab.def.page.pages_max = 100;
    assert_int_equal(url_parse(bytes_of(lab.url.text), &origin, &e), 0);
    paging_open(&lab.paging, &lab.def, &origin);
    assert_int_equal(paging_restore(&lab.paging, &at, &e), code);
    lab_close(&lab);
}

/* What was on a disk is held against the paging as if a server had sent it. */
static void foreign_positions_are_refused(void **state)
{
    (void)state;
    const struct checkpoint_position sound = {.page = 2, .tokens = BYTES("\x91\xa1x")};
    struct checkpoint_position at = sound;
    refuses(PAGE_TOKEN, sound, 0);
    at.page = 1;
    refuses(PAGE_TOKEN, at, ERR_PAGING);
    at.page = 101;
    refuses(PAGE_TOKEN, at, ERR_PAGING);
    at = sound;
    at.size = 10; /* it asks for none */
    refuses(PAGE_TOKEN, at, ERR_PAGING);
    static const struct bytes tokens[] = {
        {NULL, 0},           {"", 0},         {"\xc1", 1}, {"\xa1x", 2}, {"\x92\xa1x\xa1y", 5},
        {"\x91\x91\x01", 3}, {"\x91\xc0", 2},
    };
    for (size_t i = 0; i < sizeof tokens / sizeof *tokens; i++) {
        at = sound;
        at.tokens = tokens[i];
        refuses(PAGE_TOKEN, at, ERR_PAGING);
    }
    refuses(PAGE_NONE, (struct checkpoint_position){.page = 2}, ERR_PAGING);
    refuses(PAGE_LINK, (struct checkpoint_position){.page = 2, .link = BYTES("https://api.test/x")}, 0);
    refuses(PAGE_LINK, (struct checkpoint_position){.page = 2}, ERR_PAGING);
    refuses(PAGE_LINK, (struct checkpoint_position){.page = 2, .link = BYTES("file:///x")}, ERR_PAGING);
    refuses(PAGE_LINK, (struct checkpoint_position){.page = 2, .link = BYTES("https://evil.test/x")},
            ERR_REDIRECT);
    refuses(PAGE_LINK, (struct checkpoint_position){.page = 2, .link = BYTES("https://u:p@api.test/x")},
            ERR_REDIRECT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tokens_go_along),  cmocka_unit_test(parts_go_along),
        cmocka_unit_test(links_go_along),   cmocka_unit_test(counts_go_along),
        cmocka_unit_test(markers_go_along), cmocka_unit_test(pages_max_and_loops_after_a_move),
        cmocka_unit_test(no_position),      cmocka_unit_test(foreign_positions_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
