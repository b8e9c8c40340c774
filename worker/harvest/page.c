/* What the forecast recognised is cut out of the body, and the rest is decoded as if it were all: so the
 * envelope is always parsed to its end, and so is each item that is new. If that rest isn't what it should be
 * (it can't be read, has another number of items than were left in it, or a key twice, so that another list
 * may be meant than was read), all that was recognised is void, and the body is decoded as a whole. Then a
 * mistake of the finder costs time, and an error's place is that in the body. */
#include "worker/harvest/page.h"

#include <string.h>

#include "common/limits.h"

struct found {
    struct arena *arena;
    const struct value **items;
    uint64_t count, cap;
};

static int add_item(void *context, const struct value *item)
{
    struct found *found = context;
    if (found->count == LIMIT_ITEMS_PER_PAGE)
        return ERR_LIMIT;
    if (found->count == found->cap) {
        uint64_t cap = found->cap ? found->cap * 2 : 64;
        const struct value **more = arena_alloc(found->arena, cap * sizeof *more);
        if (found->count)
            memcpy(more, found->items, found->count * sizeof *more);
        found->items = more;
        found->cap = cap;
    }
    found->items[found->count++] = item;
    return 0;
}

static int find_items(struct page *p, struct arena *arena, const struct decoded *body)
{
    const struct collection_def *def = p->def;
    struct found found = {.arena = arena};
    struct pointer_missed missed;
    struct error *e = &p->error;
    p->items = NULL;
    p->count = 0;
    p->single = body->format == FORMAT_XML;
    p->duplicate_keys = body->notes.duplicate_keys;
    if (pointer_walk(&def->items, &body->value, p->single, &missed, add_item, &found))
        return error_set(e, ERR_LIMIT, "a page of more than %d items: ask for smaller pages with `page.size`",
                         LIMIT_ITEMS_PER_PAGE);
    if (missed.wrong)
        return error_set(e, ERR_ITEMS, "the answer has no array at `items: %.*s`: check the pointer",
                         BYTES_ARG(def->items.text));
    if (missed.absent && !def->items_optional)
        return error_set(e, ERR_ITEMS,
                         "the answer has nothing at `items: %.*s`: check the pointer, or say "
                         "`items_optional: true` if it may be missing",
                         BYTES_ARG(def->items.text));
    p->items = found.items;
    p->count = found.count;
    return 0;
}

static int decode(struct page *p, const struct answer *answer, enum format_kind format, struct arena *arena,
                  struct decoded *out, struct error *e)
{
    int code = decode_body(arena, answer, format, &p->def->xml, out, e);
    if (!code)
        p->code = find_items(p, arena, out);
    return code;
}

/* Is what was decoded what the forecast left? */
static bool is_as_left(const struct page *p)
{
    return !p->code && !p->duplicate_keys && p->count == p->forecast->page.unknown;
}

int page_decode_whole(struct page *p, const struct answer *answer, struct arena *arena, struct decoded *out,
                      struct error *e)
{
    if (p->forecast)
        forecast_give_up(p->forecast);
    return decode(p, answer, p->def->format, arena, out, e);
}

int page_decode(void *page, const struct answer *answer, struct arena *arena, struct decoded *out,
                struct error *e)
{
    struct page *p = page;
    if (!p->forecast)
        return decode(p, answer, p->def->format, arena, out, e);
    enum format_kind format = decode_format(answer, p->def->format);
    const struct forecast_page *read = &p->forecast->page;
    forecast_read(p->forecast, format, answer->body);
    if (!read->mapped)
        return decode(p, answer, p->def->format, arena, out, e);
    struct answer rest = *answer;
    rest.body = read->rest;
    bool is_all = read->unknown == read->count;
    int code = decode(p, &rest, format, arena, out, e);
    if (!code && is_as_left(p))
        return 0;
    if (!is_all)
        return page_decode_whole(p, answer, arena, out, e);
    forecast_give_up(p->forecast);
    return code;
}

void page_open(struct page *p, const struct collection_def *def, struct forecast *forecast)
{
    memset(p, 0, offsetof(struct page, error));
    p->def = def;
    p->forecast = forecast;
}

void page_none(struct page *p)
{
    page_open(p, p->def, p->forecast);
    if (p->forecast)
        forecast_give_up(p->forecast);
}

int page_check(const struct page *p, struct error *e)
{
    if (p->code)
        *e = p->error;
    return p->code;
}
