/* The status decides, unless the body bears a code that the provider file knows: some APIs throttle with
 * a 400, or answer 200 and an error. */
#include "worker/harvest/answer.h"

#include <string.h>

enum { QUOTE_BYTES = 160 };

/* The error code in a body, as text; empty when there is none. */
static struct bytes code_of(const struct collection_def *def, const struct value *body)
{
    struct bytes text = {"", 0};
    const struct value *found = def->errors.has_code_at ? pointer_get(&def->errors.code_at, body) : NULL;
    if (found)
        value_scalar_text(found, &text);
    return text;
}

static bool is_one_of(struct bytes code, const char *const *list)
{
    for (; code.len && list && *list; list++)
        if (bytes_is(code, *list))
            return true;
    return false;
}

static bool is_absent(const struct collection_def *def, int status, struct bytes code)
{
    for (uint32_t i = 0; i < def->absent_count; i++)
        if (def->absent[i].status == (uint32_t)status &&
            (!def->absent[i].code || bytes_is(code, def->absent[i].code)))
            return true;
    return false;
}

static int code_of_status(int status)
{
    if (status == 429)
        return ERR_THROTTLED;
    if (status >= 500)
        return ERR_SERVER;
    if (status == 401 || status == 403)
        return ERR_DENIED;
    return ERR_HTTP;
}

static const char *advice(int code, int status)
{
    switch (code) {
    case ERR_THROTTLED:
        return "lower `limits` in the provider file, or `every`";
    case ERR_SERVER:
        return "the provider's side failed; the next harvest tries again";
    case ERR_DENIED:
        return status == 401 ? "check the account's credentials"
                             : "allow the account's credentials to read this";
    default:
        return status == 404 ? "check the request's url in the provider file"
                             : "check the request in the provider file";
    }
}

/* "HTTP 403 AccessDenied ('{"message": …}'): allow …" */
static int refuse(const struct answer *answer, int code, struct bytes name, struct error *e)
{
    struct bytes text = bytes_trim(answer->body);
    size_t len = text.len < QUOTE_BYTES ? text.len : QUOTE_BYTES;
    while (len && len < text.len && ((unsigned char)text.data[len] & 0xc0) == 0x80)
        len--;
    struct bytes quote = {text.data, len};
    if (!bytes_is_utf8(quote, NULL) || memchr(quote.data, 0, quote.len))
        quote.len = 0;
    return error_set(e, code, "HTTP %d%s%.*s%s%.*s%s%s: %s", answer->status, name.len ? " " : "",
                     BYTES_ARG(name), quote.len ? " ('" : "", BYTES_ARG(quote),
                     len < text.len && quote.len ? "…" : "", quote.len ? "')" : "",
                     advice(code, answer->status));
}

static bool may_bear_document(int status)
{
    return status >= 200 && status < 300 && status != 204 && status != 205 && status != 206;
}

/* What the status and the error's code say, when they say something: true if `*code` is the result. */
static bool judge_error(const struct collection_def *def, const struct answer *answer, struct bytes name,
                        enum answer_kind *kind, int *code, struct error *e)
{
    *code = 0;
    if (is_one_of(name, def->errors.throttled)) {
        *code = refuse(answer, ERR_THROTTLED, name, e);
    } else if (is_one_of(name, def->errors.expired) || answer->status == 401) {
        *kind = ANSWER_REJECTED;
        refuse(answer, ERR_DENIED, name, e);
    } else if (is_absent(def, answer->status, name)) {
        *kind = ANSWER_ABSENT;
    } else {
        return false;
    }
    return true;
}

int answer_judge(const struct collection_def *def, const struct answer *answer, struct arena *arena,
                 enum answer_kind *kind, struct value *body, struct json_notes *notes, struct error *e)
{
    bool document = may_bear_document(answer->status);
    int decoded = 0, code;
    *body = value_null();
    *kind = ANSWER_DOCUMENT;
    if (document)
        decoded = decode_body(arena, answer, def->format, body, notes, e);
    else if (def->errors.has_code_at && answer->body.len)
        (void)decode_body(arena, answer, FORMAT_AUTO, body, NULL, NULL); /* an error's body may be anything */
    struct bytes name = code_of(def, body);
    if (judge_error(def, answer, name, kind, &code, e))
        return code;
    return document ? decoded : refuse(answer, code_of_status(answer->status), name, e);
}

int answer_judge_get(const struct collection_def *def, const struct answer *answer, struct arena *arena,
                     enum answer_kind *kind, struct error *e)
{
    struct value body = value_null();
    int code;
    *kind = ANSWER_DOCUMENT;
    if (def->errors.has_code_at && answer->body.len)
        (void)decode_body(arena, answer, FORMAT_AUTO, &body, NULL, NULL);
    struct bytes name = code_of(def, &body);
    if (judge_error(def, answer, name, kind, &code, e))
        return code;
    if (answer->status == 404)
        *kind = ANSWER_ABSENT;
    else if (answer->status < 200 || answer->status > 299)
        return refuse(answer, code_of_status(answer->status), name, e);
    return 0;
}
