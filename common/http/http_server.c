/* One thread of libmicrohttpd's polls all connections. An answer that takes long would keep all others
 * waiting, /healthz above all, so such a request is suspended, and handed to a thread that makes the answers
 * one after the other. A few may wait there; more are told to come again: who asks faster than we answer
 * gains nothing by queueing.
 *
 * A request's body is never read: there is nothing to be sent here. */
#include "common/http/http_server.h"

#include <microhttpd.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/check.h"
#include "common/http/http_listen.h"
#include "common/limits.h"

enum { HTTP_MAGIC = 0x48545450, MS_PER_S = 1000 };

/* A request, from its headers until its answer is sent. */
struct ask {
    struct ask *next; /* that waits, too */
    struct MHD_Connection *connection;
    const struct http_route *route;
    struct http_reply reply;
    bool made; /* the reply is */
};

struct http_server {
    unsigned magic;
    struct http_options options;
    struct MHD_Daemon *daemon;
    uint16_t port;
    pthread_t maker;
    bool has_maker;
    pthread_mutex_t lock; /* of the rest */
    pthread_cond_t changed;
    struct ask *first, *last; /* that wait for the maker */
    unsigned waiting;         /* these, and the one that is being made */
    bool closing;
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
        buffer_printf(out, "%-10s %s\n", route->path, route->summary);
    }
}

static struct http_reply say_paths(const struct http_server *server, unsigned status, const char *text)
{
    struct http_reply reply = say(status, text);
    add_list(server, &reply.body);
    return reply;
}

static void make(const struct http_server *server, struct ask *ask)
{
    ask->reply = (struct http_reply){.status = MHD_HTTP_OK, .content_type = HTTP_TEXT};
    ask->route->answer(server->options.context, &ask->reply);
}

/* Hands the body over. */
static enum MHD_Result send_reply(struct MHD_Connection *connection, struct http_reply *reply)
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
    if (reply->status == MHD_HTTP_METHOD_NOT_ALLOWED)
        MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
    enum MHD_Result result = MHD_queue_response(connection, reply->status, response);
    MHD_destroy_response(response);
    return result;
}

/* --- the maker --- */

static struct ask *take(struct http_server *server)
{
    struct ask *ask = server->first;
    if (ask)
        server->first = ask->next;
    if (!server->first)
        server->last = NULL;
    return ask;
}

/* After this the ask is the other thread's again. */
static void resume(struct ask *ask)
{
    ask->made = true;
    MHD_resume_connection(ask->connection);
}

static void *make_all(void *context)
{
    struct http_server *server = context;
    struct ask *ask;
    CHECK_MAGIC(server, HTTP_MAGIC);
    pthread_setname_np(pthread_self(), "http-maker");
    pthread_mutex_lock(&server->lock);
    while (!server->closing) {
        ask = take(server);
        if (!ask) {
            pthread_cond_wait(&server->changed, &server->lock);
            continue;
        }
        pthread_mutex_unlock(&server->lock);
        make(server, ask);
        resume(ask);
        pthread_mutex_lock(&server->lock);
        server->waiting--;
    }
    while ((ask = take(server))) {
        ask->reply = say(MHD_HTTP_SERVICE_UNAVAILABLE, "garner is ending\n");
        resume(ask);
    }
    pthread_mutex_unlock(&server->lock);
    return NULL;
}

/* Leave it to the maker. False: it can't be; the reply says why. */
static bool hand_over(struct http_server *server, struct ask *ask)
{
    pthread_mutex_lock(&server->lock);
    bool full = server->waiting == LIMIT_HTTP_WAITING, closing = server->closing;
    if (!full && !closing) {
        MHD_suspend_connection(ask->connection);
        server->waiting++;
        if (server->last)
            server->last->next = ask;
        else
            server->first = ask;
        server->last = ask;
        pthread_cond_signal(&server->changed);
    }
    pthread_mutex_unlock(&server->lock);
    if (full)
        ask->reply = say(MHD_HTTP_SERVICE_UNAVAILABLE,
                         "too many wait for this page already: ask again in a few seconds\n");
    else if (closing)
        ask->reply = say(MHD_HTTP_SERVICE_UNAVAILABLE, "garner is ending\n");
    return !full && !closing;
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

/* libmicrohttpd calls this when the headers are there, again for the answer, and again after a suspension. */
static enum MHD_Result answer(void *context, struct MHD_Connection *connection, const char *path,
                              const char *method, const char *version, const char *upload,
                              size_t *upload_bytes, void **request)
{
    struct http_server *server = context;
    struct http_reply reply;
    struct ask *ask = *request;
    (void)version, (void)upload, (void)upload_bytes;
    CHECK_MAGIC(server, HTTP_MAGIC);
    if (!ask) {
        if (is_refused(connection, method, &reply))
            return send_reply(connection, &reply);
        *request = ask = mem_zalloc(sizeof *ask);
        ask->connection = connection;
        return MHD_YES;
    }
    if (ask->made)
        return send_reply(connection, &ask->reply);
    ask->route = find(server, path);
    if (!ask->route && strcmp(path, "/") == 0)
        ask->reply = say_paths(server, MHD_HTTP_OK, "garner " GARNER_VERSION "\n\n");
    else if (!ask->route)
        ask->reply = say_paths(server, MHD_HTTP_NOT_FOUND, "there is no such page; there are:\n\n");
    else if (!ask->route->slow)
        make(server, ask);
    else if (hand_over(server, ask))
        return MHD_YES;
    return send_reply(connection, &ask->reply);
}

static void forget(void *context, struct MHD_Connection *connection, void **request,
                   enum MHD_RequestTerminationCode how)
{
    struct ask *ask = *request;
    (void)context, (void)connection, (void)how;
    if (!ask)
        return;
    buffer_close(&ask->reply.body);
    free(ask);
    *request = NULL;
}

/* --- opening and closing --- */

/* The socket is the daemon's from now on. */
static int start(struct http_server *server, int fd, struct error *e)
{
    server->daemon = MHD_start_daemon(
        MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL, answer, server,
        MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_NOTIFY_COMPLETED, forget, NULL,
        MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)(LIMIT_HTTP_SILENCE_MS / MS_PER_S),
        MHD_OPTION_CONNECTION_LIMIT, (unsigned)LIMIT_HTTP_CONNECTIONS, MHD_OPTION_PER_IP_CONNECTION_LIMIT,
        (unsigned)LIMIT_HTTP_CONNECTIONS_PER_ADDRESS, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        (size_t)LIMIT_HTTP_REQUEST_BYTES, MHD_OPTION_END);
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
    sigset_t all, old;
    int fd;
    struct http_server *server = mem_zalloc(sizeof *server);
    *out = NULL;
    *server = (struct http_server){.magic = HTTP_MAGIC, .options = *options};
    CHECK(pthread_mutex_init(&server->lock, NULL) == 0);
    CHECK(pthread_cond_init(&server->changed, NULL) == 0);
    int code = http_listen(options->address, &fd, &server->port, e);
    if (!code) {
        sigfillset(&all);
        CHECK(pthread_sigmask(SIG_SETMASK, &all, &old) == 0); /* signals are the caller's thread's */
        code = start(server, fd, e);
        CHECK(pthread_sigmask(SIG_SETMASK, &old, NULL) == 0);
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
    pthread_mutex_unlock(&server->lock);
    if (server->has_maker)
        CHECK(pthread_join(server->maker, NULL) == 0);
    if (server->daemon)
        MHD_stop_daemon(server->daemon);
    pthread_cond_destroy(&server->changed);
    pthread_mutex_destroy(&server->lock);
    free(server);
}
