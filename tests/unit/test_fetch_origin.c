/* Fetch: what the transfers to one origin share, and that no origin is in another's way. */
#include "common/clock.h"
#include "common/limits.h"
#include "tests/unit/test_fetch_lab.h"

#define STALLED "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n123"
#define EMPTY   "HTTP/1.1 204 No\r\n\r\n"

enum { PER_HOST = LIMIT_CONNECTIONS_PER_HOST, HELD = 136 };

/* Of several transfers. */
struct tally {
    unsigned answers, faults;
};

static void count(void *context, const struct fetch_result *result)
{
    struct tally *tally = context;
    if (result->code)
        tally->faults++;
    else
        tally->answers++;
}

static void send_some(struct lab *lab, struct wire *wire, unsigned number, struct tally *tally)
{
    struct request request = {.method = "GET", .url = wire_url(wire, "/")};
    for (unsigned i = 0; i < number; i++)
        fetch_send(lab->fetch, &request, NULL, tally, count);
}

/* As many requests as a host may have are asked of this wire, and it doesn't answer. */
static void stall(struct lab *lab, struct tally *tally)
{
    for (unsigned i = 0; i < PER_HOST; i++)
        wire_answers(lab->wire, STALLED, WIRE_STALL);
    send_some(lab, lab->wire, PER_HOST, tally);
    while (wire_requests(lab->wire) < PER_HOST)
        fetch_step(lab->fetch, 10);
}

static struct wire *open_other(void)
{
    struct wire *other = wire_open(false);
    assert_non_null(other);
    return other;
}

/* However many are held because their host is slow: other hosts answer meanwhile. */
static void a_slow_origin_holds_up_no_other(void **state)
{
    struct lab *lab = *state;
    struct wire *quick = open_other();
    struct tally slow = {0}, other = {0};
    stall(lab, &slow);
    send_some(lab, lab->wire, HELD + LIMIT_TRANSFERS, &slow);
    for (int i = 0; i < HELD; i++)
        wire_answers(quick, EMPTY, WIRE_KEEP);
    send_some(lab, quick, HELD, &other);
    while (other.answers + other.faults < HELD)
        fetch_step(lab->fetch, 1000);
    assert_int_equal(other.answers, HELD);
    assert_int_equal(slow.answers + slow.faults, 0);
    assert_int_equal(wire_connections(lab->wire), PER_HOST);
    assert_int_equal(wire_requests(lab->wire), PER_HOST);
    wire_close(quick);
}

/* Being held is no silence: those that were held longer than silence may last are asked, and answered. */
static void held_transfers_have_time(void **state)
{
    struct lab *lab = *state;
    struct fetch_options options = {.silence_ms = 300, .transfer_ms = 600};
    struct tally stalled = {0}, held = {0};
    lab_reopen(lab, &options);
    stall(lab, &stalled);
    for (int i = 0; i < HELD; i++)
        wire_answers(lab->wire, EMPTY, WIRE_KEEP);
    send_some(lab, lab->wire, HELD, &held);
    while (fetch_step(lab->fetch, -1))
        ;
    assert_int_equal(stalled.faults, PER_HOST);
    assert_int_equal(held.answers, HELD);
    assert_int_equal(held.faults, 0);
}

/* A redirect to an origin that has all it may waits there, and is followed then. */
static void a_redirect_waits_for_its_origin(void **state)
{
    struct lab *lab = *state;
    struct fetch_options options = {.silence_ms = 300};
    struct wire *first = open_other();
    struct tally stalled = {0};
    const char *const allowed[] = {wire_url(lab->wire, ""), NULL};
    struct request request = {.method = "GET", .url = wire_url(first, "/")};
    char redirect[256];
    lab_reopen(lab, &options);
    snprintf(redirect, sizeof redirect, "HTTP/1.1 302 Found\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n",
             wire_url(lab->wire, "/there"));
    stall(lab, &stalled);
    wire_answers(first, redirect, WIRE_KEEP);
    wire_answers(lab->wire, EMPTY, WIRE_KEEP);
    lab_send(lab, &request, allowed);
    assert_int_equal(lab->code, 0);
    assert_int_equal(lab->status, 204);
    assert_int_equal(lab->requests, 2);
    assert_int_equal(stalled.faults, PER_HOST);
    wire_close(first);
}

/* A fetch that is closed while transfers are held calls nobody back (and leaks nothing, say the sanitizers).
 */
static void closing_with_held_ones_is_silent(void **state)
{
    struct lab *lab = *state;
    struct tally tally = {0};
    stall(lab, &tally);
    send_some(lab, lab->wire, HELD, &tally);
    fetch_close(lab->fetch);
    lab->fetch = NULL;
    assert_int_equal(tally.answers + tally.faults, 0);
}

/* Path and query go out letter by letter; without a path it is "/", and a fragment stays here. */
static void what_is_asked_goes_out_as_it_is(void **state)
{
    struct lab *lab = *state;
    static const struct {
        const char *asked, *sent;
    } cases[] = {
        {"", "GET / HTTP/1.1\r\n"},
        {"?a=1", "GET /?a=1 HTTP/1.1\r\n"},
        {"/a/../b%2f/./?c=%20&d=http://x/", "GET /a/../b%2f/./?c=%20&d=http://x/ HTTP/1.1\r\n"},
        {"/a?b#c", "GET /a?b HTTP/1.1\r\n"},
        {"#c", "GET / HTTP/1.1\r\n"},
        {"//a?", "GET //a? HTTP/1.1\r\n"},
    };
    char host[64];
    snprintf(host, sizeof host, "\r\nHost: 127.0.0.1:%u\r\n", wire_port(lab->wire));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        wire_answers(lab->wire, EMPTY, WIRE_KEEP);
        lab_get(lab, wire_url(lab->wire, cases[i].asked));
        assert_int_equal(lab->status, 204);
        assert_ptr_equal(strstr(wire_request(lab->wire, i), cases[i].sent), wire_request(lab->wire, i));
        assert_has(wire_request(lab->wire, i), host);
    }
    assert_int_equal(wire_connections(lab->wire), 1);
}

/* What would end the request line and begin another isn't sent. */
static void control_characters_are_not_sent(void **state)
{
    struct lab *lab = *state;
    static const char *const paths[] = {"/ HTTP/1.1\r\nHost: other", "/a b", "/\t", "/\x7f", "\r\n/"};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        lab_get(lab, wire_url(lab->wire, paths[i]));
        assert_error(lab, ERR_HTTP, "");
    }
    assert_int_equal(wire_requests(lab->wire), 0);
}

/* A server that closes a kept connection wakes us once, not for ever; then it is asked on another one. */
static void closed_connections_let_us_sleep(void **state)
{
    struct lab *lab = *state;
    struct wire *slow = open_other();
    struct tally other = {0};
    struct request request = {.method = "GET", .url = wire_url(lab->wire, "/")};
    wire_answers(slow, STALLED, WIRE_STALL);
    send_some(lab, slow, 1, &other);
    for (unsigned round = 1; round <= 3; round++) {
        wire_answers(lab->wire, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n.", WIRE_CLOSE);
        fetch_send(lab->fetch, &request, NULL, lab, lab_take);
        while (lab->results < round)
            fetch_step(lab->fetch, 1000);
        assert_int_equal(lab->status, 200);
        int64_t until_ms = clock_steady_ms() + 200;
        unsigned steps = 0;
        for (; clock_steady_ms() < until_ms; steps++)
            fetch_step(lab->fetch, 200);
        assert_in_range(steps, 1, 10);
        assert_int_equal(wire_connections(lab->wire), round);
    }
    wire_close(slow);
}

/* Requests one after the other go over one connection, and so do those after a pause. */
static void a_kept_connection_is_used_again(void **state)
{
    struct lab *lab = *state;
    for (unsigned i = 0; i < 20; i++) {
        wire_answers(lab->wire, EMPTY, WIRE_KEEP);
        lab_get(lab, wire_url(lab->wire, "/"));
        assert_int_equal(lab->status, 204);
        for (unsigned j = 0; j < i % 3; j++)
            fetch_step(lab->fetch, 1);
    }
    assert_int_equal(wire_connections(lab->wire), 1);
}

/* Origins are forgotten when there are too many, and those that are asked again found again. */
static void many_origins_are_no_harm(void **state)
{
    struct lab *lab = *state;
    struct tally tally = {0};
    enum { MANY = 2 * LIMIT_ORIGINS };
    wire_answers(lab->wire, EMPTY, WIRE_KEEP);
    lab_get(lab, wire_url(lab->wire, "/"));
    for (unsigned i = 0; i < MANY; i++) {
        char url[64];
        struct request request = {.method = "GET", .url = url};
        snprintf(url, sizeof url, "http://127.1.%u.%u:%u/", i / 250, i % 250 + 1, wire_port(lab->wire));
        fetch_send(lab->fetch, &request, NULL, &tally, count);
    }
    while (fetch_step(lab->fetch, -1))
        ;
    assert_int_equal(tally.faults, MANY); /* refused */
    wire_answers(lab->wire, EMPTY, WIRE_KEEP);
    lab_get(lab, wire_url(lab->wire, "/"));
    assert_int_equal(lab->status, 204);
}

#define origin_test(name) cmocka_unit_test_setup_teardown(name, lab_open, lab_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        origin_test(a_slow_origin_holds_up_no_other), origin_test(held_transfers_have_time),
        origin_test(a_redirect_waits_for_its_origin), origin_test(closing_with_held_ones_is_silent),
        origin_test(what_is_asked_goes_out_as_it_is), origin_test(control_characters_are_not_sent),
        origin_test(closed_connections_let_us_sleep), origin_test(a_kept_connection_is_used_again),
        origin_test(many_origins_are_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
