#include "cli/pages.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/check.h"
#include "common/http/http_server.h"
#include "common/log.h"
#include "common/metrics.h"
#include "gateway/gateway.h"
#include "worker/run/status.h"

enum { UNAVAILABLE = 503, OWN_ROUTES = 4 };

struct pages {
    struct crew *crew;
    void *context;
    bool (*is_ready)(void *context, struct buffer *reasons); /* or null */
    struct run_status *status;
    struct gateway *gateway;
    struct http_server *server;
    struct http_route routes[OWN_ROUTES + GATEWAY_ROUTES];
};

static void refuse(struct http_reply *reply, const struct error *e)
{
    reply->status = UNAVAILABLE;
    reply->content_type = HTTP_TEXT;
    buffer_reset(&reply->body);
    buffer_printf(&reply->body, "%s\n", e->text);
}

static void answer_metrics(void *context, const struct http_request *request, struct http_reply *reply)
{
    struct pages *pages = context;
    const struct run_status_setting setting = {.brief = true};
    struct status_process process;
    struct tally tally;
    struct error e;
    if (!gateway_lets(pages->gateway, request, reply))
        return;
    reply->content_type = METRICS_CONTENT_TYPE;
    if (run_status_ask(pages->status, &setting, &tally, &process, &e)) {
        refuse(reply, &e);
    } else {
        status_to_metrics(&tally.status, &process, &reply->body);
        gateway_to_metrics(pages->gateway, &reply->body);
    }
    tally_close(&tally);
}

static void answer_status(void *context, const struct http_request *request, struct http_reply *reply)
{
    struct pages *pages = context;
    const struct run_status_setting setting = {0};
    struct status_process process;
    struct tally tally;
    struct error e;
    if (!gateway_lets(pages->gateway, request, reply))
        return;
    reply->content_type = HTTP_JSON;
    if (run_status_ask(pages->status, &setting, &tally, &process, &e)) {
        refuse(reply, &e);
    } else {
        status_to_json(&tally.status, &reply->body);
        buffer_add_char(&reply->body, '\n');
    }
    tally_close(&tally);
}

static void answer_healthz(void *context, const struct http_request *request, struct http_reply *reply)
{
    const struct pages *pages = context;
    (void)request;
    if (run_is_healthy(pages->crew, &reply->body))
        buffer_add_text(&reply->body, "ok\n");
    else
        reply->status = UNAVAILABLE;
}

static void answer_readyz(void *context, const struct http_request *request, struct http_reply *reply)
{
    const struct pages *pages = context;
    (void)request;
    bool ready = run_is_ready(pages->crew, &reply->body);
    if (pages->is_ready)
        ready = pages->is_ready(pages->context, &reply->body) && ready;
    if (ready)
        buffer_add_text(&reply->body, "ready\n");
    else
        reply->status = UNAVAILABLE;
}

static void set_routes(struct pages *pages)
{
    const struct http_route own[OWN_ROUTES] = {
        {"/metrics", "metrics, for Prometheus", HTTP_SLOW, answer_metrics, pages},
        {"/status", "what `garner status --json` prints", HTTP_SLOW, answer_status, pages},
        {"/healthz", "200 as long as it works, else why not", HTTP_QUICK, answer_healthz, pages},
        {"/readyz", "200 once all stores are open and read", HTTP_QUICK, answer_readyz, pages},
    };
    memcpy(pages->routes, own, sizeof own);
    gateway_routes(pages->gateway, pages->routes + OWN_ROUTES);
}

int pages_open(const struct pages_setting *setting, struct pages **out, struct error *e)
{
    struct pages *pages = mem_zalloc(sizeof *pages);
    const struct gateway_setting gateway = {setting->listen, setting->tokens, setting->bus};
    const struct http_options options = {setting->http, pages->routes, OWN_ROUTES + GATEWAY_ROUTES};
    pages->crew = setting->crew;
    pages->context = setting->context;
    pages->is_ready = setting->is_ready;
    pages->status = run_status_open(setting->crew);
    int code = gateway_open(&gateway, &pages->gateway, e);
    if (!code) {
        set_routes(pages);
        code = http_server_open(&options, &pages->server, e);
    }
    if (code) {
        pages_close(pages);
        pages = NULL;
    } else {
        char port[8];
        snprintf(port, sizeof port, "%u", http_server_port(pages->server));
        log_line(LOG_INFO, "listening for HTTP", "http", setting->http, "port", port, NULL);
    }
    *out = pages;
    return code;
}

void pages_close(struct pages *pages)
{
    if (!pages)
        return;
    gateway_stop(pages->gateway);
    http_server_close(pages->server);
    gateway_close(pages->gateway);
    run_status_close(pages->status);
    free(pages);
}
