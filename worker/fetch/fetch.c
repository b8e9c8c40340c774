/* How it works: loop.c waits for descriptors and timers. libcurl tells which sockets it wants watched
 * (sockets.c) and when it wants to be called (on_timer). curl_multi_poll was not taken: with 5,000 idle
 * transfers it was ten times slower than curl_multi_socket_action on epoll.
 *
 * HTTP/2 is spoken, but one request at a time on a connection: in libcurl 7.88.1, of 3,000 answers of 100 kB
 * that shared connections one to ten stood still for good in every other run, whichever interface drove
 * it (measured with nghttpd 1.52; none without sharing, and no slower).
 *
 * Callers are never called back from within one of libcurl's callbacks, so they may start whatever they
 * like: a transfer's result is delivered at the end of fetch_step. Each step delivers what had ended before
 * it began to deliver, so no chain of failing transfers can keep the loop from its sockets. */
#include "worker/fetch/fetch.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "common/check.h"
#include "common/clock.h"
#include "worker/fetch/internal.h"

struct user_watch {
    struct user_watch *next;
    void *context;
    fetch_fire *readable;
};

void transfers_add(struct transfers *list, struct transfer *t)
{
    t->next = NULL;
    t->previous = list->tail;
    if (list->tail)
        list->tail->next = t;
    else
        list->head = t;
    list->tail = t;
}

void transfers_remove(struct transfers *list, struct transfer *t)
{
    if (t->next)
        t->next->previous = t->previous;
    else
        list->tail = t->previous;
    if (t->previous)
        t->previous->next = t->next;
    else
        list->head = t->next;
    t->next = t->previous = NULL;
}

static int on_timer(CURLM *multi, long wait_ms, void *context)
{
    (void)multi;
    struct fetch *fetch = context;
    int64_t now_ms = wait_ms > 0 ? clock_steady_ms() : fetch->loop.now_ms;
    fetch->curl_at_ms = wait_ms < 0 ? INT64_MAX : now_ms + wait_ms;
    return 0;
}

/* --- Opening and closing --- */

static void start_curl(void)
{
    CHECK(curl_global_init(CURL_GLOBAL_DEFAULT) == 0);
    struct sigaction old;
    if (sigaction(SIGPIPE, NULL, &old) == 0 && old.sa_handler == SIG_DFL)
        signal(SIGPIPE, SIG_IGN); /* OpenSSL may write to a closed socket */
}

static char *copy_env(const char *name)
{
    const char *value = getenv(name);
    return value && *value ? mem_strdup(value) : NULL;
}

static bool has_env(const char *name)
{
    const char *value = getenv(name);
    return value && *value;
}

static void set_options(struct fetch *fetch, const struct fetch_options *options)
{
    struct fetch_options *o = &fetch->options;
    if (options)
        *o = *options;
    o->body_bytes_max = o->body_bytes_max ? o->body_bytes_max : LIMIT_BODY_BYTES;
    o->connect_ms = o->connect_ms ? o->connect_ms : LIMIT_CONNECT_MS;
    o->silence_ms = o->silence_ms ? o->silence_ms : LIMIT_SILENCE_MS;
    o->transfer_ms = o->transfer_ms ? o->transfer_ms : LIMIT_TRANSFER_MS;
    fetch->ca_file = o->ca_file ? mem_strdup(o->ca_file) : copy_env("CURL_CA_BUNDLE");
    fetch->ca_file = fetch->ca_file ? fetch->ca_file : copy_env("SSL_CERT_FILE");
    fetch->ca_path = o->ca_file ? NULL : copy_env("SSL_CERT_DIR");
    o->ca_file = NULL; /* the caller's may be gone */
    bool all = has_env("all_proxy") || has_env("ALL_PROXY");
    fetch->proxy_http = all || has_env("http_proxy"); /* in lower case only, as libcurl reads it */
    fetch->proxy_https = all || has_env("https_proxy") || has_env("HTTPS_PROXY");
}

static bool set_multi(struct fetch *fetch)
{
    CURLM *multi = fetch->multi = curl_multi_init();
    return multi && curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, sockets_wish) == CURLM_OK &&
           curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, fetch) == CURLM_OK &&
           curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, on_timer) == CURLM_OK &&
           curl_multi_setopt(multi, CURLMOPT_TIMERDATA, fetch) == CURLM_OK &&
           curl_multi_setopt(multi, CURLMOPT_PIPELINING, CURLPIPE_NOTHING) == CURLM_OK &&
           curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, (long)LIMIT_TRANSFERS) == CURLM_OK &&
           curl_multi_setopt(multi, CURLMOPT_MAX_HOST_CONNECTIONS, (long)LIMIT_CONNECTIONS_PER_HOST) ==
               CURLM_OK;
}

int fetch_open(const struct fetch_options *options, struct fetch **out, struct error *e)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    *out = NULL;
    CHECK(pthread_once(&once, start_curl) == 0);
    struct fetch *fetch = mem_zalloc(sizeof *fetch);
    fetch->magic = FETCH_MAGIC;
    fetch->curl_at_ms = fetch->look_at_ms = INT64_MAX;
    fetch->origins = (struct origins){.context = fetch, .forget = easy_forget};
    fetch->queued_commands_end = &fetch->queued_commands;
    set_options(fetch, options);
    int code = loop_open(&fetch->loop, e);
    if (!code)
        code = resolver_open(&fetch->loop, &fetch->resolver, e);
    if (!code && !set_multi(fetch))
        code = error_set(e, ERR_IO, "libcurl %s can't be set up", curl_version());
    if (code) {
        fetch_close(fetch);
        return code;
    }
    *out = fetch;
    return 0;
}

static void free_transfers(struct transfers *list)
{
    for (struct transfer *t; (t = list->head);) {
        transfers_remove(list, t);
        transfer_free(t);
    }
}

void fetch_close(struct fetch *fetch)
{
    if (!fetch)
        return;
    CHECK_MAGIC(fetch, FETCH_MAGIC);
    CHECK(!fetch->stepping);
    free_transfers(&fetch->queued);
    free_transfers(&fetch->running);
    free_transfers(&fetch->done);
    for (size_t i = 0; i < ORIGIN_SLOTS; i++)
        for (struct origin *origin = fetch->origins.slots[i]; origin; origin = origin->same_slot)
            free_transfers(&origin->held);
    for (struct transfer *t; (t = fetch->spare_transfers.head);) {
        transfers_remove(&fetch->spare_transfers, t);
        arena_close(&t->arena);
        free(t);
    }
    command_close_all(fetch);
    while (fetch->spare_count)
        easy_close(fetch->spare[--fetch->spare_count]);
    if (fetch->multi)
        curl_multi_cleanup(fetch->multi); /* closes its connections, through sockets_closed */
    curl_slist_free_all(fetch->forgotten);
    origins_close(&fetch->origins);
    resolver_close(fetch->resolver);
    while (fetch->user_watches) {
        struct user_watch *next = fetch->user_watches->next;
        free(fetch->user_watches);
        fetch->user_watches = next;
    }
    loop_close(&fetch->loop);
    free(fetch->sockets);
    while (fetch->body_count)
        buffer_close(&fetch->bodies[--fetch->body_count]);
    buffer_close(&fetch->encodings);
    free(fetch->ca_file);
    free(fetch->ca_path);
    fetch->magic = 0;
    free(fetch);
}

/* Bodies are as large as pages, and one page is as large as the next: memory that held one has been asked of
 * the system, cleared and grown already. */
void fetch_take_body(struct fetch *fetch, struct buffer *body)
{
    CHECK(!body->data);
    if (!fetch->body_count)
        return;
    *body = fetch->bodies[--fetch->body_count];
    fetch->body_bytes -= body->cap;
}

void fetch_give_body(struct fetch *fetch, struct buffer *body)
{
    if (!body->data || fetch->body_count == SPARE_BODIES ||
        fetch->body_bytes + body->cap > SPARE_BODY_BYTES) {
        buffer_close(body);
        return;
    }
    buffer_reset(body);
    fetch->body_bytes += body->cap;
    fetch->bodies[fetch->body_count++] = *body;
    *body = (struct buffer){0};
}

/* --- What callers ask for --- */

static void start_queued(struct fetch *fetch)
{
    while (fetch->queued.head && fetch->running_count < LIMIT_TRANSFERS) {
        struct transfer *t = fetch->queued.head;
        transfers_remove(&fetch->queued, t);
        transfers_add(&fetch->running, t);
        fetch->running_count++;
        transfer_start(t);
    }
}

void fetch_queue(struct fetch *fetch, struct transfer *t)
{
    if (t->origin && t->origin->admitted == LIMIT_CONNECTIONS_PER_HOST) {
        transfers_add(&t->origin->held, t);
        return;
    }
    if (t->origin)
        t->origin->admitted++;
    transfers_add(&fetch->queued, t);
}

/* One that was admitted leaves its origin; whoever was held longest takes its place. */
static void leave_origin(struct transfer *t)
{
    struct origin *origin = t->origin;
    struct transfer *next = origin ? origin->held.head : NULL;
    t->origin = NULL;
    if (next) {
        transfers_remove(&origin->held, next);
        transfers_add(&t->fetch->queued, next);
    } else if (origin) {
        origin->admitted--;
    }
}

static void stop_running(struct transfer *t)
{
    transfers_remove(&t->fetch->running, t);
    t->fetch->running_count--;
    leave_origin(t);
}

void fetch_send(struct fetch *fetch, const struct request *request, const char *const *allow_origins,
                void *context, fetch_done *done)
{
    CHECK_MAGIC(fetch, FETCH_MAGIC);
    struct transfer *t = transfer_new(fetch, request, allow_origins, context, done);
    fetch_queue(fetch, t);
    start_queued(fetch);
}

void fetch_requeue(struct transfer *t, struct origin *origin)
{
    stop_running(t);
    t->origin = origin;
    fetch_queue(t->fetch, t);
}

void fetch_transfer_done(struct transfer *t)
{
    stop_running(t);
    transfers_add(&t->fetch->done, t);
}

struct fetch_timer *fetch_timer_start(struct fetch *fetch, int64_t at_ms, void *context, fetch_fire *fire)
{
    CHECK_MAGIC(fetch, FETCH_MAGIC);
    return loop_timer(&fetch->loop, at_ms, context, fire);
}

void fetch_timer_cancel(struct fetch *fetch, struct fetch_timer *timer)
{
    loop_timer_cancel(&fetch->loop, timer);
}

static void on_user_watch(struct watch *watch, uint32_t events)
{
    (void)events;
    struct user_watch *user = watch->context;
    user->readable(user->context);
}

int fetch_watch(struct fetch *fetch, int fd, void *context, fetch_fire *readable, struct error *e)
{
    struct user_watch *user = mem_zalloc(sizeof *user);
    *user = (struct user_watch){.next = fetch->user_watches, .context = context, .readable = readable};
    if (!loop_watch(&fetch->loop, fd, EPOLLIN, user, on_user_watch)) {
        free(user);
        return error_set(e, ERR_IO, "epoll can't watch descriptor %d: %s", fd, strerrordesc_np(errno));
    }
    fetch->user_watches = user;
    return 0;
}

/* --- A step --- */

static void take_in_ended(struct fetch *fetch)
{
    int left;
    for (CURLMsg *message; (message = curl_multi_info_read(fetch->multi, &left));) {
        struct lane *lane = NULL;
        CURLcode result = message->data.result; /* the message dies with the handle */
        CHECK(message->msg == CURLMSG_DONE);
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&lane);
        CHECK_MAGIC(lane->transfer, TRANSFER_MAGIC);
        transfer_ended(lane->transfer, result);
    }
}

static int64_t earlier(int64_t a_ms, int64_t b_ms)
{
    return a_ms < b_ms ? a_ms : b_ms;
}

/* End those that are out of time. */
static void look_after(struct fetch *fetch)
{
    int64_t at_ms = INT64_MAX;
    for (struct transfer *t = fetch->running.head, *next; t; t = next) {
        next = t->next;
        at_ms = earlier(at_ms, transfer_look(t, fetch->loop.now_ms));
    }
    fetch->look_at_ms = at_ms;
}

static void deliver(struct fetch *fetch)
{
    struct transfer *t, *last = fetch->done.tail;
    for (bool more = last != NULL; more;) {
        t = fetch->done.head;
        more = t != last;
        transfers_remove(&fetch->done, t);
        struct fetch_result result;
        result.code = t->code;
        result.bytes = t->bytes;
        result.requests = t->requests;
        result.error.code = ERR_OK;
        result.error.text[0] = 0;
        if (t->code)
            result.error = t->error;
        transfer_answer(t, &result.answer);
        t->done(t->context, &result);
        transfer_free(t);
    }
}

static bool is_under_way(const struct fetch *fetch)
{
    return fetch->queued.head || fetch->running.head || fetch->done.head || command_under_way(fetch) ||
           heap_first(&fetch->loop.timers);
}

bool fetch_step(struct fetch *fetch, int64_t wait_ms)
{
    CHECK_MAGIC(fetch, FETCH_MAGIC);
    CHECK(!fetch->stepping);
    fetch->stepping = true;
    int running;
    int64_t until_ms = wait_ms < 0 ? INT64_MAX : clock_steady_ms() + wait_ms;
    if (fetch->done.head || !is_under_way(fetch))
        until_ms = 0;
    loop_wait(&fetch->loop, earlier(until_ms, earlier(fetch->curl_at_ms, fetch->look_at_ms)));
    if (fetch->look_at_ms <= fetch->loop.now_ms)
        look_after(fetch);
    if (fetch->curl_at_ms <= clock_steady_ms()) {
        fetch->curl_at_ms = INT64_MAX;
        curl_multi_socket_action(fetch->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    }
    take_in_ended(fetch);
    deliver(fetch);
    start_queued(fetch);
    fetch->stepping = false;
    return is_under_way(fetch);
}
