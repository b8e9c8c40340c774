/* Small files as a whole: secrets, tokens, other programs' configuration. Blocks for as long as the disk
 * does. */
#ifndef GARNER_COMMON_FILE_H
#define GARNER_COMMON_FILE_H

#include "common/bytes.h"
#include "common/error.h"

/* Open a regular file for reading; anything else could block for ever, or give something else each time.
 * A descriptor, or -1 with the error set: ERR_NOT_FOUND if there is none, else ERR_IO. */
int file_open(const char *path, struct error *e);

/* Append a regular file's content. 0, or as file_open; ERR_LIMIT if it has more than `bytes_max` bytes. */
int file_read(const char *path, size_t bytes_max, struct buffer *out, struct error *e);

/* Let this process have as many files open as it may: the limit that is in force is often 1,024. */
void file_raise_limit(void);

#endif
