/* AWS Signature Version 4, held against what AWS published: canonical request, string to sign and
 * Authorization of each vector (sigv4_vectors.h), and the examples of S3's documentation.
 *
 * Of the suite all vectors for signing by headers are there but one. Left out are:
 * - presigned URLs (query-*.txt of the suite): nothing of ours is presigned.
 * - signatures of version 4A (tests/aws-signing-test-suite/v4a): another algorithm.
 * - post-sts-header-after: there the token is added behind the signature, unsigned; we always sign it.
 * - vectors that are in both forms of the suite alike: they are in the table once.
 * Where a vector is no request that could be sent, it is signed as what stands for it: a space or a byte
 * beyond ASCII in the target as %XX (in a path with the path kept: the suite encodes it once), and a header
 * on several lines as one line (RFC 9112, 5.2). */
#include <stdio.h>

#include "sigv4_vectors.h"
#include "test_value_maker.h"
#include "worker/provider/sigv4.h"

static const struct sigv4_setting suite = {
    .keys = {BYTES("AKIDEXAMPLE"), BYTES("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"), {"", 0}},
    .region = "us-east-1",
    .service = "service",
    .wall_ms = 1440938160999, /* 2015-08-30T12:36:00.999Z */
};

struct bench {
    struct arena arena;
    struct request request;
    struct buffer canonical, to_sign;
    struct error e;
};

static void bench_open(struct bench *b, const char *method, const char *url)
{
    *b = (struct bench){.request = {.method = method, .url = url}};
    b->request.headers.items = arena_alloc(&b->arena, 16 * sizeof *b->request.headers.items);
    b->request.headers.cap = 16;
}

static void bench_close(struct bench *b)
{
    buffer_close(&b->canonical);
    buffer_close(&b->to_sign);
    arena_close(&b->arena);
}

static void bench_header(struct bench *b, const char *name, const char *value)
{
    assert_true(b->request.headers.count < b->request.headers.cap);
    b->request.headers.items[b->request.headers.count++] = (struct pair){bytes_of(name), bytes_of(value)};
}

/* "Name:value" a line; a line that begins with a blank goes on with the one before. */
static void bench_headers(struct bench *b, const char *lines)
{
    struct bytes rest = bytes_of(lines);
    while (rest.len) {
        const char *end = memchr(rest.data, '\n', rest.len);
        char *line = arena_strdup(&b->arena, (struct bytes){rest.data, (size_t)(end - rest.data)});
        rest = bytes_from(rest, strlen(line) + 1);
        if (*line == ' ') {
            struct bytes *value = &b->request.headers.items[b->request.headers.count - 1].value;
            *value = bytes_of(arena_printf(&b->arena, "%.*s %s", BYTES_ARG(*value), line));
        } else {
            char *colon = strchr(line, ':');
            *colon = 0;
            bench_header(b, line, colon + 1);
        }
    }
}

static void bench_body(struct bench *b, const char *body)
{
    b->request.has_body = body != NULL;
    b->request.body = bytes_of(body);
}

static void bench_sign(struct bench *b, const struct sigv4_setting *how)
{
    buffer_reset(&b->canonical);
    buffer_reset(&b->to_sign);
    if (sigv4_sign(how, &b->arena, &b->request, &b->e) ||
        sigv4_explain(how, &b->request, &b->canonical, &b->to_sign, &b->e))
        fail_msg("%s: %s", b->request.url, b->e.text);
    assert_true(b->request.is_signed);
}

/* The header's value, null if there is none; there are never two. */
static const char *header_of(struct bench *b, const char *name)
{
    const char *found = NULL;
    for (uint32_t i = 0; i < b->request.headers.count; i++)
        if (bytes_is_nocase(b->request.headers.items[i].name, name)) {
            assert_null(found);
            found = arena_strdup(&b->arena, b->request.headers.items[i].value);
        }
    return found;
}

/* That line of the canonical request, the first being 0. */
static const char *canonical_line(struct bench *b, int at)
{
    const char *line = buffer_text(&b->canonical);
    for (; at > 0; at--)
        line = strchr(line, '\n') + 1;
    return arena_strdup(&b->arena, (struct bytes){line, strcspn(line, "\n")});
}

/* The canonical request's line before last. */
static const char *signed_names(struct bench *b)
{
    int lines = 0;
    for (const char *c = buffer_text(&b->canonical); *c; c++)
        lines += *c == '\n';
    return canonical_line(b, lines - 1);
}

static void expect_signature(struct bench *b, const struct sigv4_setting *how, const char *stamp,
                             const char *hash, const char *signature)
{
    char scope[128], expected[512];
    snprintf(scope, sizeof scope, "%.8s/%s/%s/aws4_request", stamp, how->region, how->service);
    snprintf(expected, sizeof expected, "AWS4-HMAC-SHA256\n%s\n%s\n%s", stamp, scope, hash);
    assert_string_equal(buffer_text(&b->to_sign), expected);
    snprintf(expected, sizeof expected, "AWS4-HMAC-SHA256 Credential=%.*s/%s, SignedHeaders=%s, Signature=%s",
             BYTES_ARG(how->keys.id), scope, signed_names(b), signature);
    assert_string_equal(header_of(b, "Authorization"), expected);
    assert_string_equal(header_of(b, "X-Amz-Date"), stamp);
}

static void try_vector(const struct vector *v)
{
    struct bench b;
    struct sigv4_setting how = suite;
    struct buffer url = {0};
    const char *target = strchr(v->request, '/');
    buffer_add_text(&url, "https://example.amazonaws.com");
    for (const char *c = target; *c; c++)
        buffer_printf(&url, *c > ' ' && *c <= '~' ? "%c" : "%%%02X", (unsigned char)*c);
    how.keys.token = bytes_of(v->token);
    how.keeps_path = v->keeps_path;
    bench_open(&b, v->request[0] == 'P' ? "POST" : "GET", buffer_text(&url));
    bench_headers(&b, v->headers ? v->headers : "");
    bench_body(&b, v->body);
    bench_sign(&b, &how);
    if (strcmp(buffer_text(&b.canonical), v->canonical) != 0)
        print_error("%s:\n", v->name);
    assert_string_equal(buffer_text(&b.canonical), v->canonical);
    expect_signature(&b, &how, "20150830T123600Z", v->hash, v->signature);
    if (v->token)
        assert_string_equal(header_of(&b, "X-Amz-Security-Token"), v->token);
    bench_close(&b);
    buffer_close(&url);
}

/* Every vector of the suite comes out as published, step by step. */
static void published_vectors_come_out(void **state)
{
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++)
        try_vector(&vectors[i]);
    (void)state;
}

/* The examples of "Signature Calculations for the Authorization Header" in the S3 API reference, whose
 * Authorization has no spaces behind its commas; ours has, as in the suite. */
static void s3_examples_come_out(void **state)
{
    static const struct {
        const char *method, *target, *headers, *body, *uri, *query, *hash, *signature;
    } cases[] = {
        {"GET", "/test.txt", "Range:bytes=0-9\n", NULL, "/test.txt", "",
         "7344ae5b7ee6c3e7e6b0fe0640412a37625d1fbfff95c48bbb2dc43964946972",
         "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"},
        {"PUT", "/test$file.text",
         "Date:Fri, 24 May 2013 00:00:00 GMT\nx-amz-storage-class:REDUCED_REDUNDANCY\n",
         "Welcome to Amazon S3.", "/test%24file.text", "",
         "9e0e90d9c76de8fa5b200d8c849cd5b8dc7a3be3951ddb7f6a76b4158342019d",
         "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"},
        {"GET", "/?lifecycle", "", NULL, "/",
         "lifecycle=", "9766c798316ff2757b517bc739a67f6213b4ab36dd5da2f94eaebf79c77395ca",
         "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"},
        {"GET", "/?max-keys=2&prefix=J", "", NULL, "/", "max-keys=2&prefix=J",
         "df57d21db20da04d7fa30298dd4488ba3a2b47ca3a489c74750e0f1e7df1b9b7",
         "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"},
    };
    static const struct sigv4_setting how = {
        .keys = {BYTES("AKIAIOSFODNN7EXAMPLE"), BYTES("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"), {"", 0}},
        .region = "us-east-1",
        .service = "s3",
        .wall_ms = 1369353600000,
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct bench b;
        char url[128];
        snprintf(url, sizeof url, "https://examplebucket.s3.amazonaws.com%s", cases[i].target);
        bench_open(&b, cases[i].method, url);
        bench_headers(&b, cases[i].headers);
        bench_body(&b, cases[i].body);
        bench_sign(&b, &how);
        assert_string_equal(canonical_line(&b, 1), cases[i].uri);
        assert_string_equal(canonical_line(&b, 2), cases[i].query);
        expect_signature(&b, &how, "20130524T000000Z", cases[i].hash, cases[i].signature);
        assert_string_equal(header_of(&b, "x-amz-content-sha256"),
                            strrchr(buffer_text(&b.canonical), '\n') + 1);
        bench_close(&b);
    }
    (void)state;
}

/* A path is encoded once more than it is sent, and walked; S3's is kept, each escape staying one. */
static void paths_are_as_the_service_sees_them(void **state)
{
    static const struct {
        const char *sent, *service, *s3;
    } cases[] = {
        {"", "/", "/"},
        {"/", "/", "/"},
        {"/a%20b", "/a%2520b", "/a%20b"},
        {"/a%2Fb%2f", "/a%252Fb%252f", "/a%2Fb%2F"},
        {"/a+b=c", "/a%2Bb%3Dc", "/a%2Bb%3Dc"},
        {"/arn:aws:iam::1:role%2Fx", "/arn%3Aaws%3Aiam%3A%3A1%3Arole%252Fx",
         "/arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fx"},
        {"/%E1%88%B4/%e1%88%b4", "/%25E1%2588%25B4/%25e1%2588%25b4", "/%E1%88%B4/%E1%88%B4"},
        {"/%7Ea~%41%2d", "/%257Ea~%2541%252d", "/~a~A-"},
        {"/100%/%zz/%4", "/100%25/%25zz/%254", "/100%25/%25zz/%254"},
        {"/a/../../b/./c/..//d/.", "/b/d", "/a/../../b/./c/..//d/."},
        {"/a/..", "/", "/a/.."},
        {"/a/b/../", "/a/", "/a/b/../"},
        {"/...", "/...", "/..."},
        {"/%2e%2E/a", "/%252e%252E/a", "/../a"},
    };
    struct sigv4_setting how = suite;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct bench b;
        char url[128];
        snprintf(url, sizeof url, "https://h.test%s?x", cases[i].sent);
        bench_open(&b, "GET", url);
        how.service = "service";
        bench_sign(&b, &how);
        assert_string_equal(canonical_line(&b, 1), cases[i].service);
        assert_string_equal(b.request.url, url);
        how.service = "s3";
        bench_sign(&b, &how);
        assert_string_equal(canonical_line(&b, 1), cases[i].s3);
        bench_close(&b);
    }
    (void)state;
}

/* A query is sorted by its encoded names and then values; nothing in it is encoded twice. */
static void queries_are_sorted_and_uniform(void **state)
{
    static const char *const cases[][2] = {
        {"?", ""},
        {"?a", "a="},
        {"?a=", "a="},
        {"?=b", "=b"},
        {"?=", "="},
        {"?b&a=1&b=&a", "a=&a=1&b=&b="},
        {"?&a&&b&", "a=&b="},
        {"?a=b=c", "a=b%3Dc"},
        {"?a=b%3Dc%26d", "a=b%3Dc%26d"},
        {"?a=%2f%7e/~", "a=%2F~%2F~"},
        {"?a=b+c%20d%2B", "a=b%2Bc%20d%2B"},
        {"?a=100%&b=%zz&c=%4", "a=100%25&b=%25zz&c=%254"},
        {"?a-b=1&a=2&a1=3&A=4&%61=0", "A=4&a=0&a=2&a-b=1&a1=3"},
        {"?a=?/:@", "a=%3F%2F%3A%40"},
        {"?%e1%88%b4=1&%E1%88%B3=2&z", "%E1%88%B3=2&%E1%88%B4=1&z="},
        {"?Action=DescribeRegions&Version=2016-11-15#no", "Action=DescribeRegions&Version=2016-11-15"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct bench b;
        char url[128];
        snprintf(url, sizeof url, "https://h.test/%s", cases[i][0]);
        bench_open(&b, "GET", url);
        bench_sign(&b, &suite);
        assert_string_equal(canonical_line(&b, 2), cases[i][1]);
        bench_close(&b);
    }
    (void)state;
}

/* Host is the URL's, with a port that isn't the scheme's own; one that the request has stays. */
static void host_is_the_urls(void **state)
{
    static const char *const cases[][3] = {
        {"https://EC2.Test/", NULL, "ec2.test"},
        {"https://h.test:443/", NULL, "h.test"},
        {"https://h.test:80/", NULL, "h.test:80"},
        {"http://h.test:80/", NULL, "h.test"},
        {"http://127.0.0.1:05000/", NULL, "127.0.0.1:5000"},
        {"http://h.test:", NULL, "h.test"},
        {"https://[2001:DB8::1]/", NULL, "[2001:db8::1]"},
        {"https://[::1]:8443?x", NULL, "[::1]:8443"},
        {"https://127.0.0.1/", "Api.test", "Api.test"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct bench b;
        char line[64];
        bench_open(&b, "GET", cases[i][0]);
        if (cases[i][1])
            bench_header(&b, "hOST", cases[i][1]);
        bench_sign(&b, &suite);
        assert_string_equal(header_of(&b, "Host"), cases[i][2]);
        snprintf(line, sizeof line, "host:%s", cases[i][2]);
        assert_string_equal(canonical_line(&b, 3), line);
        bench_close(&b);
    }
    (void)state;
}

/* All headers are signed but those that change on their way. */
static void headers_that_change_are_not_signed(void **state)
{
    struct bench b;
    bench_open(&b, "POST", "https://h.test/");
    bench_headers(&b,
                  "User-Agent:x\nConnection:close\nExpect:\nTE:x\nTransfer-Encoding:x\nX-Amzn-Trace-Id:x\n"
                  "Proxy-Authorization:x\nKeep-Alive:x\nupgrade:x\nTrailer:x\n"
                  "Content-Type:\tapplication/x-amz-json-1.1 \nX-Amz-Target:A.B\nX-Empty:\nx-1:\t \n");
    bench_sign(&b, &suite);
    assert_string_equal(buffer_text(&b.canonical),
                        "POST\n/\n\ncontent-type:application/x-amz-json-1.1\nhost:h.test\nx-1:\n"
                        "x-amz-date:20150830T123600Z\nx-amz-target:A.B\nx-empty:\n\n"
                        "content-type;host;x-1;x-amz-date;x-amz-target;x-empty\n" EMPTY);
    assert_int_equal(b.request.headers.count, 14 + 3);
    bench_close(&b);
    (void)state;
}

/* Signing again, with other keys and at another time, leaves nothing of the first time. */
static void a_request_can_be_signed_again(void **state)
{
    struct bench b, fresh;
    struct sigv4_setting first = suite;
    first.keys.token = BYTES("token");
    first.service = "s3";
    first.wall_ms += 86400000;
    bench_open(&b, "GET", "https://h.test/");
    bench_header(&b, "x-amz-date", "of old");
    bench_header(&b, "authorization", "Basic x");
    struct request before = b.request;
    bench_sign(&b, &first);
    assert_int_equal(before.headers.count, 2); /* a copy of the request keeps its own */
    assert_true(bytes_is(before.headers.items[0].value, "of old"));
    assert_string_equal(header_of(&b, "X-Amz-Date"), "20150831T123600Z");
    assert_string_equal(header_of(&b, "X-Amz-Content-Sha256"), EMPTY);
    bench_sign(&b, &suite);
    assert_null(header_of(&b, "X-Amz-Security-Token"));
    assert_string_equal(header_of(&b, "X-Amz-Date"), "20150830T123600Z");

    bench_open(&fresh, "GET", "https://h.test/");
    bench_header(&fresh, "X-Amz-Content-Sha256", "");
    bench_sign(&fresh, &suite);
    assert_string_equal(header_of(&b, "Authorization"), header_of(&fresh, "Authorization"));
    bench_close(&fresh);
    bench_close(&b);
    (void)state;
}

/* Times before 1970 and after 9999, which only a wrong clock has, are signed as the nearest. */
static void odd_times_are_the_nearest(void **state)
{
    static const struct {
        int64_t wall_ms;
        const char *stamp;
    } cases[] = {{0, "19700101T000000Z"},
                 {-1, "19700101T000000Z"},
                 {INT64_MIN, "19700101T000000Z"},
                 {951782399999, "20000228T235959Z"},
                 {INT64_MAX, "99991231T235959Z"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct bench b;
        struct sigv4_setting how = suite;
        how.wall_ms = cases[i].wall_ms;
        bench_open(&b, "GET", "https://h.test/");
        bench_sign(&b, &how);
        assert_string_equal(header_of(&b, "X-Amz-Date"), cases[i].stamp);
        bench_close(&b);
    }
    (void)state;
}

static void assert_refused(const struct sigv4_setting *how, const char *url, int code, const char *cause)
{
    struct bench b;
    bench_open(&b, "GET", url);
    int err = sigv4_sign(how, &b.arena, &b.request, &b.e);
    if (err != code || !strstr(b.e.text, cause) || strstr(b.e.text, "s3cr3t"))
        fail_msg("%s: %d %s", cause, err, b.e.text);
    assert_int_equal(b.request.headers.count, 0);
    assert_false(b.request.is_signed);
    bench_close(&b);
}

/* Keys, regions and URLs that can't be signed are refused by a sentence without a secret. */
static void what_can_not_be_signed_is_refused(void **state)
{
    static const struct {
        struct sigv4_keys keys;
        const char *cause;
    } keys[] = {
        {{BYTES(""), BYTES("s3cr3t"), BYTES("")}, "the AWS access key id is empty"},
        {{BYTES("AKID"), BYTES(""), BYTES("s3cr3t")}, "the AWS secret access key is empty"},
        {{BYTES("AKID\r\n"), BYTES("s3cr3t"), BYTES("")}, "access key id has a line break"},
        {{BYTES("AKID"), BYTES("s3cr3t\n"), BYTES("")}, "secret access key has a line break"},
        {{BYTES("AKID"), BYTES("s3cr3t\0"), BYTES("")}, "control character at byte 7"},
        {{BYTES("AKID"), BYTES("s3cr3t"), BYTES("s3cr3t\nX: y")}, "session token has a line break"},
    };
    static const char *const regions[] = {"", "eu west", "eu/west", "eu-west-1\r\nX: y", "ü", NULL};
    static const char *const urls[][2] = {{"/path", "not absolute"},
                                          {"ftp://h/", "scheme"},
                                          {"https://me:s3cr3t@h/", "a user or password"},
                                          {"https://h/a b", "space"},
                                          {"https://h/ä", "isn't ASCII: write it as %C3"},
                                          {"https://h/?ä", "isn't ASCII"}};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        struct sigv4_setting how = suite;
        how.keys = keys[i].keys;
        assert_refused(&how, "https://h.test/", ERR_CREDENTIALS, keys[i].cause);
    }
    for (size_t i = 0; i < sizeof regions / sizeof *regions; i++) {
        struct sigv4_setting how = suite;
        how.region = regions[i];
        assert_refused(&how, "https://h.test/", ERR_CONFIG, "no region that can be signed for");
        how = suite;
        how.service = regions[i];
        assert_refused(&how, "https://h.test/", ERR_CONFIG, "no service that can be signed for");
    }
    for (size_t i = 0; i < sizeof urls / sizeof *urls; i++)
        assert_refused(&suite, urls[i][0], ERR_HTTP, urls[i][1]);
    (void)state;
}

/* A condition under which an answer is wanted is signed as other headers are: AWS checks what it finds among
 * SignedHeaders, and nothing on the way changes it. */
static void conditions_are_signed(void **state)
{
    struct bench b;
    bench_open(&b, "GET", "https://h.test/");
    bench_header(&b, "If-None-Match", "W/\"v1\"");
    bench_sign(&b, &suite);
    assert_non_null(strstr(buffer_text(&b.canonical), "\nif-none-match:W/\"v1\"\n"));
    assert_non_null(strstr(buffer_text(&b.canonical), "\nhost;if-none-match;x-amz-date\n"));
    bench_close(&b);
    (void)state;
}

/* A request that was made from a definition is signed as it is sent. */
static void made_requests_are_signed_as_sent(void **state)
{
    struct bench b;
    struct pair query[] = {{BYTES("Marker"), BYTES("a b+c/ü=%2F")}, {BYTES("Action"), BYTES("ListRoles")}};
    bench_open(&b, "GET", NULL);
    struct request_parts parts = {.arena = &b.arena, .method = "GET", .query = {query, 2, 2}};
    struct bytes url = BYTES("https://iam.test/a%2Fb/x:y?Version=2010-05-08");
    assert_int_equal(url_parse(url, &parts.url, &b.e), 0);
    assert_int_equal(request_finish(&parts, &b.request, &b.e), 0);
    bench_sign(&b, &suite);
    assert_string_equal(canonical_line(&b, 1), "/a%252Fb/x%3Ay");
    assert_string_equal(canonical_line(&b, 2),
                        "Action=ListRoles&Marker=a%20b%2Bc%2F%C3%BC%3D%252F&Version=2010-05-08");
    bench_close(&b);
    (void)state;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_vectors_come_out),
        cmocka_unit_test(s3_examples_come_out),
        cmocka_unit_test(paths_are_as_the_service_sees_them),
        cmocka_unit_test(queries_are_sorted_and_uniform),
        cmocka_unit_test(host_is_the_urls),
        cmocka_unit_test(headers_that_change_are_not_signed),
        cmocka_unit_test(a_request_can_be_signed_again),
        cmocka_unit_test(odd_times_are_the_nearest),
        cmocka_unit_test(what_can_not_be_signed_is_refused),
        cmocka_unit_test(conditions_are_signed),
        cmocka_unit_test(made_requests_are_signed_as_sent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
