/* Retention: how much of a shard's change log goes now, and when to look again. Pure: no I/O, no clock.
 *
 * The oldest changes go first. A change goes once it is older than `age_ms`, and while the log is larger than
 * `bytes`. A hold keeps what is behind its seq for whoever takes a snapshot, but neither beyond
 * LIMIT_RETENTION_CAP_TIMES of `bytes` nor for longer than LIMIT_RETENTION_HELD_MS more. */
#ifndef GARNER_FEED_RETENTION_H
#define GARNER_FEED_RETENTION_H

#include <stdbool.h>
#include <stdint.h>

#define RETENTION_HELD_NONE UINT64_MAX

struct retention {
    int64_t age_ms;
    uint64_t bytes;
};

struct retention_log {
    uint64_t oldest, head; /* oldest head + 1: it is empty, and `oldest_ms` isn't looked at */
    uint64_t bytes;        /* that it takes */
    int64_t oldest_ms;     /* when its oldest change came */
};

/* Delete the oldest changes up to and with `up_to`, one after the other: each goes if its time is before
 * `before_ms`, or the log is larger than `bytes`; the first one that stays ends it. */
struct retention_step {
    uint64_t up_to;
    int64_t before_ms;
    uint64_t bytes;
};

/* What to do next, given the lowest seq behind which all is held (or RETENTION_HELD_NONE) and the time of the
 * day. False: nothing goes now. Where it is true, do so much of it as is fitting, and ask again. */
bool retention_decide(const struct retention *retention, const struct retention_log *log, uint64_t held,
                      int64_t now_ms, struct retention_step *step);

/* Where nothing goes now: how long nothing will for its age. Between LIMIT_RETENTION_MS and
 * LIMIT_RETENTION_LOOK_MS. */
int64_t retention_wait_ms(const struct retention *retention, const struct retention_log *log, uint64_t held,
                          int64_t now_ms);

/* The log has grown so large that it can't wait for the next look: by LIMIT_RETENTION_SLACK_PERCENT beyond
 * what it may take; where it is held, beyond its cap. */
bool retention_is_urgent(const struct retention *retention, uint64_t log_bytes, bool is_held);

#endif
