/* Marker: the last item (a member of it, or its id) is where the next page goes on. Only an empty page
 * ends it, or with `end: short` a short one; an item without a marker is an error, since nothing says
 * that it is the last. */
#include <inttypes.h>

#include "worker/provider/paging_state.h"

static bool read_marker(const struct paging *p, const struct paging_input *in, struct value *marker)
{
    if (!p->def->page.marker_is_id)
        return paging_read(&p->def->page.parts[0].from, in, marker);
    *marker = value_string(in->seen->last_id);
    return in->seen->last_id.len > 0;
}

static int marker_next(struct paging *p, const struct paging_input *in, bool *found, struct error *e)
{
    const struct page_part *part = &p->def->page.parts[0];
    struct value marker;
    struct buffer form = {0};
    if (in->seen->items == 0 || (p->def->page.end_short && !in->more && paging_short(p, in)))
        return 0;
    if (!read_marker(p, in, &marker))
        return error_set(e, ERR_PAGING, "page %" PRIu64 ": its last item has no marker to go on with (%s)",
                         p->page,
                         p->def->page.marker_is_id ? "its id" : paging_source_name(&p->arena, &part->from));
    int err = paging_token_form(p, &marker, &part->to, &form, e);
    if (!err && !paging_seen_add(&p->seen, buffer_bytes(&form)))
        err = error_set(e, ERR_LOOP, "page %" PRIu64 " ends with a marker that an earlier page ended with",
                        p->page);
    buffer_close(&form);
    if (err)
        return err;
    arena_reset(&p->position);
    p->tokens = arena_alloc(&p->position, sizeof *p->tokens);
    *p->tokens = value_copy(&p->position, &marker);
    *found = true;
    return 0;
}

static int marker_apply(const struct paging *p, struct request_parts *parts, struct error *e)
{
    return p->tokens ? request_set(parts, &p->def->page.parts[0].to, p->tokens, e) : 0;
}

const struct paging_style paging_marker = {.apply = marker_apply, .next = marker_next};
