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
struct accounts *accounts_open(const struct config *config);
void accounts_close(struct accounts *accounts); /* null is fine */

/* The file was read anew: its accounts take the place of those that it had. */
void accounts_take_config(struct accounts *accounts, const struct config *config);

/* One that was kept, as it was packed, or that one was removed. Where the file has one of that name, that one
 * counts, as long as it has. ERR_CORRUPT. */
int accounts_put(struct accounts *accounts, struct bytes name, struct bytes packed, uint64_t revision,
                 struct error *e);

/* How many there are; and a hash of all that is said of them. */
uint32_t accounts_count(struct accounts *accounts);
uint64_t accounts_version(struct accounts *accounts);

/* The name of one, what is packed of it and its revision, to be written: then accounts_put, or accounts_drop
 * where nothing is. ERR_CONFIG: it can't be an account; ERR_USAGE: it is there already, or was with other
 * `splits`. In the arena. */
struct account_edit {
    struct bytes name, packed;
    uint64_t revision;
};
int accounts_check_new(struct accounts *accounts, const struct value *document, struct arena *arena,
                       struct account_edit *edit, struct error *e);
/* ERR_NOT_FOUND; ERR_USAGE: it stands in the file, or several have that id. */
int accounts_check_removal(struct accounts *accounts, struct bytes name, struct arena *arena,
                           struct account_edit *edit, struct error *e);
/* What is to be kept of the file's accounts, so that their `splits` stay what they are; in the arena.
 * ERR_CONFIG: one has another than it had. */
int accounts_check_file(const struct accounts *accounts, struct arena *arena, struct account_edit **edits,
                        uint32_t *count, struct error *e);
void accounts_drop(struct accounts *accounts, struct bytes name);

/* The account of a name, "provider/id" or the id alone. ERR_NOT_FOUND, ERR_USAGE: several. */
struct account_place {
    struct bytes provider, id;
    uint32_t splits;
};
int accounts_find(struct accounts *accounts, struct bytes name, struct account_place *out, struct error *e);

/* All, without secrets; and the part of them from `from` on, as workers need it: `documents`, and `next`
 * where it goes on. */
struct value accounts_view(struct accounts *accounts, struct arena *arena);
struct value accounts_part(struct accounts *accounts, uint32_t from, struct arena *arena);

/* The documents of all that were added, also those whose name the file has. */
struct value accounts_added(const struct accounts *accounts, struct arena *arena);

#endif
