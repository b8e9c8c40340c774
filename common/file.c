#include "common/file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

int file_open(const char *path, struct error *e)
{
    struct stat about;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        error_set(e, errno == ENOENT || errno == ENOTDIR ? ERR_NOT_FOUND : ERR_IO,
                  "file %s can't be opened: %s", path, strerror(errno));
        return -1;
    }
    if (fstat(fd, &about) == 0 && S_ISREG(about.st_mode))
        return fd;
    error_set(e, ERR_IO, "%s is not a regular file", path);
    close(fd);
    return -1;
}

int file_read(const char *path, size_t bytes_max, struct buffer *out, struct error *e)
{
    struct error own;
    size_t before = out->len;
    int fd = file_open(path, &own), code = 0;
    if (fd < 0)
        return error_set(e, own.code, "%s", own.text);
    buffer_reserve(out, 4096);
    for (;;) {
        if (out->cap - out->len < 1024)
            buffer_reserve(out, out->cap);
        ssize_t got = read(fd, out->data + out->len, out->cap - out->len - 1);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            code = error_set(e, ERR_IO, "file %s can't be read: %s", path, strerror(errno));
        if (got <= 0)
            break;
        out->len += (size_t)got;
        if (out->len - before > bytes_max) {
            code = error_set(e, ERR_LIMIT, "file %s is larger than %zu KiB", path, bytes_max >> 10);
            break;
        }
    }
    out->data[out->len] = 0;
    close(fd);
    return code;
}

void file_raise_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}
