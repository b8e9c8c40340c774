/* How it works: the loop's side (names, tickets) is touched by its thread alone. The threads share only the
 * pool: a queue of jobs, a list of finished ones, and an eventfd that says that there are some. The pool
 * is counted and its threads are detached, so closing waits for no getaddrinfo: the last one that lets go
 * of the pool frees it. */
#include "worker/fetch/resolver.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "common/check.h"
#include "common/clock.h"
#include "common/hash.h"
#include "common/limits.h"
#include "common/signals.h"

enum { SLOTS = 256, CAUSE_BYTES = 128 };

/* Belongs to the loop while it is created and taken in, to the pool in between. */
struct job {
    struct job *next;
    struct resolver_name *name; /* for the loop only */
    char *host;
    bool began;      /* under the pool's mutex */
    char *addresses; /* or null and … */
    char cause[CAUSE_BYTES];
};

struct jobs {
    struct job *head, *tail;
    unsigned count;
};

struct pool {
    pthread_mutex_t mutex;
    pthread_cond_t wake;
    unsigned users, threads, idle; /* users: the threads, and the resolver */
    bool stopped;
    struct jobs queued, finished;
    int event;
};

struct resolver_name {
    struct resolver_name *same_slot;
    struct job *job; /* while it is looked for */
    struct resolver_ticket *tickets, *last_ticket;
    char *addresses;
    int64_t stale_ms; /* of addresses */
    char host[];
};

struct resolver {
    struct loop *loop;
    struct watch *watch;
    struct pool *pool;
    struct resolver_name *slots[SLOTS];
    size_t names;
};

static void jobs_add(struct jobs *jobs, struct job *job)
{
    job->next = NULL;
    if (jobs->tail)
        jobs->tail->next = job;
    else
        jobs->head = job;
    jobs->tail = job;
    jobs->count++;
}

static struct job *jobs_take(struct jobs *jobs)
{
    struct job *job = jobs->head;
    if (!job)
        return NULL;
    jobs->count--;
    jobs->head = job->next;
    if (!jobs->head)
        jobs->tail = NULL;
    return job;
}

static void free_job(struct job *job)
{
    free(job->addresses);
    free(job->host);
    free(job);
}

static void free_jobs(struct jobs *jobs)
{
    for (struct job *job; (job = jobs_take(jobs));)
        free_job(job);
}

/* --- The threads --- */

static void add_address(struct buffer *list, const struct addrinfo *info)
{
    char text[INET6_ADDRSTRLEN];
    if (info->ai_family == AF_INET) {
        const struct sockaddr_in *in = (const void *)info->ai_addr;
        if (inet_ntop(AF_INET, &in->sin_addr, text, sizeof text))
            buffer_printf(list, "%s%s", list->len ? "," : "", text);
    } else if (info->ai_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const void *)info->ai_addr;
        if (in6->sin6_scope_id == 0 && inet_ntop(AF_INET6, &in6->sin6_addr, text, sizeof text))
            buffer_printf(list, "%s[%s]", list->len ? "," : "", text);
    }
}

static void look_up(struct job *job)
{
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG};
    struct addrinfo *infos = NULL;
    struct buffer list = {0};
    int code = getaddrinfo(job->host, NULL, &hints, &infos);
    if (code == EAI_SYSTEM)
        snprintf(job->cause, sizeof job->cause, "%s", strerrordesc_np(errno));
    else
        snprintf(job->cause, sizeof job->cause, "%s",
                 code ? gai_strerror(code) : "it has no address that can be used");
    unsigned count = 0;
    for (struct addrinfo *info = code ? NULL : infos; info && count < RESOLVER_ADDRESSES;
         info = info->ai_next, count++)
        add_address(&list, info);
    if (infos)
        freeaddrinfo(infos);
    job->addresses = list.data;
}

/* With the mutex held, which this gives back. */
static void let_go(struct pool *pool)
{
    bool last = --pool->users == 0;
    pthread_mutex_unlock(&pool->mutex);
    if (!last)
        return;
    free_jobs(&pool->queued);
    free_jobs(&pool->finished);
    close(pool->event);
    pthread_cond_destroy(&pool->wake);
    pthread_mutex_destroy(&pool->mutex);
    free(pool);
}

static void *work(void *context)
{
    struct pool *pool = context;
    pthread_mutex_lock(&pool->mutex);
    while (!pool->stopped) {
        struct job *job = jobs_take(&pool->queued);
        if (!job) {
            pool->idle++;
            pthread_cond_wait(&pool->wake, &pool->mutex);
            pool->idle--;
            continue;
        }
        job->began = true;
        pthread_mutex_unlock(&pool->mutex);
        look_up(job);
        pthread_mutex_lock(&pool->mutex);
        jobs_add(&pool->finished, job);
        if (!pool->stopped)
            CHECK(eventfd_write(pool->event, 1) == 0);
    }
    let_go(pool);
    return NULL;
}

/* One thread more, with the mutex held. Signals are for other threads. */
static int start_thread(struct pool *pool)
{
    sigset_t before;
    pthread_t thread;
    signals_block(&before);
    int code = pthread_create(&thread, NULL, work, pool);
    signals_restore(&before);
    if (code)
        return code;
    pthread_detach(thread);
    pool->users++;
    pool->threads++;
    return 0;
}

/* --- The loop's side --- */

static void answer_tickets(struct resolver_name *name, const char *addresses, const char *cause)
{
    for (struct resolver_ticket *ticket; (ticket = name->tickets);) {
        resolver_cancel(ticket);
        ticket->found(ticket->context, addresses, cause);
    }
}

static void take_in(struct job *job)
{
    struct resolver_name *name = job->name;
    name->job = NULL;
    free(name->addresses);
    name->addresses = job->addresses;
    name->stale_ms = clock_steady_ms() + RESOLVER_FRESH_MS;
    job->addresses = NULL;
    answer_tickets(name, name->addresses, job->cause);
    free_job(job);
}

static void on_event(struct watch *watch, uint32_t events)
{
    (void)events;
    struct resolver *resolver = watch->context;
    struct pool *pool = resolver->pool;
    eventfd_t count;
    eventfd_read(pool->event, &count);
    pthread_mutex_lock(&pool->mutex);
    struct jobs finished = pool->finished;
    pool->finished = (struct jobs){0};
    pthread_mutex_unlock(&pool->mutex);
    for (struct job *job; (job = jobs_take(&finished));)
        take_in(job);
}

int resolver_open(struct loop *loop, struct resolver **out, struct error *e)
{
    struct resolver *resolver = mem_zalloc(sizeof *resolver);
    struct pool *pool = mem_zalloc(sizeof *pool);
    *out = NULL;
    pool->users = 1;
    CHECK(pthread_mutex_init(&pool->mutex, NULL) == 0 && pthread_cond_init(&pool->wake, NULL) == 0);
    pool->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    resolver->loop = loop;
    resolver->pool = pool;
    if (pool->event >= 0)
        resolver->watch = loop_watch(loop, pool->event, EPOLLIN, resolver, on_event);
    if (!resolver->watch) {
        error_set(e, ERR_IO, "eventfd: %s: raise the limit of open files", strerrordesc_np(errno));
        resolver_close(resolver);
        return ERR_IO;
    }
    *out = resolver;
    return 0;
}

static void free_name(struct resolver_name *name)
{
    free(name->addresses);
    free(name);
}

void resolver_close(struct resolver *resolver)
{
    if (!resolver)
        return;
    loop_unwatch(resolver->loop, resolver->watch);
    for (size_t i = 0; i < SLOTS; i++) {
        while (resolver->slots[i]) {
            struct resolver_name *name = resolver->slots[i];
            resolver->slots[i] = name->same_slot;
            free_name(name);
        }
    }
    pthread_mutex_lock(&resolver->pool->mutex);
    resolver->pool->stopped = true;
    pthread_cond_broadcast(&resolver->pool->wake);
    let_go(resolver->pool);
    free(resolver);
}

static bool is_fresh(const struct resolver_name *name)
{
    return name->addresses && clock_steady_ms() < name->stale_ms;
}

/* Forget the names that nobody needs. */
static void sweep(struct resolver *resolver)
{
    for (size_t i = 0; i < SLOTS; i++) {
        for (struct resolver_name **at = &resolver->slots[i]; *at;) {
            struct resolver_name *name = *at;
            if (name->job || is_fresh(name)) {
                at = &name->same_slot;
                continue;
            }
            *at = name->same_slot;
            free_name(name);
            resolver->names--;
        }
    }
}

static struct resolver_name *name_of(struct resolver *resolver, struct bytes host)
{
    struct resolver_name **slot = &resolver->slots[hash64(host) % SLOTS];
    for (struct resolver_name *name = *slot; name; name = name->same_slot)
        if (bytes_is(host, name->host))
            return name;
    if (resolver->names >= LIMIT_RESOLVER_NAMES && resolver->names % (LIMIT_RESOLVER_NAMES / 4) == 0)
        sweep(resolver);
    struct resolver_name *name = mem_zalloc(sizeof *name + host.len + 1);
    memcpy(name->host, host.data, host.len);
    name->same_slot = *slot;
    *slot = name;
    resolver->names++;
    return name;
}

/* Have a name looked up. False if there is no thread to do it. */
static bool start_job(struct pool *pool, struct resolver_name *name, int *cause)
{
    struct job *job = mem_zalloc(sizeof *job);
    job->name = name;
    job->host = mem_strdup(name->host);
    pthread_mutex_lock(&pool->mutex);
    if (pool->idle <= pool->queued.count && pool->threads < LIMIT_RESOLVER_THREADS)
        *cause = start_thread(pool);
    bool can = pool->threads > 0;
    if (can) {
        name->job = job;
        jobs_add(&pool->queued, job);
        pthread_cond_signal(&pool->wake);
    }
    pthread_mutex_unlock(&pool->mutex);
    if (!can)
        free_job(job);
    return can;
}

void resolver_ask(struct resolver *resolver, struct bytes host, struct resolver_ticket *ticket, void *context,
                  resolver_found *found)
{
    int cause = 0;
    CHECK(!ticket->name && host.len);
    struct resolver_name *name = name_of(resolver, host);
    if (!name->job && is_fresh(name)) {
        found(context, name->addresses, NULL);
        return;
    }
    if (!name->job && !start_job(resolver->pool, name, &cause)) {
        found(context, NULL, strerrordesc_np(cause));
        return;
    }
    *ticket = (struct resolver_ticket){
        .name = name, .previous = name->last_ticket, .context = context, .found = found};
    if (name->last_ticket)
        name->last_ticket->next = ticket;
    else
        name->tickets = ticket;
    name->last_ticket = ticket;
}

void resolver_cancel(struct resolver_ticket *ticket)
{
    struct resolver_name *name = ticket->name;
    if (!name)
        return;
    if (ticket->next)
        ticket->next->previous = ticket->previous;
    else
        name->last_ticket = ticket->previous;
    if (ticket->previous)
        ticket->previous->next = ticket->next;
    else
        name->tickets = ticket->next;
    ticket->name = NULL;
    ticket->next = ticket->previous = NULL;
}

bool resolver_began(struct resolver *resolver, const struct resolver_ticket *ticket)
{
    pthread_mutex_lock(&resolver->pool->mutex);
    bool began = ticket->name && ticket->name->job && ticket->name->job->began;
    pthread_mutex_unlock(&resolver->pool->mutex);
    return began;
}
