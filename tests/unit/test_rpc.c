/* The operator's connection, below its messages: requests and answers as bytes, between threads of one
 * process that meet at a free port or a socket in a folder of their own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/check.h"
#include "common/clock.h"
#include "common/limits.h"
#include "common/rpc/rpc_address.h"
#include "common/rpc/rpc_client.h"
#include "common/rpc/rpc_server.h"

/* NNG 1.5.2 loses what peers are that it was still greeting when their listener was closed. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:libnng";
}

enum { REQUEST_MAX = 64 << 10, ANSWER_MAX = 1 << 20, LONG_MS = 20000 };

/* What is served: "echo X" gives X; "slow X" takes 300 ms; "large N" gives N bytes; "wait MS" is kept until
 * `happened` or until its time is over, and says which. */
struct lab {
    struct rpc_server *server;
    atomic_bool happened;
    atomic_uint kept, served;
    struct error e;
};

static enum rpc_verdict serve_wait(struct lab *lab, struct rpc_turn *turn)
{
    if (atomic_load(&lab->happened))
        buffer_add_text(&turn->answer, "happened");
    else if (turn->over)
        buffer_add_text(&turn->answer, "over");
    else {
        turn->wait_ms = atoi(turn->request.data + 5);
        atomic_fetch_add(&lab->kept, 1);
        return RPC_WAIT;
    }
    return RPC_ANSWER;
}

static enum rpc_verdict serve(void *context, struct rpc_turn *turn)
{
    struct lab *lab = context;
    if (bytes_starts(turn->request, "wait "))
        return serve_wait(lab, turn);
    atomic_fetch_add(&lab->served, 1);
    if (bytes_starts(turn->request, "slow "))
        usleep(300000);
    if (bytes_starts(turn->request, "large "))
        for (int left = atoi(turn->request.data + 6); left > 0; left--)
            buffer_add_char(&turn->answer, 'x');
    else
        buffer_add_bytes(&turn->answer, bytes_from(turn->request, 5));
    return RPC_ANSWER;
}

static int open_at(struct lab *lab, const char *address)
{
    struct rpc_server_setting setting = {
        .address = address, .request_bytes_max = REQUEST_MAX, .context = lab, .serve = serve};
    return rpc_server_open(&setting, &lab->server, &lab->e);
}

static int setup(void **state)
{
    struct lab *lab = mem_zalloc(sizeof *lab);
    *state = lab;
    return open_at(lab, "tcp://127.0.0.1:0");
}

static int teardown(void **state)
{
    struct lab *lab = *state;
    rpc_server_close(lab->server);
    free(lab);
    return 0;
}

static struct rpc_client *client_to(const char *address, size_t request_max)
{
    struct rpc_client *client;
    struct error e;
    struct rpc_client_setting setting = {address, request_max, ANSWER_MAX};
    int r = rpc_client_open(&setting, &client, &e);
    if (r)
        fail_msg("%s", e.text);
    return client;
}

static struct rpc_client *client_of(const struct lab *lab)
{
    return client_to(rpc_server_address(lab->server), REQUEST_MAX);
}

static void expect(struct rpc_client *client, const char *request, const char *wanted)
{
    struct buffer answer = {0};
    struct error e;
    if (rpc_client_ask(client, bytes_of(request), LONG_MS, &answer, &e))
        fail_msg("%s: %s", request, e.text);
    assert_string_equal(buffer_text(&answer), wanted);
    buffer_close(&answer);
}

static int ask(struct rpc_client *client, const char *request, int64_t answer_ms, struct error *e)
{
    struct buffer answer = {0};
    int r = rpc_client_ask(client, bytes_of(request), answer_ms, &answer, e);
    buffer_close(&answer);
    return r;
}

/* --- asking --- */

struct asker {
    pthread_t thread;
    const struct lab *lab;
    int number, right;
};

static void *ask_many(void *context)
{
    struct asker *asker = context;
    struct rpc_client_setting setting = {rpc_server_address(asker->lab->server), REQUEST_MAX, ANSWER_MAX};
    struct rpc_client *client;
    struct buffer answer = {0};
    if (rpc_client_open(&setting, &client, NULL))
        return NULL;
    for (int i = 0; i < 50; i++) {
        char request[32];
        snprintf(request, sizeof request, "echo %d-%d", asker->number, i);
        asker->right += rpc_client_ask(client, bytes_of(request), LONG_MS, &answer, NULL) == 0 &&
                        bytes_is(buffer_bytes(&answer), request + 5);
    }
    buffer_close(&answer);
    rpc_client_close(client);
    return NULL;
}

static void each_client_gets_its_own_answers(void **state)
{
    struct asker askers[12];
    for (int i = 0; i < 12; i++) {
        askers[i] = (struct asker){.lab = *state, .number = i};
        assert_int_equal(pthread_create(&askers[i].thread, NULL, ask_many, &askers[i]), 0);
    }
    for (int i = 0; i < 12; i++) {
        assert_int_equal(pthread_join(askers[i].thread, NULL), 0);
        assert_int_equal(askers[i].right, 50);
    }
}

static void an_empty_message_is_a_message(void **state)
{
    struct rpc_client *client = client_of(*state);
    expect(client, "", "");
    expect(client, "echo ", "");
    rpc_client_close(client);
}

static void a_late_answer_is_not_the_next_ones(void **state)
{
    struct rpc_client *client = client_of(*state);
    struct error e;
    assert_int_equal(ask(client, "slow first", 50, &e), ERR_CONNECT);
    assert_non_null(strstr(e.text, "doesn't answer"));
    expect(client, "slow second", "second");
    expect(client, "echo third", "third");
    rpc_client_close(client);
}

/* --- waiting --- */

static void *happen_soon(void *context)
{
    struct lab *lab = context;
    while (atomic_load(&lab->kept) == 0)
        usleep(1000);
    rpc_server_wake(lab->server); /* for nothing: it goes on waiting */
    usleep(20000);
    atomic_store(&lab->happened, true);
    rpc_server_wake(lab->server);
    return NULL;
}

static void what_is_kept_is_answered_when_something_happens(void **state)
{
    struct lab *lab = *state;
    struct rpc_client *client = client_of(lab);
    pthread_t thread;
    int64_t began_ms = clock_steady_ms();
    assert_int_equal(pthread_create(&thread, NULL, happen_soon, lab), 0);
    expect(client, "wait 15000", "happened");
    assert_true(clock_steady_ms() - began_ms < 10000);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_true(atomic_load(&lab->kept) >= 2);
    rpc_client_close(client);
}

static void what_is_kept_is_told_when_its_time_is_over(void **state)
{
    struct rpc_client *client = client_of(*state);
    int64_t began_ms = clock_steady_ms();
    expect(client, "wait 120", "over");
    assert_in_range(clock_steady_ms() - began_ms, 110, 10000);
    rpc_client_close(client);
}

static void *wait_long(void *context)
{
    struct asker *asker = context;
    struct rpc_client_setting setting = {rpc_server_address(asker->lab->server), REQUEST_MAX, ANSWER_MAX};
    struct rpc_client *client;
    struct buffer answer = {0};
    if (rpc_client_open(&setting, &client, NULL))
        return NULL;
    if (rpc_client_ask(client, BYTES("wait 15000"), LONG_MS, &answer, NULL) == 0)
        asker->right = bytes_is(buffer_bytes(&answer), "happened") ? 1 : 2;
    buffer_close(&answer);
    rpc_client_close(client);
    return NULL;
}

/* However many wait, others are served; and of those that wait, no more than the limit. */
static void those_who_wait_hold_up_nobody(void **state)
{
    enum { ASKERS = LIMIT_RPC_KEPT + 4 };
    struct lab *lab = *state;
    struct asker askers[ASKERS];
    int happened = 0, over = 0;
    for (int i = 0; i < ASKERS; i++) {
        askers[i] = (struct asker){.lab = lab};
        assert_int_equal(pthread_create(&askers[i].thread, NULL, wait_long, &askers[i]), 0);
    }
    while (atomic_load(&lab->kept) < ASKERS)
        usleep(1000);
    struct rpc_client *client = client_of(lab);
    expect(client, "echo me", "me");
    rpc_client_close(client);
    atomic_store(&lab->happened, true);
    rpc_server_wake(lab->server);
    for (int i = 0; i < ASKERS; i++) {
        assert_int_equal(pthread_join(askers[i].thread, NULL), 0);
        happened += askers[i].right == 1;
        over += askers[i].right == 2;
    }
    assert_int_equal(happened, LIMIT_RPC_KEPT);
    assert_int_equal(over, ASKERS - LIMIT_RPC_KEPT);
}

static void a_server_that_closes_answers_what_it_kept(void **state)
{
    struct lab *lab = *state;
    struct asker asker = {.lab = lab};
    assert_int_equal(pthread_create(&asker.thread, NULL, wait_long, &asker), 0);
    while (atomic_load(&lab->kept) == 0)
        usleep(1000);
    int64_t began_ms = clock_steady_ms();
    rpc_server_close(lab->server);
    lab->server = NULL;
    assert_true(clock_steady_ms() - began_ms < 5000);
    assert_int_equal(pthread_join(asker.thread, NULL), 0);
    assert_true(clock_steady_ms() - began_ms < 5000);
}

static void a_client_that_goes_away_while_it_is_kept_is_forgotten(void **state)
{
    struct lab *lab = *state;
    struct error e;
    for (int i = 0; i < 8; i++) {
        struct rpc_client *client = client_of(lab);
        assert_int_equal(ask(client, "wait 200", 20, &e), ERR_CONNECT);
        rpc_client_close(client);
    }
    struct rpc_client *client = client_of(lab);
    expect(client, "wait 300", "over");
    expect(client, "echo on", "on");
    rpc_client_close(client);
}

/* --- peers that mean no good --- */

static int raw_connection(const struct lab *lab)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    to.sin_port = htons((uint16_t)atoi(strrchr(rpc_server_address(lab->server), ':') + 1));
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    return fd;
}

static void put(int fd, const void *data, size_t len)
{
    assert_int_equal(send(fd, data, len, MSG_NOSIGNAL), (ssize_t)len);
}

/* What SP over TCP begins with, as REQ does. */
static const char hello[8] = {0, 'S', 'P', 0, 0, 48, 0, 0};

static void garbage_harms_nobody(void **state)
{
    const char endless[] = {0x7f, -1, -1, -1, -1, -1, -1, -1}; /* a message of 2^63 - 1 bytes */
    const char no_id[] = {0, 0, 0, 0, 0, 0, 0, 2, 'h', 'i'};   /* too short for a request's number */
    const char unended[] = {0, 0, 0, 0, 0, 0, 0, 8, 0, 0, 0, 1, 0, 0, 0, 2}; /* numbers without an end */
    struct lab *lab = *state;
    int fds[6];
    for (int i = 0; i < 6; i++)
        fds[i] = raw_connection(lab);
    put(fds[0], "GET / HTTP/1.1\r\n\r\n", 18);
    put(fds[1], hello, 3); /* and then silence */
    for (int i = 2; i < 6; i++)
        put(fds[i], hello, sizeof hello);
    put(fds[2], endless, sizeof endless);
    put(fds[3], no_id, sizeof no_id);
    put(fds[4], unended, sizeof unended);
    struct rpc_client *client = client_of(lab);
    expect(client, "echo still", "still");
    for (int i = 0; i < 6; i++)
        close(fds[i]);
    expect(client, "echo here", "here");
    assert_int_equal(atomic_load(&lab->served), 2);
    rpc_client_close(client);
}

/* NNG takes a connection that ends with EPIPE for the end of its listener. Others are let in again in
 * seconds. */
static void connections_that_break_off_at_once_harm_nobody_for_long(void **state)
{
    struct lab *lab = *state;
    const struct linger at_once = {1, 0};
    for (int i = 0; i < 400; i++) {
        int fd = raw_connection(lab);
        if (i % 2)
            shutdown(fd, SHUT_WR);
        if (i % 4 < 2)
            assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once), 0);
        close(fd);
    }
    struct rpc_client_setting setting = {rpc_server_address(lab->server), REQUEST_MAX, ANSWER_MAX};
    struct rpc_client *client;
    struct error e;
    int64_t began_ms = clock_steady_ms();
    int r = ERR_CONNECT;
    while (r && clock_steady_ms() - began_ms < LONG_MS) {
        r = rpc_client_open(&setting, &client, &e);
        if (!r)
            r = ask(client, "echo here", LONG_MS, &e);
        rpc_client_close(client);
    }
    assert_int_equal(r, 0);
}

static void what_is_too_large_is_not_sent(void **state)
{
    struct rpc_client *client = client_of(*state);
    struct buffer request = {0}, answer = {0};
    struct error e;
    while (request.len <= REQUEST_MAX)
        buffer_add_text(&request, "echo echo echo ");
    assert_int_equal(rpc_client_ask(client, buffer_bytes(&request), LONG_MS, &answer, &e), ERR_LIMIT);
    assert_non_null(strstr(e.text, "65536 are allowed"));
    expect(client, "echo on", "on");
    buffer_close(&request);
    rpc_client_close(client);
}

static void who_sends_too_much_is_disconnected_and_nobody_else(void **state)
{
    struct lab *lab = *state;
    struct rpc_client *bad = client_to(rpc_server_address(lab->server), 8 << 20), *good = client_of(lab);
    struct buffer request = {0}, answer = {0};
    struct error e;
    while (request.len <= 4 * REQUEST_MAX)
        buffer_add_text(&request, "echo echo echo ");
    assert_int_equal(rpc_client_ask(bad, buffer_bytes(&request), LONG_MS, &answer, &e), ERR_CONNECT);
    expect(good, "echo on", "on");
    expect(bad, "echo again", "again"); /* connected anew */
    assert_int_equal(atomic_load(&lab->served), 2);
    buffer_close(&request);
    rpc_client_close(bad);
    rpc_client_close(good);
}

static void an_answer_that_is_too_large_is_not_taken(void **state)
{
    struct rpc_client *client = client_of(*state);
    char request[32];
    struct error e;
    snprintf(request, sizeof request, "large %d", ANSWER_MAX + 1);
    assert_int_equal(ask(client, request, LONG_MS, &e), ERR_CONNECT);
    expect(client, "large 3", "xxx");
    rpc_client_close(client);
}

/* --- nobody there --- */

static void where_nobody_listens_the_address_is_named(void **state)
{
    struct lab *lab = *state;
    struct rpc_client *client;
    struct error e;
    char *address = mem_strdup(rpc_server_address(lab->server));
    rpc_server_close(lab->server);
    lab->server = NULL;
    struct rpc_client_setting setting = {address, REQUEST_MAX, ANSWER_MAX};
    assert_int_equal(rpc_client_open(&setting, &client, &e), ERR_CONNECT);
    assert_null(client);
    assert_non_null(strstr(e.text, address));
    assert_non_null(strstr(e.text, "garner run"));
    setting.address = "ipc:///nowhere/at/all";
    assert_int_equal(rpc_client_open(&setting, &client, &e), ERR_CONNECT);
    free(address);
}

static int silent_listener(char address[64])
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(fd, 8), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &len), 0);
    snprintf(address, 64, "tcp://127.0.0.1:%d", ntohs(at.sin_port));
    return fd;
}

static void who_listens_and_says_nothing_is_given_up(void **state)
{
    char address[64];
    struct error e;
    (void)state;
    int fd = silent_listener(address);
    struct rpc_client_setting setting = {address, REQUEST_MAX, ANSWER_MAX};
    struct rpc_client *client;
    int64_t began_ms = clock_steady_ms();
    assert_int_equal(rpc_client_open(&setting, &client, &e), ERR_CONNECT);
    assert_in_range(clock_steady_ms() - began_ms, LIMIT_RPC_CONNECT_MS - 100, LIMIT_RPC_CONNECT_MS + 5000);
    assert_non_null(strstr(e.text, address));
    close(fd);
}

static void *speak_http(void *context)
{
    char request[64];
    int fd = accept(*(int *)context, NULL, NULL);
    if (recv(fd, request, sizeof request, 0) > 0)
        put(fd, "HTTP/1.1 400 Bad Request\r\n\r\n", 28);
    close(fd);
    return NULL;
}

static void who_speaks_another_protocol_is_no_garner(void **state)
{
    char address[64];
    struct error e;
    pthread_t thread;
    (void)state;
    int fd = silent_listener(address);
    assert_int_equal(pthread_create(&thread, NULL, speak_http, &fd), 0);
    struct rpc_client_setting setting = {address, REQUEST_MAX, ANSWER_MAX};
    struct rpc_client *client;
    assert_int_equal(rpc_client_open(&setting, &client, &e), ERR_CONNECT);
    assert_non_null(strstr(e.text, "is no Garner"));
    assert_int_equal(pthread_join(thread, NULL), 0);
    close(fd);
}

static void a_client_goes_on_with_a_server_that_came_back(void **state)
{
    struct lab *lab = *state;
    struct error e;
    struct rpc_client *client = client_of(lab);
    char *address = mem_strdup(rpc_server_address(lab->server));
    expect(client, "echo before", "before");
    rpc_server_close(lab->server);
    assert_int_equal(ask(client, "echo between", 100, &e), ERR_CONNECT);
    assert_int_equal(open_at(lab, address), 0);
    expect(client, "echo after", "after");
    rpc_client_close(client);
    free(address);
}

/* --- addresses --- */

static void an_address_in_use_says_what_to_do(void **state)
{
    struct lab *lab = *state, other = {0};
    assert_int_equal(open_at(&other, rpc_server_address(lab->server)), ERR_CONFIG);
    assert_null(other.server);
    assert_non_null(strstr(other.e.text, "in use"));
    assert_non_null(strstr(other.e.text, "tcp://127.0.0.1:7802"));
}

static void bad_addresses_are_refused(void **state)
{
    static const char *const bad[] = {"",           "127.0.0.1:7801",       "http://127.0.0.1:7801",
                                      "tcp://",     "tcp://127.0.0.1",      "tcp://127.0.0.1:99999",
                                      "ipc://",     "tcp://127.0.0.1:78x1", "tcp://127.0.0.1:7801/path",
                                      "inproc://x", "tcp://*:7801"};
    struct lab other = {0};
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(open_at(&other, bad[i]), ERR_CONFIG);
        assert_int_equal(rpc_address_check(bad[i], &other.e), ERR_CONFIG);
        assert_non_null(strstr(other.e.text, "tcp://127.0.0.1:7801"));
    }
    assert_int_equal(rpc_address_check("tcp://127.0.0.1:7801", &other.e), 0);
    assert_int_equal(rpc_address_check("tcp://[::1]:7801", &other.e), 0);
    assert_int_equal(rpc_address_check("ipc:///run/garner.sock", &other.e), 0);
    assert_int_equal(open_at(&other, "tcp://192.0.2.1:7801"), ERR_CONFIG); /* nobody's */
}

static void a_socket_in_a_folder_serves_too(void **state)
{
    char root[] = "/tmp/garner-rpc-XXXXXX", address[64];
    struct lab lab = {0};
    (void)state;
    assert_non_null(mkdtemp(root));
    snprintf(address, sizeof address, "ipc://%s/s", root);
    assert_int_equal(open_at(&lab, address), 0);
    struct rpc_client *client = client_of(&lab);
    expect(client, "echo here", "here");
    rpc_client_close(client);
    rpc_server_close(lab.server);
    unlink(address + 6);
    assert_int_equal(rmdir(root), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(each_client_gets_its_own_answers),
        TEST(an_empty_message_is_a_message),
        TEST(a_late_answer_is_not_the_next_ones),
        TEST(what_is_kept_is_answered_when_something_happens),
        TEST(what_is_kept_is_told_when_its_time_is_over),
        TEST(those_who_wait_hold_up_nobody),
        TEST(a_server_that_closes_answers_what_it_kept),
        TEST(a_client_that_goes_away_while_it_is_kept_is_forgotten),
        TEST(garbage_harms_nobody),
        TEST(connections_that_break_off_at_once_harm_nobody_for_long),
        TEST(what_is_too_large_is_not_sent),
        TEST(who_sends_too_much_is_disconnected_and_nobody_else),
        TEST(an_answer_that_is_too_large_is_not_taken),
        TEST(where_nobody_listens_the_address_is_named),
        TEST(who_listens_and_says_nothing_is_given_up),
        TEST(who_speaks_another_protocol_is_no_garner),
        TEST(a_client_goes_on_with_a_server_that_came_back),
        TEST(an_address_in_use_says_what_to_do),
        cmocka_unit_test(bad_addresses_are_refused),
        cmocka_unit_test(a_socket_in_a_folder_serves_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
