/* Who has what. A worker is known by its address: its number is another one in each map.
 *
 * An answer that has arrived is of the shard's history, whoever gave it: so a map takes nothing away. What is
 * asked of one worker, though, must not be on its way from another one, too: so where a worker's shards
 * change, what it was asked is lost. */
#include "client/follow_map.h"

#include <inttypes.h>
#include <stdlib.h>

#include "common/check.h"

#define NOBODY UINT32_MAX

enum { NAMED = 8 }; /* shards, in a sentence */

void follow_free_workers(struct follow_worker *workers, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        free(workers[i].address);
    free(workers);
}

uint32_t follow_owner(const struct follow *follow, uint32_t shard)
{
    return follow->all[shard].has_moved ? NOBODY : follow->all[shard].worker;
}

static uint32_t *owners_of(const struct follow *follow, const struct feed_map *map)
{
    uint32_t *owners = mem_alloc(follow->set.shards * sizeof *owners);
    for (uint32_t i = 0; i < follow->set.shards; i++)
        owners[i] = NOBODY;
    for (uint32_t i = 0; i < map->worker_count; i++) {
        const struct feed_worker *worker = &map->workers[i];
        for (uint32_t j = 0; worker->all && j < follow->set.shards; j++)
            owners[j] = i;
        for (uint32_t j = 0; j < worker->shard_count; j++)
            if (worker->shards[j] < follow->set.shards)
                owners[worker->shards[j]] = i;
    }
    return owners;
}

/* Its number by the map before. Of two with one address, which no map should have, the first has it. */
static uint32_t find(const struct follow *follow, struct bytes address, const uint32_t *is)
{
    for (uint32_t i = 0; i < follow->worker_count; i++)
        if (bytes_equal(bytes_of(follow->workers[i].address), address))
            return is[i] == NOBODY ? i : NOBODY;
    return NOBODY;
}

/* The new map's workers, with what is under way there. `is`: their numbers, by those that they had. */
static struct follow_worker *workers_of(const struct follow *follow, const struct feed_map *map, uint32_t *is)
{
    struct follow_worker *workers = mem_zalloc((map->worker_count + 1) * sizeof *workers);
    for (uint32_t i = 0; i < follow->worker_count; i++)
        is[i] = NOBODY;
    for (uint32_t i = 0; i < map->worker_count; i++) {
        struct bytes address = map->workers[i].address;
        uint32_t was = find(follow, address, is);
        if (was != NOBODY) {
            workers[i] = follow->workers[was];
            is[was] = i;
        }
        workers[i].was = was;
        workers[i].address = mem_zalloc(address.len + 1);
        memcpy(workers[i].address, address.data, address.len);
    }
    return workers;
}

/* A shard goes from one worker to another, as far as these are there. */
static void change_hands(struct follow_worker *workers, uint32_t shard, uint32_t from, uint32_t to)
{
    if (from == to)
        return;
    if (to != NOBODY)
        workers[to].asked = FOLLOW_IDLE;
    if (from == NOBODY)
        return;
    workers[from].asked = FOLLOW_IDLE;
    workers[from].begun = workers[from].begun && workers[from].shard != shard;
}

bool follow_map(struct follow *follow, const struct feed_map *map)
{
    uint32_t *is = mem_alloc((follow->worker_count + 1) * sizeof *is);
    uint32_t *owners = owners_of(follow, map);
    struct follow_worker *workers = workers_of(follow, map, is);
    bool changes = !follow->map_version;
    for (uint32_t i = 0; i < follow->set.shards; i++) {
        struct follow_shard *shard = &follow->all[i];
        uint32_t had = follow_owner(follow, i);
        uint32_t by_map = shard->worker != NOBODY ? is[shard->worker] : shard->worker;
        changes |= by_map != owners[i] || (shard->worker == NOBODY) != (by_map == NOBODY);
        change_hands(workers, i, had != NOBODY ? is[had] : had, owners[i]);
        shard->worker = owners[i];
        shard->has_moved = false;
    }
    follow_free_workers(follow->workers, follow->worker_count);
    follow->workers = workers;
    follow->worker_count = map->worker_count;
    follow->map_version = map->version;
    follow->needs_map = follow->is_stale = false;
    free(owners);
    free(is);
    return changes;
}

uint32_t follow_lacking(const struct follow *follow, struct buffer *names)
{
    uint32_t count = 0, named = 0;
    for (uint32_t i = 0; i < follow->set.shards; i++)
        count += follow_owner(follow, i) == NOBODY;
    if (!names || !count)
        return count;
    buffer_add_text(names, count == 1 ? "shard" : "shards");
    for (uint32_t i = 0; i < follow->set.shards && named < NAMED; i++)
        if (follow_owner(follow, i) == NOBODY)
            buffer_printf(names, "%s %" PRIu32, named++ ? "," : "", i);
    if (count > NAMED)
        buffer_printf(names, " and %" PRIu32 " more", count - NAMED);
    return count;
}
