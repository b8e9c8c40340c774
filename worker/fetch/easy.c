/* libcurl's handles, and what they are told of a request.
 *
 * Most options are the same for all requests, and setting them takes longer than sending one: a handle keeps
 * them while nothing but plain GETs go over it, and is set back only behind anything else.
 *
 * User-Agent and Accept-Encoding are given as ready lines. libcurl would put its own together anew for each
 * request, letter by letter and twice. */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "common/check.h"
#include "worker/fetch/internal.h"

static const char agent_line[] = "User-Agent: garner/" GARNER_VERSION;

/* What this libcurl can decompress. */
static const char *encodings_line(struct fetch *fetch)
{
    static const struct {
        int feature;
        const char *names;
    } known[] = {
        {CURL_VERSION_LIBZ, "deflate, gzip"}, {CURL_VERSION_BROTLI, "br"}, {CURL_VERSION_ZSTD, "zstd"}};
    struct buffer *line = &fetch->encodings;
    if (line->len)
        return line->data;
    const curl_version_info_data *libcurl = curl_version_info(CURLVERSION_NOW);
    buffer_add_text(line, "Accept-Encoding: ");
    size_t before = line->len;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (libcurl->features & known[i].feature)
            buffer_printf(line, "%s%s", line->len > before ? ", " : "", known[i].names);
    if (line->len == before)
        buffer_add_text(line, "identity");
    return line->data;
}

/* Room for a whole page, so that a provider need not wait with it until we have seen to another one. A
 * socket's buffer grows by itself as more comes in a round trip than fits, which takes its time, and over
 * short ways, as within a machine, never happens. SO_RCVBUF would fix the size for good, below what it may
 * grow to; SO_RCVLOWAT only raises it (since Linux 4.18), and is set back at once. */
static int on_socket(void *context, curl_socket_t fd, curlsocktype purpose)
{
    int page = LIMIT_RECEIVE_BYTES, any = 1;
    (void)context, (void)purpose;
    if (setsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &page, sizeof page) == 0)
        CHECK(setsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &any, sizeof any) == 0);
    return CURL_SOCKOPT_OK;
}

/* What holds for all that goes over a handle. */
static void set_constants(const struct fetch *fetch, CURL *easy)
{
    curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, ""); /* decompress; what is said is encodings_line */
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(easy, CURLOPT_SOCKOPTFUNCTION, on_socket);
    curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, 64L << 10);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)fetch->options.connect_ms);
    curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, transfer_on_send);
    if (fetch->ca_file)
        curl_easy_setopt(easy, CURLOPT_CAINFO, fetch->ca_file);
    curl_easy_setopt(easy, CURLOPT_CAPATH,
                     fetch->ca_path); /* null: libcurl keeps what it read of the CA file */
    /* What we resolved stays in libcurl's own cache longer than any request may wait for a connection. */
    curl_easy_setopt(easy, CURLOPT_DNS_CACHE_TIMEOUT, (long)(2 * LIMIT_TRANSFER_MS / 1000));
    if (!fetch->proxy_http && !fetch->proxy_https)
        curl_easy_setopt(easy, CURLOPT_NOPROXY, "*"); /* or libcurl looks for them with each request */
    callbacks_set(easy);
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

static void set_headers(struct transfer *t, bool posts)
{
    const struct request *request = &t->request;
    struct curl_slist *lines = NULL, **end = &lines;
    for (uint32_t i = 0; i < request->headers.count; i++)
        end = add_line(t, end, line_of(t, request->headers.items[i]));
    if (!has_header(request, "User-Agent"))
        end = add_line(t, end, agent_line);
    if (!has_header(request, "Accept-Encoding"))
        end = add_line(t, end, encodings_line(t->fetch));
    if (posts) {
        end = add_line(t, end, "Expect:"); /* no waiting for "100 Continue" */
        if (!has_header(request, "Content-Type"))
            add_line(t, end, "Content-Type:"); /* or libcurl would call any body a form */
    }
    curl_easy_setopt(t->easy, CURLOPT_HTTPHEADER, lines);
}

/* --- A request --- */

/* Anything that isn't a plain GET, and what else a handle must not keep. */
static void set_special(struct transfer *t, bool posts)
{
    CURL *easy = t->easy;
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

static CURL *easy_new(const struct fetch *fetch)
{
    CURL *easy = curl_easy_init();
    CHECK(easy);
    set_constants(fetch, easy);
    return easy;
}

void easy_take(struct transfer *t, const char *addresses)
{
    struct fetch *fetch = t->fetch;
    const struct request *request = &t->request;
    bool posts = request->has_body || strcmp(request->method, "POST") == 0 ||
                 strcmp(request->method, "PUT") == 0 || strcmp(request->method, "PATCH") == 0;
    struct curl_slist *places = NULL;
    CURL *easy = t->easy = fetch->spare_count ? fetch->spare[--fetch->spare_count] : easy_new(fetch);
    t->special = posts || request->is_direct || request->wait_ms || strcmp(request->method, "GET") != 0;
    curl_easy_setopt(easy, CURLOPT_PRIVATE, t);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, t->detail);
    curl_easy_setopt(easy, CURLOPT_PREREQDATA, t);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, t);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, t);
    curl_easy_setopt(easy, CURLOPT_URL, request->url);
    if (addresses)
        add_line(t, &places, arena_printf(&t->arena, "+%s:%u:%s", t->host, t->port, addresses));
    curl_easy_setopt(easy, CURLOPT_RESOLVE, places);
    set_headers(t, posts);
    if (t->special)
        set_special(t, posts);
}

void easy_give(struct transfer *t)
{
    struct fetch *fetch = t->fetch;
    CURL *easy = t->easy;
    t->easy = NULL;
    if (fetch->spare_count == LIMIT_TRANSFERS) {
        curl_easy_cleanup(easy);
        return;
    }
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, NULL); /* libcurl may write there also when it closes */
    if (t->special) {
        curl_easy_reset(easy);
        set_constants(fetch, easy);
    }
    fetch->spare[fetch->spare_count++] = easy;
}
