/* Agent: a worker's part in the cluster. Tells the coordinator what is true of its shards, hears what should
 * be, and sees to it that it is so: the driver of worker/tenure.
 *
 * It has a thread of its own, the only one that gives shards to the run, to those who follow and to those who
 * serve, and takes them away. */
#ifndef GARNER_AGENT_H
#define GARNER_AGENT_H

#include <stdbool.h>

#include "common/value/value.h"
#include "worker/store/folder.h"
#include "worker/store/identity.h"

struct agent;
struct crew;
struct serve;

struct agent_setting {
    const char *coordinator; /* its address */
    const char *cluster;     /* its name */
    const char *address;     /* where others reach this worker */
    const struct identity *identity;
    struct folder *folder; /* open for writing, as the cluster's; these must outlive it */
    struct crew *crew;
    struct serve *serve;
    uint32_t capacity;         /* in proportion to others' */
    uint64_t copy_bytes_per_s; /* that snapshots of followed shards may take */
    void *context;
    /* The cluster's accounts are others now: an array of documents (common/config/account_text.h), valid
     * during the call. On the agent's thread; an error is told, and it is tried again later. */
    int (*accounts)(void *context, const struct value *documents, struct error *e);
};

/* Before the run begins; it waits for agent_begin. ERR_STORE, ERR_CORRUPT: a store can't be read; ERR_IO. */
int agent_open(const struct agent_setting *setting, struct agent **out, struct error *e);

/* Changes of a shard are committed. Any thread, doesn't wait. */
void agent_committed(struct agent *agent, uint32_t shard);

/* Has the coordinator been heard, and what it wanted done? If not, a line that says why is appended. */
bool agent_is_ready(struct agent *agent, struct buffer *reasons);

/* The run has ended: nothing is committed any more. Say so, that the shards be kept for who comes back. Waits
 * for a moment; null is fine. */
void agent_leave(struct agent *agent);
void agent_close(struct agent *agent); /* null is fine */

#endif
