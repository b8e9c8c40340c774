/* Leases: who is there. A worker counts its lease from when it sent the heartbeat that was answered, and
 * stops early; the coordinator counts from when that came, and waits for all of it: so one that is called
 * dead commits nothing any more, whatever the network does.
 *
 * A worker is known by its name, its data folder by its disk. Who comes with the disk of the one before is
 * the one before, started anew: the folder's lock sees to it that there is only one. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/check.h"
#include "common/sm.h"
#include "coordinator/membership/cluster.h"

static const struct sm_state lives[] = {
    [WORKER_UNKNOWN] = {"unknown", SM_TO(WORKER_ALIVE) | SM_TO(WORKER_AWAY) | SM_TO(WORKER_DEAD)},
    [WORKER_ALIVE] = {"alive", SM_TO(WORKER_AWAY) | SM_TO(WORKER_DEAD)},
    [WORKER_AWAY] = {"away", SM_TO(WORKER_ALIVE) | SM_TO(WORKER_DEAD)},
    [WORKER_DEAD] = {"dead", SM_TO(WORKER_ALIVE) | SM_TO(WORKER_AWAY)},
};

static void move_life(struct cluster *c, struct cluster_worker *worker, enum worker_life life, int64_t now_ms)
{
    int state = (int)worker->life;
    if (worker->life == life)
        return;
    sm_move(lives, &state, (int)life);
    if (life == WORKER_ALIVE) {
        c->fills = c->fills || worker->life == WORKER_DEAD;
        c->joined_ms = now_ms;
    }
    if (!(worker->life == WORKER_AWAY && life == WORKER_DEAD)) /* it isn't there since it left */
        worker->since_ms = now_ms;
    worker->life = life;
    c->is_unspread = true;
}

const char *cluster_life_name(enum worker_life life)
{
    return lives[life].name;
}

/* --- who may come --- */

/* A data folder that nothing was stored in yet is anybody's: it is told whose it is. */
static int check_whose(const struct cluster *c, const struct heartbeat *h, const uint8_t *feed,
                       struct error *e)
{
    if (h->shards && h->shards != c->set.shards)
        return error_set(e, ERR_CONFIG,
                         "worker %.*s: its data folder was made with %" PRIu32
                         " shards, the cluster has %" PRIu32 ": give it an empty data folder",
                         BYTES_ARG(h->worker), h->shards, c->set.shards);
    if (h->feed.len && (h->feed.len != 16 || memcmp(h->feed.data, feed, 16) != 0))
        return error_set(e, ERR_CONFIG,
                         "worker %.*s: its data folder is of another cluster's feed: give it the address of "
                         "that cluster's coordinator, or an empty data folder",
                         BYTES_ARG(h->worker));
    for (uint32_t i = 0; i < h->report_count; i++)
        if (h->reports[i].shard >= c->set.shards)
            return error_set(e, ERR_BODY, "worker %.*s reports shard %" PRIu32 ", and there are %" PRIu32,
                             BYTES_ARG(h->worker), h->reports[i].shard, c->set.shards);
    return 0;
}

/* Is it of an older process with the same data folder, or older than what that one said last? */
static bool is_older(const struct cluster_worker *worker, const struct heartbeat *h)
{
    return worker->disk == h->disk &&
           (h->incarnation < worker->incarnation ||
            (h->incarnation == worker->incarnation && h->number <= worker->number));
}

static int refuse_older(const struct heartbeat *h, struct error *e)
{
    return error_set(e, ERR_BUSY,
                     "worker %.*s: its heartbeat %" PRIu64
                     " is older than one that was heard: it isn't answered",
                     BYTES_ARG(h->worker), h->number);
}

/* One that is dead may come back as somebody else: with another disk, or with an older copy of its own. What
 * its process has said comes late, and isn't true any more. */
static int check_which(const struct cluster_worker *worker, const struct heartbeat *h, struct error *e)
{
    if (worker->life == WORKER_DEAD)
        return is_older(worker, h) && h->incarnation == worker->incarnation ? refuse_older(h, e) : 0;
    if (worker->disk != h->disk)
        return error_set(e, ERR_BUSY,
                         "there is a worker %.*s already, with another data folder (%s): give this one a "
                         "name of its own, or stop that one and wait until its lease is over",
                         BYTES_ARG(h->worker), *worker->address ? worker->address : "not heard of yet");
    if (h->incarnation < worker->incarnation)
        return error_set(e, ERR_BUSY,
                         "a later process of worker %.*s has this data folder: if this one has an older copy "
                         "of it, wait until the lease of the other one is over",
                         BYTES_ARG(h->worker));
    return is_older(worker, h) ? refuse_older(h, e) : 0;
}

static uint32_t find(const struct cluster *c, struct bytes name)
{
    uint32_t number = 0;
    while (number < c->worker_count && !(c->workers[number].disk && bytes_is(name, c->workers[number].name)))
        number++;
    return number;
}

static int admit(struct cluster *c, const struct heartbeat *h, uint32_t *number, struct error *e)
{
    uint32_t count = 0;
    *number = find(c, h->worker);
    if (*number < c->worker_count)
        return check_which(&c->workers[*number], h, e);
    for (uint32_t i = 0; i < c->worker_count; i++)
        count += c->workers[i].disk != 0;
    if (count >= LIMIT_WORKERS)
        return error_set(e, ERR_LIMIT,
                         "there are %d workers, and no more are possible: `garner forget WORKER` those that "
                         "are gone for good",
                         LIMIT_WORKERS);
    *number = cluster_add_worker(c, h->worker);
    return 0;
}

/* --- what it says --- */

static void copy_text(char *to, size_t room, struct bytes from)
{
    size_t len = from.len < room ? from.len : room - 1;
    memcpy(to, from.data, len);
    to[len] = 0;
}

static void take_reports(struct cluster_worker *worker, const struct heartbeat *h)
{
    size_t bytes = h->report_count * sizeof *worker->reports;
    worker->reports = mem_resize(worker->reports, bytes ? bytes : 1);
    if (bytes)
        memcpy(worker->reports, h->reports, bytes);
    worker->report_count = h->report_count;
}

/* It goes back: what it said of its shards before, for the versions that they have now, isn't true any more.
 */
static void outdate_words(struct cluster *c, uint32_t number)
{
    for (uint32_t i = 0; i < c->set.shards; i++)
        if (c->shards[i].owner == number)
            cluster_change(c, i);
}

/* What the other disk had, this one needn't have: also where it has a copy too. */
static void strike(struct cluster *c, uint32_t number)
{
    for (uint32_t i = 0; i < c->set.shards; i++) {
        struct cluster_replica *replica = cluster_replica(&c->shards[i], number);
        if (replica && replica->in_sync) {
            cluster_change(c, i);
            replica->in_sync = false;
        }
    }
}

static void take(struct cluster *c, uint32_t number, const struct heartbeat *h)
{
    struct cluster_worker *worker = &c->workers[number];
    if (is_older(worker, h))
        outdate_words(c, number);
    if (worker->disk != h->disk) {
        cluster_change_worker(c, number)->disk = h->disk;
        strike(c, number);
    }
    if (worker->capacity != h->capacity)
        c->is_unspread = true;
    worker->incarnation = h->incarnation;
    worker->number = h->number;
    worker->capacity = h->capacity;
    worker->room = h->room;
    copy_text(worker->address, sizeof worker->address, h->address);
    copy_text(worker->program, sizeof worker->program, h->program);
    take_reports(worker, h);
}

/* The farthest that its owner was known to be at. */
static void note_head(struct cluster_shard *s, uint32_t worker, const struct shard_report *report)
{
    if (s->owner == worker && report->epoch == s->epoch && report->head > s->known_head)
        s->known_head = report->head;
}

static void step(struct cluster *c, uint32_t shard, int64_t now_ms)
{
    failover_step(c, shard, now_ms);
    replicas_step(c, shard, now_ms);
    move_step(c, shard, now_ms);
}

static void note_foreign(struct cluster *c, uint32_t shard, const struct shard_report *report, int64_t now_ms)
{
    struct cluster_shard *s = &c->shards[shard];
    uint32_t other;
    uint64_t epoch;
    if (report->epoch > s->epoch) {
        s->foreign_ms = s->is_foreign ? s->foreign_ms : now_ms;
        s->is_foreign = true;
    } else if (s->is_foreign)
        s->is_foreign = cluster_find_foreign(c, shard, &other, &epoch);
    if (s->is_foreign && c->set.adopts)
        recover_shard(c, shard, 0);
}

/* --- time --- */

/* Time has passed. Where that was much, the coordinator itself was away, and nobody could be heard meanwhile:
 * no time-out counts it. */
static void pass_time(struct cluster *c, int64_t now_ms)
{
    const int64_t away_ms = c->ticked_ms == INT64_MIN ? 0 : now_ms - c->ticked_ms;
    c->ticked_ms = now_ms;
    if (away_ms <= c->set.lease_ms / 5)
        return;
    c->begun_ms += away_ms;
    for (uint32_t i = 0; i < c->worker_count; i++) {
        struct cluster_worker *worker = &c->workers[i];
        if (worker->life == WORKER_ALIVE || worker->life == WORKER_UNKNOWN)
            worker->until_ms = now_ms + c->set.lease_ms;
        else if (worker->life == WORKER_AWAY)
            worker->until_ms += away_ms;
        else if (worker->since_ms != INT64_MIN)
            worker->since_ms += away_ms;
    }
    for (uint32_t i = 0; i < c->set.shards; i++) {
        c->shards[i].phase_ms += away_ms;
        if (c->shards[i].lost_ms != INT64_MIN)
            c->shards[i].lost_ms += away_ms;
    }
}

/* --- events --- */

int cluster_heartbeat(struct cluster *c, const struct heartbeat *h, const uint8_t *feed, int64_t now_ms,
                      uint32_t *number, struct error *e)
{
    int r = check_whose(c, h, feed, e);
    if (!r)
        r = admit(c, h, number, e);
    if (r)
        return r;
    pass_time(c, now_ms);
    struct cluster_worker *worker = &c->workers[*number];
    take(c, *number, h);
    move_life(c, worker, h->restarts ? WORKER_AWAY : WORKER_ALIVE, now_ms);
    worker->until_ms = now_ms + (h->restarts ? c->set.grace_ms : c->set.lease_ms);
    for (uint32_t i = 0; i < h->report_count; i++) {
        const uint32_t shard = h->reports[i].shard;
        note_foreign(c, shard, &worker->reports[i], now_ms);
        failover_note_later(c, shard, &worker->reports[i]);
        step(c, shard, now_ms);
        note_head(&c->shards[shard], *number, &worker->reports[i]);
    }
    return 0;
}

bool lease_is_settled(const struct cluster *c, int64_t now_ms)
{
    return c->set.adopts || now_ms - c->begun_ms >= c->set.lease_ms;
}

void lease_tick(struct cluster *c, int64_t now_ms)
{
    pass_time(c, now_ms);
    for (uint32_t i = 0; i < c->worker_count; i++)
        if (c->workers[i].disk && c->workers[i].life != WORKER_DEAD && c->workers[i].until_ms <= now_ms)
            move_life(c, &c->workers[i], WORKER_DEAD, now_ms);
}

void cluster_tick(struct cluster *c, int64_t now_ms)
{
    uint32_t worker;
    uint64_t epoch;
    lease_tick(c, now_ms);
    for (uint32_t i = 0; i < c->set.shards; i++) {
        if (c->shards[i].is_foreign) /* who had that copy may not have it any more */
            c->shards[i].is_foreign = cluster_find_foreign(c, i, &worker, &epoch);
        step(c, i, now_ms);
    }
    move_start(c, now_ms);
    spread_tick(c, now_ms);
}
