/* Coordinator: who harvests what. The deciders of membership/, their state, and the clock.
 *
 *     garner-coordinator     serves it to workers and operators (serve.h)
 *     garner run             has it in its own process
 *
 * Whatever it decides is kept before anybody hears of it. Any thread may call; one at a time is served, and
 * may wait for the state to be written. */
#ifndef GARNER_COORDINATOR_H
#define GARNER_COORDINATOR_H

#include "common/value/value.h"
#include "coordinator/state/state.h"
#include "proto/cluster_ask.h"
#include "proto/feed.h"

struct coordinator;
struct config;

struct coordinator_setting {
    const char *cluster; /* its name */
    const struct state_kind *kind;
    const char *path; /* of the state */
    uint32_t shards, followers;
    int64_t lease_ms, grace_ms, settle_ms;
    /* The name of the only worker there is, in this process (`garner run`), which nobody takes a shard from:
     * copies that the state doesn't know of are taken as they are, and nothing is told of what is decided.
     * Null: there may be several. */
    const char *sole;
    const uint8_t *feed;         /* 16 bytes: whose feed it is, if the state is new; null: a new one */
    const struct config *config; /* its accounts are the cluster's, beside those that operators add */
    void *context;
    /* What a heartbeat that waits is told may be another thing now. On any thread, with locks held: it must
     * not call back. */
    void (*changed)(void *context);
};

/* Load the state, or begin it, and go on with it. As state_open; ERR_CONFIG: the state is another cluster's,
 * or of another number of shards, or knows of others than the sole worker; ERR_CORRUPT. What the setting
 * points to must outlive it. */
int coordinator_open(const struct coordinator_setting *setting, struct coordinator **out, struct error *e);
void coordinator_close(struct coordinator *co); /* null is fine */

const uint8_t *coordinator_feed(const struct coordinator *co); /* 16 bytes */

/* Time doesn't pass any more, and `changed` isn't called. Null is fine. */
void coordinator_still(struct coordinator *co);

/* Append the answer (garner.Orders) to a worker's heartbeat. `*waits`: it may be kept, if there is nothing
 * new for it, and asked again when something changed; then it stays so, and nothing is appended. As
 * cluster_heartbeat;
 * ERR_CONFIG: another cluster's; ERR_USAGE: another version; ERR_BODY; ERR_STORE, ERR_FULL: nothing can be
 * kept. */
int coordinator_heartbeat(struct coordinator *co, struct bytes packed, bool *waits, struct buffer *answer,
                          struct error *e);

/* The configuration was read anew: its accounts are the cluster's from now on, in place of those that it had
 * before. */
void coordinator_take_config(struct coordinator *co, const struct config *config);
/* The documents of all accounts that operators added, also where the configuration has one of that name,
 * which counts; in the arena. */
struct value coordinator_added(struct coordinator *co, struct arena *arena);
/* As which version orders speak of a list that has just these accounts. */
uint64_t coordinator_version_of(const struct config *config);

/* Append the answer to what operators ask (proto/cluster_ask.h): a document as MessagePack. */
int coordinator_ask(struct coordinator *co, struct bytes packed, struct buffer *answer, struct error *e);

/* Who has which shards, as subscribers need it; in the arena. */
void coordinator_map(struct coordinator *co, struct arena *arena, struct feed_map *out);

/* Can it keep what it decides? If not, `e` says why not. */
bool coordinator_is_well(struct coordinator *co, struct error *e);

/* Append the cluster's metrics. */
void coordinator_to_metrics(struct coordinator *co, struct buffer *out);

#endif
