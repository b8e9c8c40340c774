/* A field is a varint of its number and kind, and what the kind says. Groups are none of ours. */
#include "proto/field.h"

/* Each of these takes something off at `at`, and returns where it ends: null where there is no such thing. */

static const char *take_long_varint(const char *at, const char *end, uint64_t *out)
{
    uint64_t value = 0;
    for (unsigned shift = 0; at < end && shift < 7 * FIELD_VARINT_BYTES_MAX; shift += 7) {
        uint64_t byte = (unsigned char)*at++;
        value |= (byte & 0x7f) << shift;
        if (byte < 0x80) {
            *out = value;
            return at;
        }
    }
    return NULL;
}

/* Most are of one byte. */
static inline const char *take_varint(const char *at, const char *end, uint64_t *out)
{
    if (at == end || (unsigned char)*at >= 0x80)
        return take_long_varint(at, end, out);
    *out = (unsigned char)*at;
    return at + 1;
}

static const char *take_fixed64(const char *at, const char *end, uint64_t *out)
{
    uint64_t value;
    if (end - at < (ptrdiff_t)sizeof value)
        return NULL;
    memcpy(&value, at, sizeof value);
    *out = le64toh(value);
    return at + sizeof value;
}

static const char *take_fixed32(const char *at, const char *end, uint64_t *out)
{
    uint32_t value;
    if (end - at < (ptrdiff_t)sizeof value)
        return NULL;
    memcpy(&value, at, sizeof value);
    *out = le32toh(value);
    return at + sizeof value;
}

static inline const char *take_span(const char *at, const char *end, struct bytes *out)
{
    uint64_t len;
    at = take_varint(at, end, &len);
    if (!at || len > (uint64_t)(end - at))
        return NULL;
    *out = (struct bytes){at, (size_t)len};
    return at + len;
}

bool field_next(struct bytes *rest, struct field *out)
{
    if (!rest->len)
        return false;
    uint64_t head;
    const char *end = rest->data + rest->len, *at = take_varint(rest->data, end, &head);
    if (!at || head >> FIELD_KIND_BITS == 0 || head > UINT32_MAX)
        return false;
    out->number = (unsigned)(head >> FIELD_KIND_BITS);
    out->kind = (enum field_kind)(head & ((1 << FIELD_KIND_BITS) - 1));
    switch (out->kind) {
    case FIELD_VARINT:
        at = take_varint(at, end, &out->value);
        break;
    case FIELD_FIXED64:
        at = take_fixed64(at, end, &out->value);
        break;
    case FIELD_BYTES:
        at = take_span(at, end, &out->span);
        break;
    case FIELD_FIXED32:
        at = take_fixed32(at, end, &out->value);
        break;
    default:
        at = NULL;
    }
    if (at)
        *rest = (struct bytes){at, (size_t)(end - at)};
    return at != NULL;
}

int64_t field_s64(const struct field *field)
{
    return (int64_t)(field->value >> 1 ^ (field->value & 1 ? UINT64_MAX : 0));
}

bool field_take_u64(const struct field *field, uint64_t *out)
{
    *out = field->value;
    return field->kind == FIELD_VARINT;
}

bool field_take_u32(const struct field *field, uint32_t *out)
{
    *out = (uint32_t)field->value;
    return field->kind == FIELD_VARINT && field->value <= UINT32_MAX;
}

bool field_take_fixed32(const struct field *field, uint32_t *out)
{
    *out = (uint32_t)field->value;
    return field->kind == FIELD_FIXED32;
}

bool field_take_bool(const struct field *field, bool *out)
{
    *out = field->value != 0;
    return field->kind == FIELD_VARINT;
}

bool field_take_s64(const struct field *field, int64_t *out)
{
    *out = field_s64(field);
    return field->kind == FIELD_VARINT;
}

bool field_take_span(const struct field *field, struct bytes *out)
{
    *out = field->span;
    return field->kind == FIELD_BYTES;
}

bool field_next_varint(struct bytes *rest, uint64_t *out)
{
    const char *at = take_varint(rest->data, rest->data + rest->len, out);
    if (at)
        *rest = (struct bytes){at, (size_t)(rest->data + rest->len - at)};
    return at != NULL;
}

size_t field_begin_message(struct buffer *out, unsigned number)
{
    char *to = field_begin(out, number, FIELD_BYTES, 0) + FIELD_LENGTH_BYTES;
    field_end(out, to);
    return out->len;
}

void field_end_message(struct buffer *out, size_t begun)
{
    size_t len = out->len - begun;
    unsigned char *to = (unsigned char *)out->data + begun - FIELD_LENGTH_BYTES;
    for (int i = 0; i < FIELD_LENGTH_BYTES; i++, len >>= 7)
        to[i] = (unsigned char)((len & 0x7f) | (i < FIELD_LENGTH_BYTES - 1 ? 0x80 : 0));
}
