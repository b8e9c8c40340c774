/* The data folder.
 *
 * Made in an order in which every step can be the last: the folder, the lock, then the file `garner`
 * (written beside, synced, renamed), then the folder of shards. Whoever opens it next goes on where the
 * last one stopped. */
#include "worker/store/folder.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/check.h"
#include "common/file.h"
#include "worker/store/folder_text.h"

enum { FORMAT = 1 };

/* --- the file `garner` --- */

static bool parse(struct bytes text, struct folder *folder, uint64_t *format)
{
    struct bytes value;
    uint64_t shards;
    if (!line_take(&text, "garner data folder", &value) || value.len ||
        !line_take(&text, "format ", &value) || !bytes_to_u64(value, format))
        return false;
    if (*format != FORMAT)
        return true;
    if (!line_take(&text, "feed ", &value) || !line_hex(value, folder->feed, sizeof folder->feed) ||
        !line_take(&text, "shards ", &value) || !bytes_to_u64(value, &shards) || text.len)
        return false;
    folder->shards = (uint32_t)shards;
    return shards >= 1 && shards <= LIMIT_SHARDS;
}

/* ERR_NOT_FOUND without a sentence when there is no such file. */
static int read_file(struct folder *folder, struct error *e)
{
    struct folder_text text;
    uint64_t format = 0;
    int r = folder_text_read(folder->path, "garner", &text, e);
    if (r)
        return r;
    if (!parse(folder_text_bytes(&text), folder, &format))
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

/* Of the feed that it is to be, or of one of its own. */
static int write_file(struct folder *folder, const uint8_t *feed, struct error *e)
{
    struct buffer text = {0};
    if (feed)
        memcpy(folder->feed, feed, sizeof folder->feed);
    else if (getrandom(folder->feed, sizeof folder->feed, 0) != (ssize_t)sizeof folder->feed)
        return folder_fault(folder->path, "taking random bytes", errno, e);
    buffer_printf(&text, "garner data folder\nformat %d\nfeed ", FORMAT);
    line_add_hex(&text, folder->feed, sizeof folder->feed);
    buffer_printf(&text, "\nshards %" PRIu32 "\n", folder->shards);
    int r = folder_text_write(folder->path, "garner", buffer_bytes(&text), e);
    buffer_close(&text);
    return r;
}

/* --- the lock --- */

static int take_lock(struct folder *folder, struct error *e)
{
    char path[FOLDER_PATH_BYTES];
    uint64_t pid;
    int r = folder_path(folder->path, "lock", path, e);
    if (r)
        return r;
    int number = file_lock(path, &folder->lock, &pid);
    if (number == EWOULDBLOCK && pid)
        return error_set(e, ERR_BUSY, "data folder %s is in use by process %" PRIu64 ": stop it first",
                         folder->path, pid);
    if (number == EWOULDBLOCK)
        return error_set(e, ERR_BUSY, "data folder %s is in use by another process: stop it first",
                         folder->path);
    return number ? folder_fault(folder->path, "locking it", number, e) : 0;
}

/* --- opening --- */

static int check_shards(const struct folder *folder, uint32_t shards, bool of_cluster, struct error *e)
{
    if (folder->shards == shards)
        return 0;
    if (of_cluster)
        return error_set(e, ERR_CONFIG,
                         "data folder %s was made with %" PRIu32 " shards, and the cluster has %" PRIu32
                         ": the number is fixed at creation; give the worker an empty folder",
                         folder->path, folder->shards, shards);
    return error_set(e, ERR_CONFIG,
                     "data folder %s was made with %" PRIu32 " shards, the configuration says %" PRIu32
                     ": the number is fixed at creation; set shards: %" PRIu32 ", or use another folder",
                     folder->path, folder->shards, shards, folder->shards);
}

static int check_feed(const struct folder *folder, const uint8_t *feed, struct error *e)
{
    enum { SHOWN = 4 };
    struct buffer theirs = {0}, ours = {0};
    if (memcmp(folder->feed, feed, sizeof folder->feed) == 0)
        return 0;
    line_add_hex(&theirs, folder->feed, SHOWN);
    line_add_hex(&ours, feed, SHOWN);
    int r =
        error_set(e, ERR_CONFIG,
                  "data folder %s is of another cluster: its feed is %s…, and this cluster's is %s…: give "
                  "the worker an empty folder, or the coordinator the state that goes with it",
                  folder->path, buffer_text(&theirs), buffer_text(&ours));
    buffer_close(&theirs);
    buffer_close(&ours);
    return r;
}

/* `feed` null: whatever it is. */
static int open_writing(struct folder *folder, uint32_t shards, const uint8_t *feed, struct error *e)
{
    char path[FOLDER_PATH_BYTES];
    int r = folder_make(folder->path, "", e);
    if (!r)
        r = take_lock(folder, e);
    if (!r)
        r = read_file(folder, e);
    if (r == ERR_NOT_FOUND) {
        folder->shards = shards;
        r = write_file(folder, feed, e);
    }
    if (!r && feed)
        r = check_feed(folder, feed, e);
    if (!r)
        r = check_shards(folder, shards, feed != NULL, e);
    if (!r)
        r = folder_make(folder->path, "shards", e);
    if (!r)
        r = folder_path(folder->path, "shards", path, e);
    int number = r ? 0 : file_sync_folder(path);
    return number ? folder_fault(folder->path, "syncing it", number, e) : r;
}

static void make_stores(struct folder *folder)
{
    folder->stores = mem_zalloc(folder->shards * sizeof(struct store *));
    folder->opening = mem_alloc(FOLDER_LOCKS * sizeof *folder->opening);
    folder->dropped = mem_zalloc(FOLDER_LOCKS * sizeof *folder->dropped);
    for (int i = 0; i < FOLDER_LOCKS; i++)
        CHECK(pthread_mutex_init(&folder->opening[i], NULL) == 0);
}

static int open_checked(struct folder *folder, const char *path, uint32_t shards, uint64_t map_size,
                        const uint8_t *feed, struct error *e)
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
        r = open_writing(folder, shards, feed, e);
    if (!r)
        make_stores(folder);
    if (r)
        folder_close(folder);
    return r;
}

int folder_open(struct folder *folder, const char *path, uint32_t shards, uint64_t map_size, struct error *e)
{
    return open_checked(folder, path, shards, map_size, NULL, e);
}

int folder_open_as(struct folder *folder, const char *path, uint32_t shards, uint64_t map_size,
                   const uint8_t feed[16], struct error *e)
{
    CHECK(feed);
    return open_checked(folder, path, shards, map_size, feed, e);
}

int folder_peek(const char *path, uint32_t *shards, uint8_t feed[16], bool *is_there, struct error *e)
{
    struct folder folder = {.path = (char *)(uintptr_t)path};
    int r = read_file(&folder, e);
    *is_there = r == 0;
    *shards = r ? 0 : folder.shards;
    if (!r)
        memcpy(feed, folder.feed, sizeof folder.feed);
    return r == ERR_NOT_FOUND ? 0 : r;
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
