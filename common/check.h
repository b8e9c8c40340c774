/* Checks for bugs: stay on in release builds, name the place, and abort. Never for what comes from a
 * network, a disk or a user: those are validated and answered with an error. */
#ifndef GARNER_COMMON_CHECK_H
#define GARNER_COMMON_CHECK_H

#include <stddef.h>

#define CHECK(condition) ((condition) ? (void)0 : check_failed(__FILE__, __LINE__, __func__, #condition))

/* For structs that travel as `void *`: a magic that is checked at the cast. */
#define CHECK_MAGIC(object, expected) CHECK((object) && (object)->magic == (expected))

_Noreturn void check_failed(const char *file, int line, const char *function, const char *condition);

/* malloc, calloc and realloc that abort when memory is out: all sizes are bounded by limits.h, so
 * running out is a machine that is too small, not a state to live in. Free with free(). */
void *mem_alloc(size_t size);
void *mem_zalloc(size_t size);
void *mem_resize(void *old, size_t size);
char *mem_strdup(const char *text);

/* After something large was freed, of which nothing as large follows: give it back to the system, where
 * malloc can. Takes milliseconds. */
void mem_trim(void);

#endif
