/* NNG's REP protocol with a context for each place, so that many requests are there at once. NNG calls back
 * on threads of its own: there a request is put into a queue, and nothing else. The serving thread takes
 * it from there.
 *
 * What has waited longer than it wanted goes first, then new requests, then what was woken; so a flood of
 * requests delays a long poll until its time is over, and no further.
 *
 * NNG wants some care (1.5.2): the next receive begins only when the last send has ended, nothing is opened
 * or closed in its callbacks, and all is closed once, when nothing is under way any more. */
#include "common/rpc/rpc_server.h"

#include <inttypes.h>
#include <nng/nng.h>
#include <nng/protocol/reqrep0/rep.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

#include "common/check.h"
#include "common/clock.h"
#include "common/limits.h"
#include "common/rpc/rpc_address.h"
#include "common/rpc/rpc_listener.h"

enum { SEND_MS = 10000, CHECK_MS = 2000 };

enum place_state { PLACE_RECEIVING, PLACE_QUEUED, PLACE_SERVING, PLACE_KEPT, PLACE_SENDING };

struct place {
    struct rpc_server *server;
    nng_ctx ctx;
    bool has_ctx;
    nng_aio *aio;
    enum place_state state;
    nng_msg *request; /* from QUEUED to SERVING */
    int64_t came_ms;
    int64_t until_ms;   /* of KEPT */
    uint64_t wakes;     /* of the server, when it was served last */
    struct place *next; /* in the queue */
};

struct rpc_server {
    struct rpc_server_setting set;
    nng_socket socket;
    bool has_socket, has_thread;
    struct rpc_listener listener; /* the serving thread's once that is there; of the lock, nothing */
    int64_t checked_ms;           /* likewise */
    pthread_t thread;
    pthread_mutex_t lock; /* of all below, and of the places */
    pthread_cond_t changed;
    struct place *queue, **queue_end;
    uint64_t wakes;
    uint32_t kept;
    bool closing;
    struct place places[LIMIT_RPC_REQUESTS];
};

/* --- NNG's side --- */

static void receive(struct place *place)
{
    nng_aio_set_timeout(place->aio, NNG_DURATION_INFINITE);
    nng_ctx_recv(place->ctx, place->aio);
}

/* Called with the lock. */
static void enqueue(struct place *place)
{
    struct rpc_server *server = place->server;
    place->request = nng_aio_get_msg(place->aio);
    nng_aio_set_msg(place->aio, NULL);
    place->came_ms = clock_steady_ms();
    place->state = PLACE_QUEUED;
    place->next = NULL;
    *server->queue_end = place;
    server->queue_end = &place->next;
    pthread_cond_signal(&server->changed);
}

/* A message came, or one went. */
static void on_event(void *context)
{
    struct place *place = context;
    struct rpc_server *server = place->server;
    int result = nng_aio_result(place->aio);
    bool again = true;
    pthread_mutex_lock(&server->lock);
    if (place->state == PLACE_SENDING) {
        if (result) { /* the peer is gone, or doesn't read */
            nng_msg_free(nng_aio_get_msg(place->aio));
            nng_aio_set_msg(place->aio, NULL);
        }
        place->state = PLACE_RECEIVING;
    } else if (!result) {
        enqueue(place);
        again = false;
    }
    again = again && !server->closing;
    pthread_mutex_unlock(&server->lock);
    if (again)
        receive(place);
}

/* --- the serving thread --- */

static struct place *take_queued(struct rpc_server *server)
{
    struct place *place = server->queue;
    if (!place)
        return NULL;
    server->queue = place->next;
    if (!server->queue)
        server->queue_end = &server->queue;
    return place;
}

static bool is_due(const struct rpc_server *server, const struct place *place, int64_t now_ms, bool woken)
{
    return place->state == PLACE_KEPT &&
           (server->closing || place->until_ms <= now_ms || (woken && place->wakes != server->wakes));
}

/* The kept one that has waited too long or, `woken`, that something may have happened for: the one first that
 * was looked at longest ago. */
static struct place *find_kept(struct rpc_server *server, int64_t now_ms, bool woken)
{
    struct place *found = NULL;
    for (uint32_t i = 0; server->kept && i < LIMIT_RPC_REQUESTS; i++) {
        struct place *place = &server->places[i];
        if (is_due(server, place, now_ms, woken) && (!found || place->wakes < found->wakes))
            found = place;
    }
    return found;
}

static struct place *take(struct rpc_server *server, int64_t now_ms)
{
    struct place *place = find_kept(server, now_ms, false);
    if (!place)
        place = take_queued(server);
    if (!place)
        place = find_kept(server, now_ms, true);
    if (place && place->state == PLACE_KEPT)
        server->kept--;
    if (place)
        place->state = PLACE_SERVING;
    return place;
}

static int64_t next_end_ms(const struct rpc_server *server)
{
    int64_t next_ms = INT64_MAX;
    for (uint32_t i = 0; server->kept && i < LIMIT_RPC_REQUESTS; i++)
        if (server->places[i].state == PLACE_KEPT && server->places[i].until_ms < next_ms)
            next_ms = server->places[i].until_ms;
    return next_ms;
}

/* Until something comes, or is to be done. */
static void wait_for_more(struct rpc_server *server, int64_t now_ms)
{
    struct timespec until;
    int64_t end_ms = next_end_ms(server), check_ms = server->checked_ms + CHECK_MS;
    int64_t ms = (end_ms < check_ms ? end_ms : check_ms) - now_ms;
    if (ms <= 0)
        return;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += (time_t)(ms / 1000);
    until.tv_nsec += (long)(ms % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    pthread_cond_timedwait(&server->changed, &server->lock, &until);
}

/* Called with the lock, which it lets go of. */
static void check_listener(struct rpc_server *server, int64_t now_ms)
{
    if (now_ms - server->checked_ms < CHECK_MS)
        return;
    pthread_mutex_unlock(&server->lock);
    rpc_listener_check(&server->listener);
    pthread_mutex_lock(&server->lock);
    server->checked_ms = clock_steady_ms();
}

static void send_answer(struct place *place, struct bytes answer)
{
    nng_msg *message;
    CHECK(nng_msg_alloc(&message, 0) == 0 && nng_msg_append(message, answer.data, answer.len) == 0);
    nng_aio_set_msg(place->aio, message);
    nng_aio_set_timeout(place->aio, SEND_MS);
    nng_ctx_send(place->ctx, place->aio);
}

/* Called with the lock, which it lets go of while it serves. */
static void serve(struct rpc_server *server, struct place *place, int64_t now_ms)
{
    bool over = server->closing || (place->wakes && place->until_ms <= now_ms);
    struct rpc_turn turn = {
        .request = {nng_msg_body(place->request), nng_msg_len(place->request)},
        .waited_ms = now_ms - place->came_ms,
        .over = over,
    };
    place->wakes = server->wakes;
    pthread_mutex_unlock(&server->lock);
    enum rpc_verdict verdict = server->set.serve(server->set.context, &turn);
    CHECK(verdict == RPC_ANSWER || !over);
    pthread_mutex_lock(&server->lock);
    if (verdict == RPC_WAIT) {
        bool room = server->kept < LIMIT_RPC_KEPT;
        place->until_ms = room ? place->came_ms + turn.wait_ms : INT64_MIN;
        place->state = PLACE_KEPT;
        server->kept++;
    } else {
        nng_msg_free(place->request);
        place->request = NULL;
        place->state = PLACE_SENDING;
        place->wakes = 0;
        pthread_mutex_unlock(&server->lock);
        send_answer(place, buffer_bytes(&turn.answer));
        pthread_mutex_lock(&server->lock);
    }
    buffer_close(&turn.answer);
}

static void *work(void *context)
{
    struct rpc_server *server = context;
    pthread_setname_np(pthread_self(), "serve");
    server->checked_ms = clock_steady_ms();
    pthread_mutex_lock(&server->lock);
    for (;;) {
        int64_t now_ms = clock_steady_ms();
        check_listener(server, now_ms);
        struct place *place = take(server, now_ms);
        if (place)
            serve(server, place, now_ms);
        else if (server->closing)
            break;
        else
            wait_for_more(server, now_ms);
    }
    pthread_mutex_unlock(&server->lock);
    return NULL;
}

void rpc_server_wake(struct rpc_server *server)
{
    pthread_mutex_lock(&server->lock);
    server->wakes++;
    if (server->kept)
        pthread_cond_signal(&server->changed);
    pthread_mutex_unlock(&server->lock);
}

/* --- opening and closing --- */

static int listen_at(struct rpc_server *server, struct error *e)
{
    int r = nng_rep0_open(&server->socket);
    server->has_socket = !r;
    if (!r)
        r = nng_socket_set_size(server->socket, NNG_OPT_RECVMAXSZ, server->set.request_bytes_max);
    for (uint32_t i = 0; i < LIMIT_RPC_REQUESTS && !r; i++) {
        r = nng_ctx_open(&server->places[i].ctx, server->socket);
        server->places[i].has_ctx = !r;
    }
    if (r)
        return error_set(e, ERR_IO, "listen: %s: %s", server->set.address, nng_strerror(r));
    return rpc_listener_open(&server->listener, server->socket, server->set.address, e);
}

static void open_lock(struct rpc_server *server)
{
    pthread_condattr_t attributes;
    CHECK(pthread_mutex_init(&server->lock, NULL) == 0 && pthread_condattr_init(&attributes) == 0 &&
          pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0 &&
          pthread_cond_init(&server->changed, &attributes) == 0);
    pthread_condattr_destroy(&attributes);
}

/* Signals are for other threads to take: NNG's are started by its first call, with the mask of whoever does
 * it. */
static int start(struct rpc_server *server, struct error *e)
{
    sigset_t all, old;
    sigfillset(&all);
    CHECK(pthread_sigmask(SIG_SETMASK, &all, &old) == 0);
    int r = rpc_address_check(server->set.address, e);
    if (r)
        error_at(e, "listen");
    for (uint32_t i = 0; i < LIMIT_RPC_REQUESTS; i++) {
        server->places[i].server = server;
        CHECK(nng_aio_alloc(&server->places[i].aio, on_event, &server->places[i]) == 0);
    }
    if (!r)
        r = listen_at(server, e);
    if (!r) {
        int number = pthread_create(&server->thread, NULL, work, server);
        server->has_thread = !number;
        if (number)
            r = error_set(e, ERR_IO, "listen: its thread can't be started: %s: raise the limit of processes",
                          strerrordesc_np(number));
    }
    for (uint32_t i = 0; i < LIMIT_RPC_REQUESTS && !r; i++)
        receive(&server->places[i]);
    CHECK(pthread_sigmask(SIG_SETMASK, &old, NULL) == 0);
    return r;
}

int rpc_server_open(const struct rpc_server_setting *setting, struct rpc_server **out, struct error *e)
{
    struct rpc_server *server = mem_zalloc(sizeof *server);
    *out = NULL;
    server->set = *setting;
    server->queue_end = &server->queue;
    server->wakes = 1;
    open_lock(server);
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

static void end_work(struct rpc_server *server)
{
    pthread_mutex_lock(&server->lock);
    server->closing = true;
    pthread_cond_signal(&server->changed);
    pthread_mutex_unlock(&server->lock);
    if (server->has_thread)
        CHECK(pthread_join(server->thread, NULL) == 0);
}

/* Places that are sending end that first; the others are receiving, or have what came too late. */
static void end_places(struct rpc_server *server)
{
    for (uint32_t i = 0; i < LIMIT_RPC_REQUESTS; i++) {
        struct place *place = &server->places[i];
        pthread_mutex_lock(&server->lock);
        bool sending = place->state == PLACE_SENDING;
        pthread_mutex_unlock(&server->lock);
        if (sending)
            nng_aio_wait(place->aio);
        nng_aio_stop(place->aio);
    }
    for (uint32_t i = 0; i < LIMIT_RPC_REQUESTS; i++) {
        struct place *place = &server->places[i];
        if (place->has_ctx)
            nng_ctx_close(place->ctx);
        if (place->request)
            nng_msg_free(place->request);
    }
}

void rpc_server_close(struct rpc_server *server)
{
    if (!server)
        return;
    end_work(server);
    end_places(server);
    if (server->has_socket)
        nng_close(server->socket);
    for (uint32_t i = 0; i < LIMIT_RPC_REQUESTS; i++)
        nng_aio_free(server->places[i].aio);
    pthread_cond_destroy(&server->changed);
    pthread_mutex_destroy(&server->lock);
    rpc_listener_close(&server->listener);
    free(server);
}
