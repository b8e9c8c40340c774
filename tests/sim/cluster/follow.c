/* A follower: it asks its shard's owner for what comes behind what it has stored, which tells the owner what
 * that is. Where it is refused, it takes a snapshot: from its first part to its last, its copy isn't whole.
 */
#include <inttypes.h>

#include "common/check.h"
#include "tests/sim/cluster/world.h"

enum { PATIENCE_MS = 2000, AGAIN_MS = 400, PARTS = 3 };

static void later(struct world *w, uint32_t node, uint32_t shard, int64_t after_ms)
{
    w->all[node].following[shard].due_ms = w->now_ms + after_ms;
    world_later(w, after_ms,
                (struct event){.kind = EVENT_FOLLOW,
                               .place = AT_NODES + node,
                               .shard = shard,
                               .process = w->places[AT_NODES + node].process});
}

void follow_begin(struct world *w, uint32_t node, uint32_t shard, uint32_t owner)
{
    struct following *f = &w->all[node].following[shard];
    if (!f->is_on || f->owner != owner)
        *f = (struct following){.is_on = true, .owner = owner};
    TELL(w, AT_NODES + node, "shard %" PRIu32 ": follows %d", shard, (int)owner);
    later(w, node, shard, 1);
}

void follow_end(struct world *w, uint32_t node, uint32_t shard)
{
    TELL(w, AT_NODES + node, "shard %" PRIu32 ": doesn't follow it any more", shard);
    w->all[node].following[shard] = (struct following){0};
}

static void ask(struct world *w, uint32_t node, uint32_t shard, uint32_t owner_node)
{
    struct node *n = &w->all[node];
    struct following *f = &n->following[shard];
    struct message *message = message_new(w, MESSAGE_ASKED, AT_NODES + node, AT_NODES + owner_node);
    const struct copy *copy = &n->disk.copies[shard];
    if (!message)
        return;
    if (!copy->is_whole)
        f->takes = true;
    message->id = f->id = ++w->ids;
    f->asked_ms = w->now_ms;
    message->asked = (struct asked){.shard = shard,
                                    .is_snapshot = f->takes,
                                    .is_follower = true,
                                    .follower = n->self,
                                    .part = f->part,
                                    .position = f->takes ? f->begin : copy_position(copy, shard, copy->head)};
    network_send(w, message);
}

void follow_step(struct world *w, uint32_t node, uint32_t shard)
{
    struct node *n = &w->all[node];
    struct following *f = &n->following[shard];
    bool waits = f->id && w->now_ms - f->asked_ms < PATIENCE_MS;
    if (!f->is_on || n->ends || w->now_ms < f->due_ms)
        return;
    uint32_t owner_node = f->owner == CLUSTER_NOBODY ? NO_NODE : n->peer_nodes[f->owner];
    bool has_lease = w->guard == GUARD_FOLLOW_FENCE || node_now(w, node) < tenure_until(&n->tenure, shard);
    bool may_ask = !waits && has_lease && owner_node != NO_NODE && owner_node != node;
    if (may_ask)
        ask(w, node, shard, owner_node);
    later(w, node, shard, may_ask ? PATIENCE_MS : AGAIN_MS);
}

/* --- answers --- */

static void stored(struct world *w, uint32_t node, uint32_t shard)
{
    struct node *n = &w->all[node];
    struct tenure_copy copy = copy_tenure(&n->disk.copies[shard]);
    tenure_copy(&n->tenure, shard, &copy);
}

static void begin_anew(struct following *f)
{
    f->takes = true;
    f->part = 0;
    f->begin = (struct position){0};
}

static void refused(struct world *w, uint32_t node, const struct answer *answer)
{
    struct following *f = &w->all[node].following[answer->shard];
    TELL(w, AT_NODES + node, "shard %" PRIu32 ": is refused by w%" PRIu32 ": %s", answer->shard,
         answer->node + 1, refusal_name(answer->refusal.kind));
    if (answer->refusal.kind == REFUSAL_COMPACTED || answer->refusal.kind == REFUSAL_DIVERGED)
        begin_anew(f);
    else if (f->takes)
        begin_anew(f);
    later(w, node, answer->shard, AGAIN_MS);
}

static void take_part(struct world *w, uint32_t node, const struct answer *answer)
{
    struct following *f = &w->all[node].following[answer->shard];
    struct copy *copy = &w->all[node].disk.copies[answer->shard];
    if (!answer->part) {
        f->begin = answer->position;
        f->begin.shard = answer->shard;
        if (!copy->epoch_count)
            copy_begin(copy, answer->position.epoch ? answer->position.epoch : 1);
        copy->is_whole = false;
    }
    f->part = answer->part + 1;
    if (f->part == PARTS) {
        copy_assign(copy, answer->copy);
        copy->is_whole = true;
        f->takes = false;
        f->part = 0;
        w->tally->snapshots++;
        TELL(w, AT_NODES + node,
             "shard %" PRIu32 ": has taken a snapshot, up to %" PRIu64 " (epoch %" PRIu64 ")", answer->shard,
             copy->head, copy_epoch(copy));
    }
}

/* Changes of an epoch before the last one that was begun here: that one is of no history that goes on. */
static void take_changes(struct world *w, uint32_t node, const struct answer *answer)
{
    struct copy *copy = &w->all[node].disk.copies[answer->shard];
    if (answer->position.seq != copy->head)
        return;
    if (answer->count && answer->epochs[0] < copy_epoch(copy)) {
        begin_anew(&w->all[node].following[answer->shard]);
        return;
    }
    for (uint32_t i = 0; i < answer->count && !copy_is_full(copy); i++)
        copy_add(copy, answer->epochs[i], answer->checks[i]);
}

void follow_answered(struct world *w, uint32_t node, const struct message *message)
{
    struct node *n = &w->all[node];
    const struct answer *answer = &message->answer;
    struct following *f = &n->following[answer->shard];
    if (!f->is_on || !f->id || f->id != message->id || n->ends)
        return;
    f->id = 0;
    if (answer->refusal.kind)
        refused(w, node, answer);
    else if (n->is_full || crashes_at(w, AT_NODES + node, "before it stores what it follows"))
        return;
    else if (answer->is_snapshot)
        take_part(w, node, answer);
    else
        take_changes(w, node, answer);
    if (crashes_at(w, AT_NODES + node, "after it stored what it follows"))
        return;
    stored(w, node, answer->shard);
    if (!answer->refusal.kind)
        later(w, node, answer->shard, 1);
    worker_after(w, node);
}
