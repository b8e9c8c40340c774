/* Retries: when a failed request is tried again. Pure: time and randomness are arguments.
 *
 * Exponential back-off with full jitter (Brooker, "Exponential Backoff And Jitter", 2015): a random time
 * between 0 and min(max, first * 2^tries); where it was throttled, four times first. A Retry-After is the
 * least to wait. */
#ifndef GARNER_RETRY_H
#define GARNER_RETRY_H

#include <stdbool.h>

#include "common/bytes.h"
#include "common/error.h"
#include "common/random.h"
#include "worker/fetch/budget.h"

/* Whose retries they are: how patient, and the dice. */
struct retry {
    struct random random;
    int64_t first_ms;      /* the first retry waits up to this; 0: LIMIT_RETRY_FIRST_MS */
    struct budget *budget; /* how many there may be; null: that doesn't matter */
};

/* Does trying again make sense after this error? Broken transfers and connections, THROTTLED, SERVER, BODY (a
 * body that doesn't parse may be a cut one), RESOLVE: yes. DENIED, HTTP, TLS, LIMIT, REDIRECT, ...: no. */
bool retry_makes_sense(int code);

/* After the `tries`-th try (from 1) failed with `code`: true and when to try again, or false.
 * `retry_after_ms` is what retry_after_read gave, -1 when there was none; one beyond LIMIT_RETRY_AFTER_MS
 * ends it. At most LIMIT_TRIES tries. */
bool retry_decide(int code, unsigned tries, int64_t retry_after_ms, int64_t now_ms, struct retry *retry,
                  int64_t *at_ms);

/* A Retry-After header in both forms: seconds, or an HTTP date relative to `wall_ms`. -1: unreadable. */
int64_t retry_after_read(struct bytes value, int64_t wall_ms);

#endif
