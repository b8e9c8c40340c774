/* Census: what collections there are, held against those that somebody names: for "did you mean" and "there
 * are". */
#ifndef GARNER_STORE_CENSUS_H
#define GARNER_STORE_CENSUS_H

#include "common/words.h"
#include "proto/record.h"

/* What is asked for; a null `data` stands for any. `account` is "provider/id", or the id alone. */
struct census_wanted {
    struct bytes account, region, type, parent;
};

/* All zero but `wanted` is an empty one. */
struct census {
    struct census_wanted wanted;
    uint64_t all;
    struct words types;    /* all */
    struct words accounts; /* that have this type */
    struct words hits;     /* of these those that `account` means */
    struct words regions;  /* of this type and account */
    struct words parents;  /* of this type, account and region */
    bool type, region, parent;
    struct bytes provider, account; /* of the first hit */
};

bool census_account_is(struct bytes wanted, const struct collection_key *key); /* null `data`: any */

void census_add(struct census *census, const struct collection_key *key);
void census_close(struct census *census);

/* The account that is meant is at several providers: ERR_USAGE with their names. */
int census_check_account(const struct census *census, struct error *e);

/* There is none of what is asked for: ERR_USAGE with the nearest name and what there is; `path` is where. */
int census_check(const struct census *census, const char *path, struct error *e);

#endif
