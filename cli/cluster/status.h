/* The status of a cluster: its own, as its coordinator tells it, and that of its harvests, put together of
 * what its workers tell. */
#ifndef GARNER_CLI_CLUSTER_STATUS_H
#define GARNER_CLI_CLUSTER_STATUS_H

#include "cli/options.h"
#include "client/client.h"

/* Ask the coordinator that `client` is connected to, and the workers, and print. Returns the exit code. */
int cluster_status(const struct options *options, struct client *client, const char *address);

#endif
