/* A thread of a run. One turn of its loop: start what may start, wait for something to happen, bury what is
 * over. */
#include "worker/run/internal.h"

#include <stdlib.h>
#include <sys/random.h>

#include "common/check.h"
#include "common/clock.h"
#include "common/limits.h"

void run_queue(struct account *a)
{
    struct run *run = a->run;
    if (a->queued || a->is_leaving)
        return;
    if (a->sleeping.place)
        heap_remove(&run->sleeping, &a->sleeping);
    a->queued = true;
    a->next_queued = NULL;
    a->previous_queued = run->queue_last;
    *(run->queue_last ? &run->queue_last->next_queued : &run->queue) = a;
    run->queue_last = a;
}

void run_unqueue(struct account *a)
{
    struct run *run = a->run;
    if (!a->queued)
        return;
    *(a->previous_queued ? &a->previous_queued->next_queued : &run->queue) = a->next_queued;
    *(a->next_queued ? &a->next_queued->previous_queued : &run->queue_last) = a->previous_queued;
    a->queued = false;
}

bool run_is_once(const struct run *run)
{
    return run->set->once;
}

void run_tick(struct run *run)
{
    run->now_ms = clock_steady_ms();
    run->wall_ms = clock_wall_ms();
    health_ticked(run);
}

/* To start more of what waits for its limits gains nothing: these let go one after the other anyway. */
static bool may_start(const struct account *a)
{
    return a->active < LIMIT_TASKS_PER_ACCOUNT && a->limited < LIMIT_TASKS_LIMITED;
}

/* Accounts take turns. One that has nothing to start, or enough under way, comes back when something of
 * it has ended. */
static void start_more(struct run *run)
{
    while (run->queue && run->active < LIMIT_TASKS && !run->stopping && !lease_is_awaited(run)) {
        struct account *a = run->queue;
        run_unqueue(a);
        if (may_start(a) && account_start_next(a))
            run_queue(a);
    }
    lease_tell(run);
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

void run_commit_all(struct run *run)
{
    for (struct shard *shard = run->shards; shard; shard = shard->next)
        if (shard->tasks.first || shard->ended || shard->has_changes)
            shard_commit(shard);
}

/* What alone waits to be told. Receipts wait on for their own time: else each change would sync the stores of
 * all who were harvested since. */
static void commit_awaited(struct run *run)
{
    for (struct shard *shard = run->shards; shard; shard = shard->next)
        if (shard->tasks.first || shard->has_changes)
            shard_commit(shard);
}

/* --- accounts of which nothing is due --- */

static void on_due(void *context)
{
    struct run *run = context;
    run_tick(run);
    run->due_timer = NULL;
}

/* There is always a timer while it goes on, be it for the end of time: with nothing else under way the loop
 * would not wait. */
static void set_due_timer(struct run *run)
{
    const struct heap_node *first = heap_first(&run->sleeping);
    int64_t at_ms = first ? first->key : INT64_MAX;
    if (run->due_timer && run->due_at_ms == at_ms)
        return;
    if (run->due_timer)
        fetch_timer_cancel(run->fetch, run->due_timer);
    run->due_timer = fetch_timer_start(run->fetch, at_ms, run, on_due);
    run->due_at_ms = at_ms;
}

void run_sleep(struct account *a, int64_t at_ms)
{
    if (at_ms != INT64_MAX && !a->queued && !a->is_leaving)
        heap_push(&a->run->sleeping, &a->sleeping, at_ms);
}

static void wake_accounts(struct run *run)
{
    struct heap_node *first;
    while ((first = heap_first(&run->sleeping)) && first->key <= run->now_ms)
        run_queue(HEAP_OWNER(first, struct account, sleeping));
}

/* --- the end --- */

static struct task *first_at_work(const struct shard *shard, const struct account *only)
{
    struct task *task = shard->tasks.first;
    while (task && (task->state == TASK_DONE || (only && task->account != only)))
        task = task->next;
    return task;
}

/* From the first one each time: to stop one may end others, by a commit or by its failure. */
static void stop_tasks(struct run *run, const struct account *only, const struct error *why)
{
    struct task *task;
    for (struct shard *shard = run->shards; shard; shard = shard->next)
        while ((task = first_at_work(shard, only)))
            task_stop(task, why);
}

void run_stop_shard(struct shard *shard, const struct error *why)
{
    struct task *task;
    while ((task = first_at_work(shard, NULL)))
        task_stop(task, why);
}

void run_stop_account(struct account *a, const struct error *why)
{
    brood_close_all(a);
    if (a->discovery)
        task_stop(a->discovery, why);
    stop_tasks(a->run, a, why);
}

static void stop(void *context)
{
    struct run *run = context;
    struct error why;
    run_tick(run);
    if (run->stopping)
        return;
    run->stopping = run->totals.stopped = true;
    error_set(&why, ERR_STOPPED, "stopped before it was done");
    for (struct account *a = run->accounts; a; a = a->next) {
        brood_close_all(a);
        if (a->discovery)
            task_stop(a->discovery, &why);
    }
    stop_tasks(run, NULL, &why);
}

static void show_progress(void *context)
{
    struct run *run = context;
    run_tick(run);
    crew_progress(run);
    fetch_timer_start(run->fetch, run->now_ms + RUN_PROGRESS_MS, run, show_progress);
}

static bool goes_on(const struct run *run)
{
    bool again = !run_is_once(run) && !run->stopping;
    return again || run->active || (run->resolving && !run->stopping);
}

/* Nothing else is under way: no need to gather more. What waits for a lease goes on waiting. */
static bool is_only_gathering(const struct run *run)
{
    return run->active == run->done && (run->done || run->gathering) && !run->resolving &&
           (!run->is_held || run->stopping);
}

static void loop(struct run *run)
{
    if (run->set->progress)
        fetch_timer_start(run->fetch, run->now_ms + RUN_PROGRESS_MS, run, show_progress);
    if (!run_is_once(run)) {
        health_watch(run);
        cost_watch(run);
    }
    start_more(run);
    while (goes_on(run)) {
        if (is_only_gathering(run)) {
            commit_awaited(run);
        } else {
            if (!run_is_once(run))
                set_due_timer(run);
            fetch_step(run->fetch, -1);
        }
        if (run->unpumped)
            limits_pump(run);
        bury(run);
        adopt_finish(run);
        run_tick(run);
        wake_accounts(run);
        start_more(run);
    }
    run_commit_all(run);
    if (run_is_once(run))
        compact_all(run);
    bury(run);
}

int run_open(struct run **out, struct crew *crew, uint32_t thread, struct error *e)
{
    const struct run_setting *set = crew->set;
    struct run *run = *out = mem_zalloc(sizeof *run);
    uint64_t seed = 0;
    CHECK(getrandom(&seed, sizeof seed, 0) == sizeof seed);
    *run = (struct run){.crew = crew, .set = set, .thread = thread};
    random_seed(&run->retry.random, seed);
    run->retry.first_ms = set->config->retry_first_ms;
    run->retention = (struct retention){set->config->retention_age_ms, set->config->retention_bytes};
    int code = fetch_open(&(struct fetch_options){0}, &run->fetch, e);
    if (!code && set->stop_fd >= 0)
        code = fetch_watch(run->fetch, set->stop_fd, run, stop, e);
    return code ? code : limits_join(run, e);
}

void run_begin_accounts(struct run *run)
{
    struct account *first = run->accounts;
    while (first && first->has_begun)
        first = first->next;
    if (first && !run_is_once(run))
        load_watched(run);
    for (struct account *a = first; a; a = a->next)
        account_begin(a);
}

/* All are there before the first one begins: what the shards know is for all of them. */
static void open_accounts(struct run *run)
{
    const struct config *config = run->set->config;
    for (uint32_t i = 0; i < config->account_count; i++)
        if (own_has_account(run, &config->accounts[i]))
            account_open(run, &config->accounts[i]);
    run_begin_accounts(run);
    health_loaded(run);
}

/* The thread has nothing to do any more. Accounts and shards stay, for what comes when all threads have
 * ended. */
static void leave(struct run *run)
{
    fetch_close(run->fetch); /* calls nobody back: what was in flight may be freed */
    run->fetch = NULL;
    for (struct task *task = run->dead, *next; task; task = next) {
        next = task->next_waiting;
        if (task->in_flight)
            limits_done(task);
        task_free(task);
    }
    run->dead = NULL;
    control_leave(run);
    limits_leave(run);
    if (run->set->progress)
        crew_progress(run);
}

void run_harvest(struct run *run)
{
    run_tick(run);
    open_accounts(run);
    loop(run);
    leave(run);
}

void run_close(struct run *run)
{
    if (!run)
        return;
    fetch_close(run->fetch); /* if it never began */
    while (run->spare_task_count)
        free(run->spare_tasks[--run->spare_task_count]);
    while (run->spare_job_count)
        free(run->spare_jobs[--run->spare_job_count]);
    heap_close(&run->sleeping);
    while (run->accounts) {
        struct account *a = run->accounts;
        run->accounts = a->next;
        account_close(a);
    }
    adopt_close(run);
    free(run);
}
