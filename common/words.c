#include "common/words.h"

#include <stdlib.h>
#include <string.h>

#include "common/check.h"
#include "common/nearest.h"

enum { SHOWN = 8 };

void words_add(struct words *words, struct bytes name)
{
    size_t low = 0, high = words->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = bytes_compare(bytes_of(words->items[middle]), name);
        if (order == 0)
            return;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    if (words->count == WORDS_MAX) {
        words->more = true;
        return;
    }
    if (words->count == words->cap) {
        words->cap = words->cap ? words->cap * 2 : 16;
        words->items = mem_resize(words->items, words->cap * sizeof *words->items);
    }
    memmove(words->items + low + 1, words->items + low, (words->count - low) * sizeof *words->items);
    words->items[low] = arena_strdup(&words->arena, name);
    words->count++;
}

void words_close(struct words *words)
{
    arena_close(&words->arena);
    free(words->items);
    *words = (struct words){0};
}

const char *words_nearest(const struct words *words, const char *word)
{
    return nearest_word(bytes_of(word), words->items, words->count);
}

void words_text(const struct words *words, struct buffer *out)
{
    size_t shown = words->count <= SHOWN + 1 ? words->count : SHOWN;
    for (size_t i = 0; i < shown; i++)
        buffer_printf(out, "%s%s", i ? ", " : "", words->items[i]);
    if (shown < words->count)
        buffer_printf(out, " and %zu more", words->count - shown);
}
