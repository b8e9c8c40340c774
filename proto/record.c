/* Receipts and missing rows, to and from protobuf. What is written is what the caller says, but for texts
 * that are no UTF-8; what is read is believed only as far as it could have been written. */
#include "proto/record.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/check.h"
#include "proto/field.h"
#include "proto/wire.h"

enum { MISSING_BYTES_MAX = 1024 };            /* LIMIT_GUARD_LISTINGS numbers and a time */
enum { UNMODIFIED = 23, UNMODIFIED_AT = 24 }; /* of Receipt */

char *receipt_id_text(struct receipt_id id, char out[RECEIPT_ID_TEXT_BYTES])
{
    snprintf(out, RECEIPT_ID_TEXT_BYTES, "%" PRIu32 "-%" PRIu32 "-%" PRIu64, id.shard, id.collection,
             id.harvest);
    return out;
}

void receipt_id_add(struct buffer *out, unsigned number, struct receipt_id id)
{
    field_add_bytes(out, number, BYTES(""));
    size_t start = out->len;
    field_add_u64(out, 1, id.shard);
    field_add_u64(out, 2, id.collection);
    field_add_u64(out, 3, id.harvest);
    out->data[start - 1] = (char)(out->len - start); /* less than 128, so its length is one byte */
}

bool receipt_id_from_wire(const Garner__ReceiptId *from, struct receipt_id *to)
{
    *to = (struct receipt_id){from->shard, from->collection, from->harvest};
    return to->shard < LIMIT_SHARDS && to->collection > 0 && to->harvest > 0;
}

bool receipt_ids_from_wire(struct arena *arena, Garner__ReceiptId *const *from, size_t count,
                           const struct receipt_id **ids, uint32_t *ids_count)
{
    struct receipt_id *to = count ? arena_alloc(arena, count * sizeof *to) : NULL;
    *ids = to;
    *ids_count = (uint32_t)count;
    for (size_t i = 0; i < count; i++)
        if (!receipt_id_from_wire(from[i], &to[i]))
            return false;
    return true;
}

bool receipt_from_wire(struct arena *arena, const Garner__Receipt *from, struct receipt *to)
{
    *to = (struct receipt){
        .started_ms = from->started_ms,
        .ended_ms = from->ended_ms,
        .complete = from->complete,
        .sound = from->sound,
        .unsound = from->unsound,
        .cause = from->cause,
        .pages = from->pages,
        .items = from->items,
        .requests = from->requests,
        .bytes = from->bytes,
        .created = from->created,
        .updated = from->updated,
        .deleted = from->deleted,
        .unchanged = from->unchanged,
        .missing = from->missing,
        .held = from->held,
        .duplicate_keys = from->duplicate_keys,
        .tier1 = from->tier1,
        .tier2 = from->tier2,
        .unmodified = from->unmodified,
        .unmodified_ms = from->unmodified_ms,
        .resumed_page = from->resumed_page,
        .quarantined = from->quarantined,
    };
    return receipt_id_from_wire(from->id, &to->id) && wire_error_of(from->error, &to->error) &&
           wire_is_text(to->unsound) && wire_is_text(to->cause) && wire_is_time(to->started_ms) &&
           wire_is_time(to->ended_ms) && wire_is_time(to->unmodified_ms) && (to->complete || !to->sound) &&
           receipt_ids_from_wire(arena, from->rests_on, from->n_rests_on, &to->rests_on, &to->rests_on_count);
}

static void add_optional(struct buffer *out, unsigned number, uint64_t value)
{
    if (value)
        field_add_u64(out, number, value);
}

static void add_text(struct buffer *out, unsigned number, const char *text)
{
    struct arena arena = {0};
    if (text)
        field_add_bytes(out, number, bytes_of(wire_text(&arena, text)));
    arena_close(&arena);
}

/* Field by field: each harvest writes one. */
void receipt_pack(const struct receipt *r, struct buffer *out)
{
    receipt_id_add(out, 1, r->id);
    field_add_s64(out, 2, r->started_ms);
    field_add_s64(out, 3, r->ended_ms);
    field_add_u64(out, 4, r->complete);
    field_add_u64(out, 5, r->sound);
    add_text(out, 6, r->unsound);
    add_text(out, 7, r->error == ERR_OK ? NULL : error_name(r->error));
    add_text(out, 8, r->cause);
    const uint64_t counts[] = {r->pages,   r->items,     r->requests, r->bytes, r->created,       r->updated,
                               r->deleted, r->unchanged, r->missing,  r->held,  r->duplicate_keys};
    for (unsigned i = 0; i < sizeof counts / sizeof *counts; i++)
        field_add_u64(out, 9 + i, counts[i]);
    for (uint32_t i = 0; i < r->rests_on_count; i++)
        receipt_id_add(out, 20, r->rests_on[i]);
    add_optional(out, 21, r->tier1);
    add_optional(out, 22, r->tier2);
    add_optional(out, UNMODIFIED, r->unmodified);
    if (r->unmodified_ms)
        field_add_s64(out, UNMODIFIED_AT, r->unmodified_ms);
    add_optional(out, 25, r->resumed_page);
    add_optional(out, 26, r->quarantined);
}

int receipt_unpack(struct arena *arena, struct bytes packed, struct receipt *out, struct error *e)
{
    Garner__Receipt *message = wire_unpack(&garner__receipt__descriptor, arena, packed, LIMIT_RECEIPT_BYTES);
    if (!message || !receipt_from_wire(arena, message, out))
        return error_set(e, ERR_CORRUPT, "a receipt of %zu bytes is no receipt", packed.len);
    return 0;
}

bool receipt_id_take(struct bytes packed, struct receipt_id *out)
{
    struct field field;
    bool sound = true;
    *out = (struct receipt_id){0};
    while (sound && field_next(&packed, &field)) {
        if (field.number == 1)
            sound = field_take_u32(&field, &out->shard);
        else if (field.number == 2)
            sound = field_take_u32(&field, &out->collection);
        else if (field.number == 3)
            sound = field_take_u64(&field, &out->harvest);
    }
    return sound && !packed.len && out->shard < LIMIT_SHARDS && out->collection > 0 && out->harvest > 0;
}

bool receipt_unpack_id(struct bytes packed, struct receipt_id *out)
{
    struct field field;
    return field_next(&packed, &field) && field.number == 1 && field.kind == FIELD_BYTES &&
           receipt_id_take(field.span, out);
}

/* What else there is stands as it did, also what a later version may have added. */
bool receipt_confirm(struct bytes packed, int64_t wall_ms, struct buffer *out)
{
    uint64_t unmodified = 0;
    struct field field;
    struct bytes rest = packed;
    const char *from = packed.data; /* of what is to be copied yet */
    for (const char *at = from; field_next(&rest, &field); at = rest.data) {
        if (field.number != UNMODIFIED && field.number != UNMODIFIED_AT)
            continue;
        if (field.kind != FIELD_VARINT)
            return false;
        if (field.number == UNMODIFIED)
            unmodified = field.value;
        buffer_add(out, from, (size_t)(at - from));
        from = rest.data;
    }
    buffer_add(out, from, (size_t)(rest.data - from));
    field_add_u64(out, UNMODIFIED, unmodified + 1);
    field_add_s64(out, UNMODIFIED_AT, wall_ms);
    return packed.len && !rest.len;
}

void missing_pack(const struct missing *missing, struct buffer *out)
{
    CHECK(missing->count > 0 && missing->count <= LIMIT_GUARD_LISTINGS);
    uint64_t harvests[LIMIT_GUARD_LISTINGS];
    memcpy(harvests, missing->harvests, sizeof harvests);
    Garner__Missing message;
    garner__missing__init(&message);
    message.since_ms = missing->since_ms;
    message.n_harvests = missing->count;
    message.harvests = harvests;
    wire_pack(&message, out);
}

static bool missing_from_wire(const Garner__Missing *from, struct missing *to)
{
    if (from->n_harvests == 0 || from->n_harvests > LIMIT_GUARD_LISTINGS || !wire_is_time(from->since_ms))
        return false;
    *to = (struct missing){.since_ms = from->since_ms, .count = (uint32_t)from->n_harvests};
    for (uint32_t i = 0; i < to->count; i++) {
        to->harvests[i] = from->harvests[i];
        if (to->harvests[i] <= (i ? to->harvests[i - 1] : 0))
            return false;
    }
    return true;
}

int missing_unpack(struct bytes packed, struct missing *out, struct error *e)
{
    struct arena arena = {0};
    Garner__Missing *message = wire_unpack(&garner__missing__descriptor, &arena, packed, MISSING_BYTES_MAX);
    bool sound = message && missing_from_wire(message, out);
    arena_close(&arena);
    if (!sound)
        return error_set(e, ERR_CORRUPT, "a missing entry of %zu bytes is none", packed.len);
    return 0;
}
