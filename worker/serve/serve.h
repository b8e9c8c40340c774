/* Serve: the operator's connection of a running Garner (docs/protocol.md): takes requests where `listen`
 * says, and has them done by the run, the stores and the feed.
 *
 * It has one thread of its own, on which all requests are served, one after the other. */
#ifndef GARNER_SERVE_H
#define GARNER_SERVE_H

#include "worker/store/folder.h"

struct crew;
struct serve;
struct feed_holds;

struct serve_setting {
    const char *address;      /* of the configuration's `listen` */
    struct folder *folder;    /* open; must outlive it */
    struct feed_holds *holds; /* likewise: what snapshots hold back (worker/feed/holds.h); may be null */
    void *context;
    /* Answer a `status` request: bytes that proto/operator.proto leaves to others. On the serving thread. May
     * be null: this process has no status to tell. */
    int (*status)(void *context, struct bytes asked, struct buffer *answer, struct error *e);
};

/* Listen. ERR_CONFIG: the address is none, not this machine's, or in use: what to do is said. */
int serve_open(const struct serve_setting *setting, struct serve **out, struct error *e);

/* The run that harvests, once its threads are there; null before it is gone. What needs one is answered with
 * "ask again" meanwhile. When this returns nothing uses the earlier one any more. */
void serve_crew(struct serve *serve, struct crew *crew);

/* Changes up to `last` of a shard are committed: whoever waits for them is answered. Any thread, also of the
 * run. */
void serve_committed(struct serve *serve, uint32_t shard, uint64_t last);

/* Whether a shard is here, or another worker's; at first all are here. Those who ask for one that isn't are
 * told MOVED, those who wait for it at once. Any thread. */
void serve_place(struct serve *serve, uint32_t shard, bool here);

const char *serve_address(const struct serve *serve); /* where it listens */

void serve_close(struct serve *serve); /* before its folder; null is fine */

#endif
