#include "worker/harvest/exchange.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "common/limits.h"
#include "common/sm.h"
#include "worker/aws/chain.h"
#include "worker/provider/page_size.h"

enum { NEW, SESSION, SENT, WAITING, DONE, STATES };

static const struct sm_state states[STATES] = {
    [NEW] = {"new", SM_TO(SESSION) | SM_TO(SENT) | SM_TO(DONE)},
    [SESSION] = {"session", SM_TO(SESSION) | SM_TO(SENT) | SM_TO(DONE)},
    [SENT] = {"sent", SM_TO(SENT) | SM_TO(SESSION) | SM_TO(WAITING) | SM_TO(DONE)},
    [WAITING] = {"waiting", SM_TO(SESSION) | SM_TO(SENT) | SM_TO(DONE)},
    [DONE] = {"done", SM_TO(NEW)},
};

void exchange_redact(const struct placeholders *values, const struct auth_session *session, struct error *e)
{
    const struct value *secrets = values->credentials;
    for (uint32_t i = 0; secrets && i < secrets->count; i++)
        error_redact(e, secrets->members[i].value.text);
    if (!session)
        return;
    error_redact(e, buffer_bytes(&session->token));
    error_redact(e, buffer_bytes(&session->secret));
}

void exchange_open(struct exchange *x, const struct exchange_setting *setting)
{
    memset(x, 0, offsetof(struct exchange, error));
    error_none(&x->error);
    x->set = *setting;
}

void exchange_close(struct exchange *x)
{
    arena_close(&x->arena);
}

static enum exchange_want fail(struct exchange *x)
{
    exchange_redact(x->set.values, x->set.session, &x->error);
    sm_move(states, &x->state, DONE);
    return EXCHANGE_FAILED;
}

/* A region becomes part of a host's name, so nothing but what a name is made of is taken. */
static bool take_region(struct exchange *x, struct bytes region)
{
    if (!region.len || region.len >= sizeof x->region)
        return false;
    for (size_t i = 0; i < region.len; i++)
        if (!isalnum((unsigned char)region.data[i]) && region.data[i] != '-')
            return false;
    memcpy(x->region, region.data, region.len);
    x->region[region.len] = 0;
    return true;
}

/* Where aws_sigv4 leads to: the region that is signed for, and the endpoint in AWS's place. */
static int aim(struct exchange *x, struct placeholders *values, struct error *e)
{
    const struct auth_def *auth = x->set.auth;
    struct bytes region;
    int code = 0;
    if (auth->kind != AUTH_AWS_SIGV4)
        return 0;
    if (!x->moved &&
        !(code = template_expand_in(&x->arena, auth->region, values, TEMPLATE_PLAIN, &region, e)) &&
        !take_region(x, region))
        code = error_set(e, ERR_PLACEHOLDER, "\"%.*s\" can't be a region", BYTES_ARG(region));
    if (code)
        error_at(e, "auth region %s", auth->region->text);
    values->auth_region = x->region;
    if (x->set.session)
        values->endpoint = aws_endpoint(&x->set.session->endpoints, auth->service_id);
    return code;
}

static int build(struct exchange *x)
{
    struct request_parts parts;
    struct placeholders values = *x->set.values;
    struct error *e = &x->error;
    arena_reset(&x->arena);
    x->is_conditional = false;
    int code = aim(x, &values, e);
    if (!code)
        code = request_begin(&parts, &x->arena, x->set.request, &values, e);
    if (!code && x->set.build)
        code = x->set.build(x->set.context, &parts, e);
    if (!code)
        code = auth_apply(x->set.auth, x->set.session, &values, &parts, e);
    if (!code)
        code = request_finish(&parts, &x->request, e);
    return code;
}

/* Send, or see to the session first. */
static enum exchange_want go(struct exchange *x, int64_t now_ms)
{
    struct auth_session *session = x->set.session;
    x->is_suspect = false;
    if (session) {
        enum auth_need need = auth_need(session, x->set.auth, now_ms);
        if (need == AUTH_FAIL) {
            x->error = session->error;
            return fail(x);
        }
        if (need != AUTH_GO) {
            sm_move(states, &x->state, SESSION);
            return need == AUTH_RENEW ? EXCHANGE_RENEW : EXCHANGE_WAIT_SESSION;
        }
        x->generation = session->generation;
    }
    if (build(x))
        return fail(x);
    if (x->tries++ == 0 && x->set.retry->budget)
        budget_asked(x->set.retry->budget, now_ms);
    sm_move(states, &x->state, SENT);
    return EXCHANGE_SEND;
}

enum exchange_want exchange_start(struct exchange *x, int64_t now_ms)
{
    if (x->state == DONE)
        sm_move(states, &x->state, NEW);
    x->tries = 0;
    x->status = 0;
    x->renewed = x->corrected = false;
    return go(x, now_ms);
}

const struct request *exchange_request(struct exchange *x, int64_t wall_ms)
{
    const struct auth_session *session = x->set.session;
    CHECK(x->state == SENT);
    if (session)
        x->generation = session->generation;
    x->signed_ms = wall_ms + (session ? session->skew_ms : 0);
    auth_sign(x->set.auth, session, x->region, wall_ms, &x->arena, &x->request);
    return &x->request;
}

enum exchange_want exchange_due(struct exchange *x, int64_t now_ms)
{
    CHECK(x->state == WAITING || x->state == SESSION);
    return go(x, now_ms);
}

static enum exchange_want try_again(struct exchange *x, int64_t retry_after_ms, int64_t now_ms)
{
    struct budget *budget = x->set.retry->budget;
    bool is_enough = x->set.is_sized && x->is_suspect && x->tries >= LIMIT_PAGE_SIZE_TRIES;
    if (is_enough ||
        !retry_decide(x->error.code, x->tries, retry_after_ms, now_ms, x->set.retry, &x->at_ms)) {
        if (x->tries > 1)
            error_set(&x->error, x->error.code, "%s (tried %u times)", x->error.text, x->tries);
        else if (retry_after_ms > LIMIT_RETRY_AFTER_MS)
            error_set(&x->error, x->error.code, "%s (asked to wait %lld s, longer than %d s)", x->error.text,
                      (long long)retry_after_ms / 1000, LIMIT_RETRY_AFTER_MS / 1000);
        return fail(x);
    }
    if (budget && !budget_take(budget, now_ms)) {
        error_set(
            &x->error, x->error.code,
            "%s (not tried again: so much fails of what this account asks for that its retries are used "
            "up)",
            x->error.text);
        return fail(x);
    }
    sm_move(states, &x->state, WAITING);
    return EXCHANGE_WAIT;
}

/* The same request once more, for a reason that is no fault of its own. */
static enum exchange_want once_more(struct exchange *x, int64_t now_ms)
{
    x->tries--;
    return go(x, now_ms);
}

static enum exchange_want rejected(struct exchange *x, int64_t now_ms)
{
    const struct auth_session *session = x->set.session;
    if (!session || !auth_rejected(x->set.session, x->set.auth, x->generation, x->renewed, now_ms)) {
        if (session && session->error.code) /* there was no renewal that could have helped */
            error_set(&x->error, x->error.code, "%s (no new ones: %s)", x->error.text, session->error.text);
        return fail(x);
    }
    x->renewed = true;
    return once_more(x, now_ms);
}

/* The provider says that our time is wrong. It is believed once, if its own clock differs from the time that
 * was signed for (others may have learnt of it since). Says of what fails that the clock is wrong. */
static bool correct_clock(struct exchange *x, int64_t wall_ms)
{
    struct auth_session *session = x->set.session;
    int64_t theirs_ms;
    if (!session || x->set.auth->kind != AUTH_AWS_SIGV4 || !answer_date(x->answer, &theirs_ms))
        return false;
    int64_t ahead_ms = theirs_ms - wall_ms;
    if (llabs(theirs_ms - x->signed_ms) > LIMIT_CLOCK_SKEW_MS && !x->corrected) {
        x->corrected = true;
        session->skew_ms = ahead_ms;
        return true;
    }
    if (llabs(ahead_ms) > LIMIT_CLOCK_SKEW_MS)
        error_set(&x->error, x->error.code, "%s (this machine's clock is %lld s %s the provider's: set it)",
                  x->error.text, (long long)llabs(ahead_ms) / 1000, ahead_ms > 0 ? "behind" : "ahead of");
    return false;
}

static enum exchange_want skewed(struct exchange *x, int64_t now_ms, int64_t wall_ms)
{
    if (correct_clock(x, wall_ms))
        return once_more(x, now_ms);
    return x->kind == ANSWER_STALE ? rejected(x, now_ms) : fail(x);
}

/* The provider says that what was asked for is in another region: it is asked there, once. */
static enum exchange_want elsewhere(struct exchange *x, int64_t now_ms)
{
    struct bytes region;
    const char *why = NULL;
    char asked[LIMIT_REGION_BYTES];
    strcpy(asked, x->region);
    CHECK(answer_header(x->answer, x->set.auth->region_from, &region));
    if (bytes_is(region, asked))
        why = "the region that it names";
    else if (x->moved)
        why = "a region that an earlier answer named";
    else if (!take_region(x, region))
        why = "and what it names is no region";
    if (!why) {
        x->moved = true;
        return once_more(x, now_ms);
    }
    error_set(&x->error, x->error.code, "%s (asked in %s, %s)", x->error.text, asked, why);
    return fail(x);
}

static int judge(struct exchange *x, const struct answer *answer)
{
    if (x->set.is_get)
        return answer_judge_get(x->set.def, answer, &x->arena, &x->kind, &x->error);
    if (x->is_conditional && answer->status == 304) {
        x->kind = ANSWER_UNMODIFIED;
        return 0;
    }
    return answer_judge(x->set.def, answer, x->set.decoder, &x->arena, &x->kind, &x->body, &x->error);
}

static enum verdict verdict_of(int code)
{
    switch (code) {
    case ERR_THROTTLED:
        return VERDICT_THROTTLED;
    case ERR_SERVER:
    case ERR_BODY:
    case ERR_LIMIT:
        return VERDICT_NONE;
    default:
        return VERDICT_WELL;
    }
}

/* What the answer came to, for the limits. Some APIs throttle with a 403, and only headers tell that from a
 * denial. */
static int hear(struct exchange *x, const struct answer *answer, int code, int64_t wall_ms)
{
    struct heard *heard = &x->heard;
    heard->again = x->tries > 1;
    heard->has_quota = quota_read(answer, wall_ms, &heard->quota);
    if (code == ERR_DENIED && answer->status == 403 && heard->has_quota &&
        (heard->quota.remaining == 0 || heard->quota.after_ms >= 0))
        code = error_set(&x->error, ERR_THROTTLED, "%s; by its headers it is throttled", x->error.text);
    heard->verdict = verdict_of(code);
    return code;
}

enum exchange_want exchange_answered(struct exchange *x, const struct answer *answer, int64_t now_ms,
                                     int64_t wall_ms)
{
    CHECK(x->state == SENT);
    x->answer = answer;
    x->status = answer->status;
    int code = hear(x, answer, judge(x, answer), wall_ms);
    if (code) {
        x->is_suspect = page_size_is_suspect(code, true);
        return try_again(x, x->heard.has_quota ? x->heard.quota.after_ms : -1, now_ms);
    }
    if (x->kind == ANSWER_REJECTED)
        return rejected(x, now_ms);
    if (x->kind == ANSWER_SKEWED || x->kind == ANSWER_STALE)
        return skewed(x, now_ms, wall_ms);
    if (x->kind == ANSWER_MOVED)
        return elsewhere(x, now_ms);
    sm_move(states, &x->state, DONE);
    return EXCHANGE_DONE;
}

enum exchange_want exchange_broke(struct exchange *x, const struct error *error, int64_t now_ms)
{
    CHECK(x->state == SENT);
    x->status = 0;
    x->error = *error;
    x->is_suspect = page_size_is_suspect(error->code, false);
    x->heard = (struct heard){.again = x->tries > 1};
    return try_again(x, -1, now_ms);
}
