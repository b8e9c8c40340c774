/* What a thread's shards know when a run begins: which collections were harvested, when last, and how it
 * went. So a restart goes on where the last run was, and what nobody asks for any more is unwatched.
 *
 * A shard is read once, from one end to the other. Children come in the order of their numbers, so perhaps
 * before their parents: they are put together when all are there. */
#include <stdlib.h>
#include <string.h>

#include "common/check.h"
#include "worker/run/internal.h"

struct loading {
    struct run *run;
    struct shard *shard;
    struct arena arena; /* of one name */
    struct watched **by_id;
    uint32_t cap;
    roaring_bitmap_t *unwatched; /* and not noted as that yet */
    bool is_gained;              /* nothing of it was read before, for no account */
};

/* The definition of a collection as the provider file has it now; null: it has none. */
static const struct collection_def *def_of(struct loading *loading, const struct account *a,
                                           const struct collection_record *record)
{
    arena_reset(&loading->arena);
    const struct collection_def *def = provider_find(a->provider,
                                                     arena_strdup(&loading->arena, record->key.type));
    const struct collection_def *root = def;
    while (root && root->scope == SCOPE_PARENT)
        root = root->parent;
    bool fits = root && (root->scope == SCOPE_REGION) == (record->key.region.data != NULL) &&
                (def->scope == SCOPE_PARENT) == (record->parent_collection != 0);
    return fits ? def : NULL;
}

static void keep(struct loading *loading, struct watched *w)
{
    if (w->id >= loading->cap) {
        uint32_t cap = loading->cap ? loading->cap : 256;
        while (cap <= w->id)
            cap *= 2;
        loading->by_id = mem_resize(loading->by_id, cap * sizeof(struct watched *));
        memset(loading->by_id + loading->cap, 0, (cap - loading->cap) * sizeof(struct watched *));
        loading->cap = cap;
    }
    loading->by_id[w->id] = w;
}

static int load_one(void *context, const struct collection_record *record)
{
    struct loading *loading = context;
    const struct run *run = loading->run;
    struct account *a = account_find(run, record->key.provider, record->key.account);
    if (a && a->has_begun && !loading->is_gained)
        return 0;
    const struct collection_def *def = a ? def_of(loading, a, record) : NULL;
    if (!def) {
        if (!record->unwatched_since_ms)
            roaring_bitmap_add(loading->unwatched, record->id);
        return 0;
    }
    struct watched *w = watched_add(a, def, account_place(a, record->key.region), record->parent_collection,
                                    record->parent_row);
    watched_remember(w, record);
    bool unfinished = !record->failures && (record->has_checkpoint || !record->listed_since_ms);
    bool is_due = unfinished || (a->is_adopted && record->failures);
    if (record->harvested_ms && !is_due) /* what was stopped half-way goes on at once */
        w->entry.began_ms = run->now_ms - (run->wall_ms - record->harvested_ms);
    w->entry.failures = record->failures < UINT16_MAX ? (uint16_t)record->failures : UINT16_MAX;
    if (record->listed_since_ms && !record->failures)
        w->good_ms = w->entry.began_ms;
    keep(loading, w);
    return 0;
}

/* A child belongs to a parent that is watched as well. One whose parent isn't there was left by a crash or an
 * edited file, and is found anew when its parent is listed. */
static void put_together(struct loading *loading)
{
    for (uint32_t id = 0; id < loading->cap; id++) {
        struct watched *w = loading->by_id[id];
        if (!w || !w->parent)
            continue;
        struct watched *parent = w->parent < loading->cap ? loading->by_id[w->parent] : NULL;
        if (parent && w->def->parent == parent->def) {
            offspring_note(parent, w);
        } else {
            loading->by_id[id] = NULL;
            watched_remove(w);
        }
    }
    for (uint32_t id = 0; id < loading->cap; id++)
        if (loading->by_id[id] && brood_has(loading->by_id[id]->def))
            offspring_update(loading->by_id[id]);
}

static int end_unwatched(struct loading *loading, struct error *e)
{
    int code = watch_end(loading->shard, loading->unwatched, e);
    if (!code && store_writing(loading->shard->store))
        shard_commit(loading->shard);
    return code;
}

static void load_shard(struct run *run, uint32_t number, bool is_gained)
{
    struct loading loading = {.run = run, .unwatched = roaring_bitmap_create(), .is_gained = is_gained};
    struct error e;
    CHECK(loading.unwatched);
    int code = shard_open(run, number, &loading.shard, &e);
    if (!code)
        code = store_read(loading.shard->store, &e);
    if (!code) {
        code = store_collections_each(loading.shard->store, load_one, &loading, &e);
        store_done(loading.shard->store);
    }
    if (!code) {
        put_together(&loading);
        code = end_unwatched(&loading, &e);
    }
    if (code && loading.shard)
        report_shard(loading.shard, &e);
    else if (code)
        report_number(run, number, &e);
    roaring_bitmap_free(loading.unwatched);
    free(loading.by_id);
    arena_close(&loading.arena);
}

void load_watched(struct run *run)
{
    struct roster *roster = &run->crew->roster;
    for (uint32_t i = 0; i < roster->shards; i++)
        if (own_has(run, i) && folder_has(run->set->folder, i)) {
            if (!run->set->is_worker)
                roster->dealt[i] = true; /* it is open here, and stays so */
            load_shard(run, i, false);
        }
}

void load_gained(struct run *run, uint32_t number)
{
    load_shard(run, number, true);
}

void load_unwatch(struct watched *w)
{
    struct shard *shard;
    struct error e;
    roaring_bitmap_t *one = roaring_bitmap_of(1, w->id);
    CHECK(one);
    int code = place_shard(w->account, w->place, &shard, &e);
    if (!code)
        code = watch_end(shard, one, &e);
    if (code)
        report_account(w->account, &e, w->def->type, "it is not noted as unwatched");
    else
        shard_after_write(shard, false);
    roaring_bitmap_free(one);
}
