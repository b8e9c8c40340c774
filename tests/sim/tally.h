/* Tally: what happened in a run, for its summary. */
#ifndef GARNER_SIM_TALLY_H
#define GARNER_SIM_TALLY_H

#include <stdio.h>

#include "tests/sim/fault.h"
#include "tests/sim/plan.h"

struct tally {
    uint64_t worlds, harvests, complete, sound, requests;
    uint64_t faults[FAULTS];
    uint64_t deletes[STYLES], false_deletes[STYLES]; /* the latter where order and confirm allow for them */
    uint64_t created, updated;
    uint64_t commits;
    uint64_t scheduled, refused, opened, probes, exhausted; /* by schedules, breakers and budgets */
    uint64_t orphans; /* harvests whose collection went with its parent meanwhile */
    uint64_t resumed, unmodified, quarantined, held, confirmed;
    uint64_t unreachable, recovered, verified, quiets, checked;
    uint64_t compacted, let_go; /* changes; receipts */
};

void tally_print(const struct tally *t, double seconds, FILE *out);

/* The first thing that ought to happen in a run, and never did; null: all have. */
const char *tally_lacks(const struct tally *t);

#endif
