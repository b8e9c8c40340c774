/* Sink schema: a list of steps, each of which leads from one version to the next one. A step that was
 * released isn't changed any more: what is to be different is another step.
 *
 * Keys are digests (sink_key.h) and no index has an id or a document in it, but by its hash: a btree's entry
 * ends at 2,704 bytes. Rows name their collection by its key, and have its names all the same: who asks
 * shouldn't have to join. */
#include "cli/sink/sink_schema.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/bytes.h"

static const char *const steps[] = {
    /* 1 */
    "CREATE TABLE feed ("
    "  one boolean PRIMARY KEY DEFAULT true CHECK (one),"
    "  cursor text," /* null: nothing yet */
    "  updated_at timestamptz NOT NULL DEFAULT now(),"
    "  caught_up_at timestamptz,"
    "  keeps text NOT NULL,"                /* which part of the feed: accounts and types */
    "  history integer NOT NULL DEFAULT 1," /* how often all was taken anew, from another feed perhaps */
    "  writer bigint NOT NULL DEFAULT 0,"   /* whose the last transaction was … */
    "  step bigint NOT NULL DEFAULT 0,"     /* … and how many there have been */
    "  mark bigint NOT NULL DEFAULT 0,"     /* of the last snapshot */
    "  sweep_below bigint);"                /* what has a lower mark goes once we have caught up */
    "CREATE TABLE collections ("
    "  provider text NOT NULL, account text NOT NULL, region text, type text NOT NULL, parent text,"
    "  complete boolean NOT NULL DEFAULT false, listed_since timestamptz,"
    "  unreachable_since timestamptz, unwatched_since timestamptz, held bigint NOT NULL DEFAULT 0,"
    "  shard integer NOT NULL, mark bigint NOT NULL, key uuid PRIMARY KEY);"
    "CREATE INDEX ON collections (type, account, region);"
    "CREATE INDEX ON collections (shard);"
    "CREATE TABLE resources ("
    "  provider text NOT NULL, account text NOT NULL, region text, type text NOT NULL, parent text,"
    "  id text NOT NULL, document jsonb NOT NULL,"
    "  first_seen timestamptz, changed_at timestamptz, stale boolean NOT NULL DEFAULT false,"
    "  shard integer NOT NULL, seq bigint NOT NULL, mark bigint NOT NULL,"
    "  collection uuid NOT NULL, key uuid PRIMARY KEY);"
    "CREATE INDEX ON resources (type, account, region);"
    "CREATE INDEX ON resources (collection);"
    "CREATE INDEX ON resources USING hash (id);"
    "CREATE TABLE changes ("
    "  history integer NOT NULL, shard integer NOT NULL, epoch bigint NOT NULL, seq bigint NOT NULL,"
    "  time timestamptz NOT NULL, op text NOT NULL, initial boolean NOT NULL, by_definition boolean NOT NULL,"
    "  provider text NOT NULL, account text NOT NULL, region text, type text NOT NULL, parent text, id text,"
    "  before jsonb, after jsonb, patch jsonb, status jsonb, previous bigint,"
    "  collection uuid NOT NULL, key uuid,"
    "  PRIMARY KEY (history, shard, epoch, seq));"
    "CREATE INDEX ON changes (time);"
    "CREATE INDEX ON changes (type, time);"
    "CREATE INDEX ON changes (key) WHERE key IS NOT NULL;"
    "CREATE INDEX ON changes USING hash (id);"
    "CREATE TABLE snapshots ("
    "  shard integer PRIMARY KEY, mark bigint NOT NULL,"
    "  begun_at timestamptz NOT NULL DEFAULT now());"
    /* Of a document that jsonb can't hold: why not. */
    "CREATE FUNCTION to_document(text) RETURNS jsonb LANGUAGE plpgsql IMMUTABLE STRICT AS $$ BEGIN"
    "  RETURN $1::jsonb;"
    " EXCEPTION WHEN data_exception OR program_limit_exceeded THEN"
    "  RETURN jsonb_build_object('garner', 'PostgreSQL can''t hold this document: ' || SQLERRM);"
    " END $$;"
    "COMMENT ON TABLE resources IS 'What there is now. Kept by garner sink postgres: don''t write here';"
    "COMMENT ON TABLE collections IS 'Types in places: how well they are known';"
    "COMMENT ON TABLE changes IS 'What changed, as far back as it is kept';"
    "COMMENT ON TABLE feed IS 'How far the sink is';"
    "COMMENT ON TABLE snapshots IS 'Shards that are being taken whole just now';",
};
enum { VERSION = sizeof steps / sizeof *steps };

int sink_schema_check(const char *schema, struct error *e)
{
    size_t len = strlen(schema);
    if (!bytes_is_utf8(bytes_of(schema), NULL))
        return error_set(e, ERR_USAGE, "--schema isn't valid UTF-8");
    if (len > SINK_SCHEMA_NAME_MAX)
        return error_set(e, ERR_USAGE, "--schema '%.20s…' has %zu bytes: PostgreSQL's names have up to %d",
                         schema, len, SINK_SCHEMA_NAME_MAX);
    if (strncmp(schema, "pg_", 3) == 0 || strcmp(schema, "information_schema") == 0)
        return error_set(e, ERR_USAGE, "--schema '%s' is PostgreSQL's own: give another one", schema);
    return 0;
}

/* 0 when our tables aren't there. */
static enum sink_fault read_version(struct sink_db *db, int *version, struct error *e)
{
    PGresult *result;
    *version = 0;
    enum sink_fault fault = sink_db_ask(db, "SELECT to_regclass('schema_version') IS NOT NULL", 0, NULL,
                                        &result, e);
    if (fault)
        return fault;
    bool there = *PQgetvalue(result, 0, 0) == 't';
    PQclear(result);
    if (!there)
        return SINK_FINE;
    fault = sink_db_ask(db, "SELECT coalesce(max(version), 0) FROM schema_version", 0, NULL, &result, e);
    if (fault)
        return fault;
    *version = atoi(PQgetvalue(result, 0, 0));
    PQclear(result);
    return SINK_FINE;
}

static enum sink_fault make_schema(struct sink_db *db, const char *schema, struct error *e)
{
    struct buffer sql = {0};
    PGresult *result;
    enum sink_fault fault = sink_db_ask(db, "SELECT 1 FROM pg_namespace WHERE nspname = $1", 1, &schema,
                                        &result, e);
    if (fault)
        return fault;
    bool there = PQntuples(result) > 0;
    PQclear(result);
    if (there) /* CREATE … IF NOT EXISTS needs the right to create */
        return SINK_FINE;
    char *quoted = PQescapeIdentifier(db->conn, schema, strlen(schema));
    buffer_printf(&sql, "CREATE SCHEMA %s", quoted ? quoted : "");
    PQfreemem(quoted);
    fault = sink_db_run(db, buffer_text(&sql), e);
    buffer_close(&sql);
    return fault;
}

static enum sink_fault upgrade(struct sink_db *db, const char *schema, int version, struct error *e)
{
    enum sink_fault fault = SINK_FINE;
    struct buffer sql = {0};
    if (!version) {
        fault = make_schema(db, schema, e);
        if (!fault)
            fault = sink_db_run(db,
                                "CREATE TABLE schema_version (version integer PRIMARY KEY,"
                                " made_at timestamptz NOT NULL DEFAULT now())",
                                e);
    }
    for (int i = version; i < VERSION && !fault; i++) {
        buffer_reset(&sql);
        buffer_printf(&sql, "%s INSERT INTO schema_version VALUES (%d)", steps[i], i + 1);
        fault = sink_db_run(db, buffer_text(&sql), e);
    }
    buffer_close(&sql);
    return fault;
}

enum sink_fault sink_schema_make(struct sink_db *db, const char *schema, struct error *e)
{
    int version;
    enum sink_fault fault = sink_db_run(db, "BEGIN", e);
    if (!fault)
        fault = read_version(db, &version, e);
    if (!fault && version > VERSION) {
        error_set(
            e, ERR_USAGE,
            "schema '%s' is of version %d, and this garner knows %d: it was upgraded by a newer one, which "
            "is to be used from now on; or give another --schema",
            schema, version, VERSION);
        fault = SINK_FATAL;
    }
    if (!fault && version < VERSION) {
        fault = upgrade(db, schema, version, e);
        if (fault == SINK_FATAL)
            error_at(
                e,
                "the tables in schema '%s' can't be made (the role needs CREATE on the database or on the "
                "schema, which mustn't hold other tables of these names)",
                schema);
    }
    if (!fault)
        fault = sink_db_run(db, "COMMIT", e);
    if (fault)
        sink_db_rollback(db);
    return fault;
}
