/* Client: asks another process, and waits for its answer. Bytes in, bytes out.
 *
 * One thread at a time. A request is sent once: when its connection breaks it fails, and is for the caller
 * to ask again, on the same client, which connects again by itself. An answer that comes after its time
 * is dropped. */
#ifndef GARNER_RPC_CLIENT_H
#define GARNER_RPC_CLIENT_H

#include "common/error.h"

struct rpc_client;

struct rpc_client_setting {
    const char *address;      /* tcp://HOST:PORT or ipc://PATH; copied */
    size_t request_bytes_max; /* what the server takes: more would break the connection */
    size_t answer_bytes_max;  /* a server that sends more is disconnected */
};

/* Find out whether somebody listens there, and connect. Waits up to LIMIT_RPC_CONNECT_MS. ERR_CONFIG: no
 * address; ERR_CONNECT: nobody listens there, with what to do; ERR_RESOLVE: the host has no address. */
int rpc_client_open(const struct rpc_client_setting *setting, struct rpc_client **out, struct error *e);

/* Send, and wait up to `answer_ms` for the answer, which is the client's, until the next call. Where there is
 * no connection (any more), first up to LIMIT_RPC_CONNECT_MS for that. ERR_CONNECT: nobody there, broken off
 * or no answer; ERR_LIMIT: the request is too large, and was not sent. */
int rpc_client_ask(struct rpc_client *client, struct bytes request, int64_t answer_ms, struct bytes *answer,
                   struct error *e);

void rpc_client_close(struct rpc_client *client); /* null is fine */

#endif
