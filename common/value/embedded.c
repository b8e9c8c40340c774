/* A text is read as it is first: a "%41" within a string of JSON means these three bytes. Only what is no
 * JSON is decoded, as a whole: a "%" that begins no escape makes it a text like any other. Its first byte
 * decides whether it is looked at, so that most texts cost nothing. */
#include "common/value/embedded.h"

#include <string.h>

static struct bytes without_space(struct bytes text)
{
    while (text.len && memchr(" \t\r\n", text.data[0], 4))
        text = bytes_from(text, 1);
    while (text.len && memchr(" \t\r\n", text.data[text.len - 1], 4))
        text.len--;
    return text;
}

static bool begins_json(struct bytes text)
{
    return text.len && (text.data[0] == '{' || text.data[0] == '[');
}

/* The value of a hex digit; 16 for what is none. */
static unsigned digit_of(char c)
{
    if (c >= '0' && c <= '9')
        return (unsigned)(c - '0');
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10 : 16;
}

/* False if there is nothing to decode, or a "%" is no escape. */
static bool percent_decode(struct bytes text, struct buffer *out)
{
    if (!memchr(text.data, '%', text.len))
        return false;
    buffer_reserve(out, text.len);
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        if (c == '%') {
            if (text.len - i < 3)
                return false;
            unsigned high = digit_of(text.data[i + 1]), low = digit_of(text.data[i + 2]);
            if (high > 15 || low > 15)
                return false;
            c = (char)(high << 4 | low);
            i += 2;
        }
        buffer_add_char(out, c);
    }
    return true;
}

static bool read_json(struct arena *arena, struct bytes text, unsigned levels, struct value *out,
                      struct json_notes *notes)
{
    struct value value;
    struct json_notes noted;
    text = without_space(text);
    if (!begins_json(text) || value_from_json(arena, text, &value, &noted, NULL) ||
        value_is_deeper(&value, levels))
        return false;
    notes->duplicate_keys += noted.duplicate_keys;
    *out = value;
    return true;
}

bool embedded_read(struct arena *arena, struct bytes text, unsigned levels, struct value *out,
                   struct json_notes *notes)
{
    text = without_space(text);
    if (!begins_json(text) && !(text.len && text.data[0] == '%'))
        return false;
    if (read_json(arena, text, levels, out, notes))
        return true;
    struct buffer decoded = {0};
    bool is_json = percent_decode(text, &decoded) &&
                   read_json(arena, buffer_bytes(&decoded), levels, out, notes);
    buffer_close(&decoded);
    return is_json;
}
