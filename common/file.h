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

/* Lock a file, made where there is none, until its descriptor is closed or the process dies, and write our
 * pid into it. 0 or an errno, without a descriptor: EWOULDBLOCK when another process has it, or this one with
 * another descriptor; then `*pid` is what stands in it, 0: not known. */
int file_lock(const char *path, int *fd, uint64_t *pid);

/* Replace a file by one with this text, or make it: written beside (PATH.new), synced and renamed, so that
 * whoever is cut off leaves the old one. Durable when it returns. 0 or an errno. */
int file_replace(const char *path, struct bytes text);

/* Make the names in the folder that `path` is in durable. 0 or an errno. */
int file_sync_folder(const char *path);

/* Let this process have as many files open as it may: the limit that is in force is often 1,024. */
void file_raise_limit(void);

#endif
