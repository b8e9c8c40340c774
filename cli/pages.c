#include "cli/pages.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/check.h"
#include "common/http/http_server.h"
#include "common/log.h"
#include "common/metrics.h"
#include "worker/run/status.h"

enum { UNAVAILABLE = 503 };

struct pages {
    struct crew *crew;
    struct run_status *status;
    struct http_server *server;
};

static void refuse(struct http_reply *reply, const struct error *e)
{
    reply->status = UNAVAILABLE;
    reply->content_type = HTTP_TEXT;
    buffer_reset(&reply->body);
    buffer_printf(&reply->body, "%s\n", e->text);
}

static void answer_metrics(void *context, struct http_reply *reply)
{
    struct pages *pages = context;
    const struct run_status_setting setting = {.brief = true};
    struct status_process process;
    struct tally tally;
    struct error e;
    reply->content_type = METRICS_CONTENT_TYPE;
    if (run_status_ask(pages->status, &setting, &tally, &process, &e))
        refuse(reply, &e);
    else
        status_to_metrics(&tally.status, &process, &reply->body);
    tally_close(&tally);
}

static void answer_status(void *context, struct http_reply *reply)
{
    struct pages *pages = context;
    const struct run_status_setting setting = {0};
    struct status_process process;
    struct tally tally;
    struct error e;
    reply->content_type = HTTP_JSON;
    if (run_status_ask(pages->status, &setting, &tally, &process, &e)) {
        refuse(reply, &e);
    } else {
        status_to_json(&tally.status, &reply->body);
        buffer_add_char(&reply->body, '\n');
    }
    tally_close(&tally);
}

static void answer_healthz(void *context, struct http_reply *reply)
{
    const struct pages *pages = context;
    if (run_is_healthy(pages->crew, &reply->body))
        buffer_add_text(&reply->body, "ok\n");
    else
        reply->status = UNAVAILABLE;
}

static void answer_readyz(void *context, struct http_reply *reply)
{
    const struct pages *pages = context;
    if (run_is_ready(pages->crew, &reply->body))
        buffer_add_text(&reply->body, "ready\n");
    else
        reply->status = UNAVAILABLE;
}

static const struct http_route routes[] = {
    {"/metrics", "metrics, for Prometheus", true, answer_metrics},
    {"/status", "what `garner status --json` prints", true, answer_status},
    {"/healthz", "200 as long as it works, else why not", false, answer_healthz},
    {"/readyz", "200 once all stores are open and read", false, answer_readyz},
};

int pages_open(const char *address, struct crew *crew, struct pages **out, struct error *e)
{
    struct pages *pages = mem_zalloc(sizeof *pages);
    pages->crew = crew;
    pages->status = run_status_open(crew);
    const struct http_options options = {.address = address,
                                         .routes = routes,
                                         .route_count = sizeof routes / sizeof *routes,
                                         .context = pages};
    int code = http_server_open(&options, &pages->server, e);
    if (code) {
        pages_close(pages);
        pages = NULL;
    } else {
        char port[8];
        snprintf(port, sizeof port, "%u", http_server_port(pages->server));
        log_line(LOG_INFO, "listening for HTTP", "http", address, "port", port, NULL);
    }
    *out = pages;
    return code;
}

void pages_close(struct pages *pages)
{
    if (!pages)
        return;
    http_server_close(pages->server);
    run_status_close(pages->status);
    free(pages);
}
