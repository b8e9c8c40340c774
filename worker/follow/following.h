/* Following: copies of shards whose owners are other workers, kept up with them by the feed
 * (docs/cluster.md).
 *
 * One thread writes to all of them, another one makes connections. What a shard has when it begins to be
 * followed is gone on with if its owner has that, too, and begun anew else. What is asked for next tells the
 * owner what is stored: it is on disk by then. */
#ifndef GARNER_FOLLOW_FOLLOWING_H
#define GARNER_FOLLOW_FOLLOWING_H

#include "worker/store/folder.h"

struct following;

struct following_setting {
    struct folder *folder; /* open for writing; must outlive it */
    const char *worker;    /* our name */
    uint64_t bytes_per_s;  /* that copies which are behind may take; 0: LIMIT_FOLLOW_BYTES */
    void *context;
    /* Something of a shard's copy is on disk (store_copy_state): when it is opened, and after each commit. On
     * its thread, and not for long: nothing is followed meanwhile. May not call back. */
    void (*stored)(void *context, uint32_t shard);
    /* A line for people, once whenever something begins to fail, and when it goes well again. On its thread.
     */
    void (*trouble)(void *context, const char *line);
};

struct followed {
    uint32_t shard;
    const char *address; /* of its owner; "": it is nobody's for now, or not to be reached: wait */
    bool hasten;         /* it comes before others */
};

/* Follows nothing yet, and has no lease. ERR_IO: a thread can't be started. */
int following_open(const struct following_setting *setting, struct following **out, struct error *e);

/* Follow these, each once, and nothing else. When it returns nothing is written any more to those that aren't
 * in the list, and nothing here has their stores in use; those that are in it are nobody else's to write to.
 * Any thread but its own; blocks for milliseconds, or one commit; not at all where nothing differs. */
void following_set(struct following *following, const struct followed *all, uint32_t count);

/* Until then, by clock_steady_ms, owners may be asked, and told what is stored. Any thread; doesn't wait. */
void following_lease(struct following *following, int64_t until_ms);

void following_close(struct following *following); /* before its folder; null is fine */

#endif
