/* Changes, to and from protobuf. They are stored encoded once and handed on as they are, so what a change
 * must hold by its kind is checked when it is read, wherever it comes from. */
#include "proto/change.h"

#include "proto/wire.h"

const char *change_op_name(enum change_op op)
{
    static const char *const names[] = {
        [CHANGE_CREATED] = "created",
        [CHANGE_UPDATED] = "updated",
        [CHANGE_DELETED] = "deleted",
        [CHANGE_STATUS] = "status",
    };
    return op >= CHANGE_CREATED && op <= CHANGE_STATUS ? names[op] : "unknown";
}

const char *status_kind_name(enum status_kind kind)
{
    static const char *const names[] = {
        [STATUS_LISTED] = "listed", [STATUS_UNREACHABLE] = "unreachable", [STATUS_RECOVERED] = "recovered",
        [STATUS_HELD] = "held",     [STATUS_UNWATCHED] = "unwatched",     [STATUS_DEFINITION] = "definition",
    };
    return kind >= STATUS_LISTED && kind <= STATUS_DEFINITION ? names[kind] : "unknown";
}

static Garner__Status *status_to_wire(struct arena *arena, const struct change *change)
{
    Garner__Status *to = arena_alloc(arena, sizeof *to);
    garner__status__init(to);
    to->kind = (Garner__Status__Kind)change->status.kind;
    if (change->status.receipt) {
        to->receipt = arena_alloc(arena, sizeof *to->receipt);
        receipt_to_wire(arena, change->status.receipt, to->receipt);
    }
    to->has_since_ms = change->status.since_ms != 0;
    to->since_ms = change->status.since_ms;
    to->has_void_ = change->status.void_;
    to->void_ = change->status.void_;
    to->has_held = change->status.held != 0;
    to->held = change->status.held;
    return to;
}

static void spans_to_wire(const struct change *change, Garner__Change *to)
{
    to->provider = wire_bytes(change->key.provider);
    to->account = wire_bytes(change->key.account);
    to->type = wire_bytes(change->key.type);
    to->has_region = change->key.region.data != NULL;
    to->region = wire_bytes(change->key.region);
    to->has_parent = change->key.parent.data != NULL;
    to->parent = wire_bytes(change->key.parent);
    to->has_id = change->id.data != NULL;
    to->id = wire_bytes(change->id);
    to->has_before = change->before.data != NULL;
    to->before = wire_bytes(change->before);
    to->has_after = change->after.data != NULL;
    to->after = wire_bytes(change->after);
    to->has_patch = change->patch.data != NULL;
    to->patch = wire_bytes(change->patch);
}

void change_pack(const struct change *change, struct buffer *out)
{
    struct arena arena = {0};
    Garner__Change message;
    garner__change__init(&message);
    message.shard = change->shard;
    message.epoch = change->epoch;
    message.seq = change->seq;
    message.time_ms = change->time_ms;
    message.op = (Garner__Change__Op)change->op;
    message.initial = change->initial;
    message.collection = change->collection;
    spans_to_wire(change, &message);
    message.n_receipts = change->receipt_count;
    message.receipts = receipt_ids_to_wire(&arena, change->receipts, change->receipt_count);
    message.has_definition = change->definition;
    message.definition = change->definition;
    message.has_previous = change->previous != 0;
    message.previous = change->previous;
    if (change->op == CHANGE_STATUS)
        message.status = status_to_wire(&arena, change);
    wire_pack(&message, out);
    arena_close(&arena);
}

static bool status_from_wire(struct arena *arena, const Garner__Status *from, struct change *to)
{
    if ((int)from->kind < STATUS_LISTED || (int)from->kind > STATUS_DEFINITION ||
        !wire_is_time(from->since_ms))
        return false;
    to->status.kind = (enum status_kind)from->kind;
    to->status.since_ms = from->since_ms;
    to->status.void_ = from->void_;
    to->status.held = from->held;
    if (!from->receipt)
        return true;
    struct receipt *receipt = arena_alloc(arena, sizeof *receipt);
    to->status.receipt = receipt;
    return receipt_from_wire(arena, from->receipt, receipt);
}

static void fields_from_wire(const Garner__Change *from, struct change *to)
{
    *to = (struct change){
        .shard = from->shard,
        .epoch = from->epoch,
        .seq = from->seq,
        .time_ms = from->time_ms,
        .op = (enum change_op)from->op,
        .initial = from->initial,
        .collection = from->collection,
        .key = {.provider = wire_span(from->provider),
                .account = wire_span(from->account),
                .type = wire_span(from->type),
                .region = wire_optional(from->has_region, from->region),
                .parent = wire_optional(from->has_parent, from->parent)},
        .id = wire_optional(from->has_id, from->id),
        .before = wire_optional(from->has_before, from->before),
        .after = wire_optional(from->has_after, from->after),
        .patch = wire_optional(from->has_patch, from->patch),
        .definition = from->definition,
        .previous = from->previous,
    };
}

/* What each kind must hold, and must not. */
static bool fits_its_op(const struct change *change, bool has_status)
{
    bool before = change->before.data != NULL, after = change->after.data != NULL;
    bool resource = change->id.data && !has_status && change->id.len <= LIMIT_ID_BYTES;
    switch (change->op) {
    case CHANGE_CREATED:
        return resource && !before && after && !change->patch.data;
    case CHANGE_UPDATED:
        return resource && before && after && change->previous > 0;
    case CHANGE_DELETED:
        return resource && before && !after && !change->patch.data && change->previous > 0;
    case CHANGE_STATUS:
        return has_status && !change->id.data && !before && !after && !change->patch.data;
    }
    return false;
}

static bool is_sound(const struct change *change)
{
    return change->shard < LIMIT_SHARDS && change->epoch > 0 && change->seq > 0 && change->collection > 0 &&
           change->previous < change->seq && wire_is_time(change->time_ms) &&
           collection_key_is_sound(&change->key) && wire_is_utf8(change->id);
}

int change_unpack(struct arena *arena, struct bytes packed, struct change *out, struct error *e)
{
    Garner__Change *from = wire_unpack(&garner__change__descriptor, arena, packed, LIMIT_RECORD_BYTES);
    if (!from)
        goto corrupt;
    fields_from_wire(from, out);
    if (is_sound(out) && fits_its_op(out, from->status != NULL) &&
        receipt_ids_from_wire(arena, from->receipts, from->n_receipts, &out->receipts, &out->receipt_count) &&
        (!from->status || status_from_wire(arena, from->status, out)))
        return 0;
corrupt:
    return error_set(e, ERR_CORRUPT, "a change of %zu bytes is none", packed.len);
}
