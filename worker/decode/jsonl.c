/* JSON texts have no newline inside their strings, so lines can be cut before anything is parsed. They are
 * counted first, so that the array is made once. */
#include "worker/decode/jsonl.h"

#include <string.h>

#include "common/limits.h"

struct lines {
    struct bytes rest;
    uint64_t number; /* of the last line that was given */
    bool ended;      /* it had a newline */
};

/* The next line that isn't blank. */
static bool next_line(struct lines *lines, struct bytes *line)
{
    while (lines->rest.len) {
        const char *end = memchr(lines->rest.data, '\n', lines->rest.len);
        size_t len = end ? (size_t)(end - lines->rest.data) : lines->rest.len;
        *line = bytes_trim((struct bytes){lines->rest.data, len});
        lines->rest = bytes_from(lines->rest, len + 1);
        lines->number++;
        lines->ended = end != NULL;
        if (line->len)
            return true;
    }
    return false;
}

static int check_last(const struct lines *lines, const struct value *last, bool delimited, struct error *e)
{
    if (delimited)
        return 0;
    if (!last)
        return error_set(e, ERR_BODY,
                         "empty body, in an answer that doesn't say where it ends: it may be cut");
    if (lines->ended || last->type == VALUE_STRING || last->type == VALUE_ARRAY || last->type == VALUE_OBJECT)
        return 0;
    return error_set(
        e, ERR_BODY,
        "line %llu: a %s without a newline, in an answer that doesn't say where it ends: it may be cut",
        (unsigned long long)lines->number, value_type_name(last->type));
}

int jsonl_decode(struct arena *arena, struct bytes body, bool delimited, struct value *out,
                 struct json_notes *notes, struct error *e)
{
    struct bytes line;
    uint32_t count = 0;
    for (struct lines lines = {.rest = body}; next_line(&lines, &line);)
        if (++count > LIMIT_ITEMS_PER_PAGE)
            return error_set(e, ERR_LIMIT, "more than %d JSON lines in one answer", LIMIT_ITEMS_PER_PAGE);
    *out = value_array(arena, count);
    struct lines lines = {.rest = body};
    for (uint32_t i = 0; i < count && next_line(&lines, &line); i++) {
        struct json_notes noted = {0};
        int code = value_from_json(arena, line, &out->items[i], &noted, e);
        if (code) {
            error_at(e, "line %llu", (unsigned long long)lines.number);
            return code;
        }
        notes->duplicate_keys += noted.duplicate_keys;
    }
    return check_last(&lines, count ? &out->items[count - 1] : NULL, delimited, e);
}
