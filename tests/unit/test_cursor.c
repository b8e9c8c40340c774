/* Cursors as text: they come back whole, and nothing that was damaged does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <string.h>

#include "proto/change.h"

static void a_cursor_comes_back(void **state)
{
    static const uint32_t counts[] = {0, 1, 2, 3, 256, LIMIT_SHARDS};
    (void)state;
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        struct arena arena = {0};
        struct buffer text = {0};
        struct error e = {0};
        struct cursor back, cursor = {.count = counts[i], .feed = {1, 2, 255}};
        cursor.positions = arena_zalloc(&arena, (counts[i] + 1) * sizeof *cursor.positions);
        for (uint32_t n = 0; n < counts[i]; n++)
            cursor.positions[n] = (struct position){.shard = n,
                                                    .check = n * 77,
                                                    .epoch = n % 2 ? 1 : UINT64_MAX,
                                                    .seq = n % 3 ? n : UINT64_MAX - 1 - n};
        for (uint32_t n = 3; n < counts[i]; n += 3)
            cursor.positions[n].until = (struct point){n + 1, UINT64_MAX - 1, n * 3};
        cursor_to_text(&cursor, &text);
        buffer_add_char(&text, '\n'); /* as `cat` gives it */
        int r = cursor_from_text(&arena, buffer_bytes(&text), &back, &e);
        if (r)
            fail_msg("%u: %s", counts[i], e.text);
        assert_memory_equal(back.feed, cursor.feed, sizeof back.feed);
        assert_int_equal(back.count, cursor.count);
        for (uint32_t n = 0; n < back.count; n++) {
            const struct position *a = &back.positions[n], *b = &cursor.positions[n];
            assert_true(a->shard == b->shard && a->check == b->check && a->epoch == b->epoch &&
                        a->seq == b->seq && a->until.epoch == b->until.epoch &&
                        a->until.seq == b->until.seq && a->until.check == b->until.check);
        }
        buffer_close(&text);
        arena_close(&arena);
    }
}

/* A character lost, changed or added is noticed. */
static void a_damaged_cursor_is_refused(void **state)
{
    static const char letters[] = "ABCxyz019-_=+/ .\n\xff";
    struct arena arena = {0};
    struct buffer text = {0};
    struct error e;
    struct position positions[] = {{.shard = 0, .epoch = 1, .seq = 17},
                                   {.shard = 12, .epoch = 3, .seq = 1234}};
    struct cursor back, cursor = {.count = 2, .positions = positions};
    (void)state;
    cursor_to_text(&cursor, &text);
    for (size_t len = 0; len < text.len; len++)
        assert_int_equal(cursor_from_text(&arena, (struct bytes){text.data, len}, &back, &e), ERR_USAGE);
    for (size_t at = 0; at < text.len; at++)
        for (const char *letter = letters; *letter; letter++) {
            char old = text.data[at];
            text.data[at] = *letter;
            int r = cursor_from_text(&arena, buffer_bytes(&text), &back, &e);
            assert_int_equal(r, old == *letter ? 0 : ERR_USAGE);
            text.data[at] = old;
        }
    buffer_add_char(&text, 'A');
    assert_int_equal(cursor_from_text(&arena, buffer_bytes(&text), &back, &e), ERR_USAGE);
    assert_int_equal(cursor_from_text(&arena, BYTES("now"), &back, &e), ERR_USAGE);
    char *huge = arena_zalloc(&arena, 2 << 20);
    memset(huge, 'A', 2 << 20);
    assert_int_equal(cursor_from_text(&arena, (struct bytes){huge, 2 << 20}, &back, &e), ERR_USAGE);
    buffer_close(&text);
    arena_close(&arena);
}

/* A cursor that was made with a right sum is checked all the same. */
static void an_unsound_cursor_is_refused(void **state)
{
    struct position twice[] = {{.shard = 3, .epoch = 1, .seq = 1}, {.shard = 3, .epoch = 1, .seq = 2}},
                    high[] = {{.shard = LIMIT_SHARDS, .epoch = 1, .seq = 1}};
    struct cursor cursors[] = {{.positions = twice, .count = 2}, {.positions = high, .count = 1}};
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct arena arena = {0};
        struct buffer text = {0};
        struct error e;
        struct cursor back;
        cursor_to_text(&cursors[i], &text);
        assert_int_equal(cursor_from_text(&arena, buffer_bytes(&text), &back, &e), ERR_USAGE);
        buffer_close(&text);
        arena_close(&arena);
    }
}

static void a_bookmark_is_op_cursor_and_time(void **state)
{
    struct buffer json = {0}, text = {0};
    struct position positions[] = {{.shard = 0, .epoch = 1, .seq = 17}};
    struct cursor cursor = {.count = 1, .positions = positions};
    (void)state;
    cursor_to_text(&cursor, &text);
    bookmark_to_json(&cursor, INT64_C(1795341600123), &json);
    struct buffer expected = {0};
    buffer_printf(&expected, "{\"op\":\"bookmark\",\"cursor\":\"%s\",\"time\":\"2026-11-22T10:00:00.123Z\"}",
                  buffer_text(&text));
    assert_string_equal(buffer_text(&json), buffer_text(&expected));
    assert_null(strpbrk(buffer_text(&text), "+/="));
    buffer_close(&json);
    buffer_close(&text);
    buffer_close(&expected);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cursor_comes_back),
        cmocka_unit_test(a_damaged_cursor_is_refused),
        cmocka_unit_test(an_unsound_cursor_is_refused),
        cmocka_unit_test(a_bookmark_is_op_cursor_and_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
