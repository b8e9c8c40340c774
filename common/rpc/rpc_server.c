/* REP's side of SP. On NNG's threads a message is put into a queue, and nothing else; the serving thread
 * takes it from there, in the order that rpc_queue.h says. */
#include "common/rpc/rpc_server.h"

#include <stdlib.h>

#include "common/check.h"
#include "common/clock.h"
#include "common/limits.h"
#include "common/rpc/rpc_address.h"
#include "common/rpc/rpc_conn.h"
#include "common/rpc/rpc_listener.h"
#include "common/rpc/rpc_lock.h"
#include "common/rpc/rpc_queue.h"
#include "common/signals.h"

struct peer {
    struct rpc_server *server;
    struct rpc_conn *conn;
    uint32_t requests; /* of the server's, that are its */
    bool gone;         /* it is in `gone` */
    struct peer *previous, *next;
};

struct rpc_server {
    struct rpc_server_setting set;
    struct rpc_listener listener;
    bool is_ipc, has_thread;
    pthread_t thread;
    struct rpc_lock lock; /* of all below, and of the connections */
    struct peer *peers, *peers_end, *gone;
    uint32_t peer_count;
    struct rpc_queue queue;
    struct buffer spare; /* memory for an answer */
    bool some_paused, resuming, closing;
    uint64_t told;   /* the queue's wakes that listeners heard of */
    int64_t tell_ms; /* when they are to hear everything again; 0: nobody listens */
};

/* --- who is there --- */

static void add_peer(struct peer *peer)
{
    struct rpc_server *server = peer->server;
    peer->previous = server->peers_end;
    peer->next = NULL;
    *(server->peers_end ? &server->peers_end->next : &server->peers) = peer;
    server->peers_end = peer;
}

static void take_out_peer(struct peer *peer)
{
    struct rpc_server *server = peer->server;
    *(peer->previous ? &peer->previous->next : &server->peers) = peer->next;
    *(peer->next ? &peer->next->previous : &server->peers_end) = peer->previous;
}

/* One that nothing is under way for any more is for the serving thread to free. */
static void settle_peer(struct peer *peer)
{
    struct rpc_server *server = peer->server;
    if (peer->gone || peer->requests || !rpc_conn_has_ended(peer->conn))
        return;
    peer->gone = true;
    take_out_peer(peer);
    peer->next = server->gone;
    server->gone = peer;
    pthread_cond_broadcast(&server->lock.changed);
}

/* Lets go of the lock meanwhile. */
static void free_gone(struct rpc_server *server)
{
    struct peer *gone = server->gone;
    server->gone = NULL;
    pthread_mutex_unlock(&server->lock.mutex);
    uint32_t count = 0;
    for (struct peer *next; gone; gone = next, count++) {
        next = gone->next;
        rpc_conn_free(gone->conn);
        free(gone);
    }
    pthread_mutex_lock(&server->lock.mutex);
    server->peer_count -= count;
}

/* --- requests --- */

/* Those that are held don't count: nothing can be done about them. */
static bool is_full(const struct rpc_server *server)
{
    return server->queue.count - server->queue.held >= LIMIT_RPC_REQUESTS ||
           server->queue.bytes >= LIMIT_RPC_REQUEST_BYTES;
}

/* A peer that has an answer to take isn't heard. */
static bool has_room(const struct peer *peer)
{
    return !peer->server->closing && !is_full(peer->server) && !peer->conn->outgoing &&
           peer->requests < LIMIT_RPC_PEER_REQUESTS;
}

/* A peer is served one answer after the other, so that it makes us keep no more than one. */
static void hold(const struct peer *peer)
{
    rpc_queue_hold(&peer->server->queue, peer, peer->conn->outgoing > 0);
}

static bool is_listener(const struct peer *peer)
{
    return peer->conn->greeted && peer->conn->reader.peer == SP_SUB;
}

static bool came(void *context, struct rpc_conn *conn, struct buffer *message)
{
    struct peer *peer = context;
    struct rpc_server *server = peer->server;
    size_t route_len = sp_route(buffer_bytes(message)).len;
    if (!route_len || is_listener(peer)) {
        rpc_conn_close(conn, NNG_EPROTO);
        return false;
    }
    if (server->closing)
        return false;
    rpc_queue_add(&server->queue, peer, message, route_len, clock_steady_ms());
    peer->requests++;
    hold(peer);
    pthread_cond_signal(&server->lock.changed);
    bool more = has_room(peer);
    server->some_paused |= !more;
    return more;
}

static bool is_paused(const struct peer *peer)
{
    return peer->conn->paused && !peer->conn->closed;
}

/* Hear those again who had to wait for room: the one first that was heard longest ago. */
static void resume_peers(struct rpc_server *server)
{
    struct peer *last = server->peers_end;
    if (!server->some_paused || server->resuming) /* by one that was resumed, and then closed */
        return;
    server->resuming = true;
    server->some_paused = false;
    for (struct peer *peer = server->peers, *next; peer; peer = next) {
        next = peer == last ? NULL : peer->next;
        if (is_paused(peer) && has_room(peer)) {
            take_out_peer(peer);
            add_peer(peer);
            rpc_conn_resume(peer->conn);
        }
        server->some_paused |= is_paused(peer);
    }
    server->resuming = false;
}

static void conn_changed(void *context, struct rpc_conn *conn)
{
    struct peer *peer = context;
    if (conn->closed) {
        peer->requests -= rpc_queue_drop_of(&peer->server->queue, peer); /* nobody waits for it */
        settle_peer(peer);
    } else if (is_listener(peer) && !peer->server->tell_ms) {
        peer->server->tell_ms = clock_steady_ms() + LIMIT_RPC_TELL_MS; /* the first one */
        pthread_cond_broadcast(&peer->server->lock.changed);
    } else if (peer->requests && !conn->outgoing) {
        hold(peer);
        pthread_cond_broadcast(&peer->server->lock.changed);
    }
    if (peer->server->closing)
        pthread_cond_broadcast(&peer->server->lock.changed);
    else
        resume_peers(peer->server);
}

/* Who is to go for the answers to be few enough again; null: they are. */
static struct peer *find_stalled(const struct rpc_server *server)
{
    struct peer *stalled = NULL;
    size_t bytes = 0;
    for (struct peer *peer = server->peers; peer; peer = peer->next) {
        if (!peer->conn->outgoing || peer->conn->closed)
            continue;
        bytes += peer->conn->outgoing_bytes;
        if (!stalled || peer->conn->moved_ms < stalled->conn->moved_ms)
            stalled = peer;
    }
    return bytes > LIMIT_RPC_ANSWER_BYTES ? stalled : NULL;
}

/* Those answers that their peers don't take may fill a part of the memory, and no more: who took nothing of
 * its for the longest time is disconnected, and may ask again. */
static void bound_answers(struct rpc_server *server)
{
    for (struct peer *stalled = find_stalled(server); stalled; stalled = find_stalled(server))
        rpc_conn_close(stalled->conn, NNG_ETIMEDOUT);
}

/* --- the serving thread --- */

static void end_request(struct rpc_server *server, struct rpc_request *request)
{
    struct peer *peer = request->peer;
    rpc_queue_drop(&server->queue, request);
    peer->requests--;
    settle_peer(peer);
    resume_peers(server);
}

static void keep_spare(struct rpc_server *server, struct buffer *memory)
{
    if (server->spare.data)
        return;
    server->spare = *memory;
    *memory = (struct buffer){0};
    buffer_reset(&server->spare);
}

/* Called with the lock, which it lets go of while it serves. */
static void serve(struct rpc_server *server, struct rpc_request *request, bool over)
{
    struct rpc_conn *conn = ((struct peer *)request->peer)->conn;
    struct bytes message = buffer_bytes(&request->message);
    struct rpc_turn turn = {
        .request = bytes_from(message, request->route_len),
        .waited_ms = clock_steady_ms() - request->came_ms,
        .over = over,
        .answer = server->spare,
    };
    server->spare = (struct buffer){0};
    pthread_mutex_unlock(&server->lock.mutex);
    enum rpc_verdict verdict = server->set.serve(server->set.context, &turn);
    CHECK(verdict == RPC_ANSWER || !over);
    pthread_mutex_lock(&server->lock.mutex);
    if (verdict == RPC_WAIT && !conn->closed) {
        rpc_queue_keep(&server->queue, request, turn.wait_ms);
        keep_spare(server, &turn.answer);
    } else {
        rpc_conn_send(conn, (struct bytes){message.data, request->route_len}, &turn.answer);
        hold(request->peer);
        bound_answers(server);
        end_request(server, request);
    }
    buffer_close(&turn.answer);
}

/* Called with the lock, which it lets go of meanwhile. */
static void tell(struct rpc_server *server)
{
    int64_t now_ms = clock_steady_ms();
    bool all = now_ms >= server->tell_ms, listeners = false;
    struct buffer message = {0};
    server->told = server->queue.wakes;
    pthread_mutex_unlock(&server->lock.mutex);
    server->set.tell(server->set.context, all, &message);
    pthread_mutex_lock(&server->lock.mutex);
    for (struct peer *peer = server->peers, *next; peer; peer = next) {
        next = peer->next;
        if (!is_listener(peer) || peer->conn->closed)
            continue;
        listeners = true;
        struct buffer copy = {0};
        buffer_add_bytes(&copy, buffer_bytes(&message));
        if (message.len && !peer->conn->outgoing)
            rpc_conn_send(peer->conn, (struct bytes){0}, &copy);
        buffer_close(&copy);
    }
    bound_answers(server);
    if (all)
        server->tell_ms = listeners ? now_ms + LIMIT_RPC_TELL_MS : 0;
    buffer_close(&message);
}

static bool is_to_tell(const struct rpc_server *server)
{
    return server->set.tell && server->tell_ms && !server->closing &&
           (server->told != server->queue.wakes || clock_steady_ms() >= server->tell_ms);
}

/* When there is something to do again, unless something happens before. */
static int64_t next_ms(const struct rpc_server *server)
{
    int64_t next = rpc_queue_next_ms(&server->queue);
    return server->set.tell && server->tell_ms && server->tell_ms < next ? server->tell_ms : next;
}

static void *work(void *context)
{
    struct rpc_server *server = context;
    pthread_setname_np(pthread_self(), "serve");
    pthread_mutex_lock(&server->lock.mutex);
    for (;;) {
        bool over;
        while (server->gone)
            free_gone(server);
        if (is_to_tell(server))
            tell(server);
        struct rpc_request *request = rpc_queue_take(&server->queue, clock_steady_ms(), server->closing,
                                                     &over);
        if (request)
            serve(server, request, over);
        else if (server->closing)
            break;
        else
            rpc_lock_wait(&server->lock, next_ms(server));
    }
    pthread_mutex_unlock(&server->lock.mutex);
    return NULL;
}

void rpc_server_wake(struct rpc_server *server)
{
    pthread_mutex_lock(&server->lock.mutex);
    server->queue.wakes++;
    if (server->queue.kept || server->tell_ms)
        pthread_cond_broadcast(&server->lock.changed);
    pthread_mutex_unlock(&server->lock.mutex);
}

/* --- opening and closing --- */

static const struct rpc_speech speeches[] = {{SP_REP, SP_REQ}, {SP_PUB, SP_SUB}};

static void take_stream(void *context, nng_stream *stream)
{
    struct rpc_server *server = context;
    pthread_mutex_lock(&server->lock.mutex);
    bool room = !server->closing && server->peer_count < LIMIT_RPC_PEERS;
    if (room) {
        struct peer *peer = mem_zalloc(sizeof *peer);
        struct rpc_conn_owner owner = {&server->lock.mutex, peer, came, conn_changed, &server->spare};
        peer->server = server;
        peer->conn = rpc_conn_open(&owner, stream, server->is_ipc, speeches, server->set.tell ? 2 : 1,
                                   server->set.request_bytes_max, LIMIT_RPC_CONNECT_MS);
        server->peer_count++;
        add_peer(peer);
    }
    pthread_mutex_unlock(&server->lock.mutex);
    if (!room)
        nng_stream_free(stream);
}

/* Signals are for other threads to take: NNG's are started by its first call, with the mask of whoever does
 * it. */
static int start(struct rpc_server *server, struct error *e)
{
    sigset_t before;
    signals_block(&before);
    int r = rpc_address_check(server->set.address, e);
    if (r)
        error_at(e, "listen");
    if (!r) {
        server->is_ipc = rpc_address_is_ipc(server->set.address);
        r = rpc_listener_open(&server->listener, server->set.address, take_stream, server, e);
    }
    if (!r) {
        int number = pthread_create(&server->thread, NULL, work, server);
        server->has_thread = !number;
        if (number)
            r = error_set(e, ERR_IO, "listen: its thread can't be started: %s: raise the limit of processes",
                          strerrordesc_np(number));
    }
    signals_restore(&before);
    return r;
}

int rpc_server_open(const struct rpc_server_setting *setting, struct rpc_server **out, struct error *e)
{
    struct rpc_server *server = mem_zalloc(sizeof *server);
    *out = NULL;
    server->set = *setting;
    rpc_queue_open(&server->queue, LIMIT_RPC_KEPT);
    rpc_lock_open(&server->lock);
    int r = start(server, e);
    if (r)
        rpc_server_close(server);
    else
        *out = server;
    return r;
}

const char *rpc_server_address(const struct rpc_server *server)
{
    return server->listener.address;
}

static bool has_answers(const struct rpc_server *server)
{
    for (const struct peer *peer = server->peers; peer; peer = peer->next)
        if (peer->conn->outgoing && !peer->conn->closed)
            return true;
    return false;
}

/* What was answered is given some time to go. */
static void end_peers(struct rpc_server *server)
{
    int64_t end_ms = clock_steady_ms() + LIMIT_RPC_CLOSE_MS;
    while (has_answers(server) && clock_steady_ms() < end_ms)
        rpc_lock_wait(&server->lock, end_ms);
    for (struct peer *peer = server->peers, *next; peer; peer = next) {
        next = peer->next;
        rpc_conn_close(peer->conn, NNG_ECLOSED);
    }
    while (server->peers)
        rpc_lock_wait(&server->lock, INT64_MAX);
    free_gone(server);
}

void rpc_server_close(struct rpc_server *server)
{
    if (!server)
        return;
    pthread_mutex_lock(&server->lock.mutex);
    server->closing = true;
    pthread_cond_broadcast(&server->lock.changed);
    pthread_mutex_unlock(&server->lock.mutex);
    if (server->has_thread)
        CHECK(pthread_join(server->thread, NULL) == 0);
    rpc_listener_close(&server->listener);
    pthread_mutex_lock(&server->lock.mutex);
    end_peers(server);
    pthread_mutex_unlock(&server->lock.mutex);
    rpc_queue_close(&server->queue);
    buffer_close(&server->spare);
    rpc_lock_close(&server->lock);
    free(server);
}
