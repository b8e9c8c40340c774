#include "common/nearest.h"

#include <ctype.h>
#include <string.h>

enum { WORD_MAX = 64 };

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

static size_t distance(struct bytes a, struct bytes b)
{
    size_t rows[3][WORD_MAX + 1];
    size_t *before = rows[0], *above = rows[1], *row = rows[2];
    for (size_t j = 0; j <= b.len; j++)
        above[j] = j;
    for (size_t i = 1; i <= a.len; i++) {
        row[0] = i;
        for (size_t j = 1; j <= b.len; j++) {
            int x = tolower((unsigned char)a.data[i - 1]), y = tolower((unsigned char)b.data[j - 1]);
            row[j] = least(least(above[j], row[j - 1]) + 1, above[j - 1] + (x != y));
            if (i > 1 && j > 1 && x == tolower((unsigned char)b.data[j - 2]) &&
                tolower((unsigned char)a.data[i - 2]) == y)
                row[j] = least(row[j], before[j - 2] + 1);
        }
        size_t *free_row = before;
        before = above;
        above = row;
        row = free_row;
    }
    return above[b.len];
}

const char *nearest_word(struct bytes word, const char *const *words, size_t count)
{
    const char *best = NULL;
    size_t best_distance = word.len / 3 + 2;
    if (word.len > WORD_MAX)
        return NULL;
    for (size_t i = 0; i < count; i++) {
        struct bytes known = bytes_of(words[i]);
        if (known.len > WORD_MAX)
            continue;
        size_t d = distance(word, known);
        if (d < best_distance && d < known.len) {
            best_distance = d;
            best = words[i];
        }
    }
    return best;
}
