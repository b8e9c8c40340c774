/* YAML: what is read, what is refused, and what the messages look like. */
#include "test_report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/check.h"
#include "common/limits.h"

struct lab {
    struct yaml_report report;
    struct yaml_file *file;
    struct arena arena;
};

static void lab_open(struct lab *lab, const char *text)
{
    *lab = (struct lab){.file = NULL};
    lab->file = yaml_open_text("f.yaml", bytes_of(text), &lab->report);
    if (!lab->file)
        print_error("%s", buffer_text(&lab->report.text));
    assert_non_null(lab->file);
}

static void lab_close(struct lab *lab)
{
    yaml_close(lab->file);
    yaml_report_close(&lab->report);
    arena_close(&lab->arena);
}

/* A tree is read with kinds, texts and places. */
static void a_file_becomes_nodes_with_places(void **state)
{
    struct lab lab;
    lab_open(&lab, "\xef\xbb\xbf# a comment\na: 1\nb:\n  - x\n  - {y: 'q', z: }\nc: |\n  two\n  lines\n");
    const yaml_node *root = yaml_root(lab.file), *list = yaml_get(root, "b");
    assert_int_equal(yaml_kind(root), YAML_MAP);
    assert_int_equal(yaml_count(root), 3);
    assert_true(bytes_is(yaml_text(yaml_key(root, 1)), "b"));
    assert_true(bytes_is(yaml_text(yaml_value(root, 0)), "1"));
    assert_int_equal(yaml_kind(list), YAML_LIST);
    assert_int_equal(yaml_count(list), 2);
    const yaml_node *map = yaml_item(list, 1);
    assert_int_equal(yaml_line(yaml_get(map, "y")), 5);
    assert_true(yaml_is_null(yaml_get(map, "z")));
    assert_null(yaml_get(map, "nothing"));
    assert_true(bytes_is(yaml_text(yaml_get(root, "c")), "two\nlines\n"));
    lab_close(&lab);
    (void)state;
}

/* An alias is the node that it names. */
static void aliases_share_their_node(void **state)
{
    struct lab lab;
    lab_open(&lab, "a: &x {k: v}\nb: *x\nc: [*x, *x]\n");
    const yaml_node *root = yaml_root(lab.file);
    assert_ptr_equal(yaml_get(root, "a"), yaml_get(root, "b"));
    assert_ptr_equal(yaml_get(root, "a"), yaml_item(yaml_get(root, "c"), 1));
    lab_close(&lab);
    (void)state;
}

/* A message has the place, the sentence, the source line, and a caret that tabs don't move. */
static void a_message_shows_its_place(void **state)
{
    struct lab lab;
    static const char *const known[] = {"page", "type", NULL};
    lab_open(&lab, "type: x\npages:\t{ü: 1}\n");
    assert_true(yaml_check_keys(&lab.report, lab.file, yaml_root(lab.file), known));
    yaml_warning(&lab.report, lab.file, yaml_key(yaml_get(yaml_root(lab.file), "pages"), 0), "look\nhere");
    yaml_error(&lab.report, lab.file, NULL, "as a whole");
    yaml_hide(lab.file, yaml_get(yaml_get(yaml_root(lab.file), "pages"), "ü"));
    yaml_error(&lab.report, lab.file, yaml_key(yaml_root(lab.file), 1), "secret");
    assert_string_equal(buffer_text(&lab.report.text),
                        "f.yaml:2:1: error: unknown key 'pages': did you mean 'page'?\n"
                        "    2 | pages:\t{ü: 1}\n"
                        "      | ^\n"
                        "f.yaml:2:9: warning: look?here\n"
                        "    2 | pages:\t{ü: 1}\n"
                        "      |       \t ^\n"
                        "f.yaml: error: as a whole\n"
                        "f.yaml:2:1: error: secret\n"
                        "    2 | pages:\t{ü: ***\n"
                        "      | ^\n");
    assert_int_equal(lab.report.errors, 3);
    assert_int_equal(lab.report.warnings, 1);
    lab_close(&lab);
    (void)state;
}

static void a_secret_report_shows_places_only(void **state)
{
    static const char *const known[] = {"page", NULL};
    struct yaml_report report = {.secret = true};
    struct yaml_file *file = yaml_open_text("f.yaml", BYTES("pages: x\n"), &report);
    assert_true(yaml_check_keys(&report, file, yaml_root(file), known));
    yaml_expect(&report, file, yaml_value(yaml_root(file), 0), YAML_LIST, "a list");
    assert_string_equal(buffer_text(&report.text),
                        "f.yaml:1:1: error: unknown key '***': did you mean 'page'?\n"
                        "f.yaml:1:8: error: expected a list, not '***'\n");
    yaml_close(file);
    yaml_report_close(&report);
    (void)state;
}

/* A long line is cut around the caret, and a message longer than a screen is cut. */
static void long_lines_are_cut(void **state)
{
    struct lab lab;
    struct buffer text = {0};
    for (int i = 0; i < 500; i++)
        buffer_add_text(&text, "ä");
    buffer_add_text(&text, ": {b: c} #");
    for (int i = 0; i < 500; i++)
        buffer_add_text(&text, "ö");
    lab_open(&lab, buffer_text(&text));
    yaml_error(&lab.report, lab.file, yaml_value(yaml_root(lab.file), 0), "%s", buffer_text(&text));
    assert_true(lab.report.text.len < 2000);
    assert_true(bytes_is_utf8(buffer_bytes(&lab.report.text), NULL));
    lab_close(&lab);
    buffer_close(&text);
    (void)state;
}

/* After a hundred messages the rest are counted only. */
static void messages_end_somewhere(void **state)
{
    struct lab lab;
    lab_open(&lab, "a: 1\n");
    for (int i = 0; i < 1000; i++)
        yaml_error(&lab.report, lab.file, yaml_root(lab.file), "again");
    assert_int_equal(lab.report.errors, 1000);
    assert_non_null(
        strstr(buffer_text(&lab.report.text), "\n(more than 100 messages: the others are left out)\n"));
    assert_true(lab.report.text.len < 10000);
    lab_close(&lab);
    (void)state;
}

static const struct mistake no_yaml[] = {
    {"", " error: the file is empty"},
    {"# only\n", " error: the file is empty"},
    {"~\n", " error: the file is empty"},
    {"a: [1\n", "2:1: error: flow sequence without a closing bracket"},
    {"a: 1\n b: 2\n", "1:4: error: invalid multiline plain key"},
    {"a: \"b\n", "1:5: error: double-quoted scalar without closing quote"},
    {"ä: [ü, @]\n", "1:8: error: plain scalar cannot start with '@'"},
    {"a: !!str 1\n", "1:10: error: tags such as '!!str' are not supported"},
    {"a: !include {b: c}\n", "1:13: error: tags such as '!!str' are not supported"},
    {"a: 1\nb: {c: 1, c: 2}\n", "2:11: error: key 'c' stands twice: first in line 2"},
    {"a: 1\n'a': 2\n\"\\x61\": 3\n",
     "2:1: error: key 'a' stands twice: first in line 1\n3:1: error: key 'a' stands twice: first in line 2"},
    {"? [a]\n: b\n", "1:3: error: a key must be a text, not a list or map"},
    {"a: &x {b: c}\nd: {<<: *x}\n", "2:5: error: merge keys ('<<') are not supported"},
    {"a: 1\n---\nb: 1\n", "2:1: error: a second document begins here: a file holds one"},
    {"a: *x\n", "1:4: error: there is no anchor '&x' before this alias"},
    {"a: &x [*x]\n", "1:8: error: alias '*x' stands within what it names"},
    {"a: &x {b: {c: *x}}\n", "1:15: error: alias '*x' stands within what it names"},
    {"a: 1\nb: \x01\n", " error: line 2, column 4: byte 0x01: this isn't a text file"},
    {"a: 1\nb: \xc3(\n", " error: line 2, column 4: byte 0xc3 is not valid UTF-8"},
    {"\xff\xfe", " error: line 1, column 1: byte 0xff is not valid UTF-8"},
};

/* What isn't YAML, or YAML that we don't take, is refused at its place. */
static void what_is_no_yaml_is_refused(void **state)
{
    for (size_t i = 0; i < sizeof no_yaml / sizeof *no_yaml; i++) {
        struct yaml_report report = {0};
        assert_null(yaml_open_text("f.yaml", bytes_of(no_yaml[i].text), &report));
        report_is(&report, "f.yaml", no_yaml[i].messages);
    }
    (void)state;
}

static void repeated(struct buffer *out, const char *text, size_t times)
{
    for (size_t i = 0; i < times; i++)
        buffer_add_text(out, text);
}

static void is_refused(struct buffer *text, const char *sentence)
{
    struct yaml_report report = {0};
    assert_null(yaml_open_text("f.yaml", buffer_bytes(text), &report));
    assert_non_null(strstr(buffer_text(&report.text), sentence));
    assert_true(report.text.len < 20000);
    yaml_report_close(&report);
    buffer_reset(text);
}

/* Depth, aliases of aliases, size and binary files are bounded. */
static void hostile_files_are_refused(void **state)
{
    struct buffer text = {0};
    repeated(&text, "[", 8 << 20);
    is_refused(&text, "more than 256 lists and maps within each other");
    repeated(&text, "- ", 1000000);
    is_refused(&text, "more than 256 lists and maps within each other");
    repeated(&text, "{a: ", 300);
    repeated(&text, "}", 300);
    is_refused(&text, "more than 256 lists and maps within each other");

    buffer_add_text(&text, "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for (int i = 1; i < 20; i++)
        buffer_printf(&text, "a%d: &a%d [*a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d]\n", i, i,
                      i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1);
    is_refused(&text, "the aliases of this file stand for more than 1048576 values");

    buffer_add_text(&text, "a0: &a0 [x]\n"); /* deep by way of aliases */
    for (int i = 1; i < 1000; i++)
        buffer_printf(&text, "a%d: &a%d [*a%d]\n", i, i, i - 1);
    is_refused(&text, "more than 256 lists and maps within each other");
    for (int i = 0; i < 2000; i++)
        buffer_printf(&text, "a%d: &a%d x\n", i, i);
    is_refused(&text, "more than 1024 anchors");

    repeated(&text, "a", LIMIT_YAML_BYTES + 1);
    is_refused(&text, "is larger than 64 MiB");
    buffer_add(&text, "a\0b", 3);
    is_refused(&text, "line 1, column 2: byte 0x00: this isn't a text file");
    repeated(&text, "k: v\n", 1000000);
    is_refused(&text, "key 'k' stands twice");
    buffer_close(&text);
    (void)state;
}

/* Folders and files that aren't there are told by name. */
static void files_that_cant_be_read_are_told(void **state)
{
    struct yaml_report report = {0};
    assert_null(yaml_open("/", &report));
    assert_null(yaml_open("/nowhere/f.yaml", &report));
    assert_string_equal(buffer_text(&report.text),
                        "/: error: is a folder, not a file\n"
                        "/nowhere/f.yaml: error: can't be opened: No such file or directory\n");
    yaml_report_close(&report);
    (void)state;
}

enum type { TEXT, U64, BOOL, SIZE, DURATION, WORD, TEXTS };

struct reading {
    enum type type;
    const char *text;
    const char *message; /* null: it is read, as `number` */
    uint64_t number;
};

static const struct reading readings[] = {
    {U64, "0", NULL, 0},
    {U64, "10", NULL, 10},
    {U64, "'7'", NULL, 7},
    {U64, "010", "1:4: error: expected a whole number, not '010'", 0},
    {U64, "0x10", "1:4: error: expected a whole number, not '0x10'", 0},
    {U64, "1_000", "1:4: error: expected a whole number, not '1_000'", 0},
    {U64, "-1", "1:4: error: expected a whole number, not '-1'", 0},
    {U64, "1.0", "1:4: error: expected a whole number, not '1.0'", 0},
    {U64, "", "1:1: error: expected a whole number, not nothing", 0},
    {U64, "[1]", "1:4: error: expected a whole number, not a list", 0},
    {U64, "101", "1:4: error: 101 is out of range: 0 to 100", 0},
    {U64, "99999999999999999999", "1:4: error: expected a whole number, not '99999999999999999999'", 0},
    {BOOL, "true", NULL, 1},
    {BOOL, "false", NULL, 0},
    {BOOL, "yes", "1:4: error: expected true or false, not 'yes'", 0},
    {BOOL, "True", "1:4: error: expected true or false, not 'True'", 0},
    {BOOL, "{}", "1:4: error: expected true or false, not a map", 0},
    {SIZE, "10GB", NULL, 10000000000},
    {SIZE, "64MiB", NULL, 64 << 20},
    {SIZE, "10 GB", "1:4: error: expected a size such as 500MB, 10GB or 64GiB, not '10 GB'", 0},
    {DURATION, "90s", NULL, 90000},
    {DURATION, "5", "1:4: error: expected a duration such as 30s, 5m, 1h or 7d, not '5'", 0},
    {TEXT, "a b", NULL, 3},
    {TEXT, "''", NULL, 0},
    {TEXT, "010", NULL, 3},
    {TEXT, "~", "1:4: error: expected a text, not nothing", 0},
    {TEXT, "[]", "1:4: error: expected a text, not a list", 0},
    {TEXT, "\"a\\0b\"", "1:4: error: a text must not hold a NUL character", 0},
    {WORD, "two", NULL, 1},
    {WORD, "tow", "1:4: error: expected one, two or three, not 'tow': did you mean 'two'?", 0},
    {WORD, "seventeen", "1:4: error: expected one, two or three, not 'seventeen'", 0},
    {WORD, "[two]", "1:4: error: expected one, two or three, not a list", 0},
    {TEXTS, "[a, b]", NULL, 2},
    {TEXTS, "[]", NULL, 0},
    {TEXTS, "a", "1:4: error: expected a list of texts, not 'a'", 0},
    {TEXTS, "[a, '', [b]]",
     "1:8: error: a text in this list must not be empty\n1:12: error: expected a text, not a list", 0},
    {TEXTS, "[a, b, a]", "1:4: error: 'a' stands twice in this list", 0},
};

static bool read_as(struct lab *lab, enum type type, const yaml_node *node, uint64_t *number)
{
    static const char *const words[] = {"one", "two", "three", NULL};
    const char *text = "", *const * texts;
    bool yes = false, good = false;
    int64_t ms = 0;
    int index = 0;
    uint32_t count = 0;
    switch (type) {
    case TEXT:
        good = yaml_read_text(&lab->report, lab->file, node, &lab->arena, &text);
        *number = strlen(text);
        return good;
    case U64:
        return yaml_read_u64(&lab->report, lab->file, node, 0, 100, number);
    case BOOL:
        good = yaml_read_bool(&lab->report, lab->file, node, &yes);
        *number = yes;
        return good;
    case SIZE:
        return yaml_read_size(&lab->report, lab->file, node, number);
    case DURATION:
        good = yaml_read_duration(&lab->report, lab->file, node, &ms);
        *number = (uint64_t)ms;
        return good;
    case WORD:
        good = yaml_read_word(&lab->report, lab->file, node, words, &index);
        *number = (uint64_t)index;
        return good;
    case TEXTS:
        good = yaml_read_texts(&lab->report, lab->file, node, &lab->arena, &texts, &count);
        *number = count;
        return good;
    }
    return false;
}

/* Scalars are read strictly: no octal, no hexadecimal, no yes. */
static void reading_is_strict(void **state)
{
    for (size_t i = 0; i < sizeof readings / sizeof *readings; i++) {
        struct lab lab;
        struct buffer text = {0};
        uint64_t number = 0;
        buffer_printf(&text, "k: %s\n", readings[i].text);
        lab_open(&lab, buffer_text(&text));
        bool good = read_as(&lab, readings[i].type, yaml_get(yaml_root(lab.file), "k"), &number);
        assert_int_equal(good, readings[i].message == NULL);
        if (good)
            assert_int_equal(number, readings[i].number);
        report_is(&lab.report, "f.yaml", good ? "" : readings[i].message);
        lab_close(&lab);
        buffer_close(&text);
    }
    (void)state;
}

/* Values follow YAML's JSON schema: only plain scalars can be numbers, booleans and null. */
static void values_follow_the_json_schema(void **state)
{
    struct lab lab;
    struct value value;
    struct buffer json = {0};
    lab_open(&lab, "{a: 1, b: -0.5e+3, c: '1', d: true, e: \"true\", f: , g: ~, h: null, i: 'null', j: 010,\n"
                   " k: 0x1, l: True, m: [1., .5, 1e, -a, \"\", x y], n: {}}\n");
    assert_true(yaml_read_value(&lab.report, lab.file, yaml_root(lab.file), &lab.arena, &value));
    value_to_json(&value, &json);
    assert_string_equal(buffer_text(&json),
                        "{\"a\":1,\"b\":-0.5e+3,\"c\":\"1\",\"d\":true,\"e\":\"true\",\"f\":null,\"g\":null,"
                        "\"h\":null,\"i\":\"null\",\"j\":\"010\",\"k\":\"0x1\",\"l\":\"True\","
                        "\"m\":[\"1.\",\".5\",\"1e\",\"-a\",\"\",\"x y\"],\"n\":{}}");
    buffer_close(&json);
    lab_close(&lab);
    (void)state;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_becomes_nodes_with_places),
        cmocka_unit_test(aliases_share_their_node),
        cmocka_unit_test(a_message_shows_its_place),
        cmocka_unit_test(a_secret_report_shows_places_only),
        cmocka_unit_test(long_lines_are_cut),
        cmocka_unit_test(messages_end_somewhere),
        cmocka_unit_test(what_is_no_yaml_is_refused),
        cmocka_unit_test(hostile_files_are_refused),
        cmocka_unit_test(files_that_cant_be_read_are_told),
        cmocka_unit_test(reading_is_strict),
        cmocka_unit_test(values_follow_the_json_schema),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
