/* Why a shard is where it is, and what it waits for, in words. */
#include <inttypes.h>

#include "common/units.h"
#include "coordinator/membership/cluster.h"

static const char *name(const struct cluster *c, uint32_t worker)
{
    return c->workers[worker].name;
}

static void explain_foreign(const struct cluster *c, uint32_t shard, struct buffer *out)
{
    uint32_t worker;
    uint64_t epoch;
    if (cluster_find_foreign(c, shard, &worker, &epoch))
        buffer_printf(out,
                      "%s has a copy of epoch %" PRIu64 ", and the coordinator knows of %" PRIu64
                      " only: its state was lost or is an older one. Restore it, or go on with the copies "
                      "that there are: `garner recover`.",
                      name(c, worker), epoch, c->shards[shard].epoch);
}

static bool is_any_foreign(const struct cluster *c)
{
    bool is = false;
    for (uint32_t i = 0; i < c->set.shards; i++)
        is = is || c->shards[i].is_foreign;
    return is;
}

static void explain_nobody(const struct cluster *c, uint32_t shard, int64_t now_ms, struct buffer *out)
{
    uint32_t takers = 0;
    for (uint32_t i = 0; i < c->worker_count; i++)
        takers += c->workers[i].life == WORKER_ALIVE && !c->workers[i].is_cordoned &&
                  !c->workers[i].is_draining;
    if (!takers)
        buffer_add_text(out,
                        "It is nobody's: there is no worker that takes shards. Add one, or uncordon one.");
    else if (c->waits_recover)
        buffer_add_text(out, "It is nobody's: the coordinator's state is in the place of one that was lost. "
                             "See to it that all workers with copies are there, then go on with these: "
                             "`garner recover`.");
    else if (is_any_foreign(c))
        buffer_add_text(
            out, "It is nobody's, and isn't begun anew as long as there are copies of other shards that "
                 "the coordinator doesn't know of: `garner recover`.");
    else if (!c->shards[shard].epoch && now_ms - c->joined_ms < c->set.settle_ms)
        buffer_add_text(out,
                        "It is nobody's yet: it is given to somebody once no worker has come for a moment.");
    else
        buffer_add_text(out, "It is nobody's: it is given to somebody in a moment, and begins anew there.");
}

static void explain_away(const struct cluster *c, uint32_t shard, int64_t now_ms, struct buffer *out)
{
    const struct cluster_shard *s = &c->shards[shard];
    const struct cluster_worker *owner = &c->workers[s->owner];
    char since[UNITS_TEXT_BYTES], left[UNITS_TEXT_BYTES];
    int64_t end_ms = owner->life == WORKER_DEAD ? owner->since_ms + c->set.grace_ms : owner->until_ms;
    units_ago(now_ms - owner->since_ms, since);
    units_ago(end_ms > now_ms ? end_ms - now_ms : 0, left);
    if (owner->life == WORKER_UNKNOWN)
        buffer_printf(out,
                      "Its owner %s hasn't been heard since the coordinator began; it is waited for, for %s.",
                      owner->name, left);
    else
        buffer_printf(
            out,
            "Its owner %s is %s since %s. No follower in sync is there, so it is waited for, for %s "
            "more; then the shard goes to a follower that may lack something, or begins anew.",
            owner->name, cluster_life_name(owner->life), since, left);
}

static void explain_move(const struct cluster *c, uint32_t shard, struct buffer *out)
{
    const struct cluster_shard *s = &c->shards[shard];
    const struct shard_report *to = cluster_report(c, s->to, shard);
    const struct shard_report *from = cluster_report(c, s->owner, shard);
    buffer_printf(out, "It moves from %s to %s: ", name(c, s->owner), name(c, s->to));
    if (s->phase == MOVE_QUEUED)
        buffer_printf(out,
                      c->is_paused ? "moves are paused (`garner resume`)."
                                   : "it waits for a slot (%d moves at a time, from or to a worker).",
                      CLUSTER_MOVES);
    else if (s->phase == MOVE_COPYING)
        buffer_printf(out, "%s copies it, and has come to %" PRIu64 " of %" PRIu64 ".", name(c, s->to),
                      to && to->is_whole ? to->head : 0, from ? from->head : 0);
    else
        buffer_printf(out, "it is sealed, and %s comes to have all of it.", name(c, s->to));
}

static void explain_pin(const struct cluster *c, const struct cluster_shard *s, struct buffer *out)
{
    const struct cluster_worker *pin = &c->workers[s->pin];
    if (s->pin == s->owner)
        buffer_printf(out, "It is pinned there.");
    else
        buffer_printf(out, "It is pinned to %s, which is %s.", pin->name,
                      pin->is_draining   ? "draining"
                      : pin->is_cordoned ? "cordoned"
                                         : cluster_life_name(pin->life));
}

bool cluster_explain(const struct cluster *c, uint32_t shard, int64_t now_ms, struct buffer *out)
{
    const struct cluster_shard *s = &c->shards[shard];
    size_t len = out->len;
    if (s->is_foreign)
        explain_foreign(c, shard, out);
    else if (s->owner == CLUSTER_NOBODY)
        explain_nobody(c, shard, now_ms, out);
    else if (s->lost_ms != INT64_MIN && s->doubted)
        buffer_printf(out,
                      "Its owner %s was started anew, and a follower in sync is waited for that says whether "
                      "the owner's copy is as far as it was.",
                      name(c, s->owner));
    else if (s->lost_ms != INT64_MIN)
        buffer_printf(out, "Its owner %s is there without its copy of it.", name(c, s->owner));
    else if (!cluster_is_alive(c, s->owner))
        explain_away(c, shard, now_ms, out);
    else if (s->phase != MOVE_NONE)
        explain_move(c, shard, out);
    else if (s->pin != CLUSTER_NOBODY)
        explain_pin(c, s, out);
    else if (c->workers[s->owner].is_draining)
        buffer_printf(out, "Its owner %s drains, and nobody else takes it.", name(c, s->owner));
    return out->len > len;
}
