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

static bool take_receipt(struct arena *arena, struct bytes packed, struct change *to)
{
    struct receipt *receipt = arena_alloc(arena, sizeof *receipt);
    struct error e;
    to->status.receipt = receipt;
    return receipt_unpack(arena, packed, receipt, &e) == 0;
}

static bool take_status(struct arena *arena, const struct field *from, struct change *to)
{
    struct bytes rest = from->span, receipt = {0};
    struct field field;
    uint32_t kind = 0;
    bool sound = from->kind == FIELD_BYTES;
    while (sound && field_next(&rest, &field)) {
        if (field.number == 1)
            sound = field_take_u32(&field, &kind);
        else if (field.number == 2)
            sound = field_take_span(&field, &receipt);
        else if (field.number == 3)
            sound = field_take_s64(&field, &to->status.since_ms) && wire_is_time(to->status.since_ms);
        else if (field.number == 4)
            sound = field_take_bool(&field, &to->status.void_);
        else if (field.number == 5)
            sound = field_take_u64(&field, &to->status.held);
    }
    to->status.kind = (enum status_kind)kind;
    return sound && !rest.len && kind >= STATUS_LISTED && kind <= STATUS_DEFINITION &&
           (!receipt.data || take_receipt(arena, receipt, to));
}

/* Where each span of a change goes; null: it isn't one. */
static struct bytes *span_of(struct change *change, unsigned number)
{
    switch (number) {
    case 7:
        return &change->key.provider;
    case 8:
        return &change->key.account;
    case 9:
        return &change->key.region;
    case 10:
        return &change->key.type;
    case 11:
        return &change->key.parent;
    case 12:
        return &change->id;
    case 13:
        return &change->before;
    case 14:
        return &change->after;
    case 15:
        return &change->patch;
    default:
        return NULL;
    }
}

static bool take_number(const struct field *field, struct change *to)
{
    uint32_t op;
    switch (field->number) {
    case 1:
        return field_take_u32(field, &to->shard);
    case 2:
        return field_take_u64(field, &to->epoch);
    case 3:
        return field_take_u64(field, &to->seq);
    case 4:
        return field_take_s64(field, &to->time_ms);
    case 5:
        if (!field_take_u32(field, &op))
            return false;
        to->op = (enum change_op)op;
        return true;
    case 6:
        return field_take_bool(field, &to->initial);
    case 17:
        return field_take_bool(field, &to->definition);
    case 18:
        return field_take_u64(field, &to->previous);
    case 20:
        return field_take_u32(field, &to->collection);
    default: /* what a later version may have added */
        return true;
    }
}

/* Receipts are counted first, so that they are allocated once. */
static bool take_receipts(struct arena *arena, struct bytes packed, struct change *to)
{
    struct receipt_id *receipts = arena_alloc(arena, to->receipt_count * sizeof *receipts);
    struct field field;
    bool sound = true;
    to->receipts = receipts;
    while (sound && field_next(&packed, &field))
        if (field.number == 16)
            sound = field.kind == FIELD_BYTES && receipt_id_take(field.span, receipts++);
    return sound;
}

static bool take_fields(struct arena *arena, struct bytes packed, struct change *to, bool *has_status)
{
    struct bytes rest = packed;
    struct field field;
    bool sound = packed.len <= LIMIT_RECORD_BYTES;
    *to = (struct change){0};
    *has_status = false;
    while (sound && field_next(&rest, &field)) {
        struct bytes *span = span_of(to, field.number);
        if (span) {
            sound = field_take_span(&field, span);
        } else if (field.number == 16) {
            to->receipt_count++;
        } else if (field.number == 19) {
            *has_status = true;
            sound = take_status(arena, &field, to);
        } else {
            sound = take_number(&field, to);
        }
    }
    return sound && !rest.len && (!to->receipt_count || take_receipts(arena, packed, to));
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
    bool has_status;
    if (take_fields(arena, packed, out, &has_status) && is_sound(out) && fits_its_op(out, has_status))
        return 0;
    return error_set(e, ERR_CORRUPT, "a change of %zu bytes is none", packed.len);
}
