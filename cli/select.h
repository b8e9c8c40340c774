/* Selecting: the collections of a data folder that a command is about. */
#ifndef GARNER_CLI_SELECT_H
#define GARNER_CLI_SELECT_H

#include "worker/store/folder.h"

/* What is asked for; null: any. */
struct selection {
    const char *account; /* "provider/id", or the id alone */
    const char *region, *type, *parent;
};

bool select_matches(const struct selection *selection, const struct collection_key *key);

/* Look whether there is anything of that: a type or an account that the folder doesn't have, an id that
 * several providers' accounts have, a region or parent that leaves nothing. Returns 0, or the exit code after
 * having said what is wrong, with the nearest name and what there is. */
int select_check(struct folder *folder, const struct selection *selection);

/* What select_check would say is only a warning: what isn't there may still come. An ambiguous account is an
 * error all the same. */
int select_check_lenient(struct folder *folder, const struct selection *selection);

/* The store of a shard in a folder that others may write to. Null in `*store` when there is nothing in it
 * yet. */
int select_store(struct folder *folder, uint32_t shard, struct store **store, struct error *e);

/* Call `visit` for each matching collection, shard by shard, within a read transaction; it may end that and
 * begin a new one. Stops at a non-zero return and gives it back. */
typedef int select_visit(void *context, struct store *store, const struct collection_record *record,
                         struct error *e);
int select_each(struct folder *folder, const struct selection *selection, select_visit *visit, void *context,
                struct error *e);

#endif
