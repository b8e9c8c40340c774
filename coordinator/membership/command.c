/* What operators want. A command changes records, and what comes of it comes by itself: so one that was given
 * goes on when whoever gave it is gone. */
#include <inttypes.h>
#include <stdlib.h>

#include "common/units.h"
#include "coordinator/membership/cluster.h"

int cluster_find_worker(const struct cluster *c, struct bytes name, uint32_t *number, struct error *e)
{
    for (uint32_t i = 0; i < c->worker_count; i++)
        if (c->workers[i].disk && bytes_is(name, c->workers[i].name)) {
            *number = i;
            return 0;
        }
    return error_set(e, ERR_NOT_FOUND, "there is no worker '%.*s': `garner workers` lists those there are",
                     BYTES_ARG(name));
}

static int check_shard(const struct cluster *c, uint32_t shard, struct error *e)
{
    if (shard < c->set.shards)
        return 0;
    return error_set(e, ERR_USAGE, "there is no shard %" PRIu32 ": there are %" PRIu32 ", from 0 on", shard,
                     c->set.shards);
}

/* --- a shard --- */

int cluster_move(struct cluster *c, uint32_t shard, uint32_t to, int64_t now_ms, struct error *e)
{
    int r = check_shard(c, shard, e);
    if (r)
        return r;
    const struct cluster_shard *s = &c->shards[shard];
    const struct cluster_worker *worker = &c->workers[to];
    if (s->owner == CLUSTER_NOBODY)
        return error_set(e, ERR_BUSY, "shard %" PRIu32 " is nobody's yet, so it can't be moved: %s", shard,
                         "`garner explain` says what it waits for");
    if (s->owner == to)
        return error_set(e, ERR_USAGE, "shard %" PRIu32 " is at %s already", shard, worker->name);
    if (worker->life != WORKER_ALIVE || worker->is_draining)
        return error_set(e, ERR_BUSY, "shard %" PRIu32 " can't be moved to %s: it is %s", shard, worker->name,
                         worker->is_draining ? "draining" : cluster_life_name(worker->life));
    if (s->pin != CLUSTER_NOBODY && s->pin != to)
        return error_set(e, ERR_BUSY, "shard %" PRIu32 " is pinned to %s: unpin it first", shard,
                         c->workers[s->pin].name);
    if (s->phase == MOVE_SEALING)
        return error_set(e, ERR_BUSY, "shard %" PRIu32 " is just being handed to %s: ask again in a moment",
                         shard, c->workers[s->to].name);
    if (s->phase != MOVE_NONE && s->to == to)
        return 0;
    move_end(c, shard, INT64_MIN);
    move_queue(c, shard, to, now_ms);
    return 0;
}

int cluster_cancel(struct cluster *c, uint32_t shard, int64_t now_ms, struct error *e)
{
    int r = check_shard(c, shard, e);
    if (!r && c->shards[shard].phase == MOVE_NONE)
        r = error_set(e, ERR_USAGE, "shard %" PRIu32 " isn't being moved", shard);
    if (!r)
        move_end(c, shard, now_ms + LIMIT_MOVE_AGAIN_MS);
    return r;
}

uint32_t cluster_cancel_all(struct cluster *c, int64_t now_ms)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < c->set.shards; i++)
        if (c->shards[i].phase != MOVE_NONE) {
            move_end(c, i, now_ms + LIMIT_MOVE_AGAIN_MS);
            count++;
        }
    return count;
}

int cluster_pin(struct cluster *c, uint32_t shard, uint32_t to, struct error *e)
{
    int r = check_shard(c, shard, e);
    if (!r && to == CLUSTER_NOBODY && c->shards[shard].pin == CLUSTER_NOBODY)
        r = error_set(e, ERR_USAGE, "shard %" PRIu32 " isn't pinned", shard);
    if (r || c->shards[shard].pin == to)
        return r;
    cluster_change(c, shard)->pin = to;
    c->is_unspread = true;
    return 0;
}

/* --- workers --- */

int cluster_cordon(struct cluster *c, uint32_t worker, bool is_cordoned, struct error *e)
{
    if (c->workers[worker].is_cordoned == is_cordoned)
        return error_set(e, ERR_USAGE, "%s %s", c->workers[worker].name,
                         is_cordoned ? "is cordoned already" : "isn't cordoned");
    cluster_change_worker(c, worker)->is_cordoned = is_cordoned;
    return 0;
}

static bool is_one_of(uint32_t worker, const uint32_t *workers, uint32_t count)
{
    bool is = false;
    for (uint32_t i = 0; i < count; i++)
        is = is || workers[i] == worker;
    return is;
}

static int check_drain(const struct cluster *c, const uint32_t *workers, uint32_t count, struct error *e)
{
    uint32_t staying = 0;
    uint64_t room = 0, bytes = 0;
    char needed[UNITS_TEXT_BYTES], there[UNITS_TEXT_BYTES];
    for (uint32_t i = 0; i < c->worker_count; i++) {
        const struct cluster_worker *worker = &c->workers[i];
        bool stays = worker->life == WORKER_ALIVE && !worker->is_draining && !worker->is_cordoned &&
                     !is_one_of(i, workers, count);
        staying += stays;
        room += stays ? worker->room : 0;
        for (uint32_t j = 0; is_one_of(i, workers, count) && j < worker->report_count; j++)
            bytes += c->shards[worker->reports[j].shard].owner == i ? worker->reports[j].bytes : 0;
    }
    if (!staying)
        return error_set(e, ERR_BUSY,
                         "nobody would be left who takes shards: add a worker first, or uncordon one");
    if (bytes > room)
        return error_set(e, ERR_BUSY,
                         "their shards take %s, and the disks of those who stay have %s left: add a worker "
                         "first, or give --force",
                         units_bytes(bytes, needed), units_bytes(room, there));
    return 0;
}

int cluster_drain(struct cluster *c, const uint32_t *workers, uint32_t count, bool forces, struct error *e)
{
    int r = check_drain(c, workers, count, e);
    if (r && !(forces && r == ERR_BUSY))
        return r;
    for (uint32_t i = 0; i < count; i++)
        if (!c->workers[workers[i]].is_draining)
            cluster_change_worker(c, workers[i])->is_draining = true;
    return 0;
}

/* What has begun to move away goes on moving; what hasn't stays. */
int cluster_undrain(struct cluster *c, uint32_t worker, struct error *e)
{
    if (!c->workers[worker].is_draining)
        return error_set(e, ERR_USAGE, "%s isn't draining", c->workers[worker].name);
    cluster_change_worker(c, worker)->is_draining = false;
    for (uint32_t i = 0; i < c->set.shards; i++)
        if (c->shards[i].owner == worker && c->shards[i].phase == MOVE_QUEUED)
            move_end(c, i, INT64_MIN);
    return 0;
}

int cluster_pause(struct cluster *c, bool is_paused, struct error *e)
{
    if (c->is_paused == is_paused)
        return error_set(e, ERR_USAGE, is_paused ? "moves are paused already" : "moves aren't paused");
    c->is_paused = is_paused;
    c->is_changed = true;
    return 0;
}

static bool is_named(const struct cluster_shard *s, uint32_t worker)
{
    return s->owner == worker || (s->phase != MOVE_NONE && s->to == worker);
}

int cluster_forget(struct cluster *c, uint32_t worker, struct error *e)
{
    struct cluster_worker *w = &c->workers[worker];
    if (w->life != WORKER_DEAD)
        return error_set(e, ERR_BUSY, "%s is %s: only a worker that is dead can be forgotten", w->name,
                         cluster_life_name(w->life));
    for (uint32_t i = 0; i < c->set.shards; i++)
        if (is_named(&c->shards[i], worker))
            return error_set(e, ERR_BUSY,
                             "%s still is the owner of shard %" PRIu32 ": `garner explain %" PRIu32
                             "` says what it waits for",
                             w->name, i, i);
    for (uint32_t i = 0; i < c->set.shards; i++) {
        if (c->shards[i].pin == worker)
            cluster_change(c, i)->pin = CLUSTER_NOBODY;
        if (cluster_replica(&c->shards[i], worker))
            cluster_drop_replica(cluster_change(c, i), worker);
    }
    free(w->reports);
    *w = (struct cluster_worker){.life = WORKER_DEAD, .is_changed = true};
    c->is_unspread = true;
    return 0;
}

/* Of a shard of which nobody has a copy there may be one that comes too late: it must not be taken for one of
 * the history that begins now. */
static void skip_epochs(struct cluster *c, uint64_t least)
{
    uint64_t highest = least;
    for (uint32_t i = 0; i < c->set.shards; i++)
        highest = c->shards[i].epoch > highest ? c->shards[i].epoch : highest;
    for (uint32_t i = 0; i < c->set.shards; i++)
        if (!c->shards[i].epoch) {
            if (c->shards[i].version < highest << RECOVERED_SHIFT)
                c->shards[i].version = highest << RECOVERED_SHIFT;
            cluster_change(c, i)->epoch = highest;
        }
}

/* Who owns a shard by the records harvests it until it hears that somebody has come after it: for a lease at
 * most. */
static int check_leases(const struct cluster *c, int64_t now_ms, struct error *e)
{
    for (uint32_t i = 0; i < c->set.shards; i++) {
        const struct cluster_shard *s = &c->shards[i];
        int64_t left_ms = s->foreign_ms + c->set.lease_ms - now_ms;
        if (s->is_foreign && s->owner != CLUSTER_NOBODY && left_ms > 0)
            return error_set(e, ERR_BUSY,
                             "shard %" PRIu32 ": a worker has just come with a later copy than that of %s, "
                             "which may have a lease: ask again in %" PRId64 " s",
                             i, c->workers[s->owner].name, (left_ms + 999) / 1000);
    }
    return 0;
}

int cluster_recover(struct cluster *c, int64_t now_ms, uint64_t wall_s, uint32_t *count, struct error *e)
{
    *count = 0;
    if (!lease_is_settled(c, now_ms))
        return error_set(e, ERR_BUSY,
                         "the coordinator has just begun, and somebody whom it hasn't heard yet may have a "
                         "lease: wait until all workers are there, and ask again in %" PRId64 " s",
                         (c->begun_ms + c->set.lease_ms - now_ms + 999) / 1000);
    int r = check_leases(c, now_ms, e);
    if (r)
        return r;
    for (uint32_t i = 0; i < c->set.shards; i++)
        if (c->shards[i].is_foreign) {
            recover_shard(c, i, wall_s);
            ++*count;
        }
    const bool was_waited = c->waits_recover;
    if (*count || was_waited)
        skip_epochs(c, wall_s);
    c->is_changed = c->is_changed || was_waited;
    c->waits_recover = false;
    c->is_unspread = true;
    return *count || was_waited
               ? 0
               : error_set(e, ERR_USAGE,
                           "no worker has a copy that the coordinator doesn't know of: there is nothing to "
                           "recover");
}
