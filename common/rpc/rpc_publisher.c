/* PUB's side of SP. Listeners subscribe in their own process: nothing of what they want comes here. */
#include "common/rpc/rpc_publisher.h"

#include <stdlib.h>

#include "common/check.h"
#include "common/limits.h"
#include "common/rpc/rpc_address.h"
#include "common/rpc/rpc_conn.h"
#include "common/rpc/rpc_listener.h"
#include "common/rpc/rpc_lock.h"
#include "common/signals.h"

enum { HEARD_BYTES_MAX = 64 }; /* a listener has nothing to say */

struct peer {
    struct rpc_publisher *publisher;
    struct rpc_conn *conn;
    bool gone; /* it is to be freed */
    struct peer *previous, *next;
};

struct rpc_publisher {
    struct rpc_listener listener;
    bool is_ipc;
    struct rpc_lock lock; /* of all below, and of the connections */
    struct peer *peers, *gone;
    uint32_t peer_count; /* of both */
    uint64_t messages, dropped;
    bool closing;
};

static bool came(void *context, struct rpc_conn *conn, struct buffer *message)
{
    (void)context, (void)message;
    rpc_conn_close(conn, NNG_EPROTO);
    return false;
}

static void take_out(struct peer *peer)
{
    *(peer->previous ? &peer->previous->next : &peer->publisher->peers) = peer->next;
    if (peer->next)
        peer->next->previous = peer->previous;
}

static void changed(void *context, struct rpc_conn *conn)
{
    struct peer *peer = context;
    struct rpc_publisher *publisher = peer->publisher;
    if (peer->gone || !rpc_conn_has_ended(conn))
        return;
    peer->gone = true;
    take_out(peer);
    peer->next = publisher->gone;
    publisher->gone = peer;
    pthread_cond_broadcast(&publisher->lock.changed);
}

static void take_stream(void *context, nng_stream *stream)
{
    static const struct rpc_speech speech = {SP_PUB, SP_SUB};
    struct rpc_publisher *publisher = context;
    pthread_mutex_lock(&publisher->lock.mutex);
    bool room = !publisher->closing && publisher->peer_count < LIMIT_BUS_LISTENERS;
    if (room) {
        struct peer *peer = mem_zalloc(sizeof *peer);
        struct rpc_conn_owner owner = {&publisher->lock.mutex, peer, came, changed, NULL};
        peer->publisher = publisher;
        peer->next = publisher->peers;
        if (peer->next)
            peer->next->previous = peer;
        publisher->peers = peer;
        publisher->peer_count++;
        peer->conn = rpc_conn_open(&owner, stream, publisher->is_ipc, &speech, 1, HEARD_BYTES_MAX,
                                   LIMIT_RPC_CONNECT_MS);
    }
    pthread_mutex_unlock(&publisher->lock.mutex);
    if (!room)
        nng_stream_free(stream);
}

/* Called with the lock, which it lets go of meanwhile. */
static void free_gone(struct rpc_publisher *publisher)
{
    struct peer *gone = publisher->gone;
    publisher->gone = NULL;
    pthread_mutex_unlock(&publisher->lock.mutex);
    uint32_t count = 0;
    for (struct peer *next; gone; gone = next, count++) {
        next = gone->next;
        rpc_conn_free(gone->conn);
        free(gone);
    }
    pthread_mutex_lock(&publisher->lock.mutex);
    publisher->peer_count -= count;
}

void rpc_publisher_tell(struct rpc_publisher *publisher, struct bytes message)
{
    pthread_mutex_lock(&publisher->lock.mutex);
    for (struct peer *peer = publisher->peers, *next; peer; peer = next) {
        struct buffer copy = {0};
        next = peer->next;
        if (!peer->conn->greeted || peer->conn->closed)
            continue;
        if (peer->conn->outgoing && peer->conn->outgoing_bytes + message.len > LIMIT_BUS_BYTES) {
            publisher->dropped++;
            continue;
        }
        publisher->messages++;
        buffer_add_bytes(&copy, message);
        rpc_conn_send(peer->conn, (struct bytes){0}, &copy);
    }
    pthread_mutex_unlock(&publisher->lock.mutex);
}

bool rpc_publisher_tidy(struct rpc_publisher *publisher)
{
    pthread_mutex_lock(&publisher->lock.mutex);
    if (publisher->gone)
        free_gone(publisher);
    bool any = publisher->peers != NULL;
    pthread_mutex_unlock(&publisher->lock.mutex);
    return any;
}

void rpc_publisher_count(struct rpc_publisher *publisher, struct rpc_publisher_counts *out)
{
    pthread_mutex_lock(&publisher->lock.mutex);
    *out = (struct rpc_publisher_counts){publisher->peer_count, publisher->messages, publisher->dropped};
    pthread_mutex_unlock(&publisher->lock.mutex);
}

int rpc_publisher_open(const char *address, struct rpc_publisher **out, struct error *e)
{
    struct rpc_publisher *publisher = mem_zalloc(sizeof *publisher);
    sigset_t before;
    *out = NULL;
    rpc_lock_open(&publisher->lock);
    signals_block(&before); /* NNG's threads take no signals */
    int r = rpc_address_check(address, e);
    if (!r) {
        publisher->is_ipc = rpc_address_is_ipc(address);
        r = rpc_listener_open(&publisher->listener, address, take_stream, publisher, e);
    }
    signals_restore(&before);
    if (r)
        rpc_publisher_close(publisher);
    else
        *out = publisher;
    return r;
}

void rpc_publisher_close(struct rpc_publisher *publisher)
{
    if (!publisher)
        return;
    pthread_mutex_lock(&publisher->lock.mutex);
    publisher->closing = true;
    pthread_mutex_unlock(&publisher->lock.mutex);
    rpc_listener_close(&publisher->listener);
    pthread_mutex_lock(&publisher->lock.mutex);
    for (struct peer *peer = publisher->peers, *next; peer; peer = next) {
        next = peer->next;
        rpc_conn_close(peer->conn, NNG_ECLOSED);
    }
    while (publisher->peers)
        rpc_lock_wait(&publisher->lock, INT64_MAX);
    free_gone(publisher);
    pthread_mutex_unlock(&publisher->lock.mutex);
    rpc_lock_close(&publisher->lock);
    free(publisher);
}
