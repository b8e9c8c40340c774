/* What libcurl calls as a request goes out and an answer comes in: its headers line by line, and its body in
 * decompressed pieces. Both are counted here, so that neither a server without end nor a small body that
 * unpacks into a huge one gets beyond its limit. */
#include <string.h>

#include "common/check.h"
#include "worker/fetch/internal.h"

enum {
    STATUS_ERRORS = 300, /* bodies from here on are only read for what they say about the error */
    BODY_BYTES_BELIEVED = 4 << 20
};

static struct transfer *transfer_of(const struct lane *lane)
{
    CHECK_MAGIC(lane->transfer, TRANSFER_MAGIC);
    return lane->transfer;
}

/* There is a connection, and the request is about to go out. */
static int on_send(void *context, char *to_ip, char *from_ip, int to_port, int from_port)
{
    (void)to_ip, (void)from_ip, (void)to_port, (void)from_port;
    transfer_sent(transfer_of(context));
    return CURL_PREREQFUNC_OK;
}

static void add_pair(struct transfer *t, struct pair pair)
{
    struct pairs *pairs = &t->answer_headers;
    if (pairs->count == pairs->cap) {
        uint32_t cap = pairs->cap ? pairs->cap * 2 : 16;
        struct pair *items = arena_alloc(&t->arena, cap * sizeof *items);
        if (pairs->count)
            memcpy(items, pairs->items, pairs->count * sizeof *items);
        pairs->items = items;
        pairs->cap = cap;
    }
    pairs->items[pairs->count++] = pair;
}

/* "HTTP/1.1 200 OK" -> 200; 0 if it is no status line. */
static int status_of(struct bytes line)
{
    const char *space = line.len > 5 && memcmp(line.data, "HTTP/", 5) == 0 ? memchr(line.data, ' ', line.len)
                                                                           : NULL;
    uint64_t status;
    if (!space)
        return 0;
    struct bytes rest = bytes_from(line, (size_t)(space - line.data) + 1);
    if (rest.len > 3)
        rest.len = 3;
    return bytes_to_u64(rest, &status) ? (int)status : 0;
}

/* A line that continues the one before (obsolete, yet allowed to be sent). */
static void continue_pair(struct transfer *t, struct bytes line)
{
    if (t->answer_headers.count == 0)
        return;
    struct bytes *value = &t->answer_headers.items[t->answer_headers.count - 1].value;
    *value = bytes_of(arena_printf(&t->arena, "%.*s %.*s", BYTES_ARG(*value), BYTES_ARG(bytes_trim(line))));
}

static void take_line(struct transfer *t, struct bytes line)
{
    int status = status_of(line);
    if (status) {
        t->status = status;
        t->answer_headers.count = 0; /* what came before was a 1xx */
        return;
    }
    if (line.len == 0) {
        t->headers_done = t->status >= 200;
        return;
    }
    if (line.data[0] == ' ' || line.data[0] == '\t') {
        continue_pair(t, line);
        return;
    }
    const char *colon = memchr(line.data, ':', line.len);
    if (!colon)
        return;
    const char *copy = arena_strdup(&t->arena, line);
    struct bytes name = {copy, (size_t)(colon - line.data)};
    struct bytes value = {copy + name.len + 1, line.len - name.len - 1};
    add_pair(t, (struct pair){bytes_trim(name), bytes_trim(value)});
}

static size_t on_header(char *data, size_t size, size_t count, void *context)
{
    struct transfer *t = transfer_of(context);
    struct bytes line = {data, size * count};
    t->heard_ms = t->fetch->loop.now_ms;
    t->header_bytes += line.len;
    if (t->header_bytes > LIMIT_HEADER_BYTES) {
        t->code = error_set(&t->error, ERR_LIMIT, "%s: the answer's headers take more than %d bytes",
                            transfer_place(t), LIMIT_HEADER_BYTES);
        return 0;
    }
    while (line.len && (line.data[line.len - 1] == '\n' || line.data[line.len - 1] == '\r'))
        line.len--;
    if (!t->headers_done) /* else trailers behind the body: nobody asked for those */
        take_line(t, line);
    return size * count;
}

/* Room for all of it, as far as what the server says of its length is to be believed. */
static void begin_body(struct transfer *t)
{
    curl_off_t length = 0;
    if (!t->body.data)
        fetch_take_body(t->fetch, &t->body);
    curl_easy_getinfo(t->lane->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
    if (length > 0 && length <= BODY_BYTES_BELIEVED)
        buffer_reserve(&t->body, (size_t)length);
}

static size_t on_body(char *data, size_t size, size_t count, void *context)
{
    struct transfer *t = transfer_of(context);
    size_t len = size * count;
    t->heard_ms = t->fetch->loop.now_ms;
    if (t->status >= STATUS_ERRORS && t->body.len + len > LIMIT_ERROR_BODY_BYTES) {
        buffer_add(&t->body, data, LIMIT_ERROR_BODY_BYTES - t->body.len);
        t->cut = true;
        return 0;
    }
    if (t->body.len + len > t->fetch->options.body_bytes_max) {
        t->code = error_set(&t->error, ERR_LIMIT,
                            "%s: the body is larger than %llu bytes (decompressed): ask for smaller pages",
                            transfer_place(t), (unsigned long long)t->fetch->options.body_bytes_max);
        return 0;
    }
    if (t->body.len == 0)
        begin_body(t);
    buffer_add(&t->body, data, len);
    return len;
}

void callbacks_set(struct lane *lane)
{
    CURL *easy = lane->easy;
    curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, on_send);
    curl_easy_setopt(easy, CURLOPT_PREREQDATA, lane);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, lane);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, lane);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, lane->detail);
    curl_easy_setopt(easy, CURLOPT_PRIVATE, lane);
}
