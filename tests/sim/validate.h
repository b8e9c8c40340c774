/* Validators, as a provider has them: what tells one answer from another, and whether it has changed since.
 */
#ifndef GARNER_SIM_VALIDATE_H
#define GARNER_SIM_VALIDATE_H

#include "tests/sim/show.h"

/* Something happened to a place: the provider's Last-Modified is now. A careless one doesn't always see it.
 */
void validate_changed(struct place *place);

/* Was it asked whether anything has changed, and has nothing, by what the provider thinks? */
bool validate_is_unchanged(const struct asked *asked, const struct shown *page);

/* Is what the feed has of it something else than the provider has, though no page was spoilt and this is a
 * careful one? Then nobody may believe that nothing has changed. */
bool validate_is_behind(const struct place *place);

/* Say with a page what it is to be known by. */
void validate_add(const struct asked *asked, const struct shown *page, struct reply *reply);

#endif
