/* Fields: protobuf's bytes written and read one field after the other, for the records that every harvest
 * writes and reads: protobuf-c's way, by descriptors, took ten times as long. For the .c files of proto/
 * only; the numbers are those of garner.proto. */
#ifndef GARNER_PROTO_FIELD_H
#define GARNER_PROTO_FIELD_H

#include <endian.h>

#include "common/bytes.h"

enum field_kind { FIELD_VARINT = 0, FIELD_FIXED64 = 1, FIELD_BYTES = 2, FIELD_FIXED32 = 5 };
enum { FIELD_KIND_BITS = 3, FIELD_VARINT_BYTES_MAX = 10 };

/* --- writing: here, so that what begins a field of a known number is known to the compiler --- */

static inline char *field_put_varint(char *to, uint64_t value)
{
    for (; value >= 0x80; value >>= 7)
        *to++ = (char)(value | 0x80);
    *to++ = (char)value;
    return to;
}

/* Room for a field that takes so many bytes beside two varints is made once; then it is written in place. */
static inline char *field_begin(struct buffer *out, unsigned number, enum field_kind kind, size_t more)
{
    buffer_reserve(out, 2 * FIELD_VARINT_BYTES_MAX + more);
    return field_put_varint(out->data + out->len, (uint64_t)number << FIELD_KIND_BITS | kind);
}

static inline void field_end(struct buffer *out, char *to)
{
    *to = 0;
    out->len = (size_t)(to - out->data);
}

static inline void field_add_u64(struct buffer *out, unsigned number, uint64_t value)
{
    field_end(out, field_put_varint(field_begin(out, number, FIELD_VARINT, 0), value));
}

static inline void field_add_s64(struct buffer *out, unsigned number, int64_t value) /* as sint64 */
{
    field_add_u64(out, number, (uint64_t)value << 1 ^ (value < 0 ? UINT64_MAX : 0));
}

static inline void field_add_fixed64(struct buffer *out, unsigned number, uint64_t value)
{
    char *to = field_begin(out, number, FIELD_FIXED64, sizeof value);
    value = htole64(value);
    memcpy(to, &value, sizeof value);
    field_end(out, to + sizeof value);
}

static inline void field_add_bytes(struct buffer *out, unsigned number, struct bytes span)
{
    char *to = field_put_varint(field_begin(out, number, FIELD_BYTES, span.len), span.len);
    if (span.len)
        memcpy(to, span.data, span.len);
    field_end(out, to + span.len);
}

static inline void field_add_fixed32(struct buffer *out, unsigned number, uint32_t value)
{
    char *to = field_begin(out, number, FIELD_FIXED32, sizeof value);
    value = htole32(value);
    memcpy(to, &value, sizeof value);
    field_end(out, to + sizeof value);
}

/* A message within the message, whose length isn't known yet: begin it, add its fields, and end it with what
 * begin returned. Its length is a varint of FIELD_LENGTH_BYTES, whether it needs them or not. */
enum { FIELD_LENGTH_BYTES = 5 };

size_t field_begin_message(struct buffer *out, unsigned number);
void field_end_message(struct buffer *out, size_t begun);

/* --- reading --- */

struct field {
    unsigned number;
    enum field_kind kind;
    uint64_t value;    /* but of FIELD_BYTES */
    struct bytes span; /* of FIELD_BYTES; its data is never null */
};

/* Take the next field off `rest`. False at its end, and where no field begins: `rest` isn't empty then. */
bool field_next(struct bytes *rest, struct field *out);
int64_t field_s64(const struct field *field);

/* Take one off that has to be such: false when it isn't. */
bool field_take_u64(const struct field *field, uint64_t *out);
bool field_take_u32(const struct field *field, uint32_t *out);
bool field_take_bool(const struct field *field, bool *out);
bool field_take_s64(const struct field *field, int64_t *out);
bool field_take_fixed32(const struct field *field, uint32_t *out);
bool field_take_span(const struct field *field, struct bytes *out);

/* The next varint of a packed list. */
bool field_next_varint(struct bytes *rest, uint64_t *out);

#endif
