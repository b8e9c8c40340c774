#include "worker/harvest/exchange.h"

#include <string.h>

#include "common/limits.h"
#include "common/sm.h"

enum { NEW, SESSION, SENT, WAITING, DONE, STATES };

static const struct sm_state states[STATES] = {
    [NEW] = {"new", SM_TO(SESSION) | SM_TO(SENT) | SM_TO(DONE)},
    [SESSION] = {"session", SM_TO(SESSION) | SM_TO(SENT) | SM_TO(DONE)},
    [SENT] = {"sent", SM_TO(SENT) | SM_TO(SESSION) | SM_TO(WAITING) | SM_TO(DONE)},
    [WAITING] = {"waiting", SM_TO(SESSION) | SM_TO(SENT) | SM_TO(DONE)},
    [DONE] = {"done", SM_TO(NEW)},
};

enum { SECRET_BYTES_MIN = 4 }; /* shorter ones would blank out half a sentence */

static void redact_text(struct error *e, struct bytes secret)
{
    char *at = e->text;
    if (secret.len < SECRET_BYTES_MIN)
        return;
    while ((at = memmem(at, strlen(at), secret.data, secret.len)) != NULL) {
        memset(at, '*', secret.len);
        at += secret.len;
    }
}

void exchange_redact(const struct placeholders *values, const struct auth_session *session, struct error *e)
{
    const struct value *secrets = values->credentials;
    for (uint32_t i = 0; secrets && i < secrets->count; i++)
        redact_text(e, secrets->members[i].value.text);
    if (session)
        redact_text(e, buffer_bytes(&session->token));
}

void exchange_open(struct exchange *x, const struct exchange_setting *setting)
{
    *x = (struct exchange){.set = *setting, .state = NEW};
}

void exchange_close(struct exchange *x)
{
    arena_close(&x->arena);
    *x = (struct exchange){0};
}

static enum exchange_want fail(struct exchange *x)
{
    exchange_redact(x->set.values, x->set.session, &x->error);
    sm_move(states, &x->state, DONE);
    return EXCHANGE_FAILED;
}

static int build(struct exchange *x)
{
    struct request_parts parts;
    struct error *e = &x->error;
    arena_reset(&x->arena);
    int code = request_begin(&parts, &x->arena, x->set.request, x->set.values, e);
    if (!code && x->set.build)
        code = x->set.build(x->set.context, &parts, e);
    if (!code)
        code = auth_apply(x->set.auth, x->set.session, x->set.values, &parts, e);
    if (!code)
        code = request_finish(&parts, &x->request, e);
    return code;
}

/* Send, or see to the session first. */
static enum exchange_want go(struct exchange *x, int64_t now_ms)
{
    struct auth_session *session = x->set.session;
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
    x->tries++;
    sm_move(states, &x->state, SENT);
    return EXCHANGE_SEND;
}

enum exchange_want exchange_start(struct exchange *x, int64_t now_ms)
{
    if (x->state == DONE)
        sm_move(states, &x->state, NEW);
    x->tries = 0;
    x->renewed = false;
    return go(x, now_ms);
}

enum exchange_want exchange_due(struct exchange *x, int64_t now_ms)
{
    CHECK(x->state == WAITING || x->state == SESSION);
    return go(x, now_ms);
}

static enum exchange_want try_again(struct exchange *x, int64_t retry_after_ms, int64_t now_ms)
{
    if (!retry_decide(x->error.code, x->tries, retry_after_ms, now_ms, x->set.retry, &x->at_ms)) {
        if (x->tries > 1)
            error_set(&x->error, x->error.code, "%s (tried %u times)", x->error.text, x->tries);
        else if (retry_after_ms > LIMIT_RETRY_AFTER_MS)
            error_set(&x->error, x->error.code, "%s (asked to wait %lld s, longer than %d s)", x->error.text,
                      (long long)retry_after_ms / 1000, LIMIT_RETRY_AFTER_MS / 1000);
        return fail(x);
    }
    sm_move(states, &x->state, WAITING);
    return EXCHANGE_WAIT;
}

static enum exchange_want rejected(struct exchange *x, int64_t now_ms)
{
    if (!x->set.session || !auth_rejected(x->set.session, x->set.auth, x->generation, x->renewed))
        return fail(x);
    x->renewed = true;
    x->tries--; /* the renewal is no fault of the request */
    return go(x, now_ms);
}

enum exchange_want exchange_answered(struct exchange *x, const struct answer *answer, int64_t now_ms,
                                     int64_t wall_ms)
{
    CHECK(x->state == SENT);
    x->answer = answer;
    int code = x->set.is_get ? answer_judge_get(x->set.def, answer, &x->arena, &x->kind, &x->error)
                             : answer_judge(x->set.def, answer, &x->arena, &x->kind, &x->body, &x->error);
    if (code) {
        struct bytes value;
        int64_t after_ms = answer_header(answer, "Retry-After", &value) ? retry_after_read(value, wall_ms)
                                                                        : -1;
        return try_again(x, after_ms, now_ms);
    }
    if (x->kind == ANSWER_REJECTED)
        return rejected(x, now_ms);
    sm_move(states, &x->state, DONE);
    return EXCHANGE_DONE;
}

enum exchange_want exchange_broke(struct exchange *x, const struct error *error, int64_t now_ms)
{
    CHECK(x->state == SENT);
    x->error = *error;
    return try_again(x, -1, now_ms);
}
