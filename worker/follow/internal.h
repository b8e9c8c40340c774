/* What the files of worker/follow share. Not for others. */
#ifndef GARNER_FOLLOW_INTERNAL_H
#define GARNER_FOLLOW_INTERNAL_H

#include <stdatomic.h>

#include "client/client.h"
#include "worker/follow/following.h"
#include "worker/store/copy.h"

/* What a copy needs next.
 *
 *     SNAPSHOT --its last part--> CHANGES <--> LOG, where the owner's log begins
 *        ^                           |
 *        '--what it has is no point of the owner's history: DIVERGED, COMPACTED, FUTURE */
enum need { NEED_SNAPSHOT, NEED_LOG, NEED_CHANGES };

struct mirror {
    bool is_on;
    uint32_t shard;
    struct line *line; /* to its owner; null: that is nobody */
    struct store *store;
    struct copy *copy; /* null: it isn't open yet */
    enum need need;
    bool has_begin; /* of the snapshot that is taken */
    struct feed_snapshot part;
    int64_t again_ms;         /* nothing is asked for it before */
    bool is_touched, is_void; /* by the answer that is taken */
    enum err told;            /* the code of what can't be done, and was told */
};

enum asked { ASKED_NOTHING, ASKED_CHANGES, ASKED_PART, ASKED_LOG };

/* To an owner. */
struct line {
    struct line *next;
    char *address;
    struct client *client; /* null: not connected */
    enum asked asked;
    struct mirror *about; /* of PART and LOG */
    int64_t again_ms;     /* not before */
    bool is_told;         /* that nobody is there */
    bool is_used;
    bool was_special; /* what was asked last wasn't changes: those come next */
    uint32_t turn;    /* of the mirrors: whose snapshot is next */
};

struct following {
    struct following_setting set;
    struct mirror *mirrors; /* by shard */
    struct line *lines;
    struct rpc_lock lock; /* of all that is waited for */
    int64_t parts_ms;     /* no part of a snapshot is asked for before: the rate */
    struct arena arena;   /* of a request, or an answer */
    struct buffer memory;
    /* What is wanted: under the lock. */
    struct followed *wanted; /* with addresses of their own */
    uint32_t wanted_count;
    uint64_t wanted_times, done_times;
    _Atomic int64_t lease_ms; /* its end */
    atomic_bool is_poked, is_ending;
    pthread_t thread;
    bool has_thread;
};

/* mirror.c: a copy. Open it, if it isn't; or give it up. */
int mirror_open(struct following *f, struct mirror *m, struct error *e);
void mirror_close(struct mirror *m);
/* What came of what was asked. ERR_CORRUPT: it is begun anew. */
int mirror_take_part(struct following *f, struct mirror *m, const struct feed_part *part, struct error *e);
int mirror_take_log(struct following *f, struct mirror *m, const struct feed_changes *answer,
                    struct error *e);
void mirror_refused(struct mirror *m, enum refusal_kind kind);
void mirror_begin_anew(struct mirror *m);
/* Take the answer to a demand for changes, of all shards that it has any of. */
void mirror_take_changes(struct following *f, const struct line *line, const struct feed_changes *answer);
/* Something can't be done with it: told once, tried again later. */
void mirror_failed(struct following *f, struct mirror *m, const struct error *e);

#endif
