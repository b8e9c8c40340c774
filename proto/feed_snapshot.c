/* Snapshots, and the map of who has which shards. */
#include "proto/feed_wire.h"
#include "proto/wire.h"

/* --- a demand for a part --- */

enum {
    ASKED_SHARD = 1,
    ASKED_BEGIN,
    ASKED_COLLECTION,
    ASKED_ROW,
    ASKED_BYTES,
    ASKED_FILTER,
    ASKED_FEED,
    ASKED_RECEIPTS,
    ASKED_FOLLOWER
};

void feed_snapshot_pack(const struct feed_snapshot *snapshot, struct buffer *out)
{
    field_add_u64(out, ASKED_SHARD, snapshot->shard);
    if (snapshot->has_begin)
        position_add(out, ASKED_BEGIN, &snapshot->begin);
    field_add_u64(out, ASKED_COLLECTION, snapshot->collection);
    field_add_u64(out, ASKED_ROW, snapshot->row);
    field_add_u64(out, ASKED_BYTES, snapshot->max_bytes);
    filter_add(out, ASKED_FILTER, &snapshot->filter);
    feed_id_add(out, ASKED_FEED, snapshot->feed);
    if (snapshot->receipts)
        field_add_u64(out, ASKED_RECEIPTS, 1);
    follower_add(out, ASKED_FOLLOWER, snapshot->follower);
}

bool feed_snapshot_unpack(struct arena *arena, struct bytes packed, struct feed_snapshot *out)
{
    struct field field;
    bool sound = true;
    *out = (struct feed_snapshot){0};
    while (sound && field_next(&packed, &field)) {
        if (field.number == ASKED_SHARD)
            sound = field_take_u32(&field, &out->shard) && out->shard < LIMIT_SHARDS;
        else if (field.number == ASKED_BEGIN)
            sound = out->has_begin = position_take(&field, &out->begin);
        else if (field.number == ASKED_COLLECTION)
            sound = field_take_u32(&field, &out->collection);
        else if (field.number == ASKED_ROW)
            sound = field_take_u32(&field, &out->row);
        else if (field.number == ASKED_BYTES)
            sound = field_take_u64(&field, &out->max_bytes);
        else if (field.number == ASKED_FILTER)
            sound = filter_take(arena, &field, &out->filter);
        else if (field.number == ASKED_FEED)
            sound = feed_id_take(&field, &out->feed);
        else if (field.number == ASKED_RECEIPTS)
            sound = field_take_bool(&field, &out->receipts);
        else if (field.number == ASKED_FOLLOWER)
            sound = follower_take(&field, &out->follower);
    }
    return sound && !packed.len && (!out->has_begin || out->begin.shard == out->shard);
}

/* --- rows --- */

enum { ROW = 1, ROW_ID, ROW_SEQ, ROW_SEEN, ROW_DOCUMENT };
enum { COLLECTION_RECORD = 1, COLLECTION_COMPLETE, COLLECTION_ROWS, COLLECTION_RECEIPTS };
enum { PART_BEGIN = 1, PART_COLLECTIONS, PART_COLLECTION, PART_ROW, PART_REFUSAL };

void feed_part_add_row(struct buffer *out, const struct feed_row *row)
{
    size_t begun = field_begin_message(out, COLLECTION_ROWS);
    field_add_u64(out, ROW, row->row);
    field_add_bytes(out, ROW_ID, row->id);
    field_add_u64(out, ROW_SEQ, row->last_seq);
    field_add_s64(out, ROW_SEEN, row->first_seen_ms);
    field_add_bytes(out, ROW_DOCUMENT, row->document);
    field_end_message(out, begun);
}

static bool take_row(const struct field *from, struct feed_row *to)
{
    struct bytes rest = from->span;
    struct field field;
    bool sound = from->kind == FIELD_BYTES;
    *to = (struct feed_row){0};
    while (sound && field_next(&rest, &field)) {
        if (field.number == ROW)
            sound = field_take_u32(&field, &to->row);
        else if (field.number == ROW_ID)
            sound = field_take_span(&field, &to->id) && to->id.len <= LIMIT_ID_BYTES && wire_is_utf8(to->id);
        else if (field.number == ROW_SEQ)
            sound = field_take_u64(&field, &to->last_seq);
        else if (field.number == ROW_SEEN)
            sound = field_take_s64(&field, &to->first_seen_ms) && wire_is_time(to->first_seen_ms);
        else if (field.number == ROW_DOCUMENT)
            sound = field_take_span(&field, &to->document);
    }
    return sound && !rest.len && to->id.data && to->document.data && to->last_seq > 0;
}

/* --- collections --- */

size_t feed_part_begin_collection(struct buffer *out, const struct collection_record *record, bool complete)
{
    size_t begun = field_begin_message(out, PART_COLLECTIONS);
    size_t inner = field_begin_message(out, COLLECTION_RECORD);
    collection_pack(record, out);
    field_end_message(out, inner);
    field_add_u64(out, COLLECTION_COMPLETE, complete);
    return begun;
}

void feed_part_add_receipt(struct buffer *out, const struct receipt *receipt)
{
    receipt_add(out, COLLECTION_RECEIPTS, receipt);
}

void feed_part_end_collection(struct buffer *out, size_t begun)
{
    field_end_message(out, begun);
}

static bool take_collection(struct arena *arena, const struct field *from, struct feed_collection *to)
{
    struct bytes rest = from->span, record = {0};
    if (from->kind != FIELD_BYTES)
        return false;
    struct feed_row *rows = feed_list(arena, rest, COLLECTION_ROWS, sizeof *rows);
    struct bytes *receipts = feed_list(arena, rest, COLLECTION_RECEIPTS, sizeof *receipts);
    struct field field;
    struct error e;
    bool sound = true;
    *to = (struct feed_collection){.rows = rows, .receipts = receipts};
    while (sound && field_next(&rest, &field)) {
        if (field.number == COLLECTION_RECORD)
            sound = field_take_span(&field, &record);
        else if (field.number == COLLECTION_COMPLETE)
            sound = field_take_bool(&field, &to->complete);
        else if (field.number == COLLECTION_ROWS)
            sound = take_row(&field, &rows[to->row_count++]);
        else if (field.number == COLLECTION_RECEIPTS)
            sound = field_take_span(&field, &receipts[to->receipt_count++]);
    }
    return sound && !rest.len && record.data && collection_unpack(arena, record, &to->record, &e) == 0;
}

/* --- parts --- */

void feed_part_end(struct buffer *out, const struct feed_part *part)
{
    if (part->refusal.kind) {
        refusal_add(out, PART_REFUSAL, &part->refusal);
        return;
    }
    position_add(out, PART_BEGIN, &part->begin);
    if (part->last)
        return;
    field_add_u64(out, PART_COLLECTION, part->collection);
    field_add_u64(out, PART_ROW, part->row);
}

bool feed_part_unpack(struct arena *arena, struct bytes packed, struct feed_part *out)
{
    struct feed_collection *collections = feed_list(arena, packed, PART_COLLECTIONS, sizeof *collections);
    struct field field;
    bool sound = true, begins = false;
    *out = (struct feed_part){.last = true, .collections = collections};
    while (sound && field_next(&packed, &field)) {
        if (field.number == PART_BEGIN)
            sound = begins = position_take(&field, &out->begin);
        else if (field.number == PART_COLLECTIONS)
            sound = take_collection(arena, &field, &collections[out->collection_count++]);
        else if (field.number == PART_COLLECTION)
            sound = field_take_u32(&field, &out->collection), out->last = false;
        else if (field.number == PART_ROW)
            sound = field_take_u32(&field, &out->row);
        else if (field.number == PART_REFUSAL)
            sound = refusal_take(&field, &out->refusal);
    }
    return sound && !packed.len && begins == !out->refusal.kind;
}

/* --- the map --- */

enum { MAP_VERSION = 1, MAP_WORKERS };
enum { WORKER_ADDRESS = 1, WORKER_SHARDS, WORKER_ALL };

void feed_map_pack(const struct feed_map *map, struct buffer *out)
{
    field_add_u64(out, MAP_VERSION, map->version);
    for (uint32_t i = 0; i < map->worker_count; i++) {
        const struct feed_worker *worker = &map->workers[i];
        size_t begun = field_begin_message(out, MAP_WORKERS);
        field_add_bytes(out, WORKER_ADDRESS, worker->address);
        shards_add(out, WORKER_SHARDS, worker->shards, worker->shard_count);
        if (worker->all)
            field_add_u64(out, WORKER_ALL, 1);
        field_end_message(out, begun);
    }
}

static bool take_worker(struct arena *arena, const struct field *from, struct feed_worker *to)
{
    struct bytes rest = from->span;
    struct field field;
    bool sound = from->kind == FIELD_BYTES;
    *to = (struct feed_worker){0};
    while (sound && field_next(&rest, &field)) {
        if (field.number == WORKER_ADDRESS)
            sound = field_take_span(&field, &to->address) && wire_is_utf8(to->address);
        else if (field.number == WORKER_SHARDS)
            sound = shards_take(arena, &field, &to->shards, &to->shard_count);
        else if (field.number == WORKER_ALL)
            sound = field_take_bool(&field, &to->all);
    }
    return sound && !rest.len && to->address.data;
}

bool feed_map_unpack(struct arena *arena, struct bytes packed, struct feed_map *out)
{
    struct feed_worker *workers = feed_list(arena, packed, MAP_WORKERS, sizeof *workers);
    struct field field;
    bool sound = true;
    *out = (struct feed_map){.workers = workers};
    while (sound && field_next(&packed, &field)) {
        if (field.number == MAP_VERSION)
            sound = field_take_u64(&field, &out->version);
        else if (field.number == MAP_WORKERS)
            sound = take_worker(arena, &field, &workers[out->worker_count++]);
    }
    return sound && !packed.len;
}
