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

/* The name of a run as its data folder's worker (worker/store/identity.h). */
extern const char data_run_name[];

/* Is a data folder, which may not be there yet, one that a run may write to? ERR_CONFIG: it is a worker's of
 * a cluster; ERR_CORRUPT; ERR_IO. */
int data_check_whose(const char *path, struct error *e);

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
/* The same without a word on credentials: for who only wants to know what is harvested how. */
int setup_read(const char *path, struct setup *setup);
void setup_close(struct setup *setup); /* safe twice */
/* Its provider files are somebody else's now, its configuration the caller's, the rest is closed. */
struct config *setup_giveaway(struct setup *setup);

/* Accounts that come from elsewhere, beside those of `config`, which has them all then; they are in the
 * arena. `texts`: a list (common/config/account_text.h). One that the configuration has itself is left out;
 * so is one that none of the provider files fits, which is told. ERR_BODY, ERR_CONFIG: a text can't be read.
 */
int data_join_accounts(struct arena *arena, struct config *config, struct provider *const *providers,
                       uint32_t provider_count, const struct value *texts, struct error *e);

#endif
