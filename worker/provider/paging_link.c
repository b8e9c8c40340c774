/* Link: the page names the next URL. It comes from a Link header (RFC 8288, read as its appendix B says)
 * or from the body, is resolved against the page's own URL, and may lead to another origin only where
 * the provider file allows it, because auth goes along.
 *
 * A header or list that can't be read is an error, not the end: a listing that ends early would make
 * resources look deleted. `anchor` isn't looked at: a next link with another context has not been met. */
#include <inttypes.h>
#include <string.h>

#include "common/limits.h"
#include "worker/provider/paging_state.h"
#include "worker/provider/url.h"

/* --- The Link header --- */

struct reader {
    struct bytes rest;
    struct buffer text; /* of the last quoted string or token */
};

static void skip(struct reader *r, const char *which)
{
    while (r->rest.len && r->rest.data[0] && strchr(which, r->rest.data[0]))
        r->rest = bytes_from(r->rest, 1);
}

static bool take(struct reader *r, char c)
{
    if (!r->rest.len || r->rest.data[0] != c)
        return false;
    r->rest = bytes_from(r->rest, 1);
    return true;
}

static struct bytes until(struct reader *r, const char *stops)
{
    size_t len = 0;
    while (len < r->rest.len && (!r->rest.data[len] || !strchr(stops, r->rest.data[len])))
        len++;
    struct bytes span = {r->rest.data, len};
    r->rest = bytes_from(r->rest, len);
    return span;
}

/* A parameter's value: quoted, with backslashes, or bare. */
static bool read_value(struct reader *r)
{
    buffer_reset(&r->text);
    if (!take(r, '"')) {
        buffer_add_bytes(&r->text, bytes_trim(until(r, ";,")));
        return true;
    }
    while (r->rest.len && r->rest.data[0] != '"') {
        if (take(r, '\\') && !r->rest.len)
            return false;
        buffer_add_char(&r->text, r->rest.data[0]);
        r->rest = bytes_from(r->rest, 1);
    }
    return take(r, '"');
}

/* One of the space-separated relations is "next". */
static bool is_next(struct bytes relations)
{
    struct reader r = {.rest = relations};
    for (skip(&r, " \t"); r.rest.len; skip(&r, " \t"))
        if (bytes_is_nocase(until(&r, " \t"), "next"))
            return true;
    return false;
}

/* The parameters of one link. Only the first `rel` counts. */
static bool read_parameters(struct reader *r, bool *next)
{
    bool has_rel = false;
    for (skip(r, " \t"); take(r, ';'); skip(r, " \t")) {
        skip(r, " \t");
        struct bytes name = until(r, " \t=;,");
        skip(r, " \t");
        buffer_reset(&r->text);
        if (take(r, '=')) {
            skip(r, " \t");
            if (!read_value(r))
                return false;
        }
        if (!has_rel && bytes_is_nocase(name, "rel")) {
            has_rel = true;
            *next = is_next(buffer_bytes(&r->text));
        }
    }
    return r->rest.len == 0 || r->rest.data[0] == ',';
}

/* The first next link of one header. False if it can't be read. */
static bool read_link_header(struct bytes text, struct bytes *target, bool *found)
{
    struct reader r = {.rest = text};
    bool well = true;
    for (skip(&r, " \t,"); well && !*found && r.rest.len; skip(&r, " \t,")) {
        bool next = false;
        well = take(&r, '<');
        struct bytes inside = until(&r, ">");
        well = well && take(&r, '>') && read_parameters(&r, &next);
        if (well && next) {
            *target = inside;
            *found = true;
        }
    }
    buffer_close(&r.text);
    return well;
}

static int find_in_headers(struct paging *p, const struct paging_input *in, const char *name,
                           struct bytes *target, bool *found, struct error *e)
{
    const struct pairs *headers = &in->answer->headers;
    for (uint32_t i = 0; i < headers->count && !*found; i++) {
        struct bytes value = bytes_trim(headers->items[i].value);
        if (!bytes_is_nocase(headers->items[i].name, name))
            continue;
        if (!bytes_is_nocase(headers->items[i].name, "Link") && !bytes_starts(value, "<")) {
            *target = value; /* a header of the provider's own, that is the URL */
            *found = true;
        } else if (!read_link_header(value, target, found)) {
            return error_set(e, ERR_PAGING, "page %" PRIu64 ": its %s header can't be read", p->page, name);
        }
    }
    return 0;
}

/* --- The body --- */

/* A member of a link object; in XML it is an attribute. */
static const struct value *link_member(const struct value *link, const char *name, const char *attribute)
{
    const struct value *member = value_get_text(link, name);
    return member ? member : value_get_text(link, attribute);
}

static bool link_is_next(const struct value *rel)
{
    if (rel && rel->type == VALUE_ARRAY)
        for (uint32_t i = 0; i < rel->count; i++)
            if (link_is_next(&rel->items[i]))
                return true;
    return rel && rel->type == VALUE_STRING && is_next(rel->text);
}

/* Of a list the object with rel=next counts; an object that stands alone without `rel` is a link itself. */
static const struct value *find_href(const struct value *links, bool *readable)
{
    const struct value *one = links->type == VALUE_ARRAY ? links->items : links;
    uint32_t count = links->type == VALUE_ARRAY ? links->count : 1;
    for (uint32_t i = 0; i < count; i++) {
        const struct value *rel = link_member(&one[i], "rel", "@rel");
        const struct value *href = link_member(&one[i], "href", "@href");
        *readable = one[i].type == VALUE_OBJECT;
        if (!*readable)
            return NULL;
        if (link_is_next(rel) || (!rel && links->type == VALUE_OBJECT)) {
            *readable = href;
            return href;
        }
    }
    return NULL;
}

static int find_in_body(struct paging *p, const struct paging_input *in, struct bytes *target, bool *found,
                        struct error *e)
{
    const struct source *from = &p->def->page.parts[0].from;
    struct value value;
    bool readable = true;
    const struct value *link = &value;
    if (!paging_read(from, in, &value))
        return 0;
    if (value.type == VALUE_ARRAY || value.type == VALUE_OBJECT)
        link = find_href(&value, &readable);
    if (readable && (!link || link->type == VALUE_NULL))
        return 0;
    if (!readable || link->type != VALUE_STRING)
        return error_set(e, ERR_PAGING,
                         "page %" PRIu64
                         ": %s is no link: a string, or a list of objects with rel and href, is one",
                         p->page, paging_source_name(&p->arena, from));
    *target = link->text;
    *found = true;
    return 0;
}

/* --- Where it may lead --- */

static bool is_allowed(const struct paging *p, struct bytes link)
{
    const char *const *allowed = p->def->provider->allow_origins;
    if (url_same_origin(link, p->origin))
        return true;
    for (; allowed && *allowed; allowed++)
        if (url_same_origin(link, bytes_of(*allowed)))
            return true;
    return false;
}

/* Bytes that no URL may have, but that some servers leave in their links. */
static struct bytes mend(struct arena *arena, struct bytes link)
{
    struct buffer text = {0};
    for (size_t i = 0; i < link.len; i++) {
        if (link.data[i] == ' ' || (unsigned char)link.data[i] >= 0x80)
            url_encode((struct bytes){link.data + i, 1}, &text);
        else
            buffer_add_char(&text, link.data[i]);
    }
    struct bytes mended = arena_copy(arena, buffer_bytes(&text));
    buffer_close(&text);
    return mended;
}

static int check(const struct paging *p, const struct url *url, struct bytes link, struct error *e)
{
    if (url->has_userinfo)
        return error_set(e, ERR_REDIRECT, "page %" PRIu64 ": its next link has a user or password in it",
                         p->page);
    if (is_allowed(p, link))
        return 0;
    struct arena arena = {0};
    struct bytes origin = url_origin(&arena, link);
    int err = error_set(e, ERR_REDIRECT,
                        "page %" PRIu64
                        ": its next link leads to %.*s, not to %.*s: name it in allow_origins if it "
                        "may have the credentials, or set rewrite_origin",
                        p->page, BYTES_ARG(origin), BYTES_ARG(p->origin));
    arena_close(&arena);
    return err;
}

int paging_link_check(const struct paging *p, struct bytes link, struct error *e)
{
    struct url url;
    if (link.len > LIMIT_URL_BYTES || url_parse(link, &url, e))
        return error_set(e, ERR_PAGING, "page %" PRIu64 ": its link can't be followed", p->page);
    return check(p, &url, link, e);
}

/* Make the link absolute, and see that it may be followed. */
static int accept(struct paging *p, struct arena *arena, const char *asked, struct bytes target,
                  struct bytes *link, struct error *e)
{
    struct url url;
    if (target.len > LIMIT_URL_BYTES)
        return error_set(e, ERR_LIMIT, "page %" PRIu64 ": its next link is longer than %d bytes", p->page,
                         LIMIT_URL_BYTES);
    int err = url_resolve(arena, bytes_of(asked), mend(arena, bytes_trim(target)), link, e);
    if (!err)
        err = url_parse(*link, &url, e);
    if (err)
        return error_set(e, ERR_PAGING, "page %" PRIu64 ": its next link can't be followed: %s", p->page,
                         e ? e->text : "");
    if (p->def->provider->rewrite_origin) {
        const char *path = url.path.len && url.path.data[0] == '/' ? "" : "/";
        *link = bytes_of(arena_printf(arena, "%.*s%s%.*s%s%.*s", BYTES_ARG(p->origin), path,
                                      BYTES_ARG(url.path), url.has_query ? "?" : "", BYTES_ARG(url.query)));
        return 0;
    }
    return check(p, &url, *link, e);
}

static int link_next(struct paging *p, const struct paging_input *in, bool *found, struct error *e)
{
    const struct source *from = &p->def->page.parts[0].from;
    struct arena arena = {0};
    struct bytes target = {0}, link = {0};
    int err = from->kind == SOURCE_HEADER ? find_in_headers(p, in, from->name, &target, found, e)
                                          : find_in_body(p, in, &target, found, e);
    if (err)
        return err;
    *found = *found && bytes_trim(target).len > 0;
    if (!*found)
        return 0;
    paging_seen_add(&p->seen, bytes_of(in->answer->url)); /* a link back to the first page is a loop too */
    err = accept(p, &arena, in->answer->url, target, &link, e);
    if (!err && !paging_seen_add(&p->seen, link))
        err = error_set(e, ERR_LOOP, "page %" PRIu64 " links to a page that was asked before", p->page);
    arena_close(&p->position);
    p->position = arena;
    p->link = link;
    return err;
}

static int link_apply(const struct paging *p, struct request_parts *parts, struct error *e)
{
    if (!p->link.len)
        return 0;
    int err = url_parse(arena_copy(parts->arena, p->link), &parts->url, e);
    struct url *link = arena_alloc(parts->arena, sizeof *link);
    *link = parts->url;
    parts->link_origin = link;
    parts->query.count = 0;
    return err;
}

const struct paging_style paging_link = {.apply = link_apply, .next = link_next};
