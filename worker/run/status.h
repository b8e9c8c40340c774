/* A run's status, asked from outside while it goes on. */
#ifndef GARNER_RUN_STATUS_H
#define GARNER_RUN_STATUS_H

#include "worker/run/control.h"
#include "worker/status/status_metrics.h"
#include "worker/status/tally.h"

struct run_status;

/* For a run that has been started (run.h). Must be closed before the run ends; null is fine. */
struct run_status *run_status_open(struct crew *crew);
void run_status_close(struct run_status *rs);

struct run_status_setting {
    struct filter_list accounts; /* none: any; as "provider/id" or the id alone */
    const char *type;            /* null: any */
    bool brief;                  /* counts are enough: no store is asked what is wrong with whom, and why */
};

/* Ask all threads, one after the other; waits as control_each does. Any thread but the run's own, several
 * too. `tally` is begun here and the caller's to close, also after an error: ERR_STOPPED, or a store's. */
int run_status_ask(struct run_status *rs, const struct run_status_setting *setting, struct tally *tally,
                   struct status_process *process, struct error *e);

/* Is it well, by what can be seen without asking a thread: true, or false after appending a line for each
 * reason. Never blocks for long. */
bool run_is_healthy(const struct crew *crew, struct buffer *reasons);

/* Likewise: are all stores open and is what they know loaded? */
bool run_is_ready(const struct crew *crew, struct buffer *reasons);

#endif
