/* What the .c files of operator.h share. For them only. */
#ifndef GARNER_PROTO_OPERATOR_WIRE_H
#define GARNER_PROTO_OPERATOR_WIRE_H

#include "proto/field.h"
#include "proto/operator.h"
#include "proto/operator.pb-c.h"
#include "proto/wire.h"

/* A message to be packed, in the arena, with all its fields as they are at first. */
#define OPERATOR_NEW(arena, type, init)                                                                      \
    __extension__({                                                                                          \
        type *message_ = arena_alloc(arena, sizeof *message_);                                               \
        init(message_);                                                                                      \
        message_;                                                                                            \
    })

/* Set an optional field of bytes unless `span` is absent. */
#define OPERATOR_SET(message, field, span)                                                                   \
    ((message)->has_##field = (span).data != NULL, (message)->field = wire_bytes(span))

Garner__Which *which_to_wire(struct arena *arena, const struct operator_which *which);
bool which_from_wire(const Garner__Which *from, struct operator_which *to);

/* The number of the field that a kind's part is in, of requests and answers alike; and the other way round.
 */
unsigned operator_number(enum operator_kind kind);
enum operator_kind operator_kind_of(unsigned number);

/* operator_quarantine.c */
Garner__Quarantine *quarantine_to_wire(struct arena *arena, const struct operator_quarantine *quarantine);
bool quarantine_from_wire(const Garner__Quarantine *from, struct operator_quarantine *to);
Garner__QuarantineReply *items_to_wire(struct arena *arena, const struct operator_items *items);
bool items_from_wire(struct arena *arena, const Garner__QuarantineReply *from, struct operator_items *to);

#endif
