/* quarantine: what there is, and one of it, the readers tell. A list comes in parts, each a bit longer than
 * LIMIT_QUARANTINE_LISTED at most: who asks goes on behind the last item's place. */
#include <string.h>

#include "common/limits.h"
#include "worker/run/control.h"
#include "worker/serve/internal.h"

struct listing {
    const struct operator_quarantine *asked;
    struct arena *arena;
    struct operator_items *out;
    uint32_t cap;
    uint32_t shard;
    struct store *store;
    const struct collection_record *record; /* whose items are visited */
    struct error *e;
};

/* Places by shard, collection and digest. */
static bool is_behind(const struct quarantine_place *place, const struct quarantine_place *other)
{
    if (place->shard != other->shard)
        return place->shard > other->shard;
    if (place->collection != other->collection)
        return place->collection > other->collection;
    return memcmp(place->digest.bytes, other->digest.bytes, sizeof place->digest.bytes) > 0;
}

/* The array grows by doubling within the arena, which is one request's. */
static struct operator_item *add(struct listing *l)
{
    struct operator_items *out = l->out;
    if (out->count == l->cap) {
        l->cap = l->cap ? 2 * l->cap : 16;
        struct operator_item *items = arena_alloc(l->arena, l->cap * sizeof *items);
        if (out->count)
            memcpy(items, out->items, out->count * sizeof *items);
        out->items = items;
    }
    return &out->items[out->count++];
}

static int visit_item(void *context, const struct quarantined *item)
{
    struct listing *l = context;
    struct quarantine_place place = {l->shard, l->record->id, item->digest};
    if (l->asked->has_place && !is_behind(&place, &l->asked->place))
        return 0;
    struct operator_item *to = add(l);
    *to = (struct operator_item){place, serve_name(l->arena, &l->record->key), *item};
    to->item.cause = arena_strdup(l->arena, bytes_of(item->cause));
    to->item.id = item->id.data ? arena_copy(l->arena, item->id) : item->id;
    to->item.item = (struct bytes){0};
    to->item.beginning = BYTES("");
    return 0;
}

static int visit(void *context, const struct collection_record *record)
{
    struct listing *l = context;
    const struct quarantine_place *from = l->asked->has_place ? &l->asked->place : NULL;
    if (!record->quarantined || !serve_means(&l->asked->only, &record->key) ||
        (from && l->shard == from->shard && record->id < from->collection))
        return 0;
    l->out->more = l->out->count >= LIMIT_QUARANTINE_LISTED;
    if (l->out->more)
        return 0;
    l->record = record;
    return store_quarantine_each(l->store, record->id, visit_item, l, l->e);
}

static int list(struct serve *serve, struct listing *l, struct error *e)
{
    const struct quarantine_place *from = l->asked->has_place ? &l->asked->place : NULL;
    int r = 0;
    for (l->shard = from ? from->shard : 0; l->shard < serve->set.folder->shards && !r && !l->out->more;
         l->shard++) {
        r = serve_reader(serve, l->shard, &l->store, e);
        if (r || !l->store)
            continue;
        r = store_read(l->store, e);
        if (!r)
            r = store_collections_each(l->store, visit, l, e);
        store_done(l->store);
    }
    return r;
}

/* Is there anything of what is meant? */
static int check(struct serve *serve, const struct operator_which *which, struct error *e)
{
    struct census census;
    int r = serve_census(serve, which, &census, e);
    if (!r)
        r = census_check_account(&census, e);
    if (!r)
        r = census_check(&census, serve->set.folder->path, e);
    census_close(&census);
    return r;
}

static int is_there(struct serve *serve, const struct quarantine_place *place, struct store **store,
                    struct error *e)
{
    *store = NULL;
    int r = place->shard < serve->set.folder->shards ? serve_reader(serve, place->shard, store, e) : 0;
    return r || *store ? r : error_set(e, ERR_NOT_FOUND, "there is no such item in quarantine");
}

static int show(struct serve *serve, const struct quarantine_place *place, struct arena *arena,
                struct operator_items *out, struct error *e)
{
    struct operator_item *item = arena_zalloc(arena, sizeof *item);
    struct collection_record record;
    struct store *store;
    int r = is_there(serve, place, &store, e);
    if (r)
        return r;
    r = store_read(store, e);
    if (!r)
        r = store_collection_by_id(store, place->collection, arena, &record, e);
    if (!r)
        r = store_quarantine_get(store, place->collection, place->digest, arena, &item->item, e);
    if (!r) {
        item->place = *place;
        item->collection = serve_name(arena, &record.key);
        *out = (struct operator_items){.items = item, .count = 1};
    }
    store_done(store);
    return r == ERR_NOT_FOUND ? error_set(e, r, "this item isn't in quarantine any more") : r;
}

int serve_quarantine(struct serve *serve, const struct operator_quarantine *asked, struct arena *arena,
                     struct operator_reply *reply, struct error *e)
{
    struct listing l = {.asked = asked, .arena = arena, .out = &reply->quarantine, .e = e};
    if (asked->action == QUARANTINE_SHOW)
        return show(serve, &asked->place, arena, &reply->quarantine, e);
    int r = asked->has_place ? 0 : check(serve, &asked->only, e);
    return r ? r : list(serve, &l, e);
}

int serve_retry(struct serve *serve, const struct quarantine_place *place, struct arena *arena,
                struct operator_reply *reply, struct error *e)
{
    const struct control_item item = {place->shard, place->collection, place->digest};
    struct control_retried retried;
    struct store *store;
    int r = is_there(serve, place, &store, e);
    if (!r)
        r = control_retry(serve->crew, &item, arena, &retried, e);
    if (!r)
        reply->quarantine = (struct operator_items){
            .id = retried.id, .cause = retried.cause ? bytes_of(retried.cause) : (struct bytes){0}};
    return r;
}
