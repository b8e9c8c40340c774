/* What is asked is read and refused on the connections' thread; what is answered comes from the pool's
 * threads, or for a status from the server's own for slow pages. */
#include "gateway/gateway.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "common/check.h"
#include "common/clock.h"
#include "common/limits.h"
#include "common/rpc/rpc_lock.h"
#include "common/rpc/rpc_subscriber.h"
#include "common/signals.h"
#include "gateway/bus.h"
#include "gateway/keys.h"
#include "gateway/pool.h"
#include "gateway/query.h"
#include "gateway/status.h"

enum { WATCH_MS = 1000, HEARD_MS = 3 * WATCH_MS };

struct gateway {
    struct gateway_setting set;
    struct keys keys;
    struct pool *pool;
    struct bus *bus; /* null: none */
    struct rpc_subscriber *hints;
    struct reach reach; /* of the thread for slow pages */
    struct rpc_lock lock;
    bool stopping;
    pthread_t watch; /* of the tokens' file, and of whom it asks */
    bool has_watch;
    struct reach watched;
    _Atomic int64_t answered_ms; /* last, by whom it asks; 0: never */
};

/* --- who asks what --- */

static bool take_parameter(void *context, struct bytes name, struct bytes value)
{
    return query_take(context, name, value);
}

static const struct tenant *find_tenant(const struct tokens *tokens, const struct http_request *request,
                                        struct fault *fault)
{
    const char *authorization = http_request_header(request, "Authorization");
    const struct tenant *tenant = tokens_find(tokens, authorization);
    if (!tenant && authorization)
        fault_set(fault, FAULT_UNAUTHORIZED, "nobody has this token");
    else if (!tenant)
        fault_set(fault, FAULT_UNAUTHORIZED, "a token is needed: Authorization: Bearer TOKEN");
    return tenant;
}

/* To be closed in any case. Null: the query's fault says why not. */
static const struct tenant *read_query(const struct http_request *request, enum query_kind kind,
                                       const struct tokens *tokens, struct query *query)
{
    query_begin(query, kind);
    const struct tenant *tenant = find_tenant(tokens, request, &query->fault);
    if (!tenant || !query_take_headers(query, http_request_header(request, "Accept"), NULL))
        return NULL;
    http_request_each(request, take_parameter, query);
    if (!query->fault.kind)
        query_take_headers(query, http_request_header(request, "Accept"),
                           http_request_header(request, "Last-Event-ID"));
    return query_end(query, tenant) ? tenant : NULL;
}

bool gateway_lets(struct gateway *gateway, const struct http_request *request, struct http_reply *reply)
{
    struct tokens *tokens = keys_hold(&gateway->keys);
    struct fault fault = {0};
    const struct tenant *tenant = find_tenant(tokens, request, &fault);
    if (tenant && !tenant->all)
        fault_set(&fault, FAULT_FORBIDDEN, "this is of all accounts: a token with `accounts: all` is needed");
    if (fault.kind)
        fault_to_reply(&fault, reply);
    tokens_release(tokens);
    return !fault.kind;
}

/* --- answers --- */

/* Tokens may have changed after a stream's were looked up, and before it was there to be looked at. */
static void look_again(struct gateway *gateway, const struct tokens *tokens)
{
    struct tokens *now = keys_hold(&gateway->keys);
    if (now != tokens)
        pool_retoken(gateway->pool, now);
    tokens_release(now);
}

static void answer_stream(struct gateway *gateway, const struct http_request *request, enum query_kind kind,
                          struct http_reply *reply)
{
    struct tokens *tokens = keys_hold(&gateway->keys);
    struct query query;
    struct fault fault = {0};
    const struct tenant *tenant = read_query(request, kind, tokens, &query);
    if (!tenant)
        fault_to_reply(&query.fault, reply);
    else if (!pool_take(gateway->pool, request, &query, tokens, tenant, &fault))
        fault_to_reply(&fault, reply);
    else
        look_again(gateway, tokens);
    query_close(&query);
    tokens_release(tokens);
}

static void answer_changes(void *context, const struct http_request *request, struct http_reply *reply)
{
    answer_stream(context, request, QUERY_CHANGES, reply);
}

static void answer_resources(void *context, const struct http_request *request, struct http_reply *reply)
{
    answer_stream(context, request, QUERY_RESOURCES, reply);
}

static int ask_status(struct gateway *gateway, const struct query *query, struct http_reply *reply,
                      struct error *e)
{
    struct arena arena = {0};
    struct status_request asked = {.accounts = query->filter.accounts};
    struct status status;
    if (query->filter.types.count)
        asked.type = query->filter.types.items[0];
    int r = status_gather(&gateway->reach, &asked, &arena, &status, e);
    if (!r) {
        reply->content_type = HTTP_JSON;
        status_to_json(&status, &reply->body);
        buffer_add_char(&reply->body, '\n');
    }
    arena_close(&arena);
    return r;
}

static void answer_status(void *context, const struct http_request *request, struct http_reply *reply)
{
    struct gateway *gateway = context;
    struct tokens *tokens = keys_hold(&gateway->keys);
    struct query query;
    struct error e;
    const struct tenant *tenant = read_query(request, QUERY_STATUS, tokens, &query);
    if (tenant && query.filter.types.count > 1)
        fault_set(&query.fault, FAULT_USAGE, "type: one of them, or none for all");
    if (!query.fault.kind && ask_status(gateway, &query, reply, &e))
        fault_set(&query.fault, FAULT_UNAVAILABLE, "no status can be had just now: ask again in a moment");
    if (query.fault.kind)
        fault_to_reply(&query.fault, reply);
    query_close(&query);
    tokens_release(tokens);
}

void gateway_routes(struct gateway *gateway, struct http_route out[GATEWAY_ROUTES])
{
    out[0] = (struct http_route){"/v1/changes", "changes, as lines of JSON or as server-sent events",
                                 HTTP_STREAM, answer_changes, gateway};
    out[1] = (struct http_route){"/v1/resources", "resources as they are, as lines of JSON", HTTP_STREAM,
                                 answer_resources, gateway};
    out[2] = (struct http_route){"/v1/status", "what `garner status --json` prints", HTTP_SLOW, answer_status,
                                 gateway};
}

bool gateway_is_ready(struct gateway *gateway)
{
    int64_t answered_ms = atomic_load(&gateway->answered_ms);
    return pool_hears(gateway->pool) || (answered_ms && clock_steady_ms() - answered_ms <= HEARD_MS);
}

void gateway_to_metrics(struct gateway *gateway, struct buffer *out)
{
    struct metrics metrics = {.out = out};
    pool_to_metrics(gateway->pool, &metrics);
    if (gateway->bus)
        bus_to_metrics(gateway->bus, &metrics);
}

/* --- its life --- */

static void hear(void *context, struct bytes message)
{
    struct gateway *gateway = context;
    pool_hear(gateway->pool, message);
}

/* A coordinator has no shards, and says nothing by itself: so it is asked. */
static void look(struct gateway *gateway)
{
    struct operator_request request = {.kind = OPERATOR_HELLO,
                                       .hello = {.from = OPERATOR_VERSION_FROM, .to = OPERATOR_VERSION}};
    struct operator_reply reply;
    struct error e;
    arena_reset(&gateway->watched.arena);
    if (!pool_hears(gateway->pool) &&
        reach_ask(&gateway->watched, "", &request, &gateway->watched.arena, &reply, &e) == 0)
        atomic_store(&gateway->answered_ms, clock_steady_ms());
}

static void refresh_tokens(struct gateway *gateway)
{
    if (!gateway->set.tokens || !keys_refresh(&gateway->keys))
        return;
    struct tokens *tokens = keys_hold(&gateway->keys);
    pool_retoken(gateway->pool, tokens);
    tokens_release(tokens);
}

static void *watch(void *context)
{
    struct gateway *gateway = context;
    pthread_setname_np(pthread_self(), "watch");
    pthread_mutex_lock(&gateway->lock.mutex);
    while (!gateway->stopping) {
        pthread_mutex_unlock(&gateway->lock.mutex);
        refresh_tokens(gateway);
        look(gateway);
        pthread_mutex_lock(&gateway->lock.mutex);
        if (!gateway->stopping)
            rpc_lock_wait(&gateway->lock, clock_steady_ms() + WATCH_MS);
    }
    pthread_mutex_unlock(&gateway->lock.mutex);
    return NULL;
}

static int start_watch(struct gateway *gateway, struct error *e)
{
    sigset_t before;
    signals_block(&before);
    int number = pthread_create(&gateway->watch, NULL, watch, gateway);
    signals_restore(&before);
    gateway->has_watch = number == 0;
    if (number)
        return error_set(e, ERR_IO, "a thread can't be started: %s: raise the limit of processes",
                         strerrordesc_np(number));
    return 0;
}

int gateway_open(const struct gateway_setting *setting, struct gateway **out, struct error *e)
{
    struct gateway *gateway = mem_zalloc(sizeof *gateway);
    const struct rpc_subscriber_setting hints = {
        .address = setting->at, .message_bytes_max = LIMIT_MESSAGE_BYTES, .context = gateway, .heard = hear};
    *out = NULL;
    gateway->set = *setting;
    rpc_lock_open(&gateway->lock);
    reach_open(&gateway->reach, gateway->set.at, LIMIT_REACH_ANSWER_MS);
    reach_open(&gateway->watched, gateway->set.at, LIMIT_REACH_ANSWER_MS);
    int r = keys_open(&gateway->keys, setting->tokens, e);
    if (!r)
        r = pool_open(gateway->set.at, &gateway->pool, e);
    if (!r)
        r = rpc_subscriber_open(&hints, &gateway->hints, e);
    if (!r && setting->bus)
        r = bus_open(setting->bus, setting->at, &gateway->bus, e);
    if (!r)
        r = start_watch(gateway, e);
    if (r)
        gateway_close(gateway);
    else
        *out = gateway;
    return r;
}

void gateway_stop(struct gateway *gateway)
{
    if (!gateway)
        return;
    pthread_mutex_lock(&gateway->lock.mutex);
    gateway->stopping = true;
    pthread_cond_broadcast(&gateway->lock.changed);
    pthread_mutex_unlock(&gateway->lock.mutex);
    if (gateway->has_watch)
        CHECK(pthread_join(gateway->watch, NULL) == 0);
    gateway->has_watch = false;
    rpc_subscriber_close(gateway->hints);
    gateway->hints = NULL;
    if (gateway->pool)
        pool_stop(gateway->pool);
}

void gateway_close(struct gateway *gateway)
{
    if (!gateway)
        return;
    gateway_stop(gateway);
    bus_close(gateway->bus);
    pool_close(gateway->pool);
    reach_close(&gateway->reach);
    reach_close(&gateway->watched);
    keys_close(&gateway->keys);
    rpc_lock_close(&gateway->lock);
    free(gateway);
}
