/* Sink SQL: whole sets at a time. `ord` is the order in the batch: of one resource's changes the last counts,
 * and of a row's versions in a snapshot, too.
 *
 * A row's `seq` says which changes are in it already. It is 0 while the row is stale, so left over from
 * another history, whose seqs say nothing in this one. A row's `mark` is the last snapshot's that was begun
 * before it was written: at a snapshot's end those with a lower one weren't in it. It is -1 for what came of
 * a snapshot that was cut off and won't be taken again: lower than any. */
#include "cli/sink/sink_sql.h"

#include <inttypes.h>

const char sink_sql_changes[] =
    "INSERT INTO changes (history, shard, epoch, seq, time, op, initial, by_definition, provider, account,"
    " region, type, parent, id, before, after, patch, status, previous, collection, key)"
    " SELECT (SELECT history FROM feed), shard, epoch, seq, time,"
    "  (ARRAY['created', 'updated', 'deleted', 'status'])[op], initial, by_definition, provider, account,"
    "  region, type, parent, id, $doc(before), $doc(after), $doc(patch),"
    "  CASE WHEN op = 4 THEN jsonb_build_object('kind',"
    "   (ARRAY['listed', 'unreachable', 'recovered', 'held', 'unwatched', 'definition'])[kind],"
    "   'since', since, 'held', held, 'void', is_void) END,"
    "  nullif(previous, 0), collection, key"
    " FROM taken ON CONFLICT DO NOTHING;";

#define COLLECTION_COLUMNS "key, provider, account, region, type, parent, shard, mark"
#define VOIDS              "(SELECT collection, max(seq) AS seq FROM taken WHERE op = 4 AND is_void GROUP BY collection)"

const char sink_sql_state[] =
    "INSERT INTO collections AS c (" COLLECTION_COLUMNS ")"
    " SELECT DISTINCT ON (collection) collection, provider, account, region, type, parent, shard,"
    "  (SELECT mark FROM feed)"
    " FROM taken ORDER BY collection, ord DESC"
    " ON CONFLICT (key) DO UPDATE SET shard = excluded.shard WHERE c.shard <> excluded.shard;"

    "UPDATE collections c SET"
    "  complete = CASE WHEN s.listed_ord > coalesce(s.void_ord, -1) THEN true"
    "   ELSE c.complete AND s.void_ord IS NULL END,"
    "  listed_since = CASE WHEN s.listed_ord > coalesce(s.void_ord, -1) THEN s.listed_at"
    "   WHEN s.void_ord IS NULL THEN c.listed_since END,"
    "  unreachable_since = CASE s.reach WHEN 2 THEN s.reach_at WHEN 3 THEN NULL ELSE c.unreachable_since END,"
    "  unwatched_since = CASE WHEN s.reach = 5 THEN s.reach_at WHEN s.reach IS NULL THEN c.unwatched_since "
    "END,"
    "  held = coalesce(s.held, c.held)"
    " FROM (SELECT collection, max(ord) FILTER (WHERE kind = 1) AS listed_ord,"
    "   max(time) FILTER (WHERE kind = 1) AS listed_at, max(ord) FILTER (WHERE is_void) AS void_ord,"
    "   (array_agg(kind ORDER BY ord DESC) FILTER (WHERE kind IN (2, 3, 5)))[1] AS reach,"
    "   (array_agg(coalesce(since, time) ORDER BY ord DESC) FILTER (WHERE kind IN (2, 3, 5)))[1] AS reach_at,"
    "   (array_agg(held ORDER BY ord DESC) FILTER (WHERE kind = 4))[1] AS held"
    "  FROM taken WHERE op = 4 GROUP BY collection) s"
    " WHERE c.key = s.collection;"

    "DELETE FROM resources r USING " VOIDS " v WHERE r.collection = v.collection AND r.seq < v.seq;"

    "DELETE FROM resources r"
    " USING (SELECT DISTINCT ON (key) key, seq, op FROM taken WHERE op < 4 ORDER BY key, ord DESC) l"
    " WHERE l.op = 3 AND r.key = l.key AND r.seq < l.seq;";

/* A row from before has seqs of another history. */
const char sink_sql_before[] =
    "DELETE FROM resources r USING feed f, taken t WHERE r.key = t.key AND r.mark < f.sweep_below;"
    "DELETE FROM collections c USING feed f, taken t WHERE c.key = t.collection AND c.mark < f.sweep_below;";

/* Of a resource that was deleted and created again the first sight is the latter's. */
const char sink_sql_resources[] =
    "INSERT INTO resources AS r (provider, account, region, type, parent, id, document, first_seen, "
    "changed_at,"
    "  shard, seq, mark, collection, key)"
    " SELECT l.provider, l.account, l.region, l.type, l.parent, l.id, $doc(l.after),"
    "  coalesce(l.created_at, old.first_seen, l.time), l.time, l.shard, l.seq, (SELECT mark FROM feed),"
    "  l.collection, l.key"
    " FROM (SELECT DISTINCT ON (key) *, max(time) FILTER (WHERE op = 1) OVER (PARTITION BY key) AS created_at"
    "  FROM taken WHERE op < 4 ORDER BY key, ord DESC) l"
    " LEFT JOIN " VOIDS " v ON v.collection = l.collection"
    " LEFT JOIN resources old ON old.key = l.key"
    " WHERE l.op < 3 AND l.seq > coalesce(v.seq, 0)"
    " ON CONFLICT (key) DO UPDATE SET document = excluded.document, first_seen = excluded.first_seen,"
    "  changed_at = excluded.changed_at, stale = false, shard = excluded.shard, seq = excluded.seq,"
    "  mark = excluded.mark"
    " WHERE r.seq < excluded.seq;"

    "DELETE FROM resources r USING taken t"
    " WHERE t.op = 4 AND t.kind = 1 AND r.collection = t.collection AND r.stale;";

const char sink_sql_begin[] = "WITH m AS (UPDATE feed SET mark = mark + 1 RETURNING mark)"
                              " INSERT INTO snapshots (shard, mark) SELECT $number, mark FROM m"
                              " ON CONFLICT (shard) DO UPDATE SET mark = excluded.mark, begun_at = now();";

#define MARK "(SELECT s.mark FROM snapshots s WHERE s.shard = taken.shard)"

const char sink_sql_rows[] =
    "INSERT INTO collections AS c (" COLLECTION_COLUMNS
    ", complete, listed_since, unreachable_since, unwatched_since, held)"
    " SELECT collection, provider, account, region, type, parent, shard, " MARK
    ", initial, time, since, unwatched,"
    "  held FROM taken WHERE key IS NULL"
    " ON CONFLICT (key) DO UPDATE SET shard = excluded.shard, mark = excluded.mark, complete = "
    "excluded.complete,"
    "  listed_since = excluded.listed_since, unreachable_since = excluded.unreachable_since,"
    "  unwatched_since = excluded.unwatched_since, held = excluded.held;"

    "INSERT INTO resources AS r (provider, account, region, type, parent, id, document, first_seen, shard, "
    "seq,"
    "  mark, collection, key)"
    " SELECT DISTINCT ON (key) provider, account, region, type, parent, id, $doc(after), time, shard, "
    "seq, " MARK ", collection, key FROM taken WHERE key IS NOT NULL ORDER BY key, ord DESC"
    " ON CONFLICT (key) DO UPDATE SET document = excluded.document, first_seen = excluded.first_seen,"
    "  changed_at = CASE WHEN r.seq = excluded.seq THEN r.changed_at END, stale = false,"
    "  shard = excluded.shard, seq = excluded.seq, mark = excluded.mark;";

#define OF_SNAPSHOT "s.shard = $number AND c.shard = s.shard AND r.collection = c.key AND r.mark < s.mark"

const char sink_sql_end_all[] = "DELETE FROM resources r USING snapshots s, collections c WHERE " OF_SNAPSHOT
                                ";"
                                "DELETE FROM collections c USING snapshots s WHERE s.shard = c.shard AND "
                                "c.mark < s.mark AND s.shard = $number;";

const char sink_sql_end_some[] =
    "UPDATE collections c SET complete = false FROM snapshots s"
    " WHERE s.shard = c.shard AND c.mark < s.mark AND s.shard = $number;"
    "DELETE FROM resources r USING snapshots s, collections c WHERE c.complete AND " OF_SNAPSHOT ";"
    "UPDATE resources r SET stale = true, seq = 0 FROM snapshots s, collections c WHERE " OF_SNAPSHOT ";";

const char sink_sql_end[] = "DELETE FROM snapshots WHERE shard = $number;";

const char sink_sql_cut_off[] =
    "WITH cut_off AS (DELETE FROM snapshots RETURNING shard, mark),"
    " unnamed AS (SELECT * FROM cut_off WHERE shard <> ALL ($1::integer[])),"
    " rows_of AS (UPDATE resources r SET mark = -1 FROM unnamed u, collections c"
    "  WHERE c.shard = u.shard AND r.collection = c.key AND r.mark >= u.mark),"
    " collections_of AS (UPDATE collections c SET mark = -1 FROM unnamed u"
    "  WHERE c.shard = u.shard AND c.mark >= u.mark)"
    " UPDATE feed SET sweep_below = coalesce(sweep_below, 0) WHERE EXISTS (SELECT FROM unnamed)";

const char sink_sql_sweep[] = "DELETE FROM resources WHERE mark < (SELECT sweep_below FROM feed);"
                              "DELETE FROM collections WHERE mark < (SELECT sweep_below FROM feed);"
                              "UPDATE feed SET sweep_below = NULL;";

const char sink_sql_keep[] = "DELETE FROM changes WHERE ctid = ANY (ARRAY(SELECT ctid FROM changes"
                             " WHERE time < now() - $number * interval '1 millisecond' LIMIT 10000));";

void sink_sql_add(struct buffer *out, const char *sql, bool careful, uint64_t number)
{
    const char *at;
    while ((at = strchr(sql, '$'))) {
        buffer_add(out, sql, (size_t)(at - sql));
        if (at[1] == 'd')
            buffer_add_text(out, careful ? "to_document" : "jsonb");
        else
            buffer_printf(out, "%" PRIu64, number);
        sql = at + (at[1] == 'd' ? strlen("$doc") : strlen("$number"));
    }
    buffer_add_text(out, sql);
}
