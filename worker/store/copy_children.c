/* Collections below resources. A record names its parent by row, and rows are the copy's own: so they are
 * looked up by the parent's id, which is in the collection's key. When a collection's first change comes its
 * parent is as it was then. While a snapshot is not whole it isn't, since each part is of another moment:
 * only at the end.
 *
 * What is below a resource that is deleted goes with it, and no change says so, since it is empty then. The
 * rows that a transaction deletes are noted, and the collections below them are looked for once, at its end,
 * as the owner does. */
#include <stdlib.h>

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

/* One that has resources and no parent was left so by the owner, too. */
static int join(struct copy *copy, uint32_t id, struct arena *arena, struct error *e)
{
    struct collection_record record;
    int r = store_collection_by_id(copy->store, id, arena, &record, e);
    if (r)
        return r;
    r = copy_parent_row(copy, &record, &record.parent_row, e);
    if (r == ERR_NOT_FOUND)
        return record.rows ? 0 : store_collection_drop(copy->store, id, false, e);
    return r ? r : store_collection_put(copy->store, &record, e);
}

/* Parents come before what is below them. */
int copy_join_all(struct copy *copy, struct error *e)
{
    struct below below = {copy, roaring_bitmap_create()};
    struct arena arena = {0};
    CHECK(below.found);
    int r = store_collections_each(copy->store, find_child, &below, e);
    roaring_uint32_iterator_t *at = roaring_create_iterator(below.found);
    CHECK(at);
    for (; !r && at->has_value; roaring_advance_uint32_iterator(at)) {
        arena_reset(&arena);
        r = join(copy, at->current_value, &arena, e);
    }
    roaring_free_uint32_iterator(at);
    roaring_bitmap_free(below.found);
    arena_close(&arena);
    return r;
}
