/* Connection: whole messages over one of NNG's streams, both ways, in the framing of SP (sp.h).
 *
 * NNG's own sockets would do this, but not end well in 1.5.2: when one of its sockets or pipes is
 * closed while a message is half read or written, that pipe's end waits for ever, with it NNG's only thread
 * that ends anything, and every nng_close. Here an operation is never begun once its stream is closed, which
 * is all it takes.
 *
 * The owner has a lock: all functions are called with it held, but rpc_conn_free; what is called back on
 * NNG's threads has it held, too. Nothing blocks, but rpc_conn_free. */
#ifndef GARNER_RPC_CONN_H
#define GARNER_RPC_CONN_H

#include <nng/nng.h>
#include <pthread.h>

#include "common/rpc/sp.h"

struct rpc_conn;

struct rpc_conn_owner {
    pthread_mutex_t *lock;
    void *context;
    /* A message came. Its buffer may be taken: leave an empty one. False: no more before rpc_conn_resume. */
    bool (*came)(void *context, struct rpc_conn *conn, struct buffer *message);
    /* The peer has greeted, or a message has been sent, or the connection was closed, or has ended. */
    void (*changed)(void *context, struct rpc_conn *conn);
    struct buffer
        *spare; /* memory of messages that were sent goes there, for the next ones; null: it is freed */
};

struct rpc_message {
    struct rpc_message *next;
    char head[SP_HEAD_MAX + SP_ROUTE_BYTES_MAX];
    size_t head_len;
    struct buffer body;
    size_t sent; /* of head and body */
};

struct rpc_conn {
    struct rpc_conn_owner owner;
    nng_stream *stream;
    nng_aio *rx, *tx;
    struct sp_reader reader;
    enum sp_protocol own[2]; /* for each that the reader wants */
    bool has_greeted;        /* we have; `greeted`: the peer has */
    bool reading, writing;   /* an operation is under way */
    bool paused, greeted, closed;
    int why;               /* it was closed: a number of NNG's */
    uint32_t outgoing;     /* messages that are not sent yet … */
    size_t outgoing_bytes; /* … with what of them is sent */
    int64_t moved_ms;      /* when something of them was sent, or the first one came */
    struct rpc_message *out, **out_end;
};

/* What we speak with a peer that speaks that. */
struct rpc_speech {
    enum sp_protocol own, peer;
};

/* Begin to read, and greet: at once where there is one way to speak only, else as the peer did. The stream is
 * the connection's from now on. A peer that hasn't greeted within `greet_ms`, speaks otherwise, sends more
 * than `message_max` or leaves a message half sent for LIMIT_RPC_SEND_MS is closed. `count` is 1 or 2. */
struct rpc_conn *rpc_conn_open(const struct rpc_conn_owner *owner, nng_stream *stream, bool ipc,
                               const struct rpc_speech *speeches, size_t count, size_t message_max,
                               int32_t greet_ms);

/* Send a message, after those that wait to be sent. Takes the body, and leaves an empty one. A peer that
 * takes none of it for LIMIT_RPC_SEND_MS is closed. Once it is closed, nothing is sent. */
void rpc_conn_send(struct rpc_conn *conn, struct bytes route, struct buffer *body);

void rpc_conn_resume(struct rpc_conn *conn);

/* Give it up. It has ended soon, when nothing is under way any more: `changed` tells. */
void rpc_conn_close(struct rpc_conn *conn, int why);
bool rpc_conn_has_ended(const struct rpc_conn *conn);

/* Without the lock, and not in a callback; of one that has ended. */
void rpc_conn_free(struct rpc_conn *conn);

#endif
