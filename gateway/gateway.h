/* Gateway: Garner's feed over HTTP (docs/gateway.md): GET /v1/changes, /v1/resources, /v1/status.
 *
 * A user of the feed like any other one: it asks the worker at `at` over the wire, keeps nothing, and there
 * may be as many of it as are needed. */
#ifndef GARNER_GATEWAY_H
#define GARNER_GATEWAY_H

#include "common/http/http_server.h"

struct gateway;

struct gateway_setting {
    const char *at;     /* a worker's or coordinator's `listen` address */
    const char *tokens; /* a file; null: everybody may ask everything */
    const char *bus;    /* where to publish all changes; null: nowhere */
};

enum { GATEWAY_ROUTES = 3 };

/* Doesn't wait for the worker. ERR_CONFIG: tokens that can't be read, an address that is none; ERR_IO. What
 * the setting points to must outlive it. */
int gateway_open(const struct gateway_setting *setting, struct gateway **out, struct error *e);

/* What it answers, for a server. */
void gateway_routes(struct gateway *gateway, struct http_route out[GATEWAY_ROUTES]);

/* Before the server is closed, and after. Null is fine. */
void gateway_stop(struct gateway *gateway);
void gateway_close(struct gateway *gateway);

/* May whoever asks see what is of all accounts together? If not, the reply says so. */
bool gateway_lets(struct gateway *gateway, const struct http_request *request, struct http_reply *reply);

/* Is whom it asks heard, or does it answer? */
bool gateway_is_ready(struct gateway *gateway);

/* Append the gateway's own metrics. Any thread. */
void gateway_to_metrics(struct gateway *gateway, struct buffer *out);

#endif
