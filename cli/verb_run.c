/* run: harvest, and tell. The harvest is worker/run's; here is what people see of it. */
#include <stdio.h>
#include <unistd.h>

#include "cli/data.h"
#include "cli/inside.h"
#include "cli/live.h"
#include "cli/pages.h"
#include "cli/run_feed.h"
#include "cli/say.h"
#include "cli/stop.h"
#include "cli/verbs.h"
#include "common/check.h"
#include "common/clock.h"
#include "common/limits.h"
#include "common/log.h"
#include "common/units.h"
#include "worker/feed/holds.h"
#include "worker/run/run.h"

enum { LOG_EVERY_MS = 10000 };

struct running {
    const struct options *options;
    struct folder folder;
    struct feed_holds *holds;
    const struct setup *setup;
    struct inside *inside; /* null: once */
    struct live *live;     /* likewise */
    struct pages *pages;   /* null: no `http` */
    struct run_feed feed;  /* with --print-feed */
    uint32_t threads;      /* 0: as many as there are cores */
    bool terminal;         /* stderr is one */
    int64_t started_ms, logged_ms;
    uint64_t troubles;
};

/* --- what people see --- */

static void trouble(void *context, const char *line)
{
    struct running *run = context;
    run->troubles++;
    if (run->options->once)
        say_line("%s", line);
    else
        log_line(LOG_WARN, line, NULL);
}

static void committed(void *context, struct store *store, uint64_t first, uint64_t last)
{
    struct running *run = context;
    if (run->options->print_feed)
        run_feed_committed(&run->feed, store, first, last);
    if (run->live) {
        live_committed(run->live, store_shard(store), last);
        inside_committed(run->inside, store_shard(store));
    }
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
    say_line("%s%s", t->stopped && run->options->once ? "stopped before the end: " : "", buffer_text(&line));
    buffer_close(&line);
}

/* --- all together --- */

/* A run that goes on is ended by whoever wants it ended: that alone is no failure. */
static int exit_code_of(const struct running *run, const struct run_totals *t)
{
    if (!run->options->once)
        return run->feed.deaf || run->feed.unreadable ? EXIT_INCOMPLETE : EXIT_COMPLETE;
    bool wrong = t->incomplete || t->held || t->accounts_failed || t->stopped || run->troubles ||
                 run->feed.deaf || run->feed.unreadable;
    return wrong ? EXIT_INCOMPLETE : EXIT_COMPLETE;
}

static bool is_ready(void *context, struct buffer *reasons)
{
    struct running *run = context;
    return inside_is_ready(run->inside, reasons);
}

static int open_pages(struct running *run, struct crew *crew, struct error *e)
{
    const struct config *config = run->setup->config;
    const struct pages_setting setting = {.http = config->http,
                                          .crew = crew,
                                          .listen = live_address(run->live),
                                          .tokens = config->tokens,
                                          .bus = config->bus,
                                          .context = run,
                                          .is_ready = is_ready};
    return setting.http ? pages_open(&setting, &run->pages, e) : 0;
}

static void ending(void *context)
{
    struct running *run = context;
    pages_close(run->pages);
    inside_ending(run->inside);
    live_ending(run->live);
}

static int started(void *context, struct crew *crew, struct error *e)
{
    struct running *run = context;
    struct live_setting setting = {.path = run->options->config,
                                   .config = run->setup->config,
                                   .folder = &run->folder,
                                   .holds = run->holds,
                                   .coordinator = inside_coordinator(run->inside)};
    char accounts[16];
    int r = live_open(&setting, crew, &run->live, e);
    if (!r)
        r = open_pages(run, crew, e);
    if (!r)
        r = inside_begin(run->inside, crew, run->live, e);
    if (r) {
        ending(run);
        return r;
    }
    snprintf(accounts, sizeof accounts, "%u", run->setup->config->account_count);
    log_line(LOG_INFO, "harvesting", "accounts", accounts, "data", run->folder.path, "listen",
             run->setup->config->listen, NULL);
    return 0;
}

static int harvest(struct running *run)
{
    struct run_totals totals = {0};
    struct error e;
    const struct setup *setup = run->setup;
    bool once = run->options->once;
    struct run_setting setting = {
        .config = setup->config,
        .providers = setup->providers,
        .provider_count = setup->config->provider_count,
        .once = once,
        .is_worker = !once,
        .is_sole = !once,
        .folder = &run->folder,
        .holds = run->holds,
        .threads = run->threads,
        .context = run,
        .committed = committed,
        .trouble = trouble,
        .progress = once || run->terminal ? progress : NULL,
        .started = once ? NULL : started,
        .ending = once ? NULL : ending,
        .stop_fd = stop_listen(),
    };
    run->started_ms = run->logged_ms = clock_steady_ms();
    int r = once ? data_check_whose(run->folder.path, &e)
                 : inside_open(setup->config, &run->folder, &run->inside, &e);
    if (!r && run->options->print_feed)
        r = run_feed_open(&run->feed, &run->folder, &e);
    if (!r)
        r = run_all(&setting, &totals, &e);
    live_close(run->live);
    inside_close(run->inside);
    run->live = NULL;
    run->inside = NULL;
    if (run->terminal)
        say_passing("");
    if (r)
        return say_error(&e);
    if (run->options->print_feed)
        run_feed_end(&run->feed);
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
    struct running run = {.options = options, .setup = setup, .terminal = isatty(STDERR_FILENO)};
    const struct config *config = setup->config;
    struct error e;
    if (choose_threads(options, config, &run.threads))
        return EXIT_USAGE;
    if (folder_open(&run.folder, options->data ? options->data : config->data, config->shards,
                    config->map_size, &e))
        return say_error(&e);
    run.holds = feed_holds_open();
    int exit_code = harvest(&run);
    feed_holds_close(run.holds);
    run_feed_close(&run.feed);
    folder_close(&run.folder);
    return exit_code;
}

static int run(const struct options *options)
{
    struct setup setup;
    int exit_code = setup_open(options->config, &setup);
    if (exit_code)
        return exit_code;
    if (!options->once)
        stop_listen_reload(); /* from now on SIGHUP is no end */
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
        "Harvest the collections of the accounts that the configuration names into its data folder: each one "
        "again when its period has passed, or with --once all of them once. What is incomplete, failed or "
        "held "
        "back gets a line on standard error.",
    .examples =
        "Examples:\n"
        "  garner run -c garner.yaml\n"
        "  garner run -c garner.yaml --once\n"
        "  garner run -c garner.yaml --once --print-feed > changes.ndjson\n\n"
        "With --once it exits with 0 if all is complete, 1 if something is not; with 2 if the configuration "
        "is "
        "wrong. The first Ctrl-C ends it in good order: what was fetched is kept. The second one ends it at "
        "once. SIGHUP has the configuration read anew.",
    .run = run,
};
