/* Subscriber: hears what a publisher tells (SUB's side of SP): bytes, as they come. What is said while there
 * is no connection isn't heard; connections are made anew for as long as it takes. */
#ifndef GARNER_RPC_SUBSCRIBER_H
#define GARNER_RPC_SUBSCRIBER_H

#include "common/bytes.h"
#include "common/error.h"

struct rpc_subscriber;

struct rpc_subscriber_setting {
    const char *address;      /* tcp://HOST:PORT or ipc://PATH; copied */
    size_t message_bytes_max; /* a publisher that says more at once is disconnected */
    void *context;
    void (*heard)(void *context, struct bytes message); /* on one of NNG's threads, one at a time */
};

/* Doesn't wait for a connection. ERR_CONFIG: no address; ERR_IO: a thread can't be started. */
int rpc_subscriber_open(const struct rpc_subscriber_setting *setting, struct rpc_subscriber **out,
                        struct error *e);

/* Nothing is heard any more. Blocks until that is so. Null is fine. */
void rpc_subscriber_close(struct rpc_subscriber *subscriber);

#endif
