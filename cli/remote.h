/* Remote: reaching a running Garner instead of a data folder. */
#ifndef GARNER_CLI_REMOTE_H
#define GARNER_CLI_REMOTE_H

#include "cli/options.h"
#include "client/client.h"

/* Where the running Garner is that a command is for: --at, or else GARNER_AT, or tcp://127.0.0.1:7801; null
 * if --data or -c names a data folder. Both --at and --data: null, after having said that they contradict
 * each other; then `*exit_code` is set. */
const char *remote_address(const struct options *options, int *exit_code);

/* Connect. Returns 0, or the exit code after having said why not. */
int remote_open(const char *address, struct client **client);

/* Is a coordinator there? It has no collections itself: its workers have. */
bool remote_is_coordinator(const struct client *client);

/* Ask one thing of an account's collections (request->which): of a `garner run` or a worker; or, where a
 * coordinator is, of all workers that have some of them. `take` is handed each answer, which is gone when it
 * returns. Returns 0, or the exit code after having said why. */
int remote_each(const char *address, struct operator_request *request, void *context,
                void (*take)(void *context, const struct operator_reply *reply));

/* A text of the command line; null: any. */
struct bytes remote_text(const char *text);

#endif
