/* Walk: a listing from its first page to its last, through as many harvests as it takes. What a harvest that
 * goes on from a checkpoint was shown is what stood behind that position, not all that was shown since. */
#ifndef GARNER_SIM_WALK_H
#define GARNER_SIM_WALK_H

#include "tests/sim/show.h"
#include "tests/sim/visit.h"

/* A harvest has begun: where it has nothing to go on from, what was noted is forgotten. */
void walk_open(struct visit *v);

/* A page is asked for: a listing begins anew, goes on, or is gone on with that an earlier harvest began. */
void walk_ask(struct visit *v, const struct asked *asked);

/* A page was shown. */
void walk_shown(struct visit *v);

/* What it did is committed; or is void, as far as it isn't. */
void walk_keep(struct place *place);
void walk_lose(struct place *place);

#endif
