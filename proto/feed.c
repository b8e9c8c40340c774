/* Demands and answers for changes. Snapshots are in feed_snapshot.c, what only followers say and are told in
 * feed_follower.c. */
#include "proto/feed.h"

#include "proto/feed_wire.h"
#include "proto/wire.h"

/* --- positions --- */

enum {
    POSITION_SHARD = 1,
    POSITION_EPOCH,
    POSITION_SEQ,
    POSITION_CHECK,
    UNTIL_EPOCH,
    UNTIL_SEQ,
    UNTIL_CHECK
};

void position_add(struct buffer *out, unsigned number, const struct position *position)
{
    size_t begun = field_begin_message(out, number);
    field_add_u64(out, POSITION_SHARD, position->shard);
    field_add_u64(out, POSITION_EPOCH, position->epoch);
    field_add_u64(out, POSITION_SEQ, position->seq);
    if (position->check)
        field_add_fixed32(out, POSITION_CHECK, position->check);
    if (position->until.seq) {
        field_add_u64(out, UNTIL_EPOCH, position->until.epoch);
        field_add_u64(out, UNTIL_SEQ, position->until.seq);
    }
    if (position->until.check)
        field_add_fixed32(out, UNTIL_CHECK, position->until.check);
    field_end_message(out, begun);
}

static void positions_add(struct buffer *out, unsigned number, const struct position *positions,
                          uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        position_add(out, number, &positions[i]);
}

bool position_take(const struct field *from, struct position *to)
{
    struct bytes rest = from->span;
    struct field field;
    unsigned had = 0;
    bool sound = from->kind == FIELD_BYTES;
    *to = (struct position){0};
    while (sound && field_next(&rest, &field)) {
        had |= 1u << (field.number < 8 ? field.number : 0);
        if (field.number == POSITION_SHARD)
            sound = field_take_u32(&field, &to->shard);
        else if (field.number == POSITION_EPOCH)
            sound = field_take_u64(&field, &to->epoch);
        else if (field.number == POSITION_SEQ)
            sound = field_take_u64(&field, &to->seq);
        else if (field.number == POSITION_CHECK)
            sound = field_take_fixed32(&field, &to->check);
        else if (field.number == UNTIL_EPOCH)
            sound = field_take_u64(&field, &to->until.epoch);
        else if (field.number == UNTIL_SEQ)
            sound = field_take_u64(&field, &to->until.seq);
        else if (field.number == UNTIL_CHECK)
            sound = field_take_fixed32(&field, &to->until.check);
    }
    return sound && !rest.len && position_admit(to) &&
           (~had & (1u << POSITION_SHARD | 1u << POSITION_EPOCH | 1u << POSITION_SEQ)) == 0;
}

static uint32_t count_of(struct bytes packed, unsigned number)
{
    struct field field;
    uint32_t count = 0;
    while (field_next(&packed, &field))
        count += field.number == number;
    return count;
}

void *feed_list(struct arena *arena, struct bytes packed, unsigned number, size_t size)
{
    uint32_t count = count_of(packed, number);
    return count ? arena_alloc(arena, count * size) : NULL;
}

/* Add one that comes behind those there are. */
static bool add_position(const struct field *field, struct position *positions, uint32_t *count)
{
    struct position *to = &positions[(*count)++];
    return position_take(field, to) && (*count == 1 || to->shard > to[-1].shard);
}

/* --- lists of shards: packed, ascending --- */

void shards_add(struct buffer *out, unsigned number, const uint32_t *shards, uint32_t count)
{
    if (!count)
        return;
    size_t begun = field_begin_message(out, number);
    for (uint32_t i = 0; i < count; i++) {
        buffer_reserve(out, FIELD_VARINT_BYTES_MAX);
        field_end(out, field_put_varint(out->data + out->len, shards[i]));
    }
    field_end_message(out, begun);
}

bool shards_take(struct arena *arena, const struct field *field, const uint32_t **shards, uint32_t *count)
{
    struct bytes rest = field->span;
    uint64_t shard;
    if (field->kind != FIELD_BYTES || *count || rest.len > (size_t)LIMIT_SHARDS * FIELD_VARINT_BYTES_MAX)
        return false;
    uint32_t *to = arena_alloc(arena, (rest.len + 1) * sizeof *to);
    *shards = to;
    while (rest.len) {
        if (!field_next_varint(&rest, &shard) || shard >= LIMIT_SHARDS || (*count && shard <= to[*count - 1]))
            return false;
        to[(*count)++] = (uint32_t)shard;
    }
    return true;
}

/* --- feeds and receipts --- */

void feed_id_add(struct buffer *out, unsigned number, const uint8_t *feed)
{
    if (feed)
        field_add_bytes(out, number, (struct bytes){(const char *)feed, FEED_ID_BYTES});
}

bool feed_id_take(const struct field *field, const uint8_t **out)
{
    *out = (const uint8_t *)field->span.data;
    return field->kind == FIELD_BYTES && field->span.len == FEED_ID_BYTES;
}

int feed_check_whose(const uint8_t *said, const uint8_t *own, struct error *e)
{
    if (!said || memcmp(said, own, FEED_ID_BYTES) == 0)
        return 0;
    return error_set(
        e, ERR_USAGE,
        "these positions belong to another feed than the one here: give such as came from it, or begin "
        "anew");
}

void receipt_add(struct buffer *out, unsigned number, const struct receipt *receipt)
{
    size_t begun = field_begin_message(out, number);
    receipt_pack(receipt, out);
    field_end_message(out, begun);
}

/* --- demands --- */

enum {
    FETCH_POSITIONS = 1,
    FETCH_NOW = 2,
    FETCH_EVENTS = 6,
    FETCH_BYTES = 7,
    FETCH_WAIT = 8,
    FETCH_FILTER = 9,
    FETCH_OLDEST = 10,
    FETCH_SHARDS = 11,
    FETCH_FEED = 12,
    FETCH_RECEIPTS = 13,
    FETCH_FOLLOWER = 14
};

void filter_add(struct buffer *out, unsigned number, const struct filter *filter)
{
    if (filter_is_any(filter))
        return;
    size_t begun = field_begin_message(out, number);
    filter_pack(filter, out);
    field_end_message(out, begun);
}

bool filter_take(struct arena *arena, const struct field *field, struct filter *out)
{
    return field->kind == FIELD_BYTES && filter_unpack(arena, field->span, out);
}

void feed_demand_pack(const struct feed_demand *demand, struct buffer *out)
{
    positions_add(out, FETCH_POSITIONS, demand->positions, demand->count);
    if (demand->now)
        field_add_u64(out, FETCH_NOW, 1);
    if (demand->oldest)
        field_add_u64(out, FETCH_OLDEST, 1);
    field_add_u64(out, FETCH_EVENTS, demand->max_events);
    field_add_u64(out, FETCH_BYTES, demand->max_bytes);
    field_add_u64(out, FETCH_WAIT, demand->wait_ms);
    filter_add(out, FETCH_FILTER, &demand->filter);
    shards_add(out, FETCH_SHARDS, demand->shards, demand->shard_count);
    feed_id_add(out, FETCH_FEED, demand->feed);
    if (demand->receipts)
        field_add_u64(out, FETCH_RECEIPTS, 1);
    follower_add(out, FETCH_FOLLOWER, demand->follower);
}

bool feed_demand_unpack(struct arena *arena, struct bytes packed, struct feed_demand *out)
{
    struct position *positions = feed_list(arena, packed, FETCH_POSITIONS, sizeof *positions);
    struct field field;
    bool sound = true;
    *out = (struct feed_demand){.positions = positions};
    while (sound && field_next(&packed, &field)) {
        if (field.number == FETCH_POSITIONS)
            sound = add_position(&field, positions, &out->count);
        else if (field.number == FETCH_NOW)
            sound = field_take_bool(&field, &out->now);
        else if (field.number == FETCH_OLDEST)
            sound = field_take_bool(&field, &out->oldest);
        else if (field.number == FETCH_EVENTS)
            sound = field_take_u64(&field, &out->max_events);
        else if (field.number == FETCH_BYTES)
            sound = field_take_u64(&field, &out->max_bytes);
        else if (field.number == FETCH_WAIT)
            sound = field_take_u64(&field, &out->wait_ms);
        else if (field.number == FETCH_FILTER)
            sound = filter_take(arena, &field, &out->filter);
        else if (field.number == FETCH_SHARDS)
            sound = shards_take(arena, &field, &out->shards, &out->shard_count);
        else if (field.number == FETCH_FEED)
            sound = feed_id_take(&field, &out->feed);
        else if (field.number == FETCH_RECEIPTS)
            sound = field_take_bool(&field, &out->receipts);
        else if (field.number == FETCH_FOLLOWER)
            sound = follower_take(&field, &out->follower);
    }
    return sound && !packed.len;
}

/* --- refusals --- */

enum { REFUSED_KIND = 1, REFUSED_SHARD, REFUSED_OLDEST, REFUSED_HEAD, REFUSED_EPOCH, REFUSED_COMMON };

void refusal_add(struct buffer *out, unsigned number, const struct refusal *refusal)
{
    size_t begun = field_begin_message(out, number);
    field_add_u64(out, REFUSED_KIND, refusal->kind);
    field_add_u64(out, REFUSED_SHARD, refusal->shard);
    field_add_u64(out, REFUSED_OLDEST, refusal->oldest);
    field_add_u64(out, REFUSED_HEAD, refusal->head);
    field_add_u64(out, REFUSED_EPOCH, refusal->epoch);
    field_add_u64(out, REFUSED_COMMON, refusal->common);
    field_end_message(out, begun);
}

bool refusal_take(const struct field *from, struct refusal *to)
{
    struct bytes rest = from->span;
    struct field field;
    uint32_t kind = 0;
    bool sound = from->kind == FIELD_BYTES;
    *to = (struct refusal){0};
    while (sound && field_next(&rest, &field)) {
        if (field.number == REFUSED_KIND)
            sound = field_take_u32(&field, &kind);
        else if (field.number == REFUSED_SHARD)
            sound = field_take_u32(&field, &to->shard) && to->shard < LIMIT_SHARDS;
        else if (field.number == REFUSED_OLDEST)
            sound = field_take_u64(&field, &to->oldest);
        else if (field.number == REFUSED_HEAD)
            sound = field_take_u64(&field, &to->head);
        else if (field.number == REFUSED_EPOCH)
            sound = field_take_u64(&field, &to->epoch);
        else if (field.number == REFUSED_COMMON)
            sound = field_take_u64(&field, &to->common);
    }
    to->kind = (enum refusal_kind)kind;
    return sound && !rest.len && kind >= REFUSAL_COMPACTED && kind <= REFUSAL_MOVED;
}

/* --- changes --- */

enum {
    CHANGES = 1,
    CHANGES_POSITIONS,
    CHANGES_MORE,
    CHANGES_REFUSALS,
    CHANGES_RECEIPTS,
    CHANGES_RECORDS,
    CHANGES_OLDEST,
    CHANGES_STALE
};

void feed_changes_add(struct buffer *out, struct bytes packed_change)
{
    field_add_bytes(out, CHANGES, packed_change);
}

void feed_changes_add_receipt(struct buffer *out, const struct receipt *receipt)
{
    receipt_add(out, CHANGES_RECEIPTS, receipt);
}

void feed_changes_add_record(struct buffer *out, uint32_t shard, const struct collection_record *record)
{
    record_add(out, CHANGES_RECORDS, shard, record);
}

void feed_changes_end(struct buffer *out, const struct feed_changes *changes)
{
    positions_add(out, CHANGES_POSITIONS, changes->positions, changes->position_count);
    if (changes->more)
        field_add_u64(out, CHANGES_MORE, 1);
    if (changes->is_stale)
        field_add_u64(out, CHANGES_STALE, 1);
    for (uint32_t i = 0; i < changes->refusal_count; i++)
        refusal_add(out, CHANGES_REFUSALS, &changes->refusals[i]);
    for (uint32_t i = 0; i < changes->oldest_count; i++)
        oldest_add(out, CHANGES_OLDEST, &changes->oldest[i]);
}

bool feed_changes_unpack(struct arena *arena, struct bytes packed, struct feed_changes *out)
{
    struct position *positions = feed_list(arena, packed, CHANGES_POSITIONS, sizeof *positions);
    struct refusal *refusals = feed_list(arena, packed, CHANGES_REFUSALS, sizeof *refusals);
    struct bytes *receipts = feed_list(arena, packed, CHANGES_RECEIPTS, sizeof *receipts);
    struct feed_record *records = feed_list(arena, packed, CHANGES_RECORDS, sizeof *records);
    struct feed_oldest *oldest = feed_list(arena, packed, CHANGES_OLDEST, sizeof *oldest);
    struct field field;
    bool sound = true;
    *out = (struct feed_changes){.changes = feed_list(arena, packed, CHANGES, sizeof *out->changes),
                                 .positions = positions,
                                 .refusals = refusals,
                                 .receipts = receipts,
                                 .records = records,
                                 .oldest = oldest};
    while (sound && field_next(&packed, &field)) {
        if (field.number == CHANGES)
            sound = field_take_span(&field, &out->changes[out->count++]);
        else if (field.number == CHANGES_POSITIONS)
            sound = add_position(&field, positions, &out->position_count);
        else if (field.number == CHANGES_MORE)
            sound = field_take_bool(&field, &out->more);
        else if (field.number == CHANGES_STALE)
            sound = field_take_bool(&field, &out->is_stale);
        else if (field.number == CHANGES_REFUSALS)
            sound = refusal_take(&field, &refusals[out->refusal_count++]);
        else if (field.number == CHANGES_RECEIPTS)
            sound = field_take_span(&field, &receipts[out->receipt_count++]);
        else if (field.number == CHANGES_RECORDS)
            sound = record_take(arena, &field, &records[out->record_count++]);
        else if (field.number == CHANGES_OLDEST)
            sound = oldest_take(&field, &oldest[out->oldest_count++]);
    }
    return sound && !packed.len;
}

/* --- hints --- */

enum { HINT_FEED = 1, HINT_HEADS };

void feed_hint_pack(const struct feed_hint *hint, struct buffer *out)
{
    field_add_bytes(out, HINT_FEED, (struct bytes){(const char *)hint->feed, sizeof hint->feed});
    positions_add(out, HINT_HEADS, hint->heads, hint->head_count);
}

bool feed_hint_unpack(struct arena *arena, struct bytes packed, struct feed_hint *out)
{
    struct position *heads = feed_list(arena, packed, HINT_HEADS, sizeof *heads);
    struct bytes feed = {0};
    struct field field;
    bool sound = true;
    *out = (struct feed_hint){.heads = heads};
    while (sound && field_next(&packed, &field)) {
        if (field.number == HINT_FEED)
            sound = field_take_span(&field, &feed);
        else if (field.number == HINT_HEADS)
            sound = add_position(&field, heads, &out->head_count);
    }
    if (!sound || packed.len || feed.len != sizeof out->feed)
        return false;
    memcpy(out->feed, feed.data, sizeof out->feed);
    return true;
}
