/* How it works: each kind comes down to headers, which replace what the definition says under the same
 * name. They go onto every page of a listing, but only to an origin that the definition or
 * allow_origins names; the check stands here, at the last step before sending, so that no way to a new
 * URL can go around it. Sentences name templates and headers, never what they expand to. */
#include "worker/provider/auth.h"

#include <string.h>

#include "common/base64.h"
#include "common/check.h"
#include "worker/provider/url.h"

static int expand(const struct template *template, const char *what, const struct placeholders *values,
                  struct buffer *out, struct error *e)
{
    int err = template_expand(template, values, TEMPLATE_PLAIN, out, e);
    if (err)
        error_at(e, "auth %s", what);
    return err;
}

static int apply_basic(const struct auth_def *def, const struct placeholders *values,
                       struct request_parts *parts, struct error *e)
{
    struct buffer pair = {0}, header = {0};
    int err = expand(def->user, "user", values, &pair, e);
    if (!err && pair.len && memchr(pair.data, ':', pair.len))
        err = error_set(e, ERR_CREDENTIALS, "auth user: a user of kind basic can't have a ':' in it");
    if (!err) {
        buffer_add_char(&pair, ':');
        err = expand(def->password, "password", values, &pair, e);
    }
    if (!err) {
        buffer_add_text(&header, "Basic ");
        base64_encode(buffer_bytes(&pair), &header);
        request_set_header(parts, "Authorization", buffer_bytes(&header));
    }
    buffer_wipe(&pair);
    buffer_wipe(&header);
    return err;
}

static int apply_bearer(const struct auth_def *def, const struct placeholders *values,
                        struct request_parts *parts, struct error *e)
{
    struct buffer header = {0};
    buffer_add_text(&header, "Bearer ");
    size_t before = header.len;
    int err = expand(def->token, "token", values, &header, e);
    if (!err && header.len == before)
        err = error_set(e, ERR_CREDENTIALS, "auth token: it is empty");
    if (!err)
        request_set_header(parts, "Authorization", buffer_bytes(&header));
    buffer_wipe(&header);
    return err;
}

/* Several values of one header are one list (RFC 9110, 5.3). */
static int apply_headers(const struct auth_def *def, const struct placeholders *values,
                         struct request_parts *parts, struct error *e)
{
    struct buffer value = {0};
    int err = 0;
    for (uint32_t i = 0; i < def->headers.count && !err; i++) {
        const struct field *field = &def->headers.items[i];
        buffer_reset(&value);
        for (uint32_t j = 0; j < field->count && !err; j++) {
            if (j)
                buffer_add_text(&value, ", ");
            err = expand(field->values[j], field->name, values, &value, e);
        }
        if (!err && field->count)
            request_set_header(parts, field->name, buffer_bytes(&value));
    }
    buffer_wipe(&value);
    return err;
}

static int apply_session(const struct auth_def *def, const struct auth_session *session,
                         const struct placeholders *values, struct request_parts *parts, struct error *e)
{
    struct placeholders with_token = *values;
    struct buffer value = {0};
    if (!session || session->token.len == 0)
        return error_set(e, ERR_CREDENTIALS, "auth: there is no session's token yet");
    if (!def->format) {
        request_set_header(parts, def->send_header, buffer_bytes(&session->token));
        return 0;
    }
    with_token.token = buffer_bytes(&session->token);
    with_token.has_token = true;
    int err = expand(def->format, "format", &with_token, &value, e);
    if (!err)
        request_set_header(parts, def->send_header, buffer_bytes(&value));
    buffer_wipe(&value);
    return err;
}

void auth_sign(const struct auth_def *def, const struct auth_session *session, const char *region,
               int64_t wall_ms, struct arena *arena, struct request *request)
{
    struct error e;
    if (def->kind != AUTH_AWS_SIGV4)
        return;
    CHECK(session);
    struct sigv4_setting how = {
        .keys = {buffer_bytes(&session->key_id), buffer_bytes(&session->secret),
                 buffer_bytes(&session->token)},
        .region = region,
        .service = def->service,
        .wall_ms = wall_ms + session->skew_ms,
    };
    int code = sigv4_sign(&how, arena, request, &e);
    CHECK(!code); /* auth_renewed_keys saw to the keys, request_finish to the URL */
}

static int check_origin(const struct request_parts *parts, struct error *e)
{
    if (url_same_origin_of(&parts->url, &parts->origin))
        return 0;
    if (parts->link_origin && url_same_origin_of(&parts->url, parts->link_origin))
        return 0;
    struct bytes ours = url_origin_of(parts->arena, &parts->origin);
    struct bytes theirs = url_origin_of(parts->arena, &parts->url);
    return error_set(e, ERR_CREDENTIALS,
                     "credentials of %.*s don't go to %.*s: allow_origins doesn't name it", BYTES_ARG(ours),
                     BYTES_ARG(theirs));
}

int auth_apply(const struct auth_def *def, const struct auth_session *session,
               const struct placeholders *values, struct request_parts *parts, struct error *e)
{
    if (def->kind == AUTH_NONE)
        return 0;
    int err = check_origin(parts, e);
    if (err)
        return err;
    switch (def->kind) {
    case AUTH_BASIC:
        return apply_basic(def, values, parts, e);
    case AUTH_BEARER:
        return apply_bearer(def, values, parts, e);
    case AUTH_HEADER:
        return apply_headers(def, values, parts, e);
    case AUTH_LOGIN:
    case AUTH_EXEC:
        return apply_session(def, session, values, parts, e);
    case AUTH_AWS_SIGV4: /* signed when it is sent */
    case AUTH_NONE:
        break;
    }
    return 0;
}
