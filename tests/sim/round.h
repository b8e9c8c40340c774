/* Rounds: a world's life. Each harvests every collection once, several at a time, and something goes wrong
 * with the store or the worker now and then. */
#ifndef GARNER_SIM_ROUND_H
#define GARNER_SIM_ROUND_H

#include "tests/sim/world.h"

/* Let a world live for about so many harvests, then hold it to what it must be. False: something is wrong. */
bool rounds_run(struct world *w, uint64_t harvests);

#endif
