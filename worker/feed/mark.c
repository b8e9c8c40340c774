/* `served` is kept, and raised after each event as far as it may: so it never falls, whatever the followers
 * say, and whoever joins is measured against what was given and not against what might be. */
#include "worker/feed/mark.h"

#include <stdlib.h>

#include "common/sm.h"

_Static_assert(CLUSTER_REPLICAS <= 32, "a bit each");

static const struct sm_state states[] = {
    [MARK_LEARNING] = {"learning", SM_TO(MARK_HELD) | SM_TO(MARK_IN_SYNC)},
    [MARK_HELD] = {"held", SM_TO(MARK_IN_SYNC) | SM_TO(MARK_LEARNING)},
    [MARK_IN_SYNC] = {"in sync", SM_TO(MARK_LEARNING)},
};

void mark_open(struct mark *mark, uint64_t head)
{
    *mark = (struct mark){.head = head, .given = head, .frozen_for = CLUSTER_NOBODY, .rest_ms = INT64_MIN};
}

void mark_close(struct mark *mark)
{
    free(mark->followers);
    *mark = (struct mark){0};
}

static struct mark_follower *find(const struct mark *mark, uint32_t worker)
{
    for (uint32_t i = 0; i < mark->count; i++)
        if (mark->followers[i].worker == worker)
            return &mark->followers[i];
    return NULL;
}

bool mark_follows(const struct mark *mark, uint32_t worker)
{
    return find(mark, worker) != NULL;
}

uint64_t mark_served(const struct mark *mark)
{
    return mark->served;
}

/* --- who is held, and what that comes to --- */

static bool is_held(const struct mark_follower *follower)
{
    return follower->state != MARK_LEARNING;
}

/* There is nothing for it to store. */
static bool has_all(const struct mark *mark, const struct mark_follower *follower)
{
    return !mark->head || (follower->is_known && follower->acked >= mark->head);
}

static bool is_behind(const struct mark *mark, const struct mark_follower *follower, int64_t now_ms)
{
    return !has_all(mark, follower) && now_ms - follower->since_ms >= LIMIT_BEHIND_MS;
}

static void raise(struct mark *mark)
{
    uint64_t least = mark->frozen_for == CLUSTER_NOBODY ? mark->head : mark->served;
    for (uint32_t i = 0; i < mark->count; i++) {
        const struct mark_follower *follower = &mark->followers[i];
        uint64_t has = follower->is_known ? follower->acked : 0;
        if (is_held(follower) && has < least)
            least = has;
    }
    if (least > mark->served)
        mark->served = least;
    if (mark->served > mark->given)
        mark->given = mark->served;
}

static void thaw(struct mark *mark, int64_t now_ms)
{
    mark->frozen_for = CLUSTER_NOBODY;
    mark->rest_ms = now_ms + LIMIT_CATCH_UP_REST_MS;
}

/* One that learns, and could have all that was served in a moment, if that didn't get more. */
static void freeze(struct mark *mark, const struct mark_follower *follower, int64_t now_ms)
{
    if (mark->frozen_for != CLUSTER_NOBODY || now_ms < mark->rest_ms || mark->served < mark->given ||
        mark->given - follower->acked > LIMIT_CATCH_UP_CHANGES)
        return;
    mark->frozen_for = follower->worker;
    mark->frozen_ms = now_ms + LIMIT_CATCH_UP_MS;
}

/* Hold it, if it has all that was served: not only by us, who have done so since we began. */
static void learn(struct mark *mark, struct mark_follower *follower, int64_t now_ms)
{
    if (is_held(follower) || !follower->is_known)
        return;
    if (follower->acked < mark->given) {
        freeze(mark, follower, now_ms);
        return;
    }
    sm_move(states, &follower->state, MARK_HELD);
    if (mark->frozen_for == follower->worker)
        thaw(mark, now_ms);
}

void mark_tick(struct mark *mark, int64_t now_ms)
{
    if (mark->frozen_for != CLUSTER_NOBODY && now_ms >= mark->frozen_ms)
        thaw(mark, now_ms);
    raise(mark);
}

/* --- orders --- */

static void let_go(struct mark_follower *follower)
{
    sm_move(states, &follower->state, MARK_LEARNING);
    follower->is_known = false; /* it is held again when it says anew that it has all: it may be gone */
}

/* What becomes of a follower by a newer order that names it. */
static void renew(const struct mark *mark, struct mark_follower *follower, bool in_sync, int64_t now_ms)
{
    if (in_sync && follower->state != MARK_IN_SYNC)
        sm_move(states, &follower->state, MARK_IN_SYNC);
    else if (!in_sync && (follower->state == MARK_IN_SYNC ||
                          (follower->state == MARK_HELD && is_behind(mark, follower, now_ms))))
        let_go(follower);
}

void mark_order(struct mark *mark, uint64_t version, const struct replica_order *replicas, uint32_t count,
                int64_t now_ms)
{
    if (version <= mark->version)
        return;
    CHECK(count <= CLUSTER_REPLICAS);
    struct mark_follower *followers = mem_zalloc((count + 1) * sizeof *followers);
    for (uint32_t i = 0; i < count; i++) {
        const struct mark_follower *known = find(mark, replicas[i].worker);
        followers[i] = (struct mark_follower){.worker = replicas[i].worker, .since_ms = now_ms};
        if (known)
            followers[i] = *known;
        renew(mark, &followers[i], replicas[i].in_sync, now_ms);
    }
    free(mark->followers);
    mark->followers = followers;
    mark->count = count;
    mark->version = version;
    if (mark->frozen_for != CLUSTER_NOBODY && !mark_follows(mark, mark->frozen_for))
        thaw(mark, now_ms);
    mark_tick(mark, now_ms);
}

/* --- what happens --- */

void mark_committed(struct mark *mark, uint64_t head, int64_t now_ms)
{
    if (head > mark->head) {
        for (uint32_t i = 0; i < mark->count; i++)
            if (has_all(mark, &mark->followers[i]))
                mark->followers[i].since_ms = now_ms;
        mark->head = head;
    }
    mark_tick(mark, now_ms);
}

/* It may have stored what we haven't heard of yet: it reads what is committed. */
void mark_acked(struct mark *mark, uint32_t worker, uint64_t seq, int64_t now_ms)
{
    struct mark_follower *follower = find(mark, worker);
    if (!follower)
        return;
    mark_committed(mark, seq, now_ms);
    if (!follower->is_known || seq > follower->acked)
        follower->since_ms = now_ms;
    follower->is_known = true;
    follower->acked = seq;
    learn(mark, follower, now_ms);
    raise(mark);
}

uint64_t mark_report(const struct mark *mark, int64_t now_ms, uint32_t *held, uint32_t *behind)
{
    *held = *behind = 0;
    for (uint32_t i = 0; i < mark->count; i++) {
        const struct mark_follower *follower = &mark->followers[i];
        *held |= (uint32_t)is_held(follower) << i;
        *behind |= (uint32_t)(is_held(follower) && is_behind(mark, follower, now_ms)) << i;
    }
    return mark->version;
}
