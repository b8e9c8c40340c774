/* Loop: descriptors on epoll and timers on a heap, of one thread. Internal to fetch; knows nothing of HTTP.
 *
 * Callbacks run inside loop_wait and may start and stop watches and timers, their own too. */
#ifndef GARNER_LOOP_H
#define GARNER_LOOP_H

#include "common/error.h"
#include "common/heap.h"
#include "worker/fetch/fetch.h"

struct watch;
typedef void loop_ready(struct watch *watch, uint32_t events);

/* A descriptor that is watched. */
struct watch {
    int fd;
    loop_ready *ready;
    void *context;
    bool stopped;
    struct watch *next, *previous;
};

struct fetch_timer {
    struct heap_node node;
    void *context;
    fetch_fire *fire;
    struct fetch_timer *next_due;
    bool cancelled;
};

struct loop {
    int epoll;
    bool running;
    struct heap timers;
    struct fetch_timer *due; /* about to fire */
    int64_t now_ms;          /* when the last wait ended: the time of all that is called back by then */
    struct watch *watches;   /* all of them, the newest first */
    struct watch *stopped;   /* to be freed when no event can name them any more */
};

int loop_open(struct loop *loop, struct error *e);
void loop_close(struct loop *loop); /* frees all timers and watches; the descriptors stay open */

/* Watch for EPOLLIN, EPOLLOUT or both. Null with errno set if epoll says no. */
struct watch *loop_watch(struct loop *loop, int fd, uint32_t events, void *context, loop_ready *ready);
void loop_watch_events(struct loop *loop, struct watch *watch, uint32_t events);
void loop_unwatch(struct loop *loop, struct watch *watch); /* null is fine; before the descriptor is closed */

struct fetch_timer *loop_timer(struct loop *loop, int64_t at_ms, void *context, fetch_fire *fire);
void loop_timer_cancel(struct loop *loop, struct fetch_timer *timer); /* null is fine; not after it fired */

/* Wait for a descriptor or timer, until `until_ms` at the latest (INT64_MAX: for ever), and call back. */
void loop_wait(struct loop *loop, int64_t until_ms);

#endif
