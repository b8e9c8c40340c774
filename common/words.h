/* Words: a sorted set of texts, for "did you mean" and "there are". Forgets what is beyond its limit. */
#ifndef GARNER_COMMON_WORDS_H
#define GARNER_COMMON_WORDS_H

#include "common/arena.h"
#include "common/bytes.h"

enum { WORDS_MAX = 4096 };

/* All zero is an empty one. */
struct words {
    struct arena arena;
    const char **items;
    size_t count, cap;
    bool more; /* some were forgotten */
};

void words_add(struct words *words, struct bytes name);
void words_close(struct words *words);

/* The one that was meant, or null. */
const char *words_nearest(const struct words *words, const char *word);

/* Append "a, b, c and 12 more". */
void words_text(const struct words *words, struct buffer *out);

#endif
