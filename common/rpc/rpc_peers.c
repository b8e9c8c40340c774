#include "common/rpc/rpc_peers.h"

#include <stdlib.h>

#include "common/check.h"
#include "common/limits.h"
#include "common/rpc/rpc_address.h"

void rpc_peers_open(struct rpc_peers *peers, const struct rpc_peers_setting *setting)
{
    *peers = (struct rpc_peers){.set = *setting, .is_ipc = rpc_address_is_ipc(setting->address)};
    rpc_lock_open(&peers->lock);
}

void rpc_peers_close(struct rpc_peers *peers)
{
    rpc_lock_close(&peers->lock);
}

/* --- who is there --- */

static void add(struct rpc_peer *peer)
{
    struct rpc_peers *peers = peer->peers;
    peer->previous = peers->last;
    peer->next = NULL;
    *(peers->last ? &peers->last->next : &peers->first) = peer;
    peers->last = peer;
}

static void take_out(struct rpc_peer *peer)
{
    struct rpc_peers *peers = peer->peers;
    *(peer->previous ? &peer->previous->next : &peers->first) = peer->next;
    *(peer->next ? &peer->next->previous : &peers->last) = peer->previous;
}

void rpc_peers_to_end(struct rpc_peer *peer)
{
    take_out(peer);
    add(peer);
}

/* --- coming --- */

static void take_stream(void *context, nng_stream *stream)
{
    struct rpc_peers *peers = context;
    const struct rpc_peers_setting *set = &peers->set;
    pthread_mutex_lock(&peers->lock.mutex);
    bool room = !peers->closing && peers->count < set->most;
    if (room) {
        struct rpc_peer *peer = mem_zalloc(sizeof *peer);
        struct rpc_conn_owner owner = {&peers->lock.mutex, peer, set->came, set->changed, set->spare};
        peer->peers = peers;
        peer->conn = rpc_conn_open(&owner, stream, peers->is_ipc, set->speeches, set->speech_count,
                                   set->message_max, LIMIT_RPC_CONNECT_MS);
        peers->count++;
        add(peer);
    }
    pthread_mutex_unlock(&peers->lock.mutex);
    if (!room)
        nng_stream_free(stream);
}

int rpc_peers_listen(struct rpc_peers *peers, struct error *e)
{
    return rpc_listener_open(&peers->listener, peers->set.address, take_stream, peers, e);
}

/* --- going --- */

void rpc_peers_settle(struct rpc_peer *peer)
{
    struct rpc_peers *peers = peer->peers;
    if (peer->gone || peer->requests || !rpc_conn_has_ended(peer->conn))
        return;
    peer->gone = true;
    take_out(peer);
    peer->next = peers->gone;
    peers->gone = peer;
    pthread_cond_broadcast(&peers->lock.changed);
}

void rpc_peers_free_gone(struct rpc_peers *peers)
{
    struct rpc_peer *gone = peers->gone;
    uint32_t count = 0;
    peers->gone = NULL;
    pthread_mutex_unlock(&peers->lock.mutex);
    for (struct rpc_peer *next; gone; gone = next, count++) {
        next = gone->next;
        rpc_conn_free(gone->conn);
        free(gone);
    }
    pthread_mutex_lock(&peers->lock.mutex);
    peers->count -= count;
}

void rpc_peers_end(struct rpc_peers *peers)
{
    for (struct rpc_peer *peer = peers->first, *next; peer; peer = next) {
        next = peer->next;
        rpc_conn_close(peer->conn, NNG_ECLOSED);
    }
    while (peers->first)
        rpc_lock_wait(&peers->lock, INT64_MAX);
    rpc_peers_free_gone(peers);
}
