/* Streams stand in one list, in the order in which they were served. A thread takes the first that can be
 * served, and lets go of the lock meanwhile. There are so few of them (LIMIT_HTTP_STREAMS) that a list serves
 * as well as queues would, and nothing can be in two of them.
 *
 *     RESTING --new, more, or time for a bookmark--> served --given--> FULL --taken--> RESTING
 *                                                      |
 *                                                      '--its last was given--> DONE
 *
 * In any of them its client may go: then it is `over`, and freed when no thread is at it. */
#include "gateway/pool.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/check.h"
#include "common/clock.h"
#include "common/limits.h"
#include "common/rpc/rpc_lock.h"
#include "common/signals.h"

enum { DEAF_MS = 2500 };

struct entry {
    struct entry *previous, *next;
    struct pool *pool;
    struct stream stream;
    struct http_stream *http;
    int64_t due_ms; /* a bookmark is due */
    bool begun;     /* its answer is */
    bool running;   /* a thread is at it */
    bool full;      /* it hasn't taken yet what it was given */
    bool more;      /* there is more already */
    bool hinted;    /* something may be new */
    bool done;      /* it was given its last */
    bool over;      /* nobody reads any more */
    bool refused;   /* its token isn't what it was */
};

struct pool_thread {
    struct pool *pool;
    pthread_t thread;
    struct reach reach;
    struct buffer out;
};

struct pool {
    struct rpc_lock lock; /* of the rest */
    struct entry *first, *last;
    struct pool_thread threads[LIMIT_HTTP_STREAM_THREADS];
    uint32_t thread_count, stream_count;
    bool stopping;
    uint8_t feed[16]; /* of the last hint */
    struct position *heads;
    uint32_t head_count;
    int64_t heard_ms; /* the last one; 0: none */
    uint64_t streams_all, bytes, refused;
};

/* --- the list --- */

static void take_out(struct pool *pool, struct entry *entry)
{
    *(entry->previous ? &entry->previous->next : &pool->first) = entry->next;
    *(entry->next ? &entry->next->previous : &pool->last) = entry->previous;
}

static void put_last(struct pool *pool, struct entry *entry)
{
    entry->previous = pool->last;
    entry->next = NULL;
    *(pool->last ? &pool->last->next : &pool->first) = entry;
    pool->last = entry;
}

static void close_entry(struct entry *entry)
{
    http_stream_close(entry->http);
    stream_close(&entry->stream);
    free(entry);
}

static bool is_ready(const struct entry *entry, int64_t now_ms)
{
    if (entry->running)
        return false;
    return entry->over || (!entry->full && !entry->done &&
                           (entry->more || entry->hinted || entry->refused || now_ms >= entry->due_ms));
}

/* The first that is ready; else null, and when one will be. */
static struct entry *find_ready(const struct pool *pool, int64_t *next_ms)
{
    int64_t now_ms = clock_steady_ms();
    *next_ms = INT64_MAX;
    for (struct entry *entry = pool->first; entry; entry = entry->next) {
        if (is_ready(entry, now_ms))
            return entry;
        if (!entry->running && !entry->full && !entry->done && entry->due_ms < *next_ms)
            *next_ms = entry->due_ms;
    }
    return NULL;
}

/* --- serving --- */

/* The HTTP server's thread. */
static void taken(void *context)
{
    struct entry *entry = context;
    struct rpc_lock *lock = &entry->pool->lock;
    pthread_mutex_lock(&lock->mutex);
    entry->full = false;
    pthread_cond_signal(&lock->changed);
    pthread_mutex_unlock(&lock->mutex);
}

static void ended(void *context)
{
    struct entry *entry = context;
    struct pool *pool = entry->pool;
    pthread_mutex_lock(&pool->lock.mutex);
    entry->over = true;
    pool->stream_count--;
    pthread_cond_signal(&pool->lock.changed);
    pthread_mutex_unlock(&pool->lock.mutex);
}

static const char *type_of(const struct entry *entry)
{
    return entry->stream.query.format == QUERY_EVENTS ? HTTP_EVENTS : HTTP_NDJSON;
}

/* The first step says what the answer is: a stream, or a fault. */
static void begin(struct entry *entry, const struct fault *fault)
{
    struct http_reply reply = {.status = 200, .content_type = type_of(entry)};
    if (fault->kind)
        fault_to_reply(fault, &reply);
    entry->begun = true;
    http_stream_begin(entry->http, &reply);
}

static void give(struct pool *pool, struct entry *entry, struct buffer *out, bool last)
{
    pthread_mutex_lock(&pool->lock.mutex);
    entry->full = true;
    pool->bytes += out->len;
    pthread_mutex_unlock(&pool->lock.mutex);
    http_stream_give(entry->http, out, last);
}

/* Without the lock. */
static enum stream_step step(struct pool_thread *thread, struct entry *entry, bool fetch, bool refused)
{
    struct fault fault = {0};
    enum stream_step step = STREAM_ENDS;
    buffer_reset(&thread->out);
    if (refused)
        fault_set(&fault, FAULT_UNAUTHORIZED, "this token isn't what it was when this began: ask again");
    else
        step = stream_next(&entry->stream, &thread->reach, fetch, &thread->out, &fault);
    if (fault.kind && entry->begun)
        frame_fault(entry->stream.query.format, &fault, &thread->out);
    if (!fault.kind || entry->begun)
        if (thread->out.len || step == STREAM_ENDS)
            give(thread->pool, entry, &thread->out, step == STREAM_ENDS);
    if (!entry->begun)
        begin(entry, &fault);
    return step;
}

/* Called with the lock, which it lets go of meanwhile. */
static void serve(struct pool_thread *thread, struct entry *entry)
{
    struct pool *pool = thread->pool;
    bool deaf = clock_steady_ms() - pool->heard_ms > DEAF_MS;
    bool fetch = entry->more || entry->hinted || deaf, refused = entry->refused;
    entry->running = true;
    entry->hinted = false;
    take_out(pool, entry);
    put_last(pool, entry);
    pthread_mutex_unlock(&pool->lock.mutex);
    enum stream_step now = step(thread, entry, fetch, refused);
    pthread_mutex_lock(&pool->lock.mutex);
    entry->running = false;
    entry->more = now == STREAM_MORE;
    entry->done = now == STREAM_ENDS;
    entry->due_ms = stream_due_ms(&entry->stream);
    pthread_cond_signal(&pool->lock.changed); /* who was woken for it meanwhile found it running */
}

static void *serve_all(void *context)
{
    struct pool_thread *thread = context;
    struct pool *pool = thread->pool;
    pthread_setname_np(pthread_self(), "http-stream");
    pthread_mutex_lock(&pool->lock.mutex);
    while (!pool->stopping) {
        int64_t next_ms;
        struct entry *entry = find_ready(pool, &next_ms);
        if (!entry) {
            rpc_lock_wait(&pool->lock, next_ms);
        } else if (entry->over) {
            take_out(pool, entry);
            pthread_mutex_unlock(&pool->lock.mutex);
            close_entry(entry);
            pthread_mutex_lock(&pool->lock.mutex);
        } else {
            serve(thread, entry);
        }
    }
    pthread_mutex_unlock(&pool->lock.mutex);
    return NULL;
}

/* --- who comes --- */

static bool has_room(struct pool *pool, const struct tokens *tokens, const struct tenant *tenant,
                     struct fault *fault)
{
    uint32_t own = 0;
    for (const struct entry *entry = pool->first; entry; entry = entry->next)
        own += !entry->over &&
               memcmp(entry->stream.tenant->digest, tenant->digest, sizeof tenant->digest) == 0;
    if (pool->stopping)
        fault_set(fault, FAULT_UNAVAILABLE, "garner is ending");
    else if (pool->stream_count >= LIMIT_HTTP_STREAMS)
        fault_set(fault, FAULT_ALL_STREAMS, "there are %d streams already, which is all there may be",
                  LIMIT_HTTP_STREAMS);
    else if (!tokens_are_none(tokens) && own >= LIMIT_HTTP_STREAMS_PER_TENANT)
        fault_set(fault, FAULT_STREAMS, "this token has %d streams already, which is all it may have",
                  LIMIT_HTTP_STREAMS_PER_TENANT);
    pool->refused += fault->kind != FAULT_NONE;
    return !fault->kind;
}

bool pool_take(struct pool *pool, const struct http_request *request, struct query *query,
               struct tokens *tokens, const struct tenant *tenant, struct fault *fault)
{
    pthread_mutex_lock(&pool->lock.mutex);
    bool room = has_room(pool, tokens, tenant, fault);
    if (room) {
        struct entry *entry = mem_zalloc(sizeof *entry);
        const struct http_stream_setting setting = {entry, taken, ended};
        entry->pool = pool;
        stream_open(&entry->stream, query, tokens, tenant);
        entry->http = http_stream_open(request, &setting);
        put_last(pool, entry);
        pool->stream_count++;
        pool->streams_all++;
        pthread_cond_signal(&pool->lock.changed);
    }
    pthread_mutex_unlock(&pool->lock.mutex);
    return room;
}

/* --- what happens --- */

/* With the lock. Is anything new? Remembers the heads. */
static bool is_news(struct pool *pool, const struct feed_hint *hint)
{
    bool news = memcmp(pool->feed, hint->feed, sizeof pool->feed) != 0;
    memcpy(pool->feed, hint->feed, sizeof pool->feed);
    for (uint32_t i = 0; i < hint->head_count; i++) {
        const struct position *head = &hint->heads[i];
        if (head->shard >= LIMIT_SHARDS)
            continue;
        if (head->shard >= pool->head_count) {
            pool->heads = mem_resize(pool->heads, (head->shard + (size_t)1) * sizeof *pool->heads);
            memset(pool->heads + pool->head_count, 0,
                   (head->shard + (size_t)1 - pool->head_count) * sizeof *pool->heads);
            pool->head_count = head->shard + 1;
        }
        struct position *known = &pool->heads[head->shard];
        news |= known->seq != head->seq || known->epoch != head->epoch;
        *known = *head;
    }
    return news;
}

void pool_hear(struct pool *pool, struct bytes packed)
{
    struct arena arena = {0};
    struct feed_hint hint;
    if (feed_hint_unpack(&arena, packed, &hint)) {
        pthread_mutex_lock(&pool->lock.mutex);
        pool->heard_ms = clock_steady_ms();
        if (is_news(pool, &hint)) {
            for (struct entry *entry = pool->first; entry; entry = entry->next)
                entry->hinted = true;
            pthread_cond_broadcast(&pool->lock.changed);
        }
        pthread_mutex_unlock(&pool->lock.mutex);
    }
    arena_close(&arena);
}

bool pool_hears(struct pool *pool)
{
    pthread_mutex_lock(&pool->lock.mutex);
    bool hears = pool->heard_ms && clock_steady_ms() - pool->heard_ms <= DEAF_MS;
    pthread_mutex_unlock(&pool->lock.mutex);
    return hears;
}

void pool_retoken(struct pool *pool, const struct tokens *tokens)
{
    pthread_mutex_lock(&pool->lock.mutex);
    for (struct entry *entry = pool->first; entry; entry = entry->next)
        entry->refused |= !stream_is_allowed(&entry->stream, tokens);
    pthread_cond_broadcast(&pool->lock.changed);
    pthread_mutex_unlock(&pool->lock.mutex);
}

void pool_to_metrics(struct pool *pool, struct metrics *m)
{
    pthread_mutex_lock(&pool->lock.mutex);
    uint32_t open = pool->stream_count;
    uint64_t all = pool->streams_all, bytes = pool->bytes, refused = pool->refused;
    pthread_mutex_unlock(&pool->lock.mutex);
    metrics_family(m, "garner_http_streams", METRICS_GAUGE, "Streams of changes or resources that are open.");
    metrics_add_count(m, open, NULL);
    metrics_family(m, "garner_http_streams_total", METRICS_COUNTER, "Streams that were begun.");
    metrics_add_count(m, all, NULL);
    metrics_family(m, "garner_http_streams_refused_total", METRICS_COUNTER,
                   "Streams that were refused since there were too many.");
    metrics_add_count(m, refused, NULL);
    metrics_family(m, "garner_http_stream_bytes_total", METRICS_COUNTER, "Bytes that were given to streams.");
    metrics_add_count(m, bytes, NULL);
}

/* --- its life --- */

int pool_open(const char *home, struct pool **out, struct error *e)
{
    struct pool *pool = *out = mem_zalloc(sizeof *pool);
    sigset_t before;
    int number = 0;
    rpc_lock_open(&pool->lock);
    signals_block(&before);
    while (pool->thread_count < LIMIT_HTTP_STREAM_THREADS && !number) {
        struct pool_thread *thread = &pool->threads[pool->thread_count];
        thread->pool = pool;
        reach_open(&thread->reach, home, LIMIT_REACH_ANSWER_MS);
        number = pthread_create(&thread->thread, NULL, serve_all, thread);
        pool->thread_count += number == 0;
    }
    signals_restore(&before);
    if (!number)
        return 0;
    return error_set(e, ERR_IO, "a thread can't be started: %s: raise the limit of processes",
                     strerrordesc_np(number));
}

void pool_stop(struct pool *pool)
{
    pthread_mutex_lock(&pool->lock.mutex);
    pool->stopping = true;
    pthread_cond_broadcast(&pool->lock.changed);
    pthread_mutex_unlock(&pool->lock.mutex);
    for (uint32_t i = 0; i < pool->thread_count; i++) {
        CHECK(pthread_join(pool->threads[i].thread, NULL) == 0);
        reach_close(&pool->threads[i].reach);
        buffer_close(&pool->threads[i].out);
    }
    pool->thread_count = 0;
}

void pool_close(struct pool *pool)
{
    if (!pool)
        return;
    pool_stop(pool);
    for (struct entry *entry = pool->first, *next; entry; entry = next) {
        next = entry->next;
        close_entry(entry);
    }
    rpc_lock_close(&pool->lock);
    free(pool->heads);
    free(pool);
}
