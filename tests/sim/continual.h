/* Continual: a stretch of a world's life in which schedules say what is harvested when, breakers whether an
 * account is asked, and budgets how often, as in a run that goes on: Garner's own ones, and what is held
 * against them. */
#ifndef GARNER_SIM_CONTINUAL_H
#define GARNER_SIM_CONTINUAL_H

#include "tests/sim/world.h"

/* Some dozens of harvests. False: something is wrong. */
bool continual_run(struct world *w);

/* What a harvest of this place takes its retries from. */
struct retry *continual_retry(const struct place *place);

/* A harvest has ended; one is closed, whatever became of it. */
void continual_heard(struct visit *v);
void continual_closed(struct visit *v);

#endif
