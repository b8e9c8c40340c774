/* Source: a data folder's changes as one stream, from a position on.
 *
 *     feed_source_begin       sees what is committed by now
 *     feed_source_next …      change by change
 *     feed_source_end         lets go of it; then print: nothing holds the stores back
 *
 * Changes of different shards are merged by their time; within a shard they come in its order. */
#ifndef GARNER_CLI_FEED_SOURCE_H
#define GARNER_CLI_FEED_SOURCE_H

#include "proto/change.h"
#include "worker/store/folder.h"

struct feed_shard {
    struct store *store; /* null: not opened yet */
    uint64_t epoch;
    uint64_t next;        /* seq that comes next; 0: the oldest that there is when it is looked at first */
    uint64_t head;        /* of this round */
    struct arena arena;   /* of `change` */
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
void feed_source_close(struct feed_source *source);

/* Where to begin, once, after opening: behind all there is; behind a cursor. Without either: with the
 * oldest change. ERR_USAGE when the cursor is another feed's, names what is not kept any more (COMPACTED)
 * or what was never there (FUTURE). */
int feed_source_seek_now(struct feed_source *source, struct error *e);
int feed_source_seek(struct feed_source *source, const struct cursor *cursor, struct error *e);

int feed_source_begin(struct feed_source *source, struct error *e);
/* The next change, valid until the next call; null at the end of what was there at feed_source_begin. */
int feed_source_next(struct feed_source *source, const struct change **change, struct error *e);
void feed_source_end(struct feed_source *source);

/* The position behind all changes that were given. Positions live in the arena. */
void feed_source_cursor(const struct feed_source *source, struct arena *arena, struct cursor *out);

#endif
