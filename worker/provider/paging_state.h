/* What the paging styles share: the state of a listing, and how each style reads a page and says what to
 * ask next. Only for paging*.c; others use paging.h. */
#ifndef GARNER_PAGING_STATE_H
#define GARNER_PAGING_STATE_H

#include "worker/provider/paging.h"

/* True if the text is new. */
bool paging_seen_add(struct paging_seen *seen, struct bytes text);
void paging_seen_close(struct paging_seen *seen);

/* A page that came. */
struct paging_input {
    const struct answer *answer;
    const struct value *body;
    const struct page_seen *seen;
    bool more; /* `more` is there and true: a short page or `last` doesn't end the listing then */
};

/* One style. `next` moves the position on and sets `*found` if there is something to go on with. */
struct paging_style {
    int (*apply)(const struct paging *p, struct request_parts *parts, struct error *e);
    int (*next)(struct paging *p, const struct paging_input *in, bool *found, struct error *e);
};

extern const struct paging_style paging_token, paging_link, paging_offset, paging_number, paging_marker;

/* What a source leads to. False if nothing is there, or null, or "". */
bool paging_read(const struct source *source, const struct paging_input *in, struct value *out);
bool paging_read_u64(const struct value *value, uint64_t *out); /* a number, or a string of digits */
const char *paging_source_name(struct arena *arena, const struct source *source); /* "body:/next" */

/* The page has fewer items than were asked for; when that isn't known, than the first page. */
bool paging_short(const struct paging *p, const struct paging_input *in);

/* May this link, which is absolute, be followed? ERR_PAGING or ERR_REDIRECT with the cause. */
int paging_link_check(const struct paging *p, struct bytes link, struct error *e);

/* The most pages of a listing. */
uint64_t paging_pages_max(const struct paging *p);

/* Check that a token can go where it should, and add its unambiguous form to `form`. */
int paging_token_form(const struct paging *p, const struct value *token, const struct target *to,
                      struct buffer *form, struct error *e);

#endif
