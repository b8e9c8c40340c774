/* Lease: until when a worker may write and ask. Who holds none commits nothing and lets no request go, so
 * that whoever is given its shards has them for itself; reading goes on.
 *
 * What would be done waits, and goes on when the lease does: what is gathered is committed then. So before a
 * lease is renewed, shards that aren't the worker's any more must have been released (own.h). Sessions and
 * credentials that are being renewed when it ends come to their end. */
#ifndef GARNER_RUN_LEASE_H
#define GARNER_RUN_LEASE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/error.h"

struct crew;
struct run;

/* Until then, by clock_steady_ms; INT64_MAX, as it is at first: none is needed. Any thread; doesn't wait. */
void crew_lease(struct crew *crew, int64_t until_ms);

/* --- not for others than worker/run --- */

struct lease {
    _Atomic int64_t until_ms;
    _Atomic bool is_told; /* that it has ended */
};

int lease_check(struct crew *crew, struct error *e); /* ERR_STOPPED: it has ended */
bool lease_is_awaited(struct run *run);              /* it has, and this thread goes on with the next one */
void lease_tell(struct run *run);                    /* that it has ended, or goes on; once for all threads */
void lease_resume(struct run *run);                  /* with what waited, if it may */

#endif
