/* PUB's side of SP. Listeners subscribe in their own process: nothing of what they want comes here. */
#include "common/rpc/rpc_publisher.h"

#include <stdlib.h>

#include "common/check.h"
#include "common/limits.h"
#include "common/rpc/rpc_address.h"
#include "common/rpc/rpc_peers.h"
#include "common/signals.h"

enum { HEARD_BYTES_MAX = 64 }; /* a listener has nothing to say */

struct rpc_publisher {
    struct rpc_peers peers; /* with the lock, of all below, too */
    uint64_t messages, dropped;
};

static bool came(void *context, struct rpc_conn *conn, struct buffer *message)
{
    (void)context, (void)message;
    rpc_conn_close(conn, NNG_EPROTO);
    return false;
}

static void changed(void *context, struct rpc_conn *conn)
{
    (void)conn;
    rpc_peers_settle(context);
}

void rpc_publisher_tell(struct rpc_publisher *publisher, struct bytes message)
{
    pthread_mutex_lock(&publisher->peers.lock.mutex);
    for (struct rpc_peer *peer = publisher->peers.first, *next; peer; peer = next) {
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
    pthread_mutex_unlock(&publisher->peers.lock.mutex);
}

bool rpc_publisher_tidy(struct rpc_publisher *publisher)
{
    pthread_mutex_lock(&publisher->peers.lock.mutex);
    if (publisher->peers.gone)
        rpc_peers_free_gone(&publisher->peers);
    bool any = publisher->peers.first != NULL;
    pthread_mutex_unlock(&publisher->peers.lock.mutex);
    return any;
}

void rpc_publisher_count(struct rpc_publisher *publisher, struct rpc_publisher_counts *out)
{
    pthread_mutex_lock(&publisher->peers.lock.mutex);
    *out = (struct rpc_publisher_counts){publisher->peers.count, publisher->messages, publisher->dropped};
    pthread_mutex_unlock(&publisher->peers.lock.mutex);
}

int rpc_publisher_open(const char *address, struct rpc_publisher **out, struct error *e)
{
    static const struct rpc_speech speech = {SP_PUB, SP_SUB};
    struct rpc_publisher *publisher = mem_zalloc(sizeof *publisher);
    struct rpc_peers_setting setting = {.address = address,
                                        .speeches = &speech,
                                        .speech_count = 1,
                                        .message_max = HEARD_BYTES_MAX,
                                        .most = LIMIT_BUS_LISTENERS,
                                        .came = came,
                                        .changed = changed};
    sigset_t before;
    *out = NULL;
    rpc_peers_open(&publisher->peers, &setting);
    signals_block(&before); /* NNG's threads take no signals */
    int r = rpc_address_check(address, e);
    if (!r)
        r = rpc_peers_listen(&publisher->peers, e);
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
    struct rpc_peers *peers = &publisher->peers;
    pthread_mutex_lock(&peers->lock.mutex);
    peers->closing = true;
    pthread_mutex_unlock(&peers->lock.mutex);
    rpc_listener_close(&peers->listener);
    pthread_mutex_lock(&peers->lock.mutex);
    rpc_peers_end(peers);
    pthread_mutex_unlock(&peers->lock.mutex);
    rpc_peers_close(peers);
    free(publisher);
}
