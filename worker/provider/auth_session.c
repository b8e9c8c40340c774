/* Sessions: the token of a login or exec auth, and when it is renewed (the drawing is in auth.h).
 *
 * A token is renewed ahead of its expiry by 30 s, or by half its life if that is shorter: renewing one
 * at once that lives less than 30 s would renew for ever and never ask anything. A 401 doesn't move the
 * state, it makes renewal due: whoever asks next is told to renew, and only one is. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/check.h"
#include "common/limits.h"
#include "common/sm.h"
#include "common/units.h"
#include "common/value/number.h"
#include "worker/provider/auth.h"

enum auth_state { NONE, RENEWING, READY, FAILED, STATES };

static const struct sm_state states[STATES] = {
    [NONE] = {"none", SM_TO(RENEWING)},
    [RENEWING] = {"renewing", SM_TO(READY) | SM_TO(FAILED)},
    [READY] = {"ready", SM_TO(RENEWING)},
    [FAILED] = {"failed", SM_TO(RENEWING)},
};

static bool has_session(const struct auth_def *def)
{
    return def->kind == AUTH_LOGIN || def->kind == AUTH_EXEC || def->kind == AUTH_AWS_SIGV4;
}

enum auth_need auth_need(struct auth_session *session, const struct auth_def *def, int64_t now_ms)
{
    if (!has_session(def))
        return AUTH_GO;
    if (session->state == RENEWING)
        return AUTH_WAIT;
    if (session->state == READY && now_ms < session->renew_ms)
        return AUTH_GO;
    /* A clock that was set back must not make a failure last. */
    if (session->state == FAILED && now_ms >= session->failed_ms &&
        now_ms - session->failed_ms < LIMIT_RENEW_AGAIN_MS)
        return AUTH_FAIL;
    sm_move(states, &session->state, RENEWING);
    return AUTH_RENEW;
}

bool auth_rejected(struct auth_session *session, const struct auth_def *def, uint64_t generation, bool fresh,
                   int64_t now_ms)
{
    if (!has_session(def) || fresh)
        return false;
    bool others_do = session->state != READY || session->renew_ms == INT64_MIN;
    if (others_do || session->generation != generation)
        return true;
    if (def->kind == AUTH_AWS_SIGV4) {
        if (session->doubted && now_ms - session->doubted_ms < LIMIT_RENEW_AGAIN_MS)
            return false;
        session->doubted = true;
        session->doubted_ms = now_ms;
    }
    session->renew_ms = INT64_MIN;
    return true;
}

/* Keys of AWS that haven't expired go on being used: that somebody refused them, or that it is time for new
 * ones, doesn't mean that nobody takes them. */
void auth_failed(struct auth_session *session, const struct error *e, int64_t now_ms)
{
    bool has_keys = session->key_id.len && now_ms < session->expires_ms;
    int64_t again_ms = now_ms + LIMIT_RENEW_AGAIN_MS;
    sm_move(states, &session->state, has_keys ? READY : FAILED);
    session->error = *e;
    session->failed_ms = now_ms;
    if (has_keys)
        session->renew_ms = again_ms < session->expires_ms ? again_ms : session->expires_ms;
}

/* --- Reading a renewal's answer --- */

static int read_token(const struct auth_def *def, const struct answer *answer, const struct value *body,
                      struct bytes *token, struct error *e)
{
    const struct source *from = &def->session_token;
    const char *what = def->kind == AUTH_EXEC ? "the command's output" : "the login's answer";
    const struct value *found = NULL;
    *token = (struct bytes){"", 0};
    if (from->kind == SOURCE_HEADER)
        answer_header(answer, from->name, token);
    else if (body)
        found = pointer_get(&from->pointer, body);
    if (found)
        value_scalar_text(found, token);
    if (token->len == 0 && from->kind == SOURCE_HEADER)
        return error_set(e, ERR_LOGIN, "%s has no token at header:%s", what, from->name);
    if (token->len == 0)
        return error_set(e, ERR_LOGIN, "%s has no token at body:%.*s", what, BYTES_ARG(from->pointer.text));
    if (token->len > LIMIT_TOKEN_BYTES)
        return error_set(e, ERR_LOGIN, "%s has a token longer than %d bytes", what, LIMIT_TOKEN_BYTES);
    for (size_t i = 0; i < token->len; i++)
        if (strchr("\r\n", token->data[i])) /* matches NUL too */
            return error_set(e, ERR_LOGIN, "%s has a token with a line break or NUL in it", what);
    return 0;
}

/* A number of seconds, or a string that holds one, as milliseconds. */
static bool read_seconds(const struct value *value, int64_t *ms)
{
    char text[64];
    if (value->type != VALUE_NUMBER && value->type != VALUE_STRING)
        return false;
    struct bytes literal = bytes_trim(value->text);
    if (!number_is_literal(literal) || literal.len >= sizeof text)
        return false;
    memcpy(text, literal.data, literal.len);
    text[literal.len] = 0;
    double seconds = strtod(text, NULL);
    if (!isfinite(seconds) || fabs(seconds) > 1e14)
        return false;
    *ms = (int64_t)(seconds * 1000);
    return true;
}

static const struct value *find(const struct pointer *pointer, const struct value *body)
{
    const struct value *found = body ? pointer_get(pointer, body) : NULL;
    return found && found->type != VALUE_NULL ? found : NULL;
}

/* An answer that doesn't say when its token expires is fine: then a 401 will. */
static int read_expiry(const struct auth_session *session, const struct auth_def *def,
                       const struct value *body, int64_t now_ms, int64_t *expires_ms, struct error *e)
{
    const struct value *in = def->has_expires_in ? find(&def->expires_in, body) : NULL;
    const struct value *at = def->has_expires_at ? find(&def->expires_at, body) : NULL;
    int64_t ms;
    *expires_ms = INT64_MAX;
    if (in) {
        if (!read_seconds(in, &ms))
            return error_set(e, ERR_LOGIN, "expires_in (body:%.*s) is no number of seconds",
                             BYTES_ARG(def->expires_in.text));
        *expires_ms = now_ms + ms;
    }
    if (at) {
        if (!read_seconds(at, &ms) && (at->type != VALUE_STRING || !units_rfc3339(bytes_trim(at->text), &ms)))
            return error_set(e, ERR_LOGIN,
                             "expires_at (body:%.*s) is neither seconds since 1970 nor an RFC 3339 time",
                             BYTES_ARG(def->expires_at.text));
        ms -= session->wall_ahead_ms;
        if (ms < *expires_ms)
            *expires_ms = ms;
    }
    if (*expires_ms <= now_ms)
        return error_set(e, ERR_LOGIN, "the token that came has expired already");
    return 0;
}

static void keep(struct buffer *to, struct bytes secret)
{
    buffer_wipe(to);
    buffer_reserve(to, secret.len + 1);
    buffer_add_bytes(to, secret);
}

static void be_ready(struct auth_session *session, int64_t now_ms, int64_t expires_ms)
{
    int64_t life_ms = expires_ms - now_ms;
    session->generation++;
    session->expires_ms = expires_ms;
    session->renew_ms = expires_ms;
    if (expires_ms != INT64_MAX)
        session->renew_ms -= life_ms / 2 < LIMIT_RENEW_AHEAD_MS ? life_ms / 2 : LIMIT_RENEW_AHEAD_MS;
    session->error = (struct error){0};
    sm_move(states, &session->state, READY);
}

int auth_renewed(struct auth_session *session, const struct auth_def *def, const struct answer *answer,
                 const struct value *body, int64_t now_ms, struct error *e)
{
    struct bytes token;
    struct error cause = {0};
    int64_t expires_ms = INT64_MAX;
    int err = 0;
    CHECK(has_session(def) && session->state == RENEWING);
    if (answer->status < 200 || answer->status > 299)
        err = error_set(&cause, ERR_LOGIN, "the login was answered by HTTP %d", answer->status);
    if (!err)
        err = read_token(def, answer, body, &token, &cause);
    if (!err)
        err = read_expiry(session, def, body, now_ms, &expires_ms, &cause);
    if (!err) {
        keep(&session->token, token);
        be_ready(session, now_ms, expires_ms);
        return 0;
    }
    auth_failed(session, &cause, now_ms);
    return error_set(e, err, "%s", cause.text);
}

/* Something that can go into a header. */
static bool is_key(struct bytes text, bool may_be_empty)
{
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.data[i] <= ' ' || (unsigned char)text.data[i] >= 0x7f)
            return false;
    return may_be_empty || text.len;
}

int auth_renewed_keys(struct auth_session *session, const struct sigv4_keys *keys, int64_t expires_wall_ms,
                      const struct value *endpoints, int64_t now_ms, struct error *e)
{
    struct error cause = {0};
    int64_t expires_ms = expires_wall_ms;
    CHECK(session->state == RENEWING);
    if (expires_ms != INT64_MAX)
        expires_ms -= session->wall_ahead_ms;
    if (!is_key(keys->id, false) || !is_key(keys->secret, false) || !is_key(keys->token, true))
        error_set(&cause, ERR_CREDENTIALS,
                  "the AWS credentials that were found are empty, or hold a blank or line break");
    else if (expires_ms <= now_ms)
        error_set(&cause, ERR_CREDENTIALS, "the AWS credentials that were found have expired already");
    if (cause.code) {
        auth_failed(session, &cause, now_ms);
        return error_set(e, cause.code, "%s", cause.text);
    }
    keep(&session->key_id, keys->id);
    keep(&session->secret, keys->secret);
    keep(&session->token, keys->token);
    arena_reset(&session->arena);
    session->endpoints = value_copy(&session->arena, endpoints);
    be_ready(session, now_ms, expires_ms);
    return 0;
}

bool auth_renewing(const struct auth_session *session)
{
    return session->state == RENEWING;
}

void auth_session_close(struct auth_session *session)
{
    buffer_wipe(&session->token);
    buffer_wipe(&session->key_id);
    buffer_wipe(&session->secret);
    arena_close(&session->arena);
    *session = (struct auth_session){0};
}
