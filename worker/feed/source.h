/* Source: a data folder's changes as one stream, from a position on.
 *
 *     feed_source_begin       sees what is committed by now
 *     feed_source_next …      change by change
 *     feed_source_end         lets go of it; then print or send: nothing holds the stores back
 *
 * Changes of different shards are merged by their time; within a shard they come in its order. One thread;
 * the folder may be one that is only read, or one whose shards other threads write to. */
#ifndef GARNER_FEED_SOURCE_H
#define GARNER_FEED_SOURCE_H

#include "proto/feed.h"
#include "worker/store/folder.h"

struct feed_shard {
    struct store *store;    /* null: not opened yet */
    struct position at;     /* behind what was given; seq 0: before the first change … */
    bool judged;            /* … which is a point of this history, as far as was looked */
    bool is_new;            /* its check is that of `given`, and not made yet */
    bool idle;              /* to be left out of the next round … */
    uint64_t end;           /* … in which nothing behind that is given */
    uint64_t head;          /* of this round: the shard's, or its `end` */
    struct refusal refusal; /* of this round: there is nothing behind `at`; kind 0: there may be */
    struct arena arena;     /* of `change` */
    struct bytes packed;    /* `change`, as it is stored; until the round ends */
    struct change change;   /* the next one, while it waits in the heap */
    struct bytes given;     /* the last one given; until the round ends */
};

struct feed_source {
    struct folder *folder;
    struct feed_shard *shards; /* folder->shards */
    uint32_t *heap;            /* shards with a change, the earliest first */
    uint32_t heap_count;
    uint32_t refused; /* shards that are, in this round */
    uint32_t current; /* shard that the last change came from … */
    bool has_current; /* … and that must go on */
};

void feed_source_open(struct feed_source *source, struct folder *folder);
void feed_source_close(struct feed_source *source); /* before its folder */

/* Let go of a shard's store, between rounds: it is opened anew when it is asked for. */
void feed_source_forget(struct feed_source *source, uint32_t shard);

/* The last seq of a shard; 0: none. */
int feed_source_head(struct feed_source *source, uint32_t shard, uint64_t *head, struct error *e);

/* The epoch that a shard is in; 0: nothing was ever in it. */
int feed_source_epoch(struct feed_source *source, uint32_t shard, uint64_t *epoch, struct error *e);

/* Where to begin, between rounds: before the first change of each shard, whether it is kept or not; with the
 * oldest that each keeps; behind all there is, or its `end`; behind a position of a shard that is there. The
 * oldest and the end are looked for where a shard isn't idle; who is given a place isn't, and has no end. */
void feed_source_rewind(struct feed_source *source);
int feed_source_seek_oldest(struct feed_source *source, struct error *e);
int feed_source_seek_now(struct feed_source *source, struct error *e);
void feed_source_seek(struct feed_source *source, const struct position *position);

/* Behind a cursor. ERR_USAGE: it is another feed's, or names a shard that isn't there. */
int feed_source_seek_cursor(struct feed_source *source, const struct cursor *cursor, struct error *e);

/* The position behind a seq of the store, within a transaction. */
int feed_position_behind(struct store *store, uint64_t seq, struct position *out, struct error *e);

/* What follows a position can be given (`refusal->kind` 0), or why not; within a transaction. */
int feed_position_judge(struct store *store, const struct position *position, struct refusal *refusal,
                        struct error *e);

/* Shards behind whose positions nothing can be given are left out, and counted in `refused`. */
int feed_source_begin(struct feed_source *source, struct error *e);
/* The next change, and as it is stored (null: never mind), valid until the next call; null at the end of what
 * was there at feed_source_begin. */
int feed_source_next(struct feed_source *source, const struct change **change, struct bytes *packed,
                     struct error *e);
void feed_source_end(struct feed_source *source);

/* The first refusal of the last round, as an error: ERR_USAGE; 0: there was none. */
int feed_source_refused(const struct feed_source *source, struct error *e);

/* The position behind all changes that were given. Positions live in the arena. */
void feed_source_cursor(const struct feed_source *source, struct arena *arena, struct cursor *out);

#endif
