/* NNG's REQ protocol. It never sends again by itself: it would after a minute, and whenever a connection
 * breaks. Each request has a context of its own, so that no other's answer can be taken for its.
 *
 * A dialer of NNG goes on trying and never says why it fails. So a plain connection is tried first, for a
 * sentence that names the cause. */
#include "common/rpc/rpc_client.h"

#include <inttypes.h>
#include <nng/nng.h>
#include <nng/protocol/reqrep0/req.h>
#include <signal.h>
#include <stdlib.h>

#include "common/check.h"
#include "common/limits.h"
#include "common/rpc/rpc_address.h"
#include "common/rpc/rpc_probe.h"

enum { RECONNECT_MS = 100, RECONNECT_MAX_MS = 1000 };

struct rpc_client {
    char *address;
    size_t request_bytes_max;
    nng_socket socket;
    bool has_socket;
    nng_aio *aio;
};

static int fault(const char *address, int number, struct error *e)
{
    static const char what_to_do[] =
        "start `garner run` there, or name another address with --at or GARNER_AT";
    switch (number) {
    case NNG_EADDRINVAL:
        return error_set(e, ERR_RESOLVE, "%s: this host has no address: check its name", address);
    case NNG_ECONNREFUSED:
    case NNG_ENOENT:
        return error_set(e, ERR_CONNECT, "no Garner listens at %s: %s", address, what_to_do);
    case NNG_ETIMEDOUT:
        return error_set(e, ERR_CONNECT,
                         "%s doesn't answer: is it a running Garner's `listen` address, and does the network "
                         "let us through?",
                         address);
    case NNG_ECONNRESET:
    case NNG_ECONNABORTED:
    case NNG_ECLOSED:
        return error_set(e, ERR_CONNECT, "%s: the connection broke off before the answer came: ask again",
                         address);
    case NNG_EPROTO:
    case NNG_ECONNSHUT:
        return error_set(e, ERR_CONNECT, "what listens at %s is no Garner: %s", address, what_to_do);
    default:
        return error_set(e, ERR_CONNECT, "%s: %s", address, nng_strerror(number));
    }
}

static int connect_to(struct rpc_client *client, size_t answer_bytes_max)
{
    nng_dialer dialer;
    int r = rpc_probe(client->address, LIMIT_RPC_CONNECT_MS);
    if (!r)
        r = nng_req0_open(&client->socket);
    client->has_socket = !r;
    if (!r)
        r = nng_socket_set_ms(client->socket, NNG_OPT_REQ_RESENDTIME, NNG_DURATION_INFINITE);
    if (!r)
        r = nng_socket_set_size(client->socket, NNG_OPT_RECVMAXSZ, answer_bytes_max);
    if (!r)
        r = nng_socket_set_ms(client->socket, NNG_OPT_RECONNMINT, RECONNECT_MS);
    if (!r)
        r = nng_socket_set_ms(client->socket, NNG_OPT_RECONNMAXT, RECONNECT_MAX_MS);
    if (!r)
        r = nng_dial(client->socket, client->address, &dialer, NNG_FLAG_NONBLOCK);
    return r;
}

int rpc_client_open(const struct rpc_client_setting *setting, struct rpc_client **out, struct error *e)
{
    struct rpc_client *client = mem_zalloc(sizeof *client);
    sigset_t all, old;
    *out = NULL;
    client->address = mem_strdup(setting->address);
    client->request_bytes_max = setting->request_bytes_max;
    sigfillset(&all); /* for the threads that NNG starts: signals are the program's */
    CHECK(pthread_sigmask(SIG_SETMASK, &all, &old) == 0);
    int r = rpc_address_check(setting->address, e);
    CHECK(nng_aio_alloc(&client->aio, NULL, NULL) == 0);
    if (!r) {
        int number = connect_to(client, setting->answer_bytes_max);
        r = number ? fault(setting->address, number, e) : 0;
    }
    CHECK(pthread_sigmask(SIG_SETMASK, &old, NULL) == 0);
    if (r)
        rpc_client_close(client);
    else
        *out = client;
    return r;
}

static int send_request(struct rpc_client *client, nng_ctx ctx, struct bytes request)
{
    nng_msg *message;
    CHECK(nng_msg_alloc(&message, 0) == 0 && nng_msg_append(message, request.data, request.len) == 0);
    nng_aio_set_msg(client->aio, message);
    nng_aio_set_timeout(client->aio, LIMIT_RPC_CONNECT_MS);
    nng_ctx_send(ctx, client->aio);
    nng_aio_wait(client->aio);
    int r = nng_aio_result(client->aio);
    if (r)
        nng_msg_free(nng_aio_get_msg(client->aio));
    nng_aio_set_msg(client->aio, NULL);
    return r;
}

static int receive_answer(struct rpc_client *client, nng_ctx ctx, int64_t answer_ms, struct buffer *answer)
{
    nng_aio_set_timeout(client->aio, (nng_duration)answer_ms);
    nng_ctx_recv(ctx, client->aio);
    nng_aio_wait(client->aio);
    int r = nng_aio_result(client->aio);
    if (r)
        return r;
    nng_msg *message = nng_aio_get_msg(client->aio);
    buffer_add(answer, nng_msg_body(message), nng_msg_len(message));
    nng_msg_free(message);
    nng_aio_set_msg(client->aio, NULL);
    return 0;
}

int rpc_client_ask(struct rpc_client *client, struct bytes request, int64_t answer_ms, struct buffer *answer,
                   struct error *e)
{
    nng_ctx ctx;
    buffer_reset(answer);
    if (request.len > client->request_bytes_max)
        return error_set(e, ERR_LIMIT, "a request of %zu bytes to %s: %zu are allowed", request.len,
                         client->address, client->request_bytes_max);
    int r = nng_ctx_open(&ctx, client->socket);
    if (!r) {
        r = send_request(client, ctx, request);
        if (!r)
            r = receive_answer(client, ctx, answer_ms, answer);
        nng_ctx_close(ctx);
    }
    return r ? fault(client->address, r, e) : 0;
}

void rpc_client_close(struct rpc_client *client)
{
    if (!client)
        return;
    if (client->has_socket)
        nng_close(client->socket);
    nng_aio_free(client->aio);
    free(client->address);
    free(client);
}
