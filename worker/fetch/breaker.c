/* A breaker is fed with harvests, not with requests: a request's own retries come first, and a harvest of
 * thousands of pages that fails once is one failure. While it is open, what fails began before and is no
 * news; what goes well is. */
#include "worker/fetch/breaker.h"

#include <stdlib.h>

#include "common/check.h"
#include "common/limits.h"
#include "common/sm.h"
#include "common/units.h"

static const struct sm_state states[] = {
    [BREAKER_CLOSED] = {"closed", SM_TO(BREAKER_OPEN)},
    [BREAKER_OPEN] = {"open", SM_TO(BREAKER_HALF_OPEN) | SM_TO(BREAKER_CLOSED)},
    [BREAKER_HALF_OPEN] = {"half open", SM_TO(BREAKER_OPEN) | SM_TO(BREAKER_CLOSED)},
};

enum meaning { WELL, FAILED, DENIED, NOTHING };

void breaker_close(struct breaker *b)
{
    free(b->text);
    b->text = NULL;
}

static enum meaning meaning_of(const struct breaker *b, const struct breaker_end *end)
{
    if (!end->error)
        return WELL;
    switch (end->error->code) {
    case ERR_LOGIN:
    case ERR_CREDENTIALS:
    case ERR_CONNECT:
    case ERR_RESOLVE:
    case ERR_TLS:
    case ERR_TRANSFER:
    case ERR_SERVER:
        return FAILED;
    case ERR_DENIED:
        return end->rejected ? FAILED : b->state == BREAKER_CLOSED || b->by_denials ? DENIED : WELL;
    case ERR_THROTTLED:
    case ERR_PLACEHOLDER:
    case ERR_CONFIG:
    case ERR_STOPPED:
    case ERR_STORE:
    case ERR_FULL:
    case ERR_CORRUPT:
    case ERR_BUSY:
    case ERR_IO:
        return NOTHING;
    default:
        return WELL; /* there was an answer */
    }
}

static void open_until(struct breaker *b, int64_t wait_ms, int64_t now_ms)
{
    sm_move(states, &b->state, BREAKER_OPEN);
    b->until_ms = now_ms + wait_ms;
}

static int64_t wait_of(uint32_t opened, struct random *random)
{
    int64_t wait_ms = LIMIT_BREAKER_FIRST_MS;
    while (--opened > 0 && wait_ms < LIMIT_BREAKER_MAX_MS)
        wait_ms *= 2;
    wait_ms = wait_ms < LIMIT_BREAKER_MAX_MS ? wait_ms : LIMIT_BREAKER_MAX_MS;
    return wait_ms + (int64_t)random_below(random, (uint64_t)wait_ms / 10 + 1);
}

static void note_cause(struct breaker *b, const struct error *e)
{
    free(b->text);
    b->text = mem_strdup(e->text);
    b->cause = e->code;
}

static bool went_well(struct breaker *b)
{
    bool was_open = b->state != BREAKER_CLOSED;
    if (was_open)
        sm_move(states, &b->state, BREAKER_CLOSED);
    breaker_close(b);
    *b = (struct breaker){.state = BREAKER_CLOSED};
    return was_open;
}

static bool failed(struct breaker *b, const struct breaker_end *end, bool denied, int64_t now_ms,
                   struct random *random)
{
    if (b->state == BREAKER_OPEN || (b->state == BREAKER_HALF_OPEN && !end->is_probe))
        return false;
    uint32_t enough = denied && end->collections > LIMIT_BREAKER_FAILURES ? end->collections
                                                                          : LIMIT_BREAKER_FAILURES;
    uint32_t *count = denied ? &b->denied : &b->failed;
    if (++*count < enough && b->state == BREAKER_CLOSED)
        return false;
    bool is_new = b->state == BREAKER_CLOSED;
    if (is_new)
        b->since_ms = now_ms;
    b->by_denials = denied;
    note_cause(b, end->error);
    b->opened++;
    open_until(b, wait_of(b->opened, random), now_ms);
    return is_new;
}

bool breaker_ended(struct breaker *b, const struct breaker_end *end, int64_t now_ms, struct random *random)
{
    enum meaning meaning = meaning_of(b, end);
    switch (meaning) {
    case WELL:
        return went_well(b);
    case FAILED:
    case DENIED:
        return failed(b, end, meaning == DENIED, now_ms, random);
    case NOTHING:
        break;
    }
    if (b->state == BREAKER_HALF_OPEN && end->is_probe)
        open_until(b, 0, now_ms); /* the next one is the probe */
    return false;
}

enum breaker_answer breaker_may(struct breaker *b, int64_t now_ms, int64_t *until_ms)
{
    *until_ms = now_ms;
    if (b->state == BREAKER_CLOSED)
        return BREAKER_YES;
    if (b->state == BREAKER_OPEN && now_ms >= b->until_ms) {
        sm_move(states, &b->state, BREAKER_HALF_OPEN);
        return BREAKER_PROBE;
    }
    /* While a probe is under way, nobody knows until when: a while. */
    *until_ms = b->state == BREAKER_HALF_OPEN ? now_ms + LIMIT_BREAKER_FIRST_MS : b->until_ms;
    return BREAKER_NO;
}

void breaker_now(struct breaker *b, int64_t now_ms)
{
    if (b->state == BREAKER_OPEN && b->until_ms > now_ms)
        b->until_ms = now_ms;
}

int64_t breaker_open_since(const struct breaker *b)
{
    return b->state == BREAKER_CLOSED ? INT64_MIN : b->since_ms;
}

int breaker_error(const struct breaker *b, int64_t now_ms, struct error *e)
{
    char since[UNITS_TEXT_BYTES];
    CHECK(b->state != BREAKER_CLOSED);
    return error_set(e, b->cause,
                     "not asked: what this account was asked for fails one after the other, for %s: %s",
                     units_ago(now_ms - b->since_ms, since), b->text);
}
