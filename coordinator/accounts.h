/* Accounts: those of the configuration file, and those that operators added to the running cluster.
 *
 * What is kept of one is what the file would say: a JSON document, with references to its credentials, which
 * only workers resolve. Not for two threads at once. */
#ifndef GARNER_COORDINATOR_ACCOUNTS_H
#define GARNER_COORDINATOR_ACCOUNTS_H

#include "common/config/config.h"
#include "common/value/value.h"

struct accounts;

/* `config`: those of a file; null: none. */
int accounts_open(const struct config *config, struct accounts **out, struct error *e);
void accounts_close(struct accounts *accounts); /* null is fine */

/* One that was kept, as it was packed, or that one was removed. ERR_CORRUPT. */
int accounts_put(struct accounts *accounts, struct bytes name, struct bytes packed, uint64_t revision,
                 struct error *e);

/* How many there are; and a hash of all that is said of them. */
uint32_t accounts_count(const struct accounts *accounts);
uint64_t accounts_version(const struct accounts *accounts);

/* The name of one, what is packed of it and its revision, to be written: then accounts_put, or accounts_drop
 * where nothing is. ERR_CONFIG: it can't be an account; ERR_USAGE: it is there already, or was with other
 * `splits`. In the arena. */
struct account_edit {
    struct bytes name, packed;
    uint64_t revision;
};
int accounts_check_new(struct accounts *accounts, struct bytes document, struct arena *arena,
                       struct account_edit *edit, struct error *e);
/* ERR_NOT_FOUND; ERR_USAGE: it stands in the file, or several have that id. */
int accounts_check_removal(const struct accounts *accounts, struct bytes name, struct arena *arena,
                           struct account_edit *edit, struct error *e);
void accounts_drop(struct accounts *accounts, struct bytes name);

/* The account of a name, "provider/id" or the id alone. ERR_NOT_FOUND, ERR_USAGE: several. */
struct account_place {
    struct bytes provider, id;
    uint32_t splits;
};
int accounts_find(const struct accounts *accounts, struct bytes name, struct account_place *out,
                  struct error *e);

/* All, without secrets; and the part of them from `from` on, as workers need it: `documents`, and `next`
 * where it goes on. */
struct value accounts_view(const struct accounts *accounts, struct arena *arena);
struct value accounts_part(const struct accounts *accounts, uint32_t from, struct arena *arena);

#endif
