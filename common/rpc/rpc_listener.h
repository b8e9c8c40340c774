/* Listener: where a server's peers come in. For the .c files of common/rpc only. One thread at a time, but
 * for what NNG calls back. */
#ifndef GARNER_RPC_LISTENER_H
#define GARNER_RPC_LISTENER_H

#include <nng/nng.h>
#include <stdatomic.h>

#include "common/error.h"

struct rpc_listener {
    nng_socket socket;
    nng_listener listener;
    char *address; /* with the port that was found; null: not open */
    uint64_t faults;
    atomic_uint peers, arrivals; /* connected now; ever */
};

/* Listen at an address. ERR_CONFIG: no address, in use, or not this machine's; ERR_IO. All zero before. */
int rpc_listener_open(struct rpc_listener *listener, nng_socket socket, const char *address, struct error *e);

/* Look whether peers can still come in, and listen anew if they can't. To be called every few seconds. Blocks
 * for milliseconds after some connections broke off, mostly not at all. */
void rpc_listener_check(struct rpc_listener *listener);

/* After its socket has been closed. Safe on one that never was open. */
void rpc_listener_close(struct rpc_listener *listener);

#endif
