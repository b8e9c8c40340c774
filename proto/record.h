/* Records as plain structs: receipts, collections, missing rows; and to and from protobuf.
 *
 * Unpacked texts live in the arena. Foreign bytes are validated: sizes, UTF-8 where text is meant, ranges;
 * a record that can't be what was written is ERR_CORRUPT. */
#ifndef GARNER_PROTO_RECORD_H
#define GARNER_PROTO_RECORD_H

#include "common/arena.h"
#include "common/error.h"
#include "common/hash.h"
#include "common/limits.h"

struct receipt_id {
    uint32_t shard, collection;
    uint64_t harvest; /* from 1; 0 is none */
};

/* An epoch of a shard. */
struct store_epoch {
    uint64_t epoch, first; /* the first seq that it wrote, or will write */
};

enum { RECEIPT_ID_TEXT_BYTES = 48 };

/* "12-5-43": shard, collection, harvest. What users see and search for. Returns `out`. */
char *receipt_id_text(struct receipt_id id, char out[RECEIPT_ID_TEXT_BYTES]);

/* The one reason of `unsound` that is no fault of the listing's own. */
#define RECEIPT_PARENT_UNSOUND "its parent's listing was not sound"

struct receipt {
    struct receipt_id id;
    int64_t started_ms, ended_ms;
    bool complete, sound;
    const char *unsound; /* null when it is sound or incomplete */
    enum err error;      /* ERR_OK when complete */
    const char *cause;   /* null when complete */
    uint64_t pages, items, requests, bytes;
    uint64_t created, updated, deleted, unchanged, missing, held, duplicate_keys;
    uint64_t tier1, tier2; /* of the unchanged: recognised by their bytes, many together or one by one */
    const struct receipt_id *rests_on;
    uint32_t rests_on_count;
    uint64_t unmodified;   /* how often the provider said since that nothing has changed (tier 0) … */
    int64_t unmodified_ms; /* … and when it last did; 0: never */
    uint64_t resumed_page; /* the page that it went on from, where an earlier harvest was stopped; 0: none */
    uint64_t quarantined;  /* items that couldn't be digested */
};

void receipt_pack(const struct receipt *receipt, struct buffer *out);
int receipt_unpack(struct arena *arena, struct bytes packed, struct receipt *out, struct error *e);
/* Its id alone, which every receipt begins with. False: it is none. */
bool receipt_unpack_id(struct bytes packed, struct receipt_id *out);
/* A packed one, confirmed once more: `unmodified` is one more, and `unmodified_ms` is `wall_ms`. Appends.
 * False: it is none. Each harvest that is answered with 304 does it, so nothing else is unpacked. */
bool receipt_confirm(struct bytes packed, int64_t wall_ms, struct buffer *out);

/* As JSON: {"id":"12-5-43","started":time,"ended":time,"complete":true,"sound":true,"unsound":null,
 * "error":null,"cause":null,"pages":1,…,"rests_on":[]}. */
void receipt_to_json(const struct receipt *receipt, struct buffer *out);

/* Which collection: what is unique in a shard. `parent` is the parent resource's id; with parents within
 * each other the ids from the root on, joined by "/", each with "/" and "%" percent-encoded. */
struct collection_key {
    struct bytes provider, account, type;
    struct bytes region, parent; /* data is null where there is none */
};

/* What the one page of a sound listing came with: sent back, the provider may say that nothing has changed.
 */
struct validators {
    uint64_t request;            /* a hash of the request that they belong to; 0: there are none */
    struct bytes etag, modified; /* as they came; data is null where there is none */
};

/* How large pages may be, as far as it was found out. */
struct page_size {
    uint64_t size;   /* to ask for; 0: what the provider file says */
    uint64_t failed; /* the smallest one that kept failing … */
    int64_t failed_ms;
    uint64_t listed; /* complete listings since, with `size` */
};

struct collection_record {
    uint32_t id; /* from 1 */
    struct collection_key key;
    uint32_t parent_collection, parent_row; /* collection 0: no parent */
    struct digest definition, id_rule;
    const struct bytes *parse, *ignore, *unordered; /* pointers as written */
    uint32_t parse_count, ignore_count, unordered_count;
    bool mixed; /* some documents and digests may still be as older rules, the union of which this is, made
                   them */
    const struct bytes *old_parse, *old_ignore, *old_unordered;
    uint32_t old_parse_count, old_ignore_count, old_unordered_count;
    uint64_t rows;                /* live ones */
    uint32_t next_row;            /* from 0 on; never used again */
    uint64_t next_harvest;        /* from 1 on */
    uint64_t sound_harvest;       /* the last sound one; 0: none yet */
    int64_t listed_since_ms;      /* 0: no complete receipt yet in this history */
    int64_t unreachable_since_ms; /* 0: reachable */
    enum err unreachable_error;
    int64_t unwatched_since_ms; /* 0: watched */
    int64_t held_since_ms;      /* 0: nothing is held back */
    uint64_t held_rows;
    int64_t confirmed_ms; /* `confirm` was given and not used yet; 0: no */
    /* What the stretches are worth (worker/winnow/forecast.h). */
    uint64_t forecast_rules; /* the rules that they were made under, as a hash; 0: there are none */
    bool forecast_unsettled; /* some may name what documents were, not what they are */
    int64_t full_ms;         /* the last sound listing in which every item was parsed; 0: none */
    /* Of its harvests. */
    int64_t harvested_ms;   /* when the last one began; 0: none yet */
    uint64_t failures;      /* that failed since the last one that didn't */
    uint64_t ended_harvest; /* the last one that ended, however; 0: none yet */
    uint64_t quarantined;   /* items that are in quarantine */
    bool has_checkpoint;    /* the next one goes on from there (proto/checkpoint.h) */
    struct validators validators;
    struct page_size page_size;
};

void collection_pack(const struct collection_record *record, struct buffer *out);
int collection_unpack(struct arena *arena, struct bytes packed, struct collection_record *out,
                      struct error *e);

/* "aws/123456789012 eu-west-1 aws.ec2.snapshot", with " of PARENT" for a child. Appends. */
void collection_key_text(const struct collection_key *key, struct buffer *out);

struct missing {
    int64_t since_ms;
    uint64_t harvests[LIMIT_GUARD_LISTINGS]; /* sound listings that missed it; the first, then the latest */
    uint32_t count;                          /* of entries */
};

void missing_pack(const struct missing *missing, struct buffer *out);
int missing_unpack(struct bytes packed, struct missing *out, struct error *e);

#endif
