/* AWS's shared files and command lines: read as AWS's own tools read them, whatever is in them. */
#include "test_aws_lab.h"
#include "worker/aws/ini.h"
#include "worker/aws/words.h"

static struct ini parse(struct arena *arena, const char *text)
{
    struct ini ini;
    struct error e;
    if (ini_parse(arena, bytes_of(text), &ini, &e))
        fail_msg("%s", e.text);
    return ini;
}

static void says(const char *text, size_t len, const char *expected)
{
    struct arena arena = {0};
    struct ini ini;
    struct error e;
    assert_int_equal(ini_parse(&arena, (struct bytes){text, len}, &ini, &e), ERR_CREDENTIALS);
    assert_string_equal(e.text, expected);
    assert_null(ini.sections);
    arena_close(&arena);
}

#define SAYS(text, expected) says(text, sizeof text - 1, expected)

/* Sections, keys and values are found, with white space, comments, a byte order mark and \r\n around them. */
static void a_file_is_read(void **state)
{
    struct arena arena = {0};
    struct ini ini = parse(&arena, "\xef\xbb\xbf# a comment\r\n"
                                   "\r\n"
                                   "[default]\r\n"
                                   "  REGION = eu-west-1  \r\n"
                                   "  ; another\r\n"
                                   "  output: json\r\n"
                                   "[ profile  prod ]   # behind it\n"
                                   "role_arn=arn:aws:iam::1:role/x\n"
                                   "empty =\n"
                                   "text = a # b ; c\n"
                                   "[profile \"my own\"]\n"
                                   "region = q");
    assert_string_equal(ini_get(&ini, NULL, "default", "region"), "eu-west-1");
    assert_string_equal(ini_get(&ini, NULL, "default", "output"), "json");
    assert_string_equal(ini_get(&ini, "profile", "prod", "role_arn"), "arn:aws:iam::1:role/x");
    assert_string_equal(ini_get(&ini, "profile", "prod", "empty"), "");
    assert_string_equal(ini_get(&ini, "profile", "prod", "text"), "a # b ; c");
    assert_string_equal(ini_get(&ini, "profile", "my own", "region"), "q");
    assert_null(ini_get(&ini, "profile", "prod", "region"));
    assert_null(ini_get(&ini, "profile", "default", "region"));
    assert_true(ini_has(&ini, "profile", "prod"));
    assert_false(ini_has(&ini, "profile", "dev"));
    arena_close(&arena);
    (void)state;
}

/* Deeper lines go on with a value, or are properties within an empty one. */
static void deeper_lines_belong_to_the_one_above(void **state)
{
    struct arena arena = {0};
    struct ini ini = parse(&arena, "[services s]\n"
                                   "s3 =\n"
                                   "  endpoint_url = http://a\n"
                                   "\n"
                                   "  # a comment\n"
                                   "\tOther=x\n"
                                   "ec2 =\n"
                                   "  endpoint_url = http://b\n"
                                   "[profile p]\n"
                                   "credential_process = /bin/x\n"
                                   "    --long\n"
                                   "  [not-a-section]\n"
                                   "region = r\n");
    const struct ini_entry *s3 = ini.sections->entries;
    assert_string_equal(s3->key, "s3");
    assert_string_equal(s3->value, "");
    assert_string_equal(s3->inner->key, "endpoint_url");
    assert_string_equal(s3->inner->value, "http://a");
    assert_string_equal(s3->inner->next->key, "other");
    assert_string_equal(s3->inner->next->value, "x");
    assert_string_equal(s3->next->inner->value, "http://b");
    assert_string_equal(ini_get(&ini, "profile", "p", "credential_process"),
                        "/bin/x\n--long\n[not-a-section]");
    assert_string_equal(ini_get(&ini, "profile", "p", "region"), "r");
    arena_close(&arena);
    (void)state;
}

/* Of what stands twice the last counts, and sections of one name are one. */
static void the_last_counts(void **state)
{
    struct arena arena = {0};
    struct ini ini = parse(&arena, "[a]\nx=1\ny=1\n[b]\nx=2\n[a]\nx=3\n");
    assert_string_equal(ini_get(&ini, NULL, "a", "x"), "3");
    assert_string_equal(ini_get(&ini, NULL, "a", "y"), "1");
    assert_string_equal(ini_get(&ini, NULL, "b", "x"), "2");
    arena_close(&arena);
    (void)state;
}

/* What can't be read is told with its line, and without its text. */
static void mistakes_are_told_with_their_line(void **state)
{
    SAYS("region = x\n", "1: comes before any \"[section]\"");
    SAYS("[a\n", "1: a section's name ends with \"]\"");
    SAYS("[a]\n[ ]\n", "2: a section without a name");
    SAYS("[a] b\n", "1: there is something behind the \"]\" of a section's name");
    SAYS("[a]\n\nwJalrXUtnFEMI\n", "3: neither \"[section]\" nor \"key = value\"");
    SAYS("[a]\n= x\n", "2: neither \"[section]\" nor \"key = value\"");
    SAYS("[a]\ns3 =\n  what\n", "3: neither \"[section]\" nor \"key = value\"");
    SAYS("[a]\nx = \xff\n", "2: no valid UTF-8");
    SAYS("[a]\nx = \0\n", "2: a NUL byte: this is no text");
    SAYS("\x1f\x8b\x08\0\0", "1: a NUL byte: this is no text");
    (void)state;
}

/* Any bytes are a file or a mistake, also cut at each of its bytes, and reading never leaves them. */
static void any_bytes_are_read(void **state)
{
    static const char text[] =
        "[a]\nx=\n y=1\n z=2\n[profile \"b]\nk = v\n  more\n\n;c\n[services 'q q']\np:\n  =\n";
    static const char dice[] = "[]= \n\t#;:\"'\\ax\xc3\xa9";
    struct random random;
    random_seed(&random, 7);
    for (unsigned i = 0; i < 3000; i++) {
        struct arena arena = {0};
        struct ini ini;
        size_t len = i < sizeof text ? i : random_below(&random, 80);
        char *copy = malloc(len + !len);
        for (size_t j = 0; j < len; j++)
            copy[j] = i < sizeof text ? text[j] : dice[random_below(&random, sizeof dice - 1)];
        ini_parse(&arena, (struct bytes){copy, len}, &ini, NULL);
        free(copy);
        arena_close(&arena);
    }
    (void)state;
}

/* Many short lines cost time and memory in proportion. */
static void many_lines_are_no_trouble(void **state)
{
    struct buffer text = {0};
    struct arena arena = {0};
    buffer_add_text(&text, "[a]\nx = 1\n");
    while (text.len < 1 << 20)
        buffer_add_text(&text, " y\n[\n");
    struct error e;
    struct ini ini;
    assert_int_equal(ini_parse(&arena, buffer_bytes(&text), &ini, &e), ERR_CREDENTIALS);
    buffer_reset(&text);
    buffer_add_text(&text, "[a]\nx = 1\n");
    while (text.len < 1 << 20)
        buffer_add_text(&text, " y\n");
    assert_int_equal(ini_parse(&arena, buffer_bytes(&text), &ini, &e), 0);
    assert_int_equal(strlen(ini_get(&ini, NULL, "a", "x")), 1 + (text.len - 10) / 3 * 2);
    assert_true(arena.total < 5 << 20);
    arena_close(&arena);
    buffer_close(&text);
    (void)state;
}

/* A command line is parted as a shell parts it. */
static void words_are_parted(void **state)
{
    static const struct {
        const char *text, *expected;
    } cases[] = {
        {"", ""},
        {" \t\n", ""},
        {"a", "<a>"},
        {"/opt/my\\ tool --x 'a b' \"c d\"", "</opt/my tool><--x><a b><c d>"},
        {"a'b'\"c\"d ''", "<abcd><>"},
        {"\"a\\\"b\\\\c\\d\" 'a\\b'", "<a\"b\\c\\d><a\\b>"},
        {"a\n  b # c ; d $HOME *", "<a><b><#><c><;><d><$HOME><*>"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct arena arena = {0};
        struct buffer out = {0};
        const char *const *words;
        size_t count;
        assert_int_equal(words_split(&arena, cases[i].text, &words, &count, NULL), 0);
        for (size_t j = 0; j < count; j++)
            buffer_printf(&out, "<%s>", words[j]);
        assert_null(words[count]);
        assert_string_equal(buffer_text(&out), cases[i].expected);
        buffer_close(&out);
        arena_close(&arena);
    }
    (void)state;
}

/* A quote left open, or a backslash with nothing to quote, is an error. */
static void open_quotes_are_errors(void **state)
{
    struct arena arena = {0};
    const char *const *words;
    size_t count;
    struct error e;
    assert_int_equal(words_split(&arena, "a 'b", &words, &count, &e), ERR_CREDENTIALS);
    assert_string_equal(e.text, "a quote (') isn't closed");
    assert_int_equal(words_split(&arena, "a \"b\\\"", &words, &count, &e), ERR_CREDENTIALS);
    assert_string_equal(e.text, "a quote (\") isn't closed");
    assert_int_equal(words_split(&arena, "a\\", &words, &count, &e), ERR_CREDENTIALS);
    assert_string_equal(e.text, "it ends with a backslash: write \\\\ for one");
    arena_close(&arena);
    (void)state;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_is_read),     cmocka_unit_test(deeper_lines_belong_to_the_one_above),
        cmocka_unit_test(the_last_counts),    cmocka_unit_test(mistakes_are_told_with_their_line),
        cmocka_unit_test(any_bytes_are_read), cmocka_unit_test(many_lines_are_no_trouble),
        cmocka_unit_test(words_are_parted),   cmocka_unit_test(open_quotes_are_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
