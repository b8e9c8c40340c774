/* confirm: what is held is looked up here, by the readers; the thread that owns the shard lets it go. */
#include "common/check.h"
#include "common/clock.h"
#include "worker/run/control.h"
#include "worker/serve/internal.h"
#include "worker/store/census.h"

struct gathering {
    const struct operator_which *which;
    struct arena *arena;
    uint32_t *ids; /* of the shard */
    struct confirmed *confirmed;
    uint32_t count, cap, done; /* of these, of earlier shards */
};

/* Both arrays grow by doubling within the arena, which is one request's. */
static void make_room(struct gathering *g)
{
    if (g->count < g->cap)
        return;
    uint32_t cap = g->cap ? 2 * g->cap : 16;
    uint32_t *ids = arena_alloc(g->arena, cap * sizeof *ids);
    struct confirmed *confirmed = arena_alloc(g->arena, cap * sizeof *confirmed);
    if (g->count) {
        memcpy(ids, g->ids, g->count * sizeof *ids);
        memcpy(confirmed, g->confirmed, g->count * sizeof *confirmed);
    }
    g->ids = ids;
    g->confirmed = confirmed;
    g->cap = cap;
}

static int gather(void *context, const struct collection_record *record)
{
    struct gathering *g = context;
    const struct collection_key *key = &record->key;
    if (!record->held_since_ms || !serve_means(g->which, key))
        return 0;
    make_room(g);
    g->ids[g->count] = record->id;
    g->confirmed[g->count++] = (struct confirmed){
        .collection = serve_name(g->arena, key),
        .held = record->held_rows,
        .rows = record->rows,
        .since_ms = record->held_since_ms,
    };
    return 0;
}

static int confirm_shard(struct serve *serve, uint32_t shard, struct gathering *g, int64_t now_ms,
                         struct error *e)
{
    struct store *store;
    int r = serve_reader(serve, shard, &store, e);
    if (r || !store)
        return r;
    r = store_read(store, e);
    if (!r)
        r = store_collections_each(store, gather, g, e);
    store_done(store);
    if (!r && g->count > g->done)
        r = control_confirm(serve->crew, shard, g->ids + g->done, g->count - g->done, now_ms, e);
    g->done = g->count;
    return r;
}

int serve_confirm(struct serve *serve, const struct operator_which *which, struct arena *arena,
                  struct operator_reply *reply, struct error *e)
{
    struct gathering g = {.which = which, .arena = arena};
    struct census census;
    int64_t now_ms = clock_wall_ms();
    int r = serve_census(serve, which, &census, e);
    if (!r)
        r = census_check_account(&census, e);
    if (!r)
        r = census_check(&census, serve->set.folder->path, e);
    for (uint32_t i = 0; i < serve->set.folder->shards && !r; i++)
        r = confirm_shard(serve, i, &g, now_ms, e);
    census_close(&census);
    if (r)
        return r;
    if (!g.count)
        return error_set(e, ERR_USAGE,
                         "nothing of %.*s is held back: there is nothing to confirm (`garner receipts --type "
                         "%.*s` shows how its harvests ended)",
                         BYTES_ARG(which->type), BYTES_ARG(which->type));
    reply->confirmed = g.confirmed;
    reply->confirmed_count = g.count;
    return 0;
}
