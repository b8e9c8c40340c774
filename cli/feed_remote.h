/* Remote: a running Garner's changes as one stream, from a position on; as worker/feed/source.h of a data
 * folder.
 *
 * Each change that is given moves the position, so one that stops in the middle of an answer, or loses its
 * connection, goes on exactly there. */
#ifndef GARNER_CLI_FEED_REMOTE_H
#define GARNER_CLI_FEED_REMOTE_H

#include "client/client.h"

struct feed_remote {
    struct client *client;
    struct operator_fetch demand; /* what is asked for; its positions are filled in from those */
    struct position *positions;   /* by shard; seq 0: none yet */
    uint32_t shards;
    uint8_t feed[16];
    struct arena answer, change_arena, scratch;
    struct operator_changes got; /* in `answer` */
    uint32_t given;              /* of these */
    struct change change;        /* the last one given */
};

/* Connect. `only` is what the server needn't send; spans must outlive it. The errors of client_open. */
int feed_remote_open(struct feed_remote *remote, const char *address, const struct operator_fetch *only,
                     struct error *e);
void feed_remote_close(struct feed_remote *remote); /* safe on all zero */

/* Where to begin, once: behind all there is; behind a cursor (ERR_USAGE: it is another feed's). */
int feed_remote_seek_now(struct feed_remote *remote, struct error *e);
int feed_remote_seek(struct feed_remote *remote, const struct cursor *cursor, struct error *e);

/* Ask for more, unless there is some of the last answer, and wait up to `wait_ms` when there is none.
 * `*more`: there is even more than was given. ERR_USAGE: refused (COMPACTED, FUTURE, …); ERR_CONNECT,
 * ERR_BUSY: may be tried again; and the others of client_ask. */
int feed_remote_begin(struct feed_remote *remote, int64_t wait_ms, bool *more, struct error *e);

/* The next change, valid until the next call; null at the end of the answer. */
int feed_remote_next(struct feed_remote *remote, const struct change **change, struct error *e);

/* The position behind all changes that were given. Positions live in the arena. */
void feed_remote_cursor(const struct feed_remote *remote, struct arena *arena, struct cursor *out);

#endif
