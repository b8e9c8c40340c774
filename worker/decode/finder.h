/* Finder: where a page's items stand in its body's bytes. Pure; decodes nothing, allocates nothing.
 *
 * Of a body that is valid JSON (or XML), a finder visits, in order, just the items that its decoded document
 * has at the items pointer (pointer_walk), each from its first byte to behind its last; or it says that it is
 * lost. Of anything else it may find anything, but it never reads outside of the body. So whoever leaves
 * out what it found has the rest of the body decoded for real (finder_cut), and if that goes wrong, all of
 * it.
 *
 * What stands at an item need not be looked into: finder_skip goes on behind so many bytes, which the caller
 * knows to be one item, or several with all that is between them, up to the end of the last. Behind an item
 * a finder is in the same state whatever came before, so that is all it needs to know.
 *
 * An items pointer that has no `*` at its end, or goes into arrays by index, is not for a finder: it is lost
 * at once. So it is:
 * - JSON: where an object on the way has the name with an escape in it, or it isn't there; at anything on the
 *   way that is neither object nor array as the pointer has it (null is nothing else); where commas aren't
 *   exactly between items. An empty array of items is FINDER_END.
 * - XML: see finder_xml.c, which says what it takes for a list. */
#ifndef GARNER_FINDER_H
#define GARNER_FINDER_H

#include "worker/provider/provider.h"

enum { FINDER_SEGMENTS = 16 }; /* of a pointer; with more it is lost */

enum finder_found {
    FINDER_ITEM, /* one begins at `at` */
    FINDER_END,  /* there are no more; what follows `at` is the rest of the body */
    FINDER_LOST, /* it can't tell, and never will of this body */
};

struct finder {
    struct bytes body;
    const struct pointer *items;
    const struct xml_rules *rules; /* XML; may be null */
    size_t at;                     /* of the item, after FINDER_ITEM */
    bool is_xml;
    /* The finders' own: */
    int state;
    uint32_t level; /* of `items`' segments */
    bool listed[FINDER_SEGMENTS + 1];
    const char *element, *outer; /* XML: which of `list_elements` was met last, and which has lists in it */
};

/* `format` is FORMAT_JSON or FORMAT_XML; XML must be in an encoding that has ASCII as it is. All that is
 * pointed to must outlive the finder. */
void finder_open(struct finder *f, enum format_kind format, struct bytes body, const struct pointer *items,
                 const struct xml_rules *rules);

/* Go to the next item. */
enum finder_found finder_next(struct finder *f);

/* How long the item at `at` is; 0: it has no end here, and the finder is lost. Doesn't move. */
size_t finder_measure(struct finder *f);

/* Take the `len` bytes at `at` (len > 0) for an item, or items up to the end of one: go behind them. False,
 * and nothing is changed, if they aren't all there, or an item can't have ended there. */
bool finder_skip(struct finder *f, size_t len);

/* After FINDER_ITEM: is all that may stand between two items inside of the outermost list? In XML, where
 * elements that are repeated need no list around them, other things of the envelope may stand between. */
bool finder_is_enclosed(const struct finder *f);

/* Bytes of a body from `from` up to `to`, which a finder stood before and behind. */
struct finder_cut {
    size_t from, to;
};

/* Append the body without these parts (in order, apart from each other): of JSON, without the commas that
 * they leave over. What a valid body becomes is valid, and its items are those that were not cut. */
void finder_cut(const struct finder *f, const struct finder_cut *cuts, size_t count, struct buffer *out);

#endif
