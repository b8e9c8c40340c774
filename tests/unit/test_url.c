/* URLs: splitting, origins, resolving (all examples of RFC 3986, section 5.4), encoding. */
#include <stdio.h>

#include "common/check.h"
#include "common/limits.h"
#include "test_value_maker.h"
#include "worker/provider/url.h"

static void assert_span(struct bytes span, const char *expected)
{
    char text[256];
    snprintf(text, sizeof text, "%.*s", BYTES_ARG(span));
    assert_string_equal(text, expected);
}

/* A URL comes apart as it was written. */
static void urls_are_split_as_written(void **state)
{
    static const struct {
        const char *text, *scheme, *userinfo, *host, *port, *path, *query;
    } cases[] = {
        {"https://api.test", "https", NULL, "api.test", "", "", NULL},
        {"HTTP://API.test:8080/a/b?c=d?e#f", "HTTP", NULL, "API.test", "8080", "/a/b", "c=d?e"},
        {"http://[2001:db8::1]:80/x", "http", NULL, "[2001:db8::1]", "80", "/x", NULL},
        {"http://me:pw@host:/?", "http", "me:pw", "host", "", "/", ""},
        {"http://a@b@host?x#y?z", "http", "a@b", "host", "", "", "x"},
        {"http://127.0.0.1/a:b//c@d", "http", NULL, "127.0.0.1", "", "/a:b//c@d", NULL},
        {"http://h#f", "http", NULL, "h", "", "", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct url url;
        struct error e;
        if (url_parse(bytes_of(cases[i].text), &url, &e))
            fail_msg("%s: %s", cases[i].text, e.text);
        assert_span(url.scheme, cases[i].scheme);
        assert_int_equal(url.has_userinfo, cases[i].userinfo != NULL);
        assert_span(url.userinfo, cases[i].userinfo ? cases[i].userinfo : "");
        assert_span(url.host, cases[i].host);
        assert_span(url.port, cases[i].port);
        assert_span(url.path, cases[i].path);
        assert_int_equal(url.has_query, cases[i].query != NULL);
        assert_span(url.query, cases[i].query ? cases[i].query : "");
    }
    (void)state;
}

/* What isn't plainly an http(s) URL is refused, with the cause. */
static void other_urls_are_refused(void **state)
{
    static const struct {
        const char *text, *cause;
    } cases[] = {
        {"", "not absolute"},
        {"/path", "not absolute"},
        {"api.test/path", "not absolute"},
        {"//api.test/path", "not absolute"},
        {"1http://h/", "not absolute"},
        {"ftp://h/", "scheme"},
        {"file:///etc/passwd", "scheme"},
        {"javascript:alert(1)", "scheme"},
        {"httpss://h/", "scheme"},
        {"http:", "no host"},
        {"http:/h", "no host"},
        {"http:h", "no host"},
        {"http://", "no host"},
        {"http:///h", "no host"},
        {"http://:80/", "no host"},
        {"http://user@/", "no host"},
        {"http://h:0/", "port"},
        {"http://h:65536/", "port"},
        {"http://h:8a/", "port"},
        {"http://h:-1/", "port"},
        {"http://a:80:90/", "port"},
        {"http://h:99999999999999999999/", "port"},
        {"http://h\\@evil/", "backslash"},
        {"http://a b/", "space or control"},
        {"http://h/a b", "space or control"},
        {"http://h/a\tb", "space or control"},
        {"http://h/a\r\nX: y", "space or control"},
        {"http://h/\x7f", "space or control"},
        {"http://%65vil/", "character"},
        {"http://h\xc3\xa4/", "character"},
        {"http://h,i/", "character"},
        {"http://[::1/", "IPv6"},
        {"http://[]/", "IPv6"},
        {"http://[::1%25eth0]/", "IPv6"},
        {"http://[::1]x/", "host can't be read"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct url url;
        struct error e = {0};
        int err = url_parse(bytes_of(cases[i].text), &url, &e);
        if (err != ERR_HTTP || !strstr(e.text, cases[i].cause))
            fail_msg("%s: %d %s", cases[i].text, err, e.text);
    }
    struct url url;
    assert_int_equal(url_parse((struct bytes){"http://h/a\0b", 12}, &url, NULL), ERR_HTTP);
    char *longest = mem_alloc(LIMIT_URL_BYTES + 1);
    memset(longest, 'x', LIMIT_URL_BYTES + 1);
    memcpy(longest, "http://h/", 9);
    assert_int_equal(url_parse((struct bytes){longest, LIMIT_URL_BYTES}, &url, NULL), 0);
    assert_int_equal(url_parse((struct bytes){longest, LIMIT_URL_BYTES + 1}, &url, NULL), ERR_HTTP);
    free(longest);
    (void)state;
}

/* An origin is scheme, host and port; case and default ports don't count. */
static void origins_are_compared(void **state)
{
    static const struct {
        const char *a, *b;
        bool same;
    } cases[] = {
        {"https://h/a", "https://H:443/b?c", true},
        {"http://h", "HTTP://h:80", true},
        {"http://h:", "http://h:80", true},
        {"http://h:080/", "http://h/", true},
        {"http://me@h/", "http://h/", true},
        {"http://h:443/", "https://h:443/", false},
        {"http://h/", "https://h/", false},
        {"http://h:80/", "http://h:81/", false},
        {"http://h/", "http://h.evil/", false},
        {"http://h/", "http://i/", false},
        {"http://[::1]/", "http://[::1]:80/", true},
        {"http://h/", "not a url", false},
        {"", "", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(url_same_origin(bytes_of(cases[i].a), bytes_of(cases[i].b)), cases[i].same);
        assert_int_equal(url_same_origin(bytes_of(cases[i].b), bytes_of(cases[i].a)), cases[i].same);
    }
    (void)state;
}

/* An origin is told in lower case, without user and default port. */
static void origins_are_told(void **state)
{
    static const char *const cases[][2] = {
        {"HTTPS://Me:pw@Api.TEST:443/Path?Q", "https://api.test"},
        {"http://h:0080/", "http://h"},
        {"http://h:8080", "http://h:8080"},
        {"https://[::1]:80/", "https://[::1]:80"},
        {"nothing", ""},
    };
    struct arena arena = {0};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_span(url_origin(&arena, bytes_of(cases[i][0])), cases[i][1]);
    arena_close(&arena);
    (void)state;
}

static void assert_resolves(const char *base, const char *reference, const char *expected)
{
    struct arena arena = {0};
    struct bytes out;
    struct error e = {0};
    int err = url_resolve(&arena, bytes_of(base), bytes_of(reference), &out, &e);
    if (expected && err)
        fail_msg("%s: %s", reference, e.text);
    if (expected)
        assert_span(out, expected);
    else
        assert_int_equal(err, ERR_HTTP);
    arena_close(&arena);
}

/* RFC 3986, 5.4.1 and 5.4.2. A fragment is dropped, another scheme is no URL of ours; the strict reading
 * of "http:g" has no host. */
static void rfc_examples_resolve(void **state)
{
    static const char *const cases[][2] = {
        {"g:h", NULL},
        {"g", "http://a/b/c/g"},
        {"./g", "http://a/b/c/g"},
        {"g/", "http://a/b/c/g/"},
        {"/g", "http://a/g"},
        {"//g", "http://g"},
        {"?y", "http://a/b/c/d;p?y"},
        {"g?y", "http://a/b/c/g?y"},
        {"#s", "http://a/b/c/d;p?q"},
        {"g#s", "http://a/b/c/g"},
        {"g?y#s", "http://a/b/c/g?y"},
        {";x", "http://a/b/c/;x"},
        {"g;x", "http://a/b/c/g;x"},
        {"g;x?y#s", "http://a/b/c/g;x?y"},
        {"", "http://a/b/c/d;p?q"},
        {".", "http://a/b/c/"},
        {"./", "http://a/b/c/"},
        {"..", "http://a/b/"},
        {"../", "http://a/b/"},
        {"../g", "http://a/b/g"},
        {"../..", "http://a/"},
        {"../../", "http://a/"},
        {"../../g", "http://a/g"},
        {"../../../g", "http://a/g"},
        {"../../../../g", "http://a/g"},
        {"/./g", "http://a/g"},
        {"/../g", "http://a/g"},
        {"g.", "http://a/b/c/g."},
        {".g", "http://a/b/c/.g"},
        {"g..", "http://a/b/c/g.."},
        {"..g", "http://a/b/c/..g"},
        {"./../g", "http://a/b/g"},
        {"./g/.", "http://a/b/c/g/"},
        {"g/./h", "http://a/b/c/g/h"},
        {"g/../h", "http://a/b/c/h"},
        {"g;x=1/./y", "http://a/b/c/g;x=1/y"},
        {"g;x=1/../y", "http://a/b/c/y"},
        {"g?y/./x", "http://a/b/c/g?y/./x"},
        {"g?y/../x", "http://a/b/c/g?y/../x"},
        {"g#s/./x", "http://a/b/c/g"},
        {"g#s/../x", "http://a/b/c/g"},
        {"http:g", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_resolves("http://a/b/c/d;p?q", cases[i][0], cases[i][1]);
    (void)state;
}

/* Beyond the RFC's examples: bases without a path, colons, other hosts, what can't be. */
static void other_references_resolve(void **state)
{
    assert_resolves("http://a", "g", "http://a/g");
    assert_resolves("http://a?q", "?y", "http://a?y");
    assert_resolves("http://a?q", "", "http://a?q");
    assert_resolves("http://a/b?q", "?", "http://a/b?");
    assert_resolves("https://a:8443/b", "//h:1/../x", "https://h:1/x");
    assert_resolves("https://a/b", "http://h/x/./y/../z", "http://h/x/z");
    assert_resolves("http://a/b/c", "./g:h", "http://a/b/g:h");
    assert_resolves("http://a/b/c", "?next=http://x/../y", "http://a/b/c?next=http://x/../y");
    assert_resolves("http://a/b/c", "d//e/..", "http://a/b/d//");
    assert_resolves("nothing", "g", NULL);
    assert_resolves("http://a/b", "//", NULL);
    assert_resolves("http://a/b", "a b", NULL);
    assert_resolves("http://a/b", "//evil\\x/", NULL);
    (void)state;
}

/* Only unreserved characters go unencoded. */
static void everything_but_unreserved_is_encoded(void **state)
{
    struct buffer out = {0};
    url_encode(BYTES("AZaz09-._~"), &out);
    assert_string_equal(buffer_text(&out), "AZaz09-._~");
    buffer_reset(&out);
    url_encode(BYTES(" !\"#$%&'()*+,/:;<=>?@[\\]^`{|}\x7f\xc3\xa4\n"), &out);
    assert_string_equal(buffer_text(&out),
                        "%20%21%22%23%24%25%26%27%28%29%2A%2B%2C%2F%3A%3B%3C%3D%3E%3F%40%5B%5C%5D"
                        "%5E%60%7B%7C%7D%7F%C3%A4%0A");
    buffer_reset(&out);
    url_encode((struct bytes){"\0", 1}, &out);
    assert_string_equal(buffer_text(&out), "%00");
    buffer_close(&out);
    (void)state;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(urls_are_split_as_written),
        cmocka_unit_test(other_urls_are_refused),
        cmocka_unit_test(origins_are_compared),
        cmocka_unit_test(origins_are_told),
        cmocka_unit_test(rfc_examples_resolve),
        cmocka_unit_test(other_references_resolve),
        cmocka_unit_test(everything_but_unreserved_is_encoded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
