/* Changes, to and from protobuf. They are stored encoded once and handed on as they are, so what a change
 * must hold by its kind is checked when it is read, wherever it comes from. */
#include "proto/change.h"

#include "proto/field.h"
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

/* --- writing: field by field, as every item of a first listing has a change --- */

static void add_optional(struct buffer *out, unsigned number, struct bytes span)
{
    if (span.data)
        field_add_bytes(out, number, span);
}

static void add_status(struct buffer *out, const struct change *change)
{
    struct buffer status = {0}, receipt = {0};
    field_add_u64(&status, 1, change->status.kind);
    if (change->status.receipt) {
        receipt_pack(change->status.receipt, &receipt);
        field_add_bytes(&status, 2, buffer_bytes(&receipt));
    }
    if (change->status.since_ms)
        field_add_s64(&status, 3, change->status.since_ms);
    if (change->status.void_)
        field_add_u64(&status, 4, 1);
    if (change->status.held)
        field_add_u64(&status, 5, change->status.held);
    field_add_bytes(out, 19, buffer_bytes(&status));
    buffer_close(&receipt);
    buffer_close(&status);
}

void change_pack(const struct change *change, struct buffer *out)
{
    const struct collection_key *key = &change->key;
    field_add_u64(out, 1, change->shard);
    field_add_u64(out, 2, change->epoch);
    field_add_u64(out, 3, change->seq);
    field_add_s64(out, 4, change->time_ms);
    field_add_u64(out, 5, change->op);
    field_add_u64(out, 6, change->initial);
    field_add_bytes(out, 7, key->provider);
    field_add_bytes(out, 8, key->account);
    add_optional(out, 9, key->region);
    field_add_bytes(out, 10, key->type);
    add_optional(out, 11, key->parent);
    add_optional(out, 12, change->id);
    add_optional(out, 13, change->before);
    add_optional(out, 14, change->after);
    add_optional(out, 15, change->patch);
    for (uint32_t i = 0; i < change->receipt_count; i++)
        receipt_id_add(out, 16, change->receipts[i]);
    if (change->definition)
        field_add_u64(out, 17, 1);
    if (change->previous)
        field_add_u64(out, 18, change->previous);
    if (change->op == CHANGE_STATUS)
        add_status(out, change);
    field_add_u64(out, 20, change->collection);
}

/* --- reading --- */

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
