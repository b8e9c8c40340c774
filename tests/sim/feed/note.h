/* Notes: the history of a feed and its subscribers, note by note, as a checker reads it and a diary prints
 * it.
 *
 * A shard's log can go another way: from a backup, or where a replica that lagged is promoted. Each way is a
 * fork, numbered from 0; a note of what a server said names the fork that it read. */
#ifndef GARNER_SIM_FEED_NOTE_H
#define GARNER_SIM_FEED_NOTE_H

#include "client/follow.h"

#define SIM_NOTES(X)                                                                                         \
    /* the owner's: shard, fork */                                                                           \
    X(COMMITTED, "commits")     /* a change: bytes */                                                        \
    X(ABORTED, "aborts")        /* what it had written is gone */                                            \
    X(COMPACTED, "compacts")    /* seq: the oldest that is kept */                                           \
    X(FORKED, "goes back")      /* to seq of fork `from`, which kept `last_seq` on and had `count` epochs */ \
    X(PROMOTED, "is promoted")  /* position: the epoch, and its first seq */                                 \
    X(STORE_ROW, "has")         /* at the end: a row of the store */                                         \
    X(STORE_END, "has no more") /* … and no others */                                                      \
    /* a server's, to a subscriber, of a position that it asked with */                                      \
    X(ACCEPTED, "is accepted")                                                                               \
    X(REFUSED, "is refused") /* what: the refusal */                                                         \
    /* a subscriber's */                                                                                     \
    X(BEGINS, "begins")           /* anew: with nothing; filter, and shards in `count` */                    \
    X(BEGINS_AT, "begins at")     /* a shard, at a position */                                               \
    X(ASKS_STATE, "asks for all") /* the whole state */                                                      \
    X(TOLD, "is told")            /* of a refusal: what */                                                   \
    X(CHANGE, "gets")             /* bytes */                                                                \
    X(POSITION, "is at")          /* all up to there was given */                                            \
    X(SNAPSHOT, "takes")          /* a snapshot begins; what: why */                                         \
    X(COLLECTION, "takes of")     /* what: it is complete */                                                 \
    X(ROW, "takes row")                                                                                      \
    X(SNAPSHOT_END, "has taken") /* what: bits of refusals that came behind it */                            \
    X(STORES, "stores")          /* a shard's position of the cursor, with what was made of the changes */   \
    X(STORED, "has stored")      /* … all of it */                                                         \
    X(CRASHED, "crashes")                                                                                    \
    X(FINISHED, "is finished") /* nothing comes any more */

enum note_kind {
#define X(name, text) NOTE_##name,
    SIM_NOTES(X)
#undef X
};

struct note {
    enum note_kind kind;
    uint64_t at_ms;
    uint32_t who; /* subscriber */
    uint32_t shard, fork, from, count;
    struct position position; /* its seq is the note's */
    unsigned what;
    struct bytes bytes;        /* a packed change, or a document */
    struct collection_key key; /* of a row */
    struct bytes id;
    uint64_t last_seq;           /* of a row; of a collection: the shard's head, when that was said */
    const struct filter *filter; /* outlives the history */
};

/* Append it as a line. */
void note_print(const struct note *note, struct buffer *out);

#endif
