/* A shard's commits. What its tasks write gathers in one transaction, up to LIMIT_COMMIT_ITEMS changes or
 * LIMIT_COMMIT_MS; a task is over when what it wrote is on disk. If a commit fails, everything since the
 * last one is void: the rows that were given out are not there, so every listing under way has failed. */
#include "worker/run/internal.h"

#include "common/check.h"
#include "common/clock.h"
#include "common/limits.h"

int shard_open(struct run *run, uint32_t number, struct shard **out, struct error *e)
{
    struct shard *shard = &run->shards[number];
    *out = shard;
    if (shard->store)
        return 0;
    shard->run = run;
    shard->number = number;
    int code = folder_store(run->set->folder, number, &shard->store, e);
    if (!code)
        shard->told = store_head(shard->store);
    return code;
}

void shard_add(struct shard *shard, struct task *task)
{
    task->previous = shard->tasks.last;
    if (task->previous)
        task->previous->next = task;
    else
        shard->tasks.first = task;
    shard->tasks.last = task;
}

static void take_out(struct shard *shard, struct task *task)
{
    *(task->previous ? &task->previous->next : &shard->tasks.first) = task->next;
    *(task->next ? &task->next->previous : &shard->tasks.last) = task->previous;
    task->next = task->previous = NULL;
}

static void on_timer(void *context)
{
    struct shard *shard = context;
    shard->timer = NULL;
    shard_commit(shard);
}

void shard_after_write(struct shard *shard, bool soon)
{
    if (!store_writing(shard->store) || shard->failing)
        return;
    if (soon || store_gathered(shard->store) >= LIMIT_COMMIT_ITEMS)
        shard_commit(shard);
    else if (!shard->timer)
        shard->timer = fetch_timer_start(shard->run->fetch, clock_steady_ms() + LIMIT_COMMIT_MS, shard,
                                         on_timer);
}

static void stop_timer(struct shard *shard)
{
    if (shard->timer)
        fetch_timer_cancel(shard->run->fetch, shard->timer);
    shard->timer = NULL;
}

static void tell(struct shard *shard)
{
    const struct run_setting *set = shard->run->set;
    uint64_t head = store_head(shard->store);
    if (head > shard->told && set->committed)
        set->committed(set->context, shard->store, shard->told + 1, head);
    shard->told = head;
}

void shard_commit(struct shard *shard)
{
    struct error e;
    stop_timer(shard);
    if (store_commit(shard->store, &e)) {
        shard_fail(shard, &e);
        return;
    }
    tell(shard);
    for (struct task *task = shard->tasks.first, *next; task; task = next) {
        next = task->next;
        if (task->state != TASK_DONE)
            continue;
        report_outcome(task, &task->job.outcome);
        brood_begin(task);
        take_out(shard, task);
        task_end(task);
    }
}

void shard_fail(struct shard *shard, const struct error *error)
{
    struct error e = *error; /* it may be in a task that ends here */
    CHECK(!shard->failing);
    shard->failing = true;
    stop_timer(shard);
    store_abort(shard->store);
    if (!shard->tasks.first)
        report_shard(shard, &e);
    for (struct task *task = shard->tasks.first, *next; task; task = next) {
        next = task->next;
        report_failure(task->account, &task->job.listing.record.key, &e);
        take_out(shard, task);
        task_end(task);
    }
    shard->failing = false;
}
