/* Paging: what to ask for next, and when a listing has ended (docs/provider-files.md, Paging). Pure.
 *
 * One `struct paging` lives as long as a listing. Tokens that were seen are kept as 64-bit hashes of
 * 128-bit digests, so a listing of a million pages takes some megabytes.
 *
 * What the contract leaves open:
 * - "Shorter than asked" without `size` is shorter than the first page.
 * - `more` decides where it is there: true overrules a short page and `last`; true on an empty page of
 *   offset, number or marker is an error, as it could go on for ever. "true" and "false" as text count
 *   (XML); anything else there is an error. Null is as good as absent.
 * - A part of a token that isn't there, while another is, is left out: what the definition itself says
 *   in its place stays.
 * - A declared `total` that no page has, or that is no number, makes the listing unsound, as does an
 *   empty page before `last`.
 * - A marker that the last item lacks, a Link header that can't be read and a link that is no link are
 *   errors, not the end.
 * - `from: header:NAME` other than Link is the URL itself, unless it begins with "<". In bodies `rel` may
 *   be several words or a list of them; `@rel` and `@href` (XML) count too; an object that stands alone
 *   without `rel` counts by its href.
 * - A page size in the query is not put into a next link, which has its own.
 * - A listing that goes on from a position that was saved knows nothing of the tokens, links and markers that
 *   came before it: looking for loops begins anew. `pages_max` goes on counting. */
#ifndef GARNER_PAGING_H
#define GARNER_PAGING_H

#include "proto/checkpoint.h"
#include "worker/provider/request.h"

enum paging_verdict {
    PAGING_MORE, /* ask again: paging_apply knows with what */
    PAGING_END,  /* the listing is complete */
};

/* What winnowing saw of a page, for the styles whose end depends on it. */
struct page_seen {
    uint64_t items;                /* that came */
    bool repeats;                  /* non-empty, and every item was seen before in this listing */
    const struct value *last_item; /* null when the page is empty */
    struct bytes last_id;
};

/* Hashes that were seen: open addressing, 0 marks a free slot. All zero is an empty set. */
struct paging_seen {
    uint64_t *slots;
    size_t count, cap; /* cap is a power of two */
};

enum paging_total { TOTAL_MISSING, TOTAL_READ, TOTAL_UNREADABLE };

/* Where a listing stands. Only for paging*.c to look into. */
struct paging {
    const struct collection_def *def; /* null: it isn't open */
    struct arena arena;               /* origin, why */
    struct arena position;            /* what tokens and link lie in; a new one for each page */
    struct bytes origin;              /* of links */
    uint64_t page;                    /* being asked for, from 1 */
    uint64_t size;                    /* asked for; 0: not said */
    uint64_t items, first_items;
    uint64_t total;
    enum paging_total total_state;
    struct paging_seen seen; /* tokens, markers, links */
    const char *why;         /* why the listing isn't sound; null while it is */
    bool over;

    /* The position: one of these, by style. */
    struct value *tokens; /* one of each part; null is left out. A marker is the first. Null on page 1 */
    struct bytes link;    /* empty on page 1 */
    uint64_t number;      /* offset or page number */
};

/* `origin` is the URL that the definition led to. `def` must outlive it. Needs no memory until there is a
 * second page, but for links. */
void paging_open(struct paging *paging, const struct collection_def *def, const struct url *origin);
void paging_close(struct paging *paging); /* safe twice, and on one whose `def` is null */

/* Ask for pages of another size from now on; 0: don't say. */
void paging_resize(struct paging *paging, uint64_t size);

/* Put the current position and page size into the next request's parts. For links: the URL (query is
 * not added again, method, headers and auth are) and link_origin. To be called before auth_apply.
 * 0 or an error of request_set. */
int paging_apply(const struct paging *paging, struct request_parts *parts, struct error *e);

/* Take in an answer whose page was read; `body` is its decoded document. On success `*verdict` is set,
 * and `*sound` is cleared when the listing can't be sound any more (a total that differs, a short
 * repeating page of offset or number, an empty page before `last`; `*why` then says it: a text that
 * lives as long as the paging).
 * Errors: ERR_LOOP (token, link or page seen before), ERR_PAGING (more is true and nothing to go on
 * with; a token that is no scalar and can't go where it should; a last page that is no number),
 * ERR_REDIRECT (a link to another origin that isn't allowed), ERR_LIMIT (pages_max, token too long).
 * After an error, or PAGING_END, the listing is over: calling again is a bug. */
int paging_next(struct paging *paging, const struct answer *answer, const struct value *body,
                const struct page_seen *seen, enum paging_verdict *verdict, bool *sound, const char **why,
                struct error *e);

/* Where the listing stands, copied into the arena. False when there is nothing to go on from: it isn't open
 * or is over, or nothing but its first page was to be asked for yet. */
bool paging_save(const struct paging *paging, struct arena *arena, struct checkpoint_position *out);

/* Go on from there, right after paging_open. Positions are foreign: ERR_PAGING or ERR_REDIRECT if this one
 * can't be of this paging (a link that may not be followed, tokens that can't go where they should, a page
 * beyond pages_max); the paging is good for nothing then but to be closed. */
int paging_restore(struct paging *paging, const struct checkpoint_position *at, struct error *e);

uint64_t paging_page(const struct paging *paging); /* the page being asked for, from 1 */

#endif
