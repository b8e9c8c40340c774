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

#include "proto/operator.h"
#include "worker/store/folder.h"

struct feed_shard {
    struct store *store; /* null: not opened yet */
    uint64_t epoch;
    uint64_t next;        /* seq that comes next; 0: the oldest that there is when it is looked at first */
    uint64_t head;        /* of this round */
    bool idle;            /* to be left out of the next round */
    struct arena arena;   /* of `change` */
    struct bytes packed;  /* `change`, as it is stored; until the round ends */
    struct change change; /* `next`, while it waits in the heap */
};

struct feed_source {
    struct folder *folder;
    struct feed_shard *shards; /* folder->shards */
    uint32_t *heap;            /* shards with a change, the earliest first */
    uint32_t heap_count;
    uint32_t current; /* shard that the last change came from … */
    bool has_current; /* … and that must go on */
};

void feed_source_open(struct feed_source *source, struct folder *folder);
void feed_source_close(struct feed_source *source); /* before its folder */

/* The last seq of a shard; 0: none. */
int feed_source_head(struct feed_source *source, uint32_t shard, uint64_t *head, struct error *e);

/* Where to begin, between rounds: with the oldest change of each shard, as it is after opening; behind all
 * there is; behind a position, unless that is refused, and then why (kind 0: it isn't). */
void feed_source_rewind(struct feed_source *source);
int feed_source_seek_now(struct feed_source *source, struct error *e);
int feed_source_seek(struct feed_source *source, const struct position *position, struct refusal *refusal,
                     struct error *e);

/* Behind a cursor. ERR_USAGE: it is another feed's, or refused. */
int feed_source_seek_cursor(struct feed_source *source, const struct cursor *cursor, struct error *e);

/* A refusal as a sentence, of a cursor that stands at `seq`. Returns its code. */
int feed_refuse(const struct refusal *refusal, uint64_t seq, struct error *e);

int feed_source_begin(struct feed_source *source, struct error *e);
/* The next change, and as it is stored (null: never mind), valid until the next call; null at the end of what
 * was there at feed_source_begin. */
int feed_source_next(struct feed_source *source, const struct change **change, struct bytes *packed,
                     struct error *e);
void feed_source_end(struct feed_source *source);

/* The position behind all changes that were given. Positions live in the arena. */
void feed_source_cursor(const struct feed_source *source, struct arena *arena, struct cursor *out);

#endif
