/* How it works: every style answers one question, whether a page leaves something to go on with; all
 * else is the same for all and stands here, in this order: a page that repeats, what `more` says, the
 * style, the limit of pages, and at the end the total.
 *
 * `more` decides where it is there: false ends a listing whatever else the page holds, true overrules a
 * short page and `last`. True on an empty page of a style that counts or marks (offset, number, marker)
 * is an error: asking on could go on for ever. Where a rule could end a listing early or stop it with an
 * error, the error is taken: what wasn't listed must not look deleted. */
#include "worker/provider/page_size.h"
#include "worker/provider/paging_state.h"

#include <inttypes.h>
#include <string.h>

#include "common/check.h"
#include "common/limits.h"
#include "common/units.h"

static const struct paging_style *const styles[] = {
    [PAGE_NONE] = NULL,
    [PAGE_TOKEN] = &paging_token,
    [PAGE_LINK] = &paging_link,
    [PAGE_OFFSET] = &paging_offset,
    [PAGE_NUMBER] = &paging_number,
    [PAGE_MARKER] = &paging_marker,
};

void paging_open(struct paging *p, const struct collection_def *def, const struct url *origin)
{
    const struct page_def *page = &def->page;
    *p = (struct paging){.def = def, .page = 1, .number = page->first};
    if (page->style == PAGE_LINK)
        p->origin = url_origin_of(&p->arena, origin);
    p->size = page_size_first(page, NULL);
}

void paging_close(struct paging *p)
{
    if (!p->def)
        return;
    paging_seen_close(&p->seen);
    arena_close(&p->position);
    arena_close(&p->arena);
    p->def = NULL;
}

void paging_resize(struct paging *p, uint64_t size)
{
    p->size = size;
}

uint64_t paging_page(const struct paging *p)
{
    return p->page;
}

int paging_apply(const struct paging *p, struct request_parts *parts, struct error *e)
{
    const struct page_def *page = &p->def->page;
    const struct paging_style *style = styles[page->style];
    int err = style ? style->apply(p, parts, e) : 0;
    bool in_link = p->link.len && page->size.to.kind == TARGET_QUERY;
    if (err || !p->size || in_link)
        return err;
    struct value size = value_u64(parts->arena, p->size);
    return request_set(parts, &page->size.to, &size, e);
}

/* --- What styles share --- */

bool paging_read(const struct source *source, const struct paging_input *in, struct value *out)
{
    const struct value *found = NULL;
    struct bytes text;
    switch (source->kind) {
    case SOURCE_BODY:
        found = in->body ? pointer_get(&source->pointer, in->body) : NULL;
        break;
    case SOURCE_ITEM:
        found = in->seen->last_item ? pointer_get(&source->pointer, in->seen->last_item) : NULL;
        break;
    case SOURCE_HEADER:
        if (!answer_header(in->answer, source->name, &text))
            return false;
        *out = value_string(bytes_trim(text));
        return out->text.len > 0;
    }
    if (!found || found->type == VALUE_NULL || (found->type == VALUE_STRING && found->text.len == 0))
        return false;
    *out = *found;
    return true;
}

bool paging_read_u64(const struct value *value, uint64_t *out)
{
    return (value->type == VALUE_NUMBER || value->type == VALUE_STRING) &&
           bytes_to_u64(bytes_trim(value->text), out);
}

const char *paging_source_name(struct arena *arena, const struct source *source)
{
    switch (source->kind) {
    case SOURCE_HEADER:
        return arena_printf(arena, "header:%s", source->name);
    case SOURCE_BODY:
        return arena_printf(arena, "body:%.*s", BYTES_ARG(source->pointer.text));
    case SOURCE_ITEM:
        return arena_printf(arena, "item:%.*s", BYTES_ARG(source->pointer.text));
    }
    return "";
}

bool paging_short(const struct paging *p, const struct paging_input *in)
{
    return in->seen->items < (p->size ? p->size : p->first_items);
}

/* --- A page --- */

/* A page of nothing but what was seen before. Offset and number paging come to such a page when the
 * server takes a position past the end for the last one: that ends, but proves nothing. */
static int repeated(struct paging *p, const struct paging_input *in, struct error *e)
{
    enum page_style style = p->def->page.style;
    if ((style != PAGE_OFFSET && style != PAGE_NUMBER) || !paging_short(p, in))
        return error_set(e, ERR_LOOP, "page %" PRIu64 " repeats: all its %" PRIu64 " items came before",
                         p->page, in->seen->items);
    p->why = arena_printf(&p->arena,
                          "page %" PRIu64 " is short and repeats: all its %" PRIu64 " items came before",
                          p->page, in->seen->items);
    return 0;
}

enum more { MORE_UNSAID, MORE_TRUE, MORE_FALSE };

/* XML has no booleans, so their names count too. */
static int read_more(struct paging *p, const struct paging_input *in, enum more *more, struct error *e)
{
    struct value value;
    *more = MORE_UNSAID;
    if (!p->def->page.has_more || !paging_read(&p->def->page.more, in, &value))
        return 0;
    bool named = value.type == VALUE_STRING;
    if (named && bytes_is_nocase(bytes_trim(value.text), "true"))
        value = value_bool(true);
    else if (named && bytes_is_nocase(bytes_trim(value.text), "false"))
        value = value_bool(false);
    if (value.type != VALUE_BOOL)
        return error_set(e, ERR_PAGING, "page %" PRIu64 ": %s is neither true nor false", p->page,
                         paging_source_name(&p->arena, &p->def->page.more));
    *more = value.boolean ? MORE_TRUE : MORE_FALSE;
    return 0;
}

static void read_total(struct paging *p, const struct paging_input *in)
{
    struct value value;
    if (p->def->page.has_total && paging_read(&p->def->page.total, in, &value))
        p->total_state = paging_read_u64(&value, &p->total) ? TOTAL_READ : TOTAL_UNREADABLE;
}

static void check_total(struct paging *p)
{
    char items[UNITS_TEXT_BYTES], total[UNITS_TEXT_BYTES];
    if (!p->def->page.has_total || p->why)
        return;
    if (p->total_state == TOTAL_READ && p->total == p->items)
        return;
    const char *where = paging_source_name(&p->arena, &p->def->page.total);
    if (p->total_state == TOTAL_READ)
        p->why = arena_printf(&p->arena, "%s items came, but the total (%s) is %s",
                              units_count(p->items, items), where, units_count(p->total, total));
    else
        p->why = arena_printf(&p->arena, "the total (%s) is %s", where,
                              p->total_state == TOTAL_MISSING ? "on no page" : "no number");
}

uint64_t paging_pages_max(const struct paging *p)
{
    return p->def->page.pages_max ? p->def->page.pages_max : LIMIT_PAGES;
}

static int go_on(struct paging *p, struct error *e)
{
    uint64_t max = paging_pages_max(p);
    char text[UNITS_TEXT_BYTES];
    if (p->page >= max)
        return error_set(e, ERR_LIMIT, "the listing goes on after %s pages, which is its limit (pages_max)",
                         units_count(max, text));
    p->page++;
    return 0;
}

static int next(struct paging *p, struct paging_input *in, bool *found, struct error *e)
{
    const struct paging_style *style = styles[p->def->page.style];
    enum more more;
    *found = false;
    if (p->page == 1)
        p->first_items = in->seen->items;
    p->items += in->seen->items;
    read_total(p, in);
    if (in->seen->repeats)
        return repeated(p, in, e);
    int err = read_more(p, in, &more, e);
    if (err || more == MORE_FALSE)
        return err;
    in->more = more == MORE_TRUE;
    err = style ? style->next(p, in, found, e) : 0;
    if (err)
        return err;
    if (in->more && !*found)
        return error_set(e, ERR_PAGING, "page %" PRIu64 ": %s is true, and there is nothing to go on with",
                         p->page, paging_source_name(&p->arena, &p->def->page.more));
    return *found ? go_on(p, e) : 0;
}

int paging_next(struct paging *p, const struct answer *answer, const struct value *body,
                const struct page_seen *seen, enum paging_verdict *verdict, bool *sound, const char **why,
                struct error *e)
{
    struct paging_input in = {.answer = answer, .body = body, .seen = seen};
    bool found;
    CHECK(!p->over);
    int err = next(p, &in, &found, e);
    p->over = err || !found;
    if (err)
        return err;
    if (!found)
        check_total(p);
    if (p->why) {
        *sound = false;
        *why = p->why;
    }
    *verdict = found ? PAGING_MORE : PAGING_END;
    return 0;
}
