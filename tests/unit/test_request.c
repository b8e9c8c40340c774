/* Requests: how a definition, placeholders and what is set become what goes over the wire. */
#include <stdio.h>

#include "common/check.h"
#include "common/limits.h"
#include "test_paging_lab.h"
#include "test_template_maker.h"

struct bench {
    struct arena arena;
    struct value account;
    struct placeholders values;
    struct request_def def;
    struct request_parts parts;
    struct request request;
    struct error e;
};

static void bench_open(struct bench *b, const char *method, const char *url)
{
    *b = (struct bench){.def = {.method = method}};
    b->def.url = template_of(&b->arena, url);
    b->account = value_of(
        &b->arena, "{\"host\":\"http://127.0.0.1:5000\",\"odd\":\"a b&c=d/ü+\",\"crlf\":\"a\\r\\nX: y\","
                   "\"nul\":\"a\\u0000b\",\"with_user\":\"http://me:s3cr3t@h\",\"bad\":\"s3cr3t\"}");
    b->values = (struct placeholders){.account_id = BYTES("123"), .account_keys = &b->account};
}

static void bench_begin(struct bench *b)
{
    if (request_begin(&b->parts, &b->arena, &b->def, &b->values, &b->e))
        fail_msg("%s", b->e.text);
}

static void bench_finish(struct bench *b)
{
    if (request_finish(&b->parts, &b->request, &b->e))
        fail_msg("%s", b->e.text);
}

static void bench_set(struct bench *b, const char *target, const char *json)
{
    struct target to = lab_target(&b->arena, target);
    struct value value = value_of(&b->arena, json);
    if (request_set(&b->parts, &to, &value, &b->e))
        fail_msg("%s", b->e.text);
}

/* Everything of the request in one text: URL, headers a line each, body. */
static void bench_expects(struct bench *b, const char *expected)
{
    struct buffer out = {0};
    buffer_printf(&out, "%s %s\n", b->request.method, b->request.url);
    for (uint32_t i = 0; i < b->request.headers.count; i++)
        buffer_printf(&out, "%.*s: %.*s\n", BYTES_ARG(b->request.headers.items[i].name),
                      BYTES_ARG(b->request.headers.items[i].value));
    if (b->request.has_body)
        buffer_printf(&out, "%.*s\n", BYTES_ARG(b->request.body));
    assert_string_equal(buffer_text(&out), expected);
    buffer_close(&out);
    arena_close(&b->arena);
}

/* `texts` ends with null. */
static struct field field_of(struct bench *b, const char *name, const char *const *texts)
{
    struct field field = {.name = name};
    while (texts[field.count])
        field.count++;
    const struct template **values = arena_alloc(&b->arena, field.count * sizeof *values);
    for (uint32_t i = 0; i < field.count; i++)
        values[i] = template_of(&b->arena, texts[i]);
    field.values = values;
    return field;
}

#define FIELD(name, ...) field_of(&b, name, (const char *const[]){__VA_ARGS__, NULL})
#define FIELDS(...)                                                                                          \
    (struct fields)                                                                                          \
    {                                                                                                        \
        (const struct field[]){__VA_ARGS__},                                                                 \
            sizeof((const struct field[]){__VA_ARGS__}) / sizeof(struct field)                               \
    }

/* A query is encoded, a list repeats its parameter, null leaves it out. */
static void query_is_encoded(void **state)
{
    struct bench b;
    bench_open(&b, "GET", "{account.host}/v1/{account.id}/{account.odd}");
    b.def.query = FIELDS(FIELD("odd", "{account.odd}"), FIELD("a[]", "1", "{account.id}"), {.name = "gone"},
                         FIELD("empty", ""));
    bench_begin(&b);
    assert_true(bytes_is(url_origin_of(&b.arena, &b.parts.origin), "http://127.0.0.1:5000"));
    assert_null(b.parts.link_origin);
    bench_finish(&b);
    bench_expects(&b, "GET http://127.0.0.1:5000/v1/123/a%20b%26c%3Dd%2F%C3%BC%2B"
                      "?odd=a%20b%26c%3Dd%2F%C3%BC%2B&a%5B%5D=1&a%5B%5D=123&empty=\n");
    (void)state;
}

/* A URL's own query stays in front, a missing path is "/", a fragment goes. */
static void url_keeps_its_own_query(void **state)
{
    static const char *const cases[][3] = {
        {"https://h", "https://h/?q=1", "https://h/"},
        {"https://h?", "https://h/?q=1", "https://h/?"},
        {"https://h:8443/a?b", "https://h:8443/a?b&q=1", "https://h:8443/a?b"},
        {"https://h/a?b=c&", "https://h/a?b=c&q=1", "https://h/a?b=c&"},
        {"https://h/a#b?c", "https://h/a?q=1", "https://h/a"},
        {"https://h/a?b#c", "https://h/a?b&q=1", "https://h/a?b"},
        {"https://h/a:b@c;d", "https://h/a:b@c;d?q=1", "https://h/a:b@c;d"},
        {"https://h:/a", "https://h/a?q=1", "https://h/a"},
        {"HTTPS://H:443/a", "HTTPS://H:443/a?q=1", "HTTPS://H:443/a"},
        {"https://[::1]:/#", "https://[::1]/?q=1", "https://[::1]/"},
        {"https://h/\xc3\xbc#x", "https://h/%C3%BC?q=1", "https://h/%C3%BC"},
    };
    static const struct template text = {.text = "1"}, *const value[] = {&text};
    static const struct field one = {.name = "q", .values = value, .count = 1};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        for (int with = 1; with <= 2; with++) {
            struct bench b;
            char expected[128];
            bench_open(&b, "GET", cases[i][0]);
            b.def.query = (struct fields){&one, with == 1};
            bench_begin(&b);
            bench_finish(&b);
            snprintf(expected, sizeof expected, "GET %s\n", cases[i][with]);
            bench_expects(&b, expected);
        }
    }
    (void)state;
}

/* An endpoint takes the place of a URL's origin, if the URL is written out in the file; its path goes in
 * front. */
static void endpoint_takes_the_origin(void **state)
{
    static const char *const cases[][3] = {
        {"https://ec2.test/a?b=c", "http://127.0.0.1:5000", "http://127.0.0.1:5000/a?b=c"},
        {"https://ec2.test", "http://127.0.0.1:5000/base/", "http://127.0.0.1:5000/base/"},
        {"https://ec2.test:8443/a%2Fb", "https://[::1]:7/p", "https://[::1]:7/p/a%2Fb"},
        {"{account.host}/a", "http://other/", "http://127.0.0.1:5000/a"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct bench b;
        bench_open(&b, "GET", cases[i][0]);
        b.values.endpoint = bytes_of(cases[i][1]);
        bench_begin(&b);
        bench_finish(&b);
        assert_string_equal(b.request.url, cases[i][2]);
        struct bytes origin = url_origin_of(&b.arena, &b.parts.origin);
        assert_true(strncmp(cases[i][2], origin.data, origin.len) == 0);
        arena_close(&b.arena);
    }
    (void)state;
}

/* Strings of a body are templates at any depth, keys and other scalars stay. */
static void body_is_expanded_and_sent_as_json(void **state)
{
    struct bench b;
    bench_open(&b, "POST", "https://h/");
    b.def.has_body = true;
    b.def.body = value_of(&b.arena,
                          "{\"{account.id}\":[\"x{account.id}\",{\"k\":\"{{}}\",\"n\":1.50,\"z\":null}],"
                          "\"t\":true,\"odd\":\"{account.odd}\"}");
    bench_begin(&b);
    bench_finish(&b);
    bench_expects(&b, "POST https://h/\nContent-Type: application/json\n"
                      "{\"{account.id}\":[\"x123\",{\"k\":\"{}\",\"n\":1.50,\"z\":null}],\"t\":true,"
                      "\"odd\":\"a b&c=d/ü+\"}\n");
    (void)state;
}

/* A form is encoded as one, even when all of it is left out. */
static void form_is_encoded(void **state)
{
    struct bench b;
    bench_open(&b, "POST", "https://h/");
    b.def.form = FIELDS(FIELD("Action", "List"), FIELD("Filter.1", "{account.odd}", "b"));
    bench_begin(&b);
    bench_finish(&b);
    bench_expects(&b, "POST https://h/\nContent-Type: application/x-www-form-urlencoded\n"
                      "Action=List&Filter.1=a%20b%26c%3Dd%2F%C3%BC%2B&Filter.1=b\n");
    bench_open(&b, "POST", "https://h/");
    b.def.form = FIELDS({.name = "gone"});
    bench_begin(&b);
    bench_finish(&b);
    bench_expects(&b, "POST https://h/\nContent-Type: application/x-www-form-urlencoded\n\n");
    (void)state;
}

/* A Content-Type of the definition's own stands, whatever its case. */
static void own_content_type_stands(void **state)
{
    struct bench b;
    bench_open(&b, "POST", "https://h/");
    b.def.has_body = true;
    b.def.body = value_of(&b.arena, "\"\"");
    b.def.headers = FIELDS(FIELD("content-TYPE", "application/x-amz-json-1.1"), FIELD("Accept", "a", "b"));
    bench_begin(&b);
    bench_finish(&b);
    bench_expects(&b,
                  "POST https://h/\ncontent-TYPE: application/x-amz-json-1.1\nAccept: a\nAccept: b\n\"\"\n");
    (void)state;
}

/* What is set replaces what was there, all of a repeated parameter, and headers in any case. */
static void setting_replaces(void **state)
{
    struct bench b;
    bench_open(&b, "GET", "https://h/");
    b.def.query = FIELDS(FIELD("a", "1", "2"), FIELD("b", "3"), FIELD("A", "4"));
    b.def.headers = FIELDS(FIELD("X-Token", "old"));
    bench_begin(&b);
    bench_set(&b, "query:a", "\"new\"");
    bench_set(&b, "query:c", "12345678901234567890");
    bench_set(&b, "header:x-token", "true");
    request_set_header(&b.parts, "X-TOKEN", BYTES("last"));
    request_set_header(&b.parts, "X-More", BYTES("more"));
    bench_finish(&b);
    bench_expects(&b, "GET https://h/?a=new&b=3&A=4&c=12345678901234567890\nX-Token: last\nX-More: more\n");
    (void)state;
}

/* Into a body any value goes as it is, making objects on the way; the definition stays as it was. */
static void setting_into_bodies(void **state)
{
    struct bench b;
    bench_open(&b, "POST", "https://h/");
    bench_begin(&b);
    bench_set(&b, "body:/page/token", "{\"a\":[1,null]}");
    bench_set(&b, "body:/limit", "10");
    bench_finish(&b);
    bench_expects(&b, "POST https://h/\nContent-Type: application/json\n"
                      "{\"page\":{\"token\":{\"a\":[1,null]}},\"limit\":10}\n");
    bench_open(&b, "POST", "https://h/");
    b.def.has_body = true;
    b.def.body = value_of(&b.arena, "{\"page\":{\"size\":1,\"token\":\"\"}}");
    bench_begin(&b);
    bench_set(&b, "body:/page/token", "\"t{{\"");
    assert_json(&b.def.body, "{\"page\":{\"size\":1,\"token\":\"\"}}");
    bench_finish(&b);
    bench_expects(
        &b, "POST https://h/\nContent-Type: application/json\n{\"page\":{\"size\":1,\"token\":\"t{{\"}}\n");
    (void)state;
}

/* What can't be set is an error: no scalar, or a form and a body at once. */
static void what_cannot_be_set(void **state)
{
    static const struct {
        const char *target, *value;
        int err;
        const char *error;
    } cases[] = {
        {"query:q", "[1]", ERR_PAGING, "query:q can't be set: a value of type array has no text"},
        {"header:H", "{}", ERR_PAGING, "header:H can't be set: a value of type object has no text"},
        {"query:q", "null", ERR_PAGING, "query:q can't be set: a value of type null has no text"},
        {"form:f", "1", ERR_CONFIG, "form:f can't be set: the request has a body"},
        {"body:/s/x", "1", ERR_CONFIG, ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct bench b;
        bench_open(&b, "POST", "https://h/");
        b.def.has_body = true;
        b.def.body = value_of(&b.arena, "{\"s\":\"text\"}");
        bench_begin(&b);
        struct target to = lab_target(&b.arena, cases[i].target);
        struct value value = value_of(&b.arena, cases[i].value);
        assert_int_equal(request_set(&b.parts, &to, &value, &b.e), cases[i].err);
        if (*cases[i].error)
            assert_string_equal(b.e.text, cases[i].error);
        arena_close(&b.arena);
    }
    struct bench b;
    bench_open(&b, "POST", "https://h/");
    b.def.form = FIELDS(FIELD("a", "1"));
    bench_begin(&b);
    bench_set(&b, "form:b", "2");
    struct target to = lab_target(&b.arena, "body:/x");
    struct value value = value_bool(true);
    assert_int_equal(request_set(&b.parts, &to, &value, &b.e), ERR_CONFIG);
    bench_finish(&b);
    bench_expects(&b, "POST https://h/\nContent-Type: application/x-www-form-urlencoded\na=1&b=2\n");
    (void)state;
}

/* What isn't ASCII in a URL that was written so goes out as %XX, as it is signed. */
static void urls_are_ascii(void **state)
{
    struct bench b;
    bench_open(&b, "GET", "https://x/\xc3\xbc/%C3?q=\xc3\xa9");
    bench_begin(&b);
    bench_finish(&b);
    bench_expects(&b, "GET https://x/%C3%BC/%C3?q=%C3%A9\n");
    (void)state;
}

/* A header that would break the request is an error that names it, and not its value. */
static void headers_cannot_be_smuggled(void **state)
{
    static const char *const cases[][3] = {
        {"X-Api", "{account.crlf}", "header X-Api: its value has a line break or NUL"},
        {"X-Api", "{account.nul}", "header X-Api: its value has a line break or NUL"},
        {"X-Api", "a\nb", "header X-Api: its value has a line break or NUL"},
        {"X Api", "v", "\"X Api\" can't be a header's name"},
        {"X-Api:", "v", "\"X-Api:\" can't be a header's name"},
        {"X-1.~", "a\rb", "header X-1.~: its value has a line break or NUL"},
        {"X\r\nY", "v", "\"X??Y\" can't be a header's name"},
        {"", "v", "\"\" can't be a header's name"},
        {"Ü", "v", "\"Ü\" can't be a header's name"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct bench b;
        bench_open(&b, "GET", "https://h/");
        b.def.headers = FIELDS(FIELD(cases[i][0], cases[i][1]));
        bench_begin(&b);
        assert_int_equal(request_finish(&b.parts, &b.request, &b.e), ERR_HTTP);
        assert_string_equal(b.e.text, cases[i][2]);
        arena_close(&b.arena);
    }
    (void)state;
}

/* What a definition can't be expanded to is told with its place, without a value. */
static void mistakes_name_their_place(void **state)
{
    static const struct {
        const char *url, *query, *header, *body;
        int err;
        const char *error;
    } cases[] = {
        {"{account.nope}/x", "", "", "1", ERR_PLACEHOLDER,
         "url {account.nope}/x: {account.nope} has no value: the account has no such key in the "
         "configuration"},
        {"{account.bad}/x", "", "", "1", ERR_HTTP,
         "url {account.bad}/x: the URL is not absolute: it should begin with https:// or http://"},
        {"ftp://h/", "", "", "1", ERR_HTTP, "url ftp://h/: the URL's scheme is neither https nor http"},
        {"https://h/", "{region}", "", "1", ERR_PLACEHOLDER,
         "query q: {region} has no value: there is no region here"},
        {"https://h/", "", "{region}", "1", ERR_PLACEHOLDER,
         "header h: {region} has no value: there is no region here"},
        {"https://h/", "", "", "{\"a\":[\"{region}\"]}", ERR_PLACEHOLDER,
         "body: {region} has no value: there is no region here"},
        {"https://h/", "", "", "[\"{regoin}\"]", ERR_CONFIG,
         "body: unknown placeholder {regoin}: did you mean {region}?"},
        {"https://h/", "", "", "\"a\\u0000b\"", ERR_CONFIG, "body: a text with NUL can't be a template"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct bench b;
        bench_open(&b, "POST", cases[i].url);
        b.def.query = FIELDS(FIELD("q", cases[i].query));
        b.def.headers = FIELDS(FIELD("h", cases[i].header));
        b.def.has_body = true;
        b.def.body = value_of(&b.arena, cases[i].body);
        assert_int_equal(request_begin(&b.parts, &b.arena, &b.def, &b.values, &b.e), cases[i].err);
        assert_string_equal(b.e.text, cases[i].error);
        arena_close(&b.arena);
    }
    struct bench b;
    bench_open(&b, "GET", "{account.with_user}/");
    bench_begin(&b);
    assert_int_equal(request_finish(&b.parts, &b.request, &b.e), ERR_HTTP);
    assert_string_equal(b.e.text, "a URL with a user or password in it isn't asked: use auth of kind basic");
    arena_close(&b.arena);
    (void)state;
}

/* URL and body have their limits. */
static void requests_are_bounded(void **state)
{
    struct bench b;
    char *text = mem_zalloc(LIMIT_REQUEST_BYTES + 1);
    memset(text, 'x', LIMIT_REQUEST_BYTES);
    struct value big = value_string((struct bytes){text, LIMIT_REQUEST_BYTES});
    bench_open(&b, "POST", "https://h/");
    bench_begin(&b);
    struct target query = lab_target(&b.arena, "query:q"), body = lab_target(&b.arena, "body:/q");
    assert_int_equal(request_set(&b.parts, &query, &big, &b.e), 0);
    assert_int_equal(request_finish(&b.parts, &b.request, &b.e), ERR_LIMIT);
    assert_string_equal(b.e.text, "the URL would have 1048589 bytes, and at most 65536 are sent");
    bench_begin(&b);
    assert_int_equal(request_set(&b.parts, &body, &big, &b.e), 0);
    assert_int_equal(request_finish(&b.parts, &b.request, &b.e), ERR_LIMIT);
    assert_string_equal(b.e.text,
                        "the request's body would have 1048584 bytes, and at most 1048576 are sent");
    arena_close(&b.arena);
    free(text);
    (void)state;
}

/* Of several headers of a name the last counts, in any case. */
static void last_header_of_a_name_counts(void **state)
{
    struct pair pairs[] = {
        {BYTES("ETag"), BYTES("1")}, {BYTES("etag"), BYTES("2")}, {BYTES("Date"), BYTES("3")}};
    struct answer answer = {.headers = {.items = pairs, .count = 3}};
    struct bytes value;
    assert_true(answer_header(&answer, "ETAG", &value) && bytes_is(value, "2"));
    assert_false(answer_header(&answer, "ETa", &value));
    (void)state;
}

static uint64_t hash_after(void (*change)(struct bench *b))
{
    struct bench b;
    bench_open(&b, "GET", "http://h/things?own=1");
    bench_begin(&b);
    bench_set(&b, "query:a", "\"b\"");
    bench_set(&b, "header:X-One", "\"1\"");
    if (change)
        change(&b);
    uint64_t hash = request_hash(&b.parts);
    arena_close(&b.arena);
    return hash;
}

static void other_method(struct bench *b)
{
    b->parts.method = "POST";
}

static void other_query(struct bench *b)
{
    bench_set(b, "query:a", "\"c\"");
}

static void more_query(struct bench *b)
{
    bench_set(b, "query:", "\"\"");
}

static void other_header(struct bench *b)
{
    bench_set(b, "header:X-One", "\"2\"");
}

static void with_form(struct bench *b)
{
    bench_set(b, "form:a", "\"b\"");
}

static void with_body(struct bench *b)
{
    bench_set(b, "body:/a", "\"b\"");
}

static void other_body(struct bench *b)
{
    bench_set(b, "body:/a", "\"c\"");
}

static void other_url(struct bench *b)
{
    CHECK(!url_parse(BYTES("http://h/things?own=2"), &b->parts.url, &b->e));
}

/* Whatever is asked otherwise makes another hash; the same, the same. */
static void hash_tells_requests_apart(void **state)
{
    (void)state;
    void (*const changes[])(struct bench *) = {NULL,      other_method, other_query, more_query, other_header,
                                               with_form, with_body,    other_body,  other_url};
    uint64_t hashes[sizeof changes / sizeof *changes];
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        hashes[i] = hash_after(changes[i]);
        assert_int_equal(hashes[i], hash_after(changes[i]));
        assert_int_not_equal(hashes[i], 0);
        for (size_t k = 0; k < i; k++)
            assert_int_not_equal(hashes[i], hashes[k]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(query_is_encoded),
        cmocka_unit_test(url_keeps_its_own_query),
        cmocka_unit_test(endpoint_takes_the_origin),
        cmocka_unit_test(body_is_expanded_and_sent_as_json),
        cmocka_unit_test(form_is_encoded),
        cmocka_unit_test(own_content_type_stands),
        cmocka_unit_test(setting_replaces),
        cmocka_unit_test(setting_into_bodies),
        cmocka_unit_test(what_cannot_be_set),
        cmocka_unit_test(urls_are_ascii),
        cmocka_unit_test(headers_cannot_be_smuggled),
        cmocka_unit_test(mistakes_name_their_place),
        cmocka_unit_test(requests_are_bounded),
        cmocka_unit_test(last_header_of_a_name_counts),
        cmocka_unit_test(hash_tells_requests_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
