/* Timers are epoll_wait's time-out: a timerfd would only add system calls. What is stopped during a batch of
 * events is freed after it, since later events of the batch may still name it. Timers that are due are
 * taken off the heap before the first one fires, so one that starts itself anew can't keep the loop
 * from its descriptors. */
#include "worker/fetch/loop.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "common/check.h"
#include "common/clock.h"

enum { EVENTS_A_BATCH = 128 };

int loop_open(struct loop *loop, struct error *e)
{
    *loop = (struct loop){.epoll = epoll_create1(EPOLL_CLOEXEC), .now_ms = clock_steady_ms()};
    if (loop->epoll < 0)
        return error_set(e, ERR_IO, "epoll_create1: %s: raise the limit of open files", strerror(errno));
    return 0;
}

static void free_watches(struct watch *watch)
{
    while (watch) {
        struct watch *next = watch->next;
        free(watch);
        watch = next;
    }
}

void loop_close(struct loop *loop)
{
    CHECK(!loop->running);
    for (struct heap_node *node; (node = heap_first(&loop->timers));) {
        heap_remove(&loop->timers, node);
        free(HEAP_OWNER(node, struct fetch_timer, node));
    }
    heap_close(&loop->timers);
    free_watches(loop->watches);
    free_watches(loop->stopped);
    if (loop->epoll >= 0)
        close(loop->epoll);
    *loop = (struct loop){.epoll = -1};
}

struct watch *loop_watch(struct loop *loop, int fd, uint32_t events, void *context, loop_ready *ready)
{
    struct watch *watch = mem_zalloc(sizeof *watch);
    *watch = (struct watch){.fd = fd, .ready = ready, .context = context, .next = loop->watches};
    struct epoll_event event = {.events = events, .data.ptr = watch};
    if (epoll_ctl(loop->epoll, EPOLL_CTL_ADD, fd, &event)) {
        free(watch);
        return NULL;
    }
    if (watch->next)
        watch->next->previous = watch;
    loop->watches = watch;
    return watch;
}

void loop_watch_events(struct loop *loop, struct watch *watch, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = watch};
    if (epoll_ctl(loop->epoll, EPOLL_CTL_MOD, watch->fd, &event) && errno == ENOENT)
        CHECK(epoll_ctl(loop->epoll, EPOLL_CTL_ADD, watch->fd, &event) == 0); /* closed and opened again */
}

void loop_unwatch(struct loop *loop, struct watch *watch)
{
    if (!watch)
        return;
    epoll_ctl(loop->epoll, EPOLL_CTL_DEL, watch->fd, NULL); /* fails if it is closed already: just as well */
    if (watch->next)
        watch->next->previous = watch->previous;
    if (watch->previous)
        watch->previous->next = watch->next;
    else
        loop->watches = watch->next;
    watch->stopped = true;
    watch->previous = NULL;
    watch->next = loop->stopped;
    loop->stopped = watch;
    if (!loop->running) {
        free_watches(loop->stopped);
        loop->stopped = NULL;
    }
}

struct fetch_timer *loop_timer(struct loop *loop, int64_t at_ms, void *context, fetch_fire *fire)
{
    struct fetch_timer *timer = mem_zalloc(sizeof *timer);
    timer->context = context;
    timer->fire = fire;
    heap_push(&loop->timers, &timer->node, at_ms);
    return timer;
}

void loop_timer_cancel(struct loop *loop, struct fetch_timer *timer)
{
    if (!timer)
        return;
    if (timer->node.place == 0) { /* due: freed when its turn comes */
        timer->cancelled = true;
        return;
    }
    heap_remove(&loop->timers, &timer->node);
    free(timer);
}

static void fire_due(struct loop *loop, int64_t now_ms)
{
    struct fetch_timer **last = &loop->due;
    for (struct heap_node *node; (node = heap_first(&loop->timers)) && node->key <= now_ms;) {
        heap_remove(&loop->timers, node);
        *last = HEAP_OWNER(node, struct fetch_timer, node);
        last = &(*last)->next_due;
    }
    for (struct fetch_timer *timer; (timer = loop->due);) {
        loop->due = timer->next_due;
        if (!timer->cancelled)
            timer->fire(timer->context);
        free(timer);
    }
}

static int timeout_of(const struct loop *loop, int64_t until_ms)
{
    struct heap_node *first = heap_first(&loop->timers);
    if (first && first->key < until_ms)
        until_ms = first->key;
    if (until_ms == INT64_MAX)
        return -1;
    int64_t wait_ms = until_ms - clock_steady_ms();
    return wait_ms < 0 ? 0 : wait_ms > INT_MAX ? INT_MAX : (int)wait_ms;
}

void loop_wait(struct loop *loop, int64_t until_ms)
{
    struct epoll_event events[EVENTS_A_BATCH];
    CHECK(!loop->running);
    int count = epoll_wait(loop->epoll, events, EVENTS_A_BATCH, timeout_of(loop, until_ms));
    CHECK(count >= 0 || errno == EINTR);
    loop->now_ms = clock_steady_ms();
    loop->running = true;
    for (int i = 0; i < count; i++) {
        struct watch *watch = events[i].data.ptr;
        if (!watch->stopped)
            watch->ready(watch, events[i].events);
    }
    fire_due(loop, clock_steady_ms());
    loop->running = false;
    free_watches(loop->stopped);
    loop->stopped = NULL;
}
