/* Answers. One with a single large change, or a long list, may be larger than requests are. */
#include <string.h>

#include "common/check.h"
#include "proto/operator_wire.h"

enum { REPLY_BYTES_MAX = LIMIT_RECORD_BYTES + LIMIT_MESSAGE_BYTES, REPLY_ID = 1, REPLY_FAILURE = 2 };

/* --- packing --- */

static Garner__HelloReply *hello_to_wire(struct arena *arena, const struct operator_hello *hello)
{
    Garner__HelloReply *to = OPERATOR_NEW(arena, Garner__HelloReply, garner__hello_reply__init);
    to->from = hello->from;
    to->to = hello->to;
    to->program = wire_bytes(hello->program);
    to->role = wire_bytes(hello->role);
    to->pid = hello->pid;
    to->feed = wire_bytes((struct bytes){(const char *)hello->feed, sizeof hello->feed});
    to->shards = hello->shards;
    return to;
}

static Garner__ConfirmReply *confirm_to_wire(struct arena *arena, const struct confirmed *confirmed,
                                             uint32_t count)
{
    Garner__ConfirmReply *to = OPERATOR_NEW(arena, Garner__ConfirmReply, garner__confirm_reply__init);
    to->collections = arena_alloc(arena, (count + 1) * sizeof(Garner__Confirmed *));
    to->n_collections = count;
    for (uint32_t i = 0; i < count; i++) {
        Garner__Confirmed *one = OPERATOR_NEW(arena, Garner__Confirmed, garner__confirmed__init);
        one->collection = which_to_wire(arena, &confirmed[i].collection);
        one->held = confirmed[i].held;
        one->rows = confirmed[i].rows;
        one->since_ms = confirmed[i].since_ms;
        to->collections[i] = one;
    }
    return to;
}

static Garner__Failure *failure_to_wire(struct arena *arena, const struct error *failure)
{
    Garner__Failure *to = OPERATOR_NEW(arena, Garner__Failure, garner__failure__init);
    to->code = (char *)(uintptr_t)error_name(failure->code);
    to->sentence = wire_bytes(bytes_of(wire_text(arena, failure->text)));
    return to;
}

static void body_pack(struct arena *arena, const struct operator_reply *reply, struct buffer *out)
{
    switch (reply->kind) {
    case OPERATOR_HELLO:
        wire_pack(hello_to_wire(arena, &reply->hello), out);
        break;
    case OPERATOR_HARVEST:
        field_add_u64(out, 1, reply->collections);
        break;
    case OPERATOR_CONFIRM:
        wire_pack(confirm_to_wire(arena, reply->confirmed, reply->confirmed_count), out);
        break;
    case OPERATOR_FETCH:
        for (uint32_t i = 0; i < reply->fetch.count; i++)
            feed_changes_add(out, reply->fetch.changes[i]);
        feed_changes_end(out, &reply->fetch);
        break;
    case OPERATOR_STATUS:
        buffer_add_bytes(out, reply->status);
        break;
    case OPERATOR_QUARANTINE:
        wire_pack(items_to_wire(arena, &reply->quarantine), out);
        break;
    case OPERATOR_SNAPSHOT:
        feed_part_end(out, &reply->snapshot);
        break;
    case OPERATOR_MAP:
        feed_map_pack(&reply->map, out);
        break;
    case OPERATOR_HEARTBEAT:
        buffer_add_bytes(out, reply->heartbeat);
        break;
    case OPERATOR_CLUSTER:
        buffer_add_bytes(out, reply->cluster);
        break;
    case OPERATOR_NONE:
        break;
    }
}

size_t operator_reply_begin(uint64_t id, enum operator_kind kind, struct buffer *out)
{
    field_add_u64(out, REPLY_ID, id);
    return field_begin_message(out, operator_number(kind));
}

void operator_reply_end(struct buffer *out, size_t begun)
{
    field_end_message(out, begun);
}

void operator_reply_pack(const struct operator_reply *reply, struct buffer *out)
{
    struct arena arena = {0};
    if (reply->failure.code) {
        field_add_u64(out, REPLY_ID, reply->id);
        size_t begun = field_begin_message(out, REPLY_FAILURE);
        wire_pack(failure_to_wire(&arena, &reply->failure), out);
        field_end_message(out, begun);
    } else if (reply->kind) {
        size_t begun = operator_reply_begin(reply->id, reply->kind, out);
        body_pack(&arena, reply, out);
        operator_reply_end(out, begun);
    } else {
        field_add_u64(out, REPLY_ID, reply->id);
    }
    arena_close(&arena);
}

/* --- unpacking --- */

static bool hello_unpack(struct arena *arena, struct bytes packed, struct operator_hello *to)
{
    const Garner__HelloReply *from = wire_unpack(&garner__hello_reply__descriptor, arena, packed,
                                                 LIMIT_MESSAGE_BYTES);
    if (!from)
        return false;
    *to = (struct operator_hello){.from = from->from,
                                  .to = from->to,
                                  .program = wire_span(from->program),
                                  .role = wire_span(from->role),
                                  .pid = from->pid,
                                  .shards = from->shards};
    if (from->feed.len != sizeof to->feed)
        return false;
    memcpy(to->feed, from->feed.data, sizeof to->feed);
    return to->from <= to->to && wire_is_utf8(to->program) && wire_is_utf8(to->role) && to->shards > 0 &&
           to->shards <= LIMIT_SHARDS;
}

static bool confirm_unpack(struct arena *arena, struct bytes packed, struct operator_reply *to)
{
    const Garner__ConfirmReply *from = wire_unpack(&garner__confirm_reply__descriptor, arena, packed,
                                                   REPLY_BYTES_MAX);
    if (!from)
        return false;
    struct confirmed *all = arena_alloc(arena, (from->n_collections + 1) * sizeof *all);
    to->confirmed = all;
    to->confirmed_count = (uint32_t)from->n_collections;
    for (uint32_t i = 0; i < to->confirmed_count; i++) {
        const Garner__Confirmed *one = from->collections[i];
        all[i] = (struct confirmed){.held = one->held, .rows = one->rows, .since_ms = one->since_ms};
        if (!which_from_wire(one->collection, &all[i].collection) || !wire_is_time(one->since_ms) ||
            !all[i].collection.provider.data || !all[i].collection.account.data ||
            !all[i].collection.type.data)
            return false;
    }
    return true;
}

/* A code that a newer peer knows is some error all the same. */
static bool failure_unpack(struct arena *arena, struct bytes packed, struct error *to)
{
    const Garner__Failure *from = wire_unpack(&garner__failure__descriptor, arena, packed,
                                              LIMIT_MESSAGE_BYTES);
    enum err code;
    if (!from)
        return false;
    if (!wire_error_of(from->code, &code) || code == ERR_OK)
        code = ERR_IO;
    error_set(to, code, "%.*s", BYTES_ARG(wire_span(from->sentence)));
    return wire_is_utf8(wire_span(from->sentence));
}

static bool harvest_unpack(struct bytes packed, uint64_t *collections)
{
    struct field field;
    bool has = false;
    while (field_next(&packed, &field))
        if (field.number == 1 && !(has = field_take_u64(&field, collections)))
            return false;
    return has && !packed.len;
}

static bool quarantine_unpack(struct arena *arena, struct bytes packed, struct operator_items *to)
{
    const Garner__QuarantineReply *from = wire_unpack(&garner__quarantine_reply__descriptor, arena, packed,
                                                      REPLY_BYTES_MAX);
    return from && items_from_wire(arena, from, to);
}

static bool body_unpack(struct arena *arena, struct bytes body, struct operator_reply *to)
{
    switch (to->kind) {
    case OPERATOR_HELLO:
        return hello_unpack(arena, body, &to->hello);
    case OPERATOR_HARVEST:
        return harvest_unpack(body, &to->collections);
    case OPERATOR_CONFIRM:
        return confirm_unpack(arena, body, to);
    case OPERATOR_FETCH:
        return feed_changes_unpack(arena, body, &to->fetch);
    case OPERATOR_STATUS:
        to->status = body;
        return true;
    case OPERATOR_QUARANTINE:
        return quarantine_unpack(arena, body, &to->quarantine);
    case OPERATOR_SNAPSHOT:
        return feed_part_unpack(arena, body, &to->snapshot);
    case OPERATOR_MAP:
        return feed_map_unpack(arena, body, &to->map);
    case OPERATOR_HEARTBEAT:
        to->heartbeat = body;
        return true;
    case OPERATOR_CLUSTER:
        to->cluster = body;
        return true;
    case OPERATOR_NONE:
        break;
    }
    return false;
}

static bool reply_unpack(struct arena *arena, struct bytes packed, struct operator_reply *to)
{
    struct bytes body = {0}, failure = {0};
    struct field field;
    bool sound = packed.len <= REPLY_BYTES_MAX, has_id = false;
    while (sound && field_next(&packed, &field)) {
        if (field.number == REPLY_ID)
            has_id = sound = field_take_u64(&field, &to->id);
        else if (field.number == REPLY_FAILURE)
            sound = field_take_span(&field, &failure);
        else if (!to->kind && (to->kind = operator_kind_of(field.number)))
            sound = field_take_span(&field, &body);
    }
    if (!sound || packed.len || !has_id)
        return false;
    if (!failure.data)
        return body_unpack(arena, body, to);
    to->kind = OPERATOR_NONE; /* whatever else is there */
    return failure_unpack(arena, failure, &to->failure);
}

int operator_reply_unpack(struct arena *arena, struct bytes packed, struct operator_reply *out,
                          struct error *e)
{
    *out = (struct operator_reply){0};
    if (reply_unpack(arena, packed, out))
        return 0;
    return error_set(e, ERR_BODY, "this is no answer of Garner's operator protocol (%zu bytes)", packed.len);
}
