/* HTTP server: some pages for operators and their tools: metrics, health, status. GET and HEAD only.
 *
 * Two threads of its own: one of libmicrohttpd's reads requests and writes answers, another one makes the
 * answers that take long. What it takes is bounded (LIMIT_HTTP_…): connections, of one address too, bytes of
 * a request, silence, and answers that are waited for. It has no TLS and asks for no password: let it listen
 * where only those can reach it who may know. */
#ifndef GARNER_HTTP_SERVER_H
#define GARNER_HTTP_SERVER_H

#include "common/bytes.h"
#include "common/error.h"

struct http_server;

/* Texts that pages are of. */
#define HTTP_TEXT "text/plain; charset=utf-8"
#define HTTP_JSON "application/json"

/* What a page's function fills in; before the call it is an empty text with status 200. */
struct http_reply {
    unsigned status;
    const char *content_type; /* a literal */
    struct buffer body;       /* the server frees it */
};

struct http_route {
    const char *path;    /* "/metrics" */
    const char *summary; /* a line of the list at "/" */
    /* True: `answer` may wait for other threads, and is called on a thread for this, one at a time. False: it
     * is called on the thread that serves all connections, and must not block. */
    bool slow;
    void (*answer)(void *context, struct http_reply *reply);
};

struct http_options {
    const char *address; /* "127.0.0.1:7800", "[::1]:7800", "localhost:0"; port 0: any that is free */
    const struct http_route *routes;
    size_t route_count; /* without "/", which lists them */
    void *context;      /* of their functions */
};

/* Listen and answer, until http_server_close. What `options` points to must live so long. ERR_CONFIG: an
 * address that can't be listened on; ERR_BUSY: somebody else does; ERR_IO. */
int http_server_open(const struct http_options *options, struct http_server **out, struct error *e);

uint16_t http_server_port(const struct http_server *server);

/* Ends all connections. Waits for the function that is answering, if one is; none is called afterwards. Null
 * is fine. */
void http_server_close(struct http_server *server);

#endif
