/* Commands: a program that prints something we need, such as a secret. */
#ifndef GARNER_COMMON_COMMAND_H
#define GARNER_COMMON_COMMAND_H

#include <stdbool.h>

#include "common/bytes.h"
#include "common/error.h"

/* Run a program without a shell: `command` is its name (looked up in PATH unless it holds a "/") and its
 * arguments, ended by null. It gets no standard input, ours as standard error, no other descriptor, and a
 * process group of its own. Its standard output goes into `out` (replaced) as it is.
 *
 * Blocks until the program ended, up to LIMIT_COMMAND_MS: then its group is killed. Any thread. Returns 0
 * or ERR_CREDENTIALS; the sentence names the program, never what it printed. */
int command_run(const char *const *command, struct buffer *out, struct error *e);

/* True if the program could be run: it is there and executable. */
bool command_exists(const char *program);

#endif
