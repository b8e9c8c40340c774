/* What befalls shards: their log is compacted, they are backed up and restored, promoted, and moved. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/sim/feed/world.h"
#include "worker/store/tables.h"

enum { MAP_BYTES = 4 << 20 };

void worker_open(struct world *w, struct worker *worker)
{
    WORLD_OK(w, folder_open(&worker->folder, worker->path, SHARDS, MAP_BYTES, &w->e));
    memset(worker->folder.feed, 0, sizeof worker->folder.feed); /* they all serve one feed */
    for (uint32_t i = 0; i < SHARDS; i++) {
        struct store *store;
        if (!worker->has[i])
            continue;
        WORLD_OK(w, folder_store(&worker->folder, i, &store, &w->e));
        mdb_env_set_flags(store->env, MDB_NOSYNC, 1); /* no machine fails here */
    }
    WORLD_OK(w, deliver_open(&worker->folder, true, &worker->deliver, &w->e));
    for (uint32_t i = 0; i < SHARDS; i++)
        if (worker->has[i])
            follower_order(w, i, true);
}

void worker_close(struct world *w, struct worker *worker)
{
    (void)w;
    deliver_close(worker->deliver);
    worker->deliver = NULL;
    folder_close(&worker->folder);
}

static void shard_path(const struct worker *worker, uint32_t shard, char out[400])
{
    snprintf(out, 400, "%s/shards/%03" PRIu32 ".mdb", worker->path, shard);
}

/* --- retention --- */

static bool compact(struct world *w)
{
    uint32_t shard = pick(w, SHARDS), count;
    if (w->shards[shard].is_nobodys)
        return true;
    struct store *store = owner_store(w, shard);
    uint64_t oldest = store_oldest(store), kept = store_head(store) + 1 - oldest;
    if (kept == 0)
        return true;
    uint64_t most = 1 + pick(w, chance(w, 20) ? (uint32_t)kept : 1 + (uint32_t)kept / 3);
    struct store_compaction what = {.up_to = UINT64_MAX, .before_ms = INT64_MAX, .most = (uint32_t)most};
    WORLD_OK(w, store_write(store, &w->e));
    WORLD_OK(w, store_compact(store, &what, &count, &w->e));
    WORLD_OK(w, store_commit(store, &w->e));
    w->tally->compactions++;
    return world_note(w, (struct note){.kind = NOTE_COMPACTED,
                                       .shard = shard,
                                       .position = {.shard = shard, .seq = store_oldest(store)}});
}

/* --- backups, and replicas that lag --- */

void fate_copies(struct world *w, uint32_t shard, struct backup *to)
{
    struct store *store = owner_store(w, shard);
    const struct store_epoch *epochs;
    uint32_t count;
    unlink(to->path); /* some file systems wait for the disk when one is written over */
    FILE *file = fopen(to->path, "w");
    if (!file || mdb_env_copyfd(store->env, fileno(file)) || fclose(file))
        world_die(w, "a copy of a shard");
    arena_reset(&w->scratch);
    WORLD_OK(w, store_read(store, &w->e));
    WORLD_OK(w, store_epochs(store, &w->scratch, &epochs, &count, &w->e));
    store_done(store);
    to->is_there = true;
    to->shard = shard;
    to->fork = w->shards[shard].fork;
    to->epochs = count;
    to->head = store_head(store);
    to->oldest = store_oldest(store);
}

static bool back_up(struct world *w)
{
    fate_copies(w, pick(w, SHARDS), &w->backups[pick(w, BACKUPS)]);
    w->tally->backups++;
    return true;
}

static void copy_file(struct world *w, const char *from, const char *to)
{
    char block[65536];
    FILE *in = fopen(from, "r"), *out = fopen(to, "w");
    size_t len = 0;
    if (!in || !out)
        world_die(w, "copying a backup");
    while ((len = fread(block, 1, sizeof block, in)) > 0)
        if (fwrite(block, 1, len, out) != len)
            world_die(w, "copying a backup");
    fclose(in);
    if (fclose(out))
        world_die(w, "copying a backup");
}

/* As a promotion does it. The worker is opened anew afterwards. */
static bool put_epoch(struct world *w, uint32_t shard)
{
    struct store *store = owner_store(w, shard);
    char first[8];
    uint64_t epoch = w->shards[shard].epoch += 1 + pick(w, 2);
    struct key key = key_u64(epoch);
    be64_put(first, store_head(store) + 1);
    WORLD_OK(w, store_write(store, &w->e));
    WORLD_OK(w,
             table_put(store, TABLE_EPOCHS, key_bytes(&key), (struct bytes){first, sizeof first}, 0, &w->e));
    WORLD_OK(w, store_commit(store, &w->e));
    return world_note(
        w, (struct note){.kind = NOTE_PROMOTED,
                         .shard = shard,
                         .position = {.shard = shard, .epoch = epoch, .seq = store_head(store) + 1}});
}

bool fate_goes_back(struct world *w, const struct backup *backup, bool promoted)
{
    struct shard *shard = &w->shards[backup->shard];
    struct worker *worker = &w->workers[shard->worker];
    char path[400];
    shard_path(worker, backup->shard, path);
    worker_close(w, worker);
    copy_file(w, backup->path, path);
    worker_open(w, worker);
    shard->fork++;
    bool fine = world_note(w, (struct note){.kind = NOTE_FORKED,
                                            .shard = backup->shard,
                                            .from = backup->fork,
                                            .position = {.shard = backup->shard, .seq = backup->head},
                                            .last_seq = backup->oldest,
                                            .count = backup->epochs});
    if (!fine || !promoted)
        return fine;
    fine = put_epoch(w, backup->shard);
    worker_close(w, worker);
    worker_open(w, worker);
    return fine;
}

static bool restore(struct world *w, bool promoted)
{
    const struct backup *backup = &w->backups[pick(w, BACKUPS)];
    if (!backup->is_there || w->shards[backup->shard].is_nobodys)
        return true;
    if (promoted)
        w->tally->replicas++;
    else
        w->tally->restores++;
    return fate_goes_back(w, backup, promoted);
}

/* --- promotions and moves --- */

static bool promote(struct world *w)
{
    uint32_t shard = pick(w, SHARDS);
    struct worker *worker = &w->workers[w->shards[shard].worker];
    if (w->shards[shard].is_nobodys)
        return true;
    w->tally->promotions++;
    if (!put_epoch(w, shard))
        return false;
    worker_close(w, worker);
    worker_open(w, worker);
    return true;
}

static void change_map(struct world *w)
{
    for (uint32_t i = 0; i < SHARDS; i++)
        w->was_at[i] = w->shards[i].worker;
    w->map_version++;
}

/* To the other worker, which is its owner in the next epoch. */
static bool move(struct world *w)
{
    uint32_t number = pick(w, SHARDS);
    struct shard *shard = &w->shards[number];
    char from[400], to[400];
    if (w->worker_count < 2 || shard->is_nobodys)
        return true;
    uint32_t next = 1 - shard->worker;
    if (!put_epoch(w, number))
        return false;
    shard_path(&w->workers[shard->worker], number, from);
    shard_path(&w->workers[next], number, to);
    change_map(w);
    for (uint32_t i = 0; i < WORKERS; i++)
        worker_close(w, &w->workers[i]);
    if (rename(from, to))
        world_die(w, "moving a shard");
    w->workers[shard->worker].has[number] = false;
    w->workers[next].has[number] = true;
    shard->worker = next;
    for (uint32_t i = 0; i < WORKERS; i++)
        worker_open(w, &w->workers[i]);
    w->tally->moves++;
    return true;
}

/* --- shards that nobody has, and workers that are gone --- */

static bool take_away(struct world *w)
{
    uint32_t number = pick(w, SHARDS);
    struct shard *shard = &w->shards[number];
    if (shard->is_nobodys)
        return true;
    change_map(w);
    shard->is_nobodys = true;
    shard->until_ms = w->now_ms + 20 + pick(w, 300);
    w->workers[shard->worker].has[number] = false;
    follower_order(w, number, false);
    w->tally->absences++;
    return true;
}

bool fate_ends_absences(struct world *w)
{
    for (uint32_t i = 0; i < SHARDS; i++) {
        struct shard *shard = &w->shards[i];
        if (!shard->is_nobodys || (w->now_ms < shard->until_ms && !w->calm))
            continue;
        change_map(w);
        shard->is_nobodys = false;
        w->workers[shard->worker].has[i] = true;
        follower_order(w, i, true);
    }
    return true;
}

/* Its disk is found, and another one has it. */
static bool replace(struct world *w)
{
    struct worker *worker = &w->workers[pick(w, w->worker_count)];
    change_map(w);
    worker->incarnation++;
    worker_close(w, worker);
    worker_open(w, worker);
    w->tally->replaced++;
    return true;
}

static bool strike_history(struct world *w, uint32_t chosen)
{
    if (w->is_followed)
        return follower_takes_over(w);
    if (chosen < 60)
        return back_up(w);
    return restore(w, chosen < 67);
}

bool fate_strikes(struct world *w)
{
    uint32_t chosen = pick(w, 100);
    if (chosen < 42)
        return compact(w);
    if (chosen < 74)
        return strike_history(w, chosen);
    if (chosen < 82)
        return promote(w);
    if (chosen < 90)
        return move(w);
    return chosen < 96 ? take_away(w) : replace(w);
}
