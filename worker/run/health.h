/* Health: what others may see of a thread of a run without asking it (status.h). Not for others than
 * worker/run. */
#ifndef GARNER_RUN_HEALTH_H
#define GARNER_RUN_HEALTH_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct run;
struct shard;

struct health {
    _Atomic int64_t ticked_ms; /* when it last read the clock; 0: not yet */
    _Atomic int shards_failed; /* whose last commit failed … */
    _Atomic int commit_error;  /* … and the code of the latest of these */
    _Atomic bool is_loaded;
};

/* All on the thread itself. */
void health_ticked(struct run *run);                  /* it has read the clocks */
void health_watch(struct run *run);                   /* from now on its loop turns now and then */
void health_loaded(struct run *run);                  /* what its stores know is read */
void health_committed(struct shard *shard, int code); /* with success, or not */

#endif
