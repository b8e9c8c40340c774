/* The operator's connection, with peers that mean no good, or aren't there, and with addresses that are none.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "common/rpc/rpc_address.h"
#include "tests/unit/test_rpc_lab.h"
#include "tests/unit/test_rpc_raw.h"

/* --- peers that mean no good --- */

static void garbage_harms_nobody(void **state)
{
    const char endless[] = {0x7f, -1, -1, -1, -1, -1, -1, -1}; /* a message of 2^63 - 1 bytes */
    const char no_id[] = {0, 0, 0, 0, 0, 0, 0, 2, 'h', 'i'};   /* too short for a request's number */
    const char unended[] = {0, 0, 0, 0, 0, 0, 0, 8, 0, 0, 0, 1, 0, 0, 0, 2}; /* numbers without an end */
    struct lab *lab = *state;
    int fds[6];
    for (int i = 0; i < 6; i++)
        fds[i] = raw_connection(lab);
    raw_put(fds[0], "GET / HTTP/1.1\r\n\r\n", 18);
    raw_put(fds[1], "\0SP", 3); /* and then silence */
    for (int i = 2; i < 6; i++)
        raw_greet(fds[i]);
    raw_put(fds[2], endless, sizeof endless);
    raw_put(fds[3], no_id, sizeof no_id);
    raw_put(fds[4], unended, sizeof unended);
    struct rpc_client *client = client_of(lab);
    expect(client, "echo still", "still");
    for (int i = 0; i < 6; i++)
        close(fds[i]);
    expect(client, "echo here", "here");
    assert_int_equal(atomic_load(&lab->served), 2);
    rpc_client_close(client);
}

static void connections_that_break_off_at_once_harm_nobody(void **state)
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
    struct rpc_client *client = client_of(lab);
    expect(client, "echo here", "here");
    rpc_client_close(client);
}

static void what_is_too_large_is_not_sent(void **state)
{
    struct rpc_client *client = client_of(*state);
    struct buffer request = {0};
    struct bytes answer;
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
    struct buffer request = {0};
    struct bytes answer;
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
    struct rpc_client_setting setting = {
        .address = address, .request_bytes_max = REQUEST_MAX, .answer_bytes_max = ANSWER_MAX};
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
    struct rpc_client_setting setting = {
        .address = address, .request_bytes_max = REQUEST_MAX, .answer_bytes_max = ANSWER_MAX};
    struct rpc_client *client;
    int64_t began_ms = clock_steady_ms();
    assert_int_equal(rpc_client_open(&setting, &client, &e), ERR_CONNECT);
    assert_in_range(clock_steady_ms() - began_ms, LIMIT_RPC_CONNECT_MS - 100, LIMIT_RPC_CONNECT_MS + 5000);
    assert_non_null(strstr(e.text, address));
    close(fd);
}

/* A request that never ends would keep the memory that it has announced. */
static void who_leaves_a_request_half_sent_is_disconnected_and_who_is_silent_is_not(void **state)
{
    struct lab *lab = *state;
    char head[12], end;
    int half = raw_connection(lab), silent = raw_connection(lab);
    raw_greet(half);
    raw_greet(silent);
    be64_put(head, 4 + 1000);
    be32_put(head + 8, UINT32_C(1) << 31);
    raw_put(half, head, sizeof head);
    raw_put(half, "a beginning", 11);
    int64_t began_ms = clock_steady_ms();
    assert_true(recv(half, &end, 1, 0) <= 0);
    assert_in_range(clock_steady_ms() - began_ms, LIMIT_RPC_SEND_MS - 100, LIMIT_RPC_SEND_MS + 10000);
    raw_ask(silent, 1, "one");
    raw_expect(silent, NULL);
    close(half);
    close(silent);
}

static void *speak_http(void *context)
{
    char request[64];
    int fd = accept(*(int *)context, NULL, NULL);
    if (recv(fd, request, sizeof request, 0) > 0)
        raw_put(fd, "HTTP/1.1 400 Bad Request\r\n\r\n", 28);
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
    struct rpc_client_setting setting = {
        .address = address, .request_bytes_max = REQUEST_MAX, .answer_bytes_max = ANSWER_MAX};
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

static void who_can_connect_to_an_address_is_known(void **state)
{
    (void)state;
    assert_true(rpc_address_is_any("tcp://0.0.0.0:7801"));
    assert_true(rpc_address_is_any("tcp://[::]:7801"));
    assert_false(rpc_address_is_any("tcp://10.0.0.0:7801"));
    assert_false(rpc_address_is_any("tcp://[::1]:7801"));
    assert_false(rpc_address_is_any("ipc:///0.0.0.0:7801"));
    assert_true(rpc_address_is_local("tcp://127.0.0.1:7801"));
    assert_true(rpc_address_is_local("tcp://[::1]:7801"));
    assert_true(rpc_address_is_local("tcp://localhost:7801"));
    assert_true(rpc_address_is_local("ipc:///run/garner.sock"));
    assert_false(rpc_address_is_local("tcp://localhost.example:7801"));
    assert_false(rpc_address_is_local("tcp://192.0.2.1:7801"));
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(garbage_harms_nobody),
        TEST(connections_that_break_off_at_once_harm_nobody),
        TEST(what_is_too_large_is_not_sent),
        TEST(who_sends_too_much_is_disconnected_and_nobody_else),
        TEST(an_answer_that_is_too_large_is_not_taken),
        TEST(where_nobody_listens_the_address_is_named),
        TEST(who_listens_and_says_nothing_is_given_up),
        TEST(who_leaves_a_request_half_sent_is_disconnected_and_who_is_silent_is_not),
        TEST(who_speaks_another_protocol_is_no_garner),
        TEST(a_client_goes_on_with_a_server_that_came_back),
        TEST(an_address_in_use_says_what_to_do),
        cmocka_unit_test(bad_addresses_are_refused),
        cmocka_unit_test(who_can_connect_to_an_address_is_known),
        cmocka_unit_test(a_socket_in_a_folder_serves_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
