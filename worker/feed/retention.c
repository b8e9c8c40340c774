/* A log has two parts: what nobody holds, which goes by the settings as they are, and what is held, which
 * goes by wider ones. The held part comes behind the other, so whatever its oldest change belongs to decides.
 *
 * Ages are of the time that a change bears. Where a clock was set back, one that bears a time to come waits
 * for it, and all behind it does: it isn't guessed which of them is right, and `bytes` bounds the log anyway.
 */
#include "worker/feed/retention.h"

#include "common/limits.h"

enum { PERCENT = 100 };

static int64_t minus(int64_t a, int64_t b)
{
    int64_t difference;
    if (__builtin_sub_overflow(a, b, &difference))
        return b > 0 ? INT64_MIN : INT64_MAX;
    return difference;
}

static uint64_t times(uint64_t bytes, uint64_t factor)
{
    uint64_t product;
    return __builtin_mul_overflow(bytes, factor, &product) ? UINT64_MAX : product;
}

static struct retention_step step_of(const struct retention *retention, const struct retention_log *log,
                                     uint64_t held, int64_t now_ms)
{
    int64_t before_ms = minus(now_ms, retention->age_ms);
    if (log->oldest > held)
        return (struct retention_step){
            .up_to = log->head,
            .before_ms = minus(before_ms, LIMIT_RETENTION_HELD_MS),
            .bytes = times(retention->bytes, LIMIT_RETENTION_CAP_TIMES),
        };
    return (struct retention_step){
        .up_to = held < log->head ? held : log->head,
        .before_ms = before_ms,
        .bytes = retention->bytes,
    };
}

bool retention_decide(const struct retention *retention, const struct retention_log *log, uint64_t held,
                      int64_t now_ms, struct retention_step *step)
{
    *step = step_of(retention, log, held, now_ms);
    return log->oldest <= log->head && (log->oldest_ms < step->before_ms || log->bytes > step->bytes);
}

/* What is held may be let go at any time, so then it is looked at soon. */
int64_t retention_wait_ms(const struct retention *retention, const struct retention_log *log, uint64_t held,
                          int64_t now_ms)
{
    bool is_empty = log->oldest > log->head;
    if (log->oldest > held && !is_empty)
        return LIMIT_RETENTION_MS;
    int64_t oldest_ms = is_empty ? now_ms : log->oldest_ms; /* what comes isn't older */
    int64_t wait_ms = minus(minus(oldest_ms, minus(now_ms, retention->age_ms)), -1);
    if (wait_ms < LIMIT_RETENTION_MS)
        return LIMIT_RETENTION_MS;
    return wait_ms < LIMIT_RETENTION_LOOK_MS ? wait_ms : LIMIT_RETENTION_LOOK_MS;
}

bool retention_is_urgent(const struct retention *retention, uint64_t log_bytes, bool is_held)
{
    uint64_t most = times(retention->bytes, LIMIT_RETENTION_CAP_TIMES);
    uint64_t slack = retention->bytes / PERCENT * LIMIT_RETENTION_SLACK_PERCENT;
    if (!is_held && retention->bytes < most - slack)
        most = retention->bytes + slack;
    return log_bytes > most;
}
