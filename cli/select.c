/* The ids of a shard's collections are gathered first, then each is visited in a transaction of its own:
 * printing a long list must not hold one open that keeps the writer from using old pages again. */
#include "cli/select.h"

#include <stdlib.h>
#include <string.h>

#include "common/check.h"
#include "worker/store/census.h"

static bool is_or_any(const char *wanted, struct bytes is)
{
    return !wanted || (is.data && bytes_is(is, wanted));
}

bool select_matches(const struct selection *selection, const struct collection_key *key)
{
    return is_or_any(selection->type, key->type) && is_or_any(selection->region, key->region) &&
           is_or_any(selection->parent, key->parent) &&
           (!selection->account || census_account_is(bytes_of(selection->account), key));
}

int select_store(struct folder *folder, uint32_t shard, struct store **store, struct error *e)
{
    *store = NULL;
    if (!folder_has(folder, shard))
        return 0;
    int r = folder_store(folder, shard, store, e);
    return r == ERR_NOT_FOUND ? 0 : r; /* just being made */
}

struct gathering {
    const struct selection *selection;
    uint32_t *ids;
    size_t count, cap;
};

static int gather(void *context, const struct collection_record *record)
{
    struct gathering *g = context;
    if (!select_matches(g->selection, &record->key))
        return 0;
    if (g->count == g->cap) {
        g->cap = g->cap ? g->cap * 2 : 64;
        g->ids = mem_resize(g->ids, g->cap * sizeof *g->ids);
    }
    g->ids[g->count++] = record->id;
    return 0;
}

static int visit_shard(struct store *store, struct gathering *g, select_visit *visit, void *context,
                       struct error *e)
{
    struct arena arena = {0};
    g->count = 0;
    int r = store_read(store, e);
    if (!r)
        r = store_collections_each(store, gather, g, e);
    store_done(store);
    for (size_t i = 0; i < g->count && !r; i++) {
        struct collection_record record;
        arena_reset(&arena);
        r = store_read(store, e);
        if (!r)
            r = store_collection_by_id(store, g->ids[i], &arena, &record, e);
        if (!r)
            r = visit(context, store, &record, e);
        else if (r == ERR_NOT_FOUND) /* gone since */
            r = 0;
        store_done(store);
    }
    arena_close(&arena);
    return r;
}

int select_each(struct folder *folder, const struct selection *selection, select_visit *visit, void *context,
                struct error *e)
{
    struct gathering g = {.selection = selection};
    int r = 0;
    for (uint32_t shard = 0; shard < folder->shards && !r; shard++) {
        struct store *store;
        r = select_store(folder, shard, &store, e);
        if (!r && store)
            r = visit_shard(store, &g, visit, context, e);
    }
    free(g.ids);
    return r;
}
