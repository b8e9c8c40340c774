#include "common/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

_Noreturn void check_failed(const char *file, int line, const char *function, const char *condition)
{
    fprintf(stderr, "garner: bug at %s:%d in %s: %s does not hold; please report this line\n", file, line,
            function, condition);
    abort();
}

static void *some(void *memory)
{
    if (!memory) {
        fputs("garner: out of memory\n", stderr);
        abort();
    }
    return memory;
}

void *mem_alloc(size_t size)
{
    return some(malloc(size ? size : 1));
}

void *mem_zalloc(size_t size)
{
    return some(calloc(1, size ? size : 1));
}

void *mem_resize(void *old, size_t size)
{
    return some(realloc(old, size ? size : 1));
}

char *mem_strdup(const char *text)
{
    size_t size = strlen(text) + 1;
    return memcpy(mem_alloc(size), text, size);
}

void mem_trim(void)
{
#ifdef __GLIBC__
    malloc_trim(0);
#endif
}
