/* The driver of the retention (worker/feed/retention.h): a timer for each shard, and a look after each
 * commit.
 *
 * What is to go goes in small batches, each a transaction of its own with nothing else in it: if it fails
 * nothing that was harvested is lost with it, and where the map is full it can still make room. What a shard
 * has gathered is committed before. A thread gives no more than about half of its time to that, as all of its
 * shards may be due at once, after a change of the settings say. Where there is nothing to do nothing is
 * written. */
#include "worker/run/compact.h"

#include <stdlib.h>

#include "common/check.h"
#include "common/clock.h"
#include "common/limits.h"
#include "worker/feed/holds.h"
#include "worker/feed/retention.h"
#include "worker/run/internal.h"

enum { PIECE = 100 /* changes between two looks at the clock */ };

static uint64_t held_seq(const struct shard *shard)
{
    struct feed_holds *holds = shard->run->set->holds;
    return holds ? feed_holds_seq(holds, shard->number, shard->run->now_ms) : RETENTION_HELD_NONE;
}

static int look_at_log(const struct shard *shard, struct retention_log *log, struct error *e)
{
    struct store *store = shard->store;
    *log = (struct retention_log){
        .oldest = store_oldest(store), .head = store_head(store), .bytes = store_log_bytes(store)};
    int code = store_read(store, e);
    if (!code && log->oldest <= log->head)
        code = store_oldest_ms(store, &log->oldest_ms, e);
    store_done(store);
    return code;
}

/* --- one batch --- */

static int compact_changes(struct shard *shard, const struct retention_step *step, uint32_t *gone,
                           struct error *e)
{
    struct store_compaction what = {step->up_to, step->before_ms, step->bytes, PIECE};
    int64_t end_ms = clock_steady_ms() + LIMIT_COMPACT_MS;
    uint32_t count = PIECE;
    int code = store_write(shard->store, e);
    while (!code && count == PIECE && *gone < LIMIT_COMPACT_ITEMS && clock_steady_ms() < end_ms) {
        code = store_compact(shard->store, &what, &count, e);
        *gone += count;
    }
    return code;
}

/* `*end`: all of them were looked at. */
static int let_receipts_go(struct shard *shard, bool *end, struct error *e)
{
    struct receipt_id *found = mem_alloc(LIMIT_COMPACT_RECEIPTS * sizeof *found);
    uint32_t count = 0;
    int code = store_read(shard->store, e); /* or what is being written */
    if (!code)
        code = store_receipts_unneeded(shard->store, &shard->compacting.last, LIMIT_COMPACT_RECEIPTS, found,
                                       &count, end, e);
    store_done(shard->store);
    if (!code && count)
        code = store_write(shard->store, e);
    for (uint32_t i = 0; i < count && !code; i++)
        code = store_receipt_unpin(shard->store, found[i], e);
    free(found);
    return code;
}

/* Nothing of a task's was in it, so none is void. */
static void fail(struct shard *shard, const struct error *e)
{
    store_abort(shard->store);
    shard->compacting.last = (struct receipt_id){0};
    if (run_is_once(shard->run))
        report_shard(shard, e);
    else
        report_shard_failure(shard, e);
}

static int commit(struct shard *shard, uint32_t gone, struct error *e)
{
    struct run *run = shard->run;
    int code = lease_check(run->crew, e);
    if (code)
        return code;
    code = store_commit(shard->store, e);
    health_committed(shard, code);
    if (code)
        return code;
    report_shard_well(shard);
    run->totals.commits++;
    run->totals.compacted += gone;
    return 0;
}

/* `step` null: no change is to go. What goes of the changes is committed before the receipts are looked at:
 * in a full map there may be room for those only then. */
static int compact_batch(struct shard *shard, const struct retention_step *step, bool *end)
{
    struct error e;
    uint32_t gone = 0;
    int code = step ? compact_changes(shard, step, &gone, &e) : 0;
    if (!code && step)
        code = commit(shard, gone, &e);
    if (!code)
        code = let_receipts_go(shard, end, &e);
    if (!code && store_writing(shard->store))
        code = commit(shard, 0, &e);
    if (code)
        fail(shard, &e);
    run_tick(shard->run);
    return code;
}

/* --- when --- */

static void on_timer(void *context);

static void look_at(struct shard *shard, int64_t at_ms)
{
    struct compacting *c = &shard->compacting;
    if (c->timer)
        fetch_timer_cancel(shard->run->fetch, c->timer);
    c->timer_at_ms = at_ms;
    c->timer = fetch_timer_start(shard->run->fetch, at_ms, shard, on_timer);
}

/* Look, and do what is to be done. Returns how long it may be left alone then. */
static int64_t look(struct shard *shard)
{
    struct run *run = shard->run;
    struct retention_log log;
    struct retention_step step;
    struct error e;
    bool end = false;
    if (look_at_log(shard, &log, &e)) {
        fail(shard, &e);
        return LIMIT_RETENTION_LOOK_MS;
    }
    uint64_t held = held_seq(shard);
    bool any = retention_decide(&run->retention, &log, held, run->wall_ms, &step);
    if (any && run->now_ms < run->compact_from_ms)
        return run->compact_from_ms - run->now_ms;
    int64_t began_ms = run->now_ms;
    if (compact_batch(shard, any ? &step : NULL, &end))
        return LIMIT_RETENTION_MS;
    if (any) {
        run->compact_from_ms = 2 * run->now_ms - began_ms;
        return run->compact_from_ms - run->now_ms; /* it may be all; the next look tells */
    }
    return end ? retention_wait_ms(&run->retention, &log, held, run->wall_ms) : LIMIT_RETENTION_MS;
}

static void on_timer(void *context)
{
    struct shard *shard = context;
    run_tick(shard->run);
    shard->compacting.timer = NULL;
    int64_t wait_ms = LIMIT_COMMIT_MS;
    struct shard *before = cost_turn(shard->run, shard);
    if (store_writing(shard->store))
        shard_commit(shard); /* if it fails it says so */
    if (lease_check(shard->run->crew, NULL))
        wait_ms = LIMIT_RETENTION_MS;
    else if (!store_writing(shard->store))
        wait_ms = look(shard);
    cost_turn(shard->run, before);
    look_at(shard, shard->run->now_ms + wait_ms);
}

/* Not all at once: they may be thousands. */
void compact_begin(struct shard *shard)
{
    if (!run_is_once(shard->run))
        look_at(shard, shard->run->now_ms + LIMIT_COMMIT_MS + shard->number % LIMIT_RETENTION_MS);
}

void compact_end(struct shard *shard)
{
    if (shard->compacting.timer)
        fetch_timer_cancel(shard->run->fetch, shard->compacting.timer);
    shard->compacting.timer = NULL;
}

void compact_committed(struct shard *shard)
{
    const struct run *run = shard->run;
    uint64_t bytes = store_log_bytes(shard->store);
    if (!shard->compacting.timer || shard->compacting.timer_at_ms <= run->now_ms ||
        bytes <= run->retention.bytes)
        return;
    if (retention_is_urgent(&run->retention, bytes, held_seq(shard) < store_oldest(shard->store)))
        look_at(shard, run->now_ms);
}

void compact_soon(struct run *run)
{
    for (struct shard *shard = run->shards; shard; shard = shard->next)
        look_at(shard, run->now_ms);
}

/* Signals are heard between two batches. */
void compact_all(struct run *run)
{
    for (struct shard *shard = run->shards; shard; shard = shard->next) {
        struct retention_log log = {0};
        struct retention_step step;
        struct error e;
        bool any = true, end = false;
        while (!run->stopping && (any || !end)) {
            if (look_at_log(shard, &log, &e)) {
                fail(shard, &e);
                break;
            }
            any = retention_decide(&run->retention, &log, held_seq(shard), run->wall_ms, &step);
            if (compact_batch(shard, any ? &step : NULL, &end))
                break;
            fetch_step(run->fetch, 0);
        }
    }
}
