/* A task under way: waits for its limits, for an answer, for a time, or for a session; then asks its job
 * what comes next. */
#include "worker/run/internal.h"

#include <stdlib.h>
#include <string.h>

#include "common/check.h"
#include "common/clock.h"

struct task *task_new(struct account *a, enum task_kind kind, const struct collection_def *def)
{
    struct run *run = a->run;
    struct task *task = run->spare;
    if (task) {
        run->spare = task->next_waiting;
        run->spare_count--;
    } else {
        task = mem_alloc(sizeof *task);
    }
    memset(task, 0, offsetof(struct task, job));
    task->run = run;
    task->account = a;
    task->kind = kind;
    task->def = def;
    task->values = a->values;
    task->ticket.context = task;
    a->active++;
    run->active++;
    return task;
}

void task_free(struct task *task)
{
    struct run *run = task->run;
    if (task->kind == TASK_COLLECTION) {
        job_close(&task->job);
    } else {
        harvest_close(&task->discovery.harvest);
        winnow_close(&task->discovery.winnow);
        arena_close(&task->discovery.arena);
    }
    lineage_release(task->lineage);
    arena_close(&task->arena);
    if (run->spare_count == RUN_SPARE_TASKS) {
        free(task);
        return;
    }
    task->next_waiting = run->spare;
    run->spare = task;
    run->spare_count++;
}

/* --- limits --- */

static struct bucket *bucket_of(struct task *task, const struct limits_def *limits, const char *type)
{
    struct buffer key = {0};
    const struct provider *provider = task->account->provider;
    if (!limits->key || template_expand(limits->key, &task->values, TEMPLATE_PLAIN, &key, NULL)) {
        buffer_reset(&key);
        buffer_printf(&key, "%s/%s/%s", provider->name, task->account->config->id,
                      task->values.region ? task->values.region : "");
    }
    buffer_add_char(&key, '\n'); /* never in a name: keeps a collection's buckets apart from its provider's */
    buffer_add_text(&key, type);
    struct bucket *bucket = limits_bucket(task->run, buffer_bytes(&key), limits);
    buffer_close(&key);
    return bucket;
}

static void set_buckets(struct task *task)
{
    task->ticket.first = bucket_of(task, &task->account->provider->limits, "");
    task->ticket.second = task->def->limits.set ? bucket_of(task, &task->def->limits, task->def->type) : NULL;
}

/* --- the job behind the task --- */

static enum job_want due(struct task *task)
{
    int64_t now = clock_steady_ms();
    if (task->kind == TASK_REGIONS)
        return discovery_follow(task, harvest_due(&task->discovery.harvest, now));
    return job_due(&task->job, now, clock_wall_ms());
}

static enum job_want result_of(struct task *task, const struct fetch_result *result)
{
    int64_t now = clock_steady_ms(), wall = clock_wall_ms();
    if (task->kind == TASK_REGIONS) {
        struct harvest *h = &task->discovery.harvest;
        return discovery_follow(task, result->code ? harvest_broke(h, &result->error, now)
                                                   : harvest_answered(h, &result->answer, now, wall));
    }
    job_count(&task->job, result->requests, result->bytes);
    return result->code ? job_broke(&task->job, &result->error, now, wall)
                        : job_answered(&task->job, &result->answer, now, wall);
}

static const struct request *request_of(struct task *task)
{
    int64_t wall = clock_wall_ms();
    return task->kind == TASK_REGIONS ? harvest_request(&task->discovery.harvest, wall)
                                      : job_request(&task->job, wall);
}

static int64_t at_of(const struct task *task)
{
    return task->kind == TASK_REGIONS ? harvest_at_ms(&task->discovery.harvest) : job_at_ms(&task->job);
}

/* --- sending and waiting --- */

static void on_result(void *context, const struct fetch_result *result)
{
    struct task *task = context;
    struct run *run = task->run;
    task->in_flight = false;
    limits_done(task);
    run->totals.requests += result->requests;
    run->totals.bytes += result->bytes;
    if (task->state == TASK_SENT) {
        task_follow(task, result_of(task, result));
        session_tell_skew(&task->account->sessions[task->def->auth.index]);
        if (task->shard && task->state != TASK_DEAD)
            shard_after_write(task->shard, false);
    }
    if (run->unpumped)
        limits_pump(run);
}

void task_send(struct task *task)
{
    task->state = TASK_SENT;
    task->in_flight = true;
    fetch_send(task->run->fetch, request_of(task), task->account->provider->allow_origins, task, on_result);
}

static void on_timer(void *context)
{
    struct task *task = context;
    task->timer = NULL;
    task_due(task);
}

void task_due(struct task *task)
{
    task_follow(task, due(task));
}

static struct session *session_of(struct task *task)
{
    struct session *session = &task->account->sessions[task->def->auth.index];
    session->def = &task->def->auth;
    return session;
}

void task_follow(struct task *task, enum job_want want)
{
    switch (want) {
    case JOB_SEND:
        task->state = TASK_LIMITED;
        if (!task->ticket.first)
            set_buckets(task);
        limits_ask(task);
        return;
    case JOB_WAIT:
        task->state = TASK_TIMER;
        task->timer = fetch_timer_start(task->run->fetch, at_of(task), task, on_timer);
        return;
    case JOB_RENEW:
    case JOB_WAIT_SESSION:
        task->state = TASK_SESSION;
        session_wait(session_of(task), task);
        if (want == JOB_RENEW)
            session_renew(task->session);
        return;
    case JOB_DONE:
        task->state = TASK_DONE;
        task->run->done++;
        if (task->kind == TASK_REGIONS)
            discovery_ended(task);
        else
            shard_job_done(task->shard, task);
        return;
    case JOB_STORE_FAILED:
        break;
    }
    shard_fail(task->shard, &task->job.store_error);
}

/* Take a task out of whatever it waits in. */
static void detach(struct task *task)
{
    struct run *run = task->run;
    if (task->state == TASK_LIMITED)
        limits_cancel(task);
    if (task->timer)
        fetch_timer_cancel(run->fetch, task->timer);
    task->timer = NULL;
    if (task->session)
        session_forget(task->session, task);
}

void task_stop(struct task *task, const struct error *why)
{
    if (task->state == TASK_DONE || task->state == TASK_DEAD)
        return;
    detach(task);
    if (task->kind == TASK_COLLECTION) {
        task_follow(task, job_stop(&task->job, why, clock_wall_ms()));
        return;
    }
    task->discovery.error = *why;
    task_follow(task, JOB_DONE);
}

void task_end(struct task *task)
{
    struct run *run = task->run;
    CHECK(task->state != TASK_DEAD);
    if (task->state == TASK_DONE)
        run->done--;
    detach(task);
    task->state = TASK_DEAD;
    task->account->active--;
    run->active--;
    run_queue(task->account);
    task->next_waiting = run->dead;
    run->dead = task;
}

/* --- collections --- */

static void fill_values(struct task *task, struct bytes region, struct lineage *lineage)
{
    if (region.data)
        task->values.region = arena_strdup(&task->arena, region);
    task->lineage = lineage;
    task->values.parent = lineage ? &lineage->view : NULL;
}

static void begin(struct task *task, struct shard *shard, const struct job_setting *setting)
{
    struct account *a = task->account;
    struct error e;
    int64_t wall_ms = clock_wall_ms();
    if (job_open(&task->job, setting, wall_ms, &e)) {
        report_failure(a, &setting->key, &e);
        task_end(task);
        return;
    }
    task->shard = shard;
    shard_add(shard, task);
    task_follow(task, a->error.code ? job_stop(&task->job, &a->error, wall_ms)
                                    : job_start(&task->job, clock_steady_ms(), wall_ms));
}

void task_start_collection(struct account *a, const struct collection_def *def, struct bytes region,
                           struct lineage *lineage, const struct listing_parent *parent)
{
    struct run *run = a->run;
    struct shard *shard;
    struct error e;
    struct buffer path = {0};
    lineage_path(lineage, &path);
    struct job_setting setting = {
        .def = def,
        .key = {bytes_of(a->provider->name), bytes_of(a->config->id), bytes_of(def->type), region,
                lineage ? buffer_bytes(&path) : (struct bytes){0}},
        .parent = parent,
        .session = &a->sessions[def->auth.index].session,
        .retry = &run->retry,
    };
    uint32_t number = folder_shard_of(setting.key.provider, setting.key.account, region, a->config->splits,
                                      run->set->folder->shards);
    if (shard_open(run, number, &shard, &e)) {
        report_failure(a, &setting.key, &e);
        lineage_release(lineage);
    } else {
        struct task *task = task_new(a, TASK_COLLECTION, def);
        fill_values(task, region, lineage);
        setting.values = &task->values;
        setting.store = shard->store;
        begin(task, shard, &setting);
    }
    buffer_close(&path);
}
