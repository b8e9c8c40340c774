/* Serve: the coordinator's address (docs/protocol.md): takes workers' heartbeats, and what operators and
 * subscribers ask.
 *
 * It has one thread of its own, on which all requests are served, one after the other; heartbeats that wait
 * for something new are kept. */
#ifndef GARNER_COORDINATOR_SERVE_H
#define GARNER_COORDINATOR_SERVE_H

#include "coordinator/coordinator.h"

struct coordinator_serve;

struct coordinator_serve_setting {
    const char *address;                    /* of the configuration's `listen` */
    struct coordinator_setting coordinator; /* but `context` and `changed` */
};

/* Open a coordinator, and listen. As coordinator_open and rpc_server_open. */
int coordinator_serve_open(const struct coordinator_serve_setting *setting, struct coordinator_serve **out,
                           struct error *e);
struct coordinator *coordinator_serve_its(struct coordinator_serve *serve);
const char *coordinator_serve_address(const struct coordinator_serve *serve);
void coordinator_serve_close(struct coordinator_serve *serve); /* null is fine */

#endif
