/* An element's end is found by counting: `<` opens an element, `</` closes one, and `/>` closes the one whose
 * tag it ends. An attribute's value holds no `<`, so a tag needs no look from its `<` on until there is a
 * `/>`; only then is it walked, quotes and all, to see whether that is its end or stands in a value or a
 * text. Which bytes of 64 are `<`, or `>` behind `/`, is told by a mask: most bytes of an item are in none of
 * them. Going from tag to tag with memchr takes three times as long, since names and texts are short.
 *
 * What is between tags is skipped where it may hold any byte: comments, CDATA, processing instructions. */
#include "worker/decode/xml_scan.h"

#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

enum { BLOCK = 64 };

/* --- Tags --- */

static bool is_white(char c)
{
    return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

static bool begins(struct bytes body, size_t at, const char *with)
{
    return bytes_starts(bytes_from(body, at), with);
}

static size_t end_at(struct bytes body, size_t from, const char *with)
{
    const char *found = from < body.len ? memmem(body.data + from, body.len - from, with, strlen(with))
                                        : NULL;
    return found ? (size_t)(found - body.data) + strlen(with) : 0;
}

/* The end of the comment or processing instruction at `at`. */
static size_t end_of_remark(struct bytes body, size_t at)
{
    if (begins(body, at, "<!--"))
        return end_at(body, at + 4, "-->");
    return begins(body, at, "<?") ? end_at(body, at + 2, "?>") : 0;
}

enum xml_sight xml_look(struct bytes body, size_t *at)
{
    for (;;) {
        while (*at < body.len && is_white(body.data[*at]))
            (*at)++;
        if (*at >= body.len || body.len - *at < 2 || body.data[*at] != '<')
            return XML_TEXT;
        char kind = body.data[*at + 1];
        if (kind == '/')
            return XML_END;
        if (kind != '!' && kind != '?')
            return XML_START;
        size_t end = end_of_remark(body, *at);
        if (!end)
            return XML_TEXT;
        *at = end;
    }
}

/* Behind the name of the tag at `at`. */
static size_t end_of_name(struct bytes body, size_t at)
{
    for (at++; at < body.len; at++)
        if (is_white(body.data[at]) || body.data[at] == '>' || body.data[at] == '/')
            break;
    return at;
}

struct bytes xml_local_name(struct bytes body, size_t at)
{
    struct bytes name = {body.data + at + 1, end_of_name(body, at) - at - 1};
    const char *colon = memchr(name.data, ':', name.len);
    if (!colon)
        return name;
    struct bytes local = bytes_from(name, (size_t)(colon - name.data) + 1);
    bool is_plain = colon > name.data && local.len && !memchr(local.data, ':', local.len);
    return is_plain ? local : (struct bytes){name.data, 0};
}

/* The end of the tag that goes on at `at`, outside of quotes. */
static size_t end_of_tag(struct bytes body, size_t at)
{
    for (; at < body.len; at++) {
        char c = body.data[at];
        if (c == '>')
            return at + 1;
        if (c != '"' && c != '\'')
            continue;
        const char *quote = memchr(body.data + at + 1, c, body.len - at - 1);
        if (!quote)
            return 0;
        at = (size_t)(quote - body.data);
    }
    return 0;
}

bool xml_read_tag(struct bytes body, size_t at, struct xml_tag *out)
{
    size_t behind = end_of_name(body, at);
    *out = (struct xml_tag){.name = xml_local_name(body, at), .end = end_of_tag(body, behind)};
    if (!out->end || !out->name.len)
        return false;
    out->is_empty = body.data[out->end - 2] == '/';
    size_t last = out->end - (out->is_empty ? 2 : 1);
    while (behind < last && is_white(body.data[behind]))
        behind++;
    out->has_attributes = behind < last;
    return true;
}

size_t xml_end_of_end_tag(struct bytes body, size_t at)
{
    return end_at(body, at, ">");
}

/* --- Elements --- */

/* Of up to 64 bytes, those that are `<`, and those that are `>` behind a `/`. */
static uint64_t marks_by_byte(const char *at, size_t len, bool behind_slash)
{
    uint64_t marks = 0;
    for (size_t i = 0; i < len; i++) {
        marks |= (uint64_t)(at[i] == '<' || (at[i] == '>' && behind_slash)) << i;
        behind_slash = at[i] == '/';
    }
    return marks;
}

#ifdef __SSE2__
static uint64_t equal(const __m128i *block, char c)
{
    uint64_t mask = 0;
    for (unsigned i = 0; i < BLOCK / 16; i++) {
        __m128i found = _mm_cmpeq_epi8(_mm_loadu_si128(block + i), _mm_set1_epi8(c));
        mask |= (uint64_t)(unsigned)_mm_movemask_epi8(found) << (16 * i);
    }
    return mask;
}

static uint64_t marks_of(const char *at, size_t len, bool behind_slash)
{
    if (len < BLOCK)
        return marks_by_byte(at, len, behind_slash);
    const __m128i *block = (const __m128i *)(const void *)at;
    return equal(block, '<') | (equal(block, '>') & (equal(block, '/') << 1 | behind_slash));
}
#else
static uint64_t marks_of(const char *at, size_t len, bool behind_slash)
{
    return marks_by_byte(at, len < BLOCK ? len : BLOCK, behind_slash);
}
#endif

struct count {
    struct bytes body;
    size_t depth;  /* of elements that are open */
    size_t tag;    /* the start tag met last, if it may still be open and end in `/>` … */
    bool has_tag;  /* … and whether there is one */
    size_t beyond; /* where to go on, if not at the next mark */
};

/* At a `<`. The end of the element, or 0. Whatever isn't well-formed ends the count, with `beyond` at the
 * body's end. */
static size_t count_less(struct count *c, size_t at)
{
    struct bytes body = c->body;
    char kind = at + 1 < body.len ? body.data[at + 1] : 0;
    c->has_tag = false;
    if (kind == '/') {
        if (--c->depth > 0)
            return 0;
        c->beyond = body.len;
        return xml_end_of_end_tag(body, at);
    }
    if (kind == '!' || kind == '?') {
        c->beyond = begins(body, at, "<![CDATA[") ? end_at(body, at, "]]>") : end_of_remark(body, at);
        if (!c->beyond)
            c->beyond = body.len;
        return 0;
    }
    c->depth++;
    c->tag = at;
    c->has_tag = true;
    return 0;
}

/* At the `>` of a `/>`, which may stand in a text or in quotes. No byte of a tag is looked at twice, or what
 * isn't well-formed might take for ever: of many tags that all seem to end far away, or nowhere. */
static size_t count_slash(struct count *c, size_t at)
{
    if (!c->has_tag)
        return 0;
    c->has_tag = false;
    size_t end = end_of_tag(c->body, c->tag);
    if (!end || end > at + 1)
        c->beyond = end ? end : c->body.len;
    bool closes = end > at && c->body.data[end - 2] == '/';
    return closes && --c->depth == 0 ? end : 0;
}

size_t xml_end_of_element(struct bytes body, size_t at)
{
    struct count c = {.body = body};
    for (size_t next = at; next < body.len;) {
        size_t from = next, left = body.len - from;
        uint64_t marks = marks_of(body.data + from, left, from > 0 && body.data[from - 1] == '/');
        next = left < BLOCK ? body.len : from + BLOCK;
        for (; marks; marks &= marks - 1) {
            size_t mark = from + (size_t)__builtin_ctzll(marks);
            size_t end = body.data[mark] == '<' ? count_less(&c, mark) : count_slash(&c, mark);
            if (end)
                return end;
            if (c.beyond) {
                next = c.beyond;
                c.beyond = 0;
                break;
            }
        }
    }
    return 0;
}
