/* What a worker does about its orders: each action takes its time, those of different shards side by side;
 * what is on the disk changes at once, at its end. */
#include <inttypes.h>

#include "common/check.h"
#include "tests/sim/cluster/world.h"

enum { AGAIN_MS = 500 };

static int64_t takes_ms(struct world *w, enum tenure_do what)
{
    if (w->is_calm || !chance(w, 80))
        return between(w, 1, 30);
    return what == TENURE_OWN || what == TENURE_RELEASE ? between(w, 30, 3000) : between(w, 30, 500);
}

void act_plan(struct world *w, uint32_t node)
{
    struct node *n = &w->all[node];
    struct tenure_action actions[SHARDS];
    uint32_t count = n->ends ? 0 : tenure_plan(&n->tenure, actions);
    for (uint32_t i = 0; i < count; i++) {
        struct acting *acting = &n->acting[actions[i].shard];
        if (acting->is_busy)
            continue;
        *acting = (struct acting){.is_busy = true, .action = actions[i]};
        world_later(w, takes_ms(w, actions[i].what),
                    (struct event){.kind = EVENT_ACT,
                                   .place = AT_NODES + node,
                                   .shard = actions[i].shard,
                                   .process = w->places[AT_NODES + node].process});
    }
}

static bool owns(struct world *w, uint32_t node, const struct tenure_action *action)
{
    struct node *n = &w->all[node];
    struct copy *copy = &n->disk.copies[action->shard];
    if (n->is_full || node_now(w, node) >= tenure_until(&n->tenure, action->shard) ||
        copy->epoch_count == COPY_EPOCHS)
        return false;
    if (copy_epoch(copy) < action->epoch)
        copy_begin(copy, action->epoch);
    TELL(w, AT_NODES + node, "shard %" PRIu32 ": %s, at %" PRIu64 " (epoch %" PRIu64 ")", action->shard,
         action->is_new ? "begins anew" : "is its owner", copy->head, action->epoch);
    check_begins(w, node, action->shard);
    return true;
}

static bool does(struct world *w, uint32_t node, const struct tenure_action *action)
{
    struct node *n = &w->all[node];
    switch (action->what) {
    case TENURE_RELEASE:
        TELL(w, AT_NODES + node, "shard %" PRIu32 ": lets go of it", action->shard);
        return true;
    case TENURE_LEAVE:
        follow_end(w, node, action->shard);
        return true;
    case TENURE_DROP:
        TELL(w, AT_NODES + node, "shard %" PRIu32 ": drops its copy", action->shard);
        check_drops(w, node, action->shard);
        copy_drop(&n->disk.copies[action->shard]);
        w->tally->drops++;
        return true;
    case TENURE_FOLLOW:
        follow_begin(w, node, action->shard, action->owner);
        return true;
    case TENURE_OWN:
        return owns(w, node, action);
    }
    return false;
}

void act_end(struct world *w, uint32_t node, uint32_t shard)
{
    struct node *n = &w->all[node];
    const struct tenure_action action = n->acting[shard].action;
    if (n->ends || crashes_at(w, AT_NODES + node, "before an action's end"))
        return;
    bool well = does(w, node, &action);
    if (crashes_at(w, AT_NODES + node, "after an action's end"))
        return;
    struct tenure_copy copy = copy_tenure(&n->disk.copies[shard]);
    n->acting[shard].is_busy = false;
    tenure_done(&n->tenure, &action, &copy, well);
    world_later(w, well ? 0 : AGAIN_MS,
                (struct event){.kind = EVENT_PLAN,
                               .place = AT_NODES + node,
                               .process = w->places[AT_NODES + node].process});
    serve_sync(w, node);
    worker_after(w, node);
}
