/* Resolver: names -> addresses, by a few threads, with a cache. Internal to fetch.
 *
 * libcurl's own threaded resolver takes a thread for every name and waits for it when a transfer is given
 * up, for seconds when DNS is dead. Here at most LIMIT_RESOLVER_THREADS look names up with
 * getaddrinfo, so /etc/hosts, nsswitch and search domains count as everywhere; a name that many ask for is
 * looked up once; and nobody ever waits for a thread. What was found is handed to libcurl as CURLOPT_RESOLVE.
 * c-ares was not taken: it reads nsswitch only in part. */
#ifndef GARNER_RESOLVER_H
#define GARNER_RESOLVER_H

#include "common/bytes.h"
#include "worker/fetch/loop.h"

enum {
    RESOLVER_FRESH_MS = 60000, /* how long what was found counts */
    RESOLVER_ADDRESSES = 16,   /* of one name */
};

struct resolver;

/* "192.0.2.1,[2001:db8::1]", or null and why. Valid during the call only,
 * which must not ask again. */
typedef void resolver_found(void *context, const char *addresses, const char *cause);

/* Someone who waits for a name. Embedded by the caller, zeroed before its first use. */
struct resolver_ticket {
    struct resolver_name *name; /* null: waits for nothing */
    struct resolver_ticket *next, *previous;
    void *context;
    resolver_found *found;
};

int resolver_open(struct loop *loop, struct resolver **out, struct error *e);
void resolver_close(struct resolver *resolver); /* calls nobody back, waits for no thread; null is fine */

/* Calls back at once if the answer is known, else from the loop. */
void resolver_ask(struct resolver *resolver, struct bytes host, struct resolver_ticket *ticket, void *context,
                  resolver_found *found);
void resolver_cancel(struct resolver_ticket *ticket); /* when it waits; else nothing */

/* Has a thread begun to look for what the ticket waits for? */
bool resolver_began(struct resolver *resolver, const struct resolver_ticket *ticket);

#endif
