/* Time is taken where nearly all of it goes: what an answer leads to, what is sent, commits, and compacting.
 * It is the clock's, not the processor's: a thread that waits for the disk does nothing else either.
 *
 * The mean of the last minutes, of which older ones count less; while there are fewer, of those there are. */
#include "worker/run/cost.h"

#include "common/clock.h"
#include "worker/run/internal.h"

enum { RECKON_MS = 2000, MEAN_MS = 300000 };

static const double ms_a_minute = 60000 / 1e6; /* of nanoseconds a millisecond */

static struct shown_shard *shown(const struct shard *shard)
{
    return &shard->run->crew->shown[shard->number];
}

void cost_begin(struct shard *shard)
{
    int64_t now_ms = shard->run->now_ms;
    shard->cost = (struct cost){.at_ms = now_ms, .began_ms = now_ms};
    atomic_store_explicit(&shown(shard)->since_ms, now_ms, memory_order_relaxed);
}

void cost_end(struct shard *shard)
{
    if (shard->run->working == shard)
        shard->run->working = NULL;
    atomic_store_explicit(&shown(shard)->load, 0, memory_order_relaxed);
}

struct shard *cost_turn(struct run *run, struct shard *to)
{
    struct shard *before = run->working;
    int64_t now_ns = clock_steady_ns();
    if (before)
        before->cost.busy_ns += now_ns - run->working_ns;
    run->working = to;
    run->working_ns = now_ns;
    return before;
}

static void reckon(struct shard *shard)
{
    struct cost *cost = &shard->cost;
    int64_t now_ms = shard->run->now_ms, elapsed_ms = now_ms - cost->at_ms, age_ms = now_ms - cost->began_ms;
    if (elapsed_ms <= 0)
        return;
    double load = (double)cost->busy_ns / (double)elapsed_ms * ms_a_minute;
    double share = (double)elapsed_ms / (double)(age_ms < MEAN_MS ? age_ms : MEAN_MS);
    cost->load += (share < 1 ? share : 1) * (load - cost->load);
    cost->busy_ns = 0;
    cost->at_ms = now_ms;
    atomic_store_explicit(&shown(shard)->load,
                          cost->load < 1            ? 1
                          : cost->load < UINT32_MAX ? (uint32_t)cost->load
                                                    : UINT32_MAX,
                          memory_order_relaxed);
}

static void on_timer(void *context)
{
    struct run *run = context;
    run_tick(run);
    for (struct shard *shard = run->shards; shard; shard = shard->next)
        reckon(shard);
    cost_watch(run);
}

void cost_watch(struct run *run)
{
    fetch_timer_start(run->fetch, run->now_ms + RECKON_MS, run, on_timer);
}

uint32_t crew_load(struct crew *crew, uint32_t shard, int64_t now_ms)
{
    const struct shown_shard *shown = &crew->shown[shard];
    if (now_ms - atomic_load_explicit(&shown->since_ms, memory_order_relaxed) < CREW_LOAD_SETTLES_MS)
        return 0;
    return atomic_load_explicit(&shown->load, memory_order_relaxed);
}
