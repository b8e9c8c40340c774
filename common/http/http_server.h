/* HTTP server: pages for operators and their tools, and streams for subscribers. GET and HEAD only.
 *
 * Two threads of its own: one of libmicrohttpd's reads requests and writes answers, another one makes the
 * pages that take long. What it takes is bounded (LIMIT_HTTP_…): connections, of one address too, bytes of a
 * request, silence, and pages that are waited for. Where more connections come than it has, those make room
 * that have been idle longest: whoever opens many and asks nothing keeps nobody out. It has no TLS: let it
 * listen where only those can reach it who may know, or behind what speaks TLS. */
#ifndef GARNER_HTTP_SERVER_H
#define GARNER_HTTP_SERVER_H

#include "common/bytes.h"
#include "common/error.h"

struct http_server;
struct http_request;
struct http_stream;

/* Texts that pages are of. */
#define HTTP_TEXT   "text/plain; charset=utf-8"
#define HTTP_JSON   "application/json"
#define HTTP_NDJSON "application/x-ndjson"
#define HTTP_EVENTS "text/event-stream"

/* What a page's function fills in; before the call it is an empty text with status 200. */
struct http_reply {
    unsigned status;
    const char *content_type; /* a literal */
    unsigned retry_after_s;   /* 0: nothing is said of it */
    struct buffer body;       /* the server frees it */
};

enum http_kind {
    HTTP_QUICK, /* `answer` is called on the thread that serves all connections, and must not block */
    HTTP_SLOW,  /* it may wait for other threads, and is called on a thread for this, one at a time */
    HTTP_STREAM /* as HTTP_QUICK, but it may open a stream */
};

struct http_route {
    const char *path;    /* "/metrics" */
    const char *summary; /* a line of the list at "/" */
    enum http_kind kind;
    void (*answer)(void *context, const struct http_request *request, struct http_reply *reply);
    void *context;
};

struct http_options {
    const char *address; /* "127.0.0.1:7800", "[::1]:7800", "localhost:0"; port 0: any that is free */
    const struct http_route *routes;
    size_t route_count; /* without "/", which lists them */
};

/* Listen and answer, until http_server_close. What `options` points to must live so long. ERR_CONFIG: an
 * address that can't be listened on; ERR_BUSY: somebody else does; ERR_IO. */
int http_server_open(const struct http_options *options, struct http_server **out, struct error *e);

uint16_t http_server_port(const struct http_server *server);

/* Ends all connections, and streams. Waits for the function that is answering, if one is; none is called
 * afterwards. Null is fine. */
void http_server_close(struct http_server *server);

/* --- what was asked, during `answer` --- */

/* A header's value; null: it isn't there. */
const char *http_request_header(const struct http_request *request, const char *name);

/* The query's parameters, decoded, in their order, until `take` returns false. One without "=" is empty. */
void http_request_each(const struct http_request *request,
                       bool (*take)(void *context, struct bytes name, struct bytes value), void *context);

/* --- streams: answers that are written bit by bit, by other threads --- */

/* Both are called on the thread that serves all connections, and must not block. */
struct http_stream_setting {
    void *context;
    void (*taken)(void *context); /* what was given last is taken: more may be given */
    void (*ended)(void *context); /* nobody reads any more: nothing is called after this */
};

/* Within `answer`, in place of a reply. The connection waits until http_stream_begin. */
struct http_stream *http_stream_open(const struct http_request *request,
                                     const struct http_stream_setting *setting);

/* The rest may be called by any thread, one at a time, and before http_server_close only; once the stream has
 * ended they do nothing.
 *
 * Begin, with the status and type of what is going to be given; or answer with a body, and that is all. */
void http_stream_begin(struct http_stream *stream, struct http_reply *reply);

/* Give what comes next, when the last is taken. Takes the buffer's content, and leaves another one's memory.
 * `last`: the answer ends behind it. */
void http_stream_give(struct http_stream *stream, struct buffer *data, bool last);

/* After `ended`, and then also after http_server_close. */
void http_stream_close(struct http_stream *stream);

#endif
