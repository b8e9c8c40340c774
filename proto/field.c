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
