/* The guard is judged for the listing as a whole, then each candidate for itself: those that enough sound
 * listings over enough time all missed go, and so do those that an operator has confirmed and this
 * listing still misses. A row that the guard lets go must pass `confirm` too. */
#include "worker/winnow/settle.h"

bool settle_guarded(const struct settle *s)
{
    const struct delete_def *rule = s->rule;
    return rule->guarded && s->candidates > 0 && s->candidates >= rule->guard_min &&
           (unsigned __int128)s->candidates * 1000000 > (unsigned __int128)s->rows * rule->guard_share;
}

static bool guard_lets_go(const struct settle *s, const struct missing *missing)
{
    if (s->confirmed_ms && missing->since_ms <= s->confirmed_ms)
        return true;
    return missing->count >= s->rule->guard_listings &&
           s->now_ms - missing->since_ms >= s->rule->guard_over_ms;
}

enum settle_verdict settle_row(const struct settle *s, const struct missing *missing)
{
    if (settle_guarded(s) && !guard_lets_go(s, missing))
        return SETTLE_HOLD;
    switch (s->rule->confirm) {
    case CONFIRM_RELIST:
        return missing->count >= 2 ? SETTLE_DELETE : SETTLE_WAIT;
    case CONFIRM_GET:
        return SETTLE_ASK;
    case CONFIRM_NONE:
        break;
    }
    return SETTLE_DELETE;
}

void settle_missed(struct missing *missing, uint64_t harvest, int64_t now_ms)
{
    if (missing->count == 0)
        missing->since_ms = now_ms;
    if (missing->count == LIMIT_GUARD_LISTINGS) { /* the first stays, the oldest of the others goes */
        for (uint32_t i = 2; i < LIMIT_GUARD_LISTINGS; i++)
            missing->harvests[i - 1] = missing->harvests[i];
        missing->count--;
    }
    missing->harvests[missing->count++] = harvest;
}
