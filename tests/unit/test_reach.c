/* Connections of the gateway to workers, of whom some can't be reached. */
#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/clock.h"
#include "common/limits.h"
#include "common/rpc/rpc_server.h"
#include "gateway/reach.h"

struct port {
    int fd;
    char address[64];
};

/* Nobody listens there, and nobody else can. */
static struct port hold_port(void)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    struct port port = {.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
    assert_int_equal(bind(port.fd, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(getsockname(port.fd, (struct sockaddr *)&at, &len), 0);
    snprintf(port.address, sizeof port.address, "tcp://127.0.0.1:%d", ntohs(at.sin_port));
    return port;
}

static bool somebody_came(const struct port *port)
{
    int fd = accept(port->fd, NULL, NULL);
    assert_true(fd >= 0 || errno == EAGAIN);
    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

static void refuse(struct reach *reach, const char *address, const struct port *named)
{
    struct client *client;
    struct error e;
    assert_int_equal(reach_client(reach, address, &client, &e), ERR_CONNECT);
    assert_null(client);
    assert_non_null(strstr(e.text, named->address));
}

static void whoever_cant_be_reached_is_left_alone_for_a_moment(void **state)
{
    (void)state;
    struct port home = hold_port(), other = hold_port();
    struct reach reach;
    reach_open(&reach, home.address, LIMIT_REACH_ANSWER_MS);
    int64_t began_ms = clock_steady_ms();
    refuse(&reach, other.address, &other);
    refuse(&reach, "", &home); /* each has a moment of its own */
    assert_int_equal(listen(other.fd, 4), 0);
    bool in_time = clock_steady_ms() - began_ms < 150; /* a busy machine may let the moment pass */
    refuse(&reach, other.address, &other);
    assert_false(somebody_came(&other) && in_time);
    assert_int_equal(reach.count, 2);
    reach_close(&reach);
    close(home.fd);
    close(other.fd);
}

/* One whose first answer about the map can't be read. */
static enum rpc_verdict answer(void *context, struct rpc_turn *turn)
{
    uint32_t *maps = context;
    struct arena arena = {0};
    struct operator_request request;
    struct error e;
    assert_int_equal(operator_request_unpack(&arena, turn->request, &request, &e), 0);
    struct operator_reply reply = {.id = request.id, .kind = request.kind};
    reply.hello = (struct operator_hello){.from = OPERATOR_VERSION_FROM,
                                          .to = OPERATOR_VERSION,
                                          .program = BYTES("garner"),
                                          .role = BYTES("run"),
                                          .shards = 1};
    if (request.kind == OPERATOR_MAP && (*maps)++ == 0)
        buffer_add_text(&turn->answer, "no answer");
    else
        operator_reply_pack(&reply, &turn->answer);
    arena_close(&arena);
    return RPC_ANSWER;
}

static int ask_for_map(struct reach *reach)
{
    struct operator_request request = {.kind = OPERATOR_MAP};
    struct operator_reply reply;
    struct error e;
    arena_reset(&reach->arena);
    return reach_ask(reach, "", &request, &reach->arena, &reply, &e);
}

static void what_one_request_ended_with_isnt_told_to_the_next(void **state)
{
    (void)state;
    uint32_t maps = 0;
    struct rpc_server_setting setting = {.address = "tcp://127.0.0.1:0",
                                         .request_bytes_max = LIMIT_MESSAGE_BYTES,
                                         .context = &maps,
                                         .serve = answer};
    struct rpc_server *server;
    struct reach reach;
    struct error e;
    assert_int_equal(rpc_server_open(&setting, &server, &e), 0);
    reach_open(&reach, rpc_server_address(server), LIMIT_REACH_ANSWER_MS);
    assert_int_equal(ask_for_map(&reach), ERR_BODY);
    assert_int_equal(ask_for_map(&reach), 0);
    reach_close(&reach);
    rpc_server_close(server);
}

/* One that is stopped, or whose answers are lost: it is connected to, and says nothing. */
static enum rpc_verdict hang(void *context, struct rpc_turn *turn)
{
    (void)context;
    turn->wait_ms = LIMIT_WAIT_MS;
    return turn->over ? RPC_ANSWER : RPC_WAIT;
}

static void whoever_hangs_is_away_in_time(void **state)
{
    (void)state;
    enum { ANSWER_MS = 100 };
    struct rpc_server_setting setting = {
        .address = "tcp://127.0.0.1:0", .request_bytes_max = LIMIT_MESSAGE_BYTES, .serve = hang};
    struct rpc_server *server;
    struct reach reach;
    struct error e;
    assert_int_equal(rpc_server_open(&setting, &server, &e), 0);
    reach_open(&reach, rpc_server_address(server), ANSWER_MS);
    int64_t began_ms = clock_steady_ms();
    assert_true(client_is_away(ask_for_map(&reach)));
    assert_true(clock_steady_ms() < began_ms + LIMIT_WAIT_MS / 2);
    reach_close(&reach);
    rpc_server_close(server);
}

struct slow {
    uint32_t maps;
    _Atomic uint32_t wait_ms;
};

static enum rpc_verdict answer_late(void *context, struct rpc_turn *turn)
{
    struct slow *slow = context;
    turn->wait_ms = slow->wait_ms;
    return turn->over || !slow->wait_ms ? answer(&slow->maps, turn) : RPC_WAIT;
}

/* Slow lines are waited for, and asked for less at once; and as before when they aren't slow any more. */
static void whoever_is_slow_is_heard_in_the_end(void **state)
{
    (void)state;
    enum { ANSWER_MS = 200 };
    struct slow slow = {.maps = 1, .wait_ms = 3 * ANSWER_MS / 2};
    struct rpc_server_setting setting = {.address = "tcp://127.0.0.1:0",
                                         .request_bytes_max = LIMIT_MESSAGE_BYTES,
                                         .context = &slow,
                                         .serve = answer_late};
    struct rpc_server *server;
    struct reach reach;
    struct error e;
    assert_int_equal(rpc_server_open(&setting, &server, &e), 0);
    const char *address = rpc_server_address(server);
    reach_open(&reach, address, ANSWER_MS);
    assert_int_equal(reach_bytes(&reach, address), LIMIT_HTTP_STREAM_BYTES);
    assert_true(client_is_away(ask_for_map(&reach)));
    int64_t end_ms = clock_steady_ms() + 60 * ANSWER_MS;
    while (ask_for_map(&reach) && clock_steady_ms() < end_ms)
        usleep(ANSWER_MS * 100);
    assert_int_equal(ask_for_map(&reach), 0);
    assert_true(reach_bytes(&reach, address) < LIMIT_HTTP_STREAM_BYTES);
    slow.wait_ms = 0;
    while (reach_bytes(&reach, address) < LIMIT_HTTP_STREAM_BYTES && clock_steady_ms() < end_ms)
        assert_int_equal(ask_for_map(&reach), 0);
    assert_int_equal(reach_bytes(&reach, address), LIMIT_HTTP_STREAM_BYTES);
    reach_close(&reach);
    rpc_server_close(server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_one_request_ended_with_isnt_told_to_the_next),
        cmocka_unit_test(whoever_hangs_is_away_in_time),
        cmocka_unit_test(whoever_is_slow_is_heard_in_the_end),
        cmocka_unit_test(whoever_cant_be_reached_is_left_alone_for_a_moment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
