/* What the files of worker/run share: a thread's run, and all that it leads to. Not for others.
 *
 *   account --has--> regions, sessions, broods --make--> tasks --write to--> shards --commit
 *
 * All of that belongs to one thread, whose `struct run` leads to it. What threads share is in `struct crew`.
 *
 * Whatever fetch calls back begins with run_tick: what is done then has one time. */
#ifndef GARNER_RUN_INTERNAL_H
#define GARNER_RUN_INTERNAL_H

#include <pthread.h>

#include "worker/feed/retention.h"
#include "worker/fetch/fetch.h"
#include "worker/run/account.h"
#include "worker/run/brood.h"
#include "worker/run/compact.h"
#include "worker/run/control.h"
#include "worker/run/cost.h"
#include "worker/run/crew.h"
#include "worker/run/health.h"
#include "worker/run/lease.h"
#include "worker/run/limits.h"
#include "worker/run/lineage.h"
#include "worker/run/own.h"
#include "worker/run/place.h"
#include "worker/run/report.h"
#include "worker/run/roster.h"
#include "worker/run/run.h"
#include "worker/run/session.h"
#include "worker/run/shard.h"
#include "worker/run/task.h"
#include "worker/run/watch.h"
#include "worker/run/watched.h"

enum {
    RUN_PROGRESS_MS = 500,
    RUN_SPARE_TASKS = 64,
    RUN_SPARE_JOBS = 64,
    RUN_ACCOUNT_SLOTS = 4096,
    RUN_REGIONS_MS = 3600000,        /* regions are asked for again */
    RUN_CREDENTIALS_FIRST_MS = 30000 /* … and credentials that failed; then twice as long, five times */
};

/* A thread of a run, and all that is its own. */
struct run {
    struct crew *crew;
    uint32_t thread; /* its number */
    pthread_t id;    /* but of the first one: that is the caller's */
    const struct run_setting *set;
    struct fetch *fetch;
    int64_t now_ms, wall_ms; /* when fetch last called back, or the loop's turn began */
    struct fetch_timer *limits_timer;
    int64_t limits_at_ms;
    bool unpumped; /* something was given back to the limits, and may let others go */
    bool pumping;
    struct task_list let_go; /* taken from the inbox, and not sent yet */
    struct retry retry;
    struct account *accounts, *accounts_last;
    struct account *slots[RUN_ACCOUNT_SLOTS]; /* by a hash of their names */
    struct account *leaving; /* none of the above any more: to be closed when nothing is under way */
    struct account *queue, *queue_last; /* those that may have something to start */
    struct heap sleeping;               /* accounts of which nothing is due yet, by when something is */
    struct fetch_timer *due_timer;      /* for the first of them */
    int64_t due_at_ms;
    struct shard *shards; /* those that it has open */
    struct retention retention;
    int64_t compact_from_ms; /* no change leaves a log before: steady time */
    uint64_t active;         /* tasks not dead */
    uint64_t resolving;      /* commands that give credentials */
    struct {
        unsigned under_way;
        struct session *first, *last; /* that wait for their turn */
        bool turning;
    } chains;           /* of session_aws.c */
    uint64_t done;      /* of these, done and not committed yet */
    uint64_t gathering; /* shards that have gathered changes */
    struct task *dead;  /* to be buried; linked by next_waiting */
    /* Memory for the next ones: what was used last is taken first. */
    struct task *spare_tasks[RUN_SPARE_TASKS];
    struct job *spare_jobs[RUN_SPARE_JOBS];
    uint32_t spare_task_count, spare_job_count;
    bool stopping;
    bool is_held;          /* something waits for the lease (lease.c) */
    struct shard *working; /* whom its time goes to (cost.c); null: nobody. Since: */
    int64_t working_ns;
    int64_t costed_ms; /* what they cost was last reckoned */
    struct health health;
    struct run_totals totals;
    struct run_totals shown; /* a copy of them, under crew->telling */
    uint64_t shown_active;   /* likewise */
};

int run_open(struct run **out, struct crew *crew, uint32_t thread, struct error *e);
void run_harvest(struct run *run); /* on its thread, until all is done or stopped */
void run_close(struct run *run);   /* when all threads have ended; null is fine */
void run_queue(struct account *a); /* it may have something to start */
void run_unqueue(struct account *a);
void run_sleep(struct account *a, int64_t at_ms); /* it has not, until then */
void run_tick(struct run *run);                   /* read the clocks */
bool run_is_once(const struct run *run);
void run_commit_all(struct run *run);
void run_begin_accounts(struct run *run); /* those that were opened since the last time */
void run_stop_account(struct account *a, const struct error *why); /* end what it has under way … */
void run_stop_shard(struct shard *shard, const struct error *why); /* … or what a shard has, of whomever */

#endif
