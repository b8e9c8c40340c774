#include "common/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/check.h"

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

static uint64_t pid_in(int fd)
{
    char text[32];
    uint64_t pid;
    ssize_t len = pread(fd, text, sizeof text, 0);
    return len > 0 && bytes_to_u64(bytes_trim((struct bytes){text, (size_t)len}), &pid) ? pid : 0;
}

/* flock's: the kernel takes it back from a process that dies. The pid is only for the sentence that says who
 * has it. */
int file_lock(const char *path, int *fd, uint64_t *pid)
{
    char text[32];
    int r = 0, len = snprintf(text, sizeof text, "%ld\n", (long)getpid());
    *pid = 0;
    *fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (*fd < 0)
        return errno;
    if (flock(*fd, LOCK_EX | LOCK_NB)) {
        r = errno;
        *pid = pid_in(*fd);
    } else if (ftruncate(*fd, 0)) {
        r = errno;
    } else {
        errno = ENOSPC; /* a short write means a full disk */
        r = pwrite(*fd, text, (size_t)len, 0) == len ? 0 : errno;
    }
    if (r) {
        close(*fd);
        *fd = -1;
    }
    return r;
}

int file_sync_folder(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *folder = slash ? strndup(path, (size_t)(slash - path) + 1) : mem_strdup(".");
    CHECK(folder);
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int r = fd < 0 || fsync(fd) ? errno : 0;
    if (fd >= 0)
        close(fd);
    free(folder);
    return r;
}

static int write_whole(const char *path, struct bytes text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return errno;
    errno = ENOSPC; /* a short write means a full disk */
    int r = write(fd, text.data, text.len) == (ssize_t)text.len && fsync(fd) == 0 ? 0 : errno;
    close(fd);
    return r;
}

int file_replace(const char *path, struct bytes text)
{
    struct buffer beside = {0};
    buffer_printf(&beside, "%s.new", path);
    int r = write_whole(buffer_text(&beside), text);
    if (!r && rename(buffer_text(&beside), path))
        r = errno;
    buffer_close(&beside);
    return r ? r : file_sync_folder(path);
}

void file_raise_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}
