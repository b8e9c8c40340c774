/* The nearest known word, for "did you mean": Damerau-Levenshtein distance (optimal string alignment). */
#ifndef GARNER_COMMON_NEAREST_H
#define GARNER_COMMON_NEAREST_H

#include <stddef.h>

#include "common/bytes.h"

/* The word of `words` that is nearest to `word`, if it is near enough to be what was meant (about a
 * third of its letters); null otherwise. Case doesn't count. */
const char *nearest_word(struct bytes word, const char *const *words, size_t count);

#endif
