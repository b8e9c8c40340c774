/* Stopping: the first SIGINT or SIGTERM asks the program to end in good order, the second ends it.
 *
 * A handler and an eventfd instead of a signalfd: blocked signals would be inherited by the programs that
 * credentials come from, and a second Ctrl-C could not be told from the first. */
#ifndef GARNER_CLI_STOP_H
#define GARNER_CLI_STOP_H

#include <stdbool.h>

/* Begin to listen. Returns a descriptor that is readable once a stop was asked for. */
int stop_listen(void);
bool stop_asked(void);

/* Begin to listen to SIGHUP, too, which asks for the configuration to be read again. Returns a descriptor
 * that is readable once that was asked for; read it to listen on. */
int stop_listen_reload(void);

/* Wait up to `ms`. False when a stop was asked for, or nobody reads our standard output any more. */
bool stop_wait(int ms);

#endif
