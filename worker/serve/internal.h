/* What the files of worker/serve share. Not for others. */
#ifndef GARNER_SERVE_INTERNAL_H
#define GARNER_SERVE_INTERNAL_H

#include <pthread.h>

#include "common/rpc/rpc_server.h"
#include "proto/operator.h"
#include "worker/feed/deliver.h"
#include "worker/feed/snapshot.h"
#include "worker/serve/serve.h"
#include "worker/store/census.h"

struct serve {
    struct serve_setting set;
    struct deliver *deliver;
    struct rpc_server *server;
    pthread_mutex_t reading; /* held while stores are read, of: */
    struct store **readers;  /* by shard; null: not opened yet */
    pthread_mutex_t lock;    /* of: */
    struct crew *crew;       /* null: none. Held while it is used */
};

/* The shard's reader; null in `*store` when nothing is in it yet, or it isn't here. */
int serve_reader(struct serve *serve, uint32_t shard, struct store **store, struct error *e);

/* Answer a request of the feed. RPC_WAIT: there is nothing to give yet, and its time isn't over. What is
 * given is in the turn's answer. */
enum rpc_verdict serve_fetch(struct serve *serve, struct operator_request *request, struct rpc_turn *turn,
                             struct error *e);
enum rpc_verdict serve_snapshot(struct serve *serve, struct operator_request *request, struct rpc_turn *turn,
                                struct error *e);
/* What listeners hear: where shards end. `context` is the serve. */
void serve_tell(void *context, bool all, struct buffer *message);

/* Answer a request of a kind, with the crew that the caller holds. What they give back lives in the arena. */
int serve_harvest(struct serve *serve, const struct operator_which *which, struct operator_reply *reply,
                  struct error *e);
int serve_confirm(struct serve *serve, const struct operator_which *which, struct arena *arena,
                  struct operator_reply *reply, struct error *e);

int serve_retry(struct serve *serve, const struct quarantine_place *place, struct arena *arena,
                struct operator_reply *reply, struct error *e);

/* Answer what the stores can tell of quarantine: a list, or one item. */
int serve_quarantine(struct serve *serve, const struct operator_quarantine *asked, struct arena *arena,
                     struct operator_reply *reply, struct error *e);

/* Is a collection one of those that are meant? */
bool serve_means(const struct operator_which *which, const struct collection_key *key);

/* Its key, copied into the arena. */
struct operator_which serve_name(struct arena *arena, const struct collection_key *key);

/* What is stored in all shards, held against what is asked for. The caller closes it, whatever comes back. */
int serve_census(struct serve *serve, const struct operator_which *which, struct census *census,
                 struct error *e);

#endif
