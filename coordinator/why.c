#include "coordinator/why.h"

#include <inttypes.h>

#include "common/units.h"

enum { STUCK_MS = 30000 /* that a move may go without getting on */ };

static const char *name_of(const struct cluster *c, uint32_t worker)
{
    return c->workers[worker].name;
}

bool why_is_served(const struct cluster *c, uint32_t shard)
{
    const struct cluster_shard *s = &c->shards[shard];
    const struct shard_report *report = cluster_report(c, s->owner, shard);
    return cluster_is_alive(c, s->owner) && report && report->epoch == s->epoch &&
           (report->role == ROLE_OWNER || report->role == ROLE_SEALED);
}

bool why_lacks_followers(const struct cluster *c, uint32_t shard)
{
    const struct cluster_shard *s = &c->shards[shard];
    uint32_t in_sync = 0;
    for (uint32_t i = 0; i < s->replica_count; i++)
        in_sync += s->replicas[i].in_sync;
    return in_sync < c->set.followers;
}

/* --- where it is to be instead, while no move has begun --- */

static bool takes(const struct cluster *c, uint32_t worker)
{
    const struct cluster_worker *w = &c->workers[worker];
    return w->disk && w->life == WORKER_ALIVE && !w->is_draining && !w->is_cordoned;
}

static bool anybody_takes(const struct cluster *c, const struct cluster_shard *s)
{
    bool is = false;
    for (uint32_t i = 0; i < c->worker_count; i++)
        is = is || (i != s->owner && takes(c, i));
    return is;
}

static bool is_pinned_elsewhere(const struct cluster_shard *s)
{
    return s->pin != CLUSTER_NOBODY && s->pin != s->owner;
}

static bool is_held_by_pin(const struct cluster *c, const struct cluster_shard *s)
{
    return s->pin != CLUSTER_NOBODY && s->pin == s->owner && c->workers[s->owner].is_draining;
}

/* It will be moved, by itself. */
static bool is_about_to_move(const struct cluster *c, const struct cluster_shard *s)
{
    if (s->phase != MOVE_NONE)
        return false;
    if (s->pin != CLUSTER_NOBODY)
        return is_pinned_elsewhere(s) && takes(c, s->pin);
    return c->workers[s->owner].is_draining && anybody_takes(c, s);
}

static void explain_about_to_move(const struct cluster *c, const struct cluster_shard *s, int64_t now_ms,
                                  struct buffer *out)
{
    char left[UNITS_TEXT_BYTES];
    if (is_pinned_elsewhere(s))
        buffer_printf(out, "It is pinned to %s: ", name_of(c, s->pin));
    else
        buffer_printf(out, "Its owner %s drains: ", name_of(c, s->owner));
    if (s->retry_ms > now_ms)
        buffer_printf(out, "its move was given up or cancelled, and is tried again in %s.",
                      units_ago(s->retry_ms - now_ms, left));
    else
        buffer_add_text(out, "it is moved in a moment.");
}

/* --- who follows it --- */

static bool follows(const struct cluster *c, uint32_t shard, uint32_t worker)
{
    return cluster_replica(&c->shards[shard], worker) != NULL;
}

static bool anybody_could_follow(const struct cluster *c, uint32_t shard)
{
    bool is = false;
    for (uint32_t i = 0; i < c->worker_count; i++)
        is = is || (i != c->shards[shard].owner && takes(c, i) && !follows(c, shard, i));
    return is;
}

/* The follower that drains, and stays since nobody could follow in its place. CLUSTER_NOBODY: none. */
static uint32_t kept_follower(const struct cluster *c, uint32_t shard)
{
    uint32_t kept = CLUSTER_NOBODY;
    for (uint32_t i = 0; i < c->worker_count; i++)
        if (c->workers[i].is_draining && follows(c, shard, i))
            kept = i;
    return anybody_could_follow(c, shard) ? CLUSTER_NOBODY : kept;
}

static void explain_replica(const struct cluster *c, uint32_t shard, uint32_t worker, int64_t now_ms,
                            struct buffer *out)
{
    const struct cluster_worker *w = &c->workers[worker];
    const struct shard_report *has = cluster_report(c, worker, shard);
    const struct shard_report *owner = cluster_report(c, c->shards[shard].owner, shard);
    const int64_t end_ms = w->since_ms + c->set.grace_ms;
    char left[UNITS_TEXT_BYTES];
    if (w->life == WORKER_ALIVE)
        buffer_printf(out, " %s copies it, and has come to %" PRIu64 " of %" PRIu64 ".", w->name,
                      has && has->is_whole ? has->head : 0, owner ? owner->head : 0);
    else if (w->life == WORKER_DEAD)
        buffer_printf(out, " %s is dead; it is waited for, for %s more, then somebody else follows.", w->name,
                      units_ago(end_ms > now_ms ? end_ms - now_ms : 0, left));
    else
        buffer_printf(out, " %s is %s.", w->name, cluster_life_name(w->life));
}

/* Who isn't in sync, and what is done about it; a move's destination is told of with the move. */
static void explain_followers(const struct cluster *c, uint32_t shard, int64_t now_ms, struct buffer *out)
{
    const struct cluster_shard *s = &c->shards[shard];
    uint32_t in_sync = 0, followers = 0;
    for (uint32_t i = 0; i < s->replica_count; i++)
        in_sync += s->replicas[i].in_sync;
    buffer_printf(out, " Followers in sync: %" PRIu32 " of %" PRIu32 ".", in_sync, c->set.followers);
    for (uint32_t i = 0; i < s->replica_count; i++) {
        if (s->phase != MOVE_NONE && s->replicas[i].worker == s->to)
            continue;
        followers++;
        if (!s->replicas[i].in_sync)
            explain_replica(c, shard, s->replicas[i].worker, now_ms, out);
    }
    if (followers < c->set.followers)
        buffer_add_text(out, anybody_could_follow(c, shard)
                                 ? " Another worker follows it in a moment."
                                 : " Nobody else can follow it: add a worker, or uncordon one.");
}

/* --- both together --- */

/* One that waits for its turn isn't; one whose turn doesn't come is. */
static bool is_move_stuck(const struct cluster *c, const struct cluster_shard *s, int64_t now_ms)
{
    if (s->phase == MOVE_QUEUED)
        return c->is_paused || !cluster_is_alive(c, s->to);
    return now_ms - s->phase_ms >= STUCK_MS;
}

bool why_is_stuck(const struct cluster *c, uint32_t shard, int64_t now_ms)
{
    const struct cluster_shard *s = &c->shards[shard];
    if (s->is_foreign || !why_is_served(c, shard))
        return true;
    if (s->phase != MOVE_NONE)
        return is_move_stuck(c, s, now_ms);
    if (is_about_to_move(c, s))
        return s->retry_ms > now_ms;
    return is_pinned_elsewhere(s) || c->workers[s->owner].is_draining || why_lacks_followers(c, shard) ||
           kept_follower(c, shard) != CLUSTER_NOBODY;
}

static void explain_rest(const struct cluster *c, uint32_t shard, int64_t now_ms, struct buffer *out)
{
    if (!why_is_served(c, shard))
        buffer_add_text(out, "It was just given to its owner, who hasn't said yet that it has it.");
    else if (c->shards[shard].retry_ms > now_ms)
        buffer_add_text(out, "It stays where it is: the last move was given up or cancelled.");
    else
        buffer_printf(out, "It is served where it is%s.",
                      why_lacks_followers(c, shard) || kept_follower(c, shard) != CLUSTER_NOBODY
                          ? ""
                          : ", and waits for nothing");
}

void why_explain(const struct cluster *c, uint32_t shard, int64_t now_ms, struct buffer *out)
{
    const struct cluster_shard *s = &c->shards[shard];
    const bool is_served = !s->is_foreign && why_is_served(c, shard), lacks = why_lacks_followers(c, shard);
    const uint32_t kept = kept_follower(c, shard);
    if (is_served && is_about_to_move(c, s))
        explain_about_to_move(c, s, now_ms, out);
    else if (is_served && s->phase == MOVE_NONE && is_held_by_pin(c, s))
        buffer_printf(out,
                      "It is pinned to %s, and so stays there, though %s drains: `garner unpin %" PRIu32 "`.",
                      name_of(c, s->pin), name_of(c, s->pin), shard);
    else if (!cluster_explain(c, shard, now_ms, out))
        explain_rest(c, shard, now_ms, out);
    if (s->owner != CLUSTER_NOBODY && !s->is_foreign && lacks)
        explain_followers(c, shard, now_ms, out);
    if (kept != CLUSTER_NOBODY)
        buffer_printf(out,
                      " %s drains, and keeps its copy: nobody else can follow in its place. Add a worker, or "
                      "uncordon one.",
                      name_of(c, kept));
}
