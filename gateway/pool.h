/* Pool: a few threads that serve all streams. Whichever stream has taken what it was given, and for which
 * something may be new, is served next, the one first that was served longest ago. */
#ifndef GARNER_GATEWAY_POOL_H
#define GARNER_GATEWAY_POOL_H

#include "common/metrics.h"
#include "gateway/stream.h"

struct pool;

/* `home`: whom to ask; must outlive it. ERR_IO: threads can't be started. */
int pool_open(const char *home, struct pool **out, struct error *e);

/* No stream is served any more. Before the HTTP server is closed, which ends them. */
void pool_stop(struct pool *pool);
void pool_close(struct pool *pool); /* after that; null is fine */

/* Answer a request with a stream. Takes the query. False: it can't be; `fault` says why. On the HTTP server's
 * thread. */
bool pool_take(struct pool *pool, const struct http_request *request, struct query *query,
               struct tokens *tokens, const struct tenant *tenant, struct fault *fault);

/* The heads of shards, as the worker says them (proto/feed.h). Any thread. */
void pool_hear(struct pool *pool, struct bytes hint);

/* Tokens have changed: streams that wouldn't be begun now end. Any thread. */
void pool_retoken(struct pool *pool, const struct tokens *tokens);

bool pool_hears(struct pool *pool); /* it heard the worker a moment ago */

void pool_to_metrics(struct pool *pool, struct metrics *metrics);

#endif
