/* Wait: until what a verb has begun is done, telling how far it is. What was begun is the coordinator's: it
 * goes on whether anybody waits for it or not.
 *
 * On a terminal one line is kept up to date, elsewhere a line is said now and then. A coordinator that isn't
 * there for a while is waited for. */
#ifndef GARNER_CLI_WAIT_H
#define GARNER_CLI_WAIT_H

#include "cli/cluster/ask.h"

enum wait_end {
    WAIT_DONE,    /* `look` said so */
    WAIT_STOPPED, /* Ctrl-C, or SIGTERM */
    WAIT_OVER,    /* the deadline is reached */
    WAIT_BROKEN   /* the coordinator can't be asked any more: it was said why */
};

struct wait_setting {
    struct ask *ask;     /* its arena is reset before each look */
    int64_t deadline_ms; /* from now; 0: none */
    void *context;
    /* Ask how far it is. Sets `*done`, or appends in a few words what is left. 0, or an error. */
    int (*look)(void *context, bool *done, struct buffer *progress, struct error *e);
};

/* From now on Ctrl-C is for wait_for: to be called before what is waited for is begun. */
void wait_begin(void);

/* `*exit_code` is set where it is WAIT_BROKEN. */
enum wait_end wait_for(const struct wait_setting *setting, int *exit_code);

/* --deadline as milliseconds; 0 where it isn't given. Returns 0, or EXIT_USAGE after having said what it may
 * be. */
int wait_deadline(const struct options *options, int64_t *deadline_ms);

#endif
