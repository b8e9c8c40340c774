/* New accounts, as the command line or a file says them, completely read: what is wrong with them is said
 * before the coordinator is asked. */
#ifndef GARNER_CLI_ACCOUNT_NEW_H
#define GARNER_CLI_ACCOUNT_NEW_H

#include "cli/options.h"
#include "common/config/config.h"

struct account_list {
    struct arena arena;    /* holds secrets, if any are written out */
    struct config *config; /* of a file; null: none */
    const struct config_account *accounts;
    uint32_t count;
};

/* The account `name`, with what the options say of it. Paths are relative to the working folder, and made
 * absolute. Returns 0, or EXIT_USAGE after having said what is wrong, without any secret. */
int account_new(const char *name, const struct options *options, struct account_list *out);

/* The accounts of a file. Likewise. */
int account_new_of_file(const char *path, struct account_list *out);

void account_list_close(struct account_list *list); /* safe on one that is all zero */

#endif
