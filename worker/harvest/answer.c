/* The status decides, unless the answer bears a code that the provider file knows: some APIs throttle with
 * a 400, or answer 200 and an error. */
#include "worker/harvest/answer.h"

#include <string.h>

enum { QUOTE_BYTES = 160, MESSAGE_BYTES = 300, CODE_BYTES_MAX = 128 };

/* --- What the answer says of itself --- */

/* The text at the first of some places that has one; empty when none has. */
static struct bytes find_text(const struct source *places, uint32_t count, const struct answer *answer,
                              const struct value *body)
{
    struct bytes text = {"", 0};
    for (uint32_t i = 0; i < count && !text.len; i++) {
        const struct value *found = NULL;
        if (places[i].kind == SOURCE_HEADER)
            answer_header(answer, places[i].name, &text);
        else
            found = pointer_get(&places[i].pointer, body);
        if (found && !value_scalar_text(found, &text))
            text.len = 0;
    }
    return text;
}

/* The error's code: "com.example#Throttling:http://…" may be written for Throttling. */
static struct bytes code_of(const struct collection_def *def, const struct answer *answer,
                            const struct value *body)
{
    const struct errors_def *errors = &def->errors;
    struct bytes code = find_text(errors->code_at, errors->code_at_count, answer, body);
    const char *at;
    if (errors->code_before && code.len &&
        (at = memmem(code.data, code.len, errors->code_before, strlen(errors->code_before))) &&
        at > code.data)
        code.len = (size_t)(at - code.data);
    while (errors->code_after && code.len &&
           (at = memmem(code.data, code.len, errors->code_after, strlen(errors->code_after))))
        code = bytes_from(code, (size_t)(at - code.data) + strlen(errors->code_after));
    return code.len <= CODE_BYTES_MAX ? bytes_trim(code) : (struct bytes){"", 0};
}

static bool is_absent(const struct collection_def *def, int status, struct bytes code)
{
    for (uint32_t i = 0; i < def->absent_count; i++)
        if (def->absent[i].status == (uint32_t)status &&
            (!def->absent[i].code || bytes_is(code, def->absent[i].code)))
            return true;
    return false;
}

static bool names_region(const struct collection_def *def, const struct answer *answer)
{
    struct bytes region;
    bool may = answer->status == 301 || answer->status == 307 || answer->status == 400;
    return may && def->auth.region_from && answer_header(answer, def->auth.region_from, &region) &&
           region.len;
}

/* --- What to say of it --- */

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

/* What the provider file advises for the code, else what the kind of error suggests. */
static void add_advice(const struct collection_def *def, int code, int status, struct bytes name,
                       struct buffer *out)
{
    const struct value *own = value_get(&def->errors.advice, name);
    if (own)
        buffer_add_bytes(out, own->text);
    else if (bytes_is_any(name, def->errors.expired))
        buffer_add_text(out, "renew the account's credentials");
    else if (bytes_is_any(name, def->errors.skewed) || (code == ERR_DENIED && status == 401))
        buffer_add_text(out, "check the account's credentials");
    else if (code == ERR_THROTTLED)
        buffer_add_text(out, "lower `limits` in the provider file, or `every`");
    else if (code == ERR_SERVER)
        buffer_add_text(out, "the provider's side failed; the next harvest tries again");
    else if (code == ERR_DENIED && def->permissions)
        for (const char *const *name_of = def->permissions; *name_of; name_of++)
            buffer_printf(out, "%s%s", name_of == def->permissions ? "grant " : " and ", *name_of);
    else if (code == ERR_DENIED)
        buffer_add_text(out, "allow the account's credentials to read this");
    else if (status == 404)
        buffer_add_text(out, "check the request's url in the provider file");
    else
        buffer_add_text(out, "check the request in the provider file");
}

/* As much of a text as fits, cut between characters; empty if it isn't one. */
static struct bytes quotable(struct bytes text, size_t most, bool *cut)
{
    text = bytes_trim(text);
    size_t len = text.len < most ? text.len : most;
    while (len && len < text.len && ((unsigned char)text.data[len] & 0xc0) == 0x80)
        len--;
    struct bytes quote = {text.data, len};
    *cut = len < text.len;
    if (!bytes_is_utf8(quote, NULL) || memchr(quote.data, 0, quote.len))
        quote.len = 0;
    return quote;
}

/* "HTTP 403 AccessDenied: User … is not authorized …: grant s3:GetBucketPolicy", or, where the provider file
 * doesn't say where a message is, "HTTP 403 AccessDenied ('{"message": …}'): allow …" */
static int refuse(const struct collection_def *def, const struct answer *answer, int code, struct bytes name,
                  const struct value *body, struct error *e)
{
    struct buffer advice = {0};
    struct bytes message = find_text(def->errors.message_at, def->errors.message_at_count, answer, body);
    bool cut, told = message.len > 0;
    struct bytes quote = told ? quotable(message, MESSAGE_BYTES, &cut)
                              : quotable(answer->body, QUOTE_BYTES, &cut);
    if (told && !cut && quote.len && quote.data[quote.len - 1] == '.')
        quote.len--; /* the sentence goes on */
    add_advice(def, code, answer->status, name, &advice);
    error_set(e, code, "HTTP %d%s%.*s%s%.*s%s%s: %.*s", answer->status, name.len ? " " : "", BYTES_ARG(name),
              !quote.len ? ""
              : told     ? ": "
                         : " ('",
              BYTES_ARG(quote), cut && quote.len ? "…" : "", !quote.len || told ? "" : "')",
              BYTES_ARG(buffer_bytes(&advice)));
    buffer_close(&advice);
    return code;
}

/* --- Judging --- */

static bool may_bear_document(int status)
{
    return status >= 200 && status < 300 && status != 204 && status != 205 && status != 206;
}

/* What the status and the error's code say, when they say something: true if `*code` is the result. */
static bool judge_error(const struct collection_def *def, const struct answer *answer, struct bytes name,
                        const struct value *body, enum answer_kind *kind, int *code, struct error *e)
{
    bool rejected = bytes_is_any(name, def->errors.expired) || answer->status == 401;
    *code = 0;
    if (bytes_is_any(name, def->errors.throttled)) {
        *code = refuse(def, answer, ERR_THROTTLED, name, body, e);
    } else if (is_absent(def, answer->status, name)) {
        *kind = ANSWER_ABSENT;
    } else if (bytes_is_any(name, def->errors.skewed)) {
        *kind = rejected ? ANSWER_STALE : ANSWER_SKEWED;
        refuse(def, answer, ERR_DENIED, name, body, e);
    } else if (rejected) {
        *kind = ANSWER_REJECTED;
        refuse(def, answer, ERR_DENIED, name, body, e);
    } else if (names_region(def, answer)) {
        *kind = ANSWER_MOVED;
        refuse(def, answer, ERR_HTTP, name, body, e);
    } else if (bytes_is_any(name, def->errors.denied)) {
        *code = refuse(def, answer, ERR_DENIED, name, body, e);
    } else {
        return false;
    }
    return true;
}

int answer_judge(const struct collection_def *def, const struct answer *answer,
                 const struct answer_decoder *decoder, struct arena *arena, enum answer_kind *kind,
                 struct decoded *body, struct error *e)
{
    bool document = may_bear_document(answer->status);
    int decoded = 0, code;
    *body = (struct decoded){.value = value_null()};
    *kind = ANSWER_DOCUMENT;
    if (document && decoder)
        decoded = decoder->decode(decoder->context, answer, arena, body, e);
    else if (document)
        decoded = decode_body(arena, answer, def->format, &def->xml, body, e);
    else if (def->errors.code_at_count)
        decode_error_body(arena, answer, &def->xml, &body->value);
    struct bytes name = code_of(def, answer, &body->value);
    if (judge_error(def, answer, name, &body->value, kind, &code, e))
        return code;
    return document ? decoded : refuse(def, answer, code_of_status(answer->status), name, &body->value, e);
}

int answer_judge_get(const struct collection_def *def, const struct answer *answer, struct arena *arena,
                     enum answer_kind *kind, struct error *e)
{
    struct value body = value_null();
    int code;
    *kind = ANSWER_DOCUMENT;
    if (def->errors.code_at_count)
        decode_error_body(arena, answer, &def->xml, &body);
    struct bytes name = code_of(def, answer, &body);
    if (judge_error(def, answer, name, &body, kind, &code, e))
        return code;
    if (answer->status == 404)
        *kind = ANSWER_ABSENT;
    else if (answer->status < 200 || answer->status > 299)
        return refuse(def, answer, code_of_status(answer->status), name, &body, e);
    return 0;
}
