/* run: harvest, and tell. The harvest is worker/run's; here is what people see of it. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/data.h"
#include "cli/feed_print.h"
#include "cli/say.h"
#include "cli/stop.h"
#include "cli/verbs.h"
#include "common/check.h"
#include "common/clock.h"
#include "common/limits.h"
#include "common/log.h"
#include "common/units.h"
#include "worker/run/run.h"

enum { LOG_EVERY_MS = 10000, PIECE_FULL = -1 };

struct running {
    const struct options *options;
    struct folder folder;
    uint32_t threads;      /* 0: as many as there are cores */
    bool bookmarked;       /* one was printed: every batch ends with one */
    bool print_feed, deaf; /* deaf: standard output failed, and it was said */
    bool terminal;         /* stderr is one */
    struct feed_printer out;
    struct position *positions; /* by shard; seq 0: nothing in it */
    uint64_t next, last;        /* of the changes that are printed now */
    struct arena arena;
    int64_t started_ms, logged_ms;
    uint64_t troubles;
};

/* --- the feed of this run --- */

static void note_failure(struct running *run)
{
    int number = run->out.printer.failed;
    if (!number || run->deaf)
        return;
    run->deaf = true;
    say("can't write the feed to standard output: %s; the harvest goes on, `garner feed --data %s` has all "
        "of it",
        strerror(number), run->folder.path);
}

static void bookmark(struct running *run)
{
    struct cursor cursor = {
        .positions = arena_alloc(&run->arena, run->folder.shards * sizeof *cursor.positions)};
    memcpy(cursor.feed, run->folder.feed, sizeof cursor.feed);
    for (uint32_t i = 0; i < run->folder.shards; i++)
        if (run->positions[i].seq)
            cursor.positions[cursor.count++] = run->positions[i];
    run->bookmarked = true;
    feed_printer_bookmark(&run->out, &cursor);
    arena_reset(&run->arena);
    feed_printer_flush(&run->out);
    note_failure(run);
}

/* What earlier runs left is behind the bookmarks of this one. */
static int find_positions(struct running *run, struct error *e)
{
    int r = 0;
    run->positions = mem_zalloc(run->folder.shards * sizeof *run->positions);
    for (uint32_t i = 0; i < run->folder.shards && !r; i++) {
        struct store *store;
        if (!folder_has(&run->folder, i))
            continue;
        r = folder_store(&run->folder, i, &store, e);
        if (!r)
            run->positions[i] = (struct position){i, store_epoch(store), store_head(store)};
    }
    return r;
}

static int take(void *context, uint64_t seq, struct bytes packed)
{
    struct running *run = context;
    struct change change;
    struct error e;
    if (seq > run->last || printer_full(&run->out.printer))
        return PIECE_FULL;
    int r = change_unpack(&run->arena, packed, &change, &e);
    if (!r)
        r = feed_printer_add(&run->out, &change, &e);
    if (r) { /* it is stored, and `verify` will say more */
        say("%s", e.text);
        run->troubles++;
    }
    arena_reset(&run->arena);
    run->next = seq + 1;
    return 0;
}

static void committed(void *context, struct store *store, uint64_t first, uint64_t last)
{
    struct running *run = context;
    struct error e;
    int r = PIECE_FULL;
    run->next = first;
    run->last = last;
    while (r == PIECE_FULL && run->next <= last && !run->deaf) {
        r = store_read(store, &e);
        if (!r)
            r = store_changes_each(store, run->next, take, run, &e);
        store_done(store);
        feed_printer_flush(&run->out);
        note_failure(run);
    }
    if (r && r != PIECE_FULL) {
        say_error(&e);
        run->troubles++;
    }
    run->positions[store_shard(store)] = (struct position){store_shard(store), store_epoch(store), last};
    if (!run->deaf)
        bookmark(run);
}

/* --- what people see --- */

static void trouble(void *context, const char *line)
{
    struct running *run = context;
    run->troubles++;
    say_line("%s", line);
}

static void progress(void *context, const struct run_totals *totals, uint64_t under_way)
{
    struct running *run = context;
    char collections[UNITS_TEXT_BYTES], resources[UNITS_TEXT_BYTES], requests[UNITS_TEXT_BYTES],
        waiting[UNITS_TEXT_BYTES], since[UNITS_TEXT_BYTES];
    int64_t now = clock_steady_ms();
    units_count(totals->collections, collections);
    units_count(totals->items, resources);
    units_count(totals->requests, requests);
    units_count(under_way, waiting);
    units_ago(now - run->started_ms, since);
    if (run->terminal) {
        struct buffer line = {0};
        buffer_printf(&line, "%s: collections: %s done, %s under way; %s resources; %s requests", since,
                      collections, waiting, resources, requests);
        say_passing(buffer_text(&line));
        buffer_close(&line);
    } else if (now - run->logged_ms >= LOG_EVERY_MS) {
        run->logged_ms = now;
        log_line(LOG_INFO, "harvesting", "since", since, "collections", collections, "under_way", waiting,
                 "resources", resources, "requests", requests, NULL);
    }
}

static void add_part(struct buffer *out, uint64_t count, const char *what, const char **separator)
{
    char text[UNITS_TEXT_BYTES];
    if (!count)
        return;
    buffer_printf(out, "%s%s %s", *separator, units_count(count, text), what);
    *separator = ", ";
}

static void summarize(const struct running *run, const struct run_totals *t)
{
    struct buffer line = {0};
    char text[UNITS_TEXT_BYTES];
    int64_t ms = clock_steady_ms() - run->started_ms;
    const char *separator = ": ";
    buffer_printf(&line, "%s collection%s", units_count(t->collections, text),
                  t->collections == 1 ? "" : "s");
    add_part(&line, t->incomplete, "incomplete", &separator);
    add_part(&line, t->held, "with deletions held back", &separator);
    if (t->accounts_failed)
        buffer_printf(&line, "; %s account%s failed", units_count(t->accounts_failed, text),
                      t->accounts_failed == 1 ? "" : "s");
    buffer_printf(&line, "; %s resource%s", units_count(t->items, text), t->items == 1 ? "" : "s");
    separator = ": ";
    add_part(&line, t->created, "created", &separator);
    add_part(&line, t->updated, "updated", &separator);
    add_part(&line, t->deleted, "deleted", &separator);
    add_part(&line, t->unchanged, "unchanged", &separator);
    buffer_printf(&line, "; %s request%s in ", units_count(t->requests, text), t->requests == 1 ? "" : "s");
    if (ms < 60000)
        buffer_printf(&line, "%.1f s", (double)ms / 1000);
    else
        buffer_add_text(&line, units_ago(ms, text));
    say_line("%s%s", t->stopped ? "stopped before the end: " : "", buffer_text(&line));
    buffer_close(&line);
}

/* --- all together --- */

static int exit_code_of(const struct running *run, const struct run_totals *t)
{
    bool wrong = t->incomplete || t->held || t->accounts_failed || t->stopped || run->troubles || run->deaf;
    return wrong ? EXIT_INCOMPLETE : EXIT_COMPLETE;
}

static int harvest(struct running *run, const struct setup *setup)
{
    struct run_totals totals = {0};
    struct error e;
    struct run_setting setting = {
        .config = setup->config,
        .providers = setup->providers,
        .provider_count = setup->config->provider_count,
        .once = run->options->once,
        .folder = &run->folder,
        .threads = run->threads,
        .context = run,
        .committed = run->print_feed ? committed : NULL,
        .trouble = trouble,
        .progress = progress,
        .stop_fd = stop_listen(),
    };
    run->started_ms = run->logged_ms = clock_steady_ms();
    int r = run->print_feed ? find_positions(run, &e) : 0;
    if (!r)
        r = run_all(&setting, &totals, &e);
    if (run->terminal)
        say_passing("");
    if (r)
        return say_error(&e);
    if (run->print_feed && !run->deaf && !run->bookmarked) /* else a batch's was the last line */
        bookmark(run);
    summarize(run, &totals);
    return exit_code_of(run, &totals);
}

/* How many threads: the option's, or else the configuration's. 0 or EXIT_USAGE. */
static int choose_threads(const struct options *options, const struct config *config, uint32_t *threads)
{
    uint64_t number = config->threads;
    if (options->threads &&
        (!bytes_to_u64(bytes_of(options->threads), &number) || number < 1 || number > LIMIT_THREADS)) {
        say("--threads '%s': a number from 1 to %d is needed", options->threads, LIMIT_THREADS);
        return EXIT_USAGE;
    }
    *threads = (uint32_t)number;
    return 0;
}

static int run_with(const struct options *options, const struct setup *setup)
{
    struct running run = {
        .options = options, .print_feed = options->print_feed, .terminal = isatty(STDERR_FILENO)};
    const struct config *config = setup->config;
    struct error e;
    if (choose_threads(options, config, &run.threads))
        return EXIT_USAGE;
    if (folder_open(&run.folder, options->data ? options->data : config->data, config->shards,
                    config->map_size, &e))
        return say_error(&e);
    feed_printer_open(&run.out, true, false);
    int exit_code = harvest(&run, setup);
    note_failure(&run);
    run.out.printer.failed = 0; /* it was said */
    feed_printer_close(&run.out);
    free(run.positions);
    arena_close(&run.arena);
    folder_close(&run.folder);
    return exit_code;
}

static int run(const struct options *options)
{
    struct setup setup;
    int exit_code = setup_open(options->config, &setup);
    if (exit_code)
        return exit_code;
    exit_code = run_with(options, &setup);
    setup_close(&setup);
    return exit_code;
}

const struct verb verb_run = {
    .name = "run",
    .summary = "harvest what a configuration names",
    .operands = "",
    .options = OPTION_CONFIG | OPTION_RUN,
    .about =
        "Harvest every collection of the accounts that the configuration names into its data folder. What is "
        "incomplete, failed or held back gets a line on standard error.",
    .examples =
        "Examples:\n"
        "  garner run -c garner.yaml --once\n"
        "  garner run -c garner.yaml --once --print-feed > changes.ndjson\n\n"
        "Exits with 0 if all is complete, 1 if something is not, 2 if the configuration is wrong. The first "
        "Ctrl-C ends it in good order: what was fetched is kept. The second one ends it at once.",
    .run = run,
};
