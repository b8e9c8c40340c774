#include "common/arena.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/check.h"

enum {
    BLOCK_BYTES_MIN = 1008, /* with its head what malloc keeps at hand; most arenas need no other block */
    BLOCK_BYTES_MAX = 1 << 20,
    ALIGN = _Alignof(max_align_t)
};

struct arena_block {
    struct arena_block *older;
    size_t size;
    _Alignas(max_align_t) char data[];
};

void arena_close(struct arena *a)
{
    while (a->blocks) {
        struct arena_block *older = a->blocks->older;
        free(a->blocks);
        a->blocks = older;
    }
    *a = (struct arena){0};
}

void arena_reset(struct arena *a)
{
    struct arena_block *kept = a->blocks;
    if (!kept)
        return;
    if (kept->size > BLOCK_BYTES_MAX) { /* one huge page must not hold its memory for good */
        arena_close(a);
        return;
    }
    a->blocks = kept->older;
    arena_close(a);
    kept->older = NULL;
    *a = (struct arena){.blocks = kept, .total = kept->size};
}

void arena_wipe(struct arena *a)
{
    for (struct arena_block *block = a->blocks; block; block = block->older)
        explicit_bzero(block->data, block->size);
    arena_close(a);
}

void *arena_alloc(struct arena *a, size_t size)
{
    CHECK(size < SIZE_MAX / 4);
    size = (size + ALIGN - 1) & ~((size_t)ALIGN - 1);
    if (!a->blocks || a->blocks->size - a->used < size) {
        size_t next = a->blocks ? a->blocks->size * 2 : BLOCK_BYTES_MIN;
        if (next > BLOCK_BYTES_MAX)
            next = BLOCK_BYTES_MAX;
        if (next < size)
            next = size;
        struct arena_block *block = mem_alloc(sizeof *block + next);
        *block = (struct arena_block){.older = a->blocks, .size = next};
        a->blocks = block;
        a->used = 0;
        a->total += next;
    }
    void *memory = a->blocks->data + a->used;
    a->used += size;
    return memory;
}

void *arena_zalloc(struct arena *a, size_t size)
{
    return memset(arena_alloc(a, size), 0, size);
}

struct bytes arena_copy(struct arena *a, struct bytes span)
{
    return (struct bytes){arena_strdup(a, span), span.len};
}

char *arena_strdup(struct arena *a, struct bytes span)
{
    char *copy = arena_alloc(a, span.len + 1);
    if (span.len)
        memcpy(copy, span.data, span.len);
    copy[span.len] = 0;
    return copy;
}

char *arena_printf(struct arena *a, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    size_t room = a->blocks ? a->blocks->size - a->used : 0;
    int len = vsnprintf(room ? a->blocks->data + a->used : NULL, room, format, args);
    va_end(args);
    CHECK(len >= 0);
    bool fits = (size_t)len < room; /* it stands where arena_alloc will lead to */
    char *text = arena_alloc(a, (size_t)len + 1);
    if (!fits)
        vsnprintf(text, (size_t)len + 1, format, again);
    va_end(again);
    return text;
}
