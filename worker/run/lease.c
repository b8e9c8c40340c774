/* The end of a lease is looked for where something would be done, never waited for. Whoever finds that it has
 * ended leaves what it would do where it is, and notes that something waits (`is_held`). Who makes it longer
 * wakes all threads if it may have ended before: a thread that saw the old end looked at the clock earlier
 * than the one who changed it does afterwards. */
#include "worker/run/lease.h"

#include "common/clock.h"
#include "worker/run/internal.h"

static bool has_ended(int64_t until_ms)
{
    return until_ms != INT64_MAX && until_ms <= clock_steady_ms();
}

static bool is_over(struct crew *crew)
{
    return has_ended(atomic_load(&crew->lease.until_ms));
}

void crew_lease(struct crew *crew, int64_t until_ms)
{
    int64_t before_ms = atomic_exchange(&crew->lease.until_ms, until_ms);
    for (uint32_t i = 0; has_ended(before_ms) && i < crew->roster.threads; i++)
        control_wake(crew, i);
}

int lease_check(struct crew *crew, struct error *e)
{
    if (!is_over(crew))
        return 0;
    return error_set(
        e, ERR_STOPPED,
        "this worker's lease has ended, as the coordinator isn't heard: nothing is committed until "
        "it is");
}

bool lease_is_awaited(struct run *run)
{
    bool is = is_over(run->crew);
    run->is_held = run->is_held || is;
    return is;
}

void lease_tell(struct run *run)
{
    struct lease *lease = &run->crew->lease;
    struct error e;
    if (atomic_load(&lease->until_ms) == INT64_MIN)
        return; /* none was given yet: that the coordinator is waited for, others tell */
    if (run->is_held && lease_check(run->crew, &e)) {
        if (!atomic_exchange(&lease->is_told, true))
            report_line(run, e.text);
    } else if (atomic_load(&lease->is_told) && !is_over(run->crew) &&
               atomic_exchange(&lease->is_told, false)) {
        report_line(run, "the coordinator is heard again: harvests go on");
    }
}

void lease_resume(struct run *run)
{
    if (!run->is_held || is_over(run->crew))
        return;
    run->is_held = false;
    for (struct shard *shard = run->shards; shard; shard = shard->next)
        shard_resume(shard);
}
