/* A change: one event of the feed, as a plain struct, as it is stored, and as JSON for people. */
#ifndef GARNER_PROTO_CHANGE_H
#define GARNER_PROTO_CHANGE_H

#include "proto/cursor.h"
#include "proto/record.h"

enum change_op { CHANGE_CREATED = 1, CHANGE_UPDATED, CHANGE_DELETED, CHANGE_STATUS };
enum status_kind {
    STATUS_LISTED = 1,
    STATUS_UNREACHABLE,
    STATUS_RECOVERED,
    STATUS_HELD,
    STATUS_UNWATCHED,
    STATUS_DEFINITION
};

const char *change_op_name(enum change_op op);       /* "created", … */
const char *status_kind_name(enum status_kind kind); /* "listed", … */

struct change {
    uint32_t shard;
    uint64_t epoch, seq;
    int64_t time_ms;
    enum change_op op;
    bool initial;
    uint32_t collection;
    struct collection_key key;
    struct bytes id;                   /* empty with null data in a status */
    struct bytes before, after, patch; /* MessagePack; data is null where there is none */
    const struct receipt_id *receipts;
    uint32_t receipt_count;
    bool definition;   /* cause */
    uint64_t previous; /* seq of this resource's previous change; 0: none */
    struct {           /* of CHANGE_STATUS */
        enum status_kind kind;
        const struct receipt *receipt; /* null: none */
        int64_t since_ms;              /* 0: none */
        bool void_;
        uint64_t held;
    } status;
};

void change_pack(const struct change *change, struct buffer *out);

/* Parts point into `packed` or the arena. 0 or ERR_CORRUPT. */
int change_unpack(struct arena *arena, struct bytes packed, struct change *out, struct error *e);

/* Append one line of JSON without a newline, exactly as the contract says: all keys always there, in
 * its order. 0 or ERR_CORRUPT when a document isn't MessagePack. */
int change_to_json(const struct change *change, struct buffer *out, struct error *e);

#endif
