/* Sink follow: a feed on the one side, a sink on the other one, until told to stop. */
#ifndef GARNER_CLI_SINK_FOLLOW_H
#define GARNER_CLI_SINK_FOLLOW_H

#include "cli/sink/sink.h"

/* Follow the feed that `feed` says, whose `from` is the sink's affair; `no_follow`: until there is no more.
 * Says what happens. Returns the exit code. Listens to signals (stop.h). */
int sink_follow(const struct sink_options *options, struct garner_options *feed, bool no_follow);

#endif
