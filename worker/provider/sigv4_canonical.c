/* How it works: path and query are cut from the URL as it will be sent, so there is no second idea of what
 * the request is. Servers keep to what AWS's own signers do, which isn't quite the guide or an RFC: "/a/." is
 * "/a" (RFC 3986 says "/a/"), empty query parameters ("a&&b") are none, and a plus in a query is no space. */
#include "worker/provider/sigv4_canonical.h"

#include <stdlib.h>
#include <string.h>

/* The span up to `stop`, which is taken off `*rest` too. */
static struct bytes cut(struct bytes *rest, char stop)
{
    const char *end = rest->len ? memchr(rest->data, stop, rest->len) : NULL;
    struct bytes head = {rest->data, end ? (size_t)(end - rest->data) : rest->len};
    *rest = bytes_from(*rest, head.len + (end != NULL));
    return head;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Append encoded once, whatever of it already is: "%7e", "~" and "%7E" are all "~". A "%" that begins no
 * escape is a percent sign. */
static void add_uniform(struct bytes text, struct buffer *out)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        if (c == '%' && text.len - i > 2 && hex_digit(text.data[i + 1]) >= 0 &&
            hex_digit(text.data[i + 2]) >= 0) {
            c = (char)(hex_digit(text.data[i + 1]) << 4 | hex_digit(text.data[i + 2]));
            i += 2;
        }
        url_encode((struct bytes){&c, 1}, out);
    }
}

/* An escaped slash stays one: it parts nothing. */
static void add_kept_path(struct bytes path, struct buffer *out)
{
    if (path.len == 0)
        buffer_add_char(out, '/');
    while (path.len) {
        struct bytes rest = path, segment = cut(&rest, '/');
        add_uniform(segment, out);
        if (segment.len < path.len)
            buffer_add_char(out, '/');
        path = rest;
    }
}

/* Empty segments and "." go, ".." takes the one before along, a slash at the end stays. The server encodes
 * the bytes that came, so escapes are encoded again. */
static void add_walked_path(struct bytes path, struct buffer *out)
{
    size_t start = out->len;
    bool ends_open = path.len && path.data[path.len - 1] == '/';
    while (path.len) {
        struct bytes segment = cut(&path, '/');
        if (bytes_is(segment, "..")) {
            while (out->len > start && out->data[--out->len] != '/')
                ;
        } else if (segment.len && !bytes_is(segment, ".")) {
            buffer_add_char(out, '/');
            url_encode(segment, out);
        }
    }
    if (out->len == start || ends_open)
        buffer_add_char(out, '/');
}

static int compare_pairs(const void *a, const void *b)
{
    const struct pair *x = a, *y = b;
    int order = bytes_compare(x->name, y->name);
    return order ? order : bytes_compare(x->value, y->value);
}

static size_t count_of(struct bytes text, char c)
{
    size_t count = 0;
    for (size_t i = 0; i < text.len; i++)
        count += text.data[i] == c;
    return count;
}

static struct bytes uniform(struct arena *arena, struct bytes text)
{
    struct buffer out = {0};
    add_uniform(text, &out);
    struct bytes copy = arena_copy(arena, buffer_bytes(&out));
    buffer_close(&out);
    return copy;
}

/* Sorted by the encoded names and then values, not by "name=value" whole: "a=" comes before "a-b=". */
static void add_query(struct arena *arena, struct bytes query, struct buffer *out)
{
    size_t count = 0;
    struct pair *pairs = arena_alloc(arena, (count_of(query, '&') + 1) * sizeof *pairs);
    while (query.len) {
        struct bytes value = cut(&query, '&');
        if (!value.len)
            continue;
        struct bytes name = cut(&value, '=');
        pairs[count++] = (struct pair){uniform(arena, name), uniform(arena, value)};
    }
    qsort(pairs, count, sizeof *pairs, compare_pairs);
    for (size_t i = 0; i < count; i++) {
        if (i)
            buffer_add_char(out, '&');
        buffer_add_bytes(out, pairs[i].name);
        buffer_add_char(out, '=');
        buffer_add_bytes(out, pairs[i].value);
    }
}

/* All but what belongs to one connection, or what proxies and libcurl change. */
static bool is_signed(struct bytes name)
{
    static const char *const others[] = {"Authorization",
                                         "Connection",
                                         "Expect",
                                         "Keep-Alive",
                                         "Proxy-Authenticate",
                                         "Proxy-Authorization",
                                         "Proxy-Connection",
                                         "TE",
                                         "Trailer",
                                         "Transfer-Encoding",
                                         "Upgrade",
                                         "User-Agent",
                                         "X-Amzn-Trace-Id"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (bytes_is_nocase(name, others[i]))
            return false;
    return true;
}

struct header {
    struct bytes name, value; /* name in lower case */
    uint32_t at;              /* headers of one name stay in their order */
};

static int compare_headers(const void *a, const void *b)
{
    const struct header *x = a, *y = b;
    int order = bytes_compare(x->name, y->name);
    return order ? order : (x->at > y->at) - (x->at < y->at);
}

static uint32_t sorted_headers(struct arena *arena, const struct pairs *headers, struct header **out)
{
    uint32_t count = 0;
    struct header *sorted = arena_alloc(arena, (headers->count + 1) * sizeof *sorted);
    for (uint32_t i = 0; i < headers->count; i++) {
        struct pair pair = headers->items[i];
        if (!is_signed(pair.name))
            continue;
        char *name = arena_strdup(arena, pair.name);
        for (char *c = name; *c; c++)
            if (*c >= 'A' && *c <= 'Z')
                *c += 'a' - 'A';
        sorted[count++] = (struct header){bytes_of(name), pair.value, i};
    }
    qsort(sorted, count, sizeof *sorted, compare_headers);
    *out = sorted;
    return count;
}

/* Without blanks at both ends, and a run of them inside as one space, within quotes too. */
static void add_header_value(struct bytes value, struct buffer *out)
{
    bool began = false, blank = false;
    for (size_t i = 0; i < value.len; i++) {
        char c = value.data[i];
        if (c == ' ' || c == '\t') {
            blank = began;
            continue;
        }
        if (blank)
            buffer_add_char(out, ' ');
        blank = false;
        began = true;
        buffer_add_char(out, c);
    }
}

/* The headers' lines, and as a line of its own the list of their names, which goes into `names` too. */
static void add_headers(struct arena *arena, const struct pairs *headers, struct buffer *out,
                        struct buffer *names)
{
    struct header *sorted;
    uint32_t count = sorted_headers(arena, headers, &sorted);
    for (uint32_t i = 0; i < count; i++) {
        bool again = i > 0 && bytes_equal(sorted[i].name, sorted[i - 1].name);
        if (again) {
            buffer_add_char(out, ',');
        } else {
            buffer_printf(out, "%s%.*s:", i ? "\n" : "", BYTES_ARG(sorted[i].name));
            buffer_printf(names, "%s%.*s", i ? ";" : "", BYTES_ARG(sorted[i].name));
        }
        add_header_value(sorted[i].value, out);
    }
    buffer_add_text(out, "\n\n");
    buffer_add_bytes(out, buffer_bytes(names));
    buffer_add_char(out, '\n');
}

void sigv4_canonical(const struct request *request, const struct url *url, bool keeps_path,
                     const char *content_hash, struct buffer *out, struct buffer *names)
{
    struct arena arena = {0};
    buffer_printf(out, "%s\n", request->method);
    if (keeps_path)
        add_kept_path(url->path, out);
    else
        add_walked_path(url->path, out);
    buffer_add_char(out, '\n');
    add_query(&arena, url->query, out);
    buffer_add_char(out, '\n');
    add_headers(&arena, &request->headers, out, names);
    buffer_add_text(out, content_hash);
    arena_close(&arena);
}
