/* Collections of a copy. What is known of one comes in two ways: changes tell how it is doing, each when its
 * turn comes, so that a promoted copy says what the owner has not said yet, and nothing twice. The rest, its
 * rules above all, is in the owner's record, which comes along with the changes and may be ahead of them.
 *
 * So the rules may be younger than the documents. As long as they may, the collection is `mixed`, with the
 * rules of both, as after an edit of the provider file; it stays that until a listing of the owner of then,
 * since the digests of documents that come without a change can't be told. */
#include <inttypes.h>
#include <stdlib.h>

#include "worker/store/copy_internal.h"

/* --- which one is written to --- */

static void forget(struct copy *copy)
{
    copy->at = (struct collection_record){0};
    copy->at_changed = false;
    copy->rules = (struct copy_rules){0};
    arena_reset(&copy->at_arena);
}

int copy_leave(struct copy *copy, struct error *e)
{
    int r = copy->at.id && copy->at_changed ? store_collection_put(copy->store, &copy->at, e) : 0;
    forget(copy);
    return r;
}

int copy_go_to(struct copy *copy, uint32_t id, struct error *e)
{
    if (copy->at.id == id)
        return 0;
    int r = copy_leave(copy, e);
    if (!r)
        r = store_collection_by_id(copy->store, id, &copy->at_arena, &copy->at, e);
    if (r)
        forget(copy);
    return r;
}

/* --- what came along --- */

void copy_offer(struct copy *copy, const struct collection_record *record)
{
    if (copy->offer_count == copy->offer_cap) {
        copy->offer_cap = copy->offer_cap ? copy->offer_cap * 2 : 16;
        copy->offers = mem_resize(copy->offers, copy->offer_cap * sizeof *copy->offers);
    }
    copy->offers[copy->offer_count++] = record;
    copy->offers_sorted = false;
}

void copy_forget_offers(struct copy *copy)
{
    copy->offer_count = 0;
    roaring_bitmap_clear(copy->taken);
}

static int by_id(const void *a, const void *b)
{
    const struct collection_record *const *one = a, *const *other = b;
    return ((*one)->id > (*other)->id) - ((*one)->id < (*other)->id);
}

const struct collection_record *copy_offered(struct copy *copy, uint32_t id)
{
    struct collection_record wanted = {.id = id};
    const struct collection_record *key = &wanted;
    if (!copy->offer_count)
        return NULL;
    if (!copy->offers_sorted)
        qsort(copy->offers, copy->offer_count, sizeof *copy->offers, by_id);
    copy->offers_sorted = true;
    const struct collection_record *const *found = bsearch(&key, copy->offers, copy->offer_count,
                                                           sizeof *copy->offers, by_id);
    return found ? *found : NULL;
}

/* --- rules --- */

static bool same_list(const struct bytes *a, uint32_t a_count, const struct bytes *b, uint32_t b_count)
{
    bool same = a_count == b_count;
    for (uint32_t i = 0; same && i < a_count; i++)
        same = bytes_equal(a[i], b[i]);
    return same;
}

static bool same_rules(const struct collection_record *a, const struct collection_record *b)
{
    return same_list(a->parse, a->parse_count, b->parse, b->parse_count) &&
           same_list(a->ignore, a->ignore_count, b->ignore, b->ignore_count) &&
           same_list(a->unordered, a->unordered_count, b->unordered, b->unordered_count);
}

/* Two lists as one, each text once. */
static void join(struct arena *arena, const struct bytes **list, uint32_t *count, const struct bytes *more,
                 uint32_t more_count)
{
    struct bytes *both = arena_alloc(arena, (*count + more_count) * sizeof *both);
    uint32_t kept = *count;
    for (uint32_t i = 0; i < *count; i++)
        both[i] = (*list)[i];
    for (uint32_t i = 0; i < more_count; i++) {
        uint32_t same = 0;
        while (same < kept && !bytes_equal(both[same], more[i]))
            same++;
        if (same == kept)
            both[kept++] = more[i];
    }
    *list = both;
    *count = kept;
}

/* What documents may have been made by: the rules until now, and those before. */
static void keep_old_rules(struct copy *copy, const struct collection_record *from)
{
    struct collection_record *at = &copy->at, old = *from;
    struct arena *arena = &copy->at_arena;
    join(arena, &old.old_parse, &old.old_parse_count, at->parse, at->parse_count);
    join(arena, &old.old_parse, &old.old_parse_count, at->old_parse, at->old_parse_count);
    join(arena, &old.old_ignore, &old.old_ignore_count, at->ignore, at->ignore_count);
    join(arena, &old.old_ignore, &old.old_ignore_count, at->old_ignore, at->old_ignore_count);
    join(arena, &old.old_unordered, &old.old_unordered_count, at->unordered, at->unordered_count);
    join(arena, &old.old_unordered, &old.old_unordered_count, at->old_unordered, at->old_unordered_count);
    at->old_parse = old.old_parse, at->old_parse_count = old.old_parse_count;
    at->old_ignore = old.old_ignore, at->old_ignore_count = old.old_ignore_count;
    at->old_unordered = old.old_unordered, at->old_unordered_count = old.old_unordered_count;
    at->mixed = true;
}

static void take_old_rules(struct collection_record *at, const struct collection_record *from)
{
    at->old_parse = from->old_parse, at->old_parse_count = from->old_parse_count;
    at->old_ignore = from->old_ignore, at->old_ignore_count = from->old_ignore_count;
    at->old_unordered = from->old_unordered, at->old_unordered_count = from->old_unordered_count;
    at->mixed = at->mixed || from->mixed;
}

static void take_rules(struct copy *copy, const struct collection_record *from)
{
    struct collection_record *at = &copy->at;
    at->parse = from->parse, at->parse_count = from->parse_count;
    at->ignore = from->ignore, at->ignore_count = from->ignore_count;
    at->unordered = from->unordered, at->unordered_count = from->unordered_count;
    copy->rules = (struct copy_rules){0};
}

/* --- records --- */

/* What is of harvests alone. */
static void take_rest(struct collection_record *at, const struct collection_record *from)
{
    at->page_size = from->page_size;
    at->harvested_ms = from->harvested_ms;
    at->failures = from->failures;
    at->confirmed_ms = from->confirmed_ms;
    if (at->held_since_ms && from->held_since_ms)
        at->held_rows = from->held_rows;
    if (from->next_harvest > at->next_harvest)
        at->next_harvest = from->next_harvest;
}

/* Under another rule for ids its documents are others: a change will say so. */
void copy_merge(struct copy *copy, const struct collection_record *from)
{
    struct collection_record *at = &copy->at;
    bool is_same = digest_equal(at->id_rule, from->id_rule);
    if (is_same && at->rows && !same_rules(at, from))
        keep_old_rules(copy, from);
    else if (is_same)
        take_old_rules(at, from);
    if (is_same)
        take_rules(copy, from);
    take_rest(at, from);
    copy->at_changed = true;
}

void copy_adopt(struct copy *copy, const struct collection_record *from)
{
    copy->at.definition = from->definition;
    copy->at.id_rule = from->id_rule;
    copy_merge(copy, from);
}

static int put_new(struct copy *copy, struct collection_record *record, struct error *e)
{
    struct store *store = copy->store;
    uint64_t harvest = 0;
    if (record->id == UINT32_MAX)
        return error_set(e, ERR_CORRUPT, "shard %" PRIu32 ": a collection can't have that id", store->shard);
    int r = copy_last_harvest(copy, record->id, &harvest, e);
    if (!r && record->next_harvest <= harvest)
        record->next_harvest = harvest + 1;
    if (!r)
        r = collection_put_as(store, record, copy->mark.phase != COPY_WHOLE, e);
    if (r)
        return r;
    if (record->id >= store->state.next_collection)
        store->state.next_collection = record->id + 1;
    if (record->parent_collection)
        copy_note_parent(copy, record->parent_collection);
    copy->at = *record;
    return 0;
}

/* Until the copy is whole it can't be told which row is meant (copy_children.c). */
static int set_parent_row(struct copy *copy, struct collection_record *record, struct error *e)
{
    record->parent_row = 0;
    if (!record->parent_collection)
        return 0;
    record->parent_row = copy->behind < UINT32_MAX ? (uint32_t)copy->behind : UINT32_MAX;
    if (copy->mark.phase != COPY_WHOLE)
        return 0;
    record->parent_row = UINT32_MAX;
    int r = copy_parent_row(copy, record, &record->parent_row, e);
    return r == ERR_NOT_FOUND ? 0 : r;
}

int copy_make(struct copy *copy, const struct collection_record *from, struct error *e)
{
    int r = copy_leave(copy, e);
    if (r)
        return r;
    struct collection_record record = {.id = from->id,
                                       .key = from->key,
                                       .parent_collection = from->parent_collection,
                                       .definition = from->definition,
                                       .id_rule = from->id_rule,
                                       .parse = from->parse,
                                       .parse_count = from->parse_count,
                                       .ignore = from->ignore,
                                       .ignore_count = from->ignore_count,
                                       .unordered = from->unordered,
                                       .unordered_count = from->unordered_count,
                                       .next_harvest = from->next_harvest};
    if (copy->mark.phase == COPY_TAKING) {
        record.listed_since_ms = from->listed_since_ms;
        record.unreachable_since_ms = from->unreachable_since_ms;
        record.unreachable_error = from->unreachable_error;
        record.unwatched_since_ms = from->unwatched_since_ms;
        record.held_since_ms = from->held_since_ms;
    }
    take_old_rules(&record, from);
    take_rest(&record, from);
    r = set_parent_row(copy, &record, e);
    return r ? r : put_new(copy, &record, e);
}

int copy_make_unknown(struct copy *copy, const struct change *change, struct error *e)
{
    int r = copy_leave(copy, e);
    if (r)
        return r;
    struct collection_record record = {
        .id = change->collection, .key = change->key, .mixed = true, .next_harvest = 1};
    if (change->key.parent.data)
        r = copy_find_parent(copy, &change->key, &record.parent_collection, e);
    if (!r && change->key.parent.data && !record.parent_collection)
        return ERR_NOT_FOUND; /* gone, and all below it with it */
    if (!r)
        r = set_parent_row(copy, &record, e);
    return r ? r : put_new(copy, &record, e);
}
