/* Queue: the requests that a server has, and which of them is served next. No I/O, no locks, no clock.
 *
 *   QUEUED --> SERVING --> answered, dropped
 *               |   ^
 *           wait|   |woken, time over, all over
 *               v   |
 *               KEPT
 *
 * What has waited longer than it wanted goes first, then new requests, then what was woken; so a flood of
 * requests delays a long poll until its time is over, and no further. */
#ifndef GARNER_RPC_QUEUE_H
#define GARNER_RPC_QUEUE_H

#include "common/bytes.h"

enum rpc_request_state { RPC_QUEUED, RPC_SERVING, RPC_KEPT };

struct rpc_request {
    void *peer; /* whose it is */
    enum rpc_request_state state;
    struct buffer message;
    struct buffer left; /* by its last turn: rpc_server.h; of KEPT */
    size_t route_len;   /* that the message begins with */
    int64_t came_ms;
    int64_t until_ms; /* of KEPT */
    uint64_t wakes;   /* of the queue, when it was served last; 0: not yet */
    bool held;        /* its peer has an answer to take first */
    struct rpc_request *next;
};

struct rpc_queue {
    struct rpc_request *first, **end; /* in the order in which they came */
    uint32_t count, kept, held, kept_max;
    size_t bytes;   /* of messages */
    size_t left;    /* bytes of what was left */
    uint64_t wakes; /* how often something has happened, from 1 on */
};

void rpc_queue_open(struct rpc_queue *queue, uint32_t kept_max);
void rpc_queue_close(struct rpc_queue *queue);

/* Takes the message, and leaves an empty buffer. */
void rpc_queue_add(struct rpc_queue *queue, void *peer, struct buffer *message, size_t route_len,
                   int64_t now_ms);

/* Serve none of a peer's while it is held; those that are added then are to be held by another call. */
void rpc_queue_hold(struct rpc_queue *queue, const void *peer, bool held);

/* What is to be served now, in SERVING; null: nothing. `closing`: nobody has time left, or is held. `*over`:
 * it must be answered. */
struct rpc_request *rpc_queue_take(struct rpc_queue *queue, int64_t now_ms, bool closing, bool *over);

/* When the first of the kept ones has waited long enough; INT64_MAX: none is kept, or all are held. */
int64_t rpc_queue_next_ms(const struct rpc_queue *queue);

/* What one that is served has left; the caller's from now on. */
struct buffer rpc_queue_take_left(struct rpc_queue *queue, struct rpc_request *request);

/* Of one that is served: to be served again when something happens, or `wait_ms` after it came. Where
 * `kept_max` are kept already, at once and for the last time. Takes what it leaves, and leaves an empty
 * buffer. */
void rpc_queue_keep(struct rpc_queue *queue, struct rpc_request *request, int64_t wait_ms,
                    struct buffer *left);

void rpc_queue_drop(struct rpc_queue *queue, struct rpc_request *request);

/* Those of its peer that are kept, and came before it. Returns how many. */
uint32_t rpc_queue_drop_before(struct rpc_queue *queue, const struct rpc_request *served);

/* All of a peer's that aren't being served. Returns how many. */
uint32_t rpc_queue_drop_of(struct rpc_queue *queue, const void *peer);

#endif
