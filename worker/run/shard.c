/* A shard's commits. What its tasks write gathers in one transaction, up to LIMIT_COMMIT_ITEMS changes or
 * LIMIT_COMMIT_MS; a task is over when what it wrote is on disk. If a commit fails, everything since the
 * last one is void: the rows that were given out are not there, so every listing under way has failed.
 *
 * Most harvests change nothing and leave a receipt only, for which alone nobody need wait for the disk: such
 * receipts gather for LIMIT_RECEIPTS_MS. Their tasks don't stay until then, or thousands of them would hold
 * their memory and their account's turn. What is kept (`ended`) is what a failed commit must tell. */
#include "worker/run/internal.h"

#include <stdlib.h>

#include "common/check.h"
#include "common/limits.h"

int shard_open(struct run *run, uint32_t number, struct shard **out, struct error *e)
{
    struct shard **place = &run->crew->shards[number];
    struct store *store;
    *out = NULL;
    if (!own_has(run, number))
        return error_set(e, ERR_STOPPED, "shard %u isn't this worker's: ask the one whose it is now", number);
    if ((*out = *place))
        return 0;
    int code = folder_store(run->set->folder, number, &store, e);
    run_tick(run); /* the disk took its time, here and after a commit */
    if (code)
        return code;
    struct shard *shard = mem_alloc(sizeof *shard);
    *shard = (struct shard){
        .next = run->shards, .run = run, .number = number, .store = store, .told = store_head(store)};
    *out = *place = run->shards = shard;
    compact_begin(shard);
    cost_begin(shard);
    return 0;
}

int shard_open_to_write(struct run *run, uint32_t number, struct shard **out, struct error *e)
{
    int code = shard_open(run, number, out, e);
    return code ? code : lease_check(run->crew, e);
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

void shard_drop(struct shard *shard, struct task *task)
{
    *(task->previous ? &task->previous->next : &shard->tasks.first) = task->next;
    *(task->next ? &task->next->previous : &shard->tasks.last) = task->previous;
    task->next = task->previous = NULL;
}

static void on_timer(void *context)
{
    struct shard *shard = context;
    run_tick(shard->run);
    shard->timer = NULL;
    shard_commit(shard);
}

static void stop_timer(struct shard *shard)
{
    if (shard->timer)
        fetch_timer_cancel(shard->run->fetch, shard->timer);
    shard->timer = NULL;
}

void shard_close(struct shard *shard)
{
    struct run *run = shard->run;
    struct shard **at = &run->shards;
    CHECK(!shard->tasks.first && !shard->ended && !store_writing(shard->store));
    store_abort(shard->store);
    stop_timer(shard);
    compact_end(shard);
    cost_end(shard);
    health_committed(shard, 0);
    while (*at != shard)
        at = &(*at)->next;
    *at = shard->next;
    run->crew->shards[shard->number] = NULL;
    free(shard);
}

/* Commit at the latest so long from now. */
static void commit_within(struct shard *shard, int64_t wait_ms)
{
    int64_t at_ms = shard->run->now_ms + wait_ms;
    if (shard->timer && shard->timer_at_ms <= at_ms)
        return;
    stop_timer(shard);
    shard->timer_at_ms = at_ms;
    shard->timer = fetch_timer_start(shard->run->fetch, at_ms, shard, on_timer);
}

void shard_after_write(struct shard *shard, bool soon)
{
    if (!store_writing(shard->store) || shard->failing)
        return;
    uint32_t gathered = store_gathered(shard->store);
    if (gathered && !shard->has_changes) {
        shard->has_changes = true;
        shard->run->gathering++;
    }
    if (soon || gathered + shard->ended_count >= LIMIT_COMMIT_ITEMS || store_is_full(shard->store))
        shard_commit(shard);
    else
        commit_within(shard, gathered ? LIMIT_COMMIT_MS : LIMIT_RECEIPTS_MS);
}

/* Nothing is gathered any more. */
static void gathered_none(struct shard *shard)
{
    shard->run->gathering -= shard->has_changes;
    shard->has_changes = false;
}

/* --- harvests that have nothing to tell --- */

static void add_ended(struct shard *shard, const struct task *task)
{
    struct bytes parent = task->job->listing.record.key.parent;
    struct ended *ended = arena_alloc(&shard->endings, sizeof *ended);
    *ended = (struct ended){
        .next = shard->ended,
        .account = task->account,
        .def = task->def,
        .place = task->place,
        .parent = parent.data ? arena_copy(&shard->endings, parent) : parent,
    };
    shard->ended = ended;
    shard->ended_count++;
    report_count(&shard->sums, &task->job->outcome);
}

/* A run that goes on tells of the shard, once. */
static void report_void(struct run *run, struct account *a, const struct collection_key *key,
                        const struct error *e)
{
    if (run_is_once(run))
        report_failure(a, key, e);
    else
        report_count_failure(&run->totals, e);
}

/* Forget those that ended: the commit has failed (`failed`), or they count now. */
static void close_ended(struct shard *shard, const struct error *failed)
{
    if (!failed)
        report_add(&shard->run->totals, &shard->sums);
    for (const struct ended *ended = failed ? shard->ended : NULL; ended; ended = ended->next) {
        struct collection_key key = place_key(ended->account, ended->place, ended->def, ended->parent);
        report_void(shard->run, ended->account, &key, failed);
    }
    shard->ended = NULL;
    shard->ended_count = 0;
    shard->sums = (struct run_totals){0};
    arena_close(&shard->endings);
}

void shard_job_done(struct shard *shard, struct task *task)
{
    bool unmodified = task->job->outcome.unmodified;
    bool awaited = run_is_once(task->run) ? brood_has(task->def) && !unmodified : offspring_is_due(task);
    if (awaited || report_is_due(task)) {
        shard_after_write(shard, awaited);
        if (task->state == TASK_DONE && shard->timer)
            commit_within(shard, LIMIT_COMMIT_MS);
        return;
    }
    if (unmodified)
        brood_begin(task); /* its children rest on a receipt that was committed long ago */
    add_ended(shard, task);
    shard_drop(shard, task);
    task_end(task);
    shard_after_write(shard, false);
}

/* --- commits --- */

static void tell(struct shard *shard)
{
    const struct run_setting *set = shard->run->set;
    uint64_t head = store_head(shard->store);
    if (head > shard->told && set->committed) {
        pthread_mutex_lock(&shard->run->crew->telling);
        set->committed(set->context, shard->store, shard->told + 1, head);
        pthread_mutex_unlock(&shard->run->crew->telling);
    }
    shard->told = head;
}

/* Without a lease nothing is committed. What is gathered waits for the next one; where nobody does it is
 * void. */
static int hold(struct shard *shard, const struct error *e)
{
    if (shard->run->stopping || shard->is_leaving)
        shard_fail(shard, e);
    else
        shard->is_held = shard->run->is_held = true;
    return e->code;
}

void shard_resume(struct shard *shard)
{
    if (shard->is_held)
        shard_commit(shard);
}

static int commit(struct shard *shard)
{
    struct error e;
    stop_timer(shard);
    shard->is_held = false;
    if (store_writing(shard->store) && lease_check(shard->run->crew, &e))
        return hold(shard, &e);
    int code = store_commit(shard->store, &e);
    health_committed(shard, code);
    shard->run->totals.commits += code == 0;
    run_tick(shard->run);
    gathered_none(shard);
    if (code) {
        shard_fail(shard, &e);
        return code;
    }
    report_shard_well(shard);
    tell(shard);
    close_ended(shard, NULL);
    compact_committed(shard);
    for (struct task *task = shard->tasks.first, *next; task; task = next) {
        next = task->next;
        if (task->state != TASK_DONE)
            continue;
        report_outcome(task, &task->job->outcome);
        brood_begin(task);
        shard_drop(shard, task);
        task_end(task);
    }
    return 0;
}

int shard_commit(struct shard *shard)
{
    struct shard *before = cost_turn(shard->run, shard);
    int code = commit(shard);
    cost_turn(shard->run, before);
    return code;
}

void shard_fail(struct shard *shard, const struct error *error)
{
    struct error e = *error; /* it may be in a task that ends here */
    CHECK(!shard->failing);
    shard->failing = true;
    stop_timer(shard);
    gathered_none(shard);
    store_abort(shard->store);
    bool told = shard->ended != NULL;
    close_ended(shard, &e);
    for (struct task *task = shard->tasks.first, *next; task; task = next) {
        next = task->next;
        if (!task->job) /* nothing of it was written yet */
            continue;
        told = task->is_void = true;
        report_void(shard->run, task->account, &task->job->listing.record.key, &e);
        shard_drop(shard, task);
        task_end(task);
    }
    if (!run_is_once(shard->run))
        report_shard_failure(shard, &e);
    else if (!told)
        report_shard(shard, &e);
    shard->failing = false;
}
