/* How it works: a reference is cut into its five parts by the grammar of RFC 3986, appendix B, resolved
 * part by part as section 5.2.2 says, put together again, and only then checked as an absolute http(s)
 * URL. Checks are stricter than the RFC where our idea of a host and libcurl's might differ (backslashes,
 * escapes and odd characters in the authority): such a URL could pass as one origin and go to another. */
#include "worker/provider/url.h"

#include <ctype.h>
#include <string.h>

#include "common/limits.h"

struct parts {
    struct bytes scheme, authority, path, query;
    bool has_scheme, has_authority, has_query;
};

/* The span up to the first of `stops`; `*rest` begins with that stop then. */
static struct bytes cut(struct bytes *rest, const char *stops)
{
    size_t len = rest->len;
    for (const char *stop = stops; *stop && len; stop++) {
        const char *at = memchr(rest->data, *stop, len);
        len = at ? (size_t)(at - rest->data) : len;
    }
    struct bytes head = {rest->data, len};
    *rest = bytes_from(*rest, len);
    return head;
}

static bool is_scheme(struct bytes text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.data[i];
        if (!isalpha(c) && (i == 0 || (!isdigit(c) && c != '+' && c != '-' && c != '.')))
            return false;
    }
    return text.len > 0;
}

static struct parts split(struct bytes text)
{
    struct parts parts = {0};
    struct bytes rest = cut(&text, "#");
    struct bytes ahead = rest;
    struct bytes scheme = cut(&ahead, ":/?");
    if (bytes_starts(ahead, ":") && is_scheme(scheme)) {
        parts.scheme = scheme;
        parts.has_scheme = true;
        rest = bytes_from(ahead, 1);
    }
    if (bytes_starts(rest, "//")) {
        rest = bytes_from(rest, 2);
        parts.authority = cut(&rest, "/?");
        parts.has_authority = true;
    }
    parts.path = cut(&rest, "?");
    parts.has_query = rest.len > 0;
    parts.query = bytes_from(rest, 1);
    return parts;
}

/* Characters by name, not by isalnum: locales must not change what a host is. */
static bool is_alnum(unsigned char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool all_of(struct bytes text, const char *extra)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.data[i];
        if (!is_alnum(c) && (c == 0 || !strchr(extra, c)))
            return false;
    }
    return true;
}

static int parse_authority(struct bytes authority, struct url *out, struct error *e)
{
    struct bytes rest = authority;
    const char *at = authority.len ? memrchr(authority.data, '@', authority.len) : NULL;
    if (at) {
        out->has_userinfo = true;
        out->userinfo = (struct bytes){authority.data, (size_t)(at - authority.data)};
        rest = bytes_from(authority, out->userinfo.len + 1);
    }
    if (memchr(authority.len ? authority.data : "", '\\', authority.len))
        return error_set(e, ERR_HTTP, "the URL has a backslash in its host");
    if (bytes_starts(rest, "[")) {
        out->host = cut(&rest, "]");
        if (!rest.len || out->host.len < 3 || !all_of(bytes_from(out->host, 1), ":."))
            return error_set(e, ERR_HTTP, "the URL's IPv6 address can't be read");
        out->host.len++;
        rest = bytes_from(rest, 1);
    } else {
        out->host = cut(&rest, ":");
    }
    if (out->host.len == 0)
        return error_set(e, ERR_HTTP, "the URL has no host");
    if (out->host.data[0] != '[' && !all_of(out->host, "-._~"))
        return error_set(e, ERR_HTTP, "the URL's host has a character that no host may have");
    if (rest.len && rest.data[0] != ':')
        return error_set(e, ERR_HTTP, "the URL's host can't be read");
    uint64_t port = 0;
    out->port = bytes_from(rest, 1);
    if (out->port.len && (!bytes_to_u64(out->port, &port) || port == 0 || port > 65535))
        return error_set(e, ERR_HTTP, "the URL's port is no number from 1 to 65535");
    return 0;
}

int url_parse(struct bytes text, struct url *out, struct error *e)
{
    *out = (struct url){0};
    if (text.len > LIMIT_URL_BYTES)
        return error_set(e, ERR_HTTP, "the URL is longer than %d bytes", LIMIT_URL_BYTES);
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.data[i] <= ' ' || text.data[i] == 0x7f)
            return error_set(e, ERR_HTTP, "the URL has a space or control character at byte %zu", i + 1);
    struct parts parts = split(text);
    if (!parts.has_scheme)
        return error_set(e, ERR_HTTP, "the URL is not absolute: it should begin with https:// or http://");
    if (!bytes_is_nocase(parts.scheme, "http") && !bytes_is_nocase(parts.scheme, "https"))
        return error_set(e, ERR_HTTP, "the URL's scheme is neither https nor http");
    if (!parts.has_authority)
        return error_set(e, ERR_HTTP, "the URL has no host");
    out->scheme = parts.scheme;
    out->path = parts.path;
    out->query = parts.query;
    out->has_query = parts.has_query;
    return parse_authority(parts.authority, out, e);
}

static bool same_nocase(struct bytes a, struct bytes b)
{
    return a.len == b.len && (a.len == 0 || strncasecmp(a.data, b.data, a.len) == 0);
}

static bool is_upper(char c)
{
    return c >= 'A' && c <= 'Z';
}

static uint64_t port_of(const struct url *url)
{
    uint64_t port = bytes_is_nocase(url->scheme, "https") ? 443 : 80;
    if (url->port.len)
        bytes_to_u64(url->port, &port);
    return port;
}

bool url_same_origin(struct bytes a, struct bytes b)
{
    struct url x, y;
    return !url_parse(a, &x, NULL) && !url_parse(b, &y, NULL) && same_nocase(x.scheme, y.scheme) &&
           same_nocase(x.host, y.host) && port_of(&x) == port_of(&y);
}

struct bytes url_origin(struct arena *arena, struct bytes text)
{
    struct url url;
    if (url_parse(text, &url, NULL))
        return (struct bytes){"", 0};
    return url_origin_of(arena, &url);
}

struct bytes url_origin_of(struct arena *arena, const struct url *url)
{
    uint64_t port = port_of(url);
    bool is_default = port == (bytes_is_nocase(url->scheme, "https") ? 443 : 80);
    char number[6], *first = number + sizeof number;
    for (uint64_t rest = is_default ? 0 : port; rest; rest /= 10)
        *--first = (char)('0' + rest % 10);
    if (!is_default)
        *--first = ':';
    struct bytes digits = {first, (size_t)(number + sizeof number - first)};
    struct bytes parts[] = {url->scheme, BYTES("://"), url->host, digits}, origin = {"", 0};
    char *to = arena_alloc(arena, url->scheme.len + url->host.len + sizeof number + 4);
    origin.data = to;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        for (size_t j = 0; j < parts[i].len; j++, origin.len++)
            to[origin.len] = (char)(parts[i].data[j] | (is_upper(parts[i].data[j]) ? 0x20 : 0));
    to[origin.len] = 0;
    return origin;
}

static void drop_last_segment(struct buffer *out, size_t start)
{
    while (out->len > start && out->data[out->len - 1] != '/')
        out->len--;
    if (out->len > start)
        out->len--;
}

/* RFC 3986, 5.2.4. */
static void add_without_dots(struct bytes in, struct buffer *out)
{
    size_t start = out->len;
    while (in.len) {
        if (bytes_starts(in, "../")) {
            in = bytes_from(in, 3);
        } else if (bytes_starts(in, "./") || bytes_starts(in, "/./")) {
            in = bytes_from(in, 2);
        } else if (bytes_is(in, "/.")) {
            in = BYTES("/");
        } else if (bytes_starts(in, "/../") || bytes_is(in, "/..")) {
            in = in.len == 3 ? BYTES("/") : bytes_from(in, 3);
            drop_last_segment(out, start);
        } else if (bytes_is(in, ".") || bytes_is(in, "..")) {
            in.len = 0;
        } else {
            size_t len = in.data[0] == '/';
            while (len < in.len && in.data[len] != '/')
                len++;
            buffer_add(out, in.data, len);
            in = bytes_from(in, len);
        }
    }
}

/* The path of `reference` put in place of the base path's last segment (5.2.3). */
static void add_merged_path(const struct parts *base, struct bytes reference, struct buffer *out)
{
    struct buffer merged = {0};
    size_t keep = base->path.len;
    while (keep > 0 && base->path.data[keep - 1] != '/')
        keep--;
    if (base->path.len == 0)
        buffer_add_char(&merged, '/'); /* the base is absolute: it has an authority */
    buffer_add(&merged, base->path.data, keep);
    buffer_add_bytes(&merged, reference);
    add_without_dots(buffer_bytes(&merged), out);
    buffer_close(&merged);
}

int url_resolve(struct arena *arena, struct bytes base, struct bytes reference, struct bytes *out,
                struct error *e)
{
    struct url url;
    struct buffer text = {0};
    int err = url_parse(base, &url, e);
    if (err)
        return error_at(e, "the URL that a link is relative to");
    struct parts from = split(base), to = split(reference);
    struct parts first = to.has_scheme ? to : from; /* where the scheme comes from */
    buffer_add_bytes(&text, first.scheme);
    buffer_add_char(&text, ':');
    bool own = to.has_scheme || to.has_authority;
    const struct parts *authority = own ? &to : &from;
    if (authority->has_authority) {
        buffer_add_text(&text, "//");
        buffer_add_bytes(&text, authority->authority);
    }
    bool same_path = !own && to.path.len == 0;
    if (same_path)
        buffer_add_bytes(&text, from.path);
    else if (own || to.path.data[0] == '/')
        add_without_dots(to.path, &text);
    else
        add_merged_path(&from, to.path, &text);
    struct bytes query = same_path && !to.has_query ? from.query : to.query;
    if (to.has_query || (same_path && from.has_query)) {
        buffer_add_char(&text, '?');
        buffer_add_bytes(&text, query);
    }
    err = url_parse(buffer_bytes(&text), &url, e);
    if (!err)
        *out = arena_copy(arena, buffer_bytes(&text));
    buffer_close(&text);
    return err;
}

void url_encode(struct bytes text, struct buffer *out)
{
    static const char hex[] = "0123456789ABCDEF";
    buffer_reserve(out, text.len);
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.data[i];
        if (is_alnum(c) || c == '-' || c == '.' || c == '_' || c == '~') {
            buffer_add_char(out, (char)c);
        } else {
            char escape[3] = {'%', hex[c >> 4], hex[c & 15]};
            buffer_add(out, escape, sizeof escape);
        }
    }
}

void url_encode_part(struct bytes part, struct buffer *out)
{
    for (size_t i = 0; i < part.len; i++) {
        if (part.data[i] == '/')
            buffer_add_text(out, "%2F");
        else if (part.data[i] == '%')
            buffer_add_text(out, "%25");
        else
            buffer_add_char(out, part.data[i]);
    }
}
