/* What is known of a shard here, the positions that are sound and who has what, is of one history. It is all
 * forgotten where another one may begin: when the shard comes, goes, or is another epoch's. */
#include "worker/feed/deliver.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/check.h"
#include "worker/feed/internal.h"
#include "worker/feed/snapshot.h"

static int learn_head(struct deliver *deliver, uint32_t shard, struct error *e)
{
    uint64_t head = 0;
    int r = feed_source_head(&deliver->source, shard, &head, e);
    deliver_committed(deliver, shard, head);
    return r;
}

int deliver_open(struct folder *folder, bool by_orders, struct deliver **out, struct error *e)
{
    struct deliver *deliver = mem_zalloc(sizeof *deliver);
    int r = 0;
    *out = NULL;
    deliver->folder = folder;
    atomic_store(&deliver->lease_ms, INT64_MAX);
    deliver->roles = roles_open(folder->shards, by_orders);
    deliver->said = mem_zalloc(folder->shards * sizeof *deliver->said);
    for (uint32_t i = 0; i < WHOSE_ALL; i++)
        deliver->sound[i] = mem_zalloc(folder->shards * sizeof *deliver->sound[i]);
    feed_source_open(&deliver->source, folder);
    for (uint32_t i = 0; i < folder->shards && !r && !by_orders; i++)
        r = learn_head(deliver, i, e);
    if (r)
        deliver_close(deliver);
    else
        *out = deliver;
    return r;
}

void deliver_close(struct deliver *deliver)
{
    if (!deliver)
        return;
    feed_source_close(&deliver->source);
    arena_close(&deliver->arena);
    arena_close(&deliver->scratch);
    for (uint32_t i = 0; i < WHOSE_ALL; i++)
        free(deliver->sound[i]);
    free(deliver->said);
    roles_close(deliver->roles);
    free(deliver);
}

int deliver_no_shard(uint32_t shard, uint32_t shards, struct error *e)
{
    return error_set(e, ERR_USAGE, "there is no shard %" PRIu32 ": there are %" PRIu32 ", from 0 on", shard,
                     shards);
}

/* --- what happens to shards --- */

void deliver_committed(struct deliver *deliver, uint32_t shard, uint64_t last)
{
    roles_committed(deliver->roles, shard, last);
}

void deliver_lease(struct deliver *deliver, int64_t until_ms)
{
    atomic_store(&deliver->lease_ms, until_ms);
}

static void forget(struct deliver *deliver, uint32_t shard)
{
    feed_source_forget(&deliver->source, shard);
    deliver->said[shard] = 0;
    for (uint32_t i = 0; i < WHOSE_ALL; i++)
        deliver->sound[i][shard] = (struct position){0};
}

/* All that is committed when the shard begins may have been served by somebody before. What is committed
 * meanwhile isn't missed: it is looked for once more. */
int deliver_order(struct deliver *deliver, const struct shard_order *order, const struct cluster_peer *peers,
                  uint32_t peer_count, struct error *e)
{
    struct shard_order meant = *order;
    uint64_t head = 0;
    int r = 0;
    if (roles_differs(deliver->roles, order)) {
        forget(deliver, order->shard);
        if (order->role == ROLE_OWNER || order->role == ROLE_SEALED)
            r = feed_source_head(&deliver->source, order->shard, &head, e);
    }
    if (r)
        meant.role = ROLE_NONE;
    roles_order(deliver->roles, &meant, head, peers, peer_count);
    if (!r && deliver_has(deliver, order->shard))
        r = learn_head(deliver, order->shard, e);
    return r;
}

uint64_t deliver_report(struct deliver *deliver, uint32_t shard, uint32_t *held, uint32_t *behind,
                        bool *risen)
{
    return roles_report(deliver->roles, shard, held, behind, risen);
}

uint64_t deliver_mark(const struct deliver *deliver, uint32_t shard)
{
    return roles_served(deliver->roles, shard);
}

bool deliver_has(const struct deliver *deliver, uint32_t shard)
{
    return roles_has(deliver->roles, shard);
}

bool deliver_has_risen(struct deliver *deliver)
{
    bool risen = deliver->risen;
    deliver->risen = false;
    return risen;
}

/* --- what is here --- */

int deliver_heads(struct deliver *deliver, bool all, struct arena *arena, struct feed_hint *out,
                  struct error *e)
{
    struct position *heads = arena_alloc(arena, deliver->folder->shards * sizeof *heads);
    int r = 0;
    *out = (struct feed_hint){.heads = heads};
    memcpy(out->feed, deliver->folder->feed, sizeof out->feed);
    for (uint32_t i = 0; i < deliver->folder->shards && !r; i++) {
        struct position *head = &heads[out->head_count];
        *head = (struct position){.shard = i, .seq = roles_served(deliver->roles, i)};
        if (!deliver_has(deliver, i) || !head->seq || (!all && head->seq == deliver->said[i]))
            continue;
        deliver->said[i] = head->seq;
        r = feed_source_epoch(&deliver->source, i, &head->epoch, e);
        out->head_count++;
    }
    return r;
}

void deliver_map(const struct deliver *deliver, struct arena *arena, struct feed_map *out)
{
    struct feed_worker *self = arena_zalloc(arena, sizeof *self);
    uint32_t *shards = arena_alloc(arena, deliver->folder->shards * sizeof *shards), count = 0;
    *out = (struct feed_map){.version = roles_version(deliver->roles), .workers = self, .worker_count = 1};
    for (uint32_t i = 0; i < deliver->folder->shards; i++)
        if (deliver_has(deliver, i))
            shards[count++] = i;
    self->address = BYTES("");
    self->all = count == deliver->folder->shards;
    if (!self->all)
        self->shards = shards, self->shard_count = count;
}

/* --- snapshots --- */

static bool is_theirs(const struct deliver *deliver, const struct feed_snapshot *demand)
{
    uint32_t worker;
    return demand->follower.data ? roles_follows(deliver->roles, demand->shard, demand->follower, &worker)
                                 : deliver_has(deliver, demand->shard);
}

int deliver_snapshot(struct deliver *deliver, struct feed_snapshot *demand, struct buffer *out,
                     struct feed_part *part, struct deliver_shown *shown, struct error *e)
{
    const struct folder *folder = deliver->folder;
    uint64_t head;
    *shown = (struct deliver_shown){.shard = demand->shard};
    if (demand->shard >= folder->shards)
        return deliver_no_shard(demand->shard, folder->shards, e);
    int r = feed_check_whose(demand->feed, folder->feed, e);
    if (!r && !is_theirs(deliver, demand)) {
        *part = (struct feed_part){.refusal = {.kind = REFUSAL_MOVED, .shard = demand->shard}};
        feed_part_end(out, part);
        return 0;
    }
    shown->begun = roles_begun(deliver->roles, demand->shard);
    if (!r)
        r = feed_source_head(&deliver->source, demand->shard, &head, e); /* opens it */
    if (!r)
        r = snapshot_answer(deliver->source.shards[demand->shard].store, demand, out, part, e);
    if (!r && !part->refusal.kind && !demand->follower.data)
        shown->seq = part->begin.until.seq > part->begin.seq ? part->begin.until.seq : part->begin.seq;
    return r;
}

enum deliver_when deliver_when(const struct deliver *deliver, const struct deliver_shown *shown)
{
    if (shown->seq &&
        (!deliver_has(deliver, shown->shard) || roles_begun(deliver->roles, shown->shard) != shown->begun))
        return SHOWN_NEVER;
    return shown->seq <= roles_served(deliver->roles, shown->shard) ? SHOWN_NOW : SHOWN_LATER;
}
