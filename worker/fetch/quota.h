/* Quota: what an answer's headers say of the provider's limits. Pure: the time is an argument.
 *
 * Read are, in any case of letters:
 *
 *   Retry-After                                  seconds, or an HTTP date
 *   X-RateLimit-Limit, -Remaining, -Reset        also X-Rate-Limit-…, and RateLimit-… (IETF drafts up to 07)
 *   RateLimit: limit=…, remaining=…, reset=…     draft 07
 *   RateLimit: "name";r=…;t=…                    drafts from 08 on, with RateLimit-Policy: "name";q=…;w=…
 *   x-ms-ratelimit-remaining-…                   Azure: what remains only
 *
 * A reset is told by its size: below 100,000,000 it is seconds from now, below 100,000,000,000 seconds since
 * 1970, above that milliseconds since 1970; or it is an HTTP date or one of RFC 3339. Times since 1970 are
 * compared with the answer's own Date where it has one: the provider's clock need not be ours.
 *
 * What can't be read, is negative, has more than 15 digits or lies further ahead than QUOTA_RESET_MAX_MS
 * counts as not told. Of several quotas the tightest counts. */
#ifndef GARNER_QUOTA_H
#define GARNER_QUOTA_H

#include "worker/provider/request.h"

#define QUOTA_RESET_MAX_MS (INT64_C(32) * 24 * 3600 * 1000) /* a month's quota is full again sooner */

struct quota {
    int64_t limit, remaining; /* requests; -1: not told */
    int64_t reset_ms;         /* so long from now, until more remain; -1: not told */
    int64_t after_ms;         /* Retry-After; INT64_MAX at most; -1: not told */
};

/* True if anything was told that bears on when to send: a Retry-After, or what remains. Costs next to nothing
 * for an answer without such headers. `wall_ms`: now, in ms since 1970. */
bool quota_read(const struct answer *answer, int64_t wall_ms, struct quota *quota);

/* At how many requests a second what remains lasts until the reset. INFINITY while plenty remains: more than
 * a fifth of the limit (or than QUOTA_FEW, if the limit isn't told); or if it isn't told until when. */
enum { QUOTA_FEW = 10 };
double quota_rate(const struct quota *quota);

#endif
