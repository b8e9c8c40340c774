/* A server that does what requests say, and clients of it. Include after cmocka. */
#ifndef GARNER_TESTS_RPC_LAB_H
#define GARNER_TESTS_RPC_LAB_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/check.h"
#include "common/clock.h"
#include "common/limits.h"
#include "common/rpc/rpc_client.h"
#include "common/rpc/rpc_server.h"

#ifdef __SANITIZE_THREAD__
/* It counts references by atomics that ThreadSanitizer doesn't see. */
const char *__tsan_default_suppressions(void);
const char *__tsan_default_suppressions(void)
{
    return "race:libnng\n";
}
#endif

enum { REQUEST_MAX = 64 << 10, ANSWER_MAX = 1 << 20, LONG_MS = 20000 };

/* What is served: "echo X" gives X; "slow X" takes 300 ms; "large N" gives N bytes; "wait MS" is kept until
 * `happened` or until its time is over, and says which. */
struct lab {
    struct rpc_server *server;
    atomic_bool happened;
    atomic_uint kept, served;
    struct error e;
};

static inline enum rpc_verdict serve_wait(struct lab *lab, struct rpc_turn *turn)
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

static inline void add_many(struct buffer *out, size_t count)
{
    buffer_reserve(out, count);
    memset(out->data + out->len, 'x', count);
    out->len += count;
    out->data[out->len] = 0;
}

static inline enum rpc_verdict serve(void *context, struct rpc_turn *turn)
{
    struct lab *lab = context;
    if (bytes_starts(turn->request, "wait "))
        return serve_wait(lab, turn);
    atomic_fetch_add(&lab->served, 1);
    if (bytes_starts(turn->request, "slow "))
        usleep(300000);
    if (bytes_starts(turn->request, "large "))
        add_many(&turn->answer, (size_t)atoi(turn->request.data + 6));
    else
        buffer_add_bytes(&turn->answer, bytes_from(turn->request, 5));
    return RPC_ANSWER;
}

static inline int open_at(struct lab *lab, const char *address)
{
    struct rpc_server_setting setting = {
        .address = address, .request_bytes_max = REQUEST_MAX, .context = lab, .serve = serve};
    return rpc_server_open(&setting, &lab->server, &lab->e);
}

static inline int setup(void **state)
{
    struct lab *lab = mem_zalloc(sizeof *lab);
    *state = lab;
    return open_at(lab, "tcp://127.0.0.1:0");
}

static inline int teardown(void **state)
{
    struct lab *lab = *state;
    rpc_server_close(lab->server);
    free(lab);
    return 0;
}

static inline struct rpc_client *client_to(const char *address, size_t request_max)
{
    struct rpc_client *client;
    struct error e;
    struct rpc_client_setting setting = {
        .address = address, .request_bytes_max = request_max, .answer_bytes_max = ANSWER_MAX};
    int r = rpc_client_open(&setting, &client, &e);
    if (r)
        fail_msg("%s", e.text);
    return client;
}

static inline struct rpc_client *client_of(const struct lab *lab)
{
    return client_to(rpc_server_address(lab->server), REQUEST_MAX);
}

static inline void expect(struct rpc_client *client, const char *request, const char *wanted)
{
    struct bytes answer;
    struct error e;
    if (rpc_client_ask(client, bytes_of(request), LONG_MS, &answer, &e))
        fail_msg("%s: %s", request, e.text);
    assert_true(bytes_is(answer, wanted));
}

static inline int ask(struct rpc_client *client, const char *request, int64_t answer_ms, struct error *e)
{
    struct bytes answer;
    return rpc_client_ask(client, bytes_of(request), answer_ms, &answer, e);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
