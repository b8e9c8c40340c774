/* Sink batch: what garner_next gives, as rows of the temporary table `taken`. Pure. */
#ifndef GARNER_CLI_SINK_BATCH_H
#define GARNER_CLI_SINK_BATCH_H

#include "client/garner.h"
#include "common/bytes.h"
#include "common/error.h"

/* The table, and the statement that begins its COPY. Of each session; emptied by each COMMIT. */
extern const char sink_batch_table[], sink_batch_copy[];

enum { SINK_OP_ROW = 0 }; /* in the column `op`: of a snapshot; without a key it stands for its collection */

/* All zero to begin with. */
struct sink_batch {
    struct buffer scratch;
    bool documents_only; /* leave out what only the table of changes has */
};

void sink_batch_close(struct sink_batch *b);

/* How many rows a batch makes. */
size_t sink_batch_count(const struct garner_batch *batch);

/* Append the row at `index`. Returns 0 or ERR_CORRUPT. */
int sink_batch_add(struct sink_batch *b, const struct garner_batch *batch, size_t index, struct buffer *out,
                   struct error *e);

#endif
