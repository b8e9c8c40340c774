/* Peers: those who connect to an address, each until its connection has ended and is freed.
 *
 * What they are, and what their owner keeps beside, is behind one lock: all functions are called with it
 * held, but those that say otherwise. */
#ifndef GARNER_RPC_PEERS_H
#define GARNER_RPC_PEERS_H

#include "common/rpc/rpc_conn.h"
#include "common/rpc/rpc_listener.h"
#include "common/rpc/rpc_lock.h"

struct rpc_peer {
    struct rpc_peers *peers;
    struct rpc_conn *conn;
    uint32_t requests; /* of the owner's, that are its: it isn't freed before they end */
    bool gone;
    struct rpc_peer *previous, *next;
};

struct rpc_peers_setting {
    const char *address;
    const struct rpc_speech *speeches; /* as rpc_conn_open */
    size_t speech_count, message_max;
    uint32_t most; /* whoever comes beyond is hung up on */
    void *owner;
    bool (*came)(void *peer, struct rpc_conn *conn, struct buffer *message); /* as those of rpc_conn.h … */
    void (*changed)(void *peer, struct rpc_conn *conn); /* … but their context is an rpc_peer */
    struct buffer *spare;
};

struct rpc_peers {
    struct rpc_peers_setting set;
    struct rpc_listener listener;
    bool is_ipc;
    struct rpc_lock lock; /* of the rest */
    struct rpc_peer *first, *last, *gone;
    uint32_t count; /* with those that are gone */
    bool closing;
};

void rpc_peers_open(struct rpc_peers *peers, const struct rpc_peers_setting *setting); /* without the lock */

/* Without the lock: listen, at an address that was checked. As rpc_listener_open. */
int rpc_peers_listen(struct rpc_peers *peers, struct error *e);

/* It comes last, of all. */
void rpc_peers_to_end(struct rpc_peer *peer);

/* One whose connection has ended, and that nothing is under way for, is gone: it is to be freed. */
void rpc_peers_settle(struct rpc_peer *peer);

/* Free who is gone. Lets go of the lock meanwhile. */
void rpc_peers_free_gone(struct rpc_peers *peers);

/* Hang up on all, and free them: nobody comes any more. */
void rpc_peers_end(struct rpc_peers *peers);

/* Without the lock, with nobody there. */
void rpc_peers_close(struct rpc_peers *peers);

#endif
