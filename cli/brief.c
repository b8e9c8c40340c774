/* A walk that ends as soon as there is more than fits: a document may have megabytes. Text that would only
 * be looked over is left out: quotes, and what is null, "", [], {} or holds nothing else, of which answers
 * made from XML are full. */
#include "cli/brief.h"

#include <string.h>

#include "common/text.h"

enum { BYTES_PER_COLUMN = 16, SAME_BYTES = 8 };

static bool holds_nothing(const struct value *value)
{
    switch (value->type) {
    case VALUE_NULL:
        return true;
    case VALUE_STRING:
        return value->text.len == 0;
    case VALUE_ARRAY:
        for (uint32_t i = 0; i < value->count; i++)
            if (!holds_nothing(&value->items[i]))
                return false;
        return true;
    case VALUE_OBJECT:
        for (uint32_t i = 0; i < value->count; i++)
            if (!holds_nothing(&value->members[i].value))
                return false;
        return true;
    default:
        return false;
    }
}

/* Appends no more than about `end` bytes; what was appended is then cut anyway. */
static void add(struct buffer *out, const struct value *value, size_t end)
{
    bool first = true;
    switch (value->type) {
    case VALUE_STRING:
        text_add_safe(out, (struct bytes){value->text.data, value->text.len < end ? value->text.len : end});
        break;
    case VALUE_ARRAY:
        buffer_add_char(out, '[');
        for (uint32_t i = 0; i < value->count && out->len < end; i++) {
            buffer_add_text(out, i ? ", " : "");
            add(out, &value->items[i], end);
        }
        buffer_add_char(out, ']');
        break;
    case VALUE_OBJECT:
        buffer_add_char(out, '{');
        for (uint32_t i = 0; i < value->count && out->len < end; i++) {
            const struct member *member = &value->members[i];
            if (holds_nothing(&member->value))
                continue;
            buffer_add_text(out, first ? "" : ", ");
            text_add_safe(out, member->key);
            buffer_add_text(out, ": ");
            add(out, &member->value, end);
            first = false;
        }
        buffer_add_char(out, '}');
        break;
    default:
        value_to_json(value, out);
    }
}

static void add_cut(struct buffer *out, const struct value *value, size_t columns)
{
    struct buffer safe = {0};
    if (value->type == VALUE_STRING && !value->text.len)
        buffer_add_text(&safe, "\"\"");
    else
        add(&safe, value, columns * BYTES_PER_COLUMN);
    text_add_cut(out, buffer_bytes(&safe), columns);
    buffer_close(&safe);
}

void brief_add(struct buffer *out, const struct value *value, size_t columns)
{
    if (value)
        add_cut(out, value, columns);
}

/* What two texts share at their beginning, but for the last bytes of that; on a character's boundary. */
static size_t same_at_beginning(struct bytes a, struct bytes b)
{
    size_t same = 0;
    while (same < a.len && same < b.len && a.data[same] == b.data[same])
        same++;
    same = same > SAME_BYTES ? same - SAME_BYTES : 0;
    while (same && ((uint8_t)a.data[same] & 0xc0) == 0x80)
        same--;
    return same;
}

static void add_text_from(struct buffer *out, struct bytes text, size_t from, size_t columns)
{
    struct value rest = value_string(bytes_from(text, from));
    buffer_add_text(out, from ? "…" : "");
    add_cut(out, &rest, from ? columns - 1 : columns);
}

void brief_add_replaced(struct buffer *out, const struct value *before, const struct value *after,
                        size_t columns)
{
    size_t from = 0;
    bool texts = before && after && before->type == VALUE_STRING && after->type == VALUE_STRING;
    if (texts && (before->text.len > columns || after->text.len > columns))
        from = same_at_beginning(before->text, after->text);
    if (texts)
        add_text_from(out, before->text, from, columns);
    else
        brief_add(out, before, columns);
    buffer_add_text(out, " → ");
    if (texts)
        add_text_from(out, after->text, from, columns);
    else
        brief_add(out, after, columns);
}
