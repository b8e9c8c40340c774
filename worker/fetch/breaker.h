/* Breaker: when an account is not asked for a while, since all that it is asked fails. Pure.
 *
 *   CLOSED --LIMIT_BREAKER_FAILURES in succession--> OPEN --time, and somebody asks--> HALF_OPEN
 *     ^ ^                                             | ^                                 |
 *     | +-------one that began before went well-------+ +--the probe failed, or came to---+
 *     |                                                    nothing                        |
 *     +----------------------------a harvest went well------------------------------------+
 *
 * Only what concerns the account or its provider as a whole counts: a login or credentials that fail, a 401,
 * no connection, no address, TLS, a broken transfer, a 5xx. A 403 says something of one type; only when as
 * many in succession as the account has collections were denied it counts, too (and a probe that is denied
 * goes well unless that is why it is open). Any other error is an answer, so the succession ends. A throttled
 * harvest says nothing either way: that is for its bucket (pace.h).
 *
 * It is open for LIMIT_BREAKER_FIRST_MS, then for twice as long each time, up to LIMIT_BREAKER_MAX_MS; and up
 * to a tenth more at random, so that accounts of one provider don't come back together. */
#ifndef GARNER_BREAKER_H
#define GARNER_BREAKER_H

#include <stdbool.h>
#include <stdint.h>

#include "common/error.h"
#include "common/random.h"

enum breaker_state { BREAKER_CLOSED, BREAKER_OPEN, BREAKER_HALF_OPEN };

/* All zero is CLOSED, and healthy. Only for breaker.c to write. */
struct breaker {
    int state;       /* enum breaker_state */
    bool by_denials; /* is why it opened */
    uint32_t failed; /* in succession */
    uint32_t denied; /* likewise, but counted by themselves */
    uint32_t opened; /* in succession */
    int64_t since_ms, until_ms;
    int cause;  /* code of the last failure that counted */
    char *text; /* its sentence; owned, null before the first one */
};

void breaker_close(struct breaker *breaker); /* frees: safe twice */

enum breaker_answer {
    BREAKER_YES,
    BREAKER_NO,    /* not before `*until_ms` */
    BREAKER_PROBE, /* yes, and breaker_ended must be told that it was the probe */
};
/* May a harvest begin? */
enum breaker_answer breaker_may(struct breaker *breaker, int64_t now_ms, int64_t *until_ms);

/* Somebody asks for it now: the next harvest is the probe, whatever the time is. */
void breaker_now(struct breaker *breaker, int64_t now_ms);

/* How a harvest ended. */
struct breaker_end {
    const struct error *error; /* null: it went well */
    bool rejected;             /* ERR_DENIED: a 401, not a 403 */
    bool is_probe;
    uint32_t collections; /* so many the account has */
};
/* True if the breaker opened or closed by it. */
bool breaker_ended(struct breaker *breaker, const struct breaker_end *end, int64_t now_ms,
                   struct random *random);

/* Since when it isn't closed, on the clock of `now_ms`; INT64_MIN: it is closed. */
int64_t breaker_open_since(const struct breaker *breaker);

/* Why, and what becomes of it: a sentence for harvests that didn't begin. Returns the cause's code. Must not
 * be closed. */
int breaker_error(const struct breaker *breaker, int64_t now_ms, struct error *e);

#endif
