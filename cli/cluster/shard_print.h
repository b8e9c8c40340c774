/* Shards as people read them: rows of a table, and one in a few lines. */
#ifndef GARNER_CLI_SHARD_PRINT_H
#define GARNER_CLI_SHARD_PRINT_H

#include "cli/print.h"
#include "common/value/value.h"

/* A table of shards' documents; only those that are stuck, if `stuck`. Returns how many that were. */
uint32_t shard_print_table(struct printer *printer, const struct value *shards, bool stuck);

/* One shard, and why it is where it is. */
void shard_print_one(struct printer *printer, const struct value *shard);

#endif
