/* garner-worker: harvests what the coordinator gives it (docs/operating.md). */
#include <argp.h>
#include <inttypes.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/data.h"
#include "cli/live.h"
#include "cli/pages.h"
#include "cli/say.h"
#include "cli/stop.h"
#include "client/client.h"
#include "common/file.h"
#include "common/log.h"
#include "common/rpc/rpc_address.h"
#include "common/units.h"
#include "worker/agent/agent.h"
#include "worker/feed/holds.h"
#include "worker/run/run.h"

enum { KEY_AT = 1, KEY_NAME, KEY_DATA, KEY_LISTEN, KEY_REACHED, KEY_HTTP, KEY_CAPACITY, KEY_RATE, KEY_LOG };
enum { AGAIN_MS = 500, HOST_BYTES = 256 };

const char *argp_program_version = "garner-worker " GARNER_VERSION;

struct flags {
    const char *config, *at, *name, *data, *listen, *reached, *http;
    uint64_t capacity, bytes_per_s;
};

struct working {
    const struct flags *options;
    struct setup setup;
    struct operator_hello cluster; /* as the coordinator greeted us */
    struct identity identity;
    struct folder folder;
    struct feed_holds *holds;
    struct live *live;
    struct agent *_Atomic agent; /* null: it isn't there yet */
    struct pages *pages;
};

/* --- options --- */

static const struct argp_option known[] = {
    {"config", 'c', "FILE", 0, "the configuration: cluster, providers, retention, data, listen, http", 0},
    {"at", KEY_AT, "ADDRESS", 0, "the coordinator (default: GARNER_AT, else tcp://127.0.0.1:7801)", 0},
    {"name", KEY_NAME, "NAME", 0, "this worker's, for ever (default: this machine's name)", 0},
    {"data", KEY_DATA, "DIR", 0, "where its copies are (default: the configuration's `data`)", 0},
    {"listen", KEY_LISTEN, "ADDRESS", 0, "in place of the configuration's: tcp://HOST:PORT, port 0: any", 0},
    {"reached-at", KEY_REACHED, "ADDRESS", 0, "where others reach it (default: where it listens)", 0},
    {"http", KEY_HTTP, "HOST:PORT", 0, "in place of the configuration's: /healthz, /readyz, /metrics, …", 0},
    {"capacity", KEY_CAPACITY, "N", 0, "how much it takes, in proportion to others (default: 1)", 0},
    {"copy-rate", KEY_RATE, "SIZE", 0, "bytes a second that copies of shards may come at (64MiB)", 0},
    {"log-level", KEY_LOG, "LEVEL", 0, "debug, info (default), warn, error or off", 0},
    {0},
};

static error_t take_number(int key, const char *value, struct flags *options, struct argp_state *state)
{
    if (key == KEY_CAPACITY && (!bytes_to_u64(bytes_of(value), &options->capacity) || !options->capacity ||
                                options->capacity > LIMIT_CAPACITY))
        argp_error(state, "--capacity '%s': a number from 1 to %d is needed", value, LIMIT_CAPACITY);
    if (key == KEY_RATE && (!units_size(bytes_of(value), &options->bytes_per_s) || !options->bytes_per_s))
        argp_error(state, "--copy-rate '%s': a size is needed, as 64MiB", value);
    return 0;
}

static error_t take_option(int key, char *value, struct argp_state *state)
{
    struct flags *options = state->input;
    enum log_level level;
    switch (key) {
    case 'c':
        options->config = value;
        return 0;
    case KEY_AT:
        options->at = value;
        return 0;
    case KEY_NAME:
        options->name = value;
        return 0;
    case KEY_DATA:
        options->data = value;
        return 0;
    case KEY_LISTEN:
        options->listen = value;
        return 0;
    case KEY_REACHED:
        options->reached = value;
        return 0;
    case KEY_HTTP:
        options->http = value;
        return 0;
    case KEY_CAPACITY:
    case KEY_RATE:
        return take_number(key, value, options, state);
    case KEY_LOG:
        if (!log_level_of(value, &level))
            argp_error(state, "--log-level '%s': there are debug, info, warn, error and off", value);
        log_set_level(level);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* --- what the run tells --- */

static void trouble(void *context, const char *line)
{
    (void)context;
    log_line(LOG_WARN, line, NULL);
}

static void committed(void *context, struct store *store, uint64_t first, uint64_t last)
{
    struct working *w = context;
    (void)first;
    live_committed(w->live, store_shard(store), last);
    agent_committed(w->agent, store_shard(store));
}

static int take_accounts(void *context, const struct value *documents, uint64_t version, struct error *e)
{
    struct working *w = context;
    return live_accounts(w->live, documents, version, e);
}

static bool is_ready(void *context, struct buffer *reasons)
{
    struct working *w = context;
    struct agent *agent = atomic_load(&w->agent);
    if (agent)
        return agent_is_ready(agent, reasons);
    buffer_add_text(reasons, "the worker is starting\n");
    return false;
}

/* --- its parts --- */

static int open_agent(struct working *w, struct crew *crew, struct error *e)
{
    const char *listens = live_address(w->live);
    const struct agent_setting setting = {
        .coordinator = w->options->at,
        .cluster = w->setup.config->cluster,
        .address = w->options->reached ? w->options->reached : listens,
        .identity = &w->identity,
        .folder = &w->folder,
        .crew = crew,
        .serve = live_serve(w->live),
        .capacity = (uint32_t)w->options->capacity,
        .copy_bytes_per_s = w->options->bytes_per_s,
        .context = w,
        .take_accounts = take_accounts,
    };
    struct agent *agent;
    int r = agent_open(&setting, &agent, e);
    if (!r)
        atomic_store(&w->agent, agent);
    return r;
}

static int open_pages(struct working *w, struct crew *crew, struct error *e)
{
    const struct config *config = w->setup.config;
    const struct pages_setting setting = {.http = w->options->http ? w->options->http : config->http,
                                          .crew = crew,
                                          .listen = w->options->at,
                                          .tokens = config->tokens,
                                          .bus = config->bus,
                                          .context = w,
                                          .is_ready = is_ready};
    return setting.http ? pages_open(&setting, &w->pages, e) : 0;
}

static int started(void *context, struct crew *crew, struct error *e)
{
    struct working *w = context;
    const struct live_setting setting = {.path = w->options->config,
                                         .config = w->setup.config,
                                         .listen = w->options->listen,
                                         .folder = &w->folder,
                                         .holds = w->holds,
                                         .is_worker = true};
    int r = live_open(&setting, crew, &w->live, e);
    if (!r)
        r = open_pages(w, crew, e);
    if (!r && (r = open_agent(w, crew, e)))
        pages_close(w->pages);
    if (!r)
        log_line(LOG_INFO, "working", "worker", w->identity.name, "data", w->folder.path, "listen",
                 live_address(w->live), "coordinator", w->options->at, NULL);
    return r;
}

static void ending(void *context)
{
    struct working *w = context;
    log_line(LOG_INFO, "ending", "worker", w->identity.name, NULL);
    pages_close(w->pages);
    agent_leave(w->agent);
    live_ending(w->live);
}

static int work(struct working *w, int stop, struct error *e)
{
    struct run_totals totals = {0};
    const struct run_setting setting = {
        .config = w->setup.config,
        .providers = w->setup.providers,
        .provider_count = w->setup.config->provider_count,
        .is_worker = true,
        .folder = &w->folder,
        .holds = w->holds,
        .threads = w->setup.config->threads,
        .context = w,
        .committed = committed,
        .trouble = trouble,
        .started = started,
        .ending = ending,
        .stop_fd = stop,
    };
    w->holds = feed_holds_open();
    int r = run_all(&setting, &totals, e);
    agent_close(w->agent);
    live_close(w->live);
    feed_holds_close(w->holds);
    return r;
}

/* --- whose it is --- */

/* What others are told to connect to must lead to this worker from where they are. */
static int check_addresses(const struct working *w, struct error *e)
{
    const struct flags *options = w->options;
    const char *listens = options->listen ? options->listen : w->setup.config->listen;
    const char *reached = options->reached ? options->reached : listens;
    int r = rpc_address_check(listens, e);
    if (!r)
        r = rpc_address_check(reached, e);
    if (!r && rpc_address_is_any(reached))
        r = error_set(e, ERR_CONFIG,
                      "%s: others can't connect to that: say by which name they reach this machine, as in "
                      "--reached-at tcp://w1.example:7801",
                      reached);
    if (!r && rpc_address_is_local(reached) && !rpc_address_is_local(options->at))
        log_line(LOG_WARN,
                 "others on other machines can't reach this worker: listen at an address of this machine "
                 "(--listen), or say where it is reached (--reached-at)",
                 "reached_at", reached, "coordinator", options->at, NULL);
    return r;
}

/* A worker without a coordinator has nothing to do but to wait for it. */
static int greet(struct working *w, struct error *e)
{
    struct client *client;
    bool is_told = false;
    int r;
    while ((r = client_open(w->options->at, NULL, &client, e)) && client_is_away(r) && !stop_asked()) {
        if (!is_told)
            log_line(LOG_WARN, e->text, "waiting_for", w->options->at, NULL);
        is_told = true;
        stop_wait(AGAIN_MS);
    }
    if (r)
        return r;
    w->cluster = *client_peer(client);
    if (!bytes_is(w->cluster.role, "coordinator"))
        r = error_set(e, ERR_CONFIG,
                      "at %s is no coordinator, but a garner %.*s: give the coordinator's address with --at",
                      w->options->at, BYTES_ARG(w->cluster.role));
    client_close(client);
    return r;
}

static int open_folder(struct working *w, struct error *e)
{
    const struct config *config = w->setup.config;
    const char *path = w->options->data ? w->options->data : config->data;
    uint64_t most = LIMIT_MAPS_BYTES / w->cluster.shards;
    return folder_open_as(&w->folder, path, w->cluster.shards,
                          config->map_size < most ? config->map_size : most, w->cluster.feed, e);
}

static int run_worker(struct working *w, struct error *e)
{
    const struct config *config = w->setup.config;
    int stop = stop_listen();
    stop_listen_reload();
    int r = check_addresses(w, e);
    if (!r)
        r = greet(w, e);
    if (!r)
        r = identity_open(w->options->data ? w->options->data : config->data, w->options->name, &w->identity,
                          e);
    if (r)
        return stop_asked() ? 0 : r;
    r = open_folder(w, e);
    if (!r) {
        r = work(w, stop, e);
        folder_close(&w->folder);
    }
    identity_close(&w->identity);
    return r;
}

int main(int argc, char **argv)
{
    static const struct argp argp = {
        known, take_option,
        NULL,  "Harvest what the coordinator gives it, and keep copies of what others harvest.",
        NULL,  NULL,
        NULL};
    static char host[HOST_BYTES];
    struct flags options = {.at = client_address(NULL), .capacity = 1, .bytes_per_s = 64 << 20};
    struct working w = {.options = &options};
    struct error e;
    argp_err_exit_status = EXIT_USAGE;
    argp_parse(&argp, argc, argv, 0, NULL, &options);
    say_name("garner-worker");
    signal(SIGPIPE, SIG_IGN);
    file_raise_limit(); /* a store each */
    if (!options.name && gethostname(host, sizeof host - 1) == 0)
        options.name = host;
    int exit_code = setup_open_as(options.config, CONFIG_WORKER, &w.setup);
    if (exit_code)
        return exit_code;
    int r = run_worker(&w, &e);
    setup_close(&w.setup);
    if (!r)
        return EXIT_COMPLETE;
    say_error(&e);
    return r == ERR_CONFIG || r == ERR_BUSY ? EXIT_USAGE : EXIT_INCOMPLETE;
}
