/* Sending new accounts to a coordinator, many in a message: workers fetch the whole list whenever it has
 * changed, so it should change seldom. */
#ifndef GARNER_CLI_ACCOUNT_SEND_H
#define GARNER_CLI_ACCOUNT_SEND_H

#include "cli/cluster/ask.h"
#include "common/config/config.h"

/* Ask for all to be added. `told` is called for each, in their order: `why` null: it is added; else why not.
 * 0; or an error, when the coordinator can't be asked: then the rest wasn't added, or isn't known to be. */
int account_send(struct ask *ask, const struct config_account *const *accounts, uint32_t count, void *context,
                 void (*told)(void *context, const struct config_account *account, const char *why),
                 struct error *e);

#endif
