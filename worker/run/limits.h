/* Limits: the one limiter of all threads. Not for others than worker/run. */
#ifndef GARNER_RUN_LIMITS_H
#define GARNER_RUN_LIMITS_H

#include <pthread.h>

#include "worker/run/task.h"

struct run;

/* What was let go for a thread, by whichever thread. */
struct inbox {
    struct task_list let_go;
    int wake; /* an eventfd; -1 where nobody else has anything to say */
    bool left;
};

/* One for all threads. All of it is under `lock`. */
struct limits {
    pthread_mutex_t lock;
    struct limiter *limiter;
    struct inbox *inboxes; /* by thread */
    uint32_t threads;
};

/* May be called by any thread for what is its own. */
int limits_open(struct limits *limits, uint32_t threads, bool wakes,
                struct error *e);                  /* wakes: by eventfds */
void limits_close(struct limits *limits);          /* safe twice */
int limits_join(struct run *run, struct error *e); /* its fetch is open: let it be woken */
void limits_leave(struct run *run);                /* it asks for nothing any more */
struct bucket *limits_bucket(struct run *run, struct bytes key, const struct limits_def *def);
void limits_edited(
    struct limits *limits);            /* provider files were: buckets take what they are next asked for */
void limits_ask(struct task *task);    /* pays what it owes; ends in task_send, now or later */
void limits_cancel(struct task *task); /* that asked, and was not sent */
void limits_heard(struct task *task, const struct heard *heard); /* for when it pays what it owes */
void limits_done(struct task *task);    /* what let it go is given back; limits_pump is to follow */
void limits_pass_on(struct task *task); /* both */
void limits_pump(struct run *run);      /* send what may go */
/* How all buckets are doing, under the mutex: `see` must be quick, and not call limits. Any thread. */
void limits_each(struct limits *limits, int64_t now_ms,
                 void (*see)(void *context, const struct bucket_view *view), void *context);

#endif
