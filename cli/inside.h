/* Inside: the coordinator that a `garner run` has in its own process, and the agent that speaks to it: all of
 * a cluster, with one worker. Its state is DATA/cluster.mdb. */
#ifndef GARNER_CLI_INSIDE_H
#define GARNER_CLI_INSIDE_H

#include "common/config/config.h"
#include "worker/store/folder.h"

struct coordinator;
struct crew;
struct inside;
struct live;

/* Before the run. `folder` is open for writing; both must outlive it. ERR_CONFIG: the folder is a worker's of
 * a cluster, or the state isn't this folder's; or as identity_open and coordinator_open. */
int inside_open(const struct config *config, struct folder *folder, struct inside **out, struct error *e);

struct coordinator *inside_coordinator(const struct inside *inside);

/* The run has started, and nothing keeps its threads from beginning any more: give it its shards. As
 * agent_open. */
int inside_begin(struct inside *inside, struct crew *crew, struct live *live, struct error *e);

/* Changes of a shard are committed. Any thread, doesn't wait. */
void inside_committed(struct inside *inside, uint32_t shard);

/* Has the run all its shards? If not, a line that says why is appended. Any thread. */
bool inside_is_ready(struct inside *inside, struct buffer *reasons);

/* The crew isn't used any more, nor is what is live. Null is fine. */
void inside_ending(struct inside *inside);
void inside_close(struct inside *inside); /* after what is live; null is fine */

#endif
