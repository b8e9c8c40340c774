/* Shards: the tasks that write into a store, and its commits. Not for others than worker/run. */
#ifndef GARNER_RUN_SHARD_H
#define GARNER_RUN_SHARD_H

#include "worker/run/compact.h"
#include "worker/run/cost.h"
#include "worker/run/run.h"
#include "worker/run/task.h"
#include "worker/store/store.h"

struct account;
struct place;
struct run;

/* A harvest that is over, committed but for the commit, and will have nothing to tell: what it takes to say
 * that it failed after all. */
struct ended {
    struct ended *next;
    struct account *account;
    const struct collection_def *def;
    const struct place *place;
    struct bytes parent; /* of its key */
};

struct shard {
    struct shard *next; /* of its run's */
    struct run *run;
    uint32_t number;
    struct store *store;
    struct task_list tasks; /* under way, or done and not committed yet */
    struct ended *ended;    /* not committed yet either; in: */
    struct arena endings;
    uint32_t ended_count;      /* of these */
    struct run_totals sums;    /* of these, to be added to the run's */
    uint64_t told;             /* the last seq that was given to `committed` */
    struct fetch_timer *timer; /* of the next commit */
    int64_t timer_at_ms;
    struct compacting compacting;
    bool has_changes;        /* gathered, not receipts only */
    bool failing;            /* inside shard_fail */
    bool commit_failed;      /* the last one did */
    int64_t failure_told_ms; /* steady time; 0: never */
    bool is_failure_told;    /* since the last commit */
    bool is_held;            /* what is gathered waits for the lease */
    bool is_leaving;         /* it won't be this run's any more: nothing waits */
    struct cost cost;
};

/* ERR_STOPPED: it isn't this thread's. */
int shard_open(struct run *run, uint32_t number, struct shard **out, struct error *e);
/* The same, for who commits at once and says what came of it. ERR_STOPPED: or the lease has ended. */
int shard_open_to_write(struct run *run, uint32_t number, struct shard **out, struct error *e);
void shard_close(struct shard *shard); /* nothing is gathered or under way; frees it */
void shard_add(struct shard *shard, struct task *task);
void shard_drop(struct shard *shard, struct task *task);
void shard_job_done(struct shard *shard, struct task *task); /* may end the task, or commit */
void shard_after_write(struct shard *shard, bool soon);      /* commit when enough has gathered, or soon */
/* 0, or the error's code: who is concerned has been told. ERR_STOPPED: the lease has ended, and what is
 * gathered waits for the next one. */
int shard_commit(struct shard *shard);
void shard_resume(struct shard *shard); /* the lease goes on: commit what waited for it */
void shard_fail(struct shard *shard, const struct error *error);

#endif
