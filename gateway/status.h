/* Status: what `garner status` tells, asked of all who have shards, and put together. */
#ifndef GARNER_GATEWAY_STATUS_H
#define GARNER_GATEWAY_STATUS_H

#include "gateway/reach.h"
#include "proto/status.h"

/* Who can't be asked, and shards that nobody has, are missing: then `lacks_parts`. Blocks; what it points to
 * is in the arena. Where nobody can be asked: the last one's error. */
int status_gather(struct reach *reach, const struct status_request *asked, struct arena *arena,
                  struct status *out, struct error *e);

#endif
