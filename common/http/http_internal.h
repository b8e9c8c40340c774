/* What the files of the HTTP server share. Not for others. */
#ifndef GARNER_HTTP_INTERNAL_H
#define GARNER_HTTP_INTERNAL_H

#include <microhttpd.h>
#include <pthread.h>

#include "common/http/http_door.h"
#include "common/http/http_server.h"

/* From its headers until its answer is sent. */
struct http_request {
    struct http_request *next; /* that waits, too */
    struct http_server *server;
    struct MHD_Connection *connection;
    const struct http_route *route;
    struct http_reply reply;
    struct http_stream *stream; /* that it is answered with; null: by a reply. The connections' thread's */
    struct door_guest *guest;
    bool made; /* the reply is */
};

struct http_server {
    unsigned magic;
    struct http_options options;
    struct MHD_Daemon *daemon;
    struct door door; /* the connections' thread's */
    uint16_t port;
    pthread_t maker;
    bool has_maker;
    pthread_mutex_t lock; /* of the rest */
    pthread_cond_t changed;
    struct http_request *first, *last; /* that wait for the maker */
    unsigned waiting;                  /* these, and the one that is being made */
    struct http_stream *streams;       /* that haven't ended */
    bool closing;
};

/* Hands the body over. */
enum MHD_Result http_reply_send(struct MHD_Connection *connection, struct http_reply *reply);

/* The stream's answer, once it was begun. */
enum MHD_Result http_stream_send(struct http_stream *stream, struct MHD_Connection *connection);

/* Its connection has ended, or the request was answered otherwise. */
void http_stream_end(struct http_stream *stream);

/* None waits any more. With the lock, once `closing` is set. */
void http_stream_resume_all(struct http_server *server);

#endif
