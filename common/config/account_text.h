/* Accounts as text: as JSON, to be kept and sent, and back, read as a configuration is. Equal accounts have
 * equal texts, so also equal `written` digests, wherever they came from.
 *
 * A `plain` credential is a secret: what holds one is for the coordinator's state and for workers only, and
 * is to be wiped. No error says anything of it. */
#ifndef GARNER_CONFIG_ACCOUNT_TEXT_H
#define GARNER_CONFIG_ACCOUNT_TEXT_H

#include "common/config/config.h"

/* Append as one object, as the configuration says it, on one line: only what isn't as it is by default, keys
 * of maps in order, paths absolute. */
void config_account_to_json(const struct config_account *account, struct buffer *out);

/* The same for people, without secrets: a credential that is written out is "plain", of a command only its
 * program is shown. Not to be read back. */
void config_account_public_json(const struct config_account *account, struct buffer *out);

/* Read a list of such objects: `accounts` of a configuration, in which paths must be absolute. All of it
 * lives in the arena (which holds secrets then); all `place`s are null. 0 or ERR_CONFIG, with the first
 * mistake. */
int config_accounts_from_json(struct arena *arena, struct bytes json, struct config_account **out,
                              uint32_t *count, struct error *e);

/* A configuration that has nothing but the accounts of such a list, with their `place`s in that text: for
 * checks that tell of places. `name` stands for it in messages. Null: nothing could be made of it. */
struct config *config_open_accounts(const char *name, struct bytes json, struct yaml_report *report);

/* The accounts of a YAML file: a list of them, or a configuration, of which nothing else is looked at. Paths
 * are relative to the file's folder, as in a configuration, and made absolute. What is wrong goes into the
 * report; null only if nothing could be made of it. */
struct config *config_open_account_file(const char *path, struct yaml_report *report);

/* The digest of its text: struct config_account's `written`. */
struct digest config_account_digest(const struct config_account *account);

#endif
