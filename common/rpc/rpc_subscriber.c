/* A thread of its own connects, waits for the connection to break, and connects again. */
#include "common/rpc/rpc_subscriber.h"

#include <nng/nng.h>
#include <stdlib.h>

#include "common/check.h"
#include "common/clock.h"
#include "common/limits.h"
#include "common/rpc/rpc_address.h"
#include "common/rpc/rpc_conn.h"
#include "common/rpc/rpc_lock.h"
#include "common/signals.h"

enum { AGAIN_MS = 500 };

struct rpc_subscriber {
    struct rpc_subscriber_setting set;
    char *address;
    nng_stream_dialer *dialer;
    nng_aio *aio;
    pthread_t thread;
    bool has_thread;
    struct rpc_lock lock; /* of the rest */
    bool closing;
};

static bool came(void *context, struct rpc_conn *conn, struct buffer *message)
{
    struct rpc_subscriber *subscriber = context;
    (void)conn;
    if (!subscriber->closing)
        subscriber->set.heard(subscriber->set.context, buffer_bytes(message));
    return true;
}

static void changed(void *context, struct rpc_conn *conn)
{
    struct rpc_subscriber *subscriber = context;
    (void)conn;
    pthread_cond_broadcast(&subscriber->lock.changed);
}

/* Without the lock. Null: nobody is there. */
static nng_stream *dial(struct rpc_subscriber *subscriber)
{
    nng_aio_set_timeout(subscriber->aio, LIMIT_RPC_CONNECT_MS);
    nng_stream_dialer_dial(subscriber->dialer, subscriber->aio);
    nng_aio_wait(subscriber->aio);
    return nng_aio_result(subscriber->aio) ? NULL : nng_aio_get_output(subscriber->aio, 0);
}

/* Called with the lock, which it lets go of meanwhile. */
static void listen_to(struct rpc_subscriber *subscriber, nng_stream *stream)
{
    struct rpc_conn_owner owner = {&subscriber->lock.mutex, subscriber, came, changed, NULL};
    struct rpc_speech speech = {SP_SUB, SP_PUB};
    struct rpc_conn *conn = rpc_conn_open(&owner, stream, rpc_address_is_ipc(subscriber->address), &speech, 1,
                                          subscriber->set.message_bytes_max, LIMIT_RPC_CONNECT_MS);
    while (!rpc_conn_has_ended(conn)) {
        if (subscriber->closing)
            rpc_conn_close(conn, NNG_ECLOSED);
        if (!rpc_conn_has_ended(conn))
            rpc_lock_wait(&subscriber->lock, INT64_MAX);
    }
    pthread_mutex_unlock(&subscriber->lock.mutex);
    rpc_conn_free(conn);
    pthread_mutex_lock(&subscriber->lock.mutex);
}

static void *work(void *context)
{
    struct rpc_subscriber *subscriber = context;
    pthread_setname_np(pthread_self(), "subscribe");
    pthread_mutex_lock(&subscriber->lock.mutex);
    while (!subscriber->closing) {
        pthread_mutex_unlock(&subscriber->lock.mutex);
        nng_stream *stream = dial(subscriber);
        pthread_mutex_lock(&subscriber->lock.mutex);
        if (stream)
            listen_to(subscriber, stream);
        int64_t end_ms = clock_steady_ms() + AGAIN_MS;
        while (!subscriber->closing && clock_steady_ms() < end_ms)
            rpc_lock_wait(&subscriber->lock, end_ms);
    }
    pthread_mutex_unlock(&subscriber->lock.mutex);
    return NULL;
}

/* Signals are for the program's own threads, and not for those that start here. */
static int start(struct rpc_subscriber *subscriber, struct error *e)
{
    sigset_t before;
    signals_block(&before);
    int r = 0, number = nng_stream_dialer_alloc(&subscriber->dialer, subscriber->address);
    if (number)
        r = error_set(e, ERR_CONFIG, "%s: %s", subscriber->address, nng_strerror(number));
    CHECK(r || nng_aio_alloc(&subscriber->aio, NULL, NULL) == 0);
    number = r ? 0 : pthread_create(&subscriber->thread, NULL, work, subscriber);
    subscriber->has_thread = !r && !number;
    if (number)
        r = error_set(e, ERR_IO, "a thread can't be started: %s: raise the limit of processes",
                      strerrordesc_np(number));
    signals_restore(&before);
    return r;
}

int rpc_subscriber_open(const struct rpc_subscriber_setting *setting, struct rpc_subscriber **out,
                        struct error *e)
{
    struct rpc_subscriber *subscriber = mem_zalloc(sizeof *subscriber);
    *out = NULL;
    subscriber->set = *setting;
    subscriber->address = mem_strdup(setting->address);
    rpc_lock_open(&subscriber->lock);
    int r = rpc_address_check(setting->address, e);
    if (!r)
        r = start(subscriber, e);
    if (r)
        rpc_subscriber_close(subscriber);
    else
        *out = subscriber;
    return r;
}

void rpc_subscriber_close(struct rpc_subscriber *subscriber)
{
    if (!subscriber)
        return;
    pthread_mutex_lock(&subscriber->lock.mutex);
    subscriber->closing = true;
    pthread_cond_broadcast(&subscriber->lock.changed);
    pthread_mutex_unlock(&subscriber->lock.mutex);
    if (subscriber->aio)
        nng_aio_stop(subscriber->aio); /* also what its thread is just about to begin */
    if (subscriber->has_thread)
        CHECK(pthread_join(subscriber->thread, NULL) == 0);
    if (subscriber->aio)
        nng_aio_free(subscriber->aio);
    if (subscriber->dialer)
        nng_stream_dialer_free(subscriber->dialer);
    rpc_lock_close(&subscriber->lock);
    free(subscriber->address);
    free(subscriber);
}
