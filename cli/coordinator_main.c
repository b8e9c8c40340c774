/* garner-coordinator: who harvests what, in a cluster (docs/operating.md). */
#include <argp.h>
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/data.h"
#include "cli/say.h"
#include "cli/stop.h"
#include "common/file.h"
#include "common/http/http_server.h"
#include "common/log.h"
#include "common/metrics.h"
#include "common/units.h"
#include "coordinator/serve.h"
#include "worker/store/folder_text.h"

enum {
    KEY_DATA = 1,
    KEY_LISTEN,
    KEY_HTTP,
    KEY_GRACE,
    KEY_FEED,
    KEY_LOG,
    UNAVAILABLE = 503,
    SETTLE_MS = 3000,
    FEED_BYTES = 16
};

const char *argp_program_version = "garner-coordinator " GARNER_VERSION;

struct flags {
    const char *config, *data, *listen, *http;
    int64_t grace_ms;
    bool has_feed;
    uint8_t feed[FEED_BYTES];
};

static const struct argp_option known[] = {
    {"config", 'c', "FILE", 0, "the configuration: cluster, shards, followers, lease, listen, accounts", 0},
    {"data", KEY_DATA, "DIR", 0, "where its state is kept (default: the configuration's `data`)", 0},
    {"listen", KEY_LISTEN, "ADDRESS", 0, "in place of the configuration's: tcp://HOST:PORT", 0},
    {"http", KEY_HTTP, "HOST:PORT", 0, "in place of the configuration's: /healthz, /readyz, /metrics", 0},
    {"grace", KEY_GRACE, "TIME", 0, "how long a dead worker's shards without a follower wait (2m)", 0},
    {"feed", KEY_FEED, "ID", 0,
     "where its state was lost: begin a new one with the feed of its workers' data folders "
     "(docs/operating.md)",
     0},
    {"log-level", KEY_LOG, "LEVEL", 0, "debug, info (default), warn, error or off", 0},
    {0},
};

static error_t take_option(int key, char *value, struct argp_state *state)
{
    struct flags *options = state->input;
    enum log_level level;
    switch (key) {
    case 'c':
        options->config = value;
        return 0;
    case KEY_DATA:
        options->data = value;
        return 0;
    case KEY_LISTEN:
        options->listen = value;
        return 0;
    case KEY_HTTP:
        options->http = value;
        return 0;
    case KEY_GRACE:
        if (!units_duration(bytes_of(value), &options->grace_ms))
            argp_error(state, "--grace '%s': a time is needed, as 90s or 2m", value);
        return 0;
    case KEY_FEED:
        options->has_feed = line_hex(bytes_of(value), options->feed, sizeof options->feed);
        if (!options->has_feed)
            argp_error(state,
                       "--feed '%s': the 32 hex digits are needed that stand in the file `garner` of a "
                       "worker's data folder, behind `feed`",
                       value);
        return 0;
    case KEY_LOG:
        if (!log_level_of(value, &level))
            argp_error(state, "--log-level '%s': there are debug, info, warn, error and off", value);
        log_set_level(level);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* --- pages --- */

static void answer_metrics(void *context, const struct http_request *request, struct http_reply *reply)
{
    (void)request;
    reply->content_type = METRICS_CONTENT_TYPE;
    coordinator_to_metrics(context, &reply->body);
}

static void answer_healthz(void *context, const struct http_request *request, struct http_reply *reply)
{
    struct error e;
    (void)request;
    if (coordinator_is_well(context, &e)) {
        buffer_add_text(&reply->body, "ok\n");
        return;
    }
    reply->status = UNAVAILABLE;
    buffer_printf(&reply->body, "%s\n", e.text);
}

/* --- its life --- */

static void wait_for_stop(int fd)
{
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
    while (poll(&poll_fd, 1, -1) < 0 && errno == EINTR)
        ;
}

/* A state that is there has a feed of its own. */
static int check_feed(const struct flags *options, const struct coordinator *coordinator, struct error *e)
{
    if (!options->has_feed || memcmp(coordinator_feed(coordinator), options->feed, FEED_BYTES) == 0)
        return 0;
    return error_set(
        e, ERR_CONFIG,
        "--feed is for a state that was lost, and there is one, of another feed: leave --feed out, "
        "or give an empty `data` folder");
}

static int serve(const struct flags *options, const char *http, struct coordinator_serve *serve, int stop,
                 struct error *e)
{
    struct coordinator *coordinator = coordinator_serve_its(serve);
    const struct http_route routes[] = {
        {"/metrics", "metrics, for Prometheus", HTTP_QUICK, answer_metrics, coordinator},
        {"/healthz", "200 as long as it works, else why not", HTTP_QUICK, answer_healthz, coordinator},
        {"/readyz", "200 once it answers", HTTP_QUICK, answer_healthz, coordinator},
    };
    const struct http_options pages = {http, routes, sizeof routes / sizeof *routes};
    struct http_server *server = NULL;
    struct buffer feed = {0};
    char port[8] = "";
    int r = check_feed(options, coordinator, e);
    if (!r && http)
        r = http_server_open(&pages, &server, e);
    if (r)
        return r;
    if (server)
        snprintf(port, sizeof port, "%u", http_server_port(server));
    line_add_hex(&feed, coordinator_feed(coordinator), FEED_BYTES);
    log_line(LOG_INFO, "coordinating", "listen", coordinator_serve_address(serve), "http", http, "port",
             *port ? port : NULL, "feed", buffer_text(&feed), NULL);
    buffer_close(&feed);
    wait_for_stop(stop);
    log_line(LOG_INFO, "ending", NULL);
    http_server_close(server);
    return 0;
}

static int make_folder(const char *path, struct error *e)
{
    if (mkdir(path, 0700) == 0 || errno == EEXIST)
        return 0;
    return error_set(e, ERR_IO, "the data folder %s can't be made: %s", path, strerror(errno));
}

static int coordinate(const struct flags *options, const struct config *config, struct error *e)
{
    struct coordinator_serve *coordinator;
    struct buffer path = {0};
    const char *data = options->data ? options->data : config->data;
    buffer_printf(&path, "%s/cluster.mdb", data);
    const struct coordinator_serve_setting setting = {
        .address = options->listen ? options->listen : config->listen,
        .coordinator = {.cluster = config->cluster,
                        .kind = &state_lmdb,
                        .path = buffer_text(&path),
                        .shards = config->shards,
                        .followers = config->followers,
                        .lease_ms = config->lease_ms,
                        .grace_ms = options->grace_ms,
                        .settle_ms = SETTLE_MS,
                        .feed = options->has_feed ? options->feed : NULL,
                        .config = config}};
    int stop = stop_listen();
    int r = make_folder(data, e);
    if (!r)
        r = coordinator_serve_open(&setting, &coordinator, e);
    if (!r) {
        r = serve(options, options->http ? options->http : config->http, coordinator, stop, e);
        coordinator_serve_close(coordinator);
    }
    buffer_close(&path);
    return r;
}

int main(int argc, char **argv)
{
    static const struct argp argp = {
        known, take_option,
        NULL,  "Decide which worker harvests what, and move shards between them (docs/operating.md).",
        NULL,  NULL,
        NULL};
    struct flags options = {.grace_ms = LIMIT_GRACE_MS};
    struct config *config;
    struct error e;
    argp_err_exit_status = EXIT_USAGE;
    argp_parse(&argp, argc, argv, 0, NULL, &options);
    say_name("garner-coordinator");
    signal(SIGPIPE, SIG_IGN);
    file_raise_limit(); /* a connection each */
    int exit_code = setup_config(options.config, CONFIG_COORDINATOR, &config);
    if (exit_code)
        return exit_code;
    int r = coordinate(&options, config, &e);
    config_close(config);
    if (!r)
        return EXIT_COMPLETE;
    say_error(&e);
    return r == ERR_CONFIG || r == ERR_BUSY ? EXIT_USAGE : EXIT_INCOMPLETE;
}
