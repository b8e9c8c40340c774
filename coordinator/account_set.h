/* Account sets: what the coordinator keeps of accounts, by name. */
#ifndef GARNER_COORDINATOR_ACCOUNT_SET_H
#define GARNER_COORDINATOR_ACCOUNT_SET_H

#include "common/config/config.h"

struct account_entry {
    char *name; /* "provider/id" */
    char *text; /* with secrets that are written out */
    char *shown;
    char *provider, *id;
    uint32_t splits;
    uint64_t hash;     /* of `text` */
    uint64_t revision; /* as it is kept; 0: it stands in the file */
};

/* Of an account as a configuration has it; to be closed, or put into a set. */
struct account_entry account_entry_of(const struct config_account *account, uint64_t revision);
void account_entry_close(struct account_entry *entry);

struct account_set {
    struct account_entry *entries; /* by name */
    uint32_t count, room;
};

/* All of a configuration, where each is once, into an empty set. */
void account_set_fill(struct account_set *set, const struct config *config);
void account_set_close(struct account_set *set); /* it is empty then, and may be used again */

/* In place of the one of that name, if there is one. */
void account_set_put(struct account_set *set, const struct config_account *account, uint64_t revision);
void account_set_drop(struct account_set *set, struct bytes name); /* if it is there */

/* Valid until the set changes. Null: it isn't there. */
const struct account_entry *account_set_find(const struct account_set *set, struct bytes name);

#endif
