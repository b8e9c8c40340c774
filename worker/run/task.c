/* A task under way: waits for its limits, for an answer, for a time, or for a session; then asks its job
 * what comes next.
 *
 * A collection begins when its first request may go, not before: accounts have many that wait for their
 * limits, and a job with its request is much memory, which would be cold when its turn comes. So one that
 * hasn't begun waits for its session (which a job would do, too: it is not to use up what limits let go),
 * then for its limits, and has its job only then. */
#include "worker/run/internal.h"

#include <stdlib.h>

#include "common/check.h"

struct task *task_new(struct account *a, enum task_kind kind, const struct collection_def *def)
{
    struct run *run = a->run;
    struct task *task = run->spare_task_count ? run->spare_tasks[--run->spare_task_count]
                                              : mem_alloc(sizeof *task);
    *task = (struct task){
        .run = run,
        .account = a,
        .place = &a->whole,
        .kind = kind,
        .def = def,
        .values = a->values,
        .ticket.context = task,
    };
    a->active++;
    a->tasks++;
    run->active++;
    return task;
}

static void close_job(struct task *task)
{
    struct run *run = task->run;
    job_close(task->job);
    if (run->spare_job_count < RUN_SPARE_JOBS)
        run->spare_jobs[run->spare_job_count++] = task->job;
    else
        free(task->job);
    task->job = NULL;
}

static void close_discovery(struct discovery *d)
{
    harvest_close(&d->harvest);
    winnow_close(&d->winnow);
    arena_close(&d->arena);
    free(d);
}

void task_free(struct task *task)
{
    struct run *run = task->run;
    if (task->job)
        close_job(task);
    if (task->discovery)
        close_discovery(task->discovery);
    lineage_release(task->lineage);
    arena_close(&task->arena);
    task->account->tasks--;
    if (run->spare_task_count < RUN_SPARE_TASKS)
        run->spare_tasks[run->spare_task_count++] = task;
    else
        free(task);
}

/* --- the job behind the task --- */

/* False: it can't, and is over. */
static bool begin(struct task *task, enum job_want *want)
{
    struct account *a = task->account;
    struct run *run = task->run;
    struct buffer path = {0};
    struct error e;
    lineage_path(task->lineage, &path);
    struct job_setting setting = {
        .def = task->def,
        .key = place_key(a, task->place, task->def, task->lineage ? buffer_bytes(&path) : (struct bytes){0}),
        .values = &task->values,
        .parent = task->lineage ? &task->parent : NULL,
        .session = &a->sessions[task->def->auth.index].session,
        .retry = &a->patience,
        .store = task->shard->store,
    };
    task->job = run->spare_job_count ? run->spare_jobs[--run->spare_job_count] : mem_alloc(sizeof *task->job);
    int code = job_open(task->job, &setting, run->wall_ms, &e);
    if (code) {
        report_failure(a, &setting.key, &e);
        shard_drop(task->shard, task);
        task_end(task);
    } else if (a->error.code || task->is_refused) {
        e = a->error;
        if (!e.code)
            breaker_error(&a->breaker, run->now_ms, &e);
        *want = job_stop(task->job, &e, run->wall_ms);
    } else {
        *want = job_start(task->job, run->now_ms, run->wall_ms);
    }
    buffer_close(&path);
    return !code;
}

/* What a collection that hasn't begun waits for. If it will send nothing, it begins here, to say so. */
static bool prepare(struct task *task, enum job_want *want)
{
    const struct auth_def *auth = &task->def->auth;
    struct account *a = task->account;
    if (a->error.code || task->is_refused)
        return begin(task, want);
    switch (auth_need(&a->sessions[auth->index].session, auth, task->run->now_ms)) {
    case AUTH_GO:
        *want = JOB_SEND;
        return true;
    case AUTH_RENEW:
        *want = JOB_RENEW;
        return true;
    case AUTH_WAIT:
        *want = JOB_WAIT_SESSION;
        return true;
    case AUTH_FAIL:
        break;
    }
    return begin(task, want);
}

static bool has_begun(const struct task *task)
{
    return task->job || task->discovery;
}

static bool due(struct task *task, enum job_want *want)
{
    const struct run *run = task->run;
    if (!has_begun(task))
        return prepare(task, want);
    *want = task->discovery ? discovery_follow(task, harvest_due(&task->discovery->harvest, run->now_ms))
                            : job_due(task->job, run->now_ms, run->wall_ms);
    return true;
}

static enum job_want result_of(struct task *task, const struct fetch_result *result)
{
    int64_t now = task->run->now_ms, wall = task->run->wall_ms;
    if (task->discovery) {
        struct harvest *h = &task->discovery->harvest;
        return discovery_follow(task, result->code ? harvest_broke(h, &result->error, now)
                                                   : harvest_answered(h, &result->answer, now, wall));
    }
    job_count(task->job, result->requests, result->bytes);
    return result->code ? job_broke(task->job, &result->error, now, wall)
                        : job_answered(task->job, &result->answer, now, wall);
}

/* What the answer says to the limits. */
static void hear(struct task *task)
{
    const struct exchange *x = task->discovery ? &task->discovery->harvest.exchange
                                               : &task->job->harvest.exchange;
    struct run_totals *totals = &task->run->totals;
    totals->throttled += x->heard.verdict == VERDICT_THROTTLED;
    totals->retries += x->heard.again;
    limits_heard(task, &x->heard);
}

/* And the end of a harvest to the account's breaker. */
static void tell_breaker(struct task *task)
{
    const struct job *job = task->job;
    const struct job_outcome *o = &job->outcome;
    enum answer_kind kind = job->harvest.exchange.kind;
    account_heard(task, o->complete ? NULL : &o->error,
                  kind == ANSWER_REJECTED || kind == ANSWER_SKEWED || kind == ANSWER_STALE);
}

static const struct request *request_of(struct task *task)
{
    int64_t wall = task->run->wall_ms;
    return task->discovery ? harvest_request(&task->discovery->harvest, wall) : job_request(task->job, wall);
}

static int64_t at_of(const struct task *task)
{
    return task->discovery ? harvest_at_ms(&task->discovery->harvest) : job_at_ms(task->job);
}

/* --- sending and waiting --- */

static void on_result(void *context, const struct fetch_result *result)
{
    struct task *task = context;
    struct run *run = task->run;
    run_tick(run);
    struct shard *before = cost_turn(run, task->shard);
    task->in_flight = false;
    task->owes = true;
    run->totals.requests += result->requests;
    run->totals.bytes += result->bytes;
    if (task->state == TASK_SENT) {
        enum job_want want = result_of(task, result);
        hear(task);
        task_follow(task, want);
        if (task->job && job_dropped(task->job))
            offspring_end_orphans(task);
        session_tell_skew(&task->account->sessions[task->def->auth.index]);
        if (task->shard && task->state != TASK_DEAD)
            shard_after_write(task->shard, false);
    }
    cost_turn(run, before);
    if (task->state == TASK_DEAD && task->job)
        close_job(task); /* the next one, which may begin now, finds its memory still in the cache */
    if (task->owes)
        limits_pass_on(task);
    else if (run->unpumped)
        limits_pump(run);
}

static void send(struct task *task)
{
    enum job_want want = JOB_SEND;
    task->state = TASK_NEW;
    bool sound = has_begun(task) || begin(task, &want);
    if (!sound || want != JOB_SEND) {
        limits_done(task);
        if (sound)
            task_follow(task, want);
        return;
    }
    task->state = TASK_SENT;
    task->in_flight = true;
    fetch_send(task->run->fetch, request_of(task), task->account->provider->allow_origins, task, on_result);
}

void task_send(struct task *task)
{
    struct run *run = task->run;
    struct shard *before = cost_turn(run, task->shard);
    send(task);
    cost_turn(run, before);
}

static void on_timer(void *context)
{
    struct task *task = context;
    run_tick(task->run);
    task->timer = NULL;
    task_due(task);
}

void task_due(struct task *task)
{
    enum job_want want;
    if (due(task, &want))
        task_follow(task, want);
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
            place_limits(task);
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
        else {
            if (!task->is_refused)
                tell_breaker(task);
            shard_job_done(task->shard, task);
        }
        return;
    case JOB_STORE_FAILED:
        break;
    }
    shard_fail(task->shard, &task->job->store_error);
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
    task->state = TASK_NEW;
    if (task->job) {
        task_follow(task, job_stop(task->job, why, task->run->wall_ms));
    } else if (task->discovery) {
        task->discovery->error = *why;
        task_follow(task, JOB_DONE);
    } else { /* as if it had never been started */
        shard_drop(task->shard, task);
        task_end(task);
    }
}

static bool went_well(const struct task *task)
{
    if (task->state != TASK_DONE || task->is_void)
        return false;
    return task->discovery ? !task->discovery->error.code : task->job->outcome.complete;
}

void task_end(struct task *task)
{
    struct run *run = task->run;
    CHECK(task->state != TASK_DEAD);
    if (task->state == TASK_DONE)
        run->done--;
    if (task->is_probe)
        account_lost_probe(task->account);
    watched_ended(task, went_well(task));
    detach(task);
    task->state = TASK_DEAD;
    task->account->active--;
    run->active--;
    run_queue(task->account);
    task->next_waiting = run->dead;
    run->dead = task;
}

/* --- collections --- */

static void cannot_start(struct account *a, const struct start *start, const struct error *e)
{
    struct buffer path = {0};
    lineage_path(start->lineage, &path);
    struct collection_key key = place_key(a, start->place, start->def,
                                          start->lineage ? buffer_bytes(&path) : (struct bytes){0});
    report_failure(a, &key, e);
    buffer_close(&path);
    lineage_release(start->lineage);
    if (start->is_probe)
        account_lost_probe(a);
    if (start->watched)
        schedule_ended(&a->schedule, &start->watched->entry, false, 0, a->run->now_ms);
}

void task_start(struct account *a, const struct start *start)
{
    struct shard *shard;
    struct error e;
    if (place_shard(a, start->place, &shard, &e)) {
        cannot_start(a, start, &e);
        return;
    }
    struct task *task = task_new(a, TASK_COLLECTION, start->def);
    task->place = start->place;
    task->watched = start->watched;
    task->is_probe = start->is_probe;
    task->is_refused = start->is_refused;
    task->shard = shard;
    task->values.region = start->place->region;
    if (start->lineage) {
        task->lineage = start->lineage;
        task->values.parent = &start->lineage->view;
        task->parent = start->parent;
    }
    shard_add(shard, task);
    task_due(task);
}
