/* Redirects: which answers are followed, with what, and where to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <cmocka.h>

#include "common/limits.h"
#include "worker/fetch/redirect.h"

struct decision {
    struct arena arena;
    enum redirect_verdict verdict;
    struct request next;
    struct error error;
};

static int open_decision(void **state)
{
    static struct decision decision;
    decision = (struct decision){0};
    *state = &decision;
    return 0;
}

static int close_decision(void **state)
{
    struct decision *d = *state;
    arena_close(&d->arena);
    return 0;
}

/* Decide on an answer with this status and Location to a request of this method. */
static int decide(struct decision *d, const char *method, int status, const char *location,
                  const char *const *allow)
{
    static struct pair headers[2];
    static struct pair location_header;
    headers[0] = (struct pair){BYTES("Authorization"), BYTES("Bearer t")};
    headers[1] = (struct pair){BYTES("Content-Type"), BYTES("a/b")};
    location_header = (struct pair){BYTES("location"), bytes_of(location)};
    struct request asked = {.method = method,
                            .url = "https://api.example/v1/things?page=1&token=s3cr3t",
                            .headers = {headers, 2, 2},
                            .body = BYTES("{}"),
                            .has_body = true};
    struct answer answer = {
        .status = status, .headers = {&location_header, location ? 1 : 0, 1}, .url = asked.url};
    d->error.text[0] = 0;
    int code = redirect_decide(&d->arena, &asked, &answer, allow, 0, &d->verdict, &d->next, &d->error);
    assert_null(strstr(d->error.text, "s3cr3t"));
    return code;
}

/* Answers that are no redirects are left alone, whatever their Location. */
static void other_answers_are_no_redirects(void **state)
{
    static const int statuses[] = {200, 201, 204, 300, 304, 305, 306, 309, 400, 404, 500};
    for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++) {
        assert_int_equal(decide(*state, "GET", statuses[i], "https://evil.example/", NULL), 0);
        assert_int_equal(((struct decision *)*state)->verdict, REDIRECT_NONE);
    }
}

/* A signature holds for one URL: what is signed follows nothing, the answer comes back as it is. */
static void signed_requests_are_not_redirected(void **state)
{
    struct decision *d = *state;
    static struct pair location = {BYTES("Location"), BYTES("/elsewhere")};
    struct request asked = {.method = "GET", .url = "https://api.example/", .is_signed = true};
    struct answer answer = {.status = 307, .headers = {&location, 1, 1}, .url = asked.url};
    assert_int_equal(redirect_decide(&d->arena, &asked, &answer, NULL, 0, &d->verdict, &d->next, &d->error),
                     0);
    assert_int_equal(d->verdict, REDIRECT_NONE);
}

/* Within the origin a GET goes on as it was: method, headers, body. */
static void get_goes_on_at_home(void **state)
{
    struct decision *d = *state;
    static const struct {
        const char *location, *url;
    } cases[] = {
        {"/v2/things?x=1", "https://api.example/v2/things?x=1"},
        {"other", "https://api.example/v1/other"},
        {"?page=2", "https://api.example/v1/things?page=2"},
        {"//api.example:443/y", "https://api.example:443/y"},
        {"HTTPS://API.example/y#part", "HTTPS://API.example/y"},
        {" https://api.example/y ", "https://api.example/y"},
    };
    static const int statuses[] = {301, 302, 307, 308};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(decide(d, "GET", statuses[i % 4], cases[i].location, NULL), 0);
        assert_int_equal(d->verdict, REDIRECT_FOLLOW);
        assert_int_equal(strcasecmp(d->next.url, cases[i].url), 0);
        assert_string_equal(d->next.method, "GET");
        assert_int_equal(d->next.headers.count, 2);
        assert_true(d->next.has_body);
    }
}

/* 307 and 308 repeat a POST; 303 asks with GET and leaves the body behind; 301 and 302 could mean either. */
static void writing_methods_need_a_clear_word(void **state)
{
    struct decision *d = *state;
    assert_int_equal(decide(d, "POST", 307, "/x", NULL), 0);
    assert_string_equal(d->next.method, "POST");
    assert_true(d->next.has_body);
    assert_int_equal(decide(d, "POST", 308, "/x", NULL), 0);
    assert_string_equal(d->next.method, "POST");

    assert_int_equal(decide(d, "POST", 303, "/x", NULL), 0);
    assert_string_equal(d->next.method, "GET");
    assert_false(d->next.has_body);
    assert_int_equal(d->next.headers.count, 1);
    assert_true(bytes_is(d->next.headers.items[0].name, "Authorization"));

    assert_int_equal(decide(d, "HEAD", 303, "/x", NULL), 0);
    assert_string_equal(d->next.method, "HEAD");
    assert_int_equal(decide(d, "POST", 301, "/x", NULL), ERR_REDIRECT);
    assert_int_equal(decide(d, "DELETE", 302, "/x", NULL), ERR_REDIRECT);
    assert_non_null(strstr(d->error.text, "DELETE"));
}

/* Another origin is an error that names it without its query, and so is the same host by other means. */
static void other_origins_are_refused(void **state)
{
    struct decision *d = *state;
    static const char *const locations[] = {
        "https://evil.example/there?token=s3cr3t",
        "http://api.example/x",
        "https://api.example:8443/x",
        "//evil.example/x",
        "https://api.example.evil.example/x",
        "https://api.example@evil.example/x",
        "https://sub.api.example/x",
        "https://api.example./x",
    };
    for (size_t i = 0; i < sizeof locations / sizeof *locations; i++)
        assert_int_equal(decide(d, "GET", 302, locations[i], NULL), ERR_REDIRECT);
    assert_int_equal(decide(d, "GET", 302, locations[0], NULL), ERR_REDIRECT);
    assert_non_null(strstr(d->error.text, "https://evil.example/there"));
    assert_non_null(strstr(d->error.text, "allow_origins"));
}

/* An origin that is allowed is followed, with all headers. */
static void allowed_origins_are_followed(void **state)
{
    struct decision *d = *state;
    static const char *const allow[] = {"http://no.example", "https://cdn.example", NULL};
    assert_int_equal(decide(d, "GET", 302, "https://cdn.example:443/x", allow), 0);
    assert_int_equal(d->verdict, REDIRECT_FOLLOW);
    assert_int_equal(d->next.headers.count, 2);
    assert_int_equal(decide(d, "GET", 302, "http://cdn.example/x", allow), ERR_REDIRECT);
    assert_int_equal(decide(d, "GET", 302, "https://else.example/x", allow), ERR_REDIRECT);
}

/* Locations that lead nowhere, or that carry credentials of their own, are errors. */
static void bad_locations_are_errors(void **state)
{
    struct decision *d = *state;
    static const char *const locations[] = {
        NULL,
        "",
        "  ",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "https://",
        "https://user:s3cr3t@api.example/",
        "http://[::1/",
        "https://api.example:99999/",
        "/a b",
        "https://api.example\\@evil.example/",
    };
    for (size_t i = 0; i < sizeof locations / sizeof *locations; i++) {
        if (decide(d, "GET", 302, locations[i], NULL) != ERR_REDIRECT)
            print_message("followed: %s to %s\n", locations[i], d->next.url);
        assert_int_equal(d->error.code, ERR_REDIRECT);
        assert_int_equal(d->verdict, REDIRECT_NONE);
    }
}

/* Redirects in a row are few. */
static void hops_are_counted(void **state)
{
    struct decision *d = *state;
    struct pair location = {BYTES("Location"), BYTES("/x")};
    struct request asked = {.method = "GET", .url = "http://h/"};
    struct answer answer = {.status = 302, .headers = {&location, 1, 1}};
    for (unsigned hops = 0; hops < LIMIT_REDIRECTS; hops++)
        assert_int_equal(
            redirect_decide(&d->arena, &asked, &answer, NULL, hops, &d->verdict, &d->next, &d->error), 0);
    assert_int_equal(
        redirect_decide(&d->arena, &asked, &answer, NULL, LIMIT_REDIRECTS, &d->verdict, &d->next, &d->error),
        ERR_REDIRECT);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_decision, close_decision)
    const struct CMUnitTest tests[] = {
        TEST(other_answers_are_no_redirects),
        TEST(signed_requests_are_not_redirected),
        TEST(get_goes_on_at_home),
        TEST(writing_methods_need_a_clear_word),
        TEST(other_origins_are_refused),
        TEST(allowed_origins_are_followed),
        TEST(bad_locations_are_errors),
        TEST(hops_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
