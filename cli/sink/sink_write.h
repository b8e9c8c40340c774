/* Sink write: one batch as one transaction. */
#ifndef GARNER_CLI_SINK_WRITE_H
#define GARNER_CLI_SINK_WRITE_H

#include "cli/sink/sink.h"

/* Write it. `*ours` false: somebody else wrote since, so nothing was done. When it is SINK_FINE and ours the
 * sink's state is the one behind the batch. */
enum sink_fault sink_write(struct sink *sink, const struct garner_batch *batch, const char *cursor,
                           bool *ours, struct error *e);

/* With this batch all has been taken anew, so what was there before goes. */
bool sink_write_may_sweep(const struct sink *sink, const struct garner_batch *batch);

/* The batch is in the tables, by sink_write or as it turned out: note what follows from that. */
void sink_write_done(struct sink *sink, const struct garner_batch *batch);

#endif
