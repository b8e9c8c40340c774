/* Data: finding and opening what a command works on, and saying what is wrong with it. */
#ifndef GARNER_CLI_DATA_H
#define GARNER_CLI_DATA_H

#include "cli/options.h"
#include "common/config/config.h"
#include "worker/provider/provider.h"
#include "worker/store/folder.h"

/* The data folder that --data, or else the configuration of -c, names; to be freed. Null after having said
 * what is missing; then `*exit_code` is set. */
char *data_path(const struct options *options, int *exit_code);

/* Open it for reading. Returns 0, or the exit code after having said why. */
int data_open(const struct options *options, struct folder *folder);

/* Open it for writing; it must be there. Likewise. */
int data_open_to_write(const struct options *options, struct folder *folder);

/* A configuration, of which nothing but what it says is kept, and its provider files, completely checked. */
struct setup {
    struct config *config;
    struct provider **providers; /* provider_count */
};

/* Read and check them, and say all that is wrong on stderr. Returns 0 or EXIT_USAGE. */
int setup_open(const char *path, struct setup *setup);
int setup_open_as(const char *path, enum config_use use, struct setup *setup); /* of another program */
/* The configuration alone; the caller's to close. Likewise. */
int setup_config(const char *path, enum config_use use, struct config **out);
/* The accounts of the cluster in place of the file's: a list of their texts (common/config/account_text.h).
 * One that no provider file here fits is told of, and left out. ERR_CONFIG: a text can't be read. */
int setup_take_accounts(struct setup *setup, const struct value *texts, struct error *e);
/* The same without a word on credentials: for who only wants to know what is harvested how. */
int setup_read(const char *path, struct setup *setup);
void setup_close(struct setup *setup);    /* safe twice */
void setup_giveaway(struct setup *setup); /* its provider files are somebody else's now */

#endif
