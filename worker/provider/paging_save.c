/* A position as it is kept between two harvests, and back. What comes back was on a disk, so it is held
 * against the paging as if a server had sent it. */
#include <inttypes.h>

#include "common/value/canonical.h"
#include "worker/provider/paging_state.h"

static uint32_t token_count(const struct paging *p)
{
    switch (p->def->page.style) {
    case PAGE_TOKEN:
        return p->def->page.part_count;
    case PAGE_MARKER:
        return 1;
    default:
        return 0;
    }
}

static struct bytes save_tokens(const struct paging *p, struct arena *arena)
{
    struct value all = {.type = VALUE_ARRAY, .count = token_count(p), .items = p->tokens};
    struct buffer packed = {0};
    value_to_msgpack(&all, &packed);
    struct bytes tokens = arena_copy(arena, buffer_bytes(&packed));
    buffer_close(&packed);
    return tokens;
}

bool paging_save(const struct paging *p, struct arena *arena, struct checkpoint_position *out)
{
    if (!p->def || p->over || p->page == 1)
        return false;
    *out = (struct checkpoint_position){
        .page = p->page,
        .size = p->size,
        .items = p->items,
        .first_items = p->first_items,
        .total = p->total,
        .has_total = p->total_state == TOTAL_READ,
        .total_unreadable = p->total_state == TOTAL_UNREADABLE,
        .number = p->number,
        .link = arena_copy(arena, p->link),
    };
    if (p->tokens)
        out->tokens = save_tokens(p, arena);
    return true;
}

static int wrong(const struct checkpoint_position *at, const char *why, struct error *e)
{
    return error_set(e, ERR_PAGING, "page %" PRIu64 " can't be gone on from: %s", at->page, why);
}

/* Null is a part that is left out; one at least is there. */
static int check_tokens(struct paging *p, struct error *e)
{
    struct buffer form = {0};
    uint32_t there = 0;
    int err = 0;
    for (uint32_t i = 0; i < token_count(p) && !err; i++) {
        if (p->tokens[i].type == VALUE_NULL)
            canonical_form(&p->tokens[i], NULL, 0, &form);
        else
            err = paging_token_form(p, &p->tokens[i], &p->def->page.parts[i].to, &form, e);
        there += p->tokens[i].type != VALUE_NULL;
    }
    if (!err)
        paging_seen_add(&p->seen, buffer_bytes(&form));
    buffer_close(&form);
    return err ? err : there ? 0 : error_set(e, ERR_PAGING, "page %" PRIu64 ": no token is there", p->page);
}

static int restore_tokens(struct paging *p, const struct checkpoint_position *at, struct error *e)
{
    struct value all;
    if (!at->tokens.data || value_from_msgpack(&p->position, arena_copy(&p->position, at->tokens), &all, e) ||
        all.type != VALUE_ARRAY || all.count != token_count(p))
        return wrong(at, "its tokens can't be read", e);
    p->tokens = all.items;
    return check_tokens(p, e);
}

static int restore_link(struct paging *p, const struct checkpoint_position *at, struct error *e)
{
    int err = paging_link_check(p, at->link, e);
    if (err)
        return err;
    p->link = arena_copy(&p->position, at->link);
    paging_seen_add(&p->seen, p->link);
    return 0;
}

static int restore_place(struct paging *p, const struct checkpoint_position *at, struct error *e)
{
    switch (p->def->page.style) {
    case PAGE_TOKEN:
    case PAGE_MARKER:
        return restore_tokens(p, at, e);
    case PAGE_LINK:
        return restore_link(p, at, e);
    case PAGE_OFFSET:
    case PAGE_NUMBER:
        return 0;
    case PAGE_NONE:
        break;
    }
    return wrong(at, "there is one page only", e);
}

int paging_restore(struct paging *p, const struct checkpoint_position *at, struct error *e)
{
    const struct page_def *page = &p->def->page;
    if (at->page < 2 || at->page > paging_pages_max(p))
        return wrong(at, "a listing hasn't so many pages", e);
    if (page->has_size ? !at->size || at->size > page->size.max : at->size != 0)
        return wrong(at, "its page size isn't asked for", e);
    p->page = at->page;
    p->size = at->size;
    p->items = at->items;
    p->first_items = at->first_items;
    p->total = at->total;
    p->total_state = at->has_total ? TOTAL_READ : at->total_unreadable ? TOTAL_UNREADABLE : TOTAL_MISSING;
    p->number = at->number;
    return restore_place(p, at, e);
}
