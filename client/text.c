/* What libgarner says: codes, names, sentences, JSON. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "client/internal.h"
#include "common/value/value.h"

static enum garner_code code_of(enum err code)
{
    switch (code) {
    case ERR_USAGE:
    case ERR_CONFIG:
    case ERR_LIMIT:
        return GARNER_USAGE;
    case ERR_CONNECT:
    case ERR_RESOLVE:
    case ERR_BUSY:
        return GARNER_CONNECT;
    case ERR_STOPPED:
        return GARNER_FOREIGN;
    case ERR_BODY:
        return GARNER_PROTOCOL;
    default:
        return GARNER_REFUSED;
    }
}

enum garner_code garner_fail(struct garner_error *error, enum garner_code code, const char *sentence)
{
    error->code = code;
    snprintf(error->text, sizeof error->text, "%s", sentence);
    return code;
}

enum garner_code garner_fail_as(struct garner_error *error, const struct error *e)
{
    return garner_fail(error, code_of(e->code), e->text);
}

void garner_say(struct garner *feed, const char *format, ...)
{
    char sentence[ERROR_TEXT_MAX + 64];
    va_list args;
    if (!feed->say)
        return;
    va_start(args, format);
    vsnprintf(sentence, sizeof sentence, format, args);
    va_end(args);
    feed->say(feed->context, sentence);
}

const char *garner_op_name(enum garner_op op)
{
    return change_op_name((enum change_op)op);
}

const char *garner_status_name(enum garner_status_kind kind)
{
    return status_kind_name((enum status_kind)kind);
}

const char *garner_code_name(enum garner_code code)
{
    static const char *const names[] = {"OK",        "USAGE",    "CONNECT", "FOREIGN",  "FUTURE",
                                        "COMPACTED", "DIVERGED", "STOPPED", "PROTOCOL", "REFUSED"};
    return code <= GARNER_REFUSED ? names[code] : "unknown";
}

static const char *keep(struct garner *feed, struct buffer *text, size_t *len)
{
    *len = text->len;
    const char *copy = arena_strdup(&feed->texts, buffer_bytes(text));
    buffer_close(text);
    return copy;
}

const char *garner_to_json(struct garner *feed, struct garner_bytes document, size_t *len)
{
    struct arena arena = {0};
    struct buffer text = {0};
    struct value value;
    struct error e;
    const char *json = NULL;
    if (value_from_msgpack(&arena, (struct bytes){document.data, document.len}, &value, &e) == 0) {
        value_to_json(&value, &text);
        json = keep(feed, &text, len);
    }
    arena_close(&arena);
    return json;
}

const char *garner_change_to_json(struct garner *feed, const struct garner_change *change, size_t *len)
{
    struct arena arena = {0};
    struct buffer text = {0};
    struct change whole;
    struct error e;
    const char *json = NULL;
    if (change_unpack(&arena, (struct bytes){change->packed.data, change->packed.len}, &whole, &e) == 0 &&
        change_to_json(&whole, &text, &e) == 0)
        json = keep(feed, &text, len);
    buffer_close(&text);
    arena_close(&arena);
    return json;
}
