/* Lanes: libcurl's handles, and what they are told of a request.
 *
 * Most options are the same for all requests, and setting them takes longer than sending one: a handle keeps
 * them while nothing but plain GETs go over it, and is set back only behind anything else.
 *
 * A handle is given its origin parsed (CURLOPT_CURLU), and keeps it; what is asked of it goes out as it is
 * (CURLOPT_REQUEST_TARGET). Given a URL, libcurl takes it apart, puts it together again letter by letter, and
 * takes that apart: for each request. A proxy is told whole URLs, so there it has to be.
 *
 * Addresses that we resolved stay with libcurl until others are found, or the origin is forgotten. Its cache
 * would else be searched for what is out of date after each transfer.
 *
 * User-Agent and Accept-Encoding are given as ready lines. libcurl would put its own together anew for each
 * request, letter by letter and twice. */
#include <stdlib.h>
#include <string.h>

#include "common/check.h"
#include "worker/fetch/internal.h"

static char agent_line[] = "User-Agent: garner/" GARNER_VERSION;

/* The headers that all requests have; in the second, what this libcurl can decompress. */
static struct curl_slist *common_lines(struct fetch *fetch)
{
    static const struct {
        int feature;
        const char *names;
    } known[] = {
        {CURL_VERSION_LIBZ, "deflate, gzip"}, {CURL_VERSION_BROTLI, "br"}, {CURL_VERSION_ZSTD, "zstd"}};
    struct buffer *line = &fetch->encodings;
    if (line->len)
        return fetch->lines;
    const curl_version_info_data *libcurl = curl_version_info(CURLVERSION_NOW);
    buffer_add_text(line, "Accept-Encoding: ");
    size_t before = line->len;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (libcurl->features & known[i].feature)
            buffer_printf(line, "%s%s", line->len > before ? ", " : "", known[i].names);
    if (line->len == before)
        buffer_add_text(line, "identity");
    fetch->lines[0] = (struct curl_slist){.data = agent_line, .next = &fetch->lines[1]};
    fetch->lines[1] = (struct curl_slist){.data = line->data};
    return fetch->lines;
}

static bool knows_proxies(const struct fetch *fetch)
{
    return fetch->proxy_http || fetch->proxy_https;
}

/* What holds for all that goes over a handle. */
static void set_constants(struct fetch *fetch, struct lane *lane)
{
    CURL *easy = lane->easy;
    curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, ""); /* decompress; what is said is in common_lines */
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, common_lines(fetch));
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(easy, CURLOPT_SOCKOPTFUNCTION, sockets_opened);
    curl_easy_setopt(easy, CURLOPT_SOCKOPTDATA, fetch);
    curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, sockets_closed);
    curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, fetch);
    curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, 64L << 10);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)fetch->options.connect_ms);
    curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    if (fetch->ca_file)
        curl_easy_setopt(easy, CURLOPT_CAINFO, fetch->ca_file);
    curl_easy_setopt(easy, CURLOPT_CAPATH,
                     fetch->ca_path); /* null: libcurl keeps what it read of the CA file */
    /* With proxies it's libcurl who finds addresses. */
    curl_easy_setopt(easy, CURLOPT_DNS_CACHE_TIMEOUT,
                     knows_proxies(fetch) ? (long)(2 * LIMIT_TRANSFER_MS / 1000) : -1L);
    if (!knows_proxies(fetch))
        curl_easy_setopt(easy, CURLOPT_NOPROXY, "*"); /* or libcurl looks for them with each request */
    callbacks_set(lane);
}

/* --- Header lines --- */

/* Where the next node of a list goes; the nodes lie in the transfer's arena. */
static struct curl_slist **add_line(struct transfer *t, struct curl_slist **end, const char *line)
{
    struct curl_slist *node = *end = arena_alloc(&t->arena, sizeof *node);
    *node = (struct curl_slist){.data = (char *)(uintptr_t)line};
    return &node->next;
}

static const char *line_of(struct transfer *t, struct pair header)
{
    char *line = arena_alloc(&t->arena, header.name.len + header.value.len + 3), *to = line;
    memcpy(to, header.name.data, header.name.len);
    to += header.name.len;
    if (header.value.len) {
        memcpy(to, ": ", 2);
        memcpy(to + 2, header.value.data, header.value.len);
        to += 2 + header.value.len;
    } else {
        *to++ = ';'; /* libcurl's way to say "empty" */
    }
    *to = 0;
    return line;
}

static bool has_header(const struct request *request, const char *name)
{
    for (uint32_t i = 0; i < request->headers.count; i++)
        if (bytes_is_nocase(request->headers.items[i].name, name))
            return true;
    return false;
}

/* The request's own, and those of the common ones that it has not. */
static void set_headers(struct transfer *t, bool posts)
{
    const struct request *request = &t->request;
    struct curl_slist *lines = NULL, **end = &lines;
    if (!posts && request->headers.count == 0)
        return;
    for (uint32_t i = 0; i < request->headers.count; i++)
        end = add_line(t, end, line_of(t, request->headers.items[i]));
    if (posts) {
        end = add_line(t, end, "Expect:"); /* no waiting for "100 Continue" */
        if (!has_header(request, "Content-Type"))
            end = add_line(t, end, "Content-Type:"); /* or libcurl would call any body a form */
    }
    if (!has_header(request, "User-Agent"))
        end = add_line(t, end, t->fetch->lines[0].data);
    if (!has_header(request, "Accept-Encoding"))
        add_line(t, end, t->fetch->lines[1].data);
    curl_easy_setopt(t->lane->easy, CURLOPT_HTTPHEADER, lines);
    t->lane->has_lines = true;
}

/* --- Where to --- */

/* What of a URL is asked of its origin: path and query. */
static const char *target_of(struct transfer *t)
{
    const char *target = t->request.url + t->origin->text_len;
    return *target == '/' ? target : arena_printf(&t->arena, "/%s", target);
}

static void leave_origin(struct lane *lane)
{
    curl_easy_setopt(lane->easy, CURLOPT_CURLU, NULL);
    curl_easy_setopt(lane->easy, CURLOPT_REQUEST_TARGET, NULL);
    lane->origin = NULL;
}

static void set_url(struct transfer *t)
{
    struct lane *lane = t->lane;
    if (transfer_is_proxied(t)) {
        if (lane->origin)
            leave_origin(lane);
        curl_easy_setopt(lane->easy, CURLOPT_URL, t->request.url);
        return;
    }
    if (lane->origin != t->origin) {
        const char *root = t->origin->text;
        curl_easy_setopt(lane->easy, CURLOPT_URL, root); /* for when it tries again */
        curl_easy_setopt(lane->easy, CURLOPT_CURLU, t->origin->url);
        lane->origin = t->origin;
    }
    curl_easy_setopt(lane->easy, CURLOPT_REQUEST_TARGET, target_of(t));
}

static void add_address(struct curl_slist **list, const char *line)
{
    *list = curl_slist_append(*list, line);
    CHECK(*list);
}

/* libcurl is told of addresses when they are others than it knows, if it forgets none by itself. */
static void set_addresses(struct transfer *t, const char *addresses)
{
    struct fetch *fetch = t->fetch;
    struct origin *origin = t->origin;
    struct lane *lane = t->lane;
    lane->addresses = fetch->forgotten;
    fetch->forgotten = NULL;
    if (addresses && (knows_proxies(fetch) || !origin->told || strcmp(origin->told, addresses) != 0)) {
        add_address(&lane->addresses,
                    arena_printf(&t->arena, "+%s:%u:%s", origin->host, origin->port, addresses));
        free(origin->told);
        origin->told = mem_strdup(addresses);
    }
    if (lane->addresses)
        curl_easy_setopt(lane->easy, CURLOPT_RESOLVE, lane->addresses);
}

void easy_forget(void *context, const struct origin *origin)
{
    struct fetch *fetch = context;
    for (unsigned i = 0; i < fetch->spare_count; i++)
        if (fetch->spare[i]->origin == origin)
            leave_origin(fetch->spare[i]);
    if (!origin->told)
        return;
    struct buffer line = {0};
    buffer_printf(&line, "-%s:%u", origin->host, origin->port);
    add_address(&fetch->forgotten, line.data);
    buffer_close(&line);
}

/* --- A request --- */

/* Anything that isn't a plain GET, and what else a handle must not keep. */
static void set_special(struct transfer *t, bool posts)
{
    CURL *easy = t->lane->easy;
    const struct request *request = &t->request;
    if (strcmp(request->method, "HEAD") == 0)
        curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
    if (posts) { /* without a body, its length is 0, and said so */
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE,
                         (curl_off_t)(request->has_body ? request->body.len : 0));
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request->has_body ? request->body.data : "");
    }
    curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request->method);
    if (request->is_direct)
        curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS,
                     (long)transfer_patience(t, t->fetch->options.connect_ms));
}

static struct lane *lane_new(struct fetch *fetch)
{
    struct lane *lane = mem_zalloc(sizeof *lane);
    lane->easy = curl_easy_init();
    CHECK(lane->easy);
    set_constants(fetch, lane);
    return lane;
}

void easy_take(struct transfer *t, const char *addresses)
{
    struct fetch *fetch = t->fetch;
    const struct request *request = &t->request;
    bool gets = strcmp(request->method, "GET") == 0;
    bool posts = request->has_body ||
                 (!gets && (strcmp(request->method, "POST") == 0 || strcmp(request->method, "PUT") == 0 ||
                            strcmp(request->method, "PATCH") == 0));
    t->lane = fetch->spare_count ? fetch->spare[--fetch->spare_count] : lane_new(fetch);
    t->lane->transfer = t;
    t->lane->detail[0] = 0;
    t->special = !gets || posts || request->is_direct || request->wait_ms;
    set_url(t);
    set_addresses(t, addresses);
    set_headers(t, posts);
    if (t->special)
        set_special(t, posts);
}

void easy_give(struct transfer *t)
{
    struct fetch *fetch = t->fetch;
    struct lane *lane = t->lane;
    t->lane = NULL;
    lane->transfer = NULL;
    if (t->special) {
        curl_easy_reset(lane->easy);
        set_constants(fetch, lane);
        lane->origin = NULL;
    } else {
        if (lane->addresses)
            curl_easy_setopt(lane->easy, CURLOPT_RESOLVE, NULL);
        if (lane->has_lines)
            curl_easy_setopt(lane->easy, CURLOPT_HTTPHEADER, fetch->lines);
    }
    lane->has_lines = false;
    curl_slist_free_all(lane->addresses);
    lane->addresses = NULL;
    if (fetch->spare_count == LIMIT_TRANSFERS)
        easy_close(lane);
    else
        fetch->spare[fetch->spare_count++] = lane;
}

void easy_close(struct lane *lane)
{
    curl_easy_cleanup(lane->easy);
    free(lane);
}
