/* Checks: what must be true of the feed and the store, by what the provider had and showed. Each returns
 * false after world_fault. */
#ifndef GARNER_SIM_CHECK_H
#define GARNER_SIM_CHECK_H

#include "tests/sim/world.h"

/* After a commit: all new changes, and the visits that it holds something of. Those that have ended are
 * closed. */
bool check_commit(struct world *w);

/* After the store was opened again: it has what was committed, no more and no less. */
bool check_reopened(struct world *w);

/* After quiet listings: the store has what the provider has. */
bool check_quiet(struct world *w);

/* The feed from its beginning: replayed so far, before some of it is compacted. */
bool check_feed(struct world *w);

/* At the end: that gives the store. */
bool check_replay(struct world *w);
bool check_verify(struct world *w);

/* compact.c: between rounds, in every other world. The log loses its beginning, and what nothing rests on any
 * more goes with it. */
bool compact_between(struct world *w);

/* --- parts of check_commit --- */

bool check_delete(struct place *place, const struct change *change, unsigned thing); /* check_delete.c */
bool check_status(struct place *place, const struct change *change);                 /* check_status.c */
bool check_visit(struct visit *v);                                                   /* check_visit.c */
bool check_quarantine(struct visit *v); /* check_quarantine.c: when it has ended */

#endif
