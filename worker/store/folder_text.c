#include "worker/store/folder_text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/file.h"

int folder_path(const char *folder, const char *name, char out[FOLDER_PATH_BYTES], struct error *e)
{
    int len = snprintf(out, FOLDER_PATH_BYTES, "%s/%s", folder, name);
    if (len < 0 || len >= FOLDER_PATH_BYTES)
        return error_set(e, ERR_CONFIG, "the data folder's path is too long: %.64s…", folder);
    return 0;
}

int folder_fault(const char *folder, const char *doing, int number, struct error *e)
{
    if (number == EROFS)
        return error_set(
            e, ERR_IO, "data folder %s: it is on a read-only file system: it can be read, not harvested into",
            folder);
    if (number == ENOSPC || number == EDQUOT)
        return error_set(e, ERR_FULL, "data folder %s: %s: its disk is full: free some space and start again",
                         folder, doing);
    return error_set(e, ERR_IO, "data folder %s: %s: %s", folder, doing, strerror(number));
}

int folder_make(const char *folder, const char *name, struct error *e)
{
    struct stat st;
    char path[FOLDER_PATH_BYTES];
    int r = folder_path(folder, name, path, e);
    if (r || mkdir(path, 0700) == 0)
        return r;
    int number = errno;
    if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
        return 0;
    return folder_fault(folder, number == ENOENT ? "making it (the folder that it is to be in)" : "making it",
                        number, e);
}

int folder_text_read(const char *folder, const char *name, struct folder_text *out, struct error *e)
{
    char path[FOLDER_PATH_BYTES];
    int r = folder_path(folder, name, path, e);
    if (r)
        return r;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
        return ERR_NOT_FOUND;
    ssize_t len = fd < 0 ? -1 : read(fd, out->text, sizeof out->text);
    if (len < 0) {
        int number = errno;
        char doing[64];
        snprintf(doing, sizeof doing, "reading %s", name);
        r = folder_fault(folder, doing, number, e);
    }
    if (fd >= 0)
        close(fd);
    out->len = len < 0 ? 0 : (size_t)len;
    return r;
}

int folder_text_write(const char *folder, const char *name, struct bytes text, struct error *e)
{
    char path[FOLDER_PATH_BYTES], doing[64];
    int r = folder_path(folder, name, path, e);
    if (r)
        return r;
    int number = file_replace(path, text);
    snprintf(doing, sizeof doing, "writing %s", name);
    return number ? folder_fault(folder, doing, number, e) : 0;
}

/* --- lines --- */

bool line_take(struct bytes *text, const char *key, struct bytes *value)
{
    const char *end = text->len ? memchr(text->data, '\n', text->len) : NULL;
    if (!end || !bytes_starts(*text, key))
        return false;
    size_t len = (size_t)(end - text->data);
    *value = bytes_from((struct bytes){text->data, len}, strlen(key));
    *text = bytes_from(*text, len + 1);
    return true;
}

static bool hex_nibble(char c, uint8_t *out)
{
    if (c >= '0' && c <= '9')
        *out = (uint8_t)(c - '0');
    else if (c >= 'a' && c <= 'f')
        *out = (uint8_t)(c - 'a' + 10);
    else
        return false;
    return true;
}

bool line_hex(struct bytes value, uint8_t *out, size_t len)
{
    bool sound = value.len == 2 * len;
    for (size_t i = 0; i < len && sound; i++) {
        uint8_t high, low;
        sound = hex_nibble(value.data[2 * i], &high) && hex_nibble(value.data[2 * i + 1], &low);
        if (sound)
            out[i] = (uint8_t)(high << 4 | low);
    }
    return sound;
}

void line_add_hex(struct buffer *out, const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++)
        buffer_printf(out, "%02x", bytes[i]);
}
