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

/* A coordinator in this process, which has no worker but this one: no shard is taken from it, and it needs no
 * lease. Whatever changes there that a heartbeat is answered with, agent_poke must be called. */
struct agent_line {
    void *context;
    /* Append the answer to a heartbeat. `*waits`: it may be kept back, if there is nothing new; then it stays
     * so. On the agent's thread. */
    int (*beat)(void *context, struct bytes packed, bool *waits, struct buffer *answer, struct error *e);
    /* Append the answer to what else is asked (proto/cluster_ask.h). Likewise. */
    int (*ask)(void *context, struct bytes packed, struct buffer *answer, struct error *e);
};

struct agent_setting {
    const char *coordinator;       /* its address; or what it is called, where there is a: */
    const struct agent_line *line; /* null: over the wire */
    const char *cluster;           /* its name */
    const char *address;           /* where others reach this worker */
    const struct identity *identity;
    struct folder *folder; /* open for writing, as the cluster's; these must outlive it */
    struct crew *crew;
    struct serve *serve;       /* null: all shards are served anyway */
    uint32_t capacity;         /* in proportion to others' */
    uint64_t copy_bytes_per_s; /* that snapshots of followed shards may take */
    uint64_t accounts;         /* the version of those that the run has already; 0: none */
    void *context;
    /* The cluster's accounts are others now: an array of documents (common/config/account_text.h), valid
     * during the call, and their version. On the agent's thread; an error is told, and it is tried again
     * later. */
    int (*take_accounts)(void *context, const struct value *documents, uint64_t version, struct error *e);
};

/* From now on it gives the run its shards, and waits for the run's threads to take them: so they must be
 * about to begin, or to end. ERR_IO: there can be no thread. */
int agent_open(const struct agent_setting *setting, struct agent **out, struct error *e);

/* Changes of a shard are committed. Any thread, doesn't wait. */
void agent_committed(struct agent *agent, uint32_t shard);

/* There may be something new to say, or to hear over an agent_line. Any thread, doesn't wait. */
void agent_poke(struct agent *agent);

/* Has the coordinator been heard, and what it wanted done? With one in this process that is all shards. If
 * not, a line that says why is appended. */
bool agent_is_ready(struct agent *agent, struct buffer *reasons);

/* The run has ended: nothing is committed any more. Say so, that the shards be kept for who comes back. Waits
 * for a moment; null is fine. */
void agent_leave(struct agent *agent);
void agent_close(struct agent *agent); /* null is fine */

#endif
