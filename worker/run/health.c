/* What is seen of a thread without asking it: a few numbers that it writes, and anybody may read. */
#include <inttypes.h>

#include "common/clock.h"
#include "common/limits.h"
#include "worker/run/internal.h"
#include "worker/run/status.h"

enum { TURNS = 4 }; /* at least, before a thread seems to be stuck */

void health_ticked(struct run *run)
{
    atomic_store_explicit(&run->health.ticked_ms, run->now_ms, memory_order_relaxed);
}

/* An idle loop turns all the same. */
static void on_timer(void *context)
{
    struct run *run = context;
    run_tick(run);
    health_watch(run);
}

void health_watch(struct run *run)
{
    fetch_timer_start(run->fetch, run->now_ms + LIMIT_HEALTH_MS / TURNS, run, on_timer);
}

void health_loaded(struct run *run)
{
    atomic_store_explicit(&run->health.is_loaded, true, memory_order_relaxed);
}

void health_committed(struct shard *shard, int code)
{
    if (shard->commit_failed == (code != 0))
        return;
    shard->commit_failed = code != 0;
    atomic_fetch_add_explicit(&shard->run->health.shards_failed, code ? 1 : -1, memory_order_relaxed);
    if (code)
        atomic_store_explicit(&shard->run->health.commit_error, code, memory_order_relaxed);
}

static void add_thread(const struct run *run, int64_t now_ms, struct buffer *reasons)
{
    int64_t ticked_ms = atomic_load_explicit(&run->health.ticked_ms, memory_order_relaxed);
    int failed = atomic_load_explicit(&run->health.shards_failed, memory_order_relaxed);
    if (ticked_ms && now_ms - ticked_ms > LIMIT_HEALTH_MS)
        buffer_printf(reasons,
                      "thread %u has been busy with one thing for %" PRId64
                      " s: look at the disk, then restart\n",
                      run->thread + 1, (now_ms - ticked_ms) / 1000);
    if (failed > 0)
        buffer_printf(reasons, "the last commit of %d shard%s failed (%s): the log says why\n", failed,
                      failed == 1 ? "" : "s",
                      error_name(atomic_load_explicit(&run->health.commit_error, memory_order_relaxed)));
}

bool run_is_healthy(const struct crew *crew, struct buffer *reasons)
{
    size_t before = reasons->len;
    int64_t now_ms = clock_steady_ms();
    for (uint32_t i = 0; i < crew->roster.threads; i++)
        add_thread(crew->runs[i], now_ms, reasons);
    return reasons->len == before;
}

bool run_is_ready(const struct crew *crew, struct buffer *reasons)
{
    size_t before = reasons->len;
    for (uint32_t i = 0; i < crew->roster.threads; i++)
        if (!atomic_load_explicit(&crew->runs[i]->health.is_loaded, memory_order_relaxed))
            buffer_printf(reasons, "thread %u is still reading its stores\n", i + 1);
    return reasons->len == before;
}
