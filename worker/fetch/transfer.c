/* One transfer: queued, its host resolved, asked (hop by hop, while redirects lead on within what is
 * allowed), done. libcurl follows nothing and retries nothing by itself, but for a kept connection that
 * turned out to be closed.
 *
 * Time-outs: looking for the name and connecting have one each (connect_ms; libcurl's for connecting). From
 * the moment that the request goes out it's our timer: silence, and the whole answer. libcurl's own would
 * also count the time that a request waits for one of its host's few connections, and know seconds only. */
#include <stdlib.h>
#include <string.h>

#include "common/check.h"
#include "common/clock.h"
#include "common/sm.h"
#include "worker/fetch/internal.h"
#include "worker/fetch/redirect.h"
#include "worker/provider/url.h"

static const struct sm_state states[] = {
    [TRANSFER_QUEUED] = {"queued", SM_TO(TRANSFER_RESOLVING)},
    [TRANSFER_RESOLVING] = {"resolving", SM_TO(TRANSFER_ASKING) | SM_TO(TRANSFER_DONE)},
    [TRANSFER_ASKING] = {"asking", SM_TO(TRANSFER_RESOLVING) | SM_TO(TRANSFER_DONE)},
    [TRANSFER_DONE] = {"done", 0},
};

static struct pairs copy_pairs(struct arena *arena, const struct pairs *from)
{
    struct pairs copy = {.count = from->count, .cap = from->count};
    copy.items = arena_alloc(arena, (from->count + 1) * sizeof *copy.items);
    for (uint32_t i = 0; i < from->count; i++) {
        copy.items[i].name = arena_copy(arena, from->items[i].name);
        copy.items[i].value = arena_copy(arena, from->items[i].value);
    }
    return copy;
}

static const char **copy_texts(struct arena *arena, const char *const *from)
{
    size_t count = 0;
    while (from && from[count])
        count++;
    const char **copy = arena_zalloc(arena, (count + 1) * sizeof *copy);
    for (size_t i = 0; i < count; i++)
        copy[i] = arena_strdup(arena, bytes_of(from[i]));
    return copy;
}

/* They are too large for what malloc keeps at hand, and one follows the other. */
static struct transfer *take_spare(struct fetch *fetch)
{
    struct transfer *t = fetch->spare_transfers.head;
    if (!t)
        return mem_alloc(sizeof *t);
    transfers_remove(&fetch->spare_transfers, t);
    fetch->spare_transfer_count--;
    return t;
}

struct transfer *transfer_new(struct fetch *fetch, const struct request *request,
                              const char *const *allow_origins, void *context, fetch_done *done)
{
    struct transfer *t = take_spare(fetch);
    memset(t, 0, offsetof(struct transfer, detail));
    t->detail[0] = t->error.text[0] = 0;
    t->error.code = ERR_OK;
    t->magic = TRANSFER_MAGIC;
    t->fetch = fetch;
    t->context = context;
    t->done = done;
    t->request = *request;
    t->request.method = arena_strdup(&t->arena, bytes_of(request->method));
    t->request.url = arena_strdup(&t->arena, bytes_of(request->url));
    t->request.headers = copy_pairs(&t->arena, &request->headers);
    t->request.body = arena_copy(&t->arena, request->body);
    t->allow_origins = copy_texts(&t->arena, allow_origins);
    return t;
}

/* Give back what one hop took. */
static void end_hop(struct transfer *t)
{
    resolver_cancel(&t->ticket);
    loop_timer_cancel(&t->fetch->loop, t->timer);
    t->timer = NULL;
    if (t->easy) {
        curl_multi_remove_handle(t->fetch->multi, t->easy);
        easy_give(t);
    }
}

void transfer_free(struct transfer *t)
{
    CHECK_MAGIC(t, TRANSFER_MAGIC);
    end_hop(t);
    fetch_give_body(t->fetch, &t->body);
    arena_close(&t->arena);
    t->magic = 0;
    if (t->fetch->spare_transfer_count == SPARE_TRANSFERS) {
        free(t);
        return;
    }
    transfers_add(&t->fetch->spare_transfers, t);
    t->fetch->spare_transfer_count++;
}

/* Over, for better or worse: t->error is set if `code` is. */
static void finish(struct transfer *t, int code)
{
    end_hop(t);
    sm_move(states, &t->state, TRANSFER_DONE);
    t->code = code;
    if (code)
        buffer_close(&t->body);
    fetch_transfer_done(t);
}

/* --- Time-outs of our own --- */

int64_t transfer_patience(const struct transfer *t, int64_t limit_ms)
{
    return t->request.wait_ms && t->request.wait_ms < limit_ms ? t->request.wait_ms : limit_ms;
}

static void on_timer(void *context)
{
    struct transfer *t = context;
    int64_t now_ms = clock_steady_ms(), connect_ms = transfer_patience(t, t->fetch->options.connect_ms);
    int64_t silence_ms = transfer_patience(t, t->fetch->options.silence_ms);
    int64_t transfer_ms = transfer_patience(t, t->fetch->options.transfer_ms);
    CHECK_MAGIC(t, TRANSFER_MAGIC);
    t->timer = NULL;
    if (t->state == TRANSFER_RESOLVING) {
        if (resolver_began(t->fetch->resolver, &t->ticket)) {
            finish(t, error_set(&t->error, ERR_RESOLVE,
                                "%s: the name was not resolved in %g s: is the DNS server up?",
                                transfer_place(t), (double)connect_ms / 1000));
            return;
        } /* else other names are looked for: what those may take is bounded too */
        t->timer = loop_timer(&t->fetch->loop, now_ms + connect_ms, t, on_timer);
        return;
    }
    if (outcome_moved(t) != t->moved) { /* what was sent, or is still in the decompressor */
        t->moved = outcome_moved(t);
        t->heard_ms = now_ms;
    }
    if (now_ms - t->sent_ms >= transfer_ms) {
        finish(t, outcome_too_slow(t, transfer_ms));
        return;
    }
    if (now_ms - t->heard_ms >= silence_ms) {
        finish(t, outcome_silent(t, silence_ms));
        return;
    }
    int64_t silent_ms = t->heard_ms + silence_ms, late_ms = t->sent_ms + transfer_ms;
    t->timer = loop_timer(&t->fetch->loop, silent_ms < late_ms ? silent_ms : late_ms, t, on_timer);
}

/* libcurl calls this when there is a connection, right before the request goes out. */
int transfer_on_send(void *context, char *to_ip, char *from_ip, int to_port, int from_port)
{
    (void)to_ip, (void)from_ip, (void)to_port, (void)from_port;
    struct transfer *t = context;
    t->requests += !t->sent;
    t->sent = true;
    t->sent_ms = t->heard_ms = t->fetch->loop.now_ms;
    loop_timer_cancel(&t->fetch->loop, t->timer);
    t->timer = loop_timer(&t->fetch->loop, t->sent_ms + transfer_patience(t, t->fetch->options.silence_ms), t,
                          on_timer);
    return CURL_PREREQFUNC_OK;
}

/* --- From hop to hop --- */

static void ask(struct transfer *t, const char *addresses)
{
    sm_move(states, &t->state, TRANSFER_ASKING);
    loop_timer_cancel(&t->fetch->loop, t->timer);
    t->timer = NULL;
    t->sent = t->headers_done = t->cut = false;
    t->status = 0;
    t->moved = 0;
    t->header_bytes = 0;
    t->answer_headers.count = 0;
    t->detail[0] = 0;
    buffer_reset(&t->body);
    easy_take(t, addresses);
    CHECK(curl_multi_add_handle(t->fetch->multi, t->easy) == CURLM_OK);
}

static void on_found(void *context, const char *addresses, const char *cause)
{
    struct transfer *t = context;
    if (addresses)
        ask(t, addresses);
    else
        finish(t, error_set(
                      &t->error, ERR_RESOLVE,
                      "%s: the name can't be resolved: %s; check the host in the URL, and this machine's DNS",
                      transfer_place(t), cause));
}

static bool ends_with(const char *text, const char *end)
{
    size_t len = strlen(text), end_len = strlen(end);
    return len >= end_len && strcasecmp(text + len - end_len, end) == 0;
}

/* Names that need no DNS: addresses, and localhost, which libcurl answers by itself. */
static bool is_plain_host(const char *host)
{
    return host[0] == '[' || host[strspn(host, "0123456789.")] == 0 || strcasecmp(host, "localhost") == 0 ||
           ends_with(host, ".localhost");
}

const char *transfer_place(struct transfer *t)
{
    return arena_printf(&t->arena, "%s:%u", t->host, t->port);
}

static int read_place(struct transfer *t, bool *proxied)
{
    struct url url;
    uint64_t port;
    if (url_parse(bytes_of(t->request.url), &url, &t->error))
        return ERR_HTTP;
    bool tls = bytes_is_nocase(url.scheme, "https");
    *proxied = !t->request.is_direct && (tls ? t->fetch->proxy_https : t->fetch->proxy_http);
    t->host = arena_strdup(&t->arena, url.host);
    t->port = bytes_to_u64(url.port, &port) ? (unsigned)port : tls ? 443 : 80;
    return 0;
}

static void start_hop(struct transfer *t)
{
    bool proxied;
    sm_move(states, &t->state, TRANSFER_RESOLVING);
    if (read_place(t, &proxied)) {
        finish(t, ERR_HTTP);
        return;
    }
    if (proxied || is_plain_host(t->host)) {
        ask(t, NULL);
        return;
    }
    t->timer = loop_timer(
        &t->fetch->loop, clock_steady_ms() + transfer_patience(t, t->fetch->options.connect_ms), t, on_timer);
    resolver_ask(t->fetch->resolver, bytes_of(t->host), &t->ticket, t, on_found);
}

void transfer_start(struct transfer *t)
{
    start_hop(t);
}

void transfer_answer(const struct transfer *t, struct answer *out)
{
    *out = (struct answer){.status = t->code ? 0 : t->status,
                           .headers = t->answer_headers,
                           .body = buffer_bytes(&t->body),
                           .delimited = t->delimited,
                           .url = t->request.url};
}

void transfer_ended(struct transfer *t, CURLcode result)
{
    enum redirect_verdict verdict;
    struct request next;
    struct answer answer;
    int code = outcome_of(t, result);
    end_hop(t);
    if (code) {
        finish(t, code);
        return;
    }
    transfer_answer(t, &answer);
    code = redirect_decide(&t->arena, &t->request, &answer, t->allow_origins, t->hops, &verdict, &next,
                           &t->error);
    if (code || verdict == REDIRECT_NONE) {
        finish(t, code);
        return;
    }
    t->hops++;
    t->request = next;
    start_hop(t);
}
