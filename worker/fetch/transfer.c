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
    [TRANSFER_ASKING] = {"asking", SM_TO(TRANSFER_QUEUED) | SM_TO(TRANSFER_RESOLVING) | SM_TO(TRANSFER_DONE)},
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

/* Can a URL go out as it is? If not, url_parse says why. */
static bool is_clean(const char *url)
{
    unsigned bad = 0;
    size_t len = 0;
    for (; url[len]; len++) {
        unsigned char c = (unsigned char)url[len];
        bad |= (unsigned)(c <= ' ') | (unsigned)(c == 0x7f) | (unsigned)(c == '#');
    }
    return !bad && len <= LIMIT_URL_BYTES;
}

static struct origin *origin_of(struct transfer *t)
{
    struct url url;
    if (!is_clean(t->request.url)) {
        if (url_parse(bytes_of(t->request.url), &url, &t->error))
            return NULL;
        size_t len = strcspn(t->request.url, "#");
        t->request.url = arena_strdup(&t->arena, (struct bytes){t->request.url, len});
    }
    return origin_find(&t->fetch->origins, bytes_of(t->request.url), &t->error);
}

/* They are too large for what malloc keeps at hand, and one follows the other. */
static struct transfer *take_spare(struct fetch *fetch)
{
    struct transfer *t = fetch->spare_transfers.head;
    if (!t) {
        t = mem_alloc(sizeof *t);
        t->arena = (struct arena){0};
        return t;
    }
    transfers_remove(&fetch->spare_transfers, t);
    fetch->spare_transfer_count--;
    return t;
}

struct transfer *transfer_new(struct fetch *fetch, const struct request *request,
                              const char *const *allow_origins, void *context, fetch_done *done)
{
    struct transfer *t = take_spare(fetch);
    memset(t, 0, offsetof(struct transfer, error));
    t->error.text[0] = 0;
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
    t->origin = origin_of(t);
    return t;
}

/* Give back what one hop took. */
static void end_hop(struct transfer *t)
{
    resolver_cancel(&t->ticket);
    if (t->lane) {
        curl_multi_remove_handle(t->fetch->multi, t->lane->easy);
        easy_give(t);
    }
}

void transfer_free(struct transfer *t)
{
    CHECK_MAGIC(t, TRANSFER_MAGIC);
    end_hop(t);
    fetch_give_body(t->fetch, &t->body);
    t->magic = 0;
    if (t->fetch->spare_transfer_count == SPARE_TRANSFERS) {
        arena_close(&t->arena);
        free(t);
        return;
    }
    if (t->arena.total <= SPARE_ARENA_BYTES)
        arena_reset(&t->arena);
    else
        arena_close(&t->arena);
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

/* --- Time-outs of our own ---
 *
 * There is one timer for all transfers, which looks when the first of them may be out of time. */

int64_t transfer_patience(const struct transfer *t, int64_t limit_ms)
{
    return t->request.wait_ms && t->request.wait_ms < limit_ms ? t->request.wait_ms : limit_ms;
}

static void look_at(struct transfer *t, int64_t at_ms)
{
    if (at_ms < t->fetch->look_at_ms)
        t->fetch->look_at_ms = at_ms;
}

static int64_t look_for_name(struct transfer *t, int64_t now_ms)
{
    int64_t connect_ms = transfer_patience(t, t->fetch->options.connect_ms);
    if (now_ms < t->resolve_ms + connect_ms)
        return t->resolve_ms + connect_ms;
    if (resolver_began(t->fetch->resolver, &t->ticket)) {
        finish(t, error_set(&t->error, ERR_RESOLVE,
                            "%s: the name was not resolved in %g s: is the DNS server up?", transfer_place(t),
                            (double)connect_ms / 1000));
        return INT64_MAX;
    } /* else other names are looked for: what those may take is bounded too */
    t->resolve_ms = now_ms;
    return now_ms + connect_ms;
}

int64_t transfer_look(struct transfer *t, int64_t now_ms)
{
    int64_t silence_ms = transfer_patience(t, t->fetch->options.silence_ms);
    int64_t transfer_ms = transfer_patience(t, t->fetch->options.transfer_ms);
    CHECK_MAGIC(t, TRANSFER_MAGIC);
    if (t->state == TRANSFER_RESOLVING)
        return look_for_name(t, now_ms);
    if (!t->sent)
        return INT64_MAX;
    if (outcome_moved(t) != t->moved) { /* what was sent, or is still in the decompressor */
        t->moved = outcome_moved(t);
        t->heard_ms = now_ms;
    }
    int64_t silent_ms = t->heard_ms + silence_ms, late_ms = t->sent_ms + transfer_ms;
    if (now_ms < silent_ms && now_ms < late_ms)
        return silent_ms < late_ms ? silent_ms : late_ms;
    finish(t, now_ms >= late_ms ? outcome_too_slow(t, transfer_ms) : outcome_silent(t, silence_ms));
    return INT64_MAX;
}

void transfer_sent(struct transfer *t)
{
    t->requests += !t->sent;
    t->sent = true;
    t->sent_ms = t->heard_ms = t->fetch->loop.now_ms;
    look_at(t, t->sent_ms + transfer_patience(t, t->fetch->options.silence_ms));
}

/* --- From hop to hop --- */

static void ask(struct transfer *t, const char *addresses)
{
    sm_move(states, &t->state, TRANSFER_ASKING);
    t->sent = t->headers_done = t->cut = false;
    t->status = 0;
    t->moved = 0;
    t->header_bytes = 0;
    t->answer_headers.count = 0;
    buffer_reset(&t->body);
    easy_take(t, addresses);
    CHECK(curl_multi_add_handle(t->fetch->multi, t->lane->easy) == CURLM_OK);
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

bool transfer_is_proxied(const struct transfer *t)
{
    return !t->request.is_direct && (t->origin->is_https ? t->fetch->proxy_https : t->fetch->proxy_http);
}

const char *transfer_place(struct transfer *t)
{
    return arena_printf(&t->arena, "%s:%u", t->origin->host, t->origin->port);
}

static void start_hop(struct transfer *t)
{
    sm_move(states, &t->state, TRANSFER_RESOLVING);
    if (!t->origin) {
        finish(t, ERR_HTTP);
        return;
    }
    if (t->origin->is_plain || transfer_is_proxied(t)) {
        ask(t, NULL);
        return;
    }
    t->resolve_ms = clock_steady_ms();
    look_at(t, t->resolve_ms + transfer_patience(t, t->fetch->options.connect_ms));
    resolver_ask(t->fetch->resolver, bytes_of(t->origin->host), &t->ticket, t, on_found);
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
    struct origin *origin = origin_of(t);
    if (origin == t->origin) {
        start_hop(t);
    } else if (origin) {
        sm_move(states, &t->state, TRANSFER_QUEUED);
        fetch_requeue(t, origin);
    } else {
        finish(t, ERR_HTTP);
    }
}
