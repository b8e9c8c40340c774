/* A field is a varint of its number and kind, and what the kind says. Groups are none of ours. */
#include "proto/field.h"

enum { VARINT_BYTES_MAX = 10, KIND_BITS = 3 };

static void add_varint(struct buffer *out, uint64_t value)
{
    for (; value >= 0x80; value >>= 7)
        buffer_add_char(out, (char)(value | 0x80));
    buffer_add_char(out, (char)value);
}

static void add_head(struct buffer *out, unsigned number, enum field_kind kind)
{
    add_varint(out, (uint64_t)number << KIND_BITS | kind);
}

void field_add_u64(struct buffer *out, unsigned number, uint64_t value)
{
    add_head(out, number, FIELD_VARINT);
    add_varint(out, value);
}

void field_add_s64(struct buffer *out, unsigned number, int64_t value)
{
    field_add_u64(out, number, (uint64_t)value << 1 ^ (value < 0 ? UINT64_MAX : 0));
}

void field_add_fixed64(struct buffer *out, unsigned number, uint64_t value)
{
    add_head(out, number, FIELD_FIXED64);
    for (int i = 0; i < 8; i++, value >>= 8)
        buffer_add_char(out, (char)value);
}

void field_add_bytes(struct buffer *out, unsigned number, struct bytes span)
{
    add_head(out, number, FIELD_BYTES);
    add_varint(out, span.len);
    buffer_add_bytes(out, span);
}

static void pass(struct bytes *rest, size_t len)
{
    rest->data += len;
    rest->len -= len;
}

static bool take_varint(struct bytes *rest, uint64_t *out)
{
    size_t most = rest->len < VARINT_BYTES_MAX ? rest->len : VARINT_BYTES_MAX;
    *out = 0;
    for (size_t i = 0; i < most; i++) {
        uint64_t byte = (unsigned char)rest->data[i];
        *out |= (byte & 0x7f) << 7 * i;
        if (byte < 0x80) {
            pass(rest, i + 1);
            return true;
        }
    }
    return false;
}

static bool take_fixed(struct bytes *rest, size_t len, uint64_t *out)
{
    *out = 0;
    if (rest->len < len)
        return false;
    for (size_t i = 0; i < len; i++)
        *out |= (uint64_t)(unsigned char)rest->data[i] << 8 * i;
    pass(rest, len);
    return true;
}

static bool take_span(struct bytes *rest, struct bytes *out)
{
    uint64_t len;
    if (!take_varint(rest, &len) || len > rest->len)
        return false;
    *out = (struct bytes){rest->data, (size_t)len};
    pass(rest, (size_t)len);
    return true;
}

bool field_next(struct bytes *rest, struct field *out)
{
    struct bytes at = *rest;
    uint64_t head;
    bool is = take_varint(&at, &head) && head >> KIND_BITS > 0 && head <= UINT32_MAX;
    if (!is)
        return false;
    out->number = (unsigned)(head >> KIND_BITS);
    out->kind = (enum field_kind)(head & ((1 << KIND_BITS) - 1));
    switch (out->kind) {
    case FIELD_VARINT:
        is = take_varint(&at, &out->value);
        break;
    case FIELD_FIXED64:
        is = take_fixed(&at, 8, &out->value);
        break;
    case FIELD_BYTES:
        is = take_span(&at, &out->span);
        break;
    case FIELD_FIXED32:
        is = take_fixed(&at, 4, &out->value);
        break;
    default:
        is = false;
    }
    if (is)
        *rest = at;
    return is;
}

int64_t field_s64(const struct field *field)
{
    return (int64_t)(field->value >> 1 ^ (field->value & 1 ? UINT64_MAX : 0));
}
