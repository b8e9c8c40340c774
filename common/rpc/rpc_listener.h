/* Listener: takes connections, and gives them as NNG's streams. */
#ifndef GARNER_RPC_LISTENER_H
#define GARNER_RPC_LISTENER_H

#include <nng/nng.h>
#include <pthread.h>

#include "common/error.h"

struct rpc_listener {
    char *address; /* with the port that was found */
    nng_stream_listener *stream;
    nng_aio *aio;
    pthread_mutex_t lock;
    bool closing, failing;
    void *context;
    void (*came)(void *context, nng_stream *stream); /* on NNG's threads, one at a time; takes it over */
};

/* Listen there, and take who comes. ERR_CONFIG: in use, with what to do, or not this machine's; ERR_IO.
 * After an error, too, it is to be closed. */
int rpc_listener_open(struct rpc_listener *listener, const char *address,
                      void (*came)(void *context, nng_stream *stream), void *context, struct error *e);

/* Take nobody any more. Waits for `came`. Of one that is all zero: nothing. */
void rpc_listener_close(struct rpc_listener *listener);

#endif
