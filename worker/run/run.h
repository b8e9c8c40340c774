/* Run: harvest the accounts of a configuration into a data folder: each collection once, or again and again.
 *
 * The driver: some threads with a loop each. They send what jobs want sent, as limits allow, renew sessions,
 * gather commits, and start the children of what was listed. Blocks until all is done or stopped. A shard is
 * one thread's. */
#ifndef GARNER_RUN_H
#define GARNER_RUN_H

#include "common/config/config.h"
#include "worker/provider/provider.h"
#include "worker/store/folder.h"

struct run_totals {
    uint64_t collections, incomplete, held; /* harvested; of these failed or faulty; holding back deletes */
    uint64_t accounts_failed;
    uint64_t unmodified; /* of these, those that the provider said were as before (tier 0) */
    uint64_t items, created, updated, deleted, unchanged;
    uint64_t requests, bytes;
    uint64_t throttled, retries; /* answers that were refusals; requests that were further tries */
    uint64_t sound, unsound,
        failed[ERR_COUNT]; /* of the collections, by how it ended; unmodified are none of these */
    uint64_t tiers[5];     /* of the items, by what recognised them */
    uint64_t commits;
    uint64_t compacted; /* changes that left the log */
    bool stopped;
};

struct crew;
struct feed_holds;

struct run_setting {
    const struct config *config;
    struct provider *const *providers;
    uint32_t provider_count;
    bool once;                /* else it goes on until it is told to stop */
    bool is_worker;           /* its shards come and go (own.h): at first it has none. Never `once` */
    bool is_sole;             /* a worker that all shards come to, and that nobody follows (own.h) */
    struct folder *folder;    /* open for writing */
    struct feed_holds *holds; /* what the retention waits for (worker/feed/holds.h); may be null */
    uint32_t threads; /* at most so many, the caller's among them, up to LIMIT_THREADS; 0: one a core */
    void *context;
    /* These three are called on any of the threads, never on two at once, and must not call run_all.
     * Changes `first` to `last` of a store are committed; called in their order. May be null. */
    void (*committed)(void *context, struct store *store, uint64_t first, uint64_t last);
    /* Something is incomplete, failed or held back: a line that names place, cause and what to do. */
    void (*trouble)(void *context, const char *line);
    /* Now and then while it runs; may be null. */
    void (*progress)(void *context, const struct run_totals *totals, uint64_t under_way);
    /* The run goes on, and may be asked for things (control.h) until `ending` returns; both on the caller's
     * thread. Null where nobody asks. An error ends the run before it has begun. */
    int (*started)(void *context, struct crew *crew, struct error *e);
    void (*ending)(void *context);
    int stop_fd; /* readable when it is to stop: a signalfd; -1: none */
};

/* 0 when it ran, whatever became of its collections (`totals`); else it could not begin: ERR_CONFIG (a
 * changed `splits`), or the loop's or store's error. */
int run_all(const struct run_setting *setting, struct run_totals *totals, struct error *e);

#endif
