#include "worker/feed/snapshot.h"

#include "common/check.h"
#include "worker/feed/source.h"

struct reading {
    struct store *store;
    const struct feed_snapshot *demand;
    struct buffer *out;
    size_t bytes_max;      /* of `out` */
    uint32_t looked;       /* at collections and rows */
    struct arena *arena;   /* of a collection's record */
    struct arena *scratch; /* of the filter */
    bool goes_on;          /* a row was looked at: however little fits, each part goes on by one */
    bool is_full;          /* before the collection's end, which goes on … */
    uint32_t row;          /* … there */
    struct error *e;
};

enum { FULL = -1 }; /* no code of an error */

static bool is_full(const struct reading *reading)
{
    return reading->out->len >= reading->bytes_max || reading->looked >= LIMIT_FETCH_CHANGES;
}

static int take_row(void *context, const struct document *document)
{
    struct reading *reading = context;
    bool passes;
    if (reading->goes_on && is_full(reading)) {
        reading->row = document->row;
        reading->is_full = true;
        return FULL;
    }
    reading->looked++;
    reading->goes_on = true;
    int r = filter_passes_row(&reading->demand->filter, document->id, document->packed, reading->scratch,
                              &passes, reading->e);
    if (r || !passes)
        return r;
    feed_part_add_row(reading->out, &(struct feed_row){.row = document->row,
                                                       .id = document->id,
                                                       .last_seq = document->last_seq,
                                                       .first_seen_ms = document->first_seen_ms,
                                                       .document = document->packed});
    return 0;
}

static int take_receipt(void *context, const struct receipt *receipt)
{
    struct reading *reading = context;
    feed_part_add_receipt(reading->out, receipt);
    return 0;
}

static int take_collection(struct reading *reading, const struct collection_record *record, uint32_t from)
{
    reading->looked++;
    if (!filter_passes_collection(&reading->demand->filter, &record->key))
        return 0;
    size_t begun = feed_part_begin_collection(reading->out, record, record->listed_since_ms != 0);
    int r = 0;
    if (reading->demand->receipts && from == 0)
        r = store_receipts_each(reading->store, record->id, record->next_harvest, take_receipt, reading,
                                reading->e);
    if (!r)
        r = store_documents_each(reading->store, record->id, from, take_row, reading, reading->e);
    feed_part_end_collection(reading->out, begun);
    return r == FULL ? 0 : r;
}

/* Collections from the demand's place on, until the part is full. */
static int take_collections(struct reading *reading, struct feed_part *part)
{
    struct collection_record record;
    part->collection = reading->demand->collection;
    part->row = reading->demand->row;
    for (;;) {
        arena_reset(reading->arena);
        int r = store_collection_next(reading->store, part->collection, reading->arena, &record, reading->e);
        part->last = r == ERR_NOT_FOUND;
        if (r || is_full(reading))
            return part->last ? 0 : r;
        r = take_collection(reading, &record, record.id == part->collection ? part->row : 0);
        part->collection = reading->is_full ? record.id : record.id + 1;
        part->row = reading->row;
        if (r || reading->is_full)
            return r;
    }
}

/* The first part sees to it where the changes begin; later ones, that they are still there. Each says what
 * must be of the same history for its rows to be. */
static int find_begin(struct reading *reading, struct feed_part *part)
{
    const struct feed_snapshot *demand = reading->demand;
    struct position head;
    int r = feed_position_behind(reading->store, store_head(reading->store), &head, reading->e);
    if (r)
        return r;
    part->begin = demand->has_begin ? demand->begin : head;
    r = feed_position_judge(reading->store, &part->begin, &part->refusal, reading->e);
    if (head.seq > part->begin.seq)
        part->begin.until = (struct point){head.epoch, head.seq, head.check};
    return r;
}

/* A follower answers from its copy one day, so it has to know what the shard's positions are. */
static int add_epochs(struct reading *reading, struct feed_part *part)
{
    if (!reading->demand->follower.data || reading->demand->has_begin)
        return 0;
    return store_epochs(reading->store, reading->arena, &part->epochs, &part->epoch_count, reading->e);
}

static int read_part(struct reading *reading, struct feed_part *part)
{
    int r = store_read(reading->store, reading->e);
    if (!r)
        r = find_begin(reading, part);
    if (!r && !part->refusal.kind)
        r = take_collections(reading, part);
    if (!r && !part->refusal.kind)
        r = add_epochs(reading, part);
    store_done(reading->store);
    return r;
}

int snapshot_answer(struct store *store, struct feed_snapshot *demand, struct buffer *out,
                    struct feed_part *part, struct error *e)
{
    struct arena arena = {0}, scratch = {0}, checked = {0};
    *part = (struct feed_part){.last = true, .begin = {.shard = demand->shard}};
    uint64_t bytes = demand->max_bytes < LIMIT_MESSAGE_BYTES ? demand->max_bytes : LIMIT_MESSAGE_BYTES;
    struct reading reading = {.store = store,
                              .demand = demand,
                              .out = out,
                              .bytes_max = out->len + bytes,
                              .arena = &arena,
                              .scratch = &scratch,
                              .e = e};
    int r = filter_check(&demand->filter, &checked, e);
    if (!r && !bytes)
        r = error_set(e, ERR_USAGE, "a demand for 0 bytes: ask for 1 at least");
    if (!r && store)
        r = read_part(&reading, part);
    else if (!r && demand->has_begin && !position_is_none(&demand->begin))
        part->refusal = (struct refusal){.kind = REFUSAL_FUTURE, .shard = demand->shard};
    feed_part_end(out, part);
    part->epoch_count = 0; /* they end with the arena */
    arena_close(&arena);
    arena_close(&scratch);
    arena_close(&checked);
    return r;
}
