/* Collections below resources. A record names its parent by row, and rows are the copy's own: so they are
 * looked up by the parent's id, which is in the collection's key. When a collection's first change comes its
 * parent is as it was then. While a snapshot is not whole it isn't, since each part is of another moment:
 * so until the end a record has in place of its parent's row how many changes behind the snapshot's beginning
 * it was read. A parent that was created later is another one of that id, and what is below the one before
 * went with it.
 *
 * What is below a resource that is deleted goes with it, and no change says so, since it is empty then. The
 * rows that a transaction deletes are noted, and the collections below them are looked for once, at its end,
 * as the owner does. */
#include <stdlib.h>
#include <string.h>

#include "worker/store/copy_internal.h"

/* --- the parent's id --- */

/* A key's parent is the parent's id, or the ids from the root on: those have "/" and "%" encoded. */
static struct bytes last_of(struct bytes path)
{
    size_t from = path.len;
    while (from && path.data[from - 1] != '/')
        from--;
    return bytes_from(path, from);
}

static struct bytes decode(struct arena *arena, struct bytes part)
{
    char *text = arena_alloc(arena, part.len + 1);
    size_t len = 0;
    for (size_t i = 0; i < part.len; i++) {
        struct bytes rest = bytes_from(part, i);
        bool slash = bytes_starts(rest, "%2F"), percent = bytes_starts(rest, "%25");
        text[len++] = slash ? '/' : part.data[i];
        i += slash || percent ? 2 : 0;
    }
    return (struct bytes){text, len};
}

static struct bytes parent_id(struct arena *arena, struct bytes path, bool is_nested)
{
    return is_nested ? decode(arena, last_of(path)) : path;
}

int copy_parent_row(struct copy *copy, const struct collection_record *record, uint32_t *row, struct error *e)
{
    struct arena arena = {0};
    struct collection_record above;
    int r = record->key.parent.data ? 0 : ERR_NOT_FOUND;
    if (!r)
        r = store_collection_by_id(copy->store, record->parent_collection, &arena, &above, e);
    if (!r)
        r = store_row_find(copy->store, above.id,
                           parent_id(&arena, record->key.parent, above.key.parent.data != NULL), row, e);
    arena_close(&arena);
    return r;
}

/* --- whose parent it may be --- */

struct looking {
    struct copy *copy;
    const struct collection_key *key;
    struct arena arena;
    uint32_t found;
    struct error *e;
};

enum { FOUND = -1 }; /* no code of an error */

static bool same_scope(const struct collection_key *a, const struct collection_key *b)
{
    return bytes_equal(a->provider, b->provider) && bytes_equal(a->account, b->account) &&
           (a->region.data != NULL) == (b->region.data != NULL) &&
           (!a->region.data || bytes_equal(a->region, b->region));
}

/* One below nothing, or below the resource whose ids the path begins with. */
static bool may_be_above(const struct collection_key *above, struct bytes path)
{
    size_t len = path.len - last_of(path).len;
    return !above->parent.data || (len > 0 && bytes_equal((struct bytes){path.data, len - 1}, above->parent));
}

static int look(void *context, uint32_t id, const struct collection_key *key)
{
    struct looking *l = context;
    uint32_t row;
    if (!same_scope(key, l->key) || !may_be_above(key, l->key->parent))
        return 0;
    arena_reset(&l->arena);
    struct bytes wanted = parent_id(&l->arena, l->key->parent, key->parent.data != NULL);
    int r = store_row_find(l->copy->store, id, wanted, &row, l->e);
    if (!r)
        l->found = id;
    return r == ERR_NOT_FOUND ? 0 : r ? r : FOUND;
}

int copy_find_parent(struct copy *copy, const struct collection_key *key, uint32_t *collection,
                     struct error *e)
{
    struct looking l = {.copy = copy, .key = key, .e = e};
    int r = store_collection_keys_each(copy->store, look, &l, e);
    arena_close(&l.arena);
    *collection = l.found;
    return r == FOUND ? 0 : r;
}

/* --- what is deleted --- */

void copy_note_parent(struct copy *copy, uint32_t collection)
{
    if (copy->parents)
        roaring_bitmap_add(copy->parents, collection);
}

static int add_parent(void *context, const struct collection_record *record)
{
    struct copy *copy = context;
    if (record->parent_collection)
        copy_note_parent(copy, record->parent_collection);
    return 0;
}

/* Looked for once: most shards have none, and most deletes are elsewhere. */
static int know_parents(struct copy *copy, struct error *e)
{
    if (copy->parents)
        return 0;
    copy->parents = roaring_bitmap_create();
    CHECK(copy->parents);
    return store_collections_each(copy->store, add_parent, copy, e);
}

static roaring_bitmap_t *gone_of(struct copy *copy, uint32_t collection)
{
    for (uint32_t i = copy->gone_count; i > 0; i--)
        if (copy->gone[i - 1].collection == collection)
            return copy->gone[i - 1].rows;
    return NULL;
}

int copy_note_gone(struct copy *copy, uint32_t row, uint32_t count, struct error *e)
{
    int r = copy->mark.phase == COPY_WHOLE ? know_parents(copy, e) : 0;
    if (r || copy->mark.phase != COPY_WHOLE || !roaring_bitmap_contains(copy->parents, copy->at.id))
        return r;
    roaring_bitmap_t *rows = gone_of(copy, copy->at.id);
    if (!rows && copy->gone_count == copy->gone_cap) {
        copy->gone_cap = copy->gone_cap ? copy->gone_cap * 2 : 4;
        copy->gone = mem_resize(copy->gone, copy->gone_cap * sizeof *copy->gone);
    }
    if (!rows) {
        rows = roaring_bitmap_create();
        CHECK(rows);
        copy->gone[copy->gone_count++] = (struct copy_gone){copy->at.id, rows};
    }
    roaring_bitmap_add_range(rows, row, (uint64_t)row + count);
    return 0;
}

void copy_forget_gone(struct copy *copy)
{
    for (uint32_t i = 0; i < copy->gone_count; i++)
        roaring_bitmap_free(copy->gone[i].rows);
    copy->gone_count = 0;
}

struct below {
    struct copy *copy;
    roaring_bitmap_t *found; /* collections */
};

static int by_collection(const void *a, const void *b)
{
    const struct copy_gone *one = a, *other = b;
    return (one->collection > other->collection) - (one->collection < other->collection);
}

static int find_below(void *context, const struct collection_record *record)
{
    struct below *below = context;
    const struct copy_gone wanted = {record->parent_collection, NULL}, *found = NULL;
    if (record->parent_collection && !record->rows)
        found = bsearch(&wanted, below->copy->gone, below->copy->gone_count, sizeof wanted, by_collection);
    if (found && roaring_bitmap_contains(found->rows, record->parent_row))
        roaring_bitmap_add(below->found, record->id);
    return 0;
}

int copy_drop_below(struct copy *copy, struct error *e)
{
    struct below below = {copy, roaring_bitmap_create()};
    CHECK(below.found);
    if (copy->gone_count)
        qsort(copy->gone, copy->gone_count, sizeof *copy->gone, by_collection);
    int r = copy->gone_count ? store_collections_each(copy->store, find_below, &below, e) : 0;
    roaring_uint32_iterator_t *at = roaring_create_iterator(below.found);
    CHECK(at);
    for (; !r && at->has_value; roaring_advance_uint32_iterator(at))
        r = store_collection_drop(copy->store, at->current_value, false, e);
    roaring_free_uint32_iterator(at);
    roaring_bitmap_free(below.found);
    copy_forget_gone(copy);
    return r;
}

/* --- all of them --- */

static int find_child(void *context, const struct collection_record *record)
{
    struct below *below = context;
    if (record->parent_collection)
        roaring_bitmap_add(below->found, record->id);
    return 0;
}

/* When a resource was created that others may be below of. */
struct born {
    uint32_t collection;
    struct digest id;
    uint64_t seq;
};

struct births {
    struct copy *copy;
    struct born *all; /* by collection and id, and by seq */
    size_t count, cap;
    struct arena arena;
    struct error *e;
};

static int by_name(const void *a, const void *b)
{
    const struct born *one = a, *other = b;
    int order = (one->collection > other->collection) - (one->collection < other->collection);
    return order ? order : memcmp(&one->id, &other->id, sizeof one->id);
}

static int by_name_and_seq(const void *a, const void *b)
{
    const struct born *one = a, *other = b;
    int order = by_name(a, b);
    return order ? order : (one->seq > other->seq) - (one->seq < other->seq);
}

static int note_birth(void *context, uint64_t seq, struct bytes packed)
{
    struct births *births = context;
    struct copy *copy = births->copy;
    struct change change;
    arena_reset(&births->arena);
    int r = change_unpack(&births->arena, packed, &change, births->e);
    if (r || change.op != CHANGE_CREATED || !roaring_bitmap_contains(copy->parents, change.collection))
        return r;
    if (births->count == births->cap) {
        births->cap = births->cap ? births->cap * 2 : 64;
        births->all = mem_resize(births->all, births->cap * sizeof *births->all);
    }
    births->all[births->count++] = (struct born){change.collection, hash128(change.id, &copy->store->secret),
                                                 seq};
    return 0;
}

/* The log has them all, since the snapshot began. */
static int know_births(struct births *births)
{
    struct copy *copy = births->copy;
    int r = know_parents(copy, births->e);
    if (!r && roaring_bitmap_is_empty(copy->parents))
        return 0;
    if (!r)
        r = store_changes_each(copy->store, copy->mark.from + 1, note_birth, births, births->e);
    if (births->count)
        qsort(births->all, births->count, sizeof *births->all, by_name_and_seq);
    return r;
}

/* How many changes behind the snapshot's beginning a resource was created last; 0: before. */
static uint64_t born_after(const struct births *births, uint32_t collection, struct bytes id)
{
    const struct born wanted = {collection, hash128(id, &births->copy->store->secret), 0};
    const struct born *found = births->count
                                   ? bsearch(&wanted, births->all, births->count, sizeof wanted, by_name)
                                   : NULL;
    while (found && found + 1 < births->all + births->count && by_name(found, found + 1) == 0)
        found++;
    return found ? found->seq - births->copy->mark.from : 0;
}

/* One that has resources and no parent was left so by the owner, too. */
static int join(struct births *births, uint32_t id, struct arena *arena, struct error *e)
{
    struct store *store = births->copy->store;
    struct collection_record record;
    struct document parent;
    uint32_t row = 0;
    int r = store_collection_by_id(store, id, arena, &record, e);
    if (r)
        return r;
    r = copy_parent_row(births->copy, &record, &row, e);
    if (!r)
        r = store_document(store, record.parent_collection, row, &parent, e);
    if (!r && born_after(births, record.parent_collection, parent.id) > record.parent_row && !record.rows)
        r = ERR_NOT_FOUND;
    if (r == ERR_NOT_FOUND)
        return record.rows ? 0 : store_collection_drop(store, id, false, e);
    record.parent_row = row;
    return r ? r : store_collection_put(store, &record, e);
}

/* Parents come before what is below them. */
int copy_join_all(struct copy *copy, struct error *e)
{
    struct below below = {copy, roaring_bitmap_create()};
    struct births births = {.copy = copy, .e = e};
    struct arena arena = {0};
    CHECK(below.found);
    int r = store_collections_each(copy->store, find_child, &below, e);
    if (!r)
        r = know_births(&births);
    roaring_uint32_iterator_t *at = roaring_create_iterator(below.found);
    CHECK(at);
    for (; !r && at->has_value; roaring_advance_uint32_iterator(at)) {
        arena_reset(&arena);
        r = join(&births, at->current_value, &arena, e);
    }
    roaring_free_uint32_iterator(at);
    roaring_bitmap_free(below.found);
    arena_close(&births.arena);
    free(births.all);
    arena_close(&arena);
    return r;
}
