/* Offset and number: positions that we count ourselves. An offset grows by the items that came, not by
 * those asked for: servers cap sizes. An empty page ends both; that `last` promised more pages than came
 * doesn't keep a listing going, but it isn't sound then. */
#include <inttypes.h>

#include "worker/provider/paging_state.h"

static int count_apply(const struct paging *p, struct request_parts *parts, struct error *e)
{
    struct value number = value_u64(parts->arena, p->number);
    return request_set(parts, &p->def->page.parts[0].to, &number, e);
}

static bool ends_short(const struct paging *p, const struct paging_input *in)
{
    return p->def->page.end_short && !in->more && paging_short(p, in);
}

static int offset_next(struct paging *p, const struct paging_input *in, bool *found, struct error *e)
{
    (void)e;
    *found = in->seen->items > 0 && !ends_short(p, in);
    p->number += in->seen->items;
    return 0;
}

static int number_next(struct paging *p, const struct paging_input *in, bool *found, struct error *e)
{
    const struct page_def *page = &p->def->page;
    struct value value;
    uint64_t last = 0;
    bool has_last = page->has_last && paging_read(&page->last, in, &value);
    if (has_last && !paging_read_u64(&value, &last))
        return error_set(e, ERR_PAGING, "page %" PRIu64 ": %s, the last page, is no number", p->page,
                         paging_source_name(&p->arena, &page->last));
    bool reached = has_last && p->number >= last;
    if (in->seen->items == 0 && has_last && !reached)
        p->why = arena_printf(&p->arena, "page number %" PRIu64 " is empty, but the last (%s) is %" PRIu64,
                              p->number, paging_source_name(&p->arena, &page->last), last);
    *found = in->seen->items > 0 && !ends_short(p, in) && (!reached || in->more);
    p->number++;
    return 0;
}

const struct paging_style paging_offset = {.apply = count_apply, .next = offset_next};
const struct paging_style paging_number = {.apply = count_apply, .next = number_next};
