/* Fields: protobuf's bytes written and read one field after the other, for the records that every harvest
 * writes and reads: protobuf-c's way, by descriptors, took ten times as long. For the .c files of proto/
 * only; the numbers are those of garner.proto. */
#ifndef GARNER_PROTO_FIELD_H
#define GARNER_PROTO_FIELD_H

#include "common/bytes.h"

enum field_kind { FIELD_VARINT = 0, FIELD_FIXED64 = 1, FIELD_BYTES = 2, FIELD_FIXED32 = 5 };

void field_add_u64(struct buffer *out, unsigned number, uint64_t value);
void field_add_s64(struct buffer *out, unsigned number, int64_t value); /* as sint64 */
void field_add_fixed64(struct buffer *out, unsigned number, uint64_t value);
void field_add_bytes(struct buffer *out, unsigned number, struct bytes span);

struct field {
    unsigned number;
    enum field_kind kind;
    uint64_t value;    /* but of FIELD_BYTES */
    struct bytes span; /* of FIELD_BYTES; its data is never null */
};

/* Take the next field off `rest`. False at its end, and where no field begins: `rest` isn't empty then. */
bool field_next(struct bytes *rest, struct field *out);
int64_t field_s64(const struct field *field);

#endif
