/* Limiter: token buckets and concurrency, by key. Pure: no I/O, no clock.
 *
 * A bucket fills at `rate` tokens a second up to `burst`, and lets at most `concurrency` requests be under way. A
 * request may need two buckets (its provider's and its collection's): it goes when both let it. Waiting
 * requests go first come, first served within a bucket, but one that waits for another bucket doesn't hold up
 * those behind it. */
#ifndef GARNER_LIMITER_H
#define GARNER_LIMITER_H

#include <stdbool.h>
#include <stdint.h>

#include "common/bytes.h"

struct limiter;
struct bucket;

struct limiter *limiter_open(void);
void limiter_close(struct limiter *limiter); /* null is fine */

/* The bucket of a key, made on first use with these limits (rate 0: unlimited; concurrency 0:
 * LIMIT_TRANSFERS_PER_KEY; burst below 1: 1). Lives as long as the limiter. */
struct bucket *limiter_bucket(struct limiter *limiter, struct bytes key, double rate, double burst, uint32_t concurrency);

/* Someone who wants to send. Embedded by the caller, zeroed before its first use; linked while it waits. */
struct limiter_ticket {
    struct bucket *first, *second; /* second may be null */
    struct limiter_ticket *next, *previous;
    bool waiting;
    void *context; /* the caller's */
};

void limiter_ask(struct limiter *limiter, struct limiter_ticket *ticket);
void limiter_cancel(struct limiter *limiter, struct limiter_ticket *ticket); /* when it waits; else nothing */

/* The next ticket that may go now: its tokens are taken. Null when none may; then `*at_ms` is when one may by
 * time alone (INT64_MAX: only limiter_done helps). */
struct limiter_ticket *limiter_next(struct limiter *limiter, int64_t now_ms, int64_t *at_ms);

/* A request that limiter_next let go has ended. */
void limiter_done(struct limiter *limiter, const struct limiter_ticket *ticket);

#endif
