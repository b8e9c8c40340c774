/* What must hold of the coordinator's records as they are kept; and whether a change of one excuses that
 * something is lost which subscribers were given: only where the grace time was over, every copy that had it
 * is gone, or the coordinator's own state was. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/check.h"
#include "tests/sim/cluster/world.h"

struct step {
    struct world *w;
    uint32_t shard;
    const struct cluster_shard *before, *after;
    struct known_shard *known;
};

static const struct cluster_shard none = {
    .owner = CLUSTER_NOBODY, .pin = CLUSTER_NOBODY, .to = CLUSTER_NOBODY};

static const struct cluster_replica *replica_of(const struct cluster_shard *s, uint32_t worker)
{
    for (uint32_t i = 0; i < s->replica_count; i++)
        if (s->replicas[i].worker == worker)
            return &s->replicas[i];
    return NULL;
}

static bool is_in_sync(const struct cluster_shard *s, uint32_t worker)
{
    const struct cluster_replica *replica = replica_of(s, worker);
    return replica && replica->in_sync;
}

/* --- excuses --- */

static bool is_lost(const struct step *step, uint32_t worker)
{
    uint32_t node = worker == CLUSTER_NOBODY ? NO_NODE : step->w->check.node_of[worker];
    return node == NO_NODE || step->known->is_lost[node];
}

static bool has_survivor(const struct step *step)
{
    bool has = false;
    for (uint32_t i = 0; i < step->before->replica_count; i++) {
        const struct cluster_replica *replica = &step->before->replicas[i];
        has = has || (replica->in_sync && !is_lost(step, replica->worker));
    }
    return has;
}

static bool is_grace_over(const struct step *step)
{
    const struct world *w = step->w;
    const struct known_shard *known = step->known;
    int64_t since_ms = known->heard_ms < known->lost_ms ? known->heard_ms : known->lost_ms;
    if (since_ms < w->coordinator.begun_ms)
        since_ms = w->coordinator.begun_ms;
    return w->now_ms - since_ms >= GRACE_MS / 10 * 9 - w->leapt_ms;
}

static bool is_switch(const struct step *step)
{
    const struct cluster *c = &step->w->coordinator.cluster;
    const struct shard_report *from = cluster_report(c, step->before->owner, step->shard);
    return step->before->phase == MOVE_SEALING && step->after->owner == step->before->to &&
           cluster_is_alive(c, step->before->owner) && from && from->role == ROLE_SEALED;
}

static bool is_excused(const struct step *step)
{
    const struct cluster_shard *before = step->before, *after = step->after;
    bool is_carried = step->known->is_excused && step->known->begun < before->epoch;
    if (is_carried || is_switch(step) || (before->phase == MOVE_SEALING && after->owner == before->owner))
        return is_carried;
    if (after->owner != before->owner && is_in_sync(before, after->owner))
        return is_lost(step, after->owner);
    return is_grace_over(step) || (is_lost(step, before->owner) && !has_survivor(step));
}

static void note_excuse(struct step *step)
{
    if (step->after->owner == step->before->owner && step->after->epoch == step->before->epoch)
        return;
    if (step->known->is_recovered && step->after->epoch <= step->known->highest)
        check_fails(step->w, "I1",
                    "shard %" PRIu32 " is recovered in epoch %" PRIu64 ", and %" PRIu64 " was begun before",
                    step->shard, step->after->epoch, step->known->highest);
    step->known->is_excused = step->known->is_recovered || is_excused(step);
    step->known->is_recovered = false;
}

static void note_in_sync(struct step *step)
{
    struct tally *tally = step->w->tally;
    for (uint32_t i = 0; i < step->after->replica_count; i++) {
        const struct cluster_replica *replica = &step->after->replicas[i];
        if (!replica->in_sync || is_in_sync(step->before, replica->worker))
            continue;
        tally->in_sync++;
        const uint32_t node = step->w->check.node_of[replica->worker];
        const struct copy *copy = node == NO_NODE ? NULL : &step->w->all[node].disk.copies[step->shard];
        if (copy && copy->is_whole && check_common(step->known, copy) >= step->known->head)
            step->known->is_lost[node] = false; /* or it was said before its disk was lost */
    }
    for (uint32_t i = 0; i < step->before->replica_count; i++) {
        const struct cluster_replica *replica = &step->before->replicas[i];
        tally->struck += replica->in_sync && step->after->owner == step->before->owner &&
                         !is_in_sync(step->after, replica->worker);
    }
}

/* --- what may be given to whom --- */

static bool takes(const struct world *w, uint32_t worker)
{
    const struct cluster_worker *worker_record = &w->coordinator.cluster.workers[worker];
    return cluster_is_alive(&w->coordinator.cluster, worker) && !worker_record->is_cordoned &&
           !worker_record->is_draining;
}

static void check_taker(const struct step *step, uint32_t worker, const char *what)
{
    const struct world *w = step->w;
    const uint32_t pin = step->after->pin;
    if (!takes(w, worker))
        check_fails(step->w, "I5", "shard %" PRIu32 " is %s %s, who doesn't take shards now", step->shard,
                    what, w->coordinator.cluster.workers[worker].name);
    else if (pin != CLUSTER_NOBODY && pin != worker && takes(w, pin))
        check_fails(step->w, "I5", "shard %" PRIu32 " is %s %s, and is pinned to %s", step->shard, what,
                    w->coordinator.cluster.workers[worker].name, w->coordinator.cluster.workers[pin].name);
}

static void check_placed(const struct step *step)
{
    const struct cluster_shard *before = step->before, *after = step->after;
    bool is_queued = after->phase == MOVE_QUEUED && (before->phase == MOVE_NONE || before->to != after->to);
    bool is_given = before->owner == CLUSTER_NOBODY && after->owner != CLUSTER_NOBODY && !after->base;
    bool is_pinned_home = after->pin == after->owner;
    if (step->w->check.is_operated)
        return;
    if (is_given && !is_pinned_home)
        check_taker(step, after->owner, "given to");
    if (is_queued)
        check_taker(step, after->to, "to be moved to");
    for (uint32_t i = 0; i < after->replica_count; i++) {
        const uint32_t worker = after->replicas[i].worker;
        bool is_to = after->phase >= MOVE_COPYING && after->to == worker;
        if (!replica_of(before, worker) && !is_to && !takes(step->w, worker))
            check_fails(step->w, "I5",
                        "shard %" PRIu32 " is to be followed by %s, who doesn't take shards now", step->shard,
                        step->w->coordinator.cluster.workers[worker].name);
    }
}

/* --- what happened --- */

static void count_owner(const struct step *step)
{
    struct tally *tally = step->w->tally;
    const struct cluster_shard *before = step->before, *after = step->after;
    if (after->owner == CLUSTER_NOBODY)
        tally->given_up += before->owner != CLUSTER_NOBODY;
    else if (before->owner == CLUSTER_NOBODY)
        tally->begun_new++;
    else if (is_switch(step))
        tally->moves_done++;
    else if (after->owner != before->owner)
        *(is_in_sync(before, after->owner) ? &tally->promotions : &tally->desperate) += 1;
    else
        tally->went_back += before->phase != MOVE_SEALING && after->epoch > before->epoch;
}

static void count_phase(const struct step *step)
{
    struct tally *tally = step->w->tally;
    const struct cluster_shard *before = step->before, *after = step->after;
    if (before->phase == after->phase)
        return;
    tally->moves_queued += after->phase == MOVE_QUEUED;
    tally->moves_copying += after->phase == MOVE_COPYING;
    tally->moves_sealing += after->phase == MOVE_SEALING;
    if (after->phase == MOVE_SEALING || after->phase == MOVE_COPYING || is_switch(step))
        return;
    tally->aborted_queued += before->phase == MOVE_QUEUED;
    tally->aborted_copying += before->phase == MOVE_COPYING;
    tally->aborted_sealing += before->phase == MOVE_SEALING;
}

static void tell_step(const struct step *step)
{
    struct world *w = step->w;
    const struct cluster_shard *s = step->after;
    const struct cluster_worker *workers = w->coordinator.cluster.workers;
    char replicas[200];
    int len = 0;
    replicas[0] = 0;
    for (uint32_t i = 0; i < s->replica_count; i++)
        len += snprintf(replicas + len, sizeof replicas - (size_t)len, " %s%s",
                        workers[s->replicas[i].worker].name, s->replicas[i].in_sync ? "*" : "");
    TELL(w, AT_COORDINATOR,
         "shard %" PRIu32 " -> %s (epoch %" PRIu64 ", base %" PRIu64 ", version %" PRIu64
         "), followers:%s; %s%s%s",
         step->shard, s->owner == CLUSTER_NOBODY ? "nobody" : workers[s->owner].name, s->epoch, s->base,
         s->version, replicas, s->phase ? cluster_phase_name(s->phase) : "", s->phase ? " to " : "",
         s->phase ? workers[s->to].name : "");
}

/* --- all together --- */

/* Somebody was heard to have a later epoch. */
static bool is_beyond(const struct step *step)
{
    const struct cluster *c = &step->w->coordinator.cluster;
    bool is = false;
    for (uint32_t i = 0; i < c->worker_count; i++) {
        const struct shard_report *report = cluster_report(c, i, step->shard);
        is = is || (report && report->epoch > step->before->epoch);
    }
    return is;
}

static void check_step(struct step *step)
{
    const struct cluster_shard *before = step->before, *after = step->after;
    if (after->epoch < before->epoch || after->version < before->version)
        check_fails(step->w, "I1",
                    "shard %" PRIu32 ": its record goes back from epoch %" PRIu64 " to %" PRIu64, step->shard,
                    before->epoch, after->epoch);
    if (after->epoch == before->epoch && after->owner != before->owner && after->owner != CLUSTER_NOBODY)
        check_fails(step->w, "I1", "shard %" PRIu32 ": has another owner in the same epoch, %" PRIu64,
                    step->shard, before->epoch);
    if (after->owner != before->owner && !step->known->is_recovered && is_beyond(step))
        check_fails(step->w, "I1", "shard %" PRIu32 ": is given, and somebody has a later epoch of it",
                    step->shard);
    check_placed(step);
    count_owner(step);
    count_phase(step);
    note_excuse(step);
    note_in_sync(step);
}

/* All that was before is over: what is recovered begins with what it has. */
static void note_recovered(struct world *w, struct known_shard *known)
{
    if (!known->recovers)
        return;
    known->recovers = known->is_loose = false;
    known->is_recovered = known->has_parted = true;
    w->tally->recovered++;
}

void check_records(struct world *w, const struct kept *before)
{
    for (uint32_t i = 0; i < w->shards && check_is_fine(w); i++) {
        note_recovered(w, &w->check.shards[i]);
        struct step step = {.w = w,
                            .shard = i,
                            .before = before->is_there[i] ? &before->shards[i] : &none,
                            .after = &w->coordinator.kept.shards[i],
                            .known = &w->check.shards[i]};
        if (!w->coordinator.kept.is_there[i] ||
            (before->is_there[i] && step.before->version == step.after->version))
            continue;
        tell_step(&step);
        check_step(&step);
    }
}

/* --- what is lost --- */

void check_named(struct world *w, uint32_t worker, uint32_t node)
{
    if (w->check.node_of[worker] != NO_NODE && w->check.node_of[worker] != node)
        for (uint32_t i = 0; i < w->shards; i++)
            w->check.shards[i].is_lost[node] = true;
    w->check.node_of[worker] = node;
}

void check_disk_lost(struct world *w, uint32_t node, const struct disk *is)
{
    for (uint32_t i = 0; i < w->shards; i++) {
        const struct copy *had = &w->all[node].disk.copies[i], *has = &is->copies[i];
        bool is_same = has->epoch_count && copy_epoch(had) == copy_epoch(has) && had->head == has->head &&
                       had->is_whole == has->is_whole &&
                       copy_through(had, had->head) == copy_through(has, has->head);
        if (is_same || !had->epoch_count)
            continue;
        w->check.shards[i].is_lost[node] = true;
        w->check.shards[i].went_back[node] = is->number != 0;
    }
}

/* An older state doesn't know that it is one, until somebody is heard who knows of a later one. */
void check_state_lost(struct world *w, bool older)
{
    for (uint32_t i = 0; i < KEPT_WORKERS; i++)
        w->check.node_of[i] = NO_NODE;
    for (uint32_t i = 0; i < w->shards; i++) {
        w->check.shards[i].was_loose = true;
        w->check.shards[i].is_loose = w->check.shards[i].is_loose || older;
    }
}

void check_recovers(struct world *w, uint32_t shard)
{
    w->check.shards[shard].recovers = true;
}

void check_unwritten(struct world *w)
{
    for (uint32_t i = 0; i < w->shards; i++)
        w->check.shards[i].recovers = false;
}
