/* Collections' records, to and from protobuf, and their keys as text. */
#include "proto/record.h"

#include <string.h>

#include "proto/wire.h"

enum {
    KEY_PART_BYTES_MAX = LIMIT_PARENTS * (3 * LIMIT_ID_BYTES + 1) /* ids joined, each byte escaped */
};

bool collection_key_is_sound(const struct collection_key *key)
{
    const struct bytes parts[] = {key->provider, key->account, key->type, key->region, key->parent};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (parts[i].len > KEY_PART_BYTES_MAX || !wire_is_utf8(parts[i]))
            return false;
    return key->provider.len > 0 && key->account.len > 0 && key->type.len > 0;
}

static ProtobufCBinaryData *spans_to_wire(struct arena *arena, const struct bytes *spans, uint32_t count)
{
    ProtobufCBinaryData *to = count ? arena_alloc(arena, count * sizeof *to) : NULL;
    for (uint32_t i = 0; i < count; i++)
        to[i] = wire_bytes(spans[i]);
    return to;
}

static bool spans_from_wire(struct arena *arena, const ProtobufCBinaryData *from, size_t count,
                            const struct bytes **spans, uint32_t *spans_count)
{
    struct bytes *to = count ? arena_alloc(arena, count * sizeof *to) : NULL;
    *spans = to;
    *spans_count = (uint32_t)count;
    for (size_t i = 0; i < count; i++) {
        to[i] = wire_span(from[i]);
        if (!wire_is_utf8(to[i]))
            return false;
    }
    return true;
}

static void key_to_wire(const struct collection_key *key, Garner__CollectionRecord *to)
{
    to->provider = wire_bytes(key->provider);
    to->account = wire_bytes(key->account);
    to->type = wire_bytes(key->type);
    to->has_region = key->region.data != NULL;
    to->region = wire_bytes(key->region);
    to->has_parent = key->parent.data != NULL;
    to->parent = wire_bytes(key->parent);
}

/* Zero means none for all of these, and isn't written. */
static void times_to_wire(struct arena *arena, const struct collection_record *record,
                          Garner__CollectionRecord *to)
{
    to->has_listed_since_ms = record->listed_since_ms != 0;
    to->listed_since_ms = record->listed_since_ms;
    to->has_unreachable_since_ms = record->unreachable_since_ms != 0;
    to->unreachable_since_ms = record->unreachable_since_ms;
    if (record->unreachable_error != ERR_OK)
        to->unreachable_error = wire_text(arena, error_name(record->unreachable_error));
    to->has_unwatched_since_ms = record->unwatched_since_ms != 0;
    to->unwatched_since_ms = record->unwatched_since_ms;
    to->has_held_since_ms = record->held_since_ms != 0;
    to->held_since_ms = record->held_since_ms;
    to->has_held_rows = record->held_rows != 0;
    to->held_rows = record->held_rows;
    to->has_confirmed_ms = record->confirmed_ms != 0;
    to->confirmed_ms = record->confirmed_ms;
}

static void forecast_to_wire(const struct collection_record *record, Garner__CollectionRecord *to)
{
    to->has_forecast_rules = record->forecast_rules != 0;
    to->forecast_rules = record->forecast_rules;
    to->has_forecast_unsettled = to->forecast_unsettled = record->forecast_unsettled;
    to->has_full_ms = record->full_ms != 0;
    to->full_ms = record->full_ms;
}

void collection_pack(const struct collection_record *record, struct buffer *out)
{
    struct arena arena = {0};
    struct digest definition = record->definition, id_rule = record->id_rule;
    Garner__CollectionRecord message;
    garner__collection_record__init(&message);
    message.id = record->id;
    key_to_wire(&record->key, &message);
    message.has_parent_collection = message.has_parent_row = record->parent_collection != 0;
    message.parent_collection = record->parent_collection;
    message.parent_row = record->parent_row;
    message.definition = (ProtobufCBinaryData){sizeof definition.bytes, definition.bytes};
    message.id_rule = (ProtobufCBinaryData){sizeof id_rule.bytes, id_rule.bytes};
    message.n_parse = record->parse_count;
    message.parse = spans_to_wire(&arena, record->parse, record->parse_count);
    message.n_ignore = record->ignore_count;
    message.ignore = spans_to_wire(&arena, record->ignore, record->ignore_count);
    message.n_unordered = record->unordered_count;
    message.unordered = spans_to_wire(&arena, record->unordered, record->unordered_count);
    message.has_mixed = message.mixed = record->mixed;
    message.n_old_parse = record->old_parse_count;
    message.old_parse = spans_to_wire(&arena, record->old_parse, record->old_parse_count);
    message.n_old_ignore = record->old_ignore_count;
    message.old_ignore = spans_to_wire(&arena, record->old_ignore, record->old_ignore_count);
    message.n_old_unordered = record->old_unordered_count;
    message.old_unordered = spans_to_wire(&arena, record->old_unordered, record->old_unordered_count);
    message.rows = record->rows;
    message.next_row = record->next_row;
    message.next_harvest = record->next_harvest;
    message.has_sound_harvest = record->sound_harvest != 0;
    message.sound_harvest = record->sound_harvest;
    times_to_wire(&arena, record, &message);
    forecast_to_wire(record, &message);
    wire_pack(&message, out);
    arena_close(&arena);
}

static void fields_from_wire(const Garner__CollectionRecord *from, struct collection_record *to)
{
    *to = (struct collection_record){
        .id = from->id,
        .key = {.provider = wire_span(from->provider),
                .account = wire_span(from->account),
                .type = wire_span(from->type),
                .region = wire_optional(from->has_region, from->region),
                .parent = wire_optional(from->has_parent, from->parent)},
        .parent_collection = from->parent_collection,
        .parent_row = from->parent_row,
        .mixed = from->has_mixed && from->mixed,
        .rows = from->rows,
        .next_row = from->next_row,
        .next_harvest = from->next_harvest,
        .sound_harvest = from->sound_harvest,
        .listed_since_ms = from->listed_since_ms,
        .unreachable_since_ms = from->unreachable_since_ms,
        .unwatched_since_ms = from->unwatched_since_ms,
        .held_since_ms = from->held_since_ms,
        .held_rows = from->held_rows,
        .confirmed_ms = from->confirmed_ms,
        .forecast_rules = from->forecast_rules,
        .forecast_unsettled = from->has_forecast_unsettled && from->forecast_unsettled,
        .full_ms = from->full_ms,
    };
}

static bool is_sound(const struct collection_record *record)
{
    return record->id > 0 && collection_key_is_sound(&record->key) && record->rows <= record->next_row &&
           record->next_row <= LIMIT_ROWS && record->next_harvest > 0 &&
           record->sound_harvest < record->next_harvest && wire_is_time(record->listed_since_ms) &&
           wire_is_time(record->unreachable_since_ms) && wire_is_time(record->unwatched_since_ms) &&
           wire_is_time(record->held_since_ms) && wire_is_time(record->confirmed_ms) &&
           wire_is_time(record->full_ms);
}

static bool rules_from_wire(struct arena *arena, const Garner__CollectionRecord *from,
                            struct collection_record *out)
{
    return spans_from_wire(arena, from->parse, from->n_parse, &out->parse, &out->parse_count) &&
           spans_from_wire(arena, from->ignore, from->n_ignore, &out->ignore, &out->ignore_count) &&
           spans_from_wire(arena, from->unordered, from->n_unordered, &out->unordered,
                           &out->unordered_count) &&
           spans_from_wire(arena, from->old_parse, from->n_old_parse, &out->old_parse,
                           &out->old_parse_count) &&
           spans_from_wire(arena, from->old_ignore, from->n_old_ignore, &out->old_ignore,
                           &out->old_ignore_count) &&
           spans_from_wire(arena, from->old_unordered, from->n_old_unordered, &out->old_unordered,
                           &out->old_unordered_count);
}

int collection_unpack(struct arena *arena, struct bytes packed, struct collection_record *out,
                      struct error *e)
{
    Garner__CollectionRecord *from = wire_unpack(&garner__collection_record__descriptor, arena, packed,
                                                 LIMIT_COLLECTION_BYTES);
    if (!from || !wire_is_digest(from->definition) || !wire_is_digest(from->id_rule))
        goto corrupt;
    fields_from_wire(from, out);
    memcpy(out->definition.bytes, from->definition.data, sizeof out->definition.bytes);
    memcpy(out->id_rule.bytes, from->id_rule.data, sizeof out->id_rule.bytes);
    if (is_sound(out) && wire_error_of(from->unreachable_error, &out->unreachable_error) &&
        rules_from_wire(arena, from, out))
        return 0;
corrupt:
    return error_set(e, ERR_CORRUPT, "a collection's record of %zu bytes is none", packed.len);
}

void collection_key_text(const struct collection_key *key, struct buffer *out)
{
    buffer_add_bytes(out, key->provider);
    buffer_add_char(out, '/');
    buffer_add_bytes(out, key->account);
    buffer_add_char(out, ' ');
    if (key->region.data) {
        buffer_add_bytes(out, key->region);
        buffer_add_char(out, ' ');
    }
    buffer_add_bytes(out, key->type);
    if (key->parent.data) {
        buffer_add_text(out, " of ");
        buffer_add_bytes(out, key->parent);
    }
}
