/* How far a copy has come, and its transactions.
 *
 * A snapshot's parts are of different moments. So it begins at S, its rows may know changes up to `until`,
 * and the changes make it whole. They are taken from the oldest that the owner keeps on: those up to S for
 * whoever reads the feed here one day, the later ones for the documents, too. Were they taken first, a
 * retention that moves on meanwhile would leave nothing to begin a snapshot with; like this what the
 * retention takes from the log's beginning costs only that, and the log is begun once more.
 *
 * What phase a copy is in stands in the store, written with what makes it true. A snapshot that is half taken
 * is begun anew after a crash. A store that was promoted meanwhile is in a later epoch than its mark: what is
 * local to it, stretches above all, then tells of documents as the listings here saw them, and can't stay
 * when others' changes come. */
#include "worker/store/copy.h"

#include <inttypes.h>
#include <stdlib.h>

#include "worker/store/copy_internal.h"

/* --- transactions --- */

static void forget(struct copy *copy)
{
    copy->at = (struct collection_record){0};
    copy->at_changed = false;
    copy->rules = (struct copy_rules){0};
    arena_reset(&copy->at_arena);
    copy_forget_offers(copy);
    copy_forget_gone(copy);
}

void copy_abort(struct copy *copy)
{
    store_abort(copy->store);
    copy->mark = copy->committed;
    copy->store->state.epoch = copy->committed_epoch;
    copy->store->cited_from = copy->committed_cited_from;
    if (copy->parents) /* some may not be there */
        roaring_bitmap_free(copy->parents);
    copy->parents = NULL;
    forget(copy);
}

static bool same_mark(const struct copy_mark *a, const struct copy_mark *b)
{
    return a->phase == b->phase && a->epoch == b->epoch && a->from == b->from &&
           a->until.epoch == b->until.epoch && a->until.seq == b->until.seq &&
           a->until.check == b->until.check;
}

static int put_mark(struct copy *copy, struct error *e)
{
    copy->mark.epoch = copy->store->state.epoch;
    return same_mark(&copy->mark, &copy->committed) ? 0 : meta_put_copy(copy->store, &copy->mark, e);
}

/* All that the snapshot's rows know has come, if it is of this history. */
static int finish(struct copy *copy, struct error *e)
{
    const struct point *until = &copy->mark.until;
    struct store *store = copy->store;
    struct bytes packed;
    if (copy->mark.phase != COPY_LOG || store->state.head < until->seq)
        return 0;
    int r = until->seq < store->state.oldest ? 0 : store_change(store, until->seq, &packed, e);
    if (!r && until->seq >= store->state.oldest && until->check && until->check != position_check(packed))
        r = error_set(e, ERR_CORRUPT,
                      "shard %" PRIu32 ": change %" PRIu64 " is not the one that the snapshot was taken at",
                      store->shard, until->seq);
    if (!r)
        r = copy_join_all(copy, e);
    if (!r)
        copy->mark = (struct copy_mark){.phase = COPY_WHOLE};
    return r;
}

int copy_commit(struct copy *copy, struct error *e)
{
    if (!store_writing(copy->store))
        return 0;
    int r = copy_leave(copy, e);
    if (!r)
        r = finish(copy, e);
    if (!r)
        r = copy_drop_below(copy, e);
    if (!r)
        r = put_mark(copy, e);
    if (!r)
        r = store_commit(copy->store, e);
    if (r)
        copy_abort(copy);
    forget(copy);
    copy->committed = copy->mark;
    copy->committed_epoch = copy->store->state.epoch;
    copy->committed_cited_from = copy->store->cited_from;
    return r;
}

/* --- opening --- */

static int find_all(void *context, const struct collection_record *record)
{
    roaring_bitmap_add(context, record->id);
    return 0;
}

/* One that is as nobody was ever told of: the owner of now may not know it, and give its number to another
 * one. */
static bool is_untold(const struct collection_record *record)
{
    return !record->rows && !record->listed_since_ms && !record->unreachable_since_ms &&
           !record->unwatched_since_ms && !record->held_since_ms;
}

static int take_local_off(struct copy *copy, uint32_t id, struct arena *arena, struct error *e)
{
    struct collection_record record;
    int r = store_collection_by_id(copy->store, id, arena, &record, e);
    if (r || is_untold(&record))
        return r ? r : store_collection_drop(copy->store, id, false, e);
    record.forecast_rules = 0;
    record.forecast_unsettled = record.has_checkpoint = false;
    record.full_ms = 0;
    record.quarantined = 0;
    record.sound_harvest = record.ended_harvest = 0;
    record.validators = (struct validators){0};
    return store_collection_put(copy->store, &record, e);
}

static int drop_local(struct copy *copy, struct error *e)
{
    static const enum table tables[] = {TABLE_SPANS, TABLE_HEADS, TABLE_MISSING, TABLE_QUARANTINE,
                                        TABLE_CHECKPOINTS};
    roaring_bitmap_t *all = roaring_bitmap_create();
    struct arena arena = {0};
    int r = 0;
    CHECK(all);
    for (size_t i = 0; i < sizeof tables / sizeof *tables && !r; i++)
        r = table_drop_all(copy->store, tables[i], e);
    if (!r)
        r = store_collections_each(copy->store, find_all, all, e);
    roaring_uint32_iterator_t *at = roaring_create_iterator(all);
    CHECK(at);
    for (; !r && at->has_value; roaring_advance_uint32_iterator(at)) {
        arena_reset(&arena);
        r = take_local_off(copy, at->current_value, &arena, e);
    }
    roaring_free_uint32_iterator(at);
    roaring_bitmap_free(all);
    arena_close(&arena);
    return r;
}

/* Where nothing has happened yet there is nothing to go on with. */
static int begin_with_what_is_there(struct copy *copy, struct error *e)
{
    struct store *store = copy->store;
    bool was_owned = copy->mark.phase == COPY_WHOLE && copy->mark.epoch != store->state.epoch;
    if (!was_owned && (copy->mark.phase != COPY_NONE || store->committed.head == 0))
        return 0;
    int r = store_write(store, e);
    if (!r)
        r = drop_local(copy, e);
    if (!r)
        copy->mark = (struct copy_mark){.phase = COPY_WHOLE};
    return r ? r : copy_commit(copy, e);
}

int copy_open(struct store *store, struct copy **out, struct error *e)
{
    struct copy *copy = mem_zalloc(sizeof *copy);
    *out = NULL;
    *copy = (struct copy){.store = store,
                          .committed_epoch = store->state.epoch,
                          .committed_cited_from = store->cited_from,
                          .taken = roaring_bitmap_create()};
    CHECK(copy->taken && !store->writing);
    int r = store_read(store, e);
    if (!r)
        r = meta_get_copy(store, &copy->committed, e);
    store_done(store);
    copy->mark = copy->committed;
    if (!r)
        r = begin_with_what_is_there(copy, e);
    if (r)
        copy_close(copy);
    else
        *out = copy;
    return r;
}

void copy_close(struct copy *copy)
{
    if (!copy)
        return;
    copy_abort(copy);
    roaring_bitmap_free(copy->taken);
    free(copy->offers);
    free(copy->gone);
    arena_close(&copy->at_arena);
    arena_close(&copy->scratch);
    buffer_close(&copy->canonical);
    free(copy);
}

enum copy_phase copy_phase(const struct copy *copy)
{
    return copy->mark.phase;
}

/* --- where it stands --- */

static int epoch_of(struct store *store, uint64_t seq, uint64_t *epoch, struct error *e)
{
    const struct store_epoch *epochs;
    struct arena arena = {0};
    uint32_t count;
    int r = store_epochs(store, &arena, &epochs, &count, e);
    for (uint32_t i = 0; !r && i < count && (i == 0 || epochs[i].first <= seq); i++)
        *epoch = epochs[i].epoch;
    arena_close(&arena);
    return r;
}

static int check_of(struct store *store, uint64_t seq, uint32_t *check, struct error *e)
{
    struct bytes packed;
    *check = seq && seq + 1 == store->state.oldest ? store->state.cut_check : 0;
    if (!seq || seq < store->state.oldest)
        return 0;
    int r = store_change(store, seq, &packed, e);
    if (!r)
        *check = position_check(packed);
    return r;
}

int copy_position(struct copy *copy, struct position *out, struct error *e)
{
    struct store *store = copy->store;
    *out = (struct position){.shard = store->shard, .seq = store->state.head};
    int r = store_read(store, e);
    if (!r)
        r = epoch_of(store, out->seq, &out->epoch, e);
    if (!r)
        r = check_of(store, out->seq, &out->check, e);
    if (copy->mark.phase == COPY_LOG && copy->mark.until.seq > out->seq)
        out->until = copy->mark.until;
    store_done(store);
    return r;
}

int store_copy_state(struct store *store, struct copy_state *out, struct error *e)
{
    struct copy_mark mark;
    bool was_open = store->txn != NULL;
    int r = store_read(store, e);
    if (!r)
        r = meta_get_copy(store, &mark, e);
    *out = (struct copy_state){.is_whole = !r && mark.phase != COPY_TAKING && mark.phase != COPY_LOG};
    if (out->is_whole) {
        out->head = store->state.head;
        out->epoch = store->state.epoch;
        r = check_of(store, out->head, &out->check, e);
    }
    if (!was_open)
        store_done(store);
    return r;
}

/* --- snapshots --- */

static int begin_anew(struct copy *copy, const struct feed_part *part, struct error *e)
{
    struct store *store = copy->store;
    int r = part->epoch_count
                ? 0
                : error_set(e, ERR_CORRUPT, "shard %" PRIu32 ": a snapshot without its epochs", store->shard);
    copy_abort(copy);
    if (!r)
        r = store_write(store, e);
    for (int i = 0; i < TABLE_COUNT && !r; i++)
        if (i != TABLE_META)
            r = table_drop_all(store, (enum table)i, e);
    for (uint32_t i = 0; i < part->epoch_count && !r; i++)
        r = epochs_put(store, part->epochs[i].epoch, part->epochs[i].first, e);
    if (r)
        return r;
    store->state.next_collection = 1;
    store->state.epoch = part->epochs[part->epoch_count - 1].epoch;
    copy->mark = (struct copy_mark){.phase = COPY_TAKING};
    return meta_begin_log(store, 0, 0, e);
}

static int take_collection(struct copy *copy, const struct feed_collection *from, struct error *e)
{
    int r = copy_go_to(copy, from->record.id, e);
    if (!r)
        copy_merge(copy, &from->record);
    else if (r == ERR_NOT_FOUND)
        r = copy_make(copy, &from->record, e);
    for (uint32_t i = 0; i < from->receipt_count && !r; i++)
        r = copy_take_receipt(copy, from->receipts[i], false, e);
    for (uint32_t i = 0; i < from->row_count && !r; i++)
        r = copy_put_row(copy, &from->rows[i], e);
    return r == ERR_NOT_FOUND ? 0 : r; /* given up since */
}

static void end_snapshot(struct copy *copy, const struct position *begin)
{
    const struct point at = {begin->epoch, begin->seq, begin->check};
    copy->mark.phase = COPY_LOG;
    copy->mark.from = begin->seq;
    copy->mark.until = begin->until.seq > begin->seq ? begin->until : at;
}

int copy_take_part(struct copy *copy, const struct feed_part *part, bool first, struct error *e)
{
    int r = first ? begin_anew(copy, part, e) : store_write(copy->store, e);
    CHECK(copy->mark.phase == COPY_TAKING || r);
    copy->behind = part->begin.until.seq > part->begin.seq ? part->begin.until.seq - part->begin.seq : 0;
    for (uint32_t i = 0; i < part->collection_count && !r; i++)
        r = take_collection(copy, &part->collections[i], e);
    if (!r)
        r = copy_leave(copy, e); /* its texts are the part's */
    if (!r && part->last)
        end_snapshot(copy, &part->begin);
    return r;
}

/* --- the log --- */

/* Also once more: documents have all that was applied in them, and stay as they are. */
int copy_begin_log(struct copy *copy, const struct position *at, struct error *e)
{
    struct store *store = copy->store;
    uint64_t head = store->state.head;
    CHECK(copy->mark.phase == COPY_LOG);
    int r = store_write(store, e);
    if (!r && at->seq > copy->mark.from && at->seq > head)
        return ERR_NOT_FOUND;
    if (!r)
        r = table_drop_all(store, TABLE_CHANGES, e);
    if (!r)
        r = table_drop_all(store, TABLE_CITED, e);
    return r ? r : meta_begin_log(store, at->seq, at->check, e);
}

static int check_next(struct copy *copy, const struct change *change, struct error *e)
{
    struct store *store = copy->store;
    uint64_t epoch = store->state.epoch;
    if (change->shard != store->shard || change->seq != store->state.head + 1 ||
        change->collection == UINT32_MAX)
        return copy_misfit(copy, change, "it is not the next one", e);
    if (copy->mark.phase != COPY_LOG && copy->mark.phase != COPY_WHOLE)
        return copy_misfit(copy, change, "its snapshot is not there", e);
    int r = change->epoch < epoch ? epoch_of(store, change->seq, &epoch, e) : 0;
    if (!r && change->epoch < epoch)
        r = copy_misfit(copy, change, "it is of an epoch that has ended", e);
    return r;
}

static int keep(struct copy *copy, const struct change *change, struct bytes packed, struct error *e)
{
    struct store *store = copy->store;
    int r = change->epoch > store->state.epoch ? epochs_put(store, change->epoch, change->seq, e) : 0;
    if (r)
        return r;
    if (change->epoch > store->state.epoch)
        store->state.epoch = change->epoch;
    if (change->collection >= store->state.next_collection)
        store->state.next_collection = change->collection + 1;
    buffer_reset(&store->packed);
    buffer_add_bytes(&store->packed, packed);
    store->gathered++;
    r = change_append(store, e);
    return r ? r : receipts_cite(store, change, e);
}

int copy_append(struct copy *copy, const struct change *change, struct bytes packed, struct error *e)
{
    int r = store_write(copy->store, e);
    if (!r)
        r = check_next(copy, change, e);
    if (!r)
        r = keep(copy, change, packed, e);
    if (!r && copy->mark.phase == COPY_LOG && change->seq <= copy->mark.from)
        return 0;
    copy->behind = change->seq - copy->mark.from;
    return r ? r : copy_apply(copy, change, e);
}
