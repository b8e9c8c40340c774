/* Token: what the page gave goes into the next request, part by part. A part that the page lacks is left
 * out of the next request (what the definition itself says there stays); the listing ends when all are
 * lacking. Loops are looked for over all parts together, since one of several may well stay the same. */
#include <inttypes.h>

#include "common/limits.h"
#include "common/value/canonical.h"
#include "worker/provider/paging_state.h"

int paging_token_form(const struct paging *p, const struct value *token, const struct target *to,
                      struct buffer *form, struct error *e)
{
    if (to->kind != TARGET_BODY && (token->type == VALUE_ARRAY || token->type == VALUE_OBJECT))
        return error_set(e, ERR_PAGING, "page %" PRIu64 ": its token is an %s, which can only go into a body",
                         p->page, value_type_name(token->type));
    canonical_form(token, NULL, 0, form);
    if (form->len > LIMIT_TOKEN_BYTES)
        return error_set(e, ERR_LIMIT, "page %" PRIu64 ": its token is longer than %d bytes", p->page,
                         LIMIT_TOKEN_BYTES);
    return 0;
}

static int take_parts(struct paging *p, const struct paging_input *in, struct arena *arena,
                      struct value *tokens, struct buffer *form, bool *found, struct error *e)
{
    const struct page_def *page = &p->def->page;
    for (uint32_t i = 0; i < page->part_count; i++) {
        struct value token;
        tokens[i] = value_null();
        if (paging_read(&page->parts[i].from, in, &token)) {
            int err = paging_token_form(p, &token, &page->parts[i].to, form, e);
            if (err)
                return err;
            tokens[i] = value_copy(arena, &token);
            *found = true;
        } else {
            canonical_form(&tokens[i], NULL, 0, form);
        }
    }
    return 0;
}

static int token_next(struct paging *p, const struct paging_input *in, bool *found, struct error *e)
{
    struct arena arena = {0};
    struct buffer form = {0};
    struct value *tokens = arena_alloc(&arena, p->def->page.part_count * sizeof *tokens);
    int err = take_parts(p, in, &arena, tokens, &form, found, e);
    if (!err && *found && !paging_seen_add(&p->seen, buffer_bytes(&form)))
        err = error_set(e, ERR_LOOP, "page %" PRIu64 " gives a token that an earlier page gave", p->page);
    buffer_close(&form);
    arena_close(&p->position);
    p->position = arena;
    p->tokens = tokens;
    return err;
}

static int token_apply(const struct paging *p, struct request_parts *parts, struct error *e)
{
    int err = 0;
    for (uint32_t i = 0; p->tokens && i < p->def->page.part_count && !err; i++)
        if (p->tokens[i].type != VALUE_NULL)
            err = request_set(parts, &p->def->page.parts[i].to, &p->tokens[i], e);
    return err;
}

const struct paging_style paging_token = {.apply = token_apply, .next = token_next};
