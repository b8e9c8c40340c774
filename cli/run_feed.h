/* The feed of a run: its changes to standard output, as they are committed. If that fails it is said once,
 * and the harvest goes on. Not for two threads at once. */
#ifndef GARNER_CLI_RUN_FEED_H
#define GARNER_CLI_RUN_FEED_H

#include "cli/feed_print.h"
#include "worker/store/folder.h"

struct run_feed {
    struct folder *folder;
    bool bookmarked; /* one was printed: every batch ends with one */
    bool deaf;       /* standard output failed, and it was said */
    struct feed_printer out;
    struct position *positions; /* by shard; seq 0: nothing in it */
    uint64_t next, last;        /* of the changes that are printed now */
    uint64_t unreadable;        /* changes that can't be read: `verify` says more */
    struct arena arena;
};

/* What earlier runs left is behind its bookmarks. 0, or the store's error. */
int run_feed_open(struct run_feed *feed, struct folder *folder, struct error *e);
void run_feed_close(struct run_feed *feed); /* safe on one that is all zero */

/* Changes `first` to `last` are committed. */
void run_feed_committed(struct run_feed *feed, struct store *store, uint64_t first, uint64_t last);
void run_feed_end(struct run_feed *feed); /* print a last bookmark, unless a batch's was the last line */

#endif
