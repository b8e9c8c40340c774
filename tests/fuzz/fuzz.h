/* What fuzz targets share: the entry point's prototype, and taking an input apart.
 *
 * A target feeds bytes to code that must take any; what that lets through must have the properties that
 * its header promises. Those are CHECKs, so a broken one stops the fuzzer with the input kept. */
#ifndef GARNER_TEST_FUZZ_H
#define GARNER_TEST_FUZZ_H

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/bytes.h"
#include "common/check.h"
#include "common/error.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The input's next line, without its newline; `rest` is what follows. */
static inline struct bytes fuzz_line(struct bytes *rest)
{
    const char *end = rest->len ? memchr(rest->data, '\n', rest->len) : NULL;
    struct bytes line = {rest->data, end ? (size_t)(end - rest->data) : rest->len};
    *rest = bytes_from(*rest, end ? line.len + 1 : line.len);
    return line;
}

/* The input as a file, for what reads one: in memory, made once. Its path. */
static inline const char *fuzz_file(struct bytes text)
{
    static char path[64];
    static int fd = -1;
    if (fd < 0) {
        fd = memfd_create("fuzz", MFD_CLOEXEC);
        CHECK(fd >= 0);
        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    }
    CHECK(ftruncate(fd, 0) == 0);
    CHECK(pwrite(fd, text.data, text.len, 0) == (ssize_t)text.len);
    return path;
}

#endif
