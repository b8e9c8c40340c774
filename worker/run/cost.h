/* Cost: how much of its thread's time a shard takes (crew_load in own.h). Not for others than worker/run. */
#ifndef GARNER_RUN_COST_H
#define GARNER_RUN_COST_H

#include <stdint.h>

struct run;
struct shard;

struct cost {
    int64_t busy_ns; /* since it was last reckoned, at: */
    int64_t at_ms;
    int64_t began_ms;
    double load; /* milliseconds a minute */
};

void cost_begin(struct shard *shard);
void cost_end(struct shard *shard);
/* From now on the thread's time goes to a shard, or nobody's (null). Gives back whose it was. */
struct shard *cost_turn(struct run *run, struct shard *to);
void cost_watch(struct run *run); /* reckon now and then */

#endif
