/* Client: asks another process, and waits for its answer. Bytes in, bytes out.
 *
 * One thread at a time. One request at a time is under way. It is sent once: when its connection breaks it
 * fails, and is for the caller to ask again, on the same client, which connects again by itself. An answer
 * that comes after its time, or to a request that was given up, is dropped. */
#ifndef GARNER_RPC_CLIENT_H
#define GARNER_RPC_CLIENT_H

#include <stdatomic.h>

#include "common/bytes.h"
#include "common/error.h"
#include "common/rpc/rpc_lock.h"

struct rpc_client;

struct rpc_client_setting {
    const char *address;      /* tcp://HOST:PORT or ipc://PATH; copied */
    size_t request_bytes_max; /* what the server takes: more would break the connection */
    size_t answer_bytes_max;  /* a server that sends more is disconnected */
    struct rpc_lock *lock;    /* of several clients that are waited for together; null: one of its own */
};

/* Find out whether somebody listens there, and connect. Waits up to LIMIT_RPC_CONNECT_MS. ERR_CONFIG: no
 * address; ERR_CONNECT: nobody listens there, with what to do; ERR_RESOLVE: the host has no address. */
int rpc_client_open(const struct rpc_client_setting *setting, struct rpc_client **out, struct error *e);

/* Send, and don't wait. Where there is no connection (any more), first up to LIMIT_RPC_CONNECT_MS for that.
 * Gives up a request that is under way. ERR_CONNECT: nobody there; ERR_LIMIT: the request is too large, and
 * was not sent. */
int rpc_client_send(struct rpc_client *client, struct bytes request, int64_t answer_ms, struct error *e);

/* The answer to what was sent, in `memory`, in exchange for what that was; data null: it isn't there yet, at
 * `end_ms` of clock_steady_ms. ERR_CONNECT: broken off, or no answer within its `answer_ms`: nothing is under
 * way any more. */
int rpc_client_receive(struct rpc_client *client, int64_t end_ms, struct buffer *memory, struct bytes *answer,
                       struct error *e);

/* Until rpc_client_receive has something to tell of one of them, which share a lock: then true; or `end_ms`;
 * or until `poked` (may be null) is set by whoever then signals the lock's `changed`, with its mutex held. */
bool rpc_client_wait_any(struct rpc_client *const *clients, size_t count, int64_t end_ms,
                         const atomic_bool *poked);

/* Both together: the answer is the client's, until the next call. */
int rpc_client_ask(struct rpc_client *client, struct bytes request, int64_t answer_ms, struct bytes *answer,
                   struct error *e);

void rpc_client_close(struct rpc_client *client); /* null is fine */

#endif
