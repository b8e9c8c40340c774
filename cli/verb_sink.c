/* sink: the feed into a database. There is one kind, postgres. */
#include <string.h>

#include "cli/remote.h"
#include "cli/say.h"
#include "cli/sink/sink_follow.h"
#include "cli/verbs.h"
#include "common/nearest.h"
#include "common/units.h"

enum { LOCK_MS = 10000 }; /* a sink that was killed is noticed by its server within that, mostly */

static int read_kind(const char *kind, struct error *e)
{
    static const char *const kinds[] = {"postgres"};
    static const char *const others[] = {"postgres", "postgresql", "pg"};
    if (strcmp(kind, *kinds) == 0)
        return 0;
    const char *nearest = nearest_word(bytes_of(kind), others, sizeof others / sizeof *others);
    return error_set(e, ERR_USAGE, "'%s' is no kind of database: %s", kind,
                     nearest ? "did you mean 'postgres'?" : "there is postgres");
}

static int read_keep(const struct options *options, int64_t *keep_ms, struct error *e)
{
    if (!options->keep)
        return 0;
    if (options->no_changes)
        return error_set(e, ERR_USAGE, "--keep and --no-changes contradict each other: leave one out");
    if (!units_duration(bytes_of(options->keep), keep_ms) || !*keep_ms)
        return error_set(e, ERR_USAGE, "--keep '%s': a time is needed, e.g. 12h or 30d", options->keep);
    return 0;
}

/* In words, since it is what a message says of a schema that holds something else. */
static void describe(const struct options *options, struct buffer *keeps)
{
    buffer_add_text(keeps, "everything");
    if (options->account)
        buffer_printf(keeps, " of account %s", options->account);
    if (options->type)
        buffer_printf(keeps, " of type %s", options->type);
}

static int run(const struct options *options)
{
    const char *accounts[] = {options->account, NULL}, *types[] = {options->type, NULL};
    struct garner_options feed = GARNER_OPTIONS;
    struct sink_options sink = {.conninfo = options->to,
                                .schema = options->schema ? options->schema : "garner",
                                .resync = options->resync,
                                .no_changes = options->no_changes,
                                .lock_ms = LOCK_MS};
    struct buffer keeps = {0};
    struct error e;
    int exit_code;
    feed.address = remote_address(options, &exit_code);
    if (options->account)
        feed.accounts = accounts;
    if (options->type)
        feed.types = types;
    int r = read_kind(options->operands[0], &e);
    if (!r)
        r = read_keep(options, &sink.keep_ms, &e);
    if (r)
        return say_error(&e);
    describe(options, &keeps);
    sink.keeps = buffer_text(&keeps);
    exit_code = sink_follow(&sink, &feed, options->no_follow);
    buffer_close(&keeps);
    return exit_code;
}

const struct verb verb_sink = {
    .name = "sink",
    .summary = "keep the inventory and its changes in PostgreSQL",
    .operands = "postgres",
    .options = OPTION_AT | OPTION_SINK | OPTION_ACCOUNT | OPTION_TYPE,
    .about =
        "Keep a copy of what a running Garner knows in PostgreSQL, to be asked in SQL: what there is, what "
        "changed, and how well it is known. Makes its tables itself, and goes on until Ctrl-C.",
    .examples =
        "Examples:\n"
        "  garner sink postgres                             where PGHOST, PGDATABASE, … say\n"
        "  garner sink postgres --to postgresql://garner@db.example/inventory --keep 30d\n"
        "  garner sink postgres --no-follow                 until it is up to date, then end\n"
        "  psql -c 'SELECT type, count(*) FROM garner.resources GROUP BY type'\n\n"
        "What was taken and how far that is are one transaction, so whatever is killed when, nothing is "
        "missing and nothing is there twice. docs/sql.md explains the tables, and has ten questions "
        "worth asking.",
    .run = run,
};
