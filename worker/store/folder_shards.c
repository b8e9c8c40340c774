/* The shards of a data folder: their stores and readers.
 *
 * A shard's file is deleted while others read it. They keep what they have mapped, as files do that are
 * deleted; a new one of the same name is another file, to LMDB, too. So nobody need be waited for. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/check.h"
#include "common/file.h"
#include "worker/store/folder.h"
#include "worker/store/folder_text.h"

/* One without a file that somebody still reads. */
struct folder_dropped {
    struct folder_dropped *next;
    struct store *store;
};

/* Padded so that names sort as numbers do. */
static int shard_path(const struct folder *folder, uint32_t shard, char out[FOLDER_PATH_BYTES],
                      struct error *e)
{
    char name[32];
    snprintf(name, sizeof name, "shards/%0*" PRIu32 ".mdb", folder->shards > 1000 ? 5 : 3, shard);
    return folder_path(folder->path, name, out, e);
}

/* Called with the shard's lock. */
static int open_store(struct folder *folder, uint32_t shard, uint64_t epoch, struct error *e)
{
    char path[FOLDER_PATH_BYTES];
    if (folder->stores[shard])
        return 0;
    int r = shard_path(folder, shard, path, e);
    if (r)
        return r;
    struct store_options options = {.path = path,
                                    .shard = shard,
                                    .map_size = folder->map_size,
                                    .read_only = !folder->writing,
                                    .first_epoch = epoch};
    return store_open(&options, &folder->stores[shard], e);
}

int folder_store_new(struct folder *folder, uint32_t shard, uint64_t epoch, struct store **out,
                     struct error *e)
{
    CHECK(shard < folder->shards);
    pthread_mutex_t *lock = &folder->opening[shard % FOLDER_LOCKS];
    pthread_mutex_lock(lock);
    int r = open_store(folder, shard, epoch, e);
    *out = folder->stores[shard];
    pthread_mutex_unlock(lock);
    return r;
}

int folder_store(struct folder *folder, uint32_t shard, struct store **out, struct error *e)
{
    return folder_store_new(folder, shard, 1, out, e);
}

int folder_reader(struct folder *folder, uint32_t shard, struct store **out, struct error *e)
{
    CHECK(shard < folder->shards);
    pthread_mutex_t *lock = &folder->opening[shard % FOLDER_LOCKS];
    *out = NULL;
    if (!folder->writing)
        return folder_store(folder, shard, out, e);
    if (!folder_has(folder, shard))
        return error_set(e, ERR_NOT_FOUND, "shard %" PRIu32 " has no store yet", shard);
    pthread_mutex_lock(lock);
    int r = open_store(folder, shard, 1, e);
    if (!r)
        store_reader_open(folder->stores[shard], out);
    pthread_mutex_unlock(lock);
    return r;
}

/* Called with the shard's lock: the one that a reader is closed of may be one that nobody reads any more. */
static void close_unread(struct folder_dropped **at)
{
    while (*at) {
        struct folder_dropped *dropped = *at;
        if (store_readers(dropped->store)) {
            at = &dropped->next;
            continue;
        }
        *at = dropped->next;
        store_close(dropped->store);
        free(dropped);
    }
}

void folder_reader_done(const struct folder *folder, struct store *reader)
{
    if (!folder->writing || !reader)
        return;
    uint32_t lock = store_shard(reader) % FOLDER_LOCKS;
    pthread_mutex_lock(&folder->opening[lock]);
    store_close(reader);
    close_unread(&folder->dropped[lock]);
    pthread_mutex_unlock(&folder->opening[lock]);
}

bool folder_has(const struct folder *folder, uint32_t shard)
{
    char path[FOLDER_PATH_BYTES];
    struct stat st;
    return shard < folder->shards && shard_path(folder, shard, path, NULL) == 0 && stat(path, &st) == 0 &&
           st.st_size > 0;
}

uint64_t folder_bytes(const struct folder *folder, uint32_t shard)
{
    char path[FOLDER_PATH_BYTES];
    struct stat st;
    bool is_there = shard < folder->shards && shard_path(folder, shard, path, NULL) == 0 &&
                    stat(path, &st) == 0;
    return is_there ? (uint64_t)st.st_blocks * 512 : 0;
}

/* --- deleting, and setting aside --- */

static int delete_file(const struct folder *folder, const char *path, struct error *e)
{
    return unlink(path) && errno != ENOENT ? folder_fault(folder->path, "deleting a shard", errno, e) : 0;
}

static int keep_file(const struct folder *folder, const char *path, const char *kept, struct error *e)
{
    return rename(path, kept) ? folder_fault(folder->path, "setting a shard aside", errno, e) : 0;
}

/* `kept` null: deleted. The store first: LMDB's table of readers is of no use without it, and is made anew
 * where it is missing. */
static int remove_files(const struct folder *folder, uint32_t shard, const char *kept, struct error *e)
{
    char path[FOLDER_PATH_BYTES], readers[FOLDER_PATH_BYTES + 8], shards[FOLDER_PATH_BYTES];
    int r = shard_path(folder, shard, path, e);
    if (!r)
        r = folder_path(folder->path, "shards", shards, e);
    if (!r)
        r = kept ? keep_file(folder, path, kept, e) : delete_file(folder, path, e);
    if (r)
        return r;
    snprintf(readers, sizeof readers, "%s-lock", path);
    r = delete_file(folder, readers, e);
    int fd = open(shards, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (!r && (fd < 0 || fsync(fd)))
        r = folder_fault(folder->path, "deleting a shard", errno, e);
    if (fd >= 0)
        close(fd);
    return r;
}

static void leave_to_readers(struct folder *folder, uint32_t shard)
{
    struct folder_dropped **all = &folder->dropped[shard % FOLDER_LOCKS];
    struct folder_dropped *dropped = mem_alloc(sizeof *dropped);
    store_outlive(folder->stores[shard]);
    *dropped = (struct folder_dropped){*all, folder->stores[shard]};
    *all = dropped;
    folder->stores[shard] = NULL;
    close_unread(all);
}

static int end_store(struct folder *folder, uint32_t shard, const char *kept, struct error *e)
{
    CHECK(shard < folder->shards && folder->writing);
    pthread_mutex_t *lock = &folder->opening[shard % FOLDER_LOCKS];
    pthread_mutex_lock(lock);
    int r = remove_files(folder, shard, kept, e);
    if (folder->stores[shard] && !folder_has(folder, shard))
        leave_to_readers(folder, shard);
    pthread_mutex_unlock(lock);
    return r;
}

int folder_drop(struct folder *folder, uint32_t shard, struct error *e)
{
    return end_store(folder, shard, NULL, e);
}

/* The first name that is free: two at once would be two for one shard, of which there is none. */
int folder_set_aside(struct folder *folder, uint32_t shard, char kept[FOLDER_PATH_BYTES], struct error *e)
{
    char path[FOLDER_PATH_BYTES];
    int r = shard_path(folder, shard, path, e);
    if (r)
        return r;
    for (unsigned n = 1; n == 1 || access(kept, F_OK) == 0; n++)
        if ((size_t)snprintf(kept, FOLDER_PATH_BYTES, "%s.unreadable-%u", path, n) >= FOLDER_PATH_BYTES)
            return error_set(e, ERR_USAGE, "data folder %s: its path is too long", folder->path);
    return end_store(folder, shard, kept, e);
}
