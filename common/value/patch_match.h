/* Which items of one list are in another one still. Internal to patches. Pure. */
#ifndef GARNER_COMMON_PATCH_MATCH_H
#define GARNER_COMMON_PATCH_MATCH_H

#include <stddef.h>
#include <stdint.h>

#define MATCH_NONE UINT32_MAX

/* Fill `partner[i]`, for each of the `n` items of `a`, with the place of its partner in `b` or
 * MATCH_NONE. Partners have equal hashes, and are in the same order in both lists. As many as can be if
 * comparing all with all fits into `*cells`, from which what was used is taken; else many of them, in
 * time n log n. */
void patch_match(const uint64_t *a, uint32_t n, const uint64_t *b, uint32_t m, size_t *cells,
                 uint32_t *partner);

#endif
