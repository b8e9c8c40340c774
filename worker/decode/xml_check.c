/* Three things that are better not left to libxml2, whose versions differ:
 *
 * Encodings. It would convert whatever iconv knows, and takes the declaration's word against Content-Type's.
 * Here few are read, both must agree, and UTF-8 is held to our own rules, since the store holds documents to
 * them.
 *
 * DOCTYPE. It would be parsed, with all entities it declares, before the reader says that it is there.
 *
 * Attributes. Up to 2.11 it compares each with all others of its element: 100,000 take minutes. A value can't
 * hold "<", so what has many attributes is a long way from one "<" to the next; only such are looked into. */
#include "worker/decode/xml_check.h"

#include <string.h>

#include "common/limits.h"

enum { ATTRIBUTE_BYTES_MIN = 5 }; /* a space, a name, "=" and two quotes */

enum encoding { UNSAID, UTF8, ASCII, LATIN1, OTHER };

static unsigned line_of(struct bytes body, const char *at)
{
    unsigned line = 1;
    for (const char *c = body.data; (c = memchr(c, '\n', (size_t)(at - c))); c++)
        line++;
    return line;
}

/* --- Encodings --- */

static enum encoding encoding_of(struct bytes name)
{
    static const struct {
        const char *name;
        enum encoding encoding;
    } known[] = {{"", UNSAID},     {"UTF-8", UTF8},        {"utf8", UTF8},    {"US-ASCII", ASCII},
                 {"ASCII", ASCII}, {"ISO-8859-1", LATIN1}, {"latin1", LATIN1}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (bytes_is_nocase(name, known[i].name))
            return known[i].encoding;
    return OTHER;
}

/* The text between `*at` and the next of these characters, which `*at` is left behind; all of it if there is
 * none. */
static struct bytes up_to(struct bytes *at, const char *ends)
{
    struct bytes part = {at->data, 0};
    while (part.len < at->len && !strchr(ends, at->data[part.len]))
        part.len++;
    *at = bytes_from(*at, part.len + 1);
    return part;
}

/* The encoding that `<?xml version="1.0" encoding="…"?>` names. What is no such declaration is libxml2's to
 * tell. */
static struct bytes declared(struct bytes body)
{
    static const struct bytes nothing = {"", 0};
    if (body.len < 6 || !bytes_starts(body, "<?xml") || !memchr(" \t\r\n", body.data[5], 4))
        return nothing;
    const char *end = memmem(body.data, body.len, "?>", 2);
    if (!end)
        return nothing;
    for (struct bytes rest = {body.data + 5, (size_t)(end - body.data) - 5}; rest.len;) {
        struct bytes name = bytes_trim(up_to(&rest, "="));
        rest = bytes_trim(rest);
        if (!rest.len || (rest.data[0] != '"' && rest.data[0] != '\''))
            break;
        const char quote[] = {rest.data[0], 0};
        rest = bytes_from(rest, 1);
        struct bytes value = up_to(&rest, quote);
        if (bytes_is(name, "encoding"))
            return value;
    }
    return nothing;
}

static int check_bytes(struct bytes body, enum encoding encoding, struct error *e)
{
    size_t bad = 0;
    if (encoding == ASCII) {
        while (bad < body.len && (unsigned char)body.data[bad] < 0x80)
            bad++;
        if (bad < body.len)
            return error_set(e, ERR_BODY,
                             "line %u: byte %zu is no US-ASCII, which its encoding is said to be",
                             line_of(body, body.data + bad), bad + 1);
    } else if (encoding != LATIN1 && !bytes_is_utf8(body, &bad)) {
        return error_set(
            e, ERR_BODY, "line %u: byte %zu is no UTF-8%s", line_of(body, body.data + bad), bad + 1,
            encoding == UTF8 ? ", which its encoding is said to be" : ", and no other encoding is declared");
    }
    return 0;
}

static int check_known(struct bytes name, enum encoding encoding, const char *by, struct error *e)
{
    if (encoding != OTHER)
        return 0;
    bool printable = name.len <= 40 && bytes_is_utf8(name, NULL);
    return error_set(e, ERR_BODY,
                     "its encoding is %.*s by its %s: only UTF-8, US-ASCII and ISO-8859-1 are read",
                     printable ? (int)name.len : 10, printable ? name.data : "a strange ", by);
}

static int check_encoding(struct bytes body, struct bytes charset, const char **encoding, struct error *e)
{
    bool marked = bytes_starts(body, "\xef\xbb\xbf");
    struct bytes name = declared(marked ? bytes_from(body, 3) : body);
    enum encoding by_type = encoding_of(charset), by_itself = encoding_of(name);
    int code = check_known(name, by_itself, "declaration", e);
    if (!code)
        code = check_known(charset, by_type, "Content-Type", e);
    if (code)
        return code;
    if (marked && by_itself == LATIN1)
        return error_set(e, ERR_BODY, "it declares ISO-8859-1, and has the byte order mark of UTF-8");
    if (marked)
        by_itself = UTF8;
    if ((by_type == UTF8 && by_itself == LATIN1) || (by_type == LATIN1 && by_itself == UTF8))
        return error_set(e, ERR_BODY, "its encoding is %s by its Content-Type, and %s by what it says itself",
                         by_type == UTF8 ? "UTF-8" : "ISO-8859-1", by_type == UTF8 ? "ISO-8859-1" : "UTF-8");
    *encoding = by_type == LATIN1 && by_itself == UNSAID ? "ISO-8859-1" : NULL;
    return check_bytes(body, by_type == ASCII || by_itself == UNSAID ? by_type : by_itself, e);
}

static bool has_ascii(enum encoding encoding)
{
    return encoding == UNSAID || encoding == UTF8 || encoding == ASCII;
}

bool xml_has_ascii(struct bytes body, struct bytes charset)
{
    return has_ascii(encoding_of(charset)) && has_ascii(encoding_of(declared(body)));
}

/* --- Tags --- */

/* Behind what begins with `begin`, if this does: at `end`'s end. Without an end, at the body's. */
static bool skip(struct bytes *rest, const char *begin, const char *end)
{
    if (!bytes_starts(*rest, begin))
        return false;
    *rest = bytes_from(*rest, strlen(begin));
    const char *at = rest->len ? memmem(rest->data, rest->len, end, strlen(end)) : NULL;
    *rest = bytes_from(*rest, at ? (size_t)(at - rest->data) + strlen(end) : rest->len);
    return true;
}

/* The quoted values of a tag. */
static unsigned count_values(struct bytes tag)
{
    unsigned count = 0;
    char quote = 0;
    for (size_t i = 0; i < tag.len && (quote || tag.data[i] != '>'); i++) {
        char c = tag.data[i];
        if (quote && c == quote) {
            quote = 0;
            count++;
        } else if (!quote && (c == '"' || c == '\'')) {
            quote = c;
        }
    }
    return count;
}

static int check_tags(struct bytes body, struct error *e)
{
    struct bytes rest = body;
    const char *at;
    while (rest.len && (at = memchr(rest.data, '<', rest.len))) {
        rest = bytes_from(rest, (size_t)(at - rest.data));
        bool is_tag = rest.len > 1 && rest.data[1] != '!' && rest.data[1] != '?';
        if (!is_tag &&
            (skip(&rest, "<!--", "-->") || skip(&rest, "<![CDATA[", "]]>") || skip(&rest, "<?", "?>")))
            continue;
        if (!is_tag && bytes_starts(rest, "<!DOCTYPE"))
            return error_set(
                e, ERR_BODY,
                "entity declarations are not read (line %u): a DOCTYPE may fill memory or read files, "
                "and no API needs one",
                line_of(body, at));
        const char *next = memchr(at + 1, '<', rest.len - 1);
        struct bytes tag = {at, next ? (size_t)(next - at) : rest.len};
        if (tag.len > LIMIT_XML_ATTRIBUTES * ATTRIBUTE_BYTES_MIN && count_values(tag) > LIMIT_XML_ATTRIBUTES)
            return error_set(e, ERR_LIMIT, "line %u: an element with more than %d attributes",
                             line_of(body, at), LIMIT_XML_ATTRIBUTES);
        rest = bytes_from(rest, tag.len);
    }
    return 0;
}

int xml_check(struct bytes body, struct bytes charset, const char **encoding, struct error *e)
{
    const char *nul = body.len ? memchr(body.data, 0, body.len) : NULL;
    if (nul)
        return error_set(e, ERR_BODY, "line %u: byte %zu is NUL, which XML can't hold", line_of(body, nul),
                         (size_t)(nul - body.data) + 1);
    int code = check_encoding(body, charset, encoding, e);
    return code ? code : check_tags(body, e);
}
