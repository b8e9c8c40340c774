/* What the files of the coordinator share. Not for others. */
#ifndef GARNER_COORDINATOR_INTERNAL_H
#define GARNER_COORDINATOR_INTERNAL_H

#include <pthread.h>

#include "coordinator/coordinator.h"
#include "coordinator/membership/cluster.h"
#include "coordinator/state/kept.h"
#include "coordinator/view.h"

enum { COORDINATOR_PLANS = 16 }; /* that are remembered */

struct coordinator {
    struct coordinator_setting set;
    pthread_mutex_t lock; /* of all that follows */
    pthread_cond_t wakes; /* whoever tells the time */
    pthread_t thread;     /* that tells the time */
    bool has_thread, is_ending;
    bool is_due; /* time passes at once: somebody has come */
    struct state *state;
    struct kept_cluster kept;
    struct cluster cluster;
    /* As they are kept: */
    uint64_t cluster_revision, *shard_revisions, *worker_revisions; /* the latter by number: LIMIT_WORKERS */
    struct cluster_shard *shards;
    struct error failed; /* the last write's; code 0: it went well */
    struct accounts *accounts;
    struct cluster_plan plans[COORDINATOR_PLANS]; /* by number modulo */
    uint64_t plan_count;                          /* so many were ever made */
    uint64_t map_version, map_hash;               /* of the last map that was given */
    struct arena scratch;
};

/* Keep what has changed (keep.c); the lock is held. As state_write: then nobody may be told of it. */
int coordinator_keep(struct coordinator *co, struct error *e);

/* Keep accounts of different names, each with what is packed of it (null: nothing any more), and note them.
 * As state_write: those that fit into one of its transactions are kept together. */
struct account_edit;
int coordinator_keep_accounts(struct coordinator *co, const struct account_edit *edits, uint32_t count,
                              struct error *e);

/* Put what was kept into the cluster, and the first record where there is none. */
int coordinator_load(struct coordinator *co, struct error *e);

/* Is a heartbeat of this cluster's, in words that are understood (admit.c)? ERR_USAGE, ERR_CONFIG. */
struct heartbeat;
int coordinator_admits(const struct coordinator *co, const struct heartbeat *h, struct error *e);

/* Tell what has changed of a shard's record (journal.c). */
void journal_shard(const struct cluster *c, uint32_t shard, const struct cluster_shard *before);
void journal_life(const struct cluster *c, uint32_t worker, enum worker_life before);

/* Answer an operator (command.c); the lock is held, what comes of it is kept by the caller. */
int coordinator_command(struct coordinator *co, const struct cluster_ask *ask, int64_t now_ms,
                        struct arena *arena, struct value *out, struct error *e);

#endif
