/* What is wanted and what is done differ until it was done. One step at a time leads from the one to the
 * other, always by way of doing nothing: so no two things are ever done with a shard at once. */
#include "worker/tenure/tenure.h"

#include <stdlib.h>
#include <string.h>

#include "common/check.h"
#include "common/sm.h"

static const struct sm_state roles[] = {
    [ROLE_NONE] = {"none", SM_TO(ROLE_OWNER) | SM_TO(ROLE_FOLLOWER)},
    [ROLE_OWNER] = {"owner", SM_TO(ROLE_NONE)},
    [ROLE_FOLLOWER] = {"follower", SM_TO(ROLE_NONE) | SM_TO(ROLE_FOLLOWER)},
};

void tenure_open(struct tenure *t, uint32_t shards, uint64_t disk)
{
    *t = (struct tenure){.disk = disk, .shards = shards};
    t->all = mem_zalloc(shards * sizeof *t->all);
    for (uint32_t i = 0; i < shards; i++)
        t->all[i].until_ms = INT64_MIN;
}

void tenure_close(struct tenure *t)
{
    free(t->all);
    *t = (struct tenure){0};
}

void tenure_copy(struct tenure *t, uint32_t shard, const struct tenure_copy *copy)
{
    CHECK(shard < t->shards);
    t->all[shard].copy = *copy;
}

/* --- orders --- */

static void want(struct tenure_shard *s, const struct shard_order *order)
{
    s->wanted = order->role;
    s->version = order->version;
    s->epoch = order->epoch;
    s->base = order->base;
    s->disk = order->disk;
    s->owner = order->owner;
    s->hasten = order->hasten;
    s->replica_count = order->replica_count;
    for (uint32_t i = 0; i < order->replica_count; i++)
        s->replicas[i] = order->replicas[i];
}

static bool needs_lease(enum cluster_role role)
{
    return role == ROLE_OWNER || role == ROLE_SEALED || role == ROLE_FOLLOWER;
}

/* The lease is a shard's: an answer renews it only for those that it says are the worker's own, or followed
 * by it. Where it is older than what is known of a shard, who gave it doesn't know whose that is. */
static void renew(struct tenure_shard *s, int64_t until_ms)
{
    if (!needs_lease(s->wanted))
        s->until_ms = INT64_MIN;
    else if (until_ms > s->until_ms)
        s->until_ms = until_ms;
}

bool tenure_orders(struct tenure *t, const struct orders *orders, int64_t sent_ms)
{
    const int64_t until_ms = sent_ms + orders->lease_ms / 10 * 7;
    uint32_t next = 0;
    if (orders->number <= t->answered)
        return false;
    t->answered = orders->number;
    for (uint32_t i = 0; i < t->shards; i++) {
        struct tenure_shard *s = &t->all[i];
        bool is_ordered = next < orders->order_count && orders->orders[next].shard == i;
        const struct shard_order *order = is_ordered ? &orders->orders[next++] : NULL;
        if (order && order->version < s->version)
            continue;
        if (order)
            want(s, order);
        else
            s->wanted = ROLE_NONE;
        renew(s, until_ms);
    }
    return true;
}

/* An epoch that has passed isn't extended, also where it isn't let go of yet. */
int64_t tenure_until(const struct tenure *t, uint32_t shard)
{
    const struct tenure_shard *s = &t->all[shard];
    bool is_past = s->role == ROLE_OWNER && s->copy.epoch != s->epoch;
    bool is_wanted = s->wanted == ROLE_OWNER || (s->wanted == ROLE_SEALED && s->role == ROLE_OWNER) ||
                     (s->wanted == ROLE_FOLLOWER && s->role == ROLE_FOLLOWER);
    return is_wanted && !is_past ? s->until_ms : INT64_MIN;
}

/* --- what is to be done --- */

/* It begins here, on this very disk, or has begun; else the copy must have come to where the epoch begins. */
static bool may_own(const struct tenure *t, const struct tenure_shard *s)
{
    if (!s->base)
        return s->copy.epoch == s->epoch ? s->copy.is_whole : s->disk == t->disk && s->copy.epoch < s->epoch;
    return s->copy.is_whole && s->copy.epoch >= s->base && s->copy.epoch <= s->epoch;
}

static bool is_new(const struct tenure_shard *s)
{
    return !s->base && s->copy.epoch != s->epoch;
}

/* As which it should act, as far as it may. */
static enum cluster_role allowed(const struct tenure *t, const struct tenure_shard *s)
{
    if (s->wanted == ROLE_OWNER)
        return may_own(t, s) ? ROLE_OWNER : ROLE_NONE;
    if (s->wanted == ROLE_SEALED)
        return s->copy.is_whole && s->copy.epoch >= s->base && s->copy.epoch ? ROLE_SEALED : ROLE_NONE;
    return s->wanted == ROLE_FOLLOWER ? ROLE_FOLLOWER : ROLE_NONE;
}

/* An owner whose epoch has passed lets go of the shard first: it begins the next one as anybody would. */
static bool is_as_allowed(const struct tenure *t, const struct tenure_shard *s)
{
    enum cluster_role role = allowed(t, s);
    if (role != s->role)
        return false;
    if (role == ROLE_OWNER)
        return s->copy.epoch == s->epoch;
    return role != ROLE_FOLLOWER || (s->followed == s->owner && s->is_hasty == s->hasten);
}

static bool next_of(const struct tenure *t, const struct tenure_shard *s, enum tenure_do *what)
{
    enum cluster_role role = allowed(t, s);
    if (s->role == ROLE_OWNER && !is_as_allowed(t, s))
        *what = TENURE_RELEASE;
    else if (s->role == ROLE_FOLLOWER && role != ROLE_FOLLOWER)
        *what = TENURE_LEAVE;
    else if (role == ROLE_FOLLOWER && !is_as_allowed(t, s))
        *what = TENURE_FOLLOW;
    else if (role == ROLE_OWNER && s->role != ROLE_OWNER)
        *what = is_new(s) && s->copy.epoch ? TENURE_DROP : TENURE_OWN;
    else if (s->wanted == ROLE_DROP && s->copy.epoch)
        *what = TENURE_DROP;
    else
        return false;
    return true;
}

uint32_t tenure_plan(const struct tenure *t, struct tenure_action *out)
{
    uint32_t count = 0;
    for (enum tenure_do wave = TENURE_RELEASE; wave <= TENURE_OWN; wave++)
        for (uint32_t i = 0; i < t->shards; i++) {
            const struct tenure_shard *s = &t->all[i];
            enum tenure_do what;
            if (!next_of(t, s, &what) || what != wave)
                continue;
            out[count++] = (struct tenure_action){.shard = i,
                                                  .what = what,
                                                  .epoch = s->epoch,
                                                  .is_new = what == TENURE_OWN && is_new(s),
                                                  .owner = s->owner,
                                                  .hasten = s->hasten};
        }
    return count;
}

static void move_role(struct tenure_shard *s, enum cluster_role role)
{
    int state = (int)s->role;
    sm_move(roles, &state, (int)role);
    s->role = role;
}

void tenure_done(struct tenure *t, const struct tenure_action *action, const struct tenure_copy *copy,
                 bool well)
{
    struct tenure_shard *s = &t->all[action->shard];
    s->copy = *copy;
    if (!well || action->what == TENURE_DROP)
        return;
    if (action->what == TENURE_OWN)
        move_role(s, ROLE_OWNER);
    else if (action->what != TENURE_FOLLOW)
        move_role(s, ROLE_NONE);
    else
        move_role(s, ROLE_FOLLOWER);
    s->followed = action->owner;
    s->is_hasty = action->hasten;
}

/* --- what is true --- */

/* To be sealed is to do nothing, and to say so: no step leads there. */
static enum cluster_role shown_role(const struct tenure *t, const struct tenure_shard *s)
{
    return s->role == ROLE_NONE && allowed(t, s) == ROLE_SEALED ? ROLE_SEALED : s->role;
}

static bool acts_as_wanted(const struct tenure *t, const struct tenure_shard *s)
{
    enum tenure_do what;
    return !next_of(t, s, &what);
}

bool tenure_report(const struct tenure *t, uint32_t shard, struct shard_report *out)
{
    const struct tenure_shard *s = &t->all[shard];
    if (!s->copy.epoch && !s->version)
        return false;
    *out = (struct shard_report){.shard = shard,
                                 .role = shown_role(t, s),
                                 .version = acts_as_wanted(t, s) ? s->version : 0,
                                 .known = s->version,
                                 .is_whole = s->copy.is_whole,
                                 .epoch = s->copy.epoch,
                                 .head = s->copy.head,
                                 .check = s->copy.check};
    return true;
}
