/* Dialer: makes connections on a thread of its own, one after the other, so that nobody else waits for a host
 * that doesn't answer. One thread asks, and takes. */
#ifndef GARNER_FOLLOW_DIALER_H
#define GARNER_FOLLOW_DIALER_H

#include <stdatomic.h>

#include "client/client.h"

struct dialer;

/* Its connections are waited for together, by `lock`. Whenever one is made, or isn't, `poked` is set, and
 * `lock->changed` signalled. Null: a thread can't be started. */
struct dialer *dialer_open(struct rpc_lock *lock, atomic_bool *poked);
void dialer_close(struct dialer *dialer); /* waits for the one that is being made; null is fine */

/* Make one. `ticket` is the caller's. */
void dialer_ask(struct dialer *dialer, uint64_t ticket, const char *address);

struct dialed {
    uint64_t ticket;
    struct client *client; /* the caller's; null: none could be made, because of: */
    struct error e;
};

/* What has become of one. False: nothing yet. */
bool dialer_take(struct dialer *dialer, struct dialed *out);

#endif
