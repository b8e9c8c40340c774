/* Checkpoints, to and from protobuf. They are rare, so protobuf-c does it. */
#include "proto/checkpoint.h"

#include <string.h>

#include "proto/wire.h"

static void put_position(const struct checkpoint_position *from, Garner__Checkpoint *to)
{
    to->page = from->page;
    to->has_size = from->size != 0;
    to->size = from->size;
    to->has_number = from->number != 0;
    to->number = from->number;
    to->has_link = from->link.len != 0;
    to->link = wire_bytes(from->link);
    to->has_tokens = from->tokens.data != NULL;
    to->tokens = wire_bytes(from->tokens);
    to->items = from->items;
    to->first_items = from->first_items;
    to->has_total = from->has_total;
    to->total = from->total;
    to->has_total_unreadable = to->total_unreadable = from->total_unreadable;
}

void checkpoint_pack(const struct checkpoint *c, struct buffer *out)
{
    struct arena arena = {0};
    Garner__Checkpoint message;
    garner__checkpoint__init(&message);
    message.definition =
        wire_bytes((struct bytes){(const char *)c->definition.bytes, sizeof c->definition.bytes});
    message.request = c->request;
    message.harvest = c->harvest;
    message.started_ms = c->started_ms;
    put_position(&c->position, &message);
    message.created = c->created;
    message.has_had = c->had != 0;
    message.had = c->had;
    message.unsound = wire_text(&arena, c->unsound);
    message.has_tries = c->tries != 0;
    message.tries = c->tries;
    message.has_seen = c->seen.data != NULL;
    message.seen = wire_bytes(c->seen);
    wire_pack(&message, out);
    arena_close(&arena);
}

static struct checkpoint_position position_of(const Garner__Checkpoint *from)
{
    return (struct checkpoint_position){
        .page = from->page,
        .size = from->size,
        .items = from->items,
        .first_items = from->first_items,
        .total = from->total,
        .has_total = from->has_total,
        .total_unreadable = from->total_unreadable,
        .number = from->number,
        .link = wire_span(from->link),
        .tokens = wire_optional(from->has_tokens, from->tokens),
    };
}

static bool from_wire(const Garner__Checkpoint *from, struct checkpoint *to)
{
    *to = (struct checkpoint){
        .request = from->request,
        .harvest = from->harvest,
        .started_ms = from->started_ms,
        .position = position_of(from),
        .created = from->created,
        .had = from->had,
        .unsound = from->unsound,
        .tries = from->tries,
        .seen = wire_optional(from->has_seen, from->seen),
    };
    if (from->definition.len != sizeof to->definition.bytes)
        return false;
    memcpy(to->definition.bytes, from->definition.data, sizeof to->definition.bytes);
    return to->request && to->harvest && wire_is_time(to->started_ms) && wire_is_text(to->unsound) &&
           to->position.page > 1 && to->position.page <= LIMIT_PAGES &&
           to->position.first_items <= to->position.items && to->created <= LIMIT_ROWS &&
           to->seen.len <= LIMIT_CHECKPOINT_SEEN_BYTES;
}

int checkpoint_unpack(struct arena *arena, struct bytes packed, struct checkpoint *out, struct error *e)
{
    Garner__Checkpoint *message = wire_unpack(&garner__checkpoint__descriptor, arena, packed,
                                              LIMIT_CHECKPOINT_BYTES);
    if (!message || !from_wire(message, out))
        return error_set(e, ERR_CORRUPT, "a checkpoint of %zu bytes is none", packed.len);
    return 0;
}
