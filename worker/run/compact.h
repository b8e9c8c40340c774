/* A shard's retention: its change log is cut as the configuration says, on its owner's thread, between two
 * commits of what is harvested. Not for others than worker/run. */
#ifndef GARNER_RUN_COMPACT_H
#define GARNER_RUN_COMPACT_H

#include "proto/record.h"

struct run;
struct shard;

struct compacting {
    struct fetch_timer *timer; /* of the next look */
    int64_t timer_at_ms;
    struct receipt_id last; /* of the kept receipts, the last one that was looked at; all zero: begin anew */
};

void compact_begin(struct shard *shard); /* it is open: in a run that goes on it is looked at from now on */
void compact_end(struct shard *shard);   /* it is looked at no more */
void compact_committed(struct shard *shard); /* its log has grown */
void compact_soon(struct run *run);          /* the settings have changed */
void compact_all(
    struct run *run); /* with --once, at the end: all there is to be done, unless it is stopped */

#endif
