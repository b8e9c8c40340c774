/* Pace: how fast one bucket may go, learnt from what the provider answers. Pure: no clock, dice are
 * arguments.
 *
 * Additive increase, multiplicative decrease (Chiu and Jain, "Analysis of the Increase and Decrease
 * Algorithms for Congestion Avoidance in Computer Networks", 1989), as TCP does it: when the provider
 * throttles, rate and concurrency are halved, at most once a second and only for a request that went after
 * the last cut, so that a burst of refusals counts once (NewReno, RFC 6582). While requests go well they grow
 * again:
 *
 *   rate      0.5 C ----------> 0.9 C ----------------> 1.1 C ---------------------> configured, or none
 *             in some 5 s       slowly: 2 minutes       doubling in some 20 s
 *
 * where C is the rate at which it was throttled (so CUBIC, RFC 9438, comes back to its last maximum, and
 * leaves it behind when that is gone). Rates never fall below PACE_RATE_MIN, nor rise above the configured
 * one. A bucket without a configured rate gets one when it is first throttled: half of what was let go,
 * measured over a second; and loses it again once it has grown to PACE_FREE_TIMES C and wasn't throttled for
 * PACE_FREE_MS.
 *
 * A Retry-After, or nothing remaining, pauses all until then, up to LIMIT_PAUSE_MS; and a random time more,
 * up to a tenth. Little remaining caps the rate until the reset (quota.h). */
#ifndef GARNER_PACE_H
#define GARNER_PACE_H

#include "common/random.h"
#include "worker/fetch/quota.h"

#define PACE_RATE_MIN 0.1 /* requests a second */
enum {
    PACE_CUT_MS = 1000,         /* from one cut to the next */
    PACE_MEASURE_MS = 1000,     /* over which the rate is measured, … */
    PACE_BURST_MS = 100,        /* … or over this, when it has only begun */
    PACE_JITTER_MS = 50,        /* the least that a pause's random part ranges over */
    PACE_WELL = 16,             /* successes for one more at once, up to where it was throttled … */
    PACE_CONCURRENT_MS = 30000, /* … and beyond, so long for each step */
    PACE_FREE_TIMES = 4,
    PACE_FREE_MS = 600000,
};

enum verdict {
    VERDICT_NONE, /* no answer, or one that says nothing of limits (5xx) */
    VERDICT_WELL,
    VERDICT_THROTTLED, /* by status, or by a code in the body */
};

/* What became of a request. All zero: nothing was heard. */
struct heard {
    enum verdict verdict;
    bool again;     /* it was not the first try */
    bool has_quota; /* as quota_read gave it */
    struct quota quota;
};

struct pace {
    double base_rate, base_burst; /* configured; rate 0: none */
    uint32_t base_concurrency;
    uint32_t concurrency;        /* now */
    double rate;                 /* now, but for what a quota says; 0: unlimited */
    double quota_rate;           /* until quota_ms */
    int64_t quota_ms, paused_ms; /* until when, or PACE_NEVER */
    double ceiling;              /* the rate at which it was throttled last */
    uint32_t concurrency_ceiling;
    uint32_t well; /* successes since concurrency grew */
    bool slowed;   /* rate or concurrency is below what was configured */
    int64_t cut_ms, grown_ms, concurrent_ms;
    uint32_t window_count; /* let go since window_ms */
    int64_t window_ms;
    double measured; /* in the window before, a second */
};

#define PACE_NEVER INT64_MIN

void pace_open(struct pace *pace, double rate, double burst, uint32_t concurrency); /* rate 0: unlimited */

/* The same for one that is at work: true if these are other limits than before, so that it begins anew. */
bool pace_configure(struct pace *pace, double rate, double burst, uint32_t concurrency);

/* A request was let go. */
void pace_went(struct pace *pace, int64_t now_ms);

/* What became of one that was let go at `went_ms`. True if the rate was cut: what tokens there are don't
 * count any more. */
bool pace_heard(struct pace *pace, const struct heard *heard, int64_t went_ms, int64_t now_ms,
                struct random *random);

/* What holds now. */
double pace_rate(const struct pace *pace, int64_t now_ms); /* 0: unlimited */
double pace_burst(const struct pace *pace);                /* at least 1 */
static inline bool pace_paused(const struct pace *pace, int64_t now_ms)
{
    return now_ms < pace->paused_ms;
}

#endif
