/* What is kept, and how: each record that has changed is written with the revision that it had, many at a
 * time. Which ones have, the records say themselves. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "common/check.h"
#include "coordinator/accounts.h"
#include "coordinator/internal.h"

/* --- writing --- */

struct keeping {
    struct state_write *writes;
    struct kept_key *keys;
    uint32_t count, room;
    struct arena arena;
};

static void add(struct keeping *k, struct kept_key key, const struct buffer *value, uint64_t revision)
{
    struct buffer text = {0};
    if (k->count == k->room) {
        k->room = k->room ? 2 * k->room : 64;
        k->writes = mem_resize(k->writes, k->room * sizeof *k->writes);
        k->keys = mem_resize(k->keys, k->room * sizeof *k->keys);
    }
    kept_key_add(&key, &text);
    k->keys[k->count] = key;
    k->writes[k->count++] = (struct state_write){arena_copy(&k->arena, buffer_bytes(&text)),
                                                 arena_copy(&k->arena, buffer_bytes(value)), revision};
    buffer_close(&text);
}

static void add_changed(struct coordinator *co, struct keeping *k)
{
    struct buffer value = {0};
    if (co->cluster.is_changed) {
        co->kept.is_paused = co->cluster.is_paused;
        co->kept.waits_recover = co->cluster.waits_recover;
        kept_cluster_pack(&co->kept, &value);
        add(k, (struct kept_key){.kind = KEPT_CLUSTER}, &value, co->cluster_revision);
    }
    for (uint32_t i = 0; i < co->cluster.worker_count; i++)
        if (co->cluster.workers[i].is_changed) {
            buffer_reset(&value);
            kept_worker_pack(&co->cluster.workers[i], &value);
            add(k, (struct kept_key){.kind = KEPT_WORKER, .number = i}, &value, co->worker_revisions[i]);
        }
    for (uint32_t i = 0; i < co->cluster.set.shards; i++)
        if (co->cluster.shards[i].is_changed) {
            buffer_reset(&value);
            kept_shard_pack(&co->cluster.shards[i], &value);
            add(k, (struct kept_key){.kind = KEPT_SHARD, .number = i}, &value, co->shard_revisions[i]);
        }
    buffer_close(&value);
}

static void note_kept(struct coordinator *co, const struct kept_key *key, uint64_t revision)
{
    switch (key->kind) {
    case KEPT_CLUSTER:
        co->cluster_revision = revision;
        co->cluster.is_changed = false;
        break;
    case KEPT_WORKER:
        co->worker_revisions[key->number] = revision;
        co->cluster.workers[key->number].is_changed = false;
        break;
    case KEPT_SHARD:
        journal_shard(&co->cluster, key->number, &co->shards[key->number]);
        co->shard_revisions[key->number] = revision;
        co->cluster.shards[key->number].is_changed = false;
        co->shards[key->number] = co->cluster.shards[key->number];
        break;
    case KEPT_ACCOUNT:
    case KEPT_UNKNOWN:
        break;
    }
}

int coordinator_keep(struct coordinator *co, struct error *e)
{
    struct keeping k = {0};
    int r = 0;
    add_changed(co, &k);
    for (uint32_t at = 0, some; !r && at < k.count; at += some) {
        uint64_t revision = 0;
        some = state_fits(k.writes + at, k.count - at);
        r = state_write(co->state, k.writes + at, some, &revision, e);
        for (uint32_t i = at; !r && i < at + some; i++)
            note_kept(co, &k.keys[i], revision);
    }
    if (k.count && !r && co->set.changed)
        co->set.changed(co->set.context);
    free(k.writes);
    free(k.keys);
    arena_close(&k.arena);
    return r;
}

static int note_account(struct coordinator *co, const struct account_edit *edit, uint64_t revision,
                        struct error *e)
{
    if (edit->packed.data)
        return accounts_put(co->accounts, edit->name, edit->packed, revision, e);
    accounts_drop(co->accounts, edit->name);
    return 0;
}

int coordinator_keep_accounts(struct coordinator *co, const struct account_edit *edits, uint32_t count,
                              struct error *e)
{
    struct arena arena = {0};
    struct state_write *writes = arena_alloc(&arena, (count + (size_t)1) * sizeof *writes);
    int r = 0;
    for (uint32_t i = 0; i < count; i++) {
        struct kept_key key = {.kind = KEPT_ACCOUNT, .account = edits[i].name};
        struct buffer text = {0};
        kept_key_add(&key, &text);
        writes[i] = (struct state_write){arena_copy(&arena, buffer_bytes(&text)), edits[i].packed,
                                         edits[i].revision};
        buffer_close(&text);
    }
    for (uint32_t at = 0, some; !r && at < count; at += some) {
        uint64_t revision = 0;
        some = state_fits(writes + at, count - at);
        r = state_write(co->state, writes + at, some, &revision, e);
        for (uint32_t i = at; !r && i < at + some; i++)
            r = note_account(co, &edits[i], revision, e);
    }
    arena_close(&arena);
    if (count && co->set.changed)
        co->set.changed(co->set.context);
    return r;
}

/* --- reading --- */

struct loading {
    struct coordinator *co;
    bool has_cluster;
    struct error *e;
};

static int take_cluster(struct loading *l, struct bytes value, uint64_t revision)
{
    struct coordinator *co = l->co;
    int r = kept_cluster_unpack(value, &co->kept, l->e);
    l->has_cluster = true;
    co->cluster_revision = revision;
    if (!r && strcmp(co->kept.name, co->set.cluster) != 0)
        r = error_set(l->e, ERR_CONFIG,
                      "%s is the state of cluster '%s', and this one is '%s': set `cluster`, or give another "
                      "`data` folder",
                      co->set.path, co->kept.name, co->set.cluster);
    if (!r && co->kept.shards != co->set.shards)
        r = error_set(l->e, ERR_CONFIG,
                      "%s is the state of a cluster of %" PRIu32 " shards, the configuration says %" PRIu32
                      ": the number is fixed at creation; set shards: %" PRIu32,
                      co->set.path, co->kept.shards, co->set.shards, co->kept.shards);
    co->cluster.is_paused = co->kept.is_paused;
    co->cluster.waits_recover = co->kept.waits_recover;
    return r;
}

static int take_shard(struct loading *l, uint32_t number, struct bytes value, uint64_t revision)
{
    struct cluster_shard shard;
    int r = kept_shard_unpack(value, number, &shard, l->e);
    if (!r && number >= l->co->set.shards)
        r = error_set(l->e, ERR_CORRUPT, "%s: there is a record of shard %" PRIu32 ", which isn't there",
                      l->co->set.path, number);
    if (r)
        return r;
    cluster_put_shard(&l->co->cluster, number, &shard);
    l->co->shards[number] = l->co->cluster.shards[number];
    l->co->shard_revisions[number] = revision;
    return 0;
}

static int take_worker(struct loading *l, uint32_t number, struct bytes value, uint64_t revision)
{
    struct cluster_worker worker;
    int r = kept_worker_unpack(value, number, &worker, l->e);
    if (r)
        return r;
    cluster_put_worker(&l->co->cluster, number, &worker);
    l->co->worker_revisions[number] = revision;
    return 0;
}

static int take(void *context, struct bytes text, struct bytes value, uint64_t revision)
{
    struct loading *l = context;
    struct kept_key key;
    int r = kept_key_read(text, &key, l->e);
    if (r)
        return r;
    switch (key.kind) {
    case KEPT_CLUSTER:
        return take_cluster(l, value, revision);
    case KEPT_SHARD:
        return take_shard(l, key.number, value, revision);
    case KEPT_WORKER:
        return take_worker(l, key.number, value, revision);
    case KEPT_ACCOUNT:
        return accounts_put(l->co->accounts, key.account, value, revision, l->e);
    case KEPT_UNKNOWN:
        break;
    }
    return error_set(
        l->e, ERR_CORRUPT,
        "%s has a record %.*s that this Garner doesn't know: use the one that wrote it, or a newer "
        "one",
        l->co->set.path, BYTES_ARG(text));
}

/* Shards may name workers whose records were lost. */
static int check_numbers(const struct coordinator *co, struct error *e)
{
    const uint32_t count = co->cluster.worker_count;
    bool sound = true;
    for (uint32_t i = 0; i < co->set.shards; i++) {
        const struct cluster_shard *s = &co->cluster.shards[i];
        sound = sound && (s->owner == CLUSTER_NOBODY || s->owner < count) &&
                (s->pin == CLUSTER_NOBODY || s->pin < count) && (s->to == CLUSTER_NOBODY || s->to < count);
        for (uint32_t j = 0; j < s->replica_count; j++)
            sound = sound && s->replicas[j].worker < count;
        if (!sound)
            return error_set(e, ERR_CORRUPT,
                             "%s: shard %" PRIu32 " names a worker that isn't there: restore the file from a "
                             "backup, or begin with none and `garner recover`",
                             co->set.path, i);
    }
    return 0;
}

/* The one who has all may not have what others have. */
static int check_sole(const struct coordinator *co, struct error *e)
{
    for (uint32_t i = 0; co->set.sole && i < co->cluster.worker_count; i++) {
        const struct cluster_worker *w = &co->cluster.workers[i];
        if (w->disk && strcmp(w->name, co->set.sole) != 0)
            return error_set(e, ERR_CONFIG,
                             "%s is the state of a cluster with a worker %s: start garner-coordinator and "
                             "garner-worker, or give another `data` folder",
                             co->set.path, w->name);
    }
    return 0;
}

static int begin(struct coordinator *co, struct error *e)
{
    struct kept_cluster *kept = &co->kept;
    size_t len = strlen(co->set.cluster);
    *kept = (struct kept_cluster){.shards = co->set.shards};
    CHECK(len < sizeof kept->name);
    memcpy(kept->name, co->set.cluster, len);
    if (co->set.feed)
        memcpy(kept->feed, co->set.feed, sizeof kept->feed);
    co->cluster.waits_recover = co->set.feed && !co->cluster.set.adopts; /* somebody has had that feed */
    if (!co->set.feed)
        CHECK(getrandom(kept->feed, sizeof kept->feed, 0) == (ssize_t)sizeof kept->feed);
    co->cluster.is_changed = true;
    return coordinator_keep(co, e);
}

/* Where one process has all, it looks for itself. */
static int keep_splits(struct coordinator *co, struct error *e)
{
    struct arena arena = {0};
    struct account_edit *edits;
    uint32_t count;
    int r = co->set.sole ? 0 : accounts_check_file(co->accounts, &arena, &edits, &count, e);
    if (!r && !co->set.sole)
        r = coordinator_keep_accounts(co, edits, count, e);
    arena_close(&arena);
    return r;
}

int coordinator_load(struct coordinator *co, struct error *e)
{
    struct loading l = {.co = co, .e = e};
    int r = state_load(co->state, take, &l, e);
    if (!r)
        r = check_numbers(co, e);
    if (!r)
        r = check_sole(co, e);
    if (!r && !l.has_cluster)
        r = begin(co, e);
    return r ? r : keep_splits(co, e);
}
