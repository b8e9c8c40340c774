/* Sink write: BEGIN; the cursor, if nobody else moved it; what the batch holds; COMMIT. The cursor comes
 * first because its row is the one that two sinks would wait for. */
#include "cli/sink/sink_write.h"

#include "cli/sink/sink_copy.h"
#include "cli/sink/sink_sql.h"
#include "common/clock.h"

enum { CHUNK_BYTES = 256 << 10, KEEP_EVERY_MS = 60000, KEEP_ROWS = 10000 };

/* --- COPY --- */

static enum sink_fault copy_rows(struct sink *sink, const struct garner_batch *batch, struct error *e)
{
    size_t count = sink_batch_count(batch);
    enum sink_fault fault = SINK_FINE;
    buffer_reset(&sink->out);
    sink_copy_begin(&sink->out);
    for (size_t i = 0; i < count && !fault; i++) {
        if (sink_batch_add(&sink->batch, batch, i, &sink->out, e))
            return SINK_FATAL;
        if (sink->out.len >= CHUNK_BYTES) {
            fault = sink_db_copy(&sink->db, buffer_bytes(&sink->out), e);
            buffer_reset(&sink->out);
        }
    }
    sink_copy_end(&sink->out);
    return fault ? fault : sink_db_copy(&sink->db, buffer_bytes(&sink->out), e);
}

static enum sink_fault copy_batch(struct sink *sink, const struct garner_batch *batch, struct error *e)
{
    if (!sink_batch_count(batch))
        return SINK_FINE;
    sink->batch.documents_only = sink->options->no_changes;
    enum sink_fault fault = sink_db_copy_begin(&sink->db, sink_batch_copy, e);
    if (!fault)
        fault = copy_rows(sink, batch, e);
    return fault ? fault : sink_db_copy_end(&sink->db, e);
}

/* --- what each kind of batch does --- */

static void add_end(const struct garner_batch *batch, struct buffer *sql)
{
    const char *gone = batch->why == GARNER_WHY_DIVERGED ? sink_sql_end_some : sink_sql_end_all;
    sink_sql_add(sql, gone, false, batch->shard);
    sink_sql_add(sql, sink_sql_end, false, batch->shard);
}

/* That nothing came isn't enough: who was asked may be slow, or gone. */
bool sink_write_may_sweep(const struct sink *sink, const struct garner_batch *batch)
{
    return sink->state.sweeping && batch->kind == GARNER_NOTHING && batch->at_end;
}

static void add_statements(const struct sink *sink, const struct garner_batch *batch, struct buffer *sql)
{
    switch (batch->kind) {
    case GARNER_CHANGES:
        if (!sink->options->no_changes)
            sink_sql_add(sql, sink_sql_changes, sink->careful, 0);
        if (sink->state.sweeping)
            sink_sql_add(sql, sink_sql_before, false, 0);
        sink_sql_add(sql, sink_sql_state, sink->careful, 0);
        sink_sql_add(sql, sink_sql_resources, sink->careful, 0);
        break;
    case GARNER_SNAPSHOT_BEGIN:
        sink_sql_add(sql, sink_sql_begin, false, batch->shard);
        break;
    case GARNER_SNAPSHOT_ROWS:
        sink_sql_add(sql, sink_sql_rows, sink->careful, 0);
        break;
    case GARNER_SNAPSHOT_END:
        add_end(batch, sql);
        break;
    case GARNER_NOTHING:
        if (sink_write_may_sweep(sink, batch))
            sink_sql_add(sql, sink_sql_sweep, false, 0);
        break;
    }
}

static enum sink_fault write_statements(struct sink *sink, const struct garner_batch *batch, struct error *e)
{
    struct buffer sql = {0};
    enum sink_fault fault = SINK_FINE;
    add_statements(sink, batch, &sql);
    if (sql.len)
        fault = sink_db_run(&sink->db, buffer_text(&sql), e);
    buffer_close(&sql);
    return fault;
}

/* Old changes go a few at a time, so that no transaction takes long. */
static enum sink_fault drop_old(struct sink *sink, bool *more, struct error *e)
{
    struct buffer sql = {0};
    PGresult *result;
    *more = false;
    if (!sink->options->keep_ms || clock_steady_ms() < sink->kept_ms)
        return SINK_FINE;
    sink_sql_add(&sql, sink_sql_keep, false, (uint64_t)sink->options->keep_ms);
    enum sink_fault fault = sink_db_ask(&sink->db, buffer_text(&sql), 0, NULL, &result, e);
    buffer_close(&sql);
    if (fault)
        return fault;
    uint64_t count;
    *more = bytes_to_u64(bytes_of(PQcmdTuples(result)), &count) && count >= KEEP_ROWS;
    PQclear(result);
    return SINK_FINE;
}

/* --- the transaction --- */

static enum sink_fault write_batch(struct sink *sink, const struct garner_batch *batch, const char *cursor,
                                   bool *ours, bool *more, struct error *e)
{
    struct sink_db *db = &sink->db;
    enum sink_fault fault = sink_db_run(db, "BEGIN", e);
    if (!fault)
        fault = sink_state_advance(db, &sink->state, sink->writer, cursor, batch->at_end, ours, e);
    if (fault || !*ours)
        return fault;
    fault = copy_batch(sink, batch, e);
    if (!fault)
        fault = write_statements(sink, batch, e);
    if (!fault)
        fault = drop_old(sink, more, e);
    return fault ? fault : sink_db_run(db, "COMMIT", e);
}

void sink_write_done(struct sink *sink, const struct garner_batch *batch)
{
    if (sink_write_may_sweep(sink, batch))
        sink->state.sweeping = false;
    if (batch->kind == GARNER_CHANGES)
        sink->changes += batch->change_count;
    sink->written_ms = clock_steady_ms();
    sink->careful = false;
}

static void note_cursor(struct sink *sink, const char *cursor)
{
    if (strcmp(buffer_text(&sink->state.cursor), cursor) == 0) /* it may be the very same text */
        return;
    buffer_reset(&sink->state.cursor);
    buffer_add_text(&sink->state.cursor, cursor);
}

enum sink_fault sink_write(struct sink *sink, const struct garner_batch *batch, const char *cursor,
                           bool *ours, struct error *e)
{
    bool more = false;
    *ours = true;
    enum sink_fault fault = write_batch(sink, batch, cursor, ours, &more, e);
    if (fault || !*ours) {
        sink_db_rollback(&sink->db);
        return fault;
    }
    sink->state.writer = sink->writer;
    sink->state.step++;
    note_cursor(sink, cursor ? cursor : "");
    if (clock_steady_ms() >= sink->kept_ms)
        sink->kept_ms = clock_steady_ms() + (more ? 0 : KEEP_EVERY_MS);
    return SINK_FINE;
}
