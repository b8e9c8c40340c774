/* The data folder.
 *
 * Made in an order in which every step can be the last: the folder, the lock, then the file `garner`
 * (written beside, synced, renamed), then the folder of shards. Whoever opens it next goes on where the
 * last one stopped. The lock is flock's: the kernel takes it back from a process that dies; the pid in it
 * is only for the sentence that says who has it. */
#include "worker/store/folder_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/check.h"

enum { FORMAT = 1, FILE_BYTES_MAX = 512 };

int folder_path(const struct folder *folder, const char *name, char out[PATH_BYTES_MAX], struct error *e)
{
    int len = snprintf(out, PATH_BYTES_MAX, "%s/%s", folder->path, name);
    if (len < 0 || len >= PATH_BYTES_MAX)
        return error_set(e, ERR_CONFIG, "the data folder's path is too long: %.64s…", folder->path);
    return 0;
}

int folder_fault(const struct folder *folder, const char *doing, int number, struct error *e)
{
    if (number == EROFS)
        return error_set(
            e, ERR_IO, "data folder %s: it is on a read-only file system: it can be read, not harvested into",
            folder->path);
    if (number == ENOSPC || number == EDQUOT)
        return error_set(e, ERR_FULL, "data folder %s: %s: its disk is full: free some space and start again",
                         folder->path, doing);
    return error_set(e, ERR_IO, "data folder %s: %s: %s", folder->path, doing, strerror(number));
}

/* --- the file `garner` --- */

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

/* "KEY value\n": gives the value and goes on behind it. */
static bool take_line(struct bytes *text, const char *key, struct bytes *value)
{
    const char *end = text->len ? memchr(text->data, '\n', text->len) : NULL;
    if (!end || !bytes_starts(*text, key))
        return false;
    size_t len = (size_t)(end - text->data);
    *value = bytes_from((struct bytes){text->data, len}, strlen(key));
    *text = bytes_from(*text, len + 1);
    return true;
}

static bool parse(struct bytes text, struct folder *folder, uint64_t *format)
{
    struct bytes value;
    uint64_t shards;
    if (!take_line(&text, "garner data folder", &value) || value.len ||
        !take_line(&text, "format ", &value) || !bytes_to_u64(value, format))
        return false;
    if (*format != FORMAT)
        return true;
    if (!take_line(&text, "feed ", &value) || value.len != 2 * sizeof folder->feed)
        return false;
    for (size_t i = 0; i < value.len; i++) {
        uint8_t nibble;
        if (!hex_nibble(value.data[i], &nibble))
            return false;
        folder->feed[i / 2] = (uint8_t)(folder->feed[i / 2] << 4 | nibble);
    }
    if (!take_line(&text, "shards ", &value) || !bytes_to_u64(value, &shards) || text.len)
        return false;
    folder->shards = (uint32_t)shards;
    return shards >= 1 && shards <= LIMIT_SHARDS;
}

/* ERR_NOT_FOUND without a sentence when there is no such file. */
static int read_file(struct folder *folder, struct error *e)
{
    char path[PATH_BYTES_MAX], text[FILE_BYTES_MAX];
    uint64_t format = 0;
    int r = folder_path(folder, "garner", path, e);
    if (r)
        return r;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT || errno == ENOTDIR ? ERR_NOT_FOUND
                                                   : folder_fault(folder, "opening garner", errno, e);
    ssize_t len = read(fd, text, sizeof text);
    if (len < 0)
        r = folder_fault(folder, "reading garner", errno, e);
    close(fd);
    if (r)
        return r;
    if (!parse((struct bytes){text, (size_t)len}, folder, &format))
        return error_set(e, ERR_CORRUPT,
                         "data folder %s: its file garner is not as it was written: restore it",
                         folder->path);
    if (format != FORMAT)
        return error_set(e, ERR_CORRUPT,
                         "data folder %s has format %" PRIu64
                         ", this Garner knows format %d: use the one that "
                         "wrote it, or a newer one",
                         folder->path, format, FORMAT);
    return 0;
}

static int sync_folder(const struct folder *folder, struct error *e)
{
    int fd = open(folder->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int r = fd < 0 || fsync(fd) ? folder_fault(folder, "syncing it", errno, e) : 0;
    if (fd >= 0)
        close(fd);
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

static int write_file(struct folder *folder, struct error *e)
{
    char path[PATH_BYTES_MAX], beside[PATH_BYTES_MAX];
    struct buffer text = {0};
    int r = folder_path(folder, "garner", path, e);
    if (!r)
        r = folder_path(folder, "garner.new", beside, e);
    if (r)
        return r;
    if (getrandom(folder->feed, sizeof folder->feed, 0) != (ssize_t)sizeof folder->feed)
        return folder_fault(folder, "taking random bytes", errno, e);
    buffer_printf(&text, "garner data folder\nformat %d\nfeed ", FORMAT);
    for (size_t i = 0; i < sizeof folder->feed; i++)
        buffer_printf(&text, "%02x", folder->feed[i]);
    buffer_printf(&text, "\nshards %" PRIu32 "\n", folder->shards);
    int number = write_whole(beside, buffer_bytes(&text));
    if (!number && rename(beside, path))
        number = errno;
    buffer_close(&text);
    return number ? folder_fault(folder, "writing garner", number, e) : sync_folder(folder, e);
}

/* --- the lock --- */

static int say_who_locks(const struct folder *folder, struct error *e)
{
    char text[32];
    uint64_t pid;
    ssize_t len = pread(folder->lock, text, sizeof text, 0);
    bool known = len > 0 && bytes_to_u64(bytes_trim((struct bytes){text, (size_t)len}), &pid);
    if (!known)
        return error_set(e, ERR_BUSY, "data folder %s is in use by another process: stop it first",
                         folder->path);
    return error_set(e, ERR_BUSY, "data folder %s is in use by process %" PRIu64 ": stop it first",
                     folder->path, pid);
}

static int take_lock(struct folder *folder, struct error *e)
{
    char path[PATH_BYTES_MAX], pid[32];
    int r = folder_path(folder, "lock", path, e);
    if (r)
        return r;
    folder->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (folder->lock < 0)
        return folder_fault(folder, "opening its lock", errno, e);
    if (flock(folder->lock, LOCK_EX | LOCK_NB))
        return errno == EWOULDBLOCK ? say_who_locks(folder, e) : folder_fault(folder, "locking it", errno, e);
    int len = snprintf(pid, sizeof pid, "%ld\n", (long)getpid());
    if (ftruncate(folder->lock, 0) || pwrite(folder->lock, pid, (size_t)len, 0) != len)
        return folder_fault(folder, "writing its lock", errno, e);
    return 0;
}

/* --- opening --- */

static int make_folder(const struct folder *folder, const char *path, struct error *e)
{
    struct stat st;
    if (mkdir(path, 0700) == 0)
        return 0;
    int number = errno;
    if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
        return 0;
    return folder_fault(folder, number == ENOENT ? "making it (the folder that it is to be in)" : "making it",
                        number, e);
}

static int check_sizes(const struct folder *folder, uint32_t shards, struct error *e)
{
    if (folder->shards != shards)
        return error_set(e, ERR_CONFIG,
                         "data folder %s was made with %" PRIu32 " shards, the configuration says %" PRIu32
                         ": the number is fixed at creation; set shards: %" PRIu32 ", or use another folder",
                         folder->path, folder->shards, shards, folder->shards);
    return 0;
}

static int open_writing(struct folder *folder, uint32_t shards, struct error *e)
{
    char path[PATH_BYTES_MAX];
    int r = make_folder(folder, folder->path, e);
    if (!r)
        r = take_lock(folder, e);
    if (!r)
        r = read_file(folder, e);
    if (r == ERR_NOT_FOUND) {
        folder->shards = shards;
        r = write_file(folder, e);
    }
    if (!r)
        r = check_sizes(folder, shards, e);
    if (!r)
        r = folder_path(folder, "shards", path, e);
    if (!r)
        r = make_folder(folder, path, e);
    return r ? r : sync_folder(folder, e);
}

static void make_stores(struct folder *folder)
{
    folder->stores = mem_zalloc(folder->shards * sizeof(struct store *));
    folder->opening = mem_alloc(FOLDER_LOCKS * sizeof *folder->opening);
    folder->dropped = mem_zalloc(FOLDER_LOCKS * sizeof *folder->dropped);
    for (int i = 0; i < FOLDER_LOCKS; i++)
        CHECK(pthread_mutex_init(&folder->opening[i], NULL) == 0);
}

int folder_open(struct folder *folder, const char *path, uint32_t shards, uint64_t map_size, struct error *e)
{
    *folder = (struct folder){.path = mem_strdup(path), .map_size = map_size, .writing = true, .lock = -1};
    int r = 0;
    if (shards < 1 || shards > LIMIT_SHARDS)
        r = error_set(e, ERR_CONFIG, "shards: %" PRIu32 " is not between 1 and %d", shards, LIMIT_SHARDS);
    else if (map_size < LIMIT_MAP_BYTES_MIN || map_size > LIMIT_MAPS_BYTES / shards)
        r = error_set(e, ERR_CONFIG,
                      "map_size: %" PRIu64 " bytes is not between 1MiB and %" PRIu64 " bytes (all %" PRIu32
                      " shards' maps within 64TiB)",
                      map_size, LIMIT_MAPS_BYTES / shards, shards);
    if (!r)
        r = open_writing(folder, shards, e);
    if (!r)
        make_stores(folder);
    if (r)
        folder_close(folder);
    return r;
}

int folder_open_read(struct folder *folder, const char *path, struct error *e)
{
    *folder = (struct folder){.path = mem_strdup(path), .lock = -1};
    int r = read_file(folder, e);
    if (r == ERR_NOT_FOUND)
        r = error_set(e, r, "there is no data folder at %s: `garner run -c FILE` makes one", path);
    if (!r)
        make_stores(folder);
    if (r)
        folder_close(folder);
    return r;
}

void folder_close(struct folder *folder)
{
    for (uint32_t i = 0; folder->stores && i < folder->shards; i++)
        store_close(folder->stores[i]);
    for (int i = 0; folder->dropped && i < FOLDER_LOCKS; i++)
        CHECK(!folder->dropped[i]);
    free(folder->stores);
    free(folder->dropped);
    for (int i = 0; folder->opening && i < FOLDER_LOCKS; i++)
        pthread_mutex_destroy(&folder->opening[i]);
    free(folder->opening);
    if (folder->path && folder->lock >= 0)
        close(folder->lock);
    free(folder->path);
    *folder = (struct folder){.lock = -1};
}

uint32_t folder_shard_of_split(struct bytes provider, struct bytes account, uint32_t split, uint32_t shards)
{
    char packed[8];
    struct buffer name = {0};
    CHECK(shards > 0);
    be64_put(packed, split);
    buffer_add_bytes(&name, provider);
    buffer_add_char(&name, '/');
    buffer_add_bytes(&name, account);
    buffer_add(&name, packed, sizeof packed);
    uint32_t shard = (uint32_t)(hash64(buffer_bytes(&name)) % shards);
    buffer_close(&name);
    return shard;
}

uint32_t folder_shard_of(struct bytes provider, struct bytes account, struct bytes region, uint32_t splits,
                         uint32_t shards)
{
    CHECK(splits > 0);
    uint64_t scope = hash64((struct bytes){region.data ? region.data : "", region.len});
    return folder_shard_of_split(provider, account, (uint32_t)(scope % splits), shards);
}
