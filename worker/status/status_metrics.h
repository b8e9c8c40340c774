/* A run's status as metrics (docs/metrics.md has them all). Pure. */
#ifndef GARNER_STATUS_METRICS_H
#define GARNER_STATUS_METRICS_H

#include "proto/status.h"

/* What the process has. */
struct status_process {
    uint32_t threads;
    uint64_t tasks, queued;        /* harvests under way; accounts that wait for their turn */
    uint64_t compacted, log_bytes; /* changes that left the logs; what these take in the files */
    uint64_t resident_bytes;       /* RssAnon; 0: not known */
    const char *version;
};

/* Append all families in the text format. The number of samples doesn't grow with what is harvested. */
void status_to_metrics(const struct status *status, const struct status_process *process, struct buffer *out);

#endif
