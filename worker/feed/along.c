/* A record is read when its change is given, in the same look at the store: it may know of changes that are
 * still to come, and a collection that was dropped since has none. Of so many changes most are of few
 * collections, so those that were given last are remembered; one that comes twice does no harm. */
#include "worker/feed/along.h"

static bool is_new(struct along *along, uint32_t shard, uint32_t collection)
{
    for (uint32_t i = 0; i < ALONG_RECENT; i++)
        if (along->recent[i].collection == collection && along->recent[i].shard == shard)
            return false;
    uint32_t at = along->next++ % ALONG_RECENT;
    along->recent[at].shard = shard;
    along->recent[at].collection = collection;
    return true;
}

int along_change(struct along *along, struct store *store, const struct change *change, struct arena *scratch,
                 struct buffer *to, struct error *e)
{
    struct collection_record record;
    if (!is_new(along, change->shard, change->collection))
        return 0;
    arena_reset(scratch);
    int r = store_collection_by_id(store, change->collection, scratch, &record, e);
    if (!r)
        feed_changes_add_record(to, change->shard, &record);
    return r == ERR_NOT_FOUND ? 0 : r;
}

void along_oldest(const struct feed_source *source, struct arena *arena, struct feed_changes *out)
{
    const uint32_t shards = source->folder->shards;
    struct feed_oldest *oldest = arena_alloc(arena, shards * sizeof *oldest);
    out->oldest = oldest;
    for (uint32_t i = 0; i < shards; i++)
        if (source->shards[i].is_new)
            oldest[out->oldest_count++] = (struct feed_oldest){i, store_oldest(source->shards[i].store)};
}
