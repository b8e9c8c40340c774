/* Fetch: HTTP requests, commands and timers on one thread: libcurl's multi interface on epoll.
 *
 * A driver: decides nothing but redirects within an origin (redirect.h). Retries, limits and auth are
 * decided by its callers. One `struct fetch` belongs to one thread; its callbacks run inside fetch_step on
 * that thread, never inside the call that started something. They may start new transfers, commands and
 * timers, and must not block, call fetch_step or fetch_close.
 *
 * HTTP/1.1 and 2 (by ALPN on TLS), compressed answers (what libcurl was built with), TLS verified against
 * the system's authorities (or CURL_CA_BUNDLE, SSL_CERT_FILE, SSL_CERT_DIR), proxies by the usual
 * environment variables, connections kept alive and reused. Connecting, silence and a whole answer
 * have time-outs; headers and decompressed bodies have limits (limits.h). Redirects are followed only
 * within the origins that are allowed. Name resolution doesn't block the loop (resolver.h).
 *
 * The first fetch_open of a process ignores SIGPIPE, unless somebody handles it. */
#ifndef GARNER_FETCH_H
#define GARNER_FETCH_H

#include "common/random.h"
#include "worker/provider/request.h"

struct fetch;

struct fetch_options {
    const char *ca_file;                         /* null: the system's authorities */
    uint64_t body_bytes_max;                     /* 0: LIMIT_BODY_BYTES */
    int64_t connect_ms, silence_ms, transfer_ms; /* 0: as in limits.h */
};

int fetch_open(const struct fetch_options *options, struct fetch **out, struct error *e);

/* Ends all transfers and kills all commands without calling back; waits for no name. Null is fine. */
void fetch_close(struct fetch *fetch);

/* What a transfer came to. `code` 0: an answer, whatever its status; else ERR_RESOLVE, ERR_CONNECT, ERR_TLS,
 * ERR_TRANSFER, ERR_LIMIT, ERR_REDIRECT, ERR_HTTP (a URL that can't be asked), with `error` naming host,
 * cause and what to do, never the query, and an empty answer. The body of a status from 300 on is cut at
 * LIMIT_ERROR_BODY_BYTES (not `delimited` then). Valid during the callback only. */
struct fetch_result {
    int code;
    struct error error;
    struct answer answer;
    uint64_t bytes;    /* received over the wire, headers included */
    uint64_t requests; /* sent, redirects included */
};

typedef void fetch_done(void *context, const struct fetch_result *result);

/* Start a transfer. The request is copied. `allow_origins` (null-ended, may be null; must outlive the call)
 * are those that redirects may lead to beside its own. At most LIMIT_TRANSFERS run at once, and
 * LIMIT_CONNECTIONS_PER_HOST to one origin; more wait in order, and no time-out counts that. */
void fetch_send(struct fetch *fetch, const struct request *request, const char *const *allow_origins,
                void *context, fetch_done *done);

/* Run a command (null-ended argv, looked up in PATH, no shell, nothing on its standard input). The result has
 * status 200 and its standard output as body; or ERR_LOGIN: not found, exit status, signal, time-out
 * (LIMIT_COMMAND_MS), too much output, with the start of what it wrote to standard error. A few run at
 * once, more wait in order. */
void fetch_command(struct fetch *fetch, const char *const *argv, void *context, fetch_done *done);

/* Call back once at a time of the steady clock. */
typedef void fetch_fire(void *context);
struct fetch_timer *fetch_timer_start(struct fetch *fetch, int64_t at_ms, void *context, fetch_fire *fire);
void fetch_timer_cancel(struct fetch *fetch, struct fetch_timer *timer); /* not after it fired */

/* Watch a descriptor (e.g. a signalfd) for input, for good. It must stay open until fetch_close. */
int fetch_watch(struct fetch *fetch, int fd, void *context, fetch_fire *readable, struct error *e);

/* Wait for something to happen, at most `wait_ms` (-1: for ever), and call back. Returns false when nothing
 * is under way: no transfer, command or timer. Doesn't wait if so at the start; watches alone keep nothing
 * under way. */
bool fetch_step(struct fetch *fetch, int64_t wait_ms);

#endif
