/* Words: a command line parted as a POSIX shell parts it, without expanding anything (as Python's
 * shlex.split, which is what AWS's own tools use). Pure. */
#ifndef GARNER_AWS_WORDS_H
#define GARNER_AWS_WORDS_H

#include "common/arena.h"
#include "common/error.h"

/* `*words` becomes an array ended by null, all in the arena; `*count` may be 0. Returns 0; ERR_CREDENTIALS: a
 * quote that isn't closed, or a backslash at the end. */
int words_split(struct arena *arena, const char *text, const char *const **words, size_t *count,
                struct error *e);

#endif
