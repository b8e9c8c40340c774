/* Changes into a copy's documents.
 *
 * Until the copy is whole a change may be of what the snapshot knows better: its rows were read later, so
 * what their last seq covers is in them already, and what isn't there was deleted again before its part was
 * read. From then on each change must fit what is there, or this isn't the history that the copy is of. */
#include <inttypes.h>

#include "worker/store/copy_internal.h"

int copy_misfit(const struct copy *copy, const struct change *change, const char *why, struct error *e)
{
    return error_set(e, ERR_CORRUPT,
                     "shard %" PRIu32 ": change %" PRIu64 " of collection %" PRIu32
                     " doesn't follow from the copy: %s",
                     copy->store->shard, change->seq, change->collection, why);
}

/* --- rows --- */

/* ERR_NOT_FOUND: the resource isn't there. */
static int find(struct copy *copy, struct bytes id, struct document *out, struct error *e)
{
    uint32_t row;
    int r = store_row_find(copy->store, copy->at.id, id, &row, e);
    if (r)
        return r;
    r = store_document(copy->store, copy->at.id, row, out, e);
    return r == ERR_NOT_FOUND
               ? error_set(e, ERR_CORRUPT, "an id leads to row %" PRIu32 ", which is not there", row)
               : r;
}

static int add(struct copy *copy, const struct document *document, struct error *e)
{
    struct collection_record *at = &copy->at;
    struct document added = *document;
    if (at->next_row >= LIMIT_ROWS)
        return error_set(e, ERR_CORRUPT, "shard %" PRIu32 ", collection %" PRIu32 ": it had %d resources",
                         copy->store->shard, at->id, LIMIT_ROWS);
    added.row = at->next_row;
    int r = copy_digest(copy, added.packed, &added.digest, e);
    if (!r)
        r = ids_add(copy->store, at->id, added.id, added.row, e);
    if (!r)
        r = document_write(copy->store, at->id, &added, true, e);
    if (r)
        return r;
    at->next_row++;
    at->rows++;
    copy->at_changed = true;
    copy->store->gathered++;
    return 0;
}

static int overwrite(struct copy *copy, const struct document *document, struct error *e)
{
    struct document changed = *document;
    int r = copy_digest(copy, changed.packed, &changed.digest, e);
    if (!r)
        r = document_write(copy->store, copy->at.id, &changed, false, e);
    copy->store->gathered++;
    return r;
}

static int drop(struct copy *copy, const struct document *document, struct error *e)
{
    if (!copy->at.rows)
        return error_set(e, ERR_CORRUPT, "shard %" PRIu32 ", collection %" PRIu32 ": it counts no resources",
                         copy->store->shard, copy->at.id);
    int r = copy_note_gone(copy, document->row, 1, e);
    if (!r)
        r = row_delete(copy->store, copy->at.id, document, e);
    if (r)
        return r;
    copy->at.rows--;
    copy->at_changed = true;
    return 0;
}

int copy_put_row(struct copy *copy, const struct feed_row *row, struct error *e)
{
    struct document there, document = {.id = row->id,
                                       .first_seen_ms = row->first_seen_ms,
                                       .last_seq = row->last_seq,
                                       .packed = row->document};
    arena_reset(&copy->scratch);
    int r = find(copy, row->id, &there, e);
    if (r == ERR_NOT_FOUND)
        return add(copy, &document, e);
    document.row = there.row;
    return r || there.last_seq > row->last_seq ? r : overwrite(copy, &document, e);
}

/* --- resources --- */

/* It follows from what is there: 0; ERR_NOT_FOUND: the snapshot knows better, as long as that may be. */
static int check(const struct copy *copy, const struct change *change, const struct document *there,
                 struct error *e)
{
    bool is_new = change->op == CHANGE_CREATED, may_know = copy->mark.phase == COPY_LOG;
    if (may_know && (there ? there->last_seq >= change->seq : !is_new))
        return ERR_NOT_FOUND;
    if (is_new)
        return there ? copy_misfit(copy, change, "it creates what is there", e) : 0;
    if (!there)
        return copy_misfit(copy, change, "its resource is not there", e);
    if (there->last_seq != change->previous)
        return copy_misfit(copy, change, "its resource has had another change before it", e);
    return 0;
}

static int apply_resource(struct copy *copy, const struct change *change, struct error *e)
{
    struct document there;
    int r = find(copy, change->id, &there, e);
    bool is_there = !r;
    if (r && r != ERR_NOT_FOUND)
        return r;
    r = check(copy, change, is_there ? &there : NULL, e);
    if (r)
        return r == ERR_NOT_FOUND ? 0 : r;
    there.id = change->id; /* what is stored moves with the first write */
    if (change->op == CHANGE_DELETED)
        return drop(copy, &there, e);
    there.packed = change->after;
    there.last_seq = change->seq;
    if (change->op == CHANGE_UPDATED)
        return overwrite(copy, &there, e);
    there.first_seen_ms = change->time_ms;
    return add(copy, &there, e);
}

/* --- statuses --- */

struct earlier {
    uint64_t seq;
    roaring_bitmap_t *rows;
};

static int find_earlier(void *context, const struct document *document)
{
    const struct earlier *earlier = context;
    if (document->last_seq < earlier->seq)
        roaring_bitmap_add(earlier->rows, document->row);
    return 0;
}

static int drop_row(struct copy *copy, uint32_t row, struct error *e)
{
    struct document document;
    arena_reset(&copy->scratch);
    int r = store_document(copy->store, copy->at.id, row, &document, e);
    if (r)
        return r;
    document.id = arena_copy(&copy->scratch, document.id);
    return drop(copy, &document, e);
}

/* Those that were read before it; the others have come since. */
static int drop_earlier(struct copy *copy, uint64_t seq, struct error *e)
{
    struct earlier earlier = {seq, roaring_bitmap_create()};
    CHECK(earlier.rows);
    int r = store_documents_each(copy->store, copy->at.id, 0, find_earlier, &earlier, e);
    roaring_uint32_iterator_t *at = roaring_create_iterator(earlier.rows);
    CHECK(at);
    for (; !r && at->has_value; roaring_advance_uint32_iterator(at))
        r = drop_row(copy, at->current_value, e);
    roaring_free_uint32_iterator(at);
    roaring_bitmap_free(earlier.rows);
    return r;
}

static int drop_all(struct copy *copy, struct error *e)
{
    struct collection_record *at = &copy->at;
    struct key prefix = key_collection(at->id);
    int r = at->next_row ? copy_note_gone(copy, 0, at->next_row, e) : 0;
    if (!r)
        r = table_drop_prefix(copy->store, TABLE_IDS, key_bytes(&prefix), e);
    if (!r)
        r = table_drop_prefix(copy->store, TABLE_DOCUMENTS, key_bytes(&prefix), e);
    at->rows = 0;
    return r;
}

/* It begins anew. By which rules only the owner's record says; without it they are those of its documents. */
static int forget(struct copy *copy, const struct change *change, struct error *e)
{
    struct collection_record *at = &copy->at;
    const struct collection_record *offer = copy_offered(copy, at->id);
    int r = copy->mark.phase == COPY_WHOLE ? drop_all(copy, e) : drop_earlier(copy, change->seq, e);
    if (r)
        return r;
    at->listed_since_ms = at->held_since_ms = at->confirmed_ms = 0;
    at->held_rows = 0;
    at->mixed = at->mixed && (at->rows || !offer);
    at->old_parse_count = at->old_ignore_count = at->old_unordered_count = 0;
    copy->at_changed = true;
    if (offer)
        copy_adopt(copy, offer);
    return 0;
}

static int apply_definition(struct copy *copy, const struct change *change, struct error *e)
{
    const struct collection_record *offer = copy_offered(copy, copy->at.id);
    if (change->status.void_)
        return forget(copy, change, e);
    if (offer && digest_equal(offer->id_rule, copy->at.id_rule))
        copy_adopt(copy, offer);
    return 0;
}

static int apply_status(struct copy *copy, const struct change *change, struct error *e)
{
    struct collection_record *at = &copy->at;
    int64_t said_ms = change->status.since_ms, since_ms = said_ms ? said_ms : change->time_ms;
    copy->at_changed = true;
    int r = change->status.receipt ? copy_note_receipt(copy, change->status.receipt, false, e) : 0;
    if (!r)
        r = copy_go_to(copy, change->collection, e);
    if (r)
        return r;
    switch (change->status.kind) {
    case STATUS_LISTED:
        at->listed_since_ms = since_ms;
        break;
    case STATUS_UNREACHABLE:
        if (!at->unreachable_since_ms && change->status.receipt)
            at->unreachable_error = change->status.receipt->error;
        at->unreachable_since_ms = since_ms;
        at->unwatched_since_ms = 0;
        break;
    case STATUS_RECOVERED:
        at->unreachable_since_ms = at->unwatched_since_ms = 0;
        at->unreachable_error = ERR_OK;
        break;
    case STATUS_HELD:
        at->held_since_ms = change->status.held ? since_ms : 0;
        at->held_rows = change->status.held;
        break;
    case STATUS_UNWATCHED:
        at->unwatched_since_ms = since_ms;
        break;
    case STATUS_DEFINITION:
        return apply_definition(copy, change, e);
    }
    return 0;
}

/* --- collections --- */

static bool same_text(struct bytes a, struct bytes b)
{
    return (a.data != NULL) == (b.data != NULL) && (!a.data || bytes_equal(a, b));
}

static bool same_key(const struct collection_key *a, const struct collection_key *b)
{
    return same_text(a->provider, b->provider) && same_text(a->account, b->account) &&
           same_text(a->region, b->region) && same_text(a->type, b->type) && same_text(a->parent, b->parent);
}

/* ERR_NOT_FOUND: it isn't there. A store that was owned here may have given the number to one of which
 * nothing was ever said, so that the owner of now doesn't know. */
static int find_collection(struct copy *copy, const struct change *change, struct error *e)
{
    int r = copy_go_to(copy, change->collection, e);
    if (r || same_key(&copy->at.key, &change->key))
        return r;
    if (copy->at.rows)
        return copy_misfit(copy, change, "its collection has another name", e);
    r = copy_leave(copy, e);
    if (!r)
        r = store_collection_drop(copy->store, change->collection, false, e);
    return r ? r : ERR_NOT_FOUND;
}

/* Make one of a change's collection. ERR_NOT_FOUND: there is nothing to write, since the owner has dropped
 * it, and this change was about what went before. */
static int make(struct copy *copy, const struct change *change, const struct collection_record *offer,
                struct error *e)
{
    bool makes = change->op == CHANGE_CREATED || (change->op == CHANGE_STATUS && !change->status.void_);
    bool is_whole = copy->mark.phase == COPY_WHOLE;
    int r = ERR_NOT_FOUND;
    if (offer && same_key(&offer->key, &change->key))
        r = copy_make(copy, offer, e);
    else if (makes)
        r = copy_make_unknown(copy, change, e);
    else if (change->op == CHANGE_STATUS)
        return r;
    return r == ERR_NOT_FOUND && is_whole ? copy_misfit(copy, change, "its collection is not there", e) : r;
}

/* The collection of a change becomes the one that is written to; with what came along of it. */
static int go_to(struct copy *copy, const struct change *change, struct error *e)
{
    const struct collection_record *offer = copy_offered(copy, change->collection);
    int r = find_collection(copy, change, e);
    if (r == ERR_NOT_FOUND)
        r = make(copy, change, offer, e);
    else if (!r && offer && !roaring_bitmap_contains(copy->taken, change->collection))
        copy_merge(copy, offer);
    if (!r)
        roaring_bitmap_add(copy->taken, change->collection);
    return r;
}

int copy_apply(struct copy *copy, const struct change *change, struct error *e)
{
    arena_reset(&copy->scratch);
    int r = go_to(copy, change, e);
    if (r)
        return r == ERR_NOT_FOUND ? 0 : r;
    return change->op == CHANGE_STATUS ? apply_status(copy, change, e) : apply_resource(copy, change, e);
}
