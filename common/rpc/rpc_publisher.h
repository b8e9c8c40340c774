/* Publisher: tells many listeners (NNG's SUB) what there is to tell. Bytes out.
 *
 * Every listener is told everything, and picks what it wants by its first bytes. Each has a queue of
 * LIMIT_BUS_BYTES: what comes while that is full isn't told to it, and counted. One that takes nothing for
 * LIMIT_RPC_SEND_MS is disconnected. None holds up another, or whoever tells. */
#ifndef GARNER_RPC_PUBLISHER_H
#define GARNER_RPC_PUBLISHER_H

#include "common/bytes.h"
#include "common/error.h"

struct rpc_publisher;

struct rpc_publisher_counts {
    uint32_t listeners;
    uint64_t messages, dropped; /* told to one of them; and not */
};

/* Listen on tcp://HOST:PORT or ipc://PATH. ERR_CONFIG: no address, in use, or not this machine's; ERR_IO. */
int rpc_publisher_open(const char *address, struct rpc_publisher **out, struct error *e);

/* Blocks until all connections have ended. Null is fine. */
void rpc_publisher_close(struct rpc_publisher *publisher);

/* Tell all who are there. One thread at a time; doesn't wait for anybody. */
void rpc_publisher_tell(struct rpc_publisher *publisher, struct bytes message);

/* Frees what those had who have gone, and count until then; to be called now and then, by the thread that
 * tells. Is anybody there? */
bool rpc_publisher_tidy(struct rpc_publisher *publisher);

void rpc_publisher_count(struct rpc_publisher *publisher, struct rpc_publisher_counts *out); /* any thread */

#endif
