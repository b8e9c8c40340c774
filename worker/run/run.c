/* One turn of the loop: start what may start, wait for something to happen, bury what is over. */
#include "worker/run/internal.h"

#include <stdlib.h>
#include <sys/random.h>

#include "common/check.h"
#include "common/clock.h"
#include "common/limits.h"

enum { PROGRESS_MS = 500 };

void run_queue(struct account *a)
{
    struct run *run = a->run;
    if (a->queued)
        return;
    a->queued = true;
    a->next_queued = NULL;
    if (run->queue_last)
        run->queue_last->next_queued = a;
    else
        run->queue = a;
    run->queue_last = a;
}

static struct account *unqueue(struct run *run)
{
    struct account *a = run->queue;
    run->queue = a->next_queued;
    if (!run->queue)
        run->queue_last = NULL;
    a->queued = false;
    return a;
}

/* Accounts take turns. One that has nothing to start, or enough under way, comes back when something of
 * it has ended. */
static void start_more(struct run *run)
{
    while (run->queue && run->active < LIMIT_TASKS && !run->stopping) {
        struct account *a = unqueue(run);
        if (a->active < LIMIT_TASKS_PER_ACCOUNT && account_start_next(a))
            run_queue(a);
    }
}

static void bury(struct run *run)
{
    struct task **at = &run->dead;
    while (*at) {
        struct task *task = *at;
        if (task->in_flight) { /* its answer is still to come, and will be thrown away */
            at = &task->next_waiting;
            continue;
        }
        *at = task->next_waiting;
        task_free(task);
    }
}

static void commit_all(struct run *run)
{
    for (uint32_t i = 0; i < run->set->folder->shards; i++)
        if (run->shards[i].tasks.first || run->shards[i].ended)
            shard_commit(&run->shards[i]);
}

static void stop(void *context)
{
    struct run *run = context;
    struct error why;
    if (run->stopping)
        return;
    run->stopping = run->totals.stopped = true;
    error_set(&why, ERR_STOPPED, "stopped before it was done");
    for (uint32_t i = 0; i < run->account_count; i++) {
        brood_close_all(&run->accounts[i]);
        if (run->accounts[i].discovery)
            task_stop(run->accounts[i].discovery, &why);
    }
    for (uint32_t i = 0; i < run->set->folder->shards; i++)
        for (struct task *task = run->shards[i].tasks.first, *next; task; task = next) {
            next = task->next;
            task_stop(task, &why);
        }
}

static void show_progress(void *context)
{
    struct run *run = context;
    run->progress_timer = NULL;
    if (!run->active)
        return;
    run->set->progress(run->set->context, &run->totals, run->active);
    run->progress_timer = fetch_timer_start(run->fetch, clock_steady_ms() + PROGRESS_MS, run, show_progress);
}

static void loop(struct run *run)
{
    if (run->set->progress)
        run->progress_timer = fetch_timer_start(run->fetch, clock_steady_ms() + PROGRESS_MS, run,
                                                show_progress);
    start_more(run);
    while (run->active || (run->resolving && !run->stopping)) {
        if (run->active && run->active == run->done &&
            !run->resolving) /* nothing else is under way: no need to gather more */
            commit_all(run);
        else
            fetch_step(run->fetch, -1);
        bury(run);
        start_more(run);
    }
    commit_all(run);
    bury(run);
}

static int open_run(struct run *run, const struct run_setting *set, struct error *e)
{
    uint64_t seed = 0;
    CHECK(getrandom(&seed, sizeof seed, 0) == sizeof seed);
    *run = (struct run){.set = set, .limiter = limiter_open()};
    random_seed(&run->retry.random, seed);
    run->retry.first_ms = set->config->retry_first_ms;
    run->shards = mem_zalloc(set->folder->shards * sizeof *run->shards);
    run->accounts = mem_zalloc((set->config->account_count + 1) * sizeof *run->accounts);
    int code = fetch_open(&(struct fetch_options){0}, &run->fetch, e);
    if (!code && set->stop_fd >= 0)
        code = fetch_watch(run->fetch, set->stop_fd, run, stop, e);
    for (uint32_t i = 0; !code && i < set->config->account_count; i++, run->account_count++)
        account_open(&run->accounts[i], run, &set->config->accounts[i]);
    return code ? code : watch_check(run, e);
}

static void close_run(struct run *run)
{
    fetch_close(run->fetch); /* calls nobody back: what was in flight may be freed */
    for (struct task *task = run->dead, *next; task; task = next) {
        next = task->next_waiting;
        task_free(task);
    }
    for (uint32_t i = 0; i < run->account_count; i++)
        account_close(&run->accounts[i]);
    limiter_close(run->limiter);
    free(run->accounts);
    free(run->shards);
}

int run_once(const struct run_setting *set, struct run_totals *totals, struct error *e)
{
    struct run run;
    int code = open_run(&run, set, e);
    if (!code) {
        loop(&run);
        if (!run.stopping)
            code = watch_mark(&run, e);
    }
    *totals = run.totals;
    close_run(&run);
    return code;
}
