/* Sink schema: the tables in PostgreSQL, made and upgraded by the sink itself (docs/sql.md). */
#ifndef GARNER_CLI_SINK_SCHEMA_H
#define GARNER_CLI_SINK_SCHEMA_H

#include "cli/sink/sink_db.h"

enum { SINK_SCHEMA_NAME_MAX = 63 }; /* PostgreSQL cuts longer ones off */

/* A schema's name that PostgreSQL takes as it is, or ERR_USAGE. */
int sink_schema_check(const char *schema, struct error *e);

/* Have the schema hold our tables in our version, in one transaction. SINK_FATAL when they are of a newer
 * version or somebody else's. Only for who holds the lock (sink_state.h). */
enum sink_fault sink_schema_make(struct sink_db *db, const char *schema, struct error *e);

#endif
