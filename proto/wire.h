/* Wire: between protobuf-c's structs and ours. For the .c files of proto/, and coordinator/state/kept.c,
 * only.
 *
 * protobuf-c allocates what a message claims to need: here it allocates in an arena, within a budget that
 * grows with the message's size, so a few bytes can't ask for gigabytes. */
#ifndef GARNER_PROTO_WIRE_H
#define GARNER_PROTO_WIRE_H

#include "proto/garner.pb-c.h"
#include "proto/record.h"

/* Append a message. */
void wire_pack(const void *message, struct buffer *out);

/* Unpack into the arena; everything it points to lives there, so it is never freed one by one. Null when
 * it isn't such a message, is longer than `bytes_max` or wants more memory than a sound one would. */
void *wire_unpack(const ProtobufCMessageDescriptor *descriptor, struct arena *arena, struct bytes packed,
                  size_t bytes_max);

/* Spans to and from `bytes` fields. A span whose data is null is an absent field. */
ProtobufCBinaryData wire_bytes(struct bytes span);
struct bytes wire_span(ProtobufCBinaryData field); /* never null data */
struct bytes wire_optional(protobuf_c_boolean has, ProtobufCBinaryData field);

/* A text for a `string` field: null stays null; bytes that are no UTF-8 become "?" (a server's words may
 * be part of a cause). Lives in the arena when it had to change. */
char *wire_text(struct arena *arena, const char *text);

/* Checks of what was unpacked. */
bool wire_is_text(const char *text);                 /* UTF-8, or null */
bool wire_is_utf8(struct bytes span);                /* UTF-8, or absent */
bool wire_is_time(int64_t time_ms);                  /* a time that can be printed: years 1 to 9999 */
bool wire_error_of(const char *name, enum err *out); /* null is ERR_OK; false when there is no such error */

/* Parts that stand in more than one message. `to` and what it points to live in the arena. */
void receipt_id_add(struct buffer *out, unsigned number, struct receipt_id id); /* a field */
bool receipt_id_take(struct bytes packed, struct receipt_id *out);
bool receipt_id_from_wire(const Garner__ReceiptId *from, struct receipt_id *to);
bool receipt_ids_from_wire(struct arena *arena, Garner__ReceiptId *const *from, size_t count,
                           const struct receipt_id **ids, uint32_t *ids_count);
bool receipt_from_wire(struct arena *arena, const Garner__Receipt *from, struct receipt *to);
bool collection_key_is_sound(const struct collection_key *key);

/* Append "text" as JSON, and time_ms as a JSON string, null for 0. */
void json_add_text(struct buffer *out, struct bytes text);
void json_add_optional(struct buffer *out, struct bytes text); /* null when its data is */
void json_add_time(struct buffer *out, int64_t time_ms);

#endif
