/* Sink: batches of a feed into PostgreSQL, each one a transaction with the cursor behind it.
 *
 * What it is given is either in the tables with its cursor, or neither is: whatever is killed when. It
 * connects anew by itself, and tries again what failed for the moment, for as long as that takes. One thread;
 * all of it blocks. */
#ifndef GARNER_CLI_SINK_H
#define GARNER_CLI_SINK_H

#include "cli/sink/sink_batch.h"
#include "cli/sink/sink_db.h"
#include "cli/sink/sink_state.h"

struct sink_options {
    const char *conninfo; /* null: libpq's environment */
    const char *schema;
    const char *keeps; /* which part of the feed: what is there must be of the same */
    bool resync;       /* take the whole state anew, even so */
    bool no_changes;   /* no table of changes */
    int64_t keep_ms;   /* changes older than that go; 0: none do */
    int lock_ms;       /* wait so long for another sink of this schema to end */
    void *context;
    void (*say)(void *context, const char *sentence);
    bool (*wait)(void *context, int ms); /* false: end */
};

enum sink_verdict {
    SINK_TAKEN,
    SINK_SEEK,    /* not taken: somebody else wrote. Go on at sink_cursor */
    SINK_STOPPED, /* by `wait` */
    SINK_FAILED   /* the error says why */
};

/* All zero is a closed one. */
struct sink {
    const struct sink_options *options;
    struct sink_db db;
    struct sink_state state;
    struct sink_batch batch;
    struct buffer out;
    int64_t writer;              /* this sink's own number */
    int64_t written_ms, kept_ms; /* when the last transaction was; when old changes went */
    uint64_t changes;            /* that were taken */
    bool careful;                /* a document of this batch is one that jsonb can't hold, perhaps */
    char said[ERROR_TEXT_MAX];   /* the trouble that was told of; "": none */
};

/* Connect, make the tables, take the lock, read the cursor. SINK_TAKEN, SINK_STOPPED, or SINK_FAILED:
 * ERR_USAGE (turned away, another sink is there, a newer version, another part of the feed), ERR_CONNECT,
 * ERR_STORE. The options aren't copied. */
enum sink_verdict sink_open(struct sink *sink, const struct sink_options *options, struct error *e);
void sink_close(struct sink *sink); /* safe twice */

const char *sink_cursor(const struct sink *sink); /* null: nothing was taken yet. Valid until the next call */

/* Take a batch, and the cursor behind it. Of GARNER_NOTHING what there is to do meanwhile is done: note the
 * cursor if it moved, and every half minute that we have caught up. */
enum sink_verdict sink_take(struct sink *sink, const struct garner_batch *batch, const char *cursor,
                            struct error *e);

#endif
