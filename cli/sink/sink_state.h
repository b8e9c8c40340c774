/* Sink state: the lock that makes a sink the only one of its schema, and the row that says how far it is.
 *
 * The lock is the session's, so it is let go of when the connection ends, and keeps a second sink out that
 * was started by mistake. What is relied on is the row: each transaction names the step and the writer that
 * it follows, so one that comes second changes nothing. */
#ifndef GARNER_CLI_SINK_STATE_H
#define GARNER_CLI_SINK_STATE_H

#include <stdint.h>

#include "cli/sink/sink_db.h"

struct sink_state {
    int64_t writer, step; /* of the last transaction */
    struct buffer cursor; /* empty: none */
    struct buffer keeps;
    bool sweeping; /* sweep_below is set */
};

void sink_state_close(struct sink_state *state);

/* Take the lock. `*taken` false: another sink has it, and `who` says which. */
enum sink_fault sink_state_lock(struct sink_db *db, const char *schema, bool *taken, struct buffer *who,
                                struct error *e);

/* End a process of the server that was ours, on a connection that we lost: it may not know yet. */
enum sink_fault sink_state_end_old(struct sink_db *db, const struct sink_db *old, struct error *e);

/* Read the row; `*there` false when there is none. */
enum sink_fault sink_state_load(struct sink_db *db, struct sink_state *state, bool *there, struct error *e);

/* Make the row, for a feed of which nothing was taken yet. What is in the tables all the same, since somebody
 * emptied this one, goes as after sink_state_resync. */
enum sink_fault sink_state_make(struct sink_db *db, const char *keeps, struct error *e);

/* Forget the cursor, so that all is taken anew; what is there goes once the new state is. A step of `writer`,
 * so that a sink that had lost its connection doesn't take it for its own. */
enum sink_fault sink_state_resync(struct sink_db *db, int64_t writer, const char *keeps, struct error *e);

/* End the snapshots that a sink before this one was amid. A shard that the cursor names not is followed from
 * its beginning, perhaps in another history by now: what came of it goes once we have caught up, unless it
 * came again. */
enum sink_fault sink_state_cut_off(struct sink_db *db, struct sink_state *state, struct error *e);

/* In a transaction: it is `writer`'s and follows `state`; `caught_up` when there was no more. `*ours` false:
 * somebody else wrote, so it mustn't be committed. */
enum sink_fault sink_state_advance(struct sink_db *db, const struct sink_state *state, int64_t writer,
                                   const char *cursor, bool caught_up, bool *ours, struct error *e);

#endif
