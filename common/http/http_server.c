/* One thread of libmicrohttpd's polls all connections. An answer that takes long would keep all others
 * waiting, /healthz above all, so such a request is suspended, and handed to a thread that makes the answers
 * one after the other. A few may wait there; more are told to come again: who asks faster than we answer
 * gains nothing by queueing.
 *
 * A request's body is never read: there is nothing to be sent here. */
#include "common/http/http_server.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/check.h"
#include "common/http/http_internal.h"
#include "common/http/http_listen.h"
#include "common/limits.h"
#include "common/signals.h"

enum {
    HTTP_MAGIC = 0x48545450,
    MS_PER_S = 1000,
    LEAVING = 32 /* that were sent away, and are still there */
};

/* --- answers --- */

static struct http_reply say(unsigned status, const char *text)
{
    struct http_reply reply = {.status = status, .content_type = HTTP_TEXT};
    buffer_add_text(&reply.body, text);
    return reply;
}

static void add_list(const struct http_server *server, struct buffer *out)
{
    for (size_t i = 0; i < server->options.route_count; i++) {
        const struct http_route *route = &server->options.routes[i];
        buffer_printf(out, "%-14s %s\n", route->path, route->summary);
    }
}

static struct http_reply say_paths(const struct http_server *server, unsigned status, const char *text)
{
    struct http_reply reply = say(status, text);
    add_list(server, &reply.body);
    return reply;
}

static void make(struct http_request *request)
{
    request->reply = (struct http_reply){.status = MHD_HTTP_OK, .content_type = HTTP_TEXT};
    request->route->answer(request->route->context, request, &request->reply);
}

enum MHD_Result http_reply_send(struct MHD_Connection *connection, struct http_reply *reply)
{
    struct MHD_Response *response = reply->body.data
                                        ? MHD_create_response_from_buffer(reply->body.len, reply->body.data,
                                                                          MHD_RESPMEM_MUST_FREE)
                                        : MHD_create_response_from_buffer(0, "", MHD_RESPMEM_PERSISTENT);
    if (!response) /* memory is out: this connection ends */
        return MHD_NO;
    reply->body = (struct buffer){0};
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, reply->content_type);
    MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    if (reply->retry_after_s) {
        char seconds[16];
        snprintf(seconds, sizeof seconds, "%u", reply->retry_after_s);
        MHD_add_response_header(response, MHD_HTTP_HEADER_RETRY_AFTER, seconds);
    }
    if (reply->status == MHD_HTTP_UNAUTHORIZED)
        MHD_add_response_header(response, MHD_HTTP_HEADER_WWW_AUTHENTICATE, "Bearer realm=\"garner\"");
    if (reply->status == MHD_HTTP_METHOD_NOT_ALLOWED)
        MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
    enum MHD_Result result = MHD_queue_response(connection, reply->status, response);
    MHD_destroy_response(response);
    return result;
}

/* --- the maker --- */

static struct http_request *take_next(struct http_server *server)
{
    struct http_request *request = server->first;
    if (request)
        server->first = request->next;
    if (!server->first)
        server->last = NULL;
    return request;
}

/* After this the request is the other thread's again. */
static void resume(struct http_request *request)
{
    request->made = true;
    MHD_resume_connection(request->connection);
}

static void *make_all(void *context)
{
    struct http_server *server = context;
    struct http_request *request;
    CHECK_MAGIC(server, HTTP_MAGIC);
    pthread_setname_np(pthread_self(), "http-maker");
    pthread_mutex_lock(&server->lock);
    while (!server->closing) {
        request = take_next(server);
        if (!request) {
            pthread_cond_wait(&server->changed, &server->lock);
            continue;
        }
        pthread_mutex_unlock(&server->lock);
        make(request);
        resume(request);
        pthread_mutex_lock(&server->lock);
        server->waiting--;
    }
    while ((request = take_next(server))) {
        request->reply = say(MHD_HTTP_SERVICE_UNAVAILABLE, "garner is ending\n");
        resume(request);
    }
    pthread_mutex_unlock(&server->lock);
    return NULL;
}

/* Leave it to the maker. False: it can't be; the reply says why. */
static bool hand_over(struct http_server *server, struct http_request *request)
{
    pthread_mutex_lock(&server->lock);
    bool full = server->waiting == LIMIT_HTTP_WAITING, closing = server->closing;
    if (!full && !closing) {
        MHD_suspend_connection(request->connection);
        server->waiting++;
        if (server->last)
            server->last->next = request;
        else
            server->first = request;
        server->last = request;
        pthread_cond_signal(&server->changed);
    }
    pthread_mutex_unlock(&server->lock);
    if (full)
        request->reply = say(MHD_HTTP_SERVICE_UNAVAILABLE,
                             "too many wait for this page already: ask again in a few seconds\n");
    else if (closing)
        request->reply = say(MHD_HTTP_SERVICE_UNAVAILABLE, "garner is ending\n");
    return !full && !closing;
}

/* --- what was asked --- */

const char *http_request_header(const struct http_request *request, const char *name)
{
    return MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, name);
}

struct each {
    bool (*take)(void *context, struct bytes name, struct bytes value);
    void *context;
};

static enum MHD_Result take_parameter(void *context, enum MHD_ValueKind kind, const char *name,
                                      size_t name_len, const char *value, size_t value_len)
{
    const struct each *each = context;
    (void)kind;
    struct bytes is = {value ? value : "", value ? value_len : 0};
    return each->take(each->context, (struct bytes){name, name_len}, is) ? MHD_YES : MHD_NO;
}

void http_request_each(const struct http_request *request,
                       bool (*take)(void *context, struct bytes name, struct bytes value), void *context)
{
    struct each each = {take, context};
    MHD_get_connection_values_n(request->connection, MHD_GET_ARGUMENT_KIND, take_parameter, &each);
}

/* --- requests --- */

static const struct http_route *find(const struct http_server *server, const char *path)
{
    for (size_t i = 0; i < server->options.route_count; i++)
        if (strcmp(server->options.routes[i].path, path) == 0)
            return &server->options.routes[i];
    return NULL;
}

static bool has_body(struct MHD_Connection *connection)
{
    const char *length = MHD_lookup_connection_value(connection, MHD_HEADER_KIND,
                                                     MHD_HTTP_HEADER_CONTENT_LENGTH);
    return (length && strcmp(length, "0") != 0) ||
           MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_TRANSFER_ENCODING);
}

/* What is no request for a page, as soon as its headers are there: a body wouldn't be read. */
static bool is_refused(struct MHD_Connection *connection, const char *method, struct http_reply *reply)
{
    if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
        *reply = say(MHD_HTTP_METHOD_NOT_ALLOWED, "only GET and HEAD\n");
    else if (has_body(connection))
        *reply = say(MHD_HTTP_BAD_REQUEST, "a request without a body, please\n");
    else
        return false;
    return true;
}

static struct http_request *begin(struct http_server *server, struct MHD_Connection *connection)
{
    struct http_request *request = mem_zalloc(sizeof *request);
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection,
                                                                   MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    request->server = server;
    request->connection = connection;
    request->guest = info ? info->socket_context : NULL;
    if (request->guest)
        door_set_busy(&server->door, request->guest, true);
    return request;
}

/* A stream was begun, or we are ending. */
static enum MHD_Result go_on(struct http_request *request)
{
    pthread_mutex_lock(&request->server->lock);
    bool made = request->made, closing = request->server->closing;
    pthread_mutex_unlock(&request->server->lock);
    if (made)
        return http_stream_send(request->stream, request->connection);
    if (!closing)
        return MHD_YES;
    struct http_reply reply = say(MHD_HTTP_SERVICE_UNAVAILABLE, "garner is ending\n");
    return http_reply_send(request->connection, &reply);
}

/* libmicrohttpd calls this when the headers are there, again for the answer, and again after a suspension. */
static enum MHD_Result answer(void *context, struct MHD_Connection *connection, const char *path,
                              const char *method, const char *version, const char *upload,
                              size_t *upload_bytes, void **place)
{
    struct http_server *server = context;
    struct http_reply reply;
    struct http_request *request = *place;
    (void)version, (void)upload, (void)upload_bytes;
    CHECK_MAGIC(server, HTTP_MAGIC);
    if (!request) {
        if (is_refused(connection, method, &reply))
            return http_reply_send(connection, &reply);
        *place = begin(server, connection);
        return MHD_YES;
    }
    if (request->stream)
        return go_on(request);
    if (request->made)
        return http_reply_send(connection, &request->reply);
    request->route = find(server, path);
    if (!request->route && strcmp(path, "/") == 0)
        request->reply = say_paths(server, MHD_HTTP_OK, "garner " GARNER_VERSION "\n\n");
    else if (!request->route)
        request->reply = say_paths(server, MHD_HTTP_NOT_FOUND, "there is no such page; there are:\n\n");
    else if (request->route->kind != HTTP_SLOW)
        make(request);
    else if (hand_over(server, request))
        return MHD_YES;
    if (request->stream)
        return MHD_YES;
    return http_reply_send(connection, &request->reply);
}

static void forget(void *context, struct MHD_Connection *connection, void **place,
                   enum MHD_RequestTerminationCode how)
{
    struct http_request *request = *place;
    (void)context, (void)how;
    if (!request)
        return;
    if (request->stream)
        http_stream_end(request->stream);
    if (request->guest)
        door_set_busy(&request->server->door, request->guest, false);
    MHD_set_connection_option(connection, MHD_CONNECTION_OPTION_TIMEOUT,
                              (unsigned)(LIMIT_HTTP_SILENCE_MS / MS_PER_S));
    buffer_close(&request->reply.body);
    free(request);
    *place = NULL;
}

/* --- connections --- */

/* Who is to leave is hung up on: libmicrohttpd sees that, and ends the connection. */
static void see_guest(void *context, struct MHD_Connection *connection, void **guest_place,
                      enum MHD_ConnectionNotificationCode what)
{
    struct http_server *server = context;
    struct door_guest *guest = *guest_place, *leaver;
    if (what == MHD_CONNECTION_NOTIFY_CLOSED && guest) {
        door_gone(&server->door, guest);
        free(guest);
        *guest_place = NULL;
    }
    if (what != MHD_CONNECTION_NOTIFY_STARTED)
        return;
    /* Each answer may be where the last one was: libmicrohttpd 1.0 has one place for all. */
    int fd = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
    const union MHD_ConnectionInfo *address = MHD_get_connection_info(connection,
                                                                      MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    *guest_place = guest = mem_alloc(sizeof *guest);
    leaver = door_came(&server->door, guest, fd, address ? address->client_addr : NULL);
    if (leaver)
        shutdown(leaver->fd, SHUT_RDWR);
}

/* --- opening and closing --- */

/* The socket is the daemon's from now on. */
static int start(struct http_server *server, int fd, struct error *e)
{
    server->daemon =
        MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL, answer,
                         server, MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_NOTIFY_COMPLETED, forget, NULL,
                         MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)(LIMIT_HTTP_SILENCE_MS / MS_PER_S),
                         MHD_OPTION_NOTIFY_CONNECTION, see_guest, server, MHD_OPTION_CONNECTION_LIMIT,
                         (unsigned)(LIMIT_HTTP_CONNECTIONS + LEAVING), MHD_OPTION_CONNECTION_MEMORY_LIMIT,
                         (size_t)LIMIT_HTTP_REQUEST_BYTES, MHD_OPTION_LISTEN_BACKLOG_SIZE,
                         (unsigned)LIMIT_HTTP_CONNECTIONS, MHD_OPTION_END);
    if (!server->daemon) {
        close(fd);
        return error_set(e, ERR_IO,
                         "http %s: the server can't be started: raise the limits of processes and open files",
                         server->options.address);
    }
    int number = pthread_create(&server->maker, NULL, make_all, server);
    server->has_maker = number == 0;
    if (number)
        return error_set(e, ERR_IO, "http %s: a thread can't be started: %s: raise the limit of processes",
                         server->options.address, strerrordesc_np(number));
    return 0;
}

int http_server_open(const struct http_options *options, struct http_server **out, struct error *e)
{
    sigset_t before;
    int fd;
    struct http_server *server = mem_zalloc(sizeof *server);
    *out = NULL;
    *server = (struct http_server){
        .magic = HTTP_MAGIC,
        .options = *options,
        .door = {.room = LIMIT_HTTP_CONNECTIONS, .room_each = LIMIT_HTTP_CONNECTIONS_PER_ADDRESS}};
    CHECK(pthread_mutex_init(&server->lock, NULL) == 0);
    CHECK(pthread_cond_init(&server->changed, NULL) == 0);
    int code = http_listen(options->address, &fd, &server->port, e);
    if (!code) {
        signals_block(&before); /* signals are the caller's thread's */
        code = start(server, fd, e);
        signals_restore(&before);
    }
    if (code)
        http_server_close(server);
    else
        *out = server;
    return code;
}

uint16_t http_server_port(const struct http_server *server)
{
    return server->port;
}

void http_server_close(struct http_server *server)
{
    if (!server)
        return;
    CHECK_MAGIC(server, HTTP_MAGIC);
    pthread_mutex_lock(&server->lock);
    server->closing = true; /* nothing is suspended any more */
    pthread_cond_signal(&server->changed);
    http_stream_resume_all(server);
    pthread_mutex_unlock(&server->lock);
    if (server->has_maker)
        CHECK(pthread_join(server->maker, NULL) == 0);
    if (server->daemon)
        MHD_stop_daemon(server->daemon);
    pthread_cond_destroy(&server->changed);
    pthread_mutex_destroy(&server->lock);
    free(server);
}
