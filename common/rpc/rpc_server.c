/* REP's side of SP. On NNG's threads a message is put into a queue, and nothing else; the serving thread
 * takes it from there, in the order that rpc_queue.h says. */
#include "common/rpc/rpc_server.h"

#include <stdlib.h>

#include "common/check.h"
#include "common/clock.h"
#include "common/limits.h"
#include "common/rpc/rpc_address.h"
#include "common/rpc/rpc_peers.h"
#include "common/rpc/rpc_queue.h"
#include "common/signals.h"

struct rpc_server {
    struct rpc_server_setting set;
    bool has_thread;
    pthread_t thread;
    struct rpc_peers peers; /* with the lock, of all below, too */
    struct rpc_queue queue;
    struct buffer spare; /* memory for an answer */
    bool some_paused, resuming;
    uint64_t told;   /* the queue's wakes that listeners heard of */
    int64_t tell_ms; /* when they are to hear everything again; 0: nobody listens */
};

static struct rpc_server *server_of(const struct rpc_peer *peer)
{
    return peer->peers->set.owner;
}

/* --- requests --- */

/* Those that are held don't count: nothing can be done about them. */
static bool is_full(const struct rpc_server *server)
{
    return server->queue.count - server->queue.held >= LIMIT_RPC_REQUESTS ||
           server->queue.bytes >= LIMIT_RPC_REQUEST_BYTES;
}

/* A peer that has an answer to take isn't heard. */
static bool has_room(const struct rpc_peer *peer)
{
    return !peer->peers->closing && !is_full(server_of(peer)) && !peer->conn->outgoing &&
           peer->requests < LIMIT_RPC_PEER_REQUESTS;
}

/* A peer is served one answer after the other, so that it makes us keep no more than one. */
static void hold(const struct rpc_peer *peer)
{
    rpc_queue_hold(&server_of(peer)->queue, peer, peer->conn->outgoing > 0);
}

static bool is_listener(const struct rpc_peer *peer)
{
    return peer->conn->greeted && peer->conn->reader.peer == SP_SUB;
}

static bool came(void *context, struct rpc_conn *conn, struct buffer *message)
{
    struct rpc_peer *peer = context;
    struct rpc_server *server = server_of(peer);
    size_t route_len = sp_route(buffer_bytes(message)).len;
    if (!route_len || is_listener(peer)) {
        rpc_conn_close(conn, NNG_EPROTO);
        return false;
    }
    if (server->peers.closing)
        return false;
    rpc_queue_add(&server->queue, peer, message, route_len, clock_steady_ms());
    peer->requests++;
    hold(peer);
    pthread_cond_signal(&server->peers.lock.changed);
    bool more = has_room(peer);
    server->some_paused |= !more;
    return more;
}

static bool is_paused(const struct rpc_peer *peer)
{
    return peer->conn->paused && !peer->conn->closed;
}

/* Hear those again who had to wait for room: the one first that was heard longest ago. */
static void resume_peers(struct rpc_server *server)
{
    struct rpc_peer *last = server->peers.last;
    if (!server->some_paused || server->resuming) /* by one that was resumed, and then closed */
        return;
    server->resuming = true;
    server->some_paused = false;
    for (struct rpc_peer *peer = server->peers.first, *next; peer; peer = next) {
        next = peer == last ? NULL : peer->next;
        if (is_paused(peer) && has_room(peer)) {
            rpc_peers_to_end(peer);
            rpc_conn_resume(peer->conn);
        }
        server->some_paused |= is_paused(peer);
    }
    server->resuming = false;
}

static void conn_changed(void *context, struct rpc_conn *conn)
{
    struct rpc_peer *peer = context;
    struct rpc_server *server = server_of(peer);
    if (conn->closed) {
        peer->requests -= rpc_queue_drop_of(&server->queue, peer); /* nobody waits for it */
        rpc_peers_settle(peer);
    } else if (is_listener(peer) && !server->tell_ms) {
        server->tell_ms = clock_steady_ms() + LIMIT_RPC_TELL_MS; /* the first one */
        pthread_cond_broadcast(&server->peers.lock.changed);
    } else if (peer->requests && !conn->outgoing) {
        hold(peer);
        pthread_cond_broadcast(&server->peers.lock.changed);
    }
    if (server->peers.closing)
        pthread_cond_broadcast(&server->peers.lock.changed);
    else
        resume_peers(server);
}

/* Who is to go for the answers to be few enough again; null: they are. */
static struct rpc_peer *find_stalled(const struct rpc_server *server)
{
    struct rpc_peer *stalled = NULL;
    size_t bytes = 0;
    for (struct rpc_peer *peer = server->peers.first; peer; peer = peer->next) {
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
    for (struct rpc_peer *stalled = find_stalled(server); stalled; stalled = find_stalled(server))
        rpc_conn_close(stalled->conn, NNG_ETIMEDOUT);
}

/* --- the serving thread --- */

static void end_request(struct rpc_server *server, struct rpc_request *request)
{
    struct rpc_peer *peer = request->peer;
    rpc_queue_drop(&server->queue, request);
    peer->requests--;
    rpc_peers_settle(peer);
    resume_peers(server);
}

static void drop_before(struct rpc_server *server, const struct rpc_request *request)
{
    ((struct rpc_peer *)request->peer)->requests -= rpc_queue_drop_before(&server->queue, request);
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
    struct rpc_conn *conn = ((const struct rpc_peer *)request->peer)->conn;
    struct bytes message = buffer_bytes(&request->message);
    struct rpc_turn turn = {
        .request = bytes_from(message, request->route_len),
        .waited_ms = clock_steady_ms() - request->came_ms,
        .over = over,
        .answer = server->spare,
        .left = rpc_queue_take_left(&server->queue, request),
    };
    turn.left_max = LIMIT_RPC_LEFT_BYTES - server->queue.left;
    server->spare = (struct buffer){0};
    pthread_mutex_unlock(&server->peers.lock.mutex);
    enum rpc_verdict verdict = server->set.serve(server->set.context, &turn);
    CHECK(verdict == RPC_ANSWER || (!over && turn.left.len <= turn.left_max));
    pthread_mutex_lock(&server->peers.lock.mutex);
    if (turn.is_last)
        drop_before(server, request);
    if (verdict == RPC_WAIT && !conn->closed) {
        rpc_queue_keep(&server->queue, request, turn.wait_ms, &turn.left);
        keep_spare(server, &turn.answer);
    } else {
        rpc_conn_send(conn, (struct bytes){message.data, request->route_len}, &turn.answer);
        hold(request->peer);
        bound_answers(server);
        end_request(server, request);
    }
    buffer_close(&turn.answer);
    buffer_close(&turn.left);
}

/* Called with the lock, which it lets go of meanwhile. */
static void tell(struct rpc_server *server)
{
    int64_t now_ms = clock_steady_ms();
    bool all = now_ms >= server->tell_ms, listeners = false;
    struct buffer message = {0};
    server->told = server->queue.wakes;
    pthread_mutex_unlock(&server->peers.lock.mutex);
    server->set.tell(server->set.context, all, &message);
    pthread_mutex_lock(&server->peers.lock.mutex);
    for (struct rpc_peer *peer = server->peers.first, *next; peer; peer = next) {
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
    return server->set.tell && server->tell_ms && !server->peers.closing &&
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
    pthread_mutex_lock(&server->peers.lock.mutex);
    for (;;) {
        bool over;
        while (server->peers.gone)
            rpc_peers_free_gone(&server->peers);
        if (is_to_tell(server))
            tell(server);
        struct rpc_request *request = rpc_queue_take(&server->queue, clock_steady_ms(), server->peers.closing,
                                                     &over);
        if (request)
            serve(server, request, over);
        else if (server->peers.closing)
            break;
        else
            rpc_lock_wait(&server->peers.lock, next_ms(server));
    }
    pthread_mutex_unlock(&server->peers.lock.mutex);
    return NULL;
}

void rpc_server_wake(struct rpc_server *server)
{
    pthread_mutex_lock(&server->peers.lock.mutex);
    server->queue.wakes++;
    if (server->queue.kept || server->tell_ms)
        pthread_cond_broadcast(&server->peers.lock.changed);
    pthread_mutex_unlock(&server->peers.lock.mutex);
}

/* --- opening and closing --- */

/* Signals are for other threads to take: NNG's are started by its first call, with the mask of whoever does
 * it. */
static int start(struct rpc_server *server, struct error *e)
{
    sigset_t before;
    signals_block(&before);
    int r = rpc_address_check(server->set.address, e);
    if (r)
        error_at(e, "listen");
    else
        r = rpc_peers_listen(&server->peers, e);
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
    static const struct rpc_speech speeches[] = {{SP_REP, SP_REQ}, {SP_PUB, SP_SUB}};
    struct rpc_server *server = mem_zalloc(sizeof *server);
    struct rpc_peers_setting peers = {.address = setting->address,
                                      .speeches = speeches,
                                      .speech_count = setting->tell ? 2 : 1,
                                      .message_max = setting->request_bytes_max,
                                      .most = LIMIT_RPC_PEERS,
                                      .owner = server,
                                      .came = came,
                                      .changed = conn_changed,
                                      .spare = &server->spare};
    *out = NULL;
    server->set = *setting;
    rpc_queue_open(&server->queue, LIMIT_RPC_KEPT);
    rpc_peers_open(&server->peers, &peers);
    int r = start(server, e);
    if (r)
        rpc_server_close(server);
    else
        *out = server;
    return r;
}

const char *rpc_server_address(const struct rpc_server *server)
{
    return server->peers.listener.address;
}

static bool has_answers(const struct rpc_server *server)
{
    for (const struct rpc_peer *peer = server->peers.first; peer; peer = peer->next)
        if (peer->conn->outgoing && !peer->conn->closed)
            return true;
    return false;
}

/* What was answered is given some time to go. */
static void end_peers(struct rpc_server *server)
{
    int64_t end_ms = clock_steady_ms() + LIMIT_RPC_CLOSE_MS;
    while (has_answers(server) && clock_steady_ms() < end_ms)
        rpc_lock_wait(&server->peers.lock, end_ms);
    rpc_peers_end(&server->peers);
}

void rpc_server_close(struct rpc_server *server)
{
    if (!server)
        return;
    pthread_mutex_lock(&server->peers.lock.mutex);
    server->peers.closing = true;
    pthread_cond_broadcast(&server->peers.lock.changed);
    pthread_mutex_unlock(&server->peers.lock.mutex);
    if (server->has_thread)
        CHECK(pthread_join(server->thread, NULL) == 0);
    rpc_listener_close(&server->peers.listener);
    pthread_mutex_lock(&server->peers.lock.mutex);
    end_peers(server);
    pthread_mutex_unlock(&server->peers.lock.mutex);
    rpc_queue_close(&server->queue);
    buffer_close(&server->spare);
    rpc_peers_close(&server->peers);
    free(server);
}
