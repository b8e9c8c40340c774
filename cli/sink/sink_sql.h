/* Sink SQL: the statements that take what is in `taken` into the tables. In them `$doc` stands for the
 * function that makes a text a document, `$number` for a number. Pure. */
#ifndef GARNER_CLI_SINK_SQL_H
#define GARNER_CLI_SINK_SQL_H

#include "common/bytes.h"

extern const char sink_sql_changes[];   /* changes -> table `changes` */
extern const char sink_sql_before[];    /* while all is taken anew: what changes aren't compared with */
extern const char sink_sql_state[];     /* changes -> the other tables … */
extern const char sink_sql_resources[]; /* … and resources that were created or updated */
extern const char sink_sql_begin[];     /* a snapshot of shard `$number` is begun */
extern const char sink_sql_rows[];      /* rows of it */
extern const char sink_sql_end_all[];   /* its end: what isn't in it is gone … */
extern const char sink_sql_end_some[];  /* … or only where it is complete */
extern const char sink_sql_end[];       /* after either */
extern const char sink_sql_cut_off[];   /* all snapshots are over; $1: the shards that the cursor names */
extern const char sink_sql_sweep[];     /* what was there before all was taken anew is gone */
extern const char sink_sql_keep[];      /* some of the changes older than `$number` ms go */

/* Append a statement. `careful`: a document that jsonb can't hold becomes one that says so, at a price. */
void sink_sql_add(struct buffer *out, const char *sql, bool careful, uint64_t number);

#endif
