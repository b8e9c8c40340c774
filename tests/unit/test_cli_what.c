/* What a change is told as in a table: short, and still with what matters in it. */
#include "test_value_maker.h"
#include <locale.h>
#include <stdio.h>

#include "cli/brief.h"
#include "cli/what.h"
#include "common/text.h"
#include "common/value/patch.h"

static struct bytes packed(struct arena *arena, const struct value *value)
{
    struct buffer out = {0};
    value_to_msgpack(value, &out);
    struct bytes copy = arena_copy(arena, buffer_bytes(&out));
    buffer_close(&out);
    return copy;
}

/* An update from `before` to `after` reads `wanted`. */
static void update_is(const char *before, const char *after, const char *wanted)
{
    struct arena arena = {0}, scratch = {0};
    struct buffer text = {0};
    struct value a = value_of(&arena, before), b = value_of(&arena, after);
    struct value patch = patch_diff(&arena, &a, &b);
    struct change change = {.op = CHANGE_UPDATED,
                            .before = packed(&arena, &a),
                            .after = packed(&arena, &b),
                            .patch = packed(&arena, &patch)};
    what_changed(&change, &scratch, &text);
    assert_string_equal(buffer_text(&text), wanted);
    buffer_close(&text);
    arena_close(&scratch);
    arena_close(&arena);
}

static void creation_is(const char *after, const char *wanted)
{
    struct arena arena = {0}, scratch = {0};
    struct buffer text = {0};
    struct value a = value_of(&arena, after);
    struct change change = {.op = CHANGE_CREATED, .id = BYTES("snap-1"), .after = packed(&arena, &a)};
    what_changed(&change, &scratch, &text);
    assert_string_equal(buffer_text(&text), wanted);
    buffer_close(&text);
    arena_close(&scratch);
    arena_close(&arena);
}

/* A door that opens is told in full: no quotes, nothing of what is empty. */
static void a_rule_is_told_in_full(void **state)
{
    (void)state;
    const char *rule = "{\"ipProtocol\":\"tcp\",\"fromPort\":\"22\",\"toPort\":\"22\",\"groups\":\"\","
                       "\"ipRanges\":[{\"cidrIp\":\"0.0.0.0/"
                       "0\",\"description\":null}],\"ipv6Ranges\":[],\"x\":{\"y\":[\"\"]}}";
    char after[512], wanted[512];
    snprintf(after, sizeof after, "{\"rules\":[%s]}", rule);
    const char *told = "{ipProtocol: tcp, fromPort: 22, toPort: 22, ipRanges: [{cidrIp: 0.0.0.0/0}]}";
    snprintf(wanted, sizeof wanted, "/rules/- added: %s", told);
    update_is("{\"rules\":[]}", after, wanted);
    snprintf(wanted, sizeof wanted, "/rules/0 removed: %s", told);
    update_is(after, "{\"rules\":[]}", wanted);
}

/* What a step replaces is what the steps before it left there; scalars are told as they are. */
static void each_step_tells_what_was_there(void **state)
{
    (void)state;
    update_is("{\"a\":\"on\",\"n\":1}", "{\"a\":\"off\",\"n\":2}", "/a on → off, /n 1 → 2");
    update_is("{\"a\":\"\",\"b\":true}", "{\"a\":\"x\",\"b\":false}", "/a \"\" → x, /b true → false");
    update_is("{\"a\":{\"b\":[1,null,\"\"]}}", "{\"a\":[]}", "/a {b: [1, null, ]} → []");
    update_is("\"one\"", "\"two\"", "all of it one → two");
}

/* Long texts are told from where they differ, and never cut in the middle of a character. */
static void long_texts_begin_where_they_differ(void **state)
{
    (void)state;
    update_is("{\"a\":\"arn:aws:iam::111111111111:policy/a-long-path/readonly, "
              "arn:aws:iam::111111111111:policy/audit, x, "
              "Allow root\"}",
              "{\"a\":\"arn:aws:iam::111111111111:policy/a-long-path/readonly, "
              "arn:aws:iam::111111111111:policy/audit, x, "
              "Allow *\"}",
              "/a …, Allow root → …, Allow *");
    struct buffer out = {0};
    struct value before = value_string(BYTES("ééééééééé1")), after = value_string(BYTES("ééééééééé2"));
    brief_add_replaced(&out, &before, &after, 6);
    assert_string_equal(buffer_text(&out), "…éééé1 → …éééé2");
    buffer_close(&out);
}

/* However much there is, a cell stays short and its text safe. */
static void a_large_document_is_cut(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct buffer json = {0}, out = {0};
    buffer_add_char(&json, '[');
    for (unsigned i = 0; i < 50000; i++)
        buffer_printf(&json, "%s{\"k\\u001b\":[[%u]]}", i ? "," : "", i);
    buffer_add_char(&json, ']');
    struct value value = value_of(&arena, buffer_text(&json));
    brief_add(&out, &value, 40);
    assert_int_equal(text_width(buffer_bytes(&out)), 40);
    assert_memory_equal(out.data, "[{k\\x1b: [[0]]}, {k\\x1b: ", 25);
    buffer_close(&json);
    buffer_close(&out);
    arena_close(&arena);
}

/* A new document is told by its beginning, without its id, which has a column of its own. */
static void a_creation_is_told_by_its_beginning(void **state)
{
    (void)state;
    creation_is("\"2.0\"", "2.0");
    creation_is("{\"snapshotId\":\"snap-1\",\"tagSet\":[],\"state\":\"completed\",\"volumeId\":\"vol-1\"}",
                "{state: completed, volumeId: vol-1}");
    creation_is("\"012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"
                "0123456789+\"",
                "01234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901"
                "2345678…");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_rule_is_told_in_full),
        cmocka_unit_test(each_step_tells_what_was_there),
        cmocka_unit_test(long_texts_begin_where_they_differ),
        cmocka_unit_test(a_large_document_is_cut),
        cmocka_unit_test(a_creation_is_told_by_its_beginning),
    };
    setlocale(LC_CTYPE, "C.UTF-8");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
