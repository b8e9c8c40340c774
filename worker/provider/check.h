/* Accounts and providers together: whether a configuration gives each provider file what it asks for. */
#ifndef GARNER_PROVIDER_CHECK_H
#define GARNER_PROVIDER_CHECK_H

#include "common/config/config.h"
#include "worker/provider/provider.h"

/* Report, at the account's place: a provider that none of the files is (with the nearest), a credential
 * or {account.KEY} that its file uses and the account doesn't have, a {vars.NAME} that the file doesn't
 * have, regions that nobody names. Warnings: regions that the file doesn't list, and credentials and keys
 * that it doesn't use, since they may be misspelt. Two files of one provider name are an error, too.
 *
 * `providers` may hold nulls (files that couldn't be read). Returns 0, or ERR_CONFIG if it reported an
 * error. */
int provider_check_accounts(const struct config *config, struct provider *const *providers, uint32_t count,
                            struct yaml_report *report);

/* What {vars.NAME} stands for in an account: the provider's defaults, with the account's own in their place.
 * Shares their texts. */
struct value provider_vars(struct arena *arena, const struct provider *provider,
                           const struct config_account *account);

#endif
