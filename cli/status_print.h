/* A status for people: a short overview, then what is wrong, a line each. */
#ifndef GARNER_CLI_STATUS_PRINT_H
#define GARNER_CLI_STATUS_PRINT_H

#include "cli/print.h"
#include "proto/status.h"

enum { STATUS_LINES = 50 }; /* of what is wrong; the rest is counted */

/* `name`: what it is the status of, "./data" or "tcp://…". */
void status_print(struct printer *p, const struct status *status, const char *name);

#endif
