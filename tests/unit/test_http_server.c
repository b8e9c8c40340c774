/* The HTTP server: pages and refusals; and whatever clients do, others are answered and it can be closed. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/clock.h"
#include "common/http/http_server.h"
#include "common/limits.h"
#include "common/random.h"

enum { ANSWER_BYTES = 1 << 17, LARGE_BYTES = 100000, GARBAGE_BYTES = 4096, GARBAGES = 100, ROUTES = 4 };

#define GET(path) "GET " path " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"

struct lab {
    struct http_server *server;
    struct http_route routes[ROUTES];
    uint16_t port;
    char answer[ANSWER_BYTES]; /* the last one */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    unsigned made, let; /* slow pages: being made or made; of these, those that may be finished */
};

/* --- pages --- */

static void answer_quick(void *context, const struct http_request *request, struct http_reply *reply)
{
    (void)context, (void)request;
    buffer_add_text(&reply->body, "ok\n");
}

static void answer_large(void *context, const struct http_request *request, struct http_reply *reply)
{
    (void)context, (void)request;
    reply->content_type = HTTP_JSON;
    for (int i = 0; i < LARGE_BYTES; i++)
        buffer_add_char(&reply->body, (char)('a' + i % 26));
}

static void answer_sick(void *context, const struct http_request *request, struct http_reply *reply)
{
    (void)context, (void)request;
    reply->status = 503;
    buffer_add_text(&reply->body, "the disk is full\n");
}

static void answer_slow(void *context, const struct http_request *request, struct http_reply *reply)
{
    struct lab *lab = context;
    (void)request;
    pthread_mutex_lock(&lab->lock);
    unsigned number = ++lab->made;
    pthread_cond_broadcast(&lab->changed);
    while (lab->let < number)
        pthread_cond_wait(&lab->changed, &lab->lock);
    pthread_mutex_unlock(&lab->lock);
    buffer_printf(&reply->body, "slow %u\n", number);
}

static const struct http_route routes[] = {
    {"/quick", "a quick page", HTTP_QUICK, answer_quick, NULL},
    {"/large", "a large page", HTTP_QUICK, answer_large, NULL},
    {"/sick", "what is wrong", HTTP_QUICK, answer_sick, NULL},
    {"/slow", "a slow page", HTTP_SLOW, answer_slow, NULL},
};

static void let(struct lab *lab, unsigned count)
{
    pthread_mutex_lock(&lab->lock);
    lab->let = count;
    pthread_cond_broadcast(&lab->changed);
    pthread_mutex_unlock(&lab->lock);
}

static void await_made(struct lab *lab, unsigned count)
{
    pthread_mutex_lock(&lab->lock);
    while (lab->made < count)
        pthread_cond_wait(&lab->changed, &lab->lock);
    pthread_mutex_unlock(&lab->lock);
}

/* --- clients --- */

static int connect_to(const struct lab *lab)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(lab->port)};
    struct timeval patience = {.tv_sec = 60};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience), 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    return fd;
}

static void send_text(int fd, const char *text)
{
    assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
}

/* All that comes until the other side closes. */
static const char *receive(struct lab *lab, int fd)
{
    size_t len = 0;
    ssize_t got;
    while ((got = recv(fd, lab->answer + len, ANSWER_BYTES - 1 - len, 0)) > 0)
        len += (size_t)got;
    lab->answer[len] = 0;
    close(fd);
    return lab->answer;
}

static const char *ask(struct lab *lab, const char *request)
{
    int fd = connect_to(lab);
    send_text(fd, request);
    return receive(lab, fd);
}

static void assert_answered(const char *answer, const char *status, const char *end)
{
    char line[64];
    snprintf(line, sizeof line, "HTTP/1.1 %s ", status);
    if (strncmp(answer, line, strlen(line)) != 0)
        fail_msg("not %s: %s", status, answer);
    assert_true(strlen(answer) >= strlen(end));
    assert_string_equal(answer + strlen(answer) - strlen(end), end);
}

/* A connection that was closed counts until the server has seen it. */
static void ask_until_answered(struct lab *lab)
{
    while (!*ask(lab, GET("/quick")))
        usleep(1000);
    assert_answered(lab->answer, "200", "ok\n");
}

/* --- pages and refusals --- */

static void a_page_has_its_type_and_body(void **state)
{
    struct lab *lab = *state;
    assert_answered(ask(lab, GET("/quick")), "200", "\r\n\r\nok\n");
    assert_non_null(strstr(lab->answer, "Content-Type: text/plain; charset=utf-8\r\n"));
    assert_non_null(strstr(lab->answer, "Content-Length: 3\r\n"));
    assert_answered(ask(lab, GET("/large?x=1")), "200", "");
    assert_non_null(strstr(lab->answer, "Content-Type: application/json\r\n"));
    assert_int_equal(strlen(strstr(lab->answer, "\r\n\r\n")), 4 + LARGE_BYTES);
    assert_answered(ask(lab, GET("/sick")), "503", "\r\n\r\nthe disk is full\n");
}

static void head_is_get_without_its_body(void **state)
{
    struct lab *lab = *state;
    assert_answered(ask(lab, "HEAD /quick HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"), "200",
                    "\r\n\r\n");
    assert_non_null(strstr(lab->answer, "Content-Length: 3\r\n"));
}

static void a_connection_serves_several_requests(void **state)
{
    struct lab *lab = *state;
    int fd = connect_to(lab);
    send_text(fd, "GET /quick HTTP/1.1\r\nHost: x\r\n\r\n" GET("/sick"));
    assert_answered(receive(lab, fd), "200", "the disk is full\n");
}

static void an_unknown_page_is_answered_with_those_that_there_are(void **state)
{
    struct lab *lab = *state;
    assert_answered(ask(lab, GET("/../../etc/passwd")), "404", "/slow          a slow page\n");
    assert_non_null(strstr(lab->answer, "/quick         a quick page\n"));
    assert_null(strstr(lab->answer, "passwd"));
    assert_answered(ask(lab, GET("/")), "200", "/slow          a slow page\n");
}

static void what_would_change_something_is_refused(void **state)
{
    struct lab *lab = *state;
    assert_answered(ask(lab, "POST /quick HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\nabc"), "405",
                    "only GET and HEAD\n");
    assert_non_null(strstr(lab->answer, "Allow: GET, HEAD\r\n"));
    assert_answered(ask(lab, "DELETE /quick HTTP/1.1\r\nHost: x\r\n\r\n"), "405", "only GET and HEAD\n");
    assert_answered(ask(lab, "GET /quick HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nabcde"), "400",
                    "without a body, please\n");
    assert_answered(ask(lab, "GET /quick HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"), "400",
                    "without a body, please\n");
}

/* --- clients that misbehave --- */

static void garbage_harms_nobody(void **state)
{
    struct lab *lab = *state;
    struct random random;
    random_seed(&random, 7);
    for (int i = 0; i < GARBAGES; i++) {
        char bytes[GARBAGE_BYTES];
        size_t len = (size_t)(random_u64(&random) % sizeof bytes);
        for (size_t at = 0; at < len; at++)
            bytes[at] = (char)random_u64(&random);
        if (i % 2) /* something that begins well */
            memcpy(bytes, "GET /quick HTTP/1.1\r\n", 21);
        int fd = connect_to(lab);
        ssize_t sent = send(fd, bytes, len, MSG_NOSIGNAL); /* it may have been closed already */
        (void)sent;
        close(fd);
        if (i % LIMIT_HTTP_WAITING == 0)
            ask_until_answered(lab);
    }
    ask_until_answered(lab);
}

static void a_long_head_is_refused(void **state)
{
    struct lab *lab = *state;
    struct buffer request = {0};
    buffer_add_text(&request, "GET /quick HTTP/1.1\r\nHost: x\r\nX: ");
    for (int i = 0; i < 2 * LIMIT_HTTP_REQUEST_BYTES; i++)
        buffer_add_char(&request, 'x');
    buffer_add_text(&request, "\r\n\r\n");
    int fd = connect_to(lab);
    ssize_t sent = send(fd, request.data, request.len, MSG_NOSIGNAL);
    (void)sent;
    assert_null(strstr(receive(lab, fd), "200 OK"));
    buffer_close(&request);
    assert_answered(ask(lab, GET("/quick")), "200", "ok\n");
}

static void one_that_stops_in_the_middle_holds_up_nobody_and_is_closed(void **state)
{
    struct lab *lab = *state;
    int64_t began_ms = clock_steady_ms();
    int reading = connect_to(lab), writing = connect_to(lab);
    send_text(writing, "GET /quick HTT");
    send_text(reading, "GET /large HTTP/1.1\r\nHost: x\r\n\r\n"); /* and doesn't read it */
    assert_answered(ask(lab, GET("/quick")), "200", "ok\n");
    assert_true(clock_steady_ms() - began_ms < LIMIT_HTTP_SILENCE_MS);
    receive(lab, writing); /* returns because it was closed */
    assert_true(clock_steady_ms() - began_ms >= LIMIT_HTTP_SILENCE_MS - 1500);
    close(reading);
}

static void those_that_ask_nothing_make_room_the_longest_idle_first(void **state)
{
    struct lab *lab = *state;
    enum { MOST = LIMIT_HTTP_CONNECTIONS_PER_ADDRESS, FURTHER = 10 };
    int fds[MOST];
    for (int i = 0; i < MOST; i++)
        fds[i] = connect_to(lab);
    for (int i = 0; i < FURTHER; i++)
        assert_answered(ask(lab, GET("/quick")), "200", "ok\n");
    assert_string_equal(receive(lab, fds[0]), "");
    for (int i = FURTHER; i < MOST; i++) { /* these are served */
        send_text(fds[i], GET("/quick"));
        assert_answered(receive(lab, fds[i]), "200", "ok\n");
    }
    for (int i = 1; i < FURTHER; i++)
        close(fds[i]);
}

/* --- pages that take long --- */

static void a_slow_page_holds_up_no_quick_one(void **state)
{
    struct lab *lab = *state;
    int fd = connect_to(lab);
    send_text(fd, GET("/slow"));
    await_made(lab, 1);
    assert_answered(ask(lab, GET("/quick")), "200", "ok\n");
    let(lab, 1);
    assert_answered(receive(lab, fd), "200", "slow 1\n");
}

static void few_wait_for_slow_pages_and_others_are_told_so(void **state)
{
    struct lab *lab = *state;
    int fds[LIMIT_HTTP_WAITING];
    for (unsigned i = 0; i < LIMIT_HTTP_WAITING; i++) {
        fds[i] = connect_to(lab);
        send_text(fds[i], GET("/slow"));
        await_made(lab, 1);
    }
    const char *answer = ask(lab, GET("/quick")); /* all of them were read by now … */
    assert_answered(answer, "200", "ok\n");
    while (!strstr(answer, "too many wait")) { /* … or nearly */
        int fd = connect_to(lab);
        send_text(fd, GET("/slow"));
        answer = receive(lab, fd);
    }
    assert_answered(answer, "503", "ask again in a few seconds\n");
    let(lab, UINT32_MAX);
    for (unsigned i = 0; i < LIMIT_HTTP_WAITING; i++)
        assert_answered(receive(lab, fds[i]), "200", "\n");
    assert_answered(ask(lab, GET("/slow")), "200", "\n");
}

static void *close_it(void *context)
{
    struct lab *lab = context;
    http_server_close(lab->server);
    return NULL;
}

static void it_can_be_closed_while_it_is_busy(void **state)
{
    struct lab *lab = *state;
    pthread_t closer;
    int slow[2] = {connect_to(lab), connect_to(lab)}, idle = connect_to(lab), half = connect_to(lab);
    send_text(half, "GET /qu");
    send_text(slow[0], GET("/slow"));
    await_made(lab, 1);
    send_text(slow[1], GET("/slow"));
    assert_int_equal(pthread_create(&closer, NULL, close_it, lab), 0);
    usleep(50000); /* it waits for what is being made */
    let(lab, UINT32_MAX);
    assert_int_equal(pthread_join(closer, NULL), 0);
    lab->server = NULL;
    receive(lab, slow[0]); /* all of them end */
    receive(lab, slow[1]);
    receive(lab, idle);
    receive(lab, half);
}

/* --- addresses --- */

static int open_at(const char *address, struct http_server **server, struct error *e)
{
    const struct http_options options = {.address = address, .routes = routes, .route_count = 1};
    return http_server_open(&options, server, e);
}

static void an_address_in_use_is_told_with_what_to_do(void **state)
{
    struct lab *lab = *state;
    char address[32];
    struct http_server *other;
    struct error e;
    snprintf(address, sizeof address, "127.0.0.1:%u", lab->port);
    assert_int_equal(open_at(address, &other, &e), ERR_BUSY);
    assert_null(other);
    assert_non_null(strstr(e.text, address));
    assert_non_null(strstr(e.text, "another program listens there"));
    assert_non_null(strstr(e.text, "take another port"));
}

static void an_address_that_is_none_is_told(void **state)
{
    (void)state;
    static const char *const bad[] = {"7800",        ":7800",      "127.0.0.1", "127.0.0.1:70000",
                                      "127.0.0.1:x", "192.0.2.1:0"};
    struct http_server *server;
    struct error e;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(open_at(bad[i], &server, &e), ERR_CONFIG);
        assert_non_null(strstr(e.text, bad[i]));
    }
}

static void ipv6_stands_in_brackets(void **state)
{
    (void)state;
    struct http_server *server;
    struct error e;
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in6 to = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    if (fd < 0 || bind(fd, (struct sockaddr *)&to, sizeof to)) {
        if (fd >= 0)
            close(fd);
        skip(); /* this machine has no IPv6 */
    }
    close(fd);
    assert_int_equal(open_at("[::1]:0", &server, &e), 0);
    assert_true(http_server_port(server) > 0);
    http_server_close(server);
}

/* --- all together --- */

static int open_lab(void **state)
{
    struct lab *lab = *state = calloc(1, sizeof *lab);
    const struct http_options options = {
        .address = "127.0.0.1:0", .routes = lab->routes, .route_count = ROUTES};
    struct error e;
    for (int i = 0; i < ROUTES; i++) {
        lab->routes[i] = routes[i];
        lab->routes[i].context = lab;
    }
    pthread_mutex_init(&lab->lock, NULL);
    pthread_cond_init(&lab->changed, NULL);
    if (http_server_open(&options, &lab->server, &e))
        return -1;
    lab->port = http_server_port(lab->server);
    return 0;
}

static int close_lab(void **state)
{
    struct lab *lab = *state;
    let(lab, UINT32_MAX);
    http_server_close(lab->server);
    pthread_cond_destroy(&lab->changed);
    pthread_mutex_destroy(&lab->lock);
    free(lab);
    return 0;
}

#define LAB_TEST(f) cmocka_unit_test_setup_teardown(f, open_lab, close_lab)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LAB_TEST(a_page_has_its_type_and_body),
        LAB_TEST(head_is_get_without_its_body),
        LAB_TEST(a_connection_serves_several_requests),
        LAB_TEST(an_unknown_page_is_answered_with_those_that_there_are),
        LAB_TEST(what_would_change_something_is_refused),
        LAB_TEST(garbage_harms_nobody),
        LAB_TEST(a_long_head_is_refused),
        LAB_TEST(one_that_stops_in_the_middle_holds_up_nobody_and_is_closed),
        LAB_TEST(those_that_ask_nothing_make_room_the_longest_idle_first),
        LAB_TEST(a_slow_page_holds_up_no_quick_one),
        LAB_TEST(few_wait_for_slow_pages_and_others_are_told_so),
        LAB_TEST(it_can_be_closed_while_it_is_busy),
        LAB_TEST(an_address_in_use_is_told_with_what_to_do),
        cmocka_unit_test(an_address_that_is_none_is_told),
        cmocka_unit_test(ipv6_stands_in_brackets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
