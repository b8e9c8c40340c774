/* Live: what stands around a run that goes on: SIGHUP has its configuration read again. */
#ifndef GARNER_CLI_LIVE_H
#define GARNER_CLI_LIVE_H

#include "common/config/config.h"
#include "worker/run/control.h"

struct live;

struct live_setting {
    const char *path; /* of the configuration's file */
    const struct config *config;
    const char *data; /* the data folder; both must outlive it */
};

/* To be called as the `started` of a run (worker/run/run.h), live_close as its `ending`. */
int live_open(const struct live_setting *setting, struct crew *crew, struct live **out, struct error *e);
void live_close(struct live *live); /* null is fine */

#endif
