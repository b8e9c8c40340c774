/* Limits hold for a run, whichever thread asks: one limiter for all, behind a mutex. Who finds that a request
 * may go, because it asked, ended one or waited long enough, puts it into the inbox of the thread it belongs
 * to; another thread is woken by its eventfd. Accounts of different limit keys never wait for each other, so
 * nearly always that is the own inbox, and with one thread it always is.
 *
 * A limiter for each thread, with a share of each rate, was not taken: an account's requests come from the
 * one thread that has its shard, and would then get that thread's share only.
 *
 * What opens by time alone is looked for by every thread that ever found something such; the earliest is
 * always known to who looked last. One that leaves wakes the others, so that they look themselves. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <unistd.h>

#include "common/check.h"
#include "common/limits.h"
#include "worker/run/internal.h"

_Static_assert(LIMIT_THREADS <= 64, "a set of threads is a bit each");

int limits_open(struct limits *limits, uint32_t threads, bool wakes, struct error *e)
{
    uint64_t seed = 0;
    CHECK(pthread_mutex_init(&limits->lock, NULL) == 0);
    CHECK(getrandom(&seed, sizeof seed, 0) == sizeof seed);
    limits->limiter = limiter_open(seed);
    limits->threads = threads;
    limits->inboxes = mem_zalloc(threads * sizeof *limits->inboxes);
    for (uint32_t i = 0; i < threads; i++)
        limits->inboxes[i].wake = -1;
    for (uint32_t i = 0; wakes && i < threads; i++) {
        limits->inboxes[i].wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (limits->inboxes[i].wake < 0)
            return error_set(e, ERR_IO, "eventfd: %s: raise the limit of open files, or take fewer threads",
                             strerror(errno));
    }
    return 0;
}

void limits_close(struct limits *limits)
{
    if (!limits->limiter)
        return;
    for (uint32_t i = 0; i < limits->threads; i++)
        if (limits->inboxes[i].wake >= 0)
            close(limits->inboxes[i].wake);
    free(limits->inboxes);
    limiter_close(limits->limiter);
    limits->limiter = NULL;
    pthread_mutex_destroy(&limits->lock);
}

/* Its account may begin another one. */
static void waits_no_more(struct task *task)
{
    struct account *a = task->account;
    if (a->limited-- == LIMIT_TASKS_LIMITED)
        run_queue(a);
}

/* --- what was let go --- */

static void put(struct task_list *list, struct task *task)
{
    task->next_waiting = NULL;
    if (list->last)
        list->last->next_waiting = task;
    else
        list->first = task;
    list->last = task;
}

static bool take_out(struct task_list *list, struct task *task)
{
    struct task **at = &list->first, *before = NULL;
    while (*at && *at != task) {
        before = *at;
        at = &(*at)->next_waiting;
    }
    if (!*at)
        return false;
    *at = task->next_waiting;
    if (list->last == task)
        list->last = before;
    task->next_waiting = NULL;
    return true;
}

static void take_all(struct task_list *list, struct task_list *from)
{
    if (!from->first)
        return;
    if (list->last)
        list->last->next_waiting = from->first;
    else
        list->first = from->first;
    list->last = from->last;
    *from = (struct task_list){0};
}

/* --- under the mutex --- */

/* What let a request go is given back, with what became of it. */
static void pay(struct limits *limits, struct task *task)
{
    limiter_heard(limits->limiter, &task->ticket, &task->heard, task->run->now_ms);
    limiter_done(limits->limiter, &task->ticket);
    task->heard = (struct heard){0};
    task->owes = false;
}

/* Let go what may go. Gives back whose inboxes have something new. */
static uint64_t let_go(struct limits *limits, int64_t now_ms, int64_t *at_ms)
{
    uint64_t whose = 0;
    for (struct limiter_ticket *ticket; (ticket = limiter_next(limits->limiter, now_ms, at_ms)) != NULL;) {
        struct task *task = ticket->context;
        put(&limits->inboxes[task->run->thread].let_go, task);
        whose |= (uint64_t)1 << task->run->thread;
    }
    return whose;
}

/* --- beside it --- */

static void wake(struct limits *limits, uint64_t whose)
{
    uint64_t one = 1;
    for (uint32_t i = 0; whose; i++, whose >>= 1) {
        if (!(whose & 1))
            continue;
        ssize_t n = write(limits->inboxes[i].wake, &one, sizeof one);
        (void)n; /* full means that it is readable */
    }
}

static void pump_later(void *context)
{
    struct run *run = context;
    run_tick(run);
    run->limits_timer = NULL;
    limits_pump(run);
}

/* With several threads there is always a timer, be it for the end of time: one that waits for nothing
 * but another thread would else find itself with nothing under way, and not wait at all. */
static void set_timer(struct run *run, int64_t at_ms)
{
    bool wanted = at_ms != INT64_MAX || run->crew->limits.threads > 1;
    if (run->limits_timer && wanted && run->limits_at_ms == at_ms)
        return;
    if (run->limits_timer)
        fetch_timer_cancel(run->fetch, run->limits_timer);
    run->limits_timer = wanted ? fetch_timer_start(run->fetch, at_ms, run, pump_later) : NULL;
    run->limits_at_ms = at_ms;
}

/* The mutex is held, and let go of here. */
static void collect_and_unlock(struct run *run)
{
    struct limits *limits = &run->crew->limits;
    int64_t at_ms = INT64_MAX;
    uint64_t whose = lease_is_awaited(run) ? 0 : let_go(limits, run->now_ms, &at_ms);
    take_all(&run->let_go, &limits->inboxes[run->thread].let_go);
    pthread_mutex_unlock(&limits->lock);
    run->unpumped = false;
    wake(limits, whose & ~((uint64_t)1 << run->thread));
    set_timer(run, at_ms);
}

/* The same. What is sent may come back at once, and others may go in its place: they do in this loop, not in
 * one within it. */
static void pump_and_unlock(struct run *run)
{
    collect_and_unlock(run);
    if (run->pumping)
        return;
    run->pumping = true;
    for (bool more = true; more;) {
        struct task *task = lease_is_awaited(run) ? NULL : run->let_go.first;
        if (task) {
            take_out(&run->let_go, task);
            waits_no_more(task);
            task_send(task);
        } else if ((more = run->unpumped)) {
            pthread_mutex_lock(&run->crew->limits.lock);
            collect_and_unlock(run);
        }
    }
    run->pumping = false;
}

struct bucket *limits_bucket(struct run *run, struct bytes key, const struct limits_def *def)
{
    struct limits *limits = &run->crew->limits;
    pthread_mutex_lock(&limits->lock);
    struct bucket *bucket = limiter_bucket(limits->limiter, key, def->rate, def->burst, def->concurrency);
    pthread_mutex_unlock(&limits->lock);
    return bucket;
}

void limits_edited(struct limits *limits)
{
    pthread_mutex_lock(&limits->lock);
    limiter_renew(limits->limiter);
    pthread_mutex_unlock(&limits->lock);
}

void limits_ask(struct task *task)
{
    struct limits *limits = &task->run->crew->limits;
    pthread_mutex_lock(&limits->lock);
    if (task->owes)
        pay(limits, task);
    limiter_ask(limits->limiter, &task->ticket);
    task->account->limited++;
    pump_and_unlock(task->run);
}

void limits_pump(struct run *run)
{
    pthread_mutex_lock(&run->crew->limits.lock);
    pump_and_unlock(run);
}

/* A run of once has little patience: a pause that is longer than a request would wait isn't kept, so that
 * what asks next fails by itself, and says why. */
void limits_heard(struct task *task, const struct heard *heard)
{
    task->heard = *heard;
    if (!heard->has_quota || !run_is_once(task->run))
        return;
    if (heard->quota.after_ms > LIMIT_RETRY_AFTER_MS)
        task->heard.quota.after_ms = -1;
    if (heard->quota.reset_ms > LIMIT_RETRY_AFTER_MS)
        task->heard.quota.remaining = -1;
}

void limits_done(struct task *task)
{
    struct limits *limits = &task->run->crew->limits;
    pthread_mutex_lock(&limits->lock);
    pay(limits, task);
    pthread_mutex_unlock(&limits->lock);
    task->run->unpumped = true;
}

void limits_pass_on(struct task *task)
{
    struct limits *limits = &task->run->crew->limits;
    pthread_mutex_lock(&limits->lock);
    pay(limits, task);
    pump_and_unlock(task->run);
}

/* It waits, or was let go and doesn't know it yet. */
void limits_cancel(struct task *task)
{
    struct run *run = task->run;
    struct limits *limits = &run->crew->limits;
    pthread_mutex_lock(&limits->lock);
    if (task->ticket.waiting) {
        limiter_cancel(limits->limiter, &task->ticket);
    } else {
        CHECK(take_out(&run->let_go, task) || take_out(&limits->inboxes[run->thread].let_go, task));
        limiter_done(limits->limiter, &task->ticket);
    }
    pthread_mutex_unlock(&limits->lock);
    run->unpumped = true;
    waits_no_more(task);
}

void limits_each(struct limits *limits, int64_t now_ms,
                 void (*see)(void *context, const struct bucket_view *view), void *context)
{
    pthread_mutex_lock(&limits->lock);
    limiter_each(limits->limiter, now_ms, see, context);
    pthread_mutex_unlock(&limits->lock);
}

/* --- a thread's coming and going --- */

static void on_wake(void *context)
{
    struct run *run = context;
    uint64_t count;
    run_tick(run);
    ssize_t n = read(run->crew->limits.inboxes[run->thread].wake, &count, sizeof count);
    (void)n;
    control_serve(run);
    lease_resume(run);
    limits_pump(run);
}

int limits_join(struct run *run, struct error *e)
{
    int event = run->crew->limits.inboxes[run->thread].wake;
    return event < 0 ? 0 : fetch_watch(run->fetch, event, run, on_wake, e);
}

void limits_leave(struct run *run)
{
    struct limits *limits = &run->crew->limits;
    uint64_t others = 0;
    pthread_mutex_lock(&limits->lock);
    CHECK(!limits->inboxes[run->thread].let_go.first);
    limits->inboxes[run->thread].left = true;
    for (uint32_t i = 0; i < limits->threads; i++)
        if (!limits->inboxes[i].left)
            others |= (uint64_t)1 << i;
    pthread_mutex_unlock(&limits->lock);
    wake(limits, others);
}
