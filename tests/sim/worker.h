/* Worker: what a run does with the harvests that are under way, step by step, and what may befall it. */
#ifndef GARNER_SIM_WORKER_H
#define GARNER_SIM_WORKER_H

#include "tests/sim/world.h"

bool worker_is_busy(struct world *w);

/* One of those that are under way does its next step; or it is stopped, or the worker crashes. Now and then
 * what is gathered is committed. False: something is wrong. */
bool worker_step(struct world *w);

/* Commit, or fail to. */
bool worker_commit(struct world *w);

/* A little time passes, in which things may change. */
void worker_idle(struct world *w);

#endif
