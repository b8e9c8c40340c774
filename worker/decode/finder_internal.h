/* What finder.c and the finders of JSON and XML share. Internal to decode. */
#ifndef GARNER_FINDER_INTERNAL_H
#define GARNER_FINDER_INTERNAL_H

#include "worker/decode/finder.h"

/*   NEW --next--> ITEM --skip--> BEHIND --next--> ITEM …
 *    |             |                |
 *    +-------------+----------------+--> END or LOST, and nothing else comes of it          */
enum finder_state { FINDER_IS_LOST, FINDER_IS_NEW, FINDER_IS_AT_ITEM, FINDER_IS_BEHIND, FINDER_IS_AT_END };

/* finder.c keeps `state`; these keep `at` and whatever else they need. `f` is never null, its pointer has
 * 1 to FINDER_SEGMENTS segments, of which the last is `*`, and nothing else is known of its body.
 *
 * open:    `state` is FINDER_IS_NEW, `at` is 0.
 * next:    the state is NEW or BEHIND.
 * measure: the state is AT_ITEM.
 * skip:    the state is AT_ITEM; `len` bytes are there. May an item end there? Moves nothing: `at` is
 *          moved by finder.c if it may.
 * cut:     in any state. */
void json_finder_open(struct finder *f);
enum finder_found json_finder_next(struct finder *f);
size_t json_finder_measure(const struct finder *f);
bool json_finder_skip(struct finder *f, size_t len);
void json_finder_cut(const struct finder *f, const struct finder_cut *cuts, size_t count, struct buffer *out);

void xml_finder_open(struct finder *f);
enum finder_found xml_finder_next(struct finder *f);
size_t xml_finder_measure(const struct finder *f);
bool xml_finder_skip(struct finder *f, size_t len);
void xml_finder_cut(const struct finder *f, const struct finder_cut *cuts, size_t count, struct buffer *out);

#endif
