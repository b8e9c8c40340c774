#include "cli/sink/sink_state.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/sink/sink_sql.h"
#include "common/hash.h"
#include "proto/cursor.h"

enum { NUMBER_BYTES = 24 };

static const char *number(int64_t value, char out[NUMBER_BYTES])
{
    snprintf(out, NUMBER_BYTES, "%" PRId64, value);
    return out;
}

void sink_state_close(struct sink_state *state)
{
    buffer_close(&state->cursor);
    buffer_close(&state->keeps);
}

static enum sink_fault run_with(struct sink_db *db, const char *sql, int count, const char *const *values,
                                struct error *e)
{
    PGresult *result;
    enum sink_fault fault = sink_db_ask(db, sql, count, values, &result, e);
    if (!fault)
        PQclear(result);
    return fault;
}

/* --- the lock --- */

/* Advisory locks are numbers, which all programs of a database share. */
static const char *lock_number(const char *schema, char out[NUMBER_BYTES])
{
    struct buffer name = {0};
    buffer_printf(&name, "garner sink %s", schema);
    number((int64_t)hash64(buffer_bytes(&name)), out);
    buffer_close(&name);
    return out;
}

static enum sink_fault find_holder(struct sink_db *db, const char *lock, struct buffer *who, struct error *e)
{
    static const char sql[] =
        "SELECT format('process %s of the server (%s, role %s, from %s, since %s)', a.pid,"
        " coalesce(nullif(a.application_name, ''), 'no name'), a.usename,"
        " coalesce(a.client_addr::text, 'the same machine'), to_char(a.backend_start, 'YYYY-MM-DD "
        "HH24:MI:SSOF'))"
        " FROM pg_locks l JOIN pg_stat_activity a USING (pid)"
        " WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1"
        " AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        " AND (l.classid::bigint << 32 | l.objid::bigint) = $1::bigint";
    PGresult *result;
    enum sink_fault fault = sink_db_ask(db, sql, 1, &lock, &result, e);
    if (fault)
        return fault;
    buffer_reset(who);
    buffer_add_text(who, PQntuples(result) ? PQgetvalue(result, 0, 0) : "one that ended just now");
    PQclear(result);
    return SINK_FINE;
}

enum sink_fault sink_state_lock(struct sink_db *db, const char *schema, bool *taken, struct buffer *who,
                                struct error *e)
{
    char text[NUMBER_BYTES];
    const char *lock = lock_number(schema, text);
    PGresult *result;
    *taken = false;
    enum sink_fault fault = sink_db_ask(db, "SELECT pg_try_advisory_lock($1::bigint)", 1, &lock, &result, e);
    if (fault)
        return fault;
    *taken = *PQgetvalue(result, 0, 0) == 't';
    PQclear(result);
    return *taken ? SINK_FINE : find_holder(db, lock, who, e);
}

enum sink_fault sink_state_end_old(struct sink_db *db, const struct sink_db *old, struct error *e)
{
    static const char sql[] = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                              " WHERE pid = $1::integer AND backend_start::text = $2";
    char pid[NUMBER_BYTES];
    const char *values[] = {number(old->pid, pid), old->started};
    return run_with(db, sql, 2, values, e);
}

/* --- the row --- */

enum sink_fault sink_state_load(struct sink_db *db, struct sink_state *state, bool *there, struct error *e)
{
    PGresult *result;
    enum sink_fault fault =
        sink_db_ask(db, "SELECT writer, step, coalesce(cursor, ''), keeps, sweep_below IS NOT NULL FROM feed",
                    0, NULL, &result, e);
    if (fault)
        return fault;
    *there = PQntuples(result) > 0;
    if (*there) {
        buffer_reset(&state->cursor);
        buffer_reset(&state->keeps);
        state->writer = strtoll(PQgetvalue(result, 0, 0), NULL, 10);
        state->step = strtoll(PQgetvalue(result, 0, 1), NULL, 10);
        buffer_add_text(&state->cursor, PQgetvalue(result, 0, 2));
        buffer_add_text(&state->keeps, PQgetvalue(result, 0, 3));
        state->sweeping = *PQgetvalue(result, 0, 4) == 't';
    }
    PQclear(result);
    return SINK_FINE;
}

enum sink_fault sink_state_make(struct sink_db *db, const char *keeps, struct error *e)
{
    static const char sql[] =
        "INSERT INTO feed (keeps, history, mark, sweep_below)"
        " SELECT $1::text, coalesce(history + 1, 1), coalesce(mark + 1, 0), mark + 1 FROM (SELECT"
        "  (SELECT max(history) FROM changes) AS history, (SELECT max(mark) FROM"
        "   (SELECT mark FROM resources UNION ALL SELECT mark FROM collections) marks) AS mark) found"
        " WHERE NOT EXISTS (SELECT FROM feed) ON CONFLICT DO NOTHING";
    return run_with(db, sql, 1, &keeps, e);
}

enum sink_fault sink_state_resync(struct sink_db *db, int64_t writer, const char *keeps, struct error *e)
{
    static const char sql[] = "UPDATE feed SET cursor = NULL, keeps = $1, history = history + 1,"
                              " writer = $2::bigint, step = step + 1,"
                              " mark = mark + 1, sweep_below = mark + 1, updated_at = now()";
    char me[NUMBER_BYTES];
    const char *values[] = {keeps, number(writer, me)};
    return run_with(db, sql, 2, values, e);
}

/* As an array of PostgreSQL's. False: it can't be read, which whoever is asked with it says. */
static bool list_shards(const char *cursor, struct buffer *out)
{
    struct arena arena = {0};
    struct cursor read = {0};
    struct error ignored;
    bool good = !*cursor || !cursor_from_text(&arena, bytes_of(cursor), &read, &ignored);
    buffer_add_text(out, "{");
    for (uint32_t i = 0; i < read.count; i++)
        buffer_printf(out, "%s%" PRIu32, i ? "," : "", read.positions[i].shard);
    buffer_add_text(out, "}");
    arena_close(&arena);
    return good;
}

enum sink_fault sink_state_cut_off(struct sink_db *db, struct sink_state *state, struct error *e)
{
    struct buffer shards = {0};
    const char *named = list_shards(buffer_text(&state->cursor), &shards) ? buffer_text(&shards) : NULL;
    PGresult *result;
    enum sink_fault fault = sink_db_ask(db, sink_sql_cut_off, 1, &named, &result, e);
    buffer_close(&shards);
    if (fault)
        return fault;
    state->sweeping |= strcmp(PQcmdTuples(result), "1") == 0;
    PQclear(result);
    return SINK_FINE;
}

enum sink_fault sink_state_advance(struct sink_db *db, const struct sink_state *state, int64_t writer,
                                   const char *cursor, bool caught_up, bool *ours, struct error *e)
{
    static const char sql[] = "UPDATE feed SET writer = $1::bigint, step = step + 1, cursor = nullif($2, ''),"
                              " updated_at = now(),"
                              " caught_up_at = CASE WHEN $3::boolean THEN now() ELSE caught_up_at END"
                              " WHERE writer = $4::bigint AND step = $5::bigint";
    char me[NUMBER_BYTES], last_writer[NUMBER_BYTES], last_step[NUMBER_BYTES];
    const char *values[] = {number(writer, me), cursor ? cursor : "", caught_up ? "t" : "f",
                            number(state->writer, last_writer), number(state->step, last_step)};
    PGresult *result;
    enum sink_fault fault = sink_db_ask(db, sql, 5, values, &result, e);
    if (fault)
        return fault;
    *ours = strcmp(PQcmdTuples(result), "1") == 0;
    PQclear(result);
    return SINK_FINE;
}
