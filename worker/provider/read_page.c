/* Paging: which keys go with which style is a table; the rest follows from it. */
#include <string.h>

#include "common/limits.h"
#include "worker/provider/read.h"

enum {
    FROM_BODY = 1 << SOURCE_BODY,
    FROM_HEADER = 1 << SOURCE_HEADER,
    FROM_ITEM = 1 << SOURCE_ITEM,
};

static const char *const style_names[] = {
    [PAGE_NONE] = "none",
    [PAGE_TOKEN] = "token",
    [PAGE_LINK] = "link",
    [PAGE_OFFSET] = "offset",
    [PAGE_NUMBER] = "number",
    [PAGE_MARKER] = "marker",
    NULL,
};

static const char *const all_keys[] = {"style", "from", "to",   "parts", "total",     "end",
                                       "first", "last", "more", "size",  "pages_max", NULL};

static const char *const style_keys[][10] = {
    [PAGE_NONE] = {"style", NULL},
    [PAGE_TOKEN] = {"style", "from", "to", "parts", "more", "size", "pages_max", NULL},
    [PAGE_LINK] = {"style", "from", "more", "size", "pages_max", NULL},
    [PAGE_OFFSET] = {"style", "to", "total", "end", "more", "size", "pages_max", NULL},
    [PAGE_NUMBER] = {"style", "to", "first", "last", "more", "size", "pages_max", NULL},
    [PAGE_MARKER] = {"style", "from", "to", "end", "more", "size", "pages_max", NULL},
};

struct page_reader {
    struct reader *reader;
    const yaml_node *node;
    const struct request_def *request;
    struct page_def *page;
};

/* A key that exists, but not for this style, is told so. */
static bool check_style_keys(struct page_reader *p)
{
    struct reader *r = p->reader;
    bool good = true;
    for (uint32_t i = 0; i < yaml_count(p->node); i++) {
        const yaml_node *key = yaml_key(p->node, i);
        if (bytes_is_any(yaml_text(key), style_keys[p->page->style]) ||
            !bytes_is_any(yaml_text(key), all_keys))
            continue;
        yaml_error(r->report, r->file, key, "'%.*s' doesn't go with style '%s'", BYTES_ARG(yaml_text(key)),
                   style_names[p->page->style]);
        good = false;
    }
    return good;
}

/* A target, and that the request has a place for it. */
static bool read_goal(struct page_reader *p, const yaml_node *node, struct target *out)
{
    struct reader *r = p->reader;
    if (!read_target(r, node, out))
        return false;
    if (out->kind == TARGET_FORM && p->request->has_body)
        yaml_error(r->report, r->file, node, "'form:' can't be set: the request has a 'body'");
    else if (out->kind == TARGET_BODY && p->request->form.count)
        yaml_error(r->report, r->file, node, "'body:' can't be set: the request has a 'form'");
    else if (out->kind == TARGET_BODY && p->request->has_body && p->request->body.type != VALUE_OBJECT)
        yaml_error(r->report, r->file, node, "'body:' can't be set: the request's body is no map");
    else
        return true;
    return false;
}

static void read_parts(struct page_reader *p, const yaml_node *node)
{
    static const char *const keys[] = {"from", "to", NULL};
    struct reader *r = p->reader;
    const yaml_node *n;
    if (!yaml_expect(r->report, r->file, node, YAML_LIST, "a list of {from, to}"))
        return;
    uint32_t count = yaml_count(node);
    struct page_part *parts = arena_zalloc(r->arena, (count + (size_t)1) * sizeof *parts);
    if (!count)
        yaml_error(r->report, r->file, node, "'parts' is empty");
    for (uint32_t i = 0; i < count; i++) {
        const yaml_node *part = yaml_item(node, i);
        if (!yaml_check_keys(r->report, r->file, part, keys))
            continue;
        if ((n = read_need(r, part, "from")))
            read_source(r, n, FROM_BODY | FROM_HEADER | FROM_ITEM, &parts[i].from);
        if ((n = read_need(r, part, "to")))
            read_goal(p, n, &parts[i].to);
    }
    p->page->parts = parts;
    p->page->part_count = count;
}

static void read_token_parts(struct page_reader *p)
{
    struct reader *r = p->reader;
    const yaml_node *parts = yaml_get(p->node, "parts");
    bool single = yaml_get(p->node, "from") || yaml_get(p->node, "to");
    if (parts && single) {
        yaml_error(r->report, r->file, parts, "'parts' stands instead of 'from' and 'to', not beside them");
        return;
    }
    if (parts) {
        read_parts(p, parts);
        return;
    }
    struct page_part *part = arena_zalloc(r->arena, sizeof *part);
    const yaml_node *n;
    if ((n = read_need(r, p->node, "from")))
        read_source(r, n, FROM_BODY | FROM_HEADER | FROM_ITEM, &part->from);
    if ((n = read_need(r, p->node, "to")))
        read_goal(p, n, &part->to);
    p->page->parts = part;
    p->page->part_count = 1;
}

/* link, offset, number, marker: one part of which only one half may count. */
static void read_single_part(struct page_reader *p)
{
    struct reader *r = p->reader;
    struct page_def *page = p->page;
    struct page_part *part = arena_zalloc(r->arena, sizeof *part);
    const yaml_node *n = yaml_get(p->node, "from");
    page->parts = part;
    page->part_count = 1;
    if (page->style == PAGE_LINK) {
        part->from = (struct source){.kind = SOURCE_HEADER, .name = "Link"};
        if (n)
            read_source(r, n, FROM_HEADER | FROM_BODY, &part->from);
        return;
    }
    if (page->style == PAGE_MARKER) {
        page->marker_is_id = !n;
        if (n)
            read_source(r, n, FROM_ITEM, &part->from);
    }
    if ((n = read_need(r, p->node, "to")))
        read_goal(p, n, &part->to);
}

static void read_size(struct page_reader *p, const yaml_node *node)
{
    static const char *const keys[] = {"to", "max", "min", "default", NULL};
    struct reader *r = p->reader;
    struct page_def *page = p->page;
    const yaml_node *n;
    if (!yaml_check_keys(r->report, r->file, node, keys))
        return;
    page->has_size = true;
    page->size.min = 1;
    page->size.max = LIMIT_ITEMS_PER_PAGE;
    if ((n = read_need(r, node, "to")))
        read_goal(p, n, &page->size.to);
    if ((n = read_need(r, node, "max")))
        yaml_read_u64(r->report, r->file, n, 1, LIMIT_ITEMS_PER_PAGE, &page->size.max);
    if ((n = yaml_get(node, "min")))
        yaml_read_u64(r->report, r->file, n, 1, page->size.max, &page->size.min);
    page->size.default_ = page->size.max;
    if ((n = yaml_get(node, "default")))
        yaml_read_u64(r->report, r->file, n, page->size.min, page->size.max, &page->size.default_);
}

static void read_end(struct page_reader *p, const yaml_node *node)
{
    static const char *const words[] = {"short", NULL};
    struct reader *r = p->reader;
    int index;
    p->page->end_short = yaml_read_word(r->report, r->file, node, words, &index);
    if (p->page->end_short && !yaml_get(p->node, "size"))
        yaml_warning(r->report, r->file, node,
                     "'end: short' has no effect without 'size': what was asked for isn't known");
}

static void read_options(struct page_reader *p)
{
    struct reader *r = p->reader;
    struct page_def *page = p->page;
    const yaml_node *n;
    if ((n = yaml_get(p->node, "more")))
        page->has_more = read_source(r, n, FROM_BODY, &page->more);
    if ((n = yaml_get(p->node, "total")))
        page->has_total = read_source(r, n, FROM_BODY | FROM_HEADER, &page->total);
    if ((n = yaml_get(p->node, "last")))
        page->has_last = read_source(r, n, FROM_BODY, &page->last);
    if ((n = yaml_get(p->node, "end")))
        read_end(p, n);
    if ((n = yaml_get(p->node, "first")))
        yaml_read_u64(r->report, r->file, n, 0, UINT32_MAX, &page->first);
    if ((n = yaml_get(p->node, "size")))
        read_size(p, n);
    if ((n = yaml_get(p->node, "pages_max")))
        yaml_read_u64(r->report, r->file, n, 1, LIMIT_PAGES, &page->pages_max);
}

void read_page(struct reader *r, const yaml_node *node, const struct request_def *request,
               struct page_def *out)
{
    struct page_reader p = {r, node, request, out};
    int style;
    *out = (struct page_def){.style = PAGE_NONE, .pages_max = LIMIT_PAGES};
    if (!node || !yaml_check_keys(r->report, r->file, node, all_keys))
        return;
    const yaml_node *n = read_need(r, node, "style");
    if (!n || !yaml_read_word(r->report, r->file, n, style_names, &style))
        return;
    out->style = (enum page_style)style;
    out->first = out->style == PAGE_NUMBER ? 1 : 0;
    if (!check_style_keys(&p))
        return;
    if (out->style == PAGE_TOKEN)
        read_token_parts(&p);
    else if (out->style != PAGE_NONE)
        read_single_part(&p);
    read_options(&p);
}
