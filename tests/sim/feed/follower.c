/* Followers: a shard has one, in the worlds that have any. It copies the owner's file, and says so, as a
 * worker does with FETCH; its coordinator writes down whether it is in sync, and only then it may be
 * promoted. */
#include "common/check.h"
#include "tests/sim/feed/world.h"
#include "worker/feed/source.h"

enum { NUMBER = 9 };

static const struct cluster_peer peer = {.number = NUMBER, .name = {"f", 1}};

void follower_order(struct world *w, uint32_t number, bool owns)
{
    struct shard *shard = &w->shards[number];
    const struct replica_order replica = {.worker = NUMBER, .in_sync = shard->follower.in_sync};
    const struct shard_order order = {.shard = number,
                                      .role = owns ? ROLE_OWNER : ROLE_NONE,
                                      .version = ++shard->version,
                                      .epoch = shard->epoch,
                                      .replicas = &replica,
                                      .replica_count = w->is_followed && w->lie != LIE_MARK};
    WORLD_OK(w, deliver_order(w->workers[shard->worker].deliver, &order, &peer, 1, &w->e));
}

/* What comes behind that the owner would give it, and the file has already. */
static void say(struct world *w, uint32_t number)
{
    const struct follower *follower = &w->shards[number].follower;
    struct feed_demand demand = {.positions = &follower->at,
                                 .count = !position_is_none(&follower->at),
                                 .shards = &number,
                                 .shard_count = 1,
                                 .follower = peer.name,
                                 .max_events = 1,
                                 .max_bytes = 1};
    struct buffer out = {0};
    enum delivered delivered;
    WORLD_OK(w,
             deliver_answer(w->workers[w->shards[number].worker].deliver, &demand, &out, &delivered, &w->e));
    buffer_close(&out);
}

static void copy(struct world *w, uint32_t number)
{
    struct follower *follower = &w->shards[number].follower;
    struct store *store = owner_store(w, number);
    fate_copies(w, number, &follower->copy);
    WORLD_OK(w, store_read(store, &w->e));
    WORLD_OK(w, feed_position_behind(store, store_head(store), &follower->at, &w->e));
    store_done(store);
}

/* The coordinator notes whom the owner holds, or strikes it. */
static void report(struct world *w, uint32_t number)
{
    struct shard *shard = &w->shards[number];
    uint32_t held, behind;
    bool risen;
    uint64_t version = deliver_report(w->workers[shard->worker].deliver, number, &held, &behind, &risen);
    bool was = shard->follower.in_sync;
    if (version == shard->version && held && w->lie != LIE_MARK)
        shard->follower.in_sync = true;
    if (w->lie == LIE_MARK)
        shard->follower.in_sync = shard->follower.copy.is_there;
    if (!w->calm && chance(w, 5))
        shard->follower.in_sync = false;
    w->tally->held += !was && shard->follower.in_sync;
    w->tally->struck += was && !shard->follower.in_sync;
    if (was != shard->follower.in_sync)
        follower_order(w, number, true);
}

bool follower_steps(struct world *w)
{
    for (uint32_t i = 0; w->is_followed && i < SHARDS; i++) {
        if (w->shards[i].is_nobodys)
            continue;
        if (w->calm || chance(w, 25))
            copy(w, i);
        if (w->shards[i].follower.copy.is_there && (w->calm || chance(w, 40)))
            say(w, i);
        if (w->calm || chance(w, 20))
            report(w, i);
    }
    return true;
}

/* The owner is gone with its disk. */
bool follower_takes_over(struct world *w)
{
    struct shard *shard = &w->shards[pick(w, SHARDS)];
    if (shard->is_nobodys || !shard->follower.in_sync)
        return true;
    const struct backup copy = shard->follower.copy;
    shard->follower.copy.is_there = shard->follower.in_sync = false;
    w->tally->failovers++;
    return fate_goes_back(w, &copy, true);
}
