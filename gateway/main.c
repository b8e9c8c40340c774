/* garner-gateway: the gateway as a program of its own, beside as many more of it as are needed. */
#include <argp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "client/client.h"
#include "common/check.h"
#include "common/file.h"
#include "common/log.h"
#include "common/metrics.h"
#include "gateway/gateway.h"

enum { EXIT_USAGE = 2, KEY_AT = 1, KEY_HTTP, KEY_BUS, KEY_TOKENS, KEY_LOG, UNAVAILABLE = 503 };

const char *argp_program_version = "garner-gateway " GARNER_VERSION;

struct options {
    const char *http;
    struct gateway_setting gateway;
};

static const struct argp_option known[] = {
    {"at", KEY_AT, "ADDRESS", 0, "the running Garner (default: GARNER_AT, else tcp://127.0.0.1:7801)", 0},
    {"http", KEY_HTTP, "HOST:PORT", 0, "where to answer (default: 127.0.0.1:7800)", 0},
    {"tokens", KEY_TOKENS, "FILE", 0, "who may ask, and about which accounts; without it everybody may", 0},
    {"bus", KEY_BUS, "ADDRESS", 0, "publish all changes here, for NNG's SUB: tcp://127.0.0.1:7802", 0},
    {"log-level", KEY_LOG, "LEVEL", 0, "debug, info (default), warn, error or off", 0},
    {0},
};

static error_t take_option(int key, char *value, struct argp_state *state)
{
    struct options *options = state->input;
    enum log_level level;
    switch (key) {
    case KEY_AT:
        options->gateway.at = value;
        return 0;
    case KEY_HTTP:
        options->http = value;
        return 0;
    case KEY_TOKENS:
        options->gateway.tokens = value;
        return 0;
    case KEY_BUS:
        options->gateway.bus = value;
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

/* --- pages of its own --- */

static void answer_metrics(void *context, const struct http_request *request, struct http_reply *reply)
{
    struct gateway *gateway = context;
    if (!gateway_lets(gateway, request, reply))
        return;
    reply->content_type = METRICS_CONTENT_TYPE;
    gateway_to_metrics(gateway, &reply->body);
}

static void answer_healthz(void *context, const struct http_request *request, struct http_reply *reply)
{
    (void)context, (void)request;
    buffer_add_text(&reply->body, "ok\n");
}

static void answer_readyz(void *context, const struct http_request *request, struct http_reply *reply)
{
    (void)request;
    bool ready = gateway_is_ready(context);
    reply->status = ready ? reply->status : UNAVAILABLE;
    buffer_add_text(&reply->body, ready ? "ready\n" : "whom it asks can't be heard\n");
}

/* --- its life --- */

static int stop_fd = -1;

static void stop(int signal)
{
    uint64_t one = 1;
    ssize_t ignored = write(stop_fd, &one, sizeof one);
    (void)signal, (void)ignored;
}

static void take_signals(void)
{
    struct sigaction action = {.sa_handler = stop, .sa_flags = (int)SA_RESETHAND};
    stop_fd = eventfd(0, EFD_CLOEXEC);
    CHECK(stop_fd >= 0);
    CHECK(sigaction(SIGTERM, &action, NULL) == 0 && sigaction(SIGINT, &action, NULL) == 0);
    signal(SIGPIPE, SIG_IGN);
}

static void wait_for_stop(void)
{
    uint64_t count;
    while (read(stop_fd, &count, sizeof count) != (ssize_t)sizeof count)
        ;
}

static int serve(const struct options *options, struct gateway *gateway, struct error *e)
{
    struct http_route routes[GATEWAY_ROUTES + 3] = {
        {"/metrics", "metrics, for Prometheus", HTTP_QUICK, answer_metrics, gateway},
        {"/healthz", "200 as long as it works", HTTP_QUICK, answer_healthz, gateway},
        {"/readyz", "200 once whom it asks is heard", HTTP_QUICK, answer_readyz, gateway},
    };
    gateway_routes(gateway, routes + 3);
    const struct http_options http = {options->http, routes, sizeof routes / sizeof *routes};
    struct http_server *server;
    char port[8];
    int r = http_server_open(&http, &server, e);
    if (r)
        return r;
    snprintf(port, sizeof port, "%u", http_server_port(server));
    log_line(LOG_INFO, "listening for HTTP", "http", options->http, "port", port, "at", options->gateway.at,
             NULL);
    wait_for_stop();
    log_line(LOG_INFO, "ending", NULL);
    gateway_stop(gateway);
    http_server_close(server);
    return 0;
}

int main(int argc, char **argv)
{
    static const struct argp argp = {
        known, take_option,
        NULL,  "Answer Garner's feed over HTTP: /v1/changes, /v1/resources, /v1/status (docs/gateway.md).",
        NULL,  NULL,
        NULL};
    struct options options = {.http = "127.0.0.1:7800", .gateway.at = client_address(NULL)};
    struct gateway *gateway;
    struct error e;
    argp_err_exit_status = EXIT_USAGE;
    argp_parse(&argp, argc, argv, 0, NULL, &options);
    file_raise_limit(); /* a connection each */
    take_signals();
    int r = gateway_open(&options.gateway, &gateway, &e);
    if (!r)
        r = serve(&options, gateway, &e);
    gateway_close(gateway);
    if (!r)
        return 0;
    fprintf(stderr, "garner-gateway: %s\n", e.text);
    return r == ERR_CONFIG || r == ERR_BUSY ? EXIT_USAGE : 1;
}
