/* Each thread adds its own collections to one tally, between two turns of its loop. What is counted is in
 * memory; only of what is wrong a store is asked for the cause, and of no more than are told.
 *
 * Rates are those since an earlier question, ten seconds ago or more; the first time, since the run began. */
#include "worker/run/status.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/check.h"
#include "common/clock.h"
#include "common/limits.h"
#include "worker/run/internal.h"
#include "worker/status/collect.h"

enum { WINDOW_MS = 10000, LINE_BYTES = 256, KIB = 1024 };

struct sample {
    int64_t at_ms;
    uint64_t requests, throttled;
};

struct run_status {
    struct crew *crew;
    int64_t started_wall_ms;
    pthread_mutex_t lock;         /* of these, between which the rates are: */
    struct sample older, younger; /* the younger one becomes the older one when it is old enough */
};

/* One question. */
struct asking {
    const struct run_status_setting *setting;
    struct tally *tally;
    struct status_process *process;
    struct arena arena;
    uint32_t causes; /* that were read */
};

/* --- one collection --- */

static int64_t wall_of(const struct run *run, int64_t steady_ms)
{
    return run->wall_ms - (run->now_ms - steady_ms);
}

static enum status_state state_of(const struct run *run, const struct watched *w)
{
    if (w->entry.state == SCHEDULE_UNDER_WAY)
        return STATE_UNDER_WAY;
    bool is_due = w->entry.state == SCHEDULE_WAITING && schedule_due_ms(&w->entry) <= run->now_ms;
    return is_due ? STATE_DUE : STATE_WAITING;
}

static void fill(const struct run *run, const struct watched *w, struct tally_entry *entry)
{
    const struct account *a = w->account;
    *entry = (struct tally_entry){
        .key = {.provider = bytes_of(a->config->provider),
                .account = bytes_of(a->config->id),
                .type = bytes_of(w->def->type)},
        .priority = (int)w->def->priority,
        .period_ms = w->def->every_ms,
        .state = state_of(run, w),
        .good_ms = w->good_ms == INT64_MIN ? 0 : wall_of(run, w->good_ms),
        .rows = w->rows,
        .is_unreachable = w->is_unreachable,
        .is_failing = !w->is_unreachable && w->is_unsound,
        .held = w->is_held,
        .quarantined = w->is_quarantined,
    };
    if (w->place->region)
        entry->key.region = bytes_of(w->place->region);
    if (w->entry.state == SCHEDULE_WAITING)
        entry->next_ms = wall_of(run, schedule_due_ms(&w->entry));
}

/* What the store says of it, once something is wrong. */
static int fill_cause(struct asking *asking, const struct watched *w, struct tally_entry *entry,
                      struct error *e)
{
    struct store *store = w->place->shard->store;
    struct collection_record record;
    struct receipt last;
    int64_t good_ms = entry->good_ms;
    arena_reset(&asking->arena);
    int code = store_read(store, e);
    if (code)
        return code;
    code = store_collection_by_id(store, w->id, &asking->arena, &record, e);
    if (!code)
        code = collect_entry(store, &record, w->def, &asking->arena, entry, &last, e);
    if (code == ERR_NOT_FOUND) /* written, and not committed yet: what is in memory will do */
        code = 0;
    entry->good_ms = good_ms;
    entry->is_unwatched = false;
    asking->causes++;
    return code;
}

static bool is_wrong(const struct tally_entry *entry, int64_t now_ms)
{
    bool is_late = entry->good_ms && (now_ms - entry->good_ms) / STATUS_LATE_PERIODS > entry->period_ms;
    return entry->is_unreachable || entry->is_failing || entry->held || entry->quarantined || is_late;
}

static int add(struct asking *asking, const struct run *run, const struct watched *w, struct error *e)
{
    struct tally_entry entry;
    int code = 0;
    fill(run, w, &entry);
    bool can_ask = !asking->setting->brief && w->id && w->place->shard &&
                   asking->causes < LIMIT_STATUS_TROUBLES;
    if (can_ask && is_wrong(&entry, asking->tally->now_ms))
        code = fill_cause(asking, w, &entry, e);
    if (!code)
        tally_add(asking->tally, &entry);
    return code;
}

/* --- a thread --- */

static int add_account(struct asking *asking, const struct run *run, const struct account *a, struct error *e)
{
    struct status *status = &asking->tally->status;
    const char *type = asking->setting->type;
    int code = 0;
    if (account_is_home(a)) {
        status->accounts++;
        status->accounts_failed += a->error.code != ERR_OK;
        status->breakers_open += a->breaker.state != BREAKER_CLOSED;
    }
    asking->process->queued += a->queued;
    for (const struct watched *w = a->watched; w && !code; w = w->next)
        if (w != a->regions_watched && !w->is_gone && (!type || strcmp(type, w->def->type) == 0))
            code = add(asking, run, w, e);
    return code;
}

static void add_work(struct status_work *work, const struct run_totals *t)
{
    work->sound += t->sound;
    work->unsound += t->unsound;
    work->unmodified += t->unmodified;
    work->items += t->items;
    work->created += t->created;
    work->updated += t->updated;
    work->deleted += t->deleted;
    work->requests += t->requests;
    work->bytes += t->bytes;
    work->retries += t->retries;
    work->throttled += t->throttled;
    work->commits += t->commits;
    for (int i = 0; i < STATUS_TIERS; i++)
        work->tiers[i] += t->tiers[i];
    for (int code = 0; code < ERR_COUNT; code++) {
        work->failed[code] += t->failed[code];
        work->failed_all += t->failed[code];
    }
}

static int add_thread(struct run *run, void *context, struct error *e)
{
    struct asking *asking = context;
    int code = 0;
    run_tick(run);
    asking->process->threads++;
    asking->process->tasks += run->active;
    add_work(&asking->tally->status.work, &run->totals);
    asking->process->compacted += run->totals.compacted;
    for (const struct shard *shard = run->shards; shard; shard = shard->next)
        asking->process->log_bytes += store_log_bytes(shard->store);
    for (const struct account *a = run->accounts; a && !code; a = a->next)
        if (filter_has_account(&asking->setting->accounts, bytes_of(a->config->provider),
                               bytes_of(a->config->id)))
            code = add_account(asking, run, a, e);
    return code;
}

/* --- all together --- */

static void add_rates(struct run_status *rs, struct status *status)
{
    const struct sample now = {clock_steady_ms(), status->work.requests, status->work.throttled};
    pthread_mutex_lock(&rs->lock);
    if (now.at_ms - rs->younger.at_ms >= WINDOW_MS) {
        rs->older = rs->younger;
        rs->younger = now;
    }
    status->window_ms = now.at_ms - rs->older.at_ms;
    status->window_requests = now.requests - rs->older.requests;
    status->window_throttled = now.throttled - rs->older.throttled;
    pthread_mutex_unlock(&rs->lock);
}

/* RssAnon of /proc/self/status; 0 where there is none. */
static uint64_t resident_bytes(void)
{
    char line[LINE_BYTES];
    unsigned long long kib = 0;
    FILE *file = fopen("/proc/self/status", "re");
    while (file && fgets(line, sizeof line, file))
        if (sscanf(line, "RssAnon: %llu kB", &kib) == 1)
            break;
    if (file)
        fclose(file);
    return (uint64_t)kib * KIB;
}

int run_status_ask(struct run_status *rs, const struct run_status_setting *setting, struct tally *tally,
                   struct status_process *process, struct error *e)
{
    struct asking asking = {.setting = setting, .tally = tally, .process = process};
    *process = (struct status_process){.version = GARNER_VERSION};
    tally_begin(tally, clock_wall_ms(), LIMIT_STATUS_TROUBLES);
    tally->status.started_ms = rs->started_wall_ms;
    tally->status.scheduled = true;
    int code = control_each(rs->crew, add_thread, &asking, e);
    arena_close(&asking.arena);
    if (code)
        return code;
    add_rates(rs, &tally->status);
    process->resident_bytes = resident_bytes();
    tally_end(tally);
    return 0;
}

struct run_status *run_status_open(struct crew *crew)
{
    struct run_status *rs = mem_zalloc(sizeof *rs);
    rs->crew = crew;
    rs->started_wall_ms = clock_wall_ms();
    rs->older.at_ms = rs->younger.at_ms = clock_steady_ms();
    CHECK(pthread_mutex_init(&rs->lock, NULL) == 0);
    return rs;
}

void run_status_close(struct run_status *rs)
{
    if (!rs)
        return;
    pthread_mutex_destroy(&rs->lock);
    free(rs);
}
