/* Remote: a running Garner's changes as one stream, from a position on; as worker/feed/source.h of a data
 * folder. By libgarner, in this program's own structs.
 *
 * Each change that is given moves the cursor, so one that stops in the middle of a batch goes on exactly
 * there. */
#ifndef GARNER_CLI_FEED_REMOTE_H
#define GARNER_CLI_FEED_REMOTE_H

#include "client/garner.h"
#include "proto/change.h"

struct feed_remote {
    struct garner *feed;
    const struct garner_batch *batch; /* null: none yet */
    size_t given;                     /* of its changes */
    struct arena arena;               /* of `change` */
    struct change change;             /* the last one given */
};

/* Connect, and begin where `options` say. The errors of garner_open, as codes of ours. */
int feed_remote_open(struct feed_remote *remote, const struct garner_options *options, struct error *e);
void feed_remote_close(struct feed_remote *remote); /* safe on all zero */

/* Get more, unless there is some of the last batch, and wait up to `wait_ms` when there is none. `*at_end`:
 * we were told that there is nothing behind it; nothing may also come because the other side is slow.
 * ERR_USAGE: refused (COMPACTED, FUTURE, …); ERR_CONNECT: nobody there for as long as the options say; and
 * others. */
int feed_remote_begin(struct feed_remote *remote, int wait_ms, bool *at_end, struct error *e);

/* The next change, valid until the next call; null at the end of the batch. */
int feed_remote_next(struct feed_remote *remote, const struct change **change, struct error *e);

/* The position behind all changes that were given. Positions live in the arena. */
void feed_remote_cursor(const struct feed_remote *remote, struct arena *arena, struct cursor *out);

#endif
