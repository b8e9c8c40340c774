/* Server: takes requests of other processes, one after the other, and answers them. Bytes in, bytes out.
 *
 * One thread of the server's own calls `serve`, so what is served needs no locks of its own. A request
 * that can't be answered yet is kept, and served again whenever rpc_server_wake was called and when
 * its time is over (a long poll): rpc_queue.h has the order.
 *
 * LIMIT_RPC_REQUESTS are taken at once, of one peer LIMIT_RPC_PEER_REQUESTS: further ones wait in their
 * sockets. Of them LIMIT_RPC_KEPT may be kept; what is beyond is served once more at once, with its time
 * over. A peer that doesn't read its answers holds up nobody else. */
#ifndef GARNER_RPC_SERVER_H
#define GARNER_RPC_SERVER_H

#include "common/error.h"

/* One turn of a request. */
struct rpc_turn {
    struct bytes request; /* whatever somebody sent: to be validated */
    int64_t waited_ms;    /* since it came */
    bool over;            /* it must be answered now */
    int64_t wait_ms;      /* to be set when it isn't answered: so long at most since it came */
    bool is_last; /* to be set: its peer doesn't wait any more for what it asked before; that is dropped */
    struct buffer answer; /* to be filled; the server closes it */
    /* What an earlier turn of this request has left here, for this one: such as an answer that is made, and
     * can't be given yet. Of no more than `left_max` bytes, as LIMIT_RPC_LEFT_BYTES has it. */
    struct buffer left;
    size_t left_max;
};

enum rpc_verdict { RPC_ANSWER, RPC_WAIT };

/* Listeners (SUB) connect to the same address, and hear what there is to tell: after each rpc_server_wake,
 * many of them together, and everything again every LIMIT_RPC_TELL_MS. One that hasn't taken the last message
 * yet misses those that come meanwhile. */
struct rpc_server_setting {
    const char *address;      /* tcp://HOST:PORT (port 0: one that is free) or ipc://PATH */
    size_t request_bytes_max; /* a peer that sends more is disconnected */
    void *context;
    /* On the server's thread; may block for milliseconds, all others wait meanwhile. RPC_WAIT isn't allowed
     * when the turn is over. */
    enum rpc_verdict (*serve)(void *context, struct rpc_turn *turn);
    /* Likewise: what listeners are to hear; nothing, if `message` stays empty. `all`: not only what is new.
     * Null: there is nothing to hear. */
    void (*tell)(void *context, bool all, struct buffer *message);
};

struct rpc_server;

/* Listen, and serve. ERR_CONFIG: no address, in use (what to do is said), or not this machine's;
 * ERR_IO. The setting's context must outlive the server. */
int rpc_server_open(const struct rpc_server_setting *setting, struct rpc_server **out, struct error *e);

/* Something has happened: serve what is kept again. Any thread, never blocks for long. */
void rpc_server_wake(struct rpc_server *server);

/* Where it listens, with the port that was found. Valid until it is closed. */
const char *rpc_server_address(const struct rpc_server *server);

/* Answer what has come and what is kept (with its time over), and end. Blocks until all is done. Null is
 * fine. Not on the server's own thread. */
void rpc_server_close(struct rpc_server *server);

#endif
