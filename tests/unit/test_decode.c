/* Decode: bodies as documents, or as errors that say what they are instead. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/limits.h"
#include "worker/decode/decode.h"

struct lab {
    struct arena arena;
    struct buffer json;
    struct json_notes notes;
    enum format_kind format;
    struct error error;
};

static int lab_open(void **state)
{
    *state = calloc(1, sizeof(struct lab));
    return 0;
}

static int lab_close(void **state)
{
    struct lab *lab = *state;
    arena_close(&lab->arena);
    buffer_close(&lab->json);
    free(lab);
    return 0;
}

/* Decode a body of that Content-Type (null: none). What comes out is in lab->json. */
static int decode_span(struct lab *lab, const char *type, enum format_kind format, struct bytes body,
                       bool delimited)
{
    struct pair header = {BYTES("content-type"), bytes_of(type)};
    struct answer answer = {.status = 200,
                            .headers = {&header, type ? 1 : 0, 1},
                            .body = body,
                            .delimited = delimited,
                            .url = "http://h/"};
    struct decoded decoded;
    lab->error.text[0] = 0;
    buffer_reset(&lab->json);
    int code = decode_body(&lab->arena, &answer, format, NULL, &decoded, &lab->error);
    lab->notes = decoded.notes;
    lab->format = decoded.format;
    if (!code)
        value_to_json(&decoded.value, &lab->json);
    return code;
}

static int decode(struct lab *lab, const char *type, const char *body)
{
    return decode_span(lab, type, FORMAT_AUTO, bytes_of(body), true);
}

static void assert_says(const struct lab *lab, const char *what)
{
    if (!strstr(lab->error.text, what))
        print_message("got: %s\n", lab->error.text);
    assert_non_null(strstr(lab->error.text, what));
}

/* Whatever Content-Type says JSON, or nothing, is read as JSON; a byte order mark doesn't matter. */
static void json_is_known_by_its_type(void **state)
{
    struct lab *lab = *state;
    static const char *const types[] = {
        NULL,
        "",
        "application/json",
        "Application/JSON ; charset=utf-8",
        "text/json",
        "text/plain; charset=utf-8",
        "application/vnd.docker.distribution.manifest.v2+json",
        "application/problem+JSON",
        "application/octet-stream",
        "application/x-amz-json-1.0",
        "application/x-amz-json-1.1; charset=utf-8",
    };
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        assert_int_equal(decode(lab, types[i], " {\"a\": [1, 2.50, \"\xc3\xa9\"]}\n"), 0);
        assert_string_equal(buffer_text(&lab->json), "{\"a\":[1,2.50,\"\xc3\xa9\"]}");
        assert_int_equal(decode(lab, types[i], "\xef\xbb\xbf{\"b\":null}"), 0);
        assert_string_equal(buffer_text(&lab->json), "{\"b\":null}");
    }
    assert_int_equal(decode(lab, "application/json", "{\"a\":1,\"a\":2}"), 0);
    assert_int_equal(lab->notes.duplicate_keys, 1);
}

/* A format that is given overrules the Content-Type. */
static void given_format_overrules(void **state)
{
    struct lab *lab = *state;
    assert_int_equal(decode_span(lab, "text/html", FORMAT_JSON, BYTES("[1]"), true), 0);
    assert_int_equal(decode_span(lab, "image/png", FORMAT_JSON, BYTES("[1]"), true), 0);
    assert_int_equal(decode_span(lab, "application/json", FORMAT_JSONL, BYTES("1\n2\n"), true), 0);
    assert_string_equal(buffer_text(&lab->json), "[1,2]");
}

/* What is no JSON is named, with how it begins. */
static void something_else_is_named(void **state)
{
    struct lab *lab = *state;
    static const struct {
        const char *type, *body, *error;
    } cases[] = {
        {"text/html", "\r\n<!DOCTYPE html>\n<html><title>Sign\tin</title>",
         "HTML instead of JSON or XML: <!DOCTYPE html> <html><title>Sign in</title>"},
        {"application/json", "<!doctype HTML><p>", "HTML instead of JSON: <!doctype HTML>"},
        {NULL, "<html>", "HTML instead of JSON: <html>"},
        {"text/html; charset=utf-8", "502 Bad Gateway", "HTML instead of JSON or XML: 502 Bad Gateway"},
        {"text/html", "{\"a\":1}", "begins like JSON: if it is, say format: json"},
        {"text/html", "<?xml version=\"1.0\"?><a/>", "begins like XML: if it is, say format: xml"},
        {"application/json", "<?xml version=\"1.0\"?><Error/>", "XML instead of JSON: <?xml"},
        {"application/json", "\xff\xfe{\0", "UTF-16"},
        {"application/json", "upstream connect error", "instead of JSON: upstream connect error"},
        {"text/plain", "not found", "not found"},
        {"image/png", "\x89PNG\r\n\x1a\n", "image/png instead of JSON or XML: ?PNG"},
        {"application/yaml", "{a: b}", "application/yaml instead of JSON or XML by its Content-Type"},
        {"application/json", "", "empty body instead of JSON"},
        {NULL, " \r\n\t ", "empty body instead of JSON"},
        {"application/xml", "\xef\xbb\xbf", "empty body instead of XML"},
        {"application/xml", "{\"token\": \"s3cr3t\"}", "JSON instead of XML"},
        {"application/xml", "<!DOCTYPE html><p>", "HTML instead of XML: <!DOCTYPE html><p>"},
        {"application/xml", "<HTML\n>", "HTML instead of XML: <HTML >"},
        {"application/xml", "bad gateway", "something else instead of XML: bad gateway"},
        {"application/xml", "\xfe\xff", "UTF-16 or binary data instead of XML in UTF-8"},
        {"application/xml", "<a", "XML: line 1, column 1: it breaks off"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(decode(lab, cases[i].type, cases[i].body), ERR_BODY);
        assert_says(lab, cases[i].error);
    }
}

/* XML is known by its type, or where that says nothing by how it begins. */
static void xml_is_known(void **state)
{
    struct lab *lab = *state;
    static const char *const types[] = {NULL,
                                        "",
                                        "text/plain",
                                        "binary/octet-stream",
                                        "application/xml",
                                        "text/xml; charset=\"UTF-8\"",
                                        "application/atom+xml",
                                        "Application/SOAP+XML; x=1;charset=utf-8"};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        assert_int_equal(decode(lab, types[i], "\r\n<?xml version=\"1.0\"?>\n<r><a>1</a></r>\n"), 0);
        assert_string_equal(buffer_text(&lab->json), "{\"a\":\"1\"}");
        assert_int_equal(lab->format, FORMAT_XML);
        assert_int_equal(decode(lab, types[i], "\xef\xbb\xbf<htmls><b/></htmls>"), 0);
        assert_string_equal(buffer_text(&lab->json), "{\"b\":\"\"}");
    }
    assert_int_equal(decode_span(lab, "text/html", FORMAT_XML, BYTES("<a>x</a>"), true), 0);
    assert_string_equal(buffer_text(&lab->json), "\"x\"");
    assert_int_equal(decode_span(lab, "text/xml", FORMAT_JSON, BYTES("<a>x</a>"), true), ERR_BODY);
    assert_says(lab, "XML instead of JSON");
    assert_int_equal(decode_span(lab, "text/xml;charset=koi8-r", FORMAT_AUTO, BYTES("<a/>"), true), ERR_BODY);
    assert_says(lab, "XML: its encoding is koi8-r by its Content-Type");
}

static enum format_kind format_of(const char *type, enum format_kind format, const char *body)
{
    struct pair header = {BYTES("Content-Type"), bytes_of(type)};
    struct answer answer = {.headers = {&header, type ? 1 : 0, 1}, .body = bytes_of(body), .delimited = true};
    return decode_format(&answer, format);
}

/* What can be read without all of it being decoded is told beforehand: JSON, and XML whose bytes are ASCII's.
 */
static void format_is_told_beforehand(void **state)
{
    static const struct {
        const char *type;
        enum format_kind format;
        const char *body;
        enum format_kind told;
    } cases[] = {
        {NULL, FORMAT_AUTO, " {\"a\":1}", FORMAT_JSON},
        {"application/json", FORMAT_AUTO, "\xef\xbb\xbf[", FORMAT_JSON},
        {"image/png", FORMAT_JSON, "[1]", FORMAT_JSON},
        {"application/vnd.x+xml", FORMAT_AUTO, "<a/>", FORMAT_XML},
        {"text/plain", FORMAT_AUTO, "<a/>", FORMAT_XML},
        {"text/xml;charset=utf-8", FORMAT_AUTO, "\xef\xbb\xbf<?xml version='1.0'?><a/>", FORMAT_XML},
        {"text/xml;charset=us-ascii", FORMAT_AUTO, "<?xml version='1.0' encoding='UTF-8'?><a/>", FORMAT_XML},
        {"text/html", FORMAT_XML, "<a/>", FORMAT_XML},
        {"text/xml;charset=iso-8859-1", FORMAT_AUTO, "<a/>", FORMAT_AUTO},
        {"text/xml;charset=koi8-r", FORMAT_AUTO, "<a/>", FORMAT_AUTO},
        {"text/xml", FORMAT_AUTO, "<?xml version='1.0' encoding='latin1'?><a/>", FORMAT_AUTO},
        {"text/xml", FORMAT_AUTO, "<?xml version='1.0' encoding='UTF-16'?><a/>", FORMAT_AUTO},
        {"application/x-ndjson", FORMAT_AUTO, "{}\n{}", FORMAT_AUTO},
        {"application/json", FORMAT_JSONL, "{}\n{}", FORMAT_AUTO},
        {"application/jsonl", FORMAT_AUTO, "", FORMAT_AUTO},
        {"application/json", FORMAT_AUTO, " ", FORMAT_AUTO},
        {"application/json", FORMAT_AUTO, "<html>", FORMAT_AUTO},
        {"application/xml", FORMAT_AUTO, "{}", FORMAT_AUTO},
        {"image/png", FORMAT_AUTO, "{}", FORMAT_AUTO},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(format_of(cases[i].type, cases[i].format, cases[i].body), cases[i].told);
}

/* Errors' bodies are read by how they begin, and what can't be read is no error of its own. */
static void bodies_of_errors_are_read(void **state)
{
    struct lab *lab = *state;
    static const char *const cases[][2] = {
        {"{\"a\":1}", "{\"a\":1}"},
        {"\xef\xbb\xbf \n<Error><Code>Denied</Code></Error>", "{\"Code\":\"Denied\"}"},
        {"<html><body>502</body></html>", NULL},
        {"<Error><Code>", NULL},
        {"{\"a\":", NULL},
        {"502 Bad Gateway", NULL},
        {"<!DOCTYPE Error [<!ENTITY a \"b\">]><Error>&a;</Error>", NULL},
        {"12", NULL},
        {"", NULL}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct pair header = {BYTES("Content-Type"), BYTES("image/png")};
        struct answer answer = {.status = 400, .headers = {&header, 1, 1}, .body = bytes_of(cases[i][0])};
        struct value value = value_bool(true);
        assert_int_equal(decode_error_body(&lab->arena, &answer, NULL, &value), cases[i][1] != NULL);
        buffer_reset(&lab->json);
        value_to_json(&value, &lab->json);
        assert_string_equal(buffer_text(&lab->json), cases[i][1] ? cases[i][1] : "null");
    }
}

/* How a body begins is shown as about 60 printable characters, whatever is in it. */
static void beginnings_are_printable(void **state)
{
    struct lab *lab = *state;
    char body[600];
    uint32_t random = 1;
    memset(body, 'x', sizeof body);
    assert_int_equal(decode_span(lab, NULL, FORMAT_JSON, (struct bytes){body, sizeof body}, true), ERR_BODY);
    assert_says(lab, "xxx…");
    assert_in_range(strlen(lab->error.text), 60, 120);
    for (int round = 0; round < 2000; round++) {
        for (size_t i = 0; i < sizeof body; i++)
            body[i] = (char)((random = random * 1664525 + 1013904223) >> 24);
        size_t len = random % sizeof body;
        int code = decode_span(lab, round % 2 ? "text/html" : "image/png", FORMAT_AUTO,
                               (struct bytes){body, len}, true);
        assert_int_equal(code, ERR_BODY);
        assert_true(bytes_is_utf8(bytes_of(lab->error.text), NULL));
        arena_reset(&lab->arena);
    }
}

/* JSON that breaks off says where; what it said so far, which may be a secret, isn't repeated. */
static void broken_json_says_where(void **state)
{
    struct lab *lab = *state;
    static const char whole[] = "{\"token\":\"s3cr3t\",\"n\":[1,true,null]}";
    for (size_t len = 1; len < sizeof whole - 1; len++) {
        assert_int_equal(decode_span(lab, NULL, FORMAT_AUTO, (struct bytes){whole, len}, true), ERR_BODY);
        assert_says(lab, "JSON: at byte ");
        assert_null(strstr(lab->error.text, "s3cr3t"));
        assert_null(strstr(lab->error.text, "may be cut"));
        assert_int_equal(decode_span(lab, NULL, FORMAT_AUTO, (struct bytes){whole, len}, false), ERR_BODY);
        assert_says(lab, "may be cut");
    }
    assert_int_equal(decode(lab, NULL, "{} {}"), ERR_BODY);
    assert_int_equal(decode(lab, NULL, "[\"\xff\"]"), ERR_BODY);
    assert_int_equal(decode_span(lab, NULL, FORMAT_AUTO, BYTES("12"), true), 0);
    assert_int_equal(decode_span(lab, NULL, FORMAT_AUTO, BYTES("12"), false), ERR_BODY);
}

/* Depth and numbers meet their limits. */
static void limits_are_met(void **state)
{
    struct lab *lab = *state;
    char deep[LIMIT_DEPTH + 2], number[LIMIT_NUMBER_BYTES + 2];
    memset(deep, '[', sizeof deep);
    memset(number, '7', sizeof number);
    assert_int_equal(decode_span(lab, NULL, FORMAT_JSONL, (struct bytes){number, sizeof number}, true),
                     ERR_LIMIT);
    assert_says(lab, "line 1: ");
    assert_int_not_equal(decode_span(lab, NULL, FORMAT_AUTO, (struct bytes){deep, sizeof deep}, true), 0);
}

/* JSON lines become an array; blank lines and CR don't count; errors name the line. */
static void json_lines_become_an_array(void **state)
{
    struct lab *lab = *state;
    static const char *const types[] = {"application/x-ndjson", "application/jsonl",
                                        "application/x-jsonlines; x=y"};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        assert_int_equal(decode(lab, types[i], "\xef\xbb\xbf{\"a\":1}\r\n\n  \n[2]\n\"\\n\""), 0);
        assert_string_equal(buffer_text(&lab->json), "[{\"a\":1},[2],\"\\n\"]");
    }
    assert_int_equal(decode(lab, types[0], "{\"a\":1,\"a\":2}\n{\"b\":1,\"b\":2}\n"), 0);
    assert_int_equal(lab->notes.duplicate_keys, 2);
    assert_int_equal(decode(lab, types[0], "{\"a\":1}\n\n{\"b\":\n"), ERR_BODY);
    assert_says(lab, "line 3: at byte ");
    assert_int_equal(decode(lab, types[0], "{} {}\n"), ERR_BODY);
    assert_int_equal(decode(lab, types[0], "<html>"), ERR_BODY);
    assert_says(lab, "HTML instead of JSON");
    assert_int_equal(decode(lab, types[0], ""), 0);
    assert_string_equal(buffer_text(&lab->json), "[]");
}

/* Where the transfer doesn't say that it is whole, what may be cut is an error. */
static void json_lines_may_be_cut(void **state)
{
    struct lab *lab = *state;
    static const struct {
        const char *body;
        bool whole;
    } cases[] = {
        {"1\n2\n", true}, {"1\n2", false},  {"true", false}, {"null", false}, {"{}\n{}", true},
        {"\"a\"", true},  {"[1]\n ", true}, {"", false},     {"\n\n", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int code = decode_span(lab, NULL, FORMAT_JSONL, bytes_of(cases[i].body), false);
        assert_int_equal(code, cases[i].whole ? 0 : ERR_BODY);
        assert_int_equal(decode_span(lab, NULL, FORMAT_JSONL, bytes_of(cases[i].body), true), 0);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, lab_open, lab_close)
    const struct CMUnitTest tests[] = {
        TEST(json_is_known_by_its_type),  TEST(given_format_overrules),    TEST(something_else_is_named),
        TEST(beginnings_are_printable),   TEST(broken_json_says_where),    TEST(limits_are_met),
        TEST(json_lines_become_an_array), TEST(json_lines_may_be_cut),     TEST(xml_is_known),
        TEST(bodies_of_errors_are_read),  TEST(format_is_told_beforehand),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
