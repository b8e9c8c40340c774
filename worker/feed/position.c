/* A position (epoch, seq) is a point of a history when its epoch reaches there: from one before its first
 * seq, where the owner took over, up to where the next one did, or to the head. What lies beyond the head may
 * still come; what lies beyond an epoch that has ended never will.
 *
 *      epoch 1          epoch 3                 (2 was given up before it wrote anything)
 *      1 … 100          101 … head
 *
 *      (1, 100), (3, 100): the same point, sound   (1, 101): diverged behind 100
 *      (3, 99): no such point: diverged            (4, …), (3, head + 1): future */
#include "worker/feed/position.h"

#include "common/check.h"

/* The epoch that a number belongs to: itself, or one before it that went on meanwhile. Its index + 1; 0:
 * none. */
static uint32_t find_epoch(const struct history *history, uint64_t epoch)
{
    uint32_t found = 0;
    while (found < history->epoch_count && history->epochs[found].epoch <= epoch)
        found++;
    return found;
}

static void diverged(struct refusal *refusal, uint64_t common)
{
    refusal->kind = REFUSAL_DIVERGED;
    refusal->common = common;
}

/* Right before what is kept: the change that stood there is gone, its check sum isn't. */
static bool is_at_cut(const struct history *history, uint64_t seq)
{
    return history->cut_check && seq > 0 && seq + 1 == history->oldest;
}

void position_judge(const struct history *history, uint32_t shard, const struct point *at,
                    struct refusal *refusal)
{
    CHECK(history->epoch_count > 0);
    const struct store_epoch *last = &history->epochs[history->epoch_count - 1];
    uint32_t found = find_epoch(history, at->epoch);
    *refusal = (struct refusal){
        .shard = shard, .oldest = history->oldest, .head = history->head, .epoch = last->epoch};
    if (at->seq > 0) {
        bool has_ended = found < history->epoch_count;
        uint64_t first = found ? history->epochs[found - 1].first : 0;
        uint64_t end = has_ended ? history->epochs[found].first - 1 : history->head;
        if (at->epoch > last->epoch || (!has_ended && at->seq > end))
            refusal->kind = REFUSAL_FUTURE;
        else if (!found || at->seq > end)
            diverged(refusal, found ? end : 0);
        else if (at->seq + 1 < first)
            diverged(refusal, at->seq - 1);
    }
    if (!refusal->kind && at->seq + 1 < history->oldest)
        refusal->kind = REFUSAL_COMPACTED;
    else if (!refusal->kind && is_at_cut(history, at->seq) && at->check && at->check != history->cut_check)
        diverged(refusal, at->seq - 1);
}

bool position_differs(const struct point *at, struct bytes packed_change, struct refusal *refusal)
{
    bool differs = at->check && at->check != position_check(packed_change);
    if (differs)
        diverged(refusal, at->seq - 1);
    return differs;
}

struct position position_behind(const struct history *history, uint32_t shard, uint64_t seq)
{
    uint32_t at = 0;
    while (at + 1 < history->epoch_count && history->epochs[at + 1].first <= seq)
        at++;
    return (struct position){.shard = shard,
                             .check = is_at_cut(history, seq) ? history->cut_check : 0,
                             .epoch = history->epochs[at].epoch,
                             .seq = seq};
}
