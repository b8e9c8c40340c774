/* What only followers say, and are told: who they are, collections' records, what is kept, and epochs. */
#include "proto/feed_wire.h"
#include "proto/wire.h"

void follower_add(struct buffer *out, unsigned number, struct bytes follower)
{
    if (follower.data)
        field_add_bytes(out, number, follower);
}

bool follower_take(const struct field *field, struct bytes *out)
{
    return field_take_span(field, out) && out->len && out->len <= LIMIT_WORKER_NAME_BYTES &&
           wire_is_utf8(*out);
}

/* --- records --- */

enum { RECORD_SHARD = 1, RECORD };

void record_add(struct buffer *out, unsigned number, uint32_t shard, const struct collection_record *record)
{
    size_t begun = field_begin_message(out, number);
    field_add_u64(out, RECORD_SHARD, shard);
    size_t inner = field_begin_message(out, RECORD);
    collection_pack(record, out);
    field_end_message(out, inner);
    field_end_message(out, begun);
}

bool record_take(struct arena *arena, const struct field *from, struct feed_record *to)
{
    struct bytes rest = from->span, packed = {0};
    struct field field;
    struct error e;
    bool sound = from->kind == FIELD_BYTES;
    *to = (struct feed_record){0};
    while (sound && field_next(&rest, &field)) {
        if (field.number == RECORD_SHARD)
            sound = field_take_u32(&field, &to->shard) && to->shard < LIMIT_SHARDS;
        else if (field.number == RECORD)
            sound = field_take_span(&field, &packed);
    }
    return sound && !rest.len && packed.data && collection_unpack(arena, packed, &to->record, &e) == 0;
}

/* --- what is kept --- */

enum { OLDEST_SHARD = 1, OLDEST };

void oldest_add(struct buffer *out, unsigned number, const struct feed_oldest *oldest)
{
    size_t begun = field_begin_message(out, number);
    field_add_u64(out, OLDEST_SHARD, oldest->shard);
    field_add_u64(out, OLDEST, oldest->oldest);
    field_end_message(out, begun);
}

bool oldest_take(const struct field *from, struct feed_oldest *to)
{
    struct bytes rest = from->span;
    struct field field;
    bool sound = from->kind == FIELD_BYTES;
    *to = (struct feed_oldest){0};
    while (sound && field_next(&rest, &field)) {
        if (field.number == OLDEST_SHARD)
            sound = field_take_u32(&field, &to->shard) && to->shard < LIMIT_SHARDS;
        else if (field.number == OLDEST)
            sound = field_take_u64(&field, &to->oldest);
    }
    return sound && !rest.len && to->oldest > 0;
}

/* --- epochs --- */

enum { EPOCH = 1, EPOCH_FIRST };

void epoch_add(struct buffer *out, unsigned number, const struct store_epoch *epoch)
{
    size_t begun = field_begin_message(out, number);
    field_add_u64(out, EPOCH, epoch->epoch);
    field_add_u64(out, EPOCH_FIRST, epoch->first);
    field_end_message(out, begun);
}

bool epoch_take(const struct field *from, struct store_epoch *epochs, uint32_t *count)
{
    struct store_epoch *to = &epochs[(*count)++];
    struct bytes rest = from->span;
    struct field field;
    bool sound = from->kind == FIELD_BYTES;
    *to = (struct store_epoch){0};
    while (sound && field_next(&rest, &field)) {
        if (field.number == EPOCH)
            sound = field_take_u64(&field, &to->epoch);
        else if (field.number == EPOCH_FIRST)
            sound = field_take_u64(&field, &to->first);
    }
    return sound && !rest.len && to->epoch > 0 && to->first > 0 &&
           (*count == 1 || (to->epoch > to[-1].epoch && to->first >= to[-1].first));
}
