/* Parts of visits: what one of their files needs of another. */
#ifndef GARNER_SIM_VISIT_PARTS_H
#define GARNER_SIM_VISIT_PARTS_H

#include "tests/sim/visit.h"

/* --- visit.c --- */

/* A harvest of parents has deleted some: those of their children that are under way leave nothing behind, not
 * even a receipt, as in worker/run/offspring.c. */
void visit_end_orphans(struct visit *parent);

/* --- visit_shown.c --- */

/* Would this page change what nearly all of its items had? */
bool visit_is_degraded(const struct visit *v, const struct shown *page);

/* A page was handed on. */
void visit_after_page(struct visit *v, const struct shown *page, bool degraded);

/* What was pending came in. */
void visit_make_sure(struct visit *v);

/* --- visit_answer.c --- */

/* Read its request, and hand an answer on. */
void visit_answer(struct visit *v);

/* --- visit_step.c --- */

/* If it is over, note what came of it. */
void visit_see_end(struct visit *v);

#endif
