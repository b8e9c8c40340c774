/* Serve: the operator's connection of a running Garner (docs/protocol.md): takes requests where `listen`
 * says, and has them done by the run, the stores and the feed.
 *
 * It has one thread of its own, on which all requests are served, one after the other. */
#ifndef GARNER_SERVE_H
#define GARNER_SERVE_H

#include "proto/cluster.h"
#include "worker/store/folder.h"

struct crew;
struct serve;
struct feed_holds;

struct serve_setting {
    const char *address;      /* of the configuration's `listen` */
    struct folder *folder;    /* open; must outlive it */
    bool by_orders;           /* no shard is here until serve_order says so; else all are, for ever */
    struct feed_holds *holds; /* likewise: what snapshots hold back (worker/feed/holds.h); may be null */
    void *context;
    /* Answer a `status` request: bytes that proto/operator.proto leaves to others. On the serving thread. May
     * be null: this process has no status to tell. */
    int (*status)(void *context, struct bytes asked, struct buffer *answer, struct error *e);
    /* Answer what is asked of a coordinator (proto/cluster_ask.h). Likewise; null: this process has none. */
    int (*cluster)(void *context, struct bytes asked, struct buffer *answer, struct error *e);
};

/* Listen. ERR_CONFIG: the address is none, not this machine's, or in use: what to do is said. */
int serve_open(const struct serve_setting *setting, struct serve **out, struct error *e);

/* The run that harvests, once its threads are there; null before it is gone. What needs one is answered with
 * "ask again" meanwhile. When this returns nothing uses the earlier one any more. */
void serve_crew(struct serve *serve, struct crew *crew);

/* Changes up to `last` of a shard are committed: whoever waits for them is answered. Any thread, also of the
 * run. */
void serve_committed(struct serve *serve, uint32_t shard, uint64_t last);

/* As what this worker has a shard, by its newest order, and whom that speaks of (proto/cluster.h). Where it
 * is the owner's, subscribers are served from now on, up to what its held followers have stored; the store
 * must be there as it will be served. Else whoever asks for it is told MOVED, who waits for it at once, and
 * when this returns nothing here reads the shard's store any more, so that it may be exchanged or deleted.
 *
 * Any thread but those of the run; blocks for as long as a request is served. ERR_STORE, ERR_CORRUPT: the
 * store can't be read, and the shard isn't served. */
int serve_order(struct serve *serve, const struct shard_order *order, const struct cluster_peer *peers,
                uint32_t peer_count, struct error *e);

/* As deliver_lease (worker/feed/deliver.h). */
void serve_lease(struct serve *serve, int64_t until_ms);

/* For the heartbeat: of an owner's order, a bit for each of its replicas: struct shard_report's. They are of
 * the order of the version that is returned, and of no other; 0: the shard isn't served here. To be asked at
 * least once a second, since time passes in it. Any thread. */
uint64_t serve_report(struct serve *serve, uint32_t shard, uint32_t *held, uint32_t *behind);

const char *serve_address(const struct serve *serve); /* where it listens */

void serve_close(struct serve *serve); /* before its folder; null is fine */

#endif
