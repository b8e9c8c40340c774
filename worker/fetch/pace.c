/* Plain AIMD swings between half of the limit and the limit, so it uses three quarters of it, and meets it
 * each time it gets there. With two slopes below the last maximum it is near it for most of the time, and
 * seldom above.
 *
 * Growth is by time, not by success, so that a bucket of many requests and one of few take as long. Only time
 * in which requests went well counts: a bucket at rest doesn't grow. A rate that was not used is no evidence,
 * so what is cut is what was measured, where that is less; but never more than an eighth at once, since a
 * bucket at rest has measured nothing. */
#include "worker/fetch/pace.h"

#include <math.h>

#include "common/limits.h"

#define RATE_MAX 1e6

static const double back_slope = 0.08;              /* of the ceiling, a second */
static const double near_slope = 0.2 / 120;         /* likewise */
static const double beyond_slope = 1.0 / 30;        /* of the rate, a second */
static const double near_from = 0.9, near_to = 1.1; /* of the ceiling */

void pace_open(struct pace *p, double rate, double burst, uint32_t concurrency)
{
    *p = (struct pace){
        .base_rate = rate > 0 ? rate : 0,
        .base_burst = burst > 1 ? burst : 1,
        .base_concurrency = concurrency,
        .concurrency = concurrency,
        .rate = rate > 0 ? rate : 0,
        .quota_ms = PACE_NEVER,
        .paused_ms = PACE_NEVER,
        .cut_ms = PACE_NEVER,
        .window_ms = PACE_NEVER,
    };
}

bool pace_configure(struct pace *p, double rate, double burst, uint32_t concurrency)
{
    const struct pace before = *p;
    pace_open(p, rate, burst, concurrency);
    bool is_same = p->base_rate == before.base_rate && p->base_burst == before.base_burst &&
                   p->base_concurrency == before.base_concurrency;
    if (is_same)
        *p = before;
    return !is_same;
}

double pace_rate(const struct pace *p, int64_t now_ms)
{
    if (now_ms >= p->quota_ms)
        return p->rate;
    return p->rate > 0 ? fmin(p->rate, p->quota_rate) : p->quota_rate;
}

double pace_burst(const struct pace *p)
{
    if (!p->slowed)
        return p->base_burst;
    return fmax(1, p->base_rate > 0 ? fmin(p->base_burst, p->rate) : p->rate / 10);
}

/* --- measuring --- */

void pace_went(struct pace *p, int64_t now_ms)
{
    if (p->window_ms == PACE_NEVER) {
        p->window_ms = now_ms;
    } else if (now_ms - p->window_ms >= PACE_MEASURE_MS) {
        p->measured = p->window_count * 1000.0 / (double)(now_ms - p->window_ms);
        p->window_ms = now_ms;
        p->window_count = 0;
    }
    p->window_count++;
}

static double measured(const struct pace *p, int64_t now_ms)
{
    int64_t span_ms = p->window_ms == PACE_NEVER ? 0 : now_ms - p->window_ms;
    double now = p->window_count * 1000.0 / (double)(span_ms > PACE_BURST_MS ? span_ms : PACE_BURST_MS);
    return fmax(now, p->measured);
}

/* --- less --- */

static double rate_min(const struct pace *p)
{
    return p->base_rate > 0 ? fmin(p->base_rate, PACE_RATE_MIN) : PACE_RATE_MIN;
}

static bool cut(struct pace *p, int64_t went_ms, int64_t now_ms)
{
    if (p->cut_ms != PACE_NEVER && (went_ms <= p->cut_ms || now_ms - p->cut_ms < PACE_CUT_MS))
        return false;
    double from = measured(p, now_ms);
    if (p->rate > 0)
        from = fmin(fmax(from, p->rate / 4), p->rate);
    p->ceiling = fmax(from, rate_min(p));
    p->rate = fmax(from / 2, rate_min(p));
    p->concurrency_ceiling = p->concurrency;
    p->concurrency = p->concurrency > 1 ? p->concurrency / 2 : 1;
    p->well = 0;
    p->slowed = true;
    p->cut_ms = p->grown_ms = p->concurrent_ms = now_ms;
    return true;
}

static void pause_for(struct pace *p, int64_t wait_ms, int64_t now_ms, struct random *random)
{
    wait_ms = wait_ms < LIMIT_PAUSE_MS ? wait_ms : LIMIT_PAUSE_MS;
    wait_ms += (int64_t)random_below(random, (uint64_t)wait_ms / 10 + PACE_JITTER_MS);
    if (p->paused_ms < now_ms + wait_ms)
        p->paused_ms = now_ms + wait_ms;
}

static void take_quota(struct pace *p, const struct heard *heard, int64_t now_ms, struct random *random)
{
    const struct quota *q = &heard->quota;
    double rate = quota_rate(q);
    if (q->after_ms > 0 && heard->verdict != VERDICT_WELL)
        pause_for(p, q->after_ms, now_ms, random);
    if (q->remaining == 0 && q->reset_ms > 0) {
        pause_for(p, q->reset_ms, now_ms, random);
    } else if (q->remaining > 0 && isfinite(rate)) {
        p->quota_rate = fmax(rate, rate_min(p));
        p->quota_ms = now_ms + q->reset_ms;
    } else if (q->remaining > 0) {
        p->quota_ms = PACE_NEVER;
    }
}

/* --- more --- */

/* The rate after so long at each stretch's own slope; a step ends where its stretch does. */
static double grown(const struct pace *p, double span_s)
{
    double near = p->ceiling * near_from, beyond = p->ceiling * near_to;
    if (p->rate < near)
        return fmin(p->rate + p->ceiling * back_slope * span_s, near);
    if (p->rate < beyond)
        return fmin(p->rate + p->ceiling * near_slope * span_s, beyond);
    return p->rate + p->rate * beyond_slope * span_s;
}

static void grow_rate(struct pace *p, int64_t now_ms)
{
    double gap_ms = fmax(1000, 2000 / p->rate), span_ms = fmin((double)(now_ms - p->grown_ms), gap_ms);
    p->grown_ms = now_ms;
    p->rate = fmin(grown(p, span_ms / 1000), p->base_rate > 0 ? p->base_rate : RATE_MAX);
    if (p->base_rate <= 0 && p->rate >= p->ceiling * PACE_FREE_TIMES && now_ms - p->cut_ms >= PACE_FREE_MS)
        p->rate = 0;
}

/* Up to below where it was throttled by success; beyond that by time, and in larger and larger steps. */
static void grow_concurrency(struct pace *p, int64_t now_ms)
{
    bool back = p->concurrency + 1 < p->concurrency_ceiling;
    if (p->concurrency >= p->base_concurrency ||
        !(back ? ++p->well >= PACE_WELL : now_ms - p->concurrent_ms >= PACE_CONCURRENT_MS))
        return;
    uint32_t beyond = p->concurrency > p->concurrency_ceiling ? p->concurrency - p->concurrency_ceiling : 0,
             left = p->base_concurrency - p->concurrency;
    p->concurrency += 1 + beyond < left ? 1 + beyond : left;
    p->well = 0;
    p->concurrent_ms = now_ms;
}

static void grow(struct pace *p, int64_t went_ms, int64_t now_ms)
{
    if (went_ms <= p->cut_ms)
        return;
    if (p->rate > 0)
        grow_rate(p, now_ms);
    grow_concurrency(p, now_ms);
    p->slowed = p->rate != p->base_rate || p->concurrency < p->base_concurrency;
}

bool pace_heard(struct pace *p, const struct heard *heard, int64_t went_ms, int64_t now_ms,
                struct random *random)
{
    const struct quota *q = &heard->quota;
    bool used_up = heard->has_quota && q->remaining == 0 && q->reset_ms < 0; /* it isn't told until when */
    if (heard->has_quota)
        take_quota(p, heard, now_ms, random);
    if (heard->verdict == VERDICT_THROTTLED || used_up)
        return cut(p, went_ms, now_ms);
    if (p->slowed && heard->verdict == VERDICT_WELL)
        grow(p, went_ms, now_ms);
    return false;
}
