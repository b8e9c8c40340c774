#include "common/text.h"

#include <string.h>
#include <wchar.h>

/* The first code point of a text and its length in bytes; 0 when it isn't UTF-8. */
static size_t decode(struct bytes text, uint32_t *code)
{
    static const uint8_t masks[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    uint8_t first = (uint8_t)text.data[0];
    size_t len = first < 0x80 ? 1 : first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc0 ? 2 : 0;
    if (!len || len > text.len || !bytes_is_utf8((struct bytes){text.data, len}, NULL))
        return 0;
    *code = first & masks[len];
    for (size_t i = 1; i < len; i++)
        *code = *code << 6 | ((uint8_t)text.data[i] & 0x3f);
    return len;
}

/* Marks that turn the reading direction of what follows. */
static bool is_direction(uint32_t code)
{
    return (code >= 0x202a && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069) || code == 0x200e ||
           code == 0x200f || code == 0x061c;
}

static bool is_control(uint32_t code)
{
    return code < 0x20 || (code >= 0x7f && code < 0xa0) || is_direction(code) || code == 0x2028 ||
           code == 0x2029;
}

bool text_is_name(struct bytes text, size_t bytes_max)
{
    if (!text.len || text.len > bytes_max)
        return false;
    while (text.len) {
        uint32_t code;
        size_t len = decode(text, &code);
        if (!len || is_control(code))
            return false;
        text = bytes_from(text, len);
    }
    return true;
}

static void add_escaped(struct buffer *out, uint32_t code)
{
    if (code == '\n')
        buffer_add_text(out, "\\n");
    else if (code == '\t')
        buffer_add_text(out, "\\t");
    else if (code == '\r')
        buffer_add_text(out, "\\r");
    else if (code < 0x80)
        buffer_printf(out, "\\x%02x", (unsigned)code);
    else
        buffer_printf(out, "\\u{%x}", (unsigned)code);
}

void text_add_safe(struct buffer *out, struct bytes text)
{
    while (text.len) {
        uint32_t code;
        size_t len = decode(text, &code);
        if (!len)
            buffer_printf(out, "\\x%02x", (unsigned)(uint8_t)text.data[0]);
        else if (is_control(code) || (code >= 0x80 && wcwidth((wchar_t)code) < 0))
            add_escaped(out, code);
        else
            buffer_add(out, text.data, len);
        text = bytes_from(text, len ? len : 1);
    }
}

struct bytes text_cut(struct bytes safe, size_t columns)
{
    size_t used = 0;
    struct bytes rest = safe;
    while (rest.len) {
        uint32_t code;
        size_t len = decode(rest, &code);
        int width = len ? wcwidth((wchar_t)code) : 1;
        used += width > 0 ? (size_t)width : 0;
        if (used > columns)
            break;
        rest = bytes_from(rest, len ? len : 1);
    }
    return (struct bytes){safe.data, safe.len - rest.len};
}

size_t text_width(struct bytes safe)
{
    size_t columns = 0;
    while (safe.len) {
        uint32_t code;
        size_t len = decode(safe, &code);
        int width = len ? wcwidth((wchar_t)code) : 1;
        columns += width > 0 ? (size_t)width : 0;
        safe = bytes_from(safe, len ? len : 1);
    }
    return columns;
}

void text_add_cut(struct buffer *out, struct bytes safe, size_t columns)
{
    if (text_width(safe) <= columns) {
        buffer_add_bytes(out, safe);
        return;
    }
    buffer_add_bytes(out, text_cut(safe, columns ? columns - 1 : 0));
    buffer_add_text(out, "…");
}

void text_add_json(struct buffer *out, struct bytes json)
{
    size_t plain = 0; /* bytes before `json` that can be added as they are */
    const char *start = json.data;
    while (json.len) {
        uint32_t code = (uint8_t)json.data[0];
        size_t len = code < 0x7f ? 1 : decode(json, &code);
        if (len && code >= 0x7f && is_control(code)) {
            buffer_add(out, start, plain);
            buffer_printf(out, "\\u%04x", (unsigned)code);
            start = json.data + len;
            plain = 0;
        } else {
            plain += len ? len : 1;
        }
        json = bytes_from(json, len ? len : 1);
    }
    buffer_add(out, start, plain);
}

/* What isn't safe to print goes byte by byte into $'…', so that it can be read, copied and pasted. */
static void add_shell_escaped(struct buffer *out, struct bytes word)
{
    buffer_add_text(out, "$'");
    for (size_t i = 0; i < word.len; i++) {
        uint8_t c = (uint8_t)word.data[i];
        if (c < 0x20 || c >= 0x7f)
            buffer_printf(out, "\\x%02x", (unsigned)c);
        else if (c == '\'' || c == '\\')
            buffer_printf(out, "\\%c", c);
        else
            buffer_add_char(out, (char)c);
    }
    buffer_add_char(out, '\'');
}

static void add_shell_quoted(struct buffer *out, struct bytes word)
{
    buffer_add_char(out, '\'');
    for (size_t i = 0; i < word.len; i++) {
        if (word.data[i] == '\'')
            buffer_add_text(out, "'\\''");
        else
            buffer_add_char(out, word.data[i]);
    }
    buffer_add_char(out, '\'');
}

void text_add_shell(struct buffer *out, struct bytes word)
{
    static const char harmless[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:@%+=,";
    struct buffer safe = {0};
    bool plain = word.len > 0;
    for (size_t i = 0; i < word.len && plain; i++)
        plain = word.data[i] && strchr(harmless, word.data[i]);
    text_add_safe(&safe, word);
    if (plain)
        buffer_add_bytes(out, word);
    else if (bytes_equal(buffer_bytes(&safe), word))
        add_shell_quoted(out, word);
    else
        add_shell_escaped(out, word);
    buffer_close(&safe);
}
