/* Arena: memory for one page or message, given back all at once. Not for two threads at once. */
#ifndef GARNER_COMMON_ARENA_H
#define GARNER_COMMON_ARENA_H

#include <stddef.h>

#include "common/bytes.h"

struct arena_block;

/* All zero is an empty arena. */
struct arena {
    struct arena_block *blocks; /* the newest first */
    size_t used;                /* in the newest block */
    size_t total;               /* bytes of all blocks */
};

void arena_close(struct arena *a); /* frees all: safe twice */
void arena_reset(struct arena *a); /* forgets all, keeps one block */
void arena_wipe(struct arena *a);  /* frees all, overwritten: for secrets */

/* Memory aligned for anything. `arena_zalloc` clears it. Aborts when memory is out. */
void *arena_alloc(struct arena *a, size_t size);
void *arena_zalloc(struct arena *a, size_t size);

/* Copies. `arena_strdup` adds a NUL behind the span's last byte. */
struct bytes arena_copy(struct arena *a, struct bytes span);
char *arena_strdup(struct arena *a, struct bytes span);
char *arena_printf(struct arena *a, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
