/* Limiter: token buckets and concurrency, by key. Pure: no I/O, no clock.
 *
 * A bucket fills at `rate` tokens a second up to `burst`, and lets at most `concurrency` requests be under
 * way; and slows down, or pauses, as the provider's answers say (pace.h). A request may need two buckets (its
 * provider's and its collection's): it goes when both let it. Waiting requests go first come, first served
 * within a bucket, but one that waits for another bucket doesn't hold up those behind it; one that was passed
 * over LIMIT_LIMITER_PASSES times does, so that none waits for ever.
 *
 * Buckets that can't let go cost nothing: all calls take O(log n) of what waits in one bucket, but for a
 * ticket's moves between its two buckets, at most one for each time that one of them opens while
 * the other is shut. */
#ifndef GARNER_LIMITER_H
#define GARNER_LIMITER_H

#include <stdbool.h>
#include <stdint.h>

#include "common/bytes.h"
#include "common/heap.h"
#include "worker/fetch/pace.h"

struct limiter;
struct bucket;

struct limiter *limiter_open(uint64_t seed); /* of the dice for pauses */
void limiter_close(struct limiter *limiter); /* null is fine */

/* The bucket of a key, made on first use with these limits (rate 0: unlimited; concurrency 0:
 * LIMIT_TRANSFERS_PER_KEY; burst below 1: 1). Lives as long as the limiter. */
struct bucket *limiter_bucket(struct limiter *limiter, struct bytes key, double rate, double burst,
                              uint32_t concurrency);

/* Limits may have been edited: each bucket takes those that it is next asked for with. One whose limits are
 * other ones begins anew with them; the others keep what they have learnt. */
void limiter_renew(struct limiter *limiter);

/* Someone who wants to send. Embedded by the caller, zeroed before its first use; must stay where it is
 * while it waits. `first`, `second` and `context` are the caller's to set, the rest is the limiter's. */
struct limiter_ticket {
    struct bucket *first, *second; /* second may be null */
    void *context;
    bool waiting;
    struct heap_node node;
    int64_t arrival, went_ms;
    struct bucket *queue, *holds;
    unsigned passes;
};

void limiter_ask(struct limiter *limiter, struct limiter_ticket *ticket);    /* must not be waiting */
void limiter_cancel(struct limiter *limiter, struct limiter_ticket *ticket); /* when it waits; else nothing */

/* The next ticket that may go now: its tokens are taken. Null when none may; then `*at_ms` is when one may by
 * time alone (INT64_MAX: only limiter_done helps). */
struct limiter_ticket *limiter_next(struct limiter *limiter, int64_t now_ms, int64_t *at_ms);

/* What became of a request that limiter_next let go, for the buckets that it came through; before
 * limiter_done. Takes O(1). */
void limiter_heard(struct limiter *limiter, const struct limiter_ticket *ticket, const struct heard *heard,
                   int64_t now_ms);

/* A request that limiter_next let go has ended. */
void limiter_done(struct limiter *limiter, const struct limiter_ticket *ticket);

/* How a bucket is doing. */
struct bucket_view {
    struct bytes key;       /* as given to limiter_bucket; lives as long as the limiter */
    double rate, base_rate; /* now and as configured, a second; 0: unlimited */
    uint32_t concurrency, base_concurrency;
    uint32_t running;
    uint64_t waiting;          /* in its queue */
    uint64_t requests;         /* let go, ever; of these: */
    uint64_t throttled, again; /* were refused; were further tries */
    int64_t paused_ms;         /* until then; PACE_NEVER: it isn't paused */
};
/* All buckets, in no order. */
void limiter_each(const struct limiter *limiter, int64_t now_ms,
                  void (*see)(void *context, const struct bucket_view *view), void *context);

#endif
