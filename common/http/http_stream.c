/* A stream's connection is suspended while there is nothing to send, and resumed by whoever gives something.
 * What was given is sent from where it is; as soon as it has been handed on, more may be made, while the
 * system's own buffers are still full. A client that reads slowly is given nothing meanwhile.
 *
 * The server's lock guards who is suspended; the bytes themselves belong to the connections' thread from when
 * they are given until they are taken. */
#include <stdlib.h>

#include "common/check.h"
#include "common/http/http_internal.h"
#include "common/limits.h"

enum { BLOCK_BYTES = 64 << 10, MS_PER_S = 1000 };

struct http_stream {
    struct http_stream *previous, *next;
    struct http_server *server;
    struct http_request *request; /* null once it has ended */
    struct http_stream_setting set;
    struct buffer out;
    size_t sent;
    bool suspended, given, last;
};

/* With the lock. */
static void resume(struct http_stream *stream)
{
    if (stream->suspended && stream->request)
        MHD_resume_connection(stream->request->connection);
    stream->suspended = false;
}

struct http_stream *http_stream_open(const struct http_request *request,
                                     const struct http_stream_setting *setting)
{
    struct http_server *server = request->server;
    struct http_stream *stream = mem_zalloc(sizeof *stream);
    stream->server = server;
    stream->request = (struct http_request *)request;
    stream->set = *setting;
    pthread_mutex_lock(&server->lock);
    stream->next = server->streams;
    if (stream->next)
        stream->next->previous = stream;
    server->streams = stream;
    stream->request->stream = stream;
    if (!server->closing) {
        stream->suspended = true;
        MHD_suspend_connection(request->connection);
    }
    pthread_mutex_unlock(&server->lock);
    return stream;
}

void http_stream_begin(struct http_stream *stream, struct http_reply *reply)
{
    struct http_server *server = stream->server;
    pthread_mutex_lock(&server->lock);
    if (stream->request && !stream->request->made) {
        stream->request->reply = *reply;
        stream->request->made = true;
        *reply = (struct http_reply){0};
        resume(stream);
    }
    pthread_mutex_unlock(&server->lock);
    buffer_close(&reply->body);
}

void http_stream_give(struct http_stream *stream, struct buffer *data, bool last)
{
    struct http_server *server = stream->server;
    pthread_mutex_lock(&server->lock);
    if (stream->request) {
        struct buffer old = stream->out;
        CHECK(!stream->given);
        stream->out = *data;
        stream->sent = 0;
        stream->given = true;
        stream->last = last;
        *data = old;
        if (stream->request->made)
            resume(stream);
    }
    pthread_mutex_unlock(&server->lock);
    buffer_reset(data);
}

/* Nothing is there: wait for more, unless it is over. */
static ssize_t rest(struct http_stream *stream)
{
    struct http_server *server = stream->server;
    pthread_mutex_lock(&server->lock);
    bool over = stream->last || server->closing;
    if (!over && !stream->given && !stream->suspended) {
        stream->suspended = true;
        MHD_suspend_connection(stream->request->connection);
    }
    pthread_mutex_unlock(&server->lock);
    return over ? MHD_CONTENT_READER_END_OF_STREAM : 0;
}

static ssize_t read_stream(void *context, uint64_t position, char *to, size_t room)
{
    struct http_stream *stream = context;
    (void)position;
    pthread_mutex_lock(&stream->server->lock);
    bool given = stream->given;
    pthread_mutex_unlock(&stream->server->lock);
    if (!given)
        return rest(stream);
    size_t left = stream->out.len - stream->sent, len = left < room ? left : room;
    memcpy(to, stream->out.data + stream->sent, len);
    stream->sent += len;
    if (len < left)
        return (ssize_t)len;
    pthread_mutex_lock(&stream->server->lock);
    stream->given = false;
    pthread_mutex_unlock(&stream->server->lock);
    stream->set.taken(stream->set.context);
    return len ? (ssize_t)len : rest(stream);
}

enum MHD_Result http_stream_send(struct http_stream *stream, struct MHD_Connection *connection)
{
    struct http_reply *reply = &stream->request->reply;
    if (reply->body.data)
        return http_reply_send(connection, reply);
    struct MHD_Response *response = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK_BYTES,
                                                                      read_stream, stream, NULL);
    if (!response)
        return MHD_NO;
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, reply->content_type);
    MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    MHD_add_response_header(response, "X-Accel-Buffering", "no"); /* proxies that would hold it back */
    MHD_set_connection_option(connection, MHD_CONNECTION_OPTION_TIMEOUT,
                              (unsigned)(LIMIT_HTTP_STREAM_SILENCE_MS / MS_PER_S));
    enum MHD_Result result = MHD_queue_response(connection, reply->status, response);
    MHD_destroy_response(response);
    return result;
}

void http_stream_end(struct http_stream *stream)
{
    struct http_server *server = stream->server;
    pthread_mutex_lock(&server->lock);
    stream->request = NULL;
    *(stream->previous ? &stream->previous->next : &server->streams) = stream->next;
    if (stream->next)
        stream->next->previous = stream->previous;
    pthread_mutex_unlock(&server->lock);
    stream->set.ended(stream->set.context);
}

void http_stream_resume_all(struct http_server *server)
{
    for (struct http_stream *stream = server->streams; stream; stream = stream->next)
        resume(stream);
}

void http_stream_close(struct http_stream *stream)
{
    if (!stream)
        return;
    CHECK(!stream->request);
    buffer_close(&stream->out);
    free(stream);
}
