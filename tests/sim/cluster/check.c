/* What must hold at every moment. The checker sees all disks and processes; what it knows of before is what
 * was begun, committed and given. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/check.h"
#include "common/hash.h"
#include "tests/sim/cluster/world.h"

void check_open(struct world *w)
{
    for (uint32_t i = 0; i < KEPT_WORKERS; i++)
        w->check.node_of[i] = NO_NODE;
}

bool check_is_fine(const struct world *w)
{
    return !*w->check.failure;
}

bool check_fails(struct world *w, const char *invariant, const char *format, ...)
{
    char text[400];
    va_list args;
    if (!check_is_fine(w))
        return false;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    snprintf(w->check.failure, sizeof w->check.failure, "%s at %" PRId64 " ms: %s", invariant, w->now_ms,
             text);
    return false;
}

/* --- after each event --- */

/* No two may commit to a shard, or start requests for it, at one time. A coordinator whose state is an older
 * one takes whom that names for the owner, until it hears of the one that has come after: for a lease at
 * most. */
static void check_alone(struct world *w, uint32_t shard)
{
    bool may_be_two = w->check.shards[shard].is_loose && w->now_ms - w->coordinator.begun_ms < LEASE_MS;
    uint32_t first = NO_NODE;
    for (uint32_t i = 0; i < NODES; i++) {
        if (!worker_may_commit(w, i, shard))
            continue;
        if (first != NO_NODE && !may_be_two)
            check_fails(w, "I6",
                        "w%" PRIu32 " and w%" PRIu32 " both are shard %" PRIu32 "'s owner, with a lease",
                        first + 1, i + 1, shard);
        first = i;
    }
}

static void check_shard(struct world *w, uint32_t shard)
{
    struct known_shard *known = &w->check.shards[shard];
    bool is_foreign = w->coordinator.cluster.shards[shard].is_foreign;
    if (is_foreign && !known->was_foreign)
        w->tally->foreign++;
    if (is_foreign && !known->was_loose)
        check_fails(w, "I1", "shard %" PRIu32 ": somebody has an epoch that the coordinator hasn't kept",
                    shard);
    known->was_foreign = is_foreign;
    if (w->coordinator.cluster.shards[shard].lost_ms == INT64_MIN)
        known->lost_ms = w->now_ms;
}

void check_event(struct world *w)
{
    for (uint32_t i = 0; i < w->shards && check_is_fine(w); i++) {
        check_alone(w, i);
        if (coordinator_is_up(w))
            check_shard(w, i);
    }
}

/* --- commits --- */

static struct known_epoch *find_epoch(struct known_shard *known, uint64_t epoch)
{
    for (uint32_t i = known->epoch_count; i-- > 0;)
        if (known->epochs[i].epoch == epoch)
            return &known->epochs[i];
    CHECK(known->epoch_count < EPOCHS_KNOWN);
    known->epochs[known->epoch_count] = (struct known_epoch){.epoch = epoch};
    return &known->epochs[known->epoch_count++];
}

static struct commit *find_commit(struct check *c, uint32_t shard, uint64_t epoch, uint64_t seq)
{
    const uint64_t hashed[] = {shard, epoch, seq};
    uint64_t key = hash64((struct bytes){(const char *)hashed, sizeof hashed}) | 1;
    uint32_t at = (uint32_t)(key >> 20) % COMMITS_KNOWN;
    while (c->commits[at].key && c->commits[at].key != key)
        at = (at + 1) % COMMITS_KNOWN;
    if (!c->commits[at].key)
        c->commit_count++;
    CHECK(c->commit_count < COMMITS_KNOWN);
    c->commits[at].key = key;
    return &c->commits[at];
}

void check_commit(struct world *w, uint32_t node, uint32_t shard)
{
    struct known_shard *known = &w->check.shards[shard];
    const struct disk *disk = &w->all[node].disk;
    const struct copy *copy = &disk->copies[shard];
    const uint64_t epoch = copy_epoch(copy), through = copy_through(copy, copy->head);
    struct known_epoch *extended = find_epoch(known, epoch);
    struct commit *commit = find_commit(&w->check, shard, epoch, copy->head);
    if (!extended->disk)
        extended->disk = disk->number;
    if (extended->disk != disk->number && !known->is_loose)
        check_fails(w, "I1",
                    "w%" PRIu32 " extends shard %" PRIu32 " in epoch %" PRIu64 ", as another one has",
                    node + 1, shard, epoch);
    if (commit->through && commit->through != through && !known->is_loose)
        check_fails(w, "I3",
                    "w%" PRIu32 " commits (%" PRIu64 ", %" PRIu64 ") to shard %" PRIu32
                    ", and it was committed before, with something else",
                    node + 1, epoch, copy->head, shard);
    if (epoch <= known->sealed && !known->is_loose)
        check_fails(w, "I4",
                    "w%" PRIu32 " commits to shard %" PRIu32 " in epoch %" PRIu64 ", and %" PRIu64
                    " was said to be sealed",
                    node + 1, shard, epoch, known->sealed);
    commit->through = through;
}

void check_sealed(struct world *w, uint32_t shard, uint64_t epoch)
{
    struct known_shard *known = &w->check.shards[shard];
    if (epoch > known->sealed)
        known->sealed = epoch;
}

/* --- owners --- */

uint64_t check_common(const struct known_shard *known, const struct copy *copy)
{
    uint64_t seq = known->head < copy->head ? known->head : copy->head;
    while (seq && known->given[seq] != copy_through(copy, seq))
        seq--;
    return seq;
}

/* An order to drop a copy: whose shard it is has begun its epoch, so that it lacks nothing. */
void check_order(struct world *w, uint32_t worker, const struct shard_order *order)
{
    const struct known_shard *known = &w->check.shards[order->shard];
    const struct cluster_shard *s = &w->coordinator.cluster.shards[order->shard];
    uint32_t node = s->owner != CLUSTER_NOBODY ? w->check.node_of[s->owner] : NO_NODE;
    if (order->role != ROLE_DROP || known->is_loose || (node != NO_NODE && known->is_lost[node]))
        return;
    if (node == NO_NODE || copy_epoch(&w->all[node].disk.copies[order->shard]) < s->epoch)
        check_fails(w, "DROP",
                    "%s is to drop shard %" PRIu32 ", and whose that is hasn't begun epoch %" PRIu64,
                    w->coordinator.cluster.workers[worker].name, order->shard, s->epoch);
}

void check_begins(struct world *w, uint32_t node, uint32_t shard)
{
    struct known_shard *known = &w->check.shards[shard];
    const struct copy *copy = &w->all[node].disk.copies[shard];
    uint64_t common = check_common(known, copy), epoch = copy_epoch(copy);
    bool is_records = epoch == w->coordinator.kept.shards[shard].epoch;
    bool is_again = epoch <= known->begun;
    bool is_excused = known->is_loose || known->is_excused;
    if (is_again && known->went_back[node] && !known->is_loose)
        check_fails(w, "I3",
                    "w%" PRIu32 " goes on with shard %" PRIu32 " in epoch %" PRIu64 " on an older disk",
                    node + 1, shard, epoch);
    if (common < known->head && !is_excused)
        check_fails(w, "I2",
                    "w%" PRIu32 " begins epoch %" PRIu64 " of shard %" PRIu32 " and has %" PRIu64
                    " of %" PRIu64 " changes that were given, without need",
                    node + 1, epoch, shard, common, known->head);
    if (is_excused)
        known->has_parted = true;
    known->head = common;
    if (epoch > known->highest)
        known->highest = epoch;
    if (!is_again) {
        known->begun = epoch;
        known->is_excused = known->is_excused && !is_records;
        known->went_back[node] = false;
    }
    known->is_lost[node] = false;
}

static bool is_elsewhere(const struct world *w, uint32_t node, uint32_t shard)
{
    const struct known_shard *known = &w->check.shards[shard];
    bool is = false;
    for (uint32_t i = 0; i < NODES; i++) {
        const struct copy *copy = &w->all[i].disk.copies[shard];
        is = is || (i != node && copy->epoch_count && copy->is_whole &&
                    copy_has(copy, known->head, known->given[known->head]));
    }
    return is;
}

void check_drops(struct world *w, uint32_t node, uint32_t shard)
{
    const struct known_shard *known = &w->check.shards[shard];
    const struct cluster_shard *s = &w->coordinator.kept.shards[shard];
    const struct copy *copy = &w->all[node].disk.copies[shard];
    bool is_owners = w->coordinator.kept.is_there[shard] && s->owner != CLUSTER_NOBODY &&
                     w->check.node_of[s->owner] == node;
    bool is_gone = s->owner != CLUSTER_NOBODY && w->check.node_of[s->owner] != NO_NODE &&
                   known->is_lost[w->check.node_of[s->owner]]; /* a moment ago */
    if (!copy->is_whole || known->is_loose || !s->base || is_gone)
        return;
    if (is_owners && copy_epoch(copy) <= s->epoch)
        check_fails(w, "DROP", "w%" PRIu32 " drops shard %" PRIu32 ", and is its owner", node + 1, shard);
    else if (copy_has(copy, known->head, known->given[known->head]) && !is_elsewhere(w, node, shard))
        check_fails(w, "DROP",
                    "w%" PRIu32 " drops the last copy of shard %" PRIu32 " that has all that was given",
                    node + 1, shard);
}

/* --- subscribers --- */

/* Who has a shard by the record, when another one gives something of it, has the same. Where histories have
 * parted, what is of an epoch before isn't of the one that goes on, nor what an earlier process gave, of a
 * disk that has gone back since. */
static bool is_had(const struct world *w, uint32_t node, uint32_t shard, uint64_t seq, uint64_t through)
{
    const struct cluster_shard *s = &w->coordinator.kept.shards[shard];
    const struct known_shard *known = &w->check.shards[shard];
    const struct copy *copy = &w->all[node].disk.copies[shard];
    uint32_t owner = s->owner != CLUSTER_NOBODY ? w->check.node_of[s->owner] : NO_NODE;
    if (known->has_parted && (copy_epoch(copy) < known->begun || !copy_has(copy, seq, through)))
        return false;
    if (!w->coordinator.kept.is_there[shard] || owner == NO_NODE || owner == node ||
        known->begun < s->epoch || known->is_lost[owner])
        return true;
    return copy_has(&w->all[owner].disk.copies[shard], seq, through);
}

void check_gives(struct world *w, uint32_t node, uint32_t shard, uint64_t seq, uint64_t through)
{
    struct known_shard *known = &w->check.shards[shard];
    bool is_known = seq <= known->head;
    bool is_same = is_known ? known->given[seq] == through : is_had(w, node, shard, seq, through);
    bool may_differ = known->has_parted || known->is_loose || known->is_lost[node];
    if (!is_same && !may_differ)
        check_fails(w, "I2",
                    "w%" PRIu32 " gives change %" PRIu64 " of shard %" PRIu32
                    ", and the history that goes on has another one there, or none",
                    node + 1, seq, shard);
    if (is_known || !is_same)
        return;
    if (seq != known->head + 1)
        return;
    known->head = seq;
    known->given[seq] = through;
}

void check_refused(struct world *w, uint32_t node, uint32_t subscriber, const struct answer *answer)
{
    const struct given *given = &w->subscribers[subscriber].shards[answer->shard];
    const struct copy *copy = &w->all[node].disk.copies[answer->shard];
    const struct known_shard *known = &w->check.shards[answer->shard];
    bool is_old = answer->position.seq != given->at.seq || answer->position.epoch != given->at.epoch ||
                  answer->position.check != given->at.check;
    if (given->id == 0 || given->needs_snapshot || is_old)
        return;
    bool is_point = copy_has(copy, given->at.seq, given->through);
    if (answer->refusal.kind == REFUSAL_DIVERGED &&
        (is_point ||
         !(known->has_parted || known->is_loose || known->is_lost[node] || known->went_back[node])))
        check_fails(w, "I2",
                    "s%" PRIu32 " is told by w%" PRIu32 " that shard %" PRIu32
                    " went another way than (%" PRIu64 ", %" PRIu64 "), and %s",
                    subscriber + 1, node + 1, answer->shard, given->at.epoch, given->at.seq,
                    is_point ? "it didn't" : "nothing was lost");
    if (answer->refusal.kind == REFUSAL_COMPACTED && given->at.seq + 1 >= copy->oldest)
        check_fails(w, "I2",
                    "s%" PRIu32 " is told that shard %" PRIu32 " is kept from %" PRIu64 " on, and is there",
                    subscriber + 1, answer->shard, copy->oldest);
}
