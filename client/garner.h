/* libgarner: subscribe to Garner's feed of changes, fall behind, come back, and miss nothing.
 *
 *     struct garner_options options = GARNER_OPTIONS;
 *     options.types = (const char *const[]){"aws.ec2.security_group", NULL};
 *     options.from = my_cursor;                        // that was stored with what was made of the changes
 *     struct garner *feed = garner_open(&options, &error);
 *     while (garner_next(feed, 1000, &batch, &error) == GARNER_OK) {
 *         ... what batch->changes say, and garner_cursor(feed), stored in one transaction ...
 *     }
 *     garner_close(feed);
 *
 * The library stores nothing itself: where a subscriber stands is the cursor that it stores with its own
 * data, and so each change has its effect exactly once, whatever is killed when. docs/feed.md says what the
 * feed promises; client/example.c is a whole subscriber.
 *
 * Threads: a feed belongs to one thread at a time, but for garner_stop. Different feeds are independent.
 * Ownership: what a call gives is the feed's, and valid until its next garner_next, garner_each or
 * garner_seek. Options are copied. Blocking: only garner_open (up to 5 s; from now or
 * oldest up to 15 s, while shards change hands), garner_next (its `wait_ms`, and up
 * to 5 s more where a connection has to be made anew) and garner_each do. Signals are for the program's own
 * threads: the library's have them all blocked. */
#ifndef GARNER_CLIENT_GARNER_H
#define GARNER_CLIENT_GARNER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined __GNUC__
#define GARNER_API __attribute__((visibility("default")))
#else
#define GARNER_API
#endif

/* --- errors --- */

enum garner_code {
    GARNER_OK,
    GARNER_USAGE,   /* an option, a filter or a cursor that can't be meant: the sentence says which */
    GARNER_CONNECT, /* nobody there, or no version that both speak. Only from garner_open and garner_seek:
                       garner_next goes on trying */
    GARNER_FOREIGN, /* the cursor is of another feed: another data folder's. Take the whole state (`from`
                       null) */
    GARNER_FUTURE, /* the feed ends before the cursor: it was restored from a backup, perhaps. Not answered by
                      a snapshot unasked, since it may come back: see garner_seek */
    GARNER_COMPACTED, /* with `no_snapshots`: what follows the cursor isn't kept any more */
    GARNER_DIVERGED,  /* with `no_snapshots`: the feed's history is another one than the cursor's */
    GARNER_STOPPED,   /* by garner_stop, or by the function that garner_each calls */
    GARNER_PROTOCOL,  /* what came isn't what Garner sends: another program, or a bug */
    GARNER_REFUSED    /* the other side couldn't: its sentence says why (a full disk, a damaged store) */
};

struct garner_error {
    enum garner_code code;
    char text[1024]; /* a sentence: the thing, the place, the cause, what to do */
};

/* --- what the feed consists of --- */

/* A text or document that somebody else owns; not NUL-terminated, may hold NUL. `data` null: there is none.
 */
struct garner_bytes {
    const char *data;
    size_t len;
};

enum garner_op { GARNER_CREATED = 1, GARNER_UPDATED, GARNER_DELETED, GARNER_STATUS };

enum garner_status_kind {
    GARNER_LISTED = 1,  /* the collection has been listed completely for the first time in this history */
    GARNER_UNREACHABLE, /* it can't be read since `since_ms`: its resources are as they were last seen */
    GARNER_RECOVERED,
    GARNER_HELD,      /* `held` resources aren't called deleted: too many at once */
    GARNER_UNWATCHED, /* nobody harvests it any more */
    GARNER_DEFINITION /* its rules have changed; with `is_void` all that was said of it is to be forgotten */
};

/* A collection: the resources of one type in one place. */
struct garner_collection {
    struct garner_bytes provider, account, type;
    struct garner_bytes region; /* none: account scope */
    struct garner_bytes parent; /* id of the resource that it belongs to; none: it has no parent */
    uint32_t shard, number; /* together they name it in one history of its shard: beyond GARNER_WHY_DIVERGED
                               only the texts above do */
};

struct garner_change {
    uint32_t shard;
    uint64_t epoch, seq; /* in its shard: 1, 2, 3, … without holes, unless filtered */
    int64_t time_ms;     /* since 1970, when it was noticed */
    enum garner_op op;
    bool initial;       /* a creation found by the first listing: it was there before we looked */
    bool by_definition; /* it comes from an edited provider file, not from the account */
    struct garner_collection collection;
    struct garner_bytes id; /* none in a status */
    struct garner_bytes before,
        after;                 /* documents, as MessagePack (garner_to_json); none where there is none */
    struct garner_bytes patch; /* RFC 6902, from before to after, as MessagePack */
    uint64_t previous;         /* seq of this resource's change before; 0: none */
    struct {                   /* of GARNER_STATUS */
        enum garner_status_kind kind;
        bool is_void;
        int64_t since_ms; /* 0: none */
        uint64_t held;
    } status;
    struct garner_bytes
        packed; /* as it is stored and sent: a protobuf garner.Change, with all that there is */
};

/* A resource as it is, of a snapshot. Its document has all changes up to and with `last_seq` in it: leave
 * those out that come later and aren't behind it. */
struct garner_row {
    struct garner_bytes id;
    uint64_t last_seq;
    int64_t first_seen_ms;
    struct garner_bytes document; /* MessagePack */
};

/* How well a collection is known when a snapshot is made. Times are ms since 1970; 0: it isn't so. */
struct garner_state {
    int64_t listed_since_ms; /* listed completely, for the first time in this history */
    int64_t unreachable_since_ms, unwatched_since_ms;
    uint64_t held; /* deletions that the guard holds back */
};

/* --- what garner_next gives --- */

enum garner_kind {
    GARNER_NOTHING,        /* nothing came in time. The cursor may have moved all the same: others' changes */
    GARNER_CHANGES,        /* `changes`, in the order of each collection */
    GARNER_SNAPSHOT_BEGIN, /* what was known of `shard` is replaced by the rows that come, because of `why` */
    GARNER_SNAPSHOT_ROWS,  /* `rows` of one collection; more of it may follow */
    GARNER_SNAPSHOT_END    /* all rows came; changes follow, of which some may be in the rows already */
};

enum garner_why {
    GARNER_WHY_ASKED = 1, /* `from` null: the whole state first */
    GARNER_WHY_COMPACTED, /* we fell behind what the feed keeps. The history is the same, so what isn't in the
                             snapshot is gone */
    GARNER_WHY_DIVERGED   /* the history is another one, and seqs that were known before say nothing about it.
                             What isn't in the snapshot is gone only in collections that are `complete`; others
                             say so by a GARNER_LISTED once they are */
};

/* A shard's snapshot is given whole, from BEGIN to END, but changes of other shards may come in between.
 * Until its END the cursor stays where the shard was before: whoever is killed in its midst gets it again, or
 * all changes from the first on, where they are kept. So keep its rows apart until its END. After another
 * BEGIN of the same shard they come from the beginning. */
struct garner_batch {
    enum garner_kind kind;
    const struct garner_change *changes;
    size_t change_count;
    uint32_t shard; /* of a snapshot */
    enum garner_why why;
    const struct garner_collection *collection; /* of the rows … */
    bool complete; /* … which was listed: a row that isn't there isn't there. An
                      empty collection comes with no rows */
    struct garner_state state;
    const struct garner_row *rows;
    size_t row_count;
    bool more;   /* there is more already: garner_next won't wait */
    bool at_end; /* everyone who has shards has said that behind this batch there is nothing now */
};

/* --- subscribing --- */

/* Lists end with null. What is null or 0 stands for any, or for what is said. Begin with GARNER_OPTIONS. */
struct garner_options {
    size_t size;         /* of this struct, as the program knows it */
    const char *address; /* tcp://HOST:PORT or ipc://PATH; null: GARNER_AT, else tcp://127.0.0.1:7801 */
    const char
        *from; /* a cursor; "now"; "oldest": all that is kept; null: the whole state first, as snapshots */

    const char *const *accounts; /* "provider/id", or the id alone if it has no / */
    const char *const *providers;
    const char *const *regions; /* "": account scope */
    const char *const *types;
    const char *id_prefix;
    unsigned ops; /* bits 1 << enum garner_op */
    bool no_initial;
    const char *touches; /* a JSON Pointer, in which * stands for any one segment */

    uint32_t members, member; /* partition: this is member 0 … members - 1 of so many, each of which gets its
                                 share of the collections; 0: one that gets all */

    uint32_t max_demand; /* changes asked for at once; 0: 10,000 */
    uint32_t min_demand; /* ask for more when no more than so many wait here; 0: when the last were given */

    bool no_snapshots; /* GARNER_COMPACTED and GARNER_DIVERGED are errors */

    int give_up_ms; /* GARNER_CONNECT once nobody has been there for so long, or in a cluster nobody has had
                       some shard (for 5 s at least); 0: go on trying for ever */

    void *context;
    /* What happens, as a sentence: the connection was lost, is there again, why a snapshot comes. May be
     * null. */
    void (*say)(void *context, const char *sentence);
};

#define GARNER_OPTIONS                                                                                       \
    {                                                                                                        \
        .size = sizeof(struct garner_options)                                                                \
    }

struct garner;

/* Connect, and begin where `from` says. Null: `error` says why (GARNER_USAGE, GARNER_CONNECT, GARNER_FOREIGN,
 * …). */
GARNER_API struct garner *garner_open(const struct garner_options *options, struct garner_error *error);

GARNER_API void garner_close(struct garner *feed); /* null is fine */

/* The next batch; waits up to `wait_ms` (30,000 at most) for a first change when there is none. What it gave
 * before is done with: the cursor is behind it. A connection that breaks is made again, as often as it takes.
 * After an error that isn't GARNER_STOPPED only garner_seek and garner_close are of use. */
GARNER_API enum garner_code garner_next(struct garner *feed, int wait_ms, const struct garner_batch **batch,
                                        struct garner_error *error);

/* The same, for those who would rather be called: `take` gets one batch after the other (GARNER_NOTHING every
 * second, too) until it returns false. Never GARNER_OK. */
GARNER_API enum garner_code garner_each(struct garner *feed,
                                        bool (*take)(void *context, const struct garner_batch *batch),
                                        void *context, struct garner_error *error);

/* Where the feed stands, behind the last batch that was given: to be stored with what was made of it. */
GARNER_API const char *garner_cursor(struct garner *feed);

/* … and behind its first `count` changes only: for who stops in the midst of a batch. */
GARNER_API const char *garner_cursor_within(struct garner *feed, size_t count);

/* Go on elsewhere: `from` as in the options. What waits here is dropped; so after an error, too, only
 * garner_seek and garner_close are of use. */
GARNER_API enum garner_code garner_seek(struct garner *feed, const char *from, struct garner_error *error);

/* Have garner_next return GARNER_STOPPED, now and from now on. Any thread, and a signal's handler, too. */
GARNER_API void garner_stop(struct garner *feed);

/* --- as text --- */

/* A document or patch as JSON. Null: it is no MessagePack. */
GARNER_API const char *garner_to_json(struct garner *feed, struct garner_bytes document, size_t *len);

/* A change as one line of JSON, as `garner feed` prints it (docs/feed.md), without a newline. Null: it is
 * damaged. */
GARNER_API const char *garner_change_to_json(struct garner *feed, const struct garner_change *change,
                                             size_t *len);

GARNER_API const char *garner_op_name(enum garner_op op);                /* "created", … */
GARNER_API const char *garner_status_name(enum garner_status_kind kind); /* "listed", … */
GARNER_API const char *garner_code_name(enum garner_code code);          /* "CONNECT", … */

#ifdef __cplusplus
}
#endif

#endif
