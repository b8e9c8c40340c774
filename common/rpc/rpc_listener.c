#include "common/rpc/rpc_listener.h"

#include <stdlib.h>
#include <string.h>

#include "common/check.h"
#include "common/log.h"

enum { AGAIN_MS = 100 };

static int fault(const char *address, int number, struct error *e)
{
    switch (number) {
    case NNG_EADDRINUSE:
        return error_set(
            e, ERR_CONFIG,
            "listen: %s is in use by another process: if that is another `garner run`, give this "
            "one an address of its own, e.g. listen: tcp://127.0.0.1:7802",
            address);
    case NNG_EADDRINVAL:
    case NNG_ENOENT:
        return error_set(
            e, ERR_CONFIG,
            "listen: %s is no address of this machine: use one of its own, e.g. tcp://127.0.0.1:7801",
            address);
    case NNG_EPERM:
        return error_set(
            e, ERR_CONFIG,
            "listen: %s: this user may not listen there: use a port from 1024 on, or a folder that "
            "is this user's",
            address);
    default:
        return error_set(e, ERR_IO, "listen: %s: %s", address, nng_strerror(number));
    }
}

/* With the port that the system chose in place of 0. */
static char *bound_address(nng_stream_listener *stream, const char *address)
{
    int port;
    const char *colon = strrchr(address, ':');
    struct buffer text = {0};
    if (nng_stream_listener_get_int(stream, NNG_OPT_TCP_BOUND_PORT, &port))
        return mem_strdup(address);
    buffer_printf(&text, "%.*s:%d", (int)(colon - address), address, port);
    return text.data;
}

/* A process that has no file left, or no memory, goes on with those it has. */
static void tell_failing(struct rpc_listener *listener, int number)
{
    if (listener->failing == (number != 0))
        return;
    listener->failing = number != 0;
    if (number)
        log_line(LOG_WARN, "can't take connections just now, and goes on trying", "address",
                 listener->address, "cause", nng_strerror(number), NULL);
    else
        log_line(LOG_INFO, "takes connections again", "address", listener->address, NULL);
}

/* Somebody has come, or it failed, or it rested after that. */
static void on_accept(void *context)
{
    struct rpc_listener *listener = context;
    int r = nng_aio_result(listener->aio);
    nng_stream *stream = r ? NULL : nng_aio_get_output(listener->aio, 0);
    nng_aio_set_output(listener->aio, 0, NULL);
    if (r != NNG_ECLOSED && r != NNG_ECANCELED && (r || stream))
        tell_failing(listener, r);
    if (stream)
        listener->came(listener->context, stream);
    pthread_mutex_lock(&listener->lock);
    if (!listener->closing && r)
        nng_sleep_aio(AGAIN_MS, listener->aio);
    else if (!listener->closing)
        nng_stream_listener_accept(listener->stream, listener->aio);
    pthread_mutex_unlock(&listener->lock);
}

int rpc_listener_open(struct rpc_listener *listener, const char *address,
                      void (*came)(void *context, nng_stream *stream), void *context, struct error *e)
{
    *listener = (struct rpc_listener){.came = came, .context = context};
    CHECK(pthread_mutex_init(&listener->lock, NULL) == 0 &&
          nng_aio_alloc(&listener->aio, on_accept, listener) == 0);
    int r = nng_stream_listener_alloc(&listener->stream, address);
    if (r)
        return fault(address, r, e);
    nng_stream_listener_set_bool(listener->stream, NNG_OPT_TCP_NODELAY, true); /* of tcp only */
    nng_stream_listener_set_bool(listener->stream, NNG_OPT_TCP_KEEPALIVE, true);
    r = nng_stream_listener_listen(listener->stream);
    if (r)
        return fault(address, r, e);
    listener->address = bound_address(listener->stream, address);
    nng_stream_listener_accept(listener->stream, listener->aio);
    return 0;
}

void rpc_listener_close(struct rpc_listener *listener)
{
    if (!listener->aio)
        return;
    pthread_mutex_lock(&listener->lock);
    listener->closing = true;
    pthread_mutex_unlock(&listener->lock);
    if (listener->stream)
        nng_stream_listener_close(listener->stream);
    nng_aio_stop(listener->aio);
    nng_aio_free(listener->aio);
    if (listener->stream)
        nng_stream_listener_free(listener->stream);
    pthread_mutex_destroy(&listener->lock);
    free(listener->address);
    *listener = (struct rpc_listener){0};
}
