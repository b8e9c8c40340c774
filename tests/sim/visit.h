/* Visits: harvests as a worker drives them, but that time passes and answers come as the sim says. */
#ifndef GARNER_SIM_VISIT_H
#define GARNER_SIM_VISIT_H

#include "tests/sim/world.h"

/* Begin one in a free slot; false: none is free, or the world has failed. `refused`: why it is not to
 * ask for anything, or null. */
bool visit_open(struct world *w, struct place *place, const struct error *refused, bool is_probe);

/* Do the next thing that it waits for. */
void visit_step(struct visit *v);

/* Stop it as a run does that was told to stop. */
void visit_stop(struct visit *v);

/* Why its listing can't be sound, by what it was shown; null: it can. */
const char *visit_taint(const struct visit *v);

/* It is over, whatever became of it. */
void visit_close(struct visit *v);

#endif
