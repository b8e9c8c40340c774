/* The map: who has which shards, as subscribers need it. */
#include "common/hash.h"
#include "coordinator/internal.h"

static void add_worker(const struct cluster *c, uint32_t worker, struct arena *arena, struct feed_map *map,
                       struct feed_worker *workers)
{
    uint32_t *shards = arena_alloc(arena, c->set.shards * sizeof *shards), count = 0;
    for (uint32_t i = 0; i < c->set.shards; i++)
        if (c->shards[i].owner == worker)
            shards[count++] = i;
    if (count && *c->workers[worker].address)
        workers[map->worker_count++] =
            (struct feed_worker){.address = arena_copy(arena, bytes_of(c->workers[worker].address)),
                                 .shards = shards,
                                 .shard_count = count};
}

static uint64_t hash_of_map(const struct feed_map *map)
{
    struct buffer packed = {0};
    feed_map_pack(map, &packed);
    uint64_t hash = hash64(buffer_bytes(&packed));
    buffer_close(&packed);
    return hash;
}

/* Versions rise, also over several lives of the coordinator: they begin at the time of the day. */
void coordinator_map(struct coordinator *co, struct arena *arena, struct feed_map *out)
{
    pthread_mutex_lock(&co->lock);
    const struct cluster *c = &co->cluster;
    struct feed_worker *workers = arena_alloc(arena, (c->worker_count + (size_t)1) * sizeof *workers);
    *out = (struct feed_map){.workers = workers};
    for (uint32_t i = 0; i < c->worker_count; i++)
        if (c->workers[i].disk)
            add_worker(c, i, arena, out, workers);
    uint64_t hash = hash_of_map(out);
    if (hash != co->map_hash) {
        co->map_hash = hash;
        co->map_version++;
    }
    out->version = co->map_version;
    pthread_mutex_unlock(&co->lock);
}
