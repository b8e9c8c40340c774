#include "gateway/fault.h"

#include <stdio.h>

#include "common/value/value.h"

static const struct {
    unsigned status;
    const char *word;
    unsigned retry_after_s;
} known[] = {
#define X(name, status, word, retry_after_s) [FAULT_##name] = {status, word, retry_after_s},
    FAULTS(X)
#undef X
};

enum fault_kind fault_set(struct fault *fault, enum fault_kind kind, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(fault->text, sizeof fault->text, format, args);
    va_end(args);
    return fault->kind = kind;
}

/* What a client sent stands in the sentence, and may have been cut in the midst of a letter. */
static void add_members(const struct fault *fault, struct buffer *out)
{
    struct bytes text = bytes_of(fault->text);
    size_t bad;
    if (!bytes_is_utf8(text, &bad))
        text.len = bad;
    buffer_printf(out, "\"error\":\"%s\",\"message\":", known[fault->kind].word);
    json_add_string(text, out);
    buffer_add_char(out, '}');
}

void fault_to_reply(const struct fault *fault, struct http_reply *reply)
{
    reply->status = known[fault->kind].status;
    reply->content_type = HTTP_JSON;
    reply->retry_after_s = known[fault->kind].retry_after_s;
    buffer_reset(&reply->body);
    buffer_add_char(&reply->body, '{');
    add_members(fault, &reply->body);
    buffer_add_char(&reply->body, '\n');
}

void fault_to_json(const struct fault *fault, struct buffer *out)
{
    buffer_add_text(out, "{\"op\":\"error\",");
    add_members(fault, out);
}
