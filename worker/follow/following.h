/* Following: keeps copies of shards that other workers own (worker/store/copy.h): takes snapshots and changes
 * from their owners, as any subscriber does, and stores them.
 *
 * One thread. Of each owner one thing at a time is asked: changes behind what is stored of all shards that it
 * has (which tells it what is stored), or a part of a snapshot. */
#ifndef GARNER_FOLLOWING_H
#define GARNER_FOLLOWING_H

#include "worker/store/folder.h"

struct following;

struct following_setting {
    struct folder *folder; /* open for writing; must outlive it */
    const char *worker;    /* our name */
    uint64_t bytes_per_s;  /* that snapshots may come at, all together */
    void *context;
    /* Something of a shard's copy is on disk; and what can't be done, a line, once. On its thread; they may
     * not call back. */
    void (*stored)(void *context, uint32_t shard);
    void (*trouble)(void *context, const char *line);
};

/* ERR_IO: a thread can't be started. */
int following_open(const struct following_setting *setting, struct following **out, struct error *e);

struct followed {
    uint32_t shard;
    const char *address; /* of its owner; "": nobody's for now */
    bool hasten;         /* for who gives the list */
};

/* These are followed from now on, each shard once, and no others: when it returns nothing is written any more
 * to those that are left out. What goes on isn't disturbed. Waits for milliseconds, or one commit. */
void following_set(struct following *f, const struct followed *all, uint32_t count);

/* Until then owners are asked and told what is stored, by clock_steady_ms; not at all at first. Who isn't
 * heard by the coordinator any more may have lost its name to another worker. Any thread. */
void following_lease(struct following *f, int64_t until_ms);

void following_close(struct following *f); /* null is fine */

#endif
