/* Sink batch: one table for changes and for rows of snapshots, so that there is one COPY to keep in step with
 * it. Documents travel as text and become jsonb in the statements that read the table: a document that jsonb
 * can't hold then fails where it can be told from the others. They aren't compressed on the way. */
#include "cli/sink/sink_batch.h"

#include "cli/sink/sink_copy.h"
#include "cli/sink/sink_key.h"
#include "cli/sink/sink_text.h"

#define COLUMNS                                                                                              \
    "ord, op, collection, key, shard, epoch, seq, time, initial, by_definition,"                             \
    " provider, account, region, type, parent, id, before, after, patch, previous, kind, is_void, since, "   \
    "held, unwatched"
enum { COLUMN_COUNT = 25 };

const char sink_batch_table[] =
    "CREATE TEMPORARY TABLE taken (ord integer, op integer, collection uuid, key uuid, shard integer,"
    " epoch bigint, seq bigint, time timestamptz, initial boolean, by_definition boolean,"
    " provider text, account text, region text, type text, parent text, id text,"
    " before text, after text, patch text, previous bigint, kind integer, is_void boolean, since timestamptz,"
    " held bigint, unwatched timestamptz) ON COMMIT DELETE ROWS;"
    "ALTER TABLE taken ALTER before SET STORAGE EXTERNAL, ALTER after SET STORAGE EXTERNAL,"
    " ALTER patch SET STORAGE EXTERNAL";
const char sink_batch_copy[] = "COPY taken (" COLUMNS ") FROM STDIN (FORMAT binary)";

void sink_batch_close(struct sink_batch *b)
{
    buffer_close(&b->scratch);
}

static struct bytes bytes_from_garner(struct garner_bytes span)
{
    return (struct bytes){span.data, span.len};
}

static int add_document(struct sink_batch *b, struct garner_bytes packed, struct buffer *out, struct error *e)
{
    if (!packed.data) {
        sink_copy_null(out);
        return 0;
    }
    size_t place = sink_copy_open(out);
    int r = sink_text_add_document(out, bytes_from_garner(packed), &b->scratch, e);
    sink_copy_close(out, place);
    return r;
}

static void add_names(const struct garner_collection *collection, struct garner_bytes id, struct buffer *out)
{
    const struct garner_bytes names[] = {collection->provider, collection->account, collection->region,
                                         collection->type,     collection->parent,  id};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        sink_copy_text(out, bytes_from_garner(names[i]));
}

static void add_key(struct digest collection, struct garner_bytes id, struct buffer *out)
{
    if (id.data)
        sink_copy_uuid(out, sink_key_resource(collection, id));
    else
        sink_copy_null(out);
}

static void add_time_or_null(struct buffer *out, int64_t time_ms)
{
    if (time_ms)
        sink_copy_time(out, time_ms);
    else
        sink_copy_null(out);
}

static void add_nulls(struct buffer *out, int count)
{
    while (count--)
        sink_copy_null(out);
}

static void add_status(const struct garner_change *change, struct buffer *out)
{
    if (change->op != GARNER_STATUS) {
        add_nulls(out, 5);
        return;
    }
    sink_copy_int(out, (uint32_t)change->status.kind);
    sink_copy_bool(out, change->status.is_void);
    add_time_or_null(out, change->status.since_ms);
    sink_copy_bigint(out, change->status.held);
    sink_copy_null(out);
}

static int add_change(struct sink_batch *b, const struct garner_change *change, size_t index,
                      struct buffer *out, struct error *e)
{
    static const struct garner_bytes none;
    struct digest collection = sink_key_collection(&change->collection);
    bool all = !b->documents_only;
    sink_copy_row(out, COLUMN_COUNT);
    sink_copy_int(out, (uint32_t)index);
    sink_copy_int(out, (uint32_t)change->op);
    sink_copy_uuid(out, collection);
    add_key(collection, change->id, out);
    sink_copy_int(out, change->shard);
    sink_copy_bigint(out, change->epoch);
    sink_copy_bigint(out, change->seq);
    sink_copy_time(out, change->time_ms);
    sink_copy_bool(out, change->initial);
    sink_copy_bool(out, change->by_definition);
    add_names(&change->collection, change->id, out);
    int r = add_document(b, all ? change->before : none, out, e);
    if (!r)
        r = add_document(b, change->after, out, e);
    if (!r)
        r = add_document(b, all ? change->patch : none, out, e);
    sink_copy_bigint(out, change->previous);
    add_status(change, out);
    return r;
}

/* What a snapshot says of a row, or (null) of the collection itself. */
static int add_row(struct sink_batch *b, const struct garner_batch *batch, const struct garner_row *row,
                   size_t index, struct buffer *out, struct error *e)
{
    static const struct garner_bytes none;
    const struct garner_state *state = &batch->state;
    struct digest collection = sink_key_collection(batch->collection);
    struct garner_bytes id = row ? row->id : none;
    sink_copy_row(out, COLUMN_COUNT);
    sink_copy_int(out, (uint32_t)index);
    sink_copy_int(out, SINK_OP_ROW);
    sink_copy_uuid(out, collection);
    add_key(collection, id, out);
    sink_copy_int(out, batch->shard);
    sink_copy_null(out);
    sink_copy_bigint(out, row ? row->last_seq : 0);
    add_time_or_null(out, row ? row->first_seen_ms : state->listed_since_ms);
    sink_copy_bool(out, batch->complete);
    sink_copy_null(out);
    add_names(batch->collection, id, out);
    sink_copy_null(out);
    int r = add_document(b, row ? row->document : none, out, e);
    add_nulls(out, 4);
    add_time_or_null(out, state->unreachable_since_ms);
    sink_copy_bigint(out, state->held);
    add_time_or_null(out, state->unwatched_since_ms);
    return r;
}

size_t sink_batch_count(const struct garner_batch *batch)
{
    if (batch->kind == GARNER_CHANGES)
        return batch->change_count;
    return batch->kind == GARNER_SNAPSHOT_ROWS ? batch->row_count + 1 : 0;
}

int sink_batch_add(struct sink_batch *b, const struct garner_batch *batch, size_t index, struct buffer *out,
                   struct error *e)
{
    if (batch->kind == GARNER_CHANGES)
        return add_change(b, &batch->changes[index], index, out, e);
    return add_row(b, batch, index ? &batch->rows[index - 1] : NULL, index, out, e);
}
