/* Answers. One with a single large change may be larger than other messages. */
#include <string.h>

#include "common/check.h"
#include "proto/operator_wire.h"

enum { REPLY_BYTES_MAX = LIMIT_RECORD_BYTES + LIMIT_MESSAGE_BYTES };

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

static Garner__FetchReply *changes_to_wire(struct arena *arena, const struct operator_changes *changes)
{
    Garner__FetchReply *to = OPERATOR_NEW(arena, Garner__FetchReply, garner__fetch_reply__init);
    to->changes = arena_alloc(arena, (changes->count + 1) * sizeof *to->changes);
    to->n_changes = changes->count;
    for (uint32_t i = 0; i < changes->count; i++)
        to->changes[i] = wire_bytes(changes->changes[i]);
    to->n_positions = changes->position_count;
    to->positions = positions_to_wire(arena, changes->positions, changes->position_count);
    to->has_more = to->more = changes->more;
    to->refusals = arena_alloc(arena, (changes->refusal_count + 1) * sizeof *to->refusals);
    to->n_refusals = changes->refusal_count;
    for (uint32_t i = 0; i < changes->refusal_count; i++) {
        Garner__Refusal *refusal = OPERATOR_NEW(arena, Garner__Refusal, garner__refusal__init);
        refusal->kind = (Garner__Refusal__Kind)changes->refusals[i].kind;
        refusal->shard = changes->refusals[i].shard;
        refusal->has_oldest = refusal->has_head = true;
        refusal->oldest = changes->refusals[i].oldest;
        refusal->head = changes->refusals[i].head;
        to->refusals[i] = refusal;
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

void operator_reply_pack(const struct operator_reply *reply, struct buffer *out)
{
    Garner__Reply message = GARNER__REPLY__INIT;
    struct arena arena = {0};
    message.id = reply->id;
    if (reply->failure.code) {
        message.failure = failure_to_wire(&arena, &reply->failure);
    } else if (reply->kind == OPERATOR_HELLO) {
        message.hello = hello_to_wire(&arena, &reply->hello);
    } else if (reply->kind == OPERATOR_HARVEST) {
        message.harvest = OPERATOR_NEW(&arena, Garner__HarvestReply, garner__harvest_reply__init);
        message.harvest->collections = reply->collections;
    } else if (reply->kind == OPERATOR_CONFIRM) {
        message.confirm = confirm_to_wire(&arena, reply->confirmed, reply->confirmed_count);
    } else if (reply->kind == OPERATOR_FETCH) {
        message.fetch = changes_to_wire(&arena, &reply->fetch);
    } else if (reply->kind == OPERATOR_STATUS) {
        message.has_status = true;
        message.status = wire_bytes(reply->status);
    } else if (reply->kind == OPERATOR_QUARANTINE) {
        message.quarantine = items_to_wire(&arena, &reply->quarantine);
    }
    wire_pack(&message, out);
    arena_close(&arena);
}

/* --- unpacking --- */

static bool hello_from_wire(const Garner__HelloReply *from, struct operator_hello *to)
{
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

static bool confirm_from_wire(struct arena *arena, const Garner__ConfirmReply *from,
                              struct operator_reply *to)
{
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

static bool refusals_from_wire(struct arena *arena, const Garner__FetchReply *from,
                               struct operator_changes *to)
{
    struct refusal *all = arena_alloc(arena, (from->n_refusals + 1) * sizeof *all);
    to->refusals = all;
    to->refusal_count = (uint32_t)from->n_refusals;
    for (uint32_t i = 0; i < to->refusal_count; i++) {
        const Garner__Refusal *one = from->refusals[i];
        all[i] = (struct refusal){(enum refusal_kind)one->kind, one->shard, one->has_oldest ? one->oldest : 0,
                                  one->has_head ? one->head : 0};
        if (one->kind < GARNER__REFUSAL__KIND__COMPACTED || one->kind > GARNER__REFUSAL__KIND__MOVED)
            return false;
    }
    return true;
}

static bool changes_from_wire(struct arena *arena, const Garner__FetchReply *from,
                              struct operator_changes *to)
{
    *to = (struct operator_changes){.count = (uint32_t)from->n_changes, .more = from->has_more && from->more};
    to->changes = arena_alloc(arena, (from->n_changes + 1) * sizeof *to->changes);
    for (uint32_t i = 0; i < to->count; i++)
        to->changes[i] = wire_span(from->changes[i]);
    return positions_from_wire(arena, from->positions, from->n_positions, &to->positions,
                               &to->position_count) &&
           refusals_from_wire(arena, from, to);
}

/* A code that a newer peer knows is some error all the same. */
static bool failure_from_wire(const Garner__Failure *from, struct error *to)
{
    enum err code;
    if (!wire_error_of(from->code, &code) || code == ERR_OK)
        code = ERR_IO;
    error_set(to, code, "%.*s", BYTES_ARG(wire_span(from->sentence)));
    return wire_is_utf8(wire_span(from->sentence));
}

static bool body_from_wire(struct arena *arena, const Garner__Reply *from, struct operator_reply *to)
{
    if (from->failure)
        return failure_from_wire(from->failure, &to->failure);
    if (from->hello) {
        to->kind = OPERATOR_HELLO;
        return hello_from_wire(from->hello, &to->hello);
    }
    if (from->harvest) {
        to->kind = OPERATOR_HARVEST;
        to->collections = from->harvest->collections;
        return true;
    }
    if (from->confirm) {
        to->kind = OPERATOR_CONFIRM;
        return confirm_from_wire(arena, from->confirm, to);
    }
    if (from->fetch) {
        to->kind = OPERATOR_FETCH;
        return changes_from_wire(arena, from->fetch, &to->fetch);
    }
    if (from->quarantine) {
        to->kind = OPERATOR_QUARANTINE;
        return items_from_wire(arena, from->quarantine, &to->quarantine);
    }
    to->kind = OPERATOR_STATUS;
    to->status = wire_span(from->status);
    return from->has_status;
}

int operator_reply_unpack(struct arena *arena, struct bytes packed, struct operator_reply *out,
                          struct error *e)
{
    const Garner__Reply *message = wire_unpack(&garner__reply__descriptor, arena, packed, REPLY_BYTES_MAX);
    *out = (struct operator_reply){0};
    if (message)
        out->id = message->id;
    if (message && body_from_wire(arena, message, out))
        return 0;
    return error_set(e, ERR_BODY, "this is no answer of Garner's operator protocol (%zu bytes)", packed.len);
}
