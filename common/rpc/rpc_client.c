/* REQ's side of SP. What comes is read on NNG's threads; whoever asks waits for it. So it is known at once
 * when a connection has broken, and the next request goes over a new one. Nothing is ever sent again. */
#include "common/rpc/rpc_client.h"

#include <nng/nng.h>
#include <stdlib.h>
#include <string.h>

#include "common/check.h"
#include "common/clock.h"
#include "common/limits.h"
#include "common/rpc/rpc_address.h"
#include "common/rpc/rpc_conn.h"
#include "common/rpc/rpc_lock.h"
#include "common/signals.h"

enum { ROUTE_BYTES = 4 };

struct rpc_client {
    char *address;
    size_t request_bytes_max, answer_bytes_max;
    nng_stream_dialer *dialer;
    nng_aio *aio;               /* of the dialer */
    struct rpc_lock own, *lock; /* of all below: its own, or one that it shares */
    struct rpc_conn *conn;      /* null: not connected */
    uint32_t last_id;
    bool waits;          /* for the answer to `last_id` … */
    bool has_come;       /* … which has come … */
    int64_t end_ms;      /* … or is waited for until then */
    struct buffer in;    /* it goes there, behind its route */
    struct buffer asked; /* rpc_client_ask's */
};

static int fault(const char *address, int number, struct error *e)
{
    static const char what_to_do[] =
        "start `garner run` there, or `garner-coordinator` if it is a cluster's; "
        "or name another address with --at or GARNER_AT";
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
    case NNG_EMSGSIZE:
        return error_set(e, ERR_CONNECT, "%s sent an answer that is too large: is it a Garner?", address);
    case NNG_ECONNRESET:
    case NNG_ECONNABORTED:
    case NNG_ECONNSHUT:
    case NNG_ECLOSED:
        return error_set(e, ERR_CONNECT, "%s: the connection broke off before the answer came: ask again",
                         address);
    case NNG_EPROTO:
        return error_set(e, ERR_CONNECT, "what listens at %s is no Garner: %s", address, what_to_do);
    default:
        return error_set(e, ERR_CONNECT, "%s: %s", address, nng_strerror(number));
    }
}

/* --- what comes --- */

static void route_of(uint32_t id, char route[ROUTE_BYTES])
{
    be32_put(route, id | UINT32_C(1) << 31);
}

/* An answer to an earlier request has come too late. */
static bool came(void *context, struct rpc_conn *conn, struct buffer *message)
{
    struct rpc_client *client = context;
    char route[ROUTE_BYTES];
    (void)conn;
    route_of(client->last_id, route);
    if (!client->waits || client->has_come || message->len < sizeof route ||
        memcmp(message->data, route, sizeof route) != 0)
        return true;
    struct buffer old = client->in;
    client->in = *message;
    *message = old;
    client->has_come = true;
    pthread_cond_broadcast(&client->lock->changed);
    return true;
}

static void conn_changed(void *context, struct rpc_conn *conn)
{
    struct rpc_client *client = context;
    (void)conn;
    pthread_cond_broadcast(&client->lock->changed);
}

/* --- connecting --- */

/* Called with the lock, which it lets go of at its end. */
static void disconnect(struct rpc_client *client, int why)
{
    struct rpc_conn *conn = client->conn;
    client->conn = NULL;
    if (!conn)
        return;
    rpc_conn_close(conn, why);
    while (!rpc_conn_has_ended(conn))
        rpc_lock_wait(client->lock, INT64_MAX);
    pthread_mutex_unlock(&client->lock->mutex);
    rpc_conn_free(conn);
    pthread_mutex_lock(&client->lock->mutex);
}

static int dial(struct rpc_client *client, nng_stream **stream)
{
    nng_aio_set_timeout(client->aio, LIMIT_RPC_CONNECT_MS);
    nng_stream_dialer_dial(client->dialer, client->aio);
    nng_aio_wait(client->aio);
    int r = nng_aio_result(client->aio);
    *stream = r ? NULL : nng_aio_get_output(client->aio, 0);
    return r;
}

/* Called with the lock. */
static int greet(struct rpc_client *client, nng_stream *stream, int64_t end_ms, struct error *e)
{
    struct rpc_conn_owner owner = {&client->lock->mutex, client, came, conn_changed, NULL};
    int64_t left_ms = end_ms - clock_steady_ms();
    struct rpc_speech speech = {SP_REQ, SP_REP};
    client->conn = rpc_conn_open(&owner, stream, rpc_address_is_ipc(client->address), &speech, 1,
                                 client->answer_bytes_max, left_ms > 1 ? (int32_t)left_ms : 1);
    while (!client->conn->greeted && !client->conn->closed)
        rpc_lock_wait(client->lock, INT64_MAX);
    if (!client->conn->closed)
        return 0;
    int why = client->conn->why;
    disconnect(client, why);
    if (why != NNG_ECONNSHUT)
        return fault(client->address, why, e);
    return error_set(e, ERR_CONNECT,
                     "what listens at %s hung up at once: it is no Garner, is just ending, or has as many "
                     "connections as it takes (%d)",
                     client->address, LIMIT_RPC_PEERS);
}

/* Called with the lock; lets go of it meanwhile. A connection that has broken is replaced. */
static int connect_to(struct rpc_client *client, struct error *e)
{
    int64_t end_ms = clock_steady_ms() + LIMIT_RPC_CONNECT_MS;
    nng_stream *stream;
    if (client->conn && !client->conn->closed)
        return 0;
    disconnect(client, NNG_ECLOSED);
    pthread_mutex_unlock(&client->lock->mutex);
    int r = dial(client, &stream);
    pthread_mutex_lock(&client->lock->mutex);
    return r ? fault(client->address, r, e) : greet(client, stream, end_ms, e);
}

/* Signals are the program's, and not for the threads that NNG starts. */
static int open_dialer(struct rpc_client *client, struct error *e)
{
    sigset_t before;
    signals_block(&before);
    int r = nng_stream_dialer_alloc(&client->dialer, client->address);
    if (!r)
        nng_stream_dialer_set_bool(client->dialer, NNG_OPT_TCP_NODELAY, true); /* of tcp only */
    CHECK(r || nng_aio_alloc(&client->aio, NULL, NULL) == 0);
    signals_restore(&before);
    return r ? fault(client->address, r, e) : 0;
}

int rpc_client_open(const struct rpc_client_setting *setting, struct rpc_client **out, struct error *e)
{
    struct rpc_client *client = mem_zalloc(sizeof *client);
    *out = NULL;
    client->address = mem_strdup(setting->address);
    client->request_bytes_max = setting->request_bytes_max;
    client->answer_bytes_max = setting->answer_bytes_max;
    client->lock = setting->lock ? setting->lock : &client->own;
    rpc_lock_open(&client->own);
    int r = rpc_address_check(setting->address, e);
    if (!r)
        r = open_dialer(client, e);
    if (!r) {
        pthread_mutex_lock(&client->lock->mutex);
        r = connect_to(client, e);
        pthread_mutex_unlock(&client->lock->mutex);
    }
    if (r)
        rpc_client_close(client);
    else
        *out = client;
    return r;
}

/* --- asking --- */

/* Called with the lock. */
static void give_up(struct rpc_client *client)
{
    client->waits = client->has_come = false;
}

/* Called with the lock. */
static int send_request(struct rpc_client *client, struct bytes request, int64_t answer_ms, struct error *e)
{
    struct buffer body = {0};
    char route[ROUTE_BYTES];
    give_up(client);
    int r = connect_to(client, e);
    if (r)
        return r;
    client->end_ms = clock_steady_ms() + answer_ms;
    route_of(++client->last_id, route);
    client->waits = true;
    buffer_add_bytes(&body, request);
    rpc_conn_send(client->conn, (struct bytes){route, sizeof route}, &body);
    return 0;
}

int rpc_client_send(struct rpc_client *client, struct bytes request, int64_t answer_ms, struct error *e)
{
    if (request.len > client->request_bytes_max)
        return error_set(e, ERR_LIMIT, "a request of %zu bytes to %s: %zu are allowed", request.len,
                         client->address, client->request_bytes_max);
    pthread_mutex_lock(&client->lock->mutex);
    int r = send_request(client, request, answer_ms, e);
    pthread_mutex_unlock(&client->lock->mutex);
    return r;
}

/* With the lock: there is something to tell of a request. */
static bool is_done(const struct rpc_client *client)
{
    return client->waits && (client->has_come || client->conn->closed || clock_steady_ms() >= client->end_ms);
}

/* With the lock. */
static int take_answer(struct rpc_client *client, struct buffer *memory, struct bytes *answer,
                       struct error *e)
{
    bool has_come = client->has_come, closed = client->conn->closed;
    struct buffer old = *memory;
    give_up(client);
    if (!has_come)
        return fault(client->address, closed ? client->conn->why : NNG_ETIMEDOUT, e);
    *memory = client->in;
    client->in = old;
    *answer = bytes_from(buffer_bytes(memory), ROUTE_BYTES);
    return 0;
}

int rpc_client_receive(struct rpc_client *client, int64_t end_ms, struct buffer *memory, struct bytes *answer,
                       struct error *e)
{
    int r = 0;
    CHECK(client->waits);
    *answer = (struct bytes){0};
    pthread_mutex_lock(&client->lock->mutex);
    while (!is_done(client) && clock_steady_ms() < end_ms)
        rpc_lock_wait(client->lock, end_ms < client->end_ms ? end_ms : client->end_ms);
    if (is_done(client))
        r = take_answer(client, memory, answer, e);
    pthread_mutex_unlock(&client->lock->mutex);
    return r;
}

/* With the lock. */
static bool is_any_done(struct rpc_client *const *clients, size_t count, int64_t *until_ms)
{
    bool done = false;
    for (size_t i = 0; i < count && !done; i++) {
        CHECK(clients[i]->lock == clients[0]->lock);
        done = is_done(clients[i]);
        if (clients[i]->waits && clients[i]->end_ms < *until_ms)
            *until_ms = clients[i]->end_ms;
    }
    return done;
}

bool rpc_client_wait_any(struct rpc_client *const *clients, size_t count, int64_t end_ms,
                         const atomic_bool *poked)
{
    bool done = count == 0;
    if (done)
        return false;
    pthread_mutex_lock(&clients[0]->lock->mutex);
    for (;;) {
        int64_t until_ms = end_ms;
        done = is_any_done(clients, count, &until_ms);
        if (done || (poked && atomic_load(poked)) || clock_steady_ms() >= end_ms)
            break;
        rpc_lock_wait(clients[0]->lock, until_ms);
    }
    pthread_mutex_unlock(&clients[0]->lock->mutex);
    return done;
}

int rpc_client_ask(struct rpc_client *client, struct bytes request, int64_t answer_ms, struct bytes *answer,
                   struct error *e)
{
    *answer = (struct bytes){0};
    int r = rpc_client_send(client, request, answer_ms, e);
    return r ? r : rpc_client_receive(client, INT64_MAX, &client->asked, answer, e);
}

void rpc_client_close(struct rpc_client *client)
{
    if (!client)
        return;
    pthread_mutex_lock(&client->lock->mutex);
    disconnect(client, NNG_ECLOSED);
    pthread_mutex_unlock(&client->lock->mutex);
    nng_aio_free(client->aio);
    nng_stream_dialer_free(client->dialer);
    rpc_lock_close(&client->own);
    buffer_close(&client->in);
    buffer_close(&client->asked);
    free(client->address);
    free(client);
}
