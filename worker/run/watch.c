/* What the store knows, held against what the configuration says: collections that nobody harvests any
 * more are unwatched, never deleted. */
#include "worker/run/internal.h"

#include <stdlib.h>
#include <string.h>

#include "common/check.h"
#include "common/clock.h"

static struct account *account_of(struct run *run, const struct collection_key *key)
{
    for (uint32_t i = 0; i < run->account_count; i++)
        if (bytes_is(key->account, run->accounts[i].config->id) &&
            bytes_is(key->provider, run->accounts[i].config->provider))
            return &run->accounts[i];
    return NULL;
}

/* Call `visit` for every collection of every shard that there is. */
static int each_collection(struct run *run,
                           int (*visit)(void *context, const struct collection_record *record), void *context,
                           struct shard **current, struct error *e)
{
    int code = 0;
    for (uint32_t i = 0; !code && i < run->set->folder->shards; i++) {
        if (!folder_has(run->set->folder, i))
            continue;
        code = shard_open(run, i, current, e);
        if (code)
            break;
        struct store *store = (*current)->store;
        code = store_read(store, e);
        if (!code)
            code = store_collections_each(store, visit, context, e);
        store_done(store);
    }
    return code;
}

/* --- splits --- */

struct check {
    struct run *run;
    struct shard *shard;
    struct error *e;
};

static int check_shard(void *context, const struct collection_record *record)
{
    struct check *check = context;
    const struct collection_key *key = &record->key;
    struct account *a = account_of(check->run, key);
    if (!a || folder_shard_of(key->provider, key->account, key->region, a->config->splits,
                              check->run->set->folder->shards) == check->shard->number)
        return 0;
    return error_set(
        check->e, ERR_CONFIG,
        "account %.*s/%.*s: its `splits` was another number when it was first harvested, and is fixed "
        "since: set it back",
        BYTES_ARG(key->provider), BYTES_ARG(key->account));
}

int watch_check(struct run *run, struct error *e)
{
    struct check check = {.run = run, .e = e};
    return each_collection(run, check_shard, &check, &check.shard, e);
}

/* --- regions --- */

struct known {
    struct account *account;
    struct shard *shard;
    const char **names;
    uint32_t count, cap;
};

static int add_region(void *context, const struct collection_record *record)
{
    struct known *known = context;
    struct account *a = known->account;
    const struct collection_key *key = &record->key;
    if (!key->region.data || record->unwatched_since_ms || account_of(a->run, key) != a)
        return 0;
    for (uint32_t i = 0; i < known->count; i++)
        if (bytes_is(key->region, known->names[i]))
            return 0;
    if (known->count + 1 >= known->cap) {
        uint32_t cap = known->cap ? known->cap * 2 : 32;
        const char **more = arena_zalloc(&a->arena, cap * sizeof *more);
        if (known->count)
            memcpy(more, known->names, known->count * sizeof *more);
        known->names = more;
        known->cap = cap;
    }
    known->names[known->count++] = arena_strdup(&a->arena, key->region);
    known->names[known->count] = NULL;
    return 0;
}

const char *const *watch_regions(struct account *a)
{
    struct known known = {.account = a};
    struct error e;
    known.names = arena_zalloc(&a->arena, 2 * sizeof *known.names);
    known.cap = 2;
    if (each_collection(a->run, add_region, &known, &known.shard, &e))
        report_account(a, &e, "reading its last known regions", "those not read were not harvested");
    return known.names;
}

/* --- unwatched --- */

struct marks {
    struct run *run;
    struct shard *shard;
    roaring_bitmap_t *found; /* collections that are not watched any more */
};

static bool has_region(const struct account *a, struct bytes region)
{
    if (!a->regions_certain)
        return true;
    for (const char *const *name = a->regions; *name; name++)
        if (bytes_is(region, *name))
            return true;
    return false;
}

static bool is_watched(struct run *run, const struct collection_key *key)
{
    const struct account *a = account_of(run, key);
    if (!a)
        return false;
    char *type = mem_zalloc(key->type.len + 1);
    memcpy(type, key->type.data, key->type.len);
    const struct collection_def *def = provider_find(a->provider, type);
    free(type);
    while (def && def->scope == SCOPE_PARENT)
        def = def->parent;
    if (!def || (def->scope == SCOPE_REGION) != (key->region.data != NULL))
        return false;
    return def->scope == SCOPE_ACCOUNT || has_region(a, key->region);
}

static int mark(void *context, const struct collection_record *record)
{
    struct marks *marks = context;
    if (!record->unwatched_since_ms && !is_watched(marks->run, &record->key))
        roaring_bitmap_add(marks->found, record->id);
    return 0;
}

static int write_mark(struct store *store, uint32_t id, struct error *e)
{
    struct arena arena = {0};
    struct collection_record record;
    int code = store_collection_by_id(store, id, &arena, &record, e);
    if (!code) {
        record.unwatched_since_ms = clock_wall_ms();
        struct change change = {
            .op = CHANGE_STATUS,
            .time_ms = record.unwatched_since_ms,
            .collection = id,
            .key = record.key,
            .status = {.kind = STATUS_UNWATCHED, .since_ms = record.unwatched_since_ms},
        };
        code = store_status(store, &record, &change, e);
    }
    if (!code)
        code = store_collection_put(store, &record, e);
    arena_close(&arena);
    return code;
}

static int write_marks(struct shard *shard, const roaring_bitmap_t *found, struct error *e)
{
    int code = roaring_bitmap_is_empty(found) ? 0 : store_write(shard->store, e);
    roaring_uint32_iterator_t *at = roaring_create_iterator(found);
    CHECK(at);
    for (; !code && at->has_value; roaring_advance_uint32_iterator(at))
        code = write_mark(shard->store, at->current_value, e);
    roaring_free_uint32_iterator(at);
    return code;
}

static int mark_shard(struct run *run, uint32_t number, struct error *e)
{
    struct marks marks = {.run = run, .found = roaring_bitmap_create()};
    CHECK(marks.found);
    int code = shard_open(run, number, &marks.shard, e);
    if (!code)
        code = store_read(marks.shard->store, e);
    if (!code) {
        code = store_collections_each(marks.shard->store, mark, &marks, e);
        store_done(marks.shard->store);
    }
    if (!code)
        code = write_marks(marks.shard, marks.found, e);
    roaring_bitmap_free(marks.found);
    if (code)
        return code;
    shard_commit(marks.shard);
    return 0;
}

int watch_mark(struct run *run, struct error *e)
{
    int code = 0;
    for (uint32_t i = 0; !code && i < run->set->folder->shards; i++)
        if (folder_has(run->set->folder, i))
            code = mark_shard(run, i, e);
    return code;
}
