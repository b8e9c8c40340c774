/* Tasks: one job (a collection's harvest) or one discovery of regions. It belongs to a shard until what it
 * wrote is committed. A job is large, so a task has none before its first request may go. Tasks are freed
 * between two turns of the loop only, so that whoever holds one in a callback may go on holding it. Not for
 * others than worker/run. */
#ifndef GARNER_RUN_TASK_H
#define GARNER_RUN_TASK_H

#include "worker/fetch/limiter.h"
#include "worker/harvest/job.h"
#include "worker/run/lineage.h"

struct account;
struct fetch_timer;
struct place;
struct run;
struct session;
struct shard;
struct watched;

/* One that waits in some list. */
struct task_list {
    struct task *first, *last;
};

enum task_kind { TASK_COLLECTION, TASK_REGIONS };
enum task_state { TASK_NEW, TASK_LIMITED, TASK_SENT, TASK_TIMER, TASK_SESSION, TASK_DONE, TASK_DEAD };

struct discovery {
    struct harvest harvest;
    struct winnow winnow;
    struct arena arena;
    const char **names;
    uint32_t count;
    struct error error;
};

struct task {
    struct task *next, *previous; /* in its shard's tasks */
    struct task *next_waiting;    /* in a session's waiting, among those let go, or among the dead */
    struct run *run;
    struct account *account;
    struct place *place;
    struct shard *shard; /* null for a discovery */
    enum task_kind kind;
    enum task_state state;
    const struct collection_def *def;
    struct arena arena;
    struct placeholders values;
    struct lineage *lineage;
    struct listing_parent parent; /* with a lineage */
    struct watched *watched;      /* what it harvests; null: once, and not again */
    bool is_void;                 /* what it wrote was lost */
    struct limiter_ticket ticket;
    struct session *session; /* it waits for */
    struct fetch_timer *timer;
    bool in_flight;     /* a request of it is under way: don't free it */
    bool owes;          /* its request has ended, and the limits don't know yet: */
    struct heard heard; /* this is what became of it */
    bool is_probe;      /* its account's breaker waits for it */
    bool is_refused;    /* its account's breaker is open: nothing is asked */
    struct job *job;    /* of a collection, once it has begun */
    struct discovery *discovery;
};

/* What a collection's harvest begins with. */
struct start {
    const struct collection_def *def;
    struct place *place;
    struct lineage *lineage; /* of a child, else null; taken over */
    struct listing_parent parent;
    struct watched *watched; /* null: once, and not again */
    bool is_probe;           /* its account's breaker waits for it */
    bool is_refused;         /* the breaker is open: it ends at once, and says why */
};

struct task *task_new(struct account *a, enum task_kind kind, const struct collection_def *def);
void task_start(struct account *a, const struct start *start);
void task_follow(struct task *task, enum job_want want);
void task_due(struct task *task);
void task_end(struct task *task); /* it is over: dead, to be buried */
void task_stop(struct task *task, const struct error *why);
void task_send(struct task *task); /* the limits let it go: begin, if it hasn't, and send */
void task_free(struct task *task);

/* --- discovery.c: a task of another kind --- */

void discovery_begin(struct account *a);
enum job_want discovery_follow(struct task *task, enum harvest_want want);
void discovery_ended(struct task *task);

#endif
