/* Fetch: what goes over the wire, and what comes back from it. */
#include "tests/unit/test_fetch_lab.h"

#include "common/clock.h"
#include "common/limits.h"

#define OK_JSON "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 7\r\n\r\n{\"a\":1}"

/* An answer comes back with its status, headers and body, and a second request takes the same connection. */
static void answer_comes_back(void **state)
{
    struct lab *lab = *state;
    lab_hear(lab, OK_JSON, WIRE_KEEP);
    assert_int_equal(lab->code, 0);
    assert_int_equal(lab->status, 200);
    assert_body(lab, "{\"a\":1}");
    assert_string_equal(buffer_text(&lab->headers), "Content-Type=application/json;Content-Length=7;");
    assert_string_equal(buffer_text(&lab->url), wire_url(lab->wire, "/p?secret=s3cr3t"));
    assert_true(lab->delimited);
    assert_int_equal(lab->requests, 1);
    assert_int_equal(lab->bytes, strlen(OK_JSON));
    lab_hear(lab, "HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\ngone", WIRE_KEEP);
    assert_int_equal(lab->code, 0);
    assert_int_equal(lab->status, 404);
    assert_body(lab, "gone");
    assert_int_equal(wire_connections(lab->wire), 1);
}

/* A GET says who we are and what we can unpack, and nothing that nobody asked for. */
static void get_is_plain(void **state)
{
    struct lab *lab = *state;
    lab_hear(lab, OK_JSON, WIRE_KEEP);
    const char *request = wire_request(lab->wire, 0);
    assert_ptr_equal(strstr(request, "GET /p?secret=s3cr3t HTTP/1.1\r\n"), request);
    assert_has(request, "\r\nUser-Agent: garner/" GARNER_VERSION "\r\n");
    assert_has(request, "\r\nAccept-Encoding: deflate, gzip");
    assert_lacks(request, "Content-Type");
    assert_lacks(request, "Expect");
}

/* Method, path, headers and body go out as they are given: dots, escapes and empty values too. */
static void request_goes_out_as_it_is(void **state)
{
    struct lab *lab = *state;
    struct pair headers[] = {{BYTES("X-One"), BYTES("a: b")},
                             {BYTES("X-Empty"), BYTES("")},
                             {BYTES("Content-Type"), BYTES("application/json")},
                             {BYTES("User-Agent"), BYTES("else")}};
    struct request request = {.method = "POST",
                              .url = wire_url(lab->wire, "/a/../b%2Fc?x=%20"),
                              .headers = {headers, 4, 4},
                              .body = BYTES("{\0}"),
                              .has_body = true};
    wire_answers(lab->wire, OK_JSON, WIRE_KEEP);
    lab_send(lab, &request, NULL);
    const char *sent = wire_request(lab->wire, 0);
    assert_ptr_equal(strstr(sent, "POST /a/../b%2Fc?x=%20 HTTP/1.1\r\n"), sent);
    assert_has(sent, "\r\nX-One: a: b\r\n");
    assert_has(sent, "\r\nX-Empty:\r\n");
    assert_has(sent, "\r\nContent-Type: application/json\r\n");
    assert_has(sent, "\r\nUser-Agent: else\r\n");
    assert_has(sent, "\r\nContent-Length: 3\r\n");
    assert_memory_equal(strstr(sent, "\r\n\r\n") + 4, "{\0}", 4);
}

/* Every method is sent as such; one that writes says that it has no body. */
static void methods_are_sent_as_such(void **state)
{
    struct lab *lab = *state;
    static const char *const methods[] = {"GET", "POST", "PUT", "PATCH", "DELETE", "SEARCH"};
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
        struct request request = {.method = methods[i], .url = wire_url(lab->wire, "/")};
        wire_answers(lab->wire, OK_JSON, WIRE_KEEP);
        lab_send(lab, &request, NULL);
        const char *sent = wire_request(lab->wire, i);
        assert_int_equal(lab->code, 0);
        assert_ptr_equal(strstr(sent, methods[i]), sent);
        assert_int_equal(strstr(sent, "Content-Length: 0") != NULL, methods[i][0] == 'P');
    }
}

/* A HEAD's answer has a length and no body, and is whole. */
static void head_has_no_body(void **state)
{
    struct lab *lab = *state;
    struct request request = {.method = "HEAD", .url = wire_url(lab->wire, "/")};
    wire_answers(lab->wire, "HTTP/1.1 200 OK\r\nETag: \"1\"\r\nContent-Length: 700\r\n\r\n", WIRE_KEEP);
    lab_send(lab, &request, NULL);
    assert_int_equal(lab->code, 0);
    assert_true(lab->delimited);
    assert_body(lab, "");
}

/* Who says where a body ends: a length, chunks, or a status without one; closing says nothing. */
static void delimited_says_whether_a_cut_is_seen(void **state)
{
    struct lab *lab = *state;
    static const struct {
        const char *text, *body;
        bool delimited;
    } cases[] = {
        {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", "{}", true},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n1\r\n}\r\n0\r\nX: trailer\r\n\r\n",
         "{}", true},
        {"HTTP/1.1 204 No Content\r\n\r\n", "", true},
        {"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", "", true},
        {"HTTP/1.1 200 OK\r\n\r\n{}", "{}", false},
        {"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999\r\n\r\n{}", "{}", false},
        {"HTTP/1.0 200 OK\r\nContent-Type: a/b\r\n\r\n{}", "{}", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        lab_hear(lab, cases[i].text, WIRE_CLOSE);
        assert_int_equal(lab->code, 0);
        assert_body(lab, cases[i].body);
        assert_int_equal(lab->delimited, cases[i].delimited);
        assert_lacks(buffer_text(&lab->headers), "trailer");
    }
}

/* Only the final answer's headers count, not those of a 1xx; a folded one is one. */
static void headers_are_the_final_ones(void **state)
{
    struct lab *lab = *state;
    lab_hear(lab,
             "HTTP/1.1 103 Early Hints\r\nLink: </early>\r\n\r\n"
             "HTTP/1.1 200 OK\r\nLink: </a>;\r\n  rel=next\r\nX-Empty:\r\nContent-Length: 0\r\n\r\n",
             WIRE_KEEP);
    assert_int_equal(lab->code, 0);
    assert_string_equal(buffer_text(&lab->headers), "Link=</a>; rel=next;X-Empty=;Content-Length=0;");
}

/* --- Redirects --- */

/* A redirect within the origin is followed, credentials and all; the answer's URL is the last one asked. */
static void redirect_is_followed_at_home(void **state)
{
    struct lab *lab = *state;
    struct pair header = {BYTES("Authorization"), BYTES("Bearer t")};
    struct request request = {
        .method = "GET", .url = wire_url(lab->wire, "/old?x=1"), .headers = {&header, 1, 1}};
    wire_answers(lab->wire, "HTTP/1.1 302 Found\r\nLocation: /new?y=2\r\nContent-Length: 3\r\n\r\nold",
                 WIRE_KEEP);
    wire_answers(lab->wire, OK_JSON, WIRE_KEEP);
    lab_send(lab, &request, NULL);
    assert_int_equal(lab->status, 200);
    assert_body(lab, "{\"a\":1}");
    assert_int_equal(lab->requests, 2);
    assert_lacks(buffer_text(&lab->headers), "Location");
    assert_string_equal(buffer_text(&lab->url), wire_url(lab->wire, "/new?y=2"));
    assert_has(wire_request(lab->wire, 1), "GET /new?y=2 ");
    assert_has(wire_request(lab->wire, 1), "Authorization: Bearer t");
}

/* One to another origin is an error, and nobody over there hears of it, unless that origin is allowed. */
static void redirect_abroad_needs_permission(void **state)
{
    struct lab *lab = *state;
    struct wire *other = wire_open(false);
    char text[256];
    snprintf(text, sizeof text, "HTTP/1.1 302 Found\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n",
             wire_url(other, "/there?token=s3cr3t"));
    lab_hear(lab, text, WIRE_KEEP);
    assert_error(lab, ERR_REDIRECT, "another origin");
    assert_has(lab->error, "/there");
    assert_int_equal(wire_connections(other), 0);

    const char *allowed[] = {"https://else.example", wire_url(other, ""), NULL};
    struct request request = {.method = "GET", .url = wire_url(lab->wire, "/")};
    wire_answers(lab->wire, text, WIRE_KEEP);
    wire_answers(other, OK_JSON, WIRE_KEEP);
    lab_send(lab, &request, allowed);
    assert_int_equal(lab->code, 0);
    assert_body(lab, "{\"a\":1}");
    wire_close(other);
}

/* Redirects without end come to an end. */
static void redirects_without_end_stop(void **state)
{
    struct lab *lab = *state;
    for (int i = 0; i <= LIMIT_REDIRECTS; i++)
        wire_answers(lab->wire, "HTTP/1.1 307 Again\r\nLocation: /p\r\nContent-Length: 0\r\n\r\n", WIRE_KEEP);
    lab_get(lab, wire_url(lab->wire, "/p?secret=s3cr3t"));
    assert_error(lab, ERR_REDIRECT, "more than 5 redirects");
    assert_int_equal(lab->requests, LIMIT_REDIRECTS + 1);
}

/* --- Many at once --- */

static void count(void *context, const struct fetch_result *result)
{
    unsigned *counts = context;
    counts[result->code == 0 && result->answer.status == 200]++;
}

/* More requests than may be under way are all answered, over a few connections. */
static void many_requests_share_few_connections(void **state)
{
    struct lab *lab = *state;
    enum { MANY = LIMIT_TRANSFERS + 100 };
    unsigned counts[2] = {0};
    struct request request = {.method = "GET", .url = wire_url(lab->wire, "/")};
    for (int i = 0; i < MANY; i++)
        wire_answers(lab->wire, OK_JSON, WIRE_KEEP);
    for (int i = 0; i < MANY; i++)
        fetch_send(lab->fetch, &request, NULL, counts, count);
    while (fetch_step(lab->fetch, -1))
        ;
    assert_int_equal(counts[1], MANY);
    assert_in_range(wire_connections(lab->wire), 1, LIMIT_CONNECTIONS_PER_HOST);
}

struct chain {
    struct lab *lab;
    struct request request;
    unsigned left;
};

static void go_on(void *context, const struct fetch_result *result)
{
    struct chain *chain = context;
    assert_int_equal(result->code, 0);
    if (--chain->left)
        fetch_send(chain->lab->fetch, &chain->request, NULL, chain, go_on);
}

/* A callback may send the next request. */
static void callback_may_send(void **state)
{
    struct lab *lab = *state;
    struct chain chain = {
        .lab = lab, .request = {.method = "GET", .url = wire_url(lab->wire, "/")}, .left = 20};
    for (int i = 0; i < 20; i++)
        wire_answers(lab->wire, OK_JSON, WIRE_KEEP);
    fetch_send(lab->fetch, &chain.request, NULL, &chain, go_on);
    while (fetch_step(lab->fetch, -1))
        ;
    assert_int_equal(chain.left, 0);
    assert_int_equal(wire_connections(lab->wire), 1);
}

/* Closing in the midst of everything calls nobody back (and leaks nothing, say the sanitizers). */
static void closing_in_the_midst_is_silent(void **state)
{
    struct lab *lab = *state;
    unsigned counts[2] = {0};
    const char *const sleeper[] = {"sleep", "100", NULL};
    struct request stalled = {.method = "GET", .url = wire_url(lab->wire, "/")};
    struct request unknown = {.method = "GET", .url = "http://name-that-is-not.invalid/"};
    for (int i = 0; i < 4; i++)
        wire_answers(lab->wire, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nstart", WIRE_STALL);
    for (int i = 0; i < LIMIT_TRANSFERS + 10; i++)
        fetch_send(lab->fetch, i % 2 ? &stalled : &unknown, NULL, counts, count);
    fetch_command(lab->fetch, sleeper, counts, count);
    int64_t until_ms = clock_steady_ms() + 5000;
    while (wire_requests(lab->wire) < 4 && clock_steady_ms() < until_ms)
        fetch_step(lab->fetch, 10);
    unsigned before = counts[0];
    fetch_close(lab->fetch);
    lab->fetch = NULL;
    assert_int_equal(counts[0], before);
    assert_int_equal(counts[1], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(answer_comes_back, lab_open, lab_close),
        cmocka_unit_test_setup_teardown(get_is_plain, lab_open, lab_close),
        cmocka_unit_test_setup_teardown(request_goes_out_as_it_is, lab_open, lab_close),
        cmocka_unit_test_setup_teardown(methods_are_sent_as_such, lab_open, lab_close),
        cmocka_unit_test_setup_teardown(head_has_no_body, lab_open, lab_close),
        cmocka_unit_test_setup_teardown(delimited_says_whether_a_cut_is_seen, lab_open, lab_close),
        cmocka_unit_test_setup_teardown(headers_are_the_final_ones, lab_open, lab_close),
        cmocka_unit_test_setup_teardown(redirect_is_followed_at_home, lab_open, lab_close),
        cmocka_unit_test_setup_teardown(redirect_abroad_needs_permission, lab_open, lab_close),
        cmocka_unit_test_setup_teardown(redirects_without_end_stop, lab_open, lab_close),
        cmocka_unit_test_setup_teardown(many_requests_share_few_connections, lab_open, lab_close),
        cmocka_unit_test_setup_teardown(callback_may_send, lab_open, lab_close),
        cmocka_unit_test_setup_teardown(closing_in_the_midst_is_silent, lab_open, lab_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
