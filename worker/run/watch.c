/* What the store knows, held against what the configuration says: collections that nobody harvests any
 * more are unwatched, never deleted. */
#include "worker/run/internal.h"

#include <string.h>

#include "common/check.h"
#include "common/clock.h"
#include "common/sharding.h"

/* A shard's store to read, if there is such a shard; else null. */
static int read_shard(struct folder *folder, uint32_t number, struct store **store, struct error *e)
{
    *store = NULL;
    if (!folder_has(folder, number))
        return 0;
    int code = folder_store(folder, number, store, e);
    return code ? code : store_read(*store, e);
}

/* Collections are visited by their keys, so those of an account stand together: it is mostly the last one. */
static const struct config_account *
find_account(const struct roster *roster, const struct config_account *last, const struct collection_key *key)
{
    if (last && bytes_is(key->account, last->id) && bytes_is(key->provider, last->provider))
        return last;
    return roster_find(roster, key->provider, key->account);
}

/* --- splits --- */

struct check {
    const struct roster *roster;
    uint32_t shard;
    const struct config_account *last;
    const struct config_account **wrong;
    struct error *e;
};

static int check_key(void *context, uint32_t id, const struct collection_key *key)
{
    struct check *check = context;
    const struct config_account *account = find_account(check->roster, check->last, key);
    bool is_checked = account == check->last && account && account->splits == 1; /* all are in one shard */
    (void)id;
    check->last = account;
    if (!account || is_checked ||
        sharding_of(key->provider, key->account, key->region, account->splits, check->roster->shards) ==
            check->shard)
        return 0;
    *check->wrong = account;
    return error_set(
        check->e, ERR_CONFIG,
        "account %.*s/%.*s: its `splits` was another number when it was first harvested, and is fixed "
        "since: set it back",
        BYTES_ARG(key->provider), BYTES_ARG(key->account));
}

int watch_check_shard(struct folder *folder, const struct roster *roster, uint32_t number,
                      const struct config_account **wrong, struct error *e)
{
    struct check check = {.roster = roster, .shard = number, .wrong = wrong, .e = e};
    struct store *store;
    int code = read_shard(folder, number, &store, e);
    if (code || !store)
        return code;
    code = store_collection_keys_each(store, check_key, &check, e);
    store_done(store);
    return code;
}

int watch_check(struct crew *crew, struct error *e)
{
    const struct roster *roster = crew->set->is_worker ? &crew->directory.roster : &crew->roster;
    const struct config_account *wrong;
    int code = 0;
    for (uint32_t i = 0; !code && i < roster->shards; i++)
        code = watch_check_shard(crew->set->folder, roster, i, &wrong, e);
    return code;
}

/* --- regions --- */

struct known {
    struct account *account;
    struct arena *arena;
    const char **names;
    uint32_t count, cap;
};

static int add_region(void *context, const struct collection_record *record)
{
    struct known *known = context;
    struct account *a = known->account;
    const struct collection_key *key = &record->key;
    if (!key->region.data || record->unwatched_since_ms || !bytes_is(key->account, a->config->id) ||
        !bytes_is(key->provider, a->config->provider))
        return 0;
    for (uint32_t i = 0; i < known->count; i++)
        if (bytes_is(key->region, known->names[i]))
            return 0;
    if (known->count + 1 >= known->cap) {
        uint32_t cap = known->cap ? known->cap * 2 : 32;
        const char **more = arena_zalloc(known->arena, cap * sizeof *more);
        if (known->count)
            memcpy(more, known->names, known->count * sizeof *more);
        known->names = more;
        known->cap = cap;
    }
    known->names[known->count++] = arena_strdup(known->arena, key->region);
    known->names[known->count] = NULL;
    return 0;
}

static int add_regions(struct known *known, uint32_t shard, struct error *e)
{
    struct store *store;
    int code = read_shard(known->account->run->set->folder, shard, &store, e);
    if (code || !store)
        return code;
    code = store_collections_each(store, add_region, known, e);
    store_done(store);
    return code;
}

/* All of a region's collections are in one of the account's shards, so those of other threads don't
 * matter here. */
const char *const *watch_regions(struct account *a, struct arena *arena)
{
    const struct config_account *config = a->config;
    struct known known = {.account = a, .arena = arena};
    struct error e;
    int code = 0;
    known.names = arena_zalloc(arena, 2 * sizeof *known.names);
    known.cap = 2;
    for (uint32_t split = 0; !code && split < config->splits; split++) {
        uint32_t shard = sharding_of_split(bytes_of(config->provider), bytes_of(config->id), split,
                                           a->run->set->folder->shards);
        if (own_has(a->run, shard))
            code = add_regions(&known, shard, &e);
    }
    if (code)
        report_account(a, &e, "reading its last known regions", "those not read were not harvested");
    return known.names;
}

/* --- unwatched --- */

struct marks {
    struct crew *crew;
    struct shard *shard;
    struct error *e;
    roaring_bitmap_t *found; /* collections that are not watched any more */
    struct arena arena;      /* of one collection */
    const struct config_account *last;
    const struct account *home; /* of that account, as it was harvested */
    uint32_t region;            /* of that account, the last one found */
};

/* Regions stand together, and mostly in order: so the search begins where the last one ended. */
static bool has_region(struct marks *marks, const struct account *a, struct bytes region)
{
    if (!a->regions_certain)
        return true;
    for (uint32_t i = marks->region; a->regions[i]; i++)
        if (bytes_is(region, a->regions[i])) {
            marks->region = i;
            return true;
        }
    for (uint32_t i = 0; i < marks->region; i++)
        if (bytes_is(region, a->regions[i])) {
            marks->region = i;
            return true;
        }
    return false;
}

static bool is_watched(struct marks *marks, const struct collection_key *key)
{
    const struct crew *crew = marks->crew;
    const struct config_account *account = find_account(&crew->roster, marks->last, key);
    if (account != marks->last) {
        marks->region = 0;
        marks->home = account ? crew_notes(marks->crew, key->provider, key->account)->home : NULL;
    }
    marks->last = account;
    if (!account)
        return false;
    const struct account *a = marks->home;
    arena_reset(&marks->arena);
    const struct collection_def *def = provider_find(a->provider, arena_strdup(&marks->arena, key->type));
    while (def && def->scope == SCOPE_PARENT)
        def = def->parent;
    if (!def || (def->scope == SCOPE_REGION) != (key->region.data != NULL))
        return false;
    return def->scope == SCOPE_ACCOUNT || has_region(marks, a, key->region);
}

static int mark(void *context, uint32_t id, const struct collection_key *key)
{
    struct marks *marks = context;
    struct collection_record record;
    if (is_watched(marks, key))
        return 0;
    arena_reset(&marks->arena);
    int code = store_collection_by_id(marks->shard->store, id, &marks->arena, &record, marks->e);
    if (!code && !record.unwatched_since_ms)
        roaring_bitmap_add(marks->found, id);
    return code;
}

static int write_mark(struct store *store, uint32_t id, struct error *e)
{
    struct arena arena = {0};
    struct collection_record record;
    int code = store_collection_by_id(store, id, &arena, &record, e);
    if (code || record.unwatched_since_ms) { /* it is said once */
        arena_close(&arena);
        return code;
    }
    record.unwatched_since_ms = clock_wall_ms();
    struct change change = {
        .op = CHANGE_STATUS,
        .time_ms = record.unwatched_since_ms,
        .collection = id,
        .key = record.key,
        .status = {.kind = STATUS_UNWATCHED, .since_ms = record.unwatched_since_ms},
    };
    code = store_status(store, &record, &change, e);
    if (!code)
        code = store_collection_put(store, &record, e);
    arena_close(&arena);
    return code;
}

int watch_end(struct shard *shard, const roaring_bitmap_t *found, struct error *e)
{
    int code = roaring_bitmap_is_empty(found) ? 0 : store_write(shard->store, e);
    roaring_uint32_iterator_t *at = roaring_create_iterator(found);
    CHECK(at);
    for (; !code && at->has_value; roaring_advance_uint32_iterator(at))
        code = write_mark(shard->store, at->current_value, e);
    roaring_free_uint32_iterator(at);
    return code;
}

static int mark_shard(struct crew *crew, uint32_t number, struct error *e)
{
    struct marks marks = {.crew = crew, .e = e, .found = roaring_bitmap_create()};
    CHECK(marks.found);
    int code = shard_open(crew->runs[crew->roster.owner[number]], number, &marks.shard, e);
    if (!code)
        code = store_read(marks.shard->store, e);
    if (!code) {
        code = store_collection_keys_each(marks.shard->store, mark, &marks, e);
        store_done(marks.shard->store);
    }
    if (!code)
        code = watch_end(marks.shard, marks.found, e);
    roaring_bitmap_free(marks.found);
    arena_close(&marks.arena);
    if (code)
        return code;
    shard_commit(marks.shard);
    return 0;
}

int watch_mark(struct crew *crew, struct error *e)
{
    int code = 0;
    for (uint32_t i = 0; !code && i < crew->roster.shards; i++)
        if (folder_has(crew->set->folder, i))
            code = mark_shard(crew, i, e);
    return code;
}
