/* What subscribers ask of the feed, and what they are answered (docs/feed.md), as plain structs, and packed.
 *
 * Written and read field by field: they carry most of what goes over the wire. Unpacked texts point into what
 * they were unpacked from, arrays live in the arena. What comes from outside is validated: sizes, UTF-8,
 * ranges, order. */
#ifndef GARNER_PROTO_FEED_H
#define GARNER_PROTO_FEED_H

#include "proto/filter.h"

/* A demand for changes behind positions (FETCH). */
struct feed_demand {
    const struct position *positions; /* by shard, ascending; a shard without one: from its first change on */
    uint32_t count;
    const uint32_t *shards; /* these only, ascending; none: all that are there */
    uint32_t shard_count;
    bool now, oldest;    /* no changes: where all shards end, or begin */
    bool receipts;       /* with those that the changes rest on */
    const uint8_t *feed; /* 16 bytes: whose the positions are; null: not said */
    /* Name of a worker that keeps a copy: it has stored all up to its positions. Null: a subscriber asks. */
    struct bytes follower;
    struct filter filter;
    uint64_t max_events, max_bytes, wait_ms;
};

enum refusal_kind { REFUSAL_COMPACTED = 1, REFUSAL_FUTURE, REFUSAL_DIVERGED, REFUSAL_MOVED };

/* Why there is nothing behind a position. Kind 0: there is no refusal. */
struct refusal {
    enum refusal_kind kind;
    uint32_t shard;
    uint64_t oldest, head, epoch; /* of the shard */
    uint64_t common;              /* of DIVERGED: the last seq that both histories may have in common */
};

/* A refusal as a sentence, of a cursor that stands at `seq`: ERR_USAGE. */
int refusal_explain(const struct refusal *refusal, uint64_t seq, struct error *e);
const char *refusal_name(enum refusal_kind kind); /* "COMPACTED", … */

/* The record of a collection, as it is now: it may know of changes that are still to come. */
struct feed_record {
    uint32_t shard;
    struct collection_record record;
};

struct feed_oldest {
    uint32_t shard;
    uint64_t oldest; /* the first change that it keeps */
};

struct feed_changes {
    struct bytes *changes; /* packed */
    uint32_t count;
    const struct position *positions; /* of the shards that went on: behind all that was looked at */
    uint32_t position_count;
    bool more;                      /* there are more already */
    bool is_stale;                  /* who answers has no lease: another one may have what it had */
    const struct refusal *refusals; /* then nothing else is there */
    uint32_t refusal_count;
    const struct bytes *receipts; /* packed, if they were asked for */
    uint32_t receipt_count;
    /* To followers: the collections that the changes are of, as far as they are there, and the shards. */
    const struct feed_record *records;
    uint32_t record_count;
    const struct feed_oldest *oldest;
    uint32_t oldest_count;
};

/* A demand for a part of a shard's snapshot (SNAPSHOT). */
struct feed_snapshot {
    uint32_t shard;
    bool has_begin;           /* else it is the first part */
    struct position begin;    /* as the answer before said */
    uint32_t collection, row; /* where this part begins */
    uint64_t max_bytes;
    bool receipts;         /* with all that are kept */
    const uint8_t *feed;   /* as in a demand */
    struct bytes follower; /* likewise */
    struct filter filter;
};

struct feed_row {
    uint32_t row;
    struct bytes id;
    uint64_t last_seq;
    int64_t first_seen_ms;
    struct bytes document; /* MessagePack */
};

struct feed_collection {
    struct collection_record record;
    bool complete;
    const struct feed_row *rows;
    uint32_t row_count;
    const struct bytes *receipts; /* packed; where the collection begins, if they were asked for */
    uint32_t receipt_count;
};

struct feed_part {
    struct position begin;
    const struct feed_collection *collections;
    uint32_t collection_count;
    bool last; /* else the next part begins at: */
    uint32_t collection, row;
    struct refusal refusal;           /* then nothing else is there */
    const struct store_epoch *epochs; /* the shard's, ascending: in a first part, to followers */
    uint32_t epoch_count;
};

struct feed_worker {
    struct bytes address; /* "": the one that was asked */
    bool all;             /* it has all shards, or: */
    const uint32_t *shards;
    uint32_t shard_count;
};

struct feed_map {
    uint64_t version;
    const struct feed_worker *workers;
    uint32_t worker_count;
};

/* The heads of shards, as PUB says them. */
struct feed_hint {
    uint8_t feed[16];
    const struct position *heads;
    uint32_t head_count;
};

/* ERR_USAGE: `said` is another feed's than `own`, 16 bytes each. Null: it isn't said. */
int feed_check_whose(const uint8_t *said, const uint8_t *own, struct error *e);

void feed_demand_pack(const struct feed_demand *demand, struct buffer *out);
bool feed_demand_unpack(struct arena *arena, struct bytes packed, struct feed_demand *out);

/* Changes are written as they are found: add them in any order, then the rest. `changes`, `receipts` and
 * `records` of the struct aren't used. */
void feed_changes_add(struct buffer *out, struct bytes packed_change);
void feed_changes_add_receipt(struct buffer *out, const struct receipt *receipt);
void feed_changes_add_record(struct buffer *out, uint32_t shard, const struct collection_record *record);
void feed_changes_end(struct buffer *out, const struct feed_changes *changes);
bool feed_changes_unpack(struct arena *arena, struct bytes packed, struct feed_changes *out);

void feed_snapshot_pack(const struct feed_snapshot *snapshot, struct buffer *out);
bool feed_snapshot_unpack(struct arena *arena, struct bytes packed, struct feed_snapshot *out);

/* Likewise: a collection is begun, its rows are added, and it is ended. */
size_t feed_part_begin_collection(struct buffer *out, const struct collection_record *record, bool complete);
void feed_part_add_row(struct buffer *out, const struct feed_row *row);
void feed_part_add_receipt(struct buffer *out, const struct receipt *receipt);
void feed_part_end_collection(struct buffer *out, size_t begun);
void feed_part_end(struct buffer *out, const struct feed_part *part);
bool feed_part_unpack(struct arena *arena, struct bytes packed, struct feed_part *out);

void feed_map_pack(const struct feed_map *map, struct buffer *out);
bool feed_map_unpack(struct arena *arena, struct bytes packed, struct feed_map *out);

void feed_hint_pack(const struct feed_hint *hint, struct buffer *out);
bool feed_hint_unpack(struct arena *arena, struct bytes packed, struct feed_hint *out);

#endif
