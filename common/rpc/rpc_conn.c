#include "common/rpc/rpc_conn.h"

#include <stdlib.h>
#include <string.h>

#include "common/check.h"
#include "common/clock.h"
#include "common/limits.h"

static void tell(struct rpc_conn *conn)
{
    conn->owner.changed(conn->owner.context, conn);
}

void rpc_conn_close(struct rpc_conn *conn, int why)
{
    if (conn->closed)
        return;
    conn->closed = true;
    conn->why = why;
    nng_stream_close(conn->stream); /* ends what is under way, on another thread */
    tell(conn);
}

bool rpc_conn_has_ended(const struct rpc_conn *conn)
{
    return conn->closed && !conn->reading && !conn->writing;
}

static void greet(struct rpc_conn *conn);

/* --- reading --- */

static void read_more(struct rpc_conn *conn)
{
    struct sp_room room = sp_reader_room(&conn->reader);
    nng_iov iov[2] = {{room.message, room.message_len}, {room.input, room.input_len}};
    CHECK(nng_aio_set_iov(conn->rx, room.message_len ? 2 : 1, room.message_len ? iov : iov + 1) == 0);
    if (conn->greeted) /* it may be silent for ever, but not in the midst of a message */
        nng_aio_set_timeout(conn->rx, room.message_len ? LIMIT_RPC_SEND_MS : NNG_DURATION_INFINITE);
    conn->reading = true;
    nng_stream_recv(conn->stream, conn->rx);
}

/* All that has come; then wait for more. */
static void take_messages(struct rpc_conn *conn)
{
    while (!conn->closed && !conn->paused && !conn->reading) {
        switch (sp_reader_next(&conn->reader)) {
        case SP_MORE:
            read_more(conn);
            break;
        case SP_GREETED:
            conn->greeted = true;
            greet(conn);
            tell(conn);
            break;
        case SP_MESSAGE:
            conn->paused = !conn->owner.came(conn->owner.context, conn, &conn->reader.message);
            break;
        case SP_FOREIGN:
            rpc_conn_close(conn, NNG_EPROTO);
            break;
        case SP_TOO_LARGE:
            rpc_conn_close(conn, NNG_EMSGSIZE);
            break;
        }
    }
}

static void on_read(void *context)
{
    struct rpc_conn *conn = context;
    pthread_mutex_lock(conn->owner.lock);
    int r = nng_aio_result(conn->rx);
    conn->reading = false;
    if (!r)
        sp_reader_filled(&conn->reader, nng_aio_count(conn->rx));
    if (r && !conn->closed)
        rpc_conn_close(conn, r);
    if (rpc_conn_has_ended(conn))
        tell(conn);
    else
        take_messages(conn);
    pthread_mutex_unlock(conn->owner.lock);
}

void rpc_conn_resume(struct rpc_conn *conn)
{
    conn->paused = false;
    take_messages(conn);
}

/* --- writing --- */

/* Large memory that is made anew for each message costs more than what is written to it. */
static void keep_memory(struct rpc_conn *conn, struct buffer *body)
{
    struct buffer *spare = conn->owner.spare;
    if (!spare || spare->cap >= body->cap || body->cap > LIMIT_RPC_SPARE_BYTES)
        return;
    buffer_close(spare);
    *spare = *body;
    *body = (struct buffer){0};
    buffer_reset(spare);
}

static void drop_message(struct rpc_conn *conn)
{
    struct rpc_message *message = conn->out;
    conn->out = message->next;
    if (!conn->out)
        conn->out_end = &conn->out;
    conn->outgoing--;
    conn->outgoing_bytes -= message->head_len + message->body.len;
    keep_memory(conn, &message->body);
    buffer_close(&message->body);
    free(message);
}

static void write_more(struct rpc_conn *conn)
{
    struct rpc_message *message = conn->out;
    size_t head = message->sent < message->head_len ? message->sent : message->head_len;
    size_t body = message->sent - head, parts = 0;
    nng_iov iov[2];
    if (head < message->head_len)
        iov[parts++] = (nng_iov){message->head + head, message->head_len - head};
    if (body < message->body.len)
        iov[parts++] = (nng_iov){message->body.data + body, message->body.len - body};
    CHECK(nng_aio_set_iov(conn->tx, (unsigned)parts, iov) == 0);
    conn->writing = true;
    nng_stream_send(conn->stream, conn->tx);
}

static void on_written(void *context)
{
    struct rpc_conn *conn = context;
    pthread_mutex_lock(conn->owner.lock);
    int r = nng_aio_result(conn->tx);
    conn->writing = false;
    if (!r) {
        conn->moved_ms = clock_steady_ms();
        conn->out->sent += nng_aio_count(conn->tx);
        if (conn->out->sent == conn->out->head_len + conn->out->body.len)
            drop_message(conn);
    }
    if (r && !conn->closed)
        rpc_conn_close(conn, r);
    if (!conn->closed && conn->out)
        write_more(conn);
    tell(conn);
    pthread_mutex_unlock(conn->owner.lock);
}

static void add_message(struct rpc_conn *conn, struct rpc_message *message)
{
    *conn->out_end = message;
    conn->out_end = &message->next;
    conn->outgoing++;
    conn->outgoing_bytes += message->head_len + message->body.len;
    if (!conn->writing) {
        conn->moved_ms = clock_steady_ms();
        write_more(conn);
    }
}

/* Once, as the peer's protocol wants it, or the only one that there may be. */
static void greet(struct rpc_conn *conn)
{
    if (conn->has_greeted)
        return;
    struct rpc_message *hello = mem_zalloc(sizeof *hello);
    bool second = conn->reader.greeted && conn->reader.peer == conn->reader.wanted[1];
    conn->has_greeted = true;
    sp_hello(conn->own[second], hello->head);
    hello->head_len = SP_HELLO_BYTES;
    add_message(conn, hello);
}

void rpc_conn_send(struct rpc_conn *conn, struct bytes route, struct buffer *body)
{
    if (conn->closed)
        return;
    struct rpc_message *message = mem_zalloc(sizeof *message);
    CHECK(route.len <= SP_ROUTE_BYTES_MAX);
    message->head_len = sp_head(conn->reader.ipc, route.len + body->len, message->head);
    if (route.len) /* a hint has none */
        memcpy(message->head + message->head_len, route.data, route.len);
    message->head_len += route.len;
    message->body = *body;
    *body = (struct buffer){0};
    add_message(conn, message);
}

/* --- its life --- */

struct rpc_conn *rpc_conn_open(const struct rpc_conn_owner *owner, nng_stream *stream, bool ipc,
                               const struct rpc_speech *speeches, size_t count, size_t message_max,
                               int32_t greet_ms)
{
    struct rpc_conn *conn = mem_zalloc(sizeof *conn);
    CHECK(count == 1 || count == 2);
    conn->owner = *owner;
    conn->stream = stream;
    conn->out_end = &conn->out;
    conn->reader.ipc = ipc;
    conn->reader.message_max = message_max;
    for (size_t i = 0; i < count; i++) {
        conn->own[i] = speeches[i].own;
        conn->reader.wanted[i] = speeches[i].peer;
    }
    CHECK(nng_aio_alloc(&conn->rx, on_read, conn) == 0 && nng_aio_alloc(&conn->tx, on_written, conn) == 0);
    nng_aio_set_timeout(conn->rx, greet_ms);
    nng_aio_set_timeout(conn->tx, LIMIT_RPC_SEND_MS);
    if (count == 1)
        greet(conn);
    take_messages(conn);
    return conn;
}

void rpc_conn_free(struct rpc_conn *conn)
{
    CHECK(rpc_conn_has_ended(conn));
    conn->owner.spare = NULL; /* which belongs to who has the lock */
    nng_aio_free(conn->rx);   /* waits for its callback */
    nng_aio_free(conn->tx);
    nng_stream_free(conn->stream);
    while (conn->out)
        drop_message(conn);
    sp_reader_close(&conn->reader);
    free(conn);
}
