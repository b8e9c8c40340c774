/* Along: what goes along with changes to a follower, so that its copy knows what no change shows: the records
 * of their collections, and what their shards keep of their logs. */
#ifndef GARNER_FEED_ALONG_H
#define GARNER_FEED_ALONG_H

#include "worker/feed/source.h"

enum { ALONG_RECENT = 64 };

/* Of one answer. All zero: begun. */
struct along {
    struct {
        uint32_t shard, collection;
    } recent[ALONG_RECENT]; /* collections whose records were given last */
    uint32_t next;
};

/* Append the record of a change's collection to an answer, unless it was given just now or isn't there any
 * more. `store` is the shard's, in a transaction; the scratch is reset and used. */
int along_change(struct along *along, struct store *store, const struct change *change, struct arena *scratch,
                 struct buffer *to, struct error *e);

/* Of each shard that was in a round and gave changes, what it keeps; before the round ends. In the arena. */
void along_oldest(const struct feed_source *source, struct arena *arena, struct feed_changes *out);

#endif
