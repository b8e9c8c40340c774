/* How it works: a reference is cut into its five parts by the grammar of RFC 3986, appendix B, resolved
 * part by part as section 5.2.2 says, put together again, and only then checked as an absolute http(s)
 * URL. Checks are stricter than the RFC where our idea of a host and libcurl's might differ (backslashes,
 * escapes and odd characters in the authority): such a URL could pass as one origin and go to another. */
#include "worker/provider/url.h"

#include <string.h>

#include "common/limits.h"

struct parts {
    struct bytes text, scheme, authority, path, query;
    bool has_scheme, has_authority, has_query, has_fragment;
};

/* Characters by name, not by isalnum: locales must not change what a host is. */
enum { ALPHA = 1 << 0, DIGIT = 1 << 1, MARK = 1 << 2, SCHEME = 1 << 3, IPV6 = 1 << 4 };
enum { UNRESERVED = ALPHA | DIGIT | MARK };

static const unsigned char kinds[256] = {
    ['a' ... 'z'] = ALPHA | SCHEME | IPV6,
    ['A' ... 'Z'] = ALPHA | SCHEME | IPV6,
    ['0' ... '9'] = DIGIT | SCHEME | IPV6,
    ['-'] = MARK | SCHEME,
    ['.'] = MARK | SCHEME | IPV6,
    ['_'] = MARK,
    ['~'] = MARK,
    ['+'] = SCHEME,
    [':'] = IPV6,
};

/* How many characters of these kinds the text begins with. */
static size_t run_of(struct bytes text, unsigned kind)
{
    size_t len = 0;
    while (len < text.len && (kinds[(unsigned char)text.data[len]] & kind))
        len++;
    return len;
}

/* The first `len` bytes, which are cut off `*rest`. */
static inline struct bytes cut(struct bytes *rest, size_t len)
{
    struct bytes head = {rest->data, len};
    *rest = (struct bytes){rest->data + len, rest->len - len};
    return head;
}

/* Where a character stands; the length if nowhere. */
static inline size_t find(struct bytes text, char c)
{
    const char *at = text.len ? memchr(text.data, c, text.len) : NULL;
    return at ? (size_t)(at - text.data) : text.len;
}

static struct parts split(struct bytes text)
{
    struct parts parts = {0};
    if (!text.data)
        text = BYTES("");
    struct bytes rest = cut(&text, find(text, '#'));
    parts.text = rest;
    parts.has_fragment = text.len > 0;
    size_t len = run_of(rest, SCHEME);
    if (len && len < rest.len && rest.data[len] == ':' && (kinds[(unsigned char)rest.data[0]] & ALPHA)) {
        parts.scheme = cut(&rest, len);
        parts.has_scheme = true;
        cut(&rest, 1);
    }
    if (rest.len >= 2 && rest.data[0] == '/' && rest.data[1] == '/') {
        cut(&rest, 2);
        for (len = 0; len < rest.len && rest.data[len] != '/' && rest.data[len] != '?';)
            len++;
        parts.authority = cut(&rest, len);
        parts.has_authority = true;
    }
    parts.path = cut(&rest, find(rest, '?'));
    parts.has_query = rest.len > 0;
    parts.query = bytes_from(rest, 1);
    return parts;
}

static int parse_host(struct bytes *rest, struct url *out, struct error *e)
{
    if (rest->len && rest->data[0] == '[') {
        out->host = cut(rest, find(*rest, ']'));
        if (!rest->len || out->host.len < 3 || run_of(bytes_from(out->host, 1), IPV6) != out->host.len - 1)
            return error_set(e, ERR_HTTP, "the URL's IPv6 address can't be read");
        out->host.len++;
        cut(rest, 1);
    } else {
        out->host = cut(rest, find(*rest, ':'));
    }
    if (out->host.len == 0)
        return error_set(e, ERR_HTTP, "the URL has no host");
    if (out->host.data[0] != '[' && run_of(out->host, UNRESERVED) != out->host.len)
        return error_set(e, ERR_HTTP, "the URL's host has a character that no host may have");
    if (rest->len && rest->data[0] != ':')
        return error_set(e, ERR_HTTP, "the URL's host can't be read");
    return 0;
}

static int parse_authority(struct bytes authority, struct url *out, struct error *e)
{
    struct bytes rest = authority;
    const char *at = authority.len ? memrchr(authority.data, '@', authority.len) : NULL;
    if (at) {
        out->has_userinfo = true;
        out->userinfo = cut(&rest, (size_t)(at - authority.data));
        cut(&rest, 1);
    }
    if (find(authority, '\\') < authority.len)
        return error_set(e, ERR_HTTP, "the URL has a backslash in its host");
    int err = parse_host(&rest, out, e);
    if (err)
        return err;
    uint64_t port = out->is_https ? 443 : 80;
    out->port = bytes_from(rest, 1);
    if (out->port.len && (!bytes_to_u64(out->port, &port) || port == 0 || port > 65535))
        return error_set(e, ERR_HTTP, "the URL's port is no number from 1 to 65535");
    out->port_number = (uint32_t)port;
    out->is_plain = !at && rest.len != 1; /* not with a ":" and nothing behind it */
    return 0;
}

/* Where the first control character or space stands; the length if there is none. Eight bytes at a time: of
 * bytes below 0x80 `printed` has its top bit where one is above a space, and `kept` where it isn't DEL. */
static size_t find_control(struct bytes text, bool *is_ascii)
{
    const uint64_t ones = UINT64_MAX / 255, tops = ones << 7, rests = ~tops;
    uint64_t eight, seen = 0;
    size_t i = 0;
    for (; i + sizeof eight <= text.len; i += sizeof eight) {
        memcpy(&eight, text.data + i, sizeof eight);
        uint64_t printed = (eight & rests) + ones * (0x7f - ' ');
        uint64_t kept = ((eight & rests) ^ rests) + rests;
        if (~(printed & kept) & ~eight & tops)
            break;
        seen |= eight;
    }
    for (; i < text.len; i++) {
        unsigned char c = (unsigned char)text.data[i];
        if (c <= ' ' || c == 0x7f)
            break;
        seen |= c;
    }
    *is_ascii = !(seen & tops);
    return i;
}

/* `word` is in lower case, and made of letters. */
static bool is_nocase(struct bytes text, struct bytes word)
{
    size_t i = 0;
    while (i < word.len && i < text.len && (text.data[i] | 0x20) == word.data[i])
        i++;
    return i == word.len && i == text.len;
}

int url_parse(struct bytes text, struct url *out, struct error *e)
{
    *out = (struct url){0};
    if (text.len > LIMIT_URL_BYTES)
        return error_set(e, ERR_HTTP, "the URL is longer than %d bytes", LIMIT_URL_BYTES);
    bool is_ascii;
    size_t control = find_control(text, &is_ascii);
    if (control < text.len)
        return error_set(e, ERR_HTTP, "the URL has a space or control character at byte %zu", control + 1);
    struct parts parts = split(text);
    if (!parts.has_scheme)
        return error_set(e, ERR_HTTP, "the URL is not absolute: it should begin with https:// or http://");
    out->is_https = is_nocase(parts.scheme, BYTES("https"));
    if (!out->is_https && !is_nocase(parts.scheme, BYTES("http")))
        return error_set(e, ERR_HTTP, "the URL's scheme is neither https nor http");
    if (!parts.has_authority)
        return error_set(e, ERR_HTTP, "the URL has no host");
    out->text = parts.text;
    out->scheme = parts.scheme;
    out->path = parts.path;
    out->query = parts.query;
    out->has_query = parts.has_query;
    int err = parse_authority(parts.authority, out, e);
    out->is_plain = !err && out->is_plain && is_ascii && out->path.len && !parts.has_fragment;
    return err;
}

static bool same_nocase(struct bytes a, struct bytes b)
{
    return a.len == b.len && (a.len == 0 || strncasecmp(a.data, b.data, a.len) == 0);
}

static bool is_upper(char c)
{
    return c >= 'A' && c <= 'Z';
}

bool url_same_origin_of(const struct url *a, const struct url *b)
{
    return a->is_https == b->is_https && a->port_number == b->port_number && same_nocase(a->host, b->host);
}

bool url_same_origin(struct bytes a, struct bytes b)
{
    struct url x, y;
    return !url_parse(a, &x, NULL) && !url_parse(b, &y, NULL) && url_same_origin_of(&x, &y);
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
    bool is_default = url->port_number == (url->is_https ? 443 : 80);
    char number[6], *first = number + sizeof number;
    for (uint32_t rest = is_default ? 0 : url->port_number; rest; rest /= 10)
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

char *url_encode_to(char *to, struct bytes text)
{
    static const char hex[] = "0123456789ABCDEF";
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.data[i];
        if (kinds[c] & UNRESERVED) {
            *to++ = (char)c;
            continue;
        }
        *to++ = '%';
        *to++ = hex[c >> 4];
        *to++ = hex[c & 15];
    }
    return to;
}

void url_encode(struct bytes text, struct buffer *out)
{
    buffer_reserve(out, text.len * 3);
    out->len = (size_t)(url_encode_to(out->data + out->len, text) - out->data);
    out->data[out->len] = 0;
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
