/* Text for terminals: what strangers wrote moves no cursor, forges no line, and is measured in columns. */
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/text.h"

static void safe_is(struct bytes text, const char *wanted)
{
    struct buffer out = {0};
    text_add_safe(&out, text);
    assert_string_equal(buffer_text(&out), wanted);
    buffer_close(&out);
}

/* Control characters, bytes that are no UTF-8 and turns of the reading direction are spelt out. */
static void nothing_drives_the_terminal(void **state)
{
    (void)state;
    safe_is(BYTES("plain, ünï, 日本"), "plain, ünï, 日本");
    safe_is(BYTES("\033[2Jx\a\n\t\r"), "\\x1b[2Jx\\x07\\n\\t\\r");
    safe_is(BYTES("a\0b"), "a\\x00b");
    safe_is(BYTES("\xc2\x9b"
                  "31m"),
            "\\u{9b}31m");
    safe_is(BYTES("\xff\xc3"), "\\xff\\xc3");
    safe_is(BYTES("\xe2\x80\xae"
                  "txt"),
            "\\u{202e}txt");
    safe_is(BYTES(""), "");
}

/* A name is short, and can stand in any sentence: of whatever language. */
static void a_name_is_harmless_text(void **state)
{
    (void)state;
    assert_true(text_is_name(BYTES("x"), 1));
    assert_true(text_is_name(BYTES("worker-1 ünï 日本"), 63));
    assert_false(text_is_name(BYTES(""), 63));
    assert_false(text_is_name(BYTES("four"), 3));
    assert_false(text_is_name(BYTES("a\nb"), 63));
    assert_false(text_is_name(BYTES("a\0b"), 63));
    assert_false(text_is_name(BYTES("\xff"), 63));
    assert_false(text_is_name(BYTES("\xc2\x9b"), 63));
    assert_false(text_is_name(BYTES("\xe2\x80\xae"), 63));
}

/* Wide characters take two columns, combining ones none; a cut never halves a character. */
static void width_is_counted_in_columns(void **state)
{
    struct buffer out = {0};
    (void)state;
    assert_int_equal(text_width(BYTES("abc")), 3);
    assert_int_equal(text_width(BYTES("日本")), 4);
    assert_int_equal(text_width(BYTES("e\xcc\x81")), 1);
    assert_int_equal(text_cut(BYTES("日本"), 3).len, 3);
    assert_int_equal(text_cut(BYTES("abc"), 9).len, 3);
    text_add_cut(&out, BYTES("日本語"), 5);
    assert_string_equal(buffer_text(&out), "日本…");
    buffer_close(&out);
}

static void json_is(struct bytes json, const char *wanted)
{
    struct buffer out = {0};
    text_add_json(&out, json);
    assert_string_equal(buffer_text(&out), wanted);
    buffer_close(&out);
}

/* JSON for a terminal is the same JSON. */
static void json_keeps_its_meaning(void **state)
{
    (void)state;
    json_is(BYTES("{\"a\":\"ü\\n\"}"), "{\"a\":\"ü\\n\"}");
    json_is(BYTES("[\"\x7f\xc2\x9b\xe2\x80\xae\"]"), "[\"\\u007f\\u009b\\u202e\"]");
}

static void word_is(struct bytes word, const char *wanted)
{
    struct buffer out = {0};
    text_add_shell(&out, word);
    assert_string_equal(buffer_text(&out), wanted);
    buffer_close(&out);
}

/* A command line that is shown can be pasted. */
static void words_are_quoted_for_the_shell(void **state)
{
    (void)state;
    word_is(BYTES("team/shop:v1"), "team/shop:v1");
    word_is(BYTES("it's $x"), "'it'\\''s $x'");
    word_is(BYTES(""), "''");
    word_is(BYTES("日本"), "'日本'");
    word_is(BYTES("a\n'\\"), "$'a\\x0a\\'\\\\'");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_drives_the_terminal),    cmocka_unit_test(a_name_is_harmless_text),
        cmocka_unit_test(width_is_counted_in_columns),    cmocka_unit_test(json_keeps_its_meaning),
        cmocka_unit_test(words_are_quoted_for_the_shell),
    };
    setlocale(LC_CTYPE, "C.UTF-8");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
