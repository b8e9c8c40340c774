/* Sink text: one pass over the JSON that value_msgpack_to_json writes. It is ours, so valid: a NUL stands in
 * it as \u0000 and nowhere else, and a minus or a digit outside of strings begins a number. */
#include "cli/sink/sink_text.h"

#include <stdlib.h>

#include "common/value/value.h"

static const char replacement[] = "\xef\xbf\xbd";

void sink_text_add(struct buffer *out, struct bytes text)
{
    while (text.len) {
        const char *nul = memchr(text.data, 0, text.len);
        size_t len = nul ? (size_t)(nul - text.data) : text.len;
        buffer_add(out, text.data, len);
        if (nul)
            buffer_add_text(out, replacement);
        text = bytes_from(text, len + (nul != NULL));
    }
}

/* Digits that a number takes when it is written out, about. The literal is short, so is its exponent or else
 * it is far too large. */
static bool is_too_long(struct bytes literal)
{
    const char *exponent = memchr(literal.data, 'e', literal.len);
    if (!exponent)
        exponent = memchr(literal.data, 'E', literal.len);
    if (!exponent)
        return literal.len > SINK_DIGITS_MAX;
    size_t before = (size_t)(exponent - literal.data);
    struct bytes digits = bytes_from(literal, before + 1);
    uint64_t shift;
    if (digits.len && (*digits.data == '+' || *digits.data == '-'))
        digits = bytes_from(digits, 1);
    return !bytes_to_u64(digits, &shift) || shift > SINK_DIGITS_MAX || before + shift > SINK_DIGITS_MAX;
}

static struct bytes number_at(struct bytes json)
{
    size_t len = 0;
    while (len < json.len && strchr("+-.0123456789eE", json.data[len]) && json.data[len])
        len++;
    return (struct bytes){json.data, len};
}

static size_t add_number(struct buffer *out, struct bytes json)
{
    struct bytes literal = number_at(json);
    bool quoted = is_too_long(literal);
    if (quoted)
        buffer_add_char(out, '"');
    buffer_add_bytes(out, literal);
    if (quoted)
        buffer_add_char(out, '"');
    return literal.len;
}

/* A string from its quote on, up to and with the one that ends it. */
static size_t add_string(struct buffer *out, struct bytes json)
{
    size_t at = 1, from = 0;
    while (json.data[at] != '"') {
        if (json.data[at] != '\\') {
            at++;
        } else if (bytes_starts(bytes_from(json, at), "\\u0000")) {
            buffer_add(out, json.data + from, at - from);
            buffer_add_text(out, replacement);
            from = at += 6;
        } else {
            at += 2;
        }
    }
    buffer_add(out, json.data + from, at + 1 - from);
    return at + 1;
}

void sink_text_add_json(struct buffer *out, struct bytes json)
{
    while (json.len) {
        char c = *json.data;
        size_t len = 1;
        if (c == '"')
            len = add_string(out, json);
        else if (c == '-' || (c >= '0' && c <= '9'))
            len = add_number(out, json);
        else
            buffer_add_char(out, c);
        json = bytes_from(json, len);
    }
}

int sink_text_add_document(struct buffer *out, struct bytes packed, struct buffer *scratch, struct error *e)
{
    buffer_reset(scratch);
    int r = value_msgpack_to_json(packed, scratch, e);
    if (!r)
        sink_text_add_json(out, buffer_bytes(scratch));
    return r;
}
